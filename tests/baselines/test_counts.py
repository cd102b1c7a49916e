"""Count models: features by hand, and soft targets that are plain labels."""

import numpy as np
from sklearn.linear_model import LogisticRegression

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


def test_soft_targets_of_0_and_1_are_labels():
    features = counts.build_count_features().fit_transform(TEXTS)
    soft = counts.fit_soft(features, LABELS.astype(float), 10.0)
    hard = LogisticRegression(C=10.0, solver="liblinear", random_state=0).fit(features, LABELS)
    assert np.allclose(
        soft.decision_function(features), hard.decision_function(features), atol=1e-2
    )
    half = counts.fit_soft(features, np.full(6, 0.5), 10.0)
    assert np.allclose(half.predict_proba(features), 0.5, atol=1e-6)


def test_naive_bayes_weights_follow_the_labels_only():
    found = counts.predict_with_nb_counts(TEXTS, LABELS, ["good film", "bad", "unknown"], 1.0)
    assert found[0] > 0.5 > found[1] and 0 < found[2] < 1
    swapped = counts.predict_with_nb_counts(TEXTS, 1 - LABELS, ["good film", "bad"], 1.0)
    assert np.allclose(swapped, 1 - found[:2], atol=1e-3)
