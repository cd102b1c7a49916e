"""Checkers of the exercises of lesson 10."""

import numpy as np

from utils.teaching.checks import NotDone, exercise


@exercise
def check_fertility(measure_fertility) -> str | None:
    """Tokens a word: what a language pays for a vocabulary that was made for another."""
    found = measure_fertility(["▁un", "seen", "▁king", "s"], "unseen  kings")
    if found is None or np.isclose(found, 4 / 11):
        raise NotDone
    if np.isclose(found, 2 / 4):
        return "this is words per token; turn the fraction over."
    if np.isclose(found, 4 / 3):
        return "two spaces in a row are no word between them: use `split()` without an argument."
    if not np.isclose(found, 2.0):
        return f"4 tokens for 2 words are a fertility of 2, your function says {found:.3f}."
    if np.isfinite(measure_fertility(["a"], "word")) and measure_fertility(["a"], "word") == 1:
        return None
    return "one token for one word is a fertility of 1."


@exercise
def check_join_wordpieces(join_wordpieces) -> str | None:
    """Only the mark at the beginning of a token glues it to the one before."""
    found = join_wordpieces(["the", "un", "##see", "##n", "king"])
    if found is None or found == "the un ##see ##n king":
        raise NotDone
    if found == "the un see n king":
        return "the marks are gone, but a marked token belongs to the one before, without a space."
    if found == "theunseenking":
        return "all spaces are gone: a token without the mark begins a new word."
    if found != "the unseen king":
        return f"expected 'the unseen king', got {found!r}."
    if join_wordpieces(["c", "##", "#", "##1"]) != "c #1":
        return "`##` alone is a mark with nothing behind it: ['c', '##', '#', '##1'] is 'c #1'."
    return None
