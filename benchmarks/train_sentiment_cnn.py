"""The CNN of notebook 03 with fewer words: the checkpoint that the web site's demo loads.

One channel and 8,000 words instead of two and 20,000: with weights of float16 it has less than
1 MB. The epochs are those of the notebook; nothing was chosen here.

Run: `python -m benchmarks.train_sentiment_cnn` (one minute). It writes data/models/sentiment-cnn/.
"""

from benchmarks import harness

harness.start()

import keras
import numpy as np

from utils.baselines.counts import build_word_counts
from utils.data import corpora
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.models.classifiers import build_cnn
from utils.models.saving import get_versions, write_tokens
from utils.training import load_weights, save_weights

LENGTH, VOCABULARY_SIZE, EPOCHS, BATCH_SIZE = 48, 8_000, 5, 64


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_movie_snippets().iloc[:: int(1 / options.fraction)]
    parts = {name: table[table["split"] == name] for name in ("train", "validation", "test")}
    texts = {name: part["text"].tolist() for name, part in parts.items()}
    vocabulary = build_vocabulary(texts["train"], VOCABULARY_SIZE)
    ids = {name: encode_texts(each, vocabulary, LENGTH) for name, each in texts.items()}
    vectors = 0.3 * look_up_vectors(vocabulary, *corpora.load_glove())
    rate = harness.decay(3e-3, len(texts["train"]), EPOCHS, BATCH_SIZE)
    model = build_cnn("cnn", vectors, channels="fine-tuned", learning_rate=rate)
    targets = 1 / (1 + np.exp(-parts["train"]["score"].to_numpy("float32")))
    fit = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "verbose": 2}
    _, seconds = harness.time_cpu(lambda: model.fit(ids["train"], targets, **fit))

    folder = options.models / "sentiment-cnn"
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder / "weights.safetensors")
    write_tokens(folder / "vocabulary.txt", vocabulary)
    load_weights(model, folder / "weights.safetensors")  # what is measured is what is shipped
    facts = {"parameters": model.count_params(), "words": VOCABULARY_SIZE, "seconds": seconds}
    facts |= {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "length": LENGTH}
    for name in ("validation", "test"):
        says = model.predict(ids[name], verbose=0)[:, 0] > 0.5
        facts |= {name: np.mean(says == parts[name]["label"]), f"{name}_rows": len(says)}
    counts = build_word_counts(1).fit(texts["train"], parts["train"]["label"])
    facts["counts"] = counts.score(texts["test"], parts["test"]["label"])
    print(harness.get_numbers(facts))
    harness.write_card(folder, **facts | get_versions())


if __name__ == "__main__":
    keras.utils.set_random_seed(42)
    main()
