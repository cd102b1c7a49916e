"""Your own texts, pairs, documents and entities: what is read right, what is refused how."""

import csv
import json
import unicodedata

import pytest

from utils.runtime import start

start()

from utils.data import pairs
from utils.data.corpora import load_movie_snippets
from utils.data.entities import load_medicines, load_ner_gold
from utils.data.splits import normalise
from utils.data.your_data import (
    read_documents,
    read_entities,
    read_labelled_texts,
    read_pairs,
    read_text,
)

WHOLE = {"train": 1}  # no split
ODD = "one\u2028two\x85three\x0bfour\x1cfive"  # five lines to `splitlines`, one to everybody else
LONG = "so " * 400_000


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def mark(*spans, text="Anna Lee likes Paris."):
    return json.dumps({"text": text, "spans": spans}) + "\n"


def test_movie_snippets_pass_through_unchanged(tmp_path):
    columns, ours = ["text", "label", "split"], load_movie_snippets()
    ours.to_csv(tmp_path / "a.csv", index=False)
    assert read_labelled_texts(tmp_path / "a.csv")[columns].equals(ours[columns])


def test_the_phrasebook_passes_through_unchanged(tmp_path):
    ours = pairs.load_phrasebook(split="validation")
    table = ours.assign(english=ours["english"].map(" ".join), french=ours["french"].map(" ".join))
    table["alignment"] = [" ".join(f"{i}-{j}" for i, j in links) for links in ours["alignment"]]
    table.to_csv(tmp_path / "a.tsv", sep="\t", index=False, quoting=csv.QUOTE_NONE)
    found = read_pairs(tmp_path / "a.tsv")
    for column in ("english", "french", "alignment"):
        assert found[column].tolist() == ours[column].tolist()


@pytest.mark.parametrize(
    "name, content, texts, labels, classes",
    [
        ("a.csv", "text,label\r\nyes,2\r\nno,1\r\n,\r\n", ["yes", "no"], [1, 0], ["1", "2"]),
        ("a.csv", "\ufefftext,label,id\ryes,1,0\rno,-1,1", ["yes", "no"], [1, 0], ["-1", "1"]),
        ("a.csv", 'text,label\r\n"a, ""b""\r\nc",c\r\nd,b', ['a, "b"\nc', "d"], [1, 0], ["b", "c"]),
        ("a.csv", "label,text\n10,t\n9,u\nx,v\n2,w\n8,x\n1.5,y", list("tuvwxy"), [4, 3, 5, 1, 2, 0],
         ["1.5", "2", "8", "9", "10", "x"]),
        ("a.tsv", f'text\tlabel\n"a" {ODD}\t1\n\n"b\t0', [f'"a" {ODD}', '"b'], [1, 0], ["0", "1"]),
        ("a.jsonl", f'{{"text": "{ODD[:8]}", "label": true}}\n\n{{"text": "no", "label": 2}}',
         [ODD[:8], "no"], [1, 0], ["2", "True"]),
        ("a.csv", f"text,label\n{LONG},1\nno,0", [LONG, "no"], [1, 0], ["0", "1"]),
    ],
    ids=["CRLF", "BOM", "quotes", "six classes", "line separators", "JSONL", "long"],
)  # fmt: skip
def test_labelled_texts_are_read(tmp_path, name, content, texts, labels, classes):
    table = read_labelled_texts(write(tmp_path, name, content), splits=WHOLE)
    assert (table["text"].tolist(), table["label"].tolist()) == (texts, labels)
    assert table[table["label"] == 0].attrs == {"name": "a", "classes": classes}


def test_a_semicolon_in_a_text_is_no_delimiter(tmp_path):
    path = write(tmp_path, "a.csv", '"Go on; then\nmore",1\nno,0\n')
    for settings in ({}, {"delimiter": ","}):
        table = read_labelled_texts(path, **BY_NUMBER, splits=WHOLE, **settings)
        assert table["text"].tolist() == ["Go on; then\nmore", "no"]


@pytest.mark.parametrize(
    "name, content, settings",
    [
        ("a.txt", "Go on.\tAvance, l'ami !\tCC\nHi.\tSalut.\tCC", {"source": 0, "target": 1}),
        ("a.csv", 'french,english\r\n"Avance, l’ami !",Go on.\r\nSalut.,Hi.\r\n,Oh.\r\n', {}),
        ("a.jsonl", '{"a": "Go on.", "b": "Avance, l\'ami !"}\n{"a": "Hi.", "b": "Salut."}\n' * 2,
         {"source": "a", "target": "b"}),
        ("a.csv", "english;french\nGo on.;Avance, l'ami !\nHi.;Salut.\n", {"delimiter": ";"}),
        ("a.tsv", 'english\tfrench\nGo on.\t"Avance,\nl\'ami !"\nHi.\tSalut.\n', {"quotes": True}),
        ("a.tsv", "english\tfrench\nGo on.\tAvance, l’ami !\nHi.\tSalut.\n".encode("cp1252"),
         {"encoding": "cp1252"}),
    ],
)  # fmt: skip
def test_pairs_are_read(tmp_path, name, content, settings):
    table = read_pairs(write(tmp_path, name, content), splits=WHOLE, **settings)
    assert table["english"].tolist() == [["go", "on", "."], ["hi", "."]]
    assert table["french"].tolist() == [["avance", ",", "l'", "ami", "!"], ["salut", "."]]
    assert list(table) == ["english", "french", "split"]


@pytest.mark.parametrize("given", ["a cat", ["a cat"], [["a"], None], [["a", 1.5]], [float("nan")]])
def test_what_is_not_lists_of_tokens_is_refused(given):
    wrong = given if isinstance(given, str) else given[-1]
    for use in (pairs.build_token_vocabulary, lambda x: pairs.encode_tokens(x, pairs.SPECIAL)):
        with pytest.raises(TypeError, match="list of tokens") as error:
            use(given)
        assert repr(wrong) in str(error.value)


def test_a_folder_is_read(tmp_path, capsys):
    ours = {f"{k:02d}.md": f"document {k % 30}\n" for k in range(40)}
    others = {".git/a.txt": "a", "in/b.TXT": "b", "in/c.txt": " ", "in/d.png": b"\x89\0"}
    for name, content in (ours | others).items():
        write(tmp_path, name, content)
    found = read_documents(tmp_path)
    texts = {name: text for part in found.values() for name, text in part.items()}
    assert texts == {**dict(list(ours.items())[:30]), "in/b.TXT": "b"}
    printed = capsys.readouterr().out
    assert "left out, copies: 10 (30.md, 31.md, 32.md, 33.md, 34.md, ...)\n" in printed
    assert "empty: 1 (in/c.txt)\n" in printed and "another kind: 1 (in/d.png)\n" in printed


@pytest.mark.parametrize("gap", ["\n\n", "\r\n \t\r\n\r\n", "\n"])
def test_one_long_text_is_split_by_passages(tmp_path, gap):
    text = gap.join(f"passage{k % 50}" for k in range(60))
    found = read_text(write(tmp_path, "novel.text", f"\ufeff{text}\n"))
    plain = "\n" if gap == "\n" else "\n\n"
    train, *others = (named["novel"].split(plain) for named in found.values())
    assert list(found) == ["train", "validation", "test"]
    assert sorted(train + sum(others, [])) == sorted(text.split(gap))
    assert not set(train) & set(sum(others, []))


def test_copies_are_on_one_side_and_the_file_is_described(tmp_path, capsys):
    rows = [f"{form},{form[0]}" for form in ("Film {} is fun", "film {}:  IS fun!")]
    rows = [row.format(k) for row in rows for k in range(100)]
    path = write(tmp_path, "films.csv", "\n".join(["text,label", *rows, *rows[:7], ",F", " ,f"]))
    table = read_labelled_texts(path)
    sides = table.groupby(table["text"].map(normalise))["split"].nunique()
    assert (len(table), len(sides), sides.max()) == (200, 100, 1)
    count = table[table["label"] == 0]["split"].value_counts()
    numbers = [str(count[split]) for split in ("train", "validation", "test")]
    *lines, first, second = capsys.readouterr().out.strip().split("\n")
    assert [first.split(), second.split()] == [["F", *numbers], ["f", *numbers]]
    assert lines[:4] == [
        "films.csv: 209 rows",
        "left out, copies: 7 (line 202, line 203, line 204, line 205, line 206, ...)",
        "left out, empty: 2 (line 209, line 210)",
        "words a text: median 4, longest 4",
    ]


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
    table = read_entities(write(tmp_path, "a.conll", lines), splits=WHOLE)
    assert table["text"].tolist() == ["Anna Lee likes Paris", "Yes"]
    assert table["spans"].tolist() == [[(0, 8, "PER"), (15, 20, "LOC")], []]
    assert table.attrs == {"name": "a", "types": ["LOC", "PER"]}
    printed = capsys.readouterr().out
    assert "\nleft out, copies: 1 (line 11)\n" in printed
    assert printed.split()[-6:] == ["sentences", "2", "LOC", "1", "PER", "1"]


def test_offsets_become_those_of_nfc(tmp_path):
    text = unicodedata.normalize("NFD", "Café Zoë in Besançon")
    spans = {"start": 14, "end": len(text), "label": "GPE"}, [0, 10, "ORG"]
    table = read_entities(write(tmp_path, "a.jsonl", mark(*spans, text=text)), splits=WHOLE)
    assert table["text"][0] == "Café Zoë in Besançon"
    assert table["spans"][0] == [(0, 8, "ORG"), (12, 20, "GPE")]


BY_NUMBER = {"text": 0, "label": 1}
STARS = "review,stars\n" + "".join(f"text {k},{k % 2}\n" for k in range(99))
FAULTS = {
    read_labelled_texts: [
        ("a.csv", None, {}, "is not there", "the working folder is"),
        (".", None, {}, "is a folder"),
        ("a.csv", b"text,label\nok,1\ncaf\xe9,0", {}, "line 3: byte 0xe9 at offset 19 is not utf-8",
         "encoding='cp1252'"),
        ("a.csv", "text,label\nok,1".encode("utf-16"), {}, "line 1: byte 0xff", "'utf-16'"),
        ("a.csv", "text,label\nok,1".encode("utf-16-le"), {}, "line 1: a zero byte", "'utf-16'"),
        ("a.csv", "a", {"encoding": "ansi9"}, "no encoding 'ansi9'"),
        ("a.xlsx", b"PK\3\4", {}, "none of .csv", "CSV UTF-8"),
        ("a.csv", "\n", {}, "is empty"),
        ("a.csv", "text,label\n", {}, "a header, ['text', 'label'], and no row"),
        ("a.csv", "good,pos\nbad,neg", {}, "line 1", "['good', 'pos']", "by number"),
        ("a.csv", "Text,label,x\nfun,1,0", BY_NUMBER, "line 1", "['Text',", "label='class'"),
        ("a.csv", STARS, BY_NUMBER, "'stars' there are 1 (line 1), none in", "take these out."),
        ("a.csv", "text;label\nfun;1", {}, "first line, 'text;label'", "delimiter=';'"),
        ("a.csv", 'text;label\n"Fun, fun";1\n', {}, "no ',' and a ';'", "delimiter=';'"),
        ("a.csv", "text\tlabel\nfun, fun\t1\n", {}, "first line", "delimiter='\\t'"),
        ("a.csv", "text,label\nbad, sad,0", {}, "line 2: 3 fields", "['bad', ' sad', '0']"),
        ("a.csv", 'text,label\nfun,1\n"bad,0\nsad,0', {}, "line 3", "do not close", "quotes=False"),
        ("a.csv", 'text,label\n"so\n",1\n"a"b,0', {}, "line 4", "do not close", "quotes=False"),
        ("a.tsv", 'text\tlabel\n"so\nso"\t1', {}, "line 2: 1 fields, ['\"so']", "quotes=True"),
        ("a.csv", "text,label\nfun,1\nbad, ", {}, "line 3: the label is ' '", "name a class"),
        ("a.csv", "text,label\nfun,NaN", {}, "line 2: the label is 'NaN'"),
        ("a.csv", "text,label\nfun,1\n,0\nbad,1", {}, "each label is '1'; two classes"),
        ("a.csv", "text,label\n ,1\n,0", {}, "no text in it"),
        ("a.csv", "text,label\nfun,1\nbad,0\nfun,0", {}, "line 2 and line 4", "'1' and '0'"),
        ("a.jsonl", '\n\n{"text": null, "label": 1}', {}, "line 3: 'text' is None"),
        ("a.jsonl", '{"text": NaN, "label": 1}', {}, "line 1: 'text' is nan", "take the row out"),
        ("a.jsonl", '{"text": 7, "label": 1}', {}, "line 1: 'text' is 7"),
        ("a.jsonl", '{"text": "\\ud83d", "label": 1}', {}, "line 1: 'text' is '\\ud83d'"),
        ("a.jsonl", '{"text": "a", "label": [1]}', {}, "line 1: the label is [1]"),
        ("a.jsonl", '{"text": "a", "label": null}', {}, "line 1: the label is None"),
        ("a.jsonl", '\n{"text": "a"', {}, "line 2: not JSON", "'{\"text\": \"a\"'"),
        ("a.jsonl", '[{"text": "a"}]', {}, "line 1: a line must hold one object"),
        ("a.jsonl", '{"x": "a", "label": 1}', {}, "line 1: no key 'text' among ['x', 'label']"),
    ],
    read_pairs: [
        ("a.tsv", "english\tfrench\nHi.\tSalut.\nGo. Va.", {}, "line 3: 1 fields, ['Go. Va.']"),
        ("a.txt", "Hi.\tSalut.\nGo.\tVa.", {}, "line 1", "['Hi.', 'Salut.']", "by number"),
        ("a.tsv", "English\tFrench\nHi.\tSalut.", {"source": 0, "target": 1}, "label='class'"),
        ("a.tsv", "english\tfrench\nHi.\t ", {}, "no text in it"),
        ("a.tsv", "english\tfrench\nHi.\tHé.", {}, "'pairs' there are 1 (line 2), none in"),
        ("a.tsv", "english\tfrench\talignment\na b\tc\t0-0 1-1", {}, "line 2: the link 1-1"),
        ("a.tsv", "english\tfrench\talignment\na b\tc\t0:0", {}, "line 2", "'0-0 1-2', not '0:0'"),
        ("a.jsonl", '{"english": "a", "french": "b", "alignment": [[0]]}', {}, "1", "not [[0]]"),
        ("a.jsonl", '{"english": "a", "french": null}', {}, "line 1: 'french' is None"),
    ],
    read_documents: [
        ("a.csv", None, {}, "is no folder"),
        (".", None, {}, "none of its 0 files is a .txt or .md"),
    ],
    read_text: [
        ("a.txt", " \n", {}, "no text in it"),
        ("a.txt", "a\n\nb", {}, "'passages' there are 2 (passage 1, passage 2)"),
    ],
}  # fmt: skip
ENTITY_FAULTS = [
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
]  # fmt: skip
ROWS = [(read, *row[:3], row[3:]) for read, rows in FAULTS.items() for row in rows]
for content, words in ENTITY_FAULTS:
    ROWS.append((read_entities, "a.jsonl" if content[0] == "{" else "a.conll", content, {}, words))


@pytest.mark.parametrize("read, name, content, settings, words", ROWS)
def test_what_cannot_be_read_is_refused(tmp_path, capsys, read, name, content, settings, words):
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    before = list(tmp_path.iterdir())
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        read(path, **settings)
    said = str(error.value)
    assert str(path) in said and [word for word in words if word not in said] == []
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == before
