"""A GRU over Shakespeare's words, trained for 40 CPU-minutes, beside the best n-gram.

The network of notebook 02 with more units and twenty times its budget, one seed. The n-gram's
order and discount are chosen on the validation plays; the test plays are read once, at the end.

Run: `python -m benchmarks.train_rnn_language_models` (40 to 80 minutes: one thread). It writes
data/results/shakespeare-ngram.json and data/results/shakespeare-rnn.json. A run that was
interrupted goes on from build/shakespeare-rnn/, where it saves itself about every minute.
"""

import json
import os
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils import corpora
from utils.data import ROOT
from utils.language_models import (
    NgramModel,
    build_language_model,
    build_word_tokens,
    count_ngrams,
    encode_characters,
    encode_words,
    make_streams,
    measure_bits,
)
from utils.results import LEDGER, record_result

CPU_SECONDS = 2400.0
WORD_TOKENS = 2_000
HIDDEN_DIM = 384
EMBEDDING_DIM = 128
BATCH_SIZE = 64
SEQUENCE_LENGTH = 32
LEARNING_RATE = 4e-3
FOLDER = ROOT / "build" / "shakespeare-rnn"


def tune_ngram(train_ids, validation_ids, vocabulary_size: int) -> tuple[float, int, float]:
    """Return bits a character, order and discount of the n-gram that validation prefers."""
    found = []
    for order in range(4, 11):
        levels = count_ngrams(train_ids, order, vocabulary_size)
        for discount in (0.7, 0.8, 0.85, 0.9, 0.95):
            model = NgramModel(levels, vocabulary_size, discount)
            found.append((-np.log2(model.score(validation_ids)).mean(), order, discount))
            print("order {1}, discount {2}: {0:.4f}".format(*found[-1]), flush=True)
    return min(found)


class SavedBudget(keras.callbacks.Callback):
    """Train for a CPU budget that survives an interruption.

    The learning rate is that of `utils.language_models.CpuBudget`.

    Args:
        progress: `used` CPU-seconds and `steps`, changed in place.
    """

    def __init__(self, progress: dict):
        super().__init__()
        self.progress, self.mark = progress, time.process_time()

    def on_train_batch_begin(self, batch, logs=None):
        used = min(self.progress["used"] / CPU_SECONDS, 1.0)
        factor = min(used / 0.05 + 0.02, 1.0) * (1 + np.cos(np.pi * used)) / 2
        self.model.optimizer.learning_rate = LEARNING_RATE * factor

    def on_train_batch_end(self, batch, logs=None):
        now = time.process_time()
        self.progress["used"] += now - self.mark
        self.progress["steps"] += 1
        self.mark = now
        if self.progress["used"] > CPU_SECONDS:
            self.model.stop_training = True
        if self.progress["steps"] % 200 == 0 or self.model.stop_training:
            print(f"{self.progress} loss {logs['loss'] / np.log(2):.4f} bits", flush=True)
            save(self.model, self.progress)
            self.model.reset_metrics()


def save(model: keras.Model, progress: dict) -> None:
    """Save model, optimiser and progress; an interruption leaves the last copy whole."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    model.save(FOLDER / "part.keras")
    os.replace(FOLDER / "part.keras", FOLDER / f"{progress['steps']}.keras")
    (FOLDER / "part.json").write_text(json.dumps(progress), encoding="utf8")
    os.replace(FOLDER / "part.json", FOLDER / "progress.json")
    for old in FOLDER.glob("*.keras"):
        if old.stem != str(progress["steps"]):
            old.unlink()


def train(train_ids, vocabulary_size: int) -> tuple[keras.Model, dict]:
    """Train, or go on training, until the budget is used; return the model and its progress."""
    progress = {"used": 0.0, "steps": 0}
    if (FOLDER / "progress.json").exists():
        progress = json.loads((FOLDER / "progress.json").read_text(encoding="utf8"))
        model = keras.models.load_model(FOLDER / f"{progress['steps']}.keras")
    else:
        model = build_language_model(
            "GRU",
            vocabulary_size,
            embedding_dim=EMBEDDING_DIM,
            hidden_dim=HIDDEN_DIM,
            batch_size=BATCH_SIZE,
            stateful=True,
        )
        model.compile(
            keras.optimizers.Nadam(LEARNING_RATE, beta_2=0.99, clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    x, y = make_streams(train_ids, BATCH_SIZE, SEQUENCE_LENGTH)
    first = progress["steps"] * BATCH_SIZE % len(x)
    x, y = np.roll(x, -first, axis=0), np.roll(y, -first, axis=0)
    if progress["used"] < CPU_SECONDS:
        budget = SavedBudget(progress)
        model.fit(
            x, y, batch_size=BATCH_SIZE, epochs=1000, shuffle=False, verbose=0, callbacks=[budget]
        )  # fmt: skip
    return model, progress


def main() -> None:
    plays = corpora.load_shakespeare()
    texts = {split: "\n\n".join(named.values()) for split, named in plays.items()}
    alphabet = sorted(set(texts["train"]))
    V = len(alphabet)
    ids = {split: encode_characters(text, alphabet) for split, text in texts.items()}
    names = np.random.default_rng(0).permutation(list(plays["train"]))
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    shuffled = encode_words("\n\n".join(plays["train"][name] for name in names), words)

    model, progress = train(shuffled, WORD_TOKENS)
    sizes = {"embedding_dim": EMBEDDING_DIM, "hidden_dim": HIDDEN_DIM}
    reader = build_language_model("GRU", WORD_TOKENS, **sizes)
    reader.set_weights(model.get_weights())

    def measure(split: str) -> float:  # bits per byte; the first token is given
        token_ids = encode_words(texts[split], words)
        num_bytes = sum(len(words[k].encode()) for k in token_ids[1:])
        return measure_bits(reader, token_ids).sum() / num_bytes

    validation_bits = measure("validation")
    print(f"GRU, validation: {validation_bits:.4f} bits", flush=True)

    ngram_validation, order, discount = tune_ngram(ids["train"], ids["validation"], V)
    ngram = NgramModel(count_ngrams(ids["train"], order, V), V, discount)
    ngram_bits = -np.log2(ngram.score(ids["test"])[1:])  # the network does not pay for the first
    num_bytes = len(texts["test"].encode()) - len(texts["test"][0].encode())
    value, baseline = measure("test"), ngram_bits.sum() / num_bytes
    uniform = float(np.log2(V))

    os.environ["COURSE_RESULTS"] = str(LEDGER)
    common = {
        "notebook": "02",
        "dataset": "shakespeare",
        "metric": "bits per byte on the test plays",
        "better": "lower",
    }
    record_result(
        "shakespeare-ngram",
        model=f"modified Kneser-Ney, order {order}, discount {discount}",
        value=baseline,
        floor=2.45,
        baseline=uniform,
        baseline_name="every character equally likely",
        runs="1 run, nothing random",
        order=order,
        discount=discount,
        validation=ngram_validation,
        **common,
    )
    result = record_result(
        "shakespeare-rnn",
        model=f"GRU over words, {HIDDEN_DIM} units, {CPU_SECONDS / 60:.0f} CPU-minutes",
        value=value,
        floor=baseline,
        baseline=baseline,
        baseline_name=f"Kneser-Ney {order}-gram",
        runs="1 seed",
        validation=validation_bits,
        training_cpu_seconds=progress["used"],
        epochs=progress["steps"] * BATCH_SIZE * SEQUENCE_LENGTH / len(shuffled),
        parameters=reader.count_params(),
        **common,
    )
    print({key: result[key] for key in ("value", "baseline", "validation", "epochs")})


if __name__ == "__main__":
    main()
