"""Make the pictures of README and docs: `python -m tools.picture`.

docs/results.png is drawn from the ledger and carries the numbers that it shows, so that a test can
tell when it is out of date; docs/attention.png is the first figure that lesson 08 stores.
"""

import base64
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from utils.results import LEDGER, load_results  # noqa: E402

ROOT = LEDGER.parents[1]
PICTURE, MOMENT = ROOT / "docs" / "results.png", ROOT / "docs" / "attention.png"


def describe_headlines(results: dict[str, dict]) -> str:
    """Return the numbers of the picture as JSON."""
    keys = ("model", "metric", "value", "baseline", "floor")
    return json.dumps([[name, *(result[key] for key in keys)] for name, result in results.items()])


def draw_results(results: dict[str, dict], path: Path = PICTURE) -> None:
    """Draw one panel a notebook: model, baseline, and the floor as a line."""
    size = {"figsize": (8, 1.35 * len(results) + 0.4), "layout": "constrained", "squeeze": False}
    figure, panels = plt.subplots(len(results), **size)
    for axes, (number, result) in zip(panels[:, 0], results.items(), strict=True):
        values = [result["baseline"], result["value"]]
        names = [result["baseline_name"], result["model"]]
        axes.scatter(values, names, color=["#707070", "#4878a8"], s=70)
        for row, value in enumerate(values):
            place = {"textcoords": "offset points", "va": "center"}
            axes.annotate(f"{value:.3f}", (value, row), (9, 0), **place)
        axes.axvline(result["floor"], color="black", linestyle=":")
        better = "" if result["better"] == "higher" else ", lower is better"
        title = f"{number}: {result['metric']} on {result['dataset']}{better}"
        axes.set_title(title, loc="left", fontsize=9)
        axes.margins(x=0.2, y=0.6)
        axes.grid(axis="y", color="#e8e8e8")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("dotted: the floor that the result must reach", fontsize=9)
    words = {"Description": describe_headlines(results), "Software": None}
    figure.savefig(path, dpi=110, metadata=words)
    plt.close(figure)


def list_headlines() -> dict[str, dict]:
    """Return the headline result of each notebook, those named by a number alone."""
    return {name: result for name, result in load_results().items() if name.isdigit()}


def read_moment() -> bytes:
    """Return the first figure that lesson 08 stores: where its translator looks."""
    (path,) = ROOT.glob("notebooks/08_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    return base64.b64decode(next(data["image/png"] for data in shown if "image/png" in data))


if __name__ == "__main__":
    draw_results(list_headlines())
    MOMENT.write_bytes(read_moment())
