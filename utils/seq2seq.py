"""Encoder-decoder translation with LSTMs, plain and with attention.

Built step by step in notebook 05 (everything but the attention) and notebook 08 (attention and
alignments). Shapes: B batch, S source tokens, T target tokens, D hidden, V target vocabulary,
K beam width.
"""

import keras
import numpy as np

from utils.language_models import compile_function
from utils.pairs import (
    END,
    PADDING,
    START,
    decode_tokens,
    encode_tokens,
    join_tokens,
    split_sentence,
)

# Attention


@keras.saving.register_keras_serializable(package="course")
class CrossAttention(keras.layers.Layer):
    """Score, softmax, context: how much each target position reads of each source position.

    Built in notebook 08, section 2.

    Args:
        score: "dot" (q · m), "general" (q · W m) or "additive" (v · tanh(W q + U m)).

    Call with `query` (B, T, D), `memory` (B, S, D) and `memory_mask` (B, S), False on padding.
    It returns the context (B, T, D) and the weights (B, T, S), whose rows sum to 1.

    Raises:
        ValueError: there is no such score.

    Reference:
        Luong, Pham and Manning 2015, section 3.1 (dot, general); Bahdanau, Cho and Bengio 2015,
        appendix A.1.2 (additive).
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
        scores = keras.ops.where(memory_mask[:, None], scores, -1e9)
        weights = keras.ops.softmax(scores, axis=-1)
        return keras.ops.einsum("bts,bsd->btd", weights, memory), weights

    def get_config(self):
        return super().get_config() | {"score": self.score}


# The model


def build_translator(
    source_size: int,
    target_size: int,
    *,
    embedding_dim: int,
    hidden_dim: int,
    dropout: float = 0.0,
    attention: keras.layers.Layer | None = None,
) -> keras.Model:
    """Build an encoder-decoder. Built in notebook 05, section 2; with attention in notebook 08.

    Args:
        source_size: tokens of the source vocabulary.
        target_size: V, tokens of the target vocabulary.
        embedding_dim: numbers a token's vector has.
        hidden_dim: D, units of the decoder; the encoder has half of it in each direction.
        dropout: share of the word vectors' and of the last layer's inputs blanked in training.
        attention: None, or a layer as `CrossAttention`: each decoder state then looks at all
            encoder states.

    Returns:
        A model from [source_ids (B, S), target_ids (B, T)], 0 = padding, to logits (B, T, V).
        The decoder reads the true target so far (teacher forcing).

    Reference:
        Sutskever, Vinyals and Le 2014; with attention Luong, Pham and Manning 2015, equation 5.
    """
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    mask = keras.ops.not_equal(source_ids, PADDING)
    x = keras.layers.Embedding(source_size, embedding_dim, name="source_embedding")(source_ids)
    x = keras.layers.Dropout(dropout)(x)
    reader = keras.layers.LSTM(hidden_dim // 2, return_sequences=True, return_state=True)
    memory, *states = keras.layers.Bidirectional(reader, name="encoder")(x, mask=mask)
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
    logits = keras.layers.Dense(target_size, name="logits")(y)
    return keras.Model([source_ids, target_ids], logits, name="translator")


def compute_masked_loss(targets, logits):
    """Return the mean cross-entropy of the real tokens, in nats. Built in notebook 05, section 2.

    Args:
        targets: token ids, shape (B, T); 0 is padding and counts nothing.
        logits: shape (B, T, V).
    """
    nats = keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    real = keras.ops.cast(keras.ops.not_equal(targets, PADDING), nats.dtype)
    return keras.ops.sum(nats * real) / keras.ops.sum(real)


def compute_masked_accuracy(targets, logits):
    """Return the share of real tokens that are predicted. Built in notebook 05, section 2."""
    predicted = keras.ops.cast(keras.ops.argmax(logits, axis=-1), targets.dtype)
    real = keras.ops.cast(keras.ops.not_equal(targets, PADDING), "float32")
    right = keras.ops.cast(keras.ops.equal(predicted, targets), "float32")
    return keras.ops.sum(right * real) / keras.ops.sum(real)


# Decoding


def encode_source(model: keras.Model, source_ids):
    """Return memory (B, S, D), its mask (B, S) and the first decoder states, h and c (B, D).

    Built in notebook 05, section 3.
    """
    mask = keras.ops.not_equal(source_ids, PADDING)
    x = model.get_layer("source_embedding")(source_ids)
    memory, *states = model.get_layer("encoder")(x, mask=mask)
    return memory, mask, [keras.ops.concatenate(states[i::2], axis=-1) for i in (0, 1)]


def score_next(model: keras.Model, token_ids, states: list, memory, mask):
    """Score the token after `token_ids` (B,): one step of the decoder.

    Built in notebook 05, section 3.

    Returns:
        Logits (B, V) and the new states.
    """
    y, states = model.get_layer("decoder").cell(
        model.get_layer("target_embedding")(token_ids), states
    )
    if "attention" in [layer.name for layer in model.layers]:
        context, _ = model.get_layer("attention")(y[:, None], memory, mask)
        y = model.get_layer("combine")(keras.ops.concatenate([y, context[:, 0]], axis=-1))
    return model.get_layer("logits")(y), states


def build_greedy_decoder(model: keras.Model, length: int):
    """Return a compiled function that always goes on with the likeliest token.

    Built in notebook 05, section 3.

    Args:
        model: from `build_translator`; its weights at the first call are used.
        length: most tokens of a translation, `[END]` included.

    Returns:
        A function from source_ids (B, S) to token ids (B, length); padding follows `[END]`.
    """

    def decode(source_ids):
        memory, mask, states = encode_source(model, source_ids)

        def step(t, carry):
            token_ids, last, states = carry
            logits, states = score_next(model, last, states, memory, mask)
            best = keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int32")
            ended = keras.ops.logical_or(last == END, last == PADDING)
            best = keras.ops.where(ended, PADDING, best)
            return keras.ops.slice_update(token_ids, (t, 0), best[None]), best, states

        token_ids = keras.ops.zeros((length, source_ids.shape[0]), "int32")
        carry = (token_ids, keras.ops.full_like(token_ids[0], START), states)
        return keras.ops.transpose(keras.ops.fori_loop(0, length, step, carry)[0])

    return compile_function(decode)


def choose_prefixes(totals, last, nats):
    """Choose the K likeliest ways to make K prefixes one token longer. From notebook 05, section 6.

    A prefix that has ended goes on with padding, at no cost.

    Args:
        totals: log probabilities of the prefixes, shape (B, K).
        last: their last tokens, shape (B K,).
        nats: log probabilities of the next token, shape (B K, V).

    Returns:
        The new totals (B, K); for each new prefix the row of the one it makes longer (B K,); and
        its last token (B K,).
    """
    (B, K), V = totals.shape, nats.shape[-1]
    ended = keras.ops.logical_or(last == END, last == PADDING)[:, None]
    nats = keras.ops.where(ended, [0.0] + [-1e9] * (V - 1), nats)  # padding is token 0
    sums = totals[:, :, None] + keras.ops.reshape(nats, (B, K, V))
    totals, places = keras.ops.top_k(keras.ops.reshape(sums, (B, K * V)), K)
    places = keras.ops.cast(places, "int32")
    rows = K * keras.ops.arange(B, dtype="int32")[:, None] + places // V
    return totals, keras.ops.reshape(rows, (-1,)), keras.ops.reshape(places % V, (-1,))


def build_beam_decoder(model: keras.Model, length: int, beam_width: int, *, penalty: float = 0.0):
    """Return a compiled function that follows the `beam_width` likeliest prefixes.

    Built in notebook 05, section 6.

    Args:
        model: from `build_translator`; its weights at the first call are used.
        length: most tokens of a translation, `[END]` included.
        beam_width: K, prefixes kept for each sentence.
        penalty: at the end the log probability is divided by (tokens ** penalty); 0 leaves it.

    Returns:
        A function from source_ids (B, S) to token ids (B, K, length) and their scores (B, K),
        best first.
    """

    def decode(source_ids):
        B, K = source_ids.shape[0], beam_width
        encoded = encode_source(model, source_ids)
        memory, mask, *states = (
            keras.ops.repeat(x, K, axis=0) for x in (*encoded[:2], *encoded[2])
        )

        def step(t, carry):
            token_ids, last, totals, states = carry  # (L, B K), (B K,), (B, K), [(B K, D)] * 2
            logits, states = score_next(model, last, states, memory, mask)
            totals, rows, last = choose_prefixes(totals, last, keras.ops.log_softmax(logits))
            token_ids = keras.ops.take(token_ids, rows, axis=1)
            token_ids = keras.ops.slice_update(token_ids, (t, 0), last[None])
            return token_ids, last, totals, [keras.ops.take(x, rows, axis=0) for x in states]

        token_ids = keras.ops.zeros((length, B * K), "int32")
        last = keras.ops.full_like(token_ids[0], START)
        totals = keras.ops.tile([[0.0] + [-1e9] * (K - 1)], (B, 1))  # at first all K are the same
        carry = (token_ids, last, totals, states)
        token_ids, _, totals, _ = keras.ops.fori_loop(0, length, step, carry)
        token_ids = keras.ops.reshape(keras.ops.transpose(token_ids), (B, K, length))
        counts = keras.ops.maximum(keras.ops.count_nonzero(token_ids, axis=-1), 1)
        means = totals / keras.ops.cast(counts, "float32") ** penalty
        scores, order = keras.ops.top_k(means, K)
        return keras.ops.take_along_axis(token_ids, order[:, :, None], axis=1), scores

    return compile_function(decode)


def translate(decode, source_ids: np.ndarray, *, batch_size: int = 256) -> np.ndarray:
    """Run a decoder over any number of sentences, in batches of one shape.

    Built in notebook 05, section 3.

    Args:
        decode: from `build_greedy_decoder` or `build_beam_decoder` (of which the best is kept).
        source_ids: shape (N, S).
        batch_size: sentences decoded side by side; the last batch is filled with padding.

    Returns:
        Token ids, shape (N, length).
    """
    found = []
    for i in range(0, len(source_ids), batch_size):
        batch = source_ids[i : i + batch_size]
        missing = batch_size - len(batch)
        result = decode(np.pad(batch, ((0, missing), (0, 0))))
        token_ids = result[0][:, 0] if isinstance(result, tuple) else result
        found.append(keras.ops.convert_to_numpy(token_ids)[: len(batch)])
    return np.concatenate(found)


def translate_texts(
    decode, texts: list[str], source_vocabulary: list[str], target_vocabulary: list[str]
) -> list[str]:
    """Translate raw texts. Built in notebook 05, section 3.

    Args:
        decode: from `build_greedy_decoder` or `build_beam_decoder`.
        texts: of any content; what holds no word or mark is translated by "".
        source_vocabulary: from `build_token_vocabulary`.
        target_vocabulary: likewise.
    """
    sentences = [split_sentence(text) for text in texts]
    token_ids = encode_tokens(sentences, source_vocabulary)
    found = decode_tokens(translate(decode, token_ids, batch_size=1), target_vocabulary)
    return [join_tokens(f) if s else "" for s, f in zip(sentences, found, strict=True)]


# Alignment


def read_alignments(
    weights: np.ndarray, source_ids: np.ndarray, target_ids: np.ndarray
) -> list[list[tuple[int, int]]]:
    """Link each target token to the source token that has the largest weight.

    Built in notebook 08, section 6. Row t of the weights belongs to the decoder state that
    *predicts* target token t (it has read the tokens before t, not t itself). `[END]` gets no
    link.

    Args:
        weights: shape (B, T, S), from a pass over the true target (forced decoding).
        source_ids: shape (B, S).
        target_ids: what is predicted, up to `[END]`, shape (B, T).

    Returns:
        For each pair its links (i, j): source and target index from 0.
    """
    real = np.logical_and(target_ids != PADDING, target_ids != END)
    weights = np.where((source_ids != PADDING)[:, None], weights, -1.0)
    best = weights.argmax(axis=-1)
    return [
        [(int(row[j]), int(j)) for j in np.flatnonzero(kept)]
        for row, kept in zip(best, real, strict=True)
    ]
