"""From sentence pairs to batches of token ids. Built step by step in notebook 05.

Shapes: B sentences in a batch, N pairs, S source tokens, T target tokens.
"""

import csv
import re
from collections import Counter

import keras
import numpy as np
import pandas as pd

from utils.data.registry import fetch
from utils.data.splits import assign_bucket
from utils.data.text import ATTACHED, normalise_text

PADDING, UNKNOWN, START, END = range(4)  # ids of the special tokens
SPECIAL = ["", "[UNK]", "[START]", "[END]"]

WORD = re.compile(rf"(?:\w{ATTACHED})+(?:[-'](?:\w{ATTACHED})+)*|[^\w\s]{ATTACHED}")
ELISION = re.compile(rf"aujourd'hui|(?:[^\W\d_]{ATTACHED})+'(?=\w)|{WORD.pattern}")


def split_sentence(text: str, *, elision: bool = False) -> list[str]:
    """Split a sentence into lower-case words and marks.

    It may be in any language that sets spaces between words. With `elision`, a word that ends in
    an apostrophe is a token of its own, as in French.

    Example:
        >>> split_sentence("She doesn't know.")
        ['she', "doesn't", 'know', '.']
        >>> split_sentence("J’ai faim aujourd'hui !", elision=True)
        ["j'", 'ai', 'faim', "aujourd'hui", '!']
    """
    return (ELISION if elision else WORD).findall(normalise_text(text).lower())


def check_sentences(sentences: list[list[str]]) -> None:
    """Refuse what is not lists of tokens: a text would be read letter by letter."""
    for place, sentence in enumerate([sentences] if isinstance(sentences, str) else sentences):
        if not isinstance(sentence, list | tuple) or not all(isinstance(t, str) for t in sentence):
            raise TypeError(
                f"sentence {place} must be a list of tokens, got {sentence!r}; "
                "`split_sentence` cuts a text into tokens"
            )


def build_token_vocabulary(sentences: list[list[str]], *, least: int = 1) -> list[str]:
    """List the special tokens, then each token of the training split that occurs `least` times.

    They are in order of their counts; a rarer token becomes `[UNK]`.

    Example:
        >>> build_token_vocabulary([["a", "cat", "sees", "a", "dog"]], least=2)
        ['', '[UNK]', '[START]', '[END]', 'a']
    """
    check_sentences(sentences)
    counts = Counter(token for sentence in sentences for token in sentence)
    kept = [token for token in counts if counts[token] >= least]
    return SPECIAL + sorted(kept, key=lambda token: (-counts[token], token))


def encode_tokens(
    sentences: list[list[str]], vocabulary: list[str], *, ends: bool = False
) -> np.ndarray:
    """Turn B lists of tokens into rows of ids, padded on the right with 0 to the longest.

    With `ends`, `[START]` stands before and `[END]` after each sentence, as the target needs. Shape
    (B, T) with T at least 1, int32.

    Example:
        >>> encode_tokens([["a", "cat"], []], [*SPECIAL, "a"], ends=True).tolist()
        [[2, 4, 1, 3], [2, 3, 0, 0]]
    """
    check_sentences(sentences)
    ids = {token: token_id for token_id, token in enumerate(vocabulary)}
    rows = [[ids.get(token, UNKNOWN) for token in sentence] for sentence in sentences]
    rows = [[START, *row, END] for row in rows] if ends else rows
    return keras.utils.pad_sequences(rows, max([1, *map(len, rows)]), padding="post", value=PADDING)


def decode_tokens(token_ids: np.ndarray, vocabulary: list[str]) -> list[list[str]]:
    """Turn rows of ids into lists of tokens, each up to its `[END]` or its padding.

    Example:
        >>> decode_tokens(np.array([[2, 4, 3, 4], [4, 4, 0, 0]]), [*SPECIAL, "a"])
        [['a'], ['a', 'a']]
    """
    sentences = []
    for row in token_ids.tolist():
        row = row[1:] if row[:1] == [START] else row
        last = next((i for i, k in enumerate(row) if k in (END, PADDING)), len(row))
        sentences.append([vocabulary[token_id] for token_id in row[:last]])
    return sentences


def join_tokens(tokens: list[str]) -> str:
    """Write French tokens as usual: no space after an apostrophe, before a hyphen or a full stop.

    Example:
        >>> join_tokens(["donne", "-moi", "l'", "eau", "."])
        "donne-moi l'eau."
    """
    return re.sub(r"(?<=') | (?=[-.,])", "", " ".join(tokens))


def group_references(table: pd.DataFrame) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Return each English sentence once, with all its French ones."""
    references: dict[tuple, list] = {}
    for source, target in zip(table["english"], table["french"], strict=True):
        references.setdefault(tuple(source), []).append(target)
    return [list(source) for source in references], list(references.values())


class PairBatches(keras.utils.PyDataset):
    """Batches of pairs of about one length: little padding.

    An item is ((source_ids, target_ids), targets): the decoder reads `target_ids`, which begin
    with `[START]`, and `targets` are the same tokens one place later, up to `[END]`.

    `source_ids` have shape (N, S), `target_ids` shape (N, T + 1), from `[START]` to `[END]`; both
    are padded with 0. `seed` is that of the order, which changes with every epoch.
    """

    def __init__(self, source_ids, target_ids, *, batch_size: int, seed: int = 0):
        if len(source_ids) != len(target_ids):
            raise ValueError(f"{len(source_ids)} sources, {len(target_ids)} targets: no pairs")
        super().__init__()
        self.pairs, self.batch_size = (source_ids, target_ids), batch_size
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        lengths = [np.count_nonzero(side, axis=1) for side in self.pairs]
        chance = self.random.random(len(lengths[0]))
        order = np.lexsort([chance, lengths[0], lengths[1]])  # by target, then source length
        batches = np.split(order, range(self.batch_size, len(order), self.batch_size))
        self.batches = [batches[i] for i in self.random.permutation(len(batches))]
        widths = np.array([[side[batch].max() for side in lengths] for batch in self.batches])
        other = np.flatnonzero((widths != widths[0]).all(axis=1))
        if len(other):  # Keras looks at two batches to see that widths vary
            self.batches[1], self.batches[other[0]] = self.batches[other[0]], self.batches[1]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        source_ids, target_ids = (side[self.batches[index]] for side in self.pairs)
        source_ids = source_ids[:, : np.count_nonzero(source_ids, axis=1).max()]
        target_ids = target_ids[:, : np.count_nonzero(target_ids, axis=1).max()]
        return (source_ids, target_ids[:, :-1]), target_ids[:, 1:]


PHRASEBOOK_SPLITS = ("train", "validation", "test", "test-long", "test-compose")


def load_phrasebook(*, split: str | None = None) -> pd.DataFrame:
    """Load the English-French phrasebook: tokens of both sides and their gold alignment.

    data/phrasebook/README.md says how tokens are cut. No English sentence occurs twice. Those of
    "test-long" are longer than all of the other splits; each of "test-compose" holds a verb and
    object, or an adjective and noun, never together in "train". Columns `english` and `french`
    (lists of tokens), `alignment` (list of pairs of token indices from 0, English first), `split`
    and `pattern` (the rule that made the pair).
    """
    if split is not None and split not in PHRASEBOOK_SPLITS:
        raise ValueError(
            f"split is one of {', '.join(PHRASEBOOK_SPLITS)}, got {split!r}; "
            "leave it out to load all of them."
        )
    path = fetch("phrasebook")["phrasebook.tsv.gz"]
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    if split is not None:
        table = table[table["split"] == split].reset_index(drop=True)
    for side in ("english", "french"):
        table[side] = [text.split() for text in table[side]]
    table["alignment"] = [
        [tuple(map(int, link.split("-"))) for link in links.split()] for links in table["alignment"]
    ]
    return table


def load_tatoeba() -> pd.DataFrame:
    """Load the English-French pairs of Tatoeba of at most 12 words a side, as lower-case tokens.

    One English sentence may have several French ones, one row each; all of them are in the same
    split, one twentieth each for validation and test, by a hash of the English sentence. Columns
    `english`, `french` and `split`.
    """
    lines = fetch("tatoeba")["fra.txt"].read_text(encoding="utf8").splitlines()
    rows = []
    for english, french in dict.fromkeys(tuple(line.split("\t")[:2]) for line in lines):
        tokens = [split_sentence(english), split_sentence(french, elision=True)]
        if max(sum(t[0].isalnum() for t in side) for side in tokens) <= 12:
            bucket = assign_bucket(english, 20)
            rows.append((*tokens, {18: "validation", 19: "test"}.get(bucket, "train")))
    return pd.DataFrame(rows, columns=["english", "french", "split"])
