"""A learning-rate schedule, batches of similar length, the table of a training run, weights."""

import os
from pathlib import Path

import keras
import numpy as np
import safetensors.numpy
from keras.optimizers import schedules


def warm_up_and_decay(learning_rate: float, steps: int) -> schedules.LearningRateSchedule:
    """Return a rate that rises to `learning_rate` in a twentieth of the steps, then falls to 0.

    Built in lesson 02, section 7. It falls as a cosine.
    Reference: Loshchilov and Hutter 2017, SGDR, equation 5, without restarts.

    Example:
        >>> rate = warm_up_and_decay(0.1, 100)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 100)]
        [0.0, 0.1, 0.0]
    """
    warmup_steps = max(1, steps // 20)
    return schedules.CosineDecay(
        0.0, steps - warmup_steps, warmup_target=learning_rate, warmup_steps=warmup_steps
    )


class LengthBatches(keras.utils.PyDataset):
    """Batches of texts of similar length, cut at their padding. Used in notebook 01, section 6.

    Which texts meet in a batch, and the order of the batches, change from epoch to epoch. From
    token ids (N, T), 0 = padding at the end, and targets (N, ...).
    """

    def __init__(self, token_ids, targets, *, batch_size: int = 64, seed: int = 0):
        super().__init__()
        self.token_ids, self.targets, self.batch_size = token_ids, targets, batch_size
        words = np.count_nonzero(token_ids, axis=1)
        self.widths = 8 * np.maximum(1, -(-words // 8))  # 8, 16, 24 ...: a handful of shapes
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        order = np.lexsort((self.random.random(len(self.widths)), self.widths))
        starts = range(0, len(order), self.batch_size)
        batches = [order[start : start + self.batch_size] for start in starts]
        self.batches = [batches[-1], *batches[:-1]]  # Keras looks at two to see that widths vary

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        rows = self.batches[index]
        return self.token_ids[rows, : self.widths[rows].max()], self.targets[rows]


class EpochTable(keras.callbacks.Callback):
    """Print one line an epoch, or every few: loss, other metrics, then those of validation.

    For `fit(verbose=0)`: unlike the progress bar, it reads the same in a terminal, on a page and in
    a diff. The first and the last epoch always have a line.
    """

    def __init__(self, *, every: int = 1):
        super().__init__()
        self.every = every

    def on_train_begin(self, logs=None):
        self.columns, self.row = [], ""

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not self.columns:
            names = [name for name in logs if not name.startswith("val_")]
            names.sort(key=lambda name: name != "loss")
            self.columns = names + [f"val_{n}" for n in names if f"val_{n}" in logs]
            print("epoch " + " ".join(f"{name:>8}" for name in self.columns))
        numbers = [f"{logs[name]:{max(len(name), 8)}.4f}" for name in self.columns]
        row = f"{epoch + 1:5d} " + " ".join(numbers)
        self.row = "" if epoch % self.every == 0 else row  # kept back: perhaps the last one
        if not self.row:
            print(row)

    def on_train_end(self, logs=None):
        if self.row:
            print(self.row)


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of a model, by their Keras paths, as float16 in a safetensors file.

    The file appears only when it is complete.
    """
    arrays = {v.path: keras.ops.convert_to_numpy(v).astype("float16") for v in model.weights}
    part = Path(path).with_suffix(".part")
    safetensors.numpy.save_file(arrays, part)
    os.replace(part, path)


def load_weights(model: keras.Model, path: Path) -> None:
    """Give a model the weights that `save_weights` wrote of one like it.

    ValueError if one is missing, left over or of another shape; the model stays as it was.
    """
    arrays = safetensors.numpy.load_file(path)
    wanted = {v.path: tuple(v.shape) for v in model.weights}
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            shapes = f"{found.get(name, 'none')} in the file and {wanted.get(name, 'none')}"
            way_out = "build the model that the file's README.md describes"
            raise ValueError(f"{path}: weight {name!r} has shape {shapes} in the model; {way_out}")
    for v in model.weights:
        v.assign(arrays[v.path].astype("float32"))
