"""Checkers of the exercises of lesson 00."""

import numpy as np

from utils.teaching.checks import NotDone, exercise, run


@exercise
def check_loss(compute_loss) -> str | None:
    """This is Keras' `binary_crossentropy`, up to a guard against the logarithm of zero."""
    p, y = np.array([0.9, 0.2, 0.6, 0.5]), np.array([1.0, 0.0, 0.0, 1.0])
    each = -np.log(np.where(y == 1, p, 1 - p))
    if compute_loss(p, y) is None and compute_loss.__code__.co_names:
        return "your function returns None: does it end with `return`?"
    found = np.asarray(run(compute_loss, p, y), dtype=float)
    if found.shape != ():
        return f"one number is asked for, the mean; yours has the shape {found.shape}."
    for value, hint in (
        (-each.mean(), "the sign: the logarithm of a probability is negative, the loss is not"),
        (each.sum(), "this is the sum over the sentences; asked for is the mean"),
        ((-np.log(p)).mean(), "where y is 0, the right answer got the probability 1 - p"),
        ((-y * np.log(p)).mean(), "the sentences with y = 0 add something, too: -log(1 - p)"),
        (each.mean() / np.log(2), "use the natural logarithm, `np.log`"),
        (each.mean() / np.log(10), "use the natural logarithm, `np.log`"),
        (-np.log(1 - np.where(y == 1, p, 1 - p)).mean(), "p and 1 - p are exchanged"),
    ):
        if np.isclose(found, value):
            return f"{hint}."
    if not np.isclose(found, each.mean()):
        return f"for p = {p.tolist()} and y = {y.tolist()} expected {each.mean():.4f}, got {found}."
    return None


@exercise
def check_step(take_step) -> str | None:
    """Adam starts from the same gradients, and then chooses a step size for each weight."""
    x, y = np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]]), np.array([1.0, 0, 1, 1])
    w, b, rate = np.array([0.5, -1.0, 0.25]), 0.1, 2.0
    error = 1 / (1 + np.exp(-(x @ w + b))) - y
    slopes, slope = x.T @ error / len(y), error.mean()
    found = run(take_step, w.copy(), b, x, y, rate)
    if not isinstance(found, tuple) or len(found) != 2 or np.shape(found[0]) != (3,):
        return f"return two things, weights of shape {w.shape} and b; yours is {found!r}."
    new_w, new_b = (np.asarray(each, dtype=float) for each in found)
    if np.allclose(new_w, w) and np.allclose(new_b, b):
        raise NotDone
    for changes, hint in (
        ((-slopes, -slope), "this goes along the gradient, and the loss grows: subtract it"),
        ((4 * slopes, 4 * slope), "this is the sum over the sentences: take the mean"),
        ((slopes / rate, slope / rate), "the gradient is not multiplied by the learning rate"),
        ((slopes, 0), "b has not changed: its gradient is the mean of p - y"),
        ((0, slope), "the weights have not changed: their gradient is the mean of (p - y) x"),
        ((slope, slope), "each word has its own gradient: only sentences that hold it count"),
        ((slopes, 4 * slope), "b changes by the sum: take the mean of p - y"),
        ((4 * slopes, slope), "w changes by the sum: divide by the number of sentences"),
    ):
        if np.allclose(new_w, w - rate * changes[0]) and np.allclose(new_b, b - rate * changes[1]):
            return f"{hint}."
    wanted = w - rate * slopes, b - rate * slope
    if not (np.allclose(new_w, wanted[0]) and np.allclose(new_b, wanted[1])):
        return f"expected w {wanted[0].round(3)} and b {wanted[1]:.3f}, got {new_w} and {new_b}."
    return None


@exercise
def check_size(answer) -> str | None:
    """About 6,147 sentences; an interval half as wide needs four times as many."""
    if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
        return f"answer is {answer!r}; a number is asked for."
    if not answer > 0:
        return f"{answer}: a number of sentences is positive."
    exact = 1.96**2 * 0.8 * 0.2 / 0.01**2
    for value, hint in (
        (exact / 4, "this gives 0.02 to each side, not 0.01"),
        (exact * 4, "this gives 0.005 to each side, not 0.01"),
        (0.8 * 0.2 / 0.01**2, "the factor 1.96 is missing"),
        (1.96 * 0.8 * 0.2 / 0.01**2, "1.96 stands outside the root: square it, too"),
        (1.96**2 * 0.8 * 0.2 / 0.01, "0.01 stands outside the root: square it, too"),
        (1.96 * 0.8 * 0.2 / 0.01, "square both sides first: 1.96 and 0.01, too"),
        (1 / 0.01**2, "the accuracy stands under the root, too: 0.80 * (1 - 0.80)"),
        (np.sqrt(exact), "the size stands under the root: square both sides"),
    ):
        if abs(answer - value) < 0.02 * value:
            return f"{answer:,.0f}: {hint}."
    if abs(answer - exact) <= 0.01 * exact:
        return None
    margin = 1.96 * np.sqrt(0.16 / max(answer, 1))
    hint = f"with {answer:,.0f} sentences at 0.80 the interval goes {margin:.4f} to each side"
    return f"{hint}; do you use the accuracy of the cell above, 0.80?"
