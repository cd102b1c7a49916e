"""Cross-validate the classifiers of notebook 03 against word counts and a BiLSTM.

Five folds over the train and test splits of `movie-snippets`, by a hash of the text. Each
sentence is tested once, by models that have not seen it, so the models pair sentence by sentence.
The C of word counts and the epoch at which a BiLSTM stops are chosen on the validation split,
which no fold tests on; the settings of the CNNs come from other folds inside train and validation.

Run: `python -m benchmarks.cross_validate` (about 20 minutes on two cores). It writes
data/results/movie-snippets-cnn.json.
"""

from collections import defaultdict

from benchmarks import harness

harness.start()

import keras
import numpy as np

from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.splits import assign_bucket
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.models.classifiers import build_bigram_average, build_classifier, build_cnn
from utils.training import LengthBatches

FOLDS = 5
BATCH_SIZE = 64
LSTM_EPOCHS, CNN_EPOCHS = 8, 5
MEMBERS = [f"BiLSTM {m}" for m in range(3)]  # whose accuracies are averaged


def train_word_counts(train, validation):
    """Fit the baseline with the C that the validation texts prefer."""
    fitted = [build_word_counts(C).fit(train["text"], train["label"]) for C in (1, 10, 100)]
    return max(fitted, key=lambda model: model.score(validation["text"], validation["label"]))


def train_bilstm(x, y, validation_data: tuple, vectors, seed: int) -> keras.Model:
    """Train a BiLSTM with GloVe, lexicon and soft targets."""
    keras.utils.set_random_seed(seed)
    rate = harness.decay(3e-3, len(x), LSTM_EPOCHS, BATCH_SIZE)
    model = build_classifier("lstm", len(vectors), vectors, embedding_dim=51, learning_rate=rate)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    batches = LengthBatches(x, y, batch_size=BATCH_SIZE, seed=42)
    fit = {"validation_data": validation_data, "epochs": LSTM_EPOCHS, "callbacks": [stop]}
    model.fit(batches, verbose=0, **fit)
    return model


def train_cnn(x, y, build, learning_rate: float, **settings) -> keras.Model:
    """Train as notebook 03 does."""
    keras.utils.set_random_seed(42)
    rate = harness.decay(learning_rate, len(x), CNN_EPOCHS, BATCH_SIZE)
    model = build("model", learning_rate=rate, **settings)
    model.fit(x, y, epochs=CNN_EPOCHS, batch_size=BATCH_SIZE, verbose=0)
    return model


def train_all(train, validation, held_out, glove, lexicon) -> dict[str, tuple]:
    """Return for every model the probabilities of the held-out texts, CPU-seconds and size."""
    counts, seconds = harness.time_cpu(train_word_counts, train, validation)
    probabilities = counts.predict_proba(held_out["text"])[:, 1]
    found = {"word counts": (probabilities, seconds, counts[-1].coef_.size)}

    vocabulary = build_vocabulary(train["text"].tolist(), 20_000)
    parts = (train, validation, held_out)
    x, *others = (encode_texts(part["text"].tolist(), vocabulary, 48) for part in parts)
    y, y_validation = (1 / (1 + np.exp(-part["score"].to_numpy("float32"))) for part in parts[:2])
    vectors = look_up_vectors(vocabulary, *glove)
    scored = np.column_stack([vectors, [lexicon.get(word, 0.0) / 2 for word in vocabulary]])

    def draw(dim):
        drawn = np.random.default_rng(0).uniform(-0.05, 0.05, (len(vocabulary), dim))
        return drawn.astype("float32")

    def add(name, train_model, *arguments, **settings):
        model, seconds = harness.time_cpu(train_model, x, y, *arguments, **settings)
        probabilities = model.predict(others[1], verbose=0, batch_size=512)[:, 0]
        found[name] = (probabilities, seconds, model.count_params())

    cnn = (train_cnn, build_cnn, 3e-3)
    add("CNN random", *cnn, vectors=draw(50), channels="fine-tuned")
    for channels in ("frozen", "fine-tuned", "both"):
        add(f"CNN {channels}", *cnn, vectors=0.3 * vectors, channels=channels)
    add("bigram average", train_cnn, build_bigram_average, 1e-2, vectors=draw(16))
    for m, name in enumerate(MEMBERS):
        add(name, train_bilstm, (others[0], y_validation), scored, 42 + m)
    means = {"CNN + bigrams": ["CNN both", "bigram average"]}
    for name, members in means.items():
        probabilities, seconds, sizes = zip(*(found[member] for member in members), strict=True)
        found[name] = (np.mean(probabilities, axis=0), sum(seconds), sum(sizes))
    return found


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_movie_snippets().iloc[:: int(1 / options.fraction)]
    glove, lexicon = corpora.load_glove(), corpora.load_lexicon()
    validation = table[table["split"] == "validation"]
    rest = table[table["split"] != "validation"].reset_index(drop=True)
    labels = rest["label"].to_numpy()
    fold = rest["text"].map(lambda text: assign_bucket(text, FOLDS, salt="fold ")).to_numpy()
    correct, costs, rows = defaultdict(lambda: np.zeros(len(rest))), defaultdict(list), []
    for k in range(FOLDS):
        found = train_all(rest[fold != k], validation, rest[fold == k], glove, lexicon)
        for name, (probabilities, seconds, size) in found.items():
            correct[name][fold == k] = (probabilities > 0.5) == labels[fold == k]
            costs[name].append((seconds, size))
        print(k + 1, {n: round(v[fold == k].mean(), 4) for n, v in correct.items()}, flush=True)
    correct["one BiLSTM"] = np.mean([correct[name] for name in MEMBERS], axis=0)
    costs["one BiLSTM"] = costs[MEMBERS[0]][:1]

    def measure(name) -> list[float]:
        return [correct[name][fold == k].mean() for k in range(FOLDS)]

    def record(result, name, table):
        scores = harness.compare(correct[name], correct["word counts"], measure(name))
        harness.record(result, options, runs=f"{FOLDS} folds", table=table, **scores)

    rows = []
    for name in [n for n in correct if n not in MEMBERS]:
        seconds, size = np.median(costs[name], axis=0)
        row = {"model": name.replace("one BiLSTM", "one BiLSTM, same inputs")}
        row |= {"accuracy": f"{correct[name].mean():.3f}", "CPU-seconds": f"{seconds:.0f}"}
        rows.append(row | {"parameters": f"{size:,.0f}"})
    record("movie-snippets-cnn", "CNN + bigrams", rows)


if __name__ == "__main__":
    main()
