import pandas as pd
import pytest

from utils.baselines import alignment
from utils.baselines.retrieval import measure_distances

ROWS = [("a b", "x y"), ("a", "x")]


def make_table(rows):
    sides = [[text.split() for text in side] for side in zip(*rows, strict=True)]
    return pd.DataFrame({"english": sides[0], "french": sides[1]})


def test_one_round_is_that_of_a_pencil():
    # Shares in the first pair: a third each (nothing, a, b); in the second: a half each.
    # x of a: 1/3 + 1/2 = 5/6, y of a: 1/3, so p(x | a) = 5/7; the same for nothing; b: a half each.
    found = alignment.train_ibm1(make_table(ROWS), rounds=1)
    expected = {("a", "x"): 5 / 7, ("a", "y"): 2 / 7, ("", "x"): 5 / 7, ("", "y"): 2 / 7}
    assert found == pytest.approx(expected | {("b", "x"): 0.5, ("b", "y"): 0.5})


def test_rounds_bring_words_that_belong_together_together():
    rows = [("the house", "la maison"), ("the car", "la voiture"), ("a house", "une maison")]
    chances = alignment.train_ibm1(make_table(rows), rounds=20)
    assert chances["house", "maison"] > 0.9 and ("a", "maison") not in chances
    links = alignment.align_ibm1(["the", "house"], ["maison", "la", "inconnue"], chances)
    assert links == [(1, 0), (0, 1)]  # a word never seen has no link
    words = alignment.pick_translations(chances)
    assert words["house"] == "maison" and words["car"] == "voiture" and "" not in words


def test_a_word_that_goes_with_everything_comes_from_nothing():
    rows = [(word, f"{word}' ne") for word in "abcdefgh"]
    chances = alignment.train_ibm1(make_table(rows), rounds=10)
    assert alignment.align_ibm1(["a"], ["a'", "ne"], chances) == [(0, 0)]


def test_distances_are_the_fewest_edits_to_a_similar_sentence():
    known = [text.split() for text in ("the cat sleeps", "a dog", "the cat sleeps here now")]
    asked = [text.split() for text in ("the cat sleeps", "the dog sleeps now", "here", "a dog")]
    similar = [[0, 1], [0, 2], [1, 2], [0, 2]]
    assert measure_distances(asked, similar, known).tolist() == [0, 2, 2, 3]
