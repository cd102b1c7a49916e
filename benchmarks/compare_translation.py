"""The Transformer beside the LSTM translators of notebooks 05 and 08, at equal cost.

All have about the same number of parameters, the same data, the same CPU-seconds on one thread,
and were tuned with three trials of the learning rate on validation each: those of the LSTMs are
told in notebooks 05 and 08, those of the Transformer run here. The test splits are read once, when
all are trained.

Run after `benchmarks.compare_seq2seq`, whose models it loads from build/ (it trains them if they
are missing): `python -m benchmarks.compare_translation [--cpu-seconds N]` (10 CPU-minutes). It
writes data/results/transformer-translation.json. What was trained is kept in build/; a run that
was interrupted goes on from there. With `--trial` the test splits are not read, and nothing is
written.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from benchmarks import compare_seq2seq
from utils import corpora
from utils.data import ROOT
from utils.metrics import bootstrap_bleu, compute_bleu, count_bleu
from utils.pairs import (
    PairBatches,
    build_token_vocabulary,
    decode_tokens,
    encode_tokens,
    group_references,
)
from utils.results import LEDGER, record_result
from utils.seq2seq import build_greedy_decoder, compute_masked_loss, translate
from utils.transformer import build_prefix_decoder, build_transformer

RECURRENT = {"plain": "LSTM (05)", "dot": "LSTM + attention (08)"}
SETTINGS = compare_seq2seq.SETTINGS["phrasebook"]
BATCH_SIZE, LENGTH = SETTINGS["batch_size"], compare_seq2seq.LENGTH
SIZES = {"hidden_dim": 64, "num_heads": 4, "intermediate_dim": 448, "num_layers": 2}
DROPOUT = SETTINGS["dropout"]
TRIALS = (2e-3, 4e-3, 8e-3)  # highest learning rates; the same warm-up and decay for all systems


def train(path, learning_rate: float, cpu_seconds: float, train_ids, sizes) -> tuple:
    """Train a Transformer, or go on training it, until the budget is used.

    Returns:
        The model and its progress: CPU-seconds `used`, `steps` and `epochs`.
    """
    progress = {"used": 0.0, "steps": 0}
    if path.exists() and path.with_suffix(".json").exists():
        progress = json.loads(path.with_suffix(".json").read_text(encoding="utf8"))
        custom = {"compute_masked_loss": compute_masked_loss}
        model = keras.models.load_model(path, custom_objects=custom)
    else:
        keras.utils.set_random_seed(42)
        model = build_transformer(*sizes, dropout=DROPOUT, **SIZES)
        optimizer = keras.optimizers.Adam(learning_rate, clipnorm=1.0)
        model.compile(optimizer, compute_masked_loss, jit_compile=False)
    if progress["used"] < cpu_seconds:
        batches = PairBatches(*train_ids, batch_size=BATCH_SIZE, seed=progress["steps"])
        budget = compare_seq2seq.SavedBudget(path, cpu_seconds, learning_rate, progress)
        model.fit(batches, epochs=1000, verbose=0, callbacks=[budget])
    progress["epochs"] = progress["steps"] * BATCH_SIZE / len(train_ids[0])
    return model, progress


def build_writer(model: keras.Model, vocabularies):
    """Return a function from lists of English tokens to French ones and sentences a CPU-second."""
    is_transformer = model.name == "transformer"
    decode = (build_prefix_decoder if is_transformer else build_greedy_decoder)(model, LENGTH)
    translate(decode, np.zeros((1, LENGTH), "int32"))  # compiled before the clock starts

    def write(sources: list[list[str]]) -> tuple[list[list[str]], float]:
        source_ids = encode_tokens(sources, vocabularies[0])
        source_ids = np.pad(source_ids, ((0, 0), (0, max(0, LENGTH - source_ids.shape[1]))))
        begin = time.process_time()
        found = translate(decode, source_ids)
        speed = len(sources) / (time.process_time() - begin)
        return decode_tokens(found, vocabularies[1]), speed

    return write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = SETTINGS["cpu_seconds"]
    parser.add_argument("--cpu-seconds", type=float, default=usual, help="for each training")
    parser.add_argument("--trial", action="store_true", help="validation only, nothing written")
    arguments = parser.parse_args()
    cpu_seconds = arguments.cpu_seconds

    table = corpora.load_phrasebook()
    splits = {name: part.reset_index(drop=True) for name, part in table.groupby("split")}
    sides = ("english", "french")
    vocabularies = [build_token_vocabulary(splits["train"][side]) for side in sides]
    sizes = tuple(map(len, vocabularies))
    train_ids = (
        encode_tokens(splits["train"]["english"], vocabularies[0]),
        encode_tokens(splits["train"]["french"], vocabularies[1], ends=True),
    )
    sources, references = group_references(splits["validation"])

    models, writers, systems, trials = {}, {}, {}, []

    def add(name: str, model: keras.Model, progress: dict) -> float:
        writer = build_writer(model, vocabularies)
        found = compare_seq2seq.score(count_bleu(writer(sources)[0], references))
        print(f"{name}: {model.count_params():,d} parameters, {progress}, {found}", flush=True)
        if name not in systems or found["bleu"] > systems[name]["validation"]["bleu"]:
            models[name], writers[name] = model, writer
            systems[name] = progress | {"parameters": model.count_params(), "validation": found}
        return found["bleu"]

    folder = ROOT / "build" / "transformer" / f"phrasebook-{cpu_seconds:.0f}"
    folder.mkdir(parents=True, exist_ok=True)
    for learning_rate in TRIALS:
        path = folder / f"{learning_rate:g}.keras"
        model, progress = train(path, learning_rate, cpu_seconds, train_ids, sizes)
        bleu = add("Transformer", model, progress | {"learning_rate": learning_rate})
        trials.append({"learning_rate": learning_rate, "bleu": bleu, "epochs": progress["epochs"]})
    if arguments.trial:
        return
    folder = ROOT / "build" / "seq2seq" / folder.name
    folder.mkdir(parents=True, exist_ok=True)
    settings = SETTINGS | {"cpu_seconds": cpu_seconds}
    for kind, name in RECURRENT.items():
        path = folder / f"{kind}.keras"
        add(name, *compare_seq2seq.train(kind, path, train_ids, sizes, settings))

    for split in (name for name in splits if name.startswith("test")):
        sources, references = group_references(splits[split])
        lengths = np.array([len(source) for source in sources])
        counts = {}
        for name, write in writers.items():
            written, speed = write(sources)
            counts[name] = found = count_bleu(written, references)
            systems[name][split] = compare_seq2seq.score(found) | {"sentences_a_cpu_second": speed}
            for low, high in compare_seq2seq.LENGTHS["phrasebook"]:
                chosen = found[(lengths >= low) & (lengths <= high)]
                if split != "test-compose" and len(chosen) >= 30:
                    row = {"from": low, "to": high, "sentences": len(chosen), "split": split}
                    row |= compare_seq2seq.score(chosen)
                    systems[name].setdefault("by_length", []).append(row)
        for name in RECURRENT.values():
            pair = counts["Transformer"], counts[name]
            gain = compute_bleu(pair[0].sum(axis=0)) - compute_bleu(pair[1].sum(axis=0))
            systems[name][split]["transformer_gains"] = float(gain)
            systems[name][split]["gain_interval"] = list(bootstrap_bleu(*pair))
        print(split, {name: systems[name][split] for name in systems}, flush=True)

    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "transformer-translation",
        notebook="09",
        model="Transformer",
        dataset="phrasebook",
        metric="test BLEU",
        value=systems["Transformer"]["test"]["bleu"],
        interval=systems["Transformer"]["test"]["interval"],
        floor=0.0,  # the comparison is reported, whatever it is
        baseline=systems[RECURRENT["dot"]]["test"]["bleu"],
        baseline_name="LSTM with attention at equal parameters and CPU-seconds",
        runs="1 seed",
        training_cpu_seconds=cpu_seconds,
        trials=trials,
        systems=systems,
    )


if __name__ == "__main__":
    main()
