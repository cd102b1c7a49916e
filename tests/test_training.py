import numpy as np

from utils.runtime import start

start()

import keras  # noqa: E402

from utils.layers import MaskedMaxPooling1D  # noqa: E402
from utils.training import EpochTable, LengthBatches  # noqa: E402


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


def test_the_largest_value_of_the_real_tokens_is_kept():
    states = np.array([[[0.2, -0.9], [0.5, -0.3], [0.9, 0.9]], [[0.1, 0.1]] * 3])
    mask = np.array([[True, True, False], [False, False, False]])
    pooled = keras.ops.convert_to_numpy(MaskedMaxPooling1D()(states, mask=mask))
    assert np.allclose(pooled, [[0.5, -0.3], [-1, -1]])
    unmasked = keras.ops.convert_to_numpy(MaskedMaxPooling1D()(states))
    assert np.allclose(unmasked, states.max(axis=1))


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


def test_a_model_learns_from_batches_of_several_widths():
    lengths = np.repeat([3, 12, 30], 32)
    token_ids = np.where(np.arange(30) < lengths[:, None], 1 + np.arange(96)[:, None] % 2, 0)
    layers = [keras.Input((None,)), keras.layers.Embedding(3, 2, mask_zero=True)]
    model = keras.Sequential(
        [*layers, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse")
    targets = (token_ids[:, :1] == 2).astype("float32")
    batches = LengthBatches(token_ids, targets, batch_size=16)
    history = model.fit(batches, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.01 < history[0]
