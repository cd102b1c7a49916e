"""Every notebook of the course keeps to the rules of `tools.notebook_rules`."""

import pytest

from tools.notebook_rules import list_course_problems, list_problems
from tools.sync import list_notebooks

NOTEBOOKS = list_notebooks()


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_notebook_keeps_to_the_rules(path):
    problems = list_problems(path)
    assert not problems, "\n".join(problems)


def test_notebooks_fit_together():
    problems = list_course_problems(NOTEBOOKS)
    assert not problems, "\n".join(problems)
