"""A GRU over Shakespeare's words, trained for ten passes over the plays, beside the best n-gram.

The network of notebook 02 with more units and more than twenty times its tokens, one seed. The
n-gram's order and discount are chosen on the validation plays (once: its result in the ledger is
used again); the test plays are read at the end.

Run: `python -m benchmarks.train_rnn_language_models` (40 to 80 minutes: one thread). It writes
data/results/shakespeare-ngram.json, data/results/shakespeare-rnn.json and the checkpoint that
notebook 02 loads, data/models/gru-shakespeare/. A run that was interrupted goes on from
build/shakespeare-rnn/, where it saves itself after every pass.
"""

import json
import os
import subprocess
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.baselines.kneser_ney import NgramModel, count_ngrams
from utils.data.plays import load_shakespeare
from utils.data.tokenizers import build_word_tokens, encode_characters, encode_words
from utils.models.rnn import build_language_model, make_streams, measure_bits
from utils.results import LEDGER, load_results, record_result
from utils.runtime import ROOT
from utils.training import load_weights, save_weights, warm_up_and_decay

PASSES = 10
WORD_TOKENS = 2_000
SIZES = {"embedding_dim": 128, "hidden_dim": 384}
BATCH_SIZE = 64
SEQUENCE_LENGTH = 32
LEARNING_RATE = 4e-3
FOLDER = ROOT / "build" / "shakespeare-rnn"
TARGET = ROOT / "data" / "models" / "gru-shakespeare"
CARD = """\
# gru-shakespeare

A GRU over words and characters that writes like Shakespeare, loaded by notebook 02:
{parameters:,} parameters (`build_language_model("GRU", {tokens}, embedding_dim={embedding_dim},
hidden_dim={hidden_dim})`), tokens from `build_word_tokens` on the training plays.
The file holds the weights alone, as float16.

**Made by** `python -m benchmarks.train_rnn_language_models` at commit {commit}, TensorFlow
{tensorflow}, Keras {keras}; seed 42, {steps:,} steps of {batch_size} streams of {length} tokens:
{passes} passes over the plays, {seen:.1f} million tokens.

**Data.** `shakespeare` of the course's registry: 34 plays train, two validate, two test. The text
is in the public domain; the weights have the licence of the course, MIT.

**Measured** with these weights: {validation:.3f} bits per byte on the validation plays, {test:.3f}
on the test plays, where nothing was chosen; a Kneser-Ney {order}-gram needs {ngram:.3f} there.

**Limits.** One seed. It writes in the manner of the plays, knows nothing else, and repeats their
prejudices.
"""


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


def train(token_ids: np.ndarray) -> tuple[keras.Model, dict]:
    """Train, or go on training, for `PASSES` over the text.

    Every pass begins with a state of zeros, so that a run that was interrupted ends with the same
    weights as one that was not.

    Returns:
        The model, and its progress: the mean loss of every tenth of a pass in nats a token
        (`curve`), and the `cpu_seconds` that training took.
    """
    x, y = make_streams(token_ids, BATCH_SIZE, SEQUENCE_LENGTH)
    tenths = np.array_split(np.arange(len(x)).reshape(-1, BATCH_SIZE), 10)
    saved, progress = FOLDER / "model.keras", {"curve": [], "cpu_seconds": 0.0}
    if saved.exists():
        model = keras.models.load_model(saved)
        progress = json.loads((FOLDER / "progress.json").read_text(encoding="utf8"))
    else:
        FOLDER.mkdir(parents=True, exist_ok=True)
        model = build_language_model(
            "GRU", WORD_TOKENS, **SIZES, batch_size=BATCH_SIZE, stateful=True
        )
        schedule = warm_up_and_decay(LEARNING_RATE, PASSES * len(x) // BATCH_SIZE)
        optimizer = keras.optimizers.Nadam(schedule, beta_2=0.99, clipnorm=1.0)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for done in range(int(model.optimizer.iterations) * BATCH_SIZE // len(x), PASSES):
        begin, curve = time.process_time(), progress["curve"][: 10 * done]
        model.get_layer("recurrent").reset_state()
        for batches in tenths:
            rows = batches.ravel()
            fit = model.fit(x[rows], y[rows], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
            curve.append(fit.history["loss"][0])
            print(f"pass {done + 1}, loss {curve[-1]:.4f} nats a token", flush=True)
        cpu_seconds = progress["cpu_seconds"] + time.process_time() - begin
        progress = {"curve": curve, "cpu_seconds": cpu_seconds}
        (FOLDER / "progress.json").write_text(json.dumps(progress), encoding="utf8")
        model.save(FOLDER / "part.keras")
        os.replace(FOLDER / "part.keras", saved)
    return model, progress


def main() -> None:
    plays = load_shakespeare()
    texts = {split: "\n\n".join(named.values()) for split, named in plays.items()}
    alphabet = sorted(set(texts["train"]))
    V = len(alphabet)
    ids = {split: encode_characters(text, alphabet) for split, text in texts.items()}
    names = np.random.default_rng(0).permutation(list(plays["train"]))
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    shuffled = encode_words("\n\n".join(plays["train"][name] for name in names), words)

    num_train_bytes = len(texts["train"].encode())

    model, progress = train(shuffled)
    reader = build_language_model("GRU", WORD_TOKENS, **SIZES)
    TARGET.mkdir(parents=True, exist_ok=True)
    save_weights(model, TARGET / "weights.safetensors")
    load_weights(reader, TARGET / "weights.safetensors")  # what is measured is what is shipped

    def measure(split: str) -> float:  # bits per byte; the first token is given
        token_ids = encode_words(texts[split], words)
        num_bytes = sum(len(words[k].encode()) for k in token_ids[1:])
        return measure_bits(reader, token_ids).sum() / num_bytes

    validation_bits = measure("validation")
    print(f"GRU, validation: {validation_bits:.4f} bits", flush=True)

    os.environ["COURSE_RESULTS"] = str(LEDGER)
    common = {
        "notebook": "02",
        "dataset": "shakespeare",
        "metric": "bits per byte on the test plays",
        "better": "lower",
    }
    ngram = load_results().get("shakespeare-ngram")  # nothing in it is random
    if ngram is None:
        validation, order, discount = tune_ngram(ids["train"], ids["validation"], V)
        counted = NgramModel(count_ngrams(ids["train"], order, V), V, discount)
        bits = -np.log2(counted.score(ids["test"])[1:])  # the network does not pay for the first
        ngram = record_result(
            "shakespeare-ngram",
            model=f"modified Kneser-Ney, order {order}, discount {discount}",
            value=bits.sum() / (len(texts["test"].encode()) - len(texts["test"][0].encode())),
            baseline=float(np.log2(V)),
            baseline_name="every character equally likely",
            runs="1 run, nothing random",
            order=order,
            discount=discount,
            validation=validation,
            **common,
        )
    steps = int(model.optimizer.iterations)
    bits = len(shuffled) / num_train_bytes / np.log(2)  # a byte, for a nat a token
    result = record_result(
        "shakespeare-rnn",
        model=f"GRU over words, {SIZES['hidden_dim']} units, {PASSES} passes",
        value=measure("test"),
        baseline=ngram["value"],
        baseline_name=f"Kneser-Ney {ngram['order']}-gram",
        runs="1 seed",
        validation=validation_bits,
        steps=steps,
        tokens_seen=steps * BATCH_SIZE * SEQUENCE_LENGTH,
        parameters=reader.count_params(),
        training_cpu_seconds=round(progress["cpu_seconds"]),
        curve=[round(loss * bits, 4) for loss in progress["curve"]],
        **common,
    )
    print({key: result[key] for key in ("value", "baseline", "validation", "steps")})
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    card = CARD.format(
        **SIZES,
        **result["versions"],
        parameters=result["parameters"],
        tokens=WORD_TOKENS,
        commit=commit.stdout.strip(),
        steps=result["steps"],
        batch_size=BATCH_SIZE,
        length=SEQUENCE_LENGTH,
        passes=PASSES,
        seen=result["tokens_seen"] / 1e6,
        validation=validation_bits,
        test=result["value"],
        order=ngram["order"],
        ngram=ngram["value"],
    )
    (TARGET / "README.md").write_text(card, encoding="utf8")


if __name__ == "__main__":
    main()
