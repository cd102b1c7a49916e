"""Every rule of `tools.notebook_rules` finds a bad example; the course itself is the good one."""

import pytest
from nbformat import from_dict, v4

from tools import notebook_rules as rules
from tools.sync import list_notebooks

LESSON = list_notebooks()[1]
CHECKER = "print('Correct' if answer else 'Not done yet: say what a mask is for')"
HINT = "Not yet: a mask hides something. Look at section 1 again.\n"
PICTURE = v4.new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<>"})
TABLE = v4.new_output("display_data", data={"text/markdown": "[x](missing.ipynb)"})
STDERR = v4.new_output("stream", name="stderr", text="Could not find cuda\n")
ERROR = v4.new_output("error", ename="ValueError", evalue="x", traceback=["x"])
HOME, TEMPORARY, DRIVE = "/".join(["", "home", "ann"]), "/".join(["", "tmp"]), "C:" + r"\data"
HOST, PRIVATE = ".".join(["gpu-3", "internal"]), ".".join(["192", "168", "0", "7"])
BUILD = "def add(x, y=1):\n    return x + y"


def words(source):
    return v4.new_markdown_cell(source)


def code(source, *outputs, tag="", **more):
    """A code cell; a text among its outputs is what it printed."""
    shown = [v4.new_output("stream", text=o) if isinstance(o, str) else o for o in outputs]
    return v4.new_code_cell(source, outputs=shown, metadata={"tags": [tag] * bool(tag)}, **more)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (code("x", STDERR), "writes to stderr"),
        (code("x", ERROR), "stores an error"),
        (code("x", "UserWarning: x\n"), "shows a warning"),
        (code("x", f"saved {HOME}/model\n"), f"local path or host {HOME}/model"),
        (code(f"x = '{TEMPORARY}/model'"), f"local path or host {TEMPORARY}/model"),
        (code(f"x = r'{DRIVE}'"), f"local path or host {DRIVE}"),
        (words(f"Run on {HOST}"), f"local path or host {HOST}"),
        (words(f"Run on {PRIVATE}"), f"local path or host {PRIVATE}"),
        (code("x = 1\n" * 31), "31 lines, at most 30"),
        (code("!pip list"), "not plain Python"),
        (code("%matplotlib inline"), "not plain Python"),
        (code("import warnings\nwarnings.filterwarnings('ignore')"), "filters warnings"),
        (code("assert pytest.approx(x, 1)"), "`assert pytest.approx(x, 1)` is never false"),
        (code("assert (x, 'sum')"), "is never false"),
        (code("assert (x for x in y)"), "is never false"),
        (code("assert x == approx(1)"), None),
        (code("x", tag="nbval-ignore-output"), "without a 'reason'"),
        (code("x", tag="nbval-skip"), "only nbval-ignore-output is allowed"),
        (code("x  # NBVAL_SKIP"), "only nbval-ignore-output is allowed"),
        (code("x", PICTURE), "a figure without 'alt'"),
        (words("![](../README.md)"), "a picture without alt text"),
        (words("[x](gone.md)"), "the link gone.md leads to no file"),
        (words("[x](#3.-Gone)"), f"leads to no heading of {LESSON.name}"),
        (words("[x](../README.md#gone)"), "leads to no heading of README.md"),
        (words("[x](../../../)"), "leads to no file of the repository"),
        (words("[x]: gone.md"), "the link gone.md leads to no file"),
        (words("<img src='gone.png'>"), "the link gone.png leads to no file"),
        (code("x", TABLE), "the link missing.ipynb leads to no file"),
        (words("`[x](gone)` [y](https://example.org/gone) [z](../README.md#start)"), None),
    ],
)
def test_a_bad_cell_and_its_code_are_found(cell, said):
    found = rules.list_cell_problems(cell, LESSON)
    assert len(found) == (said is not None) and (said or "") in "".join(found)


CELLS = [
    code("import sys", "1", tag="bootstrap", execution_count=1),
    code("x = 0.5", "0.815", tag="nbval-ignore-output", execution_count=2),
    code("assert x", execution_count=3),
    words("## 1. Weights 0.77\n\nOf them 81.5 % help, <!--= 01 value -->0.99<!--/-->: 0.50 as in"),
    words("section 4.2 $p = 0.05$, `0.07`, [a 7.1](b)\n\n```\n0.77\n```\n\n**References**\n\n0.77"),
]


@pytest.mark.parametrize(
    ("index", "cell", "said"),
    [
        (2, CELLS[2] | {"execution_count": None}, "not run from top to bottom"),
        (2, CELLS[2] | {"execution_count": 4}, "not run from top to bottom"),
        (0, CELLS[0] | {"metadata": {}}, "the first code cell, and no other"),
        (1, CELLS[0] | {"execution_count": 2}, "the first code cell, and no other"),
        (2, code("print(x)", execution_count=3), "no assert follows the last cell with nbval"),
        (4, words("It reaches 0.83."), "0.83 stands in no output"),
        (4, words("It reaches 83 %."), "83 % stands in no output"),
        (4, words("") | {"id": "a b"}, "not a valid notebook"),
        (4, words("") | {"colour": "red"}, "not a valid notebook"),
        (4, words("") | {"id": CELLS[0].id}, "not a valid notebook"),
        (4, CELLS[4], None),
    ],
)
def test_cells_that_are_bad_together_are_found(index, cell, said):
    cells = [*CELLS[:index], from_dict(cell), *CELLS[index + 1 :]]
    found = rules.list_notebook_problems(cells)
    assert bool(found) == (said is not None) and (said or "") in "".join(found)


def test_outputs_that_were_cleared_are_missed():
    cells = [from_dict(cell | {"outputs": []}) for cell in CELLS[:3]]
    assert "no cell holds an output" in "".join(rules.list_notebook_problems(cells))


STUB = [code("answer = None", tag="exercise-m"), code(CHECKER, "Not done yet\n", tag="check-m")]
SOLVED = [code("answer = 'pad'", tag="solution-m"), code(CHECKER, "Correct\n", tag="check-m")]
WRONG = [code("answer = 'x'", tag="wrong-m"), code(CHECKER, HINT, tag="check-m")]


@pytest.mark.parametrize(
    ("lesson", "solutions", "said"),
    [
        (STUB, SOLVED + WRONG, None),
        (STUB, [], "no cell is tagged solution-m"),
        (STUB, SOLVED, "no cell is tagged wrong-m"),
        ([], SOLVED, "or exercise-m"),
        (STUB[:1], SOLVED + WRONG, "exercise-m: the next code cell is not the checker"),
        ([STUB[0], SOLVED[1]], SOLVED + WRONG, "exercise-m: the checker does not print 'Not do"),
        (STUB, [SOLVED[0], WRONG[1], *WRONG], "solution-m: the checker does not print 'Correct'"),
        (STUB, [*SOLVED, WRONG[0], SOLVED[1]], "wrong-m: the checker does not print 'Not yet'"),
        (STUB, [*SOLVED, WRONG[0], code(CHECKER, "Not yet", tag="check-m")], "gives no hint"),
        (STUB, [SOLVED[0], code("", "Correct", tag="check-m"), *WRONG], "solution-m: the next"),
    ],
)
def test_exercises_checkers_and_solutions_belong_together(lesson, solutions, said):
    found = list(rules.list_exercise_problems(lesson, solutions))
    assert bool(found) == (said is not None) and (said or "") in "\n".join(found)


def test_a_definition_is_built_once():
    stub, again = code(BUILD, tag="exercise-m"), code("class add:\n    pass")
    assert not list(rules.list_second_definitions({"01": [code(BUILD), code(BUILD)], "02": [stub]}))
    problems = list(rules.list_second_definitions({"01": [code(BUILD)], "02": [again]}))
    assert problems == ["02: add is built in 01: import it from utils"]


def test_links_of_markdown_files(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# One, two\n\n[a](#one-two) [b](gone.md) [c](#e)", encoding="utf8")
    assert rules.list_link_problems(path, tmp_path) == [
        "README.md: the link gone.md leads to no file of the repository",
        "README.md: the link #e leads to no heading of README.md",
    ]
