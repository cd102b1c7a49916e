"""`make checkpoints` runs what is registered and writes down what came out."""

import tomllib

import pytest

from tools import checkpoints


@pytest.mark.parametrize(
    ("number", "name"), [("02", "gru-shakespeare"), ("13", "gpt2-shakespeare")]
)
def test_the_registry_gets_the_new_files(monkeypatch, tmp_path, number, name):
    old, ran = checkpoints.load_registry(), []
    (tmp_path / "registry.toml").write_bytes(checkpoints.REGISTRY.read_bytes())

    def train(command, cwd):
        ran.append(" ".join(["python", *command[1:]]))
        for file in old[name]["files"]:
            (tmp_path / file["name"]).write_text(f"new {file['name']}")

    monkeypatch.setattr(checkpoints, "REGISTRY", tmp_path / "registry.toml")
    monkeypatch.setattr(checkpoints.subprocess, "check_call", train)
    monkeypatch.setattr(checkpoints, "get_folder", lambda name, entry: tmp_path)
    checkpoints.main([number])
    new = tomllib.loads((tmp_path / "registry.toml").read_text(encoding="utf8"))
    assert ran == [new[name]["command"]] == [old[name].get("again", old[name]["command"])]
    for file in new[name]["files"]:
        path = tmp_path / file["name"]
        assert (file["sha256"], file["bytes"]) == (
            checkpoints.compute_sha256(path),
            path.stat().st_size,
        )
    assert {**new, name: None} == {**old, name: None}  # all other entries stay


@pytest.mark.parametrize("numbers", [[], ["01"]])
def test_without_a_checkpoint_the_lessons_that_have_one_are_told(numbers):
    with pytest.raises(SystemExit, match="lessons that use one: 00, 02, 13$"):
        checkpoints.main(numbers)
