"""The web site's pages before Sphinx reads them; what a browser sees is in the .mjs files."""

import ast
import json
import re
import statistics
import tomllib

import pytest

from tools import site, site_pages, site_quotes, site_reference
from tools.sync import ROOT, load_sources

LESSONS = sorted(ROOT.glob("notebooks/*.ipynb"))
NAMES = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("notebooks/**/*.ipynb")}


@pytest.fixture(scope="module")
def content():
    return site_pages.Content(load_sources(ROOT), NAMES | {"docs/results.png"}, LESSONS)


def test_every_term_of_the_glossary_is_bold_in_the_lesson_that_it_names():
    texts = {path.name[:2]: site_pages.read_text(path) for path in LESSONS}
    bold = {n: re.findall(r"\*\*(.+?)\*\*", text.replace("\n", " ")) for n, text in texts.items()}
    bold = {number: {term.lower().strip(".") for term in terms} for number, terms in bold.items()}
    terms = site.load_terms()
    missing = [
        term["name"]
        for term in terms
        if not {form.lower() for form in site_pages.list_forms(term)} & bold[term["lesson"]]
    ]
    assert missing == []
    anchors = [site_pages.name_anchor(term) for term in terms]
    assert len(anchors) == len(set(anchors)) > 70


def test_cards_keep_their_ids_when_lessons_are_renumbered(content):
    before = site_pages.write_cards(content)
    ids = [card["id"] for card in content.sources.cards]
    assert re.findall(r'data-id="(\w+)"', before) == ids and len(ids) == 85
    old = content.lessons, content.sources.cards
    content.lessons = {f"{int(n) + 20}": lesson for n, lesson in old[0].items()}
    moved = [
        card | {"demo": {**card["demo"], "notebook": f"{int(card['demo']['notebook']) + 20}"}}
        if "notebook" in card["demo"]
        else card
        for card in reversed(old[1])
    ]
    content.sources.cards = moved
    after = site_pages.write_cards(content)
    content.lessons, content.sources.cards = old
    assert sorted(re.findall(r'data-id="(\w+)"', after)) == sorted(ids)
    quizzes = [
        json.loads(re.search(r'id="quizzes">(.*)</script>', page)[1]) for page in (before, after)
    ]
    assert quizzes[0] == quizzes[1] and set(quizzes[0]) == set(ids)


def test_pages_use_public_words(content):
    pages = site_pages.write_pages(content)
    for name, text in pages.items():
        shown = re.sub(r"\]\([^)]*\)|`[^`]*`|<script.*?</script>", "", text, flags=re.S)
        private = r"not consulted|\bledger\b|\bfloor\b|demonstration to come|by a cut"
        found = re.findall(private, shown, re.I)
        assert (name, found) == (name, [])


def test_links_lead_to_pages_or_lose_their_address():
    text = "[a](../data/README.md) ![p](../docs/results.png) `[PER](x.md)` "
    text += "[b](../utils/results.py) [c](#x)"
    known = {"data/README.md", "docs/results.png"}
    assert site.fix_links(text, "notebooks/01.ipynb", known, "") == (
        "[a](../data/README.md) ![p](../docs/results.png) `[PER](x.md)` b [c](#x)"
    )
    fixed = site.fix_links(text, "notebooks/01.ipynb", known, "https://github.com/ann/nlp")
    assert "[b](https://github.com/ann/nlp/blob/main/utils/results.py)" in fixed
    badge = (
        "# T\n\n[![Open in Colab](https://c.example/colab-badge.svg)](https://c.example/x)\n\nText"
    )
    assert site.fix_links(badge, "notebooks/01.ipynb", known, "") == "# T\n\nText"
    marked = "is <!--= 01 value .3f -->0.805<!--/--> and"
    assert site.fix_links(marked, "notebooks/01.ipynb", known, "") == "is 0.805 and"


def test_colab_and_source_are_offered_once_there_is_an_address(content):
    assert "Colab" not in site_pages.write_bar(LESSONS[3], content)
    content.address = "https://github.com/ann/nlp"
    bar = site_pages.write_bar(LESSONS[3], content)
    content.address = ""
    assert "colab.research.google.com/github/ann/nlp/blob/main/notebooks/03_" in bar
    assert "builds on [01 ·" in bar and "75 minutes" in bar


def test_every_lesson_has_minutes_and_the_map_shows_all(content):
    assert [n for n, lesson in content.lessons.items() if not lesson["minutes"].isdigit()] == []
    assert set(content.questions) == set(content.lessons) - {"00"}
    picture = site_pages.draw_map(content)
    assert picture.count("<rect") == len(LESSONS) == 14
    assert content.lessons["12"]["needs"] == ["09", "11"] and content.lessons["00"]["needs"] == []


def test_figures_from_results_files_have_their_numbers(content):
    figures = tomllib.loads((ROOT / "site" / "figures.toml").read_text(encoding="utf8"))
    for number, its in figures.items():
        path = next(path for path in LESSONS if path.name[:2] == number)
        notebook = json.loads(path.read_text(encoding="utf8"))
        shown = site.prepare_notebook(path, notebook, content)["cells"]
        folds = [c["source"] for c in shown if "numbers of this figure" in c["source"]]
        assert len(folds) == len({figure["code"] for figure in its})
        assert all(len(re.findall(r"\d\.\d", text)) > 3 for text in folds)
    with pytest.raises(ValueError, match="no figure of lesson 08"):
        site_pages.add_figure_data([], "08", content)


def test_times_of_the_live_pages_are_medians_of_five_runs():
    measured = json.loads((ROOT / "site" / "live" / "measured.json").read_text(encoding="utf8"))
    demos = {name: each for name, each in measured.items() if isinstance(each, dict)}
    for facts in demos.values():
        for key, runs in facts["runs"].items():
            assert len(runs) == 5 and facts[key] == statistics.median(runs)
    pages = "".join(path.read_text("utf8") for path in ROOT.glob("site/live/*.md"))
    assert set(re.findall(r"<!--= measured (\w+)\.", pages)) == set(demos)
    assert re.findall(r"\d (?:s|ms)\b", pages) == []  # none is written by hand


def test_outputs_lose_what_they_quote(tmp_path):
    texts = ["Nobody who saw it will ever want to see it again.", "A feast!", "A very slow feast."]
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf8")
    quotations = site_quotes.read_quotations(tmp_path / "texts.json")
    shown = "0.1: nobody  who saw it\nwill ever want ...\n0.2: A very slow feast.\n0.3: a feast!\n"
    cells = [{"outputs": [{"text": [shown]}, {"data": {"text/plain": texts[0], "image/png": "x"}}]}]
    site_quotes.hide_in_notebook({"cells": cells}, quotations)
    note = f"\n\n{site_quotes.NOTE}\n"
    assert cells[0]["outputs"][0]["text"] == f"0.1: […]\n[…]\n0.2: […]\n0.3: a feast!{note}"
    assert cells[0]["outputs"][1]["data"] == {"text/plain": f"[…]{note}", "image/png": "x"}
    for text in ("Nobody who saw it will ever\n", "A very slow feast.\n", "", "0.5\n"):
        assert site_quotes.hide_quotations(text, quotations) == text


def test_the_reference_lists_every_public_function(tmp_path):
    site_reference.write_reference(tmp_path)
    assert "utils.metrics" in (tmp_path / "index.md").read_text(encoding="utf8")
    for path in (ROOT / "utils").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf8"))
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if "checks" in module or path.name in ("__init__.py", "__main__.py"):
            continue
        text = (tmp_path / f"{module}.md").read_text(encoding="utf8")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                assert f"## {node.name}\n" in text
    text = (tmp_path / "utils.results.md").read_text(encoding="utf8")
    assert "- `metric`: what `value` measures" in text
    assert "```python\n>>> round(compute_floor([0.80, 0.82, 0.81], trivial=0.5), 2)\n0.78\n" in text
