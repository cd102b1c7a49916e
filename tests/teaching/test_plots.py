"""Figures that several notebooks draw hold what they were given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
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


def draw_curves(count):
    return plots.plot_curves(
        {f"m{i}": np.arange(3) + i for i in range(count)}, title="t", xlabel="x", ylabel="y"
    )


def draw_bands(count):
    x = np.arange(3)
    curves = {f"m{i}": (x, x + i, x + i - 1, x + i + 1) for i in range(count)}
    return plots.plot_bands(curves, title="t", xlabel="x", ylabel="y")


def draw_calibration(count):
    curves = {f"m{i}": (np.array([0.2, 0.8]), np.array([0.1, i / count])) for i in range(count)}
    return plots.plot_calibration(curves, title="t")


def draw_groups(count):
    return plots.plot_groups(
        {f"m{i}": {"a": 0.1, "b": i / count} for i in range(count)}, title="t", ylabel="y"
    )


def draw_map(count):
    names = [f"m{i}" for i in range(count)]
    return plots.plot_map(np.eye(count, 2), [""] * count, names, title="t")


def describe_look(handle):
    """Return colour and mark of an entry of the legend."""
    if hasattr(handle, "get_marker"):
        return handle.get_color(), handle.get_marker(), handle.get_linestyle()
    if hasattr(handle, "get_hatch") and hasattr(handle, "get_height"):
        return handle.get_facecolor(), handle.get_hatch()
    return str(handle.get_facecolor()), str(handle.get_paths()[0].vertices)


@pytest.mark.parametrize("draw", [draw_curves, draw_bands, draw_calibration, draw_groups, draw_map])
@pytest.mark.parametrize("count", [1, 6, 12])
def test_every_series_is_drawn_and_looks_its_own(draw, count):
    axes = draw(count)
    legend = axes.get_legend()
    named = [(t.get_text(), h) for t, h in zip(legend.texts, legend.legend_handles, strict=True)]
    looks = {name: describe_look(handle) for name, handle in named if name.startswith("m")}
    assert list(looks) == [f"m{i}" for i in range(count)]
    assert len(set(looks.values())) == count


def test_series_of_other_groups_and_points_without_a_group_are_refused():
    with pytest.raises(ValueError, match=r"'y' has the groups \['b', 'a'\], .* \['a', 'b'\]"):
        plots.plot_groups({"x": {"a": 1, "b": 0}, "y": {"b": 1, "a": 0}}, title="t", ylabel="y")
    with pytest.raises(ValueError, match="shorter"):
        plots.plot_map(np.eye(3, 2), ["a", "b", "c"], ["one", "one"], title="t")


def test_one_way_to_choose_the_next_token_has_one_panel():
    (panel,) = plots.plot_next_tokens({"greedy": np.array([0.9, 0.1])}, ["a", "b"], title="t")
    assert [bar.get_width() for bar in panel.patches] == [0.9, 0.1]
