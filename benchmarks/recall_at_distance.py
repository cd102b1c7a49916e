"""How far back can a layer reach? A recall task for SimpleRNN, LSTM and attention.

A text of random letters; at its end the model has to name the first one. The networks have about
as many parameters, see the same texts in the same order, and get two learning rates, of which the
better counts (by accuracy on validation texts; the score is on test texts). Attention is one
encoder block of notebook 09 with sinusoidal positions, read at its last place.

Run: `python -m benchmarks.recall_at_distance` (some minutes, one thread). It writes
data/results/recall-at-distance.json; interrupted, it goes on with what build/ lacks.
"""

import functools
import itertools

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np

from utils.models.transformer import EncoderBlock, TokenAndPositionEmbedding

LETTERS = 8
KINDS = ("SimpleRNN", "LSTM", "attention")
DISTANCES = (4, 8, 16, 32, 64, 128)  # letters after the one to recall
SEEDS = (0, 1, 2)
RATES = (3e-3, 1e-2)
STEPS, BATCH_SIZE, TEST_SIZE = 500, 64, 1000


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


@functools.cache
def compile_model(kind: str, distance: int) -> keras.Model:
    """Return the model, compiled by one step."""
    model = build_model(kind)
    optimizer = keras.optimizers.Adam(clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() != "torch")
    x = draw_texts(BATCH_SIZE, distance, 0)
    model.fit(x, x[:, 0], batch_size=BATCH_SIZE, verbose=0)
    return model


def train(kind: str, distance: int, seed: int, learning_rate: float, steps: int) -> dict:
    """Train from a seed on; return the accuracy on validation and test, and CPU-seconds."""
    model = compile_model(kind, distance)
    keras.utils.set_random_seed(seed)
    model.set_weights(build_model(kind).get_weights())
    for variable in model.optimizer.variables:  # moments and steps of the run before
        variable.assign(keras.ops.zeros_like(variable))
    model.optimizer.learning_rate = learning_rate
    x = draw_texts(steps * BATCH_SIZE, distance, seed)
    fit = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
    _, seconds = harness.time_cpu(model.fit, x, x[:, 0], **fit)
    found = {"cpu_seconds": round(seconds, 2)}
    for k, split in enumerate(("validation", "test")):
        x = draw_texts(TEST_SIZE, distance, 1000 + k)
        answers = model.predict(x, batch_size=100, verbose=0).argmax(-1)
        found[split] = float(np.mean(answers == x[:, 0]))
    return found


def main() -> None:
    options = harness.parse(__doc__)
    once, steps = harness.keep_parts("recall-at-distance", options), int(STEPS * options.fraction)
    curves = {kind: [] for kind in KINDS}
    for distance in DISTANCES:
        for kind in KINDS:
            tried = {rate: {"validation": [], "test": [], "cpu_seconds": []} for rate in RATES}
            for seed, rate in itertools.product(SEEDS, RATES):
                name = f"{kind} {distance} {seed} {rate:g}"
                found = once(name, train, kind, distance, seed, rate, steps)
                for key, values in tried[rate].items():
                    values.append(found[key])
            best = max(RATES, key=lambda rate: np.mean(tried[rate]["validation"]))
            point = {"distance": distance, "learning_rate": best, "accuracy": tried[best]["test"]}
            point["cpu_seconds"] = float(np.mean(tried[best]["cpu_seconds"]))
            curves[kind].append(point)

    reach = {  # the farthest distance at which the mean of the seeds is above 0.9
        kind: max([0, *(p["distance"] for p in points if np.mean(p["accuracy"]) > 0.9)])
        for kind, points in curves.items()
    }
    farthest = {kind: float(np.mean(points[-1]["accuracy"])) for kind, points in curves.items()}
    best_chain = max(("SimpleRNN", "LSTM"), key=farthest.get)
    facts = {"value": farthest["attention"], "baseline": farthest[best_chain]}
    facts |= {"baseline_name": best_chain, "runs": f"{len(SEEDS)} seeds", "chance": 1 / LETTERS}
    facts |= {"steps": steps, "batch_size": BATCH_SIZE, "reach": reach, "curves": curves}
    facts["parameters"] = {kind: build_model(kind).count_params() for kind in KINDS}
    harness.record("recall-at-distance", options, **facts)


if __name__ == "__main__":
    main()
