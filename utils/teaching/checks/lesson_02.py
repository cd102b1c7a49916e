"""Checkers of the exercises of lesson 02."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_bits_per_byte(bits_per_byte) -> str | None:
    """Bits, and a divisor that no choice of tokens can change: now any two models compare."""
    nats = np.array([np.log(2.0), np.log(4.0), np.log(2.0)])
    found = bits_per_byte(nats, "abc")
    if found is None:
        raise NotDone
    if np.isclose(found, nats.sum() / 3):
        if np.isclose(bits_per_byte(nats, "a—c"), nats.sum() / 5):
            return "the bytes are right; what you add up is still in nats: ln 2 nats are one bit."
        raise NotDone
    if np.isclose(found, nats.sum() * np.log(2) / 3):
        return "from nats to bits you divide by ln 2; you multiplied."
    if np.isclose(found, 4.0):
        return "these are the bits of the whole text; divide by its bytes."
    if not np.isclose(found, 4 / 3):
        return f"ln 2 + ln 4 + ln 2 nats are 4 bits, over 3 bytes 1.333; you return {found:.3f}."
    if not np.isclose(bits_per_byte(nats, "a—c"), 4 / 5):
        return "'a—c' has 3 characters and 5 bytes: the dash takes three. Count the bytes."
    return None


@exercise
def check_keep_min_p(keep_min_p) -> str | None:
    """Min-p: a sure model keeps few tokens, an unsure one many, and one number says both."""
    sure = np.array([0.8, 0.1, 0.06, 0.04])
    found = np.asarray(run(keep_min_p, sure.copy(), 0.1), dtype=float)
    if found.shape != sure.shape:
        return f"the result must have the shape of the probabilities: (4,), not {found.shape}."
    if np.allclose(found, [0.8, 0.1, 0, 0]):
        return "the right tokens are left, but the result does not sum to 1: divide by its sum."
    if np.allclose(found, [1, 0, 0, 0]) or np.allclose(found, [8 / 9, 1 / 9, 0, 0]):
        unsure = np.array([0.3, 0.3, 0.3, 0.06, 0.04])
        kept = np.asarray(keep_min_p(unsure.copy(), 0.1), dtype=float)
        if np.count_nonzero(kept) == 5 and np.allclose(found, [8 / 9, 1 / 9, 0, 0]):
            return None
        return (
            "the bound is `min_p` times the largest probability, not `min_p` itself: for "
            "[0.3, 0.3, 0.3, 0.06, 0.04] and 0.1 it is 0.03, and all five stay."
        )
    return f"for [0.8, 0.1, 0.06, 0.04] and 0.1 expected [8/9, 1/9, 0, 0], got {found.round(3)}."


check_one_at_a_time = choose(
    "What a model reads next does not exist before it has been chosen.",
    right="c",
    a="an LSTM passes a state from step to step in training as well, and a Transformer, "
    "which has none, generates one token at a time too.",
    b="a compiled loop, without Python, still makes one token after the other.",
    d="the most likely token needs no chance, and greedy decoding is sequential too.",
)
