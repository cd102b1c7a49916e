"""Run every notebook and end with one table of results: `python -m tools.run_course [NN]`.

Each notebook runs in a fresh kernel; what it shows goes to build/notebooks/, the result it
records to build/results/. The committed notebooks and results stay as they are.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from tools.refresh import ROOT, NotebookError, find_notebooks, run_cells, write_notebook
from utils.results import passes_floor

TIMEOUT = 1200  # seconds for one notebook; on two quiet cores it takes at most 180
HEADER = ("notebook", "metric", "value", "floor", "baseline", "seconds", "memory", "")


@dataclass
class Outcome:
    """What came of one notebook."""

    notebook: str
    result: dict
    seconds: float = 0.0
    memory: float = 0.0  # bytes, the kernel and its children together, at the highest
    failure: str = ""  # empty: it ran and reached its floor


def run_notebook(path: Path, root: Path = ROOT, timeout: float = TIMEOUT) -> Outcome:
    """Run one notebook into build/ and judge the result that it records.

    It fails if it does not run to its end, if it records no result (00 need not), or if the
    result misses its floor. Results of earlier runs do not count.

    Args:
        path: the committed notebook.
        root: the course folder.
        timeout: seconds for the whole notebook.
    """
    number = path.stem.split("_")[0]
    build = root / "build" / "notebooks" / path.name
    record = root / "build" / "results" / f"{number}.json"
    for folder in (build.parent, record.parent):
        folder.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    outcome = Outcome(path.stem, {})
    start = time.monotonic()
    try:
        notebook = nbformat.read(path, as_version=4)
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: write_notebook(notebook, build))
            run_cells(
                notebook,
                build.parent,
                environment={"COURSE_RESULTS": str(record.parent)},
                timeout=timeout,
                on_start=lambda pid: stack.enter_context(watch_memory(pid, outcome)),
                on_cell=show_progress,
            )
        outcome.result, outcome.failure = judge(record, needed=number != "00")
    except NotebookError as error:
        outcome.failure = str(error)
    except Exception as error:  # whatever it is: the other notebooks shall run
        outcome.failure = f"{type(error).__name__}: {error}"
    outcome.seconds = time.monotonic() - start
    return outcome


def judge(record: Path, *, needed: bool) -> tuple[dict, str]:
    """Return a recorded result, and why it is not good enough (empty if it is)."""
    if not record.exists():
        return {}, f"it recorded no result {record.name}" if needed else ""
    result = json.loads(record.read_text(encoding="utf8"))
    missing = {"metric", "value", "floor", "baseline", "better"} - result.keys()
    if missing:
        return result, f"its result has no {', '.join(sorted(missing))}"
    if not passes_floor(result):
        return result, f"{result['value']:.4g} misses the floor {result['floor']:.4g}"
    return result, ""


@contextlib.contextmanager
def watch_memory(pid: int, outcome: Outcome) -> Iterator[None]:
    """Keep in `outcome` the most memory that a process and its children hold, 5 looks a second."""
    done = threading.Event()

    def watch() -> None:
        while True:
            outcome.memory = max(outcome.memory, measure_tree(pid))
            if done.wait(0.2):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def measure_tree(pid: int) -> int:
    """Return the resident memory of a process and its children in bytes; 0 if it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def show_progress(done: int, total: int) -> None:
    """Show on a terminal how far the running notebook is."""
    if sys.stdout.isatty():
        print(f"\r  cell {done + 1} of {total} ", end="", flush=True)


def make_table(outcomes: list[Outcome]) -> str:
    """Return the table that a run of the course ends with."""
    rows = [HEADER]
    for outcome in outcomes:
        numbers = (outcome.result.get(key) for key in ("value", "floor", "baseline"))
        verdict = "ok" if not outcome.failure else f"failed: {outcome.failure.splitlines()[0]:.60}"
        rows.append(
            (
                outcome.notebook,
                str(outcome.result.get("metric", "-")),
                *("-" if number is None else f"{number:.3f}" for number in numbers),
                f"{outcome.seconds:.0f}",
                f"{outcome.memory / 1e9:.1f} GB",
                verdict,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])


def run_course(number: str = "", root: Path = ROOT, timeout: float = TIMEOUT) -> int:
    """Run the notebooks of one number, or all, and print the table.

    Args:
        number: for example `"01"`; empty for all.
        root: the course folder.
        timeout: seconds for each notebook.

    Returns:
        The exit code: 0 if all is well, 1 if a notebook failed, 2 if there is none to run.
    """
    try:
        paths = find_notebooks(number, root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not paths:
        print(f"there are no notebooks in {root / 'notebooks'}", file=sys.stderr)
        return 2
    outcomes = []
    for index, path in enumerate(paths, 1):
        print(f"[{index}/{len(paths)}] {path.stem}", flush=True)
        outcome = run_notebook(path, root, timeout)
        outcomes.append(outcome)
        end = f"failed: {outcome.failure}" if outcome.failure else "ok"
        print(f"\r  {outcome.seconds:.0f} s, {end}", flush=True)
    print(f"\n{make_table(outcomes)}", flush=True)
    return int(any(outcome.failure for outcome in outcomes))


if __name__ == "__main__":
    try:
        sys.exit(run_course(*sys.argv[1:2]))
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; run it again at any time")
