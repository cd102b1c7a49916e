"""A module of `utils` imports only from rooms below its own, and there is no circle."""

import ast
from graphlib import TopologicalSorter

import pytest

from utils.runtime import ROOT

FLOOR = {"runtime", "backends", "training", "metrics", "results"}
MAY_IMPORT = {
    "floor": {"floor"},
    "data": {"floor", "data"},
    "baselines": {"floor", "data", "baselines"},
    "models": {"floor", "data", "models"},
    "decoding": {"floor", "data", "models", "decoding"},
    "teaching": {"floor", "data", "baselines", "models", "decoding", "teaching"},
}
# A model that is loaded answers with text, for which it needs the decoders above its room.
EXCEPTIONS = {("utils.models.saving", "utils.decoding.serving")}
MODULES = sorted((ROOT / "utils").rglob("*.py"))


def name_module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def get_room(module):
    first = (module.split(".") + [""])[1]
    return "floor" if first in FLOOR or not first else first


def list_imports(path):
    """Return the modules of `utils` that a file imports, also inside functions."""
    known, found = {name_module(each) for each in MODULES}, set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found & known


@pytest.mark.parametrize("path", MODULES, ids=name_module)
def test_a_room_imports_only_what_is_below_it(path):
    module, allowed = name_module(path), MAY_IMPORT[get_room(name_module(path))]
    wrong = {(module, name) for name in list_imports(path) if get_room(name) not in allowed}
    assert wrong <= EXCEPTIONS


def test_there_is_no_circle():
    imports = {name_module(path): list_imports(path) - {name_module(path)} for path in MODULES}
    TopologicalSorter(imports).prepare()
