"""The recurrent language models of notebook 02, over characters or words.

Shapes: B batch, T sequence, V vocabulary, D hidden, N tokens of a text.
"""

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils.backends import compute_gradient


def build_language_model(
    cell: str, vocabulary_size: int, *, embedding_dim, hidden_dim, batch_size=None, stateful=False
) -> keras.Model:
    """Build a recurrent network that scores the next token. Built in notebook 02, section 3.

    It goes from token ids (B, T) to logits (B, T, V). The cell is "SimpleRNN", "GRU" or "LSTM", of
    D = `hidden_dim` units. Where `stateful`, which needs B, row b of a batch goes on where row b of
    the batch before it ended.
    """
    token_ids = keras.Input((None,), batch_size=batch_size, dtype="int32", name="token_ids")
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(token_ids)
    recurrent = getattr(keras.layers, cell)
    x = recurrent(hidden_dim, return_sequences=True, stateful=stateful, name="recurrent")(x)
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    return keras.Model(token_ids, logits, name=cell.lower())


def make_streams(token_ids: np.ndarray, batch_size: int, sequence_length: int) -> tuple:
    """Cut a text into `batch_size` streams that are read side by side. Notebook 02, section 3.

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

    Built in notebook 02, section 3. The text is cut into spans that are read side by side; each is
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


def compute_gradient_by_distance(model: keras.Model, token_ids: np.ndarray) -> np.ndarray:
    """Measure how much the last loss depends on the state k steps before it.

    Built in notebook 02, section 4. A zero is added to the output h of every step; the gradient of
    the last loss with respect to that zero is its gradient with respect to h. Of B texts (B, T + 1)
    the last token is the one to be predicted by the model of `build_language_model`. Return for
    k = 0, ..., T - 1 the norm of d loss_T / d h_{T-k}, averaged over the texts.
    """
    cell = model.get_layer("recurrent").cell
    vectors = model.get_layer("embedding")(token_ids[:, :-1])  # (B, T, D)

    def compute_loss(zeros):  # (T, B, D)
        states = cell.get_initial_state(batch_size=len(token_ids))
        for t in range(vectors.shape[1]):
            _, states = cell(vectors[:, t], states)
            zero = keras.ops.cast(zeros[t], states[0].dtype)
            states = [states[0] + zero, *states[1:]]
        logits = model.get_layer("logits")(states[0])
        nats = keras.ops.sparse_categorical_crossentropy(token_ids[:, -1], logits, from_logits=True)
        return keras.ops.sum(nats)

    shape = (vectors.shape[1], len(token_ids), cell.units)
    gradient = compute_gradient(compute_loss, np.zeros(shape, "float32"))
    return np.linalg.norm(gradient, axis=-1).mean(axis=-1)[::-1]
