"""Llama in Keras, the design of SmolLM2 and of most open language models since 2023.

Beside GPT-2: positions turn queries and keys instead of being added to the tokens, several query
heads share the keys and values of one head, norms have no mean, dense layers no bias, and the
feed-forward layer has a gate.

Shapes: B batch, S tokens read at once, T tokens in all (read before, and now), D hidden,
F feed-forward, N query heads, K key-value heads, H numbers a head, G = N / K, V vocabulary.

Reference:
    Touvron et al. 2023, LLaMA: Open and Efficient Foundation Language Models, section 2.2.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from utils.checks import is_number
from utils.models.gpt2 import ConfiguredModel, check_length, make_attention_mask


@dataclasses.dataclass(frozen=True)
class LlamaConfig:
    """The sizes of a Llama; those of SmolLM2-135M, if nothing else is said.

    Args:
        vocabulary_size: V.
        context_length: the most tokens that the model can look at.
        hidden_dim: D, numbers in the vector of a token; H = D / N is even.
        num_layers: blocks.
        num_heads: N, a multiple of `num_key_value_heads`.
        num_key_value_heads: K.
        feedforward_dim: F.
        rope_base: the slowest pair of numbers turns by about 1 / `rope_base` a token.
        epsilon: is added to the mean square in the norms.
        tie_embeddings: compare with the vectors of the tokens, instead of a second table, at the
            output.
        initializer_range: standard deviation of the weights before training; 0 draws none.
    """

    vocabulary_size: int = 49152
    context_length: int = 8192
    hidden_dim: int = 576
    num_layers: int = 30
    num_heads: int = 9
    num_key_value_heads: int = 3
    feedforward_dim: int = 1536
    rope_base: float = 100_000.0
    epsilon: float = 1e-5
    tie_embeddings: bool = True
    initializer_range: float = 0.02

    def __post_init__(self):
        sizes = dataclasses.astuple(self)[:7]
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(f"every size of a Llama must be a whole number above 0, not {self}")
        if self.hidden_dim % (2 * self.num_heads) or self.num_heads % self.num_key_value_heads:
            raise ValueError(
                "hidden_dim must be a multiple of 2 * num_heads, and num_heads one of "
                f"num_key_value_heads; got {self.hidden_dim}, {self.num_heads} and "
                f"{self.num_key_value_heads}"
            )
        base, epsilon, deviation = self.rope_base, self.epsilon, self.initializer_range
        numbers = all(map(is_number, (base, epsilon, deviation)))
        if not (numbers and base > 1 and epsilon > 0 and deviation >= 0):
            raise ValueError(
                "rope_base must be above 1, epsilon above 0 and initializer_range at least 0; got "
                f"{base!r}, {epsilon!r} and {deviation!r}"
            )
        if type(self.tie_embeddings) is not bool:
            raise ValueError(f"tie_embeddings must be True or False, not {self.tie_embeddings!r}")

    @property
    def head_dim(self) -> int:
        """H, numbers in a query, key or value of one head."""
        return self.hidden_dim // self.num_heads


# Layers that have their weights from the start


class RowDense(keras.layers.EinsumDense):
    """A dense layer without bias that keeps the weights of each output side by side.

    Its `kernel` has shape (outputs, inputs), that of `keras.layers.Dense` (inputs, outputs). The
    product is the same; for a single token, XLA reads these rows one after the other, in the
    order of the memory, which is the fastest way to read it. Checkpoints have this order, too.

    Args:
        input_dim: numbers that come in.
        units: numbers that come out.
        stddev: standard deviation of the weights at the start; 0 draws none.
    """

    def __init__(self, input_dim: int, units: int, *, stddev: float = 0.02, **kwargs):
        normal = keras.initializers.RandomNormal(stddev=stddev) if stddev else "zeros"
        super().__init__("bsi,oi->bso", (None, units), kernel_initializer=normal, **kwargs)
        self.build((None, None, input_dim))

    def call(self, x, training=None):
        """Return the outputs for vectors (B, S, inputs), of shape (B, S, outputs)."""
        B, S, D = ops.shape(x)
        outputs = ops.matmul(self.kernel, ops.transpose(ops.reshape(x, (B * S, D))))
        return ops.reshape(ops.transpose(outputs), (B, S, -1))


def make_rms_norm(config: LlamaConfig, *, name: str) -> keras.layers.RMSNormalization:
    """Return the layer that sets the mean square of each vector to 1, and scales its numbers."""
    layer = keras.layers.RMSNormalization(epsilon=config.epsilon, name=name)
    layer.build((None, None, config.hidden_dim))
    return layer


# Rotary positions


def compute_angles(positions, config: LlamaConfig):
    """Return by how much each pair of numbers is turned at each position.

    Args:
        positions: shape (B, S).
        config: the sizes of the model.

    Returns:
        Cosines and sines, float32, each of shape (B, S, 1, H / 2).

    Reference:
        Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding, section 3.2.
    """
    H = config.head_dim
    speeds = config.rope_base ** (-np.arange(0, H, 2, "float32") / H)  # fast ones first
    angles = ops.cast(positions, "float32")[:, :, None, None] * speeds
    return ops.cos(angles), ops.sin(angles)


def rotate(x, cos, sin):
    """Turn each pair of neighbours (0, 1), (2, 3), ... of `x` (B, S, heads, H) by its angle.

    The product of a query and a key that are turned like this depends on how far apart they are,
    not on where they stand.

    Example:
        >>> x = np.array([[[[1.0, 0.0]]]], "float32")  # a quarter of a turn
        >>> ops.convert_to_numpy(rotate(x, np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1)))).tolist()
        [[[[0.0, 1.0]]]]
    """
    B, S, heads, H = ops.shape(x)
    first, second = ops.unstack(ops.reshape(x, (B, S, heads, H // 2, 2)), 2, axis=-1)
    cos, sin = ops.cast(cos, x.dtype), ops.cast(sin, x.dtype)
    pairs = ops.stack([first * cos - second * sin, first * sin + second * cos], axis=-1)
    return ops.reshape(pairs, (B, S, heads, H))


# The model


class GroupedQueryAttention(keras.layers.Layer):
    """Let every token gather from itself and the tokens before it.

    N query heads share K heads of keys and values, so that the cache is N / K times smaller.

    Args:
        config: the sizes of the model.

    Reference:
        Ainslie et al. 2023, GQA: Training Generalized Multi-Query Transformer Models.
    """

    def __init__(self, config: LlamaConfig, **kwargs):
        super().__init__(**kwargs)
        self.N, self.K, self.H = config.num_heads, config.num_key_value_heads, config.head_dim
        D, stddev = config.hidden_dim, config.initializer_range
        units = (self.N + 2 * self.K) * self.H
        self.query_key_value = RowDense(D, units, stddev=stddev, name="query_key_value")
        self.project = RowDense(D, D, stddev=stddev, name="project")
        self.built = True

    def call(self, x, mask, angles, cache=None, start=0):
        """Return the gathered vectors (B, S, D), and keys and values of all tokens so far."""
        (B, S, D), N, K, H = ops.shape(x), self.N, self.K, self.H
        heads = ops.reshape(self.query_key_value(x), (B, S, N + 2 * K, H))
        turned, values = rotate(heads[:, :, : N + K], *angles), heads[:, :, N + K :]
        queries, keys = turned[:, :, :N], turned[:, :, N:]
        if cache is not None:
            keys = ops.slice_update(cache[0], (0, start, 0, 0), keys)  # (B, T, K, H)
            values = ops.slice_update(cache[1], (0, start, 0, 0), values)
        # The G query heads that share a key head become G queries of it.
        G = N // K
        queries = ops.transpose(ops.reshape(queries, (B, S, K, G, H)), (0, 1, 3, 2, 4))
        queries, mask = ops.reshape(queries, (B, S * G, K, H)), ops.repeat(mask, G, axis=2)
        gathered = ops.dot_product_attention(queries, keys, values, mask=mask)
        gathered = ops.transpose(ops.reshape(gathered, (B, S, G, K, H)), (0, 1, 3, 2, 4))
        return self.project(ops.reshape(gathered, (B, S, D))), (keys, values)


class LlamaBlock(keras.layers.Layer):
    """Attention, then a feed-forward layer with a gate (SwiGLU); each adds to what comes in.

    Args:
        config: the sizes of the model.

    Reference:
        Shazeer 2020, GLU Variants Improve Transformer, equation 6.
    """

    def __init__(self, config: LlamaConfig, **kwargs):
        super().__init__(**kwargs)
        D, F, stddev = config.hidden_dim, config.feedforward_dim, config.initializer_range
        self.attention_norm = make_rms_norm(config, name="attention_norm")
        self.attention = GroupedQueryAttention(config, name="attention")
        self.feedforward_norm = make_rms_norm(config, name="feedforward_norm")
        self.gate_and_up = RowDense(D, 2 * F, stddev=stddev, name="gate_and_up")
        self.down = RowDense(F, D, stddev=stddev, name="down")
        self.built = True

    def call(self, x, mask, angles, cache=None, start=0):
        """Return the new vectors (B, S, D), and keys and values of all tokens so far."""
        gathered, cache = self.attention(self.attention_norm(x), mask, angles, cache, start=start)
        x = x + gathered
        gate, up = ops.split(self.gate_and_up(self.feedforward_norm(x)), 2, axis=-1)
        return x + self.down(ops.silu(gate) * up), cache


@keras.saving.register_keras_serializable(package="course")
class Llama(ConfiguredModel):
    """From token ids (B, S) to the scores of the token after each, (B, S, V).

    Args:
        config: the sizes of the model.

    Example:
        >>> model = Llama(LlamaConfig(9, 16, 4, 1, 2, 1, 6))
        >>> tuple(model(ops.array([[1, 2, 3]])).shape)
        (1, 3, 9)
    """

    config_class = LlamaConfig

    def __init__(self, config: LlamaConfig, **kwargs):
        super().__init__(**kwargs)
        self.config, stddev = config, config.initializer_range
        normal = keras.initializers.RandomNormal(stddev=stddev) if stddev else "zeros"
        self.token_embedding = keras.layers.ReversibleEmbedding(
            config.vocabulary_size,
            config.hidden_dim,
            config.tie_embeddings,
            normal,
            reverse_dtype="float32",
            name="tokens",
        )
        self.token_embedding.build((None, None))
        self.blocks = [LlamaBlock(config, name=f"block_{k}") for k in range(config.num_layers)]
        self.final_norm = make_rms_norm(config, name="final_norm")
        self.built = True  # every layer has its weights already

    def call(self, token_ids, num_padding=None):
        """Score the next token at every place; arguments as in `compute_hidden_states`."""
        return self.compute_logits(self.compute_hidden_states(token_ids, num_padding)[0])

    def make_cache(self, batch_size: int, length: int) -> tuple:
        """Return room for keys and values of `length` tokens: two arrays a block."""
        shape = (batch_size, length, self.config.num_key_value_heads, self.config.head_dim)
        empty = ops.zeros(shape, dtype=self.compute_dtype)
        return tuple((empty, empty) for _ in self.blocks)

    def compute_hidden_states(self, token_ids, num_padding=None, cache=None, start=0, blocks=None):
        """Turn tokens into vectors.

        Args:
            token_ids: shape (B, S).
            num_padding: tokens at the start of each text that are padding, shape (B,).
            cache: keys and values of earlier tokens, returned earlier; first from `make_cache`.
            start: tokens read before these.
            blocks: functions to be called instead of the blocks, for example compiled ones.

        Returns:
            The vectors (B, S, D), and the cache with these tokens in it.

        Raises:
            ValueError: more tokens than the context holds.
        """
        S = check_length(ops.shape(token_ids)[1], self.config)
        T = S if cache is None else cache[0][0].shape[1]
        mask, positions = make_attention_mask(S, T, start, num_padding)
        angles = compute_angles(positions, self.config)
        x, caches = self.token_embedding(token_ids), []
        for k, block in enumerate(blocks or self.blocks):
            x, kept = block(x, mask, angles, None if cache is None else cache[k], start=start)
            caches.append(kept)
        return self.final_norm(x), tuple(caches)

    def compute_logits(self, x):
        """Compare vectors (..., D) with one for every token; float32."""
        return self.token_embedding(x, reverse=True)
