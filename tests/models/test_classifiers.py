import keras
import numpy as np
import pytest

from utils.data.text import build_vocabulary, encode_texts
from utils.models.classifiers import (
    build_bigram_average,
    build_classifier,
    build_cnn,
    count_agreement,
)
from utils.models.layers import BigramHashing, MaskedAveragePooling1D, MaskedMaxPooling1D

VOCABULARY = build_vocabulary(["a warm , funny film", "a dull café film is n't funny"], 20)
VECTORS = np.random.default_rng(0).normal(size=(len(VOCABULARY), 6)).astype("float32")
BUILDERS = {
    "lstm": lambda: build_classifier(
        "lstm", len(VOCABULARY), VECTORS, embedding_dim=6, hidden_dim=5
    ),
    "cnn": lambda: build_cnn("cnn", VECTORS, widths=(1, 2, 3), num_filters=4),
    "frozen": lambda: build_cnn("frozen", VECTORS, channels="frozen", num_filters=4),
    "bigrams": lambda: build_bigram_average("bigrams", VECTORS, num_buckets=31),
}


@pytest.fixture(params=BUILDERS)
def model(request):
    """A model with random weights everywhere: zeros would hide what padding does."""
    built = BUILDERS[request.param]()
    random = np.random.default_rng(1)
    for weight in built.weights:
        weight.assign(random.normal(0, 0.5, size=weight.shape))
    return built


def predict(model, texts, length=12):
    token_ids = encode_texts(texts, VOCABULARY, length)
    return keras.ops.convert_to_numpy(model(token_ids, training=False))


def test_one_probability_a_text(model):
    found = predict(model, ["a warm film", "dull", "a dull funny film is n't warm"])
    assert found.shape == (3, 1)
    assert ((found > 0) & (found < 1)).all()
    assert len(np.unique(found)) == 3


def test_padding_changes_nothing(model):
    texts = ["a warm , funny film", "dull", ""]
    short = predict(model, texts, 8)
    assert np.allclose(short, predict(model, texts, 9), atol=1e-6)
    assert np.allclose(short, predict(model, texts, 30), atol=1e-6)


def test_neighbours_in_a_batch_change_nothing(model):
    alone = predict(model, ["a dull film"])
    among = predict(model, ["warm warm warm", "a dull film", ""])
    assert np.allclose(alone[0], among[1], atol=1e-6)


def test_word_order_matters(model):
    assert not np.allclose(
        *predict(model, ["a funny film is n't dull", "a dull film is n't funny"])
    )


@pytest.mark.parametrize(
    "text",
    ["", " ", "qwxz vrrp", "🙂🙂", "dull " * 1000, "\x00", "a caf\u00e9 film", "a cafe\u0301 film"],
)
def test_any_text_gets_a_finite_probability(model, text):
    found = predict(model, [text, "a warm film"])
    assert np.isfinite(found).all()
    assert np.allclose(found[1], predict(model, ["a warm film"])[0], atol=1e-6)


def test_text_beyond_the_length_is_cut(model):
    assert np.allclose(*predict(model, ["dull " * 12, "dull " * 1000]), atol=1e-6)


def test_one_step_of_training(model):
    token_ids = encode_texts(["a warm film", "a dull film"], VOCABULARY, 6)
    logs = model.train_on_batch(token_ids, np.array([0.9, 0.1]), return_dict=True)
    assert np.isfinite(logs["loss"]) and 0 <= logs["accuracy"] <= 1


def test_saved_model_is_the_same(model, tmp_path):
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert np.allclose(predict(model, ["a dull film"]), predict(reloaded, ["a dull film"]))


def test_frozen_vectors_stay():
    counts = {}
    for channels in ("frozen", "fine-tuned", "both"):
        model = build_cnn("cnn", VECTORS, channels=channels, num_filters=4)
        tables = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
        counts[channels] = [table.trainable for table in tables]
        assert all(np.array_equal(table.get_weights()[0], VECTORS) for table in tables)
        token_ids = encode_texts(["a warm film"], VOCABULARY, 4)
        model.train_on_batch(token_ids, np.array([1.0]))
        moved = [not np.array_equal(table.get_weights()[0], VECTORS) for table in tables]
        assert moved == counts[channels]
    assert counts == {"frozen": [False], "fine-tuned": [True], "both": [False, True]}


def test_unknown_channel_is_refused():
    with pytest.raises(KeyError):
        build_cnn("cnn", VECTORS, channels="static")


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_convolution_by_hand_equals_keras(width):
    random = np.random.default_rng(2)
    x = random.normal(size=(7, 5)).astype("float32")
    layer = keras.layers.Conv1D(3, width)
    layer.build((1, 7, 5))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    kernel, bias = layer.get_weights()
    by_hand = [
        [sum(kernel[i, :, f] @ x[t + i] for i in range(width)) + bias[f] for f in range(3)]
        for t in range(7 - width + 1)
    ]
    assert np.allclose(by_hand, keras.ops.convert_to_numpy(layer(x[None]))[0], atol=1e-5)


def test_cnn_by_hand():
    model = build_cnn("cnn", VECTORS, channels="fine-tuned", widths=(2,), num_filters=3)
    kernel, bias = model.get_layer("width_2").get_weights()
    bias = np.array([0.5, -0.5, 0.0], dtype="float32")
    model.get_layer("width_2").set_weights([kernel, bias])
    weight, offset = model.get_layer("probability").get_weights()
    token_ids = np.array([[4, 2, 7, 0, 0]])
    x = np.vstack([VECTORS[[4, 2, 7]], np.zeros(6)])  # beyond the last word stands nothing
    answers = np.array([np.einsum("wd,wdf->f", x[t : t + 2], kernel) + bias for t in range(3)])
    logit = np.maximum(answers, 0).max(axis=0) @ weight[:, 0] + offset[0]
    found = keras.ops.convert_to_numpy(model(token_ids))[0, 0]
    assert np.isclose(found, 1 / (1 + np.exp(-logit)), atol=1e-6)


def test_max_pooling_ignores_padding():
    states = np.array([[[-0.5], [-0.2], [0.7]]])
    pooled = MaskedMaxPooling1D()(states, mask=np.array([[True, True, False]]))
    assert np.isclose(float(pooled[0, 0]), -0.2)


def test_average_pooling_equals_keras_where_there_are_words():
    states = np.random.default_rng(3).normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    ours = MaskedAveragePooling1D()(states, mask=mask)
    keras_own = keras.layers.GlobalAveragePooling1D()(states, mask=mask)
    assert np.allclose(ours, keras_own, atol=1e-6)
    nothing = MaskedAveragePooling1D()(states, mask=np.zeros((2, 4), dtype=bool))
    assert np.array_equal(keras.ops.convert_to_numpy(nothing), np.zeros((2, 3)))


def test_bigram_ids():
    ids = keras.ops.convert_to_numpy(
        BigramHashing(10, 1000)(np.array([[4, 2, 7, 0], [2, 4, 0, 0]]))
    )
    assert ids.tolist() == [[43, 28, 0, 0], [25, 0, 0, 0]]  # 4 * 10 + 2 + 1, ...


def test_bigram_ids_fit_the_table_and_do_not_overflow():
    largest = np.array([[46_339, 46_339, 1]])
    ids = keras.ops.convert_to_numpy(BigramHashing(46_340, 200_003)(largest))
    assert ids[0, 0] == (46_339 * 46_340 + 46_339) % 200_003 + 1
    assert ids.min() >= 0 and ids.max() <= 200_003
    with pytest.raises(ValueError, match="46,340"):
        BigramHashing(46_341, 200_003)


def test_agreement_counts_sides_of_one_half():
    found = count_agreement(np.array([0.9, 0.6, 0.2, 0.0]), np.array([0.7, 0.4, 0.1, 0.9]))
    assert keras.ops.convert_to_numpy(found).tolist() == [1, 0, 1, 0]


def test_agreement_counts_pairs_whatever_the_shape_of_the_targets():
    probabilities = np.array([[0.9], [0.2], [0.6]], dtype="float32")
    for targets in (np.array([1, 0, 0]), np.array([[0.7], [0.1], [0.4]])):
        found = keras.ops.convert_to_numpy(count_agreement(targets, probabilities))
        assert found.shape == (3, 1) and found.ravel().tolist() == [1, 1, 0]
