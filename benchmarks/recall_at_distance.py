"""How far back can a layer reach? A recall task for SimpleRNN, LSTM and attention.

A text of random letters; at its end the model has to name the first one. The networks have about
as many parameters, see the same texts in the same order, and get two learning rates, of which the
better counts (by accuracy on validation texts; the score is on test texts). Attention is one
encoder block of notebook 09 with sinusoidal positions, read at its last place.

Run: `python -m benchmarks.recall_at_distance [--distances 4 8]` (some minutes, one thread). It
writes data/results/recall-at-distance.json. What is done is kept in build/; a run that was
interrupted goes on with what is missing. With `--trial` nothing goes to the ledger.
"""

import argparse
import itertools
import json
import os
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.models.transformer import EncoderBlock, TokenAndPositionEmbedding
from utils.results import LEDGER, record_result
from utils.runtime import ROOT

LETTERS = 8
DISTANCES = (4, 8, 16, 32, 64, 128)  # letters after the one to recall
SEEDS = (0, 1, 2)
LEARNING_RATES = (3e-3, 1e-2)
STEPS, BATCH_SIZE, TEST_SIZE = 500, 64, 1000
DONE = ROOT / "build" / "recall-at-distance.json"


def build_model(kind: str) -> keras.Model:
    """Build a model from texts (B, T) to the logits of the first letter (B, LETTERS)."""
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    if kind == "attention":
        x = TokenAndPositionEmbedding(LETTERS, 16, name="embedding")(token_ids)
        x = EncoderBlock(16, 2, 64, name="block")(x)[:, -1]
    else:
        x = keras.layers.Embedding(LETTERS, 16, name="embedding")(token_ids)
        units = {"SimpleRNN": 48, "LSTM": 20}[kind]
        x = getattr(keras.layers, kind)(units, name="recurrent")(x)
    return keras.Model(token_ids, keras.layers.Dense(LETTERS, name="logits")(x), name=kind)


def draw_texts(count: int, distance: int, seed: int) -> np.ndarray:
    """Draw random texts, shape (count, distance + 1)."""
    return np.random.default_rng(seed).integers(LETTERS, size=(count, distance + 1), dtype="int32")


def build_trainer(kind: str, distance: int):
    """Return a function that trains the model from a seed on; it is compiled once.

    The function takes a seed and a learning rate and returns the accuracy on validation and on
    test texts, and the CPU-seconds of training.
    """
    model = build_model(kind)
    optimizer = keras.optimizers.Adam(clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() != "torch")
    first = draw_texts(BATCH_SIZE, distance, 0)
    model.fit(first, first[:, 0], batch_size=BATCH_SIZE, verbose=0)  # compiled, not yet timed
    held_out = [draw_texts(TEST_SIZE, distance, 1000 + k) for k in (0, 1)]

    def train(seed: int, learning_rate: float) -> dict:
        keras.utils.set_random_seed(seed)
        model.set_weights(build_model(kind).get_weights())
        for variable in optimizer.variables:  # moments and steps of the run before
            variable.assign(keras.ops.zeros_like(variable))
        optimizer.learning_rate = learning_rate
        x = draw_texts(STEPS * BATCH_SIZE, distance, seed)
        begin = time.process_time()
        model.fit(x, x[:, 0], batch_size=BATCH_SIZE, epochs=1, shuffle=False, verbose=0)
        seconds = time.process_time() - begin
        validation, test = (
            float(np.mean(model.predict(x, batch_size=100, verbose=0).argmax(-1) == x[:, 0]))
            for x in held_out
        )
        return {"validation": validation, "test": test, "cpu_seconds": round(seconds, 2)}

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--distances", type=int, nargs="+", default=DISTANCES)
    parser.add_argument("--trial", action="store_true", help="nothing goes to the ledger")
    arguments = parser.parse_args()
    done = json.loads(DONE.read_text(encoding="utf8")) if DONE.exists() else {}
    DONE.parent.mkdir(exist_ok=True)
    kinds = ("SimpleRNN", "LSTM", "attention")
    curves = {kind: [] for kind in kinds}
    for distance in arguments.distances:
        for kind in kinds:
            train = None
            for seed, rate in itertools.product(SEEDS, LEARNING_RATES):
                name = f"{kind} {distance} {seed} {rate:g}"
                if name not in done:
                    train = train or build_trainer(kind, distance)
                    done[name] = train(seed, rate)
                    DONE.write_text(json.dumps(done, indent=1), encoding="utf8")
                    print(name, done[name], flush=True)
            tried = {
                rate: [done[f"{kind} {distance} {seed} {rate:g}"] for seed in SEEDS]
                for rate in LEARNING_RATES
            }
            best = max(tried, key=lambda rate: np.mean([t["validation"] for t in tried[rate]]))
            curves[kind].append(
                {
                    "distance": distance,
                    "learning_rate": best,
                    "accuracy": [t["test"] for t in tried[best]],
                    "cpu_seconds": float(np.mean([t["cpu_seconds"] for t in tried[best]])),
                }
            )
            print(kind, curves[kind][-1], flush=True)
    if arguments.trial:
        return

    reach = {  # the farthest distance at which the mean of the seeds is above 0.9
        kind: max([0, *(p["distance"] for p in points if np.mean(p["accuracy"]) > 0.9)])
        for kind, points in curves.items()
    }
    farthest = {kind: float(np.mean(points[-1]["accuracy"])) for kind, points in curves.items()}
    best_chain = max(("SimpleRNN", "LSTM"), key=farthest.get)
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "recall-at-distance",
        notebook="09",
        model="one attention block",
        dataset="random letters",
        metric=f"accuracy {arguments.distances[-1]} letters back",
        value=farthest["attention"],
        baseline=farthest[best_chain],
        baseline_name=best_chain,
        runs=f"{len(SEEDS)} seeds",
        chance=1 / LETTERS,
        steps=STEPS,
        batch_size=BATCH_SIZE,
        parameters={kind: build_model(kind).count_params() for kind in kinds},
        reach=reach,
        curves=curves,
    )
    print(reach)


if __name__ == "__main__":
    main()
