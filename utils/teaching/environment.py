"""Is this machine ready for the course, and what does a notebook do about a missing package?"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys

import psutil

from utils.runtime import ROOT

# What the notebooks import, also through `utils`; these bring NumPy, SciPy and others. The rest
# of requirements.txt maintains the course, or is installed by the notebook that needs it.
PACKAGES = (
    "tensorflow", "keras", "spacy", "transformers", "scikit-learn", "pandas", "pyarrow",
    "matplotlib", "pooch", "tqdm", "filelock", "psutil", "gguf",
)  # fmt: skip
MEMORY_GB, DISK_GB = 4, 2  # what the largest notebook needs, with room for the system


def read_pins() -> dict[str, str]:
    """Return package name to pinned version, from requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf8")
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.M))


def check_environment() -> list[tuple[str, str, str]]:
    """Check Python, the packages that the notebooks import, memory and disk; change nothing.

    Return one row a subject: its name, what was found, and the way out of the problem ("" if there
    is none). Where all is well and the pins are kept, the rows are the same on every machine.
    """
    ready = (3, 11) <= sys.version_info < (3, 14)
    found = "yes" if ready else ".".join(map(str, sys.version_info[:2]))
    rows = [("Python 3.11 to 3.13", found, "" if ready else "use Python 3.11, 3.12 or 3.13")]
    pins = read_pins()
    for package in PACKAGES:
        pinned = pins[package]
        try:
            found = importlib.metadata.version(package)
            strict = package in ("tensorflow", "keras")
            fits = not strict or found.split(".")[0] == pinned.split(".")[0]
            found += "" if found == pinned else f" (the results were made with {pinned})"
        except importlib.metadata.PackageNotFoundError:
            found, fits = "not installed", False
        way_out = f"python course.py setup, or on Colab: pip install {package}=={pinned}"
        rows.append((package, found, "" if fits else way_out))
    for subject, free, needed, way_out in (
        ("free memory", psutil.virtual_memory().available, MEMORY_GB, "close other programs"),
        ("free disk", shutil.disk_usage(ROOT).free, DISK_GB, "make room on the disk"),
    ):
        enough = free >= needed * 1e9
        found = f"at least {needed} GB" if enough else f"only {free / 1e9:.1f} GB"
        way_out += f": the largest lesson needs {needed} GB"
        rows.append((subject, found, "" if enough else way_out))
    return rows


def install_missing(*packages: str) -> None:
    """Install packages that cannot be imported under these names, as requirements.txt pins them.

    Raises:
        ValueError: requirements.txt does not name a missing package.
        RuntimeError: pip could not install it; the message has pip's reason and the way out.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    pins = read_pins()
    if unknown := [name for name in missing if name not in pins]:
        raise ValueError(
            f"only a package that requirements.txt pins can be installed, not {unknown[0]!r}; "
            f"add it there (pinned are {', '.join(pins)})"
        )
    wanted = [f"{name}=={pins[name]}" for name in missing]
    reason = "COURSE_NO_DOWNLOAD is set"
    if os.environ.get("COURSE_NO_DOWNLOAD", "") in ("", "0") and wanted:
        print(f"Installing {', '.join(wanted)}, which this Python lacks", flush=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--retries=2", *wanted]
        said = subprocess.run(command, capture_output=True, text=True).stderr
        importlib.invalidate_caches()
        lines = [line for line in said.splitlines() if "error" in line.lower()] or [said.strip()]
        reason = lines[-1].removeprefix("ERROR: ") or "pip said nothing (is a PIP_ variable set?)"
    if not all(importlib.util.find_spec(name) for name in missing):
        raise RuntimeError(
            f"{', '.join(wanted)} could not be installed: {reason}. With a network, run "
            f"`{sys.executable} -m pip install {' '.join(wanted)}`, then this cell again."
        )
