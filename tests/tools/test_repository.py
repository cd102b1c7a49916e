"""The repository as a whole: links, style, the two commands, no network, nbval's repairs."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from nbformat import v4

import course
from tools.notebook_rules import LOCAL_PATH, list_link_problems
from tools.sync import ROOT

FOLDERS = ["utils", "tools", "tests", "benchmarks"]
REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|anaconda\.org")
PYTORCH_INDEX = "download.pytorch.org/whl/cpu"
BUILT = {".git", ".venv", "build", "wheelhouse", "__pycache__", ".ipynb_checkpoints"}
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def run(*command, cwd=ROOT):
    """Run a command and return its exit code and all that it printed.

    What a make around these tests hands to a make within them (it then names folders) stays out.
    """
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environ = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def list_files():
    """Return every file that git knows or would add; without git, all but what is built."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        paths = [ROOT / name for name in names.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [p for p in ROOT.rglob("*") if not BUILT & set(p.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file())


def list_strings(value):
    """Yield every string in what a JSON file holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from list_strings(part)


def find_in_files(pattern, paths):
    """Return file and text of each match in text files; of notebooks, in what a reader sees."""
    found = []
    for path in paths:
        text = path.read_bytes().decode("utf8", "replace")
        if path.suffix == ".ipynb":
            text = "\n".join(list_strings(json.loads(text)))
        if "\0" not in text:
            found += [f"{path.name}: {match.group()}" for match in pattern.finditer(text)]
    return found


# Links, style, words

PAGES = [path for path in list_files() if path.suffix == ".md"]


def test_there_are_pages():
    assert PAGES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_in_pages_lead_somewhere(path):
    problems = list_link_problems(path, ROOT)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "command", [["check", "."], ["format", "--check", "conftest.py", "course.py", *FOLDERS]]
)
def test_ruff_is_content(command):
    code, printed = run(sys.executable, "-m", "ruff", *command)
    assert code == 0, printed


def test_ruff_is_not_always_content(tmp_path):
    (tmp_path / "bad.py").write_text("import os\n", encoding="utf8")
    code, printed = run(sys.executable, "-m", "ruff", "check", str(tmp_path))
    assert code == 1
    assert "F401" in printed


@pytest.mark.parametrize("pattern", [LOCAL_PATH, REGISTRIES], ids=["paths", "registries"])
def test_no_file_names_a_machine_or_a_registry(pattern):
    found = find_in_files(pattern, list_files())
    assert not found, "\n".join(found)


def test_such_names_would_be_found(tmp_path):
    path = tmp_path / "notes.txt"
    home, registry = "/".join(["", "home", "ann"]), ".".join(["pypi", "org"])
    path.write_text(f"see {home} and https://{registry}/simple", encoding="utf8")
    assert find_in_files(LOCAL_PATH, [path]) == [f"notes.txt: {home}"]
    assert find_in_files(REGISTRIES, [path]) == [f"notes.txt: {registry}"]
    page = tmp_path / "page.ipynb"
    folder = "C:" + "\\Users"
    page.write_text(
        json.dumps({"cells": [{"source": ["KING HENRY V:" + "\n", f"in {folder}"]}]}), "utf8"
    )
    assert find_in_files(LOCAL_PATH, [page]) == [f"page.ipynb: {folder}"]


# The commands


def test_continuous_integration_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert os.name == "nt" or os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pip's index has the small build")
def test_torch_comes_from_its_own_index_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    index, pin = course.list_torch()
    assert PYTORCH_INDEX in index and f"\n{pin}\n" in (ROOT / "requirements-torch.txt").read_text()
    monkeypatch.setenv("TORCH_INDEX", "")
    assert course.list_torch() == [pin]


@needs_make
@pytest.mark.parametrize("target, command", [("test", "test"), ("course", "run")])
def test_make_passes_the_numbers_on(target, command):
    code, printed = run("make", "-n", target, "NB=00 01", "PYTHON=python3")
    assert (code, printed.strip()) == (0, f"python3 course.py {command} 00 01")


@needs_make
def test_make_names_an_unknown_number():
    code, printed = run("make", "test", "NB=00 99", f"PYTHON={sys.executable}")
    assert code == 2
    assert printed.startswith("no notebook has the number '99'; known: 00, 01, ")


def test_tests_run_from_another_folder(tmp_path):
    tests = str(ROOT / "tests" / "test_notebook_rules.py")
    code, printed = run(sys.executable, "-m", "pytest", "-q", tests, "-k", "code", cwd=tmp_path)
    assert code == 0, printed
    assert "passed" in printed


# No network. 192.0.2.1 and example.org are reserved: nothing answers there.


def connect(host="192.0.2.1"):
    socket.create_connection((host, 80), timeout=30).close()


def connect_without_lookup():
    with socket.socket() as plain:
        plain.settimeout(30)
        plain.connect(("192.0.2.1", 80))


def send_datagram():
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.sendto(b"x", ("192.0.2.1", 9))


@pytest.mark.parametrize(
    "attempt",
    [
        connect,
        connect_without_lookup,
        send_datagram,
        lambda: connect("example.org"),
        lambda: connect("2001:db8::1"),
        lambda: socket.gethostbyname("example.org"),
    ],
)
def test_no_way_leads_out(attempt):
    start = time.monotonic()
    with pytest.raises(OSError, match="the tests run without a network"):
        attempt()
    assert time.monotonic() - start < 20  # a real attempt waits for 30


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_works(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=10).close()


OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=30)"


def test_child_processes_are_held_to_it():
    code, printed = run(sys.executable, "-c", OUTSIDE)
    assert code == 1
    assert "the tests run without a network: no connection to '192.0.2.1'" in printed


# nbval


def run_nbval(folder, cells):
    """Run nbval as `make test` does, on cells given as source and stored outputs."""
    made = [
        v4.new_code_cell(source, outputs=outputs, execution_count=count)
        for count, (source, outputs) in enumerate(cells, 1)
    ]
    path = folder / "tiny.ipynb"
    path.write_text(v4.writes(v4.new_notebook(cells=made)), encoding="utf8")
    return run(sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--nbval", str(path))


def printed_text(text):
    return [v4.new_output("stream", name="stdout", text=text)]


def shown_value(text, count):
    return [v4.new_output("execute_result", data={"text/plain": text}, execution_count=count)]


def test_nbval_runs_cells_as_jupyter_does_and_offline(tmp_path):
    children = (
        "done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)\n"
        "print('without a network' in done.stderr)"
    )
    direct = "try:\n    exec(code)\nexcept OSError as error:\n    print(error)"
    cells = [
        ("import os, subprocess, sys\n6 * 7", shown_value("42", 2)),
        ("Out[1]", shown_value("42", 2)),
        ("6 * 7;", []),
        (f"code = {OUTSIDE!r}", []),
        (direct, printed_text("the tests run without a network: no connection to '192.0.2.1'\n")),
        (children, printed_text("True\n")),
        ("print('PYTEST_CURRENT_TEST' in os.environ)", printed_text("False\n")),
        ("print('HOME' in os.environ or os.name == 'nt')", printed_text("True\n")),
    ]
    code, printed = run_nbval(tmp_path, cells)
    assert code == 0, printed
    assert "8 passed" in printed


def test_nbval_says_soon_that_the_kernel_died(tmp_path):
    start = time.monotonic()
    code, printed = run_nbval(tmp_path, [("import os", []), ("os._exit(1)", [])])
    assert code == 1
    assert "the kernel died while running this cell" in printed
    assert time.monotonic() - start < 60


def test_nbval_compares_outputs(tmp_path):
    code, printed = run_nbval(tmp_path, [("print(1)", printed_text("2\n"))])
    assert code == 1
    assert "Cell outputs differ" in printed
