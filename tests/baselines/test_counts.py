"""Count models: features by hand, and soft targets that are plain labels."""

import numpy as np

from utils.baselines import counts

TEXTS = ["good film", "a bad film", "not good", "not bad at all", "bad", "good, good fun"]
LABELS = np.array([1, 0, 0, 1, 0, 1])


def test_scores_are_turned_up_to_three_words_after_a_negation():
    lexicon = {"good": 2.0, "bad": -3.0}
    texts = ["good bad", "not a very good", "not so very really good"]
    assert counts.add_up_scores(texts, lexicon).tolist() == [
        [2.0, -3.0, -1.0, -1.0, -3.0],
        [2.0, 0.0, 2.0, -2.0, -2.0],
        [2.0, 0.0, 2.0, 2.0, 2.0],
    ]


def test_vectors_are_summarised_and_a_text_without_any_is_zero():
    glove = {"good": 0, "bad": 1}, np.array([[1.0, -1.0], [3.0, 5.0]])
    found = counts.summarise_vectors(["good bad", "unknown"], glove)
    assert found.tolist() == [[2.0, 2.0, 3.0, 5.0, 1.0, -1.0], [0.0] * 6]


def test_soft_targets_of_one_half_say_nothing_and_labels_swap_with_their_names():
    half = counts.CountModel(1.0).fit(TEXTS, np.full(6, 0.5))
    assert np.allclose(half.predict_proba(TEXTS), 0.5, atol=1e-6)
    found = counts.CountModel(1.0).fit(TEXTS, LABELS).predict_proba(["good film", "bad", "?"])
    assert found[0, 1] > 0.5 > found[1, 1] and np.allclose(found.sum(axis=1), 1)
    swapped = counts.CountModel(1.0).fit(TEXTS, 1 - LABELS).predict_proba(["good film", "bad"])
    assert np.allclose(swapped, found[:2, ::-1], atol=1e-3)


def test_weights_are_those_of_naive_bayes_by_hand():
    model = counts.CountModel(1.0).fit(TEXTS, LABELS)
    names = list(model.counts.get_feature_names_out())
    values = model.counts.transform(TEXTS).toarray()
    sums = [1 + values[label == LABELS].sum(axis=0) for label in (0, 1)]
    ratio = np.log(sums[1] / sums[1].sum()) - np.log(sums[0] / sums[0].sum())
    assert np.allclose(model.ratio, ratio)
    good, bad = (ratio[names.index(f"tfidfvectorizer-1__{word}")] for word in ("good", "bad"))
    assert good > 0 > bad


def test_vectors_and_scores_are_used():
    glove = {"fine": 0, "poor": 1, "film": 2}, np.array([[4.0, 0.0], [-4.0, 0.0], [0.0, 1.0]])
    known, labels = ["fine film", "poor film"] * 3, [1, 0] * 3
    lexicon = {"splendid": 3.0, "fine": 2.0, "poor": -2.0}
    model = counts.CountModel(10.0, glove=glove, lexicon=lexicon).fit(known, labels)
    plain = counts.CountModel(10.0).fit(known, labels)
    assert model.predict_proba(["splendid"])[0, 1] > plain.predict_proba(["splendid"])[0, 1]


def test_words_after_a_negation_are_other_words():
    texts, labels = ["a good film", "a bad film", "not so good", "not so bad"] * 3, [1, 0, 0, 1] * 3
    model = counts.CountModel(30.0, split=counts.mark_negations).fit(texts, labels)
    p = model.predict_proba(["never good", "never bad", "good", "bad"])[:, 1]
    assert p[1] > p[0] and p[2] > p[3]
    assert counts.mark_negations("No, it is n't a b c d e") == [
        "no", "NOT_,", "NOT_it", "NOT_is", "NOT_n't", "NOT_a", "NOT_b", "NOT_c", "NOT_d", "e",
    ]  # fmt: skip
