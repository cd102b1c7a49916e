"""The Transformer, from the scaled dot product to an encoder-decoder that translates.

Built step by step in notebook 09. Shapes: B batch, T positions that ask (queries), S positions
that are asked (keys and values), D hidden, H heads, V target vocabulary, K beam width.
"""

import keras

from utils.data.pairs import PADDING


def attend(query, key, value, mask=None):
    """Average the values by how well their keys answer the queries. From notebook 09, section 1.

    From query (..., T, D), key (..., S, D), value (..., S, any width) and a mask that broadcasts to
    (..., T, S), False where a query must not look, to the averages (..., T, width of the values)
    and the weights (..., T, S). Each row of weights sums to 1; one without anything to look at is
    even.
    Reference: Vaswani et al. 2017, Attention Is All You Need, equation 1.
    """
    scores = keras.ops.matmul(query, keras.ops.swapaxes(key, -1, -2)) / query.shape[-1] ** 0.5
    dtype, scores = scores.dtype, keras.ops.cast(scores, "float32")  # float16 cannot hold -1e9
    if mask is not None:
        scores = keras.ops.where(mask, scores, -1e9)
    weights = keras.ops.cast(keras.ops.softmax(scores, axis=-1), dtype)
    return keras.ops.matmul(weights, value), weights


def make_padding_mask(token_ids):
    """Return True at real tokens, shape (B, 1, 1, S): for all heads and queries. Section 2."""
    return keras.ops.not_equal(token_ids, PADDING)[:, None, None]


def make_causal_mask(length: int):
    """Return True where the key is not later than the query, shape (T, T). Section 2."""
    places = keras.ops.arange(length)
    return places[:, None] >= places


def split_heads(x, num_heads: int):
    """Cut vectors into H slices: from (B, T, D) to (B, H, T, D / H). Notebook 09, section 3."""
    return keras.ops.stack(keras.ops.split(x, num_heads, axis=-1), axis=1)


def join_heads(x):
    """Undo `split_heads`: from (B, H, T, D / H) to (B, T, D). Built in notebook 09, section 3."""
    return keras.ops.concatenate(keras.ops.unstack(x, axis=1), axis=-1)


@keras.saving.register_keras_serializable(package="course")
class MultiHeadAttention(keras.layers.Layer):
    """Attend in H slices of the projected vectors, all of them D wide. Notebook 09, section 3.

    Call with `query` (B, T, D), `memory` (B, S, any width), the same for self-attention, and a mask
    as for `attend`. It returns the new vectors (B, T, D) and the weights (B, H, T, S).

    Raises ValueError if D cannot be cut into H equal slices.
    Reference: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, num_heads: int, hidden_dim: int, **kwargs):
        super().__init__(**kwargs)
        if hidden_dim % num_heads:
            got = f"{hidden_dim} and {num_heads}"
            raise ValueError(f"hidden_dim must be a multiple of num_heads, got {got}")
        self.num_heads, self.hidden_dim = num_heads, hidden_dim
        names = ("query", "key", "value", "combine")
        self.projections = [keras.layers.Dense(hidden_dim, name=name) for name in names]

    def call(self, query, memory, mask=None):
        *project, combine = self.projections
        inputs = zip(project, (query, memory, memory), strict=True)
        heads = [split_heads(layer(x), self.num_heads) for layer, x in inputs]
        context, weights = attend(*heads, mask)
        return combine(join_heads(context)), weights

    def get_config(self):
        sizes = {"num_heads": self.num_heads, "hidden_dim": self.hidden_dim}
        return super().get_config() | sizes


def compute_sinusoids(length: int, hidden_dim: int):
    """Return sines and cosines of D / 2 wavelengths, shape (T, D). From notebook 09, section 4.

    The sines stand in the first half and the cosines in the second; the paper, section 3.5,
    alternates them, which is the same up to the order of the columns.
    """
    places = keras.ops.cast(keras.ops.arange(length), "float32")[:, None]
    rates = [10_000.0 ** (-i / hidden_dim) for i in range(0, hidden_dim, 2)]
    angles = places * keras.ops.convert_to_tensor(rates, dtype="float32")
    return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], axis=-1)


@keras.saving.register_keras_serializable(package="course")
class TokenAndPositionEmbedding(keras.layers.Layer):
    """Turn token ids (B, T) into vectors (B, T, D) that know their place. Notebook 09, section 4.

    D is an even number; positions are "sinusoidal", "learned" or "none". The table of learned ones
    has `length` rows: a longer text is a ValueError.
    Reference: Vaswani et al. 2017, sections 3.4 (token vectors times the root of D) and 3.5.
    """

    def __init__(self, vocabulary_size, hidden_dim, *, positions="sinusoidal", length=512, **rest):
        super().__init__(**rest)
        if positions not in ("sinusoidal", "learned", "none"):
            raise ValueError(f"positions is 'sinusoidal', 'learned' or 'none', got {positions!r}")
        self.settings = {"vocabulary_size": vocabulary_size, "hidden_dim": hidden_dim}
        self.settings |= {"positions": positions, "length": length}
        self.hidden_dim, self.positions, self.length = hidden_dim, positions, length

    def build(self, shape):
        self.tokens = self.add_weight((self.settings["vocabulary_size"], self.hidden_dim))
        if self.positions == "learned":
            self.table = self.add_weight((self.length, self.hidden_dim))

    def call(self, token_ids):
        T, D = keras.ops.shape(token_ids)[1], self.hidden_dim
        x = keras.ops.take(self.tokens, token_ids, axis=0) * D**0.5
        if self.positions == "sinusoidal":
            return x + keras.ops.cast(compute_sinusoids(T, D), x.dtype)
        if self.positions == "learned":
            if isinstance(T, int) and self.length < T:
                raise ValueError(f"{T} tokens are too many for a table of {self.length} positions")
            return x + self.table[:T]
        return x

    def get_config(self):
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable(package="course")
class EncoderBlock(keras.layers.Layer):
    """Look at all positions, then think about each by itself. Built in notebook 09, section 5.

    Call with vectors (B, T, D) and a mask as for `attend`; the shape stays. The feed-forward
    network is `intermediate_dim` wide inside; of what a sub-layer adds, the share `dropout` is
    blanked in training. With `pre_norm` what a sub-layer reads is normalised, else the sum, as in
    the paper.
    Reference: Vaswani et al. 2017, sections 3.1 and 3.3; Xiong et al. 2020 (pre-norm).
    """

    def __init__(
        self, hidden_dim, num_heads, intermediate_dim, *, dropout=0.0, pre_norm=True, **kwargs
    ):
        super().__init__(**kwargs)
        self.settings = {"hidden_dim": hidden_dim, "num_heads": num_heads, "pre_norm": pre_norm}
        self.settings |= {"intermediate_dim": intermediate_dim, "dropout": dropout}
        self.pre_norm = pre_norm
        self.attention = MultiHeadAttention(num_heads, hidden_dim, name="attention")
        dense = (keras.layers.Dense(intermediate_dim, "relu"), keras.layers.Dense(hidden_dim))
        self.think = keras.Sequential(dense, name="think")
        self.drop = keras.layers.Dropout(dropout)
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]

    def connect(self, x, norm, sublayer):
        if self.pre_norm:
            return x + self.drop(sublayer(norm(x)))
        return norm(x + self.drop(sublayer(x)))

    def call(self, x, mask=None):
        x = self.connect(x, self.norms[0], lambda y: self.attention(y, y, mask)[0])
        return self.connect(x, self.norms[1], self.think)

    def build_from_config(self, config):
        pass  # a loaded model builds its blocks when it calls them

    def get_config(self):
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable(package="course")
class DecoderBlock(EncoderBlock):
    """Look back, look at the source, then think. Built in notebook 09, section 5.

    Call with vectors (B, T, D), of which none sees a later one, the encoder's `memory` (B, S, D)
    and its mask.
    """

    def __init__(self, hidden_dim, num_heads, intermediate_dim, **kwargs):
        super().__init__(hidden_dim, num_heads, intermediate_dim, **kwargs)
        self.cross_attention = MultiHeadAttention(num_heads, hidden_dim, name="cross_attention")
        self.norms.append(keras.layers.LayerNormalization(epsilon=1e-5))

    def call(self, x, memory, memory_mask=None):
        past = make_causal_mask(keras.ops.shape(x)[1])
        x = self.connect(x, self.norms[0], lambda y: self.attention(y, y, past)[0])
        look = self.cross_attention
        x = self.connect(x, self.norms[1], lambda y: look(y, memory, memory_mask)[0])
        return self.connect(x, self.norms[2], self.think)


def build_source_encoder(embedding, num_layers: int, *, dropout: float = 0.0, **block):
    """Build the model from source_ids (B, S) to memory (B, S, D). From notebook 09, section 8.

    `dropout`, as of a block, is also that of the embedded tokens; `block` is for `EncoderBlock`.
    """
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    mask = make_padding_mask(source_ids)
    x = keras.layers.Dropout(dropout)(embedding(source_ids))
    for i in range(num_layers):
        x = EncoderBlock(dropout=dropout, name=f"encoder_block_{i}", **block)(x, mask)
    if block.get("pre_norm", True):
        x = keras.layers.LayerNormalization(epsilon=1e-5, name="encoder_norm")(x)
    return keras.Model(source_ids, x, name="encoder")


def build_target_decoder(embedding, num_layers: int, *, dropout: float = 0.0, **block):
    """Build the model from [target_ids, memory, source_ids] to states (B, T, D).

    From notebook 09, section 8. Arguments as of `build_source_encoder`.
    """
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    memory = keras.Input((None, block["hidden_dim"]), name="memory")
    mask = make_padding_mask(source_ids)
    y = keras.layers.Dropout(dropout)(embedding(target_ids))
    for i in range(num_layers):
        y = DecoderBlock(dropout=dropout, name=f"decoder_block_{i}", **block)(y, memory, mask)
    if block.get("pre_norm", True):
        y = keras.layers.LayerNormalization(epsilon=1e-5, name="decoder_norm")(y)
    return keras.Model([target_ids, memory, source_ids], y, name="decoder")


def build_transformer(
    source_size: int, target_size: int, *, num_layers, positions="sinusoidal", length=512, **block
) -> keras.Model:
    """Build an encoder-decoder without recurrence. Built in notebook 09, section 8.

    It goes from [source_ids (B, S), target_ids (B, T)], 0 = padding, to logits (B, T, V), as one of
    `utils.models.seq2seq.build_translator` does. `positions` and `length` are those of
    `TokenAndPositionEmbedding`, `block` goes to the `num_layers` blocks of encoder and decoder.
    Reference: Vaswani et al. 2017, section 3.
    """
    place = {"hidden_dim": block["hidden_dim"], "positions": positions, "length": length}
    source = TokenAndPositionEmbedding(source_size, name="source_embedding", **place)
    target = TokenAndPositionEmbedding(target_size, name="target_embedding", **place)
    encoder = build_source_encoder(source, num_layers, **block)
    decoder = build_target_decoder(target, num_layers, **block)

    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    states = decoder([target_ids, encoder(source_ids), source_ids])
    logits = keras.layers.Dense(target_size, dtype="float32", name="logits")(states)
    return keras.Model([source_ids, target_ids], logits, name="transformer")
