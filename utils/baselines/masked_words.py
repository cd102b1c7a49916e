"""Hidden words by counting: the baseline of the masked language models.

Shapes: N training sentences, M sentences with blanks, T tokens, B blanks, V vocabulary.
"""

import numpy as np

from utils.baselines.kneser_ney import NgramModel, count_ngrams


def guess_hidden(
    train_ids: np.ndarray,
    inputs: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    answers: np.ndarray,
    *,
    order: int = 2,
    discount: float = 0.75,
) -> np.ndarray:
    """Fill each blank with the word w of the largest p(w | left) p(w | right) / p(w).

    That is Bayes' rule where the left and the right side are independent, given the word. Both
    sides are n-gram models of the training sentences, read forwards and backwards. A neighbour
    that is hidden itself was never counted, so that a shorter n-gram answers.

    Args:
        train_ids: shape (N, T), 0 = padding.
        inputs: what a masked language model reads, [MASK] in its blanks; shape (M, T).
        rows: of the blanks in `inputs`, shape (B,).
        places: of the blanks in their rows, shape (B,).
        answers: which tokens may be answered, boolean, shape (V,).
        order: n of the n-grams; 2 looks at one neighbour on each side, 3 at two.
        discount: of Kneser and Ney, for a count of 1; 1.5 and 2 times as much for 2 and more.

    Returns:
        Token ids, shape (B,).

    Reference:
        Chen and Goodman 1999, An Empirical Study of Smoothing Techniques, section 3.
    """
    stream, reach = train_ids[train_ids > 0], order - 1
    words, padded = np.flatnonzero(answers), np.pad(inputs, ((0, 0), (reach, reach)))
    frequency = np.bincount(stream, minlength=len(answers))[words] + 1.0
    scores = np.tile(-np.log(frequency), (len(rows), 1))  # (B, words)
    discounts = discount * np.array([1.0, 1.5, 2.0])
    for step in (1, -1):  # forwards, backwards
        levels = count_ngrams(stream[::step], order, len(answers))
        model = NgramModel(levels, len(answers), discounts)
        steps = step * np.arange(-reach, 0)  # to the neighbours, the nearest last
        sides = padded[rows[:, None], places[:, None] + reach + steps]  # (B, order - 1)
        for score, side in zip(scores, sides, strict=True):
            windows = np.column_stack([np.tile(side, (len(words), 1)), words])
            score += np.log(model.score_windows(windows))
    return words[scores.argmax(axis=1)]
