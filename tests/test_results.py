import json

import pytest

from utils import results
from utils.data import ROOT

GOOD = {
    "notebook": "01",
    "model": "m",
    "metric": "accuracy",
    "value": 0.8,
    "floor": 0.7,
    "baseline": 0.6,
    "baseline_name": "b",
    "dataset": "d",
}


def test_a_result_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "new"))
    written = results.record_result("01", **GOOD, std=0.01)
    assert results.load_results(tmp_path / "new") == {"01": written}
    assert written["std"] == 0.01 and written["peak_memory_gb"] > 0 and written["cpu_seconds"] > 0
    assert {"machine", "date", "versions", "unverified_data"} <= written.keys()


@pytest.mark.parametrize(
    "change", [{"value": float("nan")}, {"floor": float("inf")}, {"better": "more"}]
)
def test_a_bad_result_leaves_the_old_one(tmp_path, monkeypatch, change):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    results.record_result("01", **GOOD)
    before = (tmp_path / "01.json").read_text()
    with pytest.raises(ValueError, match=r"nan|inf|more"):
        results.record_result("01", **GOOD | change)
    assert (tmp_path / "01.json").read_text() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("path", sorted(results.LEDGER.glob("*.json")), ids=lambda p: p.stem)
def test_the_committed_ledger_keeps_its_promises(path):
    result = json.loads(path.read_text(encoding="utf8"))
    assert results.passes_floor(result), f"{result['value']} misses {result['floor']}"
    assert result["machine"] and result["date"] and result["runs"]
    assert str(ROOT) not in path.read_text(encoding="utf8")
