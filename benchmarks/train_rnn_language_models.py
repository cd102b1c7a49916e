"""Recurrent language models over Shakespeare: a long training, which cell, how fast one writes.

`long`: the network of notebook 02 with more units and more than twenty times its tokens, one seed,
ten passes over the plays, beside the best n-gram. The n-gram's order and discount are chosen on
the validation plays (once: its result in the ledger is used again); the test plays are read at the
end. `cells`: SimpleRNN, GRU and LSTM over characters and words, each for the steps that 120
CPU-seconds bought on the machine of the ledger, measured once; notebook 02 trains the one with the
fewest bits per byte on the validation plays. `sampling`: one compiled loop against `predict` for
each token, from the same GRU, one text at a time, by the same choice (the most likely token); both
must write the same text.

Run: `python -m benchmarks.train_rnn_language_models [long|cells|sampling]` (45, 20, 2 minutes).
`long` writes data/results/shakespeare-ngram.json, shakespeare-rnn.json and the checkpoint that
notebook 02 loads, data/models/gru-shakespeare/; `cells` shakespeare-cells.json; `sampling`
rnn-sampling.json. A run that was interrupted goes on with what build/ holds.
"""

import time

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np

from utils.baselines.kneser_ney import NgramModel, count_ngrams
from utils.data.plays import load_shakespeare
from utils.data.tokenizers import build_word_tokens, encode_characters, encode_words
from utils.decoding.filters import draw_gumbel
from utils.decoding.sampling import build_generator
from utils.models.rnn import build_language_model, make_streams, measure_bits
from utils.results import load_results
from utils.training import load_weights, save_weights, warm_up_and_decay

IMPORT_SECONDS = time.process_time()
WORD_TOKENS = 2_000
CELLS = ("SimpleRNN", "GRU", "LSTM")
LEVELS = {  # sizes, steps of each cell
    "characters": ({"embedding_dim": 32, "hidden_dim": 192}, (9911, 4365, 4494)),
    "words": ({"embedding_dim": 96, "hidden_dim": 192}, (2635, 1925, 1845)),
}
PASSES, LONG_SIZES = 10, {"embedding_dim": 128, "hidden_dim": 384}


def compile_model(cell: str, vocabulary_size: int, sizes: dict, batch_size: int, rate):
    """Return the network of notebook 02; `rate` is the highest learning rate and all steps."""
    keras.utils.set_random_seed(42)
    sizes = sizes | {"batch_size": batch_size, "stateful": True}
    model = build_language_model(cell, vocabulary_size, **sizes)
    optimizer = keras.optimizers.Nadam(warm_up_and_decay(*rate), beta_2=0.99, clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    return model


def measure(model: keras.Model, token_ids: np.ndarray, tokens: list[str]) -> float:
    """Return bits per byte; the first token is given."""
    num_bytes = sum(len(tokens[k].encode()) for k in token_ids[1:])
    return float(measure_bits(model, token_ids).sum() / num_bytes)


def load_texts() -> tuple[dict, dict, list[str], list[str]]:
    """Return plays and texts by split, the alphabet, and the words of notebook 02."""
    plays = load_shakespeare()
    texts = {split: "\n\n".join(named.values()) for split, named in plays.items()}
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    return plays, texts, sorted(set(texts["train"])), words


def compare_cells(options) -> None:
    _, texts, alphabet, words = load_texts()
    encoders = {"characters": (encode_characters, alphabet), "words": (encode_words, words)}
    batch_size, length, splits, done = 32, 30, ("train", "validation"), {}

    def train(cell, steps, sizes, tokens, train_ids, validation_ids) -> dict:
        model = compile_model(cell, len(tokens), sizes, batch_size, (1e-2, steps))
        x, y = make_streams(train_ids, batch_size, length)
        rows = np.arange(steps * batch_size) % len(x)
        model.fit(x[rows], y[rows], batch_size=batch_size, shuffle=False, verbose=0)
        reader = build_language_model(cell, len(tokens), **sizes)
        reader.set_weights(model.get_weights())
        bits, seen = measure(reader, validation_ids, tokens), steps * batch_size * length
        found = {"bits": bits, "passes": seen / len(train_ids), "steps": steps}
        return found | {"tokens_seen": seen, "parameters": model.count_params()}

    once = harness.keep_parts("shakespeare-cells", options)
    for level, (sizes, all_steps) in LEVELS.items():
        encode, tokens = encoders[level]
        ids = [encode(texts[split], tokens) for split in splits]
        for cell, steps in zip(CELLS, all_steps, strict=True):
            data = (int(steps * options.fraction), sizes, tokens, *ids)
            done[f"{cell} over {level}"] = once(f"{cell} over {level}", train, cell, *data)

    train_ids, validation_ids = (encode_characters(texts[s], alphabet) for s in splits)
    ngram = NgramModel(count_ngrams(train_ids, 9, len(alphabet)), len(alphabet), 0.9)
    baseline = -np.log2(ngram.score(validation_ids)[1:]).mean()
    best = min(done, key=lambda name: done[name]["bits"])
    facts = {"model": best, "value": done[best]["bits"], "networks": done}
    facts["table"] = [
        {"cell": cell} | {level: f"{done[f'{cell} over {level}']['bits']:.3f}" for level in LEVELS}
        for cell in CELLS
    ]
    harness.record("shakespeare-cells", options, baseline=baseline, **facts)


def record_ngram(texts: dict, alphabet: list[str], options) -> dict:
    """Record the n-gram whose order and discount the validation plays prefer."""
    ids, V = {s: encode_characters(text, alphabet) for s, text in texts.items()}, len(alphabet)
    found = []
    for order in range(4, 11):
        levels = count_ngrams(ids["train"], order, V)
        for discount in (0.7, 0.8, 0.85, 0.9, 0.95):
            bits = -np.log2(NgramModel(levels, V, discount).score(ids["validation"])).mean()
            found.append((bits, order, discount))
            print("order {1}, discount {2}: {0:.4f}".format(*found[-1]), flush=True)
    validation, order, discount = min(found)
    counted = NgramModel(count_ngrams(ids["train"], order, V), V, discount)
    bits = -np.log2(counted.score(ids["test"])[1:])  # the network does not pay for the first
    num_bytes = len(texts["test"].encode()) - len(texts["test"][0].encode())
    facts = {"value": bits.sum() / num_bytes, "baseline": float(np.log2(V))}
    facts |= {"order": order, "discount": discount, "validation": validation}
    facts["model"] = f"modified Kneser-Ney, order {order}, discount {discount}"
    return harness.record("shakespeare-ngram", options, **facts)


def train_long(options) -> None:
    plays, texts, alphabet, words = load_texts()
    order = np.random.default_rng(0).permutation(list(plays["train"]))
    token_ids = encode_words("\n\n".join(plays["train"][name] for name in order), words)
    batch_size, length = 64, 32
    x, y = make_streams(token_ids[: int(len(token_ids) * options.fraction)], batch_size, length)
    tenths = np.array_split(np.arange(len(x)).reshape(-1, batch_size), 10)

    def build():
        rate = (4e-3, PASSES * len(x) // batch_size)
        return compile_model("GRU", WORD_TOKENS, LONG_SIZES, batch_size, rate)

    def train_pass(model, steps):  # each begins with a state of zeros
        model.get_layer("recurrent").reset_state()
        fit = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
        rows = (batches.ravel() for batches in tenths)
        return [model.fit(x[some], y[some], **fit).history["loss"][0] for some in rows]

    path = harness.BUILD / "shakespeare-rnn" / f"{options.fraction:g}.npz"
    parts = (build, train_pass, lambda progress: len(progress["curve"]) >= 10 * PASSES)
    model, progress = harness.train_in_parts(path, *parts)
    target = options.models / "gru-shakespeare"
    target.mkdir(parents=True, exist_ok=True)
    save_weights(model, target / "weights.safetensors")
    reader = build_language_model("GRU", WORD_TOKENS, **LONG_SIZES)
    load_weights(reader, target / "weights.safetensors")  # what is measured is what is shipped
    ngram = load_results().get("shakespeare-ngram")  # nothing in it is random
    ngram = ngram or record_ngram(texts, alphabet, options)
    bits_a_nat = len(token_ids) / len(texts["train"].encode()) / np.log(2)  # per byte, per token
    facts = {"model": f"GRU over words, {LONG_SIZES['hidden_dim']} units, {PASSES} passes"}
    for key, split in {"value": "test", "validation": "validation"}.items():
        facts[key] = measure(reader, encode_words(texts[split], words), words)
    facts |= {"baseline": ngram["value"], "baseline_name": f"Kneser-Ney {ngram['order']}-gram"}
    steps, cost = progress["steps"], round(progress["cpu_seconds"])
    facts |= {"steps": steps, "tokens_seen": steps * batch_size * length}
    facts |= {"parameters": reader.count_params(), "training_cpu_seconds": cost}
    facts["curve"] = [round(loss * bits_a_nat, 4) for loss in progress["curve"]]
    result = harness.record("shakespeare-rnn", options, **facts)
    facts = LONG_SIZES | {"tokens": WORD_TOKENS, "batch_size": batch_size, "length": length}
    harness.write_card(target, **result, **facts, passes=PASSES)


def compare_sampling(options) -> None:
    V, loop_tokens, predict_tokens, repeats = 71, 2000, 200, 5
    sizes, _ = LEVELS["characters"]
    reader = build_language_model("GRU", V, **sizes)
    writer = build_language_model("GRU", V, **sizes, batch_size=1, stateful=True)
    writer.set_weights(reader.get_weights())
    prompt = np.random.default_rng(0).integers(0, V, 10)
    generate, noise = build_generator(reader, top_k=1), draw_gumbel((loop_tokens, 1, V))
    given = np.full((loop_tokens, 1), -1, "int32")
    given[: len(prompt), 0] = prompt

    def loop():
        return keras.ops.convert_to_numpy(generate(given, noise))[:, 0]

    def predict():
        writer.get_layer("recurrent").reset_states()
        token_ids, logits = list(prompt), writer.predict(prompt[None], verbose=0)
        while len(token_ids) < predict_tokens:
            token_ids.append(int(logits[0, -1].argmax()))
            logits = writer.predict(np.array([[token_ids[-1]]]), verbose=0)
        return np.array(token_ids)

    def compile_predict():  # the first calls with either shape
        for length in (len(prompt), 1):
            writer.predict(prompt[None, :length], verbose=0)

    def measure_rate(function, num_tokens):
        seconds = [harness.time_cpu(function)[1] for _ in range(repeats)]
        return float(np.median(num_tokens / np.array(seconds)))

    by_loop, loop_seconds = harness.time_cpu(loop)
    _, predict_seconds = harness.time_cpu(compile_predict)
    if not np.array_equal(predict(), by_loop[:predict_tokens]):
        raise SystemExit("the two loops wrote different texts")
    predict_rate, loop_rate = measure_rate(predict, predict_tokens), measure_rate(loop, loop_tokens)
    facts = {"value": loop_rate / predict_rate, "runs": f"median of {repeats}"}
    facts["loop_tokens_per_cpu_second"] = loop_rate
    facts["predict_tokens_per_cpu_second"] = predict_rate
    facts["import_cpu_seconds"] = IMPORT_SECONDS
    facts["compile_cpu_seconds"] = max(loop_seconds - loop_tokens / loop_rate, 0.0)
    facts["predict_first_calls_cpu_seconds"] = predict_seconds
    harness.record("rnn-sampling", options, **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "long", "cells", "sampling")
    run = {"long": train_long, "cells": compare_cells, "sampling": compare_sampling}
    run[options.experiment](options)
