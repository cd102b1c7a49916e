"""Tatoeba as whole sentences, split so that no paraphrase of a test sentence is trained on."""

from pathlib import Path

import pandas as pd

from utils.data.registry import fetch
from utils.data.splits import assign_bucket, normalise

MOST_WORDS = 20  # a side; 0.2 % of the pairs are longer


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Read the pairs of a file with one pair a line, a tab between its sides; empty lines go.

    Columns after the second are ignored. ValueError with the line where there is no tab.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        sides = [side.strip() for side in line.split("\t")[:2]]
        if len(sides) == 2 and all(sides):
            rows.append(tuple(sides))
        elif line.strip():
            raise ValueError(
                f"{path}, line {number}: {line[:60]!r} is not a sentence, a tab and its translation"
            )
    return rows


def group_pairs(pairs: list[tuple[str, str]]) -> list[str]:
    """Name the group of each pair: sentences that a chain of translations connects.

    Two pairs that share a sentence, of either side, are in one group, and so on (a connected
    component). It has the name of its sentence that comes first by the alphabet, so that the order
    of the pairs changes nothing.

    Example:
        >>> group_pairs([("hi", "salut"), ("hello", "salut"), ("hello", "allo"), ("no", "non")])
        ['allo', 'allo', 'allo', 'no']
    """
    parents: dict[str, str] = {}

    def find(sentence: str) -> str:
        while (parent := parents.setdefault(sentence, sentence)) != sentence:
            parents[sentence] = sentence = parents[parent]
        return sentence

    for source, target in pairs:
        first, second = sorted((find(source), find(target)))
        parents[second] = first
    return [find(source) for source, _ in pairs]


def load_tatoeba_groups() -> pd.DataFrame:
    """Load the English-French pairs of Tatoeba with a split of groups.

    A sentence is what `normalise` leaves of it, so that case and marks make no other one; a pair
    that comes twice is kept once, and one with more than `MOST_WORDS` words on a side is left out.
    A hash of the group's name decides: one group of 40 is for validation, one for the test. Columns
    `english` and `french` (texts), `group` (its name) and `split`.
    """
    pairs = {}
    for english, french in read_lines(fetch("tatoeba")["fra.txt"]):
        key = normalise(english), normalise(french)
        if all(0 < len(side.split()) <= MOST_WORDS for side in key):
            pairs.setdefault(key, (english, french))
    table = pd.DataFrame([*pairs.values()], columns=["english", "french"])
    table["group"] = group_pairs([*pairs])
    buckets = {name: assign_bucket(name, 40, salt="group ") for name in table["group"].unique()}
    names = {38: "validation", 39: "test"}
    table["split"] = [names.get(buckets[name], "train") for name in table["group"]]
    return table


def take_pairs(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """Take about `count` pairs of a table, whole groups, in an order that a hash decides.

    The last group may make it a few more. A smaller sample is part of every larger one.
    """
    names = sorted(table["group"].unique(), key=lambda n: assign_bucket(n, 2**60, salt="sample "))
    sizes = table["group"].value_counts()[names]
    missing = count - sizes.cumsum() + sizes  # before this group
    return table[table["group"].isin(set(sizes.index[missing > 0]))].reset_index(drop=True)


def collect_references(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return each English sentence once (its first spelling), with all its French ones.

    Example:
        >>> rows = [("Hi!", "Salut !"), ("hi", "Bonjour."), ("No.", "Non.")]
        >>> collect_references(pd.DataFrame(rows, columns=["english", "french"]))
        (['Hi!', 'No.'], [['Salut !', 'Bonjour.'], ['Non.']])
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for english, french in zip(table["english"], table["french"], strict=True):
        found.setdefault(normalise(english), (english, []))[1].append(french)
    return [source for source, _ in found.values()], [french for _, french in found.values()]
