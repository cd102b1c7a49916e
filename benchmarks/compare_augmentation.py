"""Does augmentation help? 100 to 8,000 film sentences, eleven ways to multiply them, 5 seeds.

The model is a small CNN with GloVe vectors (`utils.models.classifiers.build_cnn`). A seed draws the
training sentences, the first weights and the order of the batches; all methods share them, so
differences between methods are paired. "none" passes over the sentences `passes` times. Every
method adds `copies` changed copies of each sentence and passes over the larger set as often: it
takes 1 + `copies` times as many gradient steps. "repeat" adds unchanged copies. So what a method
gains over "repeat" comes from the changes, what "repeat" gains over "none" from training longer.

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

SIZES = (100, 500, 2000, 8000)
SEEDS = range(5)
SETTINGS = {
    "copies": {100: 3, 500: 3, 2000: 1, 8000: 1},
    "passes": {100: 48, 500: 16, 2000: 5, 8000: 3},
    "strength": 0.1,
    "alpha": 0.4,
    "sequence_length": 32,
    "vocabulary_size": 8000,
    "num_filters": 32,
    "batch_size": 64,
    "learning_rate": 3e-3,
}


def make_ways(synonyms: dict, neighbours: dict, lexicon: dict) -> dict:
    """Return what changes a text, by the name of the method; None changes nothing."""
    ways = {
        "synonyms": functools.partial(augmentation.replace_words, options=synonyms),
        "insertion": functools.partial(augmentation.insert_words, options=synonyms),
        "swap": augmentation.swap_words,
        "deletion": augmentation.delete_words,
    }
    four = list(ways.values())

    def take_turns(text, rng, strength):
        return four[rng.integers(4)](text, rng, strength)

    near = functools.partial(augmentation.replace_words, options=neighbours)
    guarded = functools.partial(near, protected=set(lexicon))
    ways |= {"the four in turn": take_turns, "neighbours": near, "guarded neighbours": guarded}
    ways |= {"typing slips": augmentation.add_typos, "mixup": None, "paraphrase": None}
    return {"none": None, "repeat": None} | ways


def summarise(scores: np.ndarray, none: np.ndarray, repeat: np.ndarray) -> dict:
    """Return accuracy over seeds, and paired differences with Student's 95 % intervals."""
    row = {"accuracy": scores.mean(), "std": scores.std(ddof=1), "seeds": len(scores)}
    for name, other in {"gain": none, "gain_over_repeat": repeat}.items():
        gains = scores - other
        reach = stats.sem(gains) * stats.t.ppf(0.975, len(gains) - 1)
        row[name] = gains.mean()
        row[f"{name}_interval"] = [row[name] - reach, row[name] + reach]
    return {key: np.round(value, 4).tolist() for key, value in row.items()}


def main() -> None:
    options = harness.parse(__doc__)
    table = corpora.load_movie_snippets()
    training = corpora.pick_paraphrase_sources((table["split"] == "train").sum())
    glove, synonyms = corpora.load_glove(), corpora.load_thesaurus()
    # no labels are needed for a vocabulary; thrice, so that no synonym falls out of it
    texts = [*training["text"], *3 * list(synonyms)]
    vocabulary = build_vocabulary(texts, SETTINGS["vocabulary_size"])
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
    rate, batch_size = SETTINGS["learning_rate"], SETTINGS["batch_size"]

    def build():
        shape = {"channels": "fine-tuned", "num_filters": SETTINGS["num_filters"]}
        return build_cnn("cnn", vectors, learning_rate=rate, **shape)

    model = build()  # compiled once; its weights go back to a seed's first ones each time
    mixer = augmentation.build_mixup(model)
    mixer.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    for each in (model, mixer):
        each.optimizer.build(each.trainable_variables)
    read = keras.ops.convert_to_numpy
    zeros = {each: [read(v) for v in each.optimizer.variables] for each in (model, mixer)}

    def encode(texts):
        return encode_texts(texts, vocabulary, SETTINGS["sequence_length"])

    held_out = {
        split: (encode(part["text"].tolist()), part["label"].to_numpy())
        for split, part in table.groupby("split")
        if split != "train"
    }

    def make_set(method, size, seed):
        """Return token ids and labels; up to 500 sentences those of the seeds are disjoint."""
        part = training.iloc[np.arange(seed * size, (seed + 1) * size) % len(training)]
        texts, copies = part["text"].tolist(), 0 if method == "none" else SETTINGS["copies"][size]
        if method == "paraphrase":  # those that pass the check, as often as fills the set
            changed = [rewritten.get(text, text) for text in texts]
            texts = [*texts, *changed] * ((1 + copies) // 2)
        elif copies:
            settings = (np.random.default_rng(seed), SETTINGS["strength"], copies)
            texts = augmentation.copy_texts(texts, ways[method], *settings)
        return encode(texts), np.resize(part["label"].to_numpy("float32"), len(texts))

    def train(method, size, seed) -> dict:
        """Train from the first weights of a seed; return the accuracy on both splits."""
        (ids, labels), rng = make_set(method, size, seed), np.random.default_rng([seed, 1])
        passes = max(1, int(SETTINGS["passes"][size] * options.fraction))
        order = np.concatenate([rng.permutation(len(ids)) for _ in range(passes)])
        order = order[: len(order) // batch_size * batch_size]  # all batches are full
        keras.utils.set_random_seed(seed)
        model.set_weights(build().get_weights())
        trained = mixer if method == "mixup" else model
        for variable, value in zip(trained.optimizer.variables, zeros[trained], strict=True):
            variable.assign(value)
        x, y = ids[order], labels[order]
        if method == "mixup":
            partners, shares, y = augmentation.draw_partners(y, rng, SETTINGS["alpha"])
            x = [x, x[partners], shares]
        trained.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
        accuracy = {}
        for split, (ids, labels) in held_out.items():
            found = model.predict(ids, batch_size=256, verbose=0)[:, 0] > 0.5
            accuracy[split] = round(float(np.mean(found == labels)), 4)
        return accuracy

    once, cells = harness.keep_parts("augmentation-cells", options), {}
    plan = list(itertools.product(SEEDS, SIZES[:-1]))  # the costly size comes last
    for seed, size in plan + [(seed, SIZES[-1]) for seed in SEEDS]:
        for method in ways:
            if method == "paraphrase" and (seed + 1) * size > len(paraphrases):
                continue  # they exist for the first seeds of the small sizes
            name = f"{size}/{method}/{seed}"
            cells[size, method, seed] = once(name, train, method, size, seed)

    rows = {}
    for size, method in itertools.product(SIZES, ways):
        names = (method, "none", "repeat")
        seeds = [seed for seed in SEEDS if (size, method, seed) in cells]
        scores = np.array([[cells[size, name, s]["test"] for s in seeds] for name in names])
        if len(seeds) >= 2:
            rows[size, method] = {"size": size, "method": method} | summarise(*scores)
    eda, none = (rows[500, method] for method in ("the four in turn", "none"))
    facts = {"value": eda["accuracy"], "std": eda["std"], "baseline": none["accuracy"]}
    facts |= {"runs": f"{eda['seeds']} seeds", "settings": SETTINGS, "rows": [*rows.values()]}
    cost = round(sum(cell["cpu_seconds"] for cell in cells.values()))
    harness.record("augmentation", options, training_cpu_seconds=cost, **facts)


if __name__ == "__main__":
    main()
