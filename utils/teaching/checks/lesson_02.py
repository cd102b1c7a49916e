"""Checkers of the exercises of lesson 02."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_bits_per_byte(bits_per_byte) -> str | None:
    """Bits, and a divisor that no choice of tokens can change: now any two models compare."""
    nats, text = np.log([2.0, 4.0]), "a—cde"  # 3 bits; 2 tokens, 5 characters, 7 bytes
    found = run(bits_per_byte, nats, text)
    if np.shape(found):
        return "the function must return one number; add up the costs of all tokens."
    if np.isclose(found, nats.sum() / len(text)):
        raise NotDone
    hints = {
        nats.sum()
        / 7: "the bytes are right; what you add up is still in nats: ln 2 nats are one bit.",
        nats.sum() * np.log(2) / 7: "from nats to bits you divide by ln 2; you multiplied.",
        nats.sum() * np.log(2) / 5: "from nats to bits you divide by ln 2; you multiplied.",
        3.0: "these are the bits of the whole text; divide by its bytes.",
        3 / 5: "'a—cde' has 5 characters and 7 bytes: the dash takes three. Count the bytes.",
        3 / 2: "you divide by the number of tokens; divide by the bytes of the text.",
    }
    for wrong, hint in hints.items():
        if np.isclose(found, wrong):
            return hint
    if not np.isclose(found, 3 / 7, rtol=1e-3):
        return f"ln 2 + ln 4 nats are 3 bits, over 7 bytes {3 / 7:.6f}; you return {found:.6f}."
    return None


@exercise
def check_keep_min_p(keep_min_p) -> str | None:
    """Min-p: a sure model keeps few tokens, an unsure one many, and one number says both."""
    p, bound = np.array([0.0625, 0.5, 0.1875, 0.125, 0.125]), 0.25  # 0.125 is at the bound
    found = np.asarray(run(keep_min_p, p.copy(), bound))
    if found.shape != p.shape:
        return f"the result must have the shape of the probabilities: (5,), not {found.shape}."
    if found.dtype == bool:
        return "you return True and False; return the probabilities of the tokens that are kept."
    kept, first = p >= bound * p.max(), p >= bound * p[0]
    hints = [
        (
            p * kept,
            "the right tokens are left, but the result does not sum to 1: divide by its sum.",
        ),
        (p * ~kept, "you kept the small ones; keep those that are at least the bound."),
        (p * (p > bound * p.max()), "a token exactly at the bound stays: `>=`, not `>`."),
        (
            p * (p >= bound),
            "the bound is `min_p` times the largest probability, not `min_p` itself.",
        ),
        (
            p * first,
            "all are left: the largest need not stand first, take `probabilities.max()`.",
        ),
    ]
    for wrong, hint in hints:
        if np.allclose(found, wrong) or (
            not np.array_equal(wrong > 0, kept) and np.allclose(found, wrong / wrong.sum())
        ):
            return hint
    if np.allclose(found, p * kept / (p * kept).sum()):
        return None
    return (
        f"for {p.tolist()} and {bound} expected [0, 8/15, 1/5, 2/15, 2/15], got {found.round(3)}."
    )


check_one_at_a_time = choose(
    "What a model reads next does not exist before it has been chosen.",
    right="c",
    a="an LSTM passes a state from step to step in training as well, and a Transformer, "
    "which has none, generates one token at a time too.",
    b="a compiled loop, without Python, still makes one token after the other.",
    d="the most likely token needs no chance, and greedy decoding is sequential too.",
)
