"""Write the theory cards as an Anki deck: `python -m tools.deck [FILE.apkg]`."""

import argparse
import sys
from pathlib import Path

from utils.runtime import ROOT
from utils.teaching.cards import build_deck

DECK = ROOT / "build" / "nlp-in-keras.apkg"


def main(arguments: list[str] | None = None) -> int:
    """Write the deck and say where it is; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.deck", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=DECK, help="default: build/")
    path = parser.parse_args(arguments).path
    print(f"{build_deck(path)} notes in {path}; in Anki: File, Import")
    return 0


if __name__ == "__main__":
    sys.exit(main())
