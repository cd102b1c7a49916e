"""`tools.wheelhouse` on three tiny wheels, without a network."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import course as entry
from tools import wheelhouse
from utils.data import registry as data

TEXT = b"It is a truth universally acknowledged.\n"


def build_wheel(folder: Path, name: str, *, needs: str = "") -> Path:
    """Write a wheel that holds one module and one text."""
    path, information = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    members = {
        f"{name}/__init__.py": b"",
        f"{name}/text.txt": TEXT,
        f"{information}/METADATA": metadata.encode(),
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    record = f"{information}/RECORD"
    members[record] = "".join(f"{member},,\n" for member in [*members, record]).encode()
    with zipfile.ZipFile(path, "w") as zipped:
        for member, content in members.items():
            zipped.writestr(zipfile.ZipInfo(member), content)  # the same bytes each time
    return path


def write_lock(root: Path, name: str, *wheels: Path):
    """Write a lock with one hash for each wheel."""
    names = [wheel.name.split("-")[0].replace("_", "-") for wheel in wheels]
    pins = zip(names, map(data.compute_sha256, wheels), strict=True)
    (root / name).write_text("".join(f"{n}==1.0 --hash=sha256:{digest}\n" for n, digest in pins))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one requirement (with a dependency) and one data set; an index of files."""
    for variable in [name for name in os.environ if name.startswith(("PIP_", "COURSE_"))]:
        monkeypatch.delenv(variable)
    index, root = tmp_path / "index", tmp_path / "course"
    for folder in (index, root):
        folder.mkdir()
    main = build_wheel(index, "main_part", needs="needed_part")
    write_lock(root, "requirements.lock", main, build_wheel(index, "needed_part"))
    digest = data.compute_sha256(build_wheel(index, "tiny_novel"))
    wheel = {"project": "tiny-novel", "version": "1.0", "bytes": 1000, "sha256": digest}
    file = {"name": "text.txt", "bytes": len(TEXT), "sha256": hashlib.sha256(TEXT).hexdigest()}
    files = [file | {"member": "tiny_novel/text.txt"}]
    registry = {
        "novel": {"tier": "package", "wheel": wheel, "files": files},
        "saga": {"tier": "web", "files": [file | {"urls": []}]},
    }
    monkeypatch.setattr(entry, "ROOT", root)
    for module in (wheelhouse, data):
        monkeypatch.setattr(module, "load_registry", lambda: registry)
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return root


def test_the_wheelhouse_alone_serves_packages_and_data(course, tmp_path, monkeypatch, capfd):
    house = tmp_path / "a room" / "wheelhouse"
    monkeypatch.setenv("PIP_CONSTRAINT", "absent.txt")  # a setting of pip does no harm
    wheelhouse.main([str(house)])
    assert f"{house}: 3 wheels, 0.00 GB; " in capfd.readouterr().out.splitlines()[-1]
    right = {path: path.read_bytes() for path in house.iterdir()}
    build_wheel(house, "needed_part", needs="main_part")
    (house / "tiny_novel-1.0-py3-none-any.whl").write_bytes(b"cut off")
    wheelhouse.main([str(house)])
    assert right == {path: path.read_bytes() for path in house.iterdir()}
    # What a learner's machine does, with nothing but the folder.
    (tmp_path / "index").rename(tmp_path / "gone")
    monkeypatch.delenv("PIP_CONSTRAINT")
    monkeypatch.setenv("PIP_FIND_LINKS", house.as_uri())
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path / "site")]
    command += ["--require-hashes", "-r", str(course / "requirements.lock")]
    subprocess.run(command, check=True)
    assert (tmp_path / "site" / "needed_part").is_dir()
    assert data.fetch("novel")["text.txt"].read_bytes() == TEXT


@pytest.mark.parametrize("name", ["needed_part", "tiny_novel", "absent_part"])
def test_what_cannot_be_had_with_its_hash_is_one_clear_error(course, tmp_path, capfd, name):
    house = tmp_path / "wheelhouse"
    if name == "absent_part":
        with open(course / "requirements.lock", "a") as stream:
            stream.write(f"absent-part==1.0 --hash=sha256:{'0' * 64}\n")
    else:
        build_wheel(tmp_path / "index", name, needs="main_part")
    with pytest.raises(SystemExit, match="^error: pip could not collect the wheels of "):
        wheelhouse.main([str(house)])
    errors = capfd.readouterr().err
    assert f"{name.replace('_', '-')}==1.0" in errors  # pip says which
    assert name == "absent_part" or "Expected sha256" in errors
    assert not list(house.glob(f"{name}*"))
