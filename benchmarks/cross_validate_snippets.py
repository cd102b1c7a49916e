"""Cross-validate the recurrent classifier of notebook 01 against word counts.

Five folds over the train and test splits of `movie-snippets`, by a hash of the text. Each
sentence is tested once, by models that have not seen it. The C of the baseline and the epoch
at which training stops are chosen on the validation split, which no fold tests on.

Run: `python -m benchmarks.cross_validate_snippets` (about 10 minutes on two cores). It writes
data/results/movie-snippets-lstm.json.
"""

import os

from utils.runtime import start

start(seed=42)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from utils.baselines.counts import build_word_counts  # noqa: E402
from utils.data import corpora
from utils.data.splits import assign_bucket  # noqa: E402
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors  # noqa: E402
from utils.metrics import bootstrap_interval  # noqa: E402
from utils.models.classifiers import build_classifier
from utils.results import LEDGER, record_result  # noqa: E402
from utils.training import LengthBatches  # noqa: E402

FOLDS = 5
SEQUENCE_LENGTH = 48
VOCABULARY_SIZE = 20_000
EPOCHS = 8
BATCH_SIZE = 64
MEMBERS = 3  # models whose probabilities are averaged


def train_word_counts(train, validation):
    """Fit the baseline with the C that the validation texts prefer."""
    fitted = [build_word_counts(C).fit(train["text"], train["label"]) for C in (1, 10, 100)]
    return max(fitted, key=lambda model: model.score(validation["text"], validation["label"]))


def train_classifier(train, validation, glove, lexicon, seed: int):
    """Train as notebook 01 does; return a function from texts to probabilities, shape (N,)."""
    vocabulary = build_vocabulary(train["text"].tolist(), VOCABULARY_SIZE)
    keras.utils.set_random_seed(seed)
    scores = [lexicon.get(word, 0.0) / 2 for word in vocabulary]
    vectors = np.column_stack([look_up_vectors(vocabulary, *glove), scores])
    steps = EPOCHS * -(-len(train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model = build_classifier(
        "lstm", len(vocabulary), vectors, embedding_dim=51, learning_rate=schedule
    )

    def encode(part):
        return encode_texts(part["text"].tolist(), vocabulary, SEQUENCE_LENGTH)

    def soften(part):
        return 1 / (1 + np.exp(-part["score"].to_numpy("float32")))

    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    model.fit(
        LengthBatches(encode(train), soften(train), batch_size=BATCH_SIZE, seed=42),
        validation_data=(encode(validation), soften(validation)),
        epochs=EPOCHS,
        verbose=0,
        callbacks=[stop],
    )
    return lambda part: model.predict(encode(part), verbose=0, batch_size=512)[:, 0]


def main() -> None:
    table = corpora.load_movie_snippets()
    glove, lexicon = corpora.load_glove(), corpora.load_lexicon()
    validation = table[table["split"] == "validation"]
    rest = table[table["split"] != "validation"].reset_index(drop=True)
    fold = rest["text"].map(lambda text: assign_bucket(text, FOLDS, salt="fold "))
    correct, single, baseline = (np.zeros(len(rest)) for _ in range(3))
    rows = []
    for k in range(FOLDS):
        train, held_out = rest[fold != k], rest[fold == k]
        labels = held_out["label"].to_numpy()
        counts = train_word_counts(train, validation)
        members = [
            train_classifier(train, validation, glove, lexicon, 42 + m) for m in range(MEMBERS)
        ]
        probabilities = np.array([predict(held_out) for predict in members])
        baseline[fold == k] = counts.predict(held_out["text"]) == labels
        single[fold == k] = np.mean((probabilities > 0.5) == labels, axis=0)
        correct[fold == k] = (probabilities.mean(axis=0) > 0.5) == labels
        row = {"fold": str(k + 1), "texts": str(len(held_out))}
        for name, values in {
            "word counts": baseline,
            "one BiLSTM": single,
            "mean of three": correct,
        }.items():
            row[name] = f"{values[fold == k].mean():.3f}"
        rows.append(row)
        print(row, flush=True)

    per_fold = [correct[fold == k].mean() for k in range(FOLDS)]
    never_chosen_on = (rest["split"] == "test").to_numpy()
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    result = record_result(
        "movie-snippets-lstm",
        notebook="01",
        model="mean of three BiLSTMs, GloVe, scores, lexicon",
        dataset="movie-snippets",
        metric="accuracy",
        value=correct.mean(),
        baseline=baseline.mean(),
        baseline_name="TF-IDF + logistic regression",
        runs=f"{FOLDS} folds",
        values=[round(score, 4) for score in per_fold],
        std=float(np.std(per_fold, ddof=1)),
        interval=bootstrap_interval(correct),
        single=float(single.mean()),
        table=rows,
        gain=float((correct - baseline).mean()),
        gain_interval=bootstrap_interval(correct - baseline),
        test_split_value=float(correct[never_chosen_on].mean()),
        test_split_baseline=float(baseline[never_chosen_on].mean()),
    )
    print({key: result[key] for key in ("value", "baseline", "gain", "gain_interval", "std")})


if __name__ == "__main__":
    main()
