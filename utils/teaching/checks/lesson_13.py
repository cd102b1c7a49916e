"""Checkers of the exercises of lesson 13."""

import numpy as np

from utils.teaching.checks import NotDone, choose, exercise, run

check_positions_read = choose(
    "100 + 101 + ... + 149 = 6,225; with a cache the prompt once, then 49 single tokens.",
    right="b",
    a="the text grows, so each step of the plain loop reads more than 100 positions.",
    c="the loop with a cache must read the prompt, too: 100 positions in its first step.",
    d="the last new token is written and never read, and the text has 150 tokens only at the end.",
)


@exercise
def check_normalise_rms(normalise_rms) -> str | None:
    """RMSNorm subtracts no mean; before `scale`, the mean square is 1."""
    x, scale = np.array([[3.0, 4.0], [1.0, -1.0]]), np.array([1.0, 2.0])
    found = np.asarray(run(normalise_rms, x.copy(), scale), float)
    root = np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)
    centred = x - x.mean(axis=-1, keepdims=True)
    wrong = {
        "the vectors are divided by their length: take the mean of the squares, not their sum.": (
            scale * x / np.sqrt((x**2).sum(axis=-1, keepdims=True) + 1e-5)
        ),
        "the mean is still subtracted; RMSNorm leaves it in.": scale * centred / root,
        "divide by the root of the mean square; the variance subtracts the mean first.": (
            scale * x / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        ),
        "the result is not multiplied by `scale`.": x / root,
        "the mean square is taken over all vectors; each vector has its own (axis=-1).": (
            scale * x / np.sqrt((x**2).mean() + 1e-5)
        ),
        "divide by the *root* of the mean square.": scale * x / root**2,
        "the mean is taken over the tokens; take it over each vector (axis=-1).": (
            scale * x / np.sqrt((x**2).mean(axis=0, keepdims=True) + 1e-5)
        ),
        "`keepdims=True` is missing: the means of the tokens meet the wrong axis.": (
            scale * x / np.sqrt((x**2).mean(axis=-1) + 1e-5)
        ),
        "you square the mean; take the mean of the squares.": (
            scale * x / np.sqrt(x.mean(axis=-1, keepdims=True) ** 2 + 1e-5)
        ),
        "below the root is the standard deviation; the mean of the squares belongs there.": (
            scale * x / np.sqrt(x.std(axis=-1, keepdims=True) + 1e-5)
        ),
    }
    if found.shape != x.shape:
        return f"the result has shape {found.shape}; it must have that of x, {x.shape}."
    if np.allclose(found, scale * centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5)):
        raise NotDone
    for hint, values in wrong.items():
        if np.allclose(found, values, atol=1e-3):
            return hint
    if not np.allclose(found, scale * x / root, atol=1e-4):
        return f"for x = (3, 4) and scale (1, 2) expected (0.85, 2.26), got {found[0].round(2)}."
    if not np.isfinite(normalise_rms(np.zeros((1, 2)), scale)).all():
        return "a vector of zeros gives no number: add `epsilon` under the root."
    return None


@exercise
def check_count_gpt2(count_gpt2) -> str | None:
    """This is the published GPT-2: 124,439,808 weights; its paper says 117 million."""
    sizes = V, T, D, L = 50_257, 1_024, 768, 12
    found = run(count_gpt2, *sizes)
    right = V * D + T * D + L * (12 * D * D + 13 * D) + 2 * D
    hints = {
        V * D: "the output is tied: the table of tokens is used twice and stored once.",
        -T * D: "the table of positions is missing: one vector for each of T positions.",
        -2 * D: "the last layer normalisation is missing: scale and shift after the blocks.",
        -L * 13 * D: "in the blocks, biases and norms are missing: 13 D numbers each.",
        -L * 4 * D: "the layer normalisations of the blocks are missing: two, of 2 D numbers each.",
        -L * 13 * D - 2 * D: "all biases and norms are missing: 13 D in a block, 2 D at the end.",
        -T * D - 2 * D: "the table of positions and the last layer normalisation are missing.",
        -L * 9 * D: "the biases of the dense layers are missing: 3 D + D + 4 D + D in a block.",
        -L * 9 * D
        - 2 * D: "biases of the dense layers and the last layer normalisation are missing.",
        -V * D: "the table of tokens is missing: one vector for each of V tokens.",
        -L * 8 * D * D: "the feed-forward network is missing: D to 4 D and back, 8 D² in a block.",
        -L
        * 4
        * D
        * D: "attention is missing: 3 D² for queries, keys, values and D² for `project`.",
        (1 - L) * (12 * D * D + 13 * D): "there are L blocks, and you count one.",
    }
    if found == right:
        if count_gpt2(9, 8, 4, 2) != 9 * 4 + 8 * 4 + 2 * (12 * 16 + 13 * 4) + 8:
            return "right for these sizes only: write it with V, T, D and L."
        return None
    if found - right in hints:
        return hints[found - right]
    return f"expected {right:,}, got {found:,}: add up tables, blocks and the last norm."
