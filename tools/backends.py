"""Run notebooks under another Keras backend: `python -m tools.backends jax [NN ...]`.

Each notebook runs with the small settings that its Settings cell carries as metadata
(`"small": {"EPOCHS": 1}`), without the cells tagged `floor`: no errors may come and what must
be equal must be equal, but nothing is said about quality or time.
"""

import argparse
import sys

import nbformat

from tools.refresh import ROOT, NotebookError, find_notebooks, read_notebook, run_cells

NUMBERS = ("01", "02", "03")


def shrink(notebook: nbformat.NotebookNode) -> None:
    """Give a notebook its small settings and take out the cells that judge quality."""
    cells = []
    for cell in notebook.cells:
        if "floor" not in cell.metadata.get("tags", []):
            small = cell.metadata.get("small", {})
            code = "\n".join(f"{name} = {value!r}" for name, value in small.items())
            cells += [cell, nbformat.v4.new_code_cell(code)]
    notebook.cells = cells


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks of these numbers, or 01 to 03, under a backend; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.backends")
    parser.add_argument("backend", choices=("jax", "torch", "tensorflow"))
    parser.add_argument("numbers", nargs="*", metavar="NN")
    options = parser.parse_args(arguments)
    for number in set(options.numbers) - set(NUMBERS):
        known = ", ".join(NUMBERS)
        parser.error(f"no notebook for backends has the number {number!r}; known: {known}")
    results, failed = ROOT / "build" / "backends" / options.backend, False
    environment = {"KERAS_BACKEND": options.backend, "COURSE_RESULTS": str(results)}
    for [path] in map(find_notebooks, options.numbers or NUMBERS):
        notebook, said = read_notebook(path), "ok"
        shrink(notebook)
        try:
            run_cells(notebook, path.parent, environment=environment)
        except NotebookError as error:
            failed, said = True, f"failed {error}"
        print(f"{options.backend} {path.stem}: {said}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
