"""Does augmentation help? 100 to 8,000 film sentences, eleven ways to multiply them, 5 seeds.

The model is a small CNN with GloVe vectors (`utils.models.classifiers.build_cnn`). A seed draws the
training sentences, the first weights and the order of the batches; all methods share them, so
differences between methods are paired. "none" passes over the sentences as often as `SIZES` says.
Every method adds copies of each sentence, changed in its way, and passes over the larger set as
often. "repeat" adds unchanged copies. So what a method gains over "repeat" comes from the changes,
what "repeat" gains over "none" from training longer.

The passes were chosen on the validation split, for "none", on sentences and weights of a sixth
seed. Not tuned: the learning rate (notebook 03's), the strength, a tenth of the words (as Wei and
Zou 2019 advise), and alpha of mixup. The test split is read once for each training.

Run: `python -m benchmarks.compare_augmentation` (about 25 CPU-minutes). It writes
data/results/augmentation.json; interrupted, it goes on with what build/ lacks.
"""

import functools
import itertools

from benchmarks import harness

harness.start()

import keras
import numpy as np
from scipy import stats

from utils.data import corpora
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.models import augmentation
from utils.models.classifiers import build_cnn

SIZES = {100: (3, 48), 500: (3, 16), 2000: (1, 5), 8000: (1, 3)}  # sentences: copies, passes
SEEDS = range(5)
STRENGTH, ALPHA = 0.1, 0.4  # share of the words that are changed; of mixup
BATCH_SIZE, LEARNING_RATE = 64, 3e-3


def make_ways(synonyms: dict, neighbours: dict, lexicon: dict) -> dict:
    """Return what changes a text, by the name of the method; None changes nothing."""
    four = {
        "synonyms": functools.partial(augmentation.replace_words, options=synonyms),
        "insertion": functools.partial(augmentation.insert_words, options=synonyms),
        "swap": augmentation.swap_words,
        "deletion": augmentation.delete_words,
    }

    def take_turns(text, rng, strength):
        return [*four.values()][rng.integers(4)](text, rng, strength)

    near = functools.partial(augmentation.replace_words, options=neighbours)
    return {"none": None, "repeat": None} | four | {
        "the four in turn": take_turns,
        "neighbours": near,
        "guarded neighbours": functools.partial(near, protected=set(lexicon)),
        "typing slips": augmentation.add_typos,
        "mixup": None,
        "paraphrase": None,
    }  # fmt: skip


def summarise(scores: np.ndarray, none: np.ndarray, repeat: np.ndarray) -> dict:
    """Return accuracy over seeds, and paired differences with Student's 95 % intervals."""
    row = {"accuracy": scores.mean(), "std": scores.std(ddof=1), "seeds": len(scores)}
    for name, gains in {"gain": scores - none, "gain_over_repeat": scores - repeat}.items():
        reach = stats.sem(gains) * stats.t.ppf(0.975, len(gains) - 1)
        row[name] = gains.mean()
        row[f"{name}_interval"] = [row[name] - reach, row[name] + reach]
    return {key: np.round(value, 4).tolist() for key, value in row.items()}


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_movie_snippets()
    training = corpora.pick_paraphrase_sources((table["split"] == "train").sum())
    test = table[table["split"] == "test"]
    glove, synonyms = corpora.load_glove(), corpora.load_thesaurus()
    # no labels are needed for a vocabulary; thrice, so that no synonym falls out of it
    vocabulary = build_vocabulary([*training["text"], *3 * list(synonyms)], 8000)
    known = [word for word in vocabulary if word.isalpha() and glove[0].get(word, 0) >= 200]
    neighbours = augmentation.list_neighbours(known, *glove)
    ways = make_ways(synonyms, neighbours, corpora.load_lexicon())
    paraphrases = corpora.load_snippet_paraphrases()
    rewritten = {
        row.text: row.paraphrase
        for row in paraphrases[paraphrases["end"] == "stop"].itertuples()
        if augmentation.keeps_meaning(row.text, row.paraphrase, row.cosine)
    }
    vectors = 0.3 * look_up_vectors(vocabulary, *glove)
    build = functools.partial(build_cnn, "cnn", vectors, channels="fine-tuned", num_filters=32)
    model = build()  # compiled once; its weights go back to a seed's first ones each time
    mixer = augmentation.build_mixup(model)
    mixer.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")

    def encode(texts):
        return encode_texts(texts, vocabulary, 32)

    test_ids = encode(test["text"].tolist())

    def make_set(method, size, seed):
        """Return token ids and labels; up to 500 sentences those of the seeds are disjoint."""
        part = training.iloc[np.arange(seed * size, (seed + 1) * size) % len(training)]
        texts, copies = part["text"].tolist(), 0 if method == "none" else SIZES[size][0]
        if method == "paraphrase":  # those that pass the check, as often as fills the set
            changed = [rewritten.get(text, text) for text in texts]
            texts = [*texts, *changed] * ((1 + copies) // 2)
        elif copies:
            rng = np.random.default_rng(seed)
            texts = augmentation.copy_texts(texts, ways[method], rng, STRENGTH, copies)
        return encode(texts), np.resize(part["label"].to_numpy("float32"), len(texts))

    def train(method, size, seed) -> dict:
        """Train from the first weights of a seed; return the accuracy on the test split."""
        (ids, labels), rng = make_set(method, size, seed), np.random.default_rng([seed, 1])
        passes = max(1, int(SIZES[size][1] * options.fraction))
        order = np.concatenate([rng.permutation(len(ids)) for _ in range(passes)])
        order = order[: len(order) // BATCH_SIZE * BATCH_SIZE]  # all batches are full
        keras.utils.set_random_seed(seed)
        model.set_weights(build().get_weights())
        trained = mixer if method == "mixup" else model
        harness.reset_optimizer(trained, LEARNING_RATE)
        x, y = ids[order], labels[order]
        if method == "mixup":
            partners, shares, y = augmentation.draw_partners(y, rng, ALPHA)
            x = [x, x[partners], shares]
        trained.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
        found = model.predict(test_ids, batch_size=256, verbose=0)[:, 0] > 0.5
        return {"test": round(float(np.mean(found == test["label"])), 4)}

    once, cells = harness.keep_parts("augmentation-cells", options), {}
    for size, seed, method in itertools.product(SIZES, SEEDS, ways):
        # paraphrases exist for the first seeds of the small sizes
        if method != "paraphrase" or (seed + 1) * size <= len(paraphrases):
            name = f"{size}/{method}/{seed}"
            cells[size, method, seed] = once(name, train, method, size, seed)

    rows = {}
    for size, method in itertools.product(SIZES, ways):
        seeds = [seed for seed in SEEDS if (size, method, seed) in cells]
        if len(seeds) >= 2:
            methods = (method, "none", "repeat")
            scores = np.array([[cells[size, m, s]["test"] for s in seeds] for m in methods])
            rows[size, method] = {"size": size, "method": method} | summarise(*scores)
    best, none = rows[500, "the four in turn"], rows[500, "none"]
    facts = {"value": best["accuracy"], "std": best["std"], "baseline": none["accuracy"]}
    facts |= {"runs": f"{best['seeds']} seeds", "rows": [*rows.values()]}
    harness.record("augmentation", options, **facts)


if __name__ == "__main__":
    main()
