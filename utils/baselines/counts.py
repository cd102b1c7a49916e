"""Word counts and logistic regression: the baselines of the classifiers."""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler

from utils.data.text import split_words


def build_word_counts(C: float) -> Pipeline:
    """Build the baseline: TF-IDF of words and word pairs, then logistic regression.

    Args:
        C: inverse strength of the L2 regularisation.
    """
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[!?]")
    return make_pipeline(counts, LogisticRegression(C=C, max_iter=1000))


def build_count_features(glove: tuple | None = None, lexicon: dict | None = None):
    """Build the features of the strongest count model of lesson 01; `fit_transform` takes texts.

    TF-IDF of words, word pairs and groups of two to five letters; with `glove`, also mean,
    largest and smallest value of the word vectors; with `lexicon`, also sums of its scores, with
    the sign turned up to three words after a negation.

    Args:
        glove: what `load_glove` returns: word to row, and vectors (V, D).
        lexicon: word to score.

    Reference:
        Wang and Manning 2012, Baselines and Bigrams; Hutto and Gilbert 2014, VADER, section 3.3.
    """
    words = {"tokenizer": split_words, "token_pattern": None, "lowercase": False}
    parts = [
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **words),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
    ]
    if glove is not None:
        summarise = FunctionTransformer(summarise_vectors, kw_args={"glove": glove})
        parts.append(make_pipeline(summarise, MaxAbsScaler()))
    if lexicon is not None:
        add_up = FunctionTransformer(add_up_scores, kw_args={"lexicon": lexicon})
        parts.append(make_pipeline(add_up, MaxAbsScaler()))
    return make_union(*parts)


NEGATIONS = {"not", "n't", "no", "never", "nothing", "without", "hardly", "neither", "nor"}


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


def fit_soft(features, probabilities: np.ndarray, C: float) -> LogisticRegression:
    """Fit a logistic regression to probabilities: each text enters twice, once with each label.

    Args:
        features: sparse, shape (B, F).
        probabilities: of label 1, shape (B,); 0 or 1 is a plain label.
        C: inverse strength of the L2 regularisation.
    """
    from scipy.sparse import vstack

    p = np.asarray(probabilities, "float64")
    labels, weights = np.repeat([1, 0], len(p)), np.concatenate([p, 1 - p])
    used = weights > 0
    rows = vstack([features, features]).tocsr()[used]
    model = LogisticRegression(C=C, max_iter=1000, solver="liblinear", random_state=0)
    return model.fit(rows, labels[used], sample_weight=weights[used])


def predict_with_nb_counts(known, labels, texts, C: float) -> np.ndarray:
    """Fit word counts weighted by their naive Bayes ratio; return probabilities of label 1, (B,).

    A feature says whether one to three neighbouring words occur in a text, times the logarithm of
    how much more often they occur in texts of label 1; then comes a logistic regression.

    Args:
        known: training texts.
        labels: 0 or 1 for each of them.
        texts: B texts to judge.
        C: inverse strength of the L2 regularisation.

    Reference:
        Wang and Manning 2012, Baselines and Bigrams, section 2.3, with logistic regression.
    """
    words = {"tokenizer": split_words, "token_pattern": None, "lowercase": False}
    counts = CountVectorizer(ngram_range=(1, 3), binary=True, **words)
    features, labels = counts.fit_transform(known), np.asarray(labels)
    sums = [1 + np.asarray(features[labels == label].sum(axis=0)).ravel() for label in (0, 1)]
    ratio = np.log(sums[1] / sums[1].sum()) - np.log(sums[0] / sums[0].sum())
    model = LogisticRegression(C=C, max_iter=1000, solver="liblinear", random_state=0)
    model.fit(features.multiply(ratio).tocsr(), labels)
    return model.predict_proba(counts.transform(texts).multiply(ratio).tocsr())[:, 1]
