import os
import subprocess
import sys

import numpy as np
import pytest

from utils.runtime import ROOT, start

start()

import keras

from utils.training import EpochTable, LengthBatches, load_weights, save_weights, warm_up_and_decay


def test_the_table_has_a_header_a_row_an_epoch_and_the_last_one(capsys):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((4, 2)), np.ones(4)
    table = EpochTable(every=3)
    for _ in range(2):  # a second fit starts anew
        model.fit(x, y, epochs=5, verbose=0, validation_data=(x, y), callbacks=[table])
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["epoch", "loss", "mae", "val_loss", "val_mae"]
        assert [line.split()[0] for line in lines[1:]] == ["1", "4", "5"]
        assert len({len(line) for line in lines}) == 1


def test_batches_hold_each_text_once_and_lose_no_word():
    lengths = np.random.default_rng(0).integers(0, 41, size=100)
    token_ids = np.where(np.arange(40) < lengths[:, None], np.arange(1, 101)[:, None], 0)
    batches = LengthBatches(token_ids, np.arange(100), batch_size=16)
    assert len(batches) == 7
    seen = []
    for x, y in (batches[i] for i in range(len(batches))):
        seen.extend(y)
        assert len(x) == len(y) <= 16
        assert np.array_equal(token_ids[y, : x.shape[1]], x)
        assert x.shape[1] >= max(lengths[y].max(), 8)
        assert x.shape[1] in (8, 16, 24, 32, 40) and x.shape[1] - lengths[y].min() < 16
    assert sorted(seen) == list(range(100))
    read = sum(batches[i][0].size for i in range(len(batches)))
    assert read < 0.65 * token_ids.size


def test_batches_change_with_the_epoch_and_the_seed_alone():
    token_ids, y = np.ones((64, 5), "int32"), np.arange(64)
    first, again, other = (LengthBatches(token_ids, y, batch_size=8, seed=s) for s in (0, 0, 1))
    rows = [batches[0][1].tolist() for batches in (first, again, other)]
    assert rows[0] == rows[1] != rows[2]
    first.on_epoch_end()
    assert first[0][1].tolist() != rows[0]


def test_the_learning_rate_rises_for_a_twentieth_and_falls_to_zero():
    schedule = warm_up_and_decay(0.1, 200)
    rates = [float(schedule(step)) for step in range(201)]
    assert rates[0] == 0 and rates[10] == max(rates) == pytest.approx(0.1)
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[105] == pytest.approx(0.05, rel=1e-3) and rates[200] == pytest.approx(0, abs=1e-7)


# What fifty steps of training end with must follow from data, seed and steps alone.

FIFTY_STEPS = """
import hashlib
from utils.runtime import start
start(seed=1)
import keras, numpy as np
from utils.models.classifiers import build_classifier, build_cnn
from utils.models.seq2seq import CrossAttention, build_translator, compute_masked_loss
from utils.models.transformer import build_transformer
from utils.training import LengthBatches

random = np.random.default_rng(0)
ids, labels = random.integers(1, 50, (800, 20)), random.integers(0, 2, 800)
ids *= np.arange(20) < random.integers(1, 21, (800, 1))
vectors = random.normal(size=(50, 16)).astype("float32")
source, target = random.integers(4, 50, (800, 9)), random.integers(4, 50, (800, 8))
digest = hashlib.sha256()
for model in (build_classifier("lstm", 50), build_cnn("cnn", vectors)):
    model.fit(LengthBatches(ids, labels, batch_size=16), verbose=0)
    digest.update(b"".join(w.tobytes() for w in model.get_weights()))
size = {"hidden_dim": 64, "dropout": 0.1}
for model in (
    build_translator(50, 50, embedding_dim=32, attention=CrossAttention("dot"), **size),
    build_transformer(50, 50, num_heads=4, intermediate_dim=128, num_layers=2, **size),
):
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), compute_masked_loss)
    model.fit((source, target[:, :-1]), target[:, 1:], batch_size=16, verbose=0)
    digest.update(b"".join(w.tobytes() for w in model.get_weights()))
print(digest.hexdigest())
"""


def start_fifty_steps(cores):
    pin = f"import os; os.sched_setaffinity(0, {cores})" if hasattr(os, "sched_setaffinity") else ""
    command = [sys.executable, "-c", pin + FIFTY_STEPS]
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")  # `start` chooses
    environment = {name: value for name, value in os.environ.items() if name not in threads}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def test_neither_cores_nor_a_busy_machine_change_a_trained_weight():
    pinned = hasattr(os, "sched_getaffinity")
    every = os.sched_getaffinity(0) if pinned else set(range(os.cpu_count()))
    alone = start_fifty_steps({min(every)}).communicate()[0]
    together = [start_fifty_steps(cores) for cores in ({min(every)}, every)]
    digests = [process.communicate()[0] for process in together]
    assert len(alone.strip()) == 64
    assert digests == [alone, alone]


def build_dense(units):
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(units, name="dense")(inputs))


def test_weights_are_kept_as_float16_and_given_back(tmp_path):
    model, other = build_dense(2), build_dense(2)
    save_weights(model, tmp_path / "weights.safetensors")
    load_weights(other, tmp_path / "weights.safetensors")
    for kept, given in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(kept.astype("float16").astype("float32"), given)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_weights_of_another_shape_change_nothing(tmp_path):
    model, other = build_dense(2), build_dense(5)
    save_weights(model, tmp_path / "weights.safetensors")
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"dense/bias.*\(2,\) in the file and \(5,\) in the model"):
        load_weights(other, tmp_path / "weights.safetensors")
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
