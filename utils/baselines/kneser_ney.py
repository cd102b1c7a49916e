"""N-grams with Kneser-Ney smoothing: the baseline of the language models.

Shapes: V vocabulary, N tokens of a text.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def pack_ngrams(windows: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Turn token ids (..., n), V ** n < 2 ** 63, into one number a row.

    Example:
        >>> pack_ngrams(np.array([[1, 2], [0, 7]]), 10)
        array([12,  7])
    """
    packed = np.zeros(windows.shape[:-1], dtype="int64")
    for k in range(windows.shape[-1]):
        packed = packed * vocabulary_size + windows[..., k]
    return packed


def count_ngrams(token_ids: np.ndarray, order: int, vocabulary_size: int) -> list[tuple]:
    """Count n-grams as Kneser and Ney do. Used in lesson 02, section 3.

    For n = 1, ..., `order`, return the packed n-grams, sorted, and their counts. For the longest,
    how often each stands in the text; for a shorter one, how many different longer n-grams end in
    it, that is, how many different tokens stand before it.
    """
    levels = []
    ngrams = pack_ngrams(sliding_window_view(token_ids, order), vocabulary_size)
    for n in range(order, 0, -1):
        ngrams, counts = np.unique(ngrams, return_counts=True)
        levels.insert(0, (ngrams, counts))
        ngrams = ngrams % vocabulary_size ** (n - 1)  # without the first token
    return levels


def look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, missing: float):
    """Return the value of each wanted key; `keys` are sorted."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], missing)


def estimate_discounts(counts: np.ndarray) -> np.ndarray:
    """Return what to take from a count of 1, of 2, and of 3 or more, for the n-grams of one order.

    With n_k for how many n-grams have the count k: Y = n_1 / (n_1 + 2 n_2), and from a count of k
    (4 and more like 3) is taken k - (k + 1) Y n_{k+1} / n_k. Where the few counts of a small text
    give no usable number, it is 0.5, 1 and 1.5.
    Reference: Chen and Goodman 1999, An Empirical Study of Smoothing Techniques, section 3.

    Example:
        >>> estimate_discounts(np.repeat([1, 2, 3, 4], [8, 4, 2, 1])).tolist()
        [0.5, 1.25, 2.0]
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        k, Y = np.arange(1, 4), n[1] / (n[1] + 2 * n[2])
        found = k - (k + 1) * Y * n[2:5] / n[1:4]
    return found if np.all((found > 0) & (found < k)) else np.array([0.5, 1.0, 1.5])


class NgramModel:
    """Interpolated, modified Kneser-Ney, from `count_ngrams`. Used in lesson 02, section 3.

    `discounts` are taken from a count of 1, of 2, and of 3 or more, in every order; by default
    each order has those of `estimate_discounts`.
    Reference: Chen and Goodman 1999, An Empirical Study of Smoothing Techniques, section 3.
    """

    def __init__(self, levels: list[tuple], vocabulary_size: int, discounts=None):
        self.vocabulary_size = vocabulary_size
        self.levels = []
        for ngrams, counts in levels:
            taken = np.asarray(estimate_discounts(counts) if discounts is None else discounts)
            taken = taken[np.minimum(counts, 3) - 1]
            before = ngrams // vocabulary_size
            contexts, first, row = np.unique(before, return_index=True, return_inverse=True)
            total = np.add.reduceat(counts, first)
            own = (counts - taken) / total[row]
            rest = np.add.reduceat(taken, first) / total
            self.levels.append((ngrams, own, contexts, rest))

    def score_windows(self, windows: np.ndarray) -> np.ndarray:
        """Return the probability of the last token of each row, given the others."""
        probability = np.full(len(windows), 1 / self.vocabulary_size)
        for n, (ngrams, own, contexts, rest) in enumerate(self.levels, 1):
            packed = pack_ngrams(windows[:, -n:], self.vocabulary_size)
            passed_on = look_up(contexts, rest, packed // self.vocabulary_size, 1.0)
            probability = look_up(ngrams, own, packed, 0.0) + passed_on * probability
        return probability

    def score(self, token_ids: np.ndarray) -> np.ndarray:
        """Return the probability of each token of a text; zeros stand before the first."""
        padded = np.pad(token_ids, (len(self.levels) - 1, 0))
        return self.score_windows(sliding_window_view(padded, len(self.levels)))
