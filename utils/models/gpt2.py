"""GPT-2 in Keras, layer by layer.

Shapes: B batch, S tokens read at once, T tokens in all (read before, and now), H heads,
D hidden, V vocabulary.
Reference: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from utils.checks import BROKEN, check_number, check_whole


@dataclasses.dataclass(frozen=True)
class GPT2Config:
    """The sizes of a GPT-2."""

    vocabulary_size: int = 50257  # V
    context_length: int = 1024  # the most tokens that the model can look at
    hidden_dim: int = 768  # D, numbers in the vector of a token; a multiple of `num_heads`
    num_layers: int = 12  # blocks
    num_heads: int = 12  # H
    dropout: float = 0.0  # share of the embedded tokens and of each layer's output that is set to
    # zero in training; attention weights are not
    initializer_range: float = 0.02  # deviation of the weights before training; 0 draws none

    def __post_init__(self):
        sizes = dataclasses.astuple(self)[:5]
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(f"every size of a GPT-2 must be a whole number above 0, not {self}")
        if self.hidden_dim % self.num_heads:
            got = f"{self.hidden_dim} and {self.num_heads}"
            raise ValueError(f"hidden_dim must be a multiple of num_heads; got {got}")
        if not (type(self.dropout) in (int, float) and 0 <= self.dropout < 1):
            rule = "dropout (in config.json resid_pdrop) must be a number from 0 to below 1"
            raise ValueError(f"{rule}, not {self.dropout!r}")
        check_number("initializer_range", self.initializer_range, least=0)


SIZES = {  # as published, named as on the Hugging Face hub
    "gpt2": GPT2Config(),
    "gpt2-medium": GPT2Config(hidden_dim=1024, num_layers=24, num_heads=16),
    "gpt2-large": GPT2Config(hidden_dim=1280, num_layers=36, num_heads=20),
    "gpt2-xl": GPT2Config(hidden_dim=1600, num_layers=48, num_heads=25),
}


def get_config(size: str) -> GPT2Config:
    """Return the sizes of a published GPT-2; ValueError if none of that name was published."""
    if size not in SIZES:
        raise ValueError(f"the published sizes are {', '.join(SIZES)}; there is no {size!r}")
    return SIZES[size]


class ConfiguredModel(keras.Model):
    """A model of which Keras saves the `config`, a dataclass, and builds it anew from that."""

    config_class = GPT2Config

    def get_config(self):
        return super().get_config() | {"config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config):
        return cls(cls.config_class(**config.pop("config")), **config)


def make_embedding(
    rows: int, hidden_dim: int, *, name: str, stddev: float, vectors=None
) -> keras.layers.Embedding:
    """Return a table with a vector for each of `rows` tokens or places.

    `stddev` is that of the vectors at the start, unless an initializer `vectors` gives them.
    """
    normal = keras.initializers.RandomNormal(stddev=stddev) if stddev else "zeros"
    layer = keras.layers.Embedding(rows, hidden_dim, vectors or normal, name=name)
    layer.build((None, None))
    return layer


class Dense(keras.layers.EinsumDense):
    """A dense layer that keeps the weights of each output side by side.

    Its `kernel` has shape (outputs, inputs), that of `keras.layers.Dense` (inputs, outputs). The
    product is the same; for a single token, XLA reads these rows one after the other, in the
    order of the memory, which is the fastest way to read it.
    """

    def call(self, x, training=None):
        """Return the outputs for vectors (B, S, inputs), of shape (B, S, outputs)."""
        B, S, D = ops.shape(x)
        outputs = ops.matmul(self.kernel, ops.transpose(ops.reshape(x, (B * S, D))))
        return ops.reshape(ops.transpose(outputs), (B, S, -1)) + self.bias


def make_dense(input_dim: int, units: int, *, name: str, stddev: float) -> Dense:
    """Return a dense layer from `input_dim` to `units` numbers.

    `stddev`, of the weights at the start, is smaller for a layer whose outputs the model adds up.
    """
    normal = keras.initializers.RandomNormal(stddev=stddev) if stddev else "zeros"
    settings = {"bias_axes": "o", "kernel_initializer": normal, "name": name}
    layer = Dense("bsi,oi->bso", (None, units), **settings)
    layer.build((None, None, input_dim))
    return layer


def make_norm(hidden_dim: int, *, name: str) -> keras.layers.LayerNormalization:
    """Return the layer that sets mean and stddev of each vector."""
    layer = keras.layers.LayerNormalization(epsilon=1e-5, name=name)
    layer.build((None, None, hidden_dim))
    return layer


class CausalSelfAttention(keras.layers.Layer):
    """Let every token gather from itself and the tokens before it."""

    def __init__(self, config: GPT2Config, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, D, stddev = config.num_heads, config.hidden_dim, config.initializer_range
        self.query_key_value = make_dense(D, 3 * D, name="query_key_value", stddev=stddev)
        small = stddev / (2 * config.num_layers) ** 0.5  # outputs that the model adds up
        self.project = make_dense(D, D, name="project", stddev=small)

    def split(self, x):
        """Return queries, keys and values of `x` (B, S, D): each of shape (B, H, S, D / H)."""
        B, S, D = ops.shape(x)
        x = ops.reshape(self.query_key_value(x), (B, S, 3, self.num_heads, D // self.num_heads))
        return ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), num=3, axis=0)

    def compute_attention_weights(self, queries, keys, mask):
        """Return how much each token takes from each other one: shape (B, H, S, T), sum 1."""
        scores = ops.matmul(queries * queries.shape[-1] ** -0.5, ops.transpose(keys, (0, 1, 3, 2)))
        scores = ops.where(mask, ops.cast(scores, "float32"), -1e9)  # float16 cannot hold -1e9
        return ops.cast(ops.softmax(scores), keys.dtype)

    def call(self, x, mask, cache=None, start=0):
        """Return the gathered vectors (B, S, D), and keys and values of all tokens so far."""
        queries, keys, values = self.split(x)
        if cache is not None:
            keys = ops.slice_update(cache[0], (0, 0, start, 0), keys)  # (B, H, T, D / H)
            values = ops.slice_update(cache[1], (0, 0, start, 0), values)
        gathered = ops.matmul(self.compute_attention_weights(queries, keys, mask), values)
        gathered = ops.transpose(gathered, (0, 2, 1, 3))  # (B, S, H, D / H)
        return self.project(ops.reshape(gathered, ops.shape(x))), (keys, values)


class Block(keras.layers.Layer):
    """Attention, then two dense layers; each adds to what comes in."""

    def __init__(self, config: GPT2Config, **kwargs):
        super().__init__(**kwargs)
        D, stddev = config.hidden_dim, config.initializer_range
        self.attention_norm = make_norm(D, name="attention_norm")
        self.attention = CausalSelfAttention(config, name="attention")
        self.feedforward_norm = make_norm(D, name="feedforward_norm")
        self.expand = make_dense(D, 4 * D, name="expand", stddev=stddev)
        small = stddev / (2 * config.num_layers) ** 0.5
        self.contract = make_dense(4 * D, D, name="contract", stddev=small)
        self.dropout = keras.layers.Dropout(config.dropout)

    def call(self, x, mask, cache=None, start=0):
        """Return the new vectors (B, S, D), and keys and values of all tokens so far."""
        gathered, cache = self.attention(self.attention_norm(x), mask, cache, start=start)
        x = x + self.dropout(gathered)
        expanded = ops.gelu(self.expand(self.feedforward_norm(x)), approximate=True)
        return x + self.dropout(self.contract(expanded)), cache


def make_attention_mask(S: int, T: int, start=0, num_padding=None):
    """Say what each of S new tokens may look at, and which position it has.

    The new tokens stand after `start` others, of T in all; the first `num_padding` (B,) of a text
    are padding. Return the mask (B, 1, S, T), true for tokens that are no padding and not in the
    future, and the positions (B, S), counted from the first real token; B is 1 without padding.

    Example:
        >>> mask, positions = make_attention_mask(3, 3, num_padding=np.array([1]))
        >>> ops.convert_to_numpy(mask)[0, 0].astype(int).tolist()
        [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
        >>> ops.convert_to_numpy(positions).tolist()
        [[0, 0, 1]]
    """
    places = start + ops.arange(S)[None]
    padding = ops.cast(np.zeros(1) if num_padding is None else num_padding, places.dtype)
    mask = ops.arange(T) <= places[:, :, None]
    mask = ops.logical_and(mask, ops.arange(T) >= padding[:, None, None])
    return mask[:, None], ops.maximum(places - padding[:, None], 0)


@keras.saving.register_keras_serializable(package="course")
class GPT2(ConfiguredModel):
    """From token ids (B, S) to the scores of the token after each, (B, S, V).

    `tokens` is an initializer for the vectors of the tokens; if None, they are drawn as the rest.

    Example:
        >>> model = GPT2(GPT2Config(vocabulary_size=9, hidden_dim=4, num_layers=1, num_heads=2))
        >>> tuple(model(ops.array([[1, 2, 3]])).shape)
        (1, 3, 9)
    """

    def __init__(self, config: GPT2Config, tokens=None, **kwargs):
        super().__init__(**kwargs)
        self.config, D, stddev = config, config.hidden_dim, config.initializer_range
        V, T = config.vocabulary_size, config.context_length
        self.token_embedding = make_embedding(V, D, name="tokens", stddev=stddev, vectors=tokens)
        self.position_embedding = make_embedding(T, D, name="positions", stddev=stddev)
        self.dropout = keras.layers.Dropout(config.dropout)
        self.blocks = [Block(config, name=f"block_{k}") for k in range(config.num_layers)]
        self.final_norm = make_norm(D, name="final_norm")
        self.built = True  # every layer has its weights already

    def call(self, token_ids, num_padding=None):
        """Score the next token at every place; arguments as in `compute_hidden_states`."""
        return self.compute_logits(self.compute_hidden_states(token_ids, num_padding)[0])

    def compute_hidden_states(self, token_ids, num_padding=None, cache=None, start=0):
        """Turn tokens (B, S) into vectors (B, S, D); also return the cache with these tokens in it.

        The first `num_padding` (B,) tokens of a text are padding. The cache, first from
        `utils.decoding.sampling.make_cache`, holds keys and values of the `start` tokens before.
        Raises ValueError if there are more tokens than the context holds.
        """
        S = ops.shape(token_ids)[1]
        T = check_length(S if cache is None else cache[0][0].shape[2], self.config)
        mask, positions = make_attention_mask(S, T, start, num_padding)
        x = self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))
        caches = []
        for k, block in enumerate(self.blocks):
            x, kept = block(x, mask, None if cache is None else cache[k], start=start)
            caches.append(kept)
        return self.final_norm(x), tuple(caches)

    def compute_logits(self, x):
        """Compare vectors (..., D) with the vector of every token: the output is tied."""
        embeddings = ops.cast(self.token_embedding.embeddings, "float32")
        return ops.matmul(ops.cast(x, "float32"), ops.transpose(embeddings))


def check_length(length: int, config: GPT2Config) -> int:
    """Return `length`, a number of tokens; ValueError if the context does not hold so many."""
    if isinstance(length, int) and length > config.context_length:
        most = f"this model looks at {config.context_length} tokens at most"
        raise ValueError(f"{most}; got {length}: cut the text at its start, or read it in windows")
    return length


def check_token_ids(token_ids, vocabulary_size: int) -> np.ndarray:
    """Return token ids as an array; ValueError if they are no list of some that there are.

    A compiled program would take the last token for one that is above it.
    """
    token_ids = np.asarray(token_ids)
    if token_ids.ndim != 1 or token_ids.dtype.kind not in "iu":
        raise ValueError(f"a text is a list of token ids, whole numbers; got {token_ids!r:.80}")
    wrong = token_ids[(token_ids < 0) | (token_ids >= vocabulary_size)]
    if len(wrong):
        rule = f"token ids are whole numbers from 0 to {vocabulary_size - 1}"
        raise ValueError(f"{rule}, not {wrong[0]}")
    return token_ids


def compute_token_bits(model: GPT2, token_ids: np.ndarray, *, stride=None, batch_size=None):
    """Return how many bits each token of a text (N,) but the first costs, shape (N - 1,).

    The text is read in windows as long as the context, each `stride` tokens
    (half the context if None) after the one before it. Every token but the first is counted once,
    in the first window that has it, so all but the first window's tokens have context_length -
    `stride` tokens or more before them: the smaller the stride, the truer and slower. `batch_size`
    windows are read side by side; what 64 MB of scores allow if None. ValueError if nothing is to
    be predicted, or the windows would leave gaps.
    """
    token_ids = check_token_ids(token_ids, model.config.vocabulary_size)
    N, T = len(token_ids) - 1, model.config.context_length
    if N < 1:
        raise ValueError(f"there must be 2 tokens or more to predict one; got {N + 1} tokens")
    stride = max(1, T // 2) if stride is None else stride
    check_whole("stride", stride, least=1, most=T)
    T = min(T, N)
    if batch_size is None:
        batch_size = max(1, 2**24 // (T * model.config.vocabulary_size))
    check_whole("batch_size", batch_size, least=1)
    starts = np.append(np.arange(0, N - T, stride), N - T)  # of the windows; the last ends the text
    bits = np.zeros(N)
    starts = np.pad(starts, (0, -len(starts) % batch_size), mode="edge")  # full batches
    for some in starts[::-1].reshape(-1, batch_size):  # backwards: the first window's count stays
        places = some[:, None] + np.arange(T)
        logits = ops.cast(model(token_ids[places]), "float32")
        nats = ops.sparse_categorical_crossentropy(token_ids[places + 1], logits, from_logits=True)
        for row, found in zip(places, ops.convert_to_numpy(nats) / np.log(2), strict=True):
            bits[row] = found
    if not np.isfinite(bits).all():
        raise ValueError(BROKEN)
    return bits
