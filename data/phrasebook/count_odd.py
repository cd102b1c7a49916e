"""Count odd sentences of the phrasebook by rules: python data/phrasebook/count_odd.py

Of 300 sentences that a hash draws, and of all. The rules find what they look for, no more: whether
a sentence is one that somebody would say is for a person to judge. Nothing is changed.
"""

import csv
import gzip
import hashlib
import re
from collections import Counter

from grammar import FOLDER, NOUNS, VERBS

DRAWN = 300
ANIMALS = {n for n, noun in NOUNS.items() if {"pet", "animal"} & set(noun["class"].split())}
ANIMALS |= {NOUNS[name]["plural"] for name in ANIMALS}
# What an animal may do; with any other verb it stands where a person should.
NATURAL = (
    " arrive be belong break catch cross drink eat enter fall find follow forget get go have hear"
    " help hide hurry kiss know like live look lose love need play prefer protect recognize rest"
    " run see sleep stay swim take wait wake walk want watch come leave bring carry stop "
)
FORMS = {  # each form of a verb to its base
    form: verb["base"]
    for verb in VERBS.values()
    for form in (verb["base"], verb["s"], verb["ing"], verb["past"], verb["participle"])
    if form
}
SMALL = (
    r"(?:am|is|are|was|were|isn't|aren't|wasn't|weren't|do|does|did|don't|doesn't|didn't|has|have"
)
SMALL += (
    r"|hasn't|haven't|had|going|to|can|can't|must|mustn't|just|never|always|often|sometimes|will"
)
SMALL += r"|rarely|already|really|also|know|knows|how|want|wants|not)"
AGENT = re.compile(
    rf"(?:^|(?:that|because|so|but|and|if|when|,) )(?:\S+ ){{1,3}}?({'|'.join(ANIMALS)}) "
    rf"(?:{SMALL} )*(\S+)"
)
PAST = {"yesterday", "ago"}
FUTURE = {"tomorrow", "tonight", "next", "soon"}
PAST_FORMS = {verb["past"] for verb in VERBS.values()} | {"did", "didn't", "was", "were"}
PAST_FORMS -= {verb["base"] for verb in VERBS.values()} | {*NOUNS}  # put, a saw
VOWEL = re.compile(r"[aeiou]|hour|honest")
LIKE_Y = re.compile(r"uni(?!n)|use|euro|one\b|uk")
MASCULINE = {"le", "un", "ce", "cet", "du", "au", "quel"}
FEMININE = {"la", "une", "cette", "ma", "ta", "sa", "quelle"}
GENDERS: dict[str, set] = {}
for noun in NOUNS.values():
    GENDERS.setdefault(noun["french"], set()).add(noun["gender"])
    if noun["feminine"]:
        GENDERS.setdefault(noun["feminine"], set()).add("f")
PLURALS = {noun["plural"] for name, noun in NOUNS.items() if noun["plural"] != name} - {*NOUNS}
SINGULARS = {name for name, noun in NOUNS.items() if noun["plural"] not in ("", name)} - PLURALS
SINGULARS -= {
    name for name, noun in NOUNS.items() if noun["class"] == "language"
}  # adjectives, too


def find_oddities(english: list[str], french: list[str]) -> set[str]:
    """Name what is odd in a pair of sentences (tokens): animals, dates, article and noun."""
    text, found = " ".join(english), set()
    for _, word in AGENT.findall(text):
        if word in FORMS and f" {FORMS[word]} " not in NATURAL:
            found.add("an animal does what people do")
    clauses = re.split(r" (?:that|and|but|so|because|when|if|where|who|,) ", text)
    for clause in clauses:
        words = set(clause.split())
        simple_past = PAST_FORMS & words
        late = FUTURE & words or "going to" in clause
        early = PAST & words or re.search("last (?:week|month|year|summer|monday)", clause)
        if (simple_past and FUTURE & words) or (late and early):
            found.add("an impossible date")
    for first, second in zip(english, english[1:], strict=False):
        vowel = bool(VOWEL.match(second) and not LIKE_Y.match(second))
        if first in ("a", "an") and (vowel != (first == "an") or second in PLURALS):
            found.add("article and noun, English")
        if (first in ("this", "every") and second in PLURALS) or (
            first in ("these", "two", "three", "several", "many") and second in SINGULARS
        ):
            found.add("article and noun, English")
    for first, second in zip(french, french[1:], strict=False):
        genders = GENDERS.get(second, set())
        if (first in MASCULINE and genders == {"f"}) or (first in FEMININE and genders == {"m"}):
            found.add("article and noun, French")
    return found


def main() -> None:
    """Print the odd ones of those drawn, and how many there are."""
    with gzip.open(FOLDER / "phrasebook.tsv.gz", "rt", encoding="utf8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows.sort(key=lambda row: hashlib.sha256(row["english"].encode("utf8")).digest())
    for name, part in (("drawn", rows[:DRAWN]), ("all", rows)):
        counts, odd = Counter(), 0
        for row in part:
            found = find_oddities(row["english"].split(), row["french"].split())
            counts.update(found)
            odd += bool(found)
            if name == "drawn" and found:
                print(f"{', '.join(sorted(found))}: {row['english']} | {row['french']}")
        print(f"{name}: {odd} of {len(part)} sentences; {dict(counts)}")


if __name__ == "__main__":
    main()
