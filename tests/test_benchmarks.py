"""The scripts that measure: every result in the ledger has one, and is what it says."""

import argparse
import re
import tomllib

import pytest

from benchmarks import harness
from utils.results import load_results
from utils.runtime import ROOT

DESCRIBED = tomllib.loads((ROOT / "benchmarks" / "results.toml").read_text(encoding="utf8"))
LEDGER = {name: result for name, result in load_results().items() if not name.isdigit()}
SCRIPTS = {path.stem: path.read_text(encoding="utf8") for path in ROOT.glob("benchmarks/*.py")}


def test_every_result_is_written_by_one_script():
    assert DESCRIBED.keys() == LEDGER.keys() - {"machine"}
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf8")
    for name, facts in DESCRIBED.items():
        written = re.compile(rf'(?<!\[)(?<!\.get\()"{name}"')  # not: read from the ledger
        assert [s for s, text in SCRIPTS.items() if written.search(text)] == [facts["script"]]
        assert any(f"`{name}`" in row and facts["script"] in row for row in page.split("\n"))


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_result_is_what_it_is_described_as(name):
    facts = DESCRIBED[name].items() - {("script", DESCRIBED[name]["script"])}
    assert {key: LEDGER[name][key] for key, _ in facts} == dict(facts)


def test_a_part_is_computed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "BUILD", tmp_path)
    full, trial = (argparse.Namespace(fraction=f, trial=f < 1) for f in (1.0, 0.5))
    first = harness.keep_parts("some", full)("one", lambda x: {"value": x}, 1)
    assert first == harness.keep_parts("some", full)("one", lambda x: {"value": x}, 2)
    assert harness.keep_parts("some", trial)("one", lambda x: {"value": x}, 3)["value"] == 3
    assert first["value"] == 1 and first["cpu_seconds"] >= 0
