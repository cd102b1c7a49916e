"""`utils.models.augmentation`: what each method changes, what it never does, and bad input."""

import functools
import unicodedata

import numpy as np
import pytest
from small_models import BUILDERS, IDS, to_numpy

from utils.data import corpora
from utils.data.registry import load_registry
from utils.data.splits import normalise
from utils.data.text import split_words
from utils.models import augmentation
from utils.models.augmentation import add_typos, delete_words, replace_words, swap_words
from utils.runtime import ROOT

TEXT = "a dull film with great actors and a clever plot"
OPTIONS = {
    "dull": ["boring", "uninspired"],
    "film": ["movie", "flick"],
    "clever": ["astute", "smart"],
    "cliché": ["platitude"],
}
replace = functools.partial(replace_words, options=OPTIONS)
insert = functools.partial(augmentation.insert_words, options=OPTIONS)
METHODS = {
    "replace": replace,
    "insert": insert,
    "swap": swap_words,
    "delete": delete_words,
    "typos": add_typos,
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def rng(seed=0):
    return np.random.default_rng(seed)


# What all methods promise


@every_method
def test_seed_and_strength_decide(method):
    assert method(TEXT, rng(1), 0.3) == method(TEXT, rng(1), 0.3)
    assert method(TEXT, rng(), 0) == TEXT
    found = [method(TEXT, rng(seed), 0.1) for seed in range(50)]
    assert len(set(found)) > 1 and sum(text != TEXT for text in found) > 40
    with pytest.raises(ValueError, match=r"0 to 1, got 1\.5"):
        method(TEXT, rng(), 1.5)


@every_method
def test_only_a_text_without_words_comes_back_empty(method):
    for strength in (0, 0.1, 1):
        assert {method(text, rng(), strength) for text in ("", "   ", "\n\t")} == {""}
        for text in ("ok", "?", "🙂", "a b", TEXT):
            assert all(method(text, rng(seed), strength) for seed in range(20))


@every_method
def test_the_models_read_the_result_as_it_stands(method):
    for seed in range(20):
        changed = method("It isn't Kubrick's best, and I can't say why...", rng(seed), 0.2)
        assert " ".join(split_words(changed)) == changed
    composed = "a dull clich\u00e9 about a fianc\u00e9"
    decomposed = unicodedata.normalize("NFD", composed)
    assert method(composed, rng(3), 0.4) == method(decomposed, rng(3), 0.4)


@pytest.mark.parametrize(
    "text, expected",  # of replace, insert, swap, delete and typos, with seed 0 and strength 0.1
    [
        ("qwxz", ["qwxz", "qwxz", "qwxz", "qwxz", None]),
        ("🙂🙂", ["🙂🙂"] * 5),
        ("👩🏽‍🎤 dull", ["👩🏽‍🎤 uninspired", None, "dull 👩🏽‍🎤", None, None]),
        ("cliche\u0301", ["platitude", None, "clich\u00e9", "clich\u00e9", None]),
    ],
)
def test_odd_texts(text, expected):
    for method, wanted in zip(METHODS.values(), expected, strict=True):
        found = method(text, rng(), 0.1)
        assert wanted in (found, None) and unicodedata.is_normalized("NFC", found)
        if "👩🏽‍🎤" in text and method is not delete_words:
            assert "👩🏽‍🎤" in found  # never cut in two


@pytest.mark.parametrize(
    "name, length, least, most",  # words that come back, and places that have another word
    [
        ("replace", 1000, 100, 100),
        ("insert", 1100, 0, 1000),
        ("swap", 1000, 81, 159),
        ("delete", 900, 0, 1000),
        ("typos", 1000, 81, 100),
    ],
)
def test_a_tenth_of_a_thousand_words(name, length, least, most):
    words = ["dull", "film"] * 500
    found = METHODS[name](" ".join(words), rng(), 0.1).split()
    assert len(found) == length
    assert least <= sum(a != b for a, b in zip(words, found, strict=False)) <= most


# Each method


def test_replaced_words_are_options_that_fit_the_article():
    for seed in range(30):
        words = replace(TEXT, rng(seed), 1).split()
        assert words[1] == "boring"  # "uninspired" does not follow "a"
        assert words[2] in ("movie", "flick") and words[8] == "smart"
    assert replace("an astute clever film", rng(), 1).split()[:2] == ["an", "astute"]
    assert replace("clever , dull", rng(), 1).split()[0] in ("astute", "smart")


@pytest.mark.parametrize(
    "article, other, words",
    [
        ("a", "an", "unique useless humble one dull"),
        ("an", "a", "odd unusual uninspired hour honest"),
    ],
)
def test_articles(article, other, words):
    for word in words.split():
        assert augmentation.matches_case(word, article)
        assert not augmentation.matches_case(word, other)


def test_protected_words_stay():
    for seed in range(30):
        assert "dull" in replace(TEXT, rng(seed), 1, protected={"dull"}).split()
        kept = delete_words(TEXT, rng(seed), 0.9, protected={"dull", "great"}).split()
        assert {"dull", "great"} <= set(kept)
        assert "dull" in add_typos(TEXT, rng(seed), 1, protected={"dull"}).split()


def test_inserted_words_are_options_of_words_in_the_text():
    options = {word for name in ("dull", "film", "clever") for word in OPTIONS[name]}
    for seed in range(30):
        words = insert(TEXT, rng(seed), 0.3).split()
        assert len(words) == 13 and set(words) - set(TEXT.split()) <= options
        assert [word for word in words if word not in options] == TEXT.split()


def test_a_swap_moves_two_words_and_deletion_keeps_the_order_and_one_word():
    before = TEXT.split()
    for seed in range(30):
        after = swap_words(TEXT, rng(seed), 0.1).split()
        assert sorted(before) == sorted(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) in (0, 2)
        words, rest = delete_words(TEXT, rng(seed), 0.3).split(), iter(before)
        assert len(words) == 7 and all(word in rest for word in words)
        assert len(delete_words(TEXT, rng(seed), 1).split()) == 1


def test_slips_are_of_four_kinds():
    touching = augmentation.TOUCHING
    assert all(key in touching[near] for key in touching for near in touching[key])
    found = {augmentation.make_typo("great", rng(seed)) for seed in range(400)}
    assert {"geat", "gerat", "greaat", "grezt", "gteat"} <= found
    for word in found - {"great"}:
        dropped = len(word) == 4
        doubled = len(word) == 6 and any(word[i] == word[i + 1] for i in range(5))
        turned = sorted(word) == sorted("great")
        beside = len(word) == 5 and sum(a != b for a, b in zip(word, "great", strict=True)) == 1
        assert dropped or doubled or turned or beside, word
    found = {augmentation.make_typo("of", rng(seed)) for seed in range(99)}
    assert {"fo", "oof", "off", "o", "f"} <= found
    for text in ("a", "?", "1960", "🙂", "n't"):
        assert {add_typos(text, rng(seed), 1) for seed in range(9)} == {text}


def test_neighbours_are_sorted_by_cosine():
    table = np.array([[1, 0], [2, 0.1], [1, 1], [-1, 0]], dtype="float32")
    rows = {"good": 0, "bad": 1, "fine": 2, "zebra": 3}
    found = augmentation.list_neighbours([*rows, "absent"], rows, table, count=2)
    assert found["good"] == ["bad", "fine"] and found["fine"] == ["bad", "good"]
    assert "absent" not in found
    assert table[1, 0] == 2  # the table is not scaled in place


def test_copies_come_after_the_texts():
    found = augmentation.copy_texts(["one two", "three four"], swap_words, rng(), 1, 3)
    assert found[:2] == ["one two", "three four"] and len(found) == 8
    assert all(sorted(a.split()) == sorted(found[i % 2].split()) for i, a in enumerate(found))
    assert augmentation.copy_texts(["A b"], None, rng(), 1, 2) == ["A b"] * 3


# Mixup


def test_partners_and_targets_mix():
    targets = np.array([0.0, 1.0, 1.0, 0.0, 1.0] * 40)
    partners, shares, mixed = augmentation.draw_partners(targets, rng(), 0.4)
    assert sorted(partners) == list(range(200))
    assert shares.shape == (200, 1) and shares.min() >= 0 and shares.max() <= 1
    assert np.allclose(mixed, shares[:, 0] * targets + (1 - shares[:, 0]) * targets[partners])
    even = augmentation.draw_partners(targets, rng(), 50)[1]
    assert even.std() < 0.1 < shares.std()


@pytest.mark.parametrize("name", ["lstm", "cnn", "bigrams"])
def test_mixup_with_share_one_is_the_classifier(name):
    classifier = BUILDERS[name]()[0]
    mixer, partner = augmentation.build_mixup(classifier), IDS[::-1].copy()
    alone, ones = to_numpy(classifier(IDS)), np.ones((4, 1), "float32")
    assert np.allclose(mixer([IDS, partner, ones]), alone, atol=1e-6)
    assert np.allclose(mixer([IDS, partner, 0 * ones]), alone[::-1], atol=1e-6)
    logits, middle = (
        np.log(p / (1 - p)) for p in (alone, to_numpy(mixer([IDS, partner, ones / 2])))
    )
    assert np.allclose(middle, (logits + logits[::-1]) / 2, atol=1e-4)
    assert {id(w) for w in mixer.weights} == {id(w) for w in classifier.weights}


# Translation, negation, meaning


def test_back_translation_goes_there_and_back():
    words = {"big": "grand", "large": "grand", "cat": "chat"}
    home = {"grand": "big", "chat": "cat"}

    def translate(table):
        return lambda texts: [" ".join(table[w] for w in text.split()) for text in texts]

    texts = ["large cat", "", "big"]
    found = augmentation.back_translate(texts, translate(words), translate(home))
    assert found == ["big cat", "", "big"]
    with pytest.raises(ValueError, match="there were 2, then 1, then 1"):
        augmentation.back_translate(["big", "cat"], lambda texts: texts[:1], lambda texts: texts)


def test_negation():
    denying = ["It isn't dull.", "Never boring!", "CANNOT recommend it", "It isn’t good", "no " * 9]
    assert all(map(augmentation.has_negation, denying))
    not_denying = ["It fails to be funny.", "a notable knot", "", "🙂"]
    assert not any(map(augmentation.has_negation, not_denying))


@pytest.mark.parametrize(
    "text, changed, cosine, kept",
    [
        ("It is funny.", "This is humorous.", 0.7, True),
        ("It is funny.", "This is humorous.", 0.69, False),
        ("It isn’t funny.", "This is funny.", 0.95, False),
        ("It isn’t funny.", "This isn't funny.", 0.95, True),
        ("It is funny.", "This is never funny.", 0.95, False),
        ("", "", 1.0, True),
    ],
)
def test_two_checks_of_meaning(text, changed, cosine, kept):
    assert augmentation.keeps_meaning(text, changed, cosine) is kept


# The thesaurus


@pytest.fixture(scope="module")
def groups():
    lines = (ROOT / "data" / "thesaurus" / "groups.tsv").read_text("utf8").splitlines()
    assert lines[0] == "part\twords"
    return [line.split("\t")[1].split() for line in lines[1:]]


def test_no_word_is_in_two_groups_and_no_group_is_of_two_minds(groups):
    lexicon, words = corpora.load_lexicon(), [word for group in groups for word in group]
    assert len(groups) >= 300 and len(words) == len(set(words))
    assert all(word.isalpha() and word.islower() for word in words)
    for group in groups:
        signs = {np.sign(lexicon.get(word, 0)) for word in group}
        assert len(group) > 1 and not {1, -1} <= signs, group


def test_the_loader_gives_the_others_of_the_group(groups):
    thesaurus = corpora.load_thesaurus()
    assert len(thesaurus) == sum(len(group) for group in groups)
    for group in groups:
        assert all(sorted([word, *thesaurus[word]]) == sorted(group) for word in group)


# The paraphrases


def test_sources_are_training_sentences_in_a_fixed_order():
    table, sources = corpora.load_movie_snippets(), corpora.pick_paraphrase_sources(500)
    assert set(sources["text"]) <= set(table["text"][table["split"] == "train"])
    assert sources["source"].is_unique
    assert sources.equals(corpora.pick_paraphrase_sources(600).head(500))
    assert sources["source"][:2].tolist() == ["3620cc49a833d5a0", "85c46e8a39b365b6"]


def test_paraphrases_stand_beside_their_sentences():
    found = corpora.load_snippet_paraphrases()
    assert list(found.columns) == ["text", "label", "paraphrase", "end", "cosine"]
    assert len(found) == load_registry()["paraphrases"]["rows"]
    assert set(found["end"]) <= {"stop", "cut", "copy"} and found["cosine"].between(-1, 1).all()
    copied = found["end"] == "copy"
    assert (found["paraphrase"][copied] == found["text"][copied]).all()
    assert (found["paraphrase"] != "").all()


def test_the_file_of_paraphrases_holds_no_sentence_of_the_data_set():
    file = (ROOT / "data" / "paraphrases" / "smollm2.tsv").read_text("utf8")
    stored = {normalise(line.split("\t")[3]) for line in file.splitlines()[1:]}
    sentences = {normalise(text) for text in corpora.load_movie_snippets()["text"]}
    assert not (stored - {""}) & sentences
