"""The comparison on Tatoeba: equal sizes, the reversed source, scores kept sentence by sentence."""

import argparse
import importlib
import json

import numpy as np
import pytest
import sacrebleu

from benchmarks import harness
from utils.metrics import compute_bleu


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "start", lambda **_: None)  # this process has started
        return importlib.import_module("benchmarks.translate_tatoeba")


def test_systems_of_the_benchmark_have_parameters_within_three_percent(script):
    sizes = {name: script.build_model(name, 4_000).count_params() for name in script.SYSTEMS}
    assert max(sizes.values()) < 1.03 * min(sizes.values()) and max(sizes.values()) < 2.5e6


def test_rows_are_turned_around_and_padding_stays(script):
    rows = np.array([[5, 6, 7, 0], [8, 0, 0, 0], [1, 2, 3, 4]])
    assert script.reverse_rows(rows).tolist() == [[7, 6, 5, 0], [8, 0, 0, 0], [4, 3, 2, 1]]


def test_the_kept_counts_give_the_bleu_of_sacrebleu(script):
    found = ["le chat dort ici.", "oui", "je ne sais pas du tout !"]
    right = [
        ["le chat dort ici.", "le chat y dort."],
        ["oui !"],
        ["je ne sais pas !", "aucune idée"],
    ]
    facts = json.loads(json.dumps(script.score(found, right)))
    columns = [[row[0] for row in right], ["le chat y dort.", None, "aucune idée"]]
    expected = sacrebleu.BLEU().corpus_score(found, columns).score
    assert facts["bleu"] == pytest.approx(expected) and expected > 20
    counts = script.expand(facts["counts"])
    assert compute_bleu(counts.sum(axis=0)) == pytest.approx(expected)
    assert facts["chrf"][0] == 100 and facts["chrf"][1] < 100


def test_bands_are_scored_with_a_paired_gain(script):
    right = [["le chat dort ici ce soir."], ["le chien mange ici ce soir."]] * 30
    good, bad = (
        script.score([t] * 60, right) for t in ("le chat dort ici ce soir.", "le chat dort")
    )
    bands = {"cats": np.tile([True, False], 30), "all": np.full(60, True)}
    facts = script.describe([good, good], bands, [bad])["bands"]
    assert facts["cats"]["bleu"] == pytest.approx(100) and facts["cats"]["sentences"] == 30
    assert facts["all"]["bleu"] < 100 and facts["all"]["gain_interval"][0] > 0
    assert script.describe([bad], bands, [bad])["bands"]["all"]["gain"] == 0


def test_the_grid_of_rates_grows_at_an_edge(script, monkeypatch):
    tried = []

    def run(once, options, system, count, rate, seed):
        tried.append(rate)
        return {"validation": {"bleu": -abs(rate - 8e-3)}}

    monkeypatch.setattr(script, "run", run)
    options = argparse.Namespace(trial=False)
    assert script.choose_rate(None, options, "dot") == 8e-3 and max(tried) == 16e-3


def test_committed_parts_go_beside_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "LEDGER", tmp_path)
    options = argparse.Namespace(fraction=1.0, trial=False)
    first = harness.keep_parts("some", options, commit=True)("one", lambda: {"value": [1, 2]})
    lines = (tmp_path / "parts" / "some.json").read_text().splitlines()
    assert len(lines) == 1 and json.loads(lines[0]) == {"one": first}
