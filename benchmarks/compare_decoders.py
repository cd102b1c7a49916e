"""From GPT-2 to Llama, one change at a time; beside them a GRU and the best count model.

The models are those that notebook 13 builds (its cells with the tag "build" are run here). All
read the same batches of the same plays, in the same order, for the same number of steps, with three
seeds. Byte-level BPE of 1,024 tokens is learned from the training plays. What is chosen is chosen
on *Hamlet*, which nothing trains on: optimizer and learning rate of the GPT-2 (its variants get the
same) and of the GRU, three tries each, one seed; order and discounts of the count model, and the
weight of the counts of what it has just read. The two validation plays are read once, at the end of
each run. No test play is read. The main question is all four changes against GPT-2; the other
comparisons are exploratory.

Run: `python -m benchmarks.compare_decoders` (40 minutes). It writes data/results/decoders.json; a
run that was interrupted goes on with what build/ holds.
"""

import functools
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
import tokenizers
from keras import ops
from scipy import stats

from tools.notebook_rules import get_tags, pick, read_cells
from utils.baselines.kneser_ney import NgramModel, count_ngrams
from utils.data.plays import load_shakespeare
from utils.data.tokenizers import encode_characters
from utils.metrics import bootstrap_interval
from utils.models.gpt2 import compute_token_bits
from utils.models.llama import LlamaConfig
from utils.models.rnn import build_language_model, make_streams, measure_bits
from utils.runtime import ROOT
from utils.training import warm_up_and_decay

CHOSEN_ON, SEEDS = "hamlet", (42, 142, 242)
STEPS, BATCH_SIZE, LENGTH = 200, 16, 128
TRIAL_STEPS = 100  # of a try
SIZES = {"context_length": LENGTH, "hidden_dim": 128, "num_layers": 4, "num_heads": 4}
SIZES |= {"num_key_value_heads": 2, "feedforward_dim": 341, "rope_base": 10_000.0}  # 2/3 of 512
CONFIG = LlamaConfig(1024, **SIZES)
GRU = {"embedding_dim": 128, "hidden_dim": 335}  # as many parameters as the GPT-2
SEGMENT = 128  # tokens of a piece of text, over which intervals are computed
COLUMNS = ("model", "parameters", "CPU-seconds", "bits per byte", "minus GPT-2")
COLUMNS += ("95 %, 3 seeds", "95 %, pieces of text")
CHANGES = {
    "GPT-2": {},
    "RMSNorm": {"rms_norm": True},
    "rotary positions": {"rotary": True},
    "grouped queries": {"grouped": True},
    "SwiGLU": {"gated": True},
}
ALL = {"rms_norm": True, "rotary": True, "grouped": True, "gated": True}
NETWORKS = CHANGES | {"all four": ALL, "GRU": None}
DISCOUNTS = [[0.95, 1.5, 1.8], None]  # those of lesson 02, and what each order estimates
TRIES = {
    "GPT-2": [("Muon", 5e-3), ("Muon", 1.5e-2), ("Adam", 4e-3)],
    "GRU": [("Muon", 5e-3), ("Muon", 1.5e-2), ("Adam", 8e-3)],
}


class Reader(NamedTuple):
    """What `compute_token_bits` needs of a model."""

    config: LlamaConfig
    read: Callable

    def __call__(self, token_ids):
        return self.read(token_ids)


def read_lesson() -> dict:
    """Return what the cells of notebook 13 with the tag "build" define."""
    names = {"keras": keras, "np": np, "ops": ops}
    (path,) = (ROOT / "notebooks").glob("13_*.ipynb")
    for cell in pick(read_cells(path)):
        if "build" in get_tags(cell):
            exec(cell.source, names)
    return names


def load_texts() -> tuple[dict, dict, dict]:
    """Return the texts, their token ids, and where each token ends in its text, by split."""
    plays = load_shakespeare()
    texts = {"choice": plays["train"].pop(CHOSEN_ON)}
    texts |= {split: "\n\n".join(plays[split].values()) for split in ("train", "validation")}
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    settings = {"vocab_size": CONFIG.vocabulary_size, "show_progress": False}
    tokenizer.train_from_iterator(list(plays["train"].values()), **settings)
    found = {split: tokenizer.encode(text) for split, text in texts.items()}
    ids = {split: np.array(each.ids, "int32") for split, each in found.items()}
    ends = {split: np.array(each.offsets)[:, 1] for split, each in found.items()}
    return texts, ids, ends


def cut(bits: np.ndarray) -> list[float]:
    """Add up the bits of the tokens of each piece of a text."""
    return np.add.reduceat(bits, np.arange(0, len(bits), SEGMENT)).round(3).tolist()


def score_recent(text: str, order: int, vocabulary_size: int) -> np.ndarray:
    """Return the probability of each character by counts of the text before it (Witten-Bell)."""
    counts, found = defaultdict(Counter), []
    for t, character in enumerate(text):
        p = 1 / vocabulary_size
        for n in range(min(order, t + 1)):
            seen = counts[text[t - n : t]]
            p = (seen[character] + len(seen) * p) / max(1, seen.total() + len(seen)) if seen else p
        for n in range(min(order, t + 1)):
            counts[text[t - n : t]][character] += 1
        found.append(p)
    return np.array(found)


def main(options) -> None:
    lesson, (texts, ids, ends) = read_lesson(), load_texts()
    once = harness.keep_parts("decoders", options)
    num_bytes = {split: len(text.encode()) for split, text in texts.items()}  # the first token is
    num_bytes |= {s: num_bytes[s] - ends[s][0] for s in ids}  # given; it is one of ASCII
    x, y = make_streams(ids["train"], BATCH_SIZE, LENGTH)
    steps, trial = (max(10, int(n * options.fraction)) for n in (STEPS, TRIAL_STEPS))

    def build(changes, seed: int, **stream):
        keras.utils.set_random_seed(seed)
        if changes is None:
            return build_language_model(CONFIG.vocabulary_size, **GRU, **stream)
        model = lesson["build_decoder"](CONFIG, **changes)
        model(x[:1])  # creates the weights
        return model

    @functools.cache  # seeds share a program: to make it takes as long as 50 steps
    def compile_model(name: str, optimizer: str, rate: float, steps: int):
        model = build(NETWORKS[name], 0, batch_size=BATCH_SIZE, stateful=True)
        settings = {"global_clipnorm": 1.0}
        if optimizer == "Muon":  # it is for matrices inside a network
            settings["exclude_layers"] = ["logits", "bias"]
        optimizer = getattr(keras.optimizers, optimizer)(warm_up_and_decay(rate, steps), **settings)
        optimizer.build(model.trainable_variables)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, jit_compile=False)
        return model

    def train(name: str, optimizer: str, rate: float, steps: int, seed: int, split: str) -> dict:
        model = compile_model(name, optimizer, rate, steps)
        reader = build(NETWORKS[name], seed)
        model.set_weights(reader.get_weights())
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        if name == "GRU":
            model.get_layer("recurrent").reset_state()
        fit = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
        rows = np.arange(steps * BATCH_SIZE).reshape(steps, BATCH_SIZE) % len(x)
        tenths = [part.ravel() for part in np.array_split(rows, 10)]
        curve = [model.fit(x[r], y[r], **fit).history["loss"][0] for r in tenths]
        reader.set_weights(model.get_weights())
        if name == "GRU":
            bits = measure_bits(reader, ids[split])
        else:
            read = reader.predict_on_batch
            bits = compute_token_bits(Reader(CONFIG, read), ids[split])
        found = {"bits": float(bits.sum() / num_bytes[split]), "parameters": model.count_params()}
        return found | {"curve": np.round(curve, 4).tolist(), "segments": cut(bits)}

    def count(order: int, discounts, split: str, text: str, recent: float = 0.0) -> dict:
        alphabet = sorted(set("".join(texts.values())))
        V = len(alphabet)
        levels = count_ngrams(encode_characters(text, alphabet), order, V)
        p = NgramModel(levels, V, discounts).score(encode_characters(texts[split], alphabet))
        if recent:
            p = (1 - recent) * p + recent * score_recent(texts[split], order, V)
        sums = np.cumsum(-np.log2(p))[ends[split] - 1]  # up to the end of each token
        bits = np.diff(sums)
        return {"bits": float(bits.sum() / num_bytes[split]), "segments": cut(bits)}

    chosen = {}
    for name, tries in TRIES.items():
        parts = {f"{name}, {how[0]} {how[1]:g}, on {CHOSEN_ON}": how for how in tries}
        tried = {p: once(p, train, name, *parts[p], trial, SEEDS[0], "choice") for p in parts}
        chosen[name] = parts[min(tried, key=lambda part: tried[part]["bits"])]
    settings = list(itertools.product((7, 8, 9, 10), DISCOUNTS))
    parts = {f"counts, order {o}, discounts {d}, on {CHOSEN_ON}": (o, d) for o, d in settings}
    tried = {p: once(p, count, *parts[p], "choice", texts["train"]) for p in parts}
    chosen["counts"] = order, discounts = parts[min(tried, key=lambda part: tried[part]["bits"])]
    parts = {f"counts, {share} recent, on {CHOSEN_ON}": share for share in (0.1, 0.2, 0.3, 0.4)}
    given = order, discounts, "choice", texts["train"]
    tried = {p: once(p, count, *given, share) for p, share in parts.items()}
    share = parts[min(tried, key=lambda part: tried[part]["bits"])]

    found = {name: [] for name in NETWORKS}
    for seed, name in itertools.product(SEEDS, NETWORKS):
        how = chosen["GRU" if name == "GRU" else "GPT-2"]
        part = f"{name}, seed {seed}"
        found[name].append(once(part, train, name, *how, steps, seed, "validation"))
    # The networks read the beginning of each of the streams into which the plays are cut.
    stream, starts = len(x) // BATCH_SIZE * LENGTH, np.r_[0, ends["train"]]
    read = [(k * stream, k * stream + min(stream, steps * LENGTH)) for k in range(BATCH_SIZE)]
    same = "".join(texts["train"][starts[i] : starts[j]] for i, j in read)
    given = {
        "counts, all of the plays": (texts["train"], 0.0),
        "counts, all, and what was just read": (texts["train"], share),
        "counts, the same text": (same, 0.0),
    }
    for name, (text, recent) in given.items():
        part = f"{name}, order {order}, discounts {discounts}, recent {recent}"
        found[name] = [once(part, count, order, discounts, "validation", text, recent)]
    chosen = {name: list(how) for name, how in chosen.items()} | {"recent": share}
    sizes = len(ids["train"]), num_bytes["validation"]
    report(options, found, chosen, steps, *sizes, once.count_seconds())


def compute_t_interval(by_seed: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean of a few differences, by Student's t."""
    width = stats.t.ppf(0.975, len(by_seed) - 1) * np.std(by_seed, ddof=1) / len(by_seed) ** 0.5
    return float(np.mean(by_seed) - width), float(np.mean(by_seed) + width)


def report(options, found, chosen, steps, train_tokens, num_bytes, seconds) -> None:
    """Compare all with the GPT-2 and write the result; less than 0 is better than it."""
    base = np.array([run["segments"] for run in found["GPT-2"]])  # (seeds, pieces)
    scale, rows, table = base.shape[1] / num_bytes, [], []
    for name, runs in found.items():
        segments = np.array([run["segments"] for run in runs])
        row = {"name": name, "bits": float(np.mean([run["bits"] for run in runs]))}
        row |= {"values": [run["bits"] for run in runs], "parameters": runs[0].get("parameters")}
        row["cpu_seconds"] = float(np.mean([run["cpu_seconds"] for run in runs]))
        ends = bootstrap_interval(segments.mean(axis=0) * scale)
        row["range"] = list(ends)
        if "curve" in runs[0]:
            row["curve"] = np.mean([run["curve"] for run in runs], axis=0).round(4).tolist()
        if name != "GPT-2":
            by_seed = (segments - base).mean(axis=1) * scale
            row |= {"more": float(by_seed.mean()), "more_by_seed": by_seed.tolist()}
            if len(runs) > 1:
                row["over_seeds"] = list(compute_t_interval(by_seed))
            of_text = bootstrap_interval((segments.mean(axis=0) - base.mean(axis=0)) * scale)
            row["over_text"] = list(of_text)
        rows.append(row)
        cells = [name, f"{row['parameters']:,}" if row["parameters"] else "–"]
        cells += [f"{row['cpu_seconds']:.0f}", f"{row['bits']:.3f}"]
        ends = [row.get("over_seeds") if len(runs) > 1 else None, row.get("over_text")]
        said = [f"{e[0]:+.3f} to {e[1]:+.3f}" if e else "–" for e in ends]
        cells += [f"{row['more']:+.3f}" if "more" in row else "–", *said]
        table.append(dict(zip(COLUMNS, cells, strict=True)))
    by_name = {row["name"]: row for row in rows}
    llama, best = by_name["all four"], by_name["counts, all of the plays"]
    facts = {"value": llama["bits"], "baseline": best["bits"], "values": llama["values"]}
    facts |= {"gpt2": by_name["GPT-2"]["bits"], "gru": by_name["GRU"]["bits"]}
    facts |= {"same_text": by_name["counts, the same text"]["bits"]}
    facts |= {"recent": by_name["counts, all, and what was just read"]["bits"]}
    facts |= {"more": llama["more"], "interval": llama["over_seeds"]}
    rotary = by_name["rotary positions"]
    difference = np.subtract(llama["more_by_seed"], rotary["more_by_seed"])
    facts |= {"rotary": rotary["bits"], "all_minus_rotary": [float(difference.mean())]}
    facts["all_minus_rotary"] += compute_t_interval(difference)
    facts |= {"trivial": 8.0, "table": table, "rows": rows, "cpu_seconds": seconds}
    facts |= {"tries": TRIES, "chosen": chosen, "steps": steps}
    facts |= {"tokens_read": steps * BATCH_SIZE * LENGTH, "train_tokens": train_tokens}
    harness.record("decoders", options, **facts)


if __name__ == "__main__":
    main(harness.parse(__doc__))
