"""Notebook 01's recurrent classifier on IMDB, beside a popular two-layer BiLSTM recipe.

Both are trained in this one process, in turn, on the same reviews: ours (three seeds), and the
architecture of keras.io's example "Bidirectional LSTM on IMDB" as published: 20,000 words, the last
200 of a review, embedding 128, two bidirectional LSTMs of 64 units, Adam, batch 32, two
epochs, no masking. That example tunes on the test reviews; here neither does.

Run with IMDB at hand: `python -m benchmarks.train_lstm_on_imdb` (about 15 minutes on two
cores). It writes data/results/imdb-lstm.json.
"""

import json
import os
import time

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.registry import fetch
from utils.data.text import build_vocabulary, look_up_vectors, split_words
from utils.metrics import bootstrap_interval
from utils.models.classifiers import build_classifier
from utils.results import LEDGER, record_result

SEQUENCE_LENGTH = 300  # the last words of a review: exercise 1 of notebook 01
VOCABULARY_SIZE = 20_000
HIDDEN_DIM = 32
EPOCHS = 1
DROPOUT = 0.2
LEARNING_RATE = 5e-3
BATCH_SIZE = 64


def encode_ends(texts, vocabulary) -> np.ndarray:
    """Encode the last SEQUENCE_LENGTH tokens of each text, padded on the right."""
    ids = {word: token_id for token_id, word in enumerate(vocabulary)}
    rows = [[ids.get(word, 1) for word in split_words(text)] for text in texts]
    return keras.utils.pad_sequences(rows, maxlen=SEQUENCE_LENGTH, padding="post", truncating="pre")


def train_ours(table, seed: int) -> tuple[np.ndarray, float]:
    """Train notebook 01's model.

    Returns:
        Whether each test review is classified correctly, shape (25000,), and the
        CPU-seconds of encoding and training.
    """
    begin = time.process_time()
    train, validation, test = (table[table["split"] == s] for s in ("train", "validation", "test"))
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    keras.utils.set_random_seed(seed)
    lexicon = corpora.load_lexicon()
    scores = [lexicon.get(word, 0.0) / 2 for word in vocabulary]
    vectors = np.column_stack([look_up_vectors(vocabulary, *corpora.load_glove()), scores])
    steps = EPOCHS * -(-len(train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model = build_classifier(
        "imdb",
        len(vocabulary),
        vectors,
        embedding_dim=51,
        hidden_dim=HIDDEN_DIM,
        dropout=DROPOUT,
        learning_rate=schedule,
    )
    x, x_validation = (encode_ends(part["text"], vocabulary) for part in (train, validation))
    model.fit(x, train["label"], epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)
    cpu_seconds = time.process_time() - begin
    held_out = model.predict(x_validation, verbose=0, batch_size=256)[:, 0] > 0.5
    print(f"  validation {np.mean(held_out == validation['label']):.4f}", flush=True)
    x_test = encode_ends(test["text"], vocabulary)
    predicted = model.predict(x_test, verbose=0, batch_size=256)[:, 0] > 0.5
    return (predicted == test["label"]).to_numpy(), cpu_seconds


def train_recipe(table) -> tuple[np.ndarray, float]:
    """Train the two-layer recipe on all 25,000 training reviews; return the same two."""
    begin = time.process_time()
    train, test = table[table["split"] != "test"], table[table["split"] == "test"]
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
    cpu_seconds = time.process_time() - begin
    predicted = model.predict(encode(test["text"]), verbose=0, batch_size=256)[:, 0] > 0.5
    return (predicted == test["label"]).to_numpy(), cpu_seconds


def main() -> None:
    table = corpora.load_imdb()
    test = table[table["split"] == "test"]
    decided = table[table["split"] != "test"]
    counts = build_word_counts(10).fit(decided["text"], decided["label"])
    baseline = counts.score(test["text"], test["label"])
    print(f"word counts {baseline:.4f}", flush=True)

    ours, recipe = [], None
    for seed in range(3):
        ours.append(train_ours(table, seed))
        print(f"ours, seed {seed}: {ours[-1][0].mean():.4f} in {ours[-1][1]:.0f} s", flush=True)
        if recipe is None:
            recipe = train_recipe(table)
            print(f"recipe: {recipe[0].mean():.4f} in {recipe[1]:.0f} CPU-seconds", flush=True)

    accuracies = [float(correct.mean()) for correct, _ in ours]
    cpu_seconds = [seconds for _, seconds in ours]
    rows = [
        ("notebook 01, mean of 3 seeds", np.mean(accuracies), np.median(cpu_seconds)),
        ("two-layer BiLSTM recipe, 1 seed", recipe[0].mean(), recipe[1]),
    ]
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "imdb-lstm",
        notebook="01",
        model="BiLSTM + GloVe + lexicon",
        dataset="imdb",
        metric="test accuracy",
        value=np.mean(accuracies),
        baseline=baseline,
        baseline_name="TF-IDF + logistic regression",
        runs="3 seeds",
        values=accuracies,
        std=float(np.std(accuracies, ddof=1)),
        interval=bootstrap_interval(np.mean([correct for correct, _ in ours], axis=0)),
        cpu_seconds_each=[round(s, 1) for s in cpu_seconds],
        recipe=float(recipe[0].mean()),
        recipe_cpu_seconds=round(recipe[1], 1),
        cpu_ratio=float(np.median(cpu_seconds) / recipe[1]),
        table=[
            {"model": m, "test accuracy": f"{a:.3f}", "CPU-seconds, one training": f"{s:.0f}"}
            for m, a, s in rows
        ],
    )


if __name__ == "__main__":
    main()
