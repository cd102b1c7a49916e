"""Checkers of the exercises of lesson 05."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_shift_right(shift_right) -> str | None:
    """Each place reads the true token before it, and none reads what it must predict."""
    targets = [7, 9, 5, 3]  # START is 2, END is 3
    found = list(run(shift_right, list(targets)))
    if found == targets:
        raise NotDone
    if found == [2, *targets]:
        return "one id too many: nothing is predicted after the end, so nobody reads END."
    if found == targets[1:] + [3] or found == targets[1:] + [0]:
        return "this shifts to the left: the decoder would read the answer, one place ahead."
    if found == [0, *targets[:-1]]:
        return "the first place reads START (2), not padding: padding says that nothing is there."
    if found != [2, *targets[:-1]]:
        return f"for {targets} the decoder reads [2, 7, 9, 5]; your function returns {found}."
    if list(shift_right([3])) != [2]:
        return "an empty sentence is [3]; to predict its END the decoder reads [2]."
    return None


@exercise
def check_keep_best(keep_best) -> str | None:
    """The best continuations may all come from one prefix; that is what a beam is for."""
    totals = np.array([-1.0, -3.0])
    nats = np.log(np.array([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]]))
    found = list(run(keep_best, totals.copy(), nats.copy(), 3))
    chosen = [(int(p), int(t)) for p, t, _ in found]
    if len(found) != 3:
        return f"`width` is 3, so 3 continuations are wanted; you return {len(found)}."
    if chosen[:2] == [(1, 0), (0, 0)]:
        return "you rank by the next token alone; add the total of the prefix that it continues."
    if chosen == [(0, 0), (1, 0), (0, 1)] or {(0, 0), (1, 0)} == set(chosen):
        return "this keeps one of each prefix first; the three best here all continue prefix 0."
    if chosen == [(0, 2), (0, 1), (0, 0)] or chosen[0] == (1, 1):
        return "this is the wrong end of the list: the best come first."
    if chosen != [(0, 0), (0, 1), (0, 2)]:
        return f"expected (0, 0), (0, 1), (0, 2); you return {chosen}."
    if not np.allclose([s for *_, s in found], -1 + np.log([0.5, 0.3, 0.2])):
        return "the right continuations; their new totals are old total plus log probability."
    found = keep_best(np.array([-3.0, -1.0]), nats[::-1].copy(), 4)
    if [(int(p), int(t)) for p, t, _ in found] != [(1, 0), (1, 1), (1, 2), (0, 0)]:
        return "with the prefixes in the other order, and `width` 4, it goes wrong."
    return None


check_padded_accuracy = choose(
    "Ninety-two of a hundred places are padding, and padding is no translation.",
    right="b",
    a="most of the places hold padding, so most of the hits are padding as well.",
    c="overfitting would show on new sentences; this number shows nothing on any.",
    d="BLEU counts shared n-grams of real tokens, and these are a twelfth of the places.",
)
