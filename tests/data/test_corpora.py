"""The loaders of `utils.data.corpora`: the fixed splits, on the real files and on tiny ones."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest

from utils.data import corpora, pairs, plays
from utils.data.corpora import load_glove, load_imdb, load_movie_snippets
from utils.data.entities import load_medicines, load_ner_gold, parse_markup
from utils.data.pairs import load_tatoeba
from utils.data.plays import load_shakespeare, load_tinyshakespeare
from utils.data.registry import load_registry
from utils.data.splits import assign_bucket, compute_split_digest, normalise
from utils.models.ner import TYPES
from utils.runtime import ROOT


@pytest.fixture
def give_files(monkeypatch):
    """Let `fetch` return these paths instead of real data."""

    def give(paths):
        for module in (corpora, pairs, plays):
            monkeypatch.setattr(module, "fetch", lambda name: paths)

    return give


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  ...a pretentious   MESS...", "a pretentious mess"),
        ("snake_case, don't!", "snake case don t"),
        ("ﬁne — Ｗｉｄｅ", "fine wide"),
        ("STRASSE straße", "strasse strasse"),
        ("?!", ""),
        ("\ufeffgood\u200bfilm, so\u00adfa", "goodfilm sofa"),
    ],
)
def test_normalise(text, expected):
    assert normalise(text) == expected
    assert normalise(expected) == expected


def test_buckets_are_fixed():
    # These values are the same on every machine and in every release, or the splits move.
    assert [assign_bucket(t, 10) for t in ("a", "b", "c", "Dull!")] == [0, 6, 0, 6]
    assert assign_bucket("...DULL", 10) == assign_bucket("Dull!", 10)
    salted = [assign_bucket(f"text {i}", 10, salt="other") for i in range(50)]
    assert salted != [assign_bucket(f"text {i}", 10) for i in range(50)]


@pytest.fixture(scope="module")
def snippets():
    return load_movie_snippets()


@pytest.fixture(scope="module")
def gold():
    return load_ner_gold()


@pytest.mark.parametrize("name, table", [("movie-snippets", "snippets"), ("ner", "gold")])
def test_a_table_is_split_as_committed_and_no_text_stands_on_two_sides(request, name, table):
    table, committed = request.getfixturevalue(table), dict(load_registry()[name]["splits"])
    assert compute_split_digest(table) == committed.pop("sha256")
    assert table["split"].value_counts().to_dict() == committed
    assert not table["text"].map(normalise).duplicated().any()
    assert table["text"].str.strip().ne("").all()


def test_labels_are_the_sign_of_the_score(snippets):
    assert snippets["score"].abs().between(0.5, 4).all()
    assert (snippets["label"] == (snippets["score"] > 0)).all()
    for _, part in snippets.groupby("split"):
        assert 0.45 < part["label"].mean() < 0.55


def test_undecided_snippets_come_on_request(snippets):
    table = load_movie_snippets(keep_undecided=True)
    undecided = table["label"] == -1
    assert undecided.any() and (undecided == (table["score"].abs() < 0.5)).all()
    pd.testing.assert_frame_equal(table[~undecided].reset_index(drop=True), snippets)


def test_of_equal_snippets_the_first_is_kept(give_files, tmp_path):
    texts, scores = ["Good.", "good", "Bad!", "So so", "BAD"], [2.0, -1.0, -0.5, 0.49, 3.0]
    pd.DataFrame({"sentiment": scores, "text": texts}).to_csv(tmp_path / "snippets.csv.gz")
    give_files({"snippets.csv.gz": tmp_path / "snippets.csv.gz"})
    table = load_movie_snippets()
    assert table[["text", "label"]].values.tolist() == [["Good.", 1], ["Bad!", 0]]


def test_imdb_ranks_become_words(give_files, tmp_path, monkeypatch):
    index = {"the": 1, "film": 2, "shines": 3, "drags": 4}
    (tmp_path / "index.json").write_text(json.dumps(index))
    reviews = [[1, 2, 3], [1, 2, 4], *([1] * n for n in range(1, 40))]
    ragged, labels = np.array(reviews, dtype=object), np.array([1, 0] + [0] * 39)
    arrays = {"x_train": ragged, "y_train": labels, "x_test": ragged, "y_test": labels}
    monkeypatch.setattr(corpora, "load_pickled", lambda *names: arrays)
    give_files({"imdb_word_index.json": tmp_path / "index.json"})
    table = load_imdb()
    assert table.columns.tolist() == ["text", "label", "split"]
    test = table[table["split"] == "test"]
    assert test["text"].tolist()[:2] == ["the film shines", "the film drags"]
    assert test["label"].tolist() == labels.tolist()
    held_out = table[table["split"] == "validation"]
    assert 0 < len(held_out) < len(reviews) / 2
    assert {assign_bucket(text, 10) for text in held_out["text"]} == {8}
    assert not set(held_out["text"]) & set(table.loc[table["split"] == "train", "text"])


def test_glove_knows_a_queen_from_a_cabbage():
    rows, vectors = load_glove()
    assert vectors.shape == (400_000, 50) and vectors.dtype == np.float32
    assert sorted(rows.values()) == list(range(400_000)) and rows["the"] == 0
    three = vectors[[rows[word] for word in ("king", "queen", "cabbage")]]
    three /= np.linalg.norm(three, axis=1, keepdims=True)
    assert three[0] @ three[1] > 0.7 > 0.3 > three[0] @ three[2]


@pytest.fixture(scope="module")
def shakespeare():
    return load_shakespeare()


def compute_digest(plays):
    text = "".join(text for part in plays.values() for text in part.values())
    return hashlib.sha256(text.encode("utf8")).hexdigest()


def test_plays_are_split_whole(shakespeare):
    assert len(set().union(*shakespeare.values())) == 38
    assert set(shakespeare["validation"]) == {"macbeth", "twelfth-night"}
    assert set(shakespeare["test"]) == {"the-taming-of-the-shrew", "the-tempest"}
    # Not a character may change: perplexities per character compare only on the same text.
    assert compute_digest(shakespeare).startswith("c0df94c82610a544")
    sizes = {split: sum(map(len, part.values())) for split, part in shakespeare.items()}
    assert sizes == {"train": 4_369_392, "validation": 206_681, "test": 208_555}


def test_the_end_of_tiny_shakespeare_is_held_out(shakespeare):
    # How its last tenth begins and ends, and what stands before it.
    first = "GREMIO:\nGood morrow, neighbour Baptista.\n\nBAPTISTA:\nGood morrow, neighbour Gremio."
    last = "Thou let'st thy fortune sleep--die, rather; wink'st\nWhiles thou art waking."
    before = "I will go sit and weep\nTill I can find occasion of revenge."
    for line in (first, before):
        assert line in shakespeare["test"]["the-taming-of-the-shrew"]
    assert last in shakespeare["test"]["the-tempest"]
    for part in ("train", "validation"):
        text = "\n\n".join(shakespeare[part].values())
        assert not any(line in text for line in (first, last, before))


def test_no_markup_and_no_direction_is_left(shakespeare):
    marks = r"[][_*#\\<>]|&amp;|^ | $|  |\n\n\n"
    labels = r"^(Enter [A-Z]{2}|Re-enter|Exeunt|ACT [IV]|SCENE [IV]|SONG\b)"
    for name, text in (play for part in shakespeare.values() for play in part.items()):
        assert not re.search(f"{marks}|{labels}", text, re.M), name
        for speech in text.split("\n\n"):
            assert re.match(r"[A-Za-z][A-Za-z '&,.-]*:\n", speech), name


def test_tinyshakespeare_is_cut_at_nine_tenths(give_files, tmp_path):
    (tmp_path / "tiny.txt").write_text("abcdefghi" * 2 + "XY")
    give_files({"tinyshakespeare.txt": tmp_path / "tiny.txt"})
    assert load_tinyshakespeare() == ("abcdefghi" * 2, "XY")


def test_gold_spans_are_clean(gold):
    medicines = load_medicines()
    assert medicines["split"].value_counts().to_dict() == {"test": 65, "train": 60}
    for table, types in ((gold, set(TYPES)), (medicines, {"MEDICINE"})):
        assert {label for spans in table["spans"] for *_, label in spans} == types
        for text, spans in zip(table["text"], table["spans"], strict=True):
            ends = [0, *(end for _, end, _ in spans)]
            assert all(start >= end for (start, *_), end in zip(spans, ends, strict=False))
            for start, end, _ in spans:
                assert text[start:end] == text[start:end].strip() != ""
    assert not gold.loc[gold["kind"] == "none", "spans"].str.len().any()


def test_the_counts_on_the_card_are_those_of_the_file(gold):
    card = (ROOT / "data" / "ner" / "README.md").read_text(encoding="utf8")
    for kind, part in [*gold.groupby("kind"), ("all", gold)]:
        labels = [label for spans in part["spans"] for *_, label in spans]
        counts = [len(part), *(labels.count(label) for label in TYPES)]
        assert f"| {kind} | {' | '.join(map(str, counts))} |" in card


@pytest.mark.parametrize("marked", ["[a] b", "[a](org)", "[a [b](ORG)](GPE)", "a](ORG)", "[](ORG)"])
def test_a_broken_mark_is_refused(marked):
    with pytest.raises(ValueError, match=r"a mark is written \[words\]\(TYPE\)"):
        parse_markup(marked)


def test_tatoeba_keeps_all_french_of_a_sentence_on_one_side(give_files, tmp_path):
    lines = [f"Number {i}.\tNuméro {i}.\n" for i in range(200)]
    lines += ["Hi!\tSalut !\n", "Hi!\tBonjour !\n", "Hi!\tSalut !\n"]
    lines += ["It's late.\tL'heure est tardive\u00a0!\n", f"{'long ' * 13}\tlong\n"]
    (tmp_path / "fra.txt").write_text("".join(lines), encoding="utf8")
    give_files({"fra.txt": tmp_path / "fra.txt"})
    table = load_tatoeba()
    assert len(table) == 203  # no pair twice, none too long
    assert set(table["split"]) == {"train", "validation", "test"}
    assert table["split"].groupby(table["english"].map(tuple)).nunique().max() == 1
    greetings = table[table["english"].map(lambda tokens: tokens == ["hi", "!"])]
    assert list(greetings["french"]) == [["salut", "!"], ["bonjour", "!"]]
    late = {"english": ["it's", "late", "."], "french": ["l'", "heure", "est", "tardive", "!"]}
    assert {side: table[side].iloc[-1] for side in late} == late
