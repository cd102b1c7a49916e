"""What the tests of failures elsewhere share."""

import keras
import numpy as np


def stack(*parts, shape=(3,), **options) -> keras.Sequential:
    return keras.Sequential([keras.Input(shape, **options), *parts])


def measure_gap(found, wanted) -> float:
    """Return the largest difference between two tensors."""
    found, wanted = (keras.ops.convert_to_numpy(each) for each in (found, wanted))
    return np.abs(found - wanted).max()
