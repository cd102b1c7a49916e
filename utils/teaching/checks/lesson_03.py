"""Checkers of the exercises of lesson 03."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_count_places(count_places) -> str | None:
    """As many numbers as places, and none where the filter does not fit."""
    found = count_places(7, 3)
    if found in (None, 7):
        raise NotDone
    if found == 4:
        return "one place is missing: a filter of 3 words fits into 3 words at one place, not none."
    if found != 5:
        return f"7 words hold 5 windows of 3: 1-3, 2-4, ... 5-7; your function says {found}."
    if count_places(2, 3) != 0:
        return f"3 words fit nowhere into 2: 0 places, but your function says {count_places(2, 3)}."
    if count_places(3, 3) != 1 or count_places(1, 1) != 1:
        return "a filter as wide as the sentence fits at exactly one place."
    return None


@exercise
def check_pool_max(pool_max) -> str | None:
    """Padding is never the largest, not even among negative features."""
    features = np.array(
        [[[1.0, -3.0], [2.0, -1.0], [9.0, 9.0]], [[-5.0, 4.0], [-2.0, 6.0], [-4.0, 5.0]]]
    )
    mask = np.array([[True, True, False], [True, True, True]])
    found = np.asarray(run(pool_max, features, mask), dtype=float)
    if found.shape != (2, 2):
        return f"the result must have shape (batch, filters) = (2, 2), yours has {found.shape}."
    if np.allclose(found, features.max(axis=1)):
        return "this looks at the padding too: the third step of the first text is no word."
    if np.allclose(found, (features * mask[:, :, None]).max(axis=1)):
        return "padding is 0 now, and 0 is larger than -1: give it a value that can never win."
    if not np.allclose(found, [[2.0, -1.0], [-2.0, 6.0]]):
        return f"expected [[2, -1], [-2, 6]], got {found.round(3).tolist()}."
    return None


check_word_order = choose(
    "The words are the same, their neighbours are not, and a filter sees neighbours.",
    right="b",
    a="the largest answer is kept, the place where it came from is not: order is lost in "
    "pooling, so it must have been seen before.",
    c="an average with a million parameters still adds the same vectors in another order, "
    "and gets the same sum.",
    d="each word has one GloVe vector, wherever in a sentence it stands.",
)
