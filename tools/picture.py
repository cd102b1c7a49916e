"""Make the pictures of README and docs: `python -m tools.picture`.

docs/results.png is drawn from the ledger and carries the numbers that it shows, so that a test can
tell when it is out of date; docs/attention.png is the first figure that lesson 08 stores. In the
first, farther right is better in every panel: where lower is better, the axis is turned round.
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
    keys = ("model", "metric", "value", "baseline", "floor", "rival")
    return json.dumps([[name, *(r.get(key) for key in keys)] for name, r in results.items()])


def draw_results(results: dict[str, dict], path: Path = PICTURE) -> None:
    """Draw one panel a notebook: model, baseline, strongest rival, and the floor as a line."""
    size = {"figsize": (8, 1.5 * len(results) + 0.4), "layout": "constrained", "squeeze": False}
    figure, panels = plt.subplots(len(results), **size)
    for axes, (number, result) in zip(panels[:, 0], results.items(), strict=True):
        rows = [*result.get("rival", []), [result["baseline_name"], result["baseline"]]]
        rows.append([result["model"], result["value"]])
        names, values = zip(*rows, strict=True)
        colours, marks = ["#707070"] * (len(rows) - 1) + ["#4878a8"], "s" * (len(rows) - 1) + "o"
        axes.axvline(result["floor"], color="black", linestyle=":", zorder=0)
        for row, value in enumerate(values):
            axes.scatter(value, names[row], color=colours[row], marker=marks[row], s=60)
            place = {"textcoords": "offset points", "va": "center", "backgroundcolor": "white"}
            text = f"{value:.3f}" if value < 10 else f"{value:.1f}"
            axes.annotate(text, (value, row), (11, 0), **place, fontsize=9, zorder=1)
        better = "" if result["better"] == "higher" else " (lower is better: axis turned round)"
        title = f"{number}: {result['metric']}{better}, {result['dataset']}"
        axes.set_title(title, loc="right", fontsize=9)
        axes.margins(x=0.2, y=0.5)
        if better:
            axes.invert_xaxis()
        axes.grid(axis="y", color="#e8e8e8")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    said = "circle: the lesson's model; squares: simpler methods; dotted: what it must reach"
    figure.supxlabel(f"farther right is better; {said}", fontsize=9)
    words = {"Description": describe_headlines(results), "Software": None}
    figure.savefig(path, dpi=110, metadata=words)
    plt.close(figure)


def list_headlines() -> dict[str, dict]:
    """Return the headline result of each notebook, with a rival that has the same metric."""
    ledger = load_results()
    results = {name: dict(result) for name, result in ledger.items() if name.isdigit()}
    for number, result in results.items():
        rival = ledger["rivals"].get(f"lesson_{number}", {"lesson_value": None})
        if rival["lesson_value"] == result["value"]:
            result["rival"] = [[rival["name"], rival["value"]]]
    return results


def read_moment() -> bytes:
    """Return the first figure that lesson 08 stores: where its translator looks."""
    (path,) = ROOT.glob("notebooks/08_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    return base64.b64decode(next(data["image/png"] for data in shown if "image/png" in data))


if __name__ == "__main__":
    draw_results(list_headlines())
    MOMENT.write_bytes(read_moment())
