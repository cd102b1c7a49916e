import numpy as np
import pytest
import sacrebleu

from utils.metrics import (
    bootstrap_bleu,
    bootstrap_f1,
    bootstrap_interval,
    compute_bleu,
    count_bleu,
    count_matches,
    measure_alignment_error,
    measure_diversity,
)

BAD_COUNTS = np.full((2, 10), np.nan)


def test_the_interval_agrees_with_plain_resampling():
    values = np.random.default_rng(1).normal(size=60)
    random = np.random.default_rng(2)
    means = random.choice(values, size=(10_000, 60)).mean(axis=1)
    assert np.allclose(bootstrap_interval(values), np.quantile(means, [0.025, 0.975]), atol=0.02)


@pytest.mark.parametrize(
    "measure, values, said",
    [
        (bootstrap_interval, [np.zeros(0)], "got shape"),
        (bootstrap_interval, [np.zeros((2, 2))], "got shape"),
        *((bootstrap_interval, [np.array([1, x])], "1 are not") for x in (np.nan, np.inf)),
        (count_bleu, [["a b"], ["a b"]], "list of tokens.*; got 'a b' and 'a b'"),
        (count_bleu, [["a b"], [[["a", "b"]]]], "list of tokens.*; got 'a b'"),
        (count_bleu, [[["a", "b"]], [["a", "b"]]], r"list of such lists .* and \['a', 'b'\]"),
        (count_bleu, [[["a", "b"]], [[]]], r"list of such lists .* and \[\]"),
        (bootstrap_bleu, [np.zeros((0, 10))], "row of 10 numbers a sentence"),
        *((bootstrap_bleu, [np.full((2, 10), x)], "row of 10 numb") for x in (np.nan, np.inf, -1)),
        *((bootstrap_bleu, [np.ones(s)], "row of 10 numbers") for s in (10, (2, 3), (2, 11))),
        *((bootstrap_bleu, [np.ones((2, 10)), o], "row of 10") for o in (np.ones(10), BAD_COUNTS)),
        (bootstrap_bleu, [np.ones((2, 10)), np.ones((3, 10))], "2 sentences .* paired with 3"),
        *((measure_diversity, [["a b"], n], f"n must be .* not {n}") for n in (0, -1, 1.5, True)),
        (measure_alignment_error, [[], []], "no link"),
        (measure_alignment_error, [[[]], [[]]], "no link"),
    ],
)
def test_bad_values_are_named(measure, values, said):
    with pytest.raises(ValueError, match=said):
        measure(*values)


FLAT = [(0, 2, "ORG")]


def test_utils_refuses_counts_and_lists_without_sense():
    for counts in (np.ones((2, 10)), np.full((2, 3), np.inf), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="row of 3 numbers a sentence"):
            bootstrap_f1(counts)
    with pytest.raises(ValueError, match="no translation to compare"):
        count_bleu([], [])
    for lists in ((FLAT, [FLAT]), ([FLAT], FLAT), (["ab"], [FLAT]), ([[(0, 2)]], [FLAT])):
        with pytest.raises(TypeError, match="a list of entities"):
            count_matches(*lists)
    with pytest.raises(TypeError, match="samples must be lists of texts, not the string 'a b'"):
        measure_diversity("a b", 1)


# BLEU

FOUND = ["the cat sat on the mat .", "a dog", "", "it is is is", "one two three four five"]
FIRST = ["the cat is on the mat .", "a dog barks", "yes", "it is", "one two three four six"]
SECOND = ["there is a cat on the mat .", "dog", "no no", "so it is is", "three four five"]


def split(texts):
    return [text.split() for text in texts]


@pytest.mark.parametrize(
    "found, references",
    [
        (FOUND, [FIRST]),
        (FOUND, [FIRST, SECOND]),
        (FIRST, [FIRST]),  # 100
        ([""] * 5, [FIRST]),  # 0
        (["a b c d"], [["a b c d e f g h"]]),  # short translations pay
    ],
)
def test_bleu_equals_sacrebleu(found, references):
    bleu = sacrebleu.BLEU(tokenize="none", smooth_method="none", force=True)
    counts = count_bleu(split(found), list(zip(*map(split, references), strict=True)))
    expected = bleu.corpus_score(found, references).score
    assert compute_bleu(counts.sum(axis=0)) == pytest.approx(expected, abs=1e-9)


def test_paired_interval_is_narrower_than_the_two():
    random = np.random.default_rng(0)
    references = [[list(random.integers(0, 9, 12))] for _ in range(300)]
    worse = [[t if random.random() < 0.8 else 99 for t in r[0]] for r in references]
    better = [[t if random.random() < 0.3 else x for t, x in zip(r[0], w, strict=True)]
              for r, w in zip(references, worse, strict=True)]  # fmt: skip
    a, b = (count_bleu(found, references) for found in (better, worse))
    low, high = bootstrap_bleu(a, b)
    difference = compute_bleu(a.sum(axis=0)) - compute_bleu(b.sum(axis=0))
    assert 0 < low < difference < high
    (low_a, high_a), (low_b, high_b) = bootstrap_bleu(a), bootstrap_bleu(b)
    assert high - low < (high_a - low_a) + (high_b - low_b)
    assert bootstrap_bleu(a, a) == (0, 0)


def test_alignment_error_by_hand():
    gold = [[(0, 0), (1, 1)], [(0, 0), (1, 0)]]
    assert measure_alignment_error(gold, gold) == 0
    found = [[(0, 0), (0, 1)], [(0, 0)]]
    assert measure_alignment_error(found, gold) == pytest.approx(1 - 2 * 2 / (3 + 4))
    assert measure_alignment_error([[(5, 5)], []], gold) == 1
    twice = [[*links, links[0]] for links in gold]
    assert measure_alignment_error(twice, gold) == measure_alignment_error(gold, twice) == 0
