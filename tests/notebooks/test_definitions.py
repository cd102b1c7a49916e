"""What a notebook builds does what its twin in `utils` does: it passes the twin's tests.

Run as a script, this file puts what the notebooks build in the place of what `utils` keeps under
the same name, runs the tests that import it, and names the copies that no test has called.
`python tests/notebooks/test_definitions.py 08` does so for one notebook.
"""

import ast
import importlib
import linecache
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.notebook_rules import get_tags, pick, read_cells  # noqa: E402

# The other tests call every copy. A copy need not refuse all that its twin in `utils` refuses.
QUICK = "not interrupted and not learns_to and not utils_refuses and not of_the_benchmark"
Definition = ast.FunctionDef | ast.ClassDef
# What no test calls: copy and twin get the same tiny input.
EMBEDDINGS = [keras.layers.Embedding(5, 1) for _ in range(2)]
REVIEWS, PAIRS = ["good film", "bad film", "not good", "not bad"], [["b", "a"], ["c"], ["b", "a"]]
WORDS = keras.Sequential([keras.Input((2,)), keras.layers.Embedding(5, 2, name="words")])
UNTESTED = {
    "TiedLogits": lambda tied: tied.from_config(tied(WORDS, name="tied").get_config()).name,
    "build_token_vocabulary": lambda build: build(PAIRS, least=2),
    "group_references": lambda group: group({"english": PAIRS, "french": ["x", "y", "z"]}),
    "MultiHeadAttention": lambda layer: layer(2, 8, name="heads").get_config(),
}


def read_code(path):
    """Return the code of a notebook but for the stubs of its exercises."""
    cells = [cell for cell in pick(read_cells(path)) if not get_tags(cell, "exercise-")]
    return "\n\n".join(cell.source for cell in cells)


def list_names(node):
    """Return the names that a statement binds: by definition, by import, or as a constant."""
    if isinstance(node, Definition):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    targets = [name for target in getattr(node, "targets", []) for name in ast.walk(target)]
    return {name.id for name in targets if isinstance(name, ast.Name) and name.id.isupper()}


def find_twins(paths):
    """Return what `utils` keeps under a name that one of these notebooks defines."""
    bodies = [ast.parse(read_code(path)).body for path in paths]
    built = {node.name for body in bodies for node in body if isinstance(node, Definition)}
    twins = {}
    for path in sorted((ROOT / "utils").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf8")).body:
            if isinstance(node, Definition) and node.name in built:
                twins[node.name] = getattr(importlib.import_module(module), node.name)
    return twins


def build_copies(path, twins, called):
    """Build what has a twin, with the imports and constants that it needs; nothing is trained.

    Returns:
        The copies by name, and the name of each of their functions and methods. One that is
        called enters its name in `called`.
    """
    text = read_code(path)
    linecache.cache[path.name] = len(text), None, text.splitlines(keepends=True), path.name
    body, wanted, size = ast.parse(text).body, set(twins), 0
    while size < len(wanted):
        size = len(wanted)
        kept = [node for node in body if list_names(node) & wanted]
        wanted |= {n.id for node in kept for n in ast.walk(node) if isinstance(n, ast.Name)}
    copied = [node for node in kept if isinstance(node, Definition) and node.name in twins]
    functions = set()
    for node in copied:
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef):
                place = f"{path.name}: {'.'.join(dict.fromkeys([node.name, function.name]))}"
                start = ast.get_docstring(function) is not None
                function.body[start:start] = ast.parse(f"_called.add({place!r})").body
                functions.add(place)
    names = {"__name__": path.stem, "_called": called}
    exec(compile(ast.Module(kept, []), path.name, "exec"), names)
    return {node.name: names[node.name] for node in copied}, functions


def list_tests(twins):
    """Return the test files that import one of the twins, or the module that holds it."""
    homes = {twin.__module__ for twin in twins}
    homes |= {f"{twin.__module__}.{twin.__name__}" for twin in twins}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf8")))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        if homes & {f"{node.module}.{alias.name}" for node in imports for alias in node.names}:
            yield str(path)


def main(number=""):
    """Test the copies of the notebooks of one number, or of all; return the exit status."""
    paths = sorted((ROOT / "notebooks").glob(f"{number}*.ipynb"))
    twins, copies, functions, called = find_twins(paths), {}, set(), set()
    for path in paths:
        built, found = build_copies(path, twins, called)
        copies |= built
        functions |= found
    for name in UNTESTED.keys() & copies.keys():
        np.testing.assert_equal(UNTESTED[name](copies[name]), UNTESTED[name](twins[name]), name)
    modules = [module for name, module in sys.modules.items() if name.startswith("utils.")]
    for name, copy in copies.items():
        for module in modules:
            for alias in [key for key, value in vars(module).items() if value is twins[name]]:
                setattr(module, alias, copy)
    subprocess.Popen.__init__ = lambda *_, **__: pytest.skip("a new process sees no copy")
    code = pytest.main(["-qx", "--tb=short", "-k", QUICK, *list_tests(twins.values())])
    untested = sorted(functions - called) if code == 0 else []
    for place in untested:
        print(f"{place} is called by no test of its twin: write one, or a row of UNTESTED")
    return code or len(untested)


def test_copies_pass_the_tests_of_their_twins():
    command, pipes = [sys.executable, __file__], {"stdout": subprocess.PIPE, "text": True}
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.STDOUT, **pipes)
    print(done.stdout[-4000:])
    assert done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
