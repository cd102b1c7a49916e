"""The registry of data sets, and `fetch`, which brings one to this machine.

`data/registry.toml` declares every data set; data/README.md explains its four tiers, and the
variables COURSE_CACHE, COURSE_MIRROR and COURSE_NO_DOWNLOAD. Every file is checked against the
sha256 in the registry before it is used.
"""

import difflib
import errno
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pooch
from filelock import FileLock

from utils.data import downloads
from utils.data.downloads import DataError
from utils.data.downloads import compute_sha256 as compute_sha256  # who looks it up looks here
from utils.runtime import ROOT

REGISTRY = ROOT / "data" / "registry.toml"
TIERS = ("authored", "checkpoint", "package", "web")
KEYS = {"tier", "title", "rows", "licence", "source", "citation", "used_by", "files"}
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # of a data set or a file: never a path


def load_registry() -> dict[str, dict]:
    """Return the entry of each data set (see the comment at the top of the registry), or raise."""
    entries = tomllib.loads(REGISTRY.read_text(encoding="utf8"))
    for name, entry in entries.items():
        keys = [(KEYS, entry), *(({"name", "sha256", "bytes"}, f) for f in entry.get("files", ()))]
        for needed, given in keys:
            if missing := sorted(needed - given.keys()):
                said = f"{REGISTRY.name}, [{name}] lacks {', '.join(missing)}"
                raise DataError(f"{said}; it has {', '.join(given)}: is a key misspelt?")
    return entries


def get_cache_folder() -> Path:
    """Return the folder of downloaded files (`COURSE_CACHE` or the user's cache), or raise."""
    try:
        chosen = os.environ.get("COURSE_CACHE") or pooch.os_cache("nlp-in-keras")
        folder = ROOT / Path(chosen).expanduser()
        str(folder).encode("utf8")
    except (RuntimeError, UnicodeEncodeError) as error:
        raise DataError(
            f"There is no home folder, or no way to write the name of the cache ({error!a}). "
            "Set COURSE_CACHE to a folder you may write to, of plain letters, or PYTHONUTF8=1."
        ) from None
    return folder


def get_folder(name: str, entry: dict) -> Path:
    """Return where the files of a data set lie, or will lie once they are fetched."""
    folders = {"authored": ROOT / "data", "checkpoint": ROOT / "data" / "models"}
    return (folders.get(entry["tier"]) or get_cache_folder()) / name


def fetch(name: str) -> dict[str, Path]:
    """Bring a data set to this machine and return where its files lie.

    What is missing, or is not the registered file, is fetched; it takes its place once all of it
    is complete and right. Two processes may call this at the same time. Return file name to path.

    Raises:
        DataError: unknown name, no network, no room, or a truncated, wrong or unreadable file.
    """
    registry, old = load_registry(), []
    if name not in registry:
        near = difflib.get_close_matches(name, registry, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(registry)}"
        raise DataError(f"There is no data set named {name!r}; {hint}")
    entry = registry[name]
    _refuse_paths(name, entry)
    folder = get_folder(name, entry)
    try:
        wrong = [file["name"] for file in _list_wrong(folder, entry)]
        if wrong and entry["tier"] in ("authored", "checkpoint"):
            raise DataError(
                f"{', '.join(wrong)} in {folder}: missing or damaged; "
                f"restore with `git checkout -- {folder.relative_to(ROOT).as_posix()}`."
            )
        old = [file_name for file_name in wrong if (folder / file_name).exists()]
        if wrong:
            _renew(name, entry, folder)
    except DataError as error:
        reason = str(error)
    except OSError as error:
        place = error.filename2 or error.filename or folder
        reason = f"{place} cannot be used ({error.strerror or error}); move it away"
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            packed = [entry[key] for key in ("wheel", "wheel", "archive") if key in entry]
            size = sum(file["bytes"] for file in [*packed, *entry["files"]])  # pip copies a wheel
            reason = f"The disk is full: {name!r} needs up to {size} bytes in {folder}; make room"
        reason += ", or set COURSE_CACHE to a folder you may write to."
    else:
        return {file["name"]: folder / file["name"] for file in entry["files"]}
    left = f" Left in {folder} as they were, though not the registered files: {', '.join(old)}."
    raise DataError(reason + left * bool(old))


def fetch_folder(name: str) -> Path:
    """Bring a data set to this machine, as `fetch` does, and return the folder it lies in."""
    fetch(name)
    return get_folder(name, load_registry()[name])


def load_pickled(name: str, file_name: str) -> dict:
    """Load the arrays of a registered `.npz` file that holds pickled objects.

    A pickle can run code when it is read. So the bytes are read once, compared with the
    registry, and unpickled from memory; nothing else in the course unpickles.
    """
    content = fetch(name)[file_name].read_bytes()
    (file,) = [f for f in load_registry()[name]["files"] if f["name"] == file_name]
    if hashlib.sha256(content).hexdigest() not in downloads.list_copies(file):
        raise DataError(f"{file_name} of {name!r} changed while it was read; run again.")
    with np.load(io.BytesIO(content), allow_pickle=True) as arrays:
        return dict(arrays)


def _refuse_paths(name: str, entry: dict) -> None:
    files = [*entry["files"], *([entry["archive"]] if "archive" in entry else [])]
    members = [part for file in files for part in file.get("member", "m").split("/")]
    for each in (name, *(file["name"] for file in files), *members):
        if not re.fullmatch(NAME, each):
            raise DataError(
                f"The registry names {each!r} for {name!r}: a name begins with a letter or digit "
                "and has no other signs than '.', '_' and '-'. Mend it in data/registry.toml."
            )


def _list_wrong(folder: Path, entry: dict) -> list[dict]:
    """Return the registered files that are missing, or in whose place another file lies."""
    paths = {folder / file["name"]: file for file in entry["files"]}
    return [f for path, f in paths.items() if not path.exists() or downloads.find_fault(path, f)]


def _renew(name: str, entry: dict, folder: Path) -> None:
    """Fetch what is missing or wrong; all of it takes its place in the folder, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        files = _list_wrong(folder, entry)
        if not files:  # another process was faster
            return
        for left_over in folder.glob(".part-*"):  # of a process that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
            downloads.get_files(name, entry, files, Path(part))
            for file in files:
                os.replace(Path(part, file["name"]), folder / file["name"])


def main(names: list[str]) -> int:
    """Fetch the named data sets, or all of them but the web tier."""
    registry = load_registry()
    wanted = [n for n, e in registry.items() if e["tier"] != "web"]
    for name in names or wanted:
        try:
            paths = fetch(name)
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        size = sum(p.stat().st_size for p in paths.values())
        print(f"{name}: ok, {len(paths)} file(s), {size / 1e6:.1f} MB", flush=True)
    return 0
