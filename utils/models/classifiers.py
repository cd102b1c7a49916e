"""The text classifiers of notebooks 01 and 03.

Shapes: B batch, T sequence, V vocabulary, D hidden.
"""

import keras
import numpy as np

from utils.models.layers import BigramHashing, MaskedAveragePooling1D, MaskedMaxPooling1D


@keras.saving.register_keras_serializable(package="course")
def count_agreement(targets, probabilities):
    """Return 1 where prediction and target lie on the same side of one half, else 0.

    Built in notebook 01, section 6. Unlike Keras' binary accuracy it also works for targets
    between 0 and 1.
    """
    targets = keras.ops.reshape(targets, keras.ops.shape(probabilities))
    same = keras.ops.equal(keras.ops.round(targets), keras.ops.round(probabilities))
    return keras.ops.cast(same, "float32")


def build_classifier(
    name: str,
    vocabulary_size: int,
    vectors: np.ndarray | None = None,
    *,
    embedding_dim: int = 50,
    hidden_dim: int = 64,
    dropout: float = 0.2,
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
    embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True)
    x = embedding(token_ids)
    if vectors is not None:
        embedding.set_weights([vectors])
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(hidden_dim, return_sequences=True))(x)
    x = keras.layers.Dropout(dropout)(MaskedMaxPooling1D()(x))
    probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability")(x)
    model = keras.Model(token_ids, probability, name=name)
    accuracy = keras.metrics.MeanMetricWrapper(count_agreement, name="accuracy")
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy", metrics=[accuracy])
    return model


def embed_words(token_ids, vectors: np.ndarray, channels: str):
    """Look up the word vectors, in one table or in two side by side. From notebook 03, section 3.

    Args:
        token_ids: symbolic token ids, shape (B, T).
        vectors: first values of a table, shape (V, D).
        channels: "frozen", "fine-tuned" or "both".

    Returns:
        Symbolic vectors, shape (B, T, D), or (B, T, 2 D) for "both".
    """
    trainable = {"frozen": [False], "fine-tuned": [True], "both": [False, True]}[channels]
    tables = [
        keras.layers.Embedding(*vectors.shape, weights=[vectors], trainable=t) for t in trainable
    ]
    return keras.ops.concatenate([table(token_ids) for table in tables], axis=-1)


def build_cnn(
    name: str,
    vectors: np.ndarray,
    *,
    channels: str = "both",
    widths: tuple[int, ...] = (1, 2, 3),
    num_filters: int = 100,
    dropout: float = 0.4,
    learning_rate=3e-3,
) -> keras.Model:
    """Build and compile Kim's convolution over words. Built in notebook 03, section 3.

    Args:
        name: of the model.
        vectors: first values of the embedding table, shape (V, D).
        channels: word vectors that are "frozen", "fine-tuned" or "both".
        widths: tokens that a filter sees at once, one layer each.
        num_filters: of each width.
        dropout: share of word-vector dimensions, and of pooled features, blanked in training.
        learning_rate: of Adam, a number or a schedule.

    Returns:
        A model from token ids (B, T), 0 = padding, to probabilities (B, 1).

    Reference:
        Kim 2014, Convolutional Neural Networks for Sentence Classification, section 2.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids, 0)
    x = embed_words(token_ids, vectors, channels)
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = keras.ops.where(mask[:, :, None], x, 0.0)  # padding looks like the edge of the text
    features = []
    for width in widths:
        layer_name = f"width_{width}"
        convolution = keras.layers.Conv1D(
            num_filters, width, padding="same", activation="relu", name=layer_name
        )
        features.append(MaskedMaxPooling1D()(convolution(x), mask=mask))
    x = keras.layers.Dropout(dropout)(keras.ops.concatenate(features, axis=-1))
    probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability")(x)
    model = keras.Model(token_ids, probability, name=name)
    accuracy = keras.metrics.MeanMetricWrapper(count_agreement, name="accuracy")
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "binary_crossentropy", metrics=[accuracy])
    return model


def build_bigram_average(
    name: str,
    vectors: np.ndarray,
    *,
    num_buckets: int = 200_003,
    dropout: float = 0.5,
    learning_rate=1e-2,
) -> keras.Model:
    """Build and compile the average over word and bigram vectors. Built in notebook 03, section 5.

    Args:
        name: of the model.
        vectors: first values of the embedding table of words, shape (V, D), V <= 46,340.
        num_buckets: rows of the embedding table of bigrams, which share them by a hash.
        dropout: share of vector dimensions, and of averaged features, blanked in training.
        learning_rate: of Adam, a number or a schedule.

    Returns:
        A model from token ids (B, T), 0 = padding, to probabilities (B, 1).

    Reference:
        Joulin et al. 2017, Bag of Tricks for Efficient Text Classification.
    """
    vocabulary_size, embedding_dim = vectors.shape
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids, 0)
    bigram_ids = BigramHashing(vocabulary_size, num_buckets)(token_ids)
    words = keras.layers.Embedding(vocabulary_size, embedding_dim, weights=[vectors])
    bigrams = keras.layers.Embedding(num_buckets + 1, embedding_dim, embeddings_initializer="zeros")
    x = words(token_ids) + bigrams(bigram_ids)
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = MaskedAveragePooling1D()(x, mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability")(x)
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
    outputs = [model(token_ids) for model in models]
    mean = keras.layers.Average(dtype="float32", name="mean")(outputs)
    return keras.Model(token_ids, mean, name=name)
