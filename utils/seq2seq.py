"""Encoder-decoder translation with LSTMs, plain and with attention.

Built step by step in notebook 05 (everything but the attention) and notebook 08 (attention and
alignments). Shapes: B batch, S source tokens, T target tokens, D hidden, V target vocabulary,
K beam width.
"""

import re
import unicodedata
from collections import Counter

import keras
import numpy as np

from utils.language_models import compile_function

PADDING, UNKNOWN, START, END = range(4)  # ids of the special tokens
SPECIAL = ["", "[UNK]", "[START]", "[END]"]

ELISION = re.compile(r"aujourd'hui|[^\W\d_]+'(?=\w)|\w+(?:[-']\w+)*|[^\w\s]")
WORD = re.compile(r"\w+(?:[-']\w+)*|[^\w\s]")


# From text to token ids and back


def split_sentence(text: str, *, elision: bool = False) -> list[str]:
    """Split a sentence into lower-case words and marks. Built in notebook 05, section 2.

    Args:
        text: in any Unicode form; NFC and NFD give the same tokens.
        elision: a word that ends in an apostrophe is a token of its own, as in French.

    Example:
        >>> split_sentence("She doesn't know.")
        ['she', "doesn't", 'know', '.']
        >>> split_sentence("J’ai faim aujourd'hui !", elision=True)
        ["j'", 'ai', 'faim', "aujourd'hui", '!']
    """
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return (ELISION if elision else WORD).findall(text)


def build_token_vocabulary(sentences: list[list[str]], *, least: int = 1) -> list[str]:
    """List the special tokens, then every token that occurs often enough, by its count.

    Built in notebook 05, section 2.

    Args:
        sentences: lists of tokens, of the training split only.
        least: fewest times that a token occurs; a rarer one becomes `[UNK]`.

    Example:
        >>> build_token_vocabulary([["a", "cat", "sees", "a", "dog"]], least=2)
        ['', '[UNK]', '[START]', '[END]', 'a']
    """
    counts = Counter(token for sentence in sentences for token in sentence)
    kept = [token for token in counts if counts[token] >= least]
    return SPECIAL + sorted(kept, key=lambda token: (-counts[token], token))


def encode_sentences(
    sentences: list[list[str]], vocabulary: list[str], *, ends: bool = False
) -> np.ndarray:
    """Turn lists of tokens into rows of ids, padded on the right to the longest.

    Built in notebook 05, section 2.

    Args:
        sentences: B lists of tokens.
        vocabulary: from `build_token_vocabulary`.
        ends: put `[START]` before and `[END]` after each sentence, as the target needs.

    Returns:
        Token ids, shape (B, T) with T at least 1, int32; 0 is padding.

    Example:
        >>> encode_sentences([["a", "cat"], []], [*SPECIAL, "a"], ends=True).tolist()
        [[2, 4, 1, 3], [2, 3, 0, 0]]
    """
    ids = {token: token_id for token_id, token in enumerate(vocabulary)}
    rows = [[ids.get(token, UNKNOWN) for token in sentence] for sentence in sentences]
    rows = [[START, *row, END] for row in rows] if ends else rows
    token_ids = np.full((len(rows), max([1, *map(len, rows)])), PADDING, dtype="int32")
    for place, row in zip(token_ids, rows, strict=True):
        place[: len(row)] = row
    return token_ids


def decode_sentences(token_ids: np.ndarray, vocabulary: list[str]) -> list[list[str]]:
    """Turn rows of ids into lists of tokens, each up to its `[END]` or its padding.

    Built in notebook 05, section 2.

    Example:
        >>> decode_sentences(np.array([[2, 4, 3, 4], [4, 4, 0, 0]]), [*SPECIAL, "a"])
        [['a'], ['a', 'a']]
    """
    sentences = []
    for row in token_ids.tolist():
        row = row[1:] if row[:1] == [START] else row
        last = next((i for i, k in enumerate(row) if k in (END, PADDING)), len(row))
        sentences.append([vocabulary[token_id] for token_id in row[:last]])
    return sentences


class PairBatches(keras.utils.PyDataset):
    """Batches of pairs of about one length: little padding. Built in notebook 05, section 3.

    An item is ((source_ids, target_ids), targets): the decoder reads `target_ids`, which begin
    with `[START]`, and `targets` are the same tokens one place later, up to `[END]`.

    Args:
        source_ids: shape (N, S), padded with 0.
        target_ids: shape (N, T + 1), from `[START]` to `[END]`, padded with 0.
        batch_size: pairs in a batch.
        seed: of the order, which changes with every epoch.
    """

    def __init__(self, source_ids, target_ids, *, batch_size: int, seed: int = 0):
        super().__init__()
        self.pairs, self.batch_size = (source_ids, target_ids), batch_size
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        lengths = [np.count_nonzero(side, axis=1) for side in self.pairs]
        chance = self.random.random(len(lengths[0]))
        order = np.lexsort([chance, lengths[0], lengths[1]])  # by target, then source length
        batches = np.split(order, range(self.batch_size, len(order), self.batch_size))
        self.batches = [batches[i] for i in self.random.permutation(len(batches))]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        source_ids, target_ids = (side[self.batches[index]] for side in self.pairs)
        source_ids = source_ids[:, : np.count_nonzero(source_ids, axis=1).max()]
        target_ids = target_ids[:, : np.count_nonzero(target_ids, axis=1).max()]
        return (source_ids, target_ids[:, :-1]), target_ids[:, 1:]


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
    """Build an encoder-decoder. Built in notebook 05, section 3; with attention in notebook 08.

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
    """Return the mean cross-entropy of the real tokens, in nats. Built in notebook 05, section 3.

    Args:
        targets: token ids, shape (B, T); 0 is padding and counts nothing.
        logits: shape (B, T, V).
    """
    nats = keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    real = keras.ops.cast(keras.ops.not_equal(targets, PADDING), nats.dtype)
    return keras.ops.sum(nats * real) / keras.ops.sum(real)


def compute_masked_accuracy(targets, logits):
    """Return the share of real tokens that are predicted. Built in notebook 05, section 3."""
    predicted = keras.ops.cast(keras.ops.argmax(logits, axis=-1), targets.dtype)
    real = keras.ops.not_equal(targets, PADDING)
    right = keras.ops.logical_and(keras.ops.equal(predicted, targets), real)
    return keras.ops.sum(keras.ops.cast(right, "float32")) / keras.ops.sum(
        keras.ops.cast(real, "float32")
    )


# Decoding


def encode_source(model: keras.Model, source_ids):
    """Return memory (B, S, D), its mask (B, S) and the first decoder states, h and c (B, D).

    Built in notebook 05, section 5.
    """
    mask = keras.ops.not_equal(source_ids, PADDING)
    x = model.get_layer("source_embedding")(source_ids)
    memory, *states = model.get_layer("encoder")(x, mask=mask)
    return memory, mask, [keras.ops.concatenate(states[i::2], axis=-1) for i in (0, 1)]


def score_next(model: keras.Model, token_ids, states: list, memory, mask):
    """Score the token after `token_ids` (B,): one step of the decoder.

    Built in notebook 05, section 5.

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

    Built in notebook 05, section 5.

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
    K = beam_width

    def decode(source_ids):
        B = source_ids.shape[0]
        memory, mask, states = encode_source(model, source_ids)
        memory, mask, *states = (keras.ops.repeat(x, K, axis=0) for x in (memory, mask, *states))
        first_row = K * keras.ops.arange(B, dtype="int32")[:, None]  # of each sentence

        def step(t, carry):
            token_ids, last, totals, states = carry  # (L, B K), (B K,), (B, K)
            logits, states = score_next(model, last, states, memory, mask)
            nats = keras.ops.log_softmax(logits)
            V = nats.shape[-1]
            ended = keras.ops.logical_or(last == END, last == PADDING)[:, None]
            only_padding = keras.ops.where(keras.ops.arange(V) == PADDING, 0.0, -1e9)
            nats = keras.ops.where(ended, only_padding, nats)
            sums = keras.ops.reshape(
                totals[:, :, None] + keras.ops.reshape(nats, (B, K, V)), (B, -1)
            )
            totals, places = keras.ops.top_k(sums, K)
            places = keras.ops.cast(places, "int32")
            rows = keras.ops.reshape(first_row + places // V, (-1,))  # which prefix goes on
            last = keras.ops.reshape(places % V, (-1,))
            token_ids = keras.ops.take(token_ids, rows, axis=1)
            token_ids = keras.ops.slice_update(token_ids, (t, 0), last[None])
            return token_ids, last, totals, [keras.ops.take(x, rows, axis=0) for x in states]

        token_ids = keras.ops.zeros((length, B * K), "int32")
        last = keras.ops.full_like(token_ids[0], START)
        totals = keras.ops.tile(keras.ops.where(keras.ops.arange(K) == 0, 0.0, -1e9)[None], (B, 1))
        carry = (token_ids, last, totals, states)
        token_ids, _, totals, _ = keras.ops.fori_loop(0, length, step, carry)
        token_ids = keras.ops.reshape(keras.ops.transpose(token_ids), (B, K, length))
        count = keras.ops.cast(keras.ops.count_nonzero(token_ids, axis=-1), "float32")
        scores, order = keras.ops.top_k(totals / count**penalty, K)
        return keras.ops.take_along_axis(token_ids, order[:, :, None], axis=1), scores

    return compile_function(decode)


def translate(decode, source_ids: np.ndarray, *, batch_size: int = 256) -> np.ndarray:
    """Run a decoder over any number of sentences, in batches of one shape.

    Built in notebook 05, section 5.

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


def measure_alignment_error(
    found: list[list[tuple[int, int]]], gold: list[list[tuple[int, int]]]
) -> float:
    """Return the alignment error rate over all pairs: 0 is perfect, 1 shares no link.

    Built in notebook 08, section 6. All gold links count as sure, so the rate is one minus the
    F1 of the links.

    Reference:
        Och and Ney 2003, A Systematic Comparison of Various Statistical Alignment Models,
        section 5.

    Example:
        >>> measure_alignment_error([[(0, 0), (1, 1)]], [[(0, 0), (1, 1), (2, 1)]])
        0.19999999999999996
    """
    shared = sum(len(set(a) & set(g)) for a, g in zip(found, gold, strict=True))
    return 1 - 2 * shared / (sum(map(len, found)) + sum(map(len, gold)))
