"""Train the weights that a lesson loads again: `python -m tools.checkpoints 02` (an hour or so).

The registry says how (`again`, or else `command`) and gets hash, size, command and commit.
"""

import re
import shlex
import subprocess
import sys

from utils.data.registry import REGISTRY, compute_sha256, get_folder, load_registry
from utils.runtime import ROOT


def main(numbers: list[str]) -> None:
    """Train the checkpoints of these lessons."""
    shipped = {n: e for n, e in load_registry().items() if e["tier"] == "checkpoint"}
    chosen = {n: e for n, e in shipped.items() if {*numbers} & {*e["used_by"]}}
    if not chosen:
        known = ", ".join(sorted({number for e in shipped.values() for number in e["used_by"]}))
        sys.exit(
            f"no checkpoint is used by {numbers or 'no lesson'}; lessons that use one: {known}"
        )
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    for name, entry in chosen.items():
        command = entry.get("again", entry["command"])
        print(f"{name}: {command}", flush=True)
        subprocess.check_call([sys.executable, *shlex.split(command)[1:]], cwd=ROOT)
        head, start, body = REGISTRY.read_text(encoding="utf8").partition(f"[{name}]\n")
        for file in entry["files"]:
            path = get_folder(name, entry) / file["name"]
            new = f'"{compute_sha256(path)}"\nbytes = {path.stat().st_size}\n'
            body = body.replace(f'"{file["sha256"]}"\nbytes = {file["bytes"]}\n', new, 1)
        for key, value in (("command", command), ("commit", commit.strip())):
            body = re.sub(f"^{key} = .*", f'{key} = "{value}"', body, count=1, flags=re.M)
        REGISTRY.write_text(head + start + body, encoding="utf8")


if __name__ == "__main__":
    main(sys.argv[1:])
