"""Every notebook of the course keeps to the rules of `tools.notebook_rules`."""

import ast

import pytest

from tools.notebook_rules import list_course_problems, list_problems, list_void_claims
from tools.sync import ROOT, list_notebooks

NOTEBOOKS = list_notebooks()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_notebook_keeps_to_the_rules(path):
    assert not list_problems(path)


def test_notebooks_fit_together():
    assert NOTEBOOKS and not list_course_problems(NOTEBOOKS)


def test_no_test_asserts_what_is_never_false():
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert not list(list_void_claims(ast.parse(path.read_text(encoding="utf8")))), path
