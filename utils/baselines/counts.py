"""Word counts and logistic regression: the baselines of the classifiers."""

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import MaxAbsScaler

from utils.data.text import split_words


def build_word_counts(C: float) -> Pipeline:
    """Build the baseline: TF-IDF of words and word pairs, then logistic regression.

    Args:
        C: inverse strength of the L2 regularisation.
    """
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[!?]")
    return make_pipeline(counts, LogisticRegression(C=C, max_iter=1000))


NEGATIONS = {"not", "n't", "no", "never", "nothing", "without", "hardly", "neither", "nor"}


def mark_negations(text: str, reach: int = 4) -> list[str]:
    """Return the words of a text; the `reach` words after a negation as other words, NOT_word.

    Example:
        >>> mark_negations("not a very good film")
        ['not', 'NOT_a', 'NOT_very', 'NOT_good', 'NOT_film']
    """
    marked, left = [], 0
    for word in split_words(text):
        marked.append(f"NOT_{word}" if left else word)
        left = reach if word in NEGATIONS else max(0, left - 1)
    return marked


def summarise_vectors(texts, glove: tuple) -> np.ndarray:
    """Return mean, largest and smallest value of each dimension of the word vectors, (B, 3 D)."""
    rows, table = glove
    summaries = np.zeros((len(texts), 3 * table.shape[1]), "float32")
    for summary, text in zip(summaries, texts, strict=True):
        if found := [table[rows[word]] for word in split_words(text) if word in rows]:
            summary[:] = np.concatenate([np.mean(found, 0), np.max(found, 0), np.min(found, 0)])
    return summaries


def add_up_scores(texts, lexicon: dict[str, float]) -> np.ndarray:
    """Return five sums of word scores for each text: shape (B, 5).

    Praise; blame; all; all with the sign turned after a negation; the last in the second half.
    """
    sums = np.zeros((len(texts), 5))
    for row, text in zip(sums, texts, strict=True):
        words = split_words(text)
        scores = np.array([lexicon.get(word, 0.0) for word in words])
        before = [set(words[max(0, place - 3) : place]) for place in range(len(words))]
        turned = scores * np.array([-1.0 if each & NEGATIONS else 1.0 for each in before])
        praise, blame = scores[scores > 0].sum(), scores[scores < 0].sum()
        row[:] = praise, blame, scores.sum(), turned.sum(), turned[len(words) // 2 :].sum()
    return sums


class CountModel:
    """The strongest count model of lesson 01: weighted counts, then a logistic regression.

    Counts are TF-IDF values of words, word pairs and groups of two to five letters. Each is
    multiplied by the logarithm of how much more of it there is in texts of label 1 than in those
    of label 0 (naive Bayes weights). Beside them, if given, stand mean, largest and smallest value
    of the word vectors of a text, and sums of its word scores, with the sign turned up to three
    words after a negation.

    Args:
        C: inverse strength of the L2 regularisation.
        glove: what `load_glove` returns: word to row, and vectors (V, D).
        lexicon: word to score.
        split: what cuts a text into the words that are counted: `split_words`, `mark_negations`.

    Reference:
        Wang and Manning 2012, Baselines and Bigrams, section 2, here with TF-IDF and logistic
        regression; Hutto and Gilbert 2014, VADER, section 3.3, for the negations.
    """

    def __init__(
        self,
        C: float,
        *,
        glove: tuple | None = None,
        lexicon: dict | None = None,
        split=split_words,
    ):
        words = {"tokenizer": split, "token_pattern": None, "lowercase": False}
        letters = {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2}
        self.counts = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **words),
            TfidfVectorizer(sublinear_tf=True, **letters),
        )
        self.glove, self.lexicon, self.scaler = glove, lexicon, MaxAbsScaler()
        settings = {"max_iter": 1000, "solver": "liblinear", "random_state": 0}
        self.regression = LogisticRegression(C=C, **settings)

    def fit(self, texts, probabilities) -> "CountModel":
        """Learn from texts and the probability of label 1 of each, (B,); 0 and 1 are labels.

        A text enters twice, once with each label, weighted by its probability.
        """
        p, counts = np.asarray(probabilities, float), self.counts.fit_transform(texts)
        praise, blame = 1 + counts.T @ p, 1 + counts.T @ (1 - p)
        self.ratio = np.log(praise / praise.sum()) - np.log(blame / blame.sum())
        self.scaler.fit(self._summarise(texts))
        features = self._join(texts, counts)
        weights, labels = np.concatenate([p, 1 - p]), np.repeat([1, 0], len(p))
        used = weights > 0
        rows = sparse.vstack([features, features]).tocsr()[used]
        self.regression.fit(rows, labels[used], sample_weight=weights[used])
        return self

    def predict_proba(self, texts) -> np.ndarray:
        """Return the probabilities of labels 0 and 1, shape (B, 2)."""
        return self.regression.predict_proba(self._join(texts, self.counts.transform(texts)))

    def _join(self, texts, counts):
        dense = sparse.csr_matrix(self.scaler.transform(self._summarise(texts)))
        return sparse.hstack([counts.multiply(self.ratio), dense]).tocsr()

    def _summarise(self, texts) -> np.ndarray:
        parts = [np.ones((len(texts), 1))]  # so that there is a column where nothing is given
        parts += [summarise_vectors(texts, self.glove)] if self.glove else []
        parts += [add_up_scores(texts, self.lexicon)] if self.lexicon else []
        return np.hstack(parts)
