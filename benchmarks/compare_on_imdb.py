"""IMDB: the CNN, the bigram average of notebook 03 and their mean, beside the BiLSTM of 01.

All are trained in this one process on the same 22,643 reviews. Every setting, and which of our
models is the headline, was chosen on the validation reviews; each model reads the test reviews
once a seed. CPU-seconds are those of one training, vocabulary and encoding included.

Run with IMDB at hand: `python -m benchmarks.compare_on_imdb` (about 15 minutes on two cores). It
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
from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.metrics import bootstrap_interval
from utils.models.classifiers import build_bigram_average, build_classifier, build_cnn
from utils.results import LEDGER, record_result

VOCABULARY_SIZE = 20_000
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


PLANS: dict[str, tuple[Callable, int, int, float, int]] = {
    "CNN": (make_cnn, 240, 2, 3e-3, 128),
    "bigram average": (make_bigram_average, 500, 3, 1e-2, 64),
}  # builder, tokens kept of a review, epochs, learning rate, batch size


def train(table, name: str, seed: int) -> dict:
    """Train one of our models.

    Returns:
        `probabilities` on test (25000,) and validation (2357,), `seconds` of CPU, `size`.
    """
    begin = time.process_time()
    build, sequence_length, epochs, rate, batch_size = PLANS[name]
    train, validation, test = (table[table["split"] == s] for s in ("train", "validation", "test"))
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    x = encode_texts(train["text"].tolist(), vocabulary, sequence_length)
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(x) // batch_size)
    model = build(vocabulary, seed, keras.optimizers.schedules.CosineDecay(rate, steps))
    model.fit(x, train["label"], epochs=epochs, batch_size=batch_size, verbose=0)
    seconds = time.process_time() - begin

    def judge(part) -> np.ndarray:
        ids = encode_texts(part["text"].tolist(), vocabulary, sequence_length)
        return model.predict(ids, verbose=0, batch_size=256)[:, 0]

    return {
        "test": judge(test),
        "validation": judge(validation),
        "seconds": seconds,
        "size": model.count_params(),
    }


def combine(cnn: dict, bigrams: dict) -> dict:
    """Return the mean of the two models: probabilities are averaged, costs added."""
    mean = {split: (cnn[split] + bigrams[split]) / 2 for split in ("test", "validation")}
    return mean | {key: cnn[key] + bigrams[key] for key in ("seconds", "size")}


def main() -> None:
    table = corpora.load_imdb()
    test, rest = table[table["split"] == "test"], table[table["split"] != "test"]
    validation = table[table["split"] == "validation"]
    baseline = build_word_counts(10).fit(rest["text"], rest["label"])
    baseline_correct = (baseline.predict(test["text"]) == test["label"]).to_numpy()
    print(f"word counts {baseline_correct.mean():.4f}", flush=True)

    runs = {name: [train(table, name, seed) for seed in range(SEEDS)] for name in PLANS}
    runs["CNN + bigrams"] = [combine(*pair) for pair in zip(*runs.values(), strict=True)]
    for name, found in runs.items():
        for run in found:
            run["correct"] = (run["test"] > 0.5) == test["label"].to_numpy()
            run["chosen by"] = np.mean((run["validation"] > 0.5) == validation["label"])
            shown = {key: round(float(run[key]), 4) for key in ("chosen by", "seconds")}
            print(name, shown, round(run["correct"].mean(), 4), flush=True)
    best = max(PLANS, key=lambda name: np.median([run["chosen by"] for run in runs[name]]))
    correct, seconds = train_ours(table, 0)
    print(f"BiLSTM {correct.mean():.4f} in {seconds:.0f} CPU-seconds", flush=True)
    lstm = build_classifier("size", VOCABULARY_SIZE, embedding_dim=51, hidden_dim=HIDDEN_DIM)
    size = lstm.count_params()
    runs["BiLSTM of notebook 01"] = [{"correct": correct, "seconds": seconds, "size": size}]

    summary = {
        name: {key: np.median([np.mean(run[key]) for run in found]) for key in ("seconds", "size")}
        for name, found in runs.items()
    }
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
        together=float(np.mean([run["correct"] for run in runs["CNN + bigrams"]])),
        together_cpu_seconds=float(summary["CNN + bigrams"]["seconds"]),
        table=[
            {
                "model": f"{name}, {len(runs[name])} seed" + "s" * (len(runs[name]) > 1),
                "test accuracy": f"{np.mean([run['correct'] for run in runs[name]]):.3f}",
                "CPU-seconds": f"{found['seconds']:.0f}",
                "parameters": f"{found['size']:,.0f}",
            }
            for name, found in summary.items()
        ],
    )
    print({key: result[key] for key in ("value", "values", "baseline", "gain", "cpu_ratio")})


if __name__ == "__main__":
    main()
