"""The repository as a whole: links, style, commands, no network, nbval's repairs."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from nbformat import v4

from tools.notebook_rules import LOCAL_PATH, list_link_problems
from tools.refresh import ROOT

BUILT = {".git", ".venv", "build", "wheelhouse", "__pycache__", ".ipynb_checkpoints"}


def run(*command, cwd=ROOT):
    """Run a command; return its exit code and all that it printed.

    What a make around these tests hands to a make within them (it then names folders) stays out.
    """
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def list_files():
    """Return every file that git knows or would add; without git, all but what is built."""
    code, names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = [ROOT / name for name in names.split("\0")] if code == 0 else ROOT.rglob("*")
    paths = [path for path in paths if not BUILT & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file())


PAGES = [path for path in list_files() if path.suffix == ".md"]


def test_links_in_pages_lead_somewhere():
    assert [said for path in PAGES for said in list_link_problems(path, ROOT)] == []


@pytest.mark.parametrize("command", [["check"], ["format", "--check", "--exclude", "*.ipynb"]])
def test_ruff_is_content(command):
    code, printed = run(sys.executable, "-m", "ruff", *command, ".")
    assert code == 0, printed


def test_no_file_names_a_folder_of_one_machine():
    texts = {path: path.read_bytes().decode("utf8", "replace") for path in list_files()}
    plain = {
        p: s.replace("\\n", "\n").replace("\\\\", "\\") for p, s in texts.items() if "\0" not in s
    }
    assert [path for path, text in plain.items() if LOCAL_PATH.search(text)] == []


# The commands


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_passes_the_numbers_on():
    for target, command in (("test", "test"), ("course", "run")):
        code, printed = run("make", "-n", target, "NB=00 01", "PYTHON=python3")
        assert (code, printed.strip()) == (0, f"python3 course.py {command} 00 01")
    code, printed = run("make", "test", "NB=00 99", f"PYTHON={sys.executable}")
    assert code == 2
    assert printed.startswith("no notebook has the number '99'; known: 00, 01, ")


# No network. 192.0.2.1 and example.org are reserved: nothing answers there.

REFUSED = "the tests run without a network: no connection to "
OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=30)"


ATTEMPTS = [
    OUTSIDE,
    "import socket; socket.create_connection(('example.org', 80), timeout=30)",
    "import socket; socket.create_connection(('2001:db8::1', 80), timeout=30)",
    "import socket; socket.socket().connect(('192.0.2.1', 80))",
    "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    "import socket; socket.gethostbyname('example.org')",
]


def test_no_way_leads_out_of_a_test_or_of_a_process_that_it_starts():
    for attempt in ATTEMPTS:
        with pytest.raises(OSError, match=REFUSED):
            exec(attempt, {})
    code, printed = run(sys.executable, "-c", OUTSIDE)
    assert code == 1 and REFUSED in printed


# nbval


def run_nbval(folder, cells):
    """Run nbval as `make test` does, on cells given as source and what they are to print."""
    made = []
    for source, text in cells.items():
        output = v4.new_output("stream", name="stdout", text=f"{text}\n")
        made.append(v4.new_code_cell(source, outputs=[output], execution_count=1))
    path = folder / "tiny.ipynb"
    path.write_text(v4.writes(v4.new_notebook(cells=made)), encoding="utf8")
    return run(sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--nbval", str(path))


def test_nbval_runs_cells_offline_and_sees_what_children_print(tmp_path):
    child = f"subprocess.run([sys.executable, '-c', {OUTSIDE!r}], capture_output=True, text=True)"
    cells = {
        f"try:\n    {OUTSIDE}\nexcept OSError as error:\n    print(error)": f"{REFUSED}'192.0.2.1'",
        f"import subprocess, sys\nprint('without a network' in {child}.stderr)": "True",
        "import os\ndone = os.system('echo captured')": "captured",
    }
    code, printed = run_nbval(tmp_path, cells)
    assert code == 0 and "3 passed" in printed, printed


def test_nbval_says_soon_that_the_kernel_died_or_outputs_differ(tmp_path):
    start = time.monotonic()
    code, printed = run_nbval(tmp_path, {"print(1)": "2", "import os; os._exit(1)": ""})
    assert code == 1 and "Cell outputs differ" in printed
    assert "the kernel died while running this cell" in printed and time.monotonic() - start < 60
