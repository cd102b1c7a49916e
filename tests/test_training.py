import numpy as np

from utils.runtime import start

start()

import keras  # noqa: E402

from utils.layers import MaskedMaxPooling1D  # noqa: E402
from utils.training import EpochTable  # noqa: E402


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
