"""Everything that is derived agrees with its source, and staleness is noticed and mended."""

import re
import shutil

import pytest

from tools.sync import ROOT, fill_markers, list_notebooks, load_sources, main, sync

FILES = ["README.md", "TEACHING.md", "CONTRIBUTING.md", "data/README.md"]
FILES += ["pyproject.toml", "CITATION.cff", "data/registry.toml"]
LESSON = list_notebooks()[1].relative_to(ROOT).as_posix()


@pytest.fixture
def root(tmp_path):
    """A copy of what is derived and of its sources."""
    for folder in ("notebooks", "data/results", "data/cards", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def read_all(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def edit(root, name, pattern, replacement):
    text = (root / name).read_text(encoding="utf8")
    changed, count = re.subn(pattern, replacement, text, count=1, flags=re.S)
    assert count == 1 and changed != text
    (root / name).write_text(changed, encoding="utf8")


def test_this_repository_is_in_step():
    assert sync(write=False) == [], "run `make sync`"


STALE = [
    ("README.md", r"(\| test accuracy 0\.)", r"\g<1>0"),
    ("README.md", r"(\| entity F1 0\.)", r"\g<1>0"),  # of a rival
    ("docs/results.md", r"(\| ≥ 0\.)", r"\g<1>0"),
    (LESSON, r"(<!--= 01 cpu_seconds [^>]+-->)", r"\g<1>9"),
    (LESSON, r"(<!--= table movie-snippets-lstm -->.*?\| 0\.)", r"\g<1>0"),
    (LESSON, r"(<!--= table quiz 01 -->.*?is right\.\*\* )", r"\1So "),
    (LESSON, r"here, \*here.parents, here", "here, here"),
    (LESSON, "hide-input", "setup"),
    ("data/README.md", r"(\| `movie-snippets` .*? \| )", r"\g<1>9"),
    ("data/README.md", r"(sha256 of the download `)", r"\1g"),
    ("docs/theory.md", r"(<!--= table theory -->.*?\?)", r"\1?"),
    ("CITATION.cff", r"\nversion: ", "\nversion: 9."),
]


def test_stale_places_are_noticed_and_mended(root):
    before = read_all(root)
    for place in STALE:
        edit(root, *place)
    edited = read_all(root)
    assert set(sync(root, write=False)) == {name for name, *_ in STALE}
    assert read_all(root) == edited
    sync(root)
    assert [path for path, content in read_all(root).items() if content != before[path]] == []


def test_an_address_is_set_in_every_place_and_taken_away(root):
    main(["none"], root)
    without = read_all(root)
    lessons = [path.relative_to(root).as_posix() for path in list_notebooks(root)]
    for place, ending in (("ann/nlp", ".git/"), ("ada-2/a.course", "")):
        main([f"https://github.com/{place}{ending}"], root)
        assert sync(root) == []
        text = b"".join(path.read_bytes() for path in without).decode("utf8", "replace")
        assert all(f"github/{place}/blob/main/{lesson}" in text for lesson in lessons)
        assert text.count(f'repository = \\"https://github.com/{place}\\"') == len(lessons)
        assert f"\nrepository-code: https://github.com/{place}\n" in text
    assert "github/ann/nlp" not in text
    main(["none"], root)
    assert read_all(root) == without


BAD = "ann/nlp http://github.com/ann/nlp https://gitlab.com/ann/nlp https://github.com/a/n/tree/x "
BAD += "https://github.com/ann https://github.com/../nlp https://github.com/a/n'lp"


def test_a_bad_address_and_one_without_a_place_are_refused(root):
    before = read_all(root)
    for address in ["", *BAD.split()]:
        with pytest.raises(SystemExit, match="as in https://github.com/ann/nlp, or none"):
            main([address], root)
        assert read_all(root) == before
    edit(root, "pyproject.toml", r"\[project.urls\]", "[tool.urls]")
    with pytest.raises(SystemExit, match=r"needs a line \[project.urls\]"):
        main(["https://github.com/ann/nlp"], root)


MARKERS = {
    "It is <!--= 99 value -->?<!--/-->": "nothing known of this name",
    "It is <!--= 01 values.5 -->?<!--/-->": "no field 'values.5'",
    "It is <!--= 01 versions.no -->?<!--/-->": "no field 'versions.no'",
    "It is <!--= 01 versions .3f -->?<!--/-->": "no field 'versions' that can be shown so",
    "It is <!--= 01 model .3f -->?<!--/-->": "format code 'f'",
    "It is <!--= table machine -->?<!--/-->": "nothing known of this name",
    "It is <!--= table quiz 99 -->?<!--/-->": "nothing known of this name",
    "It is <!--= 01 value -->0.815": "not closed",
    "- <!--= 01 value -->0.815<!--/-->": "begins a line",
}


def test_an_error_names_file_and_marker():
    sources = load_sources(ROOT)
    for marker, reason in MARKERS.items():
        text = f"As code: `<!--= NO such -->`.\n\n{marker}.\n"
        with pytest.raises(ValueError, match=f"TEACHING.md: marker <!--= .*{re.escape(reason)}"):
            fill_markers(text, ROOT / "TEACHING.md", sources)


def test_a_notebook_without_first_cell_is_an_error(root):
    edit(root, LESSON, '"bootstrap"', '"setup"')
    with pytest.raises(ValueError, match=f"{LESSON}: no cell has the tag"):
        sync(root)
