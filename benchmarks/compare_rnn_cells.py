"""SimpleRNN, GRU and LSTM over Shakespeare's characters and words, at about equal cost.

Which network does notebook 02 train for its headline? The one with the fewest bits per byte on
the validation plays here. Each trains for the steps that 120 CPU-seconds bought on the machine of
the ledger, measured once. The test plays are not read.

Run: `python -m benchmarks.compare_rnn_cells` (15 to 30 minutes: one thread). It writes
data/results/shakespeare-cells.json. A run that was interrupted goes on with the networks that are
missing in build/shakespeare-cells.json.
"""

import json
import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.baselines.kneser_ney import NgramModel, count_ngrams
from utils.data.plays import load_shakespeare
from utils.data.tokenizers import build_word_tokens, encode_characters, encode_words
from utils.models.rnn import build_language_model, make_streams, measure_bits
from utils.results import LEDGER, record_result
from utils.runtime import ROOT
from utils.training import warm_up_and_decay

CELLS = ("SimpleRNN", "GRU", "LSTM")
STEPS = {
    "characters": {"SimpleRNN": 9911, "GRU": 4365, "LSTM": 4494},
    "words": {"SimpleRNN": 2635, "GRU": 1925, "LSTM": 1845},
}
LEARNING_RATE = 1e-2
BATCH_SIZE = 32
SEQUENCE_LENGTH = 30
WORD_TOKENS = 2_000
SIZES = {
    "characters": {"embedding_dim": 32, "hidden_dim": 192},
    "words": {"embedding_dim": 96, "hidden_dim": 192},
}
DONE = ROOT / "build" / "shakespeare-cells.json"


def train(cell: str, level: str, tokens: list[str], ids: dict[str, np.ndarray]) -> dict:
    """Train one network as notebook 02 does; return validation bits per byte and what was read."""
    keras.utils.set_random_seed(42)
    sizes = SIZES[level]
    model = build_language_model(cell, len(tokens), **sizes, batch_size=BATCH_SIZE, stateful=True)
    steps = STEPS[level][cell]
    schedule = warm_up_and_decay(LEARNING_RATE, steps)
    optimizer = keras.optimizers.Nadam(schedule, beta_2=0.99, clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    x, y = make_streams(ids["train"], BATCH_SIZE, SEQUENCE_LENGTH)
    rows = np.arange(steps * BATCH_SIZE) % len(x)
    model.fit(x[rows], y[rows], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    reader = build_language_model(cell, len(tokens), **sizes)
    reader.set_weights(model.get_weights())
    num_bytes = sum(len(tokens[k].encode()) for k in ids["validation"][1:])
    return {
        "bits": float(measure_bits(reader, ids["validation"]).sum() / num_bytes),
        "passes": steps * BATCH_SIZE * SEQUENCE_LENGTH / len(ids["train"]),
        "steps": steps,
        "tokens_seen": steps * BATCH_SIZE * SEQUENCE_LENGTH,
        "parameters": model.count_params(),
    }


def main() -> None:
    plays = load_shakespeare()
    texts = {s: "\n\n".join(plays[s].values()) for s in ("train", "validation")}
    alphabet = sorted(set(texts["train"]))
    words = build_word_tokens(texts["train"], WORD_TOKENS)
    levels = {
        "characters": (alphabet, {s: encode_characters(t, alphabet) for s, t in texts.items()}),
        "words": (words, {s: encode_words(t, words) for s, t in texts.items()}),
    }
    done = json.loads(DONE.read_text(encoding="utf8")) if DONE.exists() else {}
    for level, (tokens, ids) in levels.items():
        for cell in CELLS:
            name = f"{cell} over {level}"
            if name not in done:
                done[name] = train(cell, level, tokens, ids)
                DONE.parent.mkdir(exist_ok=True)
                DONE.write_text(json.dumps(done, indent=1), encoding="utf8")
            print(f"{name}: {done[name]}", flush=True)

    _, ids = levels["characters"]
    ngram = NgramModel(count_ngrams(ids["train"], 9, len(alphabet)), len(alphabet), 0.9)
    baseline = -np.log2(ngram.score(ids["validation"])[1:]).mean()
    best = min(done, key=lambda name: done[name]["bits"])
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "shakespeare-cells",
        notebook="02",
        model=best,
        dataset="shakespeare",
        metric="bits per byte on the validation plays",
        value=done[best]["bits"],
        baseline=baseline,
        baseline_name="Kneser-Ney 9-gram",
        better="lower",
        runs="1 seed",
        networks=done,
        table=[
            {
                "cell": cell,
                "characters": f"{done[f'{cell} over characters']['bits']:.3f}",
                "words": f"{done[f'{cell} over words']['bits']:.3f}",
            }
            for cell in CELLS
        ],
    )
    print("best:", best)


if __name__ == "__main__":
    main()
