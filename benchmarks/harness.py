"""What the benchmarks share: start and options, parts kept in build/, scores, the ledger."""

import argparse
import json
import os
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from utils import runtime
from utils.metrics import bootstrap_interval
from utils.results import LEDGER, record_result, write_whole
from utils.runtime import ROOT

BUILD, HERE = ROOT / "build", ROOT / "benchmarks"
DESCRIBED = tomllib.loads((HERE / "results.toml").read_text(encoding="utf8"))


def start(*, one_thread: bool = False) -> None:
    """Start as a notebook does; with one thread CPU-seconds hold no waiting."""
    if one_thread:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    runtime.start(seed=42)


def parse(doc: str, *experiments: str, systems: Iterable[str] = ()) -> argparse.Namespace:
    """Read `experiment` (the first if none is named) and `fraction`; add where to write.

    Where there are `systems`, `only` is the one of them that is named, or None: all.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    if experiments:
        parser.add_argument("experiment", nargs="?", default=experiments[0], choices=experiments)
    if systems := [*systems]:
        parser.add_argument("--only", choices=systems)
    parser.add_argument("--fraction", type=float, default=1.0, help="of steps or texts: a trial")
    options = parser.parse_args()
    options.trial = options.fraction < 1
    trials, models = BUILD / "trials", ROOT / "data" / "models"
    options.ledger, options.models = (trials, trials) if options.trial else (LEDGER, models)
    return options


def time_cpu(function: Callable, *arguments, **settings) -> tuple:
    """Call a function; return what it returns, and its CPU-seconds."""
    begin = time.process_time()
    returned = function(*arguments, **settings)
    return returned, time.process_time() - begin


def decay(learning_rate: float, count: int, epochs: int, batch_size: int):
    """Return a learning rate that falls to 0 as a cosine while `count` texts are read."""
    from keras.optimizers.schedules import CosineDecay

    return CosineDecay(learning_rate, epochs * -(-count // batch_size))


def reset_optimizer(model, learning_rate: float) -> None:
    """Let a compiled model begin anew: no moments, no steps; its weights stay."""
    for variable in model.optimizer.variables:
        variable.assign(0 * variable.numpy())
    model.optimizer.learning_rate = learning_rate


def keep_parts(name: str, options: argparse.Namespace, *, commit=False) -> Callable[..., dict]:
    """Return a function that computes a part of a result unless build/`name`.json holds it.

    It takes the name of the part, the function that computes it (it returns a dict) and that
    function's arguments. `cpu_seconds` are added to the part unless it has its own. With `commit`
    the file of a full run is data/results/parts/`name`.json, one line a part, so that another
    machine can go on. Parts that it holds are in `parts`.
    """
    path = BUILD / (f"{name}-{options.fraction:g}.json" if options.trial else f"{name}.json")
    if commit and not options.trial:
        path = LEDGER / "parts" / f"{name}.json"
    parts = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}

    def once(part: str, compute: Callable[..., dict], *arguments) -> dict:
        if part not in parts:
            found, seconds = time_cpu(compute, *arguments)
            parts[part] = {"cpu_seconds": round(seconds, 2)} | found
            lines = [f"{json.dumps(key)}: {json.dumps(parts[key])}" for key in parts]
            write_whole(path, "{" + ",\n".join(lines) + "}\n")
        print(f"{part}: {get_numbers(parts[part])}", flush=True)
        return parts[part]

    once.parts = parts
    once.count_seconds = lambda: sum(part["cpu_seconds"] for part in parts.values())
    return once


def train_in_parts(
    path: Path, build, train_part, finished, *, measure=None, settings=None
) -> tuple:
    """Train a model part by part, or go on from the last part that is kept.

    Model, optimiser and progress are kept in one file after every part, so that a run that was
    interrupted ends with the same weights as one that was not, where all that a part draws
    follows from the number of steps before it.

    Args:
        path: of that file, `.npz`.
        build: returns the compiled model; it sets the seed.
        train_part: trains a model, given the steps so far; returns losses.
        finished: whether the progress is enough.
        measure: returns what the curve gets for model, progress and losses; None: the losses.
        settings: an interrupted run goes on only with the same ones.

    Returns:
        The model, and its progress: `steps`, `cpu_seconds`, `seconds` (of training), `curve`.
    """
    import keras

    model = build()
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    progress = {"steps": 0, "cpu_seconds": 0.0, "seconds": 0.0, "curve": []}
    settings, part = json.dumps(settings), path.with_suffix(".part.npz")
    if path.exists():
        with np.load(path) as kept:
            if str(kept["settings"]) != settings:
                raise SystemExit(f"{path} was begun with {kept['settings']}: move it away")
            for k, variable in enumerate(variables):
                variable.assign(kept[f"arr_{k}"])
            progress = json.loads(str(kept["progress"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    while not finished(progress):
        clock = time.monotonic()
        losses, seconds = time_cpu(train_part, model, progress["steps"])
        progress["steps"] = int(model.optimizer.iterations)
        progress["cpu_seconds"] += seconds
        progress["seconds"] += time.monotonic() - clock
        progress["curve"] += measure(model, progress, losses) if measure else losses
        print(f"{path.stem}, step {progress['steps']}: {progress['curve'][-1]}", flush=True)
        arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
        np.savez(part, *arrays, progress=json.dumps(progress), settings=settings)
        os.replace(part, path)
    return model, progress


def get_numbers(facts: dict) -> dict:
    return {key: round(float(v), 4) for key, v in facts.items() if isinstance(v, (int, float))}


def compare(correct: np.ndarray, baseline: np.ndarray, values: list[float]) -> dict:
    """Return accuracy, its spread over runs or folds, and its gain, with 95 % intervals.

    `correct` holds for each text the share of the runs that answer correctly, `baseline` whether
    the baseline does; `values` are the accuracies of the runs.
    """
    return {
        "value": correct.mean(),
        "baseline": baseline.mean(),
        "values": values,
        "std": float(np.std(values, ddof=1)),
        "interval": bootstrap_interval(correct),
        "gain": float((correct - baseline).mean()),
        "gain_interval": bootstrap_interval(correct - baseline),
    }


def record(name: str, options: argparse.Namespace, **facts) -> dict:
    """Write a result, with what results.toml says of it; print its numbers."""
    os.environ["COURSE_RESULTS"] = str(options.ledger)
    described = {key: value for key, value in DESCRIBED[name].items() if key != "script"}
    result = record_result(name, **described | facts)
    print(f"{name}: {get_numbers(result)}", flush=True)
    return result


def write_card(folder: Path, **facts) -> None:
    """Write the card of a checkpoint: benchmarks/cards/NAME.md, filled in."""
    text = (HERE / "cards" / f"{folder.name}.md").read_text(encoding="utf8")
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.check_output(command, cwd=ROOT, text=True).strip()
    (folder / "README.md").write_text(text.format(commit=commit, **facts), encoding="utf8")
