"""Run notebooks in place and store their outputs and results: `python -m tools.refresh [NN]`.

What does not change from run to run is stored byte for byte the same, so that `git diff`
shows what really changed. A notebook that fails stays as it was, and so do its results.
"""

import ast
import inspect
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
TIMEOUT = 3600  # seconds for one notebook; only there to end one that hangs
KEPT_CELL_METADATA = ("alt", "jupyter", "reason", "small", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(RuntimeError):
    """A notebook did not run to its end: section, cell (from 1), reason; then the traceback."""


def find_notebooks(number: str = "", root: Path = ROOT, *, solutions: bool = False) -> list[Path]:
    """Return the notebook of a number, or all, in order; on request their solutions after them.

    Raises:
        ValueError: no notebook has this number; the message lists the known ones.
    """
    paths = sorted(root.glob("notebooks/*.ipynb"))
    chosen = [path for path in paths if number in ("", path.name[:2])]
    if number and not chosen:
        known = ", ".join(path.name[:2] for path in paths) or "none"
        raise ValueError(f"no notebook has the number {number!r}; known numbers: {known}")
    twins = [path.parent / "solutions" / path.name for path in chosen if solutions]
    return chosen + [path for path in twins if path.exists()]


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook.

    Raises:
        NotebookError: the file cannot be read or is no notebook.
    """
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
        timeout: seconds for the whole notebook.

    Raises:
        NotebookError: a cell fails, the time is up, the kernel does not start or dies.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    deadline = time.monotonic() + timeout
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout_func=lambda cell: max(0.1, deadline - time.monotonic()),
        startup_timeout=600,
        iopub_timeout=60,  # for the last outputs of a cell
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        shutdown_kernel="immediate",
    )
    client.log.disabled = True  # its messages say less than NotebookError
    silence = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)  # cells print by messages
    where, section, reason, trace = "before its first cell", "", "", ""
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
                    reason = f"{error.ename}: {flatten(error.evalue)}"
                    if claim := error.ename == "AssertionError" and ask_for_claim(client):
                        reason = f"{claim} ({flatten(error.evalue)})".removesuffix(" ()")
                    trace = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)  # without its colours
                    break
    except CellTimeoutError:
        reason = f"still running when the {timeout:.0f} seconds of the notebook were over"
    except DeadKernelError:
        reason = "the kernel died while running it (out of memory?)"
    except (NoSuchKernel, OSError, RuntimeError) as error:
        reason = f"the kernel did not start: {flatten(error)}"
    if reason:
        raise NotebookError(f"{where}: {reason}\n{trace}".strip())


def flatten(message: object) -> str:
    """Return a message as one line, cut if it is long."""
    return f"{' '.join(str(message).split()):.300}"


def ask_for_claim(client: NotebookClient) -> str:
    """Ask a kernel in which an assertion failed what was claimed; `""` if it does not know."""
    try:
        reply = run_sync(client.kc.execute_interactive)(
            inspect.getsource(explain_assertion),
            silent=True,
            user_expressions={"claim": "explain_assertion()"},
            output_hook=lambda message: None,
            timeout=60,
        )
        return ast.literal_eval(reply["content"]["user_expressions"]["claim"]["data"]["text/plain"])
    except (KeyError, TimeoutError):
        return ""


def explain_assertion() -> str:
    """Say what the assertion that failed last in this process claims; runs in the kernel.

    Returns:
        For example `"value >= floor is false: 12.2 and 25.1"`, without values if they cannot be
        computed a second time.

    Raises:
        IndexError: no `assert` statement failed.
    """
    import ast
    import contextlib
    import linecache
    import sys
    import traceback

    def compute(node: ast.expr) -> object:
        return eval(ast.unparse(node), frame.f_globals | frame.f_locals)

    def show(value: object) -> str:
        if getattr(value, "ndim", None) == 0:  # a number of NumPy, a tensor
            value = float(value)
        return (
            f"{value:.7g}" if isinstance(value, float) else f"{' '.join(repr(value).split()):.60}"
        )

    frame, line = list(traceback.walk_tb(sys.last_traceback))[-1]
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    nodes = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.Assert)]
    claim = [node.test for node in nodes if node.lineno <= line <= node.end_lineno][-1]
    shown = []
    with contextlib.suppress(Exception):
        while isinstance(claim, ast.BoolOp) and isinstance(claim.op, ast.And):
            claim = next(part for part in claim.values if not compute(part))
        if isinstance(claim, ast.Compare):
            shown = [show(compute(part)) for part in (claim.left, *claim.comparators)]
    return f"{ast.unparse(claim):.200} is false: {' and '.join(shown)}".removesuffix(": ")


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

    What editors and kernels leave behind in its metadata is dropped.

    Raises:
        NotebookError: it failed; neither the notebook nor the ledger has changed.
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
