"""Which word translates which, from counts alone: IBM model 1."""

import numpy as np
import pandas as pd

from utils.metrics import Links

NOTHING = ""  # a French word may come from no English one


def train_ibm1(
    table: pd.DataFrame, *, rounds: int = 5, least: float = 1e-3
) -> dict[tuple[str, str], float]:
    """Learn how likely an English word is to be translated by a French one, by EM.

    Each French word comes from one English word of its sentence, or from `NOTHING`; where both
    stand plays no part. Each round shares every French word out over the English ones by what is
    known so far, and counts.

    Args:
        table: pairs, columns `english` and `french` (lists of tokens).
        rounds: of expectation-maximisation; before the first all French words are equally likely.
        least: less likely translations are left out of the answer.

    Returns:
        (English word, French word) to p(French | English).

    Reference:
        Brown et al. 1993, The Mathematics of Statistical Machine Translation, section 4.
    """
    sides: list[dict[str, int]] = [{NOTHING: 0}, {}]
    blocks, place = [], 0  # rows (English id, French id, French position in the whole corpus)
    for english, french in zip(table["english"], table["french"], strict=True):
        e = [0, *(sides[0].setdefault(word, len(sides[0])) for word in english)]
        f = [sides[1].setdefault(word, len(sides[1])) for word in french]
        grid = np.meshgrid(e, f, indexing="ij")
        places = np.broadcast_to(place + np.arange(len(f)), grid[0].shape)
        blocks.append(np.array([*grid, places]).reshape(3, -1))
        place += len(f)
    e, f, places = np.concatenate(blocks, axis=1)
    keys, link = np.unique(e * len(sides[1]) + f, return_inverse=True)
    e, f = np.divmod(keys, len(sides[1]))
    chances = np.ones(len(keys))
    for _ in range(rounds):
        shares = chances[link] / np.bincount(places, chances[link])[places]
        counts = np.bincount(link, shares)
        chances = counts / np.bincount(e, counts)[e]
    words = [list(side) for side in sides]
    kept = np.flatnonzero(chances >= least)
    return {(words[0][e[k]], words[1][f[k]]): float(chances[k]) for k in kept}


def align_ibm1(english: list[str], french: list[str], chances: dict) -> Links:
    """Link each French word to the English one that gives it the largest chance, if not `NOTHING`.

    `chances` is from `train_ibm1`. Of equal ones the first is taken; indices count from 0.
    """
    links = []
    for j, word in enumerate(french):
        found = [chances.get((other, word), 0.0) for other in [NOTHING, *english]]
        if best := int(np.argmax(found)):
            links.append((best - 1, j))
    return links


def pick_translations(chances: dict[tuple[str, str], float]) -> dict[str, str]:
    """Map each English word to its likeliest French one: a dictionary as of `build_dictionary`."""
    best: dict[str, tuple[float, str]] = {}
    for (english, french), chance in chances.items():
        best[english] = max(best.get(english, (0.0, "")), (chance, french))
    return {english: french for english, (_, french) in best.items() if english != NOTHING}
