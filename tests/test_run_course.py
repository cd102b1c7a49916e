"""`tools.run_course` and `tools.refresh` on tiny notebooks that go right and wrong."""

import contextlib
import io
import json
import textwrap

import nbformat
import pytest
from nbformat import v4

from tools import refresh, run_course

RECORD = """\
import json, os
result = dict(notebook="{number}", metric="accuracy", value={value}, floor=0.8, baseline=0.5,
              better="higher")
with open(os.path.join(os.environ["COURSE_RESULTS"], "{number}.json"), "w") as file:
    json.dump(result, file)"""


def record(number, value=0.9):
    return RECORD.format(number=number, value=value)


COURSE = {
    "00_start_here": ["print('no result needed')"],
    "01_good": [record("01"), "print('end of good')"],
    "02_failing": [record("02"), "print('before')", "1 / 0", "print('after')"],
    "03_dying": [record("03"), "import os; os._exit(1)"],
    "04_stale": ["print('records nothing')"],
    "05_low": [record("05", value=0.7)],
    "06_no_floor": [record("06").replace("floor=0.8, ", "")],
    "08_broken": None,
}
STALE = {"metric": "accuracy", "value": 1.0, "floor": 0.1, "baseline": 0.1, "better": "higher"}


def write_notebook(path, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [v4.new_markdown_cell("# Words"), *map(v4.new_code_cell, sources)]
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def read_printed(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Run a whole course of such notebooks once: its folder, exit code and what it printed."""
    root = tmp_path_factory.mktemp("course")
    for name, sources in COURSE.items():
        if sources is None:
            (root / "notebooks" / f"{name}.ipynb").write_text("{", encoding="utf8")
        else:
            write_notebook(root / "notebooks" / f"{name}.ipynb", sources)
    results = root / "build" / "results"
    results.mkdir(parents=True)
    for number in ("00", "03", "04"):
        (results / f"{number}.json").write_text(json.dumps(STALE), encoding="utf8")
    before = {path: path.read_bytes() for path in (root / "notebooks").iterdir()}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run_course.run_course(root=root)
    assert before == {path: path.read_bytes() for path in (root / "notebooks").iterdir()}
    return root, code, printed.getvalue()


def find_row(printed, name):
    """Return the row of a notebook in the table, which comes last."""
    table = printed[printed.index("notebook ") :]
    (row,) = [line for line in table.splitlines() if line.startswith(name)]
    return row


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("00_start_here", "GB  ok"),
        ("01_good", "GB  ok"),
        ("02_failing", "failed: cell 4: ZeroDivisionError: division by zero"),
        ("03_dying", "failed: cell 3: the kernel died"),
        ("04_stale", "failed: it recorded no result 04.json"),
        ("05_low", "failed: 0.7 misses the floor 0.8"),
        ("06_no_floor", "failed: its result has no floor"),
        ("08_broken", "failed: NotJSONError"),
    ],
)
def test_each_notebook_gets_its_verdict(course, name, verdict):
    assert verdict in find_row(course[2], name)


def test_any_failure_sets_the_exit_code(course):
    assert course[1] == 1


def test_table_shows_result_floor_and_baseline(course):
    assert find_row(course[2], "01_good").split()[:5] == [
        *("01_good", "accuracy", "0.900", "0.800", "0.500"),
    ]


def test_failed_and_stale_results_show_no_value(course):
    for name in ("02_failing", "03_dying", "04_stale"):
        assert find_row(course[2], name).split()[1:5] == ["-"] * 4


def test_progress_names_the_failing_line(course):
    assert "[3/8] 02_failing" in course[2]
    assert "----> 1 1 / 0" in course[2]


def test_outputs_land_in_the_build_folder(course):
    build = course[0] / "build" / "notebooks"
    assert "end of good" in read_printed(build / "01_good.ipynb")
    assert read_printed(build / "02_failing.ipynb") == "before\n"


def test_one_notebook_by_number(tmp_path, capsys):
    for number in ("01", "02"):
        write_notebook(tmp_path / "notebooks" / f"{number}_x.ipynb", [record(number)])
    assert run_course.run_course("02", tmp_path) == 0
    assert [path.name for path in (tmp_path / "build" / "results").iterdir()] == ["02.json"]
    assert "01_x" not in capsys.readouterr().out


def test_unknown_number_lists_the_known_ones(tmp_path, capsys):
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [])
    write_notebook(tmp_path / "notebooks" / "12_y.ipynb", [])
    assert run_course.run_course("7", tmp_path) == 2
    assert "no notebook has the number '7'; known numbers: 01, 12" in capsys.readouterr().err


def test_course_without_notebooks_does_not_pass(tmp_path, capsys):
    assert run_course.run_course(root=tmp_path) == 2
    assert "no notebooks" in capsys.readouterr().err


def test_a_notebook_that_does_not_end_is_stopped(tmp_path):
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", ["import time; time.sleep(600)"])
    outcome = run_course.run_notebook(path, tmp_path, timeout=2)
    assert "cell 2: still running when the 2 seconds" in outcome.failure
    assert outcome.seconds < 60


def test_memory_counts_child_processes(tmp_path):
    child = "import time; kept = b'x' * 200_000_000; time.sleep(1.5)"
    source = f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", "{child}"])'
    path = write_notebook(tmp_path / "notebooks" / "00_x.ipynb", [source])
    outcome = run_course.run_notebook(path, tmp_path)
    assert not outcome.failure
    assert outcome.memory > 250e6


def test_refresh_stores_the_same_bytes_twice(tmp_path):
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01"), "print(1); 2"])
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["widgets"] = {}
    kept = {"tags": ["a"], "reason": "b", "alt": "c", "jupyter": {"source_hidden": True}}
    notebook.cells[1].metadata.update(kept, scrolled=True)
    notebook.cells[1].outputs = [v4.new_output("stream", name="stdout", text="old")]
    ids = [cell.id for cell in notebook.cells]
    nbformat.write(notebook, path)
    ledger = tmp_path / "data" / "results"
    refresh.refresh(path, ledger)
    first = path.read_bytes()
    refresh.refresh(path, ledger)
    assert path.read_bytes() == first
    notebook = nbformat.read(path, as_version=4)
    assert [cell.id for cell in notebook.cells] == ids
    assert notebook.cells[1].metadata == kept
    assert notebook.metadata == refresh.NOTEBOOK_METADATA
    assert read_printed(path) == "1\n"
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert json.loads((ledger / "01.json").read_text(encoding="utf8"))["value"] == 0.9


@pytest.mark.parametrize("last", ["1 / 0", "import os; os._exit(1)"])
def test_refresh_leaves_a_failing_notebook_and_the_ledger_alone(tmp_path, last):
    path = write_notebook(tmp_path / "01_x.ipynb", [record("01"), last])
    before = path.read_bytes()
    ledger = tmp_path / "results"
    with pytest.raises(refresh.NotebookError, match="^cell 3: "):
        refresh.refresh(path, ledger)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_kernels_run_where_their_notebook_lies(tmp_path):
    source = textwrap.dedent("""\
        import os
        from pathlib import Path
        print(Path.cwd().name, "PYTEST_CURRENT_TEST" in os.environ)""")
    path = write_notebook(tmp_path / "place" / "01_x.ipynb", [source])
    refresh.refresh(path, tmp_path / "results")
    assert read_printed(path) == "place False\n"


def test_find_notebooks_takes_the_solutions_along(tmp_path):
    for name in ("01_x", "02_y", "solutions/01_x"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", [])
    found = refresh.find_notebooks("01", tmp_path, solutions=True)
    assert [path.parent.name for path in found] == ["notebooks", "solutions"]
    assert len(refresh.find_notebooks(root=tmp_path)) == 2


def test_several_notebooks_are_refreshed_in_turn(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(refresh, "refresh", lambda path: seen.append(path.name[:2]))
    assert refresh.main(["00", "03"]) == 0
    assert seen == ["00", "03", "03"]  # 03 and its solutions
    assert refresh.main(["00", "99"]) == 2
    assert len(seen) == 3 and "'99'; known numbers: 00, 01" in capsys.readouterr().err
