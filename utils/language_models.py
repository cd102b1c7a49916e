"""The language models of notebook 02: n-grams, and recurrent networks over characters or words.

Shapes: B batch, T sequence, V vocabulary, D hidden, N tokens of a text.
"""

import re
from collections import Counter

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils.decoding import filter_logits

# From text to token ids


def encode_characters(text: str, alphabet: list[str]) -> np.ndarray:
    """Turn a text into the ids of its characters, shape (N,). Built in notebook 02, section 1.

    Raises:
        KeyError: a character that is not in the alphabet.

    Example:
        >>> encode_characters("abba", ["a", "b"])
        array([0, 1, 1, 0])
    """
    ids = {character: token_id for token_id, character in enumerate(alphabet)}
    return np.array([ids[character] for character in text], dtype="int64")


WORDS = re.compile(r" ?[A-Za-z]+|'[a-z]+|[^A-Za-z]")  # the pieces, joined, are the text


def build_word_tokens(text: str, vocabulary_size: int) -> list[str]:
    """List every character of a text, then its most frequent words. From notebook 02, section 5.

    Example:
        >>> build_word_tokens("to be to be", 6)
        [' ', 'b', 'e', 'o', 't', ' be']
    """
    characters = sorted(set(text))
    counts = Counter(word for word in WORDS.findall(text) if len(word) > 1)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [*characters, *ranked[: vocabulary_size - len(characters)]]


def encode_words(text: str, tokens: list[str]) -> np.ndarray:
    """Turn a text into ids of words; an unknown word is spelled, character by character.

    Built in notebook 02, section 5. The tokens, joined, are the text again, so that the
    probability of the tokens is one of the whole text.

    Example:
        >>> encode_words("to be", ["o", "t", " be"])
        array([1, 0, 2])
    """
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    found = []
    for word in WORDS.findall(text):
        found += [ids[word]] if word in ids else [ids[character] for character in word]
    return np.array(found, dtype="int64")


# N-grams


def pack_ngrams(windows: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Turn each row of token ids into one number. Built in notebook 02, section 2.

    Args:
        windows: token ids, shape (..., n) with vocabulary_size ** n below 2 ** 63.
        vocabulary_size: V.

    Example:
        >>> pack_ngrams(np.array([[1, 2], [0, 7]]), 10)
        array([12,  7])
    """
    packed = np.zeros(windows.shape[:-1], dtype="int64")
    for k in range(windows.shape[-1]):
        packed = packed * vocabulary_size + windows[..., k]
    return packed


def count_ngrams(token_ids: np.ndarray, order: int, vocabulary_size: int) -> list[tuple]:
    """Count n-grams as Kneser and Ney do. Built in notebook 02, section 2.

    Returns:
        For n = 1, ..., `order`: the packed n-grams, sorted, and their counts. For the
        longest, how often each stands in the text; for a shorter one, how many different
        longer n-grams end in it, that is, how many different tokens stand before it.
    """
    levels = []
    ngrams = pack_ngrams(sliding_window_view(token_ids, order), vocabulary_size)
    for n in range(order, 0, -1):
        ngrams, counts = np.unique(ngrams, return_counts=True)
        levels.insert(0, (ngrams, counts))
        ngrams = ngrams % vocabulary_size ** (n - 1)  # without the first token
    return levels


def look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, missing: float):
    """Return the value of each wanted key; `keys` are sorted. Built in notebook 02, section 2."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], missing)


class NgramModel:
    """Interpolated, modified Kneser-Ney. Built in notebook 02, section 2.

    Args:
        levels: from `count_ngrams`.
        vocabulary_size: V.
        discount: taken from a count of 1; 1.5 times as much from a count of 2, and twice
            as much from a larger one.

    Reference:
        Chen and Goodman 1999, An Empirical Study of Smoothing Techniques, section 3.
    """

    def __init__(self, levels: list[tuple], vocabulary_size: int, discount: float):
        self.vocabulary_size = vocabulary_size
        self.levels = []
        for ngrams, counts in levels:
            taken = discount * np.array([1.0, 1.5, 2.0])[np.minimum(counts, 3) - 1]
            contexts, first, row = np.unique(
                ngrams // vocabulary_size, return_index=True, return_inverse=True
            )
            total = np.add.reduceat(counts, first)
            own = (counts - taken) / total[row]
            rest = np.add.reduceat(taken, first) / total
            self.levels.append((ngrams, own, contexts, rest))

    def score_windows(self, windows: np.ndarray) -> np.ndarray:
        """Return the probability of the last token of each row, given the others."""
        probability = np.full(len(windows), 1 / self.vocabulary_size)
        for n, (ngrams, own, contexts, rest) in enumerate(self.levels, 1):
            packed = pack_ngrams(windows[:, -n:], self.vocabulary_size)
            passed_on = look_up(contexts, rest, packed // self.vocabulary_size, 1.0)
            probability = look_up(ngrams, own, packed, 0.0) + passed_on * probability
        return probability

    def score(self, token_ids: np.ndarray) -> np.ndarray:
        """Return the probability of each token of a text; zeros stand before the first."""
        padded = np.pad(token_ids, (len(self.levels) - 1, 0))
        return self.score_windows(sliding_window_view(padded, len(self.levels)))


# Recurrent networks


def build_language_model(
    cell: str,
    vocabulary_size: int,
    *,
    embedding_dim: int,
    hidden_dim: int,
    batch_size: int | None = None,
    stateful: bool = False,
) -> keras.Model:
    """Build a recurrent network that scores the next token. Built in notebook 02, section 3.

    Args:
        cell: "SimpleRNN", "GRU" or "LSTM".
        vocabulary_size: V.
        embedding_dim: numbers a token's vector has.
        hidden_dim: D, units of the recurrent layer.
        batch_size: B; needed where `stateful`.
        stateful: row b of a batch goes on where row b of the batch before it ended.

    Returns:
        A model from token ids (B, T) to logits (B, T, V).
    """
    token_ids = keras.Input((None,), batch_size=batch_size, dtype="int32", name="token_ids")
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(token_ids)
    recurrent = getattr(keras.layers, cell)
    x = recurrent(hidden_dim, return_sequences=True, stateful=stateful, name="recurrent")(x)
    logits = keras.layers.Dense(vocabulary_size, name="logits")(x)
    return keras.Model(token_ids, logits, name=cell.lower())


def make_streams(
    token_ids: np.ndarray, batch_size: int, sequence_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into `batch_size` streams that are read side by side.

    Built in notebook 02, section 3. What is left over at the end of the text is dropped.

    Returns:
        Inputs and targets (the token after each input), shape (rows, sequence_length). Row
        b of one batch goes on where row b of the batch before it ended.

    Example:
        >>> make_streams(np.arange(9), 2, 2)[0].tolist()
        [[0, 1], [4, 5], [2, 3], [6, 7]]
    """
    steps = (len(token_ids) - 1) // (batch_size * sequence_length)

    def cut(ids):
        streams = ids[: batch_size * steps * sequence_length]
        return (
            streams.reshape(batch_size, steps, sequence_length)
            .swapaxes(0, 1)
            .reshape(-1, sequence_length)
        )

    return cut(token_ids[:-1]), cut(token_ids[1:])


def measure_bits(
    model: keras.Model, token_ids: np.ndarray, *, span: int = 400, context: int = 100
) -> np.ndarray:
    """Return how many bits each token of a text costs. Built in notebook 02, section 3.

    The text is cut into spans that are read side by side; each is preceded by `context`
    tokens that are read and not counted, so that the state is warm. Every token but the
    first is counted once.

    Args:
        model: from token ids (B, T) to logits (B, T, V), not stateful.
        token_ids: the text, shape (N,).
        span: tokens counted a row.
        context: tokens read before them (fewer at the start of the text).

    Returns:
        -log2 of the probability of tokens 1, ..., N - 1; shape (N - 1,).
    """
    inputs, targets = token_ids[:-1], token_ids[1:]
    rows = -(-len(inputs) // span)
    missing = rows * span - len(inputs)
    windows = sliding_window_view(np.pad(inputs, (context, missing)), context + span)[::span]
    wanted = np.pad(targets, (0, missing)).reshape(rows, span)
    bits = []
    for k in range(0, rows, 16):
        logits = model.predict_on_batch(windows[k : k + 16])[:, context:]
        nats = keras.ops.sparse_categorical_crossentropy(
            wanted[k : k + 16], logits, from_logits=True
        )
        bits.append(keras.ops.convert_to_numpy(nats) / np.log(2))
    return np.concatenate(bits).ravel()[: len(inputs)]


# Gradients through time


def compute_gradient(function, array: np.ndarray) -> np.ndarray:
    """Return the gradient of a function with one value, with any backend of Keras.

    Args:
        function: from a tensor to a tensor without axes.
        array: where the gradient is taken; float32.

    Example:
        >>> compute_gradient(lambda x: keras.ops.sum(x * x), np.array([1.0, 2.0], "float32"))
        array([2., 4.], dtype=float32)
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(array)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(array))
    x = keras.ops.convert_to_tensor(array).detach().requires_grad_()
    function(x).backward()
    return x.grad.detach().cpu().numpy()


def measure_reach(model: keras.Model, token_ids: np.ndarray) -> np.ndarray:
    """Measure how much the last loss depends on the state k steps before it.

    Built in notebook 02, section 4. A zero is added to the output h of every step; the
    gradient of the last loss with respect to that zero is its gradient with respect to h.

    Args:
        model: from `build_language_model`.
        token_ids: B texts, shape (B, T + 1); the last token is the one to be predicted.

    Returns:
        For k = 0, ..., T - 1 the norm of d loss_T / d h_{T-k}, averaged over the texts.
    """
    cell = model.get_layer("recurrent").cell
    vectors = model.get_layer("embedding")(token_ids[:, :-1])  # (B, T, D)

    def compute_loss(zeros):  # (T, B, D)
        states = cell.get_initial_state(batch_size=len(token_ids))
        for t in range(vectors.shape[1]):
            _, states = cell(vectors[:, t], states)
            states = [states[0] + zeros[t], *states[1:]]
        logits = model.get_layer("logits")(states[0])
        nats = keras.ops.sparse_categorical_crossentropy(token_ids[:, -1], logits, from_logits=True)
        return keras.ops.sum(nats)

    shape = (vectors.shape[1], len(token_ids), cell.units)
    gradient = compute_gradient(compute_loss, np.zeros(shape, "float32"))
    return np.linalg.norm(gradient, axis=-1).mean(axis=-1)[::-1]


# Generation


def compile_function(function):
    """Compile a function of tensors to one program: XLA with TensorFlow and JAX.

    PyTorch runs it as it is, without gradients.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if backend == "jax":
        import jax

        return jax.jit(function)
    import torch

    return torch.no_grad()(function)


def build_generator(model: keras.Model, **settings):
    """Return a function that generates text in one compiled loop. Built in notebook 02, section 8.

    Args:
        model: from `build_language_model`; its weights at the first call are used.
        settings: of `filter_logits`.

    Returns:
        A function from given tokens (T, B), -1 where one is to be chosen, and noise (T, B, V)
        to tokens (T, B).
    """
    embedding, cell = model.get_layer("embedding"), model.get_layer("recurrent").cell
    score = model.get_layer("logits")

    def generate(given, noise):
        def step(t, carry):
            token_ids, logits, states = carry
            chosen = keras.ops.argmax(filter_logits(logits, **settings) + noise[t], axis=-1)
            chosen = keras.ops.where(given[t] < 0, keras.ops.cast(chosen, "int32"), given[t])
            token_ids = keras.ops.slice_update(token_ids, (t, 0), chosen[None])
            x, states = cell(embedding(chosen), states)
            return token_ids, score(x), states

        states = cell.get_initial_state(batch_size=given.shape[1])
        start = (given, keras.ops.zeros_like(noise[0]), states)
        return keras.ops.fori_loop(0, given.shape[0], step, start)[0]

    return compile_function(generate)
