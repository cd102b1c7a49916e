"""IMDB: the CNN and the bigram average of notebook 03, beside the BiLSTM of notebook 01.

All are trained in this one process on the same 22,643 reviews. Every setting, and which of our
models is the headline, was chosen on the validation reviews; each model reads the test reviews
once a seed. CPU-seconds are those of one training, vocabulary and encoding included.

Run with IMDB at hand: `python -m benchmarks.compare_on_imdb` (about 10 minutes on two cores). It
writes data/results/imdb-cnn.json.
"""

import os
import time
from collections.abc import Callable

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from benchmarks.train_lstm_on_imdb import HIDDEN_DIM, train_ours
from utils import corpora
from utils.classifiers import (
    build_bigram_average,
    build_classifier,
    build_cnn,
    build_word_counts,
)
from utils.metrics import bootstrap_interval
from utils.results import LEDGER, record_result
from utils.text import build_vocabulary, encode_texts, look_up_vectors

VOCABULARY_SIZE = 20_000
BATCH_SIZE = 128
FLOOR = 0.875
SEEDS = 3


def make_cnn(vocabulary, seed, learning_rate) -> keras.Model:
    """Build the CNN, smaller than the one for sentences."""
    vectors = 0.3 * look_up_vectors(vocabulary, *corpora.load_glove())
    options = {"channels": "fine-tuned", "num_filters": 50, "learning_rate": learning_rate}
    return build_cnn("cnn", vectors, **options)


def make_bigram_average(vocabulary, seed, learning_rate) -> keras.Model:
    """Build the bigram average, as in notebook 03."""
    drawn = np.random.default_rng(seed).uniform(-0.05, 0.05, (len(vocabulary), 16))
    return build_bigram_average("bigrams", drawn.astype("float32"), learning_rate=learning_rate)


PLANS: dict[str, tuple[Callable, int, int, float]] = {
    "CNN": (make_cnn, 240, 2, 3e-3),
    "bigram average": (make_bigram_average, 500, 3, 1e-2),
}  # builder, tokens kept of a review, epochs, learning rate


def train(table, name: str, seed: int) -> dict:
    """Train one of our models.

    Returns:
        `correct` on the test (25000,), `validation` accuracy, `seconds` of CPU, `size`.
    """
    begin = time.process_time()
    build, sequence_length, epochs, rate = PLANS[name]
    train, validation, test = (table[table["split"] == s] for s in ("train", "validation", "test"))
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    x = encode_texts(train["text"].tolist(), vocabulary, sequence_length)
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(x) // BATCH_SIZE)
    model = build(vocabulary, seed, keras.optimizers.schedules.CosineDecay(rate, steps))
    model.fit(x, train["label"], epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    seconds = time.process_time() - begin

    def judge(part) -> np.ndarray:
        ids = encode_texts(part["text"].tolist(), vocabulary, sequence_length)
        predicted = model.predict(ids, verbose=0, batch_size=256)[:, 0] > 0.5
        return (predicted == part["label"]).to_numpy()

    return {
        "correct": judge(test),
        "validation": judge(validation).mean(),
        "seconds": seconds,
        "size": model.count_params(),
    }


def main() -> None:
    table = corpora.load_imdb()
    test, rest = table[table["split"] == "test"], table[table["split"] != "test"]
    baseline = build_word_counts(10).fit(rest["text"], rest["label"])
    baseline_correct = (baseline.predict(test["text"]) == test["label"]).to_numpy()
    print(f"word counts {baseline_correct.mean():.4f}", flush=True)

    runs = {}
    for name, seeds in {"CNN": 1, "bigram average": SEEDS}.items():
        runs[name] = [train(table, name, seed) for seed in range(seeds)]
        for run in runs[name]:
            print(name, {k: round(float(np.mean(v)), 4) for k, v in run.items()}, flush=True)
    correct, seconds = train_ours(table, 0)[:2]
    print(f"BiLSTM {correct.mean():.4f} in {seconds:.0f} CPU-seconds", flush=True)
    size = build_classifier("size", VOCABULARY_SIZE, hidden_dim=HIDDEN_DIM).count_params()
    runs["BiLSTM of notebook 01"] = [{"correct": correct, "seconds": seconds, "size": size}]

    summary = {
        name: {key: np.median([np.mean(run[key]) for run in found]) for key in found[0]}
        for name, found in runs.items()
    }
    best = max(PLANS, key=lambda name: summary[name]["validation"])
    values = [float(run["correct"].mean()) for run in runs[best]]
    mean_correct = np.mean([run["correct"] for run in runs[best]], axis=0)
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    result = record_result(
        "imdb-cnn",
        notebook="03",
        model=best,
        dataset="imdb",
        metric="test accuracy",
        value=np.mean(values),
        floor=FLOOR,
        baseline=baseline_correct.mean(),
        baseline_name="TF-IDF + logistic regression",
        runs=f"{len(values)} seeds" if len(values) > 1 else "1 seed",
        values=values,
        std=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        interval=bootstrap_interval(mean_correct),
        gain=float((mean_correct - baseline_correct).mean()),
        gain_interval=bootstrap_interval(mean_correct - baseline_correct),
        training_cpu_seconds=float(summary[best]["seconds"]),
        cpu_ratio=float(summary[best]["seconds"] / seconds),
        table=[
            {
                "model": f"{name}, {len(runs[name])} seed" + "s" * (len(runs[name]) > 1),
                "test accuracy": f"{found['correct']:.3f}",
                "CPU-seconds": f"{found['seconds']:.0f}",
                "parameters": f"{found['size']:,.0f}",
            }
            for name, found in summary.items()
        ],
    )
    print({key: result[key] for key in ("value", "values", "baseline", "gain", "cpu_ratio")})


if __name__ == "__main__":
    main()
