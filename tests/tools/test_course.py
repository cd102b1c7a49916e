"""`course.py`: setup of a tiny course without a network; its commands; the locks."""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from jupyterlab import NeverCheckForUpdate
from jupyterlab.labapp import LabApp
from test_wheelhouse import build_wheel, write_lock

import course
from tools import backends

ROOT = Path(course.__file__).resolve().parent
VERSION = "{}.{}".format(*sys.version_info)
PACKAGES = f"lib/python{VERSION}/site-packages"
# A virtual environment is made in five seconds, its copy in half of one.
# A shell starts a background job deaf to Ctrl-C, and what the job starts inherits that.
START = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
START += "sys._base_executable = {copier!r}; sys.argv[0] = 'course.py'; "
START += "import course; sys.exit(course.main(sys.argv[1:]))"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the copier is a script with #!")


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    """A program that makes an environment by copying one."""
    folder = tmp_path_factory.mktemp("copier")
    subprocess.run([sys._base_executable, "-m", "venv", folder / "empty"], check=True)
    path = folder / "copy"
    path.write_text(f'#!/bin/sh\nfor last; do :; done\ncp -R "{folder}/empty" "$last"\n')
    path.chmod(0o755)
    return str(path)


class Course:
    """A course folder, and what its `course.py` says and does."""

    def __init__(self, folder, copier):
        self.root, self.index = folder / "course", folder / "index"
        self.start = START.format(copier=copier)
        for path in (self.index, self.root / "notebooks"):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "course.py", self.root)
        for name in ("00_start", "01_lstm", "02_rnn"):
            (self.root / "notebooks" / f"{name}.ipynb").touch()
        (self.root / "requirements.txt").write_text("main-part==1.0\n")
        main = build_wheel(self.index, "main_part", needs="needed_part")
        write_lock(self.root, "requirements.lock", main, build_wheel(self.index, "needed_part"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "COURSE_", "HF_"))}
        self.environ = kept | {"PIP_CONFIG_FILE": os.devnull, "TORCH_INDEX": ""}
        self.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}

    venv = property(lambda self: self.root / ".venv")

    def open(self, *arguments, **environ):
        return subprocess.Popen(
            [sys.executable, "-c", self.start, *arguments],
            cwd=self.root,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments, **environ):
        process = self.open(*arguments, **environ)
        printed, _ = process.communicate()
        return process.returncode, printed

    def change(self, command):
        subprocess.run(["sh", "-ec", command], cwd=self.root, check=True)

    def check(self, packages=("main_part", "needed_part"), *, kept):
        """Assert that the environment works, is marked, and that nothing is left over."""
        python = [self.venv / "bin" / "python", "-I", "-c", f"import {', '.join(packages)}"]
        subprocess.run(python, check=True)
        stamp = json.loads((self.venv / ".ready").read_text())
        assert (stamp["path"], stamp["python"]) == (str(self.venv), VERSION)
        assert (self.venv / "mark").exists() == kept and not self.venv.is_symlink()
        assert not (self.root / ".venv.old").exists()


@pytest.fixture
def tiny(tmp_path, copier):
    return Course(tmp_path, copier)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, copier):
    made = Course(tmp_path_factory.mktemp("finished"), copier)
    code, printed = made.run("setup")
    assert code == 0 and re.search(r"every package \.\.\.\nReady after \d+ seconds\n$", printed)
    made.check(kept=False)
    return made


@pytest.fixture
def ready(tiny, finished):
    """A course with a finished environment; the file `mark` is in no other environment."""
    shutil.copytree(finished.venv, tiny.venv, symlinks=True)
    stamp = (tiny.venv / ".ready").read_text().replace(str(finished.venv), str(tiny.venv))
    (tiny.venv / ".ready").write_text(stamp)
    (tiny.venv / "mark").touch()
    return tiny


def test_a_right_environment_is_left_alone_and_comes_back(ready):
    assert ready.run("setup") == (0, "")
    ready.check(kept=True)
    ready.change("mv .venv .venv.old; mkdir .venv")  # killed while it was exchanged
    assert ready.run("ready") == (0, "")
    ready.check(kept=True)


HALVE = f"rm -r .venv/.ready .venv/{PACKAGES}/needed_part"  # as kill -9 does: METADATA stays
CHANGE_LOCK = "echo '# renewed' >> requirements.lock"
FAULTS = {
    "killed while unpacking": HALVE,
    "killed twice, unreadable mark": f"{HALVE}; echo > .venv/.ready; cp -R .venv .venv.old",
    "Python 3.10": f'sed \'s/"{VERSION}"/"3.10"/\' .venv/.ready > new; mv new .venv/.ready',
    "interpreter gone": "for path in .venv/bin/python*; do ln -sf /gone $path; done",
    "checkout moved": "mv ../course ../moved",
    "lock changed": CHANGE_LOCK,
    "linked": "mv .venv shared; echo > shared/.ready; ln -s shared .venv",
    "package deleted": f"rm -r .venv/{PACKAGES}/main_part",
    "package does not import": f"echo import no_such > .venv/{PACKAGES}/main_part/__init__.py",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_built_anew(ready, fault):
    ready.change(FAULTS[fault])
    [ready.root] = [path.parent for path in ready.index.parent.glob("*/course.py")]
    code, printed = ready.run("setup")
    assert code == 0, printed
    ready.check(kept=False)
    assert (ready.root / "shared" / "mark").exists() == (fault == "linked")  # not emptied


def test_settings_that_keep_pip_from_installing_are_not_passed_on(tiny, tmp_path):
    harmful = dict.fromkeys(["PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_USER", "PIP_NO_BINARY"], "1")
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT"):
        harmful[name] = str(tmp_path / "elsewhere")
    code, printed = tiny.run("setup", PYTHONPATH=str(tmp_path), **harmful)
    assert code == 0, printed
    tiny.check(kept=False)
    assert not (tmp_path / "elsewhere").exists()


SETTINGS = ["dry-run = true", "target = elsewhere", "prefix = elsewhere", "root = /elsewhere"]


@pytest.mark.parametrize("setting", [*SETTINGS, ""], ids=lambda setting: setting or "another hash")
def test_where_nothing_can_be_built_the_old_one_stays(ready, tmp_path, setting):
    (tmp_path / "pip.conf").write_text(f"[install]\n{setting}\n")
    before = (ready.venv / ".ready").read_text()
    ready.change(CHANGE_LOCK)
    said = "environment does not work: main-part is missing"
    if not setting:
        build_wheel(ready.index, "needed_part", needs="main_part")
        said = "step 'packages' failed"
    code, printed = ready.run("setup", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert code == 1 and "Traceback" not in printed and said in printed.splitlines()[-1]
    assert setting or re.search(r"needed-part==1.0[\s\S]+Expected sha256", printed)
    ready.check(kept=True)
    assert (ready.venv / ".ready").read_text() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_pip_ends_with_a_setup_that_is_stopped_and_the_old_one_stays(ready, number):
    ready.change(CHANGE_LOCK)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes questions, answers none
        server.settimeout(60)
        index = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        process = ready.open("setup", PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=index)
        with server.accept()[0]:
            pips = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
            printed, _ = process.communicate(timeout=60)
            assert pips and psutil.wait_procs(pips, timeout=20)[1] == []
    if number == signal.SIGINT:
        assert process.returncode == 130 and "interrupted" in printed
        ready.check(kept=True)
    assert ready.run("setup")[0] == 0
    ready.check(kept=False)


def test_extras_stay_when_the_environment_is_built_anew(ready):
    build_wheel(ready.index, "torch")
    (ready.root / "requirements-torch.txt").write_text("torch==1.0\nextra-part==1.0  # why\n")
    write_lock(ready.root, "requirements-torch.lock", build_wheel(ready.index, "extra_part"))
    every = ("main_part", "needed_part", "torch", "extra_part")
    code, printed = ready.run("setup", "torch")
    assert code == 0, printed
    ready.check(every, kept=False)
    assert ready.run("setup") == (0, "")
    ready.change(CHANGE_LOCK)
    assert ready.run("ready")[0] == 0
    ready.check(every, kept=False)


def test_an_unsupported_python_is_one_sentence(tiny):
    tiny.start = "import sys; sys.version_info = (3, 10, 4); " + tiny.start
    code, printed = tiny.run("setup")
    assert code == 1 and printed.count("\n") == 1 and not tiny.venv.exists()
    assert printed.startswith("Python 3.10 is not supported; use 3.11, 3.12 or 3.13")
    ast.parse((ROOT / "course.py").read_text(encoding="utf8"), feature_version=(3, 6))


# Commands


WRONG = {
    "run 00 99": "no notebook has the number '99'; known: 00, 01, 02\n",
    "test ../x": "no notebook has the number '../x'; known: 00, 01, 02\n",
    "run -x": "no notebook has the number '-x'; known: 00, 01, 02\n",
    "test 1": "no notebook has the number '1'; known: 00, 01, 02\n",
    "setup numpy": "no option is called 'numpy'; known: torch, jax\n",
    "lab 01": "no option is called '01'; known: none\n",
    "tset": "python course.py setup",
    "": "python course.py setup",
}


def test_wrong_arguments_stop_everything(tiny):
    for command, said in WRONG.items():
        code, printed = tiny.run(*command.split())
        assert code == 2 and said in printed
    assert not tiny.venv.exists() and not (tiny.root / "build").exists()


def test_backends_name_an_unknown_number(capsys):
    with pytest.raises(SystemExit):
        backends.main(["jax", "01", "07"])
    assert capsys.readouterr().err.endswith("the number '07'; known: 01, 02, 03\n")


def test_several_numbers_are_several_notebooks():
    paths = course.list_steps("test", ["00", "01"])[2][4:]
    starts = [f"notebooks/{place}" for place in ("00", "01", "solutions/00", "solutions/01")]
    assert [path.split("_")[0] for path in paths] == starts
    every = course.list_steps("test", [])[2][4:]
    assert {ROOT / path for path in every} == set(ROOT.glob("notebooks/**/*.ipynb"))


def test_lab_fetches_nothing_and_asks_nobody():
    app = LabApp()
    app.parse_command_line(course.LAB[1:])
    assert app.news_url is None and app.check_for_updates_class is NeverCheckForUpdate
    assert app.extension_manager == "readonly"


def test_steps_run_offline_up_to_the_first_that_fails(ready):
    say = "import os, sys; print(sys.argv[1:], os.environ.get('HF_HUB_OFFLINE'), flush=True)"
    for name in ("utils/data.py", "tools/run_course.py"):
        (ready.root / name).parent.mkdir()
        (ready.root / name).write_text(say)
    assert ready.run("run", "01", "02") == (0, "[] None\n['01', '02'] 1\n")
    (ready.root / "utils" / "data.py").write_text("import sys; sys.exit(7)")
    assert ready.run("run", "01") == (7, "")


def test_clean_keeps_the_data(ready):
    cache = ready.root / "build" / "cache"
    ready.change("mkdir -p build/cache build/results; touch build/cache/novel.txt")
    code, printed = ready.run("clean", COURSE_CACHE="build/cache")
    assert code == 0 and "build/cache" in printed and not ready.venv.exists()
    assert [*ready.root.glob("build/**/*")] == [cache, cache / "novel.txt"]


# Locks

LOCKS = course.list_files([*course.EXTRAS, "onnx"], "lock")


def read_lock(path):
    """Return the blocks of a lock, pin to hashes."""
    blocks = re.split(r"\n(?=\S)", path.read_text(encoding="utf8").strip())
    return {re.split(r" [\\;]", block)[0]: block for block in blocks}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_locks_pin_with_hashes_and_without_cuda(path):
    blocks = read_lock(path)
    for pin, block in blocks.items():
        assert re.match(r"[a-z0-9.-]+==[\w.]+( ; .*)? \\\n +--hash=sha256:[0-9a-f]{64}", block), pin
        assert not re.match(r"nvidia|cuda|triton|torch==", pin), pin
    assert "://" not in path.read_text(encoding="utf8")  # no index of anybody
    text = path.with_suffix(".txt").read_text(encoding="utf8")
    assert set(re.findall(r"^(?!torch)[\w.-]+==[\w.]+", text, re.M)) <= set(blocks)
    course_pins = read_lock(LOCKS[0])
    names = {pin.split("==")[0] for pin in course_pins}  # which the extras pin as the course does
    assert {pin for pin in blocks if pin.split("==")[0] in names} <= set(course_pins)


def test_every_package_of_the_course_has_a_module_to_import():
    assert course.find_problem(Path(sys.prefix), [], deep=False) == ""
