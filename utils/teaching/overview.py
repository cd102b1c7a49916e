"""Diagrams of lesson 00: ready models with an example each, and the map of the course."""

import itertools
from graphlib import TopologicalSorter

import numpy as np

from utils.teaching.canvas import MARGIN, Canvas, Diagram, wrap


def draw_examples(rows: list[tuple], *, title: str) -> Diagram:
    """Draw models side by side with an example; a row is the input, lines on the model, output."""
    said = [f"'{given}' goes into {', '.join(lines)}: {answer}" for given, lines, answer in rows]
    canvas = Canvas(title, "; ".join(said) + ".")
    for given, lines, answer in rows:
        parts, boxes = [wrap(given, 136), lines, wrap(answer, 136)], []
        height = 17 * max(map(len, parts)) + 12
        for part, shade in zip(parts, ("sand", "blue", "orange"), strict=True):
            place = MARGIN + 180 * len(boxes), canvas.y, 152, height
            boxes.append(canvas.box(*place, *part, shade=shade, bold=shade == "blue"))
        canvas.chain(boxes)
        canvas.y += height + 14
    return canvas.finish(canvas.y - 14, "Left: what you give. Right: what the model answers.")


def draw_map(titles: dict[str, str], needs: dict[str, list[str]]) -> Diagram:
    """Draw lessons as boxes, and an arrow from each lesson to those that need it.

    Args:
        titles: number of each lesson to its title.
        needs: number of each lesson to those that it builds on. Of these, one on which another
            builds gets no arrow of its own.
    """
    if needs.keys() != titles.keys() or not set().union(*needs.values()) <= titles.keys():
        raise ValueError("titles and needs must name the same lessons")
    levels, before = {}, {}
    for n in TopologicalSorter(needs).static_order():
        levels[n] = 1 + max((levels[need] for need in needs[n]), default=-1)
        below = set().union(*(before[need] for need in needs[n]))
        before[n] = below.union(needs[n])
        needs = needs | {n: [need for need in needs[n] if need not in below]}
    said = [f"{n} needs {' and '.join(needs[n])}" for n in titles if needs[n]]
    canvas = Canvas("The lessons, and what each one needs", f"{', '.join(said)}.")
    columns, boxes, taken = {}, {}, set()
    for level, group in itertools.groupby(sorted(titles, key=levels.get), levels.get):
        y = canvas.y + 104 * level
        # Each lesson stands near those that it needs, but not where a long arrow passes.
        wish = {n: np.mean([columns[need] for need in needs[n]] or [1]) for n in group}
        names = sorted(wish, key=lambda n: (wish[n], n))
        free = [column for column in range(4) if (level, column) not in taken]
        if len(names) > len(free):
            raise ValueError(f"lessons {names} side by side: there is room for {len(free)}")
        ways = itertools.combinations(free, len(names))
        columns |= min(
            (dict(zip(names, way, strict=True)) for way in ways),
            key=lambda way: sum(abs(way[n] - wish[n]) for n in names),
        )
        for n in names:
            last = max((levels[m] for m in titles if n in needs[m]), default=level)
            taken |= {(row, columns[n]) for row in range(level + 1, last)}
            text = n, *wrap(titles[n], 114)
            place = MARGIN + 131 * columns[n], y, 119, 60
            boxes[n] = canvas.box(*place, *text, shade="blue", bold=True)
            for need in needs[n]:
                x = boxes[need].bottom[0]
                canvas.arrow(boxes[need].bottom, (x, y - 44), head=False)
                canvas.arrow((x, y - 44), boxes[n].top, curved=True)
    return canvas.finish(y + 60)
