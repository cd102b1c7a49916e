"""Run the notebooks as Colab would, with Colab's versions: `make colab`, or `make colab NB=01`.

Every notebook runs in a fresh kernel that has a stand-in for `google.colab`, in a folder that is
empty, so that its first cell has to clone the course, or, while the repository has no address,
holds an uploaded copy. Both come from a snapshot of this folder (uncommitted changes included)
instead of the network.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.refresh import ROOT, find_notebooks
from tools.run_course import make_table, run_notebook
from tools.sync import load_project


def call_git(*arguments: str, folder: Path) -> str:
    """Run git with no setting of this user or of a surrounding git command."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    author = ["-c", "user.name=course", "-c", "user.email=course@example.org"]
    command = ["git", *author, *arguments]
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


@contextlib.contextmanager
def pretend(address: str, snapshot: Path, content: Path) -> Iterator[dict[str, str]]:
    """Prepare what a kernel needs to take this machine for Colab.

    Args:
        address: what a first cell clones; "" if the course is uploaded instead.
        snapshot: the local repository that git is to take for it, and what is uploaded.
        content: the working folder, Colab's `/content`.

    Yields:
        The environment variables of the kernel.
    """
    env = {}
    if address:
        env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": address}
        env |= {"GIT_CONFIG_KEY_0": f"url.{snapshot.resolve().as_uri()}.insteadOf"}
    else:
        call_git("clone", "--quiet", str(snapshot), "nlp-in-keras", folder=content)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        package = Path(folder, "google", "colab")  # no google/__init__.py: others add to it
        startup = Path(folder, "ipython", "profile_default", "startup")
        for new in (package, startup):
            new.mkdir(parents=True)
        (package / "__init__.py").touch()
        (startup / "00.py").write_text("import google.colab\n")
        yield env | {"PYTHONPATH": folder, "IPYTHONDIR": str(Path(folder, "ipython"))}


def main(numbers: list[str]) -> int:
    """Run the notebooks of these numbers, or all, and print a table; return the exit code."""
    try:
        paths = [path for number in numbers or [""] for path in find_notebooks(number, ROOT)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        snapshot = make_snapshot(ROOT, Path(folder, "snapshot"))
        for path in paths:
            content = Path(folder, path.stem)
            content.mkdir()
            with pretend(load_project(ROOT)[0], snapshot, content) as env:
                places = {"build": ROOT / "build" / "colab-results", "folder": content}
                outcomes.append(run_notebook(path, ROOT, **places, **env))
            print(f"{path.stem}  {outcomes[-1]}", flush=True)
    print(f"\n{make_table(outcomes)}")
    return int(any(outcome.verdict == "failed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
