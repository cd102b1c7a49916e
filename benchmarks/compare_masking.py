"""Masked language models on film sentences: two sides against the left one, new masks against old.

Three models of one size get the same number of updates from the training sentences: two-sided
with masks drawn anew each epoch, two-sided with masks drawn once, and left-only. All are asked
for the same hidden words of the test sentences. Nothing is chosen on these.

Run: `python -m benchmarks.compare_masking` (about 15 CPU-minutes). It writes
data/results/masking.json; interrupted, it goes on with what build/masking.json lacks.
`--epochs` and `--seeds` make it smaller, to try it: then it writes no result.
"""

import argparse
import json
import os
import time

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.data import corpora
from utils.data.masking import SPECIAL_TOKENS, MaskedBatches
from utils.data.tokenizers import build_pieces, encode_pieces
from utils.metrics import bootstrap_interval
from utils.models.bert import (
    WarmUpDecay,
    add_word_head,
    build_encoder,
    init_from_statistics,
    predict_hidden,
)
from utils.models.sentences import read_minilm
from utils.results import LEDGER, record_result
from utils.runtime import ROOT

MODELS = {  # left-only?, masks drawn anew?
    "two-sided, dynamic": (False, True),
    "two-sided, static": (False, False),
    "left-only, dynamic": (True, True),
}
SEQUENCE_LENGTH = 32
MIN_COUNT = 8
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": SEQUENCE_LENGTH,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
LEARNING_RATE = 3e-3
WARM_UP = 0.1
BATCH_SIZE = 32
SHARE = 0.3  # of the tokens that are chosen; BERT's 0.15 teaches less in each pass
EPOCHS = 8
SEEDS = 3
DONE = ROOT / "build" / "masking.json"
SPECIAL_IDS = {token: token_id for token_id, token in enumerate(SPECIAL_TOKENS)}


def train(
    token_ids, word_vectors: np.ndarray, *, causal: bool, dynamic: bool, epochs: int, seed: int
):
    """Train one model; return it with the CPU-seconds of its training."""
    num_pieces = len(word_vectors)
    keras.utils.set_random_seed(seed)
    config = SIZES | {"vocab_size": num_pieces}
    encoder = build_encoder(config, causal=causal)
    model = add_word_head(encoder)
    init_from_statistics(model, encoder, token_ids, word_vectors)
    batches = MaskedBatches(
        token_ids, SPECIAL_IDS, num_pieces,
        batch_size=BATCH_SIZE, dynamic=dynamic, share=SHARE, seed=seed,
    )  # fmt: skip
    steps = epochs * len(batches)
    schedule = WarmUpDecay(LEARNING_RATE, int(WARM_UP * steps), steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss, jit_compile=False)
    begin = time.process_time()
    model.fit(batches, epochs=epochs, verbose=0)
    return model, time.process_time() - begin


def find_whole_words(token_ids: np.ndarray, pieces: list[str]) -> np.ndarray:
    """Return where a token is a word of its own, of letters only: boolean, (N, T)."""
    letters = np.array([piece.isalpha() for piece in pieces])
    goes_on = np.array([piece.startswith("##") for piece in pieces])
    following = np.pad(token_ids[:, 1:], ((0, 0), (0, 1)))
    return letters[token_ids] & ~goes_on[following]


def guess_from_left(train_ids, inputs, rows, places, words) -> np.ndarray:
    """Answer the word that most often followed the left neighbour, or the most frequent one.

    `words` counts each token in training, 0 for those that are not words.
    """
    pairs = np.zeros((len(words), len(words)), "int32")
    np.add.at(pairs, (train_ids[:, :-1].ravel(), train_ids[:, 1:].ravel()), 1)
    followers = pairs * (words > 0)
    likely = np.where(followers.max(axis=1) > 0, followers.argmax(axis=1), words.argmax())
    return likely[inputs[rows, places - 1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    small = (options.epochs, options.seeds) != (EPOCHS, SEEDS)
    measure(options.epochs, options.seeds, DONE.with_name("masking-small.json") if small else DONE)


def measure(epochs: int, seeds: int, path) -> None:
    """Train and test what `path` does not hold; record the result if this is the full run."""
    table = corpora.load_movie_snippets(keep_undecided=True)
    tokenizer, _, weights = read_minilm()
    parts = {}
    for split in ("train", "test"):
        texts = table["text"][table["split"] == split].tolist()
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        parts[split] = [encoding.tokens for encoding in encodings]
    pieces = build_pieces(parts["train"], MIN_COUNT)
    rows = [tokenizer.token_to_id(piece) for piece in pieces]
    word_vectors = weights["embeddings.word_embeddings.weight"][rows]
    ids = {s: encode_pieces(part, pieces, SEQUENCE_LENGTH) for s, part in parts.items()}
    hidden = MaskedBatches(
        ids["test"], SPECIAL_IDS, len(pieces), batch_size=256, dynamic=False, shuffle=False,
        num_positions=SEQUENCE_LENGTH, hidden=1.0, swapped=0.0,
    )  # fmt: skip
    whole = find_whole_words(ids["test"], pieces)
    letters = np.array([piece.isalpha() for piece in pieces])  # all must answer with a word
    done = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    for seed in range(seeds):
        for name, (causal, dynamic) in MODELS.items():
            key = f"{name}, seed {seed}"
            if key not in done:
                model, cpu_seconds = train(
                    ids["train"], word_vectors,
                    causal=causal, dynamic=dynamic, epochs=epochs, seed=seed,
                )  # fmt: skip
                rows, places, predicted = predict_hidden(model, hidden, letters)
                asked = whole[rows, places]
                right = (predicted == ids["test"][rows, places])[asked].astype(int)
                done[key] = {"cpu_seconds": cpu_seconds, "right": "".join(map(str, right))}
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(done, indent=1), encoding="utf8")
            print(key, np.mean([*map(int, done[key]["right"])]).round(3), flush=True)

    rows, places = np.nonzero(hidden.chosen & whole)
    targets = ids["test"][rows, places]
    words = np.bincount(ids["train"].ravel(), minlength=len(pieces))
    words = words * letters
    most_frequent = float(np.mean(targets == words.argmax()))
    from_left = guess_from_left(ids["train"], hidden.inputs, rows, places, words)
    print(f"{len(targets)} hidden words, {pieces[words.argmax()]!r} {most_frequent:.3f}, ", end="")
    print(f"after the left neighbour {np.mean(targets == from_left):.3f}", flush=True)
    if path != DONE:
        return

    def collect(name: str) -> np.ndarray:
        runs = [done[f"{name}, seed {seed}"]["right"] for seed in range(seeds)]
        return np.array([[*map(int, run)] for run in runs])  # (seeds, hidden words)

    right = {name: collect(name) for name in MODELS}
    best, static, left = right.values()
    gains = {"two_sided_gain": best - left, "dynamic_gain": best - static}
    accuracy = {name: float(runs.mean()) for name, runs in right.items()}
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    result = record_result(
        "masking",
        notebook="12",
        model="masked language model, two sides, dynamic masks",
        dataset="movie-snippets",
        metric="top-1 accuracy on hidden words",
        value=best.mean(),
        baseline=most_frequent,
        baseline_name="most frequent word",
        runs=f"{seeds} seeds",
        interval=bootstrap_interval(best.mean(axis=0)),
        after_left_neighbour=float(np.mean(targets == from_left)),
        epochs=epochs,
        hidden_words=len(targets),
        accuracy=accuracy,
        **{name: float(gain.mean()) for name, gain in gains.items()},
        **{f"{n}_interval": bootstrap_interval(g.mean(axis=0)) for n, g in gains.items()},
        table=[
            {
                "model": name,
                "accuracy": f"{runs.mean():.3f}",
                "lowest and highest seed": f"{runs.mean(axis=1).min():.3f} to "
                f"{runs.mean(axis=1).max():.3f}",
            }
            for name, runs in right.items()
        ]
        + [{"model": "most frequent word", "accuracy": f"{most_frequent:.3f}",
            "lowest and highest seed": ""}],
    )  # fmt: skip
    print(result["value"], gains.keys(), [result[name] for name in gains])


if __name__ == "__main__":
    main()
