"""`utils.data.registry` against a server, mirrors, wheels and disks that misbehave."""

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from utils.data import corpora, downloads, registry
from utils.data.registry import DataError, fetch, fetch_folder

GOOD = b"It is a truth universally acknowledged.\n" * 500
COPY = GOOD.replace(b"\n", b"\r\n")
OTHER = b"Call me Ishmael.\n" * 500
PAGE = b"<!DOCTYPE html>\n<title>Please log in</title>" + b" " * 30_000
OUTSIDE = ["../evil.txt", "/evil.txt", "..", "a/../../evil.txt", "C:evil.txt", r"..\evil.txt", ""]
FULL = r"The disk is full: 'novel' needs up to {} bytes in .*novel; make room"
ENTRIES = registry.load_registry()


class Server(BaseHTTPRequestHandler):
    """Serves files by name; the folder in the path says how to misbehave."""

    files, requests, url = {}, [], ""

    def do_GET(self):
        self.requests.append(self.path)
        manner, name = self.path.strip("/").split("/")
        good = self.files[name]
        bodies = dict.fromkeys(("short", "truncated", "stalled"), good[: len(good) // 2])
        bodies |= {"corrupt": good[:-1] + b"?", "page": PAGE, "other": OTHER}
        body = bodies.get(manner, good)
        length = ("Content-Length", len(good if manner in ("truncated", "stalled") else body))
        headers = {"redirect": ("Location", f"/good/{name}"), "endless": ("Age", 0)}
        time.sleep(manner == "slow")
        self.send_response({"absent": 404, "redirect": 302}.get(manner, 200))
        self.send_header(*headers.get(manner, length))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client hangs up, which is right
            for _ in range(1000 if manner == "endless" else 1):
                self.wfile.write(body)
        time.sleep(30 * (manner == "stalled"))


@pytest.fixture(scope="module", autouse=True)
def start_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Give each test a cache, no mirror and no index; return the cache."""
    for variable in os.environ:
        if variable.startswith(("COURSE_", "PIP_")):
            monkeypatch.delenv(variable)
    settings = {"NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    for variable, value in (settings | {"COURSE_CACHE": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(variable, value)
    Server.files.clear()
    Server.requests.clear()
    return tmp_path / "cache"


def serve(name, content, *manners, **more):
    """Put a file on the server; describe it as the registry does, with an address per manner."""
    Server.files[name] = content
    urls = [f"{Server.url}/{manner}/{name}" for manner in manners]
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "sha256": sha256, "bytes": len(content), "urls": urls} | more


@pytest.fixture
def register(monkeypatch):
    """Replace the registry by one data set, `"novel"`."""

    def replace(*files, name="novel", tier="web", **more):
        entry = {"tier": tier, "files": files, **more}
        monkeypatch.setattr(registry, "load_registry", lambda: {name: entry})

    return replace


def list_kept(folder):
    """Every file below `folder` but the locks."""
    paths = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return sorted(p.relative_to(folder).as_posix() for p in paths)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def refuse(reason, name="novel"):
    """Fetch in vain, for this reason; return the message."""
    with pytest.raises(DataError, match=reason) as caught:
        fetch(name)
    return str(caught.value)


def test_files_appear_complete_in_one_step_and_once(register, cache, monkeypatch, capsys):
    moved, replace = [], os.replace

    def watch(source, target):
        assert Path(source).is_relative_to(cache)  # the same disk: the move is atomic
        moved.append(Path(source).read_bytes())
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    register(serve("a.txt", GOOD, "good"), serve("b.txt", OTHER, "redirect"))
    for _ in range(2):
        paths = fetch("novel")
        assert paths == {name: cache / "novel" / name for name in ("a.txt", "b.txt")}
        assert [path.read_bytes() for path in paths.values()] == [GOOD, OTHER] == moved
    assert Server.requests == ["/good/a.txt", "/redirect/b.txt", "/good/b.txt"]
    assert "100%" in capsys.readouterr().err
    for damaged in (GOOD[:100], GOOD[:-1] + b"?"):
        paths["a.txt"].write_bytes(damaged)
        assert (fetch_folder("novel") / "a.txt").read_bytes() == GOOD
    assert Server.requests[3:] == ["/good/a.txt"] * 2
    assert list_kept(cache) == ["novel/a.txt", "novel/b.txt"]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("absent", "404"),
        ("truncated", "Connection broken"),
        ("short", f"{len(GOOD) // 2} of {len(GOOD)} bytes"),
        ("corrupt", "wrong file, its sha256 begins"),
        ("stalled", "no answer within 0.3 s"),
        ("endless", f"{len(GOOD) + 1} or more of {len(GOOD)} bytes"),  # not a byte more is written
        ("page", "begins b'<!DOCTYPE html>\\n<title>Please log in</ti' (a web page, HTML or XML)"),
    ],
)
def test_after_a_bad_mirror_comes_the_next(register, cache, monkeypatch, manner, reason):
    paths = [cache / "novel" / "notes.txt", cache / "novel" / "novel.txt"]
    for path in paths:
        write(path, b"old")  # of an older registry
    monkeypatch.setattr(downloads, "READ_TIMEOUT", 0.3 if manner == "stalled" else 20)
    register(serve("notes.txt", OTHER, "good"), serve("novel.txt", GOOD, manner, manner))
    message = refuse("could not be had")
    assert message.startswith("novel.txt of 'novel' could not be had. Connect to a network, or ")
    assert message.count(reason) == 2 and "\n" not in message
    assert message.endswith("though not the registered files: notes.txt, novel.txt.")
    assert list_kept(cache) == ["novel/notes.txt", "novel/novel.txt"]  # and no half one
    assert [path.read_bytes() for path in paths] == [b"old", b"old"]
    monkeypatch.setattr(downloads, "READ_TIMEOUT", 2)  # the good mirror must answer within it
    register(serve("notes.txt", OTHER, "good"), serve("novel.txt", GOOD, manner, "good"))
    assert [path.read_bytes() for path in fetch("novel").values()] == [OTHER, GOOD]
    assert Server.requests[-2:] == [f"/{manner}/novel.txt", "/good/novel.txt"]


@pytest.mark.parametrize(
    ("mirror", "reason"),
    [
        ("{folder}/good/", ""),
        ("{folder}/copy", ""),  # another file that is known to be good
        ("{folder}/absent", "no such file"),
        ("{folder}/other", "wrong file.* 8500 of 20000 bytes.*Call me Ishmael"),
        ("{folder}", "no such file"),  # but a pipe, and reading that would never end
        ("http://ann:s3:cr@et@{server}/good/", ""),
        ("http://ann:s3:cr@et@{server}/absent", "404"),
        ("http://ann:s3:cr@et@{server}/other", "wrong file.* 8500 of 20000 bytes.*Call me Ishmael"),
        ("http://ann:s3:cr@et@127.0.0.1:9", "no connection"),
        ("http://ann:s3:cr@et@[127.0.0.1", "not a valid host"),
        ("ftp://ann:s3:cr@et@{server}/good", r"a folder or an http\(s\):// address"),
    ],
)
def test_a_mirror_replaces_all(register, cache, monkeypatch, tmp_path, capsys, mirror, reason):
    register(serve("novel.txt", GOOD, "elsewhere", copies=[serve("", COPY)]))
    for name, content in {"good": GOOD, "copy": COPY, "other": OTHER}.items():
        write(tmp_path / name / "novel.txt", content)
    getattr(os, "mkfifo", os.mkdir)(tmp_path / "novel.txt")
    mirror = mirror.format(folder=tmp_path, server=Server.url[7:])
    monkeypatch.setenv("COURSE_MIRROR", mirror)
    with pytest.raises(DataError, match=reason) if reason else contextlib.nullcontext() as caught:
        assert fetch("novel")["novel.txt"].read_bytes() == (COPY if "copy" in mirror else GOOD)
        monkeypatch.delenv("COURSE_MIRROR")
        fetch("novel")  # all is there
    said = (str(caught.value) if reason else "") + "".join(capsys.readouterr())
    assert not reason or "ftp" in mirror or "Put the registered file there." in said
    assert mirror.rstrip("/").replace("ann:s3:cr@et", "***") in said
    assert "ann:" not in said and "s3:" not in said and "et@" not in said
    assert list_kept(cache) == ["novel/novel.txt"] * (not reason)
    assert "/elsewhere/novel.txt" not in Server.requests


def test_no_download_touches_no_network(register, monkeypatch, tmp_path):
    register(serve("novel.txt", GOOD, "good"))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    for mirror in ("", Server.url):
        monkeypatch.setenv("COURSE_MIRROR", mirror)
        refuse("not in the cache.*COURSE_NO_DOWNLOAD is set.*run `python -m utils.data novel`")
    write(tmp_path / "novel.txt", GOOD)
    for mirror in (str(tmp_path), ""):  # a folder is no network; then it is in the cache
        monkeypatch.setenv("COURSE_MIRROR", mirror)
        assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert Server.requests == []


def test_nothing_is_unpickled_before_its_hash_is_known(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path))
    monkeypatch.setattr(np, "load", pytest.fail)
    for path in (tmp_path / "imdb.npz", cache / "imdb" / "imdb.npz"):
        write(path, b"code")
        with pytest.raises(DataError, match=r"imdb\.npz of 'imdb' could not be had"):
            corpora.load_imdb()
    assert list_kept(cache) == ["imdb/imdb.npz"]
    monkeypatch.setattr(registry, "fetch", lambda name: {"imdb.npz": path})  # it changes after that
    with pytest.raises(DataError, match=r"imdb\.npz of 'imdb' changed while it was read"):
        registry.load_pickled("imdb", "imdb.npz")


def test_nothing_else_in_the_course_unpickles():
    ways = re.compile(r"allow_pickle=True|\bpickle\.loads?\(|read_pickle|joblib|weights_only=False")
    folders = [registry.ROOT / name for name in ("utils", "notebooks", "benchmarks", "tools")]
    paths = [p for f in folders for p in f.rglob("*") if p.suffix in (".py", ".ipynb")]
    assert [p.name for p in paths if ways.search(p.read_text("utf8"))] == ["registry.py"]


@pytest.mark.parametrize("act", ["read", "write", "move"])
def test_a_disk_that_refuses_is_one_clear_error(register, cache, monkeypatch, act):
    number, reason = errno.EACCES, r"novel\.txt cannot be used \(Permission denied\); move it away"
    if act == "write":
        number, reason = errno.ENOSPC, FULL.format(len(GOOD))

    def fail(path, *arguments):
        raise OSError(number, os.strerror(number), str(path))

    def open_file(path, mode):
        full = type("Full", (io.BytesIO,), {"write": fail})  # opens, and then has no room
        return full() if mode == "wb" and act == "write" else open(path, mode)

    register(serve("novel.txt", GOOD, "good", "good"))
    write(cache / "novel" / "novel.txt", b"old")
    monkeypatch.setattr(os, "replace", fail if act == "move" else os.replace)
    monkeypatch.setattr(downloads, "open", fail if act == "read" else open_file, raising=False)
    message = refuse(f"{reason}, or set COURSE_CACHE to a folder")
    assert str(cache / "novel") in message and "network" not in message
    assert (cache / "novel" / "novel.txt").read_bytes() == b"old"
    assert list_kept(cache) == ["novel/novel.txt"]


@pytest.mark.parametrize("place", ["cache/novel/novel.txt/notes.txt", "cache/novel", "cache"])
def test_what_lies_in_the_way_is_named_and_left_alone(register, tmp_path, place):
    register(serve("novel.txt", GOOD, "good"))
    write(tmp_path / place, b"mine")
    refuse("cache.* cannot be used .*move it away, or set COURSE_CACHE")
    assert (tmp_path / place).read_bytes() == b"mine" and Server.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="no home is missing there, and no letter")
@pytest.mark.parametrize("chosen", ["", "~/cache", "cach\udcc3"])
def test_no_way_to_a_cache_is_one_clear_error(monkeypatch, chosen):
    monkeypatch.setenv("COURSE_CACHE", chosen)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a KeyError, as for an unknown user
    reason = r"/cach\\udcc3'" if "cach\udcc3" in chosen else "determine (the )?home"
    refuse(f"{reason}.*Set COURSE_CACHE to a folder .*PYTHONUTF8=1", name="glove-50d")


def test_a_relative_cache_counts_from_the_course(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", "build/cache")
    monkeypatch.chdir(tmp_path)
    assert registry.get_cache_folder() == registry.ROOT / "build" / "cache"


def start_fetch():
    """Start another process that fetches, with the registry of this one."""
    program = "from utils.data import registry\nregistry.load_registry = lambda: "
    program += f"{registry.load_registry()!r}\nregistry.fetch('novel')"
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, cwd=registry.ROOT, stderr=subprocess.PIPE, text=True)


def test_two_processes_fetch_the_same_file_once(register, cache):
    register(serve("novel.txt", GOOD, "slow"))
    for process in [start_fetch(), start_fetch()]:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert Server.requests == ["/slow/novel.txt"]
    assert list_kept(cache) == ["novel/novel.txt"]


def test_a_killed_process_leaves_nothing_that_counts(register, cache):
    register(serve("novel.txt", GOOD, "stalled"))
    process, deadline = start_fetch(), time.monotonic() + 30
    while not Server.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)
    assert Server.requests and not (cache / "novel" / "novel.txt").exists()
    register(serve("novel.txt", GOOD, "good"))
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]


def make_zip(members):
    """Return a zip file, the same bytes each time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (make_zip({"texts/novel.txt": GOOD, OUTSIDE[0]: GOOD, OUTSIDE[1]: GOOD}), ""),
        (make_zip({"texts/other.txt": GOOD}), "all.zip cannot give 'texts/novel.txt'.*report it"),
        (GOOD, "all.zip cannot give 'texts/novel.txt'.*not a zip file"),
        (make_zip({"texts/novel.txt": OTHER}), "novel.txt of 'novel' is not the registered file"),
    ],
)
def test_an_archive_gives_the_registered_member_alone(register, tmp_path, archive, reason):
    file = serve("novel.txt", GOOD, member="texts/novel.txt")
    register(file, archive=serve("all.zip", archive, "good"))
    with pytest.raises(DataError, match=reason) if reason else contextlib.nullcontext():
        assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(tmp_path) == ["cache/novel/novel.txt"] * (not reason)
    assert not Path("/evil.txt").exists()


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("place", ["data set", "file", "archive", "member"])
def test_a_path_in_the_registry_is_refused(register, tmp_path, place, path):
    names = dict.fromkeys(("data set", "file", "archive", "member"), "novel") | {place: path}
    file = serve(names["file"], GOOD, "good", member=names["member"])
    register(file, name=names["data set"], archive=serve(names["archive"], GOOD, "good"))
    message = refuse("a name begins with a letter or digit", name=names["data set"])
    faulty = path.split("/") if place == "member" else [path]
    assert any(f"registry names {each!r} for" in message for each in faulty)
    assert Server.requests == [] and list_kept(tmp_path) == []


CODE = b"import os; open(os.environ['TRAP'], 'w')"
SETUP = make_zip({"tiny_novel-2.0/setup.py": CODE})
SOURCE = {"version": "2.0", "sha256": hashlib.sha256(SETUP).hexdigest()}
WHEEL = make_zip(
    {
        "tiny_novel/__init__.py": CODE,
        "tiny_novel/novel.txt": GOOD,
        "tiny_novel-1.0.dist-info/METADATA": b"Name: tiny-novel\nVersion: 1\nRequires-Python: <3",
        "tiny_novel-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
)


@pytest.fixture
def packaged(register, tmp_path, monkeypatch):
    """Register a file of a wheel; its code and that of a source package betray themselves."""
    write(tmp_path / "index" / "tiny_novel-1.0-py3-none-any.whl", WHEEL)
    write(tmp_path / "index" / "tiny_novel-2.0.zip", SETUP)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # or pip would look for setuptools
    monkeypatch.setenv("TRAP", str(tmp_path / "trap"))

    def at(**more):
        wheel = serve("", WHEEL, project="tiny-novel", version="1.0") | more
        file = serve("novel.txt", GOOD, member="tiny_novel/novel.txt")
        register(file, tier="package", wheel=wheel)

    yield at
    assert not (tmp_path / "trap").exists() and "tiny_novel" not in sys.modules


def test_a_file_comes_out_of_a_wheel_that_is_never_run(packaged, cache, capsys):
    packaged()
    write(cache / "novel" / "novel.txt", b"old")
    assert registry.main([]) == 0
    assert (cache / "novel" / "novel.txt").read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]
    printed = capsys.readouterr()
    assert "novel: ok, 1 file(s), 0.0 MB" in printed.out and "100%" in printed.err


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": "0" * 64}, "DO NOT MATCH THE HASHES"),
        (SOURCE, "No matching distribution.*Check the network or .*PIP_INDEX_URL"),
    ],
)
def test_no_right_wheel_is_one_clear_error(packaged, cache, changes, reason):
    packaged(**changes)
    assert "\n" not in refuse(f"tiny.novel.*{reason}") and list_kept(cache) == []


@pytest.mark.parametrize(
    ("words", "room", "reason"),
    [
        ("python: No module named pip", True, "This Python has no pip; try `python -m ensurepip`"),
        ("ERROR: an OSError: [Errno 28] No space left on device", True, FULL),
        ("", False, FULL),  # where the disk is full, pip may not be able to say so
        ("ERROR: 403 for https://ann:secret@host/simple/", True, r"403 for https://\*\*\*@host/s"),
    ],
)
def test_what_pip_says_is_the_reason(packaged, monkeypatch, cache, words, room, reason):
    packaged()
    command, popen = [sys.executable, "-c", f"import sys; sys.exit({words!r})"], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(command, **options))
    usage = shutil.disk_usage(cache.parent)._replace(free=2 * len(WHEEL) - (not room))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    message = refuse(reason.format(2 * len(WHEEL) + len(GOOD)))
    assert "secret" not in message and "ann:" not in message and list_kept(cache) == []
    assert ("network" in message) == ("403" in words)


def test_main_leaves_out_the_web_tier(monkeypatch, capsys):
    entries = {"saga": {"tier": "web"}, "verse": {"tier": "package"}}
    monkeypatch.setattr(registry, "load_registry", lambda: entries)
    monkeypatch.setattr(registry, "fetch", lambda name: {})
    assert registry.main([]) == registry.main(["saga"]) == 0
    assert re.findall(r"^(\w+): ok", capsys.readouterr().out, re.M) == ["verse", "saga"]


def test_an_unknown_name_brings_a_suggestion(capsys):
    assert registry.main(["movie-snipets"]) == registry.main(["xyzzy"]) == 1
    near, far = capsys.readouterr().err.splitlines()
    assert re.match("error: There is no data set named 'movie-snipets'; did you mean movie-", near)
    assert re.match("error: There is no data set named 'xyzzy'; known: .*glove-50d, .*imdb", far)


def test_a_damaged_authored_file_is_restored_by_git(register, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    register(serve("novel.txt", GOOD), tier="authored")
    for name in ("notes.txt", "novel.txt"):  # it is missing, then damaged
        write(tmp_path / "data" / "novel" / name, OTHER)
        refuse("novel.txt .*missing or damaged; restore with `git checkout -- data/novel`")
    write(tmp_path / "data" / "novel" / "novel.txt", GOOD)
    assert fetch("novel") == {"novel.txt": tmp_path / "data" / "novel" / "novel.txt"}


@pytest.mark.parametrize(
    ("right", "misspelt", "said"),
    [
        ("\nlicence = ", "\nlicense = ", r"registry.toml, \[\S+\] lacks licence; .*license"),
        ("\nbytes = ", "\nsize = ", r"\] lacks bytes; it has name, sha256, size: is a key"),
    ],
)
def test_a_misspelt_key_is_named(right, misspelt, said, tmp_path, monkeypatch):
    text = registry.REGISTRY.read_text(encoding="utf8").replace(right, misspelt, 1)
    write(tmp_path / "registry.toml", text.encode())
    monkeypatch.setattr(registry, "REGISTRY", tmp_path / "registry.toml")
    with pytest.raises(DataError, match=said):
        registry.load_registry()


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_of_the_registry_is_well_formed(name):
    entry, files, tier = ENTRIES[name], ENTRIES[name]["files"], ENTRIES[name]["tier"]
    copies = [copy for file in files for copy in file.get("copies", [])]
    registry._refuse_paths(name, entry)
    assert tier in registry.TIERS and entry["rows"] >= 1
    assert all(entry[word].strip() for word in ("title", "licence", "source", "citation"))
    assert all(re.fullmatch(r"\d\d", number) for number in entry["used_by"])
    assert len({file["name"] for file in files}) == len(files) >= 1
    for each in [*files, *copies, *(entry[key] for key in ("wheel", "archive") if key in entry)]:
        assert re.fullmatch("[0-9a-f]{64}", each["sha256"]) and each["bytes"] >= 1
    assert all(copy["note"].strip() for copy in copies)
    if tier in ("package", "web"):
        address = "member" if tier == "package" or "archive" in entry else "urls"
        assert all(file[address] for file in files)
        assert tier == "web" or (entry["wheel"]["project"] and entry["wheel"]["version"])
    else:
        sizes = {file: path.stat().st_size for file, path in fetch(name).items()}  # right hashes
        assert sizes == {file["name"]: file["bytes"] for file in files}
    if tier == "checkpoint":
        assert entry["command"] and entry["commit"]
        assert (registry.get_folder(name, entry) / "README.md").is_file()
        trained = [each["files"] for each in ENTRIES.values() if each["tier"] == tier]
        assert max(file["bytes"] for file in files) <= 8e6
        assert sum(file["bytes"] for each in trained for file in each) <= 40e6
