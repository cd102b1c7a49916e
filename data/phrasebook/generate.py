"""Write phrasebook.tsv.gz: python data/phrasebook/generate.py [--seed 1] [--out FILE].

Each pattern below makes one kind of sentence from the lexicon and `grammar`. What may stand
together (who eats what, what can be red) is in the lexicon; how often, in `PATTERNS`.
"""

import argparse
import functools
import gzip
import hashlib
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

from grammar import (
    ADJECTIVES,
    NOUNS,
    PHRASES,
    PRONOUNS,
    VERBS,
    Nominal,
    Phrase,
    be,
    both,
    clause,
    comma,
    command,
    compare,
    describe,
    finish,
    infinitive,
    join,
    name,
    new_id,
    np,
    pair,
    phrase,
    prep,
    pro,
    refer,
    superlative,
    there_is,
    tokens,
    with_pronoun,
)

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
TRAIN_LONGEST_ENGLISH, TRAIN_LONGEST_FRENCH = 11, 13
MASS = ("dish", "ingredient", "drink", "money", "music", "work", "language", "dutch", "sport")
PEOPLE = ("kin", "kin1", "person", "job", "hero", "given", "infant", "figure")


# What fits together.


@functools.cache
def list_nouns(*selectors: str) -> tuple[str, ...]:
    """Return the nouns that are named, or whose class is named, in lexicon order."""
    return tuple(n for n, row in NOUNS.items() if n in selectors or row["class"] in selectors)


@functools.cache
def list_verbs(kind: str) -> tuple[str, ...]:
    """Return the verbs with a flag; "object" for all that act on things or people."""
    if kind == "object":
        return tuple(
            v
            for v, row in VERBS.items()
            if row["objects"] and not row["subjects"] and not {"give"} & set(row["flags"].split())
            and v not in ("speak", "read to", "be afraid of", "hold")
        )  # fmt: skip
    return tuple(v for v, row in VERBS.items() if kind in row["flags"].split())


@functools.cache
def list_adjectives(noun: str, predicate: bool) -> tuple[str, ...]:
    """Return the adjectives that fit a noun, before or after it or as a predicate."""
    kinds = {noun, NOUNS[noun]["class"].replace("kin1", "kin")}
    return tuple(
        a
        for a, row in ADJECTIVES.items()
        if kinds & set(row["classes"].split())
        and (predicate or row["position"] != "pred")
        and not (predicate and a in ("new", "first", "last", "young", "brown", "wooden"))
    )


@functools.cache
def list_times(*kinds: str | None) -> tuple[str, ...]:
    """Return the phrases of phrases.csv of these kinds."""
    return tuple(english for english, row in PHRASES.items() if row["kind"] in kinds)


def get_objects(verb: str, subject: Nominal | None = None) -> tuple[str, ...]:
    """Return the nouns that a verb acts on, for a subject if it matters."""
    nouns = list_nouns(*VERBS[verb]["objects"].split())
    if subject and subject.gender == "m" and verb in ("wear", "put on", "take off"):
        return tuple(noun for noun in nouns if noun not in ("dress", "skirt", "blouse", "necklace"))
    return nouns


def has(verb: str, flag: str) -> bool:
    """Tell whether a verb has a flag."""
    return flag in VERBS[verb]["flags"].split()


HUMAN_OBJECT = (
    *("see", "help", "invite", "know", "thank", "call", "wait for", "listen to", "meet"),
    *("phone", "talk to", "answer", "find", "follow", "hear", "understand"),
)
INTRANSITIVE = ("sleep", "work", "dance", "cry", "laugh", "smoke", "have lunch", "study", "rest")
REFLEXIVE = tuple(v for v in list_verbs("reflexive") if not VERBS[v]["objects"])
# What people do, where: verbs without object, and the rooms or places for it.
ACTIVITIES = {
    "sleep": ("bedroom", "living room", "garden", "hotel", "sofa"),
    "work": ("office", "bank", "factory", "hospital", "library", "restaurant", "farm", "garden"),
    "dance": ("living room", "garden", "street"),
    "swim": ("lake", "river", "swimming pool"),
    "run": ("park", "forest", "street", "garden"),
    "walk": ("park", "forest", "street", "garden"),
    "go for a walk": ("park", "forest", "garden", "village"),
    "have lunch": ("garden", "park", "kitchen", "restaurant"),
    "have dinner": ("restaurant", "kitchen", "garden", "hotel"),
    "study": ("library", "bedroom", "garden"),
    "rest": ("bedroom", "garden", "living room"),
    "get lost": ("forest", "city", "airport", "station", "museum"),
    "smoke": ("garden", "street"),
}
DESTINATIONS = list_nouns("place", "shop", "sight", "eatery")
COUNTRIES = list_nouns("country")
CITIES = tuple(n for n, row in NOUNS.items() if row["class"] == "city")  # city is no city's name
MASCULINE = [n for n in list_nouns("given") if NOUNS[n]["gender"] == "m"]
FEMININE = [n for n in list_nouns("given") if NOUNS[n]["gender"] == "f"]
SPOTS = {  # what lies where
    "on": ("sur", ("table", "chair", "bed", "sofa", "desk", "shelf", "armchair", "carpet")),
    "under": ("sous", ("table", "chair", "bed", "sofa", "desk", "armchair")),
    "next to": ("à côté de", ("lamp", "television", "computer", "bed", "mirror", "door")),
    "in": ("dans", ("bag", "suitcase", "box", "wardrobe", "kitchen", "car", "bedroom")),
    "behind": ("derrière", ("door", "sofa", "wardrobe", "armchair", "television")),
    "in front of": ("devant", ("mirror", "door", "window", "television")),
}
FLAT = ("letter", "ticket", "photo", "book", "text", "small", "jewel", "linen")
THINGS = list_nouns("small", "bag", "gift", "photo", "pairs", "book", "notebook", "newspaper",
                    "magazine", "letter", "toy", "jewel", "pet", "linen", "tablet")  # fmt: skip
PLACE_SPOTS = {
    "near": ("près de", DESTINATIONS),
    "next to": ("à côté de", DESTINATIONS),
    "behind": ("derrière", DESTINATIONS),
    "opposite": ("en face de", DESTINATIONS),
}
PLACE_SPOTS_STREETS = list_nouns("street")


TOO = (
    *("big", "small", "old", "young", "long", "short", "tall", "heavy", "expensive", "boring"),
    *("difficult", "easy", "strange", "sad", "busy", "tired", "serious", "lazy", "shy", "hot"),
    *("cold", "dangerous", "dirty", "modern", "slow"),
)
SINGLE = (  # what one has one of
    *("wallet", "passport", "umbrella", "toothbrush", "comb", "phone", "computer", "tablet"),
    *("camera", "printer", "raincoat", "coat", "watch", "swimsuit", "belt", "ladder"),
)
COLORS = ("red", "blue", "green", "black", "white", "yellow", "gray", "brown")
NATIONS = ("french", "italian", "japanese", "german", "spanish")
PRICES = {  # euros, by noun or class
    **dict.fromkeys(("coat", "suit", "dress"), ("fifty", "a hundred")),
    **dict.fromkeys(("clothes", "pairs"), ("twenty", "thirty", "forty", "fifty")),
    **dict.fromkeys(("newspaper", "magazine"), ("two", "three", "four", "five")),
    **dict.fromkeys(("text", "ticket", "tool"), ("ten", "fifteen", "twenty", "thirty")),
    **dict.fromkeys(("toy", "dishware"), ("five", "ten", "fifteen", "twenty")),
    **dict.fromkeys(("bag", "jewel"), ("thirty", "forty", "fifty", "a hundred")),
}
COMPARABLE = (  # what people compare
    ("coat", "raincoat", "jacket"), ("shirt", "blouse", "sweater"), ("dress", "skirt"),
    ("sofa", "armchair"), ("chair", "stool"), ("wardrobe", "shelf"), ("car", "van", "truck"),
    ("bike", "motorcycle"), ("museum", "castle", "palace"),
    ("restaurant", "hotel"), ("book", "novel"), ("newspaper", "magazine"), ("article", "report"),
    ("apple", "pear", "peach"), ("cherry", "strawberry"), ("orange", "lemon"),
    ("melon", "pineapple"),
    ("plum", "apricot"), ("village", "city"), ("computer", "tablet", "phone"), ("cat", "dog"),
    ("rabbit", "hamster"), ("lesson", "exercise"), ("shoe", "boot", "sandal"),
    ("house", "apartment"),
    ("sandwich", "hamburger", "pizza"), ("cake", "tart"), ("croissant", "pancake", "waffle"),
)  # fmt: skip
# What nobody says, where it takes more than one phrase to see it.
REFUSED = re.compile("|".join((
    r"(n't|never|not) .*\bago\b", r"(n't|never|not) .*\bsoon\b", r"^(wh|how).* soon\b",
    r"(n't|never|not) .*\b(two|three|four|many|several|a few) (?!\w+ (ago|euros))",
    r"\b(build|built|cross|crossed|push|pushed|pushing|crossing|drive|drove|driving|steal|stole|"
    r"put on|take off|took off|hold|holding|wear|wearing|wore|reserve|reserved|hire|hired|"
    r"cancel\w*|organiz\w+|sing|sang|sung) (all the|several|many)\b",
    r"\b(build|building|built) .*(s|ies) (\.|and|but|in|last|next|a)\b",
    r"(can|can't) .*\bsoon\b", r"\bour\b.*\bmy\b", r"\bmy\b.*\bour\b",
    r"\bwater\w* (the|this|my|his|her|your) flower\b",
    rf"\b({'|'.join(list_nouns('kin', 'kin1'))})s?\b.*\b\1s?\b",
    r"\b(buy|buying|bought|choose|choosing|chose) .*\b(dirty|clean|ripe)\b",
    r"n't (lost|broken|forgotten|stolen) .* yet", r"never (know|hate|love|prefer)",
    r"hopes? to (turn|obey|drink|eat|close|open|put|take off|peel|fold|push|wash|clean)",
    r"tried to (look|wait|close|turn|drink|eat|put|take off|print)",
    r"like to (clean|wash|iron|peel|fold|empty|push|correct)\b",
    r"\b(want|order|buy|need|choose|bring|sell)\w* .*delicious", r"(dirty|good|famous) .* costs?\b",
    r"\bdid (we|i)\b.*\?$", r"going to get lost", r"\band\b.* (are|aren't) married",
    r"(forgot|decided|tried|try|hopes?|would like) to (obey|meet|hear|understand)",
    r"believes? that .* (cold|hungry|thirsty|hot|tired|ill|right|wrong)\b",
    r"\b(in|at|to|from|near) .* soon\b",
    r"(giving|lending|showing|telling|sending|bringing|selling) .* today\b",
)))  # fmt: skip


MOVES = ("leave", "arrive", "come", "come back", "go out", "go home")
DAYS = {  # when people get up and go to bed, with early or late
    "get up": {"past": ("this morning", "yesterday"), "future": ("tomorrow", "tomorrow morning"),
               "habit": ("every day", "every morning", "on mondays", "on sundays", "in winter")},
    "go to bed": {"past": ("yesterday", "yesterday evening"), "future": ("tonight", "tomorrow"),
                  "habit": ("every day", "every evening", "on fridays", "on sundays", "in summer")},
}  # fmt: skip
DAYS["wake up"] = DAYS["get up"]
FEARED = ("dog", "cat", "horse", "mouse", "owl", "wolf", "lion", "bear", "snake", "exam", "dentist")
ONE_EACH = ("mother", "father", "grandmother", "grandfather")  # of whom one owner has one
PERSONAL = ("clothes", "jewel", "bag", "dishware", "small")  # of which each person has their own
OPINIONS = (  # adjectives that judge, or hold for a while: not with my, this, two
    *(
        "good",
        "bad",
        "delicious",
        "kind",
        "serious",
        "lazy",
        "shy",
        "intelligent",
        "strong",
        "rich",
    ),
    *("polite", "brave", "sad", "funny", "strange", "clean", "dirty", "empty", "heavy", "boring"),
    *("important", "interesting", "difficult", "easy", "fresh", "ripe", "expensive", "dangerous"),
)
STATES = ("keep", "understand", "hear", "obey", "wear", "find", "need")  # cannot be planned
INSTANTS = ("turn on", "turn off", "close", "open", "push", "fold", "look at", "catch")


def is_undated(verb: str, tense: str) -> bool:
    """Tell whether no day or hour goes with a verb in a tense: nobody plans to understand."""
    return verb in STATES or (tense == "future" and verb in INSTANTS)


class Writer:
    """Makes sentences with one source of chance."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    # Chance.

    def pick(self, choices):
        """Return one of the choices."""
        return choices[self.random.randrange(len(choices))]

    def weigh(self, **weights):
        """Return one of the keys, with chances in proportion to the values."""
        return self.random.choices(list(weights), list(weights.values()))[0]

    def chance(self, share: float) -> bool:
        """Return True in this share of cases."""
        return self.random.random() < share

    # Building blocks.

    def subject(self, **weights) -> Nominal:
        """Return somebody: a pronoun, a relative, a person or a name."""
        kind = self.weigh(**(weights or {"pronoun": 5, "kin": 3, "person": 2, "name": 2, "two": 1}))
        if kind == "he":
            return pro(self.pick(("he", "she")))
        if kind == "pronoun":
            keys = ("i", "i", "you", "he", "he", "she", "she", "we", "we", "they", "they")
            return pro(self.pick(keys))
        if kind == "kin":
            return self.relative()
        if kind == "person":
            return self.person()
        if kind == "name":
            return name(self.pick(list_nouns("given")))
        first, second = self.random.sample(list_nouns("given"), 2)
        if self.chance(0.5):
            return both(name(first), name(second))
        one, other = self.random.sample(list_nouns("kin"), 2)
        return both(np(one, "my"), np(other, "my"))

    def relative(self, det: str = "") -> Nominal:
        """Return my uncle, their neighbors ..."""
        chosen = det
        det = det or self.pick(("my", "my", "my", "your", "his", "her", "our", "their"))
        noun = self.pick(list_nouns("kin", "kin1"))
        if noun in ("wife", "husband") and not chosen and det in ("his", "her"):
            det = "my"
        single = NOUNS[noun]["class"] == "kin1" or noun in ONE_EACH
        if (noun, det) in (("wife", "her"), ("husband", "his")):
            noun, single = "cousin", False
        if noun in ("wife", "husband", "mother", "father") and det in ("our", "their", "your_v"):
            noun = "neighbor"
            single = False
        return np(noun, det, not single and self.chance(0.3))

    def person(self, det: str = "") -> Nominal:
        """Return the doctor, this woman, a few tourists ..."""
        noun = self.pick(list_nouns("person", "job", "person"))
        det = det or self.pick(("the", "the", "the", "this"))
        adjective = ""
        if self.chance(0.2) and det in ("the", "this"):
            plain = [a for a in list_adjectives(noun, False) if a not in OPINIONS]
            adjective = self.pick(plain) if plain else ""
        return np(noun, det, self.chance(0.3), adj=adjective)

    def owned(self, subject: Nominal) -> str:
        """Return the possessive determiner that refers back to a subject."""
        found = PRONOUNS[refer(subject)][9]
        return "the" if found == "-" else found

    def thing(self, noun, subject, *, definite=False, generic=False, habit=False, indefinite=False):
        """Return a noun phrase for a noun as somebody's object."""
        kind, mine = NOUNS[noun]["class"], self.owned(subject)
        if kind in ("town", "sight", "place", "shop", "eatery", "street", "nature", "bridge"):
            det = self.pick(("the", "the", "this")) if definite else self.pick(("the", "this", "a"))
        elif kind in MASS:
            if generic or kind in ("language", "sport", "dutch", "music"):
                return np(noun, "generic")
            if kind == "work":
                return np(noun, mine)
            options = ["the"] if definite else ["some", "some", "the"]
            measures = {"drink": ("a glass of", "a bottle of"), "ingredient": ("a kilo of",)}
            if not definite and self.chance(0.3):
                cups = ("coffee", "tea")
                options = ["a cup of"] if noun in cups else list(measures.get(kind, ["a lot of"]))
                options = options if noun not in ("oil", "garlic") else ["some"]
            det = self.pick(options)
            if habit:
                det = "some" if det == "the" else det
        elif generic:
            return np(noun, "generic", True)
        elif kind in ("kin", "kin1"):
            if kind == "kin1" or noun in ONE_EACH:
                return np(noun, mine if mine not in ("our", "their", "the") else "my")
            return np(noun, mine if mine != "the" else "my", self.chance(0.3))
        elif kind == "meal":
            return np(noun, mine)
        elif kind == "chore":
            return np(noun)
        elif kind in ("info", "exam", "home"):
            return np(noun, self.pick(("the", mine)), adj=self.adjective(noun, 0.15))
        elif kind in ("animal", "transport"):
            options = ("the", "this") if definite else ("a", "the", "some", "two", "three")
            det = "the" if kind == "transport" else self.pick(options)
        elif kind in ("person", "job", "hero", "infant"):
            det = self.pick(("the", "the", "this")) if definite else self.pick(("the", "a", "this"))
        elif kind in ("room", "garden", "opening", "wall", "switch", "furniture") and definite:
            det = self.pick(("the", "the", mine))
        elif kind in ("fruit", "vegetable", "food") and definite:
            det = self.pick(("the", "the" if habit else "this"))
        elif definite:
            det = self.pick(("the", "the", mine, mine, "the" if habit else "this"))
        elif indefinite:
            det = self.pick(("a", "a", "some", "two", "three", "a few"))
            if kind in ("vehicle", "device", "instrument", "garden", "clothes", "question", "idea"):
                det = "a"
        elif habit:
            det = self.pick(("a", "some", ""))
        else:
            number = self.pick(("two", "three", "four"))
            options = ["a", "a", "the", "the", mine, "this", number, "some", "some", "a few"]
            if kind in ("vehicle", "boat", "home", "furniture", "instrument", "device", "garden"):
                options = ["a", "a", "the", mine, "this"]
            det = self.pick(options)
        plural = det in ("some", "", "a few") and kind not in MASS
        if det in ("the", "this", mine) and kind not in MASS:
            plural = self.chance(0.2) and kind not in ("room", "garden", "home", "switch", "work")
        if kind == "pairs":
            plural = det not in ("a",) or plural
            det = "some" if det in ("a", "two", "three", "four", "a few", "") else det
            plural = True
        if noun in ("television", "radio", "light") or (det == mine and noun in SINGLE):
            plural = False
        if subject.plural and kind == "clothes" and det == "a":
            det = "some"
        if (det in ("our", "their") and kind in PERSONAL) or (kind == "clothes" and det == "some"):
            plural = True
        if det == "the" and plural and kind not in PEOPLE and self.chance(0.2):
            det = "all the"
        elif det == "a few" and self.chance(0.4):
            det = self.pick(("many", "several"))
        adjective = self.adjective(noun, 0.25 if not habit else 0.1)
        if adjective in ("first", "last") and det not in ("the", mine):
            adjective = ""
        if adjective in OPINIONS and (det not in ("a", "the") or adjective in ("clean", "dirty")):
            adjective = ""
        return np(noun, det, plural, adj=adjective)

    def degree(self, adjective: str) -> str:
        """Return "", very or too, as it suits an adjective."""
        plain = ("in a hurry",
                 "open", "closed", "broken", "wooden", "married", "alone", "late", "ready", "ill",
                 "first", "last", "empty", "delicious", "ripe", *COLORS, *NATIONS)  # fmt: skip
        if adjective in plain or self.chance(0.4):
            return ""
        return self.pick(("very", "too")) if adjective in TOO else "very"

    def adjective(self, noun: str, share: float) -> str:
        """Return an adjective that fits a noun, or "" in all but a share of cases."""
        options = list_adjectives(noun, False)
        return self.pick(options) if options and self.chance(share) else ""

    def time(self, kind: str, *, far: bool = False, verb: str = "", clock: bool = False) -> Phrase:
        """Return a time or manner of one kind of phrases.csv.

        Args:
            kind: a kind of phrases.csv.
            far: also last year, next year, in summer.
            verb: what happens then; nobody gets up in the evening.
            clock: whether an hour stands beside it.
        """
        if verb in ("hurry", "get dressed"):
            return Phrase()
        if verb in DAYS:
            early = phrase(self.pick(("early", "late")))
            when = self.pick((*DAYS[verb].get(kind, ()), ""))
            if clock:
                return phrase(when) if when else Phrase()
            return join(early, phrase(when)) if when else early
        if verb in MOVES and kind == "future" and self.chance(0.3):
            kind = "soon future"
        also = {"past": "far past", "future": "far future", "habit": "season"}.get(kind)
        times = list_times(kind, also if far else None)
        if verb == "have lunch":
            times = [
                t for t in times if not re.search("evening|tonight|hour|week|month|minutes|soon", t)
            ]
        return phrase(self.pick(times))

    def tense_and_time(self, verb: str) -> tuple[str, Phrase | None, bool]:
        """Return a tense that suits a verb, a time to go with it, and whether it is a habit."""
        if has(verb, "stative"):
            return "present", None, False
        options = {"past": 4} if has(verb, "past") else {"past": 4, "future": 3}
        if has(verb, "habit"):
            options["present"] = 3
        if not has(verb, "punctual") and not has(verb, "past"):
            options["progressive"] = 3
        tense = self.weigh(**options)
        kind = {"past": "past", "future": "future", "present": "habit", "progressive": "now"}[tense]
        same = VERBS[verb]["past"] == verb  # read, put on, cut: the time shows the tense
        far = has(verb, "far")
        dated = (self.chance(0.5) and not is_undated(verb, tense)) or same
        return (
            tense,
            self.time(kind, far=far) if tense == "present" or dated else None,
            (tense == "present"),
        )

    def doing(self, subject=None, verb="", *, time=True, **options) -> Phrase:
        """Return a clause: somebody does something."""
        subject = subject or self.subject()
        verb = verb or self.pick(list_verbs("object"))
        tense, when, habit = self.tense_and_time(verb)
        obj = self.thing(
            self.pick(get_objects(verb, subject)),
            subject,
            definite=has(verb, "definite"),
            generic=has(verb, "generic"),
            habit=habit,
            indefinite=has(verb, "indefinite"),
        )
        extra = (when,) if when and (time or tense == "present" or not_told(verb)) else ()
        if "tense" in options:
            return clause(subject, verb, obj=obj, **options)
        return clause(subject, verb, tense, obj=obj, extra=extra, **options)

    def place_to(self) -> Phrase:
        """Return a destination: to the market, to france, to paris."""
        return self.place("to")

    def place(self, english: str = "in") -> Phrase:
        """Return a destination ("to") or a country or city where one is ("in")."""
        kind = self.weigh(place=4 if english == "to" else 0, country=2, city=2)
        if kind == "place":
            return prep("to", "à", np(self.pick(DESTINATIONS)))
        if kind == "city":
            return prep(english, "à", np(self.pick(CITIES), "name"))
        return self.country(english)

    def where_one_is(self, noun: str) -> Phrase:
        """Return in the garden, at the restaurant, on the sofa."""
        inside = noun in ("park", "city") or NOUNS[noun]["class"] not in (
            "place", "shop", "sight", "eatery",
        )  # fmt: skip
        if noun == "sofa":
            return prep("on", "sur", np(noun))
        return prep("in", "dans", np(noun)) if inside else prep("at", "à", np(noun))

    def country(self, english: str) -> Phrase:
        """Return in or to a country: en france, au japon, aux états-unis."""
        noun = self.pick(COUNTRIES)
        gender = NOUNS[noun]["gender"]
        if gender == "f":
            return prep(english, "en", np(noun, "name"))
        nominal = np(noun, "name")
        i = new_id()
        article = tokens("à " + {"m": "LE", "p": "LES"}[gender], i)
        return Phrase(tokens(english, i) + nominal.en, article + nominal.fr, nominal.lemmas)

    def spot(self, *, flat: bool = False) -> Phrase:
        """Return where a thing lies: on the table, behind the door; what is flat lies on or in."""
        english = self.pick(("on", "in", "under") if flat else list(SPOTS))
        french, nouns = SPOTS[english]
        noun = self.pick(nouns)
        return prep(english, french, np(noun, self.pick(("the", "the", "my", "your"))))

    def vocative(self, key: str) -> Phrase:
        """Return the address that shows who "you" is: a name, sir, madam, children."""
        if key == "you":
            return join(comma(), name(self.pick(MASCULINE)))
        if key == "you_f":
            return join(comma(), name(self.pick(FEMININE)))
        words = {
            "you_v": pair("sir", "monsieur"),
            "you_vf": pair("madam", "madame"),
            "you_p": pair("children/1", "les/0 enfants/1"),
        }
        return join(comma(), words[key])

    def please(self, formal: bool) -> Phrase:
        """Return please."""
        return join(comma(), pair("please", f"s' il {'vous' if formal else 'te'} plaît"))

    # Patterns. Each returns a phrase and the mark at its end.

    def statement(self):
        """Return somebody does something."""
        some = self.person(self.pick(("a few", "several"))) if self.chance(0.06) else None
        return self.doing(some), "."

    def negation(self):
        """Return somebody does not do something."""
        verb = self.pick([v for v in list_verbs("object") if v != "prefer"])
        subject = self.subject()
        stative = has(verb, "stative")
        kind = self.weigh(**{"not": 4, "any more": 2 if stative or has(verb, "habit") else 0,
                             "never": 2 if has(verb, "habit") or stative else 0,
                             "yet": 0 if stative else 2})  # fmt: skip
        definite, generic = has(verb, "definite"), has(verb, "generic")
        habit = kind in ("never", "any more")
        obj = self.thing(self.pick(get_objects(verb, subject)), subject,
                         definite=definite, generic=generic,
                         indefinite=has(verb, "indefinite"),
                         habit=habit and not definite and not generic)  # fmt: skip
        if obj.en[0][0] in ("two", "three", "four", "a", "some") and kind == "yet":
            obj = self.thing(obj.noun, subject, definite=True)
        if kind == "yet":
            return clause(subject, verb, "perfect", neg=kind, obj=obj), "."
        if kind in ("never", "any more"):
            return clause(subject, verb, "present", neg=kind, obj=obj), "."
        tense, when, _ = self.tense_and_time(verb)
        tense = "past" if tense == "present" and not stative else tense
        when = self.time({"past": "past", "future": "future"}.get(tense, "now"))
        extra = () if stative or is_undated(verb, tense) or self.chance(0.5) else (when,)
        return clause(subject, verb, tense, neg=kind, obj=obj, extra=extra), "."

    def perfect(self):
        """Return already and just."""
        lasting = ("admire", "follow", "listen to", "look at", "obey", "use", *STATES)
        verb = self.pick([v for v in list_verbs("object") if not has(v, "stative")
                          and v not in lasting])  # fmt: skip
        subject = self.subject()
        obj = self.thing(self.pick(get_objects(verb, subject)), subject, definite=True)
        if self.chance(0.5):
            return clause(subject, verb, "recent", obj=obj), "."
        return clause(subject, verb, "perfect", adv="already", obj=obj), "."

    def nothing(self):
        """Return not ... anything, not ... anybody."""
        things = ("eat", "buy", "find", "forget", "break", "see", "hear", "say", "understand")
        people = ("meet", "see", "invite", "help", "call", "hear")
        subject = self.subject()
        when = self.time("past")
        if self.chance(0.5):
            return clause(subject, self.pick(things), "past", neg="nothing", extra=when), "."
        return clause(subject, self.pick(people), "past", neg="nobody", extra=when), "."

    def modal(self):
        """Return can, must, want to, would like to ..."""
        modal = self.pick(("can", "must", "want to", "have to", "would like to", "hope to"))
        verb = self.pick([v for v in list_verbs("object") if not has(v, "stative")
                          and not has(v, "past")])  # fmt: skip
        subject = self.subject()
        obj = self.thing(
            self.pick(get_objects(verb, subject)), subject, definite=has(verb, "definite")
        )
        neg = "not" if modal in ("can", "want to") and self.chance(0.4) else ""
        extra = (
            (self.time("future"),) if self.chance(0.4) and not is_undated(verb, "future") else ()
        )
        if modal in ("have to", "hope to") or subject.person == 1:
            neg = ""
        return clause(subject, verb, modal=modal, neg=neg, obj=obj, extra=extra), "."

    def modal_without_object(self):
        """Return can swim, wants to rest ..."""
        subject = self.subject()
        if self.chance(0.3):
            neg = self.pick(("", "not"))
            skill = self.pick(("swim", "dance", "read", "write", "cook", "drive", "sing"))
            return clause(subject, skill, modal="know how to", neg=neg), "."
        modal = self.pick(("want to", "must", "can", "would like to", "have to"))
        verbs = ("rest", "go to bed", "leave", "go out", "go home", "sleep", "dance")
        if modal in ("must", "have to"):
            verbs += ("get up", "wake up", "get dressed", "hurry")
        verb = self.pick(verbs)
        neg = "not" if modal in ("want to", "can") and self.chance(0.4) else ""
        return clause(
            subject, verb, modal=modal, neg=neg, extra=self.time("future", verb=verb)
        ), "."

    def decision(self):
        """Return decided to, tried to, forgot to, began to ..."""
        verb = self.pick([v for v in list_verbs("object") if not has(v, "stative")
                          and not has(v, "past") and v not in ("meet", "see")])  # fmt: skip
        modal = self.pick(("decide to", "try to", "forget to", "have to"))
        subject = self.subject()
        obj = self.thing(
            self.pick(get_objects(verb, subject)), subject, definite=has(verb, "definite")
        )
        extra = (self.time("past"),) if self.chance(0.2) else ()
        neg = "not" if modal == "forget to" and self.chance(0.2) else ""
        return clause(subject, verb, "past", modal=modal, neg=neg, obj=obj, extra=extra), "."

    def question(self):
        """Return a yes/no question; the address shows whether you is tu or vous."""
        key = self.weigh(you=4, you_f=2, you_v=2, you_vf=1, you_p=1, other=4)
        verb = self.pick([v for v in list_verbs("object") if v != "remember"])
        subject = self.subject() if key == "other" else pro(key)
        if subject.noun in ("i", "you"):
            key, subject = ("you", pro("you")) if key == "other" else (key, subject)
        formal = key in ("you_v", "you_vf")
        ask = "invert" if formal else "est-ce"
        address = Phrase()
        if key not in ("other", "you") or (key == "you" and self.chance(0.3)):
            address = self.vocative(key)
        tense, when, habit = self.tense_and_time(verb)
        obj = self.thing(self.pick(get_objects(verb, subject)), subject,
                         definite=has(verb, "definite"),
                         generic=has(verb, "generic"), habit=habit)  # fmt: skip
        extra = (when,) if when else ()
        return clause(subject, verb, tense, ask=ask, obj=obj, extra=extra) + address, "?"

    def offer(self):
        """Return do you want, would you like."""
        key = self.weigh(you=4, you_f=1, you_v=3, you_vf=2)
        formal = key in ("you_v", "you_vf")
        ask = "invert" if formal else "est-ce"
        address = self.vocative(key) if key != "you" else Phrase()
        never = ("lemon", "cream", "butter", "honey", "flour", "egg")
        nouns = list_nouns("dish", "drink", "fruit", "food")
        noun = self.pick([n for n in nouns if n not in never])
        mass = NOUNS[noun]["class"] in MASS
        small = noun in ("strawberry", "cherry", "apricot", "plum")
        large = noun in ("pineapple", "melon")
        det = "some" if mass or small else "a" if large else self.pick(("a", "some"))
        obj = np(noun, det, not mass and det == "some")
        obj.en_any = obj.en
        if self.chance(0.4):
            return clause(pro(key), "want", ask=ask, obj=obj) + address, "?"
        verb = "drink" if NOUNS[noun]["class"] == "drink" else "eat"
        return clause(pro(key), verb, modal="would like to", ask=ask, obj=obj) + address, "?"

    def wh_question(self):
        """Return where, when, why, how, what, who questions."""
        kind = self.weigh(what=3, why=3, who=3, which=3, many=2, where=4, when=3, whom=2)
        subject = self.subject(pronoun=5, kin=3, name=2)
        if subject.noun == "i":
            subject = pro("you")
        if kind == "what":
            verbs = (
                "eat",
                "drink",
                "buy",
                "read",
                "write",
                "look for",
                "prepare",
                "draw",
                "choose",
                "do",
            )
            verb = self.pick(verbs)
            tense = self.pick(("progressive", "past", "future"))
            if tense == "progressive" and has(verb, "punctual"):
                tense = "past"
            when = self.time({"past": "past", "future": "future"}.get(tense, "now"))
            q = new_id()
            what = Phrase(tokens("what", q), tokens("que", q))
            extra = (when,) if self.chance(0.5) else ()
            return clause(subject, verb, tense, ask="est-ce", wh=what, extra=extra), "?"
        if kind == "why":
            verb = self.pick((*INTRANSITIVE[3:5], "leave", "hurry", "go home", "go out"))
            tense = self.pick(("progressive", "past", "future"))
            if verb in INTRANSITIVE and tense == "future":
                tense = "progressive"
            extra = (self.time("past", verb=verb),) if tense == "past" else ()
            why = pair("why", "pourquoi")
            return clause(subject, verb, tense, ask="est-ce", wh=why, extra=extra), "?"
        if kind == "who":
            who = Nominal(*_who(), person=2, noun="he")
            return self.doing(who), "?"
        if kind == "whom":
            verb = self.pick(("leave", "work", "travel", "have dinner", "dance", "go out"))
            p, w = new_id(), new_id()
            tense = self.pick(("past", "future"))
            result = clause(
                subject,
                verb,
                tense,
                ask="est-ce",
                wh=Phrase(tokens("who", w), tokens("avec", p) + tokens("qui", w)),
            )
            result.en += tokens("with", p)
            when = self.time("past" if tense == "past" else "future")
            return (join(result, when) if self.chance(0.5) else result), "?"
        if kind in ("which", "many"):
            verbs = ("read", "buy", "eat", "find", "sell", "see", "receive")
            verb = self.pick((*verbs, "choose") if kind == "which" else verbs)
            noun = self.pick([n for n in get_objects(verb) if NOUNS[n]["class"] not in MASS
                              and NOUNS[n]["class"] not in ("kin", "info")])  # fmt: skip
            if verb == "see":
                noun = self.pick(list_nouns("film", "sight", "animal"))
            det = "which" if kind == "which" else "how many"
            words = np(noun, det, self.chance(0.4) or NOUNS[noun]["class"] == "pairs")
            return clause(subject, verb, "past", ask="est-ce", wh=words, gap=words), "?"
        if kind == "where":
            return self.where()
        when = self.pick((("when", "quand"), ("at what time", "à quelle heure")))
        if self.chance(0.5):
            noun = self.pick(("bus", "train", "plane"))
            verb = self.pick(("leave", "arrive"))
            det = self.pick(("the", "our", "my", "this"))
            words = pair(*when)
            if when[0] != "when":
                words = pair("at/1 what/2 time/3", "à/1 quelle/2 heure/3")
            return clause(np(noun, det), verb, wh=words, ask="stylistic"), "?"
        verb = self.pick(("leave", "arrive", "come back", "go home"))
        tense = self.pick(("past", "future"))
        words = pair("when", "quand")
        extra = ()
        return clause(subject, verb, tense, wh=words, ask="est-ce", extra=extra), "?"

    def where(self):
        """Return where is, where are, where do you live ..."""
        where = pair("where", "où")
        if self.chance(0.3):
            subject = self.subject(pronoun=5, kin=3, name=2)
            subject = pro("you") if subject.noun == "i" else subject
            verb, tense = self.pick((("live", "present"), ("work", "present"), ("go", "past"),
                                     ("sleep", "past"), ("go", "progressive"),
                                     ("get lost", "past")))  # fmt: skip
            return clause(subject, verb, tense, ask="est-ce", wh=where), "?"
        if self.chance(0.6):
            noun = self.pick(THINGS + list_nouns("clothes", "dishware", "tool"))
            det = self.pick(("the", "my", "my", "your", "his", "her", "our", "their"))
            kind = NOUNS[noun]["class"]
            each = det in ("our", "their") and kind in PERSONAL
            adjective = self.adjective(noun, 0.25)
            what = np(noun, det, self.chance(0.4) or kind == "pairs" or each,
                      adj="" if adjective in OPINIONS else adjective)  # fmt: skip
        else:
            noun = self.pick(DESTINATIONS)
            what = np(noun, "the", adj=self.adjective(noun, 0.3))
        result = clause(what, "be", wh=where, ask="stylistic")
        if NOUNS[noun]["class"] in ("place", "shop", "sight", "eatery"):
            return (join(result, self.please(True)) if self.chance(0.2) else result), "?"
        if self.chance(0.4):
            mark = pair("?", "?")
            rest = clause(pro("i"), "see", neg="not", obj=pro(refer(what)))
            return join(result, mark, rest), "."
        return result, "?"

    def object_pronoun(self):
        """Return him, her, them before the French verb."""
        verb = self.pick(HUMAN_OBJECT)
        subject = self.subject()
        keys = [k for k in ("i", "you", "he", "she", "we", "they") if k != subject.noun
                and {k, subject.noun} != {"i", "we"}]  # fmt: skip
        key = self.pick(keys)
        tense = "present"
        if not has(verb, "stative"):
            options = ["past"] + ["future"] * (verb not in STATES)
            options += ["progressive"] * (not has(verb, "punctual"))
            options += ["present"] * (verb in ("see", "hear"))
            tense = self.pick(options)
        neg = self.weigh(**{"": 5, "not": 3})
        time = {"past": "past", "future": "future", "progressive": "now", "present": ""}[tense]
        dated = time and not is_undated(verb, tense)
        extra = (self.time(time),) if dated and self.chance(0.6) else ()
        modal = ""
        if self.chance(0.3) and not has(verb, "stative"):
            modals = (
                ("want to",)
                if verb in ("find", "hear", "see", "understand")
                else ("can", "must", "want to")
            )
            modal, tense = self.pick(modals), "present"
            neg = "" if modal == "must" else neg
            dated = not is_undated(verb, "future")
            extra = (self.time("future"),) if dated and self.chance(0.5) else ()
        return clause(subject, verb, tense, modal=modal, neg=neg, obj=pro(key), extra=extra), "."

    def giving(self):
        """Return somebody gives something to somebody."""
        verb = self.pick(list_verbs("give"))
        subject = self.subject()
        tense = self.pick(("past", "past", "future", "progressive"))
        obj = self.thing(self.pick(get_objects(verb, subject)), subject)
        neg = "not" if self.chance(0.2) else ""
        if self.chance(0.5):
            keys = [k for k in ("i", "you", "he", "she", "we", "they") if k != subject.noun
                    and {k, subject.noun} != {"i", "we"}]  # fmt: skip
            to = pro(self.pick(keys))
        else:
            to = self.relative() if self.chance(0.7) else name(self.pick(list_nouns("given")))
            if {"you", "your"} & {subject.noun, to.en[0][0]} and subject.noun == "you":
                to = np(to.noun, "my") if NOUNS[to.noun]["class"] != "given" else to
        if verb == "read to":
            tense = "future" if tense == "past" else tense
        time = {"past": "past", "future": "future", "progressive": "now"}[tense]
        extra = (self.time(time),) if self.chance(0.3) else ()
        if to.noun and to.noun == subject.noun:
            to = pro("she") if subject.noun != "she" else pro("he")
        return clause(subject, verb, tense, obj=obj, to=to, neg=neg, extra=extra), "."

    def giving_it(self):
        """Return two pronouns that refer to what was named before."""
        noun = self.pick(list_nouns("gift", "text", "small", "letter", "toy"))
        det, plural = self.pick((("a", False), ("the", True), ("this", False), ("some", True)))
        what = np(noun, det, plural, adj=self.adjective(noun, 0.3))
        first = pro(self.pick(("i", "he", "she", "we", "they")))
        verb = self.pick(("buy", "find", "choose"))
        if noun not in get_objects(verb):
            verb = "find"
        if verb == "find":
            what = np(noun, "some" if plural else "a", plural)
        start = clause(first, verb, "past", obj=what)
        small = NOUNS[noun]["class"] == "small"
        later = self.pick(("give", "show") if small else ("give", "show", "send"))
        keys = [k for k in ("i", "you", "he", "she", "they") if k != first.noun
                and {k, first.noun} != {"i", "we"}]  # fmt: skip
        tense = self.pick(("future", "past"))
        second = clause(
            pro(first.noun), later, tense, obj=pro(refer(what)), to=pro(self.pick(keys))
        )
        return join(start, pair("and", "et"), second), "."

    def antecedent(self):
        """Return a thing, and then it or them, whose gender French must remember."""
        subject = self.subject(pronoun=5, kin=2, name=2)
        verb, later, neg, linking = self.pick((
            ("buy", "like", "not", "but"), ("find", "keep", "", "and"),
            ("lose", "look for", "", "but"), ("break", "repair", "", "but"),
            ("read", "understand", "not", "but"), ("receive", "open", "not", "but"),
            ("write", "send", "not", "but"), ("buy", "eat", "", "and"),
            ("take off", "wash", "", "and"), ("repair", "sell", "", "and"),
            ("buy", "put on", "", "and"),
            ("borrow", "lose", "past", "but"), ("choose", "buy", "not", "but"),
            ("buy", "drink", "not", "but"),
            ("turn on", "turn off", "", "but"),
        ))  # fmt: skip
        nouns = [n for n in get_objects(verb) if n in get_objects(later, subject)
                 and NOUNS[n]["class"] not in PEOPLE]  # fmt: skip
        if later == "like":
            nouns = list_nouns("clothes", "vehicle", "text", "furniture")
        if later == "send":
            nouns = list_nouns("letter")
        noun = self.pick(nouns)
        kind = NOUNS[noun]["class"]
        if kind in MASS:
            what = np(noun, self.pick(("some", "the")))
        else:
            plural = self.chance(0.4) and kind not in ("vehicle", "home", "furniture", "switch")
            plural = plural or kind == "pairs"
            if noun in ("television", "radio", "computer", "phone"):
                plural = False
            if later == "put on":
                plural = kind == "pairs"
            dets = ("the", "this")
            if verb in ("lose", "take off", "repair", "close", "turn on", "wash"):
                dets = ("the", self.owned(subject))
            if verb in ("buy", "find", "receive", "write", "read", "borrow", "break"):
                dets = ("some",) if plural else ("a",)
            what = np(noun, self.pick(dets), plural, adj=self.adjective(noun, 0.3))
        again = pro(refer(subject))
        first = clause(subject, verb, "past", obj=what)
        it = pro(refer(what))
        if later == "like":
            second = clause(again, later, neg=neg, obj=it)
            second.pairs = frozenset()
        elif neg == "past":
            second = clause(again, later, "past", obj=it)
        elif neg:
            second = clause(again, later, "past", neg=neg, obj=it)
        else:
            second = clause(again, later, self.pick(("future", "past")), obj=it)
        if linking == "but" and not neg:
            second = clause(again, later, "future", obj=it)
        return join(first, pair(linking, {"but": "mais", "and": "et"}[linking]), second), "."

    def necessity(self):
        """Return it is necessary to and il faut."""
        when = self.time("future")
        nobody = pro("it_m")
        if self.chance(0.3):
            verb = self.pick(("hurry", "rest", "leave", "go home", "go to bed", "sleep", "work"))
            when = self.time("future", verb=verb)
            return clause(nobody, verb, modal="be necessary to", extra=when), "."
        verb = self.pick([v for v in list_verbs("object") if not has(v, "stative")
                          and not has(v, "past") and v not in ("understand", "meet")])  # fmt: skip
        obj = self.thing(self.pick(get_objects(verb)), nobody, definite=True)
        extra = (when,) if self.chance(0.5) and not is_undated(verb, "future") else ()
        return clause(nobody, verb, modal="be necessary to", obj=obj, extra=extra), "."

    def noticing(self):
        """Return what somebody sees, hears or holds now."""
        subject = self.subject()
        if self.chance(0.3):
            obj = self.thing(self.pick(get_objects("hold")), subject, definite=True)
            form = self.weigh(plain=4, negative=2, question=2)
            if form == "question":
                if subject.noun == "you":
                    asked = clause(subject, "hold", modal="can", ask="est-ce", obj=obj)
                    return asked + self.please(False), "?"
                subject = pro("you") if subject.noun == "i" else subject
                return clause(subject, "hold", "progressive", ask="est-ce", obj=obj), "?"
            neg = "not" if form == "negative" else ""
            return clause(subject, "hold", "progressive", neg=neg, obj=obj), "."
        verb = self.pick(("see", "see", "hear"))
        nouns = {
            "see": list_nouns("bird", "cat", "dog", "rabbit", "butterfly", "squirrel", "tourist",
                              "man", "woman", "boy", "girl", "child", "neighbor", "gardener"),
            "hear": ("bird", "dog", "cat", "baby", "owl", "duck", "child", "musician", "singer"),
        }[verb]  # fmt: skip
        noun = self.pick(nouns)
        det = self.pick(("a", "the", "two", "our" if noun == "neighbor" else "the"))
        what = np(noun, det, det in ("the", "our") and self.chance(0.4))
        where = self.pick((
            prep("in", "dans", np(self.pick(("garden", "park", "street")))),
            prep("near", "près de", np(self.pick(("house", "bridge", "church", "school")))),
            prep("behind", "derrière", np(self.pick(("house", "tree", "wall", "door")))),
        ))  # fmt: skip
        form = self.weigh(plain=4, negative=2, question=2)
        if form == "question" and subject.noun != "i":
            return clause(subject, verb, ask="est-ce", obj=what, extra=where), "?"
        neg = "not" if form == "negative" else ""
        if neg:
            what = np(noun, "the", self.chance(0.4))
        return clause(subject, verb, neg=neg, obj=what, extra=where), "."

    def belonging(self):
        """Return belongs to and appartient à."""
        noun = self.pick(THINGS + list_nouns("vehicle", "tool", "instrument", "clothes"))
        plural = NOUNS[noun]["class"] == "pairs" or self.chance(0.3)
        what = np(noun, self.pick(("this", "this", "the")), plural, adj=self.adjective(noun, 0.25))
        keys = ("i", "he", "she", "we", "they", "you")
        owner = pro(self.pick(keys)) if self.chance(0.5) else self.relative()
        form = self.weigh(plain=5, negative=3, question=2)
        if form == "question":
            return clause(what, "belong to", ask="est-ce", obj=owner), "?"
        neg = self.pick(("not", "any more")) if form == "negative" else ""
        return clause(what, "belong to", neg=neg, obj=owner), "."

    def reflexive(self):
        """Return get up, get dressed, have fun ..."""
        verb = self.pick(REFLEXIVE)
        subject = self.subject()
        tense = self.pick(("past", "future", "present"))
        if verb in ("get married", "get lost", "hurry") and tense == "present":
            tense = "past"
        neg = self.weigh(**{"": 5, "not": 2})
        kind = {"past": "past", "future": "future", "present": "habit"}[tense]
        when = self.time(kind, verb=verb)
        if verb in ("hurry", "get dressed") and neg:
            neg = ""
        if verb in ("get lost", "go for a walk", "rest") and self.chance(0.5):
            where = self.where_one_is(self.pick(ACTIVITIES[verb]))
            return clause(subject, verb, tense, neg=neg, extra=(where, when)), "."
        return clause(subject, verb, tense, neg=neg, extra=when), "."

    def washing(self):
        """Return my hands and me ... les mains."""
        subject = pro(self.pick(("i", "you", "he", "she", "we", "they")))
        p, v, n, d = new_id(), new_id(), new_id(), new_id()
        noun, english, infinitive_, french = self.pick(
            (
                ("hands", "wash", "laver", "les mains"),
                ("teeth", "brush", "brosser", "les dents"),
                ("hair", "wash", "laver", "les cheveux"),
            )
        )
        article, body = french.split()
        owner = self.owned(subject)
        modal = self.pick(("must", ""))
        daily = ("every day", "every morning", "every evening", "in the morning", "in the evening")
        when = phrase(self.pick(daily))
        reflexive = ("me", "te", "se", "nous", "vous", "se")[subject.person]
        form = english + ("es" if english.endswith("sh") else "s") * (subject.person == 2)
        stem = infinitive_[:-2] + ("e", "es", "e", "ons", "ez", "ent")[subject.person]
        if modal == "must":
            a = new_id()
            from_table = ("dois", "dois", "doit", "devons", "devez", "doivent")
            en = tokens("must", a) + tokens(english, v)
            fr = (
                tokens(from_table[subject.person], a)
                + tokens(reflexive, p)
                + tokens(infinitive_, v)
            )
        else:
            en, fr = tokens(form, v), tokens(reflexive, p) + tokens(stem, v)
        en = subject.en + en + tokens(owner, p, d) + tokens(noun, n)
        fr = subject.fr + fr + tokens(article, d) + tokens(body, n)
        return Phrase(en, fr, frozenset({noun})) + when, "."

    def predicate(self):
        """Return something or somebody is big, is not ready ..."""
        nouns = [
            n
            for n in NOUNS
            if list_adjectives(n, True) and NOUNS[n]["class"] not in ("language", "work")
        ]
        noun = self.pick(nouns)
        kind = NOUNS[noun]["class"]
        if kind in ("kin", "kin1"):
            subject = self.relative()
            noun = subject.noun
        elif kind in ("person", "job"):
            subject = np(noun, self.pick(("the", "the", "this")), self.chance(0.3))
        elif kind in MASS or kind in ("meal", "garden", "room", "food", "fruit", "vegetable"):
            plural = kind in ("food", "fruit", "vegetable") and self.chance(0.6)
            subject = np(noun, self.pick(("the", "this")), plural)
        elif kind in ("shop", "place", "sight", "eatery", "street", "nature", "town", "bridge",
                      "animal", "transport"):  # fmt: skip
            subject = np(noun, self.pick(("the", "this")), self.chance(0.2))
        else:
            det = self.pick(("the", "this", "my", "his", "her", "our", "their", "your"))
            each = det in ("our", "their") and kind in PERSONAL
            subject = np(noun, det, self.chance(0.4) or kind == "pairs" or each)
        adjective = self.pick(list_adjectives(noun, True))
        very = self.degree(adjective)
        form = self.weigh(plain=6, negative=3, question=3)
        return be_in_form(subject, adjective, form, very)

    def feeling(self):
        """Return somebody named by a pronoun is tired, hungry ..."""
        if self.chance(0.4):
            verb = self.pick(("be hungry", "be thirsty", "be sleepy", "be right", "be wrong",
                              "be cold", "be hot"))  # fmt: skip
            subject = self.subject()
            adverb = self.pick(("always", "often", "sometimes"))
            form = self.weigh(plain=4, negative=2, adverb=4)
            if form == "negative":
                neg = self.pick(("not", "never", "any more"))
                return clause(subject, verb, neg=neg), "."
            return clause(subject, verb, adv=adverb if form == "adverb" else ""), "."
        if self.chance(0.3):
            fear = np(self.pick(FEARED), "generic", True)
            neg = self.pick(("", "not", "any more"))
            return clause(self.subject(), "be afraid of", neg=neg, obj=fear), "."
        people = [a for a, row in ADJECTIVES.items() if "kin" in row["classes"].split()
                  and a not in ("strange",)]  # fmt: skip
        adjective = self.pick(people)
        subject = self.subject(pronoun=4, name=3, two=2)
        very = self.degree(adjective)
        form = self.weigh(plain=3, negative=2, address=3, adverb=1)
        if form == "address":
            asked = (
                "tired",
                "happy",
                "ready",
                "busy",
                "late",
                "ill",
                "married",
                "alone",
                "in a hurry",
            )
            adjective = self.pick(asked)
            very = self.degree(adjective)
            key = self.pick(("you", "you_f", "you_v", "you_vf", "you_p"))
            ask = "invert" if key in ("you_v", "you_vf") else "est-ce"
            return be(pro(key), adjective, very=very, ask=ask) + self.vocative(key), "?"
        if form == "adverb" and adjective in (
            "late",
            "tired",
            "busy",
            "alone",
            "sad",
            "happy",
            "angry",
            "ill",
        ):
            adverb = self.pick(("always", "often", "sometimes"))
            return be(subject, adjective, adv=adverb), "."
        return be(subject, adjective, very=very, neg="not" if form == "negative" else ""), "."

    def profession(self):
        """Return is a doctor and est médecin, without article."""
        noun = self.pick([n for n in list_nouns("job") if n != "waiter"])
        subject = self.pick((self.relative, lambda: name(self.pick(list_nouns("given"))),
                             lambda: pro(self.pick(("he", "she", "i", "they")))))()  # fmt: skip
        if subject.noun in PRONOUNS or not NOUNS[subject.noun]["feminine"]:
            female = subject.gender == "f"
        else:
            female = False
        # A plural of both genders takes the masculine.
        job = np(noun, "", subject.plural, female=female)
        what = Phrase(([] if subject.plural else tokens("A")) + job.en, job.fr[-1:], job.lemmas)
        form = self.weigh(plain=5, negative=2, also=1, question=1)
        if form == "negative":
            return be(subject, what, neg=self.pick(("not", "any more"))), "."
        if form == "also":
            return be(subject, what, adv="also"), "."
        if form == "question" and subject.en[0][0] not in ("i", "my", "our"):
            return be(subject, what, ask="est-ce"), "?"
        where = self.place("in") if self.chance(0.4) else Phrase()
        return be(subject, what) + where, "."

    def comparison(self):
        """Return bigger than, less than, as ... as."""
        if self.chance(0.4):
            adjective = self.pick(("tall", "young", "rich", "kind", "serious", "lazy", "strong",
                                   "funny", "intelligent", "polite", "shy", "busy"))  # fmt: skip
            subject = self.subject(pronoun=3, kin=3, name=3)
            if self.chance(0.5):
                key = self.pick([k for k in ("i", "you", "he", "she") if k != subject.noun])
                if key == "i" and subject.noun == "we":
                    key = "she"
                other = with_pronoun(key)
            else:
                other = self.relative() if self.chance(0.5) else name(self.pick(FEMININE))
                if other.noun == subject.noun:
                    other = with_pronoun("he" if subject.noun != "he" else "she")
        else:
            first, second = self.random.sample(self.pick(COMPARABLE), 2)
            kind = NOUNS[first]["class"]
            options = [a for a in list_adjectives(first, True)
                       if a not in ("broken", "open", "closed", "wooden", "first", "last", "empty",
                                    "french", "italian", "japanese", "german", "spanish", "black",
                                    "white", "red", "blue", "green", "gray", "yellow", "delicious",
                                    "ripe", "bad", "long", "ill", "clean", "dirty")
                       and a in list_adjectives(second, True)]  # fmt: skip
            if not options:
                return None
            adjective = self.pick(options)
            plural = kind in ("pairs",) or self.chance(0.3)
            det = self.pick(("this", "the", "my", "her"))
            if kind in ("sight", "eatery", "town", "fruit", "food", "film"):
                det = self.pick(("this", "the"))
            subject = np(first, det, plural)
            other = np(second, "the" if det == "this" else det, plural)
        degrees = ("more", "as") if ADJECTIVES[adjective]["comparative"] else ("more", "less", "as")
        return compare(subject, adjective, self.pick(degrees), other), "."

    def best(self):
        """Return this is the most beautiful city in France."""
        noun = self.pick(
            list_nouns("town", "sight", "eatery", "shop", "street", "bridge", "nature")
        )
        options = [
            a
            for a in list_adjectives(noun, True)
            if a not in ("open", "closed", "empty", "french", "italian", "spanish", "bad")
            and (a != "small" or NOUNS[noun]["class"] in ("town", "nature"))
        ]
        if not options:
            return None
        if NOUNS[noun]["class"] in ("town", "nature"):
            feminine = [c for c in COUNTRIES if NOUNS[c]["gender"] == "f"]
            coast = ("france", "italy", "greece", "spain")
            country = self.pick(coast if noun == "island" else feminine)
            where = prep("in", "de", np(country, "name"))
        else:
            where = prep("in", "de", np(self.pick(CITIES), "name"))
        what = superlative(self.pick(options), noun, where)
        t = new_id()
        if self.chance(0.5):
            this = Phrase(tokens("this is", t), tokens("ce est", t))
            return this + what, "."
        city = self.subject(pronoun=5, name=2)
        verb = "visit" if noun in get_objects("visit") else "see"
        return _after(clause(city, verb, "past"), what, verb, noun), "."

    def relative_clause(self):
        """Return who, that, where and French qui, que, où, dont."""
        kind = self.weigh(qui=3, que=5, ou=2, dont=2)
        r = new_id()
        if kind == "qui":
            noun = self.pick(list_nouns("person", "job"))
            head = np(noun, "the", self.chance(0.3))
            who = Nominal(tokens("who", r), tokens("qui", r), person=head.person,
                          gender=head.gender, plural=head.plural, noun=refer(head))  # fmt: skip
            inner = self.doing(who, time=False)
            whole = self.extend(head, inner)
            return self.frame_person(whole)
        if kind == "que":
            verb = self.pick(
                (
                    "buy",
                    "read",
                    "find",
                    "sell",
                    "borrow",
                    "choose",
                    "write",
                    "repair",
                    "lose",
                    "break",
                    "receive",
                    "wash",
                    "steal",
                    "hide",
                )
            )
            noun = self.pick([n for n in get_objects(verb) if list_adjectives(n, True)
                              and NOUNS[n]["class"] not in PEOPLE])  # fmt: skip
            plural = NOUNS[noun]["class"] == "pairs" or (
                NOUNS[noun]["class"] not in MASS and self.chance(0.4)
            )
            head = np(noun, "the", plural)
            that = Phrase(tokens("that", r), tokens("que", r))
            actor = self.subject()
            inner = that + clause(
                actor,
                verb,
                "past",
                gap=head,
                extra=(self.time("past"),) if self.chance(0.3) else (),
            )
            inner.pairs = inner.pairs | {(verb, noun)}
            inner.lemmas = inner.lemmas | {noun}
            gone = verb in ("sell", "lose", "break", "steal")
            return self.frame_thing(self.extend(head, inner), gone=gone)
        if kind == "ou":
            noun, verbs = self.pick((("house", ("live", "sleep")), ("village", ("live",)),
                ("office", ("work",)), ("city", ("live", "work", "study")), ("street", ("live",)),
                ("restaurant", ("have dinner", "have lunch", "work")), ("apartment", ("live",)),
                ("hotel", ("sleep", "work")), ("school", ("work",)), ("factory", ("work",)),
                ("bank", ("work",)), ("library", ("study", "work"))))  # fmt: skip
            verb = self.pick(verbs)
            head = np(noun, "the")
            tense = "past" if verb in ("sleep", "have dinner", "have lunch") else "present"
            where = Phrase(tokens("where", r), tokens("où", r))
            inner = where + clause(self.subject(), verb, tense)
            return self.frame_thing(self.extend(head, inner))
        noun = self.pick(
            [
                n
                for n in get_objects("need")
                if NOUNS[n]["class"] not in MASS and NOUNS[n]["class"] != "idea"
            ]
        )
        head = np(noun, "the", self.chance(0.4))
        inner = clause(self.subject(), "need")
        d = new_id()
        need = Phrase(tokens("that", d) + inner.en, tokens("dont", d) + inner.fr,
                      inner.lemmas | {noun}, inner.pairs | {("need", noun)})  # fmt: skip
        whole = self.extend(head, need)
        if self.chance(0.5):
            verbs = ("buy", "find", "forget", "lose")
            verb = self.pick([v for v in verbs if noun in get_objects(v)] or ["see"])
            subject = pro(self.pick(("i", "he", "she", "we")))
            return _after(clause(subject, verb, "past"), whole, verb, noun), "."
        return be(whole, prep("in", "dans", np(self.pick(("car", "kitchen", "bedroom"))))), "."

    def extend(self, head: Nominal, more: Phrase) -> Nominal:
        """Return a nominal followed by its relative clause."""
        return Nominal(
            head.en + more.en, head.fr + more.fr, head.lemmas | more.lemmas,
            head.pairs | more.pairs, person=head.person, gender=head.gender,
            plural=head.plural, noun=head.noun,
        )  # fmt: skip

    def frame_person(self, whole: Nominal):
        """Return a sentence around a person with a relative clause."""
        form = self.weigh(be=3, know=3, job=2, ask=1)
        if form == "know":
            subject = pro(self.pick(("i", "we", "they")))
            neg = self.pick(("", "not"))
            obj = Nominal(**{**vars(whole), "en_any": whole.en, "fr_neg": whole.fr})
            return clause(subject, "know", neg=neg, obj=obj), "."
        if form == "job":
            relation = np(self.pick([n for n in list_nouns("kin")
                                     if NOUNS[n]["gender"] == whole.gender
                                     and NOUNS[n]["class"] == "kin"
                                     and not NOUNS[n]["feminine"]]),
                          self.pick(("my", "her", "his", "our")), whole.plural)  # fmt: skip
            if relation.noun in ("mother", "father", "uncle") or whole.plural:
                relation = np("cousin" if whole.gender == "m" else "niece", "my", whole.plural)
            return be(whole, relation), "."
        adjective = self.pick([a for a in list_adjectives(whole.noun, True) if a != "tall"])
        if form == "ask":
            return be(whole, adjective, ask="est-ce"), "?"
        return be(whole, adjective), "."

    def frame_thing(self, whole: Nominal, *, gone: bool = False):
        """Return a sentence around a thing with a relative clause; it may be lost or sold."""
        adjectives = [a for a in list_adjectives(whole.noun, True) if a not in ("broken", *NATIONS)]
        if gone:
            adjectives = [a for a in adjectives if a not in OPINIONS or a == "expensive"]
        if not adjectives:
            return None
        adjective = self.pick(adjectives)
        form = self.weigh(plain=4, negative=2, question=1)
        very = self.degree(adjective)
        return be_in_form(whole, adjective, form, very)

    def reported(self):
        """Return think that, know that, say that, hope that."""
        t = new_id()
        subject = self.subject(pronoun=5, kin=2, name=2)
        verb = self.pick(("think", "believe", "hope", "say"))
        if verb == "say":
            subject = self.subject(he=1, kin=2, name=2)
        tense = "present"
        if verb == "hope":
            inner = self.future_event()
        else:
            inner = self.pick((self.simple_fact, self.future_event))()
        that = Phrase(tokens("that", t), tokens("que", t))
        start = [word for word, _ in inner.en]
        if start[: len(subject.en)] == [word for word, _ in subject.en]:
            return None
        if verb == "hope" and start[0] == PRONOUNS[refer(subject)][0]:
            return None
        return join(clause(subject, verb, tense), that, inner), "."

    def simple_fact(self) -> Phrase:
        """Return a short clause about a state."""
        kind = self.weigh(predicate=4, feeling=2, have=2)
        if kind == "predicate":
            result = self.predicate()
            while result[1] == "?":
                result = self.predicate()
            return result[0]
        if kind == "feeling":
            verb = self.pick(("be hungry", "be right", "be wrong", "be thirsty", "be cold"))
            return clause(self.subject(pronoun=4, kin=3, name=2), verb)
        return self.doing(verb=self.pick(("have", "want", "need", "know")))

    def future_event(self) -> Phrase:
        """Return a short clause about the future."""
        kind = self.weigh(weather=1, motion=3, action=4)
        if kind == "weather":
            return _weather("future", self.pick(("rain", "snow")), self.time("future"))
        subject = self.subject()
        if kind == "motion":
            verb = self.pick(("come", "come back", "leave", "arrive"))
            return clause(subject, verb, "future", extra=self.time("future", verb=verb))
        verb = self.pick([v for v in list_verbs("object") if not has(v, "stative")
                          and not has(v, "past")])  # fmt: skip
        noun = self.pick(get_objects(verb))
        obj = self.thing(noun, subject, definite=has(verb, "definite"))
        return clause(subject, verb, "future", obj=obj)

    def reason(self):
        """Return because, so."""
        subject = self.subject()
        again = pro(refer(subject))
        cause, effects = self.pick((
            (lambda s: be(s, "tired"), ("go to bed", "rest", "sleep", "go home", "stay")),
            (lambda s: be(s, "ill"), ("rest", "stay", "go home", "call")),
            (lambda s: be(s, "late"), ("hurry", "take", "run")),
            (lambda s: be(s, "busy"), ("come*", "go out*", "rest*")),
            (lambda s: be(s, "happy"), ("sing", "dance", "laugh")),
            (lambda s: be(s, "sad"), ("cry", "go home", "go out*")),
            (lambda s: clause(s, "be hungry"), ("eat", "prepare", "cook", "buy food")),
            (lambda s: clause(s, "be thirsty"), ("drink", "buy drink")),
            (lambda s: clause(s, "be cold"), ("close", "put on", "go home", "drink tea")),
            (lambda s: clause(s, "be hot"), ("open", "take off", "drink", "swim")),
            (lambda s: be(s, "in a hurry"), ("take", "leave", "run")),
            (lambda s: clause(s, "lose", "past", obj=np("key", self.owned(s), True)),
             ("call", "come back", "look for")),
            (lambda s: clause(s, "have", obj=np("exam", "a")), ("study", "work", "go out*")),
        ))  # fmt: skip
        effect = self.pick(effects)
        tense = self.pick(("future", "future", "progressive"))
        negative = effect.endswith("*")
        effect = effect.strip("*")

        def act(who):
            owner = self.owned(who)
            extra = ()
            verb, _, what = effect.partition(" ")
            if effect in VERBS:
                verb, what = effect, ""
            obj = None
            if verb in ("eat", "prepare", "cook") or what == "food":
                noun = self.pick(get_objects("buy" if what else verb))
                if what:
                    noun = self.pick(list_nouns("food", "fruit", "dish"))
                mass = NOUNS[noun]["class"] in MASS
                obj = np(noun, "the" if verb == "prepare" else "some", not mass and
                         NOUNS[noun]["class"] != "meal" and verb != "prepare")  # fmt: skip
            elif verb == "drink" or what == "drink":
                noun = what if what == "tea" else self.pick(list_nouns("drink"))
                obj = np(noun, self.pick(("some", "a cup of" if noun in ("tea", "coffee")
                                          else "a glass of")))  # fmt: skip
            elif verb in ("close", "open"):
                obj = np(self.pick(("door", "window")), "the", self.chance(0.4))
            elif verb in ("put on", "take off"):
                noun = self.pick(("coat", "sweater", "jacket", "scarf", "hat", "shoe", "glove"))
                obj = np(noun, owner, NOUNS[noun]["class"] == "pairs")
            elif verb == "take":
                obj = np(self.pick(("bus", "taxi", "train", "plane")), self.pick(("the", "a")))
            elif verb == "call":
                obj = np("doctor", "the") if "ill" in str(cause_words) else np("neighbor", owner)
            elif verb == "look for":
                return None
            elif verb == "sing":
                obj = np("song", "a")
            elif verb == "stay":
                extra = (phrase(self.pick(("at home", "in bed"))),)
            elif verb == "swim":
                extra = (prep("in", "dans", np(self.pick(("lake", "river", "swimming pool")))),)
            new = "progressive" if tense == "progressive" and not has(verb, "punctual") and verb \
                not in ("stay", "rest", "hurry", "call", "take", "put on") \
                else "future"  # fmt: skip
            return clause(who, verb, new, neg="not" if negative else "", obj=obj, extra=extra)

        reason = cause(again)
        cause_words = [form for form, _ in reason.en]
        if self.chance(0.6):
            result = act(subject)
            if result is None:
                return None
            return join(result, pair("because", "parce que"), reason), "."
        reason = cause(subject)
        result = act(again)
        if result is None:
            return None
        return join(reason, comma(), pair("so", "donc"), result), "."

    def whenever(self):
        """Return when and if clauses."""
        subject = self.subject(pronoun=5, kin=3, name=3)
        again = pro(refer(subject))
        kind = self.weigh(weather=3, state=3, command=2)
        if kind == "weather":
            word = self.pick((("if", "si"), ("when", "quand")))
            verb = self.pick(("rain", "snow"))
            condition = _weather("present", verb)
            activity = self.pick(("stay", "work", "read", "have fun", "go out*", "take"))
            negative = activity.endswith("*")
            activity = activity.strip("*")
            obj = {"read": np("book", "a"), "take": np("bus", "the")}.get(activity)
            extra = (phrase("at home"),) if activity in ("stay", "work") else ()
            tense = "future" if word[0] == "if" else "present"
            neg = "not" if negative else ""
            main = clause(subject, activity, tense, neg=neg, obj=obj, extra=extra)
        elif kind == "state":
            word = ("when", "quand")
            state, activity = self.pick((("tired", "rest"), ("tired", "go to bed"), ("ill", "stay"),
                ("sad", "cry"), ("happy", "sing"), ("be hungry", "eat"), ("be thirsty", "drink"),
                ("angry", "go out"), ("busy", "get bored*"), ("alone", "get bored"),
                ("alone", "read"), ("be cold", "drink"), ("late", "hurry")))  # fmt: skip
            neg = "never" if activity.endswith("*") else ""
            activity = activity.strip("*")
            condition = clause(subject, state) if state in VERBS else be(subject, state)
            obj = {
                "sing": np("song", "", True), "read": np("novel", "", True),
                "eat": np(self.pick(list_nouns("fruit", "food")), "a"),
                "drink": np(self.pick(("water", "tea", "milk", "lemonade")), "some"),
            }.get(activity)  # fmt: skip
            if state == "be cold":
                obj = np(self.pick(("tea", "coffee")), "a cup of")
            extra = (phrase("at home"),) if activity == "stay" else ()
            main = clause(again, activity, neg=neg, obj=obj, extra=extra)
            return join(pair(*word), condition, comma(), main), "."
        else:
            state = self.pick(("tired", "be hungry", "be thirsty", "be cold", "be hot"))
            condition = clause(pro("you"), state) if state in VERBS else be(pro("you"), state)
            verb, obj = {
                "tired": ("rest", None),
                "be hungry": ("eat", np(self.pick(list_nouns("fruit", "food")), "a")),
                "be thirsty": ("drink", np(self.pick(list_nouns("drink")), "some")),
                "be cold": ("put on", np(self.pick(("coat", "sweater", "jacket")), "your")),
                "be hot": ("open", np("window")),
            }[state]
            return join(pair("if", "si"), condition, comma(), command(verb, obj=obj)), "."
        if self.chance(0.5):
            return join(main, pair(*word), condition), "."
        return join(pair(*word), condition, comma(), main), "."

    def sequence(self):
        """Return before, without, to with an infinitive."""
        subject = self.subject()
        kind = self.weigh(purpose=4, before=3, without=3)
        if kind == "purpose":
            verb, aims = self.pick((
                ("go to the market", ("buy",)), ("go to the library", ("read", "study")),
                ("go to the bakery", ("buy bread",)), ("take the train", ("visit",)),
                ("phone", ("invite",)), ("open", ("look at",)), ("stop", ("eat", "drink")),
            )[:5])  # fmt: skip
            aim = self.pick(aims)
            p = new_id()
            link = Phrase(tokens("to", p), tokens("pour", p))
            tense = self.pick(("past", "future", "progressive"))
            if verb.startswith("go"):
                place = prep("to", "à", np(verb.split()[-1]))
                main = clause(subject, "go", tense, extra=place)
            elif verb.startswith("take"):
                tense = "past" if tense == "progressive" else tense
                main = clause(subject, "take", tense, obj=np("train"))
            else:
                tense = "past" if tense == "progressive" else tense
                friend = np(self.pick(("friend", "cousin", "neighbor", "uncle", "aunt")),
                            self.owned(subject))  # fmt: skip
                main = clause(subject, "phone", tense, obj=friend)
                i = new_id()
                invite = Phrase(
                    tokens("to", p) + tokens("invite", i) + tokens(PRONOUNS[refer(friend)][1], i),
                    tokens("pour", p) + tokens(PRONOUNS[refer(friend)][3], i)
                    + tokens("inviter", i), frozenset({"invite"}),
                )  # fmt: skip
                return join(main, invite), "."
            if aim == "study":
                return join(main, infinitive("study", link)), "."
            verb, _, noun = aim.partition(" ")
            nouns = {"buy": list_nouns("fruit", "vegetable", "dish"), "read": list_nouns("text"),
                     "visit": get_objects("visit")}[verb]  # fmt: skip
            noun = noun or self.pick(nouns)
            mass = NOUNS[noun]["class"] in MASS
            det = "some" if verb == "buy" else "the" if verb == "visit" else "a"
            obj = np(noun, det, det == "some" and not mass)
            return join(main, infinitive(verb, link, obj=obj)), "."
        if kind == "before":
            before = pair("before", "avant de")
            verb, obj = self.pick((("leave", None), ("go to bed", None), ("go out", None),
                                   ("have dinner", None)))  # fmt: skip
            lexeme = VERBS[verb]
            if "reflexive" in lexeme["flags"] and subject.person != 2 and subject.person != 5:
                verb = "leave"
            main = self.doing(subject, self.pick(("close", "wash", "clean", "finish", "turn off",
                                                  "call", "phone", "put on", "water", "drink")),
                              time=False, tense="past")  # fmt: skip
            return join(main, infinitive(verb, before, obj=obj, ing=True)), "."
        without = pair("without", "sans")
        verb, noun = self.pick((("close", "door"), ("take", "umbrella"), ("take", "key"),
                                ("eat", "breakfast"), ("pay for", "meal"), ("turn off", "light"),
                                ("finish", "work"), ("open", "letter")))  # fmt: skip
        det = "the" if noun in ("door", "meal", "light", "letter") else self.owned(subject)
        obj = np(noun, det, noun == "key")
        if noun == "breakfast":
            verb = "finish"
        leave = self.pick(("leave", "go out", "go home"))
        if noun == "letter":
            main = clause(subject, "answer", "past", obj=np("question", "the"))
            return join(main, infinitive("read", without, obj=np("book"), ing=True)), "."
        main = clause(subject, leave, "past")
        return join(main, infinitive(verb, without, obj=obj, ing=True)), "."

    def coordination(self):
        """Return two clauses with and, but, while."""
        first, second = self.random.sample(
            (*MASCULINE, *FEMININE, "kin", "kin", "pronoun", "pronoun"), 2
        )

        def someone(kind):
            if kind == "kin":
                return self.relative("my")
            return (
                pro(self.pick(("i", "he", "she", "we", "they")))
                if kind == "pronoun"
                else name(kind)
            )

        one, other = someone(first), someone(second)
        if one.noun == other.noun or {one.noun, other.noun} == {"i", "we"}:
            return None
        link = self.pick((("and", "et"), ("but", "mais")))
        kind = self.weigh(taste=3, action=5, have=2)
        if kind == "taste":
            verb = self.pick(("like", "love", "hate", "prefer"))
            a = self.pick(get_objects(verb))
            same = [n for n in get_objects(verb) if NOUNS[n]["class"] == NOUNS[a]["class"]]
            if len(same) < 2:
                return None
            b = self.pick([n for n in same if n != a])
            parts = [
                clause(who, verb, obj=self.thing(noun, who, generic=True))
                for who, noun in ((one, a), (other, b))
            ]
        else:
            tense = self.pick(("past", "future", "progressive"))
            verbs = [v for v in list_verbs("object") if not has(v, "stative")
                     and v not in ("read", "cut", "put on", "steal")
                     and not (has(v, "past") and tense != "past")
                     and not (has(v, "punctual") and tense == "progressive")]  # fmt: skip
            verb = self.pick(verbs) if kind == "action" else self.pick(("have", "want", "need"))
            a = self.pick(get_objects(verb))
            alike = [n for n in list_nouns(NOUNS[a]["class"]) if n in get_objects(verb)]
            b = self.pick(alike)
            if a == b:
                return None
            options = {"definite": has(verb, "definite"), "indefinite": has(verb, "indefinite")}
            parts = []
            for who, noun in ((one, a), (other, b)):
                if noun not in get_objects(verb, who):
                    return None
                obj = self.thing(noun, who, **options)
                parts.append(clause(who, verb, tense if kind == "action" else "present", obj=obj))
            when = self.time({"past": "past", "future": "future"}.get(tense, "now"))
            if kind == "action" and self.chance(0.4):
                parts.append(when)
        return join(parts[0], pair(*link), *parts[1:]), "."

    def compound(self):
        """Return long sentences: what people think, and who gives what to whom."""
        if self.chance(0.4):
            t = new_id()
            made = self.pick((self.sequence, self.reason, self.relative_clause))()
            if made is None or made[1] != ".":
                return None
            subject = self.subject(he=2, kin=3, name=2)
            that = Phrase(tokens("that", t), tokens("que", t))
            verb = self.pick(("think", "believe", "say"))
            if [word for word, _ in made[0].en[: len(subject.en)]] == [w for w, _ in subject.en]:
                return None
            return join(clause(subject, verb), that, made[0]), "."
        verb = self.pick([v for v in list_verbs("give") if v != "read to"])
        tense = self.pick(("past", "future", "progressive"))
        parts = []
        for who in self.random.sample(list_nouns("given"), 2):
            subject = name(who)
            obj = self.thing(self.pick(get_objects(verb)), subject)
            to = self.relative(self.owned(subject)) if self.chance(0.6) else self.relative("my")
            parts.append(clause(subject, verb, tense, obj=obj, to=to))
        if parts[0].pairs & parts[1].pairs:
            return None
        link = self.pick((("and", "et"), ("but", "mais")))
        if self.chance(0.5):
            kind = {"past": "past", "future": "future", "progressive": "now"}[tense]
            parts.append(self.time(kind))
        return join(parts[0], pair(*link), *parts[1:]), "."

    def existence(self):
        """Return there is, there are, is there."""
        form = self.weigh(plain=4, negative=3, question=3, more=1)
        neg = {"negative": "not", "more": "any more"}.get(form, "")
        if self.chance(0.5):  # in the house
            noun = self.pick(list_nouns("pet", "fruit", "food", "dish", "drink", "small", "bag",
                                        "dishware", "letter", "gift"))  # fmt: skip
            kind = NOUNS[noun]["class"]
            mass = kind in MASS
            det = "some" if mass else self.pick(("a", "some", "some", "two", "several", "many"))
            if neg or form == "question":
                det = "some" if mass else self.pick(("a", "some"))
            what = np(noun, det, det == "some" and not mass, adj=self.adjective(noun, 0.2))
            food = kind in ("fruit", "food", "dish", "drink")
            where = self.spot()
            if food:
                english, french, place = self.pick(
                    (("on", "sur", "table"), ("in", "dans", "kitchen"))
                )
                where = prep(english, french, np(place))
            elif kind in FLAT:
                where = self.spot(flat=True)
        else:
            noun = self.pick(list_nouns("shop", "eatery", "sight", "place"))
            det = "a" if form != "plain" else self.pick(("a", "two", "a"))
            what = np(noun, det, adj=self.adjective(noun, 0.25))
            english = self.pick(("near", "next to", "behind", "opposite", "in"))
            if english == "in":
                town = self.pick(("village", "city"))
                if NOUNS[noun]["class"] in ("shop", "eatery"):
                    town = self.pick(("village", "city", "street"))
                where = prep("in", "dans", np(town, self.pick(("this", "our", "my"))))
            else:
                french, places = PLACE_SPOTS[english]
                other = self.pick([p for p in places if p != noun])
                where = prep(english, french, np(other))
        if form == "question":
            if self.chance(0.3) and not any(word == "your" for word, _ in where.en):
                asked = there_is(what, ask="invert", extra=(where,))
                return join(asked, self.vocative(self.pick(("you_v", "you_vf")))), "?"
            return there_is(what, ask="est-ce", extra=(where,)), "?"
        return there_is(what, neg=neg, extra=(where,)), "."

    def location(self):
        """Return the keys are on the table."""
        noun = self.pick(THINGS)
        det = self.pick(("the", "my", "your", "his", "her", "our", "their"))
        kind = NOUNS[noun]["class"]
        each = det in ("our", "their") and kind in PERSONAL
        plural = self.chance(0.4) or kind == "pairs" or each
        adjective = self.adjective(noun, 0.25)
        what = np(noun, det, plural, adj="" if adjective in OPINIONS else adjective)
        where = self.spot(flat=kind in FLAT)
        form = self.weigh(plain=5, negative=2, question=1)
        if kind == "pet" or NOUNS[noun]["class"] == "bag":
            where = prep("under", "sous", np(self.pick(("table", "chair", "bed")), "the"))
        if form == "question":
            return be(what, where, ask="est-ce"), "?"
        return be(what, where, neg="not" if form == "negative" else ""), "."

    def order(self):
        """Return commands, with the person shown by the address."""
        kind = self.weigh(
            thing=5, give=3, reflexive=2, pronoun=2, lets=2, negative=3, it=3, be=2, go=2
        )
        if kind == "be":
            return self.order_to_be()
        person = self.pick((1, 1, 4))
        you = pro("you" if person == 1 else "you_v")
        if person == 4:
            end = join(comma(), self.pick((pair("sir", "monsieur"), pair("madam", "madame"),
                                           pair("children/1", "les/0 enfants/1"))))  # fmt: skip
        elif self.chance(0.4):
            end = self.please(False)
        else:
            end = (
                join(comma(), name(self.pick(list_nouns("given"))))
                if self.chance(0.3)
                else Phrase()
            )
        verbs = (
            "open",
            "close",
            "wash",
            "clean",
            "finish",
            "read",
            "take",
            "listen to",
            "look at",
            "turn on",
            "turn off",
            "choose",
            "water",
            "correct",
            "prepare",
            "call",
            "wait for",
            "eat",
            "drink",
            "buy",
            "put on",
            "take off",
            "repair",
            "explain",
            "learn",
            "hold",
        )
        if kind == "lets":
            verb = self.pick(("take", "buy", "visit", "invite", "prepare", "watch", "listen to",
                              "wait for", "sing", "finish", "eat", "drink", "open"))  # fmt: skip
            obj = self.thing(
                self.pick(get_objects(verb)), pro("we"), definite=has(verb, "definite")
            )
            return command(verb, 3, obj=obj), "!"
        if kind == "go":
            verb = self.pick(("go", "go home", "come", "come back"))
            when = phrase(self.pick(("tomorrow", "now", "tonight", "tomorrow morning")))
            company = prep("with", "avec", with_pronoun(self.pick(("i", "we", "he", "she"))))
            extra = {"go": (self.place_to(),), "come": (company, when)}.get(verb, (when,))
            return command(verb, person, extra=extra) + end, "!"
        if kind == "reflexive":
            verb = self.pick(("hurry", "get up", "wake up", "rest", "get dressed", "have fun",
                              "go to bed"))  # fmt: skip
            extra = (phrase("this weekend"),) if verb == "rest" else ()
            neg = verb in DAYS and self.chance(0.4)
            if verb in DAYS:
                extra = (phrase("late" if neg else "early"),)
            return command(verb, person, neg=neg, extra=extra) + end, "!"
        if kind == "give":
            verb = self.pick(("give", "show", "send", "lend", "bring to"))
            obj = self.thing(self.pick(get_objects(verb)), you, definite=True)
            keys = ("i", "i", "we", "he", "she", "they")
            to = (
                pro(self.pick(keys))
                if self.chance(0.7)
                else self.relative(self.pick(("my", "her")))
            )
            return command(verb, person, obj=obj, to=to, neg=self.chance(0.25)) + end, "!"
        if kind == "pronoun":
            verb = self.pick(("help", "call", "phone", "wait for", "invite", "answer", "follow",
                              "listen to", "thank", "talk to"))  # fmt: skip
            key = self.pick(("i", "he", "she", "we", "they"))
            if key in ("i", "we") and verb == "thank":
                key = "he"
            neg = self.chance(0.3)
            extra = (phrase("tomorrow"),) if self.chance(0.5) and not neg else ()
            return command(verb, person, obj=pro(key), neg=neg, extra=extra) + end, "!"
        if kind == "it":
            noun = self.pick(list_nouns("text", "small", "letter", "gift", "toy"))
            what = np(noun, "this", self.chance(0.4), adj=self.adjective(noun, 0.2))
            later = self.pick(("give", "show", "send"))
            to = self.pick((pro("he"), pro("she"), pro("they"), pro("i"), self.relative("your"
                            if person == 1 else "your_v")))  # fmt: skip
            first = command("take", person, obj=what)
            second = command(later, person, obj=pro(refer(what)), to=to)
            return join(first, pair("and", "et"), second, end), "!"
        verb = self.pick(verbs)
        neg = kind == "negative"
        if neg:
            verb = self.pick(
                (
                    "open",
                    "close",
                    "forget",
                    "lose",
                    "break",
                    "eat",
                    "drink",
                    "take",
                    "turn off",
                    "throw away",
                )
            )
        noun = self.pick(get_objects(verb))
        obj = self.thing(noun, you, definite=True if not neg else has(verb, "definite") or True)
        return command(verb, person, obj=obj, neg=neg) + end, "!"

    def order_to_be(self):
        """Return be polite, don't be late, don't be afraid of: sois, soyez, aie, ayez."""
        key = self.pick(("you", "you_f", "you_v", "you_vf", "you_p"))
        you, end = pro(key), self.vocative(key)
        if key == "you" and self.chance(0.5):
            end = Phrase()
        person = you.person
        if self.chance(0.3):
            fear = np(self.pick(FEARED), "the", self.chance(0.3))
            return command("be afraid of", person, neg=True, obj=fear) + end, "!"
        if self.chance(0.5):
            adjective = self.pick(("polite", "kind", "serious", "brave", "ready", "strong"))
            extra = describe(you, adjective)
            return command("be", person, extra=extra) + end, "!"
        adjective = self.pick(("late", "sad", "shy", "lazy", "angry"))
        extra = describe(you, adjective, self.pick(("", "too")) if adjective == "shy" else "")
        return command("be", person, neg=True, extra=extra) + end, "!"

    def motion(self):
        """Return go to, come back from, arrive in, and there."""
        subject = self.subject()
        verb = self.pick(("go", "go", "go", "arrive", "come back", "leave", "travel", "stay"))
        tense = self.pick(("past", "past", "future", "present"))
        kind = {"past": "past", "future": "future", "present": "habit"}[tense]
        when = self.time(kind, far=verb != "leave", verb=verb)
        neg = self.weigh(**{"": 5, "not": 2, "never": 1 if tense == "present" else 0})
        if neg == "never":
            when = None
        if verb in ("arrive", "leave") and tense == "present":
            tense, when = "future", self.time("future")
            neg = "" if neg == "never" else neg
        if verb in ("go", "travel"):
            where = self.place("to") if verb == "go" else self.country("in")
            if NOUNS[next(iter(where.lemmas))]["class"] in ("country", "city") and when:
                far = {"past": "far past", "future": "far future", "present": "season"}[tense]
                when = self.time(far)
            if verb == "go" and self.chance(0.15):
                when = when or self.time("habit")
                return clause(subject, "go", tense, neg=neg, clitic="y", extra=when), "."
        elif verb == "come back":
            city = np(self.pick(CITIES), "name")
            where = prep("from", "de", city)
            if self.chance(0.5):
                where = prep("from", "de", np(self.pick(DESTINATIONS)))
        elif verb == "leave":
            return clause(subject, verb, tense, neg=neg, extra=when or ()), "."
        else:
            where = self.place("in")
            if verb == "stay" and self.chance(0.5):
                where = phrase("at home")
        extra = (where, when) if when and self.chance(0.7) else (where,)
        return clause(subject, verb, tense, neg=neg, extra=extra), "."

    def activity(self):
        """Return verbs without object, with manner, place and time."""
        subject = self.subject()
        if self.chance(0.5):
            verb = self.pick(list(ACTIVITIES))
            where = self.where_one_is(self.pick(ACTIVITIES[verb]))
            if verb == "work":
                subject = self.subject(pronoun=5, kin=3, name=2)
            tense = self.pick(("past", "future", "progressive", "present"))
            if verb == "get lost" and tense in ("progressive", "present"):
                tense = "past"
            kind = {"past": "past", "future": "future", "present": "habit", "progressive": "now"}
            adverb = self.pick(("often", "sometimes", "rarely", "always", ""))
            if tense == "present" and adverb:
                return clause(subject, verb, tense, adv=adverb, extra=where), "."
            return clause(subject, verb, tense, extra=(where, self.time(kind[tense]))), "."
        verb, manners = self.pick((("work", ("a lot", "well", "slowly", "quickly")),
            ("sleep", ("well", "very well", "a lot")), ("run", ("quickly", "slowly", "very well")),
            ("walk", ("quickly", "slowly", "a lot")), ("dance", ("well", "very well")),
            ("swim", ("well", "very well", "quickly")), ("sing", ("well", "very well")),
            ("eat", ("quickly", "slowly", "well", "a lot")),
            ("drive", ("quickly", "slowly", "well")),
            ("laugh", ("a lot",)), ("travel", ("a lot",)), ("smoke", ("a lot",)),
            ("cook", ("well", "very well"))))  # fmt: skip
        manner = phrase(self.pick(manners))
        neg = self.weigh(**{"": 4, "not": 3})
        if self.chance(0.3):
            subject = pro(self.pick(("you", "he", "they")))
            return clause(subject, verb, ask="est-ce", extra=manner), "?"
        return clause(subject, verb, neg=neg, extra=manner), "."

    def taste(self):
        """Return likes, loves, hates, prefers ... to ..."""
        subject = self.subject()
        verb = self.pick(("like", "love", "hate", "prefer"))
        obj = self.thing(self.pick(get_objects(verb, subject)), subject, generic=True)
        if self.chance(0.3):
            word = self.pick(("swim", "dance", "travel", "cook", "sing", "read", "run", "sleep",
                              "go for a walk", "go out", "have fun"))  # fmt: skip
            neg = "not" if self.chance(0.4) else ""
            dated = word not in ("travel", "sleep", "go out", "have fun") and self.chance(0.6)
            extra = (self.time("habit"),) if dated else ()
            return clause(subject, word, modal="like to", neg=neg, extra=extra), "."
        if verb == "prefer":
            kind = NOUNS[obj.noun]["class"]
            others = [n for n in list_nouns(kind) if n != obj.noun]
            if not others:
                return None
            other = self.thing(self.pick(others), subject, generic=True)
            to = prep("to", "à", other)
            return clause(subject, verb, obj=obj, extra=to), "."
        if self.chance(0.3):
            if verb != "like":
                return None
            return clause(subject, "like", neg=self.pick(("", "not")), obj=obj), "."
        neg = "not" if verb == "like" and self.chance(0.5) else ""
        return clause(subject, verb, neg=neg, obj=obj), "."

    def pain(self):
        """Return my back hurts and j'ai mal au dos; blue eyes and les yeux bleus."""
        subject = pro(self.pick(("i", "you", "he", "she")))
        avoir = {0: "ai", 1: "as", 2: "a"}[subject.person]
        if self.chance(0.2):
            color = self.pick(("blue", "green", "black", "gray", "brown"))
            v, d, n, c = new_id(), new_id(), new_id(), new_id()
            have = "has" if subject.person == 2 else "have"
            forms = {"blue": "bleus", "green": "verts", "black": "noirs", "gray": "gris",
                     "brown": "marron"}  # fmt: skip
            whom = self.subject(pronoun=2, kin=4, name=2, person=1)
            have = "has" if whom.person == 2 else "have"
            have_fr = ("ai", "as", "a", "avons", "avez", "ont")[whom.person]
            body = Phrase(
                tokens(have, v) + tokens(color, c) + tokens("eyes", n),
                tokens(have_fr, v) + tokens("les", d) + tokens("yeux", n) + tokens(forms[color], c),
                frozenset({color, "eye"}), frozenset({(color, "eye")}),
            )  # fmt: skip
            return join(whom, body), "."
        noun = self.pick(list_nouns("body", "hand", "teeth"))
        plural = noun in ("tooth", "hand", "foot", "eye", "ear", "leg") or (
            noun in ("knee", "arm") and self.chance(0.4)
        )
        part = np(noun, "the", plural)
        h, o = new_id(), new_id()
        neg = self.weigh(**{"": 5, "not": 2, "any more": 1})
        owner = PRONOUNS[subject.noun][9]
        n = new_id()
        verb = tokens("hurt" if plural else "hurts", h)
        if neg:
            verb = tokens("don't" if plural else "doesn't", n) + tokens("hurt", h)
            verb += tokens("any more", n) if neg == "any more" else []
        when = self.time("now") if neg != "any more" and self.chance(0.6) else Phrase()
        en = tokens(owner, o) + part.en[-1:] + verb
        fr = tokens(subject.fr[0][0], o) + (tokens("ne", n) if neg else []) + tokens(avoir, h)
        fr += tokens({"not": "pas", "any more": "plus", "": ""}[neg], n) + tokens("mal", h)
        fr += tokens("à", new_id()) + part.fr
        return Phrase(en, fr, frozenset({noun})) + when, "."

    def weather(self):
        """Return it rains, it is cold."""
        kind = self.weigh(rain=3, fine=3)
        tense = self.pick(("progressive", "past", "future"))
        where = (
            prep("in", "à", np(self.pick(CITIES), "name"))
            if self.chance(0.6)
            else self.country("in")
        )
        when = self.time({"past": "past", "future": "future"}.get(tense, "now"))
        if kind == "rain":
            verb = self.pick(("rain", "snow"))
            neg = self.weigh(**{"": 4, "not": 2})
            if tense == "progressive" and self.chance(0.3):
                return _weather("present", verb, where, adv="often"), "."
            return _weather(tense, verb, where, when, neg=neg), "."
        english, french = self.pick((("cold", "froid"), ("hot", "chaud"), ("cool", "frais")))
        i, a, n = new_id(), new_id(), new_id()
        if self.chance(0.3):
            en, fr = tokens("it isn't", i), tokens("il", i) + tokens("ne", n) + tokens("fait", i)
            en = tokens("it", i) + tokens("isn't", i, n)
            fr += tokens("pas", n)
        else:
            en, fr = tokens("it is", i), tokens("il fait", i)
        degree = pair("very", "très") if self.chance(0.4) else Phrase()
        whole = Phrase(en, fr) + degree + Phrase(tokens(english, a), tokens(french, a))
        when = self.time(self.pick(("season", "now")))
        if "it isn't" in " ".join(f for f, _ in en):
            when = self.time("now")
        return join(whole, where, when), "."

    def ageing(self):
        """Return is twelve years old and a douze ans."""
        subject = self.subject(kin=3, name=3, pronoun=2, person=1)
        while subject.plural:
            subject = self.subject(kin=3, name=3, pronoun=2)
        young = subject.noun in ("son", "daughter", "nephew", "niece", "boy", "girl", "child")
        words = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
                 "twelve", "fifteen")  # fmt: skip
        numbers = ("twenty", "thirty", "forty", "fifty")
        if subject.noun in ("grandmother", "grandfather"):
            numbers = ("sixty", "seventy", "eighty")
        elif subject.noun in ("mother", "father", "uncle", "aunt", "boss"):
            numbers = ("forty", "fifty")
        number = self.pick(words if young else numbers)
        if subject.noun == "baby":
            return None
        years = np("year", number)
        v, y = new_id(), new_id()
        be_ = ("am", "are", "is")[subject.person]
        avoir = ("ai", "as", "a")[subject.person]
        en = tokens(be_, v) + years.en[:-1] + tokens("years old", y)
        fr = tokens(avoir, v) + years.fr[:-1] + tokens("ans", y)
        return join(subject, Phrase(en, fr)), "."

    def clock(self):
        """Return what time it is, when trains leave."""
        hours = {"one": "une heure", "two": "deux heures", "three": "trois heures",
                 "four": "quatre heures", "five": "cinq heures", "six": "six heures",
                 "seven": "sept heures", "eight": "huit heures", "nine": "neuf heures",
                 "ten": "dix heures", "eleven": "onze heures"}  # fmt: skip
        suited = {
            "get up": ("five", "six", "seven", "eight", "nine"),
            "wake up": ("five", "six", "seven", "eight", "nine"),
            "go to bed": ("eight", "nine", "ten", "eleven"),
            "have lunch": ("one", "two"), "have dinner": ("six", "seven", "eight", "nine"),
        }  # fmt: skip
        action = self.pick(("get up", "go to bed", "have lunch", "have dinner", "arrive", "leave",
                            "wake up", "go home"))  # fmt: skip
        event_first = self.chance(0.5)
        english = self.pick(list(hours) if event_first else suited.get(action, list(hours)))
        number, hour = hours[english].split()
        form = self.weigh(full=3, half=2, past=2, to=2)
        minute = self.pick((("five", "cinq"), ("ten", "dix"), ("twenty", "vingt")))
        if form == "full":
            time = pair(f"{english}/1 o'clock/2", f"{number}/1 {hour}/2")
        elif form == "half":
            time = pair(f"half/1 past/2 {english}/3", f"{number}/3 {hour}/0 et/2 demie/1")
        elif form == "past":
            time = pair(f"{minute[0]}/1 past/0 {english}/3", f"{number}/3 {hour}/0 {minute[1]}/1")
        else:
            time = pair(f"{minute[0]}/1 to/2 {english}/3",
                        f"{number}/3 {hour}/0 moins/2 {minute[1]}/1")  # fmt: skip
        if self.chance(0.15):
            return pair("it/1 is/2", "il/1 est/2") + time, "."
        at = pair("at", "à")
        if event_first:
            what = np(self.pick(("train", "bus", "plane", "concert", "film", "lesson", "match")),
                      self.pick(("the", "this")))  # fmt: skip
            event = NOUNS[what.noun]["class"] != "transport"
            verb = self.pick(("begin",) if event else ("leave", "arrive"))
            return clause(what, verb, self.pick(("present", "future")), extra=(at, time)), "."
        verb = action
        tense = self.pick(("present", "past", "future"))
        subject = self.subject()
        kind = {"past": "past", "future": "future", "present": "habit"}[tense]
        when = self.time(kind, verb=verb, clock=True)
        if any(w in " ".join(f for f, _ in when.en) for w in ("hour", "minutes", "ago", "soon")):
            when = None
        return join(clause(subject, verb, tense, extra=(at, time)),
                    when if when and self.chance(0.4) else Phrase()), "."  # fmt: skip

    def price(self):
        """Return costs fifty euros, has only two tickets."""
        if self.chance(0.5):
            noun = self.pick(list_nouns("clothes", "pairs", "text", "toy", "dishware", "bag",
                                        "ticket",
                                        "tool", "jewel"))  # fmt: skip
            plural = NOUNS[noun]["class"] == "pairs" or self.chance(0.2)
            what = np(noun, self.pick(("this", "the")), plural, adj=self.adjective(noun, 0.3))
            number = self.pick(PRICES.get(noun) or PRICES[NOUNS[noun]["class"]])
            return clause(what, "cost", obj=np("euro", number)), "."
        subject = self.subject()
        noun = self.pick(
            (
                "ticket",
                "flower",
                "pencil",
                "key",
                "apple",
                "egg",
                "cousin",
                "brother",
                "sister",
                "son",
                "daughter",
                "uncle",
                "friend",
                "day",
                "euro",
                "cat",
            )
        )
        number = self.pick(("two", "three", "four", "five"))
        o = new_id()
        what = np(noun, number)
        only = Nominal(tokens("only", o) + what.en, tokens("que", o) + what.fr, what.lemmas,
                       what.pairs, noun=noun)  # fmt: skip
        result = clause(subject, "have", obj=only)
        # ne stands before the verb: rebuild the French around it.
        cut = len(subject.fr)
        result.fr = result.fr[:cut] + tokens("ne", o) + result.fr[cut:]
        return result, "."

    def playing(self):
        """Return jouer à (games) and jouer de (instruments), languages."""
        subject = self.subject()
        kind = self.weigh(sport=3, instrument=3, language=3)
        adverb = self.pick(("often", "sometimes", "rarely", "also"))
        neg = self.weigh(**{"": 5, "not": 2, "any more": 1, "never": 1})
        if kind == "language":
            noun = self.pick(list_nouns("language", "dutch"))
            obj = np(noun, "name")
            if self.chance(0.4):
                words = self.pick(("learn", "understand"))
                obj = np(noun, "generic")
                tense = (
                    self.pick(("past", "future", "progressive")) if words == "learn" else "present"
                )
                return clause(subject, words, tense, obj=obj,
                              neg="not" if neg else ""), "."  # fmt: skip
            if self.chance(0.4):
                manner = phrase(self.pick(("well", "very well")))
                result = clause(subject, "speak", neg="not" if neg else "")
                speak = Phrase(obj.en + manner.en, manner.fr + obj.fr, obj.lemmas)
                return result + speak, "."
            return clause(subject, "speak", neg=neg, obj=obj), "."
        what = np(self.pick(list_nouns(kind)), "generic" if kind == "sport" else "the")
        if kind == "sport":
            i = new_id()
            obj = Phrase(what.en, tokens("à", i) + what.fr, what.lemmas)
        else:
            obj = Phrase(what.en, tokens("de", new_id()) + what.fr, what.lemmas)
        modal = self.pick(("", "", "want to", "would like to", "learn to", "know how to"))
        if modal == "learn to":
            result = clause(subject, "play", "past", modal=modal, extra=obj)
        elif modal:
            result = clause(subject, "play", modal=modal, neg="not" if neg else "", extra=obj)
        elif self.chance(0.4):
            result = clause(subject, "play", adv=adverb, extra=obj)
        else:
            tense = self.pick(("present", "progressive", "future", "past"))
            kind_ = {"past": "past", "future": "future", "present": "habit", "progressive": "now"}
            result = clause(subject, "play", tense, extra=(obj, self.time(kind_[tense])))
        result.pairs = result.pairs | {("play", what.noun)}
        return result, "."

    def missing(self):
        """Return i miss my sister and ma sœur me manque."""
        keys = ("i", "you", "he", "she", "we", "they")
        key = self.pick(keys)
        subject = pro(key)
        if self.chance(0.5):
            other = self.relative("my" if key in ("i", "we") else self.owned(subject))
        else:
            other = name(self.pick(list_nouns("given")))
        m, i = new_id(), new_id()
        n = new_id()
        neg = self.chance(0.25)
        adverb = phrase("a lot") if not neg and self.chance(0.5) else Phrase()
        english = tokens("misses" if subject.person == 2 else "miss", m)
        if neg:
            english = tokens("doesn't" if subject.person == 2 else "don't", n) + tokens("miss", m)
        clitic = tokens(PRONOUNS[key][4], i)
        form = tokens("manquent" if other.plural else "manque", m)
        french = other.fr + (tokens("ne", n) if neg else []) + clitic + form
        french += tokens("pas", n) if neg else []
        me = [(f, ids | {i}) for f, ids in subject.en]
        when = self.time("now") if not neg and not adverb and self.chance(0.4) else Phrase()
        return Phrase(me + english + other.en, french, other.lemmas | {"miss"}) + adverb + when, "."

    def duration(self):
        """Return have been living ... for two years and habiter ... depuis deux ans."""
        subject = self.subject()
        v = new_id()
        have = "has" if subject.person == 2 else "have"
        number, unit = self.pick((("two", "year"), ("three", "year"), ("ten", "year"),
                                  ("six", "month"), ("two", "week"), ("five", "year"),
                                  ("twenty", "year"), ("three", "month")))  # fmt: skip
        verb, where = self.pick((
            ("live", lambda: self.place("in")), ("work", lambda: self.place("in")),
            ("work", lambda: prep("in", "dans", np(self.pick(ACTIVITIES["work"][:-2]), "this"))),
            ("learn", lambda: np(self.pick(list_nouns("language")), "generic")),
            ("wait for", lambda: np(self.pick(("bus", "train", "taxi")))),
        ))  # fmt: skip
        if verb == "wait for":
            number, unit = self.pick((("ten", "minute"), ("two", "hour"), ("twenty", "minute")))
        present = clause(subject, verb, "progressive")
        head = len(subject.en)
        ids = present.fr[len(subject.fr)][1] | {v}
        english = [(w, ids) for w in (have, "been")] + present.en[head + 1 :]
        whole = Phrase(subject.en + english, present.fr, present.lemmas | subject.lemmas)
        time = prep("for", "depuis", np(unit, number))
        return join(whole, where(), time), "."


def be_in_form(subject: Nominal, adjective: str, form: str, very: bool | str) -> tuple[Phrase, str]:
    """Build subject + be + adjective, stated, denied or asked, and its closing mark."""
    settings = {"negative": {"neg": "not"}, "question": {"ask": "est-ce"}}.get(form, {})
    return be(subject, adjective, very=very, **settings), "?" if form == "question" else "."


def not_told(verb: str) -> bool:
    """Tell whether only a time shows the tense of a verb: i read the letter yesterday."""
    return VERBS[verb]["past"] == verb


def _who() -> tuple[list, list]:
    i = new_id()
    return tokens("who", i), tokens("qui", i)


def _after(start: Phrase, obj: Phrase, verb: str, noun: str) -> Phrase:
    """Put an object after a clause, and note the pair."""
    whole = start + obj
    whole.pairs = whole.pairs | {(verb, noun)}
    return whole


def _weather(tense: str, verb: str, *extra: Phrase, neg: str = "", adv: str = "") -> Phrase:
    """Return it rains, with the French il that means nobody."""
    return clause(pro("it_m"), verb, tense, neg=neg, adv=adv, extra=extra)


PATTERNS = {
    "statement": 16, "negation": 9, "perfect": 4, "nothing": 2, "modal": 7,
    "modal_without_object": 2, "decision": 4, "question": 8, "offer": 2, "wh_question": 8,
    "necessity": 2, "noticing": 3, "belonging": 2, "object_pronoun": 7, "giving": 7,
    "giving_it": 4, "antecedent": 7, "reflexive": 3, "washing": 1,
    "predicate": 8, "feeling": 3, "profession": 2, "comparison": 5, "best": 2,
    "relative_clause": 10, "reported": 6, "reason": 5, "whenever": 4, "sequence": 4,
    "coordination": 8, "compound": 7, "existence": 6, "location": 4, "order": 9,
    "motion": 5, "activity": 4,
    "taste": 3, "pain": 1, "weather": 2, "ageing": 1, "clock": 2, "price": 3, "playing": 3,
    "missing": 1, "duration": 2,
}  # fmt: skip


def count_words(sentence: str) -> int:
    """Count the tokens of a sentence that are not punctuation."""
    return sum(token not in (".", "?", "!", ",") for token in sentence.split())


def generate(seed: int, size: int) -> list[dict]:
    """Make `size` distinct sentences.

    Returns:
        Rows with english, french, alignment, pattern, lemmas and pairs.

    Raises:
        ValueError: one English sentence came out with two French ones.
    """
    writer = Writer(seed)
    rows: dict[str, dict] = {}
    while len(rows) < size:
        pattern = writer.random.choices(list(PATTERNS), list(PATTERNS.values()))[0]
        made = getattr(writer, pattern)()
        if made is None:
            continue
        whole, mark = made
        english, french, alignment = finish(whole, mark)
        lengths = count_words(english), count_words(french)
        if min(lengths) < SHORTEST or max(lengths) > LONGEST:
            continue
        if REFUSED.search(english):  # nobody says it
            continue
        row = {"english": english, "french": french, "alignment": alignment, "pattern": pattern,
               "lemmas": whole.lemmas, "pairs": whole.pairs, "lengths": lengths}  # fmt: skip
        known = rows.setdefault(english, row)
        if known["french"] != french:
            raise ValueError(
                f"One English sentence has one French sentence, but {english!r} is both "
                f"{known['french']!r} and {french!r}; mend the lexicon or the pattern {pattern}."
            )
    return list(rows.values())


# Splits.


def hash_text(text: str) -> int:
    """Map a text to a number that is the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf8")).digest()[:8], "big")


def is_short(row: dict) -> bool:
    """Tell whether a sentence is as short as those for training."""
    english, french = row["lengths"]
    return english <= TRAIN_LONGEST_ENGLISH and french <= TRAIN_LONGEST_FRENCH


def is_long(row: dict) -> bool:
    """Tell whether a sentence is longer than every one for training, on both sides."""
    english, french = row["lengths"]
    return english > TRAIN_LONGEST_ENGLISH and french > TRAIN_LONGEST_FRENCH


def hold_out_pairs(rows: list[dict]) -> set[tuple[str, str]]:
    """Choose the (verb, object) and (adjective, noun) combinations kept from training.

    By hash, one in `HELD_OUT_SHARE` of those that occur, if both words are frequent.
    """
    short = [row for row in rows if is_short(row)]
    counts = Counter(lemma for row in short for lemma in row["lemmas"])
    found = {combination for row in short for combination in row["pairs"]}
    return {
        combination
        for combination in found
        if hash_text(" ".join(combination)) % HELD_OUT_SHARE == 0
        and not AMBIGUOUS & set(combination)
        and min(counts[lemma] for lemma in combination) >= FREQUENT
    }


def split_rows(rows: list[dict]) -> list[dict]:
    """Give every row a split and drop those that fit none.

    Sentences of middle length are dropped; so are those in which both words of a held-out
    combination stand without being combined, and those outside training that hold a form
    which training lacks.
    """
    held_out = hold_out_pairs(rows)
    partners: dict[str, set[str]] = defaultdict(set)
    for first, second in held_out:
        partners[first].add(second)
    parts: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        bucket = hash_text(row["english"]) % 18
        if any(partners[lemma] & row["lemmas"] for lemma in row["lemmas"]):
            if row["pairs"] & held_out and is_short(row):
                parts["test-compose"].append(row)
        elif is_long(row):
            parts["test-long"].append(row)
        elif is_short(row):
            parts[{0: "validation", 1: "test"}.get(bucket, "train")].append(row)
    words = {
        side: {form for row in parts["train"] for form in row[side].split()}
        for side in ("english", "french")
    }
    result = []
    for split in SPLITS:
        kept = [
            row
            for row in parts[split]
            if all(words[side].issuperset(row[side].split()) for side in words)
        ]
        if split in LARGEST:
            kept.sort(key=lambda row: hash_text(row["english"]))
            kept = kept[: LARGEST[split]]
        result += [row | {"split": split} for row in kept]
    return result


def write(rows: list[dict], path: Path) -> None:
    """Write rows as gzipped, tab-separated text; the same rows give the same bytes."""
    lines = ["\t".join(COLUMNS), *("\t".join(row[c] for c in COLUMNS) for row in rows)]
    text = "\n".join(lines) + "\n"
    with open(path, "wb") as stream, gzip.GzipFile("", "wb", 9, stream, mtime=0) as file:
        file.write(text.encode("utf8"))


def main() -> None:
    """Generate, split and write."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=RAW_SIZE, help="sentences before the split")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("phrasebook.tsv.gz"))
    options = parser.parse_args()
    rows = split_rows(generate(options.seed, options.size))
    write(rows, options.out)
    for split, count in Counter(row["split"] for row in rows).items():
        print(f"{split:12} {count:6,}")


if __name__ == "__main__":
    main()
