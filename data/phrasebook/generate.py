"""Write phrasebook.tsv.gz: python data/phrasebook/generate.py."""

import gzip
import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path

from grammar import FOLDER, finish
from writer import WEIGHTS, MisfitError, Writer

COLUMNS = ("english", "french", "alignment", "split", "pattern")
SPLITS = ("train", "validation", "test", "test-long", "test-compose")
RAW_SIZE = 47_000  # distinct sentences before the split
LARGEST = {"test-long": 1_000, "test-compose": 1_000}
HELD_OUT_SHARE = 20  # one combination in so many
# Never part of a held-out combination: these words also stand for something else (has broken,
# want to, would like to, know how to, ice cream, apple juice, the saw).
AMBIGUOUS = {"broken", "closed", "close", "forget", "have", "know", "want", "cream", "learn"}
AMBIGUOUS |= {"apple", "orange", "see", "do", "late", "break", "like"}
FREQUENT = 60  # short sentences that hold each word of a held-out combination, at least
# Words of a sentence, punctuation not counted.
SHORTEST, LONGEST = 3, 18
TRAIN_LONGEST = 11, 13  # English, French
REFUSED = re.compile("|".join((FOLDER / "refused.txt").read_text("utf8").splitlines()[1:]))


def count_words(sentence: str) -> int:
    return sum(token not in (".", "?", "!", ",") for token in sentence.split())


def generate(seed: int, size: int) -> list[dict]:
    """Make `size` distinct sentences: english, french, alignment, pattern, lemmas, pairs, lengths.

    Raises:
        ValueError: one English sentence came out with two French ones.
    """
    writer, rows = Writer(seed), {}
    while len(rows) < size:
        pattern = writer.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            whole = writer.write(pattern)
        except MisfitError:
            continue
        english, french, alignment = finish(whole)
        lengths = count_words(english), count_words(french)
        if min(lengths) < SHORTEST or max(lengths) > LONGEST or REFUSED.search(english):
            continue
        row = {"english": english, "french": french, "alignment": alignment, "pattern": pattern}
        row |= {"lemmas": whole.lemmas, "pairs": whole.pairs, "lengths": lengths}
        known = rows.setdefault(english, row)
        if known["french"] != french:
            raise ValueError(
                f"One English sentence has one French sentence, but {english!r} is both "
                f"{known['french']!r} and {french!r}; mend the lexicon or the pattern {pattern}."
            )
    return list(rows.values())


def hash_text(text: str) -> int:
    """Map a text to a number that is the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf8")).digest()[:8], "big")


def measure(row: dict) -> str:
    """Return "short" for training, "long" if a sentence is longer on both sides, or ""."""
    longer = [n > limit for n, limit in zip(row["lengths"], TRAIN_LONGEST, strict=True)]
    return "long" if all(longer) else "" if any(longer) else "short"


def hold_out_pairs(rows: list[dict]) -> set[tuple[str, str]]:
    """Choose the (verb, object) and (adjective, noun) combinations kept from training.

    By hash, one in `HELD_OUT_SHARE` of those that occur, if both words are frequent.
    """
    short = [row for row in rows if measure(row) == "short"]
    counts = Counter(lemma for row in short for lemma in row["lemmas"])
    frequent = {lemma for lemma, count in counts.items() if count >= FREQUENT} - AMBIGUOUS
    found = {combination for row in short for combination in row["pairs"]}
    found = {combination for combination in found if frequent.issuperset(combination)}
    return {pair for pair in found if hash_text(" ".join(pair)) % HELD_OUT_SHARE == 0}


def split_rows(rows: list[dict]) -> list[dict]:
    """Give every row a split and drop those that fit none.

    Sentences of middle length are dropped; so are those in which both words of a held-out
    combination stand without being combined, and those outside training that hold a form
    which training lacks.
    """
    held_out = hold_out_pairs(rows)
    parts: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        size, bucket = measure(row), hash_text(row["english"]) % 18
        if any(row["lemmas"].issuperset(combination) for combination in held_out):
            if row["pairs"] & held_out and size == "short":
                parts["test-compose"].append(row)
        elif size:
            short = {0: "validation", 1: "test"}.get(bucket, "train")
            parts["test-long" if size == "long" else short].append(row)

    def read_forms(row):
        return {(side, form) for side in COLUMNS[:2] for form in row[side].split()}

    known = set().union(*map(read_forms, parts["train"]))
    result = []
    for split in SPLITS:
        kept = [row for row in parts[split] if read_forms(row) <= known]
        if split in LARGEST:
            kept = sorted(kept, key=lambda row: hash_text(row["english"]))[: LARGEST[split]]
        result += [row | {"split": split} for row in kept]
    return result


def write(rows: list[dict], path: Path) -> None:
    """Write rows as gzipped, tab-separated text; the same rows give the same bytes."""
    lines = [COLUMNS, *([row[column] for column in COLUMNS] for row in rows)]
    with open(path, "wb") as stream, gzip.GzipFile("", "wb", 9, stream, mtime=0) as file:
        file.write("".join("\t".join(line) + "\n" for line in lines).encode("utf8"))


def main() -> None:
    rows = split_rows(generate(1, RAW_SIZE))
    write(rows, FOLDER / "phrasebook.tsv.gz")
    print("\n".join(f"{k:12} {n:6,}" for k, n in Counter(row["split"] for row in rows).items()))


if __name__ == "__main__":
    main()
