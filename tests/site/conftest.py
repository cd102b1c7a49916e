import pytest


@pytest.fixture
def seed():
    import keras  # not where a test only reads files

    keras.utils.set_random_seed(0)
