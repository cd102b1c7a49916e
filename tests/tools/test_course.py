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
import time
from pathlib import Path

import pytest
from test_wheelhouse import build_wheel, write_lock

import course
from tools.backends import run_backend

ROOT = Path(course.__file__).resolve().parent
PACKAGES = "lib/python{}.{}/site-packages".format(*sys.version_info)
# A virtual environment is made in five seconds, its copy in half of one.
START = """
import sys
sys._base_executable = {copier!r}
sys.argv[0] = "course.py"
import course
sys.exit(course.main(sys.argv[1:]))
"""
posix = pytest.mark.skipif(os.name == "nt", reason="the copier is a script with #!")
pytestmark = posix


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    """A program that makes an environment by copying one."""
    folder = tmp_path_factory.mktemp("copier")
    subprocess.run([sys._base_executable, "-m", "venv", folder / "empty"], check=True)
    path = folder / "python"
    path.write_text(
        f"#!{sys._base_executable}\nimport shutil, sys\n"
        f"shutil.copytree({str(folder / 'empty')!r}, sys.argv[-1], symlinks=True)\n"
    )
    path.chmod(0o755)
    return str(path)


class Course:
    """A course folder, and what its `course.py` says and does."""

    def __init__(self, folder, copier):
        self.root = folder / "course"
        self.index = folder / "index"
        self.start = START.format(copier=copier)
        for path in (self.index, self.root / "notebooks" / "solutions"):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "course.py", self.root)
        for name in ("00_start.ipynb", "01_lstm.ipynb", "02_rnn.ipynb", "solutions/01_lstm.ipynb"):
            (self.root / "notebooks" / name).touch()
        (self.root / "requirements.txt").write_text("main-part==1.0\n")
        self.wheels = [
            build_wheel(self.index, "main_part", needs="needed_part"),
            build_wheel(self.index, "needed_part"),
        ]
        write_lock(self.root, "requirements.lock", *self.wheels)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "COURSE_", "HF_"))}
        self.environ = kept | {"PIP_CONFIG_FILE": os.devnull, "TORCH_INDEX": ""}
        self.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}

    @property
    def venv(self):
        return self.root / ".venv"

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
        printed, _ = process.communicate(timeout=120)
        return process.returncode, printed

    def check(self, packages=("main_part", "needed_part")):
        """Assert that the environment works, is marked, and that nothing is left over."""
        code = f"import sys, {', '.join(packages)}; print(*sys.version_info[:2], sep='.')"
        python = [self.venv / "bin" / "python", "-I", "-c", code]
        assert subprocess.run(python, check=True, stdout=subprocess.PIPE).stdout
        stamp = json.loads((self.venv / ".ready").read_text())
        assert stamp["path"] == str(self.venv)
        assert stamp["python"] == "{}.{}".format(*sys.version_info)
        assert not (self.root / ".venv.old").exists()


@pytest.fixture
def tiny(tmp_path, copier):
    return Course(tmp_path, copier)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, copier):
    made = Course(tmp_path_factory.mktemp("finished"), copier)
    assert made.run("setup")[0] == 0
    return made


@pytest.fixture
def ready(tiny, finished):
    """A course with a finished environment; the file `mark` is in no other environment."""
    shutil.copytree(finished.venv, tiny.venv, symlinks=True)
    stamp = json.loads((tiny.venv / ".ready").read_text()) | {"path": str(tiny.venv)}
    (tiny.venv / ".ready").write_text(json.dumps(stamp))
    (tiny.venv / "mark").touch()
    return tiny


def test_setup_installs_imports_and_then_marks(tiny):
    code, printed = tiny.run("setup")
    assert code == 0, printed
    assert re.search(r"importing every package \.\.\.\nReady after \d+ seconds\n$", printed)
    tiny.check()


@pytest.mark.parametrize("command", ["setup", "ready"])
def test_a_right_environment_is_left_alone(ready, command):
    assert ready.run(command) == (0, "")
    assert (ready.venv / "mark").exists()
    ready.check()


def halve(tiny):
    """What kill -9 leaves behind: METADATA without the files."""
    (tiny.venv / ".ready").unlink()
    shutil.rmtree(tiny.venv / PACKAGES / "needed_part")


def change_stamp(**changes):
    def change(tiny):
        stamp = json.loads((tiny.venv / ".ready").read_text())
        (tiny.venv / ".ready").write_text(json.dumps(stamp | changes))

    return change


def lose_interpreter(tiny):
    for path in (tiny.venv / "bin").glob("python*"):
        path.unlink()
        path.symlink_to(tiny.root / "gone")


def move_checkout(tiny):
    tiny.root = tiny.root.rename(tiny.root.with_name("moved"))


def damage(tiny):
    (tiny.venv / PACKAGES / "main_part" / "__init__.py").write_text("import no_such_part\n")


def change_lock(tiny):
    with open(tiny.root / "requirements.lock", "a") as stream:
        stream.write("# renewed\n")


def leave_old_one_half_removed(tiny):
    halve(tiny)
    shutil.copytree(tiny.venv, tiny.root / ".venv.old", symlinks=True)


FAULTS = {
    "killed while unpacking": halve,
    "killed twice": leave_old_one_half_removed,
    "mark of the first edition": lambda tiny: (tiny.venv / ".ready").write_text(""),
    "Python 3.10": change_stamp(python="3.10"),
    "interpreter gone": lose_interpreter,
    "checkout moved": move_checkout,
    "lock changed": change_lock,
    "package deleted": lambda tiny: shutil.rmtree(tiny.venv / PACKAGES / "main_part"),
    "package does not import": damage,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_built_anew(ready, fault):
    FAULTS[fault](ready)
    code, printed = ready.run("setup")
    assert code == 0, printed
    assert not (ready.venv / "mark").exists()
    ready.check()


def test_an_environment_killed_while_it_was_exchanged_comes_back(ready):
    ready.venv.rename(ready.root / ".venv.old")
    ready.venv.mkdir()
    assert ready.run("ready") == (0, "")
    assert (ready.venv / "mark").exists()
    ready.check()


def test_a_linked_environment_is_replaced_and_not_emptied(ready):
    shared = ready.venv.rename(ready.root.parent / "shared")
    (shared / ".ready").write_text("")
    ready.venv.symlink_to(shared)
    assert ready.run("setup")[0] == 0
    assert (shared / "mark").exists() and not ready.venv.is_symlink()
    ready.check()


HARMFUL = ["DRY_RUN", "NO_DEPS", "USER", "TARGET", "PREFIX", "ROOT", "CONSTRAINT", "NO_BINARY"]


@pytest.mark.parametrize("names", [["DRY_RUN"], ["NO_DEPS"], ["TARGET"], HARMFUL], ids=" ".join)
def test_settings_that_keep_pip_from_installing_are_not_passed_on(tiny, tmp_path, names):
    folders = {"TARGET", "PREFIX", "ROOT", "CONSTRAINT"}
    elsewhere = str(tmp_path / "elsewhere")
    harmful = {f"PIP_{name}": elsewhere if name in folders else "1" for name in names}
    code, printed = tiny.run("setup", PYTHONPATH=str(tmp_path), **harmful)
    assert code == 0, printed
    tiny.check()
    assert not Path(elsewhere).exists()


@pytest.mark.parametrize("setting", ["dry-run = true", "target = {}", "prefix = {}", "root = {}"])
def test_a_configuration_that_does_it_is_one_sentence(ready, tmp_path, setting):
    (tmp_path / "pip.conf").write_text(f"[install]\n{setting.format(tmp_path / 'elsewhere')}\n")
    change_lock(ready)
    code, printed = ready.run("setup", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert code == 1
    assert "environment does not work: main-part is missing" in printed.splitlines()[-1]
    assert "Traceback" not in printed
    assert (ready.venv / "mark").exists() and not (ready.root / ".venv.old").exists()
    assert json.loads((ready.venv / ".ready").read_text())["path"] == str(ready.venv)


def test_no_environment_is_left_where_there_was_none(tiny, tmp_path):
    (tmp_path / "pip.conf").write_text("[install]\ndry-run = true\n")
    assert tiny.run("setup", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))[0] == 1
    assert not tiny.venv.exists()


def test_a_wheel_with_another_hash_is_refused_and_the_old_environment_kept(ready):
    before = (ready.venv / ".ready").read_text()
    build_wheel(ready.index, "needed_part", needs="main_part")
    change_lock(ready)
    code, printed = ready.run("setup")
    assert code == 1
    assert "needed-part==1.0" in printed and "HASH" in printed.upper()
    assert printed.splitlines()[-1].startswith("error: the step 'packages' failed")
    assert (ready.venv / "mark").exists() and (ready.venv / ".ready").read_text() == before
    assert not (ready.root / ".venv.old").exists()


def list_processes(root):
    """Return the processes whose command names a folder."""
    done = subprocess.run(["ps", "-eo", "args"], stdout=subprocess.PIPE, text=True)
    return [line for line in done.stdout.splitlines() if str(root) in line]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_stopped_while_pip_is_at_work(ready, number):
    change_lock(ready)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes questions, answers none
        index = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        environ = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index}
        process = ready.open("setup", **environ)
        server.settimeout(60)
        connection, _ = server.accept()
        process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
        connection.close()
    if number == signal.SIGINT:
        assert process.returncode == 130 and "interrupted" in printed
        assert (ready.venv / "mark").exists() and not (ready.root / ".venv.old").exists()
    else:
        assert not (ready.venv / ".ready").exists()
    end = time.monotonic() + 10
    while list_processes(ready.root) and time.monotonic() < end:
        time.sleep(0.1)
    assert not list_processes(ready.root)  # pip does not go on on its own
    assert ready.run("setup")[0] == 0
    assert not (ready.venv / "mark").exists()
    ready.check()


def test_extras_stay_when_the_environment_is_built_anew(ready):
    torch, extra = build_wheel(ready.index, "torch"), build_wheel(ready.index, "extra_part")
    (ready.root / "requirements-torch.txt").write_text("torch==1.0\nextra-part==1.0  # why\n")
    write_lock(ready.root, "requirements-torch.lock", extra)
    code, printed = ready.run("setup", "torch")
    assert code == 0, printed
    every = ("main_part", "needed_part", torch.name.split("-")[0], "extra_part")
    ready.check(every)
    assert ready.run("setup") == (0, "")
    halve(ready)
    assert ready.run("setup", "torch")[0] == 0
    change_lock(ready)
    assert ready.run("ready")[0] == 0
    ready.check(every)


def test_an_unsupported_python_is_one_sentence(tiny):
    tiny.start = "import sys; sys.version_info = (3, 10, 4)\n" + tiny.start
    code, printed = tiny.run("setup")
    assert code == 1
    assert printed.startswith("Python 3.10 is not supported; use 3.11, 3.12 or 3.13")
    assert printed.count("\n") == 1 and not tiny.venv.exists()
    ast.parse((ROOT / "course.py").read_text(encoding="utf8"), feature_version=(3, 6))


# Commands


@pytest.mark.parametrize("numbers", [["99"], ["abc"], ["../x"], ["-x"], ["00", "99"], ["1"]])
@pytest.mark.parametrize("command", ["run", "test"])
def test_an_unknown_number_stops_everything(tiny, command, numbers):
    code, printed = tiny.run(command, *numbers)
    assert code == 2
    assert printed == f"no notebook has the number {numbers[-1]!r}; known: 00, 01, 02\n"
    assert not tiny.venv.exists() and not (tiny.root / "build").exists()


def test_backends_name_an_unknown_number(capsys):
    assert run_backend("jax", "01", "07") == 2
    assert capsys.readouterr().err.endswith("the number '07'; known: 01, 02, 03\n")


@pytest.mark.parametrize("arguments", [[], ["tset"], ["setup", "numpy"], ["lab", "01"]])
def test_other_wrong_arguments(tiny, arguments):
    code, printed = tiny.run(*arguments)
    assert code == 2
    assert "python course.py setup" in printed or f"{arguments[-1]!r}; known" in printed
    assert not tiny.venv.exists() and not (tiny.root / "build").exists()


def test_several_numbers_are_several_notebooks():
    fetch, fast, compare = course.list_steps("test", ["00", "01"])
    assert fetch == ["utils.data"] and fast == ["pytest", "-q", "tests", "utils"]
    assert [path for path in compare if path.endswith(".ipynb")] == [
        "notebooks/00_start_here.ipynb",
        "notebooks/01_lstm_text_classification.ipynb",
        "notebooks/solutions/01_lstm_text_classification.ipynb",
    ]
    assert course.list_steps("run", ["00", "01"])[1] == ["tools.run_course", "00", "01"]
    every = course.list_steps("test", [])[2]
    assert all((ROOT / path).exists() for path in every[4:])
    assert len(every[4:]) == len(list(ROOT.glob("notebooks/**/*.ipynb")))


def test_lab_fetches_nothing_and_asks_nobody():
    [step] = course.list_steps("lab", [])
    assert step[0] == "jupyterlab" and "--LabApp.news_url=None" in step
    from jupyterlab import NeverCheckForUpdate
    from jupyterlab.labapp import LabApp

    app = LabApp()
    app.parse_command_line(step[1:])
    assert app.news_url is None and app.check_for_updates_class is NeverCheckForUpdate
    assert app.extension_manager == "readonly"


def write_module(tiny, name, text):
    path = tiny.root / (name.replace(".", "/") + ".py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_steps_run_offline_up_to_the_first_that_fails(ready):
    say = "import os, sys; print('{}', sys.argv[1:], os.environ.get('HF_HUB_OFFLINE'), flush=True)"
    write_module(ready, "utils.data", say.format("data"))
    write_module(ready, "tools.run_course", say.format("course"))
    assert ready.run("run", "01") == (0, "data [] None\ncourse ['01'] 1\n")
    write_module(ready, "utils.data", "import sys; sys.exit(7)")
    assert ready.run("run", "01") == (7, "")


def test_clean_keeps_the_data(ready):
    cache = ready.root / "build" / "cache"
    cache.mkdir(parents=True)
    (cache / "novel.txt").touch()
    (ready.root / "build" / "results").mkdir()
    code, printed = ready.run("clean", COURSE_CACHE="build/cache")
    assert code == 0 and "build/cache" in printed
    assert [path.name for path in ready.root.glob("build/*")] == ["cache"]
    assert (cache / "novel.txt").exists() and not ready.venv.exists()


# Locks

LOCKS = sorted(ROOT.glob("requirements*.lock"))


def read_lock(path):
    """Return the blocks of a lock: package with version and marker, then its hashes."""
    return re.split(r"\n(?=\S)", path.read_text(encoding="utf8").strip())


def test_there_is_a_lock_for_the_course_and_each_extra():
    assert [path.name for path in LOCKS] == sorted(
        p.name for p in course.list_files([*course.EXTRAS, "onnx"], "lock")
    )


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_locks_pin_with_hashes_and_without_cuda(path):
    blocks = read_lock(path)
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+==[\w.]+( ; .*)? \\\n +--hash=sha256:[0-9a-f]{64}", block), (
            block
        )
        assert not re.match(r"nvidia|cuda|triton|torch==", block), block
    assert "://" not in path.read_text(encoding="utf8")
    locked = {block.split()[0] for block in blocks}
    text = path.with_suffix(".txt").read_text(encoding="utf8")
    pins = set(re.findall(r"^[\w.-]+==[\w.]+", text, re.M))
    assert {pin for pin in pins - locked if not pin.startswith("torch==")} == set()


def test_extras_pin_what_the_course_pins():
    first = dict.fromkeys(block.split("==")[0] for block in read_lock(ROOT / "requirements.lock"))
    pins = {block.split(" \\")[0].split(" ;")[0] for block in read_lock(ROOT / "requirements.lock")}
    for path in LOCKS:
        for block in read_lock(path):
            name, pin = block.split("==")[0], block.split(" \\")[0].split(" ;")[0]
            assert name not in first or pin in pins, f"{path.name}: {pin}"


def test_every_package_of_the_course_has_a_module_to_import():
    assert course.find_problem(Path(sys.prefix), [], deep=False) == ""


def test_make_asks_the_environment_for_its_python():
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    assert "PYTHON ?= $(shell test -f .venv/.ready && .venv/bin/python" in text
