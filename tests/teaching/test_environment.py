"""What 00 asks of a machine, and what a notebook does about a package that is not there."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys

import pytest
from test_wheelhouse import build_wheel

from tools.refresh import find_notebooks, read_notebook
from utils.runtime import ROOT
from utils.teaching import environment


def test_the_rows_name_no_machine_and_no_package_that_only_maintains(monkeypatch):
    rows = environment.check_environment()
    assert not any(way_out for _, _, way_out in rows)
    version, memory = importlib.metadata.version, environment.psutil.virtual_memory()

    def look_up(name):
        if name in {"nbval", "ruff", "genanki", "pytest", "sacrebleu"}:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", look_up)
    monkeypatch.setattr(
        environment.psutil, "virtual_memory", lambda: memory._replace(available=64 * 10**9)
    )
    assert environment.check_environment() == rows


def test_what_is_missing_comes_with_a_way_out(monkeypatch):
    pins = {"keras": "9.0.0", "no-such": "1.0", "pandas": "1.0"}
    monkeypatch.setattr(environment, "read_pins", lambda: pins)
    monkeypatch.setattr(environment, "PACKAGES", tuple(pins))
    monkeypatch.setattr(environment, "MEMORY_GB", 10**6)
    rows = {row[0]: row[1:] for row in environment.check_environment()}
    assert rows["keras"][1] == "python course.py setup, or on Colab: pip install keras==9.0.0"
    assert rows["no-such"][0] == "not installed" and "setup, or" in rows["no-such"][1]
    assert "(the results were made with 1.0)" in rows["pandas"][0] and not rows["pandas"][1]
    assert rows["free memory"][0].startswith("only ")
    assert rows["free memory"][1] == "close other programs: the largest lesson needs 1000000 GB"


def list_modules(names):
    return {{"scikit-learn": "sklearn", "pyyaml": "yaml"}.get(name, name) for name in names}


def list_imports(source):
    """Return the packages whose modules a source imports, and what it has installed for it."""
    names, installed = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "install_missing":
            installed |= {argument.value for argument in node.args}
    return names - set(sys.stdlib_module_names) - {"utils"}, installed


def test_what_is_imported_is_asked_for_and_installed_where_colab_lacks_it():
    colab = re.findall(r"^([\w-]+)==", (ROOT / "requirements-colab.txt").read_text("utf8"), re.M)
    asked = list_modules(environment.PACKAGES)
    sources = [p.read_text("utf8") for p in (ROOT / "utils").rglob("*.py") if p.stem != "cards"]
    for path in find_notebooks(solutions=True):
        cells = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]
        sources.append("\n".join(cells))
        imports, installed = list_imports(sources[-1])
        # The notebooks that import torch look first whether it is there.
        assert imports <= list_modules(colab) | installed | {"torch"}, path.name
        asked |= installed
    used = set().union(*(list_imports(source)[0] for source in sources))
    assert used & list_modules(environment.read_pins()) <= asked


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("tiny", {}, "Installing tiny==1.0, which this Python lacks\nTrue\n"),
        ("numpy", {}, "False\n"),  # although the pin is another version
        ("no_such", {}, "not 'no_such'; add it there (pinned are tiny, numpy)\n"),
        ("tiny", {"PIP_FIND_LINKS": ""}, "No matching distribution found for tiny==1.0. With"),
        ("tiny", {"PIP_DRY_RUN": "1"}, "pip said nothing (is a PIP_ variable set?). With"),
        ("tiny", {"COURSE_NO_DOWNLOAD": "1"}, "COURSE_NO_DOWNLOAD is set. With"),
    ],
)
def test_a_missing_package_is_installed_or_the_way_out_told(tmp_path, name, settings, said):
    index, target = tmp_path / "index", tmp_path / "target"
    index.mkdir()
    build_wheel(index, "tiny")
    code = (
        "from utils.teaching import environment\n"
        "environment.read_pins = lambda: {'tiny': '1.0', 'numpy': '9.0'}\n"
        f"environment.install_missing({name!r})\n"
        "import importlib.util; print(importlib.util.find_spec('tiny') is not None)"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "COURSE_"))}
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}
    env |= {"PIP_TARGET": str(target), "PYTHONPATH": os.pathsep.join([str(ROOT), str(target)])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env | settings, capture_output=True, text=True)
    assert target.exists() == ("Installing" in said)
    if said.endswith(("True\n", "False\n")):
        assert (done.stdout, done.stderr) == (said, "")
    else:
        assert said in done.stderr.splitlines(keepends=True)[-1] and "True" not in done.stdout
        assert name == "no_such" or done.stderr.endswith("tiny==1.0`, then this cell again.\n")
