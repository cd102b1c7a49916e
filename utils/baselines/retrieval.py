"""Translation without a model: a dictionary, or the most similar training sentence, adapted.

Shapes: N sentences, K similar ones for each.
"""

import difflib
import itertools
from collections import Counter

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer


def is_word(token: str) -> bool:
    """Return whether a token is a word or a number, not a mark. Built in notebook 05, section 4."""
    return token[0].isalnum()


def build_dictionary(table: pd.DataFrame) -> dict[str, str]:
    """Map each English word to the French one that it occurs with most exclusively.

    Built in notebook 05, section 4. The measure is Dice's: twice the number of pairs that hold
    both words, divided by the number with the English one plus that with the French one.

    Args:
        table: pairs, columns `english` and `french` (lists of tokens).

    Reference:
        Dice 1945, Measures of the Amount of Ecologic Association Between Species.
    """
    pairs, single = Counter(), [Counter(), Counter()]
    for row in table.itertuples():
        sides = [set(row.english), set(row.french)]
        pairs.update((e, f) for e, f in itertools.product(*sides) if is_word(e) == is_word(f))
        for counter, side in zip(single, sides, strict=True):
            counter.update(side)
    best = {}
    for (english, french), count in pairs.items():
        dice = 2 * count / (single[0][english] + single[1][french])
        best[english] = max(best.get(english, (0, "")), (dice, french))
    return {english: french for english, (_, french) in best.items()}


def find_similar(
    sentences: list[list[str]], known: list[list[str]], count: int, *, use_idf: bool = True
) -> np.ndarray:
    """Find the known sentences with the largest cosine of TF-IDF over words and word pairs.

    Returns:
        Their rows, the most similar first, shape (N, `count`).

    Reference:
        Salton and Buckley 1988, Term-Weighting Approaches in Automatic Text Retrieval.

    Example:
        >>> find_similar([["a", "b"]], [["c", "d"], ["a", "b"], ["a", "c"]], 2).tolist()
        [[1, 2]]
    """
    weigh = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), use_idf=use_idf)
    vectors = weigh.fit_transform(map(" ".join, known)).T.tocsr()
    asked, found = weigh.transform(map(" ".join, sentences)), []
    for begin in range(0, len(sentences), 256):
        for row in (asked[begin : begin + 256] @ vectors).toarray():
            rest = max(0, len(known) - count)
            near = np.flatnonzero(row >= np.partition(row, rest)[rest])  # with all that tie
            found.append(near[np.argsort(-row[near], kind="stable")[:count]])
    return np.array(found)


def exchange_words(
    sentence: list[str],
    similar: list[str],
    translation: list[str],
    dictionary: dict[str, str],
    most: int | None = None,
) -> tuple[int, list[str]]:
    """Turn the translation of a similar sentence into one of this sentence, as far as words go.

    Where both sentences have as many words between what they share, these are exchanged one by
    one; at most `most`, if that is given.

    Returns:
        A cost: 1 for each word exchanged, 2 for each difference that stays. And the translation.

    Example:
        >>> words = {"cat": "chat", "dog": "chien"}
        >>> exchange_words(["a", "cat"], ["a", "dog"], ["un", "chien"], words)
        (1, ['un', 'chat'])
    """
    cost, exchanged, written = 0, 0, list(translation)
    match = difflib.SequenceMatcher(None, similar, sentence, autojunk=False)
    for kind, a, b, c, d in match.get_opcodes():
        if kind == "replace" and b - a == d - c:
            for old, new in zip(similar[a:b], sentence[c:d], strict=True):
                cost += 2
                if exchanged != most and new in dictionary and dictionary.get(old) in written:
                    written[written.index(dictionary[old])] = dictionary[new]
                    exchanged, cost = exchanged + 1, cost - 1
        elif kind != "equal":
            cost += 2 * max(b - a, d - c)
    return cost, written


def translate_by_example(
    sentences: list[list[str]],
    table: pd.DataFrame,
    dictionary: dict[str, str],
    *,
    count: int = 10,
    most: int | None = None,
    use_idf: bool = True,
) -> list[list[str]]:
    """Translate by the one of `count` similar pairs that costs least to adapt.

    Args:
        sentences: N lists of English tokens.
        table: pairs to take from, columns `english` and `french`.
        dictionary: as from `build_dictionary`.
        count: 1 takes the most similar sentence, whatever it costs.
        most: words to exchange in one sentence; 0 gives its translation as it is.
        use_idf: weigh rare words more.

    Reference:
        Nagao 1984, A Framework of a Mechanical Translation between Japanese and English by
        Analogy Principle.
    """
    similar = find_similar(sentences, table["english"].tolist(), count, use_idf=use_idf)
    return adapt_examples(sentences, similar, table, dictionary, most)


def adapt_examples(sentences, similar, table, dictionary, most: int | None = None) -> list:
    """Do the second half of `translate_by_example`, given rows of similar sentences, (N, K)."""
    english, french, written = table["english"].tolist(), table["french"].tolist(), []
    for sentence, rows in zip(sentences, similar, strict=True):
        adapted = [exchange_words(sentence, english[k], french[k], dictionary, most) for k in rows]
        written.append(min(adapted, key=lambda pair: pair[0])[1])
    return written


def measure_distances(sentences: list[list[str]], similar: np.ndarray, known: list) -> np.ndarray:
    """Return how many words to put in, leave out or change separate N sentences from the nearest.

    The nearest is that of the K similar known sentences, rows (N, K), with the fewest such edits
    (Levenshtein distance).

    Example:
        >>> known = [["a", "cat", "sleeps"], ["a", "dog"]]
        >>> measure_distances([["a", "dog", "sleeps", "here"]], np.array([[0, 1]]), known)
        array([2])
    """

    def count_edits(first: list[str], second: list[str]) -> int:
        row = [*range(len(second) + 1)]
        for i, word in enumerate(first, 1):
            before, row[0] = row[0], i
            for j, other in enumerate(second, 1):
                edits = min(row[j] + 1, row[j - 1] + 1, before + (word != other))
                before, row[j] = row[j], edits
        return row[-1]

    return np.array(
        [
            min(count_edits(sentence, known[k]) for k in rows)
            for sentence, rows in zip(sentences, similar, strict=True)
        ]
    )
