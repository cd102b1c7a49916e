"""Rules and a gazetteer for entities: a stronger baseline than the dozen rules of notebook 04.

Written after data/ner/GUIDELINE.md, and tuned on the development sentences alone.
"""

import difflib
import importlib.resources
import itertools
import re
from collections.abc import Set

from utils.metrics import Span

COUNT = (
    r"(?:\d+(?:[.,]\d+)*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|[mb]illion|dozen)"
)
NUMBER = rf"(?:(?:an? )?{COUNT}(?:[ -](?:and |to |or )?{COUNT})*)"
ABOUT = r"(?:(?:about|around|almost|nearly|over|under|another|up to|at least|(?:more|less) than) )?"
CURRENCY = "(?:dollar|euro|pound|cent|yen|yuan|franc|naira|zloty|rupee|peso|krone|crown|lira)s?"
MONEY = rf"{ABOUT}[A-Z]{{0,2}}[$£€¥] ?{NUMBER}\b|\b{ABOUT}{NUMBER} {CURRENCY}\b"

MONTH = (  # "may" and "march" are verbs, too
    "(?:january|february|(?-i:March)|april|(?-i:May)|june|july|august|september|october|"
    "november|december)"
)
WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
NTH = r"\d\d?(?:st|nd|rd|th)"
YEAR = r"(?:1[1-9]|20)\d\d"
UNIT = "(?:day|week|weekend|month|year|decade|century|spring|summer|autumn|winter)s?"
PART = "(?:early |late |mid-|the (?:end|start|middle|first half|second half) of )?"
DATES = (
    rf"{PART}(?:{WEEKDAY},? )?(?:(?:{NTH}|\d\d?) )?{MONTH}(?: (?:{NTH}|\d\d?)\b)?(?:,? {YEAR})?",
    rf"(?:(?:last|next|this|every) )?{WEEKDAY}",
    rf"{PART}(?:last|next|this|every|all|each|both|most) (?:{NUMBER} )?(?:{UNIT}|{MONTH})",
    rf"{PART}the (?:(?:first|second|third|last|next|past|\w+th) )?(?:{NUMBER} )?{UNIT}",
    rf"an? {UNIT} (?:ago|later|earlier)|{ABOUT}(?!an? ){NUMBER} {UNIT}(?: (?:ago|later|earlier))?",
    rf"{PART}(?:the )?{YEAR}s?(?![.,]?\d)",
    rf"the {NTH}|today|yesterday|tomorrow|christmas|easter",
    r"(?<=[a-z], )\d\d(?=,)",  # the age in "Ann, 35, won"
)
DATE = rf"\b(?:{'|'.join(DATES)})\b"

CAPITAL = r"[^\W\d_a-zß-ÿ](?:[\w.&-]|'(?!s\b))*\w"  # a word that begins with a capital
NAME = rf"{CAPITAL}(?:(?:'s)? (?:of |de |da |van |von |& )?{CAPITAL})*"
ORGANISATION = (
    r"\b(?:Bank|Company|Inc|Ltd|Institute|University|College|School|Party|Union|Nations|Museum|"
    r"Council|Court|Club|Times|Post|Star|United|Ministry|Department|Association)\b|^[A-Z]{2,}$"
)
BEFORE_PLACES = r"\b(?:in|near|across|from|of|reached) $"


def load_places() -> set[str]:
    """Return the countries, and the cities that time zones are named after (tzdata)."""
    folder, places = importlib.resources.files("tzdata") / "zoneinfo", set()
    for file, column in (("iso3166.tab", 1), ("zone.tab", 2)):
        lines = (folder / file).read_text(encoding="utf8").splitlines()
        names = [line.split("\t")[column] for line in lines if not line.startswith("#")]
        places |= {re.sub(r" \(.*|.*/", "", name).replace("_", " ") for name in names}
    return places


def choose_type(name: str, before: str, places: Set[str]) -> str:
    """Say what a name is by its words, the gazetteer, or else the word that stands before it."""
    if name in places or (len(name) > 5 and difflib.get_close_matches(name, places, 1, 0.8)):
        return "GPE"
    if re.search(ORGANISATION, name) or before.endswith(" at "):
        return "ORG"
    return "GPE" if re.search(BEFORE_PLACES, before) else "PERSON"


def find_by_rules(text: str, ordinary: Set[str], places: Set[str]) -> list[Span]:
    """Return the entities that the rules find in a sentence: amounts, then dates, then names.

    Args:
        text: the sentence. Where it has no capitals, only places are names.
        ordinary: words that are also written small: they are no names where a sentence begins.
        places: the gazetteer; a place of six letters or more may have a typing slip.

    Returns:
        Spans in characters.

    Example:
        >>> find_by_rules("Then Ann paid $5 in Rome on 3 May.", {"then"}, {"Rome"})
        [(5, 8, 'PERSON'), (14, 16, 'MONEY'), (20, 24, 'GPE'), (28, 33, 'DATE')]
    """
    spans, rest = [], text
    for label, pattern in (("MONEY", MONEY), ("DATE", DATE)):
        spans += [(*match.span(), label) for match in re.finditer(pattern, rest, re.IGNORECASE)]
        rest = re.sub(pattern, lambda match: " " * len(match[0]), rest, flags=re.IGNORECASE)
    anywhere = rf"\b(?:{'|'.join(map(re.escape, sorted(places, reverse=True)))})\b"
    pattern, rest = (anywhere, rest.title()) if text.islower() else (NAME, rest)
    for match in re.finditer(pattern, rest):
        name, before = match[0], text[: match.start()]
        if re.search(r"(?:^|[.!?] )$", before):
            words = itertools.dropwhile(lambda word: word.lower() in ordinary, name.split(" "))
            name = " ".join(words)
            before = text[: match.end() - len(name)]
        label = choose_type(name, before, places)
        article = 4 if label != "PERSON" and before.lower().endswith("the ") else 0
        if name:
            spans.append((match.end() - len(name) - article, match.end(), label))
    return sorted(spans)
