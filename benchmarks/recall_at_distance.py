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


@functools.cache
def compile_model(kind: str, distance: int) -> keras.Model:
    """Return the model of texts of one length; it is compiled once."""
    model = build_model(kind)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(clipnorm=1.0), loss, jit_compile=True)
    return model


def train(kind: str, distance: int, seed: int, learning_rate: float, steps: int) -> dict:
    """Train from a seed on; return the accuracy on validation and test."""

    def draw(count, seed):  # texts, shape (count, distance + 1)
        random = np.random.default_rng(seed)
        return random.integers(LETTERS, size=(count, distance + 1), dtype="int32")

    model = compile_model(kind, distance)
    keras.utils.set_random_seed(seed)
    model.set_weights(build_model(kind).get_weights())
    harness.reset_optimizer(model, learning_rate)
    x, found = draw(steps * BATCH_SIZE, seed), {}
    model.fit(x, x[:, 0], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    for k, split in enumerate(("validation", "test")):
        x = draw(TEST_SIZE, 1000 + k)
        answers = model.predict(x, batch_size=100, verbose=0).argmax(-1)
        found[split] = float(np.mean(answers == x[:, 0]))
    return found


def main() -> None:
    options = harness.parse(__doc__)
    once, steps = harness.keep_parts("recall-at-distance", options), int(STEPS * options.fraction)
    curves, reach, farthest = {kind: [] for kind in KINDS}, dict.fromkeys(KINDS, 0), {}

    def run(kind, distance, rate, seed) -> dict:
        name = f"{kind} {distance} {seed} {rate:g}"
        return once(name, train, kind, distance, seed, rate, steps)

    for distance, kind in itertools.product(DISTANCES, KINDS):
        tried = {rate: [run(kind, distance, rate, seed) for seed in SEEDS] for rate in RATES}
        best = max(RATES, key=lambda rate: np.mean([part["validation"] for part in tried[rate]]))
        accuracy = [part["test"] for part in tried[best]]
        curves[kind].append({"distance": distance, "learning_rate": best, "accuracy": accuracy})
        farthest[kind] = float(np.mean(accuracy))
        if farthest[kind] > 0.9:
            reach[kind] = distance
    best_chain = max(("SimpleRNN", "LSTM"), key=farthest.get)
    facts = {"value": farthest["attention"], "baseline": farthest[best_chain]}
    facts |= {"baseline_name": best_chain, "runs": f"{len(SEEDS)} seeds", "chance": 1 / LETTERS}
    facts |= {"steps": steps, "batch_size": BATCH_SIZE, "reach": reach, "curves": curves}
    facts["parameters"] = {kind: build_model(kind).count_params() for kind in KINDS}
    harness.record("recall-at-distance", options, **facts)


if __name__ == "__main__":
    main()
