"""`make checkpoints` runs what is registered and writes down what came out."""

import tomllib

import pytest

from tools import checkpoints
from utils.data.registry import REGISTRY, compute_sha256


@pytest.mark.parametrize("number, name", [("02", "gru-shakespeare"), ("06", "gpt2-shakespeare")])
def test_the_registry_gets_the_new_files(monkeypatch, tmp_path, number, name):
    old, ran = tomllib.loads(REGISTRY.read_text(encoding="utf8")), []
    registry = tmp_path / "registry.toml"
    registry.write_bytes(REGISTRY.read_bytes())

    def train(command):
        ran.append(command)
        for file in old[name]["files"]:
            (tmp_path / file["name"]).write_text(f"new {file['name']}")

    monkeypatch.setattr(checkpoints, "REGISTRY", registry)
    monkeypatch.setattr(checkpoints, "train", train)
    monkeypatch.setattr(checkpoints, "get_folder", lambda name, entry: tmp_path)
    assert checkpoints.main([number]) == 0
    new = tomllib.loads(registry.read_text(encoding="utf8"))
    assert ran == [new[name]["command"]] and "--minutes" not in ran[0]
    for file in new[name]["files"]:
        path = tmp_path / file["name"]
        assert (file["sha256"], file["bytes"]) == (compute_sha256(path), path.stat().st_size)
    assert {**new, name: None} == {**old, name: None}  # all other entries stay


def test_a_lesson_without_a_checkpoint_is_told(capsys):
    assert checkpoints.main(["01"]) == 2
    assert capsys.readouterr().out == "no checkpoint is used by 01\n"
