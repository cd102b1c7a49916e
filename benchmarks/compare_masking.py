"""Masked language models on film sentences: two sides against the left one, new masks against old.

Three models of one size get the same number of updates from the training sentences: two-sided
with masks drawn anew each epoch, two-sided with masks drawn once, and left-only. All are asked
for the same hidden words of the test sentences. Nothing is chosen on these.

Run: `python -m benchmarks.compare_masking` (about 15 CPU-minutes). It writes
data/results/masking.json; interrupted, it goes on with what build/ lacks.
"""

from benchmarks import harness

harness.start()

import keras
import numpy as np

from utils.data import corpora
from utils.data.masking import SPECIAL_TOKENS, MaskedBatches
from utils.data.tokenizers import build_pieces, encode_pieces
from utils.metrics import bootstrap_interval
from utils.models import bert
from utils.models.sentences import read_minilm

MODELS = {  # left-only?, masks drawn anew?
    "two-sided, dynamic": (False, True),
    "two-sided, static": (False, False),
    "left-only, dynamic": (True, True),
}
SEQUENCE_LENGTH = 32
SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "max_position_embeddings": SEQUENCE_LENGTH}
SIZES |= {"type_vocab_size": 2, "layer_norm_eps": 1e-12}
SHARE = 0.3  # of the tokens that are chosen; BERT's 0.15 teaches less in each pass
EPOCHS, SEEDS = 8, 3
SPECIAL_IDS = {token: token_id for token_id, token in enumerate(SPECIAL_TOKENS)}


def train(token_ids, word_vectors, causal: bool, dynamic: bool, epochs: int, seed: int):
    keras.utils.set_random_seed(seed)
    encoder = bert.build_encoder(SIZES | {"vocab_size": len(word_vectors)}, causal=causal)
    model = bert.add_word_head(encoder)
    bert.init_from_statistics(model, encoder, token_ids, word_vectors)
    masks = {"batch_size": 32, "dynamic": dynamic, "share": SHARE, "seed": seed}
    batches = MaskedBatches(token_ids, SPECIAL_IDS, len(word_vectors), **masks)
    steps = epochs * len(batches)
    optimizer = keras.optimizers.Adam(bert.WarmUpDecay(3e-3, int(0.1 * steps), steps), clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    model.fit(batches, epochs=epochs, verbose=0)
    return model


def find_whole_words(token_ids: np.ndarray, pieces: list[str]) -> np.ndarray:
    """Return where a token is a word of its own, of letters only: boolean, (N, T)."""
    letters = np.array([piece.isalpha() for piece in pieces])
    goes_on = np.array([piece.startswith("##") for piece in pieces])
    following = np.pad(token_ids[:, 1:], ((0, 0), (0, 1)))
    return letters[token_ids] & ~goes_on[following]


def main() -> None:
    options = harness.parse(__doc__)
    epochs = max(1, int(EPOCHS * options.fraction))
    table = corpora.load_movie_snippets(keep_undecided=True).iloc[:: int(1 / options.fraction)]
    tokenizer, _, weights = read_minilm()
    parts = {}
    for split in ("train", "test"):
        texts = table["text"][table["split"] == split].tolist()
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        parts[split] = [encoding.tokens for encoding in encodings]
    pieces = build_pieces(parts["train"], 8)
    rows = [tokenizer.token_to_id(piece) for piece in pieces]
    word_vectors = weights["embeddings.word_embeddings.weight"][rows]
    train_ids, test_ids = (encode_pieces(parts[s], pieces, SEQUENCE_LENGTH) for s in parts)
    masks = {"num_positions": SEQUENCE_LENGTH, "hidden": 1.0, "swapped": 0.0, "shuffle": False}
    masks |= {"batch_size": 256, "dynamic": False}
    hidden = MaskedBatches(test_ids, SPECIAL_IDS, len(pieces), **masks)
    whole = find_whole_words(test_ids, pieces)
    letters = np.array([piece.isalpha() for piece in pieces])  # all must answer with a word

    def measure(causal, dynamic, seed) -> dict:
        model = train(train_ids, word_vectors, causal, dynamic, epochs, seed)
        rows, places, predicted = bert.predict_hidden(model, hidden, letters)
        correct = (predicted == test_ids[rows, places])[whole[rows, places]]
        return {"accuracy": correct.mean().item(), "right": correct.astype(int).tolist()}

    once, right, table = harness.keep_parts("masking", options), {}, []
    columns = ("model", "accuracy", "lowest and highest seed")
    for name, kind in MODELS.items():
        found = [once(f"{name}, seed {s}", measure, *kind, s)["right"] for s in range(SEEDS)]
        right[name] = np.mean(found, axis=0)  # of each word, the share of the seeds
        seeds = np.mean(found, axis=1)
        cells = (name, f"{seeds.mean():.3f}", f"{seeds.min():.3f} to {seeds.max():.3f}")
        table.append(dict(zip(columns, cells, strict=True)))

    most_frequent = (np.bincount(train_ids.ravel(), minlength=len(pieces)) * letters).argmax()
    baseline = float(np.mean(test_ids[hidden.chosen & whole] == most_frequent))
    table.append(dict(zip(columns, ("most frequent word", f"{baseline:.3f}", ""), strict=True)))
    best, static, left = right.values()
    facts = {"value": best.mean(), "interval": bootstrap_interval(best), "baseline": baseline}
    for name, gain in {"two_sided_gain": best - left, "dynamic_gain": best - static}.items():
        facts |= {name: gain.mean(), f"{name}_interval": bootstrap_interval(gain)}
    facts |= {"runs": f"{SEEDS} seeds", "epochs": epochs, "table": table}
    harness.record("masking", options, **facts)


if __name__ == "__main__":
    main()
