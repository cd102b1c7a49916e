"""Check every word form of phrasebook.tsv.gz with hunspell and record the accepted ones.

`python data/phrasebook/spelling.py` needs hunspell with the dictionaries en_US and fr (Debian:
`apt-get install hunspell hunspell-en-us hunspell-fr`). It writes spelling.txt, by which a machine
without hunspell can tell that no form came in unchecked.
"""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DICTIONARIES = {"english": "en_US", "french": "fr"}
PUNCTUATION = {".", ",", "?", "!"}
ELIDED = {"c'", "d'", "j'", "l'", "m'", "n'", "qu'", "s'", "t'"}  # cut off the word they belong to
# The phrasebook is lower case; these words have a capital, and are checked with it.
CAPITAL_CLASSES = {"given", "city", "country", "language", "dutch"}
CAPITALS = {"i", "monday", "mondays", "friday", "fridays", "saturday", "sunday", "sundays", "july"}
CAPITALS |= {"august", "french", "italian", "japanese", "german", "spanish", "united", "states"}


def read_forms() -> dict[str, set[str]]:
    """Return the word forms of the phrasebook on either side."""
    with gzip.open(FOLDER / "phrasebook.tsv.gz", "rt", encoding="utf8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {side: {form for row in rows for form in row[side].split()} for side in DICTIONARIES}


def read_capitalised() -> dict[str, set[str]]:
    """Return the forms that have a capital in ordinary spelling."""
    with open(FOLDER / "nouns.csv", encoding="utf8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["class"] in CAPITAL_CLASSES]
    names = {side: {word for row in rows for word in row[side].split()} for side in DICTIONARIES}
    return {
        "english": names["english"] | CAPITALS,
        "french": {name.strip("*") for name in names["french"]},
    }


def find_misspelt(forms: dict[str, set[str]]) -> list[str]:
    """Return the forms that hunspell does not know, as `english form` or `french form`.

    Raises:
        FileNotFoundError: hunspell is not installed.
        RuntimeError: a dictionary is missing.
    """
    unknown = []
    capitalised = read_capitalised()
    for side, dictionary in DICTIONARIES.items():
        spelt = {}
        for form in forms[side] - PUNCTUATION - ELIDED:
            word = form.removeprefix("-t-").removeprefix("-")
            if form in capitalised[side]:
                word = "-".join(part.capitalize() for part in word.split("-"))
            spelt[form] = word
        words = "\n".join(sorted(set(spelt.values())))
        command = ["hunspell", "-d", dictionary, "-i", "utf-8", "-l"]
        done = subprocess.run(command, input=words, capture_output=True, encoding="utf8")
        if done.returncode or "Can't open" in done.stderr:
            raise RuntimeError(f"hunspell has no dictionary {dictionary}; install it.")
        wrong = set(done.stdout.split())
        unknown += [f"{side} {form}" for form in sorted(spelt) if spelt[form] in wrong]
    return unknown


def main() -> int:
    """Check, and write the record if all is well."""
    forms = read_forms()
    unknown = find_misspelt(forms)
    if unknown:
        print("\n".join(unknown))
        return 1
    lines = [f"{side} {form}" for side in forms for form in sorted(forms[side])]
    (FOLDER / "spelling.txt").write_text("\n".join(lines) + "\n", encoding="utf8", newline="\n")
    print(f"{len(lines):,} forms, all known to hunspell")
    return 0


if __name__ == "__main__":
    sys.exit(main())
