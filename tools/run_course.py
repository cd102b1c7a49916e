"""Run every notebook and end with one table of results: `python -m tools.run_course [NN ...]`.

Each notebook runs in a fresh kernel; what it shows goes to build/notebooks/, the result it
records to build/results/. The committed notebooks and results stay as they are. What ran to its
end and reached its floor is kept, and runs again only if something changed that it follows
from, or if it is named.
"""

import hashlib
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tools import refresh
from tools.refresh import ROOT, NotebookError
from utils.results import passes_floor, write_json
from utils.runtime import describe_machine

HEADER = ("notebook", "metric", "value", "floor", "baseline", "seconds", "CPU-s", "GB", "")
SHOWN = {"metric": "", **dict.fromkeys(("value", "floor", "baseline"), ".3f")}  # of a result
SHOWN |= {"cpu_seconds": ".0f", "peak_memory_gb": ".1f"}
# For a lesson: CPU-seconds on the ledger's machine on average and at most, GB of memory.
BUDGET_AVERAGE, BUDGET_MOST, BUDGET_MEMORY = 70, 140, 3
MORE_MEMORY = {"06": 4}  # GB where a model of 135 million parameters runs
MARGIN = 0.3  # GB that shall stay free beside a notebook
SETTINGS = ("KERAS_", "TF_", "XLA_", "ONEDNN_", "DNNL_", "OMP_")  # variables that move numbers


@dataclass
class Outcome:
    """What came of one notebook."""

    notebook: str
    verdict: str = "ok"  # or "kept", "skipped", "failed"
    reason: str = ""  # follows the verdict "skipped" or "failed"
    seconds: float = 0.0
    result: dict = field(default_factory=dict)  # what it recorded

    def __str__(self) -> str:
        """Verdict and reason as they stand in a row."""
        between = ": " if self.verdict == "skipped" else " "
        return f"{self.verdict}{between}{self.reason}".strip()


def run_notebook(path: Path, root: Path) -> Outcome:
    """Run one notebook, keep what it shows and records in build/, and judge its result.

    It fails if it does not run to its end, if it records no result (00 need not), or if the
    result misses its floor. Results of earlier runs do not count.
    """
    outcome, start = Outcome(path.stem), time.monotonic()
    shown, record, stamp = made = locate(path, root)
    try:
        for old in made:
            old.unlink(missing_ok=True)
        before, notebook = compute_fingerprint(path, root), refresh.read_notebook(path)
        shown.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as staged:
            try:
                refresh.run_cells(notebook, shown.parent, environment={"COURSE_RESULTS": staged})
            except NotebookError:
                refresh.write_notebook(notebook, shown)
                raise
            refresh.write_notebook(notebook, shown)
            refresh.publish_results(staged, record.parent)
        outcome.result, outcome.seconds = read_json(record), time.monotonic() - start
        judge(outcome)
        write_json(stamp, {"fingerprint": before, "outcome": asdict(outcome)})
    except (NotebookError, OSError) as error:  # OSError: the disk is full, a file is locked
        reason = str(error) if isinstance(error, NotebookError) else f"in its files: {error}"
        seen = f"; see {shown.relative_to(root).as_posix()}" if shown.exists() else ""
        outcome.verdict, outcome.reason = "failed", reason.splitlines()[0] + seen
    outcome.seconds = time.monotonic() - start
    return outcome


def locate(path: Path, root: Path) -> tuple[Path, Path, Path]:
    """Return where a run leaves outputs, result, and the mark that both can be kept."""
    results, number = root / "build" / "results", path.name[:2]
    shown = root / "build" / "notebooks" / path.name
    return shown, results / f"{number}.json", results / f"{number}.kept"


def judge(outcome: Outcome) -> None:
    """Raise `NotebookError` if a result is missing or misses its floor."""
    if not outcome.result and outcome.notebook[:2] != "00":
        raise NotebookError(f"at its end: it recorded no result {outcome.notebook[:2]}.json")
    if outcome.result and not passes_floor(outcome.result):
        value, floor = (f"{outcome.result[key]:.4g}" for key in ("value", "floor"))
        name = outcome.result["metric"]
        raise NotebookError(f"at its end: {name} {value} misses the floor {floor}")


def load_kept(path: Path, root: Path = ROOT) -> Outcome | None:
    """Return what came of an earlier run, if nothing changed since that it follows from."""
    shown, record, stamp = locate(path, root)
    kept = read_json(stamp)
    if kept.get("fingerprint") != compute_fingerprint(path, root):
        return None
    outcome = Outcome(**kept["outcome"] | {"verdict": "kept"})
    return outcome if read_json(record) == outcome.result and shown.exists() else None


def read_json(path: Path) -> dict:
    """Return what a JSON file holds; nothing if there is none or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (FileNotFoundError, ValueError):
        return {}


def read_past(path: Path, root: Path) -> dict:
    """Return the result of a notebook in the ledger."""
    return read_json(root / "data" / "results" / f"{path.name[:2]}.json")


def compute_fingerprint(path: Path, root: Path) -> str:
    """Return a hash of all that a result follows from: files, Python, machine, variables."""
    files = [path, Path(__file__), Path(refresh.__file__), *root.glob("requirements*")]
    files += [p for name in ("utils", "data") for p in (root / name).rglob("*")]
    parts = [platform.python_version(), describe_machine()]
    parts += sorted(f"{k}={value}" for k, value in os.environ.items() if k.startswith(SETTINGS))
    for file in sorted(file for file in files if file.is_file() and file.suffix != ".pyc"):
        parts += [os.path.relpath(file, root), hashlib.sha256(file.read_bytes()).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_shortage(path: Path, root: Path) -> str:
    """Return what a notebook lacks of memory, by its result in the ledger; `""` if nothing."""
    needed = read_past(path, root).get("peak_memory_gb", -MARGIN) + MARGIN
    free = psutil.virtual_memory().available / 1e9
    said = f"needs {needed:.1f} GB, {free:.1f} GB are free; close other programs"
    return "" if free >= needed else said


def compare_machine() -> float:
    """Print how this machine compares with the ledger's; return the factor, 1 if unknown."""
    command = [sys.executable, "-m", "benchmarks.machine"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf8")
    factor = re.match(r"factor ([\d.]+)", done.stdout)
    if done.returncode or not factor:
        reason = (done.stderr.strip() or "it printed no factor").splitlines()[-1]
        print(f"this machine could not be compared with the ledger's: {reason}", flush=True)
        return 1.0
    print(done.stdout.strip(), flush=True)
    return float(factor[1])


def estimate_minutes(paths: Sequence[Path], factor: float, root: Path) -> int:
    """Return about how many minutes notebooks take here, from the ledger's measured times."""
    pasts = [read_past(path, root) for path in paths]
    pairs = [(past.get("seconds", 0), past.get("cpu_seconds", 0)) for past in pasts]
    process = psutil.Process()  # macOS has no affinity
    cores = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count()
    return math.ceil(factor * sum(max(seconds, cpu / cores) for seconds, cpu in pairs) / 60)


def count_seconds(name: str, done: threading.Event) -> None:
    """Show on a terminal, each second until `done`, how long a notebook has been running."""
    start = time.monotonic()
    while sys.stdout.isatty() and not done.wait(1):
        print(f"  {name}: {time.monotonic() - start:.0f} s", end="\r", flush=True)


def describe_cost(outcomes: Collection[Outcome], factor: float) -> str:
    """Return the cost of the lessons that ran to their end, beside the budget at this factor."""
    done = {each.notebook[:2]: each.result for each in outcomes if each.verdict in ("ok", "kept")}
    used = {n: (r["cpu_seconds"], r["peak_memory_gb"]) for n, r in done.items() if r}
    total, most = sum(cpu for cpu, _ in used.values()), BUDGET_MOST * factor
    said = f"CPU-seconds of {len(used)} lessons: {total:,.0f}, {total / max(1, len(used)):.0f} on "
    said += f"average; budget at factor {factor:.2f}: {BUDGET_AVERAGE * factor:.0f} on average, "
    said += f"{most:.0f} at most, {BUDGET_MEMORY} GB"
    for number, (cpu, memory) in used.items():
        if cpu > most or memory > MORE_MEMORY.get(number, BUDGET_MEMORY):
            said += f"\nabove the budget: {number} ({cpu:.0f}, {memory:.1f} GB)"
    return said


def make_table(outcomes: Collection[Outcome]) -> str:
    """Return the table that a run of the course ends with."""
    rows = [HEADER]
    for each in outcomes:
        result = {key: value for key, value in each.result.items() if value is not None}
        cells = [format(result[key], form) if key in result else "-" for key, form in SHOWN.items()]
        rows.append([each.notebook, *cells[:4], f"{each.seconds:.0f}", *cells[4:], str(each)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths[:-1]), *lines[1:]])


def run_course(numbers: Sequence[str] = (), root: Path = ROOT) -> int:
    """Run the notebooks of these numbers, or all whose result is not kept; print the table.

    Returns:
        The exit code: 1 if a notebook failed, 2 if there is none to run.
    """
    try:
        paths = [path for n in numbers or [""] for path in refresh.find_notebooks(n, root)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = {path: None if numbers else load_kept(path, root) for path in paths}
    missing = [path for path, outcome in outcomes.items() if outcome is None]
    factor = compare_machine() if missing else 1.0
    minutes, kept = estimate_minutes(missing, factor, root), len(outcomes) - len(missing)
    print(f"{len(missing)} to run, about {minutes} min; {kept} kept", flush=True)
    for index, path in enumerate(missing, 1):
        print(f"[{index}/{len(missing)}] {path.stem}", flush=True)
        done = threading.Event()
        clock = threading.Thread(target=count_seconds, args=(path.stem, done), daemon=True)
        clock.start()
        shortage = find_shortage(path, root)
        skipped = Outcome(path.stem, "skipped", shortage)
        outcomes[path] = outcome = skipped if shortage else run_notebook(path, root)
        done.set()
        clock.join()
        if outcome.verdict == "failed":
            outcome.reason += f"; alone: python course.py run {path.name[:2]}"
        print(f"  {path.stem}: {outcome.seconds:.0f} s, {outcome}", flush=True)
    print(f"\n{make_table(outcomes.values())}\n\n{describe_cost(outcomes.values(), factor)}")
    if kept:
        print("kept: nothing changed since; name a notebook, or delete build/results, to run it")
    counts = Counter(outcome.verdict for outcome in outcomes.values())
    print(", ".join(f"{counts[name]} {name}" for name in ("ok", "kept", "skipped", "failed")))
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    try:
        sys.exit(run_course(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; what ran to its end is kept, run it again for the rest")
        sys.exit(130)
