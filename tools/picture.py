"""Draw README's picture from the ledger: `python -m tools.picture` writes docs/results.png.

The PNG carries the numbers that it shows, so that a test can tell when it is out of date.
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from utils.results import LEDGER, load_results  # noqa: E402

PICTURE = LEDGER.parents[1] / "docs" / "results.png"


def list_headlines() -> dict[str, dict]:
    """Return the headline result of each notebook, those named by a number alone."""
    return {
        name: result for name, result in load_results().items() if name.isdigit() and name > "00"
    }


def describe_headlines() -> str:
    """Return the numbers of the picture as JSON."""
    keys = ("model", "metric", "value", "baseline", "floor")
    return json.dumps({n: [r[key] for key in keys] for n, r in list_headlines().items()})


def draw_results(path: Path = PICTURE) -> None:
    """Draw one panel a notebook: model, baseline, and the floor as a line."""
    headlines = list_headlines()
    figure, panels = plt.subplots(
        len(headlines),
        1,
        figsize=(8, 1.35 * len(headlines) + 0.4),
        layout="constrained",
        squeeze=False,
    )
    for axes, (number, result) in zip(panels[:, 0], headlines.items(), strict=True):
        names = [result["baseline_name"], result["model"]]
        values = [result["baseline"], result["value"]]
        axes.scatter(values, names, color=["#707070", "#4878a8"], s=70)
        axes.grid(axis="y", color="#e8e8e8")
        axes.set_axisbelow(True)
        axes.locator_params(axis="x", nbins=6)
        for row, value in enumerate(values):
            axes.annotate(
                f"{value:.3f}", (value, row), (9, 0), textcoords="offset points", va="center"
            )
        axes.axvline(result["floor"], color="black", linestyle=":")
        better = "" if result["better"] == "higher" else ", lower is better"
        title = f"Notebook {number}: {result['metric']} on {result['dataset']}{better}"
        axes.set_title(title, loc="left", fontsize=10)
        shown = [*values, result["floor"]]
        margin = 0.25 * (max(shown) - min(shown))
        axes.set(xlim=(min(shown) - margin, max(shown) + margin), ylim=(-0.6, 1.6))
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("dotted: the floor that the result must reach", fontsize=9)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Description": describe_headlines(), "Software": None})
    plt.close(figure)


if __name__ == "__main__":
    draw_results()
