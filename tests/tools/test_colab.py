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
from tools.sync import ROOT, make_bootstrap, set_address

ADDRESS = "https://github.com/ann/nlp"
IN_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"


@pytest.fixture
def checkout(tmp_path):
    """Return a small checkout of the course in a folder of its own, with an address."""
    folder = tmp_path / "checkout"
    (folder / "data").mkdir(parents=True)
    (folder / "notebooks" / "solutions").mkdir(parents=True)
    shutil.copytree(ROOT / "utils", folder / "utils", ignore=shutil.ignore_patterns("__py*"))
    for name in ("pyproject.toml", "data/registry.toml"):
        shutil.copy(ROOT / name, folder / name)
    set_address(ADDRESS, folder)
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


def run_bootstrap(folder, source, *, before="", after="", **env):
    """Run a first cell as plain Python; return the finished process."""
    code = f"{before}exec({source!r})\n{after}"
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | env
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def redirect(target):
    key = f"url.{target.as_uri()}.insteadOf"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": ADDRESS}


LOAD = "import utils.data\nprint(utils.data.__file__)"


def test_colab_clones_once(tmp_path, checkout, empty):
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot")
    path = write_notebook(tmp_path / "01.ipynb", make_bootstrap(ADDRESS), LOAD)
    places = {"address": ADDRESS, "snapshot": snapshot, "content": empty}

    first, loaded = list_outputs(colab.run_as_colab(path, **places))
    assert first == ""
    clone = empty / "nlp-in-keras"
    assert loaded.split() == [str(clone / "utils" / "data" / "__init__.py")]
    assert (clone / ".git" / "shallow").exists()

    again, loaded = list_outputs(colab.run_as_colab(path, **places))
    assert again == ""
    assert loaded.split() == [str(clone / "utils" / "data" / "__init__.py")]
    assert [path.name for path in empty.iterdir()] == ["nlp-in-keras"]


def test_without_an_address_the_course_is_uploaded(tmp_path, checkout, empty):
    set_address("none", checkout)
    source = make_bootstrap("")
    assert "git" not in source
    done = run_bootstrap(empty, source, before=IN_COLAB)
    way_out = f"clone or upload its folder into {empty} under the name nlp-in-keras"
    check_failure(done, empty, f"RuntimeError: The course is not here: {way_out}, then run this")

    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot")
    path = write_notebook(tmp_path / "01.ipynb", source, LOAD)
    places = {"address": "", "snapshot": snapshot, "content": empty}
    _, loaded = list_outputs(colab.run_as_colab(path, **places))
    assert loaded.split() == [str(empty / "nlp-in-keras" / "utils" / "data" / "__init__.py")]


def test_half_a_clone_is_not_taken_for_the_course(tmp_path, checkout, empty):
    half = empty / "nlp-in-keras" / "utils"
    half.mkdir(parents=True)
    source = make_bootstrap(ADDRESS)
    done = run_bootstrap(empty, source, before=IN_COLAB, **redirect(checkout))
    assert done.returncode == 1 and "nlp-in-keras' already exists" in done.stderr
    assert [path.name for path in empty.rglob("*")] == ["nlp-in-keras", "utils"]


@pytest.mark.parametrize("before", ["", IN_COLAB])
@pytest.mark.parametrize("subfolder", [".", "notebooks", "notebooks/solutions"])
def test_nothing_happens_in_a_checkout(checkout, subfolder, before):
    files = sorted(checkout.rglob("*"))
    after = "import utils.runtime; print(sys.path[0], utils.runtime.ROOT)"
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    source = make_bootstrap(ADDRESS)
    done = run_bootstrap(checkout / subfolder, source, before=before, after=after, **env)
    assert (done.stdout, done.stderr) == (f"{checkout} {checkout}\n", "")
    assert sorted(checkout.rglob("*")) == files


def test_elsewhere_the_way_out_is_told(empty):
    done = run_bootstrap(empty, make_bootstrap(ADDRESS))
    command = f"git clone --quiet --depth=1 {ADDRESS} {empty / 'nlp-in-keras'}"
    said = f"RuntimeError: No course here: run `{command}`, then this cell again."
    check_failure(done, empty, said)


def check_failure(done, empty, reason):
    assert done.returncode == 1 and reason in done.stderr
    assert not any(empty.iterdir())


def test_missing_remote_fails_quickly(tmp_path, empty):
    started, source = time.monotonic(), make_bootstrap(ADDRESS)
    done = run_bootstrap(empty, source, before=IN_COLAB, **redirect(tmp_path / "nothing"))
    assert time.monotonic() - started < 20
    check_failure(done, empty, "nothing")


def test_missing_git_is_told(empty):
    done = run_bootstrap(empty, make_bootstrap(ADDRESS), before=IN_COLAB, PATH="")
    check_failure(done, empty, "git")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_stalled_network_ends(tmp_path, empty):
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\nexec sleep 30\n")
    git.chmod(0o755)
    source = make_bootstrap(ADDRESS)
    assert "timeout=120" in source
    source = source.replace("timeout=120", "timeout=0.5")
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    started = time.monotonic()
    done = run_bootstrap(empty, source, before=IN_COLAB, PATH=path)
    assert time.monotonic() - started < 20
    check_failure(done, empty, "timed out after")


def test_snapshot_is_what_lies_in_the_folder(tmp_path, checkout):
    colab.call_git("add", "--all", folder=checkout)
    colab.call_git("commit", "--quiet", "-m", "All", folder=checkout)
    (checkout / "pyproject.toml").unlink()
    (checkout / "utils" / "new.py").write_text("uncommitted")
    (checkout / "build").mkdir()
    (checkout / "build" / "ignored.txt").write_text("ignored")
    snapshot = colab.make_snapshot(checkout, tmp_path / "snapshot")
    committed = colab.call_git("ls-tree", "-r", "--name-only", "HEAD", folder=snapshot).split()
    assert {"utils/new.py", "utils/runtime.py", ".gitignore"} <= set(committed)
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
        write_notebook(checkout / "notebooks" / f"{name}.ipynb", make_bootstrap(ADDRESS), source)
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
    with pytest.raises(SystemExit, match="no notebook has the number '98'; known numbers: 00, 01"):
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


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """Stand in for the commands that make an environment; return the list of what was run."""
    run = []

    def note(command, **_):
        run.append([str(word) for word in command])
        if "venv" in command:
            python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return subprocess.CompletedProcess(command, int("-c" in command and "broken" in run))

    monkeypatch.setattr(colab.subprocess, "run", note)
    monkeypatch.setattr(colab, "find_python", lambda wanted: "python")
    return run


def test_an_environment_is_ready_only_once_its_packages_load(tmp_path, venv):
    venv.append("broken")
    with pytest.raises(SystemExit, match="could not install requirements-colab.txt"):
        colab.make_environment(folder=tmp_path / "venv")
    assert not (tmp_path / "venv" / ".ready").exists()
    venv.clear()
    colab.make_environment(folder=tmp_path / "venv")
    assert "--clear" in venv[0]  # nothing of the attempt that failed is kept
    assert (tmp_path / "venv" / ".ready").exists()
    venv.clear()
    colab.make_environment(folder=tmp_path / "venv")
    (forget,) = venv
    assert "uninstall" in forget and "sacrebleu" in forget
    assert not {"tensorflow", "pyyaml", "nbclient"} & set(forget)
