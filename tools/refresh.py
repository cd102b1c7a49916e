"""Run notebooks in place and store their outputs and results: `python -m tools.refresh [NN]`.

What does not change from run to run is stored byte for byte the same, so that `git diff`
shows what really changed. A notebook that fails stays as it was, and so do its results.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync

from utils.results import write_whole

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 3600  # seconds for one cell; only there to end one that hangs
KEPT_CELL_METADATA = ("alt", "jupyter", "reason", "small", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(Exception):
    """A notebook did not run to its end: section, cell (from 1), reason; then the traceback."""


def find_notebooks(number: str = "", root: Path = ROOT, *, solutions: bool = False) -> list[Path]:
    """Return the notebook of a number, or all, in order; on request their solutions after them.

    Raises:
        ValueError: no notebook has this number; the message lists the known ones.
    """
    paths = sorted(root.glob("notebooks/*.ipynb"))
    chosen = [path for path in paths if number in ("", path.name[:2])]
    if not chosen:
        known = ", ".join(path.name[:2] for path in paths) or "none"
        raise ValueError(f"no notebook has the number {number!r}; known numbers: {known}")
    twins = [path.parent / "solutions" / path.name for path in chosen if solutions]
    return chosen + [path for path in twins if path.exists()]


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook; raise `NotebookError` if the file is none."""
    try:
        return nbformat.read(path, as_version=4)
    # What nbformat raises on JSON that is no notebook, and on what is no JSON.
    except (nbformat.ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"before its first cell: the file is no notebook: {type(error).__name__}"
        raise NotebookError(f"{reason}\n{error}") from None


def run_cells(
    notebook: nbformat.NotebookNode,
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Run every cell in a fresh kernel; the outputs replace those in `notebook`.

    Args:
        notebook: changed in place, also where it fails: the outputs up to the failing cell.
        folder: the working directory of the kernel.
        environment: variables to set for the kernel, beside those of this process.
        timeout: seconds for one cell.

    Raises:
        NotebookError: a cell fails, the time is up, the kernel does not start or dies.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        startup_timeout=600,
        iopub_timeout=60,  # for the last outputs of a cell
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        shutdown_kernel="immediate",
    )
    client.log.disabled = True  # its messages say less than NotebookError
    silence = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)  # cells print by messages
    where, section, reason = "before its first cell", "", ""
    try:
        with client.setup_kernel(cwd=str(folder), env=os.environ | (environment or {}), **silence):
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type == "markdown":
                    headings = re.findall(r"^## +(.+?) *#*$", cell.source, re.M)
                    section = f'"{headings[-1]}", ' if headings else section
                where = f"in {section}cell {index + 1}"
                try:
                    client.execute_cell(cell, index)
                except CellExecutionError as error:
                    reason = explain(client, cell, error)
                    break
    except CellTimeoutError:
        reason = f"still running after {timeout:.0f} seconds"
    except DeadKernelError:
        reason = "the kernel died while running it (out of memory?)"
    except (NoSuchKernel, OSError, RuntimeError) as error:
        reason = f"the kernel did not start: {flatten(error)}"
    if reason:
        raise NotebookError(f"{where}: {reason}")


def flatten(message: object) -> str:
    """Return a message as one line, cut if it is long."""
    return f"{' '.join(str(message).split()):.300}"


def explain(client: NotebookClient, cell: nbformat.NotebookNode, error: CellExecutionError) -> str:
    """Return why a cell failed: of an assertion the claim and the values that it compares.

    For example `"value >= floor is false: value = 12.2, floor = 25.1 (too low)"`; the traceback
    follows.
    """
    trace = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)  # without its colours
    arrow = re.search(r"^-+> *(\d+) ", trace, re.M)  # the first one is in the cell itself
    line = int(arrow[1]) if arrow and error.ename == "AssertionError" else 0
    nodes = ast.walk(ast.parse(cell.source)) if line else []
    asserts = [node for node in nodes if isinstance(node, ast.Assert)]
    claims = [node.test for node in asserts if node.lineno <= line <= node.end_lineno]
    if not claims:
        return f"{error.ename}: {flatten(error.evalue)}\n{trace}"
    parts = getattr(claims[0], "values", claims)  # of `and`
    sides = [[p.left, *p.comparators] for p in parts if isinstance(p, ast.Compare)]
    names = [ast.unparse(s) for each in sides for s in each if not isinstance(s, ast.Constant)]
    ask, questions = run_sync(client.kc.execute_interactive), {n: f"str({n})" for n in names}
    answers = ask("", silent=True, user_expressions=questions, timeout=60)["content"]
    values = [
        f"{name} = {ast.literal_eval(answer['data']['text/plain']):.60}"
        for name, answer in answers["user_expressions"].items()
        if answer["status"] == "ok"
    ]
    said = f"{ast.unparse(claims[0])} is false: {', '.join(values)}".removesuffix(": ")
    return f"{flatten(said)} ({flatten(error.evalue)})".removesuffix(" ()") + f"\n{trace}"


def write_notebook(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Validate and write a notebook; an interruption leaves the old file whole."""
    nbformat.validate(notebook)
    write_whole(path, nbformat.writes(notebook) + "\n")


def publish_results(staged: str, folder: Path) -> None:
    """Copy the results that a notebook has recorded from one folder to another."""
    for result in sorted(Path(staged).glob("*.json")):
        write_whole(folder / result.name, result.read_text(encoding="utf8"))


def refresh(path: Path, ledger: Path = ROOT / "data" / "results") -> None:
    """Run one notebook in place and move the results that it records into the ledger.

    What editors and kernels leave behind in its metadata is dropped. If it fails, which raises
    `NotebookError`, neither the notebook nor the ledger has changed.
    """
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as staged:
        run_cells(notebook, path.parent, environment={"COURSE_RESULTS": staged})
        notebook.nbformat_minor = 5
        notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
        for cell in notebook.cells:
            kept = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
            cell.metadata = nbformat.from_dict(kept)
        write_notebook(notebook, path)
        publish_results(staged, ledger)


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
            print(f"{path.stem[:2]} failed {error}\nIt was left as it was.", file=sys.stderr)
            return 1
        print(f"  stored in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
