"""Check the forms of the phrasebook: python data/phrasebook/check.py

hunspell (Debian: apt-get install hunspell hunspell-en-us hunspell-fr) reads every word form of
phrasebook.tsv.gz. The accepted ones are recorded in spelling.txt, by which a machine without it
can tell that no form came in unchecked.
"""

import csv
import gzip
import subprocess
import sys

from grammar import FOLDER, NOUNS
from writer import LISTS

DICTIONARIES = {"english": "en_US", "french": "fr"}
# Punctuation, and what is cut off the word it belongs to.
SKIPPED = {".", ",", "?", "!", "c'", "d'", "j'", "l'", "m'", "n'", "qu'", "s'", "t'"}
NAMED = ("given", "city", "country", "language", "dutch")  # classes that have a capital


def read_forms() -> dict[str, set[str]]:
    """Return the word forms of the phrasebook on either side."""
    with gzip.open(FOLDER / "phrasebook.tsv.gz", "rt", encoding="utf8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {side: {form for row in rows for form in row[side].split()} for side in DICTIONARIES}


def find_misspelt(forms: dict[str, set[str]]) -> list[str]:
    """Return the forms that hunspell does not know, as `english form` or `french form`.

    Raises:
        FileNotFoundError: hunspell is not installed.
        RuntimeError: a dictionary is missing.
    """
    unknown = []
    for side, dictionary in DICTIONARIES.items():
        names = [row.get(side, noun) for noun, row in NOUNS.items() if row["class"] in NAMED]
        capitals = {*LISTS["capitals"][side], *" ".join(names).split()}
        bare = {form: form.removeprefix("-t-").removeprefix("-") for form in forms[side] - SKIPPED}
        spelt = {form: w.title() if form in capitals else w for form, w in bare.items()}
        command = ["hunspell", "-d", dictionary, "-i", "utf-8", "-l"]
        words = "\n".join(sorted(set(spelt.values())))
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
    print("\n".join(unknown) or "All forms are known.")
    if not unknown:
        lines = [f"{side} {form}\n" for side in forms for form in sorted(forms[side])]
        (FOLDER / "spelling.txt").write_text("".join(lines), encoding="utf8", newline="\n")
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
