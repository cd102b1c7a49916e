"""`tools.run_course` and `tools.refresh` on tiny notebooks that go right and wrong."""

import contextlib
import io
import json
import linecache
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from nbformat import v4

from benchmarks import machine
from tools import notebook_rules, refresh, run_course

COMPARE = run_course.compare_machine  # before the fixture replaces it
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
    "09_claim": [
        "## 9. Check",
        "value, floor = 12.2, 25.1\nassert value > 0\nassert value >= floor",
    ],
    "10_large": [record("10")],
    "11_computed_later": [record("11").replace("floor=0.8", "floor=None")],
}
STALE = {"metric": "accuracy", "value": 1.0, "floor": 0.1, "baseline": 0.1, "better": "higher"}


def write_notebook(path, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [v4.new_markdown_cell("# Words")]
    for source in sources:
        new = v4.new_markdown_cell if source.startswith("#") else v4.new_code_cell
        cells.append(new(source))
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def read_printed(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.fixture(scope="module", autouse=True)
def machine_factor():
    """Spare the seconds that the comparison of machines takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_course, "compare_machine", lambda: 2.0)
        yield


def write_past(root, number, **past):
    """Write a result of the ledger."""
    path = root / "data" / "results" / f"{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(past), encoding="utf8")


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
    write_past(root, "01", seconds=600, cpu_seconds=700, peak_memory_gb=0.5)
    write_past(root, "10", seconds=60, cpu_seconds=70, peak_memory_gb=10**6)
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
        ("02_failing", "failed in cell 4: ZeroDivisionError: division by zero; alone: python"),
        ("02_failing", "python course.py run 02; more: build/notebooks/02.log"),
        ("03_dying", "failed in cell 3: the kernel died"),
        ("04_stale", "failed at its end: it recorded no result 04.json"),
        ("05_low", "failed at its end: accuracy 0.7 misses the floor 0.8; alone: python course.py"),
        ("06_no_floor", "failed at its end: its result has no floor"),
        ("08_broken", "failed before its first cell: the file is no notebook: NotJSONError"),
        ("09_claim", 'failed in "9. Check", cell 3: value >= floor is false: 12.2 and 25.1; alone'),
        ("10_large", "skipped: needs 1000000.3 GB, "),
        ("11_computed_later", "GB  ok"),
    ],
)
def test_each_notebook_gets_its_verdict(course, name, verdict):
    assert verdict in find_row(course[2], name)


def test_any_failure_sets_the_exit_code(course):
    assert course[1] == 1


def test_the_last_line_counts(course):
    assert course[2].splitlines()[-1] == "3 ok, 1 skipped, 7 failed"


def test_the_estimate_is_the_ledgers_time_on_this_machine(course):
    assert "11 to run, about 22 min; 0 kept" in course[2]  # 660 seconds, factor 2


def test_the_cost_stands_beside_the_budget_of_this_machine(course):
    assert "CPU-seconds of 2 lessons: " in course[2]  # not 00, nor what failed or was skipped
    assert "budget here: 140 on average, 280 at most, 3 GB" in course[2]
    lessons = [
        run_course.Outcome("01_x", cpu_seconds=281, memory=1e9),
        run_course.Outcome("02_x", cpu_seconds=279, memory=3e9),
        run_course.Outcome("03_x", cpu_seconds=1, memory=3.1e9, verdict="kept"),
        run_course.Outcome("04_x", cpu_seconds=999, verdict="failed"),
    ]
    text = run_course.describe_cost(lessons, 2.0)
    assert text.startswith("CPU-seconds of 3 lessons: 561, 187 on average; ")
    assert text.endswith("\nabove the budget: 01 (281, 1.0 GB), 03 (1, 3.1 GB)")


def test_table_shows_result_floor_and_baseline(course):
    assert find_row(course[2], "01_good").split()[:5] == [
        *("01_good", "accuracy", "0.900", "0.800", "0.500"),
    ]
    assert find_row(course[2], "11_computed").split()[1:5] == ["accuracy", "0.900", "-", "0.500"]


def test_failed_and_stale_results_show_no_value(course):
    for name in ("02_failing", "03_dying", "04_stale"):
        assert find_row(course[2], name).split()[1:5] == ["-"] * 4


def test_the_log_shows_the_failing_line(course):
    assert "[3/11] 02_failing" in course[2]
    log = (course[0] / "build" / "notebooks" / "02.log").read_text(encoding="utf8")
    assert "----> 1 1 / 0" in log


def test_a_second_run_keeps_what_passed_and_repeats_what_failed(course, capsys):
    root = course[0]
    assert run_course.run_course(root=root) == 1
    printed = capsys.readouterr().out
    assert "8 to run, about 2 min; 3 kept" in printed
    assert find_row(printed, "01_good").endswith("GB  kept")
    assert find_row(printed, "01_good").split()[2] == "0.900"
    assert "failed in cell 4: ZeroDivisionError" in find_row(printed, "02_failing")
    assert "or delete build/results, to run it" in printed
    assert printed.splitlines()[-1] == "0 ok, 3 kept, 1 skipped, 7 failed"


def test_outputs_land_in_the_build_folder(course):
    build = course[0] / "build" / "notebooks"
    assert "end of good" in read_printed(build / "01_good.ipynb")
    assert read_printed(build / "02_failing.ipynb") == "before\n"


def test_several_notebooks_by_number(tmp_path, capsys):
    for number in ("01", "02", "03"):
        write_notebook(tmp_path / "notebooks" / f"{number}_x.ipynb", [record(number)])
    assert run_course.run_course(["03", "02", "03"], tmp_path) == 0
    results = tmp_path / "build" / "results"
    assert sorted(path.name for path in results.glob("*.json")) == ["02.json", "03.json"]
    printed = capsys.readouterr().out
    assert "01_x" not in printed and printed.splitlines()[-1] == "2 ok, 0 skipped, 0 failed"
    assert run_course.run_course(["02"], tmp_path) == 0  # named, it runs again
    assert capsys.readouterr().out.splitlines()[-1] == "1 ok, 0 skipped, 0 failed"


@pytest.mark.parametrize("unknown", ["99", "abc", "../x", "-x", "7", "01 12"])
def test_unknown_number_lists_the_known_ones_and_runs_nothing(tmp_path, capsys, unknown):
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01")])
    write_notebook(tmp_path / "notebooks" / "12_y.ipynb", [record("12")])
    assert run_course.run_course(["01", unknown], tmp_path) == 2
    expected = f"no notebook has the number '{unknown}'; known numbers: 01, 12\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "build").exists()


def make_kept(root):
    """Write a small course, and the stamp of a run of its notebook 01 as if it had passed."""
    path = write_notebook(root / "notebooks" / "01_x.ipynb", [record("01")])
    for name in ("utils/training.py", "requirements.lock", "data/registry.toml", "data/ner/a.tsv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1", encoding="utf8")
    outcome = run_course.Outcome("01_x", result={"value": 0.9}, seconds=5.0)
    stamp = {
        "fingerprint": run_course.compute_fingerprint(path, root),
        "outcome": run_course.asdict(outcome),
    }
    for name, text in {
        "results/01.kept": json.dumps(stamp),
        "results/01.json": '{"value": 0.9}',
        "notebooks/01_x.ipynb": "{}",
    }.items():
        (root / "build" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "build" / name).write_text(text, encoding="utf8")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "notebooks/01_x.ipynb",
        "utils/training.py",
        "utils/new.py",
        "requirements.lock",
        "data/registry.toml",
        "data/ner/a.tsv",
        "data/models/new.npz",
        "build/results/01.json",
        "build/results/01.kept",
    ],
)
def test_a_result_is_kept_until_something_changes_that_it_follows_from(tmp_path, name):
    path = make_kept(tmp_path)
    kept = run_course.load_kept(path, tmp_path)
    assert (kept.verdict, kept.result, kept.seconds) == ("kept", {"value": 0.9}, 5.0)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    with open(tmp_path / name, "ab") as file:
        file.write(b" 2")
    assert run_course.load_kept(path, tmp_path) is None


def test_settings_processors_and_packages_count_for_what_is_kept(tmp_path, monkeypatch):
    path = make_kept(tmp_path)
    for variable in ("KERAS_BACKEND", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "other")
            assert run_course.load_kept(path, tmp_path) is None
    for function in ("describe_machine", "count_processors"):
        with monkeypatch.context() as patch:
            patch.setattr(run_course, function, lambda: "99")
            assert run_course.load_kept(path, tmp_path) is None
    torch = SimpleNamespace(name="torch", version="0.0.0")
    with monkeypatch.context() as patch:
        patch.setattr(run_course.importlib.metadata, "distributions", lambda: [torch])
        assert run_course.load_kept(path, tmp_path) is None
    assert run_course.load_kept(path, tmp_path)


def test_what_changes_while_a_notebook_runs_is_not_kept(tmp_path):
    change = "import pathlib; pathlib.Path('../../utils').mkdir()\n"
    change += "pathlib.Path('../../utils/new.py').write_text('1')"
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01"), change])
    assert run_course.run_notebook(path, tmp_path).verdict == "ok"
    assert (tmp_path / "build" / "results" / "01.json").exists()
    assert run_course.load_kept(path, tmp_path) is None


INTERRUPTED = """\
import sys
from pathlib import Path
from tools import run_course
run_course.compare_machine = lambda: 1.0
sys.exit(run_course.run_course(root=Path(sys.argv[1])))"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_keeps_whole_results_and_no_other(tmp_path, capsys, number):
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01")])
    mark = tmp_path / "sleeps"
    wait = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))"
    wait += "\ntime.sleep(600)"
    second = write_notebook(tmp_path / "notebooks" / "02_y.ipynb", [record("02"), wait])
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    process = subprocess.Popen(command, cwd=refresh.ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    process.wait(60)
    kernel = int(mark.read_text())
    while psutil.pid_exists(kernel) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(kernel)
    build = tmp_path / "build"
    assert [path.name for path in sorted((build / "results").iterdir())] == ["01.json", "01.kept"]
    assert [path.name for path in (build / "notebooks").iterdir()] == ["01_x.ipynb"]
    write_notebook(second, [record("02")])
    assert run_course.run_course(root=tmp_path) == 0
    printed = capsys.readouterr().out
    assert find_row(printed, "01_x").endswith("GB  kept")
    assert printed.splitlines()[-1] == "1 ok, 1 kept, 0 skipped, 0 failed"


def test_files_that_cannot_be_written_are_named_and_the_others_run(tmp_path, capsys, monkeypatch):
    for number in ("01", "02"):
        write_notebook(tmp_path / "notebooks" / f"{number}_x.ipynb", [record(number)])
    write = run_course.write_notebook

    def fail_first(notebook, path):
        if path.name == "01_x.ipynb":
            raise OSError(28, "No space left on device", str(path))
        write(notebook, path)

    monkeypatch.setattr(run_course, "write_notebook", fail_first)
    assert run_course.run_course(root=tmp_path) == 1
    printed = capsys.readouterr().out
    assert "failed in its files: [Errno 28] No space left" in find_row(printed, "01_x")
    assert find_row(printed, "02_x").endswith("GB  ok")
    assert not (tmp_path / "build" / "results" / "01.json").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"nbformat": 9}', '{"nbformat": 4}', "\\xff"]
)
def test_a_file_that_is_no_notebook_is_named(tmp_path, text):
    path = tmp_path / "notebooks" / "01_x.ipynb"
    path.parent.mkdir()
    path.write_bytes(b"\xff" if text == "\\xff" else text.encode())
    outcome = run_course.run_notebook(path, tmp_path)
    assert outcome.reason.startswith("before its first cell: the file is no notebook: ")
    assert not list((tmp_path / "build").rglob("*.ipynb"))


def test_a_kernel_that_does_not_start_is_named(tmp_path, monkeypatch):
    def die(*_, **__):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(refresh.NotebookClient, "setup_kernel", die)
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", ["1"])
    reason = run_course.run_notebook(path, tmp_path).reason
    assert reason.startswith("before its first cell: the kernel did not start: Kernel died before")


def test_a_course_in_which_something_is_skipped_passes_and_says_so(tmp_path, capsys):
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01")])
    write_past(tmp_path, "01", peak_memory_gb=10**6)
    assert run_course.run_course(root=tmp_path) == 0
    printed = capsys.readouterr().out
    assert "GB are free; close other programs" in find_row(printed, "01_x")
    assert printed.splitlines()[-1] == "0 ok, 1 skipped, 0 failed"
    assert not (tmp_path / "build").exists()


def test_course_without_notebooks_does_not_pass(tmp_path, capsys):
    assert run_course.run_course(root=tmp_path) == 2
    assert "no notebooks" in capsys.readouterr().err


def test_a_notebook_that_does_not_end_is_stopped(tmp_path):
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", ["import time; time.sleep(600)"])
    outcome = run_course.run_notebook(path, tmp_path, timeout=2)
    assert "cell 2: still running when the 2 seconds" in outcome.reason
    assert outcome.seconds < 60


def test_memory_counts_child_processes(tmp_path):
    child = "import time; kept = b'x' * 200_000_000; time.sleep(1.5)"
    source = f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", "{child}"])'
    path = write_notebook(tmp_path / "notebooks" / "00_x.ipynb", [source])
    outcome = run_course.run_notebook(path, tmp_path)
    assert outcome.verdict == "ok"
    assert outcome.memory > 250e6


def test_cpu_seconds_count_child_processes(tmp_path):
    child = "import time\nwhile time.process_time() < 2: pass"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    path = write_notebook(tmp_path / "notebooks" / "00_x.ipynb", [source, "time = 1"])
    assert 2 <= run_course.run_notebook(path, tmp_path).cpu_seconds < 10


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
    with pytest.raises(refresh.NotebookError, match="^in cell 3: "):
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


def test_refresh_names_the_claim_that_failed(tmp_path, monkeypatch, capsys):
    path = write_notebook(tmp_path / "05_x.ipynb", ["## 9. Check", "x = 3", "assert x > 7 > 1"])
    before = path.read_bytes()
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(refresh, "find_notebooks", lambda number, solutions: [path])
    assert refresh.main(["05"]) == 1
    error = capsys.readouterr().err
    assert error.startswith('05 failed in "9. Check", cell 4: x > 7 is false: 3 and 7\n')
    assert "AssertionError" in error and path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["05_x.ipynb"]


CLAIMS = {  # values are those of VALUES
    "value >= floor": "value >= floor is false: 12.25 and 25.12",
    "0.45 < value < 0.55": "value < 0.55 is false: 12.25 and 0.55",
    "value > 0 and floor < 1": "floor < 1 is false: 25.12 and 1",
    "(\n    floor\n    > 100\n)": "floor > 100 is false: 25.12 and 100",
    "not problems": "not problems is false: ['no data']",
    "all(flags)": "all(flags) is false",
    "nothing": "nothing is false: None",
    "word in ('a', 'b')": "word in ('a', 'b') is false: 'c' and ('a', 'b')",
    "almost >= 1": "almost >= 1 is false: 0.99999999 and 1",
    "value < 1 or floor < 1": "value < 1 or floor < 1 is false",
    "len(long) == 1": "len(long) == 1 is false: 1000 and 1",
    "long == []": f"long == [] is false: [{'0, ' * 19}0… and []",
    "array.min() > 2": "array.min() > 2 is false: 1.5 and 2",
    "next(once)": "next(once) is false",  # cannot be computed twice
    "check(3)": "number < 2 is false: 3 and 2",  # inside a function
}
VALUES = """\
import numpy as np
value, floor, almost, word, nothing = 12.25, 25.1234, 0.99999999, "c", None
problems, flags, long, once = ["no data"], [True, False], [0] * 1000, iter([False])
array = np.array([1.5], "float32")
def check(number):
    assert number < 2
"""


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_failed_claim_is_told_with_its_values(claim, monkeypatch):
    source = f"{VALUES}assert {claim}\n"
    if claim.startswith("check"):
        source = f"{VALUES}{claim}\n"
    name = f"cell of {claim}"
    monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(True), name))
    with pytest.raises(AssertionError) as caught:
        exec(compile(source, name, "exec"), {})
    monkeypatch.setattr(sys, "last_traceback", caught.value.__traceback__, raising=False)
    try:
        found = refresh.explain_assertion(evaluate=True)
    except StopIteration:
        found = refresh.explain_assertion(evaluate=False)
    assert found == CLAIMS[claim]


def test_the_section_of_a_cell_is_the_last_h2_above_it():
    for path in refresh.find_notebooks(solutions=True):
        page = notebook_rules.Page.read(path)
        for index, section in enumerate(page.sections):
            assert refresh.find_section(page.notebook.cells[: index + 1]) == section


def test_this_machine_is_compared_with_the_ledgers(monkeypatch, capsys, tmp_path):
    (tmp_path / "machine.json").write_text('{"cpu_seconds": 0.5}', encoding="utf8")
    monkeypatch.setattr(machine, "RECORD", tmp_path / "machine.json")
    monkeypatch.setattr(sys, "argv", ["machine"])
    monkeypatch.setattr(machine, "measure", lambda: {"cpu_seconds": [1, 2], "seconds": [3, 4]})
    machine.main()
    printed = capsys.readouterr().out
    assert printed.startswith("factor 2.00: 100 training steps take 1.00 CPU-seconds here (3.00 ")
    assert (tmp_path / "machine.json").read_text(encoding="utf8") == '{"cpu_seconds": 0.5}'
    monkeypatch.setattr(sys, "argv", ["machine", "--record"])
    machine.main()
    assert capsys.readouterr().out.startswith("factor 1.00: ")
    assert json.loads((tmp_path / "machine.json").read_text(encoding="utf8"))["cpu_seconds"] == 1


@pytest.mark.parametrize(
    ("code", "output", "error", "factor", "printed"),
    [
        (0, "factor 1.31: 100 steps\n", "", 1.31, "factor 1.31: 100 steps\n"),
        (1, "", "Traceback\nImportError: keras\n", 1.0, "the ledger's: ImportError: keras\n"),
        (0, "", "", 1.0, "the ledger's: it printed no factor\n"),
    ],
)
def test_the_factor_is_read_and_its_absence_told(code, output, error, factor, printed, capsys):
    done = subprocess.CompletedProcess([], code, output, error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_course.subprocess, "run", lambda *_, **__: done)
        assert COMPARE() == factor
    assert capsys.readouterr().out.endswith(printed)


@pytest.mark.parametrize(("processors", "seconds"), [(1, 400), (2, 220)])
def test_on_one_processor_the_estimate_is_its_cpu_seconds(
    tmp_path, monkeypatch, processors, seconds
):
    write_past(tmp_path, "01", seconds=110, cpu_seconds=200)
    monkeypatch.setattr(run_course, "count_processors", lambda: processors)
    paths = [tmp_path / "01_x.ipynb", tmp_path / "00_y.ipynb"]
    assert run_course.estimate_seconds(paths, 2.0, tmp_path) == seconds
