"""Is this machine ready for the course? Notebook 00 asks."""

import importlib.metadata
import re
import shutil
import sys

import psutil

from utils.data import ROOT, get_cache_folder, load_registry

MEMORY_GB = 4  # what the largest notebook needs, with room for the system
DISK_GB = 2


def read_pins() -> dict[str, str]:
    """Return package name to pinned version, from requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf8")
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.M))


def check_environment() -> list[tuple[str, str, str]]:
    """Check Python, packages, memory, disk and data, without changing anything.

    Returns:
        One row a subject: its name, what was found, and the way out of the problem ("" if
        there is none).
    """
    version = ".".join(map(str, sys.version_info[:2]))
    ok = (3, 11) <= sys.version_info < (3, 14)
    rows = [("Python", version, "" if ok else "use Python 3.11, 3.12 or 3.13")]
    for package, pinned in read_pins().items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            rows.append((package, "not installed", f"pip install {package}=={pinned}"))
            continue
        if package in ("tensorflow", "keras") and found.split(".")[0] != pinned.split(".")[0]:
            rows.append((package, found, f"pip install {package}=={pinned}"))
        elif package in ("tensorflow", "keras", "spacy", "transformers"):
            note = found if found == pinned else f"{found} (the results were made with {pinned})"
            rows.append((package, note, ""))
    memory = psutil.virtual_memory().available / 1e9
    rows.append((
        "free memory", f"{memory:.0f} GB",
        "" if memory >= MEMORY_GB else f"close other programs: up to {MEMORY_GB} GB are needed",
    ))  # fmt: skip
    disk = shutil.disk_usage(ROOT).free / 1e9
    rows.append(("free disk", f"{disk:.0f} GB", "" if disk >= DISK_GB else "make room on the disk"))
    for name, entry in load_registry().items():
        if entry["tier"] == "package" and not entry.get("with_torch"):
            folder = get_cache_folder() / name
            there = all((folder / file["name"]).exists() for file in entry["files"])
            way_out = "" if there else f"python -m utils.data {name}"
            rows.append((f"data {name}", "there" if there else "not fetched yet", way_out))
    return rows
