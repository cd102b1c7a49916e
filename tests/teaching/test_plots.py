"""Figures that several notebooks draw hold what they were given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

from utils.teaching import plots

GAINS = {"100 texts": {"swap": (1.0, -0.5, 2.5), "noise": (-1.0, -2.0, 0.0)}}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_gains_of_one_setting():
    (panel,) = plots.plot_gains(GAINS, title="t", xlabel="points")
    assert panel.get_title() == "100 texts"
    assert [label.get_text() for label in panel.get_yticklabels()] == ["swap", "noise"]
    intervals = [line.get_xdata() for line in panel.lines if len(line.get_xdata()) == 2]
    assert [-0.5, 2.5] in [list(ends) for ends in intervals]
    points = [float(line.get_xdata()[0]) for line in panel.lines if line.get_marker() == "o"]
    assert points == [1.0, -1.0]


def test_gains_share_their_names_and_show_what_to_compare_with():
    panels = GAINS | {"500 texts": {"noise": (0.3, 0.1, 0.5)}}
    first, second = plots.plot_gains(
        panels, title="t", xlabel="points", references={"100 texts": 0.0, "500 texts": 0.4}
    )
    dashed = [line for line in second.lines if line.get_linestyle() == "--"]
    assert [float(line.get_xdata()[0]) for line in dashed] == [0.4]
    (point,) = [line for line in second.lines if line.get_marker() == "o"]
    assert point.get_ydata()[0] == 1  # the row of "noise", although "swap" is missing here
    assert first.get_ylim() == second.get_ylim()
