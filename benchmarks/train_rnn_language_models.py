"""The recurrent language model of lesson 02 beside models that count, and its long training.

`count`: Kneser-Ney models over characters and over the words of the lesson; order, discounts and
vocabulary are chosen on the validation plays. `steps`: the GRU of the lesson on three amounts of
text, for several numbers of steps and three seeds, beside counts that are tuned on the same text;
its learning rate is chosen on the validation plays with another seed. `long`: a GRU with more
units, ten passes over the plays, one seed, which is then judged by `judge`. No experiment reads
the test plays.

Run: `python -m benchmarks.train_rnn_language_models [long|judge|count|steps]` (45, 1, 5 and 25
CPU-minutes), `count` first. `count` writes data/results/shakespeare-ngram.json, `steps`
shakespeare-steps.json, `judge` shakespeare-rnn.json, `long` also the checkpoint that lesson 02
loads, data/models/gru-shakespeare/. A run that was interrupted goes on with what build/ holds.
"""

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np

from utils.baselines.kneser_ney import NgramModel, count_ngrams
from utils.data.plays import load_shakespeare
from utils.data.tokenizers import build_word_tokens, encode_characters, encode_words
from utils.models.rnn import build_language_model, make_streams, measure_bits
from utils.results import load_results
from utils.training import load_weights, save_weights, warm_up_and_decay

WORD_TOKENS = 2_000
DISCOUNTS = (None, (0.8, 1.2, 1.6), (0.9, 1.5, 1.8), (0.95, 1.5, 1.8), (0.95, 1.4, 2.0))
# None: those of Chen and Goodman, from the counts of each order; else the same in every order
SIZES, BATCH_SIZE, LENGTH = {"embedding_dim": 96, "hidden_dim": 192}, 32, 30  # of the lesson
SEEDS, RATES, RATE_STEPS = (42, 142, 242), (5e-3, 1e-2, 2e-2), 700
SHARES = {"1/16": (300, 900), "all": (300, 900, 2_700)}  # steps
PASSES, LONG_SIZES = 10, {"embedding_dim": 128, "hidden_dim": 384}


def compile_model(vocabulary_size: int, sizes: dict, batch_size: int, optimizer, seed=42):
    """Return the stateful network of lesson 02, ready to be trained."""
    keras.utils.set_random_seed(seed)
    model = build_language_model(vocabulary_size, **sizes, batch_size=batch_size, stateful=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    return model


def count_bytes(text: str) -> int:
    """Return the bytes of a text but for its first character, which every model is given."""
    return len(text.encode()) - len(text[0].encode())


def load_texts() -> dict[str, str]:
    """Return the training plays, in an order drawn at random, and the validation plays."""
    plays = load_shakespeare()
    names = np.random.default_rng(0).permutation(list(plays["train"]))
    train = "\n\n".join(plays["train"][name] for name in names)
    return {"train": train, "validation": "\n\n".join(plays["validation"].values())}


def tune_counts(texts: dict, encode, tokens: list[str], orders, all_discounts) -> dict:
    """Return order, discounts and bits per byte on the validation text: the best, and all."""
    V, tried = len(tokens), []
    train_ids, validation_ids = (encode(texts[s], tokens) for s in ("train", "validation"))
    for order in orders:
        levels = count_ngrams(train_ids, order, V)
        for d in all_discounts:
            p = NgramModel(levels, V, d).score(validation_ids)[1:]
            bits = float(-np.log2(p).sum() / count_bytes(texts["validation"]))
            tried.append({"tokens": V, "order": order, "discounts": d and list(d), "bits": bits})
            print(tried[-1], flush=True)
    return min(tried, key=lambda row: row["bits"]) | {"tried": tried}


def compare_counts(options) -> None:
    texts = load_texts()
    texts["train"] = texts["train"][: int(len(texts["train"]) * options.fraction)]
    alphabet = sorted(set(texts["train"]) | set(texts["validation"]))
    once, found = harness.keep_parts("shakespeare-ngram", options), {}
    given = texts, encode_characters, alphabet, (6, 8, 9, 10), DISCOUNTS
    found["characters"] = once("characters", tune_counts, *given)
    for size in (1_000, WORD_TOKENS, 4_000, 8_000):
        given = texts, encode_words, build_word_tokens(texts["train"], size), (3, 4)
        found[f"{size:,} words"] = once(f"{size} words", tune_counts, *given, DISCOUNTS[:3])
    names = {"tokens", "order", "discounts", "bits"}
    table = [
        {"over": name} | {k: v for k, v in row.items() if k in names} for name, row in found.items()
    ]
    best = min(table, key=lambda row: row["bits"])
    facts = {"model": f"modified Kneser-Ney over {best['over']}, order {best['order']}"}
    facts |= best | {"value": best["bits"], "baseline": float(np.log2(len(alphabet)))}
    facts |= {"kinds": table, "tried": [row for kind in found.values() for row in kind["tried"]]}
    harness.record("shakespeare-ngram", options, **facts, table=[
        row | {"bits": f"{row['bits']:.3f}", "discounts": str(row["discounts"])} for row in table
    ])  # fmt: skip


def train_network(texts: dict, tokens: list[str], steps: int, rate: float, seed: int) -> dict:
    """Train the GRU of lesson 02 on a text; return bits per byte on the validation text."""
    train_ids, validation_ids = (encode_words(texts[s], tokens) for s in ("train", "validation"))
    schedule = warm_up_and_decay(rate, steps)
    optimizer = keras.optimizers.Nadam(schedule, beta_2=0.99, clipnorm=1.0)
    model = compile_model(len(tokens), SIZES, BATCH_SIZE, optimizer, seed)
    x, y = make_streams(train_ids, BATCH_SIZE, LENGTH)
    rows = np.arange(steps * BATCH_SIZE) % len(x)  # from the end of the text back to its beginning
    model.fit(x[rows], y[rows], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    reader = build_language_model(len(tokens), **SIZES)
    reader.set_weights(model.get_weights())
    bits = measure_bits(reader, validation_ids).sum() / count_bytes(texts["validation"])
    seen = steps * BATCH_SIZE * LENGTH
    found = {"bits": float(bits), "steps": steps, "tokens_seen": seen, "seed": seed}
    return found | {"passes": seen / len(train_ids), "parameters": model.count_params()}


def compare_steps(options) -> None:
    texts, rows = load_texts(), []
    once = harness.keep_parts("shakespeare-steps", options)
    tokens = build_word_tokens(texts["train"], WORD_TOKENS)
    trial = int(RATE_STEPS * options.fraction)
    rates = {r: once(f"rate {r:g}", train_network, texts, tokens, trial, r, 0) for r in RATES}
    rate = min(rates, key=lambda r: rates[r]["bits"])
    parts, counts = {}, {}
    for share in SHARES:
        end = int(len(texts["train"]) * {"1/16": 1 / 16, "all": 1}[share])
        parts[share] = texts | {"train": texts["train"][:end]}
        alphabet = sorted(set(texts["train"]) | set(texts["validation"]))
        given = parts[share], encode_characters, alphabet, (5, 7, 9), DISCOUNTS[:3]
        counts[share] = once(f"counts {share}", tune_counts, *given)
    for seed in SEEDS:
        for share, all_steps in SHARES.items():
            # the characters of all plays: of a part alone, one of them may be missing
            part = parts[share]
            tokens = build_word_tokens("".join(alphabet) + "\n" + part["train"], WORD_TOKENS)
            for steps in all_steps:
                given = part, tokens, int(steps * options.fraction), rate, seed
                name = f"{share}, {steps} steps, seed {seed}"
                rows.append({"share": share} | once(name, train_network, *given))
    groups = []
    for share, all_steps in SHARES.items():
        for steps in (int(steps * options.fraction) for steps in all_steps):
            runs = [row for row in rows if (row["share"], row["steps"]) == (share, steps)]
            bits = [run["bits"] for run in runs]
            kept = {key: runs[0][key] for key in ("share", "steps", "tokens_seen", "passes")}
            groups.append(kept | {"values": bits, "mean": float(np.mean(bits))})
    table = [
        {
            "text": f"{len(parts[g['share']]['train']) / 1e6:.1f} million characters",
            "steps": f"{g['steps']:,}",
            "passes": f"{g['passes']:.1f}",
            "GRU": f"{g['mean']:.3f} ({min(g['values']):.3f} to {max(g['values']):.3f})",
            "count model": f"{counts[g['share']]['bits']:.3f}",
        }
        for g in groups
    ]
    last = groups[-1]
    facts = {"value": last["mean"], "values": last["values"], "steps": last["steps"]}
    facts |= {"tokens_seen": last["tokens_seen"], "parameters": rows[-1]["parameters"]}
    facts |= {"baseline": counts["all"]["bits"], "learning_rate": rate, "groups": groups}
    facts["rates"] = {f"{r:g}": found["bits"] for r, found in rates.items()}
    facts["counts"] = {
        share: {k: found[k] for k in ("order", "bits")} | {"characters": len(parts[share]["train"])}
        for share, found in counts.items()
    }
    facts |= {"training_cpu_seconds": once.count_seconds(), "table": table}
    harness.record("shakespeare-steps", options, **facts)


def train_long(options) -> None:
    texts = load_texts()
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    token_ids, batch_size, length = encode_words(texts["train"], words), 64, 32
    x, y = make_streams(token_ids[: int(len(token_ids) * options.fraction)], batch_size, length)
    tenths = np.array_split(np.arange(len(x)).reshape(-1, batch_size), 10)

    def build():
        rate = warm_up_and_decay(4e-3, PASSES * len(x) // batch_size)
        optimizer = keras.optimizers.Nadam(rate, beta_2=0.99, clipnorm=1.0)
        return compile_model(WORD_TOKENS, LONG_SIZES, batch_size, optimizer)

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
    bits_a_nat = len(token_ids) / len(texts["train"].encode()) / np.log(2)  # per byte, per token
    facts = {"steps": progress["steps"], "tokens_seen": progress["steps"] * batch_size * length}
    facts["curve"] = [round(loss * bits_a_nat, 4) for loss in progress["curve"]]
    result = judge(options, facts)
    facts = LONG_SIZES | {"tokens": WORD_TOKENS, "batch_size": batch_size, "length": length}
    harness.write_card(target, **result, **facts, passes=PASSES)


def judge(options, facts: dict | None = None) -> dict:
    """Record the long training, its weights as they are shipped, beside the best counts."""
    texts, before = load_texts(), load_results()
    if facts is None:  # not trained now; `test` is from the first edition
        kept = ("steps", "tokens_seen", "curve", "test")
        facts = {key: before["shakespeare-rnn"][key] for key in kept}
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    reader = build_language_model(WORD_TOKENS, **LONG_SIZES)
    load_weights(reader, options.models / "gru-shakespeare" / "weights.safetensors")
    bits = measure_bits(reader, encode_words(texts["validation"], words)).sum()
    counts = before["shakespeare-ngram"]
    facts |= {"model": f"GRU over words, {LONG_SIZES['hidden_dim']} units, {PASSES} passes"}
    facts |= {"value": float(bits / count_bytes(texts["validation"])), "baseline": counts["value"]}
    facts |= {"baseline_name": counts["model"], "parameters": reader.count_params()}
    return harness.record("shakespeare-rnn", options, **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "long", "judge", "count", "steps")
    run = {"long": train_long, "judge": judge, "count": compare_counts, "steps": compare_steps}
    run[options.experiment](options)
