"""Models that can be kept: a folder holds all that a fresh process needs to use or train one.

- model.keras: layers and weights; of a compiled model, the optimizer too
- vocabulary.txt: one token a line; source_vocabulary.txt and target_vocabulary.txt of a translator
- tokenizer.json: instead, or as well, a tokenizer of the `tokenizers` library
- card.json: kind, labels, lengths, the rule that cuts texts, versions, hash of each file
- model.onnx: for ONNX Runtime, once `make onnx MODEL=folder` has added it
"""

import contextlib
import importlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np

from utils.data.downloads import compute_sha256

FILES = ["model.keras", "model.onnx", "tokenizer.json", "card.json"]
VOCABULARIES = ["vocabulary", "source_vocabulary", "target_vocabulary"]
FILES += [f"{name}.txt" for name in VOCABULARIES]
ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}  # a token may be a line break


class KeptModelError(RuntimeError):
    """A folder is not a kept model that can be used here; the message says why."""


def get_kind(name: str) -> type:
    """Return the class that serves models of a kind."""
    from utils.decoding.serving import KINDS  # the decoders: the one import that leads up

    if name not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, not {name!r}")
    return KINDS[name]


def save(model: keras.Model, folder: str | Path, *, kind: str = "model", **settings) -> Path:
    """Write a model, compiled or not, and all that it needs into a folder: all or nothing.

    A new folder, or one that `save` made, which is replaced; it is returned. The kind is
    "classifier", "translator" (LSTM), "transformer" (a translator), "language_model" (recurrent),
    "gpt2", "llama", "word_model" (fills blanks), or "model" (numbers to numbers). The settings are
    what the class of this kind in `utils.decoding.serving` asks for: for a classifier
    `vocabulary`, `labels` and `sequence_length`.

    Raises:
        TypeError: a setting is missing, or there is none of that name.
        ValueError: the settings do not fit the model, or there is no such kind.
        KeptModelError: the folder holds something else.

    Example:
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(inputs))
        >>> folder = save(model, getfixture("tmp_path") / "small")
        >>> load(folder).predict(np.ones((2, 3))).shape
        (2, 1)
    """
    folder = Path(folder).resolve()
    refuse_foreign(folder)
    if "tokenizer" in settings:
        core = getattr(settings["tokenizer"], "backend_tokenizer", settings["tokenizer"])
        settings["tokenizer"] = read_tokenizer(core.to_str())
    settings |= {k: list(settings[k]) for k in VOCABULARIES if settings.get(k) is not None}
    served = get_kind(kind)(model, **settings)
    part, old = (folder.with_name(f"{folder.name}.{end}") for end in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.save(part / "model.keras")
    card = {"kind": kind, "settings": {}, "normalisation": served.rule}
    for name, value in settings.items():
        if name == "tokenizer":
            (part / "tokenizer.json").write_text(value.to_str(), encoding="utf8", newline="\n")
        elif name in VOCABULARIES:
            write_tokens(part / f"{name}.txt", value)
        else:
            card["settings"][name] = value
    card |= {"example": make_example(served), "dtype": model.dtype_policy.name}
    write_card(part, card | {"versions": get_versions()})
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def refuse_foreign(folder: Path) -> None:
    """Raise KeptModelError if a folder holds what `save` did not write."""
    found = [p.name for p in folder.iterdir()] if folder.is_dir() else [folder.name]
    foreign = [name for name in found if folder.exists() and name not in FILES]
    if foreign:
        said = f"{folder} holds {foreign[0]}, which no kept model has"
        raise KeptModelError(f"{said}; give a folder of its own")


def write_card(folder: Path, card: dict) -> None:
    """Write card.json with the hash of each file that the folder holds."""
    names = sorted(path.name for path in folder.iterdir() if path.name in FILES)
    files = {name: compute_sha256(folder / name) for name in names if name != "card.json"}
    options = {"indent": 1, "ensure_ascii": False, "default": lambda value: value.tolist()}
    text = json.dumps(card | {"files": files}, **options) + "\n"
    (folder / "card.json").write_text(text, encoding="utf8", newline="\n")


def write_tokens(path: Path, tokens: list[str]) -> None:
    """Write one token a line; a line break inside one is escaped with a backslash."""
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"{path.stem} holds {token!r}, which is no string")
    lines = [re.sub(r"[\\\n\r]", lambda found: ESCAPES[found[0]], token) for token in tokens]
    path.write_text("\n".join(lines) + "\n", encoding="utf8", newline="\n")


def get_versions() -> dict[str, str]:
    """Return the versions of Keras and of its backend."""
    backend = keras.backend.backend()
    return {"keras": keras.__version__, backend: str(importlib.import_module(backend).__version__)}


def make_example(served) -> dict | None:
    """Return a text and the token ids that it has today."""
    if served.probe is None:
        return None
    return {"text": served.probe, "token_ids": np.ravel(served.encode([served.probe])[0]).tolist()}


def load(folder: str | Path):
    """Read what `save` wrote: an object of `utils.decoding.serving`, by the kind.

    It has `predict(texts)`, `translate(texts)` or `generate(prompt)`; its `model` can go on
    training. Raises KeptModelError if a file is missing or was changed, or of another version.
    """
    folder = Path(folder)
    card = read_card(folder)
    compare_versions(folder, card["versions"])
    settings = dict(card["settings"])
    for name in card["files"]:
        if name == "tokenizer.json":
            settings["tokenizer"] = read_tokenizer((folder / name).read_text(encoding="utf8"))
        elif name.endswith(".txt"):
            settings[name.removesuffix(".txt")] = read_tokens(folder / name)
    with use_dtype_policy(card["dtype"]):
        model = keras.models.load_model(folder / "model.keras")
    served = get_kind(card["kind"])(model, **settings)
    if make_example(served) != card["example"]:
        raise KeptModelError(
            f"{folder}: the course no longer cuts texts into tokens as it did when this model was "
            "saved, so it would misread them; use the course of that day, or train it again"
        )
    return served


def read_card(folder: Path) -> dict:
    """Read card.json, and check that every file is the one that was written."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf8"))
        files = card["files"]
    except FileNotFoundError:
        if not folder.is_dir():
            said = f"there is no folder {folder.resolve()}: give the full path of the kept model"
            raise KeptModelError(said) from None
        raise KeptModelError(f"{folder} has no card.json: it is no kept model") from None
    except (ValueError, KeyError, TypeError):
        raise KeptModelError(f"{folder}/card.json was changed: it cannot be read") from None
    for name, wanted in files.items():
        if not (folder / name).is_file():
            raise KeptModelError(f"{folder} lacks {name}; copy the whole folder, or its pack")
        if compute_sha256(folder / name) != wanted:
            raise KeptModelError(f"{folder}/{name} was changed after the model was saved")
    return card


def compare_versions(folder: Path, saved: dict[str, str]) -> None:
    """Print a sentence about another version; another major version is an error."""
    here = get_versions()
    for name in saved.keys() & here.keys():
        if saved[name].split(".")[0] != here[name].split(".")[0]:
            said = f"{folder} was saved with {name} {saved[name]}, and here is {here[name]}"
            way_out = f"install '{name}=={saved[name]}', or save the model anew"
            raise KeptModelError(f"{said}: {way_out}")
        if saved[name] != here[name]:
            print(f"{folder.name} was saved with {name} {saved[name]}; here is {here[name]}")


def read_tokens(path: Path) -> list[str]:
    """Read what `write_tokens` wrote."""
    with open(path, encoding="utf8", newline="") as stream:
        lines = stream.read().split("\n")[:-1]
    unescape = {escaped[1]: plain for plain, escaped in ESCAPES.items()}
    return [re.sub(r"\\(.)", lambda found: unescape[found[1]], line) for line in lines]


def read_tokenizer(text: str):
    """Return a tokenizer of the `tokenizers` library that does not pad."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    return tokenizer


@contextlib.contextmanager
def use_dtype_policy(name: str):
    """Build layers with a policy; those inside other layers are told of none when they are read."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def pack(folder: str | Path) -> Path:
    """Write a kept model as one .zip beside its folder, return its path; errors as of `load`."""
    folder = Path(folder).resolve()
    names = ["card.json", *read_card(folder)["files"]]
    path, part = (folder.with_name(f"{folder.name}.{end}") for end in ("zip", "zip.part"))
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, f"{folder.name}/{name}")
    part.replace(path)
    return path
