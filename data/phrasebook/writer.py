"""Write sentences by patterns.txt, which says at its top how it is read."""

import csv
import functools
import random
import re
from collections import defaultdict
from dataclasses import replace

import grammar
from grammar import ADJECTIVES, FOLDER, NOUNS, PHRASES, VERBS, Nominal, Phrase, read_table

MASS = ("dish", "ingredient", "drink", "money", "music", "work", "language", "dutch", "sport")
PEOPLE = ("kin", "kin1", "person", "job", "hero", "given", "infant", "figure")
PERSONAL = ("clothes", "jewel", "bag", "dishware", "small")  # of which each person has their own
PUBLIC = ("place", "shop", "sight", "eatery")
FLAT = ("letter", "ticket", "photo", "book", "text", "small", "jewel", "linen")
# What a clause is made of, and what stands before, after and around it.
SLOTS = ("verb", "tense", "modal", "neg", "obj", "to", "adv", "ask", "wh", "gap")
MORE_SLOTS = ("what", "degree", "first", "where", "when", "last")


class MisfitError(Exception):
    """The choices of a pattern do not fit together; it is no error."""


# Tables.


def read_lists() -> dict[str, dict[str, tuple[str, ...]]]:
    """Read lists.csv: list, key (if none, the members themselves), members."""
    lists: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    with open(FOLDER / "lists.csv", encoding="utf8", newline="") as stream:
        for row in csv.DictReader(stream):
            members = tuple(word.strip("-") for word in row["members"].split(", "))
            lists[row["list"]][row["key"] or row["members"]] = members
    return lists


def read_patterns() -> tuple[dict[str, int], dict[str, tuple[list, list]]]:
    """Read patterns.txt: the weights of the patterns; parameters and lines of all parts.

    A line is "if", "elif", "else" or None; the condition; the steps.
    """
    weights, parts, lines = {}, {}, []
    for line in (FOLDER / "patterns.txt").read_text("utf8").splitlines():
        if line.startswith(" "):
            word, condition, steps = LINE.fullmatch(line).groups()
            lines.append((word, condition, steps.split("; ")))
        elif line and line[0] != "#":
            part, parameters, weight = HEAD.match(line).groups()
            parts[part] = (parameters or "").split(", "), (lines := [])
            if weight:
                weights[part] = int(weight)
    return weights, parts


HEAD = re.compile(r"(\w+)(?:\((.*?)\))?(?: (\d+))?:")
LINE = re.compile(" +(?:(if|elif|else)(.*?): )?(.*)")
LISTS = read_lists()
WEIGHTS, PARTS = read_patterns()
# Determiners of a thing by its class: the first cell is a list of classes.
THING_DETERMINERS = {
    kind: row for kinds, row in read_table("thing_determiners").items() for kind in kinds.split()
}


def rows(name: str) -> list[tuple[str, ...]]:
    return list(LISTS[name].values())


# What fits together.


def has(word: str, flag: str, table: dict = VERBS) -> bool:
    return flag in table[word]["flags"].split()


def is_opinion(adjective: str) -> bool:
    """Tell whether an adjective judges, or holds for a while: not with my, this, two."""
    return has(adjective, "opinion", ADJECTIVES)


def kind_of(noun: str) -> str:
    return NOUNS[noun]["class"]


def is_mass(noun: str) -> bool:
    return kind_of(noun) in MASS


@functools.cache
def list_nouns(*selectors: str) -> tuple[str, ...]:
    """Return the nouns that are named, or whose class is named, in lexicon order."""
    return tuple(n for n in NOUNS if n in selectors or kind_of(n) in selectors)


def leave_out(nouns, *banned: str) -> list[str]:
    """Return nouns without those that are named, or whose class is named."""
    return [n for n in nouns if n not in banned and kind_of(n) not in banned]


@functools.cache
def list_verbs(kind: str, *banned: str) -> tuple[str, ...]:
    """Return the verbs with a flag, or with an "object", but for some verbs and flags."""
    if kind == "object":
        found = [v for v, row in VERBS.items() if row["objects"]]
        banned = (*banned, "special", "give")
    else:
        found = [v for v in VERBS if has(v, kind)]
    return tuple(v for v in found if not {v, *VERBS[v]["flags"].split()} & set(banned))


@functools.cache
def list_adjectives(noun: str, predicate: bool, *banned: str) -> tuple[str, ...]:
    """Return the adjectives that fit a noun, as a predicate or beside it, but for some."""
    kinds = {noun, kind_of(noun).replace("kin1", "kin")}
    return tuple(
        a
        for a, row in ADJECTIVES.items()
        if kinds & set(row["classes"].split())
        and (not has(a, "attributive", ADJECTIVES) if predicate else row["position"] != "pred")
        and not {a, *row["flags"].split()} & set(banned)
    )


def get_objects(verb: str, subject: Nominal | None = None) -> tuple[str, ...]:
    """Return the nouns that a verb acts on, for a subject if it matters."""
    nouns = list_nouns(*VERBS[verb]["objects"].split())
    if subject and subject.gender == "m" and verb in ("wear", "put on", "take off"):
        return tuple(leave_out(nouns, "dress", "skirt", "blouse", "necklace"))
    return nouns


def is_undated(verb: str, tense: str) -> bool:
    """Tell whether no day or hour goes with a verb in a tense: nobody plans to understand."""
    return has(verb, "state") or (tense == "future" and has(verb, "instant"))


@functools.cache
def list_times(tense: str, far: bool, verb: str) -> list[str]:
    """Return the times of a tense; far are last year, next year, in summer."""
    kinds = (tense, f"far {tense}") if far else (tense,)
    late = "evening|tonight|hour|week|month|minutes|soon" if verb == "have lunch" else "$^"
    return [t for t, row in PHRASES.items() if row["kind"] in kinds and not re.search(late, t)]


GIVEN = list_nouns("given")
MASCULINE = [n for n in GIVEN if NOUNS[n]["gender"] == "m"]
FEMININE = [n for n in GIVEN if NOUNS[n]["gender"] == "f"]
DESTINATIONS = list_nouns(*PUBLIC)
CITIES = [n for n in NOUNS if kind_of(n) == "city"]
THINGS = list_nouns(*LISTS["things"]["all"])

# Phrases without chance.


def extend(head: Nominal, more: Phrase) -> Nominal:
    """Return a nominal followed by its relative clause."""
    return replace(head, **vars(head + more))


def begins_with(whole: Phrase, start: Phrase) -> bool:
    """Tell whether a phrase begins with the English words of another."""
    return all(a[0] == b[0] for a, b in zip(whole.en, start.en, strict=False))


def say(slots: dict) -> Phrase:
    """Return a clause made of the slots of a pattern."""
    options = {slot: slots[slot] for slot in SLOTS if slots[slot]}
    subject, what = slots["subject"], slots["what"]
    if what and isinstance(what, str):
        what = grammar.describe(subject, what, slots["degree"])
    after = grammar.join(what, slots["where"], slots["when"], slots["last"])
    whole = grammar.clause(subject, options.pop("verb", "be"), extra=after, **options)
    return grammar.join(slots["first"], whole)


@functools.cache
def compile_expression(text: str):
    """Compile an expression of patterns.txt; 20% in it is a chance."""
    return compile(re.sub(r"(\d+)%", r"chance(\1 / 100)", text.strip()), text, "eval")


def evaluate(text: str, slots: dict):
    """Return the value of an expression of patterns.txt."""
    return eval(compile_expression(text), slots)


class Writer:
    """Writes sentences with one source of chance."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        own = ("pick", "weigh", "chance", "any_noun", "any_verb", "adjective", "plain_adjective")
        own = {n: getattr(self, n) for n in (*own, "degree_of", "several")}
        parts = {part: functools.partial(self.write, part) for part in PARTS}
        self.names = vars(grammar) | globals() | own | parts | {"sample": self.random.sample}

    # Patterns.

    def write(self, part: str, *values, **slots) -> Phrase:
        """Write the sentence or phrase of a part, given its parameters, and slots filled already.

        Raises:
            MisfitError: the choices do not fit together.
        """
        parameters = PARTS[part][0]
        empty = dict.fromkeys((*SLOTS, *MORE_SLOTS, *parameters), "")
        given = dict(zip(parameters, values, strict=False))
        return self.follow(part, self.names | empty | given | slots)

    def follow(self, part: str, slots: dict) -> Phrase | None:
        """Follow the lines of a part, until there is a phrase."""
        done = False
        for word, condition, steps in PARTS[part][1]:
            if word:
                done = done and word != "if"
                holds = not done and (word == "else" or evaluate(condition, slots))
                done = done or holds
                if not holds:
                    continue
            for step in steps:
                made = self.take(step, slots)
                if made:
                    return made
        return None

    def take(self, step: str, slots: dict) -> Phrase | None:
        """Take one step: fill slots, or return a phrase."""
        names, _, value = step.partition(" = ")
        if value:
            options = value.split(" | ")
            if len(options) > 1:
                value = self.weigh(options) if value[-1].isdigit() else self.pick(options)
            if "(" in value or "[" in value:
                value = evaluate(value, slots)
            if ", " not in names:
                slots[names] = "" if value == "-" else value
            else:
                values = value.split(", ") if isinstance(value, str) else value
                slots.update(zip(names.split(", "), values, strict=True))
            return None
        action, _, text = step.partition(" ")
        if action == "drop":
            raise MisfitError
        if action == "->":
            part = text.format_map(slots)
            return evaluate(part, slots) if "(" in part else self.follow(part, slots)
        made = evaluate(text, slots) if text else say(slots)
        made.stop = action
        return made

    # Chance.

    def pick(self, choices):
        """Return one of the choices: a sequence, or a text such as "past, future"."""
        choices = choices.split(", ") if isinstance(choices, str) else choices
        return choices[self.random.randrange(len(choices))]

    def weigh(self, choices):
        """Return one of the choices, by their weights: "plain 4, negative 2"."""
        choices = choices.split(", ") if isinstance(choices, str) else choices
        choices, weights = zip(*(choice.rsplit(" ", 1) for choice in choices), strict=True)
        return self.random.choices(choices, list(map(int, weights)))[0]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def any_noun(self, *selectors: str) -> str:
        return self.pick(list_nouns(*selectors))

    def any_verb(self, kind: str, *banned: str) -> str:
        return self.pick(list_verbs(kind, *banned))

    def adjective(self, noun: str, share: float) -> str:
        """Return an adjective that fits a noun, or "" in all but a share of cases."""
        options = list_adjectives(noun, False)
        return self.pick(options) if options and self.chance(share) else ""

    def plain_adjective(self, noun: str) -> str:
        """Return an adjective that is no opinion, or ""."""
        found = self.adjective(noun, 0.25)
        return "" if found and is_opinion(found) else found

    def degree_of(self, adjective: str) -> str:
        """Return "", very or too, as it suits an adjective."""
        if has(adjective, "plain", ADJECTIVES) or self.chance(0.4):
            return ""
        return self.pick("very, too") if has(adjective, "too", ADJECTIVES) else "very"

    def several(self, noun: str, det: str) -> bool:
        """Tell whether a thing is plural: by chance, or because there is one for each."""
        each = det in ("our", "their") and kind_of(noun) in PERSONAL
        return self.chance(0.4) or kind_of(noun) == "pairs" or each
