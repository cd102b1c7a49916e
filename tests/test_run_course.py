"""`tools.run_course` and `tools.refresh` on tiny notebooks that go right and wrong."""

import contextlib
import importlib.metadata
import io
import json
import linecache
import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat import v4

from benchmarks import machine
from tools import refresh, run_course

COMPARE = run_course.compare_machine  # before the fixture replaces it
RECORD = """\
import json, os
result = dict(metric="accuracy", value={value}, floor={floor}, baseline=0.5, better="higher")
with open(os.path.join(os.environ["COURSE_RESULTS"], "{number}.json"), "w") as file:
    json.dump(result, file)"""


def record(number, value=0.9, floor=0.8):
    return RECORD.format(number=number, value=value, floor=floor)


CHILD = "kept = b'x' * 200_000_000; import time\nwhile time.process_time() < 2: pass"
CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}])"
CLAIM = ["## 9. Check", "value, floor = 12.2, 25.1\nassert value > 0\nassert value >= floor, 'low'"]
BROKEN = "failed in cell 4: ZeroDivisionError: division by zero; more: build/notebooks/02.log; "
BROKEN += "alone: python course.py run 02"
COURSE = {  # cells, metric and numbers in the table, parts of the rest of the row
    "00_start_here": ([CHILD], "- - - -", "GB ok"),
    "01_good": ([record("01"), "print('end')"], "accuracy 0.900 0.800 0.500", "GB ok"),
    "02_failing": ([record("02"), "print('before')", "1 / 0", "print('after')"], "- - - -", BROKEN),
    "03_dying": ([record("03"), "import os; os._exit(1)"], "- - - -", "cell 3: the kernel died"),
    "04_stale": (["1"], "- - - -", "failed at its end: it recorded no result 04.json; alone: "),
    "05_low": ([record("05", 0.7)], "accuracy 0.7", "failed at its end: accuracy 0.7 misses the"),
    "08_broken": (None, "- - - -", "before its first cell: the file is no notebook: NotJSONError"),
    "09_claim": (CLAIM, "-", 'in "9. Check", cell 3: value >= floor is false: 12.2 and 25.1 (low'),
    "10_large": ([record("10")], "- - - -", "- - - skipped: needs 1000000.3 GB, "),
    "11_later": ([record("11", floor=None)], "accuracy 0.900 - 0.500", "GB ok"),
}


def write_notebook(path, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    makers = [v4.new_markdown_cell if source[:1] == "#" else v4.new_code_cell for source in sources]
    cells = [make(source) for make, source in zip(makers, sources, strict=True)]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Words"), *cells]), path)
    return path


@pytest.fixture(scope="module", autouse=True)
def machine_factor():
    """Spare the seconds that the comparison of machines takes."""
    run_course.compare_machine = lambda: 2.0
    yield
    run_course.compare_machine = COMPARE


def write_json(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Run a whole course of such notebooks once: its folder, and what it printed."""
    root = tmp_path_factory.mktemp("course")
    for name, (sources, *_) in COURSE.items():
        path = write_notebook(root / "notebooks" / f"{name}.ipynb", sources or [])
        if sources is None:
            path.write_text("{", encoding="utf8")
        stale = {"metric": "accuracy", "value": 1.0, "baseline": 0.1, "better": "higher"}
        write_json(root / "build" / "results" / f"{name[:2]}.json", **stale)
    past = {"seconds": 600, "cpu_seconds": 700, "peak_memory_gb": 0.5}
    write_json(root / "data" / "results" / "01.json", **past)
    write_json(root / "data" / "results" / "10.json", seconds=60, peak_memory_gb=10**6)
    before = {path: path.read_bytes() for path in (root / "notebooks").iterdir()}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert run_course.run_course(root=root) == 1
    assert before == {path: path.read_bytes() for path in (root / "notebooks").iterdir()}
    return root, printed.getvalue()


def find_row(printed, name):
    """Return the row of a notebook in the table, which comes last; one space between cells."""
    table = printed[printed.index("notebook ") :]
    (row,) = [line for line in table.splitlines() if line.startswith(name)]
    return " ".join(row.split())


@pytest.mark.parametrize("name", COURSE)
def test_each_notebook_gets_its_row(course, name):
    row = find_row(course[1], name)
    assert row.startswith(f"{name} {COURSE[name][1]}") and COURSE[name][2] in row


def test_a_run_shows_progress_cost_outputs_and_tracebacks(course):
    assert course[1].startswith("10 to run, about 22 min; 0 kept\n")  # 660 seconds, factor 2
    assert "\n[3/10] 02_failing\n" in course[1]
    assert "CPU-seconds of 2 lessons: " in course[1]  # not 00, nor what failed or was skipped
    assert "budget here: 140 on average, 280 at most, 3 GB\n" in course[1]
    assert course[1].endswith("\n3 ok, 1 skipped, 6 failed\n")
    *_, cpu_seconds, memory, _, _ = find_row(course[1], "00_start_here").split()
    assert 2 <= float(cpu_seconds) < 10 and float(memory) > 0.2  # of a child of the kernel
    build = course[0] / "build" / "notebooks"
    assert r'"before\n"' in (build / "02_failing.ipynb").read_text(encoding="utf8")
    assert "----> 1 1 / 0" in (build / "02.log").read_text(encoding="utf8")


def test_a_second_run_keeps_what_passed_and_repeats_what_failed_or_is_named(course, capsys):
    assert run_course.run_course(root=course[0]) == 1
    printed = capsys.readouterr().out
    assert "7 to run, about 2 min; 3 kept" in printed
    assert find_row(printed, "01_good").startswith("01_good accuracy 0.900 0.800 0.500")
    assert find_row(printed, "01_good").endswith("GB kept")
    assert "failed in cell 4: ZeroDivisionError" in find_row(printed, "02_failing")
    assert "or delete build/results, to run it" in printed
    assert printed.splitlines()[-1] == "0 ok, 3 kept, 1 skipped, 6 failed"
    assert run_course.run_course(["10", "01", "10"], course[0]) == 0  # skipped is not failed
    printed = capsys.readouterr().out
    assert "02_failing" not in printed
    assert printed.splitlines()[-1] == "1 ok, 1 skipped, 0 failed"


def test_the_cost_stands_beside_the_budget():
    costs = [("01", 281, 1e9, "ok"), ("02", 279, 3e9, "ok"), ("03", 1, 3.1e9, "kept")]
    costs += [("04", 999, 0, "failed")]
    lessons = [run_course.Outcome(n, {}, 0, *cost, verdict) for n, *cost, verdict in costs]
    text = run_course.describe_cost(lessons, 2.0)
    assert text.startswith("CPU-seconds of 3 lessons: 561, 187 on average; ")
    above = [line for line in text.splitlines() if line.startswith("above the budget: ")]
    assert [line.split(": ")[1] for line in above] == ["01 (281, 1.0 GB)", "03 (1, 3.1 GB)"]


@pytest.mark.parametrize("unknown", ["99", "abc", "../x", "-x", "7", "01 12"])
def test_unknown_number_lists_the_known_ones_and_runs_nothing(tmp_path, capsys, unknown):
    assert run_course.run_course(root=tmp_path) == 2
    assert "no notebooks" in capsys.readouterr().err
    for name in ("01_x", "12_y"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", [record(name[:2])])
    assert run_course.run_course(["01", unknown], tmp_path) == 2
    expected = f"no notebook has the number '{unknown}'; known numbers: 01, 12\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "build").exists()


CHANGES = """notebooks/01_x.ipynb utils/training.py utils/new.py requirements.lock data/a.toml
data/ner/a.tsv data/models/new.npz build/results/01.json build/results/01.kept KERAS_BACKEND
ONEDNN_MAX_CPU_ISA XLA_FLAGS describe_machine count_processors distributions"""


@pytest.mark.parametrize("change", CHANGES.split())
def test_a_result_is_kept_until_something_changes_that_it_follows_from(
    tmp_path, monkeypatch, change
):
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [])
    for name in ("utils/training.py", "requirements.lock", "data/a.toml", "data/ner/a.tsv"):
        write_json(tmp_path / name)
    outcome = run_course.asdict(run_course.Outcome("01_x", result={"value": 0.9}, seconds=5.0))
    shown, _, result, stamp = run_course.locate(path, tmp_path / "build")
    fingerprint = run_course.compute_fingerprint(path, tmp_path)
    write_json(stamp, fingerprint=fingerprint, outcome=outcome)
    write_json(result, value=0.9)
    write_json(shown)
    kept = run_course.load_kept(path, tmp_path)
    assert (kept.verdict, kept.result, kept.seconds) == ("kept", {"value": 0.9}, 5.0)
    if "/" in change or "." in change:
        (tmp_path / change).parent.mkdir(parents=True, exist_ok=True)
        with open(tmp_path / change, "ab") as file:
            file.write(b" 2")
    elif change.isupper():
        monkeypatch.setenv(change, "other")
    else:
        owner = importlib.metadata if change == "distributions" else run_course
        monkeypatch.setattr(owner, change, lambda: "")
    assert run_course.load_kept(path, tmp_path) is None


def test_what_changes_while_a_notebook_runs_is_not_kept(tmp_path):
    change = "import pathlib; pathlib.Path('../../requirements.lock').touch()"
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01"), change])
    assert run_course.run_notebook(path, tmp_path).verdict == "ok"
    assert run_course.load_kept(path, tmp_path) is None


INTERRUPTED = """\
import pathlib
from tools import run_course
run_course.compare_machine = lambda: 1.0
run_course.run_course(root=pathlib.Path({root!r}))"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_keeps_whole_results_and_no_other(tmp_path, capsys, number):
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01")])
    mark = tmp_path / "sleeps"
    wait = f"open({str(mark)!r}, 'w').write(str(os.getpid())); import time; time.sleep(600)"
    second = write_notebook(tmp_path / "notebooks" / "02_y.ipynb", [record("02"), wait])
    command = [sys.executable, "-c", INTERRUPTED.format(root=str(tmp_path))]
    process = subprocess.Popen(command, cwd=refresh.ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    process.wait(60)
    while psutil.pid_exists(int(mark.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    build = tmp_path / "build"
    assert [path.name for path in sorted(build.glob("*/*"))] == ["01_x.ipynb", "01.json", "01.kept"]
    write_notebook(second, [record("02")])
    assert run_course.run_course(root=tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 ok, 1 kept, 0 skipped, 0 failed"


def fail(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("owner", "name", "reason"),
    [
        (refresh, "write_notebook", "in its files: [Errno 28] No space left"),
        (refresh.NotebookClient, "setup_kernel", "the kernel did not start: [Errno 28] No space"),
        (None, "", "still running when the 2 seconds of the notebook were over"),
    ],
)
def test_what_stops_a_notebook_is_named(tmp_path, monkeypatch, owner, name, reason):
    if owner:
        monkeypatch.setattr(owner, name, fail)
    sources = [record("01"), "import time; time.sleep(600)"]
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", sources)
    monkeypatch.setattr(run_course, "TIMEOUT", 2)
    outcome = run_course.run_notebook(path, tmp_path)
    assert outcome.verdict == "failed" and reason in outcome.reason and outcome.seconds < 60
    assert not (tmp_path / "build" / "results").exists()


@pytest.mark.parametrize("text", ["", "[]", "3", '{"nbformat": 9}', '{"nbformat": 4}', "\xff"])
def test_a_file_that_is_no_notebook_is_named(tmp_path, text):
    path = tmp_path / "01_x.ipynb"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(refresh.NotebookError, match="^before its first cell: the file is no not"):
        refresh.read_notebook(path)


def test_refresh_stores_the_same_bytes_twice(tmp_path):
    where = "print(os.path.basename(os.getcwd()), 'PYTEST_CURRENT_TEST' in os.environ); 2"
    path = write_notebook(tmp_path / "place" / "01_x.ipynb", [record("01"), where])
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["widgets"] = {}
    kept = {"tags": ["a"], "reason": "b", "alt": "c", "jupyter": {"source_hidden": True}}
    notebook.cells[1].metadata.update(kept, scrolled=True)
    notebook.cells[1].outputs = [v4.new_output("stream", name="stdout", text="old")]
    nbformat.write(notebook, path)
    refresh.refresh(path, tmp_path)
    first = path.read_bytes()
    refresh.refresh(path, tmp_path)
    assert path.read_bytes() == first
    stored = nbformat.read(path, as_version=4)
    assert [cell.id for cell in stored.cells] == [cell.id for cell in notebook.cells]
    assert stored.cells[1].metadata == kept and stored.metadata == refresh.NOTEBOOK_METADATA
    assert stored.cells[2].outputs[0].text == "place False\n"
    assert [cell.execution_count for cell in stored.cells[1:]] == [1, 2]
    assert json.loads((tmp_path / "01.json").read_text(encoding="utf8"))["value"] == 0.9


def test_refresh_takes_numbers_and_leaves_what_fails_alone(tmp_path, monkeypatch, capsys):
    for name in ("01_x", "05_y", "solutions/05_y"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", [record("05"), *CLAIM])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    find, start, seen = refresh.find_notebooks, refresh.refresh, []
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(refresh, "find_notebooks", lambda n, **more: find(n, tmp_path, **more))
    monkeypatch.setattr(refresh, "refresh", lambda path: start(path, tmp_path))
    assert refresh.main(["05", "99"]) == 2
    assert "'99'; known numbers: 01, 05\n" in capsys.readouterr().err
    assert refresh.main(["05"]) == 1
    error = capsys.readouterr().err
    assert error.startswith('05 failed in "9. Check", cell 4: value >= floor is false: 12.2 and 25')
    assert "AssertionError" in error and error.endswith("\nIt was left as it was.\n")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr(refresh, "refresh", lambda path: seen.append(path.parent.name))
    assert refresh.main(["05"]) == 0 and seen == ["notebooks", "solutions"]


CLAIMS = {  # values are those of VALUES
    "0.45 < value < 0.55": "0.45 < value < 0.55 is false: 0.45 and 12.25 and 0.55",
    "value > 0 and floor < 1": "floor < 1 is false: 25.1234 and 1",
    "(\n    floor\n    > 100\n)": "floor > 100 is false: 25.1234 and 100",
    "all(flags)": "all(flags) is false",
    "long == []": f"long == [] is false: [{'0, ' * 19}0, and []",
    "array.min() > 2": "array.min() > 2 is false: 1.5 and 2",
    "next(once) > 1": "next(once) > 1 is false",  # cannot be computed twice
    "check('x')": "word in ('a', 'b') is false: 'x' and ('a', 'b')",  # inside a function
}
VALUES = """\
import numpy as np
value, floor, flags, long, once = 12.25, 25.1234, [True, False], [0] * 1000, iter([0])
array = np.array([1.5], "float32")
def check(word):
    assert word in ('a', 'b')
"""


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_failed_claim_is_told_with_its_values(claim, monkeypatch):
    source = f"{VALUES}{'' if claim.startswith('check') else 'assert '}{claim}\n"
    name = f"cell of {claim}"
    monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(True), name))
    with pytest.raises(AssertionError) as caught:
        exec(compile(source, name, "exec"), {})
    monkeypatch.setattr(sys, "last_traceback", caught.value.__traceback__, raising=False)
    assert refresh.explain_assertion() == CLAIMS[claim]


def test_this_machine_is_compared_with_the_ledgers(monkeypatch, capsys, tmp_path):
    write_json(tmp_path / "machine.json", cpu_seconds=0.5)
    monkeypatch.setattr(machine, "RECORD", tmp_path / "machine.json")
    monkeypatch.setattr(machine, "measure", lambda: {"cpu_seconds": [1, 2], "seconds": [3, 4]})
    for arguments, factor in ([], "2.00"), (["--record"], "1.00"), ([], "1.00"):
        monkeypatch.setattr(sys, "argv", ["machine", *arguments])
        machine.main()
        assert capsys.readouterr().out.startswith(f"factor {factor}: 100 training steps take 1.00 ")


def test_the_factor_is_read_or_its_absence_told(monkeypatch, capsys):
    for code, said, factor in (0, "factor 1.31: 100 steps", 1.31), (1, "ImportError: keras", 1.0):
        done = subprocess.CompletedProcess([], code, said if factor > 1 else "", f"Trace\n{said}\n")
        monkeypatch.setattr(run_course.subprocess, "run", lambda *_, done=done, **__: done)
        assert COMPARE() == factor
        assert capsys.readouterr().out.endswith(f"{said}\n")


def test_on_one_processor_the_estimate_is_its_cpu_seconds(tmp_path, monkeypatch):
    write_json(tmp_path / "data" / "results" / "01.json", seconds=110, cpu_seconds=200)
    paths = [tmp_path / "01_x.ipynb", tmp_path / "00_y.ipynb"]
    for processors, seconds in (1, 400), (2, 220):
        monkeypatch.setattr(run_course, "count_processors", lambda count=processors: count)
        assert run_course.estimate_seconds(paths, 2.0, tmp_path) == seconds
