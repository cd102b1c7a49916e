"""`make everywhere` tries what this machine can, and names the rest."""

import platform
import shutil

import course
from tools import everywhere


def test_what_cannot_be_tried_is_named(monkeypatch):
    def find_none():
        raise SystemExit("there is none")

    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(everywhere, "find_python", find_none)
    machines, skipped = everywhere.list_machines()
    assert machines == {} and len(skipped) == 3
    assert skipped[0] == "AVX2: skipped, this is no x86 processor but arm64"


def test_a_failure_does_not_stop_the_rest_and_the_last_line_tells(monkeypatch, capfd):
    # For example "2 ok, 1 skipped, 0 failed": what was left out for lack of memory is told.
    machines = {
        "good": (["sh", "-c", "echo $1 begins; echo 3 ok; echo", "sh"], {}),
        "bad": (["false"], {}),
        "last": (["true"], {}),
    }
    monkeypatch.setattr(everywhere, "list_machines", lambda: (machines, ["AVX2: skipped"]))
    assert everywhere.main() == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-7:] == [
        "AVX2: skipped",
        "good: pytest: ok: 3 ok",
        "good: tools.run_course: ok: 3 ok",
        "bad: pytest: failed (1): ",
        "bad: tools.run_course: failed (1): ",
        "last: pytest: ok: ",
        "last: tools.run_course: ok: ",
    ]


def test_the_files_it_runs_are_there():
    [_, _, *paths] = everywhere.COMMANDS[0]
    assert paths and all((course.ROOT / path).exists() for path in paths)
