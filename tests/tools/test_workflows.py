"""The workflows run what the Makefile runs, on every system, with few rights."""

import re
from pathlib import Path

import pytest
import yaml

import course

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read_workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf8"))


def list_commands(job):
    """Return the lines that a job's steps run."""
    return [line.strip() for step in job["steps"] for line in step.get("run", "").splitlines()]


def list_lines():
    """Return what `course.py test` runs once it has set up, as lines of a shell."""
    lines = [" ".join(["python -m", *step]) for step in course.list_steps("test", [])]
    return [re.sub(r"notebooks/\d.*", "notebooks", line) for line in lines]


def test_names():
    assert [path.name for path in PATHS] == ["push.yml", "weekly.yml"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_rights_and_pins(path):
    workflow = read_workflow(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"] <= 90
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert used[0].startswith("actions/checkout@")
        for action in used:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", action), action


def test_push_covers_systems_and_versions():
    workflow = read_workflow("push.yml")
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert {"push", "pull_request"} <= triggers.keys()
    job = workflow["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.11", "3.13"]
    assert job["runs-on"] == "${{ matrix.os }}"
    settings = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert settings[0]["python-version"] == "${{ matrix.python }}"
    for name in settings[0]["cache-dependency-path"].split():
        assert (ROOT / name).exists()


def test_every_system_runs_the_tests():
    commands = list_commands(read_workflow("push.yml")["jobs"]["test"])
    assert commands[-2:] == ["make test PYTHON=python", "python course.py test"]
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    assert "\ntest:\n\t@$(COURSE) test $(NB)\n" in text
    assert "\nCOURSE = $(PYTHON) course.py\n" in text


def test_weekly_runs_the_tests_on_unpinned_names():
    workflow = read_workflow("weekly.yml")
    triggers = workflow[True]
    assert triggers["schedule"][0]["cron"].count(" ") == 4 and "workflow_dispatch" in triggers
    commands = list_commands(workflow["jobs"]["newest"])
    assert commands[-3:] == list_lines()
    unpin = next(command for command in commands if command.startswith("sed"))
    assert unpin == "sed 's/==.*//' requirements.txt > build/newest.txt"
    pins = (ROOT / "requirements.txt").read_text(encoding="utf8").splitlines()
    assert all("==" in line for line in pins if line and not line.startswith("#"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_offline_after_the_setup(path):
    for job in read_workflow(path.name)["jobs"].values():
        steps = [step for step in job["steps"] if "pytest" in step.get("run", "")]
        assert steps or any(line.startswith("make ") for line in list_commands(job))
        assert all(step["env"] == course.OFFLINE for step in steps)
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    offline = " ".join(f"{name}={value}" for name, value in course.OFFLINE.items())
    assert f"\nOFFLINE = {offline}\n" in text


def test_push_tries_the_other_backends():
    commands = list_commands(read_workflow("push.yml")["jobs"]["backends"])
    assert commands == ["make backends PYTHON=python NB=03"]
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    recipe = re.search(r"^backends:.*\n((?:\t.*\n)+)", text, re.M)[1]
    assert all(
        f"$(OFFLINE) $(BIN)/python -m tools.backends {b} $(NB)" in recipe for b in ("jax", "torch")
    )


def test_linux_has_the_spelling_checker():
    steps = read_workflow("push.yml")["jobs"]["test"]["steps"]
    [step] = [step for step in steps if "hunspell" in step.get("run", "")]
    assert step["if"] == "runner.os == 'Linux'"
    assert step["run"].endswith("hunspell hunspell-en-us hunspell-fr")
