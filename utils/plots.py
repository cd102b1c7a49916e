"""Every figure of the course: functions that take data and return `matplotlib` Axes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes


def plot_ladder(
    scores: dict[str, float], floor: float, *, title: str, xlabel: str = "accuracy"
) -> Axes:
    """Draw one horizontal bar a model, with its value, beside a line for the trivial answer.

    Args:
        scores: model name to score, in the order of the ladder.
        floor: score of the trivial answer.
        title: the finding.
        xlabel: name of the score.
    """
    _, axes = plt.subplots(figsize=(7, 0.5 * len(scores) + 1.2), layout="constrained")
    names = list(scores)[::-1]
    values = [scores[name] for name in names]
    axes.barh(names, values, color=["#4878a8"] * (len(names) - 1) + ["#a0a0a0"], height=0.6)
    for row, value in enumerate(values):
        axes.text(value + 0.003, row, f"{value:.3f}", va="center")
    axes.axvline(floor, color="black", linestyle=":", label="most frequent label")
    low = min([floor, *values])
    axes.set(title=title, xlabel=xlabel, xlim=(low - 0.03, max(values) + 0.05))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    return axes


def plot_calibration(curves: dict[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> Axes:
    """Draw the share of label 1 against the promised probability, beside the diagonal.

    Args:
        curves: name to (mean probability, share of label 1) of each bin.
        title: the finding.
    """
    _, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="black", linestyle=":", label="a kept promise")
    for (name, (promised, happened)), marker in zip(curves.items(), "os^v", strict=False):
        axes.plot(promised, happened, marker=marker, label=name)
    axes.set(title=title, xlabel="predicted probability", ylabel="share of positive sentences")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes
