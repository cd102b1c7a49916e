"""How far do the headline results of the notebooks spread over seeds and processors?

Runs notebooks whole with other seeds of first weights and dropout, without the assertions that
judge trained numbers, and adds each headline result to data/results/spread/NN.json, from which
`utils.results` computes the floors: what a learner's run must reach. Set
`ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2` for the arithmetic of a processor without
AVX-512. The number of threads changes nothing (a test).

Run: `python -m benchmarks.spread 05 08 --seeds 42 142 242` (every notebook once for each seed).
"""

import argparse
import ast
import json
import os
import tempfile
from pathlib import Path

import nbformat

from tools.refresh import find_notebooks, run_cells
from utils.results import SPREAD, write_json

SEED = "start(seed=42)\n"  # in the Setup cell of every notebook
SHIFT = """start(seed=42 + {shift})
import keras

set_seed = keras.utils.set_random_seed
keras.utils.set_random_seed = lambda seed: set_seed(seed + {shift})
"""  # so other first weights and dropout; the order of batches and the data stay


class DropAssertions(ast.NodeTransformer):
    """Puts `pass` in the place of every assertion."""

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:  # noqa: N802
        return ast.Pass()


def prepare(path: Path, seed: int) -> nbformat.NotebookNode:
    """Return a notebook with another seed and without what judges trained numbers."""
    notebook = nbformat.read(path, as_version=4)
    if not any(SEED in cell.source for cell in notebook.cells):
        raise ValueError(f"{path.name}: no cell has the line {SEED.strip()}, where the seed is set")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(SEED, SHIFT.format(shift=seed - 42))
            if "floor" in cell.metadata.get("tags", []):
                cell.source = ast.unparse(DropAssertions().visit(ast.parse(cell.source)))
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="+", help="of notebooks, for example 05")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 142, 242])
    arguments = parser.parse_args()
    instructions = os.environ.get("ONEDNN_MAX_CPU_ISA", "all")
    for path in (p for number in arguments.numbers for p in find_notebooks(number)):
        number = path.stem.split("_")[0]
        file = SPREAD / f"{number}.json"
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as staged:
                environment = {"COURSE_RESULTS": staged}
                run_cells(prepare(path, seed), path.parent, environment=environment, timeout=7200)
                result = json.loads(Path(staged, f"{number}.json").read_text(encoding="utf8"))
            runs = json.loads(file.read_text(encoding="utf8")) if file.exists() else []
            same = {"seed": seed, "instructions": instructions}
            runs = [run for run in runs if not same.items() <= run.items()]
            kept = {key: result[key] for key in ("value", "cpu_seconds", "machine", "date")}
            runs.append(same | kept)
            write_json(file, sorted(runs, key=lambda run: (run["instructions"], run["seed"])))
            print(f"{number}, seed {seed}, {instructions}: {result['value']:.4f}", flush=True)


if __name__ == "__main__":
    main()
