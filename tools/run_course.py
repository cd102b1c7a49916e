"""Run every notebook and end with one table of results: `python -m tools.run_course [NN ...]`.

Each notebook runs in a fresh kernel; what it shows goes to build/notebooks/, the result it
records to build/results/. The committed notebooks and results stay as they are. What ran to its
end and reached its floor is kept, and runs again only if something changed that it follows
from, or if it is named.
"""

import contextlib
import hashlib
import importlib.metadata
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
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tools import refresh
from tools.refresh import ROOT, TIMEOUT, NotebookError
from utils.results import passes_floor, write_json, write_whole
from utils.runtime import describe_machine

HEADER = ("notebook", "metric", "value", "floor", "baseline", "seconds", "CPU-s", "memory", "")
# For a lesson: CPU-seconds on the ledger's machine on average and at most, GB of memory.
BUDGET_AVERAGE, BUDGET_MOST, BUDGET_MEMORY = 70, 140, 3
BUDGET_LARGE = {"06": 4}  # GB, where a model of 135 million parameters runs
MARGIN = 0.3  # GB that shall stay free beside a notebook
SETTINGS = ("KERAS_", "TF_", "XLA_", "ONEDNN_", "DNNL_", "OMP_")  # variables that move numbers


@dataclass
class Outcome:
    """What came of one notebook."""

    notebook: str
    result: dict = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the kernel and its children
    memory: float = 0.0  # bytes, the kernel and its children together, at the highest
    verdict: str = "ok"  # or "kept", "skipped", "failed"
    reason: str = ""  # follows the verdict "skipped" or "failed"

    number = property(lambda self: self.notebook[:2])  # for example "01"

    def __str__(self) -> str:
        """Verdict and reason as they stand in a row."""
        between = ": " if self.verdict == "skipped" else " "
        return f"{self.verdict}{between}{self.reason}".strip()


def run_notebook(
    path: Path, root: Path, *, build: Path | None = None, folder: Path | None = None, **env: str
) -> Outcome:
    """Run one notebook, keep what it shows and records, and judge its result.

    It fails if it does not run to its end, if it records no result (00 need not), or if the
    result misses its floor. Results of earlier runs do not count.

    Args:
        path: the committed notebook, which stays as it is.
        root: the course folder.
        build: where outputs and results go, by default build/.
        folder: the working directory, by default that of the outputs.
        env: further variables of the kernel.
    """
    outcome, start, failure = Outcome(path.stem), time.monotonic(), ""
    shown, log, record, stamp = made = locate(path, build or root / "build")
    try:
        for old in made:
            old.unlink(missing_ok=True)
        shown.parent.mkdir(parents=True, exist_ok=True)
        before = compute_fingerprint(path, root)
        notebook = refresh.read_notebook(path)
        with tempfile.TemporaryDirectory() as staged:
            place, env = folder or shown.parent, {"COURSE_RESULTS": staged, **env}
            try:
                with watch(outcome):
                    refresh.run_cells(notebook, place, environment=env, timeout=TIMEOUT)
            except NotebookError:
                refresh.write_notebook(notebook, shown)
                raise
            refresh.write_notebook(notebook, shown)
            refresh.publish_results(staged, record.parent)
        outcome.result = read_json(record)
        judge(outcome)
    except NotebookError as error:
        failure = str(error)
    except OSError as error:  # the disk is full, a file is locked
        failure = f"in its files: {error}"
    outcome.seconds = time.monotonic() - start
    if failure:
        outcome.verdict, outcome.reason = "failed", failure.splitlines()[0]
    with contextlib.suppress(OSError):
        if "\n" in failure:
            outcome.reason += f"; more: {log.relative_to(root).as_posix()}"
            write_whole(log, f"{failure}\n")
        elif not failure:
            write_json(stamp, {"fingerprint": before, "outcome": asdict(outcome)})
    return outcome


def locate(path: Path, build: Path) -> list[Path]:
    """Return where a run leaves outputs, traceback, result, and the mark that it can be kept."""
    names = [f"notebooks/{path.name}", f"notebooks/{path.name[:2]}.log"]
    names += [f"results/{path.name[:2]}.json", f"results/{path.name[:2]}.kept"]
    return [build / name for name in names]


def judge(outcome: Outcome) -> None:
    """Raise `NotebookError` if a result is missing or misses its floor."""
    if not outcome.result and outcome.number != "00":
        raise NotebookError(f"at its end: it recorded no result {outcome.number}.json")
    if outcome.result and not passes_floor(outcome.result):
        value, floor = (f"{outcome.result[key]:.4g}" for key in ("value", "floor"))
        name = outcome.result["metric"]
        raise NotebookError(f"at its end: {name} {value} misses the floor {floor}")


def load_kept(path: Path, root: Path = ROOT) -> Outcome | None:
    """Return what came of an earlier run, if nothing changed since that it follows from."""
    shown, _, record, stamp = locate(path, root / "build")
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
    """Return a hash of all that a result follows from: files, packages, machine, variables."""
    files = [path, Path(__file__), Path(refresh.__file__)]
    files += root.glob("requirements*")
    files += [p for name in ("utils", "data") for p in (root / name).rglob("*")]
    parts = [platform.python_version(), describe_machine(), str(count_processors())]
    parts += sorted(f"{each.name} {each.version}" for each in importlib.metadata.distributions())
    parts += sorted(f"{k}={value}" for k, value in os.environ.items() if k.startswith(SETTINGS))
    for file in sorted(file for file in files if file.is_file() and file.suffix != ".pyc"):
        parts += [os.path.relpath(file, root), hashlib.sha256(file.read_bytes()).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def count_processors() -> int:
    """Return how many processors this process may use."""
    process = psutil.Process()  # macOS has no affinity
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count()


def find_shortage(path: Path, root: Path) -> str:
    """Return what a notebook lacks of memory, by its result in the ledger; `""` if nothing."""
    needed = read_past(path, root).get("peak_memory_gb", -MARGIN) + MARGIN
    free = psutil.virtual_memory().available / 1e9
    said = f"needs {needed:.1f} GB, {free:.1f} GB are free; close other programs"
    return "" if free >= needed else said


@contextlib.contextmanager
def watch(outcome: Outcome) -> Iterator[None]:
    """Measure what this process starts 5 times a second; show the seconds on a terminal."""
    done, start = threading.Event(), time.monotonic()

    def look() -> None:
        while not done.wait(0.2):
            cpu_seconds, memory = 0.0, 0
            for each in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    cpu_seconds += sum(each.cpu_times()[:4])  # its own, its ended children's
                    memory += each.memory_info().rss
            outcome.cpu_seconds = max(outcome.cpu_seconds, cpu_seconds)
            outcome.memory = max(outcome.memory, memory)
            if sys.stdout.isatty():
                print(f"  {time.monotonic() - start:.0f} s", end="\r", flush=True)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


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


def estimate_seconds(paths: Sequence[Path], factor: float, root: Path = ROOT) -> float:
    """Return about how many seconds notebooks take here, from the ledger's measured times."""
    pasts = [read_past(path, root) for path in paths]
    pairs = [(past.get("seconds", 0), past.get("cpu_seconds", 0)) for past in pasts]
    return factor * sum(max(seconds, cpu / count_processors()) for seconds, cpu in pairs)


def make_table(outcomes: Collection[Outcome]) -> str:
    """Return the table that a run of the course ends with."""
    rows = [HEADER]
    for each in outcomes:
        numbers = (each.result.get(key) for key in ("value", "floor", "baseline"))
        used = f"{each.seconds:.0f}", f"{each.cpu_seconds:.0f}", f"{each.memory / 1e9:.1f} GB"
        row = [each.notebook, str(each.result.get("metric", "-"))]
        row += ["-" if number is None else f"{number:.3f}" for number in numbers]
        rows.append([*row, *("---" if each.verdict == "skipped" else used), str(each)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths[:-1]), *lines[1:]])


def describe_cost(outcomes: Collection[Outcome], factor: float) -> str:
    """Return the cost of the lessons that ran to their end, beside the budget of this machine."""
    done = [each for each in outcomes if each.verdict in ("ok", "kept") and each.number != "00"]
    total, most = sum(each.cpu_seconds for each in done), BUDGET_MOST * factor
    lines = [
        f"CPU-seconds of {len(done)} lessons: {total:,.0f}, {total / max(1, len(done)):.0f} on "
        f"average; budget here: {BUDGET_AVERAGE * factor:.0f} on average, {most:.0f} at most, "
        f"{BUDGET_MEMORY} GB",
        f"(on the ledger's machine {BUDGET_AVERAGE} and {BUDGET_MOST})",
    ]
    for each in done:
        number, cpu_seconds, memory = each.number, each.cpu_seconds, each.memory / 1e9
        if cpu_seconds > most or memory > BUDGET_LARGE.get(number, BUDGET_MEMORY):
            lines.append(f"above the budget: {number} ({cpu_seconds:.0f}, {memory:.1f} GB)")
    return "\n".join(lines)


def run_course(numbers: Sequence[str] = (), root: Path = ROOT) -> int:
    """Run the notebooks of these numbers, or all whose result is not kept; print the table.

    Returns:
        The exit code: 1 if a notebook failed, 2 if there is none to run.
    """
    try:
        paths = [path for n in numbers or [""] for path in refresh.find_notebooks(n, root)]
        if not paths:
            raise ValueError(f"there are no notebooks in {root / 'notebooks'}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = {path: None if numbers else load_kept(path, root) for path in paths}
    missing = [path for path, outcome in outcomes.items() if outcome is None]
    factor = compare_machine() if missing else 1.0
    minutes = math.ceil(estimate_seconds(missing, factor, root) / 60)
    kept = len(outcomes) - len(missing)
    print(f"{len(missing)} to run, about {minutes} min; {kept} kept", flush=True)
    for index, path in enumerate(missing, 1):
        print(f"[{index}/{len(missing)}] {path.stem}", flush=True)
        shortage = find_shortage(path, root)
        skipped = Outcome(path.stem, verdict="skipped", reason=shortage)
        outcomes[path] = outcome = skipped if shortage else run_notebook(path, root)
        if outcome.verdict == "failed":
            outcome.reason += f"; alone: python course.py run {outcome.number}"
        print(f"  {outcome.seconds:.0f} s, {outcome.cpu_seconds:.0f} CPU-seconds, {outcome}")
    print(f"\n{make_table(outcomes.values())}\n\n{describe_cost(outcomes.values(), factor)}")
    if kept:
        print("kept: nothing changed since; name a notebook, or delete build/results, to run it")
    counts = Counter(outcome.verdict for outcome in outcomes.values())
    names = [name for name in ("ok", "kept", "skipped", "failed") if name != "kept" or kept]
    print(", ".join(f"{counts[name]} {name}" for name in names), flush=True)
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    try:
        sys.exit(run_course(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; what ran to its end is kept, run it again for the rest")
        sys.exit(130)
