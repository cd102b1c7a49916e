"""BERT: its input, its masks, its encoder and two heads. Built step by step in notebook 10.

One encoder serves all: the pre-trained MiniLM (`utils.sentences`), masked language modelling
from random weights, and fine-tuning.

Shapes: B texts in the batch, T tokens, P places that are predicted in a row, D hidden,
V vocabulary. Token id 0 is padding.

Reference:
    Devlin et al. 2019, BERT, section 3.
"""

import functools
from collections import Counter

import keras
import numpy as np

from utils.layers import MaskedAveragePooling1D

# ids 0 to 4 of a vocabulary made here; a published one has its own
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def pack_segments(
    first: list[int], second: list[int] | None, cls_id: int, sep_id: int, sequence_length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out one text or two as BERT reads them: [CLS] first [SEP] second [SEP] [PAD] ...

    Built in notebook 10, section 1. What is too long loses tokens at the end of the longer text.

    Args:
        first: token ids of the first text.
        second: those of the second, or None.
        cls_id: id of [CLS].
        sep_id: id of [SEP].
        sequence_length: T, the special tokens included.

    Returns:
        Token ids, segment ids (0 up to the first [SEP], then 1) and padding mask (True on
        tokens), each of shape (T,).

    Raises:
        ValueError: T leaves no room for the special tokens.

    Example:
        >>> pack_segments([7, 8], [9], 1, 2, 7)[0].tolist()
        [1, 7, 8, 2, 9, 2, 0]
    """
    parts = [list(first)] + ([] if second is None else [list(second)])
    room = sequence_length - 1 - len(parts)
    if room < 0:
        raise ValueError(
            f"[CLS] and {len(parts)} [SEP] do not fit into sequence_length={sequence_length}; "
            f"it must be at least {1 + len(parts)}"
        )
    while sum(map(len, parts)) > room:
        max(parts, key=len).pop()
    token_ids, segment_ids = [cls_id], [0]
    for segment, part in enumerate(parts):
        token_ids += [*part, sep_id]
        segment_ids += [segment] * (len(part) + 1)
    padding_mask = np.arange(sequence_length) < len(token_ids)
    padding = [0] * (sequence_length - len(token_ids))
    return np.array(token_ids + padding), np.array(segment_ids + padding), padding_mask


def build_pieces(token_lists: list[list[str]], min_count: int) -> list[str]:
    """List the special tokens, then the pieces that occur often enough, by the alphabet.

    Built in notebook 10, section 2.

    Args:
        token_lists: WordPiece tokens of each training text, without special tokens.
        min_count: times that a piece must occur.

    Returns:
        Piece of each id.

    Example:
        >>> build_pieces([["a", "film"], ["film"]], 2)[5:]
        ['film']
    """
    counts = Counter(token for tokens in token_lists for token in tokens)
    kept = sorted(token for token, count in counts.items() if count >= min_count)
    return [*SPECIAL_TOKENS, *(token for token in kept if token not in SPECIAL_TOKENS)]


def encode_pieces(
    token_lists: list[list[str]], pieces: list[str], sequence_length: int
) -> np.ndarray:
    """Turn texts, cut into WordPiece tokens, into rows [CLS] ... [SEP] [PAD] of token ids.

    Built in notebook 10, section 2.

    Args:
        token_lists: tokens of each of N texts, without special tokens.
        pieces: from `build_pieces`; what is not in it becomes [UNK].
        sequence_length: T.

    Returns:
        Token ids, shape (N, T).
    """
    ids = {piece: token_id for token_id, piece in enumerate(pieces)}
    unknown, cls_id, sep_id = ids["[UNK]"], ids["[CLS]"], ids["[SEP]"]
    rows = [[ids.get(token, unknown) for token in tokens] for tokens in token_lists]
    packed = [pack_segments(row, None, cls_id, sep_id, sequence_length)[0] for row in rows]
    return np.array(packed, "int32").reshape(-1, sequence_length)


def mask_tokens(
    token_ids: np.ndarray,
    special_ids: dict[str, int],
    vocabulary_size: int,
    random: np.random.Generator,
    *,
    share: float = 0.15,
    hidden: float = 0.8,
    swapped: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose tokens to be predicted, and hide most of them. Built in notebook 10, section 2.

    Of the chosen tokens the share `hidden` becomes [MASK], the share `swapped` another token
    drawn at random, the rest stays. Special tokens are neither chosen nor drawn.

    Args:
        token_ids: shape (B, T).
        special_ids: id of each special token by its name; "[MASK]" and "[PAD]" among them.
        vocabulary_size: V.
        random: where the choices come from.
        share: of the ordinary tokens that is chosen, each with this probability.
        hidden: share of the chosen that becomes [MASK].
        swapped: share of the chosen that becomes a random token.

    Returns:
        What the model reads, shape (B, T); and which tokens were chosen, boolean, (B, T).

    Reference:
        Devlin et al. 2019, BERT, section 3.1.
    """
    special = list(special_ids.values())
    ordinary = np.setdiff1d(np.arange(vocabulary_size), special)
    chosen = (random.random(token_ids.shape) < share) & ~np.isin(token_ids, special)
    fate = random.random(token_ids.shape)
    drawn = random.choice(ordinary, token_ids.shape)
    inputs = np.where(chosen & (fate < hidden + swapped), drawn, token_ids)
    inputs = np.where(chosen & (fate < hidden), special_ids["[MASK]"], inputs)
    return inputs, chosen


class MaskedBatches(keras.utils.PyDataset):
    """Batches for masked language modelling; the masks are drawn anew each epoch, or once.

    A batch is ((inputs, places), targets, weights): what the model reads (B, T), which
    places it must predict (B, P), the right tokens there (B, P), and weights of mean 1 that
    are 0 where a row has fewer places than P. Of a row with more, the rest is not counted.

    Args:
        token_ids: shape (N, T), 0 = padding.
        special_ids: as for `mask_tokens`.
        vocabulary_size: V.
        batch_size: rows a step.
        dynamic: draw the masks anew for each epoch (RoBERTa), or once for all (static).
        shuffle: change the order of the rows each epoch.
        num_places: P; half as many again as are to be expected if None.
        seed: of masks and order.
        options: `share`, `hidden` and `swapped` of `mask_tokens`.

    Reference:
        Liu et al. 2019, RoBERTa, section 4.1.
    """

    def __init__(
        self, token_ids, special_ids, vocabulary_size, *,
        batch_size: int = 64, dynamic: bool = True, shuffle: bool = True,
        num_places: int | None = None, seed: int = 0, **options,
    ):  # fmt: skip
        super().__init__()
        self.token_ids, self.batch_size = token_ids, batch_size
        self.dynamic, self.shuffle = dynamic, shuffle
        self.random, self.order = np.random.default_rng(seed), np.arange(len(token_ids))
        expected = options.get("share", 0.15) * token_ids.shape[1]
        self.num_places = num_places or 1 + int(1.5 * expected)
        self.draw = functools.partial(
            mask_tokens, token_ids, special_ids, vocabulary_size, self.random, **options
        )
        self.inputs, self.chosen = self.draw()
        self.on_epoch_end(first=True)

    def on_epoch_end(self, first: bool = False):
        if self.dynamic and not first:
            self.inputs, self.chosen = self.draw()
        if self.shuffle:
            self.random.shuffle(self.order)

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        # chosen places first, in their order
        places = np.argsort(~self.chosen[rows], axis=1, kind="stable")[:, : self.num_places]
        targets = np.take_along_axis(self.token_ids[rows], places, axis=1)
        weights = np.take_along_axis(self.chosen[rows], places, axis=1).astype("float32")
        weights *= weights.size / max(1, weights.sum())
        return (self.inputs[rows], places.astype("int32")), targets, weights


def predict_hidden(
    model: keras.Model, batches: MaskedBatches, answers: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ask a model for each chosen token of a set.

    Args:
        model: from `add_word_head`.
        batches: N rows with their masks; best not shuffled, static, and with all hidden.
        answers: tokens that may be answered, boolean, shape (V,); all if None.

    Returns:
        Row, place and most probable token of each of M chosen tokens, each of shape (M,).
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

    Built in notebook 10, section 3.

    Args:
        x: symbolic states (B, T, D).
        mask: symbolic, boolean, (B, 1, T): True where there is something to look at.
        config: numbers of a `config.json`.
        place: number of the layer, from 0; it ends the names of what belongs to it.
        dropout: share blanked in training, of attention weights and of what is added.
        causal: let a token see itself and those on its left only.
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


def build_encoder(
    config: dict, *, name: str = "encoder", dropout: float = 0.0, causal: bool = False
) -> keras.Model:
    """Build BERT's encoder, with random weights, from the numbers of a `config.json`.

    Built in notebook 10, section 3.

    Args:
        config: sizes, by the names of the `transformers` library: `vocab_size`,
            `hidden_size`, `num_hidden_layers`, `num_attention_heads`, `intermediate_size`,
            `max_position_embeddings`, `type_vocab_size`, `layer_norm_eps`.
        name: of the model.
        dropout: share blanked in training.
        causal: let a token see itself and those on its left only; not BERT, for comparison.

    Returns:
        A model from [token_ids (B, T), segment_ids (B, T), padding_mask (B, T)] to the list
        of states (B, T, D): what enters the first layer, and what leaves each.

    Reference:
        Devlin et al. 2019, BERT, section 3.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    segment_ids = keras.Input((None,), dtype="int32", name="segment_ids")
    padding_mask = keras.Input((None,), dtype="bool", name="padding_mask")
    place_ids = keras.ops.cumsum(keras.ops.ones_like(token_ids), axis=1) - 1
    x = 0
    for table, rows, ids in (
        ("words", config["vocab_size"], token_ids),
        ("positions", config["max_position_embeddings"], place_ids),
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


def fill_encoder(encoder: keras.Model, weights: dict[str, np.ndarray], *, prefix: str = "") -> None:
    """Put BERT's weights, by their names in a checkpoint, into the layers of `build_encoder`.

    Args:
        encoder: from `build_encoder`, of the checkpoint's sizes.
        weights: name to array, as `safetensors.numpy.load` gives them.
        prefix: what the names begin with, for example "bert." in a checkpoint with a head.

    Raises:
        ValueError: the checkpoint lacks an array, or one has another shape.
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


def read_texts(encoder: keras.Model, token_ids):
    """Run the encoder over single texts: one segment, padding where the id is 0.

    Args:
        encoder: from `build_encoder`.
        token_ids: symbolic, (B, T).

    Returns:
        Symbolic states of the last layer, (B, T, D), and padding mask, (B, T).
    """
    padding_mask = keras.ops.not_equal(token_ids, 0)
    states = encoder([token_ids, keras.ops.zeros_like(token_ids), padding_mask])
    return states[-1], padding_mask


@keras.saving.register_keras_serializable(package="course")
class TiedLogits(keras.layers.Layer):
    """Score every token: the product with its row of an embedding table, plus its bias.

    Built in notebook 10, section 3. Input (..., D), output (..., V).

    Args:
        table: the built `Embedding` layer whose rows are used; it is not copied.
    """

    def __init__(self, table: keras.layers.Embedding, **kwargs):
        super().__init__(**kwargs)
        self.table = table

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.table.input_dim,), initializer="zeros", name="bias")

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table.embeddings)) + self.bias


def add_word_head(encoder: keras.Model, *, name: str = "word_model") -> keras.Model:
    """Put the head of masked language modelling on an encoder. Built in notebook 10, section 3.

    The states at the asked places go through a dense layer and a normalisation, and are
    compared with the rows of the table of word vectors.

    Args:
        encoder: from `build_encoder`; its weights are shared.
        name: of the model.

    Returns:
        A model from [token_ids (B, T), places (B, P)] to logits (B, P, V).

    Reference:
        Devlin et al. 2019, BERT, section 3.1.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    places = keras.Input((None,), dtype="int32", name="places")
    states, _ = read_texts(encoder, token_ids)
    x = keras.ops.take_along_axis(states, keras.ops.expand_dims(places, -1), axis=1)
    x = keras.layers.Dense(x.shape[-1], "gelu", name="transform")(x)
    epsilon = encoder.get_layer("input_norm").epsilon
    x = keras.layers.LayerNormalization(epsilon=epsilon, name="transform_norm")(x)
    logits = TiedLogits(encoder.get_layer("words"), name="logits")(x)
    return keras.Model([token_ids, places], logits, name=name)


def fill_word_head(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Put the weights of a published masked language model into the head of `add_word_head`.

    The table of word vectors belongs to the encoder: fill that with `fill_encoder`.
    """
    part = "cls.predictions"
    _read_arrays(weights, model.get_layer("transform"), f"{part}.transform.dense")
    _read_arrays(weights, model.get_layer("transform_norm"), f"{part}.transform.LayerNorm")
    model.get_layer("logits").bias.assign(weights[f"{part}.bias"])


def start_easy(
    model: keras.Model, encoder: keras.Model, token_ids: np.ndarray, word_vectors: np.ndarray
) -> None:
    """Begin masked language modelling with what need not be learned. Built in notebook 10.

    The bias of each token becomes the logarithm of its share of the training text. The
    table of positions becomes waves, in which a shift by one place is the same rotation
    everywhere, so that what is learned about neighbours at one place holds at all. The keys
    become the queries, so that attention begins with places and words that are alike. The
    table of words becomes that of another model, its width reduced by its principal axes.

    Args:
        model: from `add_word_head`.
        encoder: the one it was made from.
        token_ids: training text, shape (N, T); of special tokens no share is taken.
        word_vectors: of the other model, one row a token, shape (V, at least D).
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


def add_classifier(
    encoder: keras.Model, *, name: str, pooling: str = "mean", dropout: float = 0.1
) -> keras.Model:
    """Put a head for two classes on an encoder. Built in notebook 10, section 6.

    Args:
        encoder: from `build_encoder`; its weights are shared.
        name: of the model.
        pooling: "mean" over the tokens, or "first", the state of [CLS].
        dropout: share of the pooled numbers blanked in training.

    Returns:
        A model, to be compiled, from token ids (B, T), 0 = padding, to probabilities (B, 1).

    Raises:
        ValueError: `pooling` is neither.

    Reference:
        Devlin et al. 2019, BERT, section 4.1, for "first"; there another dense layer with
        tanh, trained in next-sentence prediction, stands between.
    """
    if pooling not in ("mean", "first"):
        raise ValueError(f"pooling must be 'mean' or 'first', not {pooling!r}")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    states, mask = read_texts(encoder, token_ids)
    x = states[:, 0] if pooling == "first" else MaskedAveragePooling1D()(states, mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    probability = keras.layers.Dense(1, "sigmoid", name="probability")(x)
    return keras.Model(token_ids, probability, name=name)


def train_last_layers(encoder: keras.Model, count: int | None) -> None:
    """Let only the last layers of an encoder be trained. Built in notebook 10, section 6.

    Call it before `compile`.

    Args:
        encoder: from `build_encoder`.
        count: of layers; 0 freezes the whole encoder, None frees it, tables of words,
            positions and segments included.

    Raises:
        ValueError: the encoder has fewer layers.
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
    """Learning rate that rises along a line from 0 to a peak, then falls along a line to 0.

    Args:
        peak: the largest learning rate.
        warm_up_steps: batches until the peak.
        total_steps: batches until 0.

    Raises:
        ValueError: the warm-up is not shorter than the whole.

    Reference:
        Devlin et al. 2019, BERT, appendix A.2.
    """

    def __init__(self, peak: float, warm_up_steps: int, total_steps: int):
        if not 0 <= warm_up_steps < total_steps:
            raise ValueError(
                f"warm_up_steps must be at least 0 and less than total_steps={total_steps}, "
                f"not {warm_up_steps}"
            )
        self.peak, self.warm_up_steps, self.total_steps = peak, warm_up_steps, total_steps

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rising = (step + 1) / (self.warm_up_steps + 1)
        falling = (self.total_steps - step) / (self.total_steps - self.warm_up_steps)
        return self.peak * keras.ops.clip(keras.ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        names = ("peak", "warm_up_steps", "total_steps")
        return {name: getattr(self, name) for name in names}
