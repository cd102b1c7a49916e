"""Checkers of the exercises of lesson 09."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_window_mask(make_window_mask) -> str | None:
    """Each row has at most `width` open places: the cost is T·w instead of T²."""
    length, width = 5, 2
    found = np.asarray(run(make_window_mask, length, width))
    places = np.arange(length)
    back = places[:, None] - places  # how far back each key lies
    if found.shape != (length, length):
        return f"the mask has shape (length, length) = (5, 5); yours has {found.shape}."
    found = found.astype(bool)
    if np.array_equal(found, back >= 0):
        raise NotDone
    if np.array_equal(found, back < width):
        return "now it sees the whole future: both conditions are needed, joined by `&`."
    if np.array_equal(found, (back >= 0) & (back <= width)):
        return "one place too many: with width 2 a query sees itself and one place before it."
    if np.array_equal(found, (back > 0) & (back <= width)):
        return "a query also sees itself; the first row would have nothing to look at."
    if np.array_equal(found, np.abs(back) < width):
        return "this window reaches into the future as well; a query looks back only."
    if np.array_equal(found.T, (back >= 0) & (back < width)):
        return "rows and columns are swapped: a row is a query, a column a key."
    if not np.array_equal(found, (back >= 0) & (back < width)):
        return f"for width 2 row 3 should be [0 0 1 1 0]; yours is {1 * found[3]}."
    if not np.array_equal(make_window_mask(4, 4), back[:4, :4] >= 0):
        return "it works for width 2 only; a window as wide as the text is the causal mask."
    return None


@exercise
def check_attend_in_heads(attend_in_heads) -> str | None:
    """Each head has weights of its own; the width stays D."""
    x = np.random.default_rng(0).normal(size=(3, 6))

    def attend(x, width):
        scores = np.exp(x @ x.T / np.sqrt(width))
        return scores / scores.sum(axis=-1, keepdims=True) @ x

    def attend_all(x, num_heads, width):
        return np.hstack([attend(part, width) for part in np.split(x, num_heads, axis=1)])

    found = np.asarray(run(attend_in_heads, x.copy(), 2), dtype=float)
    if found.shape != x.shape:
        return f"the result has the shape of x, (3, 6); yours has {found.shape}."
    if np.allclose(found, attend(x, 6)) or np.allclose(found, attend(x, 3)):
        return "this is one head over the whole width: cut the vectors first."
    if np.allclose(found, attend_all(x, 2, 6)):
        return "divide by the root of a slice's width (3), not of the whole vector's (6)."
    if np.allclose(found, attend_all(x, 2, 1)):
        return "the scores are not divided by the root of the slice's width yet."
    if np.allclose(found, np.hstack([attend(x[:, k::2], 3) for k in (0, 1)])):
        return "a slice is D / H *neighbouring* columns; yours takes every second one."
    if not np.allclose(found, attend_all(x, 2, 3), atol=1e-6):
        wanted = attend_all(x, 2, 3)[0].round(3).tolist()
        return f"expected the first row {wanted}, got {found[0].round(3).tolist()}."
    if not np.allclose(attend_in_heads(x.copy(), 3), attend_all(x, 3, 2), atol=1e-6):
        return "two heads work, three do not: use `num_heads`."
    return None


check_missing_mask = choose(
    "The target stands one place ahead in what the decoder reads, and it copies it.",
    right="a",
    b="more to look at makes it easier: among it is the very word to be predicted.",
    c="nothing drives those weights to zero; the loss rewards them from the first step.",
    d="as many weights are computed with the mask; what differs is what they may see.",
)
