"""Layers that a lesson has built by hand.

Shapes: B batch, T sequence, D hidden.
"""

import keras


@keras.saving.register_keras_serializable(package="course")
class MaskedMaxPooling1D(keras.layers.Layer):
    """Keep, for each unit, its largest value over the real tokens. From notebook 01, section 6.

    From (B, T, D), values between -1 and 1 as a `tanh` or an LSTM gives them, to (B, D). A row that
    is all padding gives -1 everywhere.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, states, mask=None):
        if mask is not None:
            states = keras.ops.where(mask[:, :, None], states, -1.0)
        return keras.ops.max(states, axis=1)

    def compute_mask(self, states, mask=None):
        return None  # what follows sees one vector a text, nothing to mask


@keras.saving.register_keras_serializable(package="course")
class MaskedAveragePooling1D(keras.layers.Layer):
    """Average, for each unit, over the real tokens. From notebook 03, section 5.

    From (B, T, D) to (B, D). A row that is all padding gives 0 everywhere, where Keras' own layer
    divides by zero.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, states, mask):
        real = keras.ops.cast(mask, states.dtype)[:, :, None]  # (B, T, 1)
        total = keras.ops.sum(states * real, axis=1)
        return total / keras.ops.maximum(keras.ops.sum(real, axis=1), 1.0)

    def compute_mask(self, states, mask=None):
        return None


@keras.saving.register_keras_serializable(package="course")
class BigramHashing(keras.layers.Layer):
    """Give each pair of neighbouring tokens an id of its own. From notebook 03, section 5.

    A pair's id is the remainder of `first * vocabulary_size + second` by `num_buckets`, best a
    prime number: a table of that many rows is enough, at the price that some pairs share one. From
    token ids (B, T), 0 = padding, to ids (B, T), 1 to `num_buckets`; 0 where no second token
    follows.
    """

    def __init__(self, vocabulary_size: int, num_buckets: int, **kwargs):
        if vocabulary_size > 46_340:
            raise ValueError(f"vocabulary_size must be at most 46,340, not {vocabulary_size:,}")
        super().__init__(**kwargs)
        self.vocabulary_size, self.num_buckets = vocabulary_size, num_buckets

    def call(self, token_ids):
        token_ids = keras.ops.cast(token_ids, "int32")
        second = keras.ops.pad(token_ids[:, 1:], [[0, 0], [0, 1]])
        bucket = (token_ids * self.vocabulary_size + second) % self.num_buckets + 1
        return keras.ops.where(second > 0, bucket, 0)

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "num_buckets": self.num_buckets}
        return super().get_config() | sizes
