"""Try the machines that learners have: `python -m tools.everywhere` (`make everywhere`).

Runs the fast tests of models and data, and the notebooks that train longest, with the
instructions of an older processor (AVX2), on one core, and under Python 3.13. What cannot be
tried on this machine is named and skipped.
"""

import platform
import shutil
import subprocess
import sys

import course
from tools.colab import find_python

TESTS = "tests/models tests/decoding tests/data tests/test_training.py tests/test_metrics.py"
COMMANDS = [
    ["pytest", "-q", *TESTS.split()],
    ["tools.run_course", "02", "05", "08"],
]
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}
ENVIRONMENT = course.BUILD / "python3.13"
SET_UP = f"import course, pathlib; course.set_up(pathlib.Path({str(ENVIRONMENT)!r}))"


def list_machines() -> tuple[dict[str, tuple[list[str], dict[str, str]]], list[str]]:
    """Return name to (start of the command, variables) of each, and what is skipped and why."""
    machines, skipped = {}, []
    if platform.machine().lower() in ("x86_64", "amd64"):
        machines["AVX2"] = [sys.executable], AVX2
    else:
        skipped.append(f"AVX2: skipped, this is no x86 processor but {platform.machine()}")
    if shutil.which("taskset"):
        machines["one core"] = ["taskset", "-c", "0", sys.executable], {}
    else:
        skipped.append("one core: skipped, there is no taskset (part of util-linux)")
    try:
        subprocess.run([find_python(), "-c", SET_UP], cwd=course.ROOT, check=True)
        machines["Python 3.13"] = [course.get_python(ENVIRONMENT)], {}
    except SystemExit:
        skipped.append("Python 3.13: skipped, there is no python3.13 on the PATH or in pyenv")
    return machines, skipped


def run(command: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """Run a command in the course folder, show its output; return exit code and last line."""
    last = ""
    with subprocess.Popen(
        command, cwd=course.ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


def main() -> int:
    """Run everything, also after a failure; return 1 if something failed."""
    machines, lines = list_machines()
    failed = False
    for name, (start, variables) in machines.items():
        for command in COMMANDS:
            print(f"\n{name}: {command[0]}", flush=True)
            environ = {**course.clean_environ(), **course.OFFLINE, **variables}
            code, last = run([*start, "-m", *command], environ)
            verdict = "ok" if code == 0 else f"failed ({code})"
            lines.append(f"{name}: {command[0]}: {verdict}: {last}")
            failed = failed or code != 0
    print("", *lines, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
