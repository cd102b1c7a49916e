"""Every figure of the course: functions that take data and return `matplotlib` Axes."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

# Series beyond the last one begin again; 4 colours and 9 markers make 36 that differ.
COLOURS = ("#4878a8", "#e0904f", "#7a9a5a", "#a0a0a0")
MARKERS = "os^vDP*Xp"
STYLES = ("-", "--", "-.", ":")
HATCHES = (None, "//", "..", "xx")


def plot_ladder(
    scores: dict[str, float], floor: float, *, title: str, xlabel: str = "accuracy"
) -> Axes:
    """Draw one horizontal bar a model, with its value, from the score of the trivial answer on.

    Args:
        scores: model name to score, in the order of the ladder.
        floor: score of the trivial answer.
        title: the finding.
        xlabel: name of the score.
    """
    _, axes = plt.subplots(figsize=(7, 0.5 * len(scores) + 1.2), layout="constrained")
    names = list(scores)[::-1]
    values = [scores[name] for name in names]
    colours = ["#4878a8"] * (len(names) - 1) + ["#a0a0a0"]
    axes.barh(names, np.array(values) - floor, left=floor, color=colours, height=0.6)
    for row, value in enumerate(values):
        axes.text(max(value, floor) + 0.003, row, f"{value:.3f}", va="center")
    axes.axvline(floor, color="black", linestyle=":", label="most frequent label")
    low = min([floor, *values])
    axes.set(title=title, xlabel=xlabel, xlim=(low - 0.03, max(values) + 0.05))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.18), frameon=False)
    return axes


def plot_calibration(curves: dict[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> Axes:
    """Draw the share of label 1 against the promised probability, beside the diagonal.

    Args:
        curves: name to (mean probability, share of label 1) of each bin.
        title: the finding.
    """
    _, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="black", linestyle=":", label="a kept promise")
    for (name, (promised, happened)), marker in zip(curves.items(), cycle(MARKERS), strict=False):
        axes.plot(promised, happened, marker=marker, label=name)
    axes.set(title=title, xlabel="predicted probability", ylabel="share of positive sentences")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes


def plot_bits(scores: dict[str, float], *, title: str, uniform: float | None = None) -> Axes:
    """Draw one horizontal bar a language model; the shorter, the better.

    Args:
        scores: model name to bits per byte; the last is the baseline, drawn in grey.
        title: the finding.
        uniform: bits per byte where every token is equally likely, drawn as a line.
    """
    _, axes = plt.subplots(figsize=(7, 0.5 * len(scores) + 1.2), layout="constrained")
    names = list(scores)[::-1]
    values = [scores[name] for name in names]
    axes.barh(names, values, color=["#a0a0a0"] + ["#4878a8"] * (len(names) - 1), height=0.6)
    for row, value in enumerate(values):
        axes.text(value + 0.03, row, f"{value:.3f}", va="center")
    if uniform is not None:
        axes.axvline(uniform, color="black", linestyle=":")
        axes.text(uniform, (len(names) - 1) / 2, "blind guess ", ha="right", va="center")
    axes.set(title=title, xlabel="bits per byte (less is better)")
    axes.set_xlim(0, max([*values, uniform or 0]) * 1.12)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def plot_curves(
    curves: dict[str, np.ndarray],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    first: int = 0,
    logarithmic: bool = False,
) -> Axes:
    """Draw one line a model over a common axis of whole numbers.

    Args:
        curves: name to values, shape (N,).
        title: the finding.
        xlabel: what is counted.
        ylabel: what is measured.
        first: place of the first value.
        logarithmic: the vertical axis.
    """
    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, values), style in zip(curves.items(), cycle(STYLES), strict=False):
        axes.plot(np.arange(first, first + len(values)), values, style, label=name)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if logarithmic else "linear")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes


def plot_next_tokens(panels: dict[str, np.ndarray], tokens: list[str], *, title: str) -> list[Axes]:
    """Draw the probabilities of the next token, one panel a way of choosing.

    Args:
        panels: name to probabilities, shape (V,), in one order.
        tokens: V labels.
        title: the finding.
    """
    figure, (axes,) = plt.subplots(
        1,
        len(panels),
        figsize=(2.2 * len(panels), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (name, values) in zip(axes, panels.items(), strict=True):
        panel.barh(tokens, values, color=["#4878a8" if v > 1e-6 else "#ffffff" for v in values])
        panel.set(title=name, xlabel="probability", xlim=(0, 1))
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    axes[0].set_ylabel("next token")
    figure.suptitle(title)
    return list(axes)


def plot_intervals(
    scores: dict[str, tuple[float, float, float]], *, title: str, xlabel: str
) -> Axes:
    """Draw one point a name with its interval, the first name on top.

    Args:
        scores: name to (value, lower end, upper end).
        title: the finding.
        xlabel: name of the score.
    """
    _, axes = plt.subplots(figsize=(7, 0.4 * len(scores) + 1.2), layout="constrained")
    for row, (value, low, high) in enumerate(scores.values()):
        axes.plot([low, high], [row, row], color="#9ab6d0", linewidth=4, solid_capstyle="round")
        axes.plot(value, row, "o", color="#24527a")
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    axes.set(title=title, xlabel=xlabel)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return axes


def plot_groups(series: dict[str, dict[str, float]], *, title: str, ylabel: str) -> Axes:
    """Draw groups of bars side by side, with their values from 0 to 1.

    Args:
        series: name to (group to value); all have the same groups, in one order.
        title: the finding.
        ylabel: name of the values.
    """
    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    width = 0.8 / len(series)
    groups = list(next(iter(series.values())))
    for place, (name, values) in enumerate(series.items()):
        if list(values) != groups:
            raise ValueError(f"{name!r} has the groups {list(values)}, and the first one {groups}")
        left = np.arange(len(groups)) + (place - (len(series) - 1) / 2) * width
        look = {"color": COLOURS[place % 4], "hatch": HATCHES[place // 4 % 4]}
        bars = axes.bar(left, list(values.values()), 0.92 * width, label=name, **look)
        axes.bar_label(bars, fmt="{:.2f}", padding=2)
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.set(title=title, ylabel=ylabel, ylim=(0, 1.08))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.1), ncols=len(series))
    return axes


def plot_map(
    points: np.ndarray,
    labels: list[str],
    groups: list[str],
    *,
    title: str,
    axes: Axes | None = None,
) -> Axes:
    """Draw labelled points of a 2-D map, one colour and mark a group.

    Args:
        points: shape (N, 2).
        labels: N short texts.
        groups: N names; the legend shows each once.
        title: the finding.
        axes: where to draw; a new figure if not given.
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for name, marker in zip(dict.fromkeys(groups), cycle(MARKERS), strict=False):
        rows = [i for i, group in enumerate(groups) if group == name]
        axes.scatter(points[rows, 0], points[rows, 1], marker=marker, label=name)
    for i, (point, label, _) in enumerate(zip(points, labels, groups, strict=True)):
        place = (4, -9 if i % 2 else 3)  # above and below in turn: fewer labels overlap
        axes.annotate(label, point, xytext=place, textcoords="offset points", fontsize=8)
    axes.set(title=title, xlabel="first component", ylabel="second component")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes


def plot_bands(
    curves: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
) -> Axes:
    """Draw one line a model with a band for its interval.

    Args:
        curves: name to (places on the horizontal axis, values, lower ends, upper ends).
        title: the finding.
        xlabel: what is counted.
        ylabel: what is measured.
    """
    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    colours = ("#24527a", *COLOURS[1:])
    for (name, (x, values, low, high)), marker, colour in zip(
        curves.items(), cycle(MARKERS), cycle(colours), strict=False
    ):
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(x, values, marker=marker, color=colour, label=name)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes


def plot_alignments(
    panels: dict[str, np.ndarray],
    source: list[str],
    target: list[str],
    *,
    title: str,
    links: list[tuple[int, int]] = (),
) -> list[Axes]:
    """Draw attention weights, one row a target token, beside or under gold links.

    Args:
        panels: name to weights, shape (T, S), 0 to 1.
        source: S tokens, along the horizontal axis.
        target: T tokens, downwards.
        title: the finding.
        links: gold pairs (source index, target index), drawn as frames.
    """
    width, height = 0.42 * len(source) * len(panels) + 2.5, 0.32 * len(target) + 1.6
    figure, axes = plt.subplots(
        1, len(panels), figsize=(width, height), sharey=True, layout="constrained", squeeze=False
    )
    for panel, (name, weights) in zip(axes[0], panels.items(), strict=True):
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for i, j in links:
            frame = plt.Rectangle((i - 0.46, j - 0.46), 0.92, 0.92, fill=False, color="#d06020")
            panel.add_patch(frame)
        panel.set_xticks(range(len(source)), source, rotation=60, ha="right")
        panel.set(title=name, xlabel="English")
    axes[0, 0].set_yticks(range(len(target)), target)
    axes[0, 0].set_ylabel("French")
    figure.suptitle(title)
    return list(axes[0])


def plot_gains(
    panels: dict[str, dict[str, tuple[float, float, float]]],
    *,
    title: str,
    xlabel: str,
    references: dict[str, float] | None = None,
) -> list[Axes]:
    """Draw one panel a setting; in it, one point a name with its interval, and a line at 0.

    Args:
        panels: setting to (name to (value, lower end, upper end)); a name may be missing.
        title: the finding.
        xlabel: name of the values.
        references: setting to a second value to compare with, drawn as a dashed line.
    """
    names = list(dict.fromkeys(name for points in panels.values() for name in points))
    figure, (axes,) = plt.subplots(
        1,
        len(panels),
        figsize=(2.3 * len(panels) + 1.5, 0.32 * len(names) + 1.5),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (setting, points) in zip(axes, panels.items(), strict=True):
        panel.axvline(0, color="black", linewidth=0.8)
        if references:
            panel.axvline(references[setting], color="#c05020", linestyle="--", linewidth=1)
        for name, (value, low, high) in points.items():
            row = names.index(name)
            panel.plot([low, high], [row, row], color="#9ab6d0", linewidth=4)
            panel.plot(value, row, "o", color="#24527a", markersize=4)
        panel.set_title(setting)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#dddddd")
        panel.spines[["top", "right", "left"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.supxlabel(xlabel)
    figure.suptitle(title)
    return list(axes)


def plot_token_maps(panels: dict[str, np.ndarray], tokens: list[str], *, title: str) -> list[Axes]:
    """Draw how much each token takes from each other one, one panel a name.

    Args:
        panels: name to weights from 0 to 1, or truth values: a row for each token that looks, a
            column for each that is looked at; shape (T, T).
        tokens: T labels.
        title: the finding.
    """
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.6 * columns + 0.6, 2.6 * rows + 1.2),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (name, weights) in zip(axes.flat, panels.items(), strict=False):
        panel.imshow(np.asarray(weights, "float32"), cmap="Blues", vmin=0, vmax=1)
        panel.set_title(name, fontsize=10)
        panel.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8)
        panel.set_yticks(range(len(tokens)), tokens, fontsize=8)
    figure.suptitle(title)
    figure.supxlabel("looked at", fontsize=9)
    figure.supylabel("token that looks", fontsize=9)
    return list(axes.flat)


def plot_surprise(tokens: list[str], bits: np.ndarray, *, title: str, width: int = 72) -> Axes:
    """Draw a text, each token on a background that is the darker the more bits it cost.

    Args:
        tokens: pieces of the text.
        bits: what each cost, shape (len(tokens),).
        title: the finding.
        width: the most characters in a line.
    """
    places, row, column = [], 0, 0
    for token in tokens:
        if column + len(token.rstrip("\n")) > width:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if token.endswith("\n") else (row, column + len(token))
    height = places[-1][0] + 1
    width = max(column + len(token) for (_, column), token in zip(places, tokens, strict=True))
    _, axes = plt.subplots(figsize=(0.078 * width + 1.2, 0.28 * height + 0.8), layout="constrained")
    colours = plt.get_cmap("Oranges")
    for token, cost, (row, column) in zip(tokens, bits, places, strict=True):
        shown = token.replace("\n", "⏎")
        face = colours(min(cost / 16, 0.8))
        axes.add_patch(plt.Rectangle((column, row), len(shown), 0.9, color=face, linewidth=0))
        axes.text(column, row + 0.5, shown, family="monospace", fontsize=9, va="center")
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 16), colours)
    axes.figure.colorbar(scale, ax=axes, label="bits", fraction=0.05)
    axes.set_title(title, loc="left")
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes
