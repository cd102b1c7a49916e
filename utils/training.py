"""Batches of texts of similar length, and what a training run shows: one readable table."""

import keras
import numpy as np


class LengthBatches(keras.utils.PyDataset):
    """Batches of texts of similar length, cut at their padding. Built in notebook 01, section 6.

    Which texts meet in a batch, and the order of the batches, change from epoch to epoch.

    Args:
        token_ids: shape (N, T), 0 = padding at the end.
        targets: one row a text, shape (N, ...).
        batch_size: texts a step.
        seed: of the order.
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
    """Print one line an epoch: the epoch and every metric, loss first, training before validation.

    Use it with `fit(verbose=0)`: unlike the progress bar, the table reads the same in a
    terminal, on a rendered page and in a diff.

    Args:
        every: print each `every`-th epoch (the first and the last always).
    """

    def __init__(self, *, every: int = 1):
        super().__init__()
        self.every = every
        self.columns: list[str] = []
        self.row = ""

    def on_train_begin(self, logs=None):
        self.columns, self.row = [], ""

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not self.columns:
            names = [name for name in logs if not name.startswith("val_")]
            names.sort(key=lambda name: name != "loss")
            self.columns = names + [f"val_{n}" for n in names if f"val_{n}" in logs]
            print("epoch " + " ".join(f"{name:>{_width(name)}}" for name in self.columns))
        row = f"{epoch + 1:5d} " + " ".join(f"{logs[n]:{_width(n)}.4f}" for n in self.columns)
        self.row = "" if epoch % self.every == 0 else row  # kept back: perhaps the last one
        if not self.row:
            print(row)

    def on_train_end(self, logs=None):
        if self.row:
            print(self.row)


def _width(name: str) -> int:
    return max(len(name), 8)
