"""Train and keep the classifier and the translator that lesson 00 shows.

They are the LSTM of lesson 01, with GloVe vectors, and the translator with attention of lesson 08.
The test splits are not read.

Run: `python -m benchmarks.train_first_models` (about four minutes on two cores).
"""

from benchmarks import harness

harness.start()

import keras
import numpy as np

from utils.data import corpora, pairs
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.decoding.translation import translate
from utils.metrics import compute_bleu, count_bleu
from utils.models import load, save, seq2seq
from utils.models.classifiers import build_classifier
from utils.training import LengthBatches, warm_up_and_decay

LENGTH, EPOCHS = 48, 8  # the epochs that were best on validation with GloVe vectors


def train_classifier(options) -> None:
    table = corpora.load_movie_snippets().iloc[:: int(1 / options.fraction)]
    train, validation = (table[table["split"] == name] for name in ("train", "validation"))
    vocabulary = build_vocabulary(train["text"].tolist(), 8000)
    x = encode_texts(train["text"].tolist(), vocabulary, LENGTH)
    rate = harness.decay(3e-3, len(x), EPOCHS, 64)
    vectors = look_up_vectors(vocabulary, *corpora.load_glove())
    model = build_classifier("lstm", len(vocabulary), vectors, learning_rate=rate)
    targets = train["label"].to_numpy("float32")[:, None]
    model.fit(LengthBatches(x, targets, batch_size=64, seed=42), epochs=EPOCHS, verbose=0)
    kept = keep(
        model, options.models / "lstm-snippets", kind="classifier", vocabulary=vocabulary,
        labels=["blame", "praise"], sequence_length=LENGTH,
    )  # fmt: skip
    classes = np.array(kept.classify(validation["text"].tolist())) == "praise"
    facts = {"accuracy": np.mean(classes == validation["label"].to_numpy(bool))}
    facts |= {"sentences": len(train), "steps": EPOCHS * -(-len(x) // 64), "epochs": EPOCHS}
    facts |= {"parameters": model.count_params()}
    describe(options, "lstm-snippets", **facts)


def train_translator(options) -> None:
    table = pairs.load_phrasebook().iloc[:: int(1 / options.fraction)]
    train, validation = (table[table["split"] == name] for name in ("train", "validation"))
    sides = ("english", "french")
    vocabularies = [pairs.build_token_vocabulary(train[side]) for side in sides]
    train_ids = [
        pairs.encode_tokens(train[side], vocabulary, ends=side == "french")
        for side, vocabulary in zip(sides, vocabularies, strict=True)
    ]
    attention = seq2seq.CrossAttention("dot")
    sizes = {"embedding_dim": 64, "hidden_dim": 128, "dropout": 0.1, "attention": attention}
    keras.utils.set_random_seed(42)
    model = seq2seq.build_translator(*map(len, vocabularies), **sizes)
    batches, epochs = pairs.PairBatches(*train_ids, batch_size=64), 4
    optimizer = keras.optimizers.Adam(warm_up_and_decay(1e-2, epochs * len(batches)), clipnorm=1.0)
    model.compile(optimizer, seq2seq.compute_masked_loss, jit_compile=False)
    model.fit(batches, epochs=epochs, verbose=0)
    names = dict(zip(["source_vocabulary", "target_vocabulary"], vocabularies, strict=True))
    folder = options.models / "lstm-phrasebook"
    kept = keep(model, folder, kind="translator", length=24, **names)
    sources, references = pairs.group_references(validation.reset_index(drop=True))
    found = translate(kept.decode, pairs.encode_tokens(sources, vocabularies[0]))
    counts = count_bleu(pairs.decode_tokens(found, vocabularies[1]), references)
    facts = {"bleu": compute_bleu(counts.sum(axis=0))}
    facts |= {"sentences": len(train), "steps": epochs * len(batches), "epochs": epochs}
    facts |= {"parameters": model.count_params()}
    words = [len(vocabulary) - len(pairs.SPECIAL) for vocabulary in vocabularies]
    facts |= dict(zip(sides, words, strict=True))
    describe(options, "lstm-phrasebook", **facts)


def keep(model, folder, **settings):
    """Save a model without its optimizer, and return what was saved."""
    (folder / "README.md").unlink(missing_ok=True)
    plain = keras.Model.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    return load(save(plain, folder, **settings))


def describe(options, name: str, **facts) -> None:
    """Write the card of a model, for people."""
    print(name, {key: round(float(value), 4) for key, value in facts.items()})
    harness.write_card(options.models / name, **facts, keras=keras.__version__)


if __name__ == "__main__":
    options = harness.parse(__doc__, "both", "classifier", "translator")
    if options.experiment != "translator":
        train_classifier(options)
    if options.experiment != "classifier":
        train_translator(options)
