"""Run notebooks in place and store their outputs and results: `python -m tools.refresh [NN]`.

What does not change from run to run is stored byte for byte the same, so that `git diff`
shows what really changed. A notebook that fails stays as it was, and so do its results.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
KEPT_CELL_METADATA = ("alt", "jupyter", "reason", "small", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A notebook did not run to its end; the message names the cell (from 1) and the reason."""


def find_notebooks(number: str = "", root: Path = ROOT, *, solutions: bool = False) -> list[Path]:
    """Return the notebooks, or those whose name begins with a number, in order.

    Args:
        number: for example `"01"`; empty for all.
        root: the course folder.
        solutions: also return the notebooks of solutions, after all others.

    Raises:
        ValueError: no notebook has this number; the message lists the known ones.
    """
    folder = Path(root) / "notebooks"
    paths = sorted(folder.glob("*.ipynb"))
    chosen = [path for path in paths if path.stem == number or path.stem.startswith(f"{number}_")]
    if number and not chosen:
        known = ", ".join(path.stem.split("_")[0] for path in paths) or "none"
        raise ValueError(f"no notebook has the number {number!r}; known numbers: {known}")
    chosen = chosen or paths
    if solutions:
        twins = [path.parent / "solutions" / path.name for path in chosen]
        chosen = chosen + [path for path in twins if path.exists()]
    return chosen


def run_cells(
    notebook: nbformat.NotebookNode,
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    timeout: float = 600,
    on_start: Callable[[int], None] = lambda pid: None,
    on_cell: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run every cell in a fresh kernel; the outputs replace those in `notebook`.

    Args:
        notebook: changed in place, also where it fails: the outputs up to the failing cell.
        folder: the working directory of the kernel.
        environment: variables to set for the kernel, beside those of this process.
        timeout: seconds for the whole notebook.
        on_start: called with the process id of the kernel.
        on_cell: called before each code cell with the number of those done and of all.

    Raises:
        NotebookError: a cell fails, the time is up or the kernel dies.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # ipykernel stops capturing what C++ code prints when it believes that pytest runs it.
    inherited = {key: text for key, text in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    deadline = time.monotonic() + timeout
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout_func=lambda cell: max(0.1, deadline - time.monotonic()),
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    client.log.disabled = True  # its messages say less than NotebookError
    total = sum(is_run(cell) for cell in notebook.cells)
    done = 0
    kernel = {
        "env": inherited | (environment or {}),
        "stdout": subprocess.DEVNULL,  # what the cells print arrives as messages
        "stderr": subprocess.DEVNULL,
    }
    with client.setup_kernel(**kernel):
        on_start(client.km.provisioner.pid)
        for index, cell in enumerate(notebook.cells, 1):
            if not is_run(cell):
                continue
            on_cell(done, total)
            try:
                client.execute_cell(cell, index - 1)
            except CellExecutionError as error:
                trace = COLOURS.sub("", error.traceback).strip()
                raise NotebookError(
                    f"cell {index}: {error.ename}: {error.evalue}\n{trace}"
                ) from None
            except CellTimeoutError:
                reason = f"still running when the {timeout:.0f} seconds of the notebook were over"
                raise NotebookError(f"cell {index}: {reason}") from None
            except DeadKernelError:
                reason = "the kernel died while running it (out of memory?)"
                raise NotebookError(f"cell {index}: {reason}") from None
            done += 1


def is_run(cell: nbformat.NotebookNode) -> bool:
    """Return whether a kernel runs this cell."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Drop what editors and kernels leave behind, in place."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)


def write_notebook(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Validate and write a notebook; an interruption leaves the old file whole."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf8", newline="\n")
    os.replace(part, path)


def refresh(path: Path, ledger: Path = ROOT / "data" / "results", timeout: float = 1800) -> None:
    """Run one notebook in place and move the results that it records into the ledger.

    Raises:
        NotebookError: it failed; neither the notebook nor the ledger has changed.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as staged:
        run_cells(notebook, path.parent, environment={"COURSE_RESULTS": staged}, timeout=timeout)
        normalise(notebook)
        write_notebook(notebook, path)
        ledger.mkdir(parents=True, exist_ok=True)
        for result in sorted(Path(staged).glob("*.json")):
            shutil.move(result, ledger / result.name)


def main(arguments: list[str]) -> int:
    """Refresh the notebooks of these numbers, or all; stop at the first that fails."""
    try:
        paths = [p for n in arguments or [""] for p in find_notebooks(n, solutions=True)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        print(f"{path.relative_to(ROOT)} ...", flush=True)
        start = time.monotonic()
        try:
            refresh(path)
        except NotebookError as error:
            print(f"failed, and left as it was: {error}", file=sys.stderr)
            return 1
        print(f"  stored in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
