"""The results ledger: every number that the course quotes, with how it was got.

One JSON file per result. `data/results/` holds the committed ones, from which README's
and notebook 00's tables and every marked number in prose are generated (`make sync`).
"""

import datetime
import json
import math
import os
import statistics
import tempfile
from pathlib import Path

from utils.runtime import ROOT, describe_machine, list_versions, measure_usage

LEDGER = ROOT / "data" / "results"
SPREAD = LEDGER / "spread"  # headline results of further runs: other seeds, other processors


def record_result(
    name: str,
    *,
    notebook: str,
    model: str,
    metric: str,
    value: float,
    baseline: float,
    baseline_name: str,
    dataset: str,
    runs: str = "1 run",
    better: str = "higher",
    trivial: float | None = None,
    values: list[float] | None = None,
    **more,
) -> dict:
    """Write one headline result as JSON to `COURSE_RESULTS` (default `build/results/`); return it.

    Where that folder cannot be written to, it says so, and the lesson goes on. `floor` is what a
    run must reach (`compute_floor`), from the runs in `data/results/spread/` if there are some of
    this name, else from `values`. Raises ValueError if a number is not finite.

    Args:
        name: of the file; a notebook's own headline has its number, for example `"01"`.
        notebook: number of the notebook that the result belongs to.
        model: what was trained, in a few words.
        metric: what `value` measures, for example `"test accuracy"`.
        baseline: the same metric for an honest simple method, which `baseline_name` names.
        dataset: name in the data registry.
        runs: what `value` comes from, for example `"5 folds"`.
        better: `"higher"` or `"lower"`.
        trivial: the same metric for an answer that needs no learning, such as the text copied.
        values: the result of each seed or fold, where `value` is their mean.
        more: further facts: `std`, `interval`, `trivial_name`, ...
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better must be 'higher' or 'lower', not {better!r}")
    for key, number in {"value": value, "baseline": baseline, "trivial": trivial}.items():
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{key} of result {name!r} is {number}: not a finite number")
    usage = {key: round(number, 2) for key, number in measure_usage().items()}
    floor = compute_floor(load_spread(name) or values or [], better=better, trivial=trivial)
    result = {"notebook": notebook, "model": model, "dataset": dataset, "metric": metric}
    result |= {"value": float(value), "floor": floor}
    result |= {
        "trivial": None if trivial is None else float(trivial),
        "baseline": float(baseline),
        "baseline_name": baseline_name,
        "better": better,
        "runs": runs,
        **usage,
        **({"values": values} if values else {}),
        **more,
        "versions": list_versions("tensorflow", "keras", "numpy"),
        "machine": describe_machine(),
        "date": datetime.date.today().isoformat(),
    }
    folder = Path(os.environ.get("COURSE_RESULTS") or ROOT / "build" / "results")
    try:
        write_json(folder / f"{name}.json", result)
    except OSError as error:
        lost = f"result {name!r}, {metric} {value:.4f}, cannot be saved in {folder}"
        way_out = "Let COURSE_RESULTS name a folder you may write to."
        print(f"NOTE: {lost} ({error.strerror or error}). {way_out}")
    return result


def write_json(path: Path, content: dict | list) -> None:
    """Write a JSON file, whole or not at all."""
    write_whole(path, json.dumps(content, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as part:
        Path(part, path.name).write_text(text, encoding="utf8", newline="\n")
        os.replace(Path(part, path.name), path)


def compute_floor(values: list[float], *, better="higher", trivial=None) -> float | None:
    """Return what a run must reach: the mean of other seeds and processors less 3 deviations.

    Where less is better, plus. A standard deviation below 0.4 % of the mean counts as 0.4 %:
    processors round differently, also where nothing is drawn at random. The floor is never worse
    than the trivial answer, and with fewer than three values it is the trivial answer.

    Example:
        >>> round(compute_floor([0.80, 0.82, 0.81], trivial=0.5), 2)
        0.78
        >>> compute_floor([0.80], trivial=0.5)
        0.5
    """
    if len(values) < 3:
        return trivial
    mean = statistics.mean(values)
    margin = 3 * max(statistics.stdev(values), 0.004 * abs(mean))
    if better == "lower":
        return mean + margin if trivial is None else min(mean + margin, trivial)
    return mean - margin if trivial is None else max(mean - margin, trivial)


def load_spread(name: str) -> list[float]:
    """Return the results of the runs that `benchmarks/spread.py` made of a notebook, if any."""
    path = SPREAD / f"{name}.json"
    runs = json.loads(path.read_text(encoding="utf8")) if path.exists() else []
    return [run["value"] for run in runs]


def load_results(folder: Path = LEDGER) -> dict[str, dict]:
    """Read every result of a folder, by name."""
    paths = sorted(Path(folder).glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf8")) for path in paths}


def passes_floor(result: dict) -> bool:
    """Return whether a result reaches its floor, if it has one."""
    if result.get("floor") is None:
        return True
    if result["better"] == "lower":
        return result["value"] <= result["floor"]
    return result["value"] >= result["floor"]
