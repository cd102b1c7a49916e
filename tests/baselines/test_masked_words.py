import numpy as np
import pytest

from utils.baselines.masked_words import guess_hidden

MASK, V = 1, 9
ANSWERS = np.arange(V) >= 2


def test_the_product_of_both_sides_decides():
    # Read as one stream: 2 3 4 | 2 3 4 | 2 5 4 | 6 5 7 | 8 3 7. After 2: 3 twice, 5 once. Before 7:
    # 5 once, 3 once. Before 4: 3 twice, 5 once. In all 3 stands three times, 5 twice.
    train = np.array([[2, 3, 4], [2, 3, 4], [2, 5, 4], [6, 5, 7], [8, 3, 7]])
    inputs = np.array([[2, MASK, 4], [6, MASK, 7], [6, MASK, 4]])
    rows, places = np.arange(3), np.ones(3, int)
    # between 2 and 4: 2/3 * 2/3 / 4 for 3, 1/3 * 1/3 / 3 for 5; after 6 stands 5 alone
    found = guess_hidden(train, inputs, rows, places, ANSWERS, discount=1e-6)
    assert found.tolist() == [3, 5, 5]
    only = guess_hidden(train, inputs, rows, places, np.arange(V) == 8, discount=1e-6)
    assert only.tolist() == [8, 8, 8]


def test_without_smoothing_it_is_the_formula():
    random = np.random.default_rng(0)
    train = random.integers(2, V, size=(80, 6))
    inputs = random.integers(2, V, size=(50, 5))
    rows, places = np.arange(50), random.integers(1, 4, size=50)
    left, right = inputs[rows, places - 1], inputs[rows, places + 1]
    inputs[rows, places] = MASK
    pairs = np.zeros((V, V))
    np.add.at(pairs, (train.ravel()[:-1], train.ravel()[1:]), 1)
    share = np.bincount(train.ravel(), minlength=V) + 1
    scores = pairs[left] * pairs[:, right].T / share
    found = guess_hidden(train, inputs, rows, places, ANSWERS, discount=1e-9)
    assert np.allclose(scores[rows, found], scores.max(axis=1))


def test_a_second_neighbour_decides_where_one_cannot():
    train = np.array([[2, 4, 3, 6]] * 4 + [[7, 4, 5, 6]] * 2)
    given = np.array([[7, 4, MASK, 6]]), np.array([0]), np.array([2]), ANSWERS
    assert guess_hidden(train, *given, order=2)[0] == 3  # after 4 more often
    assert guess_hidden(train, *given, order=3)[0] == 5  # after 7 4 always


@pytest.mark.parametrize("order", [2, 3])
def test_a_hidden_neighbour_and_an_end_are_left_out(order):
    # Whatever stands on the left, only the right side can answer: before 6 stands 5.
    train = np.array([[2, 3, 4, 0], [2, 3, 4, 0], [2, 5, 6, 0], [8, 5, 6, 0]])
    inputs = np.array([[MASK, MASK, 6], [MASK, 6, 0]])
    rows, places = np.array([0, 1]), np.array([1, 0])
    assert guess_hidden(train, inputs, rows, places, ANSWERS, order=order).tolist() == [5, 5]
