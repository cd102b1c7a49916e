"""Checkers of the exercises of lesson 01."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_keep_last(keep_last) -> str | None:
    """The end of a review is often its verdict; now the model gets to read it."""
    ids = [11, 12, 13, 14, 15]
    found = keep_last(ids, 3)
    if isinstance(found, int):
        return f"your function returned {found}, one id; a slice such as [a:b] returns a list."
    if found is None or list(found) == [11, 12, 13]:
        raise NotDone
    if list(found) == [15, 14, 13]:
        return "the right words, in reverse: the network reads in order, so keep the order."
    if list(found) != [13, 14, 15]:
        return f"of {ids} the last 3 are [13, 14, 15], but your function returned {list(found)}."
    if list(keep_last([1, 2], 3)) != [1, 2]:
        return "a text shorter than `length` must come back whole: try `keep_last([1, 2], 3)`."
    if list(keep_last(ids, 5)) != ids:
        return "a text of exactly `length` words must come back whole."
    return None


@exercise
def check_pool_mean(pool_mean) -> str | None:
    """Padding has no say in the mean, however long it is."""
    states = np.array([[[2.0, 0.0], [4.0, 6.0], [9.0, 9.0]], [[1.0, 1.0], [1.0, 1.0], [1.0, 4.0]]])
    mask = np.array([[True, True, False], [True, True, True]])
    try:
        found = np.asarray(run(pool_mean, states, mask), dtype=float)
    except ValueError as error:
        hint = "`states` has three axes and `mask` two: give it a third one, `mask[:, :, None]`"
        return f"{error}. {hint}."
    if found.shape != (2, 2):
        return f"the result must have shape (B, D) = (2, 2), yours has {found.shape}."
    if np.allclose(found, states.mean(axis=1)):
        return "this counts the padding too: the first text has two words, not three."
    if np.allclose(found, (states * mask[:, :, None]).sum(axis=1) / 3):
        return "padding adds nothing now, but you still divide by 3, not by the number of words."
    if np.allclose(found, np.where(mask[:, :, None], states, -1.0).mean(axis=1)):
        return "padding is -1 now, which is right for a maximum; in a mean it must add nothing."
    real = np.where(mask[:, :, None], states, -np.inf)
    if np.allclose(found, real.max(axis=1)):
        return "this is the largest value of each number; asked for is the mean."
    if np.allclose(found[0], states[0, 2]):
        return "this averages the padding: `mask` is True on the real words."
    if not np.allclose(found, [[3.0, 3.0], [1.0, 2.0]]):
        hint = "each text has its own number of words: divide by a divisor of shape (B, 1)"
        return f"expected [[3, 3], [1, 2]], got {found.round(3).tolist()}; {hint}."
    return None


check_padding_cause = choose(
    "Each step of padding multiplies the memory by the forget gate, and nothing is left.",
    right="b",
    a="the masked model has as many epochs, and learns.",
    c="the masked model has the same vocabulary, and learns.",
    d="the same line measures the masked model; 0.5 is what guessing gets.",
)
