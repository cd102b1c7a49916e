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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tools.refresh import (
    ROOT,
    TIMEOUT,
    NotebookError,
    find_notebooks,
    publish_results,
    read_notebook,
    run_cells,
    write_notebook,
)
from utils.results import passes_floor, write_whole
from utils.runtime import describe_machine

HEADER = ("notebook", "metric", "value", "floor", "baseline", "seconds", "CPU-s", "memory", "")
# For a lesson: CPU-seconds on the ledger's machine on average and at most, GB of memory.
BUDGET_AVERAGE, BUDGET_MOST, BUDGET_MEMORY = 70, 140, 3  # CPU-seconds, CPU-seconds, GB
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

    @property
    def number(self) -> str:
        """The number of the notebook, for example `"01"`."""
        return self.notebook.split("_")[0]


def run_notebook(
    path: Path, root: Path = ROOT, timeout: float = TIMEOUT, title: str = ""
) -> Outcome:
    """Run one notebook into build/ and judge the result that it records.

    It fails if it does not run to its end, if it records no result (00 need not), or if the
    result misses its floor. Results of earlier runs do not count.

    Args:
        path: the committed notebook.
        root: the course folder.
        timeout: seconds for the whole notebook.
        title: shown on a terminal with the seconds that have passed.
    """
    outcome = Outcome(path.stem)
    number, build = outcome.number, root / "build" / "notebooks"
    log, results = build / f"{number}.log", root / "build" / "results"
    start, failure = time.monotonic(), ""
    try:
        for old in (get_stamp(path, root), results / f"{number}.json", build / path.name, log):
            old.unlink(missing_ok=True)
        build.mkdir(parents=True, exist_ok=True)
        before = compute_fingerprint(path, root)
        notebook = read_notebook(path)
        with tempfile.TemporaryDirectory() as staged, contextlib.ExitStack() as stack:
            try:
                run_cells(
                    notebook,
                    build,
                    environment={"COURSE_RESULTS": staged},
                    timeout=timeout,
                    on_start=lambda pid: stack.enter_context(watch(pid, outcome, title)),
                )
            except NotebookError as error:
                failure = str(error)
            write_notebook(notebook, build / path.name)
            if not failure:
                record = Path(staged) / f"{number}.json"
                outcome.result, failure = judge(record, needed=number != "00")
                publish_results(staged, results)
    except (NotebookError, OSError) as error:  # no notebook; the disk is full, a file is locked
        failure = str(error) if isinstance(error, NotebookError) else f"in its files: {error}"
    outcome.seconds = time.monotonic() - start
    if failure:
        outcome.verdict = "failed"
        outcome.reason = f"{failure.splitlines()[0]}; alone: python course.py run {number}"
        if "\n" in failure:
            outcome.reason += f"; more: {log.relative_to(root).as_posix()}"
            with contextlib.suppress(OSError):
                write_whole(log, f"{failure}\n")
    elif compute_fingerprint(path, root) == before:
        stamp = {"fingerprint": before, "outcome": asdict(outcome)}
        with contextlib.suppress(OSError):
            write_whole(get_stamp(path, root), json.dumps(stamp, indent=1) + "\n")
    return outcome


def judge(record: Path, *, needed: bool) -> tuple[dict, str]:
    """Return a recorded result, and why it is not good enough (empty if it is)."""
    if not record.exists():
        return {}, f"at its end: it recorded no result {record.name}" if needed else ""
    result = json.loads(record.read_text(encoding="utf8"))
    missing = {"metric", "value", "floor", "baseline", "better"} - result.keys()
    if missing:
        return result, f"at its end: its result has no {', '.join(sorted(missing))}"
    if not passes_floor(result):
        value, floor = (f"{result[key]:.4g}" for key in ("value", "floor"))
        return result, f"at its end: {result['metric']} {value} misses the floor {floor}"
    return result, ""


def get_stamp(path: Path, root: Path) -> Path:
    """Return the file which says that the result of a notebook can be kept."""
    return root / "build" / "results" / f"{path.stem.split('_')[0]}.kept"


def load_kept(path: Path, root: Path = ROOT) -> Outcome | None:
    """Return what came of an earlier run, if nothing changed since that it follows from."""
    stamp = read_json(get_stamp(path, root))
    if stamp.get("fingerprint") != compute_fingerprint(path, root):
        return None
    outcome = Outcome(**stamp["outcome"] | {"verdict": "kept"})
    result = read_json(root / "build" / "results" / f"{outcome.number}.json")
    shown = root / "build" / "notebooks" / path.name
    return outcome if result == outcome.result and shown.exists() else None


def read_json(path: Path) -> dict:
    """Return what a JSON file holds; nothing if there is none or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (FileNotFoundError, ValueError):
        return {}


def compute_fingerprint(path: Path, root: Path) -> str:
    """Return a hash of all that a result follows from.

    These are the notebook, `utils`, the data and models of the repository with registry and
    ledger, the locks, the runner, the installed packages, Python, the machine, the number of
    its processors that may be used, and the variables that change how numbers are computed.
    """
    files = [path, Path(__file__), Path(__file__).with_name("refresh.py")]
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


def find_shortage(path: Path, root: Path = ROOT) -> str:
    """Return what a notebook lacks of memory, by its result in the ledger; `""` if nothing."""
    number = path.stem.split("_")[0]
    peak = read_json(root / "data" / "results" / f"{number}.json").get("peak_memory_gb")
    free = psutil.virtual_memory().available / 1e9
    if peak is None or free >= peak + MARGIN:
        return ""
    return f"needs {peak + MARGIN:.1f} GB, {free:.1f} GB are free; close other programs"


@contextlib.contextmanager
def watch(pid: int, outcome: Outcome, title: str = "") -> Iterator[None]:
    """Measure a process and its children 5 times a second; show its seconds on a terminal.

    `outcome` holds the most memory that they had together, and their CPU-seconds.
    """
    done, start = threading.Event(), time.monotonic()

    def look() -> None:
        while True:
            cpu_seconds, memory = measure_tree(pid)
            outcome.cpu_seconds = max(outcome.cpu_seconds, cpu_seconds)
            outcome.memory = max(outcome.memory, memory)
            if title and sys.stdout.isatty():
                print(f"\r{title}  {time.monotonic() - start:.0f} s", end="", flush=True)
            if done.wait(0.2):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def measure_tree(pid: int) -> tuple[float, int]:
    """Return CPU-seconds and resident memory (bytes) of a process and its children, ended ones
    included in the CPU-seconds; 0 if it is gone."""
    cpu_seconds, memory = 0.0, 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                cpu_seconds += times.user + times.system
                cpu_seconds += times.children_user + times.children_system
                memory += each.memory_info().rss
    return cpu_seconds, memory


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
    total = 0.0
    for path in paths:
        past = read_json(root / "data" / "results" / f"{path.stem.split('_')[0]}.json")
        processors = past.get("cpu_seconds", 0) / count_processors()
        total += factor * max(past.get("seconds", 0), processors)
    return total


def make_table(outcomes: Sequence[Outcome]) -> str:
    """Return the table that a run of the course ends with."""
    rows = [HEADER]
    for outcome in outcomes:
        numbers = (outcome.result.get(key) for key in ("value", "floor", "baseline"))
        ran = outcome.verdict != "skipped"
        rows.append(
            (
                outcome.notebook,
                str(outcome.result.get("metric", "-")),
                *("-" if number is None else f"{number:.3f}" for number in numbers),
                f"{outcome.seconds:.0f}" if ran else "-",
                f"{outcome.cpu_seconds:.0f}" if ran else "-",
                f"{outcome.memory / 1e9:.1f} GB" if ran else "-",
                describe(outcome),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths[:-1]), *lines[1:]])


def describe(outcome: Outcome) -> str:
    """Return verdict and reason as they stand in a row."""
    between = ": " if outcome.verdict == "skipped" else " "
    return f"{outcome.verdict}{between}{outcome.reason}".strip()


def describe_cost(outcomes: Sequence[Outcome], factor: float) -> str:
    """Return the cost of the lessons that ran to their end, beside the budget of this machine."""
    done = [each for each in outcomes if each.verdict in ("ok", "kept") and each.number != "00"]
    total = sum(each.cpu_seconds for each in done)
    text = (
        f"CPU-seconds of {len(done)} lessons: {total:,.0f}, {total / max(1, len(done)):.0f} on "
        f"average; budget here: {BUDGET_AVERAGE * factor:.0f} on average, "
        f"{BUDGET_MOST * factor:.0f} at most, {BUDGET_MEMORY} GB\n(on the ledger's machine "
        f"{BUDGET_AVERAGE} and {BUDGET_MOST})"
    )
    above = [
        f"{each.number} ({each.cpu_seconds:.0f}, {each.memory / 1e9:.1f} GB)"
        for each in done
        if each.cpu_seconds > BUDGET_MOST * factor
        or each.memory > 1e9 * BUDGET_LARGE.get(each.number, BUDGET_MEMORY)
    ]
    return f"{text}\nabove the budget: {', '.join(above)}" if above else text


def run_course(numbers: Sequence[str] = (), root: Path = ROOT, timeout: float = TIMEOUT) -> int:
    """Run the notebooks of these numbers, or all whose result is not kept; print the table.

    Args:
        numbers: for example `["01", "05"]`; empty for all.
        root: the course folder.
        timeout: seconds for each notebook.

    Returns:
        The exit code: 0 if nothing failed, 1 if a notebook failed, 2 if there is none to run.
    """
    try:
        paths = [path for number in numbers or [""] for path in find_notebooks(number, root)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not paths:
        print(f"there are no notebooks in {root / 'notebooks'}", file=sys.stderr)
        return 2
    outcomes = {path: None if numbers else load_kept(path, root) for path in paths}
    missing = [path for path, outcome in outcomes.items() if outcome is None]
    factor = compare_machine() if missing else 1.0
    minutes = math.ceil(estimate_seconds(missing, factor, root) / 60)
    kept = len(outcomes) - len(missing)
    print(f"{len(missing)} to run, about {minutes} min; {kept} kept", flush=True)
    for index, path in enumerate(missing, 1):
        title = f"[{index}/{len(missing)}] {path.stem}"
        print(title, end="" if sys.stdout.isatty() else "\n", flush=True)
        shortage = find_shortage(path, root)
        if shortage:
            outcome = Outcome(path.stem, verdict="skipped", reason=shortage)
        else:
            outcome = run_notebook(path, root, timeout, title)
        outcomes[path] = outcome
        start = f"\r{title}" if sys.stdout.isatty() else " "
        used = f"{outcome.seconds:.0f} s, {outcome.cpu_seconds:.0f} CPU-seconds"
        print(f"{start}  {used}, {describe(outcome)}", flush=True)
    print(f"\n{make_table(outcomes.values())}\n\n{describe_cost(outcomes.values(), factor)}")
    if kept:
        print("kept: nothing changed since; name a notebook, or delete build/results, to run it")
    counts = Counter(outcome.verdict for outcome in outcomes.values())
    counts = {name: counts[name] for name in ("ok", "kept", "skipped", "failed")}
    print(", ".join(f"{n} {name}" for name, n in counts.items() if n or name != "kept"), flush=True)
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    try:
        sys.exit(run_course(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; what ran to its end is kept, run it again for the rest")
        sys.exit(130)
