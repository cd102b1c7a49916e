"""`tools.run_course` and `tools.refresh` on tiny notebooks that go right and wrong."""

import json
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from nbformat import v4

from tools import refresh, run_course

COMPARE = run_course.compare_machine  # before the fixture replaces it
RECORD = """\
import json, os
result = dict(metric="accuracy", value={value}, floor={floor}, baseline=0.5, better="higher")
result |= dict(cpu_seconds=70.2, peak_memory_gb=1.84)
with open(os.path.join(os.environ["COURSE_RESULTS"], "{number}.json"), "w") as file:
    json.dump(result, file)"""


def record(number, value=0.9, floor=0.8):
    return RECORD.format(number=number, value=value, floor=floor)


CLAIM = "value, floor = 12.2, 25.1\nassert value > 0\nassert (\n    floor > 1 and value >= floor\n)"
CLAIM = ["## 9. Check", f"{CLAIM}, 'low'"]
CLAIMED = 'in "9. Check", cell 3: floor > 1 and value >= floor is false: floor = 25.1, value = 12.2'
BROKEN = "failed in cell 4: ZeroDivisionError: division by zero; see build/notebooks/02_failing."
BROKEN += "ipynb; alone: python course.py run 02"
INSIDE = "def check(flags):\n    assert all(flags), 'not all'\n\ncheck([0])"
COURSE = {  # cells, metric and numbers in the table, parts of the rest of the row
    "00_start_here": (["1"], "- - - -", "- - ok"),
    "01_good": ([record("01"), "print('end')"], "accuracy 0.900 0.800 0.500", "70 1.8 ok"),
    "02_failing": ([record("02"), "print('before')", "1 / 0", "print('after')"], "- - - -", BROKEN),
    "03_dying": ([record("03"), "import os; os._exit(1)"], "- - - -", "cell 3: the kernel died"),
    "04_stale": (["1"], "- - - -", "failed at its end: it recorded no result 04.json; see "),
    "05_low": ([record("05", 0.7)], "accuracy 0.7", "failed at its end: accuracy 0.7 misses the"),
    "06_inside": ([INSIDE], "- - - -", "cell 2: AssertionError: not all; see "),
    "08_broken": (None, "- - - -", "before its first cell: the file is no notebook: NotJSONError"),
    "09_claim": (CLAIM, "-", f"failed {CLAIMED} (low); see build/notebooks/09_claim.ipynb; alone"),
    "10_large": ([record("10")], "- - - -", "0 - - skipped: needs 1000000.3 GB, "),
    "11_later": ([record("11", floor=None)], "accuracy 0.900 - 0.500", "1.8 ok"),
}


@pytest.fixture(autouse=True)
def machine_factor(monkeypatch):
    """Spare the seconds that the comparison of machines takes."""
    monkeypatch.setattr(run_course, "compare_machine", lambda: print("factor 2") or 2.0)


def write_notebook(path, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    makers = [v4.new_markdown_cell if source[:1] == "#" else v4.new_code_cell for source in sources]
    cells = [make(source) for make, source in zip(makers, sources, strict=True)]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Words"), *cells]), path)
    return path


def write_json(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf8")


def find_row(printed, name):
    """Return the row of a notebook in the table, which comes last; one space between cells."""
    table = printed[printed.index("notebook ") :]
    (row,) = [line for line in table.splitlines() if line.startswith(name)]
    return " ".join(row.split())


def read_all(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


def test_a_course_ends_with_a_row_for_each_notebook_and_keeps_what_passed(tmp_path, capsys):
    for name, (sources, *_) in COURSE.items():
        path = write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", sources or [])
        if sources is None:
            path.write_text("{", encoding="utf8")
        stale = {"metric": "accuracy", "value": 1.0, "baseline": 0.1, "better": "higher"}
        write_json(tmp_path / "build" / "results" / f"{name[:2]}.json", **stale)
    past = {"seconds": 600, "cpu_seconds": 700, "peak_memory_gb": 0.5}
    write_json(tmp_path / "data" / "results" / "01.json", **past)
    write_json(tmp_path / "data" / "results" / "10.json", seconds=60, peak_memory_gb=10**6)
    before = read_all(tmp_path / "notebooks")
    assert run_course.run_course(root=tmp_path) == 1
    assert before == read_all(tmp_path / "notebooks")
    printed = capsys.readouterr().out
    for name, (_, numbers, rest) in COURSE.items():
        row = find_row(printed, name)
        assert row.startswith(f"{name} {numbers}") and rest in row
    assert printed.startswith("factor 2\n11 to run, about 22 min; 0 kept\n[1/11] 00_start_here\n")
    assert re.search(r"\n\[3/11\] 02_failing\n  02_failing: \d+ s, failed in cell 4: ", printed)
    assert "CPU-seconds of 2 lessons: 140, 70 on average; budget at factor 2.00: 140 on" in printed
    assert printed.endswith("\n3 ok, 0 kept, 1 skipped, 7 failed\n")
    shown = (tmp_path / "build" / "notebooks" / "02_failing.ipynb").read_text(encoding="utf8")
    assert r'"before\n"' in shown and "division by zero" in shown

    assert run_course.run_course(root=tmp_path) == 1
    printed = capsys.readouterr().out
    assert "8 to run, about 2 min; 3 kept" in printed
    assert find_row(printed, "01_good").startswith("01_good accuracy 0.900 0.800 0.500")
    assert find_row(printed, "01_good").endswith("1.8 kept")
    assert BROKEN in find_row(printed, "02_failing")
    assert printed.endswith("\n0 ok, 3 kept, 1 skipped, 7 failed\n")
    assert run_course.run_course(["10", "01", "10"], tmp_path) == 0  # skipped is not failed
    printed = capsys.readouterr().out
    assert "02_failing" not in printed and printed.endswith("\n1 ok, 0 kept, 1 skipped, 0 failed\n")


def test_the_cost_stands_beside_the_budget():
    costs = [("01", 281, 1.0, "ok"), ("02", 279, 3.0, "ok"), ("03", 1, 3.1, "kept")]
    costs += [("06", 1, 3.9, "ok")]
    lessons = [run_course.Outcome("00", "ok"), run_course.Outcome("04", "failed")]
    for number, cpu, memory, verdict in costs:
        result = {"cpu_seconds": cpu, "peak_memory_gb": memory}
        lessons.append(run_course.Outcome(number, verdict, result=result))
    said, *above = run_course.describe_cost(lessons, 2.0).splitlines()
    assert said == (
        "CPU-seconds of 4 lessons: 562, 140 on average; "
        "budget at factor 2.00: 140 on average, 280 at most, 3 GB"
    )
    names = "above the budget: 01 (281, 1.0 GB)", "above the budget: 03 (1, 3.1 GB)"
    assert tuple(above) == names


def test_the_factor_is_read_or_its_absence_told(monkeypatch, capsys):
    for code, said, factor in (0, "factor 1.31: 100 steps", 1.31), (1, "ImportError: keras", 1.0):
        done = subprocess.CompletedProcess([], code, said if factor > 1 else "", f"Trace\n{said}\n")
        monkeypatch.setattr(run_course.subprocess, "run", lambda *_, done=done, **__: done)
        assert COMPARE() == factor
        assert capsys.readouterr().out.endswith(f"{said}\n")


def test_unknown_number_lists_the_known_ones_and_runs_nothing(tmp_path, capsys):
    assert run_course.run_course(root=tmp_path) == 2
    assert "known numbers: none" in capsys.readouterr().err
    for name in ("01_x", "12_y"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", [record(name[:2])])
    for unknown in ("99", "abc", "../x", "-x", "7", "01 12"):
        assert run_course.run_course(["01", unknown], tmp_path) == 2
        expected = f"no notebook has the number '{unknown}'; known numbers: 01, 12\n"
        assert capsys.readouterr().err == expected
    assert not (tmp_path / "build").exists()


CHANGES = """notebooks/01_x.ipynb utils/training.py utils/new.py requirements.lock
data/registry.toml data/ner/a.tsv data/models/new.npz build/results/01.json build/results/01.kept
KERAS_BACKEND ONEDNN_MAX_CPU_ISA XLA_FLAGS describe_machine"""


@pytest.mark.parametrize("change", CHANGES.split())
def test_a_result_is_kept_until_something_changes_that_it_follows_from(
    tmp_path, monkeypatch, change
):
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [])
    for name in ("utils/training.py", "requirements.lock", "data/registry.toml", "data/ner/a.tsv"):
        write_json(tmp_path / name)
    outcome = run_course.asdict(run_course.Outcome("01_x", result={"value": 0.9}, seconds=5.0))
    shown, result, stamp = run_course.locate(path, tmp_path)
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
        monkeypatch.setattr(run_course, change, lambda: "")
    assert run_course.load_kept(path, tmp_path) is None


def test_what_changes_while_a_notebook_runs_is_not_kept(tmp_path):
    change = "import pathlib; pathlib.Path('../../requirements.lock').touch()"
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01"), change])
    assert run_course.run_notebook(path, tmp_path).verdict == "ok"
    assert run_course.load_kept(path, tmp_path) is None


# A shell starts a background job deaf to Ctrl-C, and what the job starts inherits that.
INTERRUPTED = """\
import pathlib, signal
from tools import run_course
signal.signal(signal.SIGINT, signal.default_int_handler)
run_course.compare_machine = lambda: 1.0
run_course.run_course(root=pathlib.Path({!r}))"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_an_interrupted_run_ends_its_kernel_and_keeps_whole_results(tmp_path, capsys, number):
    mark = tmp_path / "sleeps"
    wait = f"open({str(mark)!r}, 'x').close(); import time; time.sleep(600)"
    write_notebook(tmp_path / "notebooks" / "01_x.ipynb", [record("01")])
    second = write_notebook(tmp_path / "notebooks" / "02_y.ipynb", [record("02"), wait])
    command = [sys.executable, "-c", INTERRUPTED.format(str(tmp_path))]
    process = subprocess.Popen(command, cwd=refresh.ROOT, stderr=subprocess.DEVNULL)
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.1)
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    process.wait(60)
    assert kernels and psutil.wait_procs(kernels, timeout=60)[1] == []
    names = [path.name for path in sorted((tmp_path / "build").glob("*/*"))]
    assert names == ["01_x.ipynb", "01.json", "01.kept"]
    write_notebook(second, [record("02")])
    assert run_course.run_course(root=tmp_path) == 0
    assert capsys.readouterr().out.endswith("\n1 ok, 1 kept, 0 skipped, 0 failed\n")


def fail(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("owner", "name", "reason"),
    [
        (refresh, "write_notebook", "in its files: [Errno 28] No space left"),
        (refresh.NotebookClient, "setup_kernel", "the kernel did not start: [Errno 28] No space"),
        (None, "", "in cell 3: still running after 2 seconds"),
    ],
)
def test_what_stops_a_notebook_is_named(tmp_path, monkeypatch, owner, name, reason):
    monkeypatch.setattr(refresh.run_cells, "__kwdefaults__", {"timeout": 2})
    if owner:
        monkeypatch.setattr(owner, name, fail)
    sources = [record("01"), "import time; time.sleep(600)"]
    path = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", sources)
    outcome = run_course.run_notebook(path, tmp_path)
    assert outcome.verdict == "failed" and reason in outcome.reason and outcome.seconds < 60
    assert not (tmp_path / "build" / "results").exists()


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path, said = tmp_path / "01_x.ipynb", "^before its first cell: the file is no notebook"
    for text in ("", "[]", "3", '{"nbformat": 9}', '{"nbformat": 4}', "\xff"):
        path.write_bytes(text.encode("latin1"))
        with pytest.raises(refresh.NotebookError, match=said):
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
    before = read_all(tmp_path)
    find, start, seen = refresh.find_notebooks, refresh.refresh, []
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(refresh, "find_notebooks", lambda n, **more: find(n, tmp_path, **more))
    monkeypatch.setattr(refresh, "refresh", lambda path: start(path, tmp_path))
    assert refresh.main(["05", "99"]) == 2
    assert "'99'; known numbers: 01, 05\n" in capsys.readouterr().err
    assert refresh.main(["05"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"05 failed {CLAIMED.replace('cell 3', 'cell 4')} (low)\n")
    assert "AssertionError" in error and error.endswith("\nIt was left as it was.\n")
    assert before == read_all(tmp_path)
    monkeypatch.setattr(refresh, "refresh", lambda path: seen.append(path.parent.name))
    assert refresh.main(["05"]) == 0 and seen == ["notebooks", "solutions"]


def test_on_one_processor_the_estimate_is_its_cpu_seconds(tmp_path, monkeypatch):
    write_json(tmp_path / "data" / "results" / "01.json", seconds=660, cpu_seconds=1200)
    for processors, minutes in ([7], 40), ([7, 8], 22):  # those that this process may use
        process = SimpleNamespace(cpu_affinity=lambda those=processors: those)
        monkeypatch.setattr(psutil, "Process", lambda process=process: process)
        assert run_course.estimate_minutes([tmp_path / "01_x.ipynb"], 2.0, tmp_path) == minutes
