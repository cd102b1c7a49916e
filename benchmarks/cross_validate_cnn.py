"""Cross-validate the models of notebook 03: CNNs, the bigram average and the mean of both.

The folds, the texts to train on and the baseline are those of `cross_validate_snippets`, so
the results pair sentence by sentence. No setting was chosen on a fold: all come from four
other folds inside the train and validation splits. The BiLSTM of notebook 01 is trained on
one fold, for its CPU-seconds; its accuracy stands in data/results/movie-snippets-lstm.json.

Run: `python -m benchmarks.cross_validate_cnn` (about 10 minutes on two cores). It writes
data/results/movie-snippets-cnn.json.
"""

import os
import time

from utils.runtime import start

start(seed=42)

import keras
import numpy as np
import pandas as pd

from benchmarks.cross_validate_snippets import FOLDS, train_classifier, train_word_counts
from utils.data import corpora
from utils.data.splits import assign_bucket
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.metrics import bootstrap_interval
from utils.models.classifiers import build_bigram_average, build_classifier, build_cnn
from utils.results import LEDGER, load_results, record_result

SEQUENCE_LENGTH = 48
VOCABULARY_SIZE = 20_000
VECTOR_SCALE = 0.3
BATCH_SIZE = 64


def train_models(train: pd.DataFrame, held_out: pd.DataFrame, glove) -> dict[str, dict]:
    """Train as notebook 03 does.

    Returns:
        Model name to `probabilities` of the held-out texts, `seconds` of CPU and `size`.
    """
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    x, x_held_out = (
        encode_texts(part["text"].tolist(), vocabulary, SEQUENCE_LENGTH)
        for part in (train, held_out)
    )
    targets = 1 / (1 + np.exp(-train["score"].to_numpy("float32")))
    vectors = VECTOR_SCALE * look_up_vectors(vocabulary, *glove)

    def draw(dim):
        drawn = np.random.default_rng(0).uniform(-0.05, 0.05, (len(vocabulary), dim))
        return drawn.astype("float32")

    plans = {  # builder, its options, epochs, learning rate
        "CNN random": (build_cnn, {"vectors": draw(50), "channels": "fine-tuned"}, 5, 3e-3),
        "CNN frozen": (build_cnn, {"vectors": vectors, "channels": "frozen"}, 5, 3e-3),
        "CNN fine-tuned": (build_cnn, {"vectors": vectors, "channels": "fine-tuned"}, 5, 3e-3),
        "CNN both": (build_cnn, {"vectors": vectors, "channels": "both"}, 5, 3e-3),
        "bigram average": (build_bigram_average, {"vectors": draw(16)}, 5, 1e-2),
    }
    found = {}
    for name, (build, options, epochs, rate) in plans.items():
        begin = time.process_time()
        keras.utils.set_random_seed(42)
        steps = epochs * -(-len(x) // BATCH_SIZE)
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        model = build("model", learning_rate=schedule, **options)
        model.fit(x, targets, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
        found[name] = {
            "seconds": time.process_time() - begin,
            "probabilities": model.predict(x_held_out, verbose=0, batch_size=512)[:, 0],
            "size": model.count_params(),
        }
    both = [found["CNN both"], found["bigram average"]]
    found["CNN + bigrams"] = {
        "seconds": sum(part["seconds"] for part in both),
        "probabilities": np.mean([part["probabilities"] for part in both], axis=0),
        "size": sum(part["size"] for part in both),
    }
    return found


def main() -> None:
    table = corpora.load_movie_snippets()
    glove = corpora.load_glove()
    validation = table[table["split"] == "validation"]
    rest = table[table["split"] != "validation"].reset_index(drop=True)
    labels = rest["label"].to_numpy()
    fold = rest["text"].map(lambda text: assign_bucket(text, FOLDS, salt="fold "))
    correct, costs = {}, {}
    for k in range(FOLDS):
        train, held_out = rest[fold != k], rest[fold == k]
        begin = time.process_time()
        counts = train_word_counts(train, validation)
        found = {
            "word counts": {
                "seconds": time.process_time() - begin,
                "probabilities": counts.predict_proba(held_out["text"])[:, 1],
                "size": counts[-1].coef_.size,
            }
        }
        found |= train_models(train, held_out, glove)
        for name, outcome in found.items():
            right = (outcome["probabilities"] > 0.5) == labels[fold == k]
            correct.setdefault(name, np.zeros(len(rest)))[fold == k] = right
            costs.setdefault(name, []).append((outcome["seconds"], outcome["size"]))
        print(k + 1, {n: round(v[fold == k].mean(), 4) for n, v in correct.items()}, flush=True)

    rows = [
        {
            "model": name,
            "accuracy": f"{values.mean():.3f}",
            "CPU-seconds": f"{np.median([seconds for seconds, _ in costs[name]]):.0f}",
            "parameters": f"{np.median([size for _, size in costs[name]]):,.0f}",
        }
        for name, values in correct.items()
    ]
    lstm = load_results()["movie-snippets-lstm"]
    begin = time.process_time()
    train_classifier(rest[fold != 0], validation, glove, corpora.load_lexicon(), 42)
    seconds = time.process_time() - begin
    vocabulary = build_vocabulary(rest[fold != 0]["text"].tolist(), VOCABULARY_SIZE)
    size = build_classifier("size", len(vocabulary), embedding_dim=51).count_params()
    rows.append(
        {
            "model": "one BiLSTM of notebook 01",
            "accuracy": f"{lstm['single']:.3f}",
            "CPU-seconds": f"{seconds:.0f}",
            "parameters": f"{size:,}",
        }
    )
    best, baseline = correct["CNN + bigrams"], correct["word counts"]
    per_fold = [best[fold == k].mean() for k in range(FOLDS)]
    gains = {name: bootstrap_interval(values - baseline) for name, values in correct.items()}
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    result = record_result(
        "movie-snippets-cnn",
        notebook="03",
        model="CNN + bigram average",
        dataset="movie-snippets",
        metric="accuracy",
        value=best.mean(),
        baseline=baseline.mean(),
        baseline_name="TF-IDF + logistic regression",
        runs=f"{FOLDS} folds",
        values=[round(score, 4) for score in per_fold],
        std=float(np.std(per_fold, ddof=1)),
        interval=bootstrap_interval(best),
        gain=float((best - baseline).mean()),
        gain_interval=gains["CNN + bigrams"],
        cnn_gain=float((correct["CNN both"] - baseline).mean()),
        cnn_gain_interval=gains["CNN both"],
        table=rows,
    )
    keys = ("value", "baseline", "gain", "gain_interval", "cnn_gain", "cnn_gain_interval", "std")
    print({key: result[key] for key in keys}, *rows, sep="\n")


if __name__ == "__main__":
    main()
