"""MiniLM tuned on film sentences: frozen, its last layers, all layers, from scratch.

Each way learns from 100, 500, 2,000 and 8,000 sentences, the same ones for all, and from the same
targets: the mean scores, as probabilities. Beside them stands what needs no pre-training: word
counts, an average of bigrams, and encoders from random weights. Nothing is chosen on the test
sentences; the validation sentences choose the C of the two logistic regressions, nothing else.

Run: `python -m benchmarks.tune_minilm` (about 40 CPU-minutes). It writes
data/results/minilm-tuning.json; interrupted, it goes on with what build/ lacks.
"""

import functools

from benchmarks import harness

harness.start()

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.masking import pack_segments
from utils.data.text import build_vocabulary, encode_texts
from utils.metrics import bootstrap_interval
from utils.models import bert
from utils.models.classifiers import build_bigram_average
from utils.models.sentences import embed_sentences, read_minilm
from utils.training import LengthBatches

SIZES = (100, 500, 2000, 8000)  # training sentences
WAYS = {  # seeds at each size (those with 0 would take too long), learning rate
    "word counts": ((3, 3, 3, 1), None),
    "bigram average": ((3, 3, 3, 1), 1e-2),
    "small encoder from scratch": ((3, 3, 1, 1), 1e-3),
    "same network from scratch": ((3, 1, 0, 0), 3e-4),
    "frozen": ((3, 3, 3, 1), None),
    "last two layers": ((3, 1, 1, 1), 3e-4),
    "all layers": ((3, 1, 1, 1), 1e-4),
}
PRETRAINED = ("frozen", "last two layers", "all layers")
EPOCHS = {100: 8, 500: 4, 2000: 2, 8000: 1}
BATCH_SIZE = {100: 8, 500: 16, 2000: 32, 8000: 32}
SMALL_EPOCHS = {100: 40, 500: 20, 2000: 10, 8000: 8}  # of the small encoder
SMALL = {"num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"hidden_size": 64, "intermediate_size": 256}
SEQUENCE_LENGTH = 48  # tokens; one sentence in twenty is longer than 46
DROPOUT = 0.1
read_files = functools.cache(read_minilm)


def soften(part) -> np.ndarray:
    """Return the mean scores of the sentences as probabilities, shape (N,)."""
    return 1 / (1 + np.exp(-part["score"].to_numpy("float32")))


def fit_logistic(features: list, train, validation) -> np.ndarray:
    """Fit a logistic regression to soft targets; return the probabilities of the test texts.

    `features` are those of the training, validation and test texts. Every training text counts
    for both labels, with its probability of either as weight.
    """
    targets, stack = soften(train), np.tile(np.arange(len(train)), 2)
    labels, weights = np.repeat([1, 0], len(train)), np.concatenate([targets, 1 - targets])
    models = [LogisticRegression(C=C, max_iter=2000) for C in (0.1, 1, 10, 100)]
    fitted = [model.fit(features[0][stack], labels, weights) for model in models]
    best = max(fitted, key=lambda model: model.score(features[1], validation["label"]))
    return best.predict_proba(features[2])[:, 1]


def average_bigrams(train, test, seed: int) -> np.ndarray:
    """The bigram average of notebook 03, its word vectors from random values."""
    keras.utils.set_random_seed(seed)
    vocabulary = build_vocabulary(train["text"].tolist(), 20_000)
    vectors = np.random.default_rng(seed).uniform(-0.05, 0.05, (len(vocabulary), 50))
    x, x_test = (encode_texts(part["text"].tolist(), vocabulary, 48) for part in (train, test))
    epochs = 5 if len(train) > 2000 else 10
    rate = harness.decay(WAYS["bigram average"][1], len(train), epochs, 32)
    model = build_bigram_average("bigram_average", vectors, learning_rate=rate)
    model.fit(x, soften(train), epochs=epochs, batch_size=32, verbose=0)
    return model.predict(x_test, verbose=0)[:, 0]


def encode(part) -> np.ndarray:
    """Return token ids as MiniLM reads them, shape (N, SEQUENCE_LENGTH)."""
    tokenizer = read_files()[0]
    cls_id, sep_id = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    encodings = tokenizer.encode_batch(part["text"].tolist(), add_special_tokens=False)
    rows = [pack_segments(e.ids, None, cls_id, sep_id, SEQUENCE_LENGTH)[0] for e in encodings]
    return np.array(rows, "int32")


def tune(way: str, train, test, seed: int) -> np.ndarray:
    """Train an encoder in one of the ways; return the probabilities of the test texts."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    _, config, weights = read_files()
    small = way == "small encoder from scratch"
    encoder = bert.build_encoder(config | SMALL if small else config, dropout=DROPOUT)
    if way in PRETRAINED:
        bert.load_encoder_weights(encoder, weights)
    bert.train_last_layers(encoder, 2 if way == "last two layers" else None)
    model = bert.add_classifier(encoder, name="classifier", pooling="mean", dropout=DROPOUT)
    batch_size = BATCH_SIZE[len(train)]
    batches = LengthBatches(encode(train), soften(train), batch_size=batch_size, seed=seed)
    epochs = (SMALL_EPOCHS if small else EPOCHS)[len(train)]
    steps = epochs * len(batches)
    rate = bert.WarmUpDecay(WAYS[way][1], int(0.1 * steps), steps)
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
    model.compile(optimizer, "binary_crossentropy", jit_compile=False)
    model.fit(batches, epochs=epochs, verbose=0)
    return model.predict(encode(test), batch_size=64, verbose=0)[:, 0]


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_movie_snippets()
    parts = {split: part.reset_index(drop=True) for split, part in table.groupby("split")}
    validation, test = parts["validation"], parts["test"]

    @functools.cache
    def embed(split: str) -> np.ndarray:
        return embed_sentences(parts[split]["text"].tolist())

    def learn(way: str, size: int, seed: int) -> dict:
        rows = np.random.default_rng(seed).permutation(len(parts["train"]))[:size]
        train = parts["train"].iloc[rows]
        if way == "word counts":
            counts = build_word_counts(1)[0].fit(train["text"])
            features = [counts.transform(part["text"]) for part in (train, validation, test)]
            probabilities = fit_logistic(features, train, validation)
        elif way == "frozen":
            features = [embed("train")[rows], embed("validation"), embed("test")]
            probabilities = fit_logistic(features, train, validation)
        elif way == "bigram average":
            probabilities = average_bigrams(train, test, seed)
        else:
            probabilities = tune(way, train, test, seed)
        correct = (probabilities > 0.5) == test["label"]
        return {"accuracy": float(correct.mean()), "right": correct.astype(int).tolist()}

    once, right = harness.keep_parts("minilm-tuning", options), {way: {} for way in WAYS}
    sizes = [size for size in SIZES if size <= max(SIZES) * options.fraction]
    rows = [{"trained": way} | {f"{size:,}": "" for size in sizes} for way in WAYS]
    curves = {way: {} for way in WAYS}
    for row, (way, (counts, _)) in zip(rows, WAYS.items(), strict=True):
        for size, count in zip(sizes, counts, strict=False):
            names = [f"{way}, {size} sentences, seed {seed}" for seed in range(count)]
            found = [once(name, learn, way, size, seed) for seed, name in enumerate(names)]
            if count:
                right[way][size] = marks = np.mean([part["right"] for part in found], axis=0)
                curves[way][str(size)] = {
                    "accuracy": marks.mean(),
                    "interval": bootstrap_interval(marks),
                }
                row[f"{size:,}"] = f"{marks.mean():.3f}"

    # chosen on the test sentences: that can only raise what the gain is measured against
    rivals = [way for way in WAYS if way not in PRETRAINED]
    best = max(rivals, key=lambda way: right[way][100].mean())
    gain, last = right["all layers"][100] - right[best][100], sizes[-1]
    full, counts = (curves[way][str(last)] for way in ("all layers", "word counts"))
    facts = {"value": full["accuracy"], "interval": full["interval"], "curves": curves}
    facts |= {"baseline": counts["accuracy"], "runs": f"1 seed, {last} sentences"}
    facts |= {"best_without_pretraining": best, "gain_at_100": gain.mean(), "table": rows}
    facts["gain_at_100_interval"] = bootstrap_interval(gain)
    harness.record("minilm-tuning", options, **facts)


if __name__ == "__main__":
    main()
