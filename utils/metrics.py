"""Scores and their uncertainty."""

from collections import Counter

import numpy as np

from utils.checks import check_lists, check_whole

LEVEL = 0.95  # of all intervals
Span = tuple[int, int, str]  # of an entity: first, first outside, type
Links = list[tuple[int, int]]  # of a sentence pair: source and target index


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of values (N,).

    For two classifiers on the same sentences pass the differences `correct_a - correct_b`.
    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.

    Example:
        >>> bootstrap_interval(np.array([1.0, 1.0, 1.0]))
        (1.0, 1.0)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values must be a non-empty vector, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be numbers, and {np.sum(~np.isfinite(values))} are not")
    random = np.random.default_rng(0)
    kinds, counts = np.unique(values, return_counts=True)
    # resampling N examples = drawing how often each distinct value comes up
    share = counts / len(values)
    means = [random.multinomial(len(values), share) @ kinds / len(values) for _ in range(10_000)]
    return _cut_tails(means)


def _cut_tails(scores) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _check_counts(counts: np.ndarray, columns: int) -> None:
    fine = np.ndim(counts) == 2 and len(counts) > 0 and np.shape(counts)[1] == columns
    if not (fine and np.isfinite(counts).all() and np.min(counts) >= 0):
        raise ValueError(
            f"counts must be a row of {columns} numbers a sentence, not {counts!r:.80}"
        )


def _draw_counts(size: int, draws: int) -> np.ndarray:
    """Return how often each of some sentences comes up in each resample, (draws, size)."""
    return np.random.default_rng(0).multinomial(size, np.full(size, 1 / size), draws)


def count_bleu(found: list[list[str]], references: list[list[list[str]]]) -> np.ndarray:
    """Count what BLEU is made of, sentence by sentence. Built in notebook 05, section 4.

    `found` are N translations, lists of tokens; `references` has one or more correct ones for each.

    Returns:
        Shape (N, 10): for n = 1 to 4 the n-grams that a reference shares (each as often as in
        the reference that has it most often), and all n-grams; then the tokens of the
        translation and of the reference nearest in length.
    Reference: Papineni et al. 2002, BLEU: a Method for Automatic Evaluation of Machine Translation.
    """
    if len(found) == 0:
        raise ValueError("there is no translation to compare")
    rows = np.zeros((len(found), 10))
    for row, tokens, correct in zip(rows, found, references, strict=True):
        if isinstance(tokens, str) or not correct or any(isinstance(r, str) for r in correct):
            rule = "a translation is a list of tokens, and has a list of such lists as references"
            raise ValueError(f"{rule}; got {tokens!r} and {correct!r}")
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
    """Return corpus BLEU, 0 to 100, from sums (..., 10) of `count_bleu`. Notebook 05, section 4.

    Where no n-gram of some length is shared the score is 0 (no smoothing).
    """
    shared, whole = counts[..., :4], counts[..., 4:8]
    with np.errstate(divide="ignore"):
        precision = np.exp(np.log(shared / np.maximum(whole, 1)).mean(axis=-1))
    brevity = np.exp(np.minimum(0, 1 - counts[..., 9] / np.maximum(counts[..., 8], 1)))
    return 100 * brevity * precision


def bootstrap_bleu(counts: np.ndarray, other: np.ndarray | None = None) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of corpus BLEU, from `count_bleu`, (N, 10).

    With the counts of another system on the same sentences, it is that of the first score minus the
    second, both on the same resampled sentences.
    Reference: Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation.
    """
    _check_counts(counts, 10)
    times = _draw_counts(len(counts), 1000)
    scores = compute_bleu(times @ counts)
    if other is not None:
        _check_counts(other, 10)
        if len(other) != len(counts):
            raise ValueError(f"{len(counts)} sentences cannot be paired with {len(other)}")
        scores = scores - compute_bleu(times @ other)
    return _cut_tails(scores)


def measure_alignment_error(found: list[Links], gold: list[Links]) -> float:
    """Return the alignment error rate over all pairs: 0 is perfect, 1 shares no link.

    Built in notebook 08, section 6. All gold links count as sure: the rate is 1 - F1 of the links.
    A link that is there twice counts once. Raises ValueError if there is none at all.
    Reference: Och and Ney 2003, A Systematic Comparison of Statistical Alignment Models, section 5.

    Example:
        >>> measure_alignment_error([[(0, 0), (1, 1)]], [[(0, 0), (1, 1), (2, 1)]])
        0.19999999999999996
    """
    found, gold = ([{(i, j) for i, j in links} for links in each] for each in (found, gold))
    total = sum(map(len, found)) + sum(map(len, gold))
    if total == 0:
        raise ValueError("there is no link to compare, neither found nor gold")
    return 1 - 2 * sum(len(a & g) for a, g in zip(found, gold, strict=True)) / total


def measure_diversity(samples: list[str], n: int = 2) -> tuple[float, float]:
    """Measure how varied and how repetitive generated texts are; words stand between spaces.

    Returns:
        The share of n-grams that are distinct, over all samples together (Li et al. 2016, section
        5); and the share that stood earlier in the same sample, averaged over the samples.

    Example:
        >>> measure_diversity(["to be or not to be"])
        (0.8, 0.19999999999999996)
    """
    check_lists("samples", [samples], "texts")
    check_whole("n", n, least=1)
    grams = [list(zip(*(s.split()[i:] for i in range(n)), strict=False)) for s in samples]
    grams = [found for found in grams if found]
    if not grams:
        raise ValueError(f"no sample has {n} words")
    together = [gram for found in grams for gram in found]
    repeated = [1 - len(set(found)) / len(found) for found in grams]
    return len(set(together)) / len(together), float(np.mean(repeated))


def count_matches(gold: list[list[Span]], predicted: list[list[Span]]) -> np.ndarray:
    """Count true positives, false positives and false negatives of each sentence: (sentences, 3).

    An entity is found if start, end and type are all equal. TypeError if there is something else
    than a list of entities for a sentence.
    """
    rows = []
    for truth, guess in zip(gold, predicted, strict=True):
        for span in (*truth, *guess):
            if not (isinstance(span, tuple) and len(span) == 3):
                rule = "a sentence has a list of entities, (start, end, type)"
                raise TypeError(f"{rule}; got {span!r:.40} in one")
        hits = len(set(truth) & set(guess))
        rows.append((hits, len(set(guess)) - hits, len(set(truth)) - hits))
    return np.array(rows, dtype=int).reshape(-1, 3)


def score_counts(counts: np.ndarray) -> dict[str, float]:
    """Return precision, recall and F1 of counts as from `count_matches`; 0 / 0 is 0.

    Example:
        >>> score_counts(np.array([[1, 0, 1], [1, 0, 1]]))
        {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    hits, wrong, left_out = (int(n) for n in counts.sum(axis=0))
    return {
        "precision": hits / max(hits + wrong, 1),
        "recall": hits / max(hits + left_out, 1),
        "f1": 2 * hits / max(2 * hits + wrong + left_out, 1),
    }


def bootstrap_f1(counts: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of F1, from counts of `count_matches`.

    F1 is no mean over sentences, so their counts are drawn, added up and scored each time.

    Example:
        >>> bootstrap_f1(np.array([[1, 0, 0], [2, 0, 0]]))
        (1.0, 1.0)
    """
    _check_counts(counts, 3)
    hits, wrong, left_out = (_draw_counts(len(counts), 2000) @ counts).T
    return _cut_tails(2 * hits / np.maximum(2 * hits + wrong + left_out, 1))


def classify_errors(gold: list[Span], predicted: list[Span]) -> list[tuple]:
    """Name each disagreement of a sentence, in its order: (kind, gold or None, predicted or None).

    Where a wrong entity overlaps a gold one that was not found, they are one mistake: "boundary" if
    the type is right, "type" otherwise. What is left of the gold entities is "missed", of the
    predicted ones "spurious".

    Example:
        >>> classify_errors([(0, 2, "ORG"), (5, 6, "GPE")], [(0, 1, "ORG")])
        [('boundary', (0, 2, 'ORG'), (0, 1, 'ORG')), ('missed', (5, 6, 'GPE'), None)]
    """
    left_out = [span for span in gold if span not in predicted]
    mistakes = []
    for guess in predicted:
        if guess in gold:
            continue
        overlap = {t: min(t[1], guess[1]) - max(t[0], guess[0]) for t in left_out}
        truth = max(overlap, key=overlap.get, default=None)
        if truth is None or overlap[truth] <= 0:
            mistakes.append(("spurious", None, guess))
        else:
            left_out.remove(truth)
            mistakes.append(("boundary" if truth[2] == guess[2] else "type", truth, guess))
    mistakes += [("missed", truth, None) for truth in left_out]
    return sorted(mistakes, key=lambda mistake: mistake[1] or mistake[2])
