import numpy as np
import pandas as pd
import pytest

from utils.baselines import retrieval

PAIRS = {
    "the dog sleeps": "le chien dort",
    "the cat sleeps": "le chat dort",
    "the dog eats": "le chien mange",
    "a bird sings !": "un oiseau chante !",
}
TABLE = pd.DataFrame(
    {"english": [e.split() for e in PAIRS], "french": [f.split() for f in PAIRS.values()]}
)
PAIR = (["the", "dog", "sleeps"], ["le", "chien", "dort"])


def test_the_dictionary_takes_the_most_exclusive_partner():
    words = retrieval.build_dictionary(TABLE)
    assert words["the"] == "le" and words["dog"] == "chien" and words["cat"] == "chat"
    assert words["sleeps"] == "dort" and words["eats"] == "mange"
    assert words["!"] == "!"  # a mark pairs with marks only
    assert not retrieval.is_word("!") and retrieval.is_word("2nd")


def test_similar_sentences_are_those_of_the_largest_cosine():
    # Without idf: words and pairs of "the dog": the, dog, "the dog". Shared with the rows: 3 of 5
    # in rows 0 and 2, 1 of 5 in row 1, none in row 3. Equal ones stay in their order.
    found = retrieval.find_similar([["the", "dog"]], TABLE["english"].tolist(), 4, use_idf=False)
    assert found.tolist() == [[0, 2, 1, 3]]


def test_a_rare_word_weighs_more_with_idf():
    # "the" stands in three rows, "sings" in one, which is longer: 1 of 7 words and pairs, not of 3.
    known = [["the", "dog"], ["the", "cow"], ["the", "hen"], ["a", "big", "bird", "sings"]]
    for use_idf, row in {True: 3, False: 0}.items():
        found = retrieval.find_similar([["the", "sings"]], known, 1, use_idf=use_idf)
        assert found.tolist() == [[row]]


def test_many_sentences_are_found_as_one_by_one():
    random = np.random.default_rng(0)
    known = [random.choice(list("abcdefgh"), 4).tolist() for _ in range(40)]
    asked = [random.choice(list("abcdefgh"), 4).tolist() for _ in range(300)]
    together = retrieval.find_similar(asked, known, 3)
    alone = [retrieval.find_similar([sentence], known, 3)[0] for sentence in asked[250:260]]
    assert together.shape == (300, 3) and np.array_equal(together[250:260], alone)


@pytest.mark.parametrize(
    "sentence, cost, written",
    [
        ("the dog sleeps", 0, "le chien dort"),
        ("the cat sleeps", 1, "le chat dort"),
        ("the cat eats", 2, "le chat mange"),  # two words in a row
        ("the cow sleeps", 2, "le chien dort"),  # not in the dictionary: it stays
        ("the dog", 2, "le chien dort"),  # a word less
        ("the big dog sleeps", 2, "le chien dort"),
    ],
)
def test_words_are_exchanged_and_counted(sentence, cost, written):
    words = retrieval.build_dictionary(TABLE)
    found = retrieval.exchange_words(sentence.split(), *PAIR, words)
    assert found == (cost, written.split()) and PAIR[1] == ["le", "chien", "dort"]


def test_a_word_that_is_not_written_stays():
    words = {"dog": "toutou", "cat": "chat"}
    assert retrieval.exchange_words(["the", "cat", "sleeps"], *PAIR, words) == (2, PAIR[1])


def test_at_most_so_many_words_are_exchanged():
    words = retrieval.build_dictionary(TABLE)
    for most, expected in {0: (4, "le chien dort"), 1: (3, "le chat dort")}.items():
        cost, written = retrieval.exchange_words(["the", "cat", "eats"], *PAIR, words, most)
        assert (cost, " ".join(written)) == expected


def test_the_pair_that_costs_least_is_taken():
    # "the cat sleeps" is most similar, but "eats" is unknown; in "the dog eats" only "dog" differs.
    words, asked = {"dog": "chien", "cat": "chat"}, [["the", "cat", "eats"]]
    first = retrieval.translate_by_example(asked, TABLE, words, count=1)
    best = retrieval.translate_by_example(asked, TABLE, words, count=3)
    plain = retrieval.translate_by_example(asked, TABLE, words, count=3, most=0)
    assert first == plain == [["le", "chat", "dort"]] and best == [["le", "chat", "mange"]]
