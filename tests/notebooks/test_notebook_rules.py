"""Every rule of `tools.notebook_rules` lets a good notebook pass and finds one bad example."""

import copy

import nbformat
import pytest
from nbformat import v4

from tools import notebook_rules as rules
from tools import sync

TITLE = """\
# 01 · Tiny model

{badge}

Three weights beat none.

**Time** one second<br>
**Memory** 1 GB<br>
**Needs** nothing<br>
**Data** none

You will be able to

- count;
- add;
- stop."""
ADDRESS = "https://github.com/ann/nlp"
CHECKER = "print('Correct' if answer else 'Not done yet: say what a mask is for')"
HINT = "Not yet: a mask hides something. Look at section 1 again.\n"
HOME, TEMPORARY, DRIVE = "/".join(["", "home", "ann"]), "/".join(["", "tmp"]), "C:" + r"\data"
PNG = "iVBORw0KGgo="


PROJECT = f"""\
[project]
version = "1"
[project.urls]
Repository = "{ADDRESS}"
"""


def markdown(source):
    return v4.new_markdown_cell(source)


def code(source, *outputs, tags=(), **metadata):
    shown = [
        v4.new_output("stream", name="stdout", text=o) if isinstance(o, str) else o for o in outputs
    ]
    return v4.new_code_cell(source, outputs=shown, metadata={"tags": list(tags), **metadata})


def picture():
    return v4.new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure>"})


def make_title(folder):
    link = f"https://colab.research.google.com/github/ann/nlp/blob/main/{folder}/01_tiny.ipynb"
    return TITLE.format(badge=f"[![Open in Colab]({sync.BADGE_IMAGE})]({link})")


def make_good():
    """Return the cells of a notebook that keeps to every rule, by name."""
    return {
        "title": markdown(make_title("notebooks")),
        "bootstrap": code(sync.make_bootstrap(ADDRESS), tags=["bootstrap"]),
        "setup heading": markdown("## Setup"),
        "setup": code("import matplotlib.pyplot as plt\nimport numpy as np"),
        "settings heading": markdown("## Settings"),
        "settings": code("NUM_WEIGHTS = 3  # how many"),
        "section": markdown(
            "## 1. Weights\n\nOf them 81.5 % help, against <!--= 01 value -->0.99<!--/-->: see\n"
            "[section 2](#2.-More) and the [guide](../GUIDE.md#first-steps), $p = 0.05$, `0.07`."
        ),
        "train": code(
            "weights = np.ones(NUM_WEIGHTS)\nprint(f'{np.mean(weights):.3f}')",
            "0.815\n",
            tags=["nbval-ignore-output"],
            reason="trained numbers differ between machines",
        ),
        "assert": code("assert len(weights) == 3"),
        "section 2": markdown("## 2. More\n\n### A figure"),
        "figure": code(
            "# shape (B, T)\nplt.plot(weights)\nplt.show()",
            picture(),
            alt="Line of three equal weights, all at one",
        ),
        "errors": markdown("## Look at the errors"),
        "check heading": markdown("## Check"),
        "check": code("assert weights.sum() > 2"),
        "exercises": markdown("## Exercises\n\n[Solutions](solutions/01_tiny.ipynb)"),
        "stub": code("answer = None", tags=["exercise-mask"]),
        "checker": code(CHECKER, "Not done yet: say what a mask is for\n", tags=["check-mask"]),
        "summary": markdown("## Summary\n\n### References\n\nA. Author, arXiv 1706.03762"),
    }


def make_solutions():
    """Return the cells of its solutions, by name."""
    return {
        "title": markdown(make_title("notebooks/solutions").split("\n\nThree")[0]),
        "bootstrap": code(sync.make_bootstrap(ADDRESS), tags=["bootstrap"]),
        "setup heading": markdown("## Setup"),
        "setup": code("import numpy as np"),
        "exercises": markdown("## Exercises"),
        "solution": code("answer = 'padding'", tags=["solution-mask"]),
        "checker": code(CHECKER, "Correct\n", tags=["check-mask"]),
        "wrong": code("answer = 'nothing'", tags=["wrong-mask"]),
        "second checker": code(CHECKER, HINT, tags=["check-mask"]),
    }


def write(root, cells, name="01_tiny", **changes):
    """Write cells as a notebook, numbered as if run from top to bottom."""
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = v4.new_notebook()
    notebook.cells = copy.deepcopy(list(cells.values()))
    runs = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(runs, 1):
        cell.execution_count = count
    notebook.update(changes)
    path.write_text(nbformat.v4.writes(notebook), encoding="utf8")
    return path


@pytest.fixture
def root(tmp_path):
    """A course folder with what the good notebook links to."""
    (tmp_path / "utils").mkdir()
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf8")
    (tmp_path / "GUIDE.md").write_text("# Guide\n\n## First steps\n", encoding="utf8")
    write(tmp_path, make_solutions(), "solutions/01_tiny")
    return tmp_path


def find_one(problems, text, where=""):
    """Assert that one of the problems says `text` about the cell `where`."""
    assert any(text in problem and where in problem for problem in problems), problems


def test_good_notebooks_pass(root):
    path = write(root, make_good())
    solutions = root / "notebooks" / "solutions" / "01_tiny.ipynb"
    assert rules.list_problems(path) == []
    assert rules.list_problems(solutions) == []
    assert rules.list_course_problems([path, solutions]) == []


def test_quiz_may_be_there(root):
    cells = make_good()
    summary = cells.pop("summary")
    path = write(root, cells | {"quiz": markdown("## Quiz"), "summary": summary})
    assert rules.list_problems(path) == []


def test_notebook_00_is_exempt_from_the_order_of_sections(root):
    cells = make_good()
    cells["title"] = markdown(cells["title"].source.replace("01", "00"))
    cells["errors"] = markdown("## What is where")
    del cells["exercises"], cells["stub"], cells["checker"]
    assert rules.list_problems(write(root, cells, "00_tiny")) == []


# One bad example per rule: the cell to replace, what it becomes, what is said about it.

STDERR = v4.new_output("stream", name="stderr", text="Could not find cuda\n")
ERROR = v4.new_output("error", ename="ValueError", evalue="x", traceback=["x"])
TABLE = v4.new_output("display_data", data={"text/markdown": "[x](missing.ipynb)"})
LONG = "\n".join(f"x = {number}" for number in range(31))
BAD_CELLS = [
    ("settings", code("x = 1", STDERR), "writes to stderr: Could not find cuda"),
    ("settings", code("x = 1", ERROR), "stores the error ValueError"),
    ("settings", code("x = 1", f"saved {HOME}/model\n"), f"local path {HOME}/model"),
    ("settings", code(f"x = '{TEMPORARY}/model'"), f"local path {TEMPORARY}/model"),
    ("settings", code(f"x = r'{DRIVE}'"), f"local path {DRIVE}"),
    ("section", markdown(f"## 1. Weights\n\nSee {HOME}/notes"), f"local path {HOME}/notes"),
    ("settings", code("x = 1", "x" * 200_001), "characters of output, at most 200,000"),
    ("settings", code(""), "an empty code cell"),
    ("section", markdown("## 1. Weights\n\n#### Deep"), "'Deep' jumps from level 2 to 4"),
    ("section", markdown("# Weights\n\n## 1. Weights"), "'Weights' is a second H1"),
    ("section", markdown("## 2. Weights"), "do not count from 1"),
    ("errors", markdown("Errors"), "the template wants"),
    ("check", code("print(weights)", "1"), "the section 'Check' asserts nothing"),
    ("train", code("x = 1", "1", tags=["nbval-ignore-output"]), "without a 'reason'"),
    ("train", code("x = 1", tags=["nbval-skip"]), "only nbval-ignore-output is allowed"),
    ("train", code("x = 1  # NBVAL_SKIP"), "only nbval-ignore-output is allowed"),
    ("figure", code("plt.show()", picture(), alt="A line"), "a figure without 'alt'"),
    ("figure", code("x = 1", picture(), alt="x" * 20), "does not end in plt.show()"),
    ("section", markdown("## 1. Weights\n\n![](../GUIDE.md)"), "a picture without alt text"),
    ("settings", code(LONG), "31 lines, at most 30"),
    ("settings", code("!pip list"), "not plain Python"),
    ("settings", code("%matplotlib inline"), "not plain Python"),
    ("settings", code("x = 1;"), "a semicolon"),
    ("setup", code("from numpy import *"), "from numpy import *"),
    ("setup", code("import warnings\nwarnings.filterwarnings('ignore')"), "filters warnings"),
    ("settings", code("# x = 2\nx = 1"), "commented-out code: # x = 2"),
    ("settings", code("x = 1\n# print(x)"), "commented-out code: # print(x)"),
    ("settings", code("import os"), "imports stand under 'Setup'"),
    ("section", markdown("## 1. Weights\n\nSimply add."), "the word 'Simply'"),
    ("section", markdown("## 1. Weights\n\nIt reaches 0.83."), "0.83 stands in no output"),
    ("section", markdown("## 1. Weights\n\nIt reaches 83 %."), "83 % stands in no output"),
    ("section", markdown("## 1. Weights\n\n[x](gone.md)"), "the link gone.md leads to no file"),
    ("section", markdown("## 1. Weights\n\n[x](#3.-Gone)"), "leads to no heading of 01_tiny.ipynb"),
    ("section", markdown("## 1. Weights\n\n[x](../GUIDE.md#gone)"), "no heading of GUIDE.md"),
    ("section", markdown("## 1. Weights\n\n[x](../../../)"), "leads to no file of the repository"),
    ("section", markdown("## 1. Weights\n\n[x]: gone.md"), "the link gone.md leads to no file"),
    ("section", markdown("## 1. Weights\n\n<img src='gone.png'>"), "the link gone.png"),
    ("settings", code("x = 1", TABLE), "the link missing.ipynb leads to no file"),
    ("bootstrap", code("import os", tags=["bootstrap"]), "differs from the generated first cell"),
    ("checker", code(CHECKER, "Correct\n", tags=["check-mask"]), "does not print 'Not done yet'"),
    ("checker", code(CHECKER, "Not done yet\n"), "the next code cell is not its checker"),
    ("stub", code("answer = None"), "a checker without its exercise before it"),
]


@pytest.mark.parametrize(("name", "cell", "said"), BAD_CELLS, ids=[bad[2] for bad in BAD_CELLS])
def test_bad_cells_are_found_and_named(root, name, cell, said):
    path = write(root, make_good() | {name: cell})
    problems = rules.list_problems(path)
    find_one(problems, said)
    assert all(problem.startswith("01_tiny.ipynb: ") for problem in problems)


@pytest.mark.parametrize(
    ("name", "cell", "where"),
    [
        ("settings", code("x = 1;"), "cell 6 (x = 1;)"),
        ("section", markdown("## 1. Weights\n\nSimply add."), "cell 7 (## 1. Weights)"),
        ("stub", code("answer = 1", tags=["exercise-other"]), "cell 16 (answer = 1)"),
    ],
)
def test_messages_name_the_cell(root, name, cell, where):
    find_one(rules.list_problems(write(root, make_good() | {name: cell})), where)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# 01 ·", "# 02 ·", "the title does not read '# 01 · Name'"),
        ("Three weights beat none.", "", "no sentence that claims something"),
        ("Open in Colab", "Open", "not the Colab badge"),
        ("01_tiny.ipynb)", "02_tiny.ipynb)", "not the Colab badge '[![Open in Colab]("),
        ("**Time**", "Time", "no line begins with **Time**"),
        ("**Memory**", "Memory", "no line begins with **Memory**"),
        ("**Needs**", "Needs", "no line begins with **Needs**"),
        ("**Data**", "Data", "no line begins with **Data**"),
        ("- add;\n", "", "has 2 bullets, 3 to 5 are wanted"),
        ("- add;\n", "- add;\n- a\n- b\n- c\n", "has 6 bullets, 3 to 5 are wanted"),
    ],
)
def test_title_cell(root, old, new, said):
    cells = make_good()
    cells["title"].source = cells["title"].source.replace(old, new)
    find_one(rules.list_problems(write(root, cells)), said, "cell 1")


def test_without_an_address_there_is_no_badge(root):
    sync.set_address("none", root)
    cells = make_good() | {"bootstrap": code(sync.make_bootstrap(""), tags=["bootstrap"])}
    find_one(rules.list_problems(write(root, cells)), "not the Colab badge '(there is no address)'")
    cells["title"].source = sync.BADGE.sub("", cells["title"].source)
    assert rules.list_problems(write(root, cells)) == []


def test_title_comes_first(root):
    cells = {"early": code("x = 1")} | make_good()
    problems = rules.list_problems(write(root, cells))
    find_one(problems, "the first cell is not the title")
    find_one(problems, "the first code cell, and no other, carries the tag 'bootstrap'")


def test_order_of_sections(root):
    cells = make_good()
    cells["check heading"], cells["errors"] = cells["errors"], cells["check heading"]
    find_one(rules.list_problems(write(root, cells)), "the template wants")


def test_only_one_bootstrap(root):
    cells = make_good() | {"settings": code("x = 1", tags=["bootstrap"])}
    find_one(rules.list_problems(write(root, cells)), "the first code cell, and no other")


def test_old_format_and_ids(root):
    path = write(root, make_good(), nbformat_minor=4)
    find_one(rules.list_problems(path), "older than 4.5")
    cells = make_good()
    cells["summary"]["id"] = cells["check"]["id"]
    find_one(rules.list_problems(write(root, cells)), "an id of its own")
    cells = make_good()
    cells["summary"]["colour"] = "red"
    find_one(rules.list_problems(write(root, cells)), "not a valid notebook")


def test_run_in_another_order_or_not_at_all(root):
    path = write(root, make_good())
    text = path.read_text(encoding="utf8")
    path.write_text(text.replace('"execution_count": 3,', '"execution_count": 9,'), encoding="utf8")
    find_one(rules.list_problems(path), "not run from top to bottom")
    cells = make_good()
    for cell in cells.values():
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell["outputs"] = []
    find_one(rules.list_problems(write(root, cells)), "no cell holds an output")


def test_stored_error_is_allowed_where_it_is_the_point(root):
    cells = make_good() | {"settings": code("1 / 0", ERROR, tags=["raises-exception"])}
    assert rules.list_problems(write(root, cells)) == []


def test_large_file(root):
    outputs = ["x" * 190_000] * 11
    cells = make_good() | {str(n): code("x = 1", text) for n, text in enumerate(outputs)}
    find_one(rules.list_problems(write(root, cells)), "bytes, at most 2,000,000")


def test_ignored_cells_need_an_assert_after_them(root):
    late = code("x = 2", "2", tags=["nbval-ignore-output"], reason="differs between machines")
    path = write(root, make_good() | {"late": late})
    find_one(rules.list_problems(path), "no assert follows in its section", "cell 19 (x = 2)")
    path = write(root, make_good() | {"late": late, "later": code("assert x")})
    assert not any("no assert follows" in problem for problem in rules.list_problems(path))
    cells = make_good()
    cells["assert"] = code("weights.sum()")
    assert rules.list_problems(write(root, cells)) == []  # the one in Check follows


def test_at_most_half_is_ignored(root):
    cells = make_good()
    for name in ("setup", "settings", "assert", "figure"):
        cells[name].metadata.update(tags=["nbval-ignore-output"], reason="differs everywhere")
    find_one(rules.list_problems(write(root, cells)), "5 of 9 code cells are not compared")


@pytest.mark.parametrize(
    "comment",
    ["(B, T, D)", "shape (B, T)", "hidden state", "note: padding comes last", "x", "why not 3"],
)
def test_comments_in_words_and_shapes_are_no_code(comment):
    assert not rules.is_code(comment)


@pytest.mark.parametrize("statement", ["x = 1", "print(x)", "import os", "return", "x: int = 3"])
def test_statements_are_code(statement):
    assert rules.is_code(statement)


@pytest.mark.parametrize(
    "prose",
    [
        "Keras 3.15 and version 2.21",
        "Python 3.11, 3.12 or 3.13",
        "as in section 4.2, equation 3.1",
        "at 10.30.1",
        "[paper 1.7](https://example.org/1.7)",
        "$$x = 0.77$$",
        "```\n0.77\n```",
        "## 0.77",
        "it was 2017, with 10,070 rows",
        "<!--= 01 value .3f -->0.771<!--/-->",
        "0.50 equals 0.5, as does 50 %",
        "**References**\n\nA 0.77",
    ],
)
def test_numbers_that_are_no_quoted_result(root, prose):
    cells = make_good() | {"settings": code("x = 0.5")}
    cells["settings heading"].source += f"\n\n{prose}"
    page = rules.Page.read(write(root, cells))
    assert list(rules.check_numbers(page)) == []


def test_links_that_lead_somewhere(root):
    own = f"[a]({ADDRESS}/blob/main/GUIDE.md) [b]({ADDRESS}/blob/main/gone.md)"
    links = "[c](01_tiny.ipynb#A-figure) `[d](gone)` [e](https://example.org/gone)"
    cells = make_good()
    cells["settings heading"].source += f"\n\n{own} {links}"
    problems = rules.list_problems(write(root, cells))
    assert len(problems) == 1
    find_one(problems, "/blob/main/gone.md leads to no file")


def test_links_of_markdown_files(root):
    write(root, make_good())
    path = root / "README.md"
    path.write_text(
        "[a](GUIDE.md#first-steps) [b](notebooks/01_tiny.ipynb#2.-More) [c](gone.md) [d](#gone)",
        encoding="utf8",
    )
    problems = rules.list_link_problems(path, root)
    assert problems == [
        "README.md: the link gone.md leads to no file of the repository",
        "README.md: the link #gone leads to no heading of README.md",
    ]


BUILD = (
    'def add(x: int, y: int = 1) -> int:\n    """Add."""\n    total: int = x + y\n    return total'
)


@pytest.mark.parametrize(
    ("twin", "said"),
    [
        (
            'def add(x, y=1):\n    """Built in 01."""\n    total = x + y\n    return total',
            "",
        ),
        (
            "def add(x, y=2):\n    total = x + y\n    return total",
            "add differs from the one in utils",
        ),
        (
            "def add(x, y=1):\n    total = y + x\n    return total",
            "add differs from the one in utils",
        ),
        ("def subtract(x, y=1):\n    return x - y", ""),
    ],
)
def test_definitions_equal_their_twins(root, twin, said):
    path = write(root, make_good() | {"settings": code(BUILD)})
    (root / "utils" / "layers.py").write_text(twin, encoding="utf8")
    problems = list(rules.list_definition_problems([rules.Page.read(path)]))
    if said:
        find_one(problems, said, "01_tiny.ipynb")
    else:
        assert problems == []


def test_definitions_are_built_once(root):
    first = write(root, make_good() | {"settings": code(BUILD)})
    second = write(root, make_good() | {"settings": code("class add:\n    pass")}, "02_next")
    problems = rules.list_course_problems([first, second])
    find_one(problems, "add is built in 01_tiny.ipynb: import it from utils", "02_next.ipynb")
    stub = code(BUILD, tags=["exercise-mask"])
    second = write(root, make_good() | {"stub": stub}, "02_next")
    pages = [rules.Page.read(path) for path in (first, second)]
    assert list(rules.list_definition_problems(pages)) == []


OTHER = CHECKER.replace("what", "why")
BAD_SOLUTIONS = [
    ("solution", code("answer = 1"), "no cell is tagged 'solution-mask'"),
    ("wrong", code("answer = 0"), "no cell is tagged 'wrong-mask'"),
    ("checker", code(OTHER, "Correct\n", tags=["check-mask"]), "not followed by the checker"),
    ("checker", code(CHECKER, "Not yet\n", tags=["check-mask"]), "does not print 'Correct'"),
    ("second checker", code(CHECKER, "Correct\n", tags=["check-mask"]), "not print 'Not yet'"),
    ("second checker", code(CHECKER, "Not yet\n", tags=["check-mask"]), "gives no hint"),
    ("solution", code("a = 1", tags=["solution-other"]), "has no exercise 'other'"),
    ("extra", code("fit()"), "neither setup nor part of an exercise"),
]


@pytest.mark.parametrize(("name", "cell", "said"), BAD_SOLUTIONS)
def test_solutions(root, name, cell, said):
    path = write(root, make_good())
    solutions = write(root, make_solutions() | {name: cell}, "solutions/01_tiny")
    find_one(rules.list_course_problems([path, solutions]), said, "01_tiny.ipynb: solutions")


def test_solutions_and_notebooks_come_in_pairs(root):
    path = write(root, make_good())
    solutions = root / "notebooks" / "solutions" / "01_tiny.ipynb"
    find_one(rules.list_course_problems([path]), "no notebook of this name in solutions/")
    find_one(rules.list_course_problems([solutions]), "there is no such notebook")


def test_a_notebook_has_an_exercise_with_a_name_of_its_own(root):
    cells = make_good()
    del cells["stub"], cells["checker"]
    find_one(rules.list_problems(write(root, cells)), "there is no exercise")
    cells = make_good()
    summary = cells.pop("summary")
    cells |= {"stub 2": cells["stub"], "checker 2": cells["checker"], "summary": summary}
    find_one(rules.list_problems(write(root, cells)), "two exercises have the same name")
