import errno
import json

import pytest

from utils import results
from utils.runtime import ROOT

GOOD = {"notebook": "01", "model": "m", "metric": "accuracy", "value": 0.8, "dataset": "d"}
GOOD |= {"baseline": 0.6, "baseline_name": "b"}


def test_a_result_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "new"))
    written = results.record_result("01", **GOOD, std=0.01)
    assert results.load_results(tmp_path / "new") == {"01": written}
    assert written["std"] == 0.01 and written["peak_memory_gb"] > 0 and written["cpu_seconds"] > 0
    assert {"machine", "date", "versions"} <= written.keys()


@pytest.mark.parametrize(
    "change", [{"value": float("nan")}, {"trivial": float("inf")}, {"better": "more"}]
)
def test_a_bad_result_leaves_the_old_one(tmp_path, monkeypatch, change):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    results.record_result("01", **GOOD)
    before = (tmp_path / "01.json").read_text()
    with pytest.raises(ValueError, match=r"nan|inf|more"):
        results.record_result("01", **GOOD | change)
    assert (tmp_path / "01.json").read_text() == before and len(list(tmp_path.iterdir())) == 1


def test_a_floor_is_three_standard_deviations_from_the_mean():
    values = [0.80, 0.84, 0.82]  # standard deviation 0.02
    assert results.compute_floor(values, trivial=0.5) == pytest.approx(0.76)
    assert results.compute_floor(values, trivial=0.79) == 0.79  # never below the trivial answer
    assert results.compute_floor(values, better="lower", trivial=1.0) == pytest.approx(0.88)
    assert results.compute_floor(values, better="lower", trivial=0.85) == 0.85
    assert results.compute_floor([0.8] * 3) == pytest.approx(0.8 * 0.988)  # rounding
    assert results.compute_floor([0.8, 0.9]) is None


def test_the_floor_comes_from_the_runs_that_were_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    monkeypatch.setattr(results, "SPREAD", tmp_path / "spread")
    assert results.record_result("01", **GOOD, trivial=0.5)["floor"] == 0.5
    runs = [{"value": value} for value in (0.7, 0.72, 0.74)]
    results.write_json(tmp_path / "spread" / "01.json", runs)
    assert results.record_result("01", **GOOD, trivial=0.5)["floor"] == pytest.approx(0.66)


@pytest.mark.parametrize(
    "act, number",
    [
        ("os.replace", errno.EACCES),  # permissions do not hold back a superuser
        ("os.replace", errno.ENOSPC),
        ("pathlib.Path.mkdir", errno.EEXIST),  # a file lies in place of the folder
    ],
)
def test_a_result_that_cannot_be_saved_is_shown(tmp_path, monkeypatch, capsys, act, number):
    def refuse(*_, **__):
        raise OSError(number, "no luck")

    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    results.record_result("01", **GOOD)
    monkeypatch.setattr(act, refuse)
    shown = results.record_result("01", **GOOD | {"value": 0.9})
    assert shown["value"] == 0.9
    printed = capsys.readouterr().out
    assert "result '01', accuracy 0.9000, cannot be saved in" in printed and "no luck" in printed
    assert str(tmp_path / "results") in printed and printed.count("\n") == 1
    assert results.load_results(tmp_path / "results")["01"]["value"] == 0.8  # the old one
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["01.json"]


@pytest.mark.parametrize("path", sorted(results.LEDGER.glob("*.json")), ids=lambda p: p.stem)
def test_the_committed_ledger_keeps_its_promises(path):
    result, values = json.loads(path.read_text(encoding="utf8")), results.load_spread(path.stem)
    assert results.passes_floor(result), f"{result['value']} misses {result['floor']}"
    assert result["machine"] and result["date"] and result["runs"]
    assert str(ROOT) not in path.read_text(encoding="utf8")
    if path.stem.isdigit():  # the headline of a notebook
        runs = json.loads((results.SPREAD / path.name).read_text(encoding="utf8"))
        assert len(values) >= 3 and {"AVX2", "all"} <= {run["instructions"] for run in runs}
    values = values or result.get("values", [])
    if len(values) >= 3 and "better" in result:
        floor = results.compute_floor(values, better=result["better"], trivial=result["trivial"])
        assert result["floor"] == pytest.approx(floor)
