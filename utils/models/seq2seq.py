"""Encoder-decoder translation with LSTMs, plain and with attention.

Built step by step in notebook 05, attention and alignments in 08. Shapes: B batch, S source
tokens, T target tokens, D hidden, V target vocabulary.
"""

import keras
import numpy as np

from utils.data.pairs import END, PADDING


@keras.saving.register_keras_serializable(package="course")
class CrossAttention(keras.layers.Layer):
    """Score, softmax, context: how much each target position reads of each source position.

    Built in notebook 08, section 2. Call with `query` (B, T, D), `memory` (B, S, D) and
    `memory_mask` (B, S), False on padding. It returns the context (B, T, D) and the weights
    (B, T, S), which sum to 1 for a query; where all of the memory is padding, both are 0. The score
    is "dot" (q · m), "general" (q · W m) or "additive" (v · tanh(W q + U m)).
    Reference: Luong, Pham and Manning 2015, section 3.1 (dot, general); Bahdanau, Cho and Bengio
    2015, appendix A.1.2 (additive).
    """

    def __init__(self, score: str = "dot", *, name: str = "attention", **kwargs):
        super().__init__(name=name, **kwargs)
        if score not in ("dot", "general", "additive"):
            raise ValueError(f"score is 'dot', 'general' or 'additive', got {score!r}")
        self.score = score

    def build(self, query_shape, memory_shape, *args):
        shape = (memory_shape[-1], query_shape[-1])
        if self.score != "dot":
            self.memory_kernel = self.add_weight(shape=shape, name="memory_kernel")
        if self.score == "additive":
            self.query_kernel = self.add_weight(shape=(shape[1], shape[1]), name="query_kernel")
            self.scale = self.add_weight(shape=shape[1:], name="scale")

    def call(self, query, memory, memory_mask):
        keys = memory if self.score == "dot" else keras.ops.matmul(memory, self.memory_kernel)
        if self.score == "additive":
            query = keras.ops.matmul(query, self.query_kernel)
            both = keras.ops.tanh(query[:, :, None] + keys[:, None])  # (B, T, S, D)
            scores = keras.ops.sum(self.scale * both, axis=-1)
        else:
            scores = keras.ops.einsum("btd,bsd->bts", query, keys)
        scores = keras.ops.where(memory_mask[:, None], keras.ops.cast(scores, "float32"), -1e9)
        weights = keras.ops.where(memory_mask[:, None], keras.ops.softmax(scores), 0.0)
        return keras.ops.einsum("bts,bsd->btd", weights, memory), weights

    def get_config(self):
        return super().get_config() | {"score": self.score}


def build_translator(
    source_size: int,
    target_size: int,
    *,
    embedding_dim,
    hidden_dim,
    dropout=0.0,
    attention=None,
    both_directions=True,
) -> keras.Model:
    """Build an encoder-decoder. Built in notebook 05, section 2; with attention in notebook 08.

    It goes from [source_ids (B, S), target_ids (B, T)], 0 = padding, to logits (B, T, V). The
    decoder, of D units, reads the true target so far (teacher forcing); the encoder has D / 2 units
    in each direction, or D and one direction only. `dropout` is the share of the word vectors' and
    of the last layer's inputs blanked in training. Each decoder state looks at all encoder states
    by `attention`.
    Reference: Sutskever, Vinyals and Le 2014; Luong, Pham and Manning 2015, equation 5.
    """
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    mask = keras.ops.not_equal(source_ids, PADDING)
    x = keras.layers.Embedding(source_size, embedding_dim, name="source_embedding")(source_ids)
    x = keras.layers.Dropout(dropout)(x)
    units = hidden_dim // 2 if both_directions else hidden_dim
    encoder = keras.layers.LSTM(units, return_sequences=True, return_state=True, name="encoder")
    if both_directions:
        encoder = keras.layers.Bidirectional(encoder, name="encoder")
    memory, *states = encoder(x, mask=mask)
    states = [keras.ops.concatenate(states[i::2], axis=-1) for i in (0, 1)]  # h, c: (B, D)

    y = keras.layers.Embedding(target_size, embedding_dim, name="target_embedding")(target_ids)
    y = keras.layers.Dropout(dropout)(y)
    writer = keras.layers.LSTM(hidden_dim, return_sequences=True, name="decoder")
    y = writer(y, initial_state=states)
    if attention is not None:
        context, _ = attention(y, memory, mask)
        y = keras.ops.concatenate([y, context], axis=-1)
        y = keras.layers.Dense(hidden_dim, activation="tanh", name="combine")(y)
    y = keras.layers.Dropout(dropout)(y)
    logits = keras.layers.Dense(target_size, dtype="float32", name="logits")(y)
    return keras.Model([source_ids, target_ids], logits, name="translator")


@keras.saving.register_keras_serializable(package="course")
def compute_masked_loss(targets, logits):
    """Return the mean cross-entropy of the real tokens, in nats. Built in notebook 05, section 2.

    From target ids (B, T), of which 0 is padding and counts nothing, and logits (B, T, V).
    """
    logits = keras.ops.cast(logits, "float32")
    nats = keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    real = keras.ops.cast(keras.ops.not_equal(targets, PADDING), nats.dtype)
    return keras.ops.sum(nats * real) / keras.ops.sum(real)


@keras.saving.register_keras_serializable(package="course")
def compute_masked_accuracy(targets, logits):
    """Return the share of real tokens that are predicted. Built in notebook 05, section 2."""
    predicted = keras.ops.cast(keras.ops.argmax(logits, axis=-1), targets.dtype)
    real = keras.ops.cast(keras.ops.not_equal(targets, PADDING), "float32")
    right = keras.ops.cast(keras.ops.equal(predicted, targets), "float32")
    return keras.ops.sum(right * real) / keras.ops.sum(real)


def encode_source(model: keras.Model, source_ids):
    """Return memory (B, S, D), its mask (B, S) and the first decoder states, h and c (B, D).

    Built in notebook 05, section 3.
    """
    mask = keras.ops.not_equal(source_ids, PADDING)
    x = model.get_layer("source_embedding")(source_ids)
    memory, *states = model.get_layer("encoder")(x, mask=mask)
    return memory, mask, [keras.ops.concatenate(states[i::2], axis=-1) for i in (0, 1)]


def score_next(model: keras.Model, token_ids, states: list, memory, mask):
    """Return logits (B, V) of the token after `token_ids` (B,), and the new states: one step.

    Built in notebook 05, section 3.
    """
    y = model.get_layer("target_embedding")(token_ids)
    y, states = model.get_layer("decoder").cell(y, states)
    if "attention" in [layer.name for layer in model.layers]:
        context, _ = model.get_layer("attention")(y[:, None], memory, mask)
        y = model.get_layer("combine")(keras.ops.concatenate([y, context[:, 0]], axis=-1))
    return model.get_layer("logits")(y), states


def read_alignments(weights: np.ndarray, source_ids, target_ids) -> list[list[tuple[int, int]]]:
    """Link each target token to the source token that has the largest weight.

    Built in notebook 08, section 6. Row t of the weights (B, T, S), from a pass over the true
    target (forced decoding), belongs to the decoder state that *predicts* target token t: it has
    read the tokens before t, not t itself. For each pair of source_ids (B, S) and of target_ids
    (B, T), which are predicted, return links (i, j), indices from 0. `[END]` gets no link.
    """
    real = np.logical_and(target_ids != PADDING, target_ids != END)
    weights = np.where((source_ids != PADDING)[:, None], weights, -1.0)
    best = weights.argmax(axis=-1)
    pairs = zip(best, real, strict=True)
    return [[(int(row[j]), int(j)) for j in np.flatnonzero(kept)] for row, kept in pairs]
