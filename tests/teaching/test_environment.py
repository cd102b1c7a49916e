"""What 00 asks of a machine, and what a notebook does about a package that is not there."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tools.sync import list_notebooks
from utils.runtime import ROOT
from utils.teaching import environment

# A wheel is a zip file with these three files.
NAME = "tiny-1.0.dist-info/"
WHEEL = {
    "tiny.py": "",
    NAME + "METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    NAME + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    NAME + "RECORD": f"tiny.py,,\n{NAME}METADATA,,\n{NAME}WHEEL,,\n{NAME}RECORD,,\n",
}


def get_rows():
    return {row[0]: row[1:] for row in environment.check_environment()}


def test_the_rows_name_no_machine(monkeypatch, tmp_path):
    rows = environment.check_environment()
    assert not any(way_out for _, _, way_out in rows)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))  # where nobody has fetched anything
    memory = environment.psutil.virtual_memory()
    more = memory._replace(available=64 * 10**9)
    monkeypatch.setattr(environment.psutil, "virtual_memory", lambda: more)
    assert environment.check_environment() == rows
    assert not any(tmp_path.iterdir())


def test_only_what_the_notebooks_import_is_asked_for(monkeypatch):
    maintained = {"nbval", "ruff", "genanki", "pytest", "sacrebleu"}
    version = importlib.metadata.version

    def look_up(name):
        if name in maintained:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", look_up)
    assert [way_out for _, way_out in get_rows().values() if way_out] == []


def test_what_is_missing_comes_with_a_way_out(monkeypatch):
    pins = environment.read_pins() | {"keras": "9.0.0", "no-such": "1.0", "pandas": "1.0"}
    monkeypatch.setattr(environment, "read_pins", lambda: pins)
    monkeypatch.setattr(environment, "PACKAGES", ("keras", "no-such", "pandas"))
    monkeypatch.setattr(environment, "MEMORY_GB", 10**6)
    rows = get_rows()
    assert rows["keras"][1] == "python -m pip install keras==9.0.0"
    assert rows["no-such"] == ("not installed", "python -m pip install no-such==1.0")
    assert "(the results were made with 1.0)" in rows["pandas"][0] and not rows["pandas"][1]
    assert rows["free memory"][0].startswith("only ")
    assert rows["free memory"][1] == "close other programs: 1000000 GB are needed"


def read_names(path):
    """Return the modules of the packages that a requirements file pins."""
    text = (ROOT / path).read_text(encoding="utf8")
    names = re.findall(r"^([\w-]+)==", text, re.M)
    return {{"scikit-learn": "sklearn", "pyyaml": "yaml"}.get(name, name) for name in names}


def list_imports(source):
    """Return the packages whose modules a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"utils"}


def list_installed(source):
    """Return the arguments of every call of `install_missing`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "id", "") == "install_missing"]
    return {argument.value for call in calls for argument in call.args}


def read_code(path):
    notebook = nbformat.read(path, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


NOTEBOOKS = list_notebooks()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_installs_what_colab_lacks(path):
    source = read_code(path)
    there = read_names("requirements-colab.txt") | list_installed(source)
    there.add("torch")  # the notebooks that import it look first whether it is there
    assert list_imports(source) - there == set()


def test_what_the_notebooks_import_is_asked_for():
    sources = list(map(read_code, NOTEBOOKS))
    modules = [p for p in (ROOT / "utils").rglob("*.py") if p.stem != "cards"]  # it makes quizzes
    used = set().union(*map(list_imports, sources + [p.read_text("utf8") for p in modules]))
    installed = set().union(*map(list_installed, sources))
    asked = {name.replace("scikit-learn", "sklearn") for name in environment.PACKAGES}
    assert used & read_names("requirements.txt") <= asked | installed


def install(tmp_path, names=("tiny",), **settings):
    """Call `install_missing` in a Python of its own, with a folder as its only index."""
    index, target = tmp_path / "index", tmp_path / "target"
    target.mkdir()
    code = (
        "from utils.teaching import environment\n"
        "environment.read_pins = lambda: {'tiny': '1.0', 'numpy': '9.0'}\n"
        f"environment.install_missing(*{list(names)})\n"
        "import importlib.util; print(importlib.util.find_spec('tiny') is not None)"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "COURSE_"))}
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}
    env |= {"PIP_TARGET": str(target), "PYTHONPATH": os.pathsep.join([str(ROOT), str(target)])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env | settings, capture_output=True, text=True)
    return done, sorted(path.name for path in target.iterdir())


@pytest.fixture
def index(tmp_path):
    """Make a folder that holds the wheel of a tiny package."""
    (tmp_path / "index").mkdir()
    with zipfile.ZipFile(tmp_path / "index" / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)


def test_a_missing_package_is_installed_and_named(tmp_path, index):
    done, files = install(tmp_path)
    assert (done.stdout, done.stderr) == (
        "Installing tiny==1.0, which this Python lacks\nTrue\n",
        "",
    )
    assert "tiny.py" in files


def test_nothing_happens_where_all_is_there(tmp_path):
    done, files = install(tmp_path, ["numpy"])  # although the pin is another version
    assert (done.stdout, done.stderr, files) == ("False\n", "", [])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"PIP_FIND_LINKS": ""}, "No matching distribution found for tiny==1.0"),
        ({"PIP_DRY_RUN": "1"}, "pip said nothing (is a PIP_ variable set?)"),
        ({"COURSE_NO_DOWNLOAD": "1"}, "COURSE_NO_DOWNLOAD is set"),
    ],
    ids=["no network", "dry run", "no download"],
)
def test_an_installation_that_fails_says_why(tmp_path, index, settings, reason):
    done, files = install(tmp_path, **settings)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"RuntimeError: tiny==1.0 could not be installed: {reason}")
    assert last.endswith("-m pip install tiny==1.0`, then this cell again.")
    assert files == []


def test_a_package_without_a_pin_is_refused(tmp_path):
    done, files = install(tmp_path, ["no_such"])
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError: only a package that requirements.txt pins") and (
        "not 'no_such'; add it there (pinned are tiny, numpy)" in last
    )
    assert (done.stdout, files) == ("", [])
