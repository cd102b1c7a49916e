"""The Transformer beside the LSTM translators of notebooks 05 and 08, at equal cost.

All have about the same number of parameters, the same data, the steps that the same CPU-seconds
bought on the machine of the ledger, and were tuned with three trials of the learning rate on
validation each: those of the LSTMs are in data/results/seq2seq-tuning.json, those of the
Transformer run here. The test splits are read once, when all are trained.

Run after `benchmarks.compare_seq2seq`, whose models it loads from build/ (it trains them if they
are missing): `python -m benchmarks.compare_translation [--fraction F]` (10 CPU-minutes). It
writes data/results/transformer-translation.json. What was trained is kept in build/; a run that
was interrupted goes on from there. With `--trial` the test splits are not read, and nothing is
written.
"""

import argparse
import os
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras

from benchmarks import compare_seq2seq
from utils.data.pairs import group_references
from utils.decoding.translation import build_greedy_decoder, build_prefix_decoder
from utils.metrics import count_bleu
from utils.models.transformer import build_transformer
from utils.results import LEDGER, record_result

RECURRENT = {"plain": "LSTM (05)", "dot": "LSTM + attention (08)"}
SIZES = {"hidden_dim": 64, "num_heads": 4, "intermediate_dim": 448, "num_layers": 2}
TRIALS = (2e-3, 4e-3, 8e-3)  # highest learning rates; the same warm-up and decay for all systems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    settings = dict(compare_seq2seq.SETTINGS["phrasebook"])
    parser.add_argument("--fraction", type=float, default=1.0, help="of the usual steps")
    parser.add_argument("--trial", action="store_true", help="validation only, nothing written")
    arguments = parser.parse_args()
    settings["steps"] = {k: int(n * arguments.fraction) for k, n in settings["steps"].items()}

    splits, vocabularies, train_ids = compare_seq2seq.prepare("phrasebook")
    sizes = tuple(map(len, vocabularies))
    sources, references = group_references(splits["validation"])

    writers, systems, trials = {}, {}, []

    def add(name: str, model, progress: dict, build_decoder) -> float:
        """Score a system on validation; of several trials the best one stays."""
        decode = build_decoder(model, compare_seq2seq.LENGTH)
        writer = compare_seq2seq.build_writer(decode, vocabularies)
        found = compare_seq2seq.score(count_bleu(writer(sources), references))
        print(f"{name}: {model.count_params():,d} parameters, {progress}, {found}", flush=True)
        if name not in systems or found["bleu"] > systems[name]["validation"]["bleu"]:
            writers[name] = writer
            systems[name] = progress | {"parameters": model.count_params(), "validation": found}
        return found["bleu"]

    def build() -> keras.Model:
        return build_transformer(*sizes, dropout=settings["dropout"], **SIZES)

    steps = settings["steps"]["Transformer"]
    for rate in TRIALS:
        path = compare_seq2seq.name_file("phrasebook", steps, "Transformer", rate)
        trial = settings | {"learning_rate": rate}
        model, progress = compare_seq2seq.train(path, build, train_ids, trial, steps)
        bleu = add("Transformer", model, progress | {"learning_rate": rate}, build_prefix_decoder)
        trials.append({"learning_rate": rate, "bleu": bleu, "epochs": progress["epochs"]})
    if arguments.trial:
        return
    for kind, name in RECURRENT.items():
        trained = compare_seq2seq.train_recurrent(
            kind, "phrasebook", vocabularies, train_ids, settings
        )
        add(name, *trained, build_greedy_decoder)

    for split in (name for name in splits if name.startswith("test")):
        sources, references = group_references(splits[split])
        counts = {}
        for name, write in writers.items():
            begin = time.process_time()
            written = write(sources)
            speed = len(sources) / (time.process_time() - begin)
            counts[name] = found = count_bleu(written, references)
            systems[name][split] = compare_seq2seq.score(found) | {"sentences_a_cpu_second": speed}
            rows = compare_seq2seq.score_by_length(found, sources, split, "phrasebook")
            systems[name].setdefault("by_length", []).extend(rows)
        for name in RECURRENT.values():
            gain, interval = compare_seq2seq.score_gain(counts["Transformer"], counts[name])
            systems[name][split] |= {"transformer_gains": gain, "gain_interval": interval}
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
        baseline=systems[RECURRENT["dot"]]["test"]["bleu"],
        baseline_name="LSTM with attention at equal parameters and cost",
        runs="1 seed",
        training_cpu_seconds=round(max(found["cpu_seconds"] for found in systems.values())),
        trials=trials,
        systems=systems,
    )


if __name__ == "__main__":
    main()
