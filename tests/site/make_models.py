"""Packed models for the browser's tests: `python tests/site/make_models.py build/live`.

Runs in the environment of `make onnx`. Small models of tests/models, what Python answers, and
packs that are broken or hostile.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "models")]

from utils.runtime import start

start(seed=42)

import keras
from small_models import BUILDERS, SETTINGS, TEXTS

from utils.models import saving
from utils.models.export import export_onnx

OPENS = ("lstm", "cnn", "bert", "dot", "transformer")
READ = [text or "film" for text in TEXTS]  # a classifier refuses a text without words
EVIL = "<img src=x onerror='window.hacked = 1'>"


def read_pack(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_pack(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def change_card(files: dict[str, bytes], /, **changes) -> dict[str, bytes]:
    (name,) = (name for name in files if name.endswith("card.json"))
    card = json.loads(files[name])
    card["settings"] |= changes.pop("settings", {})
    return files | {name: json.dumps(card | changes).encode()}


def make_good(folder: Path) -> None:
    answers = {}
    for name in (*OPENS, "gpt2"):
        keras.utils.set_random_seed(0)
        settings = SETTINGS[name] | ({"beam_width": 1} if name == "dot" else {})
        settings |= {"labels": [EVIL, "good"]} if name == "lstm" else {}
        kept = saving.save(BUILDERS[name]()[0], folder / "kept" / name, **settings)
        if name == "cnn":
            saving.pack(kept).replace(folder / "no-onnx.zip")
        export_onnx(kept)
        saving.pack(kept).replace(folder / f"{name}.zip")
        served = saving.load(kept)
        if name in OPENS:
            answer = getattr(served, "translate", None) or served.predict
            answers[name] = answer(READ)
    facts = {"texts": READ, "answers": answers}
    (folder / "models.expected.json").write_text(json.dumps(facts), encoding="utf8")


def make_bad(folder: Path) -> None:
    files = read_pack(folder / "cnn.zip")
    onnx = "cnn/model.onnx"
    write_pack(folder / "path.zip", files | {"../../evil.txt": b"x"})
    write_pack(folder / "changed.zip", files | {"cnn/vocabulary.txt": b"other\n"})
    write_pack(folder / "other-labels.zip", change_card(files, settings={"labels": list("abc")}))
    write_pack(folder / "no-card.zip", {n: b for n, b in files.items() if "card" not in n})
    write_pack(folder / "bad-card.zip", files | {"cnn/card.json": b"{"})
    write_pack(folder / "kind.zip", change_card(files, kind=EVIL))
    example = {"text": "a film", "token_ids": [9] * 8}
    write_pack(folder / "tokens.zip", change_card(files, example=example))
    card = json.loads(files["cnn/card.json"])
    hashes = {name: each for name, each in card["files"].items() if name != "model.onnx"}
    junk = change_card(files, files=hashes) | {onnx: b"\x08\x01junk" * 99}
    write_pack(folder / "bad-onnx.zip", junk)
    whole = (folder / "cnn.zip").read_bytes()
    (folder / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (folder / "text.zip").write_bytes(b"this is no archive")
    (folder / "empty.zip").write_bytes(b"")
    at = whole.index(b"cnn/model.onnx") + 200
    (folder / "damaged.zip").write_bytes(whole[:at] + bytes(100) + whole[at + 100 :])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("cnn/model.onnx", bytes(300_000_000))
    bomb = packed.getvalue()
    (folder / "bomb.zip").write_bytes(bomb)
    place = bomb.rindex(b"PK\x01\x02") + 24  # it says that the file is small
    (folder / "lying-bomb.zip").write_bytes(bomb[:place] + b"\x00\x10\x00\x00" + bomb[place + 4 :])


if __name__ == "__main__":
    target = Path(sys.argv[1], "packs")
    target.mkdir(parents=True, exist_ok=True)
    make_good(target)
    make_bad(target)
