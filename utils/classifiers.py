"""The text classifiers of notebooks 01 and 03.

Shapes: B batch, T sequence, V vocabulary, D hidden.
"""

import keras
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from utils.layers import MaskedMaxPooling1D


def build_word_counts(C: float) -> Pipeline:
    """Build the baseline: TF-IDF of words and word pairs, then logistic regression.

    Built in notebook 01, section 2.

    Args:
        C: inverse strength of the L2 regularisation.
    """
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[!?]")
    return make_pipeline(counts, LogisticRegression(C=C, max_iter=1000))


@keras.saving.register_keras_serializable(package="course")
def count_agreement(targets, probabilities):
    """Return 1 where prediction and target lie on the same side of one half, else 0.

    Built in notebook 01, section 6. Unlike Keras' binary accuracy it also works for targets
    between 0 and 1.
    """
    same = keras.ops.equal(keras.ops.round(targets), keras.ops.round(probabilities))
    return keras.ops.cast(same, "float32")


def build_classifier(
    name: str,
    vocabulary_size: int,
    vectors: np.ndarray | None = None,
    *,
    embedding_dim: int = 50,
    hidden_dim: int = 64,
    dropout: float = 0.4,
    learning_rate=3e-3,
) -> keras.Model:
    """Build and compile the bidirectional LSTM classifier. Built in notebook 01, section 6.

    Args:
        name: of the model.
        vocabulary_size: V, rows of the embedding table.
        vectors: first values of that table, shape (V, embedding_dim); random if None.
        embedding_dim: numbers a token's vector has.
        hidden_dim: D, units in each direction.
        dropout: share of word-vector dimensions, and of pooled features, blanked in training.
        learning_rate: of Adam, a number or a schedule.

    Returns:
        A model from token ids (B, T), 0 = padding, to probabilities (B, 1).

    Reference:
        Hochreiter and Schmidhuber 1997; Schuster and Paliwal 1997.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    weights = None if vectors is None else [vectors]
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, weights=weights, mask_zero=True)(
        token_ids
    )
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(hidden_dim, return_sequences=True))(x)
    x = MaskedMaxPooling1D()(x)
    x = keras.layers.Dropout(dropout)(x)
    probability = keras.layers.Dense(1, activation="sigmoid", name="probability")(x)
    model = keras.Model(token_ids, probability, name=name)
    accuracy = keras.metrics.MeanMetricWrapper(count_agreement, name="accuracy")
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "binary_crossentropy", metrics=[accuracy])
    return model


def average_models(name: str, models: list[keras.Model]) -> keras.Model:
    """Build a model whose output is the mean of several. Built in notebook 01, section 6.

    Args:
        name: of the new model.
        models: each from token ids (B, T) to probabilities (B, 1).

    Returns:
        A model with the same input and output; it shares the weights of `models`.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    return keras.Model(
        token_ids, keras.layers.Average()([model(token_ids) for model in models]), name=name
    )
