import numpy as np
import pytest

from utils.metrics import bootstrap_interval, compute_calibration


def test_the_interval_has_the_width_that_theory_gives():
    values = np.r_[np.ones(800), np.zeros(200)]
    low, high = bootstrap_interval(values)
    width = 2 * 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert low < 0.8 < high and abs((high - low) - width) < 0.1 * width


def test_the_interval_agrees_with_plain_resampling():
    values = np.random.default_rng(1).normal(size=60)
    random = np.random.default_rng(2)
    means = random.choice(values, size=(10_000, 60)).mean(axis=1)
    assert np.allclose(bootstrap_interval(values), np.quantile(means, [0.025, 0.975]), atol=0.02)


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros((2, 2))])
def test_bad_values_are_named(values):
    with pytest.raises(ValueError, match="got shape"):
        bootstrap_interval(values)


def test_a_kept_promise_has_no_error_and_a_broken_one_has():
    random = np.random.default_rng(0)
    probabilities = random.uniform(size=20_000)
    labels = random.uniform(size=20_000) < probabilities
    promised, happened, counts, error = compute_calibration(probabilities, labels)
    assert error < 0.02 and counts.sum() == 20_000 and np.allclose(promised, happened, atol=0.05)
    assert compute_calibration(probabilities**3, labels)[3] > 0.1
    assert compute_calibration(np.array([0.0, 1.0]), np.array([0, 1]))[3] == 0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        compute_calibration(np.zeros(2), np.zeros(3))
