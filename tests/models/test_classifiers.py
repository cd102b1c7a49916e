"""The laws of the text classifiers on tiny sizes, and their layers by hand."""

import keras
import numpy as np
import pytest
from small_models import to_numpy

from utils.data.text import build_vocabulary, encode_texts
from utils.models import classifiers
from utils.models.layers import BigramHashing, MaskedAveragePooling1D, MaskedMaxPooling1D

VOCABULARY = build_vocabulary(["a warm , funny film", "a dull café film is n't funny"], 20)
VECTORS = np.random.default_rng(0).normal(size=(len(VOCABULARY), 6)).astype("float32")


def build(name):
    """Build a model with random weights everywhere: zeros would hide what padding does."""
    if name == "lstm":
        sizes = {"embedding_dim": 6, "hidden_dim": 5}
        model = classifiers.build_classifier(name, len(VOCABULARY), VECTORS, **sizes)
    elif name == "bigrams":
        model = classifiers.build_bigram_average(name, VECTORS, num_buckets=31)
    else:
        model = classifiers.build_cnn(name, VECTORS, channels=name, num_filters=4)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.5, size=w.shape) for w in model.weights])
    return model


@pytest.fixture(scope="module", params=["lstm", "both", "frozen", "bigrams"])
def model(request):
    return build(request.param)


def predict(model, texts, length=12):
    return to_numpy(model(encode_texts(texts, VOCABULARY, length), training=False))


def test_one_probability_a_text_whatever_stands_around_it(model):
    texts = ["a warm , funny film", "dull", "", "a dull funny film is n't warm"]
    found = predict(model, texts, 8)
    assert found.shape == (4, 1) and ((found > 0) & (found < 1)).all()
    assert len(np.unique(found)) == 4
    for length in (9, 30):  # padding
        assert np.allclose(found, predict(model, texts, length), atol=1e-6)
    assert np.allclose(found[1], predict(model, ["dull"])[0], atol=1e-6)
    cut, whole = predict(model, ["dull " * 12, "dull " * 1000])
    assert np.allclose(cut, whole, atol=1e-6)
    one, other = predict(model, ["a funny film is n't dull", "a dull film is n't funny"])
    assert not np.allclose(one, other)  # the order of words


@pytest.mark.parametrize("text", [" ", "qwxz vrrp", "🙂🙂", "\x00", "a cafe\u0301 film"])
def test_any_text_gets_a_finite_probability(model, text):
    assert np.isfinite(predict(model, [text])).all()


@pytest.mark.parametrize(
    "channels, trainable", [("frozen", [False]), ("fine-tuned", [True]), ("both", [False, True])]
)
def test_frozen_vectors_stay(channels, trainable):
    model = classifiers.build_cnn("cnn", VECTORS, channels=channels, num_filters=4)
    tables = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    assert all(np.array_equal(table.get_weights()[0], VECTORS) for table in tables)
    model.train_on_batch(encode_texts(["a warm film"], VOCABULARY, 4), np.array([1.0]))
    moved = [not np.array_equal(table.get_weights()[0], VECTORS) for table in tables]
    assert moved == [table.trainable for table in tables] == trainable
    with pytest.raises(KeyError, match="static"):
        classifiers.build_cnn("cnn", VECTORS, channels="static")


def test_cnn_by_hand():
    model = classifiers.build_cnn("cnn", VECTORS, channels="fine-tuned", widths=(2,), num_filters=3)
    kernel, bias = model.get_layer("width_2").get_weights()
    bias = np.array([0.5, -0.5, 0.0], dtype="float32")
    model.get_layer("width_2").set_weights([kernel, bias])
    weight, offset = model.get_layer("probability").get_weights()
    x = np.vstack([VECTORS[[4, 2, 7]], np.zeros(6)])  # beyond the last word stands nothing
    answers = np.array([np.einsum("wd,wdf->f", x[t : t + 2], kernel) + bias for t in range(3)])
    logit = np.maximum(answers, 0).max(axis=0) @ weight[:, 0] + offset[0]
    found = to_numpy(model(np.array([[4, 2, 7, 0, 0]])))[0, 0]
    assert np.isclose(found, 1 / (1 + np.exp(-logit)), atol=1e-6)


def test_pooling_ignores_padding():
    states = np.random.default_rng(3).normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    largest = np.stack([states[0, :2].max(axis=0), states[1].max(axis=0)])
    largest_of, nothing = MaskedMaxPooling1D(), np.zeros((2, 4), dtype=bool)
    assert np.array_equal(largest_of(np.tanh(states), mask=mask), np.tanh(largest))
    assert np.array_equal(largest_of(np.tanh(states), mask=nothing), -np.ones((2, 3)))
    assert np.array_equal(largest_of(states), states.max(axis=1))
    average, keras_own = MaskedAveragePooling1D(), keras.layers.GlobalAveragePooling1D()
    assert np.allclose(average(states, mask=mask), keras_own(states, mask=mask), atol=1e-6)
    assert np.array_equal(average(states, mask=nothing), np.zeros((2, 3)))


def test_bigram_ids_fit_the_table_and_do_not_overflow():
    ids = to_numpy(BigramHashing(10, 1000)(np.array([[4, 2, 7, 0], [2, 4, 0, 0]])))
    assert ids.tolist() == [[43, 28, 0, 0], [25, 0, 0, 0]]  # 4 * 10 + 2 + 1, ...
    ids = to_numpy(BigramHashing(46_340, 200_003)(np.array([[46_339, 46_339, 1]])))
    assert ids[0, 0] == (46_339 * 46_340 + 46_339) % 200_003 + 1
    assert ids.min() >= 0 and ids.max() <= 200_003
    with pytest.raises(ValueError, match="46,340"):
        BigramHashing(46_341, 200_003)


@pytest.mark.parametrize("targets", [[1, 0, 0], [[0.7], [0.1], [0.4]]])
def test_agreement_counts_sides_of_one_half_whatever_the_shape_of_the_targets(targets):
    probabilities = np.array([[0.9], [0.2], [0.6]], dtype="float32")
    found = to_numpy(classifiers.count_agreement(np.array(targets), probabilities))
    assert found.shape == (3, 1) and found.ravel().tolist() == [1, 1, 0]
