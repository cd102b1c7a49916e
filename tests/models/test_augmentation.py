"""`utils.models.augmentation`: what each method changes, what it never does, and bad input."""

import shutil
import subprocess
import unicodedata
import warnings

import numpy as np
import pytest

from utils.runtime import start

start()

import keras

from utils.data.corpora import (
    load_lexicon,
    load_movie_snippets,
    load_snippet_paraphrases,
    load_thesaurus,
    pick_paraphrase_sources,
)
from utils.data.registry import load_registry
from utils.data.splits import normalise
from utils.data.text import split_words
from utils.models import augmentation
from utils.models.augmentation import (
    add_typos,
    back_translate,
    build_mixup,
    copy_texts,
    delete_words,
    draw_partners,
    draw_positions,
    has_negation,
    insert_words,
    keeps_meaning,
    list_neighbours,
    matches_case,
    replace_words,
    swap_words,
)
from utils.models.classifiers import build_bigram_average, build_classifier, build_cnn
from utils.runtime import ROOT

TEXT = "a dull film with great actors and a clever plot"
OPTIONS = {
    "dull": ["boring", "uninspired"],
    "film": ["movie", "flick"],
    "clever": ["astute", "smart"],
    "cliché": ["platitude"],
}


def replace(text, rng, strength):
    return replace_words(text, rng, strength, options=OPTIONS)


def insert(text, rng, strength):
    return insert_words(text, rng, strength, options=OPTIONS)


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


# What all methods promise.


@every_method
def test_a_seed_fixes_the_result_and_seeds_differ(method):
    assert method(TEXT, rng(1), 0.3) == method(TEXT, rng(1), 0.3)
    assert len({method(TEXT, rng(seed), 0.3) for seed in range(20)}) > 1


@every_method
def test_strength_zero_changes_nothing_and_more_changes_more(method):
    assert method(TEXT, rng(), 0) == TEXT

    def count_changed(strength):
        changed = [method(TEXT, rng(seed), strength).split() for seed in range(50)]
        return sum(set(words) != set(TEXT.split()) or words != TEXT.split() for words in changed)

    assert count_changed(0.1) > 40
    with pytest.raises(ValueError, match=r"0 to 1, got 1\.5"):
        method(TEXT, rng(), 1.5)


@every_method
@pytest.mark.parametrize("strength", [0, 0.1, 1])
def test_only_a_text_without_words_comes_back_empty(method, strength):
    for text in ("", "   ", "\n\t"):
        assert method(text, rng(), strength) == ""
    for text in ("ok", "?", "🙂", "a b", TEXT):
        for seed in range(20):
            assert method(text, rng(seed), strength)


@every_method
def test_the_models_read_the_result_as_it_stands(method):
    for seed in range(20):
        changed = method("It isn't Kubrick's best, and I can't say why...", rng(seed), 0.2)
        assert " ".join(split_words(changed)) == changed


@pytest.mark.parametrize(
    "text, expected",  # of replace, insert, swap, delete and typos, with seed 0 and strength 0.1
    [
        ("", ["", "", "", "", ""]),
        ("qwxz", ["qwxz", "qwxz", "qwxz", "qwxz", None]),
        ("🙂🙂", ["🙂🙂"] * 5),
        ("👩🏽‍🎤 dull", ["👩🏽‍🎤 uninspired", None, "dull 👩🏽‍🎤", None, None]),
        ("clich\u00e9", ["platitude", None, "clich\u00e9", "clich\u00e9", None]),
        ("cliche\u0301", ["platitude", None, "clich\u00e9", "clich\u00e9", None]),
    ],
)
def test_bad_input_has_the_expected_result(text, expected):
    for method, wanted in zip(METHODS.values(), expected, strict=True):
        found = method(text, rng(), 0.1)
        if wanted is not None:
            assert found == wanted
        assert (
            "👩🏽‍🎤" in found or "👩🏽‍🎤" not in text or method is delete_words
        )  # never cut in two
        assert unicodedata.is_normalized("NFC", found)


@every_method
def test_both_forms_of_an_accent_give_one_result(method):
    composed = "a dull clich\u00e9 about a fianc\u00e9"
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    assert method(composed, rng(3), 0.4) == method(decomposed, rng(3), 0.4)


@every_method
def test_a_thousand_words(method):
    text = "dull film " * 500
    found = method(text, rng(), 0.1).split()
    before = text.split()
    if method is replace:
        changed = [(a, b) for a, b in zip(before, found, strict=True) if a != b]
        assert len(changed) == 100
        assert all(b in OPTIONS[a] for a, b in changed)
    elif method is insert:
        assert len(found) == 1100
    elif method is swap_words:
        assert sorted(found) == sorted(before)
        assert 80 < sum(a != b for a, b in zip(before, found, strict=True)) < 160
    elif method is delete_words:
        assert len(found) == 900
    else:
        assert len(found) == 1000
        assert 80 < sum(a != b for a, b in zip(before, found, strict=True)) <= 100


def test_places_are_counted_from_all_words_and_bounded():
    assert len(draw_positions(list(range(20)), 20, rng(), 0.1)) == 2
    assert len(draw_positions([3, 5], 20, rng(), 0.5)) == 2
    assert len(draw_positions([3, 5], 3, rng(), 0.01)) == 1
    assert draw_positions([], 20, rng(), 0.5) == []


# Each method.


def test_replaced_words_are_options_that_fit_the_article():
    for seed in range(30):
        words = replace(TEXT, rng(seed), 1).split()
        assert words[1] == "boring"  # "uninspired" does not follow "a"
        assert words[2] in ("movie", "flick")
        assert words[8] == "smart"
    assert replace("an astute clever film", rng(), 1).split()[:2] == ["an", "astute"]
    assert replace("a dull film", rng(), 1).startswith("a boring ")
    assert replace("clever , dull", rng(), 1).split()[0] in ("astute", "smart")


@pytest.mark.parametrize(
    "word, article",
    [("odd", "an"), ("unique", "a"), ("useless", "a"), ("unusual", "an"), ("uninspired", "an")]
    + [("hour", "an"), ("honest", "an"), ("humble", "a"), ("one", "a"), ("dull", "a")],
)
def test_articles(word, article):
    assert matches_case(word, article)
    assert not matches_case(word, {"a": "an", "an": "a"}[article])


def test_protected_words_stay():
    for seed in range(30):
        assert "dull" in replace_words(TEXT, rng(seed), 1, options=OPTIONS, protected={"dull"})
        kept = delete_words(TEXT, rng(seed), 0.9, protected={"dull", "great"}).split()
        assert {"dull", "great"} <= set(kept)
        assert "dull" in add_typos(TEXT, rng(seed), 1, protected={"dull"}).split()


def test_inserted_words_are_options_of_words_in_the_text():
    for seed in range(30):
        words = insert(TEXT, rng(seed), 0.3).split()
        assert len(words) == 13
        added = set(words) - set(TEXT.split())
        assert added <= {"boring", "uninspired", "movie", "flick", "astute", "smart"}
        kept = [word for word in words if word not in added]
        assert kept == TEXT.split()


def test_a_swap_moves_two_words():
    for seed in range(30):
        before, after = TEXT.split(), swap_words(TEXT, rng(seed), 0.1).split()
        assert sorted(before) == sorted(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) in (0, 2)


def test_deletion_keeps_the_order_and_one_word():
    for seed in range(30):
        words = delete_words(TEXT, rng(seed), 0.3).split()
        assert len(words) == 7
        rest = iter(TEXT.split())
        assert all(word in rest for word in words)
        assert len(delete_words(TEXT, rng(seed), 1).split()) == 1


def test_slips_are_of_four_kinds():
    found = {augmentation.make_typo("great", rng(seed)) for seed in range(400)}
    assert {"geat", "gerat", "greaat", "grezt", "gteat"} <= found
    touching = augmentation.TOUCHING
    assert all(key in touching[near] for key in touching for near in touching[key])
    for word in found - {"great"}:
        dropped = len(word) == 4
        doubled = len(word) == 6 and any(word[i] == word[i + 1] for i in range(5))
        turned = sorted(word) == sorted("great")
        beside = len(word) == 5 and sum(a != b for a, b in zip(word, "great", strict=True)) == 1
        assert dropped or doubled or turned or beside, word
    for text in ("a", "?", "1960", "🙂", "n't"):
        assert {add_typos(text, rng(seed), 1) for seed in range(9)} == {text}
    assert {augmentation.make_typo("of", rng(seed)) for seed in range(99)} >= {
        "fo",
        "oof",
        "off",
        "o",
        "f",
    }


def test_neighbours_are_sorted_by_cosine():
    table = np.array([[1, 0], [2, 0.1], [1, 1], [-1, 0]], dtype="float32")
    rows = {"good": 0, "bad": 1, "fine": 2, "zebra": 3}
    found = list_neighbours(["good", "bad", "fine", "zebra", "absent"], rows, table, count=2)
    assert found["good"] == ["bad", "fine"]
    assert found["fine"] == ["bad", "good"]
    assert "absent" not in found
    assert table[1, 0] == 2  # the table is not scaled in place


def test_copies_come_after_the_texts():
    found = copy_texts(["one two", "three four"], swap_words, rng(), 1, 3)
    assert found[:2] == ["one two", "three four"]
    assert len(found) == 8
    assert all(sorted(a.split()) == sorted(found[i % 2].split()) for i, a in enumerate(found))
    assert copy_texts(["A b"], None, rng(), 1, 2) == ["A b"] * 3


# Mixup.


def test_partners_and_targets_mix():
    targets = np.array([0.0, 1.0, 1.0, 0.0, 1.0] * 40)
    partners, shares, mixed = draw_partners(targets, rng(), 0.4)
    assert sorted(partners) == list(range(200))
    assert shares.shape == (200, 1) and shares.min() >= 0 and shares.max() <= 1
    assert np.allclose(mixed, shares[:, 0] * targets + (1 - shares[:, 0]) * targets[partners])
    assert abs(mixed.mean() - targets.mean()) < 0.1
    even = draw_partners(targets, rng(), 50)[1]
    assert even.std() < 0.1 < shares.std()


@pytest.mark.parametrize("build", [build_cnn, build_bigram_average])
def test_mixup_with_share_one_is_the_classifier(build):
    keras.utils.set_random_seed(0)
    classifier = build("tiny", rng().normal(size=(20, 4)).astype("float32"))
    check_mixup(classifier)


def test_mixup_of_the_recurrent_classifier():
    check_mixup(build_classifier("tiny", 20, embedding_dim=4, hidden_dim=3))


def check_mixup(classifier):
    mixer = build_mixup(classifier)
    ids, partner = np.array([[3, 4, 5, 0], [7, 8, 9, 2]]), np.array([[7, 8, 9, 2], [3, 4, 5, 0]])
    alone = np.asarray(classifier(ids))
    ones, half = np.ones((2, 1)), np.full((2, 1), 0.5)
    assert np.allclose(mixer([ids, partner, ones]), alone, atol=1e-6)
    assert np.allclose(mixer([ids, partner, 0 * ones]), alone[::-1], atol=1e-6)
    middle = np.asarray(mixer([ids, partner, half]))
    logits = np.log(alone / (1 - alone))
    assert np.allclose(np.log(middle / (1 - middle)), logits.mean(), atol=1e-4)
    assert {id(w) for w in mixer.weights} == {id(w) for w in classifier.weights}


# Translation and negation.


def test_back_translation_goes_there_and_back():
    words = {"big": "grand", "large": "grand", "cat": "chat"}
    home = {"grand": "big", "chat": "cat"}

    def translate(table):
        return lambda texts: [" ".join(table[w] for w in text.split()) for text in texts]

    assert back_translate(["large cat", "", "big"], translate(words), translate(home)) == [
        "big cat",
        "",
        "big",
    ]
    with pytest.raises(ValueError, match="there were 2, then 1, then 1"):
        back_translate(["big", "cat"], lambda texts: texts[:1], lambda texts: texts)


@pytest.mark.parametrize(
    "text, denies",
    [
        ("It isn't dull.", True),
        ("Never boring!", True),
        ("CANNOT recommend it", True),
        ("It fails to be funny.", False),
        ("a notable knot", False),
        ("", False),
        ("🙂", False),
        ("qwxz brfl", False),
        ("clich\u00e9s aren't fun", True),
        ("cliche\u0301s aren't fun", True),
        ("It isn’t good", True),
        ("It can\u00b4t", True),
        ("It is\u00a0not\u00a0good", True),
        ("good—never dull", True),
        ("ne\u00adver", True),
        ("\ufeffno", True),
        ("“No”…", True),
        ("no " * 1000, True),
    ],
)
def test_negation(text, denies):
    assert has_negation(text) is denies


# The thesaurus.


@pytest.fixture(scope="module")
def groups():
    lines = (ROOT / "data" / "thesaurus" / "groups.tsv").read_text("utf8").splitlines()
    assert lines[0] == "part\twords"
    return [line.split("\t")[1].split() for line in lines[1:]]


def find_faults(groups, lexicon):
    """Return the words in two groups, not in lower case, and beside a word of other sign."""
    words = [word for group in groups for word in group]
    faults = {word for word in words if words.count(word) > 1 or not word.isalpha()}
    faults |= {word for word in words if word != word.lower()}
    for group in groups:
        signs = {np.sign(lexicon.get(word, 0)) for word in group}
        if {1, -1} <= signs or len(group) < 2:
            faults |= set(group)
    return faults


def test_no_word_is_in_two_groups_and_no_group_is_of_two_minds(groups):
    assert find_faults(groups, load_lexicon()) == set()
    assert len(groups) >= 300
    bad = [["good", "bad"], ["film", "Movie"], ["plot", "story"], ["story", "tale"]]
    assert find_faults(bad, load_lexicon()) == {"good", "bad", "Movie", "story"}


def find_misspelt(words):
    command = ["hunspell", "-d", "en_US", "-i", "utf-8", "-l"]
    done = subprocess.run(command, input="\n".join(words), capture_output=True, encoding="utf8")
    assert not done.returncode and "Can't open" not in done.stderr, "install hunspell-en-us"
    return done.stdout.split()


def test_hunspell_knows_every_word(groups):
    if shutil.which("hunspell") is None:
        warnings.warn("hunspell is not installed: the thesaurus was not checked", stacklevel=1)
        return
    assert find_misspelt(word for group in groups for word in group) == []
    assert find_misspelt(["dull", "tedios"]) == ["tedios"]


def test_the_loader_gives_the_others_of_the_group(groups):
    thesaurus = load_thesaurus()
    assert len(thesaurus) == sum(len(group) for group in groups)
    for group in groups:
        for word in group:
            assert sorted([word, *thesaurus[word]]) == sorted(group)


# The paraphrases.


def test_sources_are_training_sentences_in_a_fixed_order():
    table = load_movie_snippets()
    sources = pick_paraphrase_sources(500)
    assert set(sources["text"]) <= set(table["text"][table["split"] == "train"])
    assert sources["source"].is_unique
    assert sources.equals(pick_paraphrase_sources(600).head(500))
    assert sources["source"][:2].tolist() == ["3620cc49a833d5a0", "85c46e8a39b365b6"]


def test_paraphrases_stand_beside_their_sentences():
    found = load_snippet_paraphrases()
    assert list(found.columns) == ["text", "label", "paraphrase", "end", "cosine"]
    assert len(found) == load_registry()["paraphrases"]["rows"]
    assert set(found["end"]) <= {"stop", "cut", "copy"}
    assert found["cosine"].between(-1, 1).all()
    copied = found["end"] == "copy"
    assert (found["paraphrase"][copied] == found["text"][copied]).all()
    assert (found["paraphrase"] != "").all()


def test_the_file_of_paraphrases_holds_no_sentence_of_the_data_set():
    file = (ROOT / "data" / "paraphrases" / "smollm2.tsv").read_text("utf8")
    stored = {normalise(line.split("\t")[3]) for line in file.splitlines()[1:]}
    sentences = {normalise(text) for text in load_movie_snippets()["text"]}
    assert not (stored - {""}) & sentences


@pytest.mark.parametrize(
    "text, changed, cosine, kept",
    [
        ("It is funny.", "This is humorous.", 0.9, True),
        ("It is funny.", "This is humorous.", 0.69, False),
        ("It isn't funny.", "This is funny.", 0.95, False),
        ("It isn’t funny.", "This is funny.", 0.95, False),
        ("It isn’t funny.", "This isn't funny.", 0.95, True),
        ("It is funny.", "This is never funny.", 0.95, False),
        ("It isn't funny.", "It cannot amuse.", 0.7, True),
        ("", "", 1.0, True),
    ],
)
def test_two_checks_of_meaning(text, changed, cosine, kept):
    assert keeps_meaning(text, changed, cosine) is kept
