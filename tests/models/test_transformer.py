"""The laws of the Transformer on tiny sizes, with Keras' own attention as judge."""

import itertools

import keras
import numpy as np
import pytest

from utils.data import pairs
from utils.decoding import translation
from utils.models import seq2seq, transformer

V, D, H = 7, 8, 2


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make_model(seed=0, target_size=V, **settings):
    """Random weights, large enough for translations to differ."""
    keras.utils.set_random_seed(seed)
    sizes = {"num_layers": 1, "hidden_dim": D, "num_heads": H, "intermediate_dim": 12}
    model = transformer.build_transformer(V, target_size, **sizes | settings)
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=[True, False], ids=["pre-norm", "post-norm"])
def model(request):
    return make_model(pre_norm=request.param, num_layers=2)


@pytest.fixture(scope="module")
def small():
    return make_model(seed=1, target_size=5)


SOURCE = np.array([[4, 5, 6, 4], [5, 5, 0, 0], [6, 4, 4, 0]], "int32")
TARGET = np.array([[2, 4, 5, 6, 4], [2, 6, 0, 0, 0], [2, 5, 4, 6, 0]], "int32")


def run(model, *inputs):
    return as_numpy(model(list(inputs)))


# Attention


def test_attend_is_softmax_of_scaled_products():
    query, key, value = draw(2, 3, D), draw(2, 5, D, seed=1), draw(2, 5, 4, seed=2)
    mask = np.random.default_rng(3).random((2, 3, 5)) < 0.7
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(D)
    weights = np.where(mask, np.exp(scores), 0)
    weights /= weights.sum(axis=-1, keepdims=True)
    context, found = map(as_numpy, transformer.attend(query, key, value, mask))
    np.testing.assert_allclose(found, weights, atol=1e-6)
    np.testing.assert_allclose(context, weights @ value, atol=1e-6)


@pytest.mark.parametrize("num_heads, length", [(1, 3), (2, 6), (8, 2)])
def test_equals_keras(num_heads, length):
    query, memory = draw(2, 3, D), draw(2, length, 5, seed=1)
    mask = np.random.default_rng(2).random((2, 3, length)) < 0.7
    mask[:, :, 0] = True
    theirs = keras.layers.MultiHeadAttention(num_heads, D // num_heads)
    theirs(query, memory)
    weights = [draw(*w.shape, seed=i) for i, w in enumerate(theirs.get_weights())]
    theirs.set_weights(weights)
    ours = transformer.MultiHeadAttention(num_heads, D)
    ours(query, memory)
    ours.set_weights(
        [w.reshape(mine.shape) for w, mine in zip(weights, ours.get_weights(), strict=True)]
    )
    wanted, scores = theirs(query, memory, attention_mask=mask, return_attention_scores=True)
    found, seen = ours(query, memory, mask[:, None])
    np.testing.assert_allclose(as_numpy(found), as_numpy(wanted), atol=1e-5)
    np.testing.assert_allclose(as_numpy(seen), as_numpy(scores), atol=1e-5)


def test_heads_are_slices_and_cost_nothing():
    x = draw(2, 3, D)
    heads = as_numpy(transformer.split_heads(x, H))
    assert heads.shape == (2, H, 3, D // H)
    np.testing.assert_array_equal(heads[1, 1, 2], x[1, 2, D // H :])
    np.testing.assert_array_equal(as_numpy(transformer.join_heads(heads)), x)
    counts = set()
    for num_heads in (1, 2, 8):
        layer = transformer.MultiHeadAttention(num_heads, D)
        layer(x, x)
        counts.add(layer.count_params())
    assert counts == {4 * (D * D + D)}
    with pytest.raises(ValueError, match="multiple of num_heads, got 8 and 3"):
        transformer.MultiHeadAttention(3, D)


# Masks


def test_masks_by_hand():
    assert as_numpy(transformer.make_causal_mask(3)).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    mask = as_numpy(transformer.make_padding_mask(SOURCE))
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
    before = run(model, SOURCE, TARGET)
    source, target = (np.pad(x, ((0, 0), (0, 3))) for x in (SOURCE, TARGET))
    after = run(model, source, target)[:, : TARGET.shape[1]]
    np.testing.assert_allclose(after, before, atol=1e-5)


# Order


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned"])
def test_without_positions_order_means_nothing(positions):
    keras.utils.set_random_seed(0)
    embed = transformer.TokenAndPositionEmbedding(V, D, positions=positions, length=4)
    block = transformer.EncoderBlock(D, H, 12)
    order = [2, 0, 3, 1]
    before, after = (as_numpy(block(embed(x))) for x in (SOURCE[:1], SOURCE[:1, order]))
    distance = np.abs(after - before[:, order]).max()
    assert distance < 1e-5 if positions == "none" else distance > 1e-2


def test_causal_mask_tells_order_without_positions():
    keras.utils.set_random_seed(0)
    x, memory = draw(1, 4, D), draw(1, 3, D, seed=1)
    block = transformer.DecoderBlock(D, H, 12)
    swapped = as_numpy(block(x[:, [1, 0, 2, 3]], memory))
    assert np.abs(swapped[:, [1, 0]] - as_numpy(block(x, memory))[:, :2]).max() > 1e-2


def test_sinusoids_by_hand_and_by_distance():
    rows = as_numpy(transformer.compute_sinusoids(50, 16))
    np.testing.assert_allclose(rows[0], [0] * 8 + [1] * 8, atol=1e-6)
    np.testing.assert_allclose(rows[3, [0, 8]], [np.sin(3), np.cos(3)], atol=1e-5)
    np.testing.assert_allclose(rows[3, 2], np.sin(3 / 10_000 ** (4 / 16)), atol=1e-5)
    products = rows @ rows.T  # they depend on the distance only
    np.testing.assert_allclose(products[0, 7], products[30, 37], atol=1e-4)


def test_positions_are_checked():
    embed = transformer.TokenAndPositionEmbedding
    with pytest.raises(ValueError, match="'rotary'"):
        embed(V, D, positions="rotary")
    with pytest.raises(ValueError, match="4 tokens are too many for a table of 3"):
        embed(V, D, positions="learned", length=3)(SOURCE)


# Blocks


@pytest.mark.parametrize("pre_norm", [True, False])
def test_blocks_by_hand(pre_norm):
    x, memory = draw(2, 3, D), draw(2, 4, D, seed=1)
    block = transformer.DecoderBlock(D, H, 12, pre_norm=pre_norm)
    block(x, memory)
    block.set_weights([draw(*w.shape, seed=i) / 2 for i, w in enumerate(block.get_weights())])

    def make_attention_mask(y):
        return block.attention(y, y, transformer.make_causal_mask(3))[0]

    def look_over(y):
        return block.cross_attention(y, memory)[0]

    def think(y):
        expand, shrink = block.think.layers
        inner = keras.ops.matmul(y, expand.kernel) + expand.bias
        return shrink(keras.ops.maximum(inner, 0))

    y = x
    for norm, sublayer in zip(block.norms, (make_attention_mask, look_over, think), strict=True):
        y = y + sublayer(norm(y)) if pre_norm else norm(y + sublayer(y))
    np.testing.assert_allclose(as_numpy(block(x, memory)), as_numpy(y), atol=1e-4)


def test_pre_norm_starts_as_a_path_without_obstacles():
    x = draw(1, 3, D)
    block = transformer.EncoderBlock(D, H, 12)
    block(x)
    block.set_weights([np.zeros(w.shape) for w in block.get_weights()])
    np.testing.assert_array_equal(as_numpy(block(x)), x)


# Translation


@pytest.fixture(scope="module")
def decode(small):
    return translation.build_prefix_decoder(small, 5)


def test_greedy_takes_the_best_of_the_full_pass(small, decode):
    found, scores = map(as_numpy, decode(SOURCE))
    assert found.shape == (3, 1, 5) and scores.shape == (3, 1)
    read = np.pad(found[:, 0, :-1], ((0, 0), (1, 0)), constant_values=pairs.START)
    nats = as_numpy(keras.ops.log_softmax(run(small, SOURCE, read)))
    for row, token_ids in enumerate(found[:, 0]):
        ends = np.flatnonzero((token_ids == pairs.END) | (token_ids == pairs.PADDING))
        length = ends[0] + 1 if len(ends) else 5
        assert (nats[row].argmax(axis=-1)[:length] == token_ids[:length]).all()
        assert not token_ids[length:].any()
        total = nats[row, np.arange(length), token_ids[:length]].sum()
        np.testing.assert_allclose(scores[row, 0], total, atol=1e-4)


def test_serves_where_the_recurrent_translator_does(small, decode):
    together = translation.translate(decode, SOURCE, batch_size=3)
    alone = translation.translate(decode, SOURCE[2:], batch_size=3)
    assert together.shape == (3, 5)
    np.testing.assert_array_equal(alone[0], together[2])
    target = np.minimum(TARGET, 4)
    logits = keras.ops.convert_to_tensor(run(small, SOURCE, target))
    targets = np.pad(target[:, 1:], ((0, 0), (0, 1)))
    assert np.isfinite(float(seq2seq.compute_masked_loss(targets, logits)))


def test_wide_beam_equals_brute_force(small):
    likelihood = {}
    prefixes = np.array([[pairs.START, *p] for p in itertools.product(range(5), repeat=2)], "int32")
    nats = keras.ops.log_softmax(run(small, SOURCE[:1].repeat(25, axis=0), prefixes))
    for row, first in zip(as_numpy(nats), itertools.product(range(5), repeat=2), strict=True):
        for tokens in (((*first, last)) for last in range(5)):
            stop = next((t for t, k in enumerate(tokens) if k in (pairs.END, pairs.PADDING)), 2)
            if not any(tokens[stop + 1 :]):
                likelihood[tokens] = sum(row[t, tokens[t]] for t in range(stop + 1))
    best = sorted(likelihood, key=likelihood.get, reverse=True)[:8]
    found, scores = map(as_numpy, translation.build_prefix_decoder(small, 3, 125)(SOURCE[:1]))
    assert [tuple(row) for row in found[0, :8].tolist()] == best
    np.testing.assert_allclose(scores[0, :8], [likelihood[t] for t in best], atol=1e-4)


@pytest.mark.filterwarnings("error::UserWarning")
def test_learns_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    sizes = {"num_layers": 1, "hidden_dim": D, "num_heads": H, "intermediate_dim": 12}
    model = transformer.build_transformer(V, V, dropout=0.1, positions="learned", **sizes)
    optimizer = keras.optimizers.Adam(0.05)
    model.compile(optimizer, seq2seq.compute_masked_loss, run_eagerly=True)
    targets = np.pad(TARGET[:, 1:], ((0, 0), (0, 1)))
    losses = [model.train_on_batch([SOURCE, TARGET], targets) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(run(loaded, SOURCE, TARGET), run(model, SOURCE, TARGET), atol=1e-6)
