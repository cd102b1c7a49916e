"""What a training run shows: one readable table."""

import keras


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
