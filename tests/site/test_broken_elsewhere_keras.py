"""What Keras 3 refuses of other tutorials, and the cure: rows of site/broken_elsewhere.toml.

Each test shows the failure first, where this Keras still has it.
"""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from small_parts import measure_gap, stack

from utils.data.text import build_vocabulary, encode_texts
from utils.models import saving
from utils.models.bert import WarmUpDecay
from utils.models.classifiers import build_classifier
from utils.models.layers import MaskedMaxPooling1D
from utils.models.rnn import build_language_model, make_streams
from utils.models.seq2seq import CrossAttention

TEXTS = ["a good film", "a bad film", "not a good film"]
random = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("seed")
to_numpy = ops.convert_to_numpy


# Saving and loading


def test_vocabulary_is_lost_on_saving(tmp_path):
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(TEXTS)
    again = layers.TextVectorization.from_config(vectorize.get_config())
    assert vectorize.vocabulary_size() == 7 and again.get_vocabulary() == ["", "[UNK]"]
    vocabulary = build_vocabulary(TEXTS, 99)
    model = build_classifier("lstm", len(vocabulary), embedding_dim=2, hidden_dim=2)
    model.optimizer.build(model.trainable_variables)
    texts = {"vocabulary": vocabulary, "labels": ["bad", "good"], "sequence_length": 4}
    served = saving.load(saving.save(model, tmp_path / "kept", kind="classifier", **texts))
    wanted = float(model(encode_texts(TEXTS[:1], vocabulary, 4))[0, 0])
    assert served.predict(TEXTS[:1])[0]["good"] == pytest.approx(wanted)


class Scale(layers.Layer):
    """A layer of a tutorial: not registered, and without `get_config`."""

    def __init__(self, function=None, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return x


def keep(model, path):
    model.save(path)
    return keras.models.load_model(path)


def test_could_not_locate_class(tmp_path):
    with pytest.raises(TypeError, match="Could not locate class 'Hidden'"):
        keep(stack(type("Hidden", (Scale,), {})()), tmp_path / "lost.keras")
    model = stack(MaskedMaxPooling1D(), shape=(None, 3))  # registered, as all layers of the course
    x = random.normal(size=(1, 2, 3))
    assert measure_gap(keep(model, tmp_path / "kept.keras")(x), model(x)) == 0


def test_layer_must_override_get_config(tmp_path):
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        stack(Scale(np.tanh)).save(tmp_path / "lost.keras")
    again = CrossAttention.from_config(CrossAttention("additive").get_config())
    assert again.score == "additive"


def test_learning_rate_schedule_must_override_get_config(tmp_path):
    model = stack(layers.Dense(1))
    rate = type("Rate", (keras.optimizers.schedules.LearningRateSchedule,), {"__call__": float})
    model.compile(keras.optimizers.Adam(rate()), "mse")
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        model.save(tmp_path / "lost.keras")
    schedule = WarmUpDecay(0.1, 2, 10)
    assert WarmUpDecay.from_config(schedule.get_config())(5) == schedule(5)


def test_lambda_layer_cannot_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="`Lambda` layer whose `function` is a Python lambda"):
        keep(stack(layers.Lambda(lambda x: 2 * x)), tmp_path / "lost.keras")
    inputs = keras.Input((3,))
    model = keep(keras.Model(inputs, 2 * ops.relu(inputs)), tmp_path / "kept.keras")
    assert to_numpy(model(np.array([[1.0, -1, 2]]))).tolist() == [[2, 0, 4]]


def test_could_not_deserialize_mse_of_an_h5_file(tmp_path):
    model, path = stack(layers.Dense(1)), tmp_path / "old.h5"
    model.compile("adam", "mse")
    model.save(path)
    with pytest.raises(ValueError, match="Could not deserialize 'keras.metrics.mse'"):
        keras.models.load_model(path)
    x = np.ones((1, 3))
    assert measure_gap(keras.models.load_model(path, compile=False)(x), model(x)) == 0


def test_time_major_is_not_recognised():
    config = layers.GRU(3).get_config() | {"time_major": False}
    with pytest.raises(ValueError, match="passed to GRU: {'time_major': False}"):
        layers.GRU.from_config(config)

    class OldGRU(layers.GRU):
        def __init__(self, *args, time_major=False, **kwargs):
            super().__init__(*args, **kwargs)

    assert OldGRU.from_config(config).units == 3


def test_filepath_must_end_in_keras_or_weights_h5(tmp_path):
    callback = keras.callbacks.ModelCheckpoint
    with pytest.raises(ValueError, match="must end in `.weights.h5`"):
        callback("cp.ckpt", save_weights_only=True)
    with pytest.raises(ValueError, match="must end in `.keras`"):
        callback("best.hdf5")
    model, path = stack(layers.Dense(1)), tmp_path / "best.keras"
    model.compile("adam", "mse")
    model.fit(np.ones((2, 3)), np.ones(2), verbose=0, callbacks=[callback(path)])
    assert measure_gap(keras.models.load_model(path)(np.ones((1, 3))), model(np.ones((1, 3)))) == 0


# What Keras 3 removed or asks for


def test_no_module_named_keras_preprocessing_text():
    with pytest.raises(ModuleNotFoundError, match="keras.preprocessing.text"):
        importlib.import_module("keras.preprocessing.text")
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(TEXTS)
    vocabulary = build_vocabulary(TEXTS, 99)
    assert vectorize.get_vocabulary() == vocabulary
    assert measure_gap(vectorize(TEXTS), encode_texts(TEXTS, vocabulary, 4)) == 0


def test_unrecognized_data_type_list_of_texts():
    vectorize = layers.TextVectorization(vocabulary=["a", "film"], output_sequence_length=3)
    model = stack(vectorize, shape=(1,), dtype="string")
    with pytest.raises(ValueError, match="Unrecognized data type: x="):
        model.predict(["a film"], verbose=0)
    assert model.predict(tf.constant([["a film"]]), verbose=0).tolist() == [[2, 3, 0]]


def test_only_instances_of_keras_layer_can_be_added(tmp_path):
    model, folder = stack(layers.Dense(2)), str(tmp_path / "saved")
    model.export(folder, verbose=False)
    saved = tf.saved_model.load(folder)
    with pytest.raises(ValueError, match="Only instances of `keras.Layer` can be added"):
        stack(saved)
    x = np.ones((1, 3), "float32")
    assert measure_gap(stack(layers.TFSMLayer(folder, call_endpoint="serve"))(x), model(x)) < 1e-6


def test_keras_tensor_cannot_be_input_of_a_tensorflow_function():
    inputs = keras.Input((3,))
    with pytest.raises(ValueError, match="KerasTensor cannot be used as input to a TensorFlow"):
        tf.reduce_mean(inputs, axis=-1)
    model = keras.Model(inputs, ops.mean(inputs, axis=-1))
    assert to_numpy(model(np.array([[1.0, 2, 3]]))).tolist() == [2]


def test_only_input_tensors_may_be_positional_arguments():
    layer = type("Power", (layers.Layer,), {"call": lambda self, x, n: x**n})()
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
        layer(keras.Input((3,)), 2)
    assert layer(keras.Input((3,)), n=2).shape == (None, 3)


def test_embedding_does_not_know_input_length():
    with pytest.warns(UserWarning, match="`input_length` is deprecated"):
        layers.Embedding(9, 2, input_length=4)
    embed = layers.Embedding(9, 2)
    assert embed(np.ones((1, 4))).shape == (1, 4, 2) and embed(np.ones((1, 7))).shape == (1, 7, 2)


def test_embedding_does_not_know_weights():
    vectors, token_ids = random.normal(size=(4, 2)).astype("float32"), np.array([[3, 1]])
    embed = layers.Embedding(4, 2)
    embed.build()
    embed.set_weights([vectors])  # in every Keras 3; the argument is back since
    assert measure_gap(embed(token_ids), vectors[token_ids]) == 0
    assert measure_gap(layers.Embedding(4, 2, weights=[vectors])(token_ids), embed(token_ids)) == 0


def test_indices_are_not_in_the_embedding():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 7 is not in \[0, 7\)"):
        layers.Embedding(7, 2)(np.array([[7]]))
    vocabulary = build_vocabulary(TEXTS, 99)
    token_ids = encode_texts(["an unknown word, and a film"], vocabulary, 9)
    assert token_ids.max() < len(vocabulary) == 7
    assert np.isfinite(layers.Embedding(len(vocabulary), 2)(token_ids)).all()


def test_ragged_input_does_not_run():
    ragged = tf.ragged.constant([[1, 2], [3]])
    model = stack(layers.Embedding(5, 2, mask_zero=True), layers.LSTM(2), shape=(None,))
    with pytest.raises(ValueError, match="ragged"):
        model.predict(ragged, verbose=0)
    found = model(keras.utils.pad_sequences([[1, 2], [3]], padding="post"))
    assert measure_gap(found[1:], model(np.array([[3]]))) < 1e-6


def test_expected_ndim_3_found_ndim_2():
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        stack(layers.LSTM(3), layers.LSTM(3), shape=(4, 2))
    assert stack(layers.LSTM(3, return_sequences=True), layers.LSTM(3), shape=(4, 2)).built


def test_stateful_needs_a_static_batch_size():
    with pytest.raises(ValueError, match="passed to LSTM: {'batch_input_shape'"):
        layers.LSTM(3, stateful=True, batch_input_shape=(2, 4, 1))
    with pytest.raises(ValueError, match="the batch size must be static"):
        layers.LSTM(3, stateful=True)(keras.Input((4, 1)))
    assert layers.LSTM(3, stateful=True)(keras.Input(batch_shape=(2, 4, 1))).shape == (2, 3)


def test_sequential_has_no_attribute_reset_states():
    model = stack(layers.LSTM(2, stateful=True), shape=(3, 2), batch_size=1)
    x = np.ones((1, 3, 2), "float32")
    first, second = model(x), model(x)
    with pytest.raises(AttributeError, match="no attribute 'reset_states'"):
        model.reset_states()
    model.layers[-1].reset_state()
    assert measure_gap(first, second) > 1e-3 and measure_gap(first, model(x)) == 0


def test_stateful_network_learns_nothing_from_shuffled_batches():
    token_ids = random.integers(0, 5, 13)
    inputs, _ = make_streams(token_ids, 2, 3)  # two batches of two rows
    sizes = {"embedding_dim": 2, "hidden_dim": 3}
    stateful = build_language_model(5, batch_size=2, stateful=True, **sizes)
    plain = build_language_model(5, **sizes)
    plain.set_weights(stateful.get_weights())
    wanted = plain(token_ids[:12].reshape(2, 6))[:, 3:]
    stateful(inputs[:2])
    assert measure_gap(stateful(inputs[2:]), wanted) < 1e-6
    stateful.get_layer("recurrent").reset_state()
    stateful(inputs[[1, 0]])  # shuffled: each row goes on from another text
    assert measure_gap(stateful(inputs[2:]), wanted) > 1e-5


def test_add_metric_and_add_loss_are_gone():
    model = stack(layers.Dense(1))
    with pytest.raises(NotImplementedError, match="add_metric"):
        model.layers[-1].add_metric(1.0, name="size")
    with pytest.raises(ValueError, match="can only be called from inside"):
        model.add_loss(ops.mean(model.outputs[0]))

    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(0.5 * ops.mean(x))
            return x

    model = stack(Penalty())
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.evaluate(np.ones((1, 3)), np.zeros((1, 3)), verbose=0, return_dict=True)
    assert found == {"loss": 1.5, "mae": 1.0}


def test_sequential_has_no_attribute_predict_classes():
    model, x = stack(layers.Dense(3, "softmax")), random.normal(size=(4, 3))
    with pytest.raises(AttributeError, match="predict_classes"):
        model.predict_classes(x)
    assert set(model.predict(x, verbose=0).argmax(axis=-1)) <= {0, 1, 2}


def test_optimizer_does_not_recognise_lr():
    with pytest.raises(ValueError, match="not recognized: {'lr'"):
        keras.optimizers.Adam(lr=0.01)
    assert float(keras.optimizers.Adam(learning_rate=0.01).learning_rate) == pytest.approx(0.01)


def test_legacy_keras_is_not_installed():
    with pytest.raises(ModuleNotFoundError, match="tf_keras"):
        importlib.import_module("tf_keras")
    assert tf.keras.layers.Layer is layers.Layer and keras.__version__.startswith("3.")
