"""Decoding rules, against hand computations and the definition of the softmax."""

import keras
import numpy as np
import pytest

from utils.decoding import draw_gumbel, filter_logits, measure_diversity

LOGITS = np.log([[0.5, 0.3, 0.15, 0.05], [0.05, 0.15, 0.3, 0.5]]).astype("float32")


def get_probabilities(logits=LOGITS, **settings):
    return keras.ops.convert_to_numpy(keras.ops.softmax(filter_logits(logits, **settings)))


def test_without_settings_nothing_changes():
    assert np.allclose(get_probabilities(), np.exp(LOGITS), atol=1e-6)


def test_temperature_raises_to_a_power():
    squared = np.exp(LOGITS) ** 2
    expected = squared / squared.sum(axis=-1, keepdims=True)
    assert np.allclose(get_probabilities(temperature=0.5), expected, atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k_keeps_the_k_most_likely(k):
    found = get_probabilities(top_k=k)
    assert (np.count_nonzero(found, axis=-1) == min(k, 4)).all()
    assert found[0, 0] > 0 and found[1, 3] > 0
    assert np.allclose(found.sum(axis=-1), 1)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.6, 2), (0.79, 2), (0.9, 3), (0.99, 4)])
def test_top_p_keeps_the_fewest_that_reach_p(top_p, kept):
    found = get_probabilities(top_p=top_p)
    assert (np.count_nonzero(found, axis=-1) == kept).all()
    assert np.exp(LOGITS[0, :kept]).sum() >= top_p
    assert np.exp(LOGITS[0, : kept - 1]).sum() < top_p


def test_top_p_counts_after_top_k():
    # of the two that top-k leaves, the first has 0.625 of the probability
    assert np.allclose(get_probabilities(top_k=2, top_p=0.6)[0], [1, 0, 0, 0])


@pytest.mark.parametrize(
    "settings", [{"temperature": 0}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="top_k=1"):
        filter_logits(LOGITS, **settings)


def test_gumbel_noise_draws_from_the_softmax():
    noise = draw_gumbel((40_000, 4), seed=1)
    chosen = (LOGITS[0] + noise).argmax(axis=-1)
    shares = np.bincount(chosen, minlength=4) / len(chosen)
    assert np.abs(shares - np.exp(LOGITS[0])).max() < 0.01
    assert np.array_equal(noise, draw_gumbel((40_000, 4), seed=1))
    assert not np.array_equal(noise, draw_gumbel((40_000, 4), seed=2))


def test_diversity_of_repetition_and_variety():
    assert measure_diversity(["a b a b a b"], n=2) == pytest.approx((2 / 5, 3 / 5))
    assert measure_diversity(["a b c d"], n=2) == (1.0, 0.0)
    # the same text twice repeats nothing within a sample
    assert measure_diversity(["a b c", "a b c"], n=2) == (0.5, 0.0)
    with pytest.raises(ValueError, match="2 words"):
        measure_diversity(["alone"])
