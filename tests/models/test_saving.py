"""A folder is written whole or not at all, reads texts, and says in a sentence what is wrong."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
from small_models import BUILDERS, CLASSIFIER, LABELS, SETTINGS, WORDS

from utils.decoding.serving import KINDS
from utils.models import saving
from utils.models.saving import KeptModelError


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Save a classifier whose probability of "good" is that of an even number of words."""
    token_ids = keras.Input((None,), dtype="int32")
    real = keras.ops.cast(keras.ops.not_equal(token_ids, 0), "float32")
    even = 1 - keras.ops.sum(real, axis=1, keepdims=True) % 2
    model = keras.Model(token_ids, 0.2 + 0.6 * even)
    return model, saving.save(model, tmp_path_factory.mktemp("one") / "model", **CLASSIFIER)


@pytest.fixture
def folder(classifier, tmp_path):
    return shutil.copytree(classifier[1], tmp_path / "model")


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text(encoding="utf8"))
    (folder / "card.json").write_text(json.dumps(card | changes), encoding="utf8")


OTHER = {"example": {"text": "a film", "token_ids": [7, 7]}}
OLD = {"versions": {"keras": "2.15.0"}}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "vocabulary.txt").unlink(), "lacks vocabulary.txt"),
        (lambda f: (f / "model.keras").write_bytes(b"x"), "model.keras was changed"),
        (lambda f: (f / "vocabulary.txt").write_text("x"), "vocabulary.txt was changed"),
        (lambda f: (f / "card.json").unlink(), "has no card.json"),
        (lambda f: (f / "card.json").write_text('{"kind"'), "cannot be read"),
        (shutil.rmtree, "there is no folder /.*: give the full path"),
        (lambda f: change_card(f, **OLD), "keras 2.15.0, and here is 3.* install 'keras==2.15.0'"),
        (lambda f: change_card(f, **OTHER), "no longer cuts texts into tokens"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder, damage, said):
    damage(folder)
    with pytest.raises(KeptModelError, match=said) as error:
        saving.load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_other_minor_version_is_said_and_read(folder, capsys):
    change_card(folder, versions={"keras": "3.0.0", "jax": "0.1"})
    assert saving.load(folder).predict(["film"])
    assert capsys.readouterr().out.startswith("model was saved with keras 3.0.0; here is 3.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "parser"}, "kind is one of model, .* not 'parser'"),
        ({"labels": ["a", "b", "c"]}, "tells 2 classes apart"),
        *(({"labels": names}, "list of different names") for names in ("ab", ["a", "a"])),
        *(({"threshold": t}, f"threshold must be a number, not {t}") for t in (np.nan, True)),
        ({"vocabulary": None}, "give the vocabulary or the tokenizer"),
        ({"vocabulary": [*WORDS, 7]}, "holds 7, which is no string"),
        ({"sequence_length": None, "length": 8}, "unexpected keyword argument 'length'"),
        ({"kind": "language_model", "labels": None, "sequence_length": None}, "scores 1 tokens"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(classifier, tmp_path, changes, said):
    settings = {k: v for k, v in (CLASSIFIER | changes).items() if v is not None}
    with pytest.raises((ValueError, TypeError), match=said):
        saving.save(classifier[0], tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


def test_everything_or_nothing(classifier, folder, monkeypatch):
    def fill_disk(path):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(classifier[0], "save", fill_disk)
    with pytest.raises(OSError, match="no space left"):
        saving.save(classifier[0], folder, **CLASSIFIER)
    monkeypatch.undo()
    assert saving.load(folder).threshold == 0.5  # the old one is whole
    saving.save(classifier[0], folder, **CLASSIFIER, threshold=np.float32(0.75))
    assert saving.load(folder).threshold == 0.75
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    (folder / "essay.txt").write_text("mine")
    with pytest.raises(KeptModelError, match="holds essay.txt, which no kept model has"):
        saving.save(classifier[0], folder, **CLASSIFIER)
    assert (folder / "essay.txt").exists()


def test_labels_and_threshold(classifier, folder):
    texts = ["a film", "film", "a a"]
    served = saving.load(folder)
    assert served.classify(texts) == ["good", "poor", "good"]
    for row, good in zip(served.predict(texts), [0.8, 0.2, 0.8], strict=True):
        assert list(row) == ["poor", "good"]
        assert row == pytest.approx({"poor": 1 - good, "good": good})
    served = KINDS["classifier"](classifier[0], vocabulary=WORDS, threshold=0.9, **LABELS)
    assert served.classify(texts) == ["poor"] * 3 and served.predict([]) == []
    three = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, "softmax")])
    served = KINDS["classifier"](three, vocabulary=WORDS, labels=list("abc"), sequence_length=8)
    (row,) = served.predict(["a film"])
    assert sum(row.values()) == pytest.approx(1)
    assert served.classify(["a film"]) == [max(row, key=row.get)]


@pytest.mark.parametrize(
    ("name", "ask", "said"),
    [
        ("cnn", lambda served: served.predict("film"), "not one string"),
        ("cnn", lambda served: served.predict(["film", " "]), r"text 2 of 2 \(' '\) holds no word"),
        ("cnn", lambda served: served.predict(["quux"]), "text 1 of 1 .* leave it out"),
        ("translator", lambda served: served.translate([7]), r"texts\[0\] is 7"),
        ("gru", lambda served: served.generate("aZ"), "never seen the character 'Z'"),
        ("gru", lambda served: served.generate(""), "at least one character"),
        *(("gru", lambda s, n=n: s.generate("a", max_new_tokens=n), "least 1") for n in (0, True)),
        ("gpt2", lambda served: served.generate(""), "at least one token"),
        (
            "word_model",
            lambda served: served.predict(["[MASK]"], count=-1),
            "count must be a whole",
        ),
        ("word_model", lambda served: served.predict(["film"]), r"no \[MASK\] in the 8 tokens"),
    ],
)
def test_texts_are_checked(name, ask, said):
    settings = dict(SETTINGS[name])
    served = KINDS[settings.pop("kind")](BUILDERS[name]()[0], **settings)
    with pytest.raises((TypeError, ValueError), match=said):
        ask(served)
    assert name != "translator" or served.translate([]) == []


def test_pack_is_the_folder(folder, tmp_path):
    path = saving.pack(folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "elsewhere")
    assert saving.load(tmp_path / "elsewhere" / "model").classify(["film"]) == ["poor"]


def test_any_token_can_be_written(tmp_path):
    tokens = ["", "\n", "\r\n", "\\n", "\\", "\u2028", " be", "é"]
    saving.write_tokens(tmp_path / "vocabulary.txt", tokens)
    assert saving.read_tokens(tmp_path / "vocabulary.txt") == tokens
