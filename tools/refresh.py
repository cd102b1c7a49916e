"""Run notebooks in place and store their outputs and results: `python -m tools.refresh [NN]`.

What does not change from run to run is stored byte for byte the same, so that `git diff`
shows what really changed. A notebook that fails stays as it was, and so do its results.
"""

import ast
import contextlib
import inspect
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A notebook did not run to its end.

    The first line of the message goes on after "01 failed": section, cell (from 1), reason. The
    traceback follows, if there is one.
    """


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


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook.

    Raises:
        NotebookError: the file cannot be read or is no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise NotebookError(f"before its first cell: {error}") from None
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
    on_start: Callable[[int], None] = lambda pid: None,
) -> None:
    """Run every cell in a fresh kernel; the outputs replace those in `notebook`.

    Args:
        notebook: changed in place, also where it fails: the outputs up to the failing cell.
        folder: the working directory of the kernel.
        environment: variables to set for the kernel, beside those of this process.
        timeout: seconds for the whole notebook.
        on_start: called with the process id of the kernel.

    Raises:
        NotebookError: a cell fails, the time is up, the kernel does not start or dies.
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
        startup_timeout=600,
        iopub_timeout=60,  # for the last outputs of a cell
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    client.log.disabled = True  # its messages say less than NotebookError
    kernel = {
        "env": inherited | (environment or {}),
        "stdout": subprocess.DEVNULL,  # what the cells print arrives as messages
        "stderr": subprocess.DEVNULL,
    }
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(client.setup_kernel(**kernel))
        except (NoSuchKernel, OSError, RuntimeError) as error:
            reason = f"the kernel did not start: {flatten(error)}"
            raise NotebookError(f"before its first cell: {reason}") from None
        on_start(client.km.provisioner.pid)
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            trace = ""
            try:
                client.execute_cell(cell, index)
                continue
            except CellExecutionError as error:
                claim = ask_for_claim(client) if error.ename == "AssertionError" else ""
                message = flatten(error.evalue)
                if claim:
                    reason = f"{claim} ({message})" if message else claim
                else:
                    reason = f"{error.ename}: {message}"
                trace = COLOURS.sub("", error.traceback).strip()
            except CellTimeoutError:
                reason = f"still running when the {timeout:.0f} seconds of the notebook were over"
            except DeadKernelError:
                reason = "the kernel died while running it (out of memory?)"
            section = find_section(notebook.cells[:index])
            where = f'in "{section}", cell {index + 1}' if section else f"in cell {index + 1}"
            raise NotebookError(f"{where}: {reason}\n{trace}".strip())


def flatten(message: object) -> str:
    """Return a message as one line, cut if it is long."""
    return f"{' '.join(str(message).split()):.300}"


def find_section(cells: list[nbformat.NotebookNode]) -> str:
    """Return the last H2 heading in these cells, `""` if there is none."""
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return (re.findall(r"^## +(.+?) *#*$", text, re.M) or [""])[-1]


def ask_for_claim(client: NotebookClient) -> str:
    """Ask a kernel in which an assertion failed what was claimed, and for the values.

    Returns:
        For example `"value >= floor is false: 12.2 and 25.1"`, without values if they cannot be
        computed a second time; `""` if no `assert` statement failed, or after a minute.
    """
    calls = {f"{key}": f"explain_assertion(evaluate={key})" for key in (True, False)}
    try:
        reply = run_sync(client.kc.execute_interactive)(
            inspect.getsource(explain_assertion),
            silent=True,
            user_expressions=calls,
            output_hook=lambda message: None,
            timeout=60,
        )
    except TimeoutError:
        return ""
    answers = reply["content"].get("user_expressions", {})
    answers = [answers[key] for key in calls if answers.get(key, {}).get("status") == "ok"]
    return next((ast.literal_eval(answer["data"]["text/plain"]) for answer in answers), "")


def explain_assertion(*, evaluate: bool) -> str:
    """Say what the assertion that failed last in this process claims; runs in the kernel.

    Args:
        evaluate: compute the values once more, and name the one comparison that does not hold.

    Raises:
        Exception: whatever the claim raises when it is evaluated, or `StopIteration` if it
            holds the second time.
    """
    import ast
    import linecache
    import numbers
    import sys
    import traceback

    frame, line = list(traceback.walk_tb(sys.last_traceback))[-1]
    tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals)))
    claims = [
        node.test
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.lineno <= line <= node.end_lineno
    ]
    if not claims:
        return ""
    claim, values, names = claims[-1], [], frame.f_globals | frame.f_locals

    def compute(node: ast.expr) -> object:
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "claim", "eval")
        return eval(code, names)

    def show(value: object, digits: int) -> str:
        if getattr(value, "ndim", None) == 0:  # a number of NumPy, a tensor
            value = getattr(value, "numpy", lambda: value)().item()
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            return f"{value:.{digits}g}"
        text = " ".join(repr(value).split())
        return text if len(text) <= 60 else text[:59] + "…"

    while evaluate and isinstance(claim, ast.BoolOp) and isinstance(claim.op, ast.And):
        claim = next(part for part in claim.values if not compute(part))
    if evaluate and isinstance(claim, ast.Compare):
        parts = [claim.left, *claim.comparators]
        for left, operator, right in zip(parts, claim.ops, parts[1:], strict=False):
            names["_left"], names["_right"] = values = [compute(left), compute(right)]
            pair = ast.Name("_left", ast.Load()), [operator], [ast.Name("_right", ast.Load())]
            if not compute(ast.Compare(*pair)):
                claim = ast.Compare(left, [operator], [right])
                break
        else:
            raise StopIteration
    elif evaluate:
        values = [compute(getattr(claim, "operand", claim))]  # of `not x`: x
        values = [value for value in values if not isinstance(value, bool)]
    tries = [[show(value, digits) for value in values] for digits in (4, 8, 17)]
    shown = next((row for row in tries if len(set(row)) > 1), tries[0])  # digits that differ
    text = f"{ast.unparse(claim):.200} is false"
    return f"{text}: {' and '.join(shown)}" if shown else text


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
    write_whole(path, nbformat.writes(notebook) + "\n")


def publish_results(staged: Path, folder: Path) -> None:
    """Copy the results that a notebook has recorded from one folder to another."""
    for result in sorted(Path(staged).glob("*.json")):
        write_whole(folder / result.name, result.read_text(encoding="utf8"))


def refresh(path: Path, ledger: Path = ROOT / "data" / "results", timeout: float = TIMEOUT) -> None:
    """Run one notebook in place and move the results that it records into the ledger.

    Raises:
        NotebookError: it failed; neither the notebook nor the ledger has changed.
    """
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as staged:
        run_cells(notebook, path.parent, environment={"COURSE_RESULTS": staged}, timeout=timeout)
        normalise(notebook)
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
