"""Your own sentences with entities: what is read right, and what is refused in which words."""

import json
import unicodedata

import pytest

from utils.runtime import start

start()

from utils.data.entities import load_medicines, load_ner_gold
from utils.data.your_data import read_entities

WHOLE = {"train": 1}  # no split


def mark(*spans, text="Anna Lee likes Paris."):
    return json.dumps({"text": text, "spans": spans}) + "\n"


def write(folder, name, content):
    path = folder / name
    path.write_text(content, encoding="utf8", newline="")
    return path


@pytest.mark.parametrize("load", [load_ner_gold, load_medicines])
def test_marked_sentences_pass_through_unchanged(tmp_path, load):
    ours = load()
    lines = [mark(*s, text=t) for t, s in zip(ours["text"], ours["spans"], strict=True)]
    path = write(tmp_path, "a.jsonl", "".join(lines))
    found = read_entities(path, whole_words=False, splits={"development": 1, "test": 5})
    for column in ["text", "spans"] + ["split"] * (load is load_ner_gold):
        assert found[column].tolist() == ours[column].tolist()


@pytest.mark.parametrize("marks", ["BIOB", "IIOI", "BLOU", "BEOS"])
def test_conll_is_read_in_every_scheme(tmp_path, capsys, marks):
    words, types = ("Anna", "Lee", "likes", "Paris"), ("-PER", "-PER", "", "-LOC")
    lines = "".join(f"{w} NN\t{m}{t}\r\n" for w, m, t in zip(words, marks, types, strict=True))
    lines = f"-DOCSTART- -X- O\r\n\r\n{lines}\r\n\r\nYes NN O\r\n\r\nYes NN O"
    path = write(tmp_path, "a.conll", lines)
    table = read_entities(path, splits=WHOLE)
    assert table["text"].tolist() == ["Anna Lee likes Paris", "Yes"]
    assert table["spans"].tolist() == [[(0, 8, "PER"), (15, 20, "LOC")], []]
    assert table.attrs == {"name": "a", "types": ["LOC", "PER"]}
    printed = capsys.readouterr().out.split("\n")
    assert printed[1] == "left out, copies: 1 (line 11)"
    assert [line.split() for line in printed[-4:-1]] == [
        ["sentences", "2"],
        ["LOC", "1"],
        ["PER", "1"],
    ]


def test_offsets_become_those_of_nfc(tmp_path):
    text = unicodedata.normalize("NFD", "Café Zoë in Besançon")
    spans = {"start": 14, "end": len(text), "label": "GPE"}, [0, 10, "ORG"]
    table = read_entities(write(tmp_path, "a.jsonl", mark(*spans, text=text)), splits=WHOLE)
    assert table["text"][0] == "Café Zoë in Besançon"
    assert table["spans"][0] == [(0, 8, "ORG"), (12, 20, "GPE")]


@pytest.mark.parametrize(
    "content, words",
    [
        (mark() + mark([15, 99, "LOC"]), ["line 2: the span [15, 99, 'LOC'] leaves", "21"]),
        (mark([-5, 4, "PER"]), ["line 1: the span [-5, 4, 'PER'] leaves"]),
        (mark([3, 3, "PER"]), ["line 1: the span (3, 3, 'PER'), '', holds nothing"]),
        (mark([4, 5, "PER"]), ["line 1: the span (4, 5, 'PER'), ' ', holds nothing"]),
        (mark([4, 8, "PER"]), ["(4, 8, 'PER'), ' Lee', begins or ends with a space"]),
        (mark([5, 8, "PER"], [0, 8, "PER"]), ["(5, 8, 'PER'), 'Lee', overlaps (0, 8, 'PER')"]),
        (mark([0, 3, "PER"], [15, 20, "LOC"]), ["'Ann', begins or ends inside", "of 'Anna'"]),
        (mark([0, 7, "PER"], [15, 19, "LOC"]) + mark() + mark([5, 7, "PER"], text="Dear Ann"),
         ["line 1: the span (0, 7, 'PER'), 'Anna Le'", "all 3 spans", "end + 1", "Add 1 to each"]),
        (mark([0, 0, "X"], text="A B"), ["line 1: the span (0, 0, 'X')", "all 1 spans", "Add 1"]),
        (mark([0, 4, "ORG"], text="Cafe\u0301"), ["line 1: the span [0, 4, 'ORG'] parts a letter"]),
        (mark(["0", 4, "PER"]), ["line 1: a span is [start, end, type]", "['0', 4, 'PER']"]),
        (mark([True, 4, "PER"]), ["line 1: a span is", "[True, 4, 'PER']"]),
        (mark([0, 4]), ["line 1: a span is", "[0, 4]"]),
        (mark({"start": 0, "end": 4}), ["line 1: a span is", "{'start': 0, 'end': 4}"]),
        (mark("PER"), ["line 1: a span is", "PER"]),
        ('{"text": "a", "spans": null}', ["line 1: 'spans' is None", "a list of spans"]),
        ('{"text": 5, "spans": []}', ["line 1: 'text' is 5"]),
        (mark(text="so " * 400_000), ["line 1: the text has 1,200,000 characters", "1,000,000"]),
        (mark([0, 4, "PER"]) + mark([0, 8, "PER"]), ["line 1 and line 2", "[(0, 8, 'PER')]"]),
        (mark(), ["'sentences' there are 1 (line 1), none in the split"]),
        ("".join(mark(text=f"So {k}.") for k in range(99)), ["no entity is marked in 99"]),
        ("Anna B-PER\n\nLee\n", ["line 3: 'Lee' is not a token and its tag"]),
        ("Anna B-PER\r\nis 0\r\n", ["line 2: 'is 0'"]),
        ("Anna PER\n", ["line 1: 'Anna PER'", "a tag is O, or B-"]),
        ("\n", ["no text in it"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(tmp_path, capsys, content, words):
    path = write(tmp_path, "a.jsonl" if content[0] == "{" else "a.conll", content)
    with pytest.raises(ValueError) as error:
        read_entities(path)
    said = str(error.value)
    assert str(path) in said and [word for word in words if word not in said] == []
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == [path]
