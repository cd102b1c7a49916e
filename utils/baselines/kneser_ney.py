"""N-grams with Kneser-Ney smoothing: the baseline of the language models.

Shapes: V vocabulary, N tokens of a text.
"""

import numpy as np


def count_ngrams(token_ids: np.ndarray, order: int, vocabulary_size: int) -> list[tuple]:
    """Count n-grams as Kneser and Ney do. Used in lesson 02, section 3.

    For n = 1, ..., `order`, return the n-grams, sorted, and their counts. An n-gram is a number:
    the rank of its first n - 1 tokens among the shorter n-grams, times V, plus its last token. For
    the longest, the count is how often it stands in the text; for a shorter one, how many different
    longer n-grams end in it, that is, how many different tokens stand before it (at least 1).
    """
    levels, ranks = [], np.zeros(len(token_ids) + 1, dtype="int64")
    for n in range(1, order + 1):
        shorter, codes = ranks, ranks[:-1] * vocabulary_size + token_ids[n - 1 :]
        ngrams, first, ranks = np.unique(codes, return_index=True, return_inverse=True)
        if levels:
            ends = np.bincount(shorter[first + 1], minlength=len(levels[-1][0]))
            levels[-1] = (levels[-1][0], np.maximum(ends, 1))
        levels.append((ngrams, np.bincount(ranks)))
    return levels


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
        self.vocabulary_size, self.levels, shorter = vocabulary_size, [], 1
        for ngrams, counts in levels:
            taken = np.asarray(estimate_discounts(counts) if discounts is None else discounts)
            taken = taken[np.minimum(counts, 3) - 1]
            contexts, first, row = np.unique(
                ngrams // vocabulary_size, return_index=True, return_inverse=True
            )
            total = np.add.reduceat(counts, first)
            own = np.append((counts - taken) / total[row], 0.0)  # the last: of an unknown n-gram
            rest = np.ones(shorter + 1)  # of an unknown context: all
            rest[contexts] = np.add.reduceat(taken, first) / total
            self.levels.append((ngrams, own, rest))
            shorter = len(ngrams)

    def score_windows(self, windows: np.ndarray) -> np.ndarray:
        """Return the probability of the last token of each row, given the others."""
        return self.score_rows(windows)[..., -1]

    def score_rows(self, windows: np.ndarray) -> np.ndarray:
        """Return that of each token of the rows (..., T) but the first order - 1."""
        count = windows.shape[-1] - len(self.levels) + 1
        probability = np.full((*windows.shape[:-1], count), 1 / self.vocabulary_size)
        ranks = np.zeros((*windows.shape[:-1], windows.shape[-1] + 1), dtype="int64")
        for n, (ngrams, own, rest) in enumerate(self.levels, 1):
            contexts = ranks[..., :-1]
            codes = contexts * self.vocabulary_size + windows[..., n - 1 :]
            places = np.minimum(np.searchsorted(ngrams, codes), len(ngrams) - 1)
            ranks = np.where(ngrams[places] == codes, places, -1)  # -1: unknown
            passed_on = rest[contexts[..., -count:]] * probability
            probability = own[ranks[..., -count:]] + passed_on
        return probability

    def score(self, token_ids: np.ndarray) -> np.ndarray:
        """Return the probability of each token of a text; zeros stand before the first."""
        return self.score_rows(np.pad(token_ids, (len(self.levels) - 1, 0)))
