"""The recurrent language model of lesson 02, over words and characters.

Shapes: B batch, T sequence, V vocabulary, D hidden, N tokens of a text.
"""

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def build_language_model(
    vocabulary_size: int, *, embedding_dim, hidden_dim, batch_size=None, stateful=False
) -> keras.Model:
    """Build a GRU that scores the next token. Built in lesson 02, section 6.

    It goes from token ids (B, T) to logits (B, T, V), with D = `hidden_dim` units. Where
    `stateful`, which needs B, row b of a batch goes on where row b of the batch before it ended.
    """
    token_ids = keras.Input((None,), batch_size=batch_size, dtype="int32", name="token_ids")
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(token_ids)
    x = keras.layers.GRU(hidden_dim, return_sequences=True, stateful=stateful, name="recurrent")(x)
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    return keras.Model(token_ids, logits, name="gru")


def make_streams(token_ids: np.ndarray, batch_size: int, sequence_length: int) -> tuple:
    """Cut a text into `batch_size` streams that are read side by side. Lesson 02, section 7.

    Return inputs and targets (the token after each input), shape (rows, sequence_length). Row b of
    one batch goes on where row b of the batch before it ended. The rest of the text is dropped.

    Example:
        >>> make_streams(np.arange(9), 2, 2)[0].tolist()
        [[0, 1], [4, 5], [2, 3], [6, 7]]
    """
    steps = (len(token_ids) - 1) // (batch_size * sequence_length)

    def cut(ids):
        streams = ids[: batch_size * steps * sequence_length]
        streams = streams.reshape(batch_size, steps, sequence_length)
        return streams.swapaxes(0, 1).reshape(-1, sequence_length)

    return cut(token_ids[:-1]), cut(token_ids[1:])


def measure_bits(model: keras.Model, token_ids: np.ndarray, *, span=400, context=100) -> np.ndarray:
    """Return how many bits each token of a text (N,) but the first costs, shape (N - 1,).

    Built in lesson 02, section 7. The text is cut into spans that are read side by side; each is
    preceded by `context` tokens (fewer at the start of the text) that are read and not counted, so
    that the state is warm. The model goes from token ids (B, T) to logits (B, T, V), not stateful.
    """
    inputs, targets = token_ids[:-1], token_ids[1:]
    rows = -(-len(inputs) // span)
    missing = rows * span - len(inputs)
    windows = sliding_window_view(np.pad(inputs, (context, missing)), context + span)[::span]
    wanted = np.pad(targets, (0, missing)).reshape(rows, span)
    bits = []
    for k in range(0, rows, 16):
        logits = model.predict_on_batch(windows[k : k + 16])[:, context:]
        some = wanted[k : k + 16]
        nats = keras.ops.sparse_categorical_crossentropy(some, logits, from_logits=True)
        bits.append(keras.ops.convert_to_numpy(nats) / np.log(2))
    return np.concatenate(bits).ravel()[: len(inputs)]
