"""The first cell finds the course, in Colab clones it, and elsewhere says what to do."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes

from tools import colab
from tools.refresh import run_cells
from tools.sync import ROOT, make_bootstrap, set_address

ADDRESS = "https://github.com/ann/nlp"
IN_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
FIRST = make_bootstrap(ADDRESS)
LOAD = "import utils.runtime\nprint(utils.runtime.__file__)"


@pytest.fixture
def checkout(tmp_path):
    """Return a small checkout of the course in a folder of its own, with an address."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "utils", folder / "utils", ignore=shutil.ignore_patterns("__py*"))
    (folder / "data").mkdir()
    (folder / "notebooks" / "solutions").mkdir(parents=True)
    for name in ("pyproject.toml", "data/registry.toml"):
        shutil.copy(ROOT / name, folder / name)
    set_address(ADDRESS, folder)
    (folder / ".gitignore").write_text("build/\n")
    colab.call_git("init", "--quiet", folder=folder)
    return folder


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "content").mkdir()
    return tmp_path / "content"


def make_notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def run_bootstrap(folder, source=FIRST, *, before="", after="", **env):
    """Run a first cell as plain Python; return the finished process."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | env
    command = [sys.executable, "-c", f"{before}exec({source!r})\n{after}"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def redirect(target):
    key = f"url.{target.as_uri()}.insteadOf"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": ADDRESS}


@pytest.mark.parametrize("address", [ADDRESS, ""], ids=["cloned", "uploaded"])
def test_colab_gets_the_course_once(tmp_path, checkout, empty, address):
    set_address(address or "none", checkout)
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot")
    clone = empty / "nlp-in-keras"
    for _ in range(2 if address else 1):
        notebook = make_notebook(make_bootstrap(address), LOAD)
        with colab.pretend(address, snapshot, empty) as environment:
            run_cells(notebook, empty, environment=environment)
        first, loaded = ("".join(o.get("text", "") for o in c.outputs) for c in notebook.cells)
        assert first == "" and loaded == f"{clone / 'utils' / 'runtime.py'}\n"
        assert [path.name for path in empty.iterdir()] == ["nlp-in-keras"]
    assert (clone / ".git" / "shallow").exists() == bool(address)


@pytest.mark.parametrize("before", ["", IN_COLAB])
@pytest.mark.parametrize("subfolder", [".", "notebooks", "notebooks/solutions"])
def test_nothing_happens_in_a_checkout(checkout, subfolder, before):
    files = sorted(checkout.rglob("*"))
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = run_bootstrap(checkout / subfolder, before=before, after=LOAD, **env)
    assert (done.stdout, done.stderr) == (f"{checkout / 'utils' / 'runtime.py'}\n", "")
    assert sorted(checkout.rglob("*")) == files


def test_where_the_course_cannot_be_had_the_way_out_is_told(tmp_path, empty):
    uploaded = f"clone or upload its folder into {empty} under the name nlp-in-keras, then run this"
    clone = f"run `git clone --quiet --depth=1 {ADDRESS} {empty / 'nlp-in-keras'}`, then this cell"
    assert "timeout=120" in FIRST
    for reason, source, before, env in [
        (f"RuntimeError: The course is not here: {uploaded}", make_bootstrap(""), IN_COLAB, {}),
        (f"RuntimeError: No course here: {clone} again.", FIRST, "", {}),
        ("nothing", FIRST, IN_COLAB, redirect(tmp_path / "nothing")),
    ]:
        done = run_bootstrap(empty, source, before=before, **env)
        assert done.returncode == 1 and reason in done.stderr
        assert not any(empty.iterdir())


def test_half_a_clone_is_not_taken_for_the_course(checkout, empty):
    (empty / "nlp-in-keras" / "utils").mkdir(parents=True)
    done = run_bootstrap(empty, before=IN_COLAB, **redirect(checkout))
    assert done.returncode == 1 and "nlp-in-keras' already exists" in done.stderr


def test_snapshot_is_what_lies_in_the_folder(tmp_path, checkout):
    colab.call_git("add", "--all", folder=checkout)
    (checkout / "pyproject.toml").unlink()
    for name in ("utils/new.py", "build/ignored.txt"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).touch()
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot")
    committed = colab.call_git("ls-tree", "-r", "--name-only", "HEAD", folder=snapshot).split()
    assert {"utils/new.py", "data/registry.toml", ".gitignore"} <= set(committed)
    assert not {"pyproject.toml", "build/ignored.txt"} & set(committed)


def test_every_notebook_is_run_and_told(checkout, monkeypatch, capsys):
    result = {"metric": "accuracy", "value": 0.815, "floor": 0.8, "better": "higher"}
    write = "import json, os, pathlib\nfile = pathlib.Path(os.environ['COURSE_RESULTS'], '{}.json')"
    write += "\nfile.parent.mkdir(exist_ok=True)\nwritten = file.write_text(json.dumps({}))"
    for name, source in {
        "01_fine": write.format("01", result),
        "02_breaks": "1 / 0",
        "03_weak": write.format("03", result | {"value": 0.7}),
    }.items():
        path = checkout / "notebooks" / f"{name}.ipynb"
        path.write_text(writes(make_notebook(FIRST, source)))
    monkeypatch.setattr(colab, "ROOT", checkout)
    results = checkout / "build" / "colab-results" / "results"
    assert colab.main([]) == 1
    fine, breaks, weak = capsys.readouterr().out.splitlines()[-3:]
    assert " accuracy  0.815  0.800 " in fine and fine.endswith(" ok")
    assert "failed in cell 2: ZeroDivisionError: division by zero; more: build/colab-r" in breaks
    assert weak.endswith(" failed at its end: accuracy 0.7 misses the floor 0.8")
    assert json.loads((results / "01.json").read_text())["value"] == 0.815
    assert colab.main(["98"]) == 2
    assert "no notebook has the number '98'; known numbers: 01, 02" in capsys.readouterr().err
