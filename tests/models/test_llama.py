"""Llama: the laws it obeys, and Keras' own layers as the outside judge."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from utils.models import llama

# V, context, D, layers, N, K, F: several query heads a key head, one for all, one each
SIZES = [(41, 24, 24, 2, 6, 3, 20), (7, 64, 16, 1, 4, 1, 12), (64, 33, 12, 3, 2, 2, 30)]
SMALL = [llama.LlamaConfig(*sizes, rope_base=50.0) for sizes in SIZES]
SMALL[1] = dataclasses.replace(SMALL[1], tie_embeddings=False)


def build(config=SMALL[0], seed=0):
    """Return a model with weights large enough for every part to matter."""
    model, random = llama.Llama(config), np.random.default_rng(seed)
    for variable in model.variables:
        mean = 1.0 if variable.path.endswith("scale") else 0.0
        variable.assign(random.normal(mean, 0.4, variable.shape))
    return model


def score(model, token_ids, num_padding=None):
    return ops.convert_to_numpy(model(np.array(token_ids, "int32"), num_padding))


def test_smollm2_has_its_parameters():
    def count(**changes):
        sizes = {"num_layers": 1, "vocabulary_size": 1, "initializer_range": 0.0} | changes
        return llama.Llama(dataclasses.replace(full, **sizes)).count_params()

    full = llama.LlamaConfig()  # blocks are equal, and so are the rows of the table
    one, block = count(), count(num_layers=2) - count()
    rows = (full.vocabulary_size - 1) * full.hidden_dim
    assert one + (full.num_layers - 1) * block + rows == 134_515_008


@pytest.mark.parametrize(
    "sizes",
    [{"num_heads": 5}, {"num_layers": 0}, {"num_key_value_heads": 2}, {"hidden_dim": 27}]
    + [{"hidden_dim": 7.5}, {"vocabulary_size": True}, {"rope_base": 0.0}, {"epsilon": -1.0}]
    + [{"rope_base": np.inf}, {"initializer_range": -1.0}, {"tie_embeddings": "no"}]
    + [{"epsilon": e} for e in (np.inf, np.nan, True, "1e-5")]
    + [{"rope_base": "1e4"}],
)
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="must be"):
        llama.LlamaConfig(**sizes)


@pytest.mark.parametrize("S", [1, 5])
def test_dense_layer_equals_that_of_keras(S):
    ours, theirs = llama.RowDense(6, 4), keras.layers.Dense(4, use_bias=False)
    theirs.build((None, 6))
    theirs.set_weights([ops.convert_to_numpy(ours.kernel).T])
    x = np.random.default_rng(1).normal(size=(2, S, 6)).astype("float32")
    wanted = ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), wanted, atol=1e-6)
    assert np.abs(wanted).max() > 0.01


@pytest.mark.parametrize("config", SMALL)
def test_attention_without_positions_equals_that_of_keras(config):
    D, N, K, H = config.hidden_dim, config.num_heads, config.num_key_value_heads, config.head_dim
    layer, random = llama.GroupedQueryAttention(config), np.random.default_rng(0)
    kernels = [random.normal(0, 0.3, (rows, D)) for rows in ((N + 2 * K) * H, D)]
    layer.set_weights(kernels)
    theirs = keras.layers.GroupQueryAttention(H, N, K, use_bias=False)
    x = random.normal(size=(2, 5, D)).astype("float32")
    theirs.build(x.shape, x.shape)
    parts = np.split(kernels[0].T.reshape(D, N + 2 * K, H), [N, N + K], axis=1)
    theirs.set_weights([*parts, kernels[1].T.reshape(N, H, D)])
    still = np.ones((1, 5, 1, 1), "float32"), np.zeros((1, 5, 1, 1), "float32")
    found = layer(x, np.tri(5, dtype=bool)[None, None], still)[0]
    wanted = theirs(x, x, use_causal_mask=True)
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (found, wanted)), atol=1e-5)


def test_products_of_turned_vectors_depend_on_the_distance_alone():
    config, random = llama.LlamaConfig(9, 99, 16, 1, 1, 1, 8, rope_base=100.0), np.random
    query, key = random.default_rng(0).normal(size=(2, 1, 1, 1, 16)).astype("float32")

    def multiply(place, other):
        turned = [
            llama.rotate(x, *llama.compute_angles(np.array([[p]]), config))
            for x, p in ((query, place), (key, other))
        ]
        return float(ops.sum(turned[0] * turned[1]))

    assert multiply(7, 3) == pytest.approx(multiply(94, 90), abs=1e-4)
    assert abs(multiply(7, 3) - multiply(7, 4)) > 0.01
    pairs = query.reshape(-1, 2) @ [1, 1j]  # a pair is a complex number, which is turned
    other = key.reshape(-1, 2) @ [1, 1j]
    turns = np.exp(4j * 100.0 ** (-np.arange(8) / 8))
    assert multiply(7, 3) == pytest.approx((pairs * turns * other.conj()).real.sum(), abs=1e-4)


@pytest.mark.parametrize("config", SMALL)
def test_the_past_does_not_see_the_future(config):
    model, V = build(config), config.vocabulary_size
    token_ids = np.random.default_rng(2).integers(0, V, (1, 12))
    changed = token_ids.copy()
    changed[0, 6] = (changed[0, 6] + 1) % V
    before, after = score(model, token_ids)[0], score(model, changed)[0]
    assert np.abs(before[:6] - after[:6]).max() < 1e-5
    assert np.abs(before[6:] - after[6:]).max(axis=-1).min() > 1e-3


@pytest.mark.parametrize("config", SMALL)
def test_cached_equals_uncached(config):
    model, token_ids = build(config), np.random.default_rng(3).integers(0, 7, (2, 9))
    wanted, cache, found = score(model, token_ids), model.make_cache(2, 16), []
    for start, end in ((0, 4), (4, 5), (5, 8), (8, 9)):
        x, cache = model.compute_hidden_states(token_ids[:, start:end], None, cache, start)
        found.append(ops.convert_to_numpy(model.compute_logits(x)))
    np.testing.assert_allclose(np.concatenate(found, axis=1), wanted, atol=1e-4)


@pytest.mark.parametrize("config", SMALL)
def test_padding_changes_nothing_and_a_batch_equals_its_rows(config):
    model, random = build(config), np.random.default_rng(4)
    texts = [random.integers(0, 7, length) for length in (3, 9, 1)]
    num_padding = np.array([6, 0, 8])
    for filler in (0, 5):
        rows = np.stack([np.pad(t, (9 - len(t), 0), constant_values=filler) for t in texts])
        found = score(model, rows, num_padding)
        for row, text, padding in zip(found, texts, num_padding, strict=True):
            np.testing.assert_allclose(row[padding:], score(model, text[None])[0], atol=1e-4)
    assert np.isfinite(found).all()


def test_longer_than_the_context_is_refused():
    with pytest.raises(ValueError, match="looks at 24 tokens at most; got 25"):
        build()(np.zeros((1, 25), "int32"))


@pytest.mark.parametrize("config", SMALL[:2])
def test_a_model_is_built_anew_from_its_config(config):
    model = build(config)
    again = llama.Llama.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert again.config == config
    assert np.array_equal(score(again, [[1, 2, 3]]), score(model, [[1, 2, 3]]))
