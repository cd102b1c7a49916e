"""The first cell finds the course, in Colab clones it, and elsewhere says what to do."""

import os
import subprocess
import sys

import pytest

from tools.sync import make_bootstrap

ADDRESS = "https://github.com/ann/nlp"
IN_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
FIRST, UPLOADED = make_bootstrap(ADDRESS), make_bootstrap("")
LOAD = "import utils\nprint(utils.__file__)"
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
ENVIRON |= {"GIT_CONFIG_GLOBAL": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
GIT = ["git", "-c", "user.name=course", "-c", "user.email=course@example.org"]


@pytest.fixture
def checkout(tmp_path):
    """Return a repository with what the first cell looks for."""
    folder = tmp_path / "checkout"
    for name in ("utils/__init__.py", "data/registry.toml", "notebooks/solutions/x.ipynb"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-q", "--message=All"]):
        subprocess.run([*GIT, *command], cwd=folder, env=ENVIRON, check=True)
    return folder


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "content").mkdir()
    return tmp_path / "content"


def run_bootstrap(folder, repository, source=FIRST, *, before=IN_COLAB):
    """Run a first cell as plain Python; git takes the repository for the address."""
    env = ENVIRON | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": ADDRESS}
    env["GIT_CONFIG_KEY_0"] = f"url.{repository.as_uri()}.insteadOf"
    command = [sys.executable, "-c", f"{before}exec({source!r})\n{LOAD}"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_colab_clones_the_course_once(checkout, empty):
    for _ in range(2):
        done = run_bootstrap(empty, checkout)
        loaded = f"{empty / 'nlp-in-keras' / 'utils' / '__init__.py'}\n"
        assert (done.stdout, done.stderr) == (loaded, "")
        assert [path.name for path in empty.iterdir()] == ["nlp-in-keras"]
        assert (empty / "nlp-in-keras" / ".git" / "shallow").exists()


@pytest.mark.parametrize("source", [FIRST, UPLOADED])
@pytest.mark.parametrize("subfolder", [".", "notebooks", "notebooks/solutions"])
def test_nothing_happens_in_a_checkout(checkout, subfolder, source):
    files = sorted(checkout.rglob("*"))
    done = run_bootstrap(checkout / subfolder, checkout, source)
    assert (done.stdout, done.stderr) == (f"{checkout / 'utils' / '__init__.py'}\n", "")
    assert sorted(checkout.rglob("*")) == files


def test_an_uploaded_course_is_found(checkout, empty):
    checkout.rename(empty / "nlp-in-keras")
    assert run_bootstrap(empty, checkout, UPLOADED).returncode == 0


def test_where_the_course_cannot_be_had_the_way_out_is_told(tmp_path, empty):
    uploaded = f"clone or upload its folder into {empty} under the name nlp-in-keras, then run this"
    clone = f"run `git clone --quiet --depth=1 {ADDRESS} {empty / 'nlp-in-keras'}`, then this cell"
    assert "timeout=120" in FIRST
    for reason, source, before in [
        (f"RuntimeError: The course is not here: {uploaded}", UPLOADED, IN_COLAB),
        (f"RuntimeError: No course here: {clone} again.", FIRST, ""),
        ("nothing", FIRST, IN_COLAB),
    ]:
        done = run_bootstrap(empty, tmp_path / "nothing", source, before=before)
        assert done.returncode == 1 and reason in done.stderr
        assert not any(empty.iterdir())


def test_half_a_clone_is_not_taken_for_the_course(checkout, empty):
    (empty / "nlp-in-keras" / "utils").mkdir(parents=True)
    done = run_bootstrap(empty, checkout)
    assert done.returncode == 1 and "nlp-in-keras' already exists" in done.stderr
