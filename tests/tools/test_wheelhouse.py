"""`tools.wheelhouse` on four tiny wheels, without a network."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import course as entry
from tools import wheelhouse
from utils.data import registry

TEXT = b"It is a truth universally acknowledged.\n"


def build_wheel(folder: Path, name: str, *, needs: str = "") -> Path:
    """Write a wheel that holds one module and one text."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    information = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    information += f"Requires-Dist: {needs}\n" if needs else ""
    members = {
        f"{name}/__init__.py": b"",
        f"{name}/text.txt": TEXT,
        f"{name}-1.0.dist-info/METADATA": information.encode(),
        f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{name}-1.0.dist-info/RECORD"])
    members[f"{name}-1.0.dist-info/RECORD"] = record.encode()
    with zipfile.ZipFile(path, "w") as zipped:
        for member, content in members.items():
            zipped.writestr(zipfile.ZipInfo(member), content)  # the same bytes each time
    return path


def write_lock(root: Path, name: str, *wheels: Path):
    """Write a lock with one hash for each wheel."""
    lines = [
        f"{wheel.name.split('-')[0].replace('_', '-')}==1.0 "
        f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        for wheel in wheels
    ]
    (root / name).write_text("".join(lines))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one requirement (with a dependency) and one data set; an index of files."""
    for variable in os.environ:
        if variable.startswith(("PIP_", "COURSE_")):
            monkeypatch.delenv(variable)
    index = tmp_path / "index"
    index.mkdir()
    parts = [build_wheel(index, "main_part", needs="needed_part")]
    parts += [build_wheel(index, "needed_part")]
    unrelated = build_wheel(index, "unrelated", needs="torch")
    build_wheel(index, "torch")
    wheel = build_wheel(index, "tiny_novel").read_bytes()
    root = tmp_path / "course"
    root.mkdir()
    (root / "requirements-torch.txt").write_text("torch==1.0\nunrelated==1.0\n")
    write_lock(root, "requirements.lock", *parts)
    write_lock(root, "requirements-torch.lock", unrelated)
    pinned = {"project": "tiny-novel", "version": "1.0", "bytes": len(wheel)}
    pinned["sha256"] = hashlib.sha256(wheel).hexdigest()
    file = {"name": "text.txt", "bytes": len(TEXT), "sha256": hashlib.sha256(TEXT).hexdigest()}
    entries = {
        "novel": {
            "tier": "package",
            "wheel": pinned,
            "files": [file | {"member": "tiny_novel/text.txt"}],
        },
        "saga": {"tier": "web", "files": [file | {"urls": []}]},
    }
    monkeypatch.setattr(entry, "ROOT", root)
    monkeypatch.setenv("TORCH_INDEX", "")
    monkeypatch.setattr(wheelhouse, "load_registry", lambda: entries)
    monkeypatch.setattr(registry, "load_registry", lambda: entries)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return root


def list_house(house: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in house.iterdir()}


@pytest.fixture
def house(course, tmp_path):
    """What a complete run leaves behind."""
    house = tmp_path / "wheelhouse"
    house.mkdir()
    for name in EXPECTED - {"README.txt"}:
        shutil.copy(tmp_path / "index" / name, house)
    return house


EXPECTED = {
    "README.txt",
    "main_part-1.0-py3-none-any.whl",
    "needed_part-1.0-py3-none-any.whl",
    "tiny_novel-1.0-py3-none-any.whl",
}


def test_the_wheelhouse_alone_serves_packages_and_data(course, tmp_path, monkeypatch, capfd):
    house = tmp_path / "a room" / "wheelhouse"
    assert wheelhouse.main([str(house)]) == 0
    last = capfd.readouterr().out.splitlines()[-1]
    assert last == f"{house}: 3 wheels, 0.00 GB; see README.txt in it"
    assert list_house(house).keys() == EXPECTED

    readme = (house / "README.txt").read_text()
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheelhouse make data" in readme
    assert "Data in here: novel." in readme
    assert "saga (text.txt)" in readme
    assert "COURSE_MIRROR=/path/to/folder .venv/bin/python -m utils.data saga" in readme
    assert "torch" not in readme

    # What a learner's machine does, with nothing but the folder.
    (tmp_path / "index").rename(tmp_path / "gone")
    monkeypatch.setenv("PIP_FIND_LINKS", house.as_uri())
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(tmp_path / "site"),
    ]
    command += ["--require-hashes", "-r", str(course / "requirements.lock")]
    subprocess.run(command, check=True)
    assert (tmp_path / "site" / "needed_part").is_dir()
    assert not (tmp_path / "site" / "tiny_novel").exists()
    assert registry.fetch("novel")["text.txt"].read_bytes() == TEXT


def test_torch_is_added_on_request(course, tmp_path, capfd):
    house = tmp_path / "wheelhouse"
    assert wheelhouse.main([str(house), "--torch"]) == 0
    assert list_house(house).keys() == EXPECTED | {
        "torch-1.0-py3-none-any.whl",
        "unrelated-1.0-py3-none-any.whl",
    }
    assert "without a known hash: torch-1.0-py3-none-any.whl\n" in capfd.readouterr().out
    assert "make torch" in (house / "README.txt").read_text()


def test_a_complete_wheelhouse_is_kept_as_it_is(house, tmp_path, capfd):
    before = list_house(house)
    (tmp_path / "index").rename(tmp_path / "gone")
    assert wheelhouse.main([str(house)]) == 0
    assert "requirements.lock: all there\nData: novel is there\n" in capfd.readouterr().out
    after = list_house(house)
    assert after.pop("README.txt")
    assert after == before


def test_an_interrupted_run_goes_on(course, tmp_path, monkeypatch):
    house = tmp_path / "wheelhouse"

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheelhouse, "download_wheel", interrupt)
        with pytest.raises(KeyboardInterrupt):
            wheelhouse.main([str(house)])
    assert list_house(house).keys() == EXPECTED - {"README.txt", "tiny_novel-1.0-py3-none-any.whl"}
    (house / ".part-killed").mkdir()
    (house / ".part-killed" / "half.whl").write_bytes(b"half")
    assert wheelhouse.main([str(house)]) == 0
    assert list_house(house).keys() == EXPECTED


def test_a_damaged_data_wheel_is_replaced(house, tmp_path):
    wheel = house / "tiny_novel-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:100])
    assert wheelhouse.main([str(house)]) == 0
    assert wheel.read_bytes() == (tmp_path / "index" / wheel.name).read_bytes()


def test_a_missing_package_is_one_clear_error(course, house, capfd):
    before = list_house(house)
    with open(course / "requirements.lock", "a") as stream:
        stream.write(f"absent-part==1.0 --hash=sha256:{'0' * 64}\n")
    assert wheelhouse.main([str(house)]) == 1
    errors = capfd.readouterr().err
    assert "absent-part" in errors  # pip says which
    assert errors.splitlines()[-1].startswith("error: pip could not collect the packages")
    assert list_house(house) == before


def test_another_data_wheel_is_refused(house, tmp_path, capfd):
    build_wheel(tmp_path / "index", "tiny_novel", needs="needed_part")
    (house / "tiny_novel-1.0-py3-none-any.whl").unlink()
    assert wheelhouse.main([str(house)]) == 1
    assert "error: pip could not get the wheel of 'novel'" in capfd.readouterr().err
    assert "tiny_novel-1.0-py3-none-any.whl" not in list_house(house)


def test_a_wheel_that_is_not_the_one_of_the_lock_is_replaced(house, tmp_path):
    right = (house / "needed_part-1.0-py3-none-any.whl").read_bytes()
    build_wheel(house, "needed_part", needs="main_part")
    assert wheelhouse.main([str(house)]) == 0
    assert (house / "needed_part-1.0-py3-none-any.whl").read_bytes() == right


def test_a_wheel_with_another_hash_is_refused(house, tmp_path, capfd):
    build_wheel(tmp_path / "index", "needed_part", needs="main_part")
    (house / "needed_part-1.0-py3-none-any.whl").unlink()
    before = list_house(house)
    assert wheelhouse.main([str(house)]) == 1
    errors = capfd.readouterr().err
    assert "needed-part==1.0" in errors and "Expected sha256" in errors
    assert list_house(house) == before


def test_settings_of_pip_do_not_empty_the_wheelhouse(course, tmp_path, monkeypatch):
    for variable in ("PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_USER"):
        monkeypatch.setenv(variable, "1")
    house = tmp_path / "wheelhouse"
    assert wheelhouse.main([str(house)]) == 0
    assert list_house(house).keys() == EXPECTED
