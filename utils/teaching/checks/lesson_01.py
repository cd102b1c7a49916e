"""Checkers of the exercises of lesson 01."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


def read_masked(x, mask, W, U, b, *, copy_c=True, copy_h=True, reset=False):
    """Run an LSTM over x (B, T, D); where the mask is False, copy h and c, or one, or neither."""
    h = c = np.zeros((len(x), len(U)))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=-1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        new_c = f * c + i * np.tanh(g)
        new_h, real = o * np.tanh(new_c), mask[:, t, None]
        if reset:
            c, h = new_c * real, new_h * real
        else:
            c = np.where(real | (not copy_c), new_c, c)
            h = np.where(real | (not copy_h), new_h, h)
    return h


@exercise
def check_masked_lstm(run_masked_lstm) -> str | None:
    """This is what Keras' LSTM does with the mask of `Embedding(mask_zero=True)`."""
    random = np.random.default_rng(0)
    x, b = random.normal(size=(2, 5, 3)), random.normal(size=8)
    W, U = random.normal(size=(3, 8)), random.normal(size=(2, 8))
    mask = np.array([[True, False, True, False, False], [True] * 5])  # also before a real word
    given = x, mask, W, U, b
    found = np.asarray(run(run_masked_lstm, *given), dtype=float)
    if found.shape != (2, 2):
        return f"the result must have shape (B, D) = (2, 2), yours has {found.shape}."
    if np.allclose(found, read_masked(*given, copy_c=False, copy_h=False)):
        raise NotDone
    for settings, hint in (
        ({"copy_c": False}, "h is copied, but the cell state c goes on changing: copy it, too"),
        ({"copy_h": False}, "c is copied, but h is computed anew at padding: copy it, too"),
        ({"reset": True}, "padding sets the state to zero: take the old state instead"),
    ):
        if np.allclose(found, read_masked(*given, **settings)):
            return f"{hint}."
    if np.allclose(found, read_masked(x, ~mask, W, U, b)):
        return "the state is copied at the real words: `mask` is True there."
    wanted = read_masked(*given)
    if not np.allclose(found, wanted):
        return f"expected {wanted.round(3).tolist()}, got {found.round(3).tolist()}."
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


check_padding_side = choose(
    "The words are read last, so no step of padding comes between them and the answer.",
    right="b",
    a="the forget gate removes what was read many steps ago: what is read last now?",
    c="a zero tells nothing about a sentence; zeros in front can at best do no harm.",
    d="to a layer without a mask, 0 is an id like any other; it may stand anywhere.",
)
