"""Loaders: from the files of `utils.data.registry` to tables and plain text, with fixed splits.

Every split is a function of the text alone (a hash), so it is the same on every machine
and was fixed before any model was trained.
"""

import csv
import hashlib
import json

import numpy as np
import pandas as pd

from utils.data.registry import fetch, load_pickled
from utils.data.splits import assign_bucket, normalise


def load_movie_snippets(*, keep_undecided: bool = False) -> pd.DataFrame:
    """Load film-review sentences, labelled by the sign of their mean score (Hutto, Gilbert 2014).

    Sentences with a mean score between -0.5 and 0.5 are undecided and left out, or kept with label
    -1; exact duplicates (after `normalise`) keep their first copy. The split is 80/10/10. Columns
    `text`, `score` (mean of 20 people, -4 to 4), `label` (0 negative, 1 positive) and `split`.
    """
    table = pd.read_csv(fetch("movie-snippets")["snippets.csv.gz"])
    table = table.rename(columns={"sentiment": "score"})[["text", "score"]]
    table = table[~table["text"].map(normalise).duplicated()]
    decided = table["score"].abs() >= 0.5
    table["label"] = (table["score"] > 0).astype(int).where(decided, -1)
    bucket = table["text"].map(lambda text: assign_bucket(text, 10))
    table["split"] = np.select([bucket == 8, bucket == 9], ["validation", "test"], "train")
    return (table if keep_undecided else table[decided]).reset_index(drop=True)


def load_imdb() -> pd.DataFrame:
    """Load the IMDB reviews as text, 25,000 for training and 25,000 for the test.

    Keras' copy stores word indices: punctuation and case are gone. A tenth of the training
    reviews, chosen by hash, is the validation split. As published (Maas et al. 2011), 123 of the
    test reviews also stand among the training reviews; they are left there so that results compare.
    Columns `text`, `label` (0 negative, 1 positive) and `split`.
    """
    index = json.loads(fetch("imdb")["imdb_word_index.json"].read_text(encoding="utf8"))
    words = {rank: word for word, rank in index.items()}
    arrays, parts = load_pickled("imdb", "imdb.npz"), []
    for split in ("train", "test"):
        text = [" ".join(words[rank] for rank in review) for review in arrays[f"x_{split}"]]
        columns = {"text": text, "label": arrays[f"y_{split}"], "split": split}
        parts.append(pd.DataFrame(columns))
    table = pd.concat(parts, ignore_index=True)
    held_out = table["text"].map(lambda text: assign_bucket(text, 10)) == 8
    table.loc[held_out & (table["split"] == "train"), "split"] = "validation"
    return table


def load_lexicon() -> dict[str, float]:
    """Load VADER (Hutto and Gilbert 2014): lower-case word or mark to its mean score, -4 to 4."""
    lines = fetch("vader-lexicon")["lexicon.txt"].read_text(encoding="latin-1").splitlines()
    return {word: float(score) for word, score, *_ in (line.split("\t") for line in lines)}


def load_glove() -> tuple[dict[str, int], np.ndarray]:
    """Load the GloVe 6B vectors (Pennington, Socher and Manning 2014).

    Return word (lower case, the most frequent first) to row; and an array (400000, 50), float32.
    """
    paths = fetch("glove-50d")
    words = pd.read_parquet(paths["words.parquet"])["index"]
    vectors = np.load(paths["vectors.npy"], mmap_mode="r")  # read-only, read as needed
    return {word: row for row, word in enumerate(words)}, vectors


def load_paraphrases() -> pd.DataFrame:
    """Load the known items of notebook 11: sentences of five plays, each retold in today's English.

    The sentences were drawn at random from those of 8 to 30 words. The paraphrases are
    machine-written, and were finished before any ranking was computed. 100 rows, columns `play`,
    `line` (the sentence as in the play) and `paraphrase`.
    """
    return pd.read_csv(fetch("shakespeare-paraphrases")["pairs.tsv"], sep="\t", quoting=3)


def pick_paraphrase_sources(count: int) -> pd.DataFrame:
    """Pick training sentences of movie-snippets in an order that a hash of the text decides.

    Columns `text`, `label` and `source` (its name in data/paraphrases, which has 500).
    """
    table = load_movie_snippets()
    table = table[table["split"] == "train"][["text", "label"]]
    names = [hashlib.sha256(normalise(text).encode("utf8")).hexdigest() for text in table["text"]]
    table["source"] = [name[:16] for name in names]
    order = table["text"].map(lambda text: assign_bucket(text, 2**60, salt="paraphrase "))
    return table.loc[order.sort_values().index[:count]].reset_index(drop=True)


def load_thesaurus() -> dict[str, list[str]]:
    """Load the thesaurus of film reviews: word to others of the same part of speech and form.

    Example:
        >>> load_thesaurus()["tedious"]
        ['boring', 'dull', 'tiresome']
    """
    table = pd.read_csv(fetch("thesaurus")["groups.tsv"], sep="\t", keep_default_na=False)
    groups = [words.split() for words in table["words"]]
    return {word: [w for w in group if w != word] for group in groups for word in group}


def load_snippet_paraphrases() -> pd.DataFrame:
    """Load what a small language model made of training sentences of movie-snippets.

    Nothing is filtered: many of them do not mean what the sentence means. Columns `text`, `label`,
    `paraphrase`, `end` ("stop", "cut": the model had not come to an end, or "copy": it repeated the
    sentence) and `cosine` of the MiniLM vectors of both.
    """
    table = pd.read_csv(
        fetch("paraphrases")["smollm2.tsv"], sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False
    )
    sources = pick_paraphrase_sources(len(table))
    table = sources.merge(table, on="source", validate="one_to_one")
    copied = table["end"] == "copy"
    table["paraphrase"] = table["paraphrase"].mask(copied, table["text"])
    return table[["text", "label", "paraphrase", "end", "cosine"]]
