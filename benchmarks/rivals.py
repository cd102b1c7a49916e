"""The strongest cheap rivals of the lessons: rules, retrieval, repetition, counts.

Each is measured on the data and the splits of the lesson's own result. Its settings are chosen on
development, validation or held-out training sentences; with them the test is read once.

Run: `python -m benchmarks.rivals` (about 6 CPU-minutes). It writes data/results/rivals.json;
interrupted, it goes on with what build/ lacks.
"""

import datetime
import functools
import itertools
import re

from benchmarks import harness

harness.start()

import keras
import numpy as np

from benchmarks.compare_masking import SEQUENCE_LENGTH, SPECIAL_IDS, find_whole_words
from utils import metrics
from utils.baselines.counts import CountModel
from utils.baselines.entity_rules import find_by_rules, load_places
from utils.baselines.masked_words import guess_hidden
from utils.baselines.retrieval import build_dictionary, translate_by_example
from utils.data import corpora
from utils.data.entities import load_ner_gold
from utils.data.masking import MaskedBatches
from utils.data.pairs import group_references, load_phrasebook
from utils.data.text import build_vocabulary, encode_texts, look_up_vectors
from utils.data.tokenizers import build_pieces, encode_pieces
from utils.models import augmentation
from utils.models.classifiers import build_cnn
from utils.models.sentences import read_minilm
from utils.results import load_results, write_json
from utils.runtime import describe_machine, list_versions

RETRIEVAL = {  # words to exchange at most
    "retrieval": 0,
    "retrieval, one word exchanged": 1,
    "retrieval, words exchanged": None,
}
TRIALS = [{"count": n, "use_idf": idf} for n, idf in itertools.product((1, 10), (True, False))]
NEIGHBOURS = {  # order of the n-grams
    "counts, one neighbour a side": 2,
    "counts, two neighbours a side": 3,
}
DISCOUNTS = (0.5, 0.7, 0.9)
COPIES = {"count": 500, "copies": 3, "passes": 12, "strength": 0.1, "seeds": 3}  # notebook 07's
LENGTH, VOCABULARY_SIZE, NUM_FILTERS, BATCH_SIZE, LEARNING_RATE = 32, 8000, 32, 64, 3e-3
RECENT = "counts, all, and what was just read"  # a row of compare_decoders


def classify_snippets(every: int) -> dict:
    """Return accuracies of counts that get what the CNN of notebook 03 gets: vectors, scores."""
    table = corpora.load_movie_snippets().iloc[::every]
    parts = dict(list(table.groupby("split", sort=False)))
    soft = 1 / (1 + np.exp(-parts["train"]["score"].to_numpy()))
    glove, models = corpora.load_glove(), {}

    def mark(C, split) -> np.ndarray:
        p = models[C].predict_proba(parts[split]["text"])[:, 1]
        return ((p > 0.5) == parts[split]["label"]).to_numpy(float)

    for C in (10.0, 30.0, 100.0, 300.0):
        models[C] = CountModel(C, glove=glove).fit(parts["train"]["text"], soft)
    trials = {C: mark(C, "validation").mean() for C in models}
    best = max(trials, key=trials.get)
    right = mark(best, "test")
    scores = {"value": right.mean(), "interval": metrics.bootstrap_interval(right)}
    name = "counts with word vectors and soft targets"
    return {name: {"chosen": {"C": best}, "tuned": trials[best], "test": scores}}


def tag_entities(every: int) -> dict:
    """Return entity F1 of the rules on both splits of notebook 04."""
    films = corpora.load_movie_snippets(keep_undecided=True)
    texts = films["text"][films["split"] == "train"]
    ordinary = {word for text in texts for word in re.findall(r"\b[a-z]+\b", text)}
    places, scores = load_places(), {}
    for split, part in load_ner_gold().iloc[::every].groupby("split"):
        found = [find_by_rules(text, ordinary, places) for text in part["text"]]
        counts = metrics.count_matches(part["spans"].tolist(), found)
        interval = metrics.bootstrap_f1(counts)
        scores[split] = {"value": metrics.score_counts(counts)["f1"], "interval": interval}
    return {"rules and a gazetteer": scores}


def translate_phrasebook(every: int) -> dict:
    """Return BLEU of each kind of retrieval on all splits of notebook 05 but the training one."""
    splits = {name: part.iloc[::every] for name, part in load_phrasebook().groupby("split")}
    train, systems = splits.pop("train"), {}
    dictionary = build_dictionary(train)

    def measure(split: str, **options) -> dict:
        sentences, references = group_references(splits[split])
        found = translate_by_example(sentences, train, dictionary, **options)
        counts = metrics.count_bleu(found, references)
        bleu = float(metrics.compute_bleu(counts.sum(axis=0)))
        return {"value": bleu, "interval": metrics.bootstrap_bleu(counts)}

    for name, most in RETRIEVAL.items():
        trials = [trial | measure("validation", **trial, most=most) for trial in TRIALS]
        best = max(trials, key=lambda trial: trial["value"])
        chosen = {key: best[key] for key in TRIALS[0]}
        systems[name] = {"chosen": chosen, "tuned": best["value"]}
        systems[name] |= {split: measure(split, **chosen, most=most) for split in splits}
    return systems


def train_on_copies(method: str, seed: int, every: int) -> dict:
    """Train the CNN of notebook 07 as the notebook does; return which test sentences are right."""
    films, glove = corpora.load_movie_snippets(), corpora.load_glove()
    train, test = (films[films["split"] == split] for split in ("train", "test"))
    synonyms, count, copies = corpora.load_thesaurus(), COPIES["count"], COPIES["copies"]
    vocabulary = build_vocabulary([*train["text"], *3 * list(synonyms)], VOCABULARY_SIZE)
    replace = functools.partial(augmentation.replace_words, options=synonyms)
    change = {"repeat": None, "synonyms": replace}[method]
    sample = corpora.pick_paraphrase_sources(len(train))[seed * count : (seed + 1) * count]
    drawn = np.random.default_rng(seed), COPIES["strength"], copies
    texts = augmentation.copy_texts(sample["text"].tolist(), change, *drawn)
    labels = np.tile(sample["label"].to_numpy("float32"), 1 + copies)
    keras.utils.set_random_seed(seed)
    options = {"num_filters": NUM_FILTERS, "learning_rate": LEARNING_RATE}
    vectors = 0.3 * look_up_vectors(vocabulary, *glove)
    model = build_cnn(method, vectors, channels="fine-tuned", **options)
    epochs = max(1, COPIES["passes"] // every)
    token_ids = encode_texts(texts, vocabulary, LENGTH)
    model.fit(token_ids, labels, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    token_ids = encode_texts(test["text"].tolist(), vocabulary, LENGTH)
    probabilities = model.predict(token_ids, batch_size=512, verbose=0)[:, 0]
    right = (probabilities > 0.5) == test["label"].to_numpy()
    return {"right": right.astype(int).tolist()}


def fill_blanks(every: int) -> dict:
    """Return the share of hidden words that counts find: notebook 12's, and those of `masking`."""
    films, tokenizer = corpora.load_movie_snippets(keep_undecided=True), read_minilm()[0]
    texts = {split: part["text"].iloc[::every] for split, part in films.groupby("split")}
    texts["validation"] = texts["validation"].sample(
        frac=1, random_state=42
    )  # the notebook's order
    tokens = {
        split: [e.tokens for e in tokenizer.encode_batch(part.tolist(), add_special_tokens=False)]
        for split, part in texts.items()
    }
    masks = {"num_positions": SEQUENCE_LENGTH, "hidden": 1.0, "swapped": 0.0, "dynamic": False}

    def measure(train: list, held_out: list, **options) -> dict:
        pieces = build_pieces(train, 8)
        train_ids, ids = (
            encode_pieces(part, pieces, SEQUENCE_LENGTH) for part in (train, held_out)
        )
        hidden = MaskedBatches(ids, SPECIAL_IDS, len(pieces), **masks)
        places = np.nonzero(hidden.chosen & find_whole_words(ids, pieces))
        letters = np.array([piece.isalpha() for piece in pieces])
        found = guess_hidden(train_ids, hidden.inputs, *places, letters, **options)
        right = found == ids[places]
        interval = metrics.bootstrap_interval(right)
        return {"value": float(right.mean()), "interval": interval, "words": len(right)}

    train, systems = tokens.pop("train"), {}
    kept, held_out = [row for k, row in enumerate(train) if k % 10], train[::10]
    for name, order in NEIGHBOURS.items():
        trials = {d: measure(kept, held_out, order=order, discount=d)["value"] for d in DISCOUNTS}
        best = max(trials, key=trials.get)
        systems[name] = {"chosen": {"order": order, "discount": best}, "tuned": trials[best]}
        for split, part in tokens.items():
            systems[name][split] = measure(train, part, order=order, discount=best)
    return systems


def describe(systems: dict, metric: str, lesson: dict) -> dict:
    """Return what the ledger says of the system that did best where settings were chosen.

    Args:
        systems: by name; `value` and `interval` by split, and `tuned` if there are several.
        metric: what the values are.
        lesson: the lesson's own value by split; the first split is that of its headline.
    """
    name = max(systems, key=lambda system: systems[system].get("tuned", 0))
    splits = {
        split: {key: systems[name][split][key] for key in ("value", "interval")}
        | {"lesson_value": value}
        for split, value in lesson.items()
    }
    first = next(iter(splits))
    return {"name": name, "metric": metric, "split": first, **splits[first], "splits": splits}


def compare_copies(cells: dict) -> tuple[dict, dict]:
    """Return the accuracy of *repeat*, and what synonyms gain over it on the same seeds."""
    right = {
        method: np.array([part["right"] for part in parts], float)  # (seeds, texts)
        for method, parts in cells.items()
    }
    gain = (right["synonyms"] - right["repeat"]).mean(axis=0)
    interval = metrics.bootstrap_interval(right["repeat"].mean(axis=0))
    scores = {"value": right["repeat"].mean(), "interval": interval}
    facts = {method: part.mean(axis=1).tolist() for method, part in right.items()}
    facts |= {"gain": gain.mean(), "gain_interval": metrics.bootstrap_interval(gain)}
    return {"the same sentences repeated, equal steps": {"test": scores}}, facts


def make_rows(lessons: dict) -> list[dict]:
    """Return the table: a row for each lesson and split."""
    rows = []
    for name, rival in lessons.items():
        for split, score in rival["splits"].items():
            low, high = (f"{end:.{1 if end > 10 else 3}f}" for end in score["interval"])
            row = {"lesson": name[-2:], "rival": rival["name"], "metric": rival["metric"]}
            row |= {"split": split, "value": score["value"], "95 % interval": f"{low} to {high}"}
            rows.append(row | {"the lesson's": score["lesson_value"]})
    return rows


def main() -> None:
    options = harness.parse(__doc__)
    every, ledger = int(1 / options.fraction), load_results()
    once = harness.keep_parts("rivals", options)
    snippets = once("snippets", classify_snippets, every)
    rules = once("rules", tag_entities, every)
    retrieval = once("retrieval", translate_phrasebook, every)
    cells = {
        method: [
            once(f"{method}, seed {seed}", train_on_copies, method, seed, every)
            for seed in range(COPIES["seeds"])
        ]
        for method in ("repeat", "synonyms")
    }
    counts = once("counts", fill_blanks, every)
    seconds = sum(
        part.pop("cpu_seconds")
        for part in [snippets, rules, retrieval, counts, *sum(cells.values(), [])]
    )

    repeat, facts = compare_copies(cells)
    attention = {"LSTM with attention, equal parameters and cost": {}}
    transformer, bleu = {}, {number: ledger[number]["bleu"] for number in ("05", "08")}
    for split in bleu["05"]:
        score = ledger["seq2seq"]["systems"]["dot"][split]
        attention[next(iter(attention))][split] = score | {"value": score["bleu"]}
        systems = ledger["transformer-translation"]["systems"]
        transformer[split] = systems["Transformer"][split]["bleu"]
    hidden = {"test": ledger["masking"]["accuracy"]["two-sided, dynamic"]}
    hidden["validation"] = ledger["12"]["hidden_words"]["two-sided"]
    films = ledger["movie-snippets-lstm"]
    share, count = films["controls"][1]["accuracy"], films["groups"][0]["number"]
    margin = 1.96 * (share * (1 - share) / count) ** 0.5
    folds = {"value": share, "interval": [share - margin, share + margin]}
    folds = {"counts, words after a negation marked": {"five folds of train": folds}}
    films = {"five folds of train": films["levels"][0]["lstm"]}
    play = ledger["adapters-smollm2"]["texts"][0]
    prompt = {"value": play["perplexity"]["prompt_all"], "interval": play["ranges"]["prompt_all"]}
    prompt = {"no training, 5,120 tokens in the prompt": {"validation": prompt}}
    lora = {"validation": play["perplexity"]["lora"]}
    counted = {row["name"]: row for row in ledger["decoders"]["rows"]}[RECENT]
    counted = {"value": counted["bits"], "interval": counted["range"]}
    counted = {RECENT: {"validation": counted}}
    bits = {number: {"validation": ledger[number]["value"]} for number in ("02", "13")}
    lessons = {
        "lesson_01": describe(folds, "accuracy", films),
        "lesson_02": describe(counted, "bits per byte", bits["02"]),
        "lesson_03": describe(snippets, "accuracy", {"test": ledger["03"]["value"]}),
        "lesson_04": describe(rules, "entity F1", {"test": ledger["04"]["value"]}),
        "lesson_05": describe(retrieval, "BLEU", bleu["05"]) | {"systems": retrieval},
        "lesson_06": describe(prompt, "perplexity", lora),
        "lesson_07": describe(repeat, "accuracy", {"test": ledger["07"]["value"]}) | facts,
        "lesson_08": describe(retrieval, "BLEU", bleu["08"]),
        "lesson_09": describe(attention, "BLEU", transformer),
        "lesson_12": describe(counts, "accuracy on hidden words", hidden) | {"systems": counts},
        "lesson_13": describe(counted, "bits per byte", bits["13"]),
    }
    lessons["lesson_04"]["development"] = next(iter(rules.values()))["development"]
    result = {key: text for key, text in harness.DESCRIBED["rivals"].items() if key != "script"}
    result |= {"cpu_seconds": round(seconds, 2), **lessons, "table": make_rows(lessons)}
    result |= {"versions": list_versions("tensorflow", "keras", "numpy", "scikit-learn")}
    result |= {"machine": describe_machine(), "date": datetime.date.today().isoformat()}
    write_json(options.ledger / "rivals.json", result)
    for row in result["table"]:
        print(*row.values(), sep=" | ")


if __name__ == "__main__":
    main()
