"""Named entities: tags, scores and decoding against outside judges; odd texts."""

import itertools
import re
import unicodedata

import numpy as np
import pytest
import spacy
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from utils.data import entities
from utils.data.entities import decode_bio, encode_bio, repair_bio, to_token_spans
from utils.metrics import bootstrap_f1, classify_errors, count_matches, score_counts
from utils.models import ner
from utils.models.ner import allow_transitions, decode_viterbi, find_entities, load_pipeline
from utils.runtime import ROOT

CLASSIC = (
    "Apple is looking at buying U.K. startup for $1 billion. Elon Musk lives in California.",
    [(0, 5, "ORG"), (27, 31, "GPE"), (44, 54, "MONEY"), (56, 65, "PERSON"), (75, 85, "GPE")],
)
TAGS = ["O", *(f"{mark}-{label}" for label in ("PERSON", "ORG", "GPE") for mark in "BI")]


@pytest.fixture(scope="module")
def nlp():
    return load_pipeline()


def draw_tags(seed):
    """Return random tag sequences, most of them illegal, some empty."""
    random = np.random.default_rng(seed)
    return [list(random.choice(TAGS, size=random.integers(0, 12))) for _ in range(200)]


def draw_pairs(seed):
    """Return legal gold tags, and predictions that agree with them in most of the places."""
    random = np.random.default_rng(seed)
    gold = [repair_bio(tags) for tags in draw_tags(seed)]
    guesses = [
        [tag if random.uniform() < 0.7 else str(random.choice(TAGS)) for tag in tags]
        for tags in gold
    ]
    return gold, guesses


# Tags


def test_legal_tags_and_spans_are_two_ways_to_say_the_same():
    for tags in [*draw_tags(0), ["B-GPE", "B-GPE", "I-GPE"]]:
        legal = repair_bio(tags)
        assert encode_bio(decode_bio(legal), len(legal)) == legal
        assert decode_bio(legal) == decode_bio(tags)
    assert decode_bio(legal) == [(0, 1, "GPE"), (1, 3, "GPE")]  # neighbours stay apart


@pytest.mark.parametrize("spans", [[(0, 2, "ORG"), (1, 3, "GPE")], [(2, 5, "ORG")], [(1, 1, "X")]])
def test_spans_that_tags_cannot_say_are_refused(spans):
    with pytest.raises(ValueError, match="overlaps another span or leaves the text"):
        encode_bio(spans, 4)


@pytest.mark.parametrize(
    "tags, spans",
    [
        ("B-PERSON L-PERSON O U-GPE", [(0, 2, "PERSON"), (3, 4, "GPE")]),
        ("B-X I-X E-X S-X S-X", [(0, 3, "X"), (3, 4, "X"), (4, 5, "X")]),
        ("S-X B-X L-X B-X", [(0, 1, "X"), (1, 3, "X"), (3, 4, "X")]),
        ("O E-X L-Y", [(1, 2, "X"), (2, 3, "Y")]),
        ("B-E-MAIL I-E-MAIL", [(0, 2, "E-MAIL")]),
    ],
)
def test_other_schemes_are_read(tags, spans):
    assert decode_bio(tags.split()) == spans
    assert encode_bio(spans, len(tags.split())) == repair_bio(tags.split())


@pytest.mark.parametrize("tag", ["0", "I-X\r", "X", "B-", "B", "M-X", "b-X", "", "O ", None])
def test_a_tag_of_no_scheme_is_refused(tag):
    for read in (entities.unify_tags, decode_bio, repair_bio):
        with pytest.raises(ValueError, match=re.escape(f"tag 2 is {tag!r}; it must be O, or")):
            read(["O", "B-X", tag])


def test_character_spans_become_token_spans():
    doc = spacy.blank("en")("Mr. Anderssonat Volvo left")
    found = to_token_spans(doc, [(4, 15, "PERSON"), (4, 21, "X")])
    assert found == [(1, 2, "PERSON"), (1, 3, "X")]
    widened = to_token_spans(doc, [(4, 13, "PERSON"), (15, 21, "ORG")], widen=True)
    assert widened == [(1, 2, "PERSON"), (2, 3, "ORG")]


@pytest.mark.parametrize(
    "start, end, said",
    [
        (9, 99, "the span (9, 99, 'X') holds no words of a text of 30 characters"),
        (3, 3, "the span (3, 3, 'X') holds no words"),
        (5, 3, "the span (5, 3, 'X') holds no words"),
        (-5, 3, "the span (-5, 3, 'X') holds no words"),
        (5, 6, "the span (5, 6, 'X') holds no words"),
        (6, 9, "(6, 9, 'X') is 'lef', where the tokens are 'left' (6 to 10)"),
        (0, 9, "(0, 9, 'X') is 'Maria lef', where the tokens are 'Maria left' (0 to 10)"),
        (10, 16, "(10, 16, 'X') is ' Paris', where the tokens are 'Paris' (11 to 16)"),
    ],
)
def test_spans_that_are_no_tokens_are_refused(start, end, said):
    doc = spacy.blank("en")("Maria left Paris on 14 July.  ")
    with pytest.raises(ValueError, match=re.escape(said)):
        to_token_spans(doc, [(0, 5, "PERSON"), (start, end, "X")])


# Scores


def score_tags(gold, guesses):
    return score_counts(count_matches(*([decode_bio(t) for t in rows] for rows in (gold, guesses))))


def test_scores_equal_those_of_seqeval_and_spacy():
    # seqeval 1.2.2 on the same tags
    seqeval = {"precision": 0.6947004608294931, "recall": 0.6931034482758621}
    seqeval |= {"f1": 0.6939010356731875}
    assert score_tags(*draw_pairs(1)) == pytest.approx(seqeval, abs=1e-12)
    vocab, (gold, guesses) = spacy.blank("en").vocab, draw_pairs(2)
    docs = [
        [Doc(vocab, words=["w"] * len(tags), ents=repair_bio(tags)) for tags in pair]
        for pair in zip(guesses, gold, strict=True)
        if pair[1]
    ]
    theirs = Scorer.score_spans([Example(*pair) for pair in docs], "ents")
    theirs = {name: theirs[f"ents_{name[0]}"] for name in seqeval}
    assert score_tags(gold, guesses) == pytest.approx(theirs, abs=1e-12)


def test_half_an_entity_is_none_and_nothing_counts_nothing():
    counts = count_matches([[(0, 2, "ORG")], []], [[(0, 1, "ORG")], [(3, 4, "GPE")]])
    assert counts.tolist() == [[0, 1, 1], [0, 1, 0]]
    for nothing in (counts, count_matches([[]], [[]])):
        assert score_counts(nothing) == {"precision": 0, "recall": 0, "f1": 0}
    assert count_matches([], []).shape == (0, 3)
    with pytest.raises(ValueError, match="shorter"):
        count_matches([[], []], [[]])


def test_the_interval_agrees_with_plain_resampling():
    random = np.random.default_rng(0)
    counts = random.integers(0, 3, size=(80, 3))
    drawn = [score_counts(counts[random.integers(0, 80, 80)])["f1"] for _ in range(4000)]
    assert np.allclose(bootstrap_f1(counts), np.quantile(drawn, [0.025, 0.975]), atol=0.02)
    low, high = bootstrap_f1(np.tile(counts, (25, 1)))
    assert low < score_counts(counts)["f1"] < high
    assert high - low < (np.diff(bootstrap_f1(counts))[0]) / 3  # five times narrower, in theory


@pytest.mark.parametrize(
    ("gold", "guess", "kinds"),
    [
        ([(0, 2, "ORG")], [(0, 2, "ORG")], []),
        ([(0, 2, "ORG")], [(1, 2, "ORG")], ["boundary"]),
        ([(0, 2, "ORG")], [(0, 2, "GPE")], ["type"]),
        ([(0, 2, "ORG")], [(1, 3, "GPE")], ["type"]),
        ([(0, 2, "ORG")], [], ["missed"]),
        ([], [(0, 2, "ORG")], ["spurious"]),
        ([(0, 2, "ORG")], [(2, 3, "ORG")], ["missed", "spurious"]),
        ([(0, 4, "ORG")], [(0, 1, "ORG"), (2, 4, "ORG")], ["boundary", "spurious"]),
        ([(0, 1, "ORG"), (2, 4, "ORG")], [(0, 4, "ORG")], ["missed", "boundary"]),
        ([(0, 1, "ORG"), (1, 2, "GPE")], [(0, 1, "ORG"), (0, 2, "GPE")], ["boundary"]),
    ],
)
def test_every_mistake_has_one_name(gold, guess, kinds):
    assert [kind for kind, *_ in classify_errors(gold, guess)] == kinds


def test_mistakes_add_up_to_the_counts():
    for gold, guess in zip(*draw_pairs(3), strict=True):
        truth, found = decode_bio(gold), decode_bio(guess)
        mistakes, counts = classify_errors(truth, found), count_matches([truth], [found])[0]
        assert sum(guess is not None for *_, guess in mistakes) == counts[1]
        assert sum(truth is not None for _, truth, _ in mistakes) == counts[2]


# Legal sequences


def is_legal(tags):
    return repair_bio(tags) == tags


def test_the_legal_transitions_are_those_that_no_repair_changes():
    first, after = allow_transitions(TAGS)
    assert first.tolist() == [is_legal([tag]) for tag in TAGS]
    for (i, one), (j, two) in itertools.product(enumerate(TAGS), repeat=2):
        assert not first[i] or after[i, j] == is_legal([one, two])
    inside = TAGS.index("I-ORG")
    assert after[inside, inside] and not after[inside, TAGS.index("I-GPE")]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_viterbi_finds_the_best_of_all_legal_sequences(length):
    tags, rows = TAGS[:5], np.arange(length)
    first, after = allow_transitions(tags)
    assert decode_viterbi(np.zeros((0, 5)), first, after) == []
    paths = itertools.product(range(5), repeat=length)
    legal = [list(path) for path in paths if is_legal([tags[k] for k in path])]
    random = np.random.default_rng(length)
    for _ in range(15):
        scores = np.log(random.dirichlet(np.full(5, 0.3), size=length) + 1e-12)
        path = decode_viterbi(scores, first, after)
        best = max(scores[rows, other].sum() for other in legal)
        assert path in legal and scores[rows, path].sum() == pytest.approx(best, abs=1e-9)


# The pipeline


def test_the_registered_files_make_the_pipeline_without_a_package(monkeypatch, capfd, recwarn):
    monkeypatch.setattr(spacy.util, "is_package", lambda name: False)
    nlp = load_pipeline()
    assert {"tok2vec", "tagger", "parser", "lemmatizer", "ner"} <= set(nlp.pipe_names)
    assert find_entities(nlp, CLASSIC[0]) == CLASSIC[1]
    assert capfd.readouterr() == ("", "")
    assert [w for w in recwarn if not issubclass(w.category, DeprecationWarning)] == []


def test_an_installed_pipeline_goes_first(monkeypatch):
    monkeypatch.setattr(spacy.util, "is_package", lambda name: name == "en_core_web_sm")
    monkeypatch.setattr(spacy, "load", lambda name: f"loaded {name}")
    assert load_pipeline() == "loaded en_core_web_sm"


def test_two_pipelines_do_not_share_what_they_learn(nlp):
    load_pipeline().get_pipe("ner").add_label("MEDICINE")
    assert "MEDICINE" not in nlp.get_pipe("ner").labels


@pytest.mark.parametrize(
    "text, expected",
    [
        CLASSIC,
        ("", []),
        (" \n\t ", []),
        ("the zxqv blorfed a wug", []),
        ("zxqv blorf wug frimble", ["zxqv blorf"]),  # who else would be called zxqv?
        ("🙂🙂 🎉", []),
        ("Elon Musk lives in Paris ❤️👩‍🚀", ["Elon Musk", "Paris"]),
        ("⭐ Apple opened in Paris", ["Apple", "Paris"]),
        ("\u200bParis is in France.", ["Paris", "France"]),
        ("\ufeffParis is in France.", ["Paris", "France"]),
        ("We met Elon Mu\u00adsk in Pa\u00adris.", ["Elon Mu\u00adsk", "Pa\u00adris"]),
        ("We met \u200eElon Musk\u200f in \u2067Paris\u2069.", ["Elon Musk", "Paris"]),
        ("Elon\u00a0Musk flew to Paris…", ["Elon\u00a0Musk", "Paris"]),
        ("→ Elon Musk lives in Paris", ["Elon Musk", "Paris"]),
        ("▶ Anna… in Rome", ["Anna", "Rome"]),
        ("We flew from Bogota\u0301\u200b to Paris.", ["Bogota\u0301", "Paris"]),
    ],
)
def test_ends_are_those_of_the_given_text(nlp, text, expected):
    found = find_entities(nlp, text)
    assert expected in (found, [text[a:b] for a, b, _ in found])


def test_a_text_that_the_pipeline_does_not_take_is_refused():
    nlp = spacy.blank("en")
    nlp.max_length = 1000
    assert find_entities(nlp, "x" * 1000) == []
    with pytest.raises(ValueError, match=r"has 1,001 characters, .* reads at most 1,000; give"):
        find_entities(nlp, "x" * 1001)
    with pytest.raises(TypeError, match="text is None, of type NoneType"):
        find_entities(nlp, None)


def test_other_types_come_on_request(nlp):
    text = "She came second in Lima."
    assert [label for *_, label in find_entities(nlp, text)] == ["GPE"]
    assert [s[2] for s in find_entities(nlp, text, (*ner.TYPES, "ORDINAL"))] == ["ORDINAL", "GPE"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        (["Paris"], [[1, 2, "Title"]]),
        (["PARIS", "zxqv"], [[1, 2, "UPPER"], [0, 0, "lower"]]),
        ([unicodedata.normalize("NFD", "Élan"), "Élan"], [[3, 4, "Title"]] * 2),
        (["🙂", "$", "1,000"], [[0, 0, "sign"], [0, 0, "sign"], [0, 0, "digits"]]),
        (["McDonald", "東京"], [[0, 0, "MiXed"], [0, 0, "MiXed"]]),
        (["Pa\u00adris\u200b"], [[1, 2, "Title"]]),
    ],
)
def test_words_become_a_vector_and_a_shape(words, expected):
    vectors = np.array([[1.0, 2.0], [3.0, 4.0]])
    features = ner.encode_sentences(words, {"paris": 0, "élan": 1}, vectors)
    assert features.shape == (len(words), 2 + len(ner.SHAPES))
    assert [[*row[:2], ner.SHAPES[row[2:].argmax()]] for row in features] == expected
    assert (features[:, 2:].sum(axis=1) == 1).all()


# The gold set


def test_the_blind_second_pass_agrees_as_the_card_says():
    folder = ROOT / "data" / "ner"
    rows = (folder / "second_pass.tsv").read_text("utf8").splitlines()[1:]
    second = dict(entities.parse_markup(row) for row in rows)
    gold = entities.load_ner_gold().set_index("text")["spans"]
    gold = gold.map(lambda spans: list(map(tuple, spans)))
    assert len(second) == len(rows) and set(second) == set(gold.index)
    truth = [gold[text] for text in second]
    counts = count_matches(truth, list(second.values()))
    hits, wrong, left_out = counts.sum(axis=0)
    f1 = score_counts(counts)["f1"]
    different = sum(set(a) != set(b) for a, b in zip(truth, second.values(), strict=True))
    card = (folder / "README.md").read_text("utf8")
    expected = f"{len(second)} sentences, entity F1 is {f1:.3f}; {different} sentences differ"
    assert expected in " ".join(card.split())
    assert f"({hits + left_out} and {hits + wrong} entities, {hits} equal)" in card
    assert f1 > 0.95
