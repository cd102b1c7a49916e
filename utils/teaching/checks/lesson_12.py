"""Checkers of the exercises of lesson 12."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_average_loss(average_loss) -> str | None:
    """What was not asked for teaches nothing, and does not make the loss look small either."""
    losses = np.array([[0.1, 4.0, 0.1, 0.1], [0.1, 0.1, 2.0, 0.1]])
    chosen = np.array([[False, True, False, False], [False, False, True, False]])
    found = run(average_loss, losses, chosen)
    if np.shape(found) != ():
        return f"the result must be one number, yours has shape {np.shape(found)}."
    if np.isclose(found, losses.mean()):
        raise NotDone
    if np.isclose(found, (losses * chosen).mean()):
        return "the others are 0 now, but they still count: divide by the 2 chosen, not by 8."
    if np.isclose(found, losses[~chosen].mean()):
        return "this is the mean over the tokens that were not chosen."
    if not np.isclose(found, 3.0):
        return f"the chosen tokens have losses 4 and 2, so the mean is 3; you return {found:.3f}."
    return None


@exercise
def check_mask_whole_words(mask_whole_words) -> str | None:
    """No piece is left to give its word away."""
    tokens = ["un", "##watch", "##able", "film", "##s", "bore"]
    cases = {  # chosen pieces -> pieces to be hidden, and the hint
        "000001": ("000001", "this word has one piece; no other is hidden"),
        "010000": ("111000", "the pieces before and behind it belong to the word too"),
        "001000": ("111000", "a word may have three pieces: go back to the one without the mark"),
        "100000": ("111000", "the pieces that follow continue the word"),
        "000010": ("000110", "the piece before it begins the word"),
        "100001": ("111001", "each word is judged by itself"),
        "000000": ("000000", "nothing was chosen, so nothing is hidden"),
    }
    found = {}
    for key in cases:
        answer = run(mask_whole_words, list(tokens), [c == "1" for c in key])
        if len(answer) != len(tokens):
            return f"one verdict a token: {len(tokens)} are expected, you return {len(answer)}."
        found[key] = "".join("1" if verdict else "0" for verdict in answer)
    if all(key == answer for key, answer in found.items()):
        raise NotDone
    for key, (right, why) in cases.items():
        if found[key] != right:
            pieces = [token for token, c in zip(tokens, key, strict=True) if c == "1"]
            hidden = [token for token, c in zip(tokens, found[key], strict=True) if c == "1"]
            return f"of {tokens}, with {pieces} chosen, you hide {hidden}: {why}."
    return None


check_test_hides_all = choose(
    "What stands in the input unchanged can be copied, and copying is not filling a blank.",
    right="c",
    a="in training the masks may be drawn anew too, and still one in ten stays.",
    b="the places are drawn alike in both; what differs is what stands there.",
    d="the loss treats a chosen token the same, whatever stands in its place.",
)
