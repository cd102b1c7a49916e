"""Checkers of the exercises of lesson 08."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_weigh_scores(weigh_scores) -> str | None:
    """A score far below all others becomes a weight of zero, and the rest share the one."""
    scores = np.array([[1.0, 2.0, 5.0], [-3.0, -2.0, -1.0]])
    mask = np.array([[True, True, False], [True, True, True]])
    found = np.asarray(run(weigh_scores, scores.copy(), mask), dtype=float)
    if found.shape != scores.shape:
        return f"the weights have the shape of the scores, (2, 3); yours have {found.shape}."
    everything = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    if np.allclose(found, everything):
        raise NotDone
    if np.allclose(found, everything * mask):
        return "padding has no weight now, but the first row no longer sums to 1: mask the scores."
    zeroed = np.exp(scores * mask) / np.exp(scores * mask).sum(axis=1, keepdims=True)
    if np.allclose(found, zeroed):
        return "a score of 0 is no small score: exp(0) = 1. Padding needs a very negative one."
    if np.allclose(found.sum(axis=0), 1):
        return "the columns sum to 1: the softmax runs over source tokens, the last axis."
    right = np.exp(np.where(mask, scores, -1e9))
    if not np.allclose(found, right / right.sum(axis=1, keepdims=True), atol=1e-6):
        return (
            f"expected the rows [0.269, 0.731, 0] and [0.09, 0.245, 0.665], got {found.round(3)}."
        )
    return None


@exercise
def check_attend(attend) -> str | None:
    """Score, softmax, context: three lines, and the heart of every Transformer."""
    query = np.array([1.0, 0.0])
    memory = np.array([[2.0, 0.0], [0.0, 4.0], [1.0, 1.0]])
    found = np.asarray(run(attend, query, memory), dtype=float)
    if found.shape != (2,):
        return f"the context is one vector like the query, shape (2,); yours has {found.shape}."
    weights = np.exp(memory @ query)
    weights /= weights.sum()
    if np.allclose(found, weights @ memory):
        many = attend(query, np.tile(memory, (3, 1)))
        if np.allclose(many, weights @ memory):
            return None
        return "it works for three states and not for nine: use the length of `memory`."
    if np.allclose(found, (memory @ query) @ memory):
        return "you weigh by the scores themselves; a softmax makes weights of them."
    if np.allclose(found, memory.mean(axis=0)):
        return "this is the plain mean: the query has no say yet."
    if np.allclose(found, memory[0]):
        return "you take the state with the largest score; the context is a weighted mean of all."
    return f"expected {(weights @ memory).round(3).tolist()}, got {found.round(3).tolist()}."


check_bottleneck = choose(
    "The memory grows with the sentence, so length alone loses nothing any more.",
    right="c",
    a="both have the same number of parameters: the plain LSTM got more units for it.",
    b="both got the steps of equal computing time, and the same settings to choose from.",
    d="both decode greedily, and both cells have gates that let gradients pass.",
)
