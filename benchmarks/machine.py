"""How fast is this machine, beside the one on which the ledger was made?

It times 100 training steps of a small LSTM classifier (fixed seed, one thread, after a warm-up
of as many) and compares the CPU-seconds with those of data/results/machine.json:
factor 1.0 is the machine of that file, 2.0 one that needs twice the time. The steps are repeated
and the best repetition counts: what runs beside it only adds time.

Run: `python -m benchmarks.machine` (15 seconds at most on the ledger's machine); with `--record`
it writes data/results/machine.json. `make course` prints the factor first.
"""

import argparse
import datetime
import json
import os
import time

from utils.results import LEDGER, write_json
from utils.runtime import describe_machine, list_versions, start

STEPS, REPEATS, BATCH_SIZE, LENGTH, VOCABULARY_SIZE = 100, 5, 64, 20, 5000
RECORD = LEDGER / "machine.json"


def measure() -> dict[str, list[float]]:
    """Return CPU-seconds and seconds of 100 training steps, once for each repetition.

    It needs a process of its own: TensorFlow reads the number of threads when it starts.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    start(seed=42)
    import keras
    import numpy as np

    random = np.random.default_rng(42)
    token_ids = random.integers(VOCABULARY_SIZE, size=(STEPS * BATCH_SIZE, LENGTH), dtype="int32")
    labels = random.integers(2, size=(STEPS * BATCH_SIZE, 1))
    layers = [keras.layers.Embedding(VOCABULARY_SIZE, 64), keras.layers.LSTM(64)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    found = {"cpu_seconds": [], "seconds": []}
    for repeat in range(REPEATS + 1):  # the first one compiles
        cpu_seconds, seconds = time.process_time(), time.monotonic()
        model.fit(token_ids, labels, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
        if repeat:
            found["cpu_seconds"].append(time.process_time() - cpu_seconds)
            found["seconds"].append(time.monotonic() - seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    arguments = parser.parse_args()
    found = measure()
    here = {name: round(min(values), 3) for name, values in found.items()}
    if arguments.record:
        record = {
            "model": f"LSTM classifier, {STEPS} training steps, one thread",
            "cpu_seconds": here["cpu_seconds"],
            "values": [round(value, 3) for value in found["cpu_seconds"]],
            "runs": f"best of {REPEATS}",
            "versions": list_versions("tensorflow", "keras", "numpy"),
            "machine": describe_machine(),
            "date": datetime.date.today().isoformat(),
        }
        write_json(RECORD, record)
    ledger = json.loads(RECORD.read_text(encoding="utf8"))
    print(
        f"factor {here['cpu_seconds'] / ledger['cpu_seconds']:.2f}: {STEPS} training steps take "
        f"{here['cpu_seconds']:.2f} CPU-seconds here ({here['seconds']:.2f} seconds), "
        f"{ledger['cpu_seconds']:.2f} on the ledger's machine"
    )


if __name__ == "__main__":
    main()
