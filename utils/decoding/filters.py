"""What happens to the logits before a token is chosen: filters, penalties, noise."""

import keras
import numpy as np
from keras import ops

from utils.checks import check_scores, check_whole, is_number


def filter_logits(logits, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0):
    """Sharpen the scores (B, V) of the next token, and rule out the tokens of the tail.

    They are divided by the temperature: below 1 the likely tokens gain, above 1 the unlikely ones.
    The `top_k` most likely tokens are kept; 0 keeps all. Of these, the fewest tokens are kept that
    together have at least the probability `top_p`; 1 keeps all. The likeliest gets 0, a token that
    is ruled out minus infinity. Equal scores stay or go together. Raises ValueError if a setting is
    out of range.
    Reference: Fan et al. 2018, Hierarchical Neural Story Generation (top-k); Holtzman et al. 2020,
    The Curious Case of Neural Text Degeneration, section 3.1 (top-p).

    Example:
        >>> logits = np.log([[0.5, 0.3, 0.15, 0.05]])
        >>> kept = keras.ops.softmax(filter_logits(logits, top_p=0.6))
        >>> keras.ops.convert_to_numpy(kept).round(3).tolist()
        [[0.625, 0.375, 0.0, 0.0]]
    """
    if not keras.ops.is_tensor(logits):
        check_scores(logits)
    logits = keras.ops.convert_to_tensor(logits)
    check_filters(temperature, top_k, top_p, logits.shape[-1])
    logits = logits - keras.ops.max(logits, axis=-1, keepdims=True)  # a constant changes nothing
    logits = keras.ops.where(logits < 0, logits / temperature, logits)
    size, ruled_out = logits.shape[-1], -np.inf
    if 0 < top_k < size:
        ranked = keras.ops.sort(logits, axis=-1)
        logits = keras.ops.where(logits < ranked[:, size - top_k :][:, :1], ruled_out, logits)
    if top_p < 1:
        ranked = keras.ops.flip(keras.ops.sort(logits, axis=-1), axis=-1)
        probabilities = keras.ops.softmax(ranked)
        before = keras.ops.cumsum(probabilities, axis=-1) - probabilities
        least = keras.ops.min(keras.ops.where(before < top_p, ranked, 1e9), axis=-1, keepdims=True)
        logits = keras.ops.where(logits < least, ruled_out, logits)
    return logits


def check_filters(temperature: float, top_k: int, top_p: float, vocabulary_size: int) -> None:
    """Raise ValueError if a setting of `filter_logits` is out of range."""
    if not (is_number(temperature) and temperature > 0 and is_number(top_p) and 0 < top_p <= 1):
        rule = "temperature must be above 0, top_p above 0 and at most 1"
        got = f"{temperature}, {top_p} (the most likely token: `top_k=1`)"
        raise ValueError(f"{rule}; got {got}")
    check_whole("top_k", top_k, least=0, most=vocabulary_size)


def drop_unlikely(logits, min_p: float):
    """Rule out what has less than `min_p` times the probability of the likeliest token (min-p).

    With the probabilities themselves, it is exercise 3 of lesson 02. Raises ValueError if `min_p`
    is not above 0 and at most 1.
    Reference: Nguyen et al. 2024, Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM
    Outputs, section 3.

    Example:
        >>> logits = np.log([[0.5, 0.3, 0.15, 0.05]])
        >>> kept = keras.ops.softmax(drop_unlikely(logits, 0.5))
        >>> keras.ops.convert_to_numpy(kept).round(3).tolist()
        [[0.625, 0.375, 0.0, 0.0]]
    """
    if not (is_number(min_p) and 0 < min_p <= 1):
        raise ValueError(f"min_p must be above 0 and at most 1, not {min_p}")
    logits = ops.convert_to_tensor(logits)
    least = ops.max(logits, axis=-1, keepdims=True) + np.log(min_p)
    return ops.where(logits < least, -np.inf, logits)


def draw_gumbel(shape: tuple[int, ...], seed: int | np.random.Generator = 0) -> np.ndarray:
    """Draw noise that turns the largest score into a random choice.

    `argmax(logits + noise)` is token v with probability `softmax(logits)[v]`. The noise is
    drawn before a compiled loop starts, so the loop itself is free of chance. From a generator of
    NumPy, parts that are drawn one after the other are the noise that is drawn at once.
    Reference: Maddison et al. 2014, A* Sampling, section 2.
    """
    return np.random.default_rng(seed).gumbel(size=shape).astype("float32")


def penalise_repetition(logits, seen, penalty: float):
    """Lower the scores (B, V) of tokens that are seen in the text already. Built in lesson 06.

    A score above 0 is divided by the penalty, one below 0 multiplied; 1 changes nothing.
    Reference: Keskar et al. 2019, CTRL, section 4.1.

    Example:
        >>> found = penalise_repetition(np.array([[2.0, -2.0, 2.0]]), [[True, True, False]], 2.0)
        >>> ops.convert_to_numpy(found).tolist()
        [[1.0, -4.0, 2.0]]
    """
    check_penalty(penalty)
    logits = ops.convert_to_tensor(logits)
    return ops.where(seen, ops.where(logits > 0, logits / penalty, logits * penalty), logits)


def check_penalty(penalty: float) -> None:
    """Raise ValueError if a penalty of repetition is out of range."""
    if not (is_number(penalty) and penalty > 0):
        raise ValueError(f"repetition_penalty must be above 0 (1: none), not {penalty}")


def mark_broken(token_ids, logits):
    """Return the tokens that were chosen by logits: all -1 if one of these is NaN or infinite.

    A compiled program cannot raise; who called it finds the -1.
    """
    return ops.where(ops.all(ops.isfinite(logits)), token_ids, -1)


def find_repeated_ngrams(token_ids, num_padding, t, n: int, vocabulary_size: int):
    """Mark, in (B, V), the tokens that have followed the last n - 1 tokens before.

    Of the texts (B, T) the first `t` tokens are there, and the first `num_padding` (B,) do not
    count. For one list, see exercise 3 of lesson 06.

    Example:
        >>> text = np.array([[1, 2, 3, 1, 2, 0]])
        >>> found = find_repeated_ngrams(text, np.array([0]), 5, 3, 5)
        >>> ops.convert_to_numpy(found).nonzero()[1].tolist()
        [3]
    """
    token_ids = ops.convert_to_tensor(token_ids)
    places = ops.arange(token_ids.shape[1])[None]  # of an n-gram's last token
    start = ops.cast(num_padding, places.dtype)[:, None]
    same = ops.logical_and(places < t, places >= start + (n - 1))
    same = ops.logical_and(same, t - start >= n)
    for k in range(1, n):  # the token k places earlier is the same
        earlier = ops.roll(token_ids, k, axis=1)
        last = ops.take(token_ids, ops.maximum(t - k, 0), axis=1)
        same = ops.logical_and(same, earlier == ops.reshape(last, (-1, 1)))
    return mark_tokens(token_ids, same, vocabulary_size)


def mark_tokens(token_ids, chosen, vocabulary_size: int):
    """Mark, in (B, V), the tokens that stand at the chosen places (B, T) of texts (B, T)."""
    B, T = token_ids.shape
    rows = ops.cast(ops.repeat(ops.arange(B), T), "int32")
    places = ops.stack([rows, ops.cast(ops.reshape(token_ids, (-1,)), "int32")], axis=1)
    counts = ops.cast(ops.reshape(chosen, (-1,)), "float32")
    return ops.scatter(places, counts, (B, vocabulary_size)) > 0
