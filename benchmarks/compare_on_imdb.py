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
LSTM, CNN, BIGRAMS, BOTH = "BiLSTM", "CNN", "bigram average", "CNN + bigrams"
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


def train_ours(name: str, train, seed: int) -> tuple:
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


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_imdb().iloc[:: int(1 / options.fraction)]
    parts = {split: table[table["split"] == split] for split in ("train", "validation", "test")}
    labels = {split: part["label"].to_numpy() for split, part in parts.items()}
    rest = table[table["split"] != "test"]

    def judge(name, run) -> dict:
        run["chosen by"] = np.mean((run["validation"] > 0.5) == labels["validation"])
        run["correct"] = (run["test"] > 0.5) == labels["test"]
        print(name, {k: round(float(np.mean(v)), 4) for k, v in run.items()}, flush=True)
        return run

    def measure(name, train_model, *arguments) -> dict:
        (model, encode), seconds = harness.time_cpu(train_model, *arguments)
        run = {"seconds": seconds, "size": model.count_params()}
        for split in ("validation", "test"):
            x = encode(parts[split]["text"])
            run[split] = model.predict(x, verbose=0, batch_size=256)[:, 0]
        return judge(name, run)

    counts = build_word_counts(10).fit(rest["text"], rest["label"])
    baseline = counts.predict(parts["test"]["text"]) == labels["test"]
    recipe = measure("recipe", train_recipe, rest)
    runs = {n: [measure(n, train_ours, n, parts["train"], s) for s in range(SEEDS)] for n in PLANS}
    runs[BOTH] = []
    for cnn, bigrams in zip(runs[CNN], runs[BIGRAMS], strict=True):
        both = {key: cnn[key] + bigrams[key] for key in ("seconds", "size")}
        both |= {split: (cnn[split] + bigrams[split]) / 2 for split in ("validation", "test")}
        runs[BOTH].append(judge(BOTH, both))

    def median(name, key):
        return float(np.median([run[key] for run in runs[name]]))

    def compare(name) -> dict:
        correct = np.array([run["correct"] for run in runs[name]])
        values = [float(value) for value in correct.mean(axis=1)]
        scores = harness.compare(correct.mean(axis=0), baseline, values)
        return scores | {"runs": f"{SEEDS} seeds"}

    scores, seconds = compare(LSTM), median(LSTM, "seconds")
    shown = [(f"notebook 01, mean of {SEEDS} seeds", scores["value"], seconds)]
    shown += [("two-layer BiLSTM recipe, 1 seed", recipe["correct"].mean(), recipe["seconds"])]
    rows = [
        {"model": name, "test accuracy": f"{value:.3f}", "CPU-seconds, one training": f"{cost:.0f}"}
        for name, value, cost in shown
    ]
    scores["cpu_seconds_each"] = [round(run["seconds"], 1) for run in runs[LSTM]]
    scores["recipe"] = float(recipe["correct"].mean())
    scores["recipe_cpu_seconds"] = round(recipe["seconds"], 1)
    scores["cpu_ratio"] = seconds / recipe["seconds"]
    harness.record("imdb-lstm", options, table=rows, **scores)

    first = "BiLSTM of notebook 01"
    runs[first], rows = runs.pop(LSTM)[:1], []
    for name, found in runs.items():
        row = {"model": f"{name}, {len(found)} seed" + "s" * (len(found) > 1)}
        row["test accuracy"] = f"{np.mean([run['correct'] for run in found]):.3f}"
        row["CPU-seconds"] = f"{median(name, 'seconds'):.0f}"
        rows.append(row | {"parameters": f"{median(name, 'size'):,.0f}"})
    best = max((CNN, BIGRAMS), key=lambda name: median(name, "chosen by"))
    scores, seconds = compare(best), median(best, "seconds")
    scores |= {"training_cpu_seconds": seconds, "cpu_ratio": seconds / median(first, "seconds")}
    scores["together"] = compare(BOTH)["value"]
    scores["together_cpu_seconds"] = median(BOTH, "seconds")
    harness.record("imdb-cnn", options, model=best, table=rows, **scores)


if __name__ == "__main__":
    main()
