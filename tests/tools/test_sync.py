"""Everything that is derived agrees with its source, and staleness is noticed."""

import json
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.sync import (
    BADGE,
    ROOT,
    SyncError,
    list_notebooks,
    load_project,
    main,
    make_bootstrap,
    set_address,
    sync,
)

ADDRESS = "https://github.com/ann/nlp"
RESULT = {
    "notebook": "01",
    "model": "LSTM",
    "dataset": "reviews",
    "metric": "test accuracy",
    "value": 0.81549,
    "std": 0.0071,
    "floor": 0.8,
    "baseline": 0.7,
    "baseline_name": "word counts",
    "better": "higher",
    "runs": "5 folds",
    "seconds": 90.0,
    "cpu_seconds": 1234.5,
    "peak_memory_gb": 1.25,
    "versions": {"keras": "3.15.1"},
    "interval": [0.79, 0.83],
}
REGISTRY = """
[reviews]
tier = "package"
title = "Reviews | with labels"
rows = 10605
licence = "MIT"
source = "reviews 1.0"
citation = "Nobody 2020"
used_by = ["01", "02"]
wheel = { project = "reviews", version = "1.0", sha256 = "ab12", bytes = 31990481 }
files = [{ name = "reviews.csv", sha256 = "cd34", bytes = 565697 }]
"""
CARDS = """
group: A
title: Reviews
cards:
  - id: A01
    question: What is a review?
    answer: A judgement.
    why: It sells.
    mistake: To trust it.
    demo: {notebook: "01", section: 1. Reading}
    reference: {authors: Nobody, year: 2020, title: Reviews, verified: false}
    quiz:
      question: Who writes reviews?
      options:
        - {text: people, why: They do., correct: true}
        - {text: trees, why: They cannot.}
        - {text: stones, why: They are silent.}
        - {text: clouds, why: They pass by.}
    difficulty: 1
    tags: [review]
"""
README = """# A course

Accuracy <!--= 01 value .3f -->?<!--/--> with Keras <!--= 01 versions.keras -->?<!--/-->.
As code: `<!--= NO such .3f -->?<!--/-->`.

<!--= table notebooks --><!--/-->

<!--= table results --><!--/-->
"""


def write_notebook(path, *, title="# 01 · Reviews\n\nThey can be told apart."):
    code = new_code_cell("1 + 1", execution_count=2)
    code.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=2)]
    first = new_code_cell("", metadata={"tags": ["bootstrap"]}, execution_count=1)
    words = new_markdown_cell("It reaches <!--= 01 value .1% -->?<!--/-->.")
    nbformat.write(new_notebook(cells=[new_markdown_cell(title), first, words, code]), path)


@pytest.fixture
def repository(tmp_path):
    for name in ("pyproject.toml", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path / name)
    set_address(ADDRESS, tmp_path)
    (tmp_path / "data" / "results").mkdir(parents=True)
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    (tmp_path / "data" / "registry.toml").write_text(REGISTRY)
    (tmp_path / "data" / "README.md").write_text("<!--= table data --><!--/-->\n")
    (tmp_path / "README.md").write_text(README)
    write_result(tmp_path)
    write_notebook(tmp_path / "notebooks" / "01_reviews.ipynb")
    write_notebook(tmp_path / "notebooks" / "solutions" / "01_reviews.ipynb")
    return tmp_path


def write_result(repository, **changes):
    text = json.dumps(RESULT | changes)
    (repository / "data" / "results" / "01.json").write_text(text, encoding="utf8")


def read(repository, name="README.md"):
    return (repository / name).read_text(encoding="utf8")


def read_all(repository):
    return {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}


def change(repository, old, new, name="README.md"):
    text = read(repository, name)
    assert old in text
    (repository / name).write_text(text.replace(old, new), encoding="utf8")


def test_this_repository_is_in_step():
    assert sync(write=False) == [], "run `make sync`"


def test_everything_is_filled(repository):
    sync(repository)
    text = read(repository)
    assert "Accuracy <!--= 01 value .3f -->0.815<!--/--> with Keras" in text
    assert "-->3.15.1<!--/-->." in text
    assert "`<!--= NO such .3f -->?<!--/-->`" in text
    assert "| [01](notebooks/01_reviews.ipynb) | reviews | LSTM | test accuracy " in text
    assert "| 0.815 ± 0.007 | ≥ 0.800 | 0.700 (word counts) | 5 folds | 1,234 |" in text
    assert "| [01 · Reviews](notebooks/01_reviews.ipynb) | reviews | test accuracy 0.815" in text
    assert "| 1.5 | 1.2 GB | [![Open in Colab](" in text
    assert "\n\n| Notebook |" in text and "|\n\n<!--/-->" in text  # or Markdown sees no table
    table = read(repository, "data/README.md")
    assert r"| `reviews` | Reviews \| with labels | package | 10,605 |" in table
    assert "| 0.6 MB, downloads 32 MB | MIT | [01](../notebooks/01_reviews.ipynb), 02 |" in table


def test_notebook_is_filled_and_keeps_its_outputs(repository):
    sync(repository)
    for path in list_notebooks(repository):
        notebook = nbformat.read(path, as_version=4)
        title, first, words, code = notebook.cells
        place = path.relative_to(repository).as_posix()
        assert title.source.startswith("# 01 · Reviews\n\n[![Open in Colab](")
        claim = "They can be told apart."
        assert title.source.endswith(f"/github/ann/nlp/blob/main/{place})\n\n{claim}")
        assert first.source == make_bootstrap(ADDRESS)
        assert first.metadata.tags == ["bootstrap", "hide-input"]
        assert words.source == "It reaches <!--= 01 value .1% -->81.5%<!--/-->."
        assert code.outputs[0].data["text/plain"] == "2"
        assert path.read_bytes().endswith(b"}\n")


def test_a_second_run_changes_nothing(repository):
    assert sync(repository)
    before = read_all(repository)
    assert sync(repository) == []
    assert read_all(repository) == before


def test_check_writes_nothing(repository):
    before = read_all(repository)
    assert "README.md: table results" in sync(repository, write=False)
    assert read_all(repository) == before


def change_number(repository):
    change(repository, "-->0.815<", "-->0.825<")


def change_table(repository):
    change(repository, "≥ 0.800", "≥ 0.700")


def change_ledger(repository):
    write_result(repository, value=0.8249)


def change_bootstrap(repository):
    change(repository, "places = [here, ", "places = [", "notebooks/01_reviews.ipynb")


def show_bootstrap(repository):
    change(repository, "hide-input", "setup", "notebooks/01_reviews.ipynb")


def change_badge(repository):
    change(repository, "main/notebooks/01_", "main/notebooks/00_", "notebooks/01_reviews.ipynb")


def change_version(repository):
    change(repository, "version: ", "version: 9.", "CITATION.cff")


@pytest.mark.parametrize(
    ("edit", "places"),
    [
        (change_number, {"README.md: 01 value .3f"}),
        (change_table, {"README.md: table results"}),
        (change_bootstrap, {"notebooks/01_reviews.ipynb: bootstrap cell"}),
        (show_bootstrap, {"notebooks/01_reviews.ipynb: bootstrap cell"}),
        (change_badge, {"notebooks/01_reviews.ipynb: Colab badge"}),
        (change_version, {"CITATION.cff: version or address"}),
        (
            change_ledger,
            {
                "README.md: 01 value .3f",
                "README.md: table notebooks",
                "README.md: table results",
                "notebooks/01_reviews.ipynb: 01 value .1%",
                "notebooks/solutions/01_reviews.ipynb: 01 value .1%",
            },
        ),
    ],
)
def test_staleness_is_noticed_and_mended(repository, edit, places):
    sync(repository)
    edit(repository)
    assert set(sync(repository, write=False)) == places
    assert set(sync(repository)) == places
    assert sync(repository, write=False) == []


def test_version_reaches_the_citation(repository):
    change(repository, 'version = "', 'version = "9.', "pyproject.toml")
    sync(repository)
    assert "\nversion: 9." in read(repository, "CITATION.cff")


def test_an_address_is_set_in_every_place_and_taken_away(repository):
    assert main(["--address", "none"], root=repository) == 0
    without = read_all(repository)
    assert load_project(repository)[0] == ""
    shown = b"".join(text for path, text in without.items() if path.name != "pyproject.toml")
    for word in (b"Colab", b"github.com", b"repository-code"):
        assert word not in shown

    for place, ending in (("ann/nlp", ".git/"), ("ada-2/a.course", "")):
        address = f"https://github.com/{place}"
        assert main(["--address", address + ending], root=repository) == 0
        assert main(["--check"], root=repository) == 0
        files = {path.relative_to(repository): text for path, text in read_all(repository).items()}
        text = b"".join(files[path] for path in files if path.name != "pyproject.toml").decode()
        link = f"https://colab.research.google.com/github/{place}/blob/main/notebooks/"
        assert text.count(f"{link}01_reviews.ipynb") == 2  # its badge, the README's table
        assert text.count(f"{link}solutions/01_reviews.ipynb") == 1
        assert text.count(f'repository = \\"{address}\\"') == 2
        assert text.count(f"\nrepository-code: {address}\n") == 1
        assert "| Memory | Colab |" in text
    assert "ann/nlp" not in text

    assert main(["--address", "none"], root=repository) == 0
    assert read_all(repository) == without


@pytest.mark.parametrize(
    "address",
    ["", "ann/nlp", "http://github.com/ann/nlp", "https://gitlab.com/ann/nlp", f"{ADDRESS}/tree/x"]
    + ["https://github.com/ann", "https://github.com/../nlp", 'https://github.com/ann/n"lp'],
)
def test_a_bad_address_is_refused(repository, address, capsys):
    before = read_all(repository)
    with pytest.raises(SystemExit):
        main(["--address", address], root=repository)
    said = capsys.readouterr().err
    assert "as in https://github.com/ann/nlp, or none" in said and f"got {address!r}" in said
    assert read_all(repository) == before


@pytest.mark.parametrize(
    ("urls", "reason"),
    [
        ("[tool.urls]", r"needs a line \[project.urls\] to hold .*ada/course"),
        ('[project.urls]\nHomepage = "x"', "overwrite a value"),
    ],
)
def test_an_address_without_a_place_is_refused(repository, urls, reason):
    change(repository, "[project.urls]", urls, "pyproject.toml")
    before = read_all(repository)
    with pytest.raises(ValueError, match=reason):
        set_address("https://github.com/ada/course", repository)
    assert read_all(repository) == before


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ("<!--= 99 value -->?<!--/-->", "no result '99'"),
        ("<!--= 01 values.0 -->?<!--/-->", "no field 'values.0'"),
        ("<!--= 01 interval.5 -->?<!--/-->", "no field 'interval.5'"),
        ("<!--= 01 interval -->?<!--/-->", "several values"),
        ("<!--= 01 model .3f -->?<!--/-->", "format code 'f'"),
        ("<!--= 01 -->?<!--/-->", "RESULT FIELD"),
        ("<!--= table 01 -->?<!--/-->", "no such table"),
        ("<!--= 01 value -->0.815", "not closed"),
    ],
)
def test_error_names_file_and_marker(repository, marker, reason):
    sync(repository)
    (repository / "TEACHING.md").write_text(f"It reaches {marker}.\n")
    with pytest.raises(SyncError) as caught:
        sync(repository)
    assert "TEACHING.md: marker " + marker.removesuffix("?<!--/-->") in str(caught.value)
    assert reason in str(caught.value)
    assert read(repository, "TEACHING.md") == f"It reaches {marker}.\n"


@pytest.mark.parametrize("start", ["", "- ", "> ", "1. ", "words\n"])
def test_a_number_does_not_begin_a_line(repository, start):
    (repository / "TEACHING.md").write_text(start + "<!--= 01 value -->?<!--/--> *words*\n")
    with pytest.raises(SyncError, match="TEACHING.md: marker <!--= 01 value -->: begins a line"):
        sync(repository)


def test_notebook_without_first_cell_is_an_error(repository):
    change(repository, '"bootstrap"', '"setup"', "notebooks/01_reviews.ipynb")
    with pytest.raises(SyncError, match="notebooks/01_reviews.ipynb: no cell has the tag"):
        sync(repository)


def test_result_brings_its_own_table(repository):
    write_result(repository, table=[{"fold": 1, "accuracy": 0.81}, {"fold": 2, "accuracy": 0.9}])
    (repository / "TEACHING.md").write_text("<!--= table 01 --><!--/-->\n")
    sync(repository)
    text = read(repository, "TEACHING.md")
    assert "| fold | accuracy |\n|---|---|\n| 1 | 0.810 |\n| 2 | 0.900 |\n\n<!--/-->" in text


@pytest.fixture
def with_cards(repository):
    folder = repository / "data" / "cards"
    folder.mkdir()
    (folder / "ids.txt").write_text("A01\n")
    (folder / "A.yaml").write_text(CARDS)
    path = repository / "notebooks" / "01_reviews.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += map(
        new_markdown_cell, ["## 1. Reading", "## Quiz\n\n<!--= table quiz 01 --><!--/-->"]
    )
    nbformat.write(notebook, path)
    return repository


def test_cards_fill_the_quiz_and_the_table_of_theory(with_cards):
    (with_cards / "TEACHING.md").write_text("<!--= table theory --><!--/-->\n")
    sync(with_cards)
    quiz = nbformat.read(with_cards / "notebooks" / "01_reviews.ipynb", as_version=4).cells[-1]
    assert "-->\n\n**1 · Who writes reviews?**\n\n- **a** people\n" in quiz.source
    assert "**a is right.** They do." in quiz.source
    assert quiz.source.endswith("\n\n</details>\n\n<!--/-->")
    link = "[01, 1. Reading](notebooks/01_reviews.ipynb#1.-Reading)"
    assert f"| A01 | What is a review? | {link} |" in read(with_cards, "TEACHING.md")
    assert sync(with_cards) == []

    change(with_cards, "They do.", "Who else?", "data/cards/A.yaml")
    assert sync(with_cards, write=False) == ["notebooks/01_reviews.ipynb: table quiz 01"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<!--= table quiz 01", "<!--= table quiz 07", "no card in data/cards is demonstrated in"),
        ("## 1. Reading", "## 1. Writing", "A.yaml, card A01: dead link: 01_reviews.ipynb has"),
    ],
)
def test_a_quiz_that_cannot_be_made_is_an_error(with_cards, old, new, reason):
    change(with_cards, old, new, "notebooks/01_reviews.ipynb")
    with pytest.raises(SyncError, match=f"01_reviews.ipynb: marker <!--= table quiz .*{reason}"):
        sync(with_cards)


def test_other_files_in_the_ledger_have_no_row(repository):
    (repository / "data" / "results" / "curve.json").write_text('{"epochs": [1, 2]}')
    sync(repository)
    assert "curve" not in read(repository)


def test_command_line(repository, capsys):
    assert main(["--check"], root=repository) == 1
    assert "stale  README.md: table results" in capsys.readouterr().out
    assert main([], root=repository) == 0
    assert main(["--check"], root=repository) == 0
    change(repository, "01 value .3f", "77 value .3f")
    assert main(["--check"], root=repository) == 1
    assert "README.md: marker <!--= 77 value .3f -->" in capsys.readouterr().err


def test_the_address_shows_only_once_it_is_set():
    address = load_project()[0]
    pages = [ROOT / "README.md", *list_notebooks()]
    badges = sum(bool(BADGE.search(path.read_text(encoding="utf8"))) for path in pages)
    cited = "repository-code" in (ROOT / "CITATION.cff").read_text(encoding="utf8")
    assert (badges, cited) == ((len(pages), True) if address else (0, False))
