"""Does augmentation help? 100 to 8,000 film sentences, eleven ways to multiply them, 5 seeds.

The model is a small CNN with GloVe vectors (`utils.models.classifiers.build_cnn`). A seed draws the
training sentences, the first weights and the order of the batches; all methods share them, so
differences between methods are paired. "none" passes over the sentences `PASSES` times. Every
method adds `COPIES` changed copies of each sentence and passes over the larger set as often: it
takes 1 + COPIES times as many gradient steps. "repeat" adds unchanged copies. So what a method
gains over "repeat" comes from the changes, what "repeat" gains over "none" from training longer.

Chosen on the validation split, for "none", on sentences and weights of a sixth seed: PASSES. Not
tuned: the learning rate (notebook 03's), the strength, a tenth of the words (as Wei and Zou 2019
advise), and alpha of mixup, 0.4. The test split is read once for each training.

Run: `python -m benchmarks.compare_augmentation` (about 25 CPU-minutes; it saves after each training
and goes on where it stopped). It writes data/results/augmentation.json.
`python -m benchmarks.compare_augmentation choose` prints the validation curves of "none"; `report`
writes the result from the trainings done so far, where there are two seeds or more.
"""

import functools
import json
import os
import sys
import time

from utils.runtime import start

start(seed=0)

import keras
import numpy as np

from utils.data import corpora
from utils.data.registry import load_registry
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.models import augmentation
from utils.models.classifiers import build_cnn
from utils.results import LEDGER, record_result
from utils.runtime import ROOT

SIZES = (100, 500, 2000, 8000)
COPIES = {100: 3, 500: 3, 2000: 1, 8000: 1}
PASSES = {100: 48, 500: 16, 2000: 5, 8000: 3}
SEEDS = range(5)
STRENGTH = 0.1
ALPHA = 0.4
BATCH_SIZE = 64
SEQUENCE_LENGTH = 32
VOCABULARY_SIZE = 8000
VECTOR_SCALE = 0.3
NUM_FILTERS = 32
LEARNING_RATE = 3e-3
CELLS = ROOT / "build" / "augmentation-cells.json"


class Bench:
    """The data, and one compiled model whose weights go back to a seed's first ones each time."""

    def __init__(self):
        table = corpora.load_movie_snippets()
        self.train = corpora.pick_paraphrase_sources((table["split"] == "train").sum())
        glove = corpora.load_glove()
        self.synonyms = corpora.load_thesaurus()
        self.lexicon = corpora.load_lexicon()
        # no labels are needed for a vocabulary; thrice, so that no synonym falls out of it
        texts = [*self.train["text"], *3 * list(self.synonyms)]
        self.vocabulary = build_vocabulary(texts, VOCABULARY_SIZE)
        self.vectors = VECTOR_SCALE * look_up_vectors(self.vocabulary, *glove)
        self.neighbours = augmentation.list_neighbours(
            [word for word in self.vocabulary if word.isalpha() and glove[0].get(word, 0) >= 200],
            *glove,
        )
        self.held_out = {
            split: (
                self.encode(table["text"][table["split"] == split].tolist()),
                table["label"][table["split"] == split].to_numpy(),
            )
            for split in ("validation", "test")
        }
        self.num_paraphrased = load_registry().get("paraphrases", {"rows": 0})["rows"]
        self.model = self.build()
        self.mixer = augmentation.build_mixup(self.model)
        self.mixer.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")
        self.model.optimizer.build(self.model.trainable_variables)
        self.mixer.optimizer.build(self.mixer.trainable_variables)
        self.zeros = {
            model: [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]
            for model in (self.model, self.mixer)
        }

    @functools.cached_property
    def paraphrases(self) -> dict[str, str]:
        """Those that seem to keep the meaning; loaded when first asked for."""
        return {
            row.text: row.paraphrase
            for row in corpora.load_snippet_paraphrases().itertuples()
            if row.end == "stop"
            and augmentation.keeps_meaning(row.text, row.paraphrase, row.cosine)
        }

    def build(self) -> keras.Model:
        return build_cnn(
            "cnn",
            self.vectors,
            channels="fine-tuned",
            num_filters=NUM_FILTERS,
            learning_rate=LEARNING_RATE,
        )

    def encode(self, texts: list[str]) -> np.ndarray:
        return encode_texts(texts, self.vocabulary, SEQUENCE_LENGTH)

    def draw(self, size: int, seed: int):
        """Return the sentences of a seed: up to 500 the sets of different seeds are disjoint."""
        rows = np.arange(seed * size, (seed + 1) * size) % len(self.train)
        return self.train.iloc[rows]

    def make_texts(self, method: str, texts: list[str], rng, copies: int) -> list[str]:
        synonyms = {"options": self.synonyms}
        ways = {
            "synonyms": functools.partial(augmentation.replace_words, **synonyms),
            "insertion": functools.partial(augmentation.insert_words, **synonyms),
            "swap": augmentation.swap_words,
            "deletion": augmentation.delete_words,
        }
        four = list(ways.values())
        near = functools.partial(augmentation.replace_words, options=self.neighbours)
        ways["the four in turn"] = lambda text, rng, strength: four[rng.integers(4)](
            text, rng, strength
        )
        ways["neighbours"] = near
        ways["guarded neighbours"] = functools.partial(near, protected=set(self.lexicon))
        ways["typing slips"] = augmentation.add_typos
        ways |= {"repeat": None, "mixup": None}
        return augmentation.copy_texts(texts, ways[method], rng, STRENGTH, copies)

    def make_set(self, method: str, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids and labels of the multiplied training set."""
        part, rng = self.draw(size, seed), np.random.default_rng(seed)
        texts, copies = part["text"].tolist(), 0 if method == "none" else COPIES[size]
        if method == "paraphrase":  # those that pass the check, as often as fills the set
            changed = [self.paraphrases.get(text, text) for text in texts]
            texts = [*texts, *changed] * ((1 + copies) // 2)
        elif copies:
            texts = self.make_texts(method, texts, rng, copies)
        return self.encode(texts), np.resize(part["label"].to_numpy("float32"), len(texts))

    def train_once(self, method: str, size: int, seed: int, passes: int, watch=None) -> None:
        """Train from the first weights of a seed."""
        ids, labels = self.make_set(method, size, seed)
        rng = np.random.default_rng([seed, 1])
        order = np.concatenate([rng.permutation(len(ids)) for _ in range(passes)])
        order = order[: len(order) // BATCH_SIZE * BATCH_SIZE]  # all batches are full
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self.build().get_weights())
        trained = self.mixer if method == "mixup" else self.model
        for variable, value in zip(trained.optimizer.variables, self.zeros[trained], strict=True):
            variable.assign(value)
        x, y = ids[order], labels[order]
        if method == "mixup":
            partners, shares, y = augmentation.draw_partners(y, rng, ALPHA)
            x = [x, x[partners], shares]
        trained.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0, callbacks=watch)

    def measure(self, split: str) -> float:
        ids, labels = self.held_out[split]
        found = self.model.predict(ids, batch_size=256, verbose=0)[:, 0] > 0.5
        return float(np.mean(found == labels))


METHODS = ["none", "repeat", "synonyms", "insertion", "swap", "deletion", "the four in turn"]
METHODS += ["neighbours", "guarded neighbours", "typing slips", "mixup", "paraphrase"]


def choose() -> None:
    """Print validation accuracy of "none" along twice as many passes as are used."""
    bench = Bench()
    for size in SIZES:
        passes = 2 * PASSES[size]
        every = passes * size // BATCH_SIZE // 6
        scores = []

        def look(batch, logs=None, every=every, scores=scores):
            if (batch + 1) % every == 0:
                scores.append(round(bench.measure("validation"), 3))

        begin = time.process_time()
        watch = [keras.callbacks.LambdaCallback(on_train_batch_end=look)]
        bench.train_once("none", size, max(SEEDS) + 1, passes, watch)
        print(
            size,
            f"every {every * BATCH_SIZE / size:.1f} passes:",
            *scores,
            f"{time.process_time() - begin:.0f} s",
            flush=True,
        )


def run() -> None:
    """Train every cell that has no result yet.

    Paraphrases exist for the first sentences only, so for the first seeds of the small sizes.
    """
    cells = json.loads(CELLS.read_text()) if CELLS.exists() else {}
    CELLS.parent.mkdir(exist_ok=True)
    bench = Bench()
    plan = [(seed, size) for seed in SEEDS for size in SIZES[:-1]]  # the costly size comes last
    plan += [(seed, SIZES[-1]) for seed in SEEDS]
    for seed, size in plan:
        for method in METHODS:
            name = f"{size}/{method}/{seed}"
            missing = method == "paraphrase" and (seed + 1) * size > bench.num_paraphrased
            if name in cells or missing:
                continue
            begin = time.process_time()
            bench.train_once(method, size, seed, PASSES[size])
            cells[name] = {
                "validation": round(bench.measure("validation"), 4),
                "test": round(bench.measure("test"), 4),
                "cpu_seconds": round(time.process_time() - begin, 2),
            }
            part = CELLS.with_suffix(".part")
            part.write_text(json.dumps(cells, indent=1))
            os.replace(part, CELLS)
            print(name, cells[name], flush=True)


def compute_t_interval(values: np.ndarray) -> tuple[float, float]:
    """Return Student's 95 % interval of a mean of few values."""
    from scipy import stats

    mean, error = values.mean(), stats.sem(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
    return (float(low), float(high)) if error else (float(mean), float(mean))


def summarise(cells: dict[str, dict]) -> list[dict]:
    """Return one row for each size and method: accuracy, paired differences, their intervals."""
    rows = []
    for size in SIZES:
        for method in METHODS:
            wanted = {method, "none", "repeat"}
            seeds = [s for s in SEEDS if all(f"{size}/{m}/{s}" in cells for m in wanted)]
            if len(seeds) < 2:
                continue
            scores, none, repeat = (
                np.array([cells[f"{size}/{name}/{seed}"]["test"] for seed in seeds])
                for name in (method, "none", "repeat")
            )
            rows.append(
                {
                    "size": size,
                    "method": method,
                    "accuracy": round(float(scores.mean()), 4),
                    "std": round(float(scores.std(ddof=1)), 4),
                    "gain": round(float((scores - none).mean()), 4),
                    "gain_interval": [round(v, 4) for v in compute_t_interval(scores - none)],
                    "gain_over_repeat": round(float((scores - repeat).mean()), 4),
                    "gain_over_repeat_interval": [
                        round(v, 4) for v in compute_t_interval(scores - repeat)
                    ],
                    "seeds": len(seeds),
                }
            )
    return rows


def report() -> None:
    """Write the ledger from the trainings that there are."""
    cells = json.loads(CELLS.read_text())
    rows = summarise(cells)
    [eda] = [r for r in rows if (r["size"], r["method"]) == (500, "the four in turn")]
    [none] = [r for r in rows if (r["size"], r["method"]) == (500, "none")]
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    record_result(
        "augmentation",
        notebook="07",
        model="CNN, 500 sentences and 3 changed copies of each",
        dataset="movie-snippets",
        metric="test accuracy",
        value=eda["accuracy"],
        baseline=none["accuracy"],
        baseline_name="the same sentences without copies",
        runs=f"{eda['seeds']} seeds",
        std=eda["std"],
        training_cpu_seconds=round(sum(cell["cpu_seconds"] for cell in cells.values())),
        settings={
            "copies": COPIES,
            "passes": PASSES,
            "strength": STRENGTH,
            "alpha": ALPHA,
            "sequence_length": SEQUENCE_LENGTH,
            "vocabulary_size": VOCABULARY_SIZE,
            "num_filters": NUM_FILTERS,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
        },
        rows=rows,
    )
    for row in rows:
        print(row)


if __name__ == "__main__":
    if sys.argv[1:] == ["choose"]:
        choose()
    else:
        if sys.argv[1:] != ["report"]:
            run()
        report()
