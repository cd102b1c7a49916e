"""The first cell finds the course, in Colab clones it, and elsewhere says what to do."""

import json
import os
import shutil
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import colab
from tools.sync import ROOT, load_project, make_bootstrap

ADDRESS, TAG = load_project()
IN_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"


@pytest.fixture
def checkout(tmp_path):
    """Return a small checkout of the course in a folder of its own."""
    folder = tmp_path / "checkout"
    (folder / "data").mkdir(parents=True)
    (folder / "notebooks" / "solutions").mkdir(parents=True)
    shutil.copytree(ROOT / "utils", folder / "utils", ignore=shutil.ignore_patterns("__py*"))
    for name in ("pyproject.toml", "data/registry.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".gitignore").write_text("build/\n")
    colab.call_git("init", "--quiet", folder=folder)
    return folder


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


def write_notebook(path, *sources):
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def list_outputs(notebook):
    return ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells]


def run_bootstrap(folder, *, before="", after="", source=None, **env):
    """Run the first cell as plain Python; return the finished process."""
    code = f"{before}exec({source or make_bootstrap()!r})\n{after}"
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | env
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def redirect(target):
    key = f"url.{target.as_uri()}.insteadOf"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": ADDRESS}


def test_colab_clones_once(tmp_path, checkout, empty):
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot", TAG)
    load = "import utils.data\nprint(utils.data.__file__, len(utils.data.load_registry()) > 3)"
    path = write_notebook(tmp_path / "01.ipynb", make_bootstrap(), load)
    places = {"address": ADDRESS, "snapshot": snapshot, "content": empty}

    first, loaded = list_outputs(colab.run_as_colab(path, **places))
    assert first == ""
    clone = empty / "nlp-in-keras"
    assert loaded.split() == [str(clone / "utils" / "data.py"), "True"]
    assert colab.call_git("describe", "--tags", folder=clone).strip() == TAG
    assert (clone / ".git" / "shallow").exists()

    again, loaded = list_outputs(colab.run_as_colab(path, **places))
    assert again == ""
    assert loaded.split() == [str(clone / "utils" / "data.py"), "True"]
    assert [path.name for path in empty.iterdir()] == ["nlp-in-keras"]


@pytest.mark.parametrize("before", ["", IN_COLAB])
@pytest.mark.parametrize("subfolder", [".", "notebooks", "notebooks/solutions"])
def test_nothing_happens_in_a_checkout(checkout, subfolder, before):
    files = sorted(checkout.rglob("*"))
    after = "import utils.data; print(sys.path[0], utils.data.ROOT)"
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = run_bootstrap(checkout / subfolder, before=before, after=after, **env)
    assert (done.stdout, done.stderr) == (f"{checkout} {checkout}\n", "")
    assert sorted(checkout.rglob("*")) == files


def test_elsewhere_the_way_out_is_told(empty):
    done = run_bootstrap(empty)
    assert done.returncode == 1 and done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last == f"RuntimeError: Open this notebook inside a clone of {ADDRESS}, or in Colab."
    assert not any(empty.iterdir())


def check_failure(done, empty, reason):
    assert done.returncode == 1 and reason in done.stderr
    assert not any(empty.iterdir())


def test_missing_remote_fails_quickly(tmp_path, empty):
    started = time.monotonic()
    done = run_bootstrap(empty, before=IN_COLAB, **redirect(tmp_path / "nothing"))
    assert time.monotonic() - started < 20
    check_failure(done, empty, "nothing")


def test_missing_tag_is_named(tmp_path, checkout, empty):
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot", "v0.0.0")
    done = run_bootstrap(empty, before=IN_COLAB, **redirect(snapshot))
    check_failure(done, empty, f"Remote branch {TAG} not found")


def test_missing_git_is_told(empty):
    check_failure(run_bootstrap(empty, before=IN_COLAB, PATH=""), empty, "git")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_stalled_network_ends(tmp_path, empty):
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\nexec sleep 30\n")
    git.chmod(0o755)
    assert "timeout=120" in make_bootstrap()
    source = make_bootstrap().replace("timeout=120", "timeout=0.5")
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    started = time.monotonic()
    done = run_bootstrap(empty, before=IN_COLAB, source=source, PATH=path)
    assert time.monotonic() - started < 20
    check_failure(done, empty, "timed out after")


def test_snapshot_is_what_lies_in_the_folder(tmp_path, checkout):
    colab.call_git("add", "--all", folder=checkout)
    colab.call_git("commit", "--quiet", "-m", "All", folder=checkout)
    (checkout / "pyproject.toml").unlink()
    (checkout / "utils" / "new.py").write_text("uncommitted")
    (checkout / "build").mkdir()
    (checkout / "build" / "ignored.txt").write_text("ignored")
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot", TAG)
    committed = colab.call_git("ls-tree", "-r", "--name-only", TAG, folder=snapshot).split()
    assert {"utils/new.py", "utils/data.py", ".gitignore"} <= set(committed)
    assert not {"pyproject.toml", "build/ignored.txt"} & set(committed)


def test_every_notebook_is_run_and_told(tmp_path, checkout, monkeypatch, capsys):
    result = {"metric": "accuracy", "value": 0.815, "floor": 0.8, "better": "higher"}
    write = "import json, os, pathlib\nfile = pathlib.Path(os.environ['COURSE_RESULTS'], '{}.json')"
    write += "\nfile.parent.mkdir(exist_ok=True)\nwritten = file.write_text(json.dumps({}))"
    notebooks = {
        "01_fine": write.format("01", result),
        "02_breaks": "1 / 0",
        "03_weak": write.format("03", result | {"value": 0.7}),
    }
    for name, source in notebooks.items():
        write_notebook(checkout / "notebooks" / f"{name}.ipynb", make_bootstrap(), source)
    monkeypatch.setattr(colab, "ROOT", checkout)
    monkeypatch.setattr(colab, "RESULTS", tmp_path / "results")
    assert colab.run_all() == 2
    said = capsys.readouterr()
    fine, breaks, weak = said.out.splitlines()
    assert fine.startswith("ok ") and fine.endswith(", accuracy 0.815 (floor 0.800)")
    assert breaks.startswith("FAILED ") and "02_breaks.ipynb" in breaks
    assert "ZeroDivisionError" in said.err
    assert weak.startswith("BELOW FLOOR ") and weak.endswith(", accuracy 0.700 (floor 0.800)")
    assert json.loads((tmp_path / "results" / "01.json").read_text())["value"] == 0.815


def test_unknown_notebook_is_an_error():
    with pytest.raises(SystemExit, match="no notebook '98'"):
        colab.run_all("98")


def test_python_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(colab, "VERSION", "3.99")
    with pytest.raises(SystemExit, match="Colab runs Python 3.99"):
        colab.find_python()
    with pytest.raises(SystemExit, match="gives none"):
        colab.find_python(sys.executable)


def test_python_of_the_right_version_is_found(monkeypatch):
    monkeypatch.setattr(colab, "VERSION", "{}.{}".format(*sys.version_info))
    assert colab.find_python(sys.executable) == sys.executable
