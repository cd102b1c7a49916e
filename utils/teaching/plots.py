"""Every figure of the course: functions that take data and return `matplotlib` Axes.

`title` says the finding; `xlabel` and `ylabel` name what is counted and measured. The keys of a
dictionary are names of models or settings: they stand in the legend, at an axis or over a panel.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

# Series beyond the last one begin again; 4 colours and 9 markers make 36 that differ.
COLOURS = ("#4878a8", "#e0904f", "#7a9a5a", "#a0a0a0")
MARKERS = "os^vDP*Xp"
STYLES = ("-", "--", "-.", ":")
HATCHES = (None, "//", "..", "xx")
Interval = tuple[float, float, float]  # value, lower end, upper end
Band = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # places, values, lower, upper ends


def _start(width: float, height: float) -> Axes:
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _start_panels(columns: int, width: float, height: float, **share):
    """Return a figure and an array of Axes, shape (1, columns)."""
    size = {"figsize": (width, height), "layout": "constrained"}
    return plt.subplots(1, columns, squeeze=False, sharey=True, **size, **share)


def _finish(axes: Axes, legend: dict | None = None, **names) -> Axes:
    """Name the axes, take away the upper and right frame, and add a legend with these options."""
    axes.set(**names)
    axes.spines[["top", "right"]].set_visible(False)
    if legend is not None:
        axes.legend(frameon=False, **legend)
    return axes


def _start_bars(scores: dict[str, float], gap: float, *, grey: int, left: float = 0) -> Axes:
    """Draw one horizontal bar a score from `left` on, the first on top, the `grey`th in grey."""
    axes, colours = _start(7, 0.5 * len(scores) + 1.2), ["#4878a8"] * len(scores)
    colours[grey] = "#a0a0a0"
    lengths = np.array(list(scores.values())) - left
    axes.barh(list(scores)[::-1], lengths[::-1], left=left, color=colours[::-1], height=0.6)
    for row, value in enumerate(reversed(scores.values())):
        axes.text(max(value, left) + gap, row, f"{value:.3f}", va="center")
    return axes


def plot_ladder(scores: dict[str, float], floor: float, *, title: str, xlabel: str) -> Axes:
    """Draw one bar a model in the order of the ladder, from the trivial answer's score, `floor`."""
    axes = _start_bars(scores, 0.003, grey=0, left=floor)
    axes.axvline(floor, color="black", linestyle=":", label="most frequent label")
    limits = min(floor, *scores.values()) - 0.03, max(scores.values()) + 0.05
    below = {"loc": "upper left", "bbox_to_anchor": (0, -0.18)}
    return _finish(axes, below, title=title, xlabel=xlabel, xlim=limits)


def plot_bits(scores: dict[str, float], *, title: str, uniform: float | None = None) -> Axes:
    """Draw bits per byte, one bar a language model, and a line for a `uniform` guess."""
    axes = _start_bars(scores, 0.03, grey=-1)
    if uniform is not None:
        axes.axvline(uniform, color="black", linestyle=":")
        axes.text(uniform, (len(scores) - 1) / 2, "blind guess ", ha="right", va="center")
    limits = 0, max(uniform or 0, *scores.values()) * 1.12
    return _finish(axes, title=title, xlabel="bits per byte (less is better)", xlim=limits)


def plot_curves(
    curves: dict[str, np.ndarray], *, title: str, xlabel: str, ylabel: str,
    first: int = 0, logarithmic: bool = False,
) -> Axes:  # fmt: skip
    """Draw values, shape (N,), as one line a model over whole numbers from `first` on."""
    axes, scale = _start(7, 4), "log" if logarithmic else "linear"
    for (name, values), style in zip(curves.items(), cycle(STYLES), strict=False):
        axes.plot(np.arange(first, first + len(values)), values, style, label=name)
    return _finish(axes, {}, title=title, xlabel=xlabel, ylabel=ylabel, yscale=scale)


def plot_ratios(
    panels: dict[str, dict[str, dict[int, float]]], *, title: str, xlabel: str, ylabel: str
) -> list[Axes]:
    """Draw how many times faster something is, by size, one line a setting; a line at 1: as fast.

    A panel maps the name of a setting to its ratio at each size.
    """
    figure, (axes,) = _start_panels(len(panels), 4.2 * len(panels), 4.6)
    for panel, (name, curves) in zip(axes, panels.items(), strict=True):
        panel.axhline(1, color="black", linestyle=":")
        for k, (setting, ratios) in enumerate(curves.items()):
            look = {"marker": MARKERS[k % len(MARKERS)], "linestyle": STYLES[k // 4 % 4]}
            panel.plot(list(ratios), list(ratios.values()), **look, label=setting)
        _finish(panel, title=name, xlabel=xlabel, xscale="log", yscale="log")
        sizes = sorted({size for ratios in curves.values() for size in ratios})
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.minorticks_off()
        panel.set_yticks((0.25, 0.5, 1, 2, 4), ("0.25", "0.5", "1", "2", "4"))
    axes[0].set_ylabel(ylabel)
    figure.suptitle(title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return list(axes)


def plot_next_tokens(panels: dict[str, np.ndarray], tokens: list[str], *, title: str) -> list[Axes]:
    """Draw the probabilities, shape (V,), of the next of V tokens, one panel a way of choosing."""
    figure, (axes,) = _start_panels(len(panels), 2.2 * len(panels), 3.6)
    for panel, (name, values) in zip(axes, panels.items(), strict=True):
        panel.barh(tokens, values, color=["#4878a8" if v > 1e-6 else "#ffffff" for v in values])
        _finish(panel, title=name, xlabel="probability", xlim=(0, 1))
    axes[0].invert_yaxis()
    axes[0].set_ylabel("next token")
    figure.suptitle(title)
    return list(axes)


def plot_intervals(scores: dict[str, Interval], *, title: str, xlabel: str) -> Axes:
    """Draw one point a name with its interval, the first name on top."""
    axes = _start(7, 0.4 * len(scores) + 1.2)
    for row, (value, low, high) in enumerate(scores.values()):
        axes.plot([low, high], [row, row], color="#9ab6d0", linewidth=4, solid_capstyle="round")
        axes.plot(value, row, "o", color="#24527a")
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    axes.spines["left"].set_visible(False)
    return _finish(axes, title=title, xlabel=xlabel)


def plot_groups(series: dict[str, dict[str, float]], *, title: str, ylabel: str) -> Axes:
    """Draw groups, the same in each series, of bars side by side, with their values from 0 to 1."""
    axes, width = _start(7, 4), 0.8 / len(series)
    groups = list(next(iter(series.values())))
    for place, (name, values) in enumerate(series.items()):
        if list(values) != groups:
            raise ValueError(f"{name!r} has the groups {list(values)}, and the first one {groups}")
        left = np.arange(len(groups)) + (place - (len(series) - 1) / 2) * width
        look = {"color": COLOURS[place % 4], "hatch": HATCHES[place // 4 % 4]}
        bars = axes.bar(left, list(values.values()), 0.92 * width, label=name, **look)
        axes.bar_label(bars, fmt="{:.2f}", padding=2)
    axes.set_xticks(np.arange(len(groups)), groups)
    below = {"loc": "upper left", "bbox_to_anchor": (0, -0.1), "ncols": len(series)}
    return _finish(axes, below, title=title, ylabel=ylabel, ylim=(0, 1.08))


def plot_map(
    points: np.ndarray, labels: list[str], groups: list[str], *, title: str,
    axes: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw N points, shape (N, 2), with N short labels, one colour and mark a group."""
    axes = _start(7, 5) if axes is None else axes
    for name, marker in zip(dict.fromkeys(groups), cycle(MARKERS), strict=False):
        rows = [i for i, group in enumerate(groups) if group == name]
        axes.scatter(points[rows, 0], points[rows, 1], marker=marker, label=name)
    for i, (point, label, _) in enumerate(zip(points, labels, groups, strict=True)):
        place = (4, -9 if i % 2 else 3)  # above and below in turn: fewer labels overlap
        axes.annotate(label, point, xytext=place, textcoords="offset points", fontsize=8)
    return _finish(axes, {}, title=title, xlabel="first component", ylabel="second component")


def plot_bands(curves: dict[str, Band], *, title: str, xlabel: str, ylabel: str) -> Axes:
    """Draw one line a model with a band for its interval."""
    axes, colours = _start(7, 4), ("#24527a", *COLOURS[1:])
    for i, (name, (x, values, low, high)) in enumerate(curves.items()):
        colour = colours[i % len(colours)]
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(x, values, marker=MARKERS[i % len(MARKERS)], color=colour, label=name)
    return _finish(axes, {}, title=title, xlabel=xlabel, ylabel=ylabel, ylim=(0, None))


def plot_alignments(
    panels: dict[str, np.ndarray], source: list[str], target: list[str], *, title: str,
    links: list[tuple[int, int]] = (),
) -> list[Axes]:  # fmt: skip
    """Draw attention weights, shape (T, S), 0 to 1: S source tokens across, T targets downwards.

    Gold links, pairs (source index, target index), are drawn as frames.
    """
    width, height = 0.42 * len(source) * len(panels) + 2.5, 0.32 * len(target) + 1.6
    figure, (axes,) = _start_panels(len(panels), width, height)
    for panel, (name, weights) in zip(axes, panels.items(), strict=True):
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for i, j in links:
            frame = plt.Rectangle((i - 0.46, j - 0.46), 0.92, 0.92, fill=False, color="#d06020")
            panel.add_patch(frame)
        panel.set_xticks(range(len(source)), source, rotation=60, ha="right")
        panel.set(title=name, xlabel="English")
    axes[0].set_yticks(range(len(target)), target)
    axes[0].set_ylabel("French")
    figure.suptitle(title)
    return list(axes)


def plot_gains(
    panels: dict[str, dict[str, Interval]], *, title: str, xlabel: str,
    references: dict[str, float] | None = None,
) -> list[Axes]:  # fmt: skip
    """Draw one panel a setting; in it, one point a name with its interval, and a line at 0.

    A name may be missing in a panel. `references` are a second value of each setting to compare
    with, drawn as a dashed line.
    """
    names = list(dict.fromkeys(name for points in panels.values() for name in points))
    width, height = 2.3 * len(panels) + 1.5, 0.32 * len(names) + 1.5
    figure, (axes,) = _start_panels(len(panels), width, height, sharex=True)
    for panel, (setting, points) in zip(axes, panels.items(), strict=True):
        panel.axvline(0, color="black", linewidth=0.8)
        if references:
            panel.axvline(references[setting], color="#c05020", linestyle="--", linewidth=1)
        for name, (value, low, high) in points.items():
            row = names.index(name)
            panel.plot([low, high], [row, row], color="#9ab6d0", linewidth=4)
            panel.plot(value, row, "o", color="#24527a", markersize=4)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#dddddd")
        panel.spines["left"].set_visible(False)
        _finish(panel, title=setting)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.supxlabel(xlabel)
    figure.suptitle(title)
    return list(axes)


def plot_surprise(tokens: list[str], bits: np.ndarray, *, title: str) -> Axes:
    """Draw a text, each of its tokens on a background that is the darker the more bits it cost."""
    places, row, column = [], 0, 0
    for token in tokens:
        if column + len(token.rstrip("\n")) > 72:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if token.endswith("\n") else (row, column + len(token))
    height = places[-1][0] + 1
    width = max(column + len(token) for (_, column), token in zip(places, tokens, strict=True))
    axes, colours = _start(0.078 * width + 1.2, 0.28 * height + 0.8), plt.get_cmap("Oranges")
    for token, cost, (row, column) in zip(tokens, bits, places, strict=True):
        shown, face = token.replace("\n", "⏎"), colours(min(cost / 16, 0.8))
        axes.add_patch(plt.Rectangle((column, row), len(shown), 0.9, color=face, linewidth=0))
        axes.text(column, row + 0.5, shown, family="monospace", fontsize=9, va="center")
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 16), colours)
    axes.figure.colorbar(scale, ax=axes, label="bits", fraction=0.05)
    axes.set_title(title, loc="left")
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes
