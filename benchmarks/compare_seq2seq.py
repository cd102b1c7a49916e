"""Translators beside each other: a plain LSTM and three kinds of attention, at equal cost.

Every system has about the same number of parameters (the plain one more units), the steps that
the same CPU-seconds bought on the machine of the ledger, measured once, and the same settings but
for the learning rate, which is the best of three on the phrasebook's validation split for each
(`--tune`); on Tatoeba all have the same one. The test splits are read once, when all are trained.

Run: `python -m benchmarks.compare_seq2seq [phrasebook|tatoeba] [--fraction F]` (10 CPU-minutes
for the phrasebook, 90 for Tatoeba). It writes data/results/seq2seq.json or seq2seq-tatoeba.json.
What was trained is kept in build/seq2seq/; a run that was interrupted goes on from there. With
`--trial` the test splits are not read, and nothing is written. `--tune` (30 CPU-minutes) tries
`TRIALS` on the phrasebook's validation split, and writes data/results/seq2seq-tuning.json.
"""

import argparse
import bisect
import json
import os
import time
from operator import itemgetter
from pathlib import Path

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.data import corpora
from utils.data.pairs import (
    PairBatches,
    build_token_vocabulary,
    decode_tokens,
    encode_tokens,
    group_references,
)
from utils.decoding.translation import build_greedy_decoder, translate
from utils.metrics import bootstrap_bleu, compute_bleu, count_bleu, measure_alignment_error
from utils.models.seq2seq import (
    CrossAttention,
    build_translator,
    compute_masked_loss,
    read_alignments,
)
from utils.results import LEDGER, record_result
from utils.runtime import ROOT
from utils.training import warm_up_and_decay

SETTINGS = {  # systems: with the highest learning rate of each; steps: of 150 and 2,700 CPU-seconds
    "phrasebook": {
        "systems": {"plain": 5e-3, "dot": 1e-2, "general": 1e-2, "additive": 1e-2},
        "steps": {
            "plain": 3900,
            "dot": 3650,
            "general": 3620,
            "additive": 3430,
            "Transformer": 2740,
        },
        "embedding_dim": 64,
        "hidden_dim": 128,  # with dot attention; the others get what has as many parameters
        "dropout": 0.1,
        "batch_size": 64,
        "least": 1,
    },
    "tatoeba": {
        "systems": {"plain": 4e-3, "dot": 4e-3},
        "steps": {"plain": 8780, "dot": 8940},
        "embedding_dim": 128,
        "hidden_dim": 256,
        "dropout": 0.2,
        "batch_size": 128,
        "least": 4,
    },
}
TRIALS = (5e-3, 1e-2, 2e-2)  # of which the settings hold the best
LENGTH = 24  # most tokens of a translation, [END] included
LENGTHS = {"phrasebook": [(k, k) for k in range(5, 12)] + [(13, 14), (15, 15), (16, 16), (17, 19)]}
LENGTHS["tatoeba"] = [(k, k + 1) for k in range(2, 14, 2)]


def save(model: keras.Model, path, progress: dict) -> None:
    """Save model, optimiser and progress in one file, whole or not at all."""
    part = path.with_name(f"part-{path.name}")
    model.save(part)
    path.with_suffix(".json").write_text(json.dumps(progress), encoding="utf8")
    os.replace(part, path)


def find_hidden_dim(system: str, sizes: tuple[int, int], settings: dict) -> int:
    """Return the even hidden_dim whose number of parameters is nearest to that of dot attention."""

    def count(hidden_dim, system=system):
        return build(system, sizes, hidden_dim, settings).count_params()

    wanted = count(settings["hidden_dim"], "dot")
    tried = range(int(0.75 * settings["hidden_dim"]) // 2 * 2, int(1.3 * settings["hidden_dim"]), 2)
    place = bisect.bisect_left(tried, wanted, key=count)
    return min(tried[max(place - 1, 0) : place + 1], key=lambda dim: abs(count(dim) - wanted))


def build(system: str, sizes: tuple[int, int], hidden_dim: int, settings: dict) -> keras.Model:
    """Build a translator that is "plain", or has the named attention."""
    return build_translator(
        *sizes,
        embedding_dim=settings["embedding_dim"],
        hidden_dim=hidden_dim,
        dropout=settings["dropout"],
        attention=None if system == "plain" else CrossAttention(system),
    )


def prepare(dataset: str) -> tuple[dict, list, tuple]:
    """Return the splits of a dataset, both vocabularies, and the training token ids."""
    table = getattr(corpora, f"load_{dataset}")()
    splits = {name: part.reset_index(drop=True) for name, part in table.groupby("split")}
    least = SETTINGS[dataset]["least"]
    vocabularies = [
        build_token_vocabulary(splits["train"][side], least=least) for side in ("english", "french")
    ]
    train_ids = (
        encode_tokens(splits["train"]["english"], vocabularies[0]),
        encode_tokens(splits["train"]["french"], vocabularies[1], ends=True),
    )
    print(f"{len(train_ids[0]):,d} pairs, vocabularies {[*map(len, vocabularies)]}", flush=True)
    return splits, vocabularies, train_ids


def train(path, build_model, train_ids, settings: dict, steps: int) -> tuple[keras.Model, dict]:
    """Train what `build_model()` returns, or go on training it, for a number of steps.

    Every epoch has an order of its own, so that a run that was interrupted ends with the same
    weights as one that was not.

    Returns:
        The model and its progress: `steps`, `cpu_seconds` used, `epochs` and `tokens_seen`.
    """
    progress = {"steps": 0, "cpu_seconds": 0.0}
    if path.exists() and path.with_suffix(".json").exists():
        progress = json.loads(path.with_suffix(".json").read_text(encoding="utf8"))
        custom = {"compute_masked_loss": compute_masked_loss}
        model = keras.models.load_model(path, custom_objects=custom)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(42)
        model = build_model()
        rate = warm_up_and_decay(settings["learning_rate"], steps)
        optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
        model.compile(optimizer, compute_masked_loss, jit_compile=False)
    while progress["steps"] < steps:
        batches = PairBatches(*train_ids, batch_size=settings["batch_size"], seed=progress["steps"])
        count, begin = min(len(batches), steps - progress["steps"]), time.process_time()
        fit = model.fit(batches, steps_per_epoch=count, verbose=0)
        progress["steps"] += count
        progress["cpu_seconds"] += time.process_time() - begin
        print(f"{path.stem} {progress} loss {fit.history['loss'][0]:.4f}", flush=True)
        save(model, path, progress)
    progress["epochs"] = progress["steps"] * settings["batch_size"] / len(train_ids[0])
    progress["tokens_seen"] = int(progress["epochs"] * np.count_nonzero(train_ids[1][:, 1:]))
    return model, progress


def train_recurrent(system: str, dataset: str, vocabularies, train_ids, settings: dict) -> tuple:
    """Train a system with an LSTM as `train` does; its file is named by all that it depends on."""
    sizes = tuple(map(len, vocabularies))
    hidden_dim, rate = find_hidden_dim(system, sizes, settings), settings["systems"][system]
    steps, settings = settings["steps"][system], settings | {"learning_rate": rate}
    path = name_file(dataset, steps, system, rate)
    return train(
        path, lambda: build(system, sizes, hidden_dim, settings), train_ids, settings, steps
    )


def name_file(dataset: str, steps: int, system: str, rate: float) -> Path:
    """Return where a system is kept."""
    return ROOT / "build" / "seq2seq" / dataset / f"{system}-{rate:g}-{steps}.keras"


def build_writer(decode, vocabularies):
    """Return a function from lists of English tokens to French ones; `decode` is compiled here."""
    translate(decode, np.zeros((1, LENGTH), "int32"))

    def write(sources: list[list[str]]) -> list[list[str]]:
        source_ids = encode_tokens(sources, vocabularies[0])
        source_ids = np.pad(source_ids, ((0, 0), (0, max(0, LENGTH - source_ids.shape[1]))))
        return decode_tokens(translate(decode, source_ids), vocabularies[1])

    return write


def score(counts: np.ndarray) -> dict:
    """Return corpus BLEU with its interval."""
    low, high = bootstrap_bleu(counts)
    return {"bleu": float(compute_bleu(counts.sum(axis=0))), "interval": [low, high]}


def score_gain(counts: np.ndarray, other: np.ndarray) -> tuple[float, list[float]]:
    """Return by how much BLEU is above another system's on the same sentences, and the interval."""
    gain = compute_bleu(counts.sum(axis=0)) - compute_bleu(other.sum(axis=0))
    return float(gain), list(bootstrap_bleu(counts, other))


def score_by_length(counts: np.ndarray, sources: list[list[str]], split: str, dataset: str) -> list:
    """Return the score of each band of `LENGTHS` with at least 30 sentences."""
    lengths, rows = np.array([len(source) for source in sources]), []
    for low, high in LENGTHS[dataset]:
        chosen = counts[(lengths >= low) & (lengths <= high)]
        if split in ("test", "test-long") and len(chosen) >= 30:
            row = {"from": low, "to": high, "sentences": len(chosen), "split": split}
            rows.append(row | score(chosen))
    return rows


def align(model: keras.Model, table, vocabularies) -> list[list[tuple[int, int]]]:
    """Return where attention looks, pairs of places, by forced decoding of the translations."""
    source_ids = encode_tokens(table["english"], vocabularies[0])
    target_ids = encode_tokens(table["french"], vocabularies[1], ends=True)
    weights = keras.Model(model.inputs, model.get_layer("attention").output[1])
    found = weights.predict([source_ids, target_ids[:, :-1]], batch_size=256, verbose=0)
    return read_alignments(found, source_ids, target_ids[:, 1:])


def measure_last(model: keras.Model, table, vocabularies) -> float:
    """Return the share of target tokens for which attention looks at the source's last token."""
    links = align(model, table, vocabularies)
    pairs = zip(links, table["english"], strict=True)
    return float(np.mean([i == len(source) - 1 for row, source in pairs for i, _ in row]))


def tune(splits: dict, vocabularies: list, train_ids: tuple, settings: dict) -> None:
    """Train every system with each of `TRIALS`, and record validation BLEU."""
    sources, references = group_references(splits["validation"])
    table = []
    for rate in TRIALS:
        table.append({"learning rate": f"{rate:g}"})
        for name in settings["systems"]:
            tried = settings | {"systems": {name: rate}}
            model, _ = train_recurrent(name, "phrasebook", vocabularies, train_ids, tried)
            write = build_writer(build_greedy_decoder(model, LENGTH), vocabularies)
            table[-1][name] = score(count_bleu(write(sources), references))["bleu"]
            print(table[-1], flush=True)
    best = {name: max(table, key=itemgetter(name)) for name in settings["systems"]}
    chosen = {name: float(row["learning rate"]) for name, row in best.items()}
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "seq2seq-tuning",
        notebook="08",
        model="LSTM encoder-decoder, dot attention",
        dataset="phrasebook",
        metric="validation BLEU, best of three learning rates",
        value=best["dot"]["dot"],
        baseline=best["plain"]["plain"],
        baseline_name="plain LSTM, best of three",
        runs="1 seed",
        chosen=chosen,
        table=table,
    )
    if chosen != settings["systems"]:
        raise ValueError(f"the settings do not hold the best learning rates, {chosen}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", default="phrasebook", choices=list(SETTINGS))
    parser.add_argument("--fraction", type=float, default=1.0, help="of the usual steps")
    parser.add_argument("--trial", action="store_true", help="validation only, nothing written")
    parser.add_argument("--tune", action="store_true", help="try learning rates on validation")
    arguments = parser.parse_args()
    if arguments.tune and arguments.dataset != "phrasebook":
        parser.error("--tune tries learning rates for the phrasebook alone")
    dataset, settings = arguments.dataset, dict(SETTINGS[arguments.dataset])
    settings["steps"] = {k: int(n * arguments.fraction) for k, n in settings["steps"].items()}

    splits, vocabularies, train_ids = prepare(dataset)
    if arguments.tune:
        tune(splits, vocabularies, train_ids, settings)
        return
    models, writers, systems = {}, {}, {}
    sources, references = group_references(splits["validation"])
    for name in settings["systems"]:
        models[name], progress = train_recurrent(name, dataset, vocabularies, train_ids, settings)
        writers[name] = build_writer(build_greedy_decoder(models[name], LENGTH), vocabularies)
        systems[name] = progress | {
            "parameters": models[name].count_params(),
            "hidden_dim": models[name].get_layer("decoder").units,
            "learning_rate": settings["systems"][name],
            "validation": score(count_bleu(writers[name](sources), references)),
        }
        if name != "plain":
            found = measure_last(models[name], splits["validation"], vocabularies)
            systems[name]["looks_at_last"] = found
        print(name, systems[name], flush=True)
    if arguments.trial:
        return

    counts: dict[tuple, np.ndarray] = {}
    for split in (name for name in splits if name.startswith("test")):
        sources, references = group_references(splits[split])
        for name, model in models.items():
            found = count_bleu(writers[name](sources), references)
            counts[split, name] = found
            systems[name][split] = score(found)
            if "alignment" in splits[split] and name != "plain":
                links = align(model, splits[split], vocabularies)
                gold = list(splits[split]["alignment"])
                systems[name][split]["aer"] = measure_alignment_error(links, gold)
            if name != "plain":
                gain, interval = score_gain(found, counts[split, "plain"])
                systems[name][split] |= {"gain": gain, "gain_interval": interval}
            rows = score_by_length(found, sources, split, dataset)
            systems[name].setdefault("by_length", []).extend(rows)
            print(split, name, systems[name][split], flush=True)

    os.environ["COURSE_RESULTS"] = str(LEDGER)
    best = max(set(models) - {"plain"}, key=lambda name: systems[name]["validation"]["bleu"])
    record_result(
        "seq2seq" if dataset == "phrasebook" else f"seq2seq-{dataset}",
        notebook="08",
        model=f"LSTM encoder-decoder, {best} attention",
        dataset=dataset,
        metric="test BLEU",
        value=systems[best]["test"]["bleu"],
        interval=systems[best]["test"]["interval"],
        baseline=systems["plain"]["test"]["bleu"],
        baseline_name="plain LSTM at equal parameters and cost",
        runs="1 seed",
        training_cpu_seconds=round(max(found["cpu_seconds"] for found in systems.values())),
        best=best,
        systems=systems,
        vocabulary_sizes=[*map(len, vocabularies)],
    )


if __name__ == "__main__":
    main()
