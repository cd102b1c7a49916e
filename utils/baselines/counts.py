"""Word counts and logistic regression: the baseline of the classifiers."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline


def build_word_counts(C: float) -> Pipeline:
    """Build TF-IDF of words and word pairs with logistic regression. Notebook 01, section 2.

    `C` is the inverse strength of the L2 regularisation.
    """
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[!?]")
    return make_pipeline(counts, LogisticRegression(C=C, max_iter=1000))
