"""BERT: its input, its masks, its encoder and two heads. Built step by step in notebook 12.

One encoder serves all: the pre-trained MiniLM (`utils.models.sentences`), masked language modelling
from random weights, and fine-tuning. `encoder` is always one of `build_encoder`, `config` the
numbers of a `config.json`, `dropout` the share that is blanked in training; `causal` lets a token
see itself and those on its left only: not BERT, for comparison.

Shapes: B texts in the batch, T tokens, P places that are predicted in a row, D hidden,
V vocabulary. Token id 0 is padding.
Reference: Devlin et al. 2019, BERT, sections 3 and 4.1.
"""

import functools

import keras
import numpy as np

from utils.data.masking import SPECIAL_TOKENS, MaskedBatches
from utils.models.layers import MaskedAveragePooling1D


def predict_hidden(model: keras.Model, batches: MaskedBatches, answers=None) -> tuple:
    """Return row, place and most probable token of each of M chosen tokens, each of shape (M,).

    The model is from `add_word_head`; the batches are best not shuffled, static, and with all
    hidden. `answers`, boolean (V,), are the tokens that may be answered; all if None.
    """
    found = []
    for index in range(len(batches)):
        (inputs, places), _, weights = batches[index]
        logits = model.predict_on_batch([inputs, places])
        logits = logits if answers is None else np.where(answers, logits, -np.inf)
        row, asked = np.nonzero(weights)
        rows = batches.order[index * batches.batch_size + row]
        found.append(np.stack([rows, places[row, asked], logits.argmax(axis=-1)[row, asked]]))
    rows, places, predicted = np.concatenate(found, axis=1)
    return rows, places, predicted


def apply_block(x, mask, config: dict, place: int, *, dropout: float, causal: bool):
    """Apply one new layer: self-attention, then two dense layers, each added and normalised.

    Built in notebook 12, section 3. From symbolic states (B, T, D) and mask (B, 1, T), True where
    there is something to look at. Names of what belongs to the layer end in its `place`, from 0.
    """
    hidden_dim, num_heads = config["hidden_size"], config["num_attention_heads"]
    norm = functools.partial(keras.layers.LayerNormalization, epsilon=config["layer_norm_eps"])
    attention = keras.layers.MultiHeadAttention(
        num_heads, hidden_dim // num_heads, dropout=dropout, name=f"attention_{place}"
    )
    attended = attention(x, x, attention_mask=mask, use_causal_mask=causal)
    attended = keras.layers.Dropout(dropout)(attended)
    x = norm(name=f"attention_norm_{place}")(x + attended)
    wide = keras.layers.Dense(config["intermediate_size"], "gelu", name=f"wide_{place}")(x)
    narrow = keras.layers.Dense(hidden_dim, name=f"narrow_{place}")(wide)
    narrow = keras.layers.Dropout(dropout)(narrow)
    return norm(name=f"norm_{place}")(x + narrow)


def build_encoder(config: dict, *, name="encoder", dropout=0.0, causal=False) -> keras.Model:
    """Build BERT's encoder, with random weights. Built in notebook 12, section 3.

    The config has `vocab_size`, `hidden_size`, `num_hidden_layers`, `num_attention_heads`,
    `intermediate_size`, `max_position_embeddings`, `type_vocab_size` and `layer_norm_eps`.

    Returns:
        A model from [token_ids (B, T), segment_ids (B, T), padding_mask (B, T)] to the list
        of states (B, T, D): what enters the first layer, and what leaves each.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    segment_ids = keras.Input((None,), dtype="int32", name="segment_ids")
    padding_mask = keras.Input((None,), dtype="bool", name="padding_mask")
    position_ids = keras.ops.cumsum(keras.ops.ones_like(token_ids), axis=1) - 1
    x = 0
    for table, rows, ids in (
        ("words", config["vocab_size"], token_ids),
        ("positions", config["max_position_embeddings"], position_ids),
        ("segments", config["type_vocab_size"], segment_ids),
    ):
        start = keras.initializers.TruncatedNormal(stddev=0.5 / config["hidden_size"] ** 0.5)
        x = x + keras.layers.Embedding(rows, config["hidden_size"], start, name=table)(ids)
    epsilon = config["layer_norm_eps"]
    x = keras.layers.LayerNormalization(epsilon=epsilon, name="input_norm")(x)
    states = [keras.layers.Dropout(dropout)(x)]
    mask = keras.ops.expand_dims(padding_mask, 1)
    for place in range(config["num_hidden_layers"]):
        x = apply_block(states[-1], mask, config, place, dropout=dropout, causal=causal)
        states.append(x)
    return keras.Model([token_ids, segment_ids, padding_mask], states, name=name)


def load_encoder_weights(encoder: keras.Model, weights: dict, *, prefix: str = "") -> None:
    """Put BERT's weights, by their names in a checkpoint, into the layers of `build_encoder`.

    `prefix` is what the names begin with, for example "bert." in a checkpoint with a head.
    Raises ValueError if the checkpoint lacks an array, or one has another shape.
    """
    read = functools.partial(_read_arrays, weights)
    for table, key in (("words", "word"), ("positions", "position"), ("segments", "token_type")):
        read(encoder.get_layer(table), f"{prefix}embeddings.{key}_embeddings", ("weight",))
    read(encoder.get_layer("input_norm"), f"{prefix}embeddings.LayerNorm")
    for place in range(len(encoder.outputs) - 1):
        part = f"{prefix}encoder.layer.{place}"
        read(encoder.get_layer(f"attention_norm_{place}"), f"{part}.attention.output.LayerNorm")
        read(encoder.get_layer(f"wide_{place}"), f"{part}.intermediate.dense")
        read(encoder.get_layer(f"narrow_{place}"), f"{part}.output.dense")
        read(encoder.get_layer(f"norm_{place}"), f"{part}.output.LayerNorm")
        attention = encoder.get_layer(f"attention_{place}")
        for kind in ("query", "key", "value"):
            read(getattr(attention, f"{kind}_dense"), f"{part}.attention.self.{kind}")
        read(attention.output_dense, f"{part}.attention.output.dense")


def _read_arrays(weights, layer, name: str, kinds: tuple[str, ...] = ("weight", "bias")) -> None:
    """Fill one layer; a checkpoint stores a dense kernel as (out, in), Keras as (in, out)."""
    missing = [f"{name}.{kind}" for kind in kinds if f"{name}.{kind}" not in weights]
    if missing:
        raise ValueError(
            f"the checkpoint has no array {missing[0]!r}, which the layer {layer.name!r} needs; "
            f"its names begin like {next(iter(weights), 'nothing')!r}: is `prefix` right?"
        )
    arrays = [weights[f"{name}.{kind}"] for kind in kinds]
    if hasattr(layer, "kernel"):
        arrays[0] = arrays[0].T
    if hasattr(layer, "kernel") and arrays[0].size == np.prod(layer.kernel.shape):
        arrays = [a.reshape(w.shape) for a, w in zip(arrays, layer.weights, strict=True)]
    layer.set_weights(arrays)


def compute_hidden_states(encoder: keras.Model, token_ids):
    """Return the last symbolic states (B, T, D) of single texts, and their padding mask (B, T)."""
    padding_mask = keras.ops.not_equal(token_ids, 0)
    states = encoder([token_ids, keras.ops.zeros_like(token_ids), padding_mask])
    return states[-1], padding_mask


@keras.saving.register_keras_serializable(package="course")
class TiedLogits(keras.layers.Layer):
    """Score every token: from (..., D) to (..., V). Built in notebook 12, section 3.

    The scores are the products with the rows of the encoder's table of words, which are used, not
    copied, plus a bias.
    """

    def __init__(self, encoder: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.table = encoder, encoder.get_layer("words")

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.table.input_dim,), initializer="zeros", name="bias")

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table.embeddings)) + self.bias

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("encoder")), **config)


def add_word_head(encoder: keras.Model, *, name: str = "word_model") -> keras.Model:
    """Build masked language modelling on an encoder, sharing its weights. Notebook 12, section 3.

    The model goes from [token_ids (B, T), places (B, P)] to logits (B, P, V): the states at the
    asked places go through a dense layer and a normalisation, and are compared with the rows of
    the table of word vectors.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    places = keras.Input((None,), dtype="int32", name="places")
    states, _ = compute_hidden_states(encoder, token_ids)
    x = keras.ops.take_along_axis(states, keras.ops.expand_dims(places, -1), axis=1)
    x = keras.layers.Dense(x.shape[-1], "gelu", name="transform")(x)
    epsilon = encoder.get_layer("input_norm").epsilon
    x = keras.layers.LayerNormalization(epsilon=epsilon, name="transform_norm")(x)
    logits = TiedLogits(encoder, dtype="float32", name="logits")(x)
    return keras.Model([token_ids, places], logits, name=name)


def init_from_statistics(
    model: keras.Model, encoder: keras.Model, token_ids: np.ndarray, word_vectors: np.ndarray
) -> None:
    """Begin masked language modelling with what need not be learned. Built in notebook 12.

    The bias of each token becomes the logarithm of its share of the training text. The
    table of positions becomes waves, in which a shift by one place is the same rotation
    everywhere, so that what is learned about neighbours at one place holds at all. The keys
    become the queries, so that attention begins with places and words that are alike. The
    table of words becomes that of another model, its width reduced by its principal axes.

    The model is that of `add_word_head`, made from the encoder; the training text (N, T) gives
    special tokens no share; word_vectors, of the other model, have shape (V, at least D).
    """
    head, table = model.get_layer("logits"), encoder.get_layer("positions")
    counts = np.bincount(token_ids.ravel(), minlength=len(word_vectors)).astype("float32")
    counts[: len(SPECIAL_TOKENS)] = 0
    head.bias.assign(np.log((counts + 0.1) / (counts + 0.1).sum()))
    rows, hidden_dim = table.embeddings.shape
    speeds = 100.0 ** (-np.arange(0, hidden_dim, 2) / hidden_dim)
    angles = np.arange(rows)[:, None] * speeds  # (rows, D / 2)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    table.set_weights([waves * (0.5 / hidden_dim) ** 0.5])
    for place in range(len(encoder.outputs) - 1):
        attention = encoder.get_layer(f"attention_{place}")
        attention.key_dense.set_weights(attention.query_dense.get_weights())
    centred = word_vectors - word_vectors.mean(axis=0)
    reduced = centred @ np.linalg.svd(centred, full_matrices=False)[2][:hidden_dim].T
    reduced *= 0.5 / hidden_dim**0.5 / reduced.std()
    encoder.get_layer("words").set_weights([reduced])


def add_classifier(encoder: keras.Model, *, name: str, pooling="mean", dropout=0.1) -> keras.Model:
    """Build a classifier on an encoder, sharing its weights. Built in notebook 12, section 6.

    It goes from token ids (B, T) to probabilities (B, 1), and is to be compiled. `pooling` is
    "mean" over the tokens, or "first", the state of [CLS]; there the paper has another dense layer
    with tanh, trained in next-sentence prediction.
    """
    if pooling not in ("mean", "first"):
        raise ValueError(f"pooling must be 'mean' or 'first', not {pooling!r}")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    states, mask = compute_hidden_states(encoder, token_ids)
    x = states[:, 0] if pooling == "first" else MaskedAveragePooling1D()(states, mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(token_ids, probability, name=name)


def train_last_layers(encoder: keras.Model, count: int | None) -> None:
    """Let only the last `count` layers of an encoder be trained. Built in notebook 12, section 6.

    Call it before `compile`. 0 freezes the whole encoder, None frees it, tables of words, positions
    and segments included; ValueError if the encoder has fewer layers.
    """
    num_layers = len(encoder.outputs) - 1
    if count is not None and not 0 <= count <= num_layers:
        raise ValueError(f"count must be 0 to {num_layers} (all layers) or None, not {count}")
    for layer in encoder.layers:
        place = layer.name.rpartition("_")[2]
        is_block = place.isdigit() and "dropout" not in layer.name
        layer.trainable = count is None or (is_block and int(place) >= num_layers - count)


@keras.saving.register_keras_serializable(package="course")
class WarmUpDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises along a line to `peak`, then falls along a line to 0.

    Raises ValueError if the warm-up is not shorter than the whole; both are counted in batches.
    Reference: Devlin et al. 2019, BERT, appendix A.2.
    """

    def __init__(self, peak: float, warm_up_steps: int, total_steps: int):
        if not 0 <= warm_up_steps < total_steps:
            rule = f"warm_up_steps must be at least 0 and less than total_steps={total_steps}"
            raise ValueError(f"{rule}, not {warm_up_steps}")
        self.peak, self.warm_up_steps, self.total_steps = peak, warm_up_steps, total_steps

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rising = (step + 1) / (self.warm_up_steps + 1)
        falling = (self.total_steps - step) / (self.total_steps - self.warm_up_steps)
        return self.peak * keras.ops.clip(keras.ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        names = ("peak", "warm_up_steps", "total_steps")
        return {name: getattr(self, name) for name in names}
