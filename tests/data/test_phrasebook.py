"""The phrasebook: its grammar, its file, its splits, its alignments and its spelling."""

import csv
import gzip
import hashlib
import shutil
import sys
import warnings
from pathlib import Path

import pytest

from utils.data import registry
from utils.data.pairs import PHRASEBOOK_SPLITS, load_phrasebook
from utils.data.registry import DataError, load_registry

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "data" / "phrasebook"
FILE = FOLDER / "phrasebook.tsv.gz"
PUNCTUATION = {".", "?", "!", ","}
# Words that may stand without a counterpart; every other token is aligned.
UNALIGNED = {
    "english": {"a", "an", "to", "do", "does", "on", "past"},
    "french": {"le", "la", "les", "l'", "au", "aux", "de", "d'", "des", "à", "heure", "heures"},
}


@pytest.fixture(scope="module")
def tools():
    """Import the generator from beside the data."""
    sys.path.insert(0, str(FOLDER))
    try:
        import generate
        import grammar
        import spelling
    finally:
        sys.path.remove(str(FOLDER))
    return generate, grammar, spelling


@pytest.fixture(scope="module")
def table():
    return load_phrasebook()


# The grammar.

EXPECTED = [
    line.split("\t")
    for line in Path(__file__)
    .with_name("phrasebook_expected.tsv")
    .read_text("utf8")
    .splitlines()[1:]
]


def test_there_are_enough_expected_sentences():
    assert len(EXPECTED) >= 150
    assert len({english for _, english, _ in EXPECTED}) >= 150


@pytest.mark.parametrize(("call", "english", "french"), EXPECTED, ids=[e[1] for e in EXPECTED])
def test_the_grammar_writes_what_a_person_would(tools, call, english, french):
    whole = eval(call, vars(tools[1]))
    assert tools[1].finish(whole, english.split()[-1])[:2] == (english, french)


def test_assembled_sentences_are_those_translated_without_looking(table):
    # One or more of each pattern, drawn by chance; their French was written from the English alone.
    text = (ROOT / "tests" / "data" / "phrasebook_assembled.tsv").read_text("utf8")
    expected = dict(line.split("\t") for line in text.splitlines()[1:])
    assert len(expected) >= 50
    found = {" ".join(row.english): row for row in table.itertuples()}
    assert {found[english].pattern for english in expected} == set(table["pattern"])
    assert {english: " ".join(found[english].french) for english in expected} == expected


def test_alignments_follow_the_reordering(tools):
    grammar = tools[1]
    whole = grammar.clause(
        grammar.pro("i"), "see", "past", neg="not", obj=grammar.np("car", "the", adj="red")
    )
    english, french, links = grammar.finish(whole)
    assert english == "i didn't see the red car ."
    assert french == "je n' ai pas vu la voiture rouge ."
    assert links == "0-0 1-1 1-2 1-3 2-4 3-5 4-7 5-6 6-8"


@pytest.mark.parametrize(
    ("infinitive", "forms"),
    [
        ("manger", "mange manges mange mangeons mangez mangent"),
        ("acheter", "achète achètes achète achetons achetez achètent"),
        ("préférer", "préfère préfères préfère préférons préférez préfèrent"),
        ("appeler", "appelle appelles appelle appelons appelez appellent"),
        ("nettoyer", "nettoie nettoies nettoie nettoyons nettoyez nettoient"),
        ("finir", "finis finis finit finissons finissez finissent"),
        ("attendre", "attends attends attend attendons attendez attendent"),
        ("revenir", "reviens reviens revient revenons revenez reviennent"),
        ("apprendre", "apprends apprends apprend apprenons apprenez apprennent"),
        ("sortir", "sors sors sort sortons sortez sortent"),
        ("appartenir", "appartiens appartiens appartient appartenons appartenez appartiennent"),
        ("faire", "fais fais fait faisons faites font"),
        ("recevoir", "reçois reçois reçoit recevons recevez reçoivent"),
    ],
)
def test_conjugation(tools, infinitive, forms):
    assert [tools[1].conjugate(infinitive, person) for person in range(6)] == forms.split()


@pytest.mark.parametrize(
    ("infinitive", "participle", "imperatives"),
    [
        ("être", "été", "sois soyons soyez"),
        ("avoir", "eu", "aie ayons ayez"),
        ("aller", "allé", "va allons allez"),
        ("faire", "fait", "fais faisons faites"),
        ("dire", "dit", "dis disons dites"),
        ("savoir", "su", "sache sachons sachez"),
        ("vouloir", "voulu", "veuille veuillons veuillez"),
        ("ouvrir", "ouvert", "ouvre ouvrons ouvrez"),
        ("tenir", "tenu", "tiens tenons tenez"),
        ("éteindre", "éteint", "éteins éteignons éteignez"),
        ("manger", "mangé", "mange mangeons mangez"),
        ("finir", "fini", "finis finissons finissez"),
        ("attendre", "attendu", "attends attendons attendez"),
    ],
)
def test_participles_and_imperatives(tools, infinitive, participle, imperatives):
    grammar = tools[1]
    assert grammar.get_participle(infinitive) == participle
    assert [grammar.get_imperative(infinitive, person) for person in (1, 3, 4)] == (
        imperatives.split()
    )


# The file.


@pytest.fixture(scope="module")
def generated(tools):
    return tools[0].generate(1, tools[0].RAW_SIZE)


def test_the_generator_writes_the_committed_file(tools, generated, tmp_path):
    # The text is compared, not the bytes: another zlib may compress it differently.
    generate = tools[0]
    rows = generate.split_rows(generated)
    generate.write(rows, tmp_path / "again.tsv.gz")
    again = gzip.decompress((tmp_path / "again.tsv.gz").read_bytes())
    assert again == gzip.decompress(FILE.read_bytes())


def test_another_seed_gives_other_sentences(tools):
    first, again, other = (
        [row["english"] for row in tools[0].generate(seed, 50)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_one_english_sentence_with_two_french_ones_is_refused(tools, monkeypatch):
    generate = tools[0]
    writer = generate.Writer
    sides = iter([tools[1].pair("he is tired", f"il est {w}") for w in ("fatigué", "las")])
    monkeypatch.setattr(generate, "PATTERNS", {"statement": 1})
    monkeypatch.setattr(writer, "statement", lambda self: (next(sides), "."))
    with pytest.raises(ValueError, match="'he is tired .' is both"):
        generate.generate(1, 2)


def test_the_file_is_small_and_declared():
    entry = load_registry()["phrasebook"]
    content = FILE.read_bytes()
    assert entry["files"] == [
        {
            "name": FILE.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
    ]
    assert len(content) < 2_000_000
    assert content[4:8] == bytes(4)  # no time in the gzip header


def test_sizes_and_lengths(table):
    counts = table["split"].value_counts()
    assert load_registry()["phrasebook"]["rows"] == len(table) >= 40_000
    assert set(counts.index) == set(PHRASEBOOK_SPLITS)
    assert counts["validation"] >= 1_800
    assert counts["test"] >= 1_800
    assert counts["test-long"] >= 500
    assert counts["test-compose"] >= 500
    for side in ("english", "french"):
        words = table[side].map(lambda tokens: sum(t not in PUNCTUATION for t in tokens))
        assert words.between(3, 18).all()
        long = table["split"] == "test-long"
        assert words[long].min() > words[~long].max()


def test_splits_are_disjoint_and_every_sentence_has_one_translation(table):
    assert not table["english"].map(" ".join).duplicated().any()


@pytest.mark.parametrize("side", ["english", "french"])
def test_no_test_split_holds_a_form_that_training_lacks(table, side):
    train = set().union(*table.loc[table["split"] == "train", side])
    assert 1_000 <= len(train) <= 2_500
    for split in PHRASEBOOK_SPLITS[1:]:
        assert set().union(*table.loc[table["split"] == split, side]) <= train


def list_forms(grammar, word):
    """Return the English forms of a lemma of the lexicon, whatever its part of speech."""
    forms = {word}
    if word in grammar.NOUNS:
        forms.add(grammar.pluralise_english(grammar.NOUNS[word]))
    if word in grammar.VERBS:
        verb = grammar.get_verb(word)
        forms |= {verb.english(f) for f in ("base", "s", "ing", "past", "participle")}
    return forms


def test_held_out_combinations_never_meet_in_training(tools, generated, table):
    generate, grammar, _ = tools
    held_out = generate.hold_out_pairs(generated)
    pairs = {row["english"]: row["pairs"] for row in generated}
    text = table["english"].map(lambda tokens: f" {' '.join(tokens)} ")
    train = text[table["split"] == "train"]
    compose = text[table["split"] == "test-compose"]
    assert all(pairs[sentence.strip()] & held_out for sentence in compose)
    holders = {}  # word form, or first word of several, to the numbers of training sentences
    for i, sentence in enumerate(train):
        for word in sentence.split():
            holders.setdefault(word, set()).add(i)
    train = list(train)

    def find(lemma):
        forms = list_forms(grammar, lemma)
        candidates = set().union(*(holders.get(form.split()[0], set()) for form in forms))
        return {i for i in candidates if any(f" {form} " in train[i] for form in forms)}

    assert len(held_out) >= 50
    for first, second in sorted(held_out):
        one, other = find(first), find(second)
        assert min(len(one), len(other)) >= 20
        assert not one & other, (first, second)


def test_alignments_are_in_range_and_cover_the_content(table):
    for row in table.itertuples():
        for place, side in enumerate(("english", "french")):
            tokens = getattr(row, side)
            aligned = {link[place] for link in row.alignment}
            assert aligned <= set(range(len(tokens)))
            bare = {token for i, token in enumerate(tokens) if i not in aligned}
            assert bare <= UNALIGNED[side], " ".join(tokens)


def test_alignments_are_not_all_monotone(table):
    def crosses(links):
        return any(a < c and b > d for a, b in links for c, d in links)

    share = table["alignment"][:5000].map(crosses).mean()
    assert share > 0.25


# The spelling.


def test_every_form_is_in_the_record_of_the_spelling_check(tools):
    record = set((FOLDER / "spelling.txt").read_text("utf8").splitlines())
    forms = {f"{side} {form}" for side, found in tools[2].read_forms().items() for form in found}
    assert forms == record


def test_hunspell_knows_every_form(tools):
    spelling = tools[2]
    if shutil.which("hunspell") is None:
        # The record above still stands for the check; say that it was not repeated here.
        warnings.warn("hunspell is not installed: spelling compared with the record", stacklevel=1)
        return
    assert spelling.find_misspelt(spelling.read_forms()) == []
    wrong = {"english": {"aple"}, "french": {"sortissons", "pari"} | {"apeller"}}
    assert {"english aple", "french apeller"} <= set(spelling.find_misspelt(wrong))


# The loader.


def test_the_loader_returns_tokens_and_pairs():
    test = load_phrasebook(split="test")
    assert list(test.columns) == ["english", "french", "alignment", "split", "pattern"]
    assert set(test["split"]) == {"test"}
    assert list(test.index) == list(range(len(test)))
    row = test.iloc[0]
    assert all(isinstance(token, str) for token in row["english"] + row["french"])
    assert row["alignment"][-1] == (len(row["english"]) - 1, len(row["french"]) - 1)


def test_the_loader_names_the_splits():
    with pytest.raises(ValueError, match="split is one of train, .*test-compose, got 'dev'"):
        load_phrasebook(split="dev")


def test_a_damaged_file_is_refused(monkeypatch, tmp_path):

    (tmp_path / "data" / "phrasebook").mkdir(parents=True)
    with gzip.open(tmp_path / "data" / "phrasebook" / FILE.name, "wt", encoding="utf8") as stream:
        csv.writer(stream, delimiter="\t").writerow(["english"])
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    with pytest.raises(DataError, match="damaged.*git checkout"):
        load_phrasebook()
