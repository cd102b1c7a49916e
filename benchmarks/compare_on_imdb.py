"""IMDB: the models of notebooks 01 and 03 beside word counts and a popular recipe.

All are trained in this one process on the same 22,643 reviews; every setting, and which model of
notebook 03 is the headline, was chosen on the validation reviews. CPU-seconds are those of one
training, vocabulary and encoding included. The recipe is the architecture of keras.io's example
"Bidirectional LSTM on IMDB" as published: 20,000 words, the last 200 of a review, embedding 128,
two bidirectional LSTMs of 64 units, Adam, batch 32, two epochs, no masking, all 25,000 reviews.
That example tunes on the test reviews; here nothing does.

Run with IMDB at hand: `python -m benchmarks.compare_on_imdb` (about 25 minutes on two cores). It
writes data/results/imdb-lstm.json and data/results/imdb-cnn.json.
"""

import json

from benchmarks import harness

harness.start()

import keras
import numpy as np

from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.registry import fetch
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors, split_words
from utils.models.classifiers import build_bigram_average, build_classifier, build_cnn

SEEDS = 3
LSTM, CNN, BIGRAMS = "BiLSTM", "CNN", "bigram average"
PLANS = {  # tokens of a review, epochs, learning rate, batch size
    LSTM: (300, 1, 5e-3, 64),
    CNN: (240, 2, 3e-3, 128),
    BIGRAMS: (500, 3, 1e-2, 64),
}


def encode_ends(texts, vocabulary, sequence_length: int) -> np.ndarray:
    """Encode the last tokens of each text, padded on the right: exercise 1 of notebook 01."""
    ids = {word: token_id for token_id, word in enumerate(vocabulary)}
    rows = [[ids.get(word, 1) for word in split_words(text)] for text in texts]
    return keras.utils.pad_sequences(rows, maxlen=sequence_length, padding="post", truncating="pre")


def build(name: str, vocabulary, seed: int, rate) -> keras.Model:
    """Build one of our models; the CNN is smaller than the one for sentences."""
    if name == BIGRAMS:
        drawn = np.random.default_rng(seed).uniform(-0.05, 0.05, (len(vocabulary), 16))
        return build_bigram_average("bigrams", drawn.astype("float32"), learning_rate=rate)
    vectors = look_up_vectors(vocabulary, *corpora.load_glove())
    if name == CNN:
        options = {"channels": "fine-tuned", "num_filters": 50, "learning_rate": rate}
        return build_cnn("cnn", 0.3 * vectors, **options)
    lexicon = corpora.load_lexicon()
    vectors = np.column_stack([vectors, [lexicon.get(word, 0.0) / 2 for word in vocabulary]])
    options = {"embedding_dim": 51, "hidden_dim": 32, "dropout": 0.2, "learning_rate": rate}
    return build_classifier("imdb", len(vocabulary), vectors, **options)


def train_ours(train, name: str, seed: int) -> tuple:
    """Return one of our models, trained, and a function from texts to what it reads."""
    length, epochs, rate, batch_size = PLANS[name]
    vocabulary = build_vocabulary(train["text"].tolist(), 20_000)

    def encode(texts):
        return (encode_ends if name == LSTM else encode_texts)(texts.tolist(), vocabulary, length)

    x = encode(train["text"])
    keras.utils.set_random_seed(seed)
    model = build(name, vocabulary, seed, harness.decay(rate, len(x), epochs, batch_size))
    model.fit(x, train["label"], epochs=epochs, batch_size=batch_size, verbose=0)
    return model, encode


def train_recipe(train) -> tuple:
    """Return the two-layer recipe, trained, and a function from texts to what it reads."""
    ranks = json.loads(fetch("imdb")["imdb_word_index.json"].read_text(encoding="utf8"))
    ids = {word: rank + 3 for word, rank in ranks.items() if rank + 3 < 20_000}

    def encode(texts):
        rows = [[1] + [ids.get(word, 2) for word in text.split()] for text in texts]
        return keras.utils.pad_sequences(rows, maxlen=200)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20_000, 128)(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True))(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(64))(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(encode(train["text"]), train["label"], batch_size=32, epochs=2, verbose=0)
    return model, encode


def average(first: dict, second: dict) -> dict:
    """Return what two models answer together, and what both cost."""
    costs = {key: first[key] + second[key] for key in ("seconds", "size")}
    return costs | {key: (first[key] + second[key]) / 2 for key in ("validation", "test")}


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_imdb().iloc[:: int(1 / options.fraction)]
    parts = {split: table[table["split"] == split] for split in ("train", "validation", "test")}
    rest = table[table["split"] != "test"]

    def measure(train_model, *arguments) -> dict:
        (model, encode), seconds = harness.time_cpu(train_model, *arguments)
        run = {"seconds": seconds, "size": model.count_params()}
        for split in ("validation", "test"):
            x = encode(parts[split]["text"])
            run[split] = model.predict(x, verbose=0, batch_size=256)[:, 0]
        print(*arguments[1:], f"{seconds:.0f} s, {judge(run).mean():.4f}", flush=True)
        return run

    def judge(run, split="test"):
        return (run[split] > 0.5) == parts[split]["label"].to_numpy()

    counts = build_word_counts(10).fit(rest["text"], rest["label"])
    baseline = counts.predict(parts["test"]["text"]) == parts["test"]["label"].to_numpy()
    train, seeds = parts["train"], range(SEEDS)
    runs = {name: [measure(train_ours, train, name, seed) for seed in seeds] for name in PLANS}
    runs["CNN + bigrams"] = [average(*two) for two in zip(runs[CNN], runs[BIGRAMS], strict=True)]

    def record(result, name, table, **facts):
        correct = np.array([judge(run) for run in runs[name]])
        scores = harness.compare(correct.mean(axis=0), baseline, correct.mean(axis=1).tolist())
        harness.record(result, options, runs=f"{SEEDS} seeds", table=table, **scores, **facts)

    def describe(name, found, seconds="CPU-seconds") -> dict:
        accuracy = np.mean([judge(run) for run in found])
        cost = np.median([run["seconds"] for run in found])
        return {"model": name, "test accuracy": f"{accuracy:.3f}", seconds: f"{cost:.0f}"}

    shown = {f"notebook 01, mean of {SEEDS} seeds": runs[LSTM]}
    shown["two-layer BiLSTM recipe, 1 seed"] = [measure(train_recipe, rest)]
    rows = [describe(name, found, "CPU-seconds, one training") for name, found in shown.items()]
    record("imdb-lstm", LSTM, rows)

    shown = {f"{name}, {SEEDS} seeds": found for name, found in runs.items() if name != LSTM}
    shown["BiLSTM of notebook 01, 1 seed"] = runs[LSTM][:1]
    sizes = [{"parameters": f"{found[0]['size']:,d}"} for found in shown.values()]
    rows = [describe(*item) | size for item, size in zip(shown.items(), sizes, strict=True)]
    validation = {n: np.mean([judge(run, "validation") for run in runs[n]]) for n in (CNN, BIGRAMS)}
    best = max(validation, key=validation.get)
    record("imdb-cnn", best, rows, model=best)


if __name__ == "__main__":
    main()
