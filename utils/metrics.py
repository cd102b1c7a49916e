"""Scores and their uncertainty."""

from collections import Counter

import numpy as np


def bootstrap_interval(
    values: np.ndarray, *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean.

    For the difference of two classifiers on the same sentences pass the paired
    differences `correct_a - correct_b`.

    Args:
        values: one number an example, shape (N,).
        level: share of the bootstrap means that lie inside.
        draws: number of resamples.
        seed: of the resampling.

    Returns:
        Lower and upper end.

    Reference:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.

    Example:
        >>> bootstrap_interval(np.array([1.0, 1.0, 1.0]))
        (1.0, 1.0)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values must be a non-empty vector, got shape {values.shape}")
    random = np.random.default_rng(seed)
    kinds, counts = np.unique(values, return_counts=True)
    # resampling N examples = drawing how often each distinct value comes up
    share = counts / len(values)
    means = [random.multinomial(len(values), share) @ kinds / len(values) for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def compute_calibration(
    probabilities: np.ndarray, labels: np.ndarray, *, num_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Compare what a binary classifier promises with what happens.

    Args:
        probabilities: predicted probability of label 1, shape (N,).
        labels: 0 or 1, shape (N,).
        num_bins: bins of equal width over 0..1.

    Returns:
        For each non-empty bin the mean probability, the share of label 1 and the number
        of examples; and the expected calibration error, 0 (perfect) to 1.

    Reference:
        Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    Example:
        >>> compute_calibration(np.array([0.9, 0.9]), np.array([1, 0]))[3]
        0.4
    """
    probabilities, labels = np.asarray(probabilities, float), np.asarray(labels, float)
    if probabilities.shape != labels.shape or probabilities.ndim != 1:
        raise ValueError(
            f"probabilities {probabilities.shape} and labels {labels.shape} must be vectors "
            "of one length"
        )
    bins = np.minimum((probabilities * num_bins).astype(int), num_bins - 1)
    used = np.unique(bins)
    counts = np.array([(bins == b).sum() for b in used])
    promised = np.array([probabilities[bins == b].mean() for b in used])
    happened = np.array([labels[bins == b].mean() for b in used])
    error = float(np.sum(counts * np.abs(promised - happened)) / counts.sum())
    return promised, happened, counts, round(error, 12)


def count_bleu(found: list[list[str]], references: list[list[list[str]]]) -> np.ndarray:
    """Count what BLEU is made of, sentence by sentence. Built in notebook 05, section 4.

    Args:
        found: N translations, lists of tokens.
        references: for each translation one or more correct ones.

    Returns:
        Shape (N, 10): for n = 1 to 4 the n-grams that a reference shares (each as often as in
        the reference that has it most often), and all n-grams; then the tokens of the
        translation and of the reference nearest in length.

    Reference:
        Papineni et al. 2002, BLEU: a Method for Automatic Evaluation of Machine Translation.
    """
    rows = np.zeros((len(found), 10))
    for row, tokens, correct in zip(rows, found, references, strict=True):
        for n in range(1, 5):
            grams, allowed = count_grams(tokens, n), Counter()
            for reference in correct:
                allowed |= count_grams(reference, n)
            row[n - 1] = (grams & allowed).total()
            row[n + 3] = grams.total()
        row[8] = len(tokens)
        row[9] = min((abs(len(r) - len(tokens)), len(r)) for r in correct)[1]
    return rows


def count_grams(tokens: list[str], n: int) -> Counter:
    """Count the n-grams of a list of tokens. Built in notebook 05, section 4."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def compute_bleu(counts: np.ndarray) -> np.ndarray:
    """Return corpus BLEU, 0 to 100. Built in notebook 05, section 4.

    Where no n-gram of some length is shared the score is 0 (no smoothing).

    Args:
        counts: sums over sentences of what `count_bleu` returns, shape (..., 10).
    """
    shared, whole = counts[..., :4], counts[..., 4:8]
    with np.errstate(divide="ignore"):
        precision = np.exp(np.log(shared / np.maximum(whole, 1)).mean(axis=-1))
    brevity = np.exp(np.minimum(0, 1 - counts[..., 9] / np.maximum(counts[..., 8], 1)))
    return 100 * brevity * precision


def bootstrap_bleu(
    counts: np.ndarray,
    other: np.ndarray | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of corpus BLEU, or of a difference of two.

    Args:
        counts: from `count_bleu`, shape (N, 10).
        other: those of another system on the same sentences; the interval is then that of the
            first score minus the second, both on the same resampled sentences.
        level: share of the resampled scores that lie inside.
        draws: number of resamples.
        seed: of the resampling.

    Reference:
        Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation.
    """
    size = len(counts)
    times = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), draws)
    scores = compute_bleu(times @ counts)
    if other is not None:
        scores = scores - compute_bleu(times @ other)
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def measure_alignment_error(
    found: list[list[tuple[int, int]]], gold: list[list[tuple[int, int]]]
) -> float:
    """Return the alignment error rate over all pairs: 0 is perfect, 1 shares no link.

    Built in notebook 08, section 6. All gold links count as sure, so the rate is one minus the
    F1 of the links.

    Reference:
        Och and Ney 2003, A Systematic Comparison of Various Statistical Alignment Models,
        section 5.

    Example:
        >>> measure_alignment_error([[(0, 0), (1, 1)]], [[(0, 0), (1, 1), (2, 1)]])
        0.19999999999999996
    """
    shared = sum(len(set(a) & set(g)) for a, g in zip(found, gold, strict=True))
    return 1 - 2 * shared / (sum(map(len, found)) + sum(map(len, gold)))
