"""Scores and their uncertainty."""

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
