"""The phrasebook: its grammar, its file, its splits and its alignments."""

import gzip
import sys

import pytest

from utils.data.pairs import PHRASEBOOK_SPLITS, load_phrasebook
from utils.data.registry import load_registry
from utils.runtime import ROOT

FOLDER = ROOT / "data" / "phrasebook"
sys.path.insert(0, str(FOLDER))  # the generator lies beside the data
import count_odd
import generate
import grammar

sys.path.remove(str(FOLDER))
# Words that may stand without a counterpart; every other token is aligned.
UNALIGNED = {
    "english": {"a", "an", "to", "do", "does", "on", "past"},
    "french": {"le", "la", "les", "l'", "au", "aux", "de", "d'", "des", "à", "heure", "heures"},
}


def read_rows(name):
    lines = (ROOT / "tests" / "data" / f"phrasebook_{name}.tsv").read_text("utf8").splitlines()
    return [line.split("\t") for line in lines[1:]]


@pytest.fixture(scope="module")
def table():
    return load_phrasebook()


@pytest.mark.parametrize(("call", "english", "french"), read_rows("expected"))
def test_the_grammar_writes_what_a_person_would(call, english, french):
    whole = eval(call, generate.Writer(1).names)
    whole.stop = english[-1]
    assert grammar.finish(whole)[:2] == (english, french)


def test_assembled_sentences_are_those_translated_without_looking(table):
    # One or more of each pattern, drawn by chance; their French was written from the English alone.
    expected = dict(read_rows("assembled"))
    found = {" ".join(row.english): row for row in table.itertuples()}
    assert {found[english].pattern for english in expected} == set(table["pattern"])
    assert {english: " ".join(found[english].french) for english in expected} == expected


def test_alignments_follow_the_reordering():
    car = grammar.np("car", "the", adj="red")
    clause = grammar.clause(grammar.pro("i"), "see", "past", neg="not", obj=car)
    english, french = "i didn't see the red car .", "je n' ai pas vu la voiture rouge ."
    links = "0-0 1-1 1-2 1-3 2-4 3-5 4-7 5-6 6-8"
    assert grammar.finish(clause) == (english, french, links)


@pytest.fixture(scope="module")
def generated():
    return generate.generate(1, generate.RAW_SIZE)


def test_the_generator_writes_the_committed_file(generated, tmp_path):
    # The text is compared, not the bytes: another zlib may compress it differently.
    generate.write(generate.split_rows(generated), tmp_path / "again.tsv.gz")
    again = (tmp_path / "again.tsv.gz").read_bytes()
    assert again[4:8] == bytes(4)  # no time in the gzip header
    assert gzip.decompress(again) == gzip.decompress((FOLDER / "phrasebook.tsv.gz").read_bytes())


def test_one_english_sentence_with_two_french_ones_is_refused(monkeypatch):
    sides = iter([grammar.pair("he is tired", f"il est {w}") for w in ("fatigué", "las")])
    monkeypatch.setattr(generate.Writer, "write", lambda self, pattern: next(sides))
    with pytest.raises(ValueError, match="'he is tired .' is both"):
        generate.generate(1, 2)


def test_sizes_and_lengths(table):
    counts = table["split"].value_counts()
    assert load_registry()["phrasebook"]["rows"] == len(table) >= 40_000
    assert not table["english"].map(" ".join).duplicated().any()  # one side, one translation
    assert set(counts.index) == set(PHRASEBOOK_SPLITS)
    assert min(counts["validation"], counts["test"]) >= 1_800
    assert min(counts["test-long"], counts["test-compose"]) >= 500
    for side in ("english", "french"):
        words = table[side].map(lambda tokens: generate.count_words(" ".join(tokens)))
        assert words.between(3, 18).all()
        long = table["split"] == "test-long"
        assert words[long].min() > words[~long].max()


@pytest.mark.parametrize("side", ["english", "french"])
def test_no_test_split_holds_a_form_that_training_lacks(table, side):
    train = set().union(*table.loc[table["split"] == "train", side])
    assert 1_000 <= len(train) <= 2_500
    assert set().union(*table[side]) == train


def test_held_out_combinations_never_meet_in_training(generated, table):
    held_out = generate.hold_out_pairs(generated)
    pairs = {row["english"]: row["pairs"] for row in generated}
    text = table["english"].map(" ".join)
    assert all(pairs[sentence] & held_out for sentence in text[table["split"] == "test-compose"])
    train = [f" {sentence} " for sentence in text[table["split"] == "train"]]

    def find(word):
        """Return the training sentences that hold a form of a word, whatever it is there."""
        tables = (grammar.VERBS, grammar.NOUNS, grammar.ADJECTIVES)
        verb, noun, adjective = (table.get(word, {}) for table in tables)
        bigger = adjective.get("comparative") or word
        forms = {word, noun.get("plural", word), bigger, f"{bigger[:-1]}st"}
        forms |= {verb.get(form) for form in ("s", "ing", "past", "participle")} - {"", None}
        return {i for i, text in enumerate(train) if any(f" {f} " in text for f in forms)}

    holders = {word: find(word) for word in set().union(*held_out)}
    assert len(held_out) >= 50
    for first, second in held_out:
        assert min(len(holders[first]), len(holders[second])) >= 20
        assert not holders[first] & holders[second], (first, second)


def test_alignments_are_in_range_and_cover_the_content(table):
    for row in table.itertuples():
        for place, side in enumerate(("english", "french")):
            tokens = getattr(row, side)
            aligned = {link[place] for link in row.alignment}
            assert aligned <= set(range(len(tokens)))
            bare = {token for i, token in enumerate(tokens) if i not in aligned}
            assert bare <= UNALIGNED[side], " ".join(tokens)


@pytest.mark.parametrize(
    "english, french, odd",
    [
        ("the dog cooks the rice .", "le chien cuit le riz .", "an animal does what people do"),
        (
            "my cat isn't buying a tie .",
            "mon chat n' achète pas .",
            "an animal does what people do",
        ),
        ("the dog sleeps .", "le chien dort .", None),
        ("she bought a dog tomorrow .", "elle a acheté un chien .", "an impossible date"),
        ("he is going to eat yesterday .", "il va manger hier .", "an impossible date"),
        ("he is going to use his saw tomorrow .", "il va utiliser sa scie demain .", None),
        ("i see a apple .", "je vois une pomme .", "article and noun, English"),
        ("i see these dog .", "je vois ces chiens .", "article and noun, English"),
        ("i see these french books .", "je vois ces livres français .", None),
        ("i see the car .", "je vois le voiture .", "article and noun, French"),
        ("i see the car .", "je vois la voiture .", None),
    ],
)
def test_an_odd_sentence_is_counted(english, french, odd):
    found = count_odd.find_oddities(english.split(), french.split())
    assert found == ({odd} if odd else set())


def test_the_loader_returns_tokens_and_pairs():
    test = load_phrasebook(split="test")
    assert list(test.columns) == ["english", "french", "alignment", "split", "pattern"]
    assert set(test["split"]) == {"test"} and list(test.index) == list(range(len(test)))
    row = test.iloc[0]
    assert all(isinstance(token, str) for token in row["english"] + row["french"])
    assert row["alignment"][-1] == (len(row["english"]) - 1, len(row["french"]) - 1)
    with pytest.raises(ValueError, match="split is one of train, .*test-compose, got 'dev'"):
        load_phrasebook(split="dev")
