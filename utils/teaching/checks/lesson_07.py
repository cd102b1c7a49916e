"""Checkers of the exercises of lesson 07."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_list_deletable(list_deletable) -> str | None:
    """A lost "not" turns blame into praise; now no copy loses it."""
    words = ["it", "is", "n't", "dull", ",", "never", "not", "once", ",", "no"]
    found = list_deletable(words)
    if found is None or list(found) == list(range(len(words))):
        raise NotDone
    found = sorted(found)
    if any(isinstance(place, str) for place in found):
        return f"return the places of the words, numbers from 0, not the words: {found[:3]}."
    if found == [2, 5, 6, 9]:
        return "these are the words that must stay; the others may go."
    if left := [words[i] for i in (2, 5, 6, 9) if i in found]:
        return f"{left} may still be deleted: look at what NEGATIONS holds."
    if found != [0, 1, 3, 4, 7, 8]:
        return f"of {words} all but 4 words may go, your function allows the places {found}."
    if list(list_deletable([])) != []:
        return "a text without words has no places; return an empty list for it."
    return None


@exercise
def check_measure_gain(measure_gain) -> str | None:
    """Each seed is its own control: what makes a seed easy or hard cancels out."""
    method = np.array([0.70, 0.64, 0.78, 0.60, 0.68])
    none = np.array([0.69, 0.62, 0.78, 0.58, 0.67])
    gain, error = (float(value) for value in run(measure_gain, method, none))
    gains = method - none
    if np.isclose(gain, -gains.mean()):
        return "the sign is turned round: a gain is what the method has more than none."
    if not np.isclose(gain, gains.mean()):
        return f"the mean gain is {gains.mean():.3f}, yours is {gain:.3f}."
    if np.isclose(error, np.sqrt((method.var(ddof=1) + none.var(ddof=1)) / 5)):
        return (
            f"{error:.3f} is the error for two unrelated groups of runs. Here the runs come in "
            "pairs of one seed: subtract first, then measure the spread."
        )
    if np.isclose(error, gains.std(ddof=1)):
        return "this is the spread of single gains; the error of their mean is smaller by sqrt(5)."
    if np.isclose(error, gains.std() / np.sqrt(5)):
        return "with so few seeds divide by N - 1 in the variance: `ddof=1`."
    if not np.isclose(error, gains.std(ddof=1) / np.sqrt(5)):
        return f"the error of the mean is {gains.std(ddof=1) / np.sqrt(5):.4f}, yours {error:.4f}."
    return None


check_fair_control = choose(
    "Eight times the texts means eight times the steps: give the plain texts those too.",
    right="c",
    a="the test sentences were in neither training set; nothing leaked.",
    b="the vocabulary is the same in both runs: it comes from unlabelled text.",
    d="both runs start from the same weights: that is what the seed is for.",
)
