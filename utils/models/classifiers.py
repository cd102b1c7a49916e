"""The text classifiers of notebooks 01 and 03, from token ids (B, T), 0 = padding, to (B, 1).

Shapes: B batch, T sequence, V vocabulary, D hidden. Each `name` is the model's, each
`learning_rate` that of Adam, a number or a schedule; `vectors` (V, D) are the first values of the
table of word vectors; `dropout` is the share of their dimensions, and of pooled features, that is
blanked in training.
"""

import keras
import numpy as np

from utils.models.layers import BigramHashing, MaskedAveragePooling1D, MaskedMaxPooling1D


@keras.saving.register_keras_serializable(package="course")
def count_agreement(targets, probabilities):
    """Return 1 where prediction and target lie on the same side of one half, else 0.

    Keras' binary accuracy takes no targets between 0 and 1.
    """
    targets = keras.ops.reshape(targets, keras.ops.shape(probabilities))
    same = keras.ops.equal(keras.ops.round(targets), keras.ops.round(probabilities))
    return keras.ops.cast(same, "float32")


def _add_head(name: str, token_ids, x, learning_rate) -> keras.Model:
    """Add the probability to features (B, any width), and compile."""
    probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability")(x)
    model = keras.Model(token_ids, probability, name=name)
    accuracy = keras.metrics.MeanMetricWrapper(count_agreement, name="accuracy")
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy", metrics=[accuracy])
    return model


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

    The table of word vectors, V rows of `embedding_dim` numbers, is random if there are none; the
    LSTM has D units in each direction.
    Reference: Hochreiter and Schmidhuber 1997; Schuster and Paliwal 1997.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True)
    x = embedding(token_ids)
    if vectors is not None:
        embedding.set_weights([vectors])
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(hidden_dim, return_sequences=True))(x)
    x = keras.layers.Dropout(dropout)(MaskedMaxPooling1D()(x))
    return _add_head(name, token_ids, x, learning_rate)


def embed_words(token_ids, vectors: np.ndarray, channels: str):
    """Look up the word vectors, in one table or in two side by side. From notebook 03, section 3.

    From token ids (B, T) and the first values of a table (V, D) to (B, T, D); for `channels`
    "both", that is "frozen" and "fine-tuned", to (B, T, 2 D).
    """
    kinds = {"frozen": [False], "fine-tuned": [True], "both": [False, True]}[channels]
    sizes = vectors.shape
    tables = [keras.layers.Embedding(*sizes, weights=[vectors], trainable=kind) for kind in kinds]
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

    The `channels` of word vectors are "frozen", "fine-tuned" or "both"; `widths` are the tokens
    that a filter sees at once, one layer each, of `num_filters`.
    Reference: Kim 2014, Convolutional Neural Networks for Sentence Classification, section 2.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids, 0)
    x = embed_words(token_ids, vectors, channels)
    x = keras.layers.SpatialDropout1D(dropout)(x)
    x = keras.ops.where(mask[:, :, None], x, 0.0)  # padding looks like the edge of the text
    features = []
    for width in widths:
        settings = {"padding": "same", "activation": "relu", "name": f"width_{width}"}
        convolution = keras.layers.Conv1D(num_filters, width, **settings)
        features.append(MaskedMaxPooling1D()(convolution(x), mask=mask))
    x = keras.layers.Dropout(dropout)(keras.ops.concatenate(features, axis=-1))
    return _add_head(name, token_ids, x, learning_rate)


def build_bigram_average(
    name: str, vectors: np.ndarray, *, num_buckets=200_003, dropout=0.5, learning_rate=1e-2
) -> keras.Model:
    """Build and compile the average over word and bigram vectors. Built in notebook 03, section 5.

    There are vectors of V <= 46,340 words; bigrams share `num_buckets` vectors by a hash.
    Reference: Joulin et al. 2017, Bag of Tricks for Efficient Text Classification.
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
    return _add_head(name, token_ids, x, learning_rate)
