"""Train the weights that a lesson loads again: `python -m tools.checkpoints NN` (an hour or so).

For each checkpoint of lesson NN in data/registry.toml it runs the entry's `again`, or else its
`command`, and then writes hash and size of the new files, command and commit into the registry.
"""

import re
import shlex
import subprocess
import sys

from utils.data.registry import REGISTRY, compute_sha256, get_folder, load_registry
from utils.runtime import ROOT


def train(command: str) -> None:
    """Run the command of a checkpoint with this Python, in the course folder."""
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=ROOT, check=True)


def renew_entry(text: str, name: str, entry: dict, command: str, commit: str) -> str:
    """Return the text of the registry with the files of a checkpoint as they are now."""
    for file in entry["files"]:
        path = get_folder(name, entry) / file["name"]
        old = rf'(name = "{re.escape(file["name"])}"\nsha256 = )"{file["sha256"]}"\nbytes = \d+'
        new = rf'\g<1>"{compute_sha256(path)}"' + f"\nbytes = {path.stat().st_size}"
        text = re.sub(
            rf"(\[\[{name}\.files\]\]\n){old}", rf"\g<1>{new.replace('<1>', '<2>')}", text
        )
    start = text.index(f"[{name}]\n")
    head, body = text[:start], text[start:]
    body = re.sub(r"^command = .*$", f'command = "{command}"', body, count=1, flags=re.M)
    body = re.sub(r"^commit = .*$", f'commit = "{commit}"', body, count=1, flags=re.M)
    return head + body


def main(numbers: list[str]) -> int:
    """Train the checkpoints of these lessons; return 2 if there are none."""
    entries = {
        name: entry
        for name, entry in load_registry().items()
        if entry["tier"] == "checkpoint" and set(numbers) & set(entry["used_by"])
    }
    if not entries:
        print(f"no checkpoint is used by {' '.join(numbers) or 'no lesson: name one, as 02'}")
        return 2
    for name, entry in entries.items():
        command = entry.get("again", entry["command"])
        print(f"{name}: {command}", flush=True)
        train(command)
        commit = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(commit, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        text = REGISTRY.read_text(encoding="utf8")
        REGISTRY.write_text(renew_entry(text, name, entry, command, commit.strip()), "utf8")
    print(f"now: make refresh NB='{' '.join(numbers)}', make sync, make test, and commit together")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
