"""Compare the LSTM of lesson 01 with a count model that is given the same information.

Four amounts of information, each added to the one before: labels; GloVe vectors; the lexicon's
word scores; the mean score of the people who judged a sentence, as a soft target. C and number of
epochs are chosen on the validation split (two seeds), then five folds of the training split test
each sentence once, fold k with seed k. The test split is not read. Two more count models that know
the labels alone show what the comparison leaves out: words after a negation counted as other words,
and complement naive Bayes (`controls`).

Run: `python -m benchmarks.compare_classifiers` (about 30 minutes on two cores).
"""

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
from sklearn.naive_bayes import ComplementNB

from utils.baselines.counts import NEGATIONS, CountModel, mark_negations
from utils.data import corpora
from utils.data.splits import assign_bucket
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors, split_words
from utils.metrics import bootstrap_interval
from utils.models.layers import MaskedMaxPooling1D
from utils.training import LengthBatches

FOLDS, BATCH_SIZE, LENGTH, VOCABULARY_SIZE = 5, 64, 48, 8000
LEVELS = ["labels", "+ GloVe", "+ lexicon", "+ soft targets"]
CHANGES = {  # one change each to the BiLSTM of the first level
    "one direction": {"bidirectional": False},
    "last state instead of maximum": {"pooling": "last"},
    "no dropout": {"dropout": 0.0},
    "no mask, all padded to 48": {"mask": False},
}
CONTRASTS = {"but", "although", "though", "despite", "however", "yet", "while", "still"}
GLOVE, LEXICON = corpora.load_glove(), corpora.load_lexicon()


def get_targets(part, level: str) -> np.ndarray:
    """Return labels, or the probability that belongs to the mean score."""
    if level == LEVELS[3]:
        return 1 / (1 + np.exp(-part["score"].to_numpy("float32")))
    return part["label"].to_numpy("float32")


def fit_counts(train, held_out, level: str, C: float) -> np.ndarray:
    """Return the probabilities of a count model for the held-out texts."""
    known = {"glove": GLOVE} if level != LEVELS[0] else {}
    known |= {"lexicon": LEXICON} if level in LEVELS[2:] else {}
    model = CountModel(C, **known).fit(train["text"], get_targets(train, level))
    return model.predict_proba(held_out["text"])[:, 1]


def fit_negations(train, held_out, C: float) -> np.ndarray:
    """Return the probabilities of a count model for which words after a negation are others."""
    model = CountModel(C, split=mark_negations).fit(train["text"], train["label"])
    return model.predict_proba(held_out["text"])[:, 1]


def fit_naive_bayes(train, held_out) -> np.ndarray:
    """Return the probabilities of complement naive Bayes on the counts of `CountModel`."""
    counts = CountModel(1.0).counts.fit(train["text"])
    model = ComplementNB(alpha=0.3).fit(counts.transform(train["text"]), train["label"])
    return model.predict_proba(counts.transform(held_out["text"]))[:, 1]


def fit_lstm(
    train, held_out, level: str, epochs: int, seed: int, *,
    bidirectional=True, pooling="max", dropout=0.2, mask=True,
) -> np.ndarray:  # fmt: skip
    """Return the probabilities of an LSTM for the held-out texts."""
    keras.utils.set_random_seed(seed)
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    both = (part["text"].tolist() for part in (train, held_out))
    x, x_held_out = (encode_texts(texts, vocabulary, LENGTH) for texts in both)
    token_ids = keras.Input((None,), dtype="int32")
    embedding_dim = 51 if level in LEVELS[2:] else 50
    embedding = keras.layers.Embedding(len(vocabulary), embedding_dim, mask_zero=mask)
    y = embedding(token_ids)
    if level != LEVELS[0]:
        vectors = look_up_vectors(vocabulary, *GLOVE)
        scores = [LEXICON.get(word, 0.0) / 2 for word in vocabulary]
        embedding.set_weights([np.column_stack([vectors, scores])[:, :embedding_dim]])
    y = keras.layers.SpatialDropout1D(dropout)(y)
    lstm = keras.layers.LSTM(64, return_sequences=pooling == "max")
    y = keras.layers.Bidirectional(lstm)(y) if bidirectional else lstm(y)
    y = MaskedMaxPooling1D()(y) if pooling == "max" else y
    y = keras.layers.Dropout(dropout)(y)
    model = keras.Model(token_ids, keras.layers.Dense(1, "sigmoid")(y))
    rate = harness.decay(3e-3, len(x), epochs, BATCH_SIZE)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", jit_compile=False)
    batches = LengthBatches(x, get_targets(train, level)[:, None], batch_size=BATCH_SIZE, seed=seed)
    if not mask:  # padded to one length, as where nobody thinks of it
        batches.widths[:] = LENGTH
    model.fit(batches, epochs=epochs, verbose=0)
    return model.predict(x_held_out, batch_size=512, verbose=0)[:, 0]


def main() -> None:
    options = harness.parse(__doc__)
    once = harness.keep_parts("compare-classifiers", options)
    table = corpora.load_movie_snippets().iloc[:: int(1 / options.fraction)]
    train, validation = (
        table[table["split"] == name].reset_index(drop=True) for name in ("train", "validation")
    )

    def measure(fit, level, value, seeds) -> dict:
        tries = [fit(train, validation, level, value, *seed) for seed in seeds]
        return {"accuracy": np.mean([(p > 0.5) == validation["label"] for p in tries])}

    chosen, tried_values = {}, {}
    for level in LEVELS:
        for fit, tried, seeds in (
            (fit_counts, (3, 10, 30, 100, 300), [()]),
            (fit_lstm, (2, 3, 5, 8, 12, 18), [(101,), (102,)]),
        ):
            name = f"{level}: {fit.__name__}"
            parts = {v: once(f"{name}, try {v}", measure, fit, level, v, seeds) for v in tried}
            tried_values[name] = {value: part["accuracy"] for value, part in parts.items()}
            chosen[name] = max(tried, key=tried_values[name].get)

    fold = train["text"].map(lambda text: assign_bucket(text, FOLDS, salt="fold ")).to_numpy()
    labels = train["label"].to_numpy()

    def cross_validate(fit, *arguments, **settings):
        correct, texts = np.zeros(len(train)), np.zeros(len(train))
        for k in range(FOLDS):
            seed = [k] if fit is fit_lstm else []
            parts = train[fold != k], train[fold == k]
            texts[fold == k] = fit(*parts, *arguments, *seed, **settings)
        correct = (texts > 0.5) == labels
        return {"p": np.round(texts, 4).tolist(), "accuracy": float(correct.mean()),
                "values": [float(correct[fold == k].mean()) for k in range(FOLDS)]}  # fmt: skip

    found = {}
    for level in LEVELS:
        for fit in (fit_counts, fit_lstm):
            name = f"{level}: {fit.__name__}"
            found[name] = once(name, cross_validate, fit, level, chosen[name])
    epochs = chosen[f"{LEVELS[0]}: fit_lstm"]
    for change, settings in CHANGES.items():

        def run(settings=settings):
            return cross_validate(fit_lstm, LEVELS[0], epochs, **settings)

        found[change] = once(change, run)
    best = chosen[f"{LEVELS[0]}: fit_counts"]
    found["negations"] = once("negations", cross_validate, fit_negations, best)
    found["naive Bayes"] = once("naive Bayes", cross_validate, fit_naive_bayes)
    p = {name: np.array(part["p"]) for name, part in found.items()}
    p["mean of counts and naive Bayes"] = (p[f"{LEVELS[0]}: fit_counts"] + p["naive Bayes"]) / 2
    for level in LEVELS:
        one, lstm = p[f"{level}: fit_counts"], p[f"{level}: fit_lstm"]
        p[f"{level}: mean of counts and LSTM"] = (one + lstm) / 2
    right = {name: ((each > 0.5) == labels).astype(float) for name, each in p.items()}

    def compare(name, rival, chosen_texts=slice(None)):
        gain = (right[name] - right[rival])[chosen_texts]
        return {"difference": gain.mean(), "interval": bootstrap_interval(gain)}

    def show(gain) -> str:
        return "{:+.3f} ({:+.3f} to {:+.3f})".format(gain["difference"], *gain["interval"])

    levels, rows = [], []
    for level in LEVELS:
        counts, lstm = f"{level}: fit_counts", f"{level}: fit_lstm"
        one = {"information": level, "counts": right[counts].mean(), "lstm": right[lstm].mean()}
        one |= {"counts_interval": bootstrap_interval(right[counts])}
        one |= {"lstm_interval": bootstrap_interval(right[lstm])} | compare(lstm, counts)
        one |= {"counts_cpu": found[counts]["cpu_seconds"] / FOLDS}
        one |= {"lstm_cpu": found[lstm]["cpu_seconds"] / FOLDS}
        levels.append(one)
        row = {"information": level, "counts": f"{one['counts']:.3f}", "LSTM": f"{one['lstm']:.3f}"}
        row["LSTM minus counts"] = show(one)
        row["mean of both"] = f"{right[f'{level}: mean of counts and LSTM'].mean():.3f}"
        row["mean minus counts"] = show(compare(f"{level}: mean of counts and LSTM", counts))
        row["CPU-seconds, counts"] = f"{one['counts_cpu']:.1f}"
        row["CPU-seconds, LSTM"] = f"{one['lstm_cpu']:.1f}"
        rows.append(row)
    crossed = compare("+ GloVe: fit_lstm", "labels: fit_counts")
    full = f"{LEVELS[0]}: fit_lstm"
    changes = [{"change": change} | compare(change, full) for change in CHANGES]
    words = [set(split_words(text)) for text in train["text"]]
    negated = np.array([bool(each & NEGATIONS) for each in words])
    contrast = np.array([bool(each & CONTRASTS) for each in words])
    groups, level = [], LEVELS[2]  # where the mean of both gains most
    for name, chosen_texts in {
        "all": negated | True,
        "with a negation": negated,
        "with but, although ...": contrast,
        "with neither": ~negated & ~contrast,
    }.items():
        counts = f"{level}: fit_counts"
        one = compare(f"{level}: fit_lstm", counts, chosen_texts)
        shares = {
            column: round(float(right[f"{level}: {fit}"][chosen_texts].mean()), 3)
            for column, fit in {"counts": "fit_counts", "LSTM": "fit_lstm"}.items()
        }
        groups.append({"sentences": name, "number": int(chosen_texts.sum())} | shares)
        groups[-1]["LSTM minus counts"] = show(one)
        mean = f"{level}: mean of counts and LSTM"
        groups[-1]["mean minus counts"] = show(compare(mean, counts, chosen_texts))
    labels_alone, controls = f"{LEVELS[0]}: fit_counts", []
    for name, some in {
        "mean of counts and naive Bayes": {"all": negated | True},
        "negations": {"all": negated | True, "with a negation": negated, "without": ~negated},
    }.items():
        for sentences, chosen_texts in some.items():
            one = compare(name, labels_alone, chosen_texts)
            share = float(right[name][chosen_texts].mean())
            controls.append({"model": name, "sentences": sentences, "accuracy": share} | one)
    facts = {"table": rows, "levels": levels, "crossed": crossed, "changes": changes}
    facts |= {
        "groups": groups,
        "controls": controls,
        "tried": tried_values,
        "values": found[full]["values"],
    }
    harness.record(
        "movie-snippets-lstm",
        options,
        value=right[full].mean(),
        interval=bootstrap_interval(right[full]),
        std=float(np.std(found[full]["values"], ddof=1)),
        runs=f"{FOLDS} folds",
        baseline=right[f"{LEVELS[0]}: fit_counts"].mean(),
        cpu_seconds=sum(part["cpu_seconds"] for part in found.values()),
        **facts,
    )


if __name__ == "__main__":
    main()
