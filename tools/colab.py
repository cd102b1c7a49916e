"""Run the notebooks as Colab would: `python tools/colab.py`, or `... 01` for one.

Makes a virtual environment with Colab's versions (requirements-colab.txt) in build/colab,
then runs every notebook in a fresh kernel that has a stand-in for `google.colab`, in a folder
that is empty, so that its first cell has to clone the course, or, while the repository has no
address, holds an uploaded copy. Both come from a snapshot of this folder (uncommitted changes
included) instead of the network. Started under any Python that the course supports; the
environment needs a Python 3.13, Colab's own.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = "3.13"
ENVIRONMENT = ROOT / "build" / "colab"
RESULTS = ROOT / "build" / "colab-results"
TIMEOUT = 3600  # seconds for one notebook, to end what hangs


def find_python(wanted: str | None = None) -> str:
    """Return the path of a Python of Colab's version.

    Args:
        wanted: a path or command to use; by default `python3.13` from the PATH, then those
            of pyenv.

    Raises:
        SystemExit: there is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path(os.path.expanduser("~/.pyenv")))
    candidates = [wanted] if wanted else [sys.executable, f"python{VERSION}"]
    if not wanted:
        candidates += sorted(map(str, pyenv.glob(f"versions/{VERSION}*/bin/python")), reverse=True)
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in filter(None, map(shutil.which, candidates)):
        # A name on the PATH may be a shim that fails.
        said = subprocess.run([path, "-c", ask], capture_output=True, text=True)
        if said.stdout.strip() == VERSION:
            return path
    raise SystemExit(
        f"Colab runs Python {VERSION}; {wanted or 'the PATH'} gives none. Install it (for example "
        f"`pyenv install {VERSION}`) or name one: `python tools/colab.py --python PATH`."
    )


def make_environment(wanted: str | None = None, folder: Path = ENVIRONMENT) -> Path:
    """Make a virtual environment with Colab's versions, or return to it; return its Python.

    What a notebook has installed there before is taken out again, as Colab forgets it too.

    Raises:
        SystemExit: there is no Python of Colab's version, or pip failed.
    """
    requirements = (ROOT / "requirements-colab.txt").read_text(encoding="utf8")
    digest = hashlib.sha256(requirements.encode()).hexdigest()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip, ready = [str(python), "-m", "pip"], folder / ".ready"
    if not (ready.exists() and ready.read_text() == digest and python.exists()):
        print(f"Installing Colab's versions into {folder}", flush=True)
        subprocess.run([find_python(wanted), "-m", "venv", "--clear", str(folder)], check=True)
        install = [*pip, "install", "--quiet", "-r", str(ROOT / "requirements-colab.txt")]
        load = [str(python), "-c", "import keras, nbclient, spacy, tensorflow, transformers"]
        if subprocess.run(install).returncode or subprocess.run(load).returncode:
            raise SystemExit("pip could not install requirements-colab.txt; the reason is above.")
        ready.write_text(digest)
    course = (ROOT / "requirements.txt").read_text(encoding="utf8")
    there, pinned = (re.findall(r"^([\w-]+)==", text, re.M) for text in (requirements, course))
    absent = sorted(set(pinned) - set(there))
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", *absent], capture_output=True)
    return python


def call_git(*arguments: str, folder: Path) -> str:
    """Run git with no setting of this user or of a surrounding git command."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "course", f"GIT_{role}_EMAIL": "course@example.org"})
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def make_snapshot(source: Path, target: Path) -> Path:
    """Copy a checkout's files, ignored ones left out, into a new repository."""
    target.mkdir(parents=True)
    listed = call_git("ls-files", "-z", "-co", "--exclude-standard", folder=source)
    for name in filter(None, listed.split("\0")):
        if (source / name).is_file():  # not one that was deleted
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
    call_git("init", "--quiet", folder=target)
    call_git("add", "--all", "--force", folder=target)
    call_git("commit", "--quiet", "--message", "Snapshot", folder=target)
    return target


def run_as_colab(path: Path, *, address: str, snapshot: Path, content: Path, **env: str):
    """Run one notebook as Colab would.

    Args:
        path: the notebook.
        address: what its first cell clones; "" if the course is uploaded instead.
        snapshot: the local repository that git is to take for it, and what is uploaded.
        content: the working folder, Colab's `/content`.
        env: further environment variables of the kernel.

    Returns:
        The executed notebook.

    Raises:
        tools.refresh.NotebookError: a cell failed.
    """
    # Here and not above: whatever starts this file may lack what these modules need.
    import nbformat

    from tools.refresh import run_cells

    if address:
        env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": address}
        env |= {"GIT_CONFIG_KEY_0": f"url.{snapshot.resolve().as_uri()}.insteadOf"}
    else:
        call_git("clone", "--quiet", str(snapshot), "nlp-in-keras", folder=content)
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        package = Path(folder, "google", "colab")  # no google/__init__.py: others add to it
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        startup = Path(folder, "ipython", "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "00.py").write_text("import google.colab\n")
        env |= {"PYTHONPATH": folder, "IPYTHONDIR": str(Path(folder, "ipython"))}
        run_cells(notebook, content, environment=env, timeout=TIMEOUT)
    return notebook


def run_all(number: str = "") -> int:
    """Run the notebook of one number, or all; return how many failed."""
    from tools.refresh import NotebookError, find_notebooks
    from tools.sync import load_project
    from utils.results import passes_floor

    try:
        paths = find_notebooks(number, ROOT)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        snapshot = make_snapshot(ROOT, Path(folder) / "snapshot")
        for path in paths:
            content, record = Path(folder) / path.stem, RESULTS / f"{path.name[:2]}.json"
            content.mkdir()
            record.unlink(missing_ok=True)
            places = {"address": load_project(ROOT)[0], "snapshot": snapshot, "content": content}
            started, verdict, said = time.monotonic(), "ok", ""
            try:
                run_as_colab(path, **places, COURSE_RESULTS=str(RESULTS))
            except NotebookError as error:  # the others still run
                verdict = "FAILED"
                print(f"{path.name}: {error}", file=sys.stderr)
            if record.exists():
                result = json.loads(record.read_text(encoding="utf8"))
                said = f", {result['metric']} {result['value']:.3f} (floor {result['floor']:.3f})"
                if verdict == "ok" and not passes_floor(result):
                    verdict = "BELOW FLOOR"
            failed += verdict != "ok"
            seconds = time.monotonic() - started
            print(f"{verdict:<12} {path.name}, {seconds:.0f} s{said}", flush=True)
    return failed


def main() -> int:
    """Make the environment, then run the notebooks in it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("number", nargs="?", default="", help="of one notebook, for example 01")
    parser.add_argument("--python", help=f"a Python {VERSION} to make the environment with")
    arguments = parser.parse_args()
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        return int(run_all(arguments.number) > 0)
    python = make_environment(arguments.python)
    command = [str(python), "-m", "tools.colab", arguments.number]
    # Without this variable the debugger of Jupyter prints a warning at every start.
    env = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return subprocess.run(command, cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
