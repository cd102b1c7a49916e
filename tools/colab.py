"""Run the notebooks as Colab would: `python tools/colab.py`, or `... 01` for one.

Makes a virtual environment with Colab's versions (requirements-colab.txt) in build/colab,
then runs every notebook in a fresh kernel that has a stand-in for `google.colab`, in an
empty folder, so that its first cell has to clone the course. The clone comes from a snapshot
of this folder (uncommitted changes included) instead of the network. Started under any Python
that the course supports; the environment needs a Python 3.13, Colab's own.
"""

import argparse
import contextlib
import hashlib
import json
import os
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
CELL_TIMEOUT = 1800  # seconds


def find_python(wanted: str | None = None) -> str:
    """Return the path of a Python of Colab's version.

    Args:
        wanted: a path or command to use; by default `python3.13` from the PATH, then those
            of pyenv.

    Raises:
        SystemExit: there is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
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
    """Make a virtual environment with Colab's versions, or bring it up to date.

    Returns:
        The path of its Python.
    """
    requirements = ROOT / "requirements-colab.txt"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    ready = folder / ".ready"
    if ready.exists() and ready.read_text() == digest and python.exists():
        return python
    print(f"Installing Colab's versions into {folder.relative_to(ROOT)}", flush=True)
    started = time.monotonic()
    subprocess.run([find_python(wanted), "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
    if subprocess.run(install).returncode:
        raise SystemExit(f"pip could not install {requirements.name}; its reason stands above.")
    ready.write_text(digest)
    print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)
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


def make_snapshot(source: Path, target: Path, tag: str) -> Path:
    """Copy a checkout's files, ignored ones left out, into a new repository with `tag`."""
    target.mkdir(parents=True)
    listed = call_git("ls-files", "-z", "-co", "--exclude-standard", folder=source)
    for name in filter(None, listed.split("\0")):
        if (source / name).is_file():  # not one that was deleted
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
    call_git("init", "--quiet", folder=target)
    call_git("add", "--all", "--force", folder=target)
    call_git("commit", "--quiet", "--message", "Snapshot", folder=target)
    call_git("tag", tag, folder=target)
    return target


def make_stand_in(folder: Path) -> dict[str, str]:
    """Write a stand-in for `google.colab` that every kernel loads at its start.

    Returns:
        The environment variables that make a kernel load it.
    """
    package = folder / "modules" / "google" / "colab"  # no google/__init__.py: others add to it
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import google.colab\n")
    return {"PYTHONPATH": str(folder / "modules"), "IPYTHONDIR": str(folder / "ipython")}


def run_as_colab(path: Path, *, address: str, snapshot: Path, content: Path, **env: str):
    """Run one notebook as Colab would.

    Args:
        path: the notebook.
        address: the repository's address, which its first cell clones.
        snapshot: the local repository that git is to take instead.
        content: the working folder, Colab's `/content`.
        env: further environment variables of the kernel.

    Returns:
        The executed notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PYTEST_"))}
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{snapshot.resolve().as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, kernel_name="python3")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = {**kept, **instead, **make_stand_in(Path(folder)), **env}
        return client.execute(env=env, cwd=str(content))


def run_all(number: str = "") -> int:
    """Run the notebooks whose names begin with `number`; return how many failed."""
    # Here and not above: whatever starts this file may lack what these modules need.
    from tools.sync import load_project
    from utils.results import passes_floor

    address, tag = load_project(ROOT)
    paths = sorted((ROOT / "notebooks").glob(f"{number}*.ipynb"))
    if not paths:
        raise SystemExit(f"There is no notebook {number!r} in notebooks/.")
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        snapshot = make_snapshot(ROOT, Path(folder) / "snapshot", tag)
        for path in paths:
            content = Path(folder) / path.stem
            content.mkdir()
            started, verdict, result = time.monotonic(), "ok", None
            file = RESULTS / f"{path.name[:2]}.json"
            file.unlink(missing_ok=True)
            try:
                places = {"address": address, "snapshot": snapshot, "content": content}
                run_as_colab(path, **places, COURSE_RESULTS=str(RESULTS))
            except Exception as error:  # the others still run
                verdict = "FAILED"
                print(f"{path.name}: {error}", file=sys.stderr)
            with contextlib.suppress(FileNotFoundError):
                result = json.loads(file.read_text(encoding="utf8"))
                if not passes_floor(result):
                    verdict = "BELOW FLOOR" if verdict == "ok" else verdict
            failed += verdict != "ok"
            print(describe(path.name, verdict, time.monotonic() - started, result), flush=True)
    return failed


def describe(name: str, verdict: str, seconds: float, result: dict | None) -> str:
    """Return the line of one notebook.

    Example:
        >>> describe("00_start_here.ipynb", "ok", 7.4, None)
        'ok           00_start_here.ipynb, 7 s'
    """
    line = f"{verdict:<12} {name}, {seconds:.0f} s"
    if result:
        line += f", {result['metric']} {result['value']:.3f} (floor {result['floor']:.3f})"
    return line


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
