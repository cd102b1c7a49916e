"""Layers that a notebook has built by hand.

Shapes: B batch, T sequence, D hidden.
"""

import keras


@keras.saving.register_keras_serializable(package="course")
class MaskedMaxPooling1D(keras.layers.Layer):
    """Keep, for each unit, its largest value over the real tokens. From notebook 01, section 6.

    Input of shape (B, T, D), values between -1 and 1 as a `tanh` or an LSTM gives them;
    output (B, D). A row that is all padding gives -1 everywhere.
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
