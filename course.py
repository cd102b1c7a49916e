"""Set up, run, test and open the course on every system; nothing must be installed before.

    python course.py setup            make the environment, .venv, and check that it works
    python course.py run [NN ...]     run the notebooks (all, or these) and print a table
    python course.py test [NN ...]    run the fast tests, then compare the notebooks' outputs
    python course.py lab              open JupyterLab
    python course.py clean            remove .venv and build

Needs Python 3.11, 3.12 or 3.13; on Windows: py -3.12 course.py setup. `setup torch` and
`setup jax` add PyTorch and JAX. Every command sets up what is missing, and can be
interrupted and started again.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT, BUILD = ROOT / ".venv", ROOT / "build"
EXTRAS = ("torch", "jax")
VERSION = ".".join(map(str, sys.version_info[:2]))
# On Linux the small build of PyTorch has an index of its own; empty: the index pip is set to.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu" if sys.platform == "linux" else ""
# After the setup nothing needs a network; this makes sure that nothing uses one.
OFFLINE = {"COURSE_NO_DOWNLOAD": "1", "HF_HUB_OFFLINE": "1"}
# Of pip's variables only what says where packages come from: no PIP_DRY_RUN, no PIP_TARGET.
PIP_KEPT = r"PIP_((EXTRA_)?INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|(CLIENT_)?CERT|PROXY|RETRIES"
PIP_KEPT += r"|(DEFAULT_)?TIMEOUT|(NO_)?CACHE_DIR|CONFIG_FILE|KEYRING_PROVIDER)"
LAB = ["jupyterlab", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
LAB += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "00_start_here.ipynb"]
# Runs a module, and ends it as soon as this program dies, however that happens.
WATCHED = """
import os, runpy, sys, threading
if os.name != "nt":
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
# Runs in the environment: is it this one, and are the pinned packages there, or even working?
CHECK = """
import importlib, importlib.metadata, importlib.util, os, sys
folder, version, deep, *pins = sys.argv[1:]
if [os.path.realpath(sys.prefix), "%d.%d" % sys.version_info[:2]] != [folder, version]:
    sys.exit(f"this is Python {sys.version.split()[0]} of {sys.prefix}")
for package, pin in (pin.split("==") for pin in pins):
    names = {"scikit-learn": "sklearn", "pyyaml": "yaml", "jupyter": "jupyterlab"}
    name = names.get(package, package.replace("-", "_"))
    if not importlib.util.find_spec(name):
        sys.exit(f"{package} is missing")
    if deep:
        importlib.import_module(name)
    if (found := importlib.metadata.version(package).split("+")[0]) != pin:
        sys.exit(f"{package} is {found} and not {pin}")
"""


def clean_environ():
    """Return the variables for every program that is started from here."""
    environ = os.environ.items()
    kept = {k: v for k, v in environ if not k.startswith("PIP_") or re.fullmatch(PIP_KEPT, k)}
    return dict(kept, HF_HUB_DISABLE_TELEMETRY="1", PIP_DISABLE_PIP_VERSION_CHECK="1")


def get_python(environment):
    """Return the path of an environment's interpreter."""
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def list_files(extras, ending):
    """Return the requirements files (txt) or locks of the course and of its extras."""
    return [ROOT / f"requirements{extra}.{ending}" for extra in ["", *(f"-{e}" for e in extras)]]


def find_problem(environment, extras, deep):
    """Return what is wrong with an environment, "" if nothing is; `deep` imports each package."""
    text = "".join(path.read_text(encoding="utf8") for path in list_files(extras, "txt"))
    command = [get_python(environment), "-I", "-c", CHECK, os.path.realpath(environment), VERSION]
    command += ["deep" if deep else "", *re.findall(r"^[\w.-]+==[\w.]+", text, re.M)]
    try:
        done = subprocess.run(command, env=clean_environ(), capture_output=True)
    except OSError as error:
        return f"its Python does not start: {error}"
    said = done.stderr.decode("utf8", "replace").strip().split("\n")[-1]
    return (said or f"exit code {done.returncode}") if done.returncode else ""


def read_stamp(environment):
    """Return what .ready holds; {} if it is missing or of no use."""
    try:
        return dict(json.loads((environment / ".ready").read_text(encoding="utf8")))
    except (OSError, ValueError, TypeError):
        return {}


def remove(path):
    """Remove a file, link or folder; .ready goes first."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        (path / ".ready").unlink(missing_ok=True)
        shutil.rmtree(path)


def set_up(environment=ENVIRONMENT, extras=(), deep=False):
    """Return the interpreter of a right environment, which is built anew if there is none.

    It is never repaired by installing over it. The old one is moved aside, comes back if
    the new one cannot be built, and goes when the new one is ready. `extras` are added to
    those that it has; `deep` imports every package of an environment that is there, too.

    Raises:
        RuntimeError: it could not be built; the message says why and what to do.
    """
    old = environment.with_name(f"{environment.name}.old")
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "setup.lock", "w") as lock:
        if os.name != "nt":  # Windows removes no file that another setup has open
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)  # waits for another setup in this folder
        if read_stamp(old) and not read_stamp(environment):  # the last setup was killed
            remove(environment)
            old.rename(environment)
        stamp = read_stamp(environment)
        extras = [e for e in EXTRAS if e in extras or e in stamp.get("extras", ())]
        files = list_files(extras, "txt") + list_files(extras, "lock")
        lock_hash = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        wanted = {"lock": lock_hash, "python": VERSION, "path": str(environment), "extras": extras}
        if stamp == wanted and not find_problem(environment, extras, deep):
            remove(old)
            return get_python(environment)
        print(f"Setting up {environment} with Python {VERSION}; this takes minutes", flush=True)
        remove(old)
        if os.path.lexists(environment):
            environment.rename(old)
        try:
            install(environment, extras)
            (environment / ".ready").write_text(json.dumps(wanted), encoding="utf8")
        finally:
            if read_stamp(environment) != wanted:
                remove(environment)
                if os.path.lexists(old):
                    old.rename(environment)
        remove(old)
    return get_python(environment)


def list_torch():
    """Return pip's arguments for PyTorch, whose small build has hashes that no lock holds."""
    text = (ROOT / "requirements-torch.txt").read_text(encoding="utf8")
    index = os.environ.get("TORCH_INDEX", TORCH_INDEX)
    pin = re.search(r"^torch==\S+", text, re.M).group()
    return [*([f"--extra-index-url={index}"] if index else []), pin]


def install(environment, extras):
    """Make an environment, install what the locks pin, and import it."""
    start, log, environ = time.monotonic(), BUILD / "setup.log", clean_environ()
    watch = ["-I", "-c", WATCHED]
    pip = [get_python(environment), *watch, "pip", "install", "--no-input"]
    pip += ["--progress-bar=off", "--only-binary=:all:"]
    lock, *locks = [f"--requirement={path}" for path in list_files(extras, "lock")]
    # The Python that runs this may be the one of the environment that was just moved aside.
    steps = {"venv": [sys._base_executable, *watch, "venv", str(environment)]}
    steps["packages"] = [*pip, "--require-hashes", lock]
    if "torch" in extras:
        steps["torch"] = [*pip, "--no-deps", *list_torch()]
    if extras:
        steps["extras"] = [*pip, "--require-hashes", *locks]
    alive, _ = os.pipe()  # its other end is this program's only, and closes when that dies
    with open(log, "wb") as stream:
        options = {"stdin": alive, "stdout": stream, "stderr": stream, "env": environ}
        for title, command in steps.items():
            print(f"  {title} ...", flush=True)
            if subprocess.run(command, **options).returncode:
                said = log.read_text(encoding="utf8", errors="replace").splitlines()
                print(*[s for s in said if s[:7] != "WARNING"][-9:], sep="\n", file=sys.stderr)
                raise RuntimeError(
                    f"the step '{title}' failed (see above, and {log}). Check the network, the "
                    "free space and the index that pip is set to, and run again."
                )
    print("  importing every package ...", flush=True)
    problem = find_problem(environment, extras, deep=True)
    if problem:
        raise RuntimeError(
            f"pip reported success, but the environment does not work: {problem}. Look with "
            "`python -m pip config list` for dry-run, target, prefix or root and remove them."
        )
    print(f"Ready after {time.monotonic() - start:.0f} seconds", flush=True)


def list_steps(command, numbers):
    """Return the modules, with their arguments, that a command runs one after the other."""
    if command == "lab":
        return [LAB]
    if command == "run":
        return [["utils.data"], ["tools.run_course", *numbers]]
    paths = [p for f in ("", "solutions/") for p in sorted(ROOT.glob(f"notebooks/{f}*.ipynb"))]
    paths = [p.relative_to(ROOT).as_posix() for p in paths if not numbers or p.name[:2] in numbers]
    fast = ["pytest", "-q", "tests", "utils"]
    return [["utils.data"], fast, ["pytest", "-q", "--nbval", "--durations=5", *paths]]


def run_steps(python, command, numbers):
    """Run the steps of a command up to the first that fails; return its exit code."""
    folder = ROOT / "notebooks" if command == "lab" else ROOT
    for step in list_steps(command, numbers):
        offline = OFFLINE if command != "lab" and step != ["utils.data"] else {}
        environ = dict(clean_environ(), **offline)
        process = subprocess.Popen([python, "-m", *step], env=environ, cwd=folder)
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:  # Ctrl-C reaches the program too, which ends in its own way
                continue
        if process.returncode:
            return process.returncode if process.returncode > 0 else 128 - process.returncode
    return 0


def clean():
    """Remove what was built, but not a data folder (COURSE_CACHE) in build/."""
    cache = os.environ.get("COURSE_CACHE", "")
    kept = [(ROOT / cache).resolve(), *(ROOT / cache).resolve().parents]
    for path in [ENVIRONMENT, ROOT / ".venv.old", *BUILD.glob("*")]:
        if path not in kept:
            remove(path)
    print(f"Removed .venv and build; the data stay in {cache or 'nlp-in-keras, in your cache'}")


def main(arguments):
    """Do what the arguments say; return the exit code (2: they are wrong)."""
    if not (3, 11) <= sys.version_info < (3, 14):
        advice = "use 3.11, 3.12 or 3.13: `python3.12 course.py setup`, `make PYTHON=python3.12`"
        print(f"Python {VERSION} is not supported; {advice}", file=sys.stderr)
        return 1
    command, *rest = arguments or [""]
    numbers = sorted(path.name[:2] for path in ROOT.glob("notebooks/*.ipynb"))
    known = {"setup": EXTRAS, "run": numbers, "test": numbers, "lab": (), "clean": ()}
    known["ready"] = EXTRAS  # setup in short, for the Makefile: imports nothing that is there
    if command not in known:
        print(__doc__, file=sys.stderr)
        return 2
    for wrong in [value for value in rest if value not in known[command]]:
        what = "notebook has the number" if known[command] is numbers else "option is called"
        choice = ", ".join(known[command]) or "none"
        print(f"no {what} {wrong!r}; known: {choice}", file=sys.stderr)
        return 2
    try:
        if command == "clean":
            clean()
        elif known[command] is EXTRAS:
            set_up(extras=rest, deep=command == "setup")
        else:
            return run_steps(set_up(), command, rest)
        return 0
    except (RuntimeError, OSError) as error:
        way = "Free some space, or close what uses .venv (JupyterLab?), and run again."
        print(f"error: {error}", "" if isinstance(error, RuntimeError) else way, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run it again at any time", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
