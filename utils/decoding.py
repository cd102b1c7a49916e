"""Decoding: from the scores of the next token to a text. Built in notebook 02, section 7.

Shapes: B texts generated side by side, T steps, V vocabulary.
"""

import keras
import numpy as np


def filter_logits(logits, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0):
    """Sharpen the scores of the next token, and rule out the tokens of the tail.

    Args:
        logits: scores of the next token, shape (B, V).
        temperature: the scores are divided by it: below 1 the likely tokens gain, above 1
            the unlikely ones.
        top_k: keep the `top_k` most likely tokens; 0 keeps all.
        top_p: of these, keep the fewest tokens that together have at least this
            probability; 1 keeps all.

    Returns:
        Scores of the same shape; a token that is ruled out has about -1e9. Equal scores
        stay or go together.

    Raises:
        ValueError: a setting is out of range.

    Reference:
        Fan et al. 2018, Hierarchical Neural Story Generation (top-k); Holtzman et al. 2020,
        The Curious Case of Neural Text Degeneration, section 3.1 (top-p).

    Example:
        >>> logits = np.log([[0.5, 0.3, 0.15, 0.05]])
        >>> kept = keras.ops.softmax(filter_logits(logits, top_p=0.6))
        >>> keras.ops.convert_to_numpy(kept).round(3).tolist()
        [[0.625, 0.375, 0.0, 0.0]]
    """
    if not (temperature > 0 and top_k >= 0 and 0 < top_p <= 1):
        raise ValueError(
            "temperature must be above 0, top_k at least 0, top_p above 0 and at most 1; "
            f"got {temperature}, {top_k}, {top_p} (the most likely token: `top_k=1`)"
        )
    logits = keras.ops.convert_to_tensor(logits) / temperature
    size = logits.shape[-1]
    if 0 < top_k < size:
        ranked = keras.ops.sort(logits, axis=-1)
        logits = keras.ops.where(logits < ranked[:, size - top_k :][:, :1], -1e9, logits)
    if top_p < 1:
        ranked = keras.ops.flip(keras.ops.sort(logits, axis=-1), axis=-1)
        probabilities = keras.ops.softmax(ranked)
        before = keras.ops.cumsum(probabilities, axis=-1) - probabilities
        least = keras.ops.min(keras.ops.where(before < top_p, ranked, 1e9), axis=-1, keepdims=True)
        logits = keras.ops.where(logits < least, -1e9, logits)
    return logits


def draw_gumbel(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Draw noise that turns the largest score into a random choice.

    `argmax(logits + noise)` is token v with probability `softmax(logits)[v]`. The noise is
    drawn before a compiled loop starts, so the loop itself is free of chance.

    Reference:
        Maddison et al. 2014, A* Sampling, section 2.

    Example:
        >>> draw_gumbel((2, 3)).shape
        (2, 3)
    """
    return np.random.default_rng(seed).gumbel(size=shape).astype("float32")


def measure_diversity(samples: list[str], n: int = 2) -> tuple[float, float]:
    """Measure how varied and how repetitive generated texts are.

    Args:
        samples: the texts; words are what stands between spaces.
        n: words in an n-gram.

    Returns:
        The share of n-grams that are distinct, over all samples together; and the share
        that stood earlier in the same sample, averaged over the samples.

    Reference:
        Li et al. 2016, A Diversity-Promoting Objective Function, section 5 (distinct-n).

    Example:
        >>> measure_diversity(["to be or not to be"])
        (0.8, 0.19999999999999996)
    """
    grams = [list(zip(*(s.split()[i:] for i in range(n)), strict=False)) for s in samples]
    grams = [found for found in grams if found]
    if not grams:
        raise ValueError(f"no sample has {n} words")
    together = [gram for found in grams for gram in found]
    repeated = [1 - len(set(found)) / len(found) for found in grams]
    return len(set(together)) / len(together), float(np.mean(repeated))
