"""Run notebooks under another Keras backend: `python -m tools.backends jax [NN ...]`.

Each notebook runs with the small settings that its Settings cell carries as metadata
(`"small": {"EPOCHS": 1}`), without the cells tagged `floor`: no errors may come and what must
be equal must be equal, but nothing is said about quality or time. The committed notebooks
stay as they are.
"""

import os
import sys
from pathlib import Path

import nbformat

from tools.refresh import ROOT, TIMEOUT, NotebookError, find_notebooks, run_cells

BACKENDS = ("jax", "torch", "tensorflow")
NUMBERS = ("01", "02", "03")


def shrink(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy with small settings and without the cells that judge quality.

    Raises:
        ValueError: no cell carries small settings.
    """
    cells = []
    for cell in notebook.cells:
        if "floor" in cell.metadata.get("tags", []):
            continue
        cells.append(cell)
        if "small" in cell.metadata:
            small = cell.metadata["small"]
            code = "\n".join(f"{name} = {value!r}" for name, value in small.items())
            cells.append(nbformat.v4.new_code_cell(code))
    if not any("small" in cell.metadata for cell in cells):
        raise ValueError("no cell of the notebook carries small settings (metadata 'small')")
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def run_backend(backend: str, *numbers: str, root: Path = ROOT) -> int:
    """Run the notebooks of these numbers, or 01 to 03, under a backend; return the exit code."""
    if backend not in BACKENDS:
        print(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}", file=sys.stderr)
        return 2
    for number in numbers:
        if number not in NUMBERS:
            known = ", ".join(NUMBERS)
            print(
                f"no notebook for backends has the number {number!r}; known: {known}",
                file=sys.stderr,
            )
            return 2
    results = root / "build" / "backends" / backend
    results.mkdir(parents=True, exist_ok=True)
    failed = False
    for path in [path for number in numbers or NUMBERS for path in find_notebooks(number, root)]:
        try:
            notebook = shrink(nbformat.read(path, as_version=4))
            environment = {"KERAS_BACKEND": backend, "COURSE_RESULTS": str(results)}
            run_cells(notebook, path.parent, environment=os.environ | environment, timeout=TIMEOUT)
            print(f"{backend} {path.stem}: ok", flush=True)
        except (NotebookError, ValueError) as error:
            failed = True
            print(f"{backend} {path.stem}: failed: {error}", flush=True)
    return int(failed)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: python -m tools.backends {'|'.join(BACKENDS)} [NN ...]")
    sys.exit(run_backend(*sys.argv[1:]))
