"""The laws of the Transformer on tiny sizes, with Keras' own attention as judge."""

import keras
import numpy as np
import pytest
from small_models import build_transformer, randomise, run, to_numpy

from utils.models import seq2seq, transformer

V, D, H = 7, 8, 2
SOURCE = np.array([[4, 5, 6, 4], [5, 5, 0, 0], [6, 4, 4, 0]], "int32")
TARGET = np.array([[2, 4, 5, 6, 4], [2, 6, 0, 0, 0], [2, 5, 4, 6, 0]], "int32")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture(scope="module", params=[True, False], ids=["pre-norm", "post-norm"])
def model(request):
    return randomise(build_transformer(V, pre_norm=request.param)[0], seed=2)


# Attention


@pytest.mark.parametrize("num_heads, length", [(1, 3), (2, 6), (8, 2)])
def test_equals_keras(num_heads, length):
    query, memory = draw(2, 3, D), draw(2, length, 5, seed=1)
    mask = np.random.default_rng(2).random((2, 3, length)) < 0.7
    mask[:, :, 0] = True
    theirs = keras.layers.MultiHeadAttention(num_heads, D // num_heads)
    theirs(query, memory)
    randomise(theirs)
    ours = transformer.MultiHeadAttention(num_heads, D)
    ours(query, memory)
    weights = zip(theirs.get_weights(), ours.weights, strict=True)
    ours.set_weights([w.reshape(mine.shape) for w, mine in weights])
    wanted = theirs(query, memory, attention_mask=mask, return_attention_scores=True)
    for mine, other in zip(ours(query, memory, mask[:, None]), wanted, strict=True):
        np.testing.assert_allclose(to_numpy(mine), to_numpy(other), atol=1e-5)


# Masks


def test_masks_by_hand():
    np.testing.assert_array_equal(transformer.make_causal_mask(3), np.tri(3, dtype=bool))
    mask = to_numpy(transformer.make_padding_mask(SOURCE))
    assert mask.shape == (3, 1, 1, 4)
    assert mask[1, 0, 0].tolist() == [True, True, False, False]


def test_future_is_invisible(model):
    before = run(model, SOURCE, TARGET)
    for t in range(1, TARGET.shape[1]):
        changed = TARGET.copy()
        changed[:, t] = (changed[:, t] + 1) % V
        after = run(model, SOURCE, changed)
        np.testing.assert_allclose(after[:, :t], before[:, :t], atol=1e-5)
        assert np.abs(after[:, t:] - before[:, t:]).max(axis=(1, 2)).min() > 1e-3


def test_every_source_token_is_seen_by_every_target_place(model):
    before = run(model, SOURCE[:1], TARGET[:1])
    for s in range(SOURCE.shape[1]):
        changed = SOURCE[:1].copy()
        changed[:, s] = 9 - changed[:, s]
        after = run(model, changed, TARGET[:1])
        assert (np.abs(after - before).max(axis=-1) > 1e-5).all()


def test_padding_changes_nothing(model):
    source, target = (np.pad(x, ((0, 0), (0, 3))) for x in (SOURCE, TARGET))
    after = run(model, source, target)[:, : TARGET.shape[1]]
    np.testing.assert_allclose(after, run(model, SOURCE, TARGET), atol=1e-5)


# Order


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned"])
def test_without_positions_order_means_nothing(positions):
    keras.utils.set_random_seed(0)
    embed = transformer.TokenAndPositionEmbedding(V, D, positions=positions, length=4)
    block = transformer.EncoderBlock(D, H, 12)
    order = [2, 0, 3, 1]
    before, after = (to_numpy(block(embed(x))) for x in (SOURCE[:1], SOURCE[:1, order]))
    distance = np.abs(after - before[:, order]).max()
    assert distance < 1e-5 if positions == "none" else distance > 1e-2


def test_sinusoids_by_hand_and_by_distance():
    rows = to_numpy(transformer.compute_sinusoids(50, 16))
    np.testing.assert_allclose(rows[0], [0] * 8 + [1] * 8, atol=1e-6)
    np.testing.assert_allclose(rows[3, [0, 8]], [np.sin(3), np.cos(3)], atol=1e-5)
    np.testing.assert_allclose(rows[3, 2], np.sin(3 / 10_000 ** (4 / 16)), atol=1e-5)
    products = rows @ rows.T  # they depend on the distance only
    np.testing.assert_allclose(products[0, 7], products[30, 37], atol=1e-4)


def test_impossible_settings_are_refused():
    embed = transformer.TokenAndPositionEmbedding
    with pytest.raises(ValueError, match="'rotary'"):
        embed(V, D, positions="rotary")
    with pytest.raises(ValueError, match="4 tokens are too many for a table of 3"):
        embed(V, D, positions="learned", length=3)(SOURCE)
    with pytest.raises(ValueError, match="multiple of num_heads, got 8 and 3"):
        transformer.MultiHeadAttention(3, D)


# Blocks


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("build", [transformer.EncoderBlock, transformer.DecoderBlock])
def test_blocks_by_hand(build, pre_norm):
    x, memory = draw(2, 3, D), draw(2, 4, D, seed=1)
    block = build(D, H, 12, pre_norm=pre_norm)
    inputs = (x, memory) if build is transformer.DecoderBlock else (x,)
    block(*inputs)
    randomise(block, scale=0.5)

    def look_around(y):
        past = transformer.make_causal_mask(3) if len(inputs) == 2 else None
        return block.attention(y, y, past)[0]

    def look_over(y):
        return block.cross_attention(y, memory)[0]

    def think(y):
        expand, shrink = block.think.layers
        inner = keras.ops.matmul(y, expand.kernel) + expand.bias
        return shrink(keras.ops.maximum(inner, 0))

    sublayers, y = [look_around, look_over, think] if len(inputs) == 2 else [look_around, think], x
    for norm, sublayer in zip(block.norms, sublayers, strict=True):
        y = y + sublayer(norm(y)) if pre_norm else norm(y + sublayer(y))
    np.testing.assert_allclose(to_numpy(block(*inputs)), to_numpy(y), atol=1e-4)


@pytest.mark.filterwarnings("error::UserWarning")
def test_learns_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    model = build_transformer(V, num_layers=1, dropout=0.1, positions="learned")[0]
    model.compile(keras.optimizers.Adam(0.05), seq2seq.compute_masked_loss, run_eagerly=True)
    targets = np.pad(TARGET[:, 1:], ((0, 0), (0, 1)))
    losses = [model.train_on_batch([SOURCE, TARGET], targets) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(run(loaded, SOURCE, TARGET), run(model, SOURCE, TARGET), atol=1e-6)
