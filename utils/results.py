"""The results ledger: every number that the course quotes, with how it was got.

One JSON file per result. `data/results/` holds the committed ones, from which README's
and notebook 00's tables and every marked number in prose are generated (`make sync`).
"""

import datetime
import json
import math
import os
from pathlib import Path

from utils.data import ROOT, list_unverified
from utils.runtime import describe_machine, list_versions, measure_usage

LEDGER = ROOT / "data" / "results"


def record_result(
    name: str,
    *,
    notebook: str,
    model: str,
    metric: str,
    value: float,
    floor: float,
    baseline: float,
    baseline_name: str,
    dataset: str,
    runs: str = "1 run",
    better: str = "higher",
    **more,
) -> dict:
    """Write one headline result as JSON to `COURSE_RESULTS` (default `build/results/`).

    Args:
        name: file name without ending; the notebook's own headline is named after its
            number, for example `"01"`.
        notebook: number of the notebook that the result belongs to.
        model: what was trained, in a few words.
        metric: what `value` measures, for example `"test accuracy"`.
        value: the result.
        floor: the bar that `value` must reach.
        baseline: the same metric for an honest simple method.
        baseline_name: what that method is.
        dataset: name in the data registry.
        runs: what `value` comes from, for example `"5 folds"`.
        better: `"higher"` or `"lower"`.
        more: further facts: `values`, `std`, `interval`, ...

    Returns:
        What was written.

    Raises:
        ValueError: a number is not finite, or `better` is neither word.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better must be 'higher' or 'lower', not {better!r}")
    for key, number in {"value": value, "floor": floor, "baseline": baseline}.items():
        if not math.isfinite(number):
            raise ValueError(f"{key} of result {name!r} is {number}: not a finite number")
    usage = {key: round(number, 2) for key, number in measure_usage().items()}
    result = {
        "notebook": notebook,
        "model": model,
        "dataset": dataset,
        "metric": metric,
        "value": float(value),
        "floor": float(floor),
        "baseline": float(baseline),
        "baseline_name": baseline_name,
        "better": better,
        "runs": runs,
        **usage,
        **more,
        "unverified_data": list_unverified(),
        "versions": list_versions("tensorflow", "keras", "numpy"),
        "machine": describe_machine(),
        "date": datetime.date.today().isoformat(),
    }
    folder = Path(os.environ.get("COURSE_RESULTS") or ROOT / "build" / "results")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.json.part"
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")
    os.replace(part, folder / f"{name}.json")
    return result


def load_results(folder: Path = LEDGER) -> dict[str, dict]:
    """Read every result of a folder, by name."""
    paths = sorted(Path(folder).glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf8")) for path in paths}


def passes_floor(result: dict) -> bool:
    """Return whether a result reaches its floor, or has none.

    Example:
        >>> passes_floor({"value": 2.4, "floor": 2.45, "better": "lower"})
        True
    """
    if result.get("floor") is None:
        return True
    if result["better"] == "lower":
        return result["value"] <= result["floor"]
    return result["value"] >= result["floor"]
