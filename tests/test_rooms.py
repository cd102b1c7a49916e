"""A module of `utils` imports only from rooms below its own, and there is no circle."""

import ast
from graphlib import TopologicalSorter

import pytest

from utils.runtime import ROOT

FLOOR = {"runtime", "backends", "checks", "training", "metrics", "results"}
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


def list_names(path):
    """Return what a module defines or imports at its top level."""
    names = {"__file__"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def test_what_is_used_of_a_module_is_there():
    """Benchmarks run for hours, so no test runs them: a name that went away would break them."""
    folders = [ROOT / folder for folder in ("benchmarks", "tools", "utils")]
    known = {name_module(p): list_names(p) for f in folders for p in f.rglob("*.py")}
    missing = []
    for path in (p for f in folders for p in f.rglob("*.py")):
        tree, modules = ast.parse(path.read_text(encoding="utf8")), {}
        for node in ast.walk(tree):
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                there = known.get(node.module, {alias.name})
                if alias.name not in there and f"{node.module}.{alias.name}" not in known:
                    missing.append(f"{path.name}: {node.module}.{alias.name}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                there = known.get(modules.get(node.value.id), {node.attr})
                if node.attr not in there:
                    missing.append(f"{path.name}: {node.value.id}.{node.attr}")
    assert not missing
