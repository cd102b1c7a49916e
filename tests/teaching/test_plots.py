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


def test_gains_and_what_to_compare_them_with():
    panels = GAINS | {"500 texts": {"noise": (0.3, 0.1, 0.5)}}
    references = {"100 texts": 0.0, "500 texts": 0.4}
    first, second = plots.plot_gains(panels, title="t", xlabel="points", references=references)
    assert first.get_title() == "100 texts" and first.get_ylim() == second.get_ylim()
    assert [label.get_text() for label in first.get_yticklabels()] == ["swap", "noise"]
    assert [-0.5, 2.5] in [list(line.get_xdata()) for line in first.lines]
    points = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "o"]
    assert points == [1.0, -1.0]
    (point,) = [line for line in second.lines if line.get_marker() == "o"]
    assert point.get_ydata()[0] == 1  # the row of "noise", although "swap" is missing here
    dashed = [line for line in second.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [0.4]
    assert len(plots.plot_gains(GAINS, title="t", xlabel="points")) == 1


def test_ratios_stand_at_their_sizes_beside_a_line_at_one():
    curves = {"one thread": {1: 0.5, 32: 1.2, 512: 2.0}, "two threads": {1: 0.4, 128: 1.5}}
    panels = {"warm": curves, "cold": {"one thread": {1: 0.1}}}
    first, second = plots.plot_ratios(panels, title="t", xlabel="x", ylabel="y")
    assert [panel.get_title() for panel in (first, second)] == ["warm", "cold"]
    even, *lines = first.lines
    assert set(even.get_ydata()) == {1} and len(second.lines) == 2
    for line, ratios in zip(lines, curves.values(), strict=True):
        assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == ratios
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "32", "128", "512"]
    names = [label.get_text() for label in first.figure.legends[0].get_texts()]
    assert names == ["one thread", "two threads"] and first.get_xscale() == "log"


def draw(kind, count):
    """Return a figure of series m0, m1, ..."""
    x, labels = np.arange(3), {"title": "t", "xlabel": "x", "ylabel": "y"}
    names = [f"m{i}" for i in range(count)]
    if kind == "curves":
        return plots.plot_curves({name: x + i for i, name in enumerate(names)}, **labels)
    if kind == "bands":
        bands = {name: (x, x + i, x + i - 1, x + i + 1) for i, name in enumerate(names)}
        return plots.plot_bands(bands, **labels)
    if kind == "groups":
        groups = {name: {"a": 0.1, "b": i / count} for i, name in enumerate(names)}
        return plots.plot_groups(groups, title="t", ylabel="y")
    return plots.plot_map(np.eye(count, 2), [""] * count, names, title="t")


def describe_look(handle):
    """Return colour and mark of an entry of the legend."""
    if hasattr(handle, "get_marker"):
        return handle.get_color(), handle.get_marker(), handle.get_linestyle()
    if hasattr(handle, "get_hatch") and hasattr(handle, "get_height"):
        return handle.get_facecolor(), handle.get_hatch()
    return str(handle.get_facecolor()), str(handle.get_paths()[0].vertices)


@pytest.mark.parametrize("kind", ["curves", "bands", "groups", "map"])
@pytest.mark.parametrize("count", [1, 6, 12])
def test_every_series_is_drawn_and_looks_its_own(kind, count):
    legend = draw(kind, count).get_legend()
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
