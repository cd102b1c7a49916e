"""The grammar of the phrasebook: forms, agreement and word order of English and French.

A `Phrase` holds the same meaning twice, as English and as French tokens. Every token carries
the ids of the pieces of meaning it expresses; two tokens that share an id are aligned. So the
alignment is known by construction, whatever order the tokens end up in.

Articles stay symbolic (`A`, `LE`, `LA`, `LES`) until `finish` knows the next word: then a
becomes an, le becomes l', de + LE becomes du.
"""

import csv
import functools
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
Token = tuple[str, frozenset]
_ids = itertools.count()


def read_table(name: str) -> list[dict[str, str]]:
    """Read one csv file of the lexicon as a list of rows."""
    with open(FOLDER / f"{name}.csv", encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


NOUNS = {row["english"].split("/")[0]: row for row in read_table("nouns")}
ADJECTIVES = {row["english"]: row for row in read_table("adjectives")}
VERBS = {row["english"]: row for row in read_table("verbs")}
CONJUGATION = {row["infinitive"]: row for row in read_table("conjugation")}
PHRASES = {row["english"]: row for row in read_table("phrases")}
PERSONS = ("je", "tu", "il", "nous", "vous", "ils")
ASPIRATED = {
    form
    for row in NOUNS.values()
    if row["french"].startswith("*")
    for form in (row["french"].strip("*").split("/")[0], row["french"].strip("*") + "s")
} | {"hiboux", "huit", "huitième"}


# Phrases and alignments.


@dataclass
class Phrase:
    """The same meaning in English and French.

    Attributes:
        en: English tokens, each with the ids of what it expresses.
        fr: French tokens, likewise.
        lemmas: the content lemmas of the phrase, by their English name.
        pairs: (verb, object) and (adjective, noun) combinations in it.
    """

    en: list[Token] = field(default_factory=list)
    fr: list[Token] = field(default_factory=list)
    lemmas: frozenset = frozenset()
    pairs: frozenset = frozenset()

    def __add__(self, other: "Phrase") -> "Phrase":
        return Phrase(
            self.en + other.en,
            self.fr + other.fr,
            self.lemmas | other.lemmas,
            self.pairs | other.pairs,
        )


@dataclass
class Nominal(Phrase):
    """A noun phrase or pronoun, with what agreement and pronouns need.

    Attributes:
        person: 0 to 5: je, tu, il, nous, vous, ils.
        gender: "m" or "f".
        plural: whether adjectives and participles agree in the plural.
        noun: the noun's lemma; a key of `PRONOUNS` for a pronoun.
        en_any: the English after negation and in questions (some becomes any).
        fr_neg: the French as a direct object after negation (un, du, des become de).
        fr_de: the French after the preposition de (du, des vanish).
        pronoun: whether it is a personal pronoun.
    """

    person: int = 2
    gender: str = "m"
    plural: bool = False
    noun: str = ""
    en_any: list[Token] = field(default_factory=list)
    fr_neg: list[Token] = field(default_factory=list)
    fr_de: list[Token] = field(default_factory=list)
    pronoun: bool = False


def new_id() -> int:
    """Return an id that no token carries yet."""
    return next(_ids)


def tokens(text: str, *ids: int) -> list[Token]:
    """Split a text into tokens that all carry the same ids."""
    return [(form, frozenset(ids)) for form in text.split()]


def pair(en: str, fr: str, lemmas: tuple[str, ...] = ()) -> Phrase:
    """Return a fixed phrase; all its tokens are aligned unless marked.

    A mark `/k` on tokens of both sides aligns only those that share it; `/0` aligns with
    nothing: `pair("every/1 day/2", "tous/1 les/1 jours/2")`.
    """
    marks: dict[str, int] = {}
    whole = new_id()

    def read(text):
        found = []
        for word in text.split():
            form, _, keys = word.partition("/")
            ids = {marks.setdefault(k, new_id()) for k in keys if k != "0"} if keys else {whole}
            found.append((form, frozenset(ids)))
        return found

    return Phrase(read(en), read(fr), frozenset(lemmas))


def phrase(name: str) -> Phrase:
    """Return an adverb, time or place of phrases.csv by its English text (without marks)."""
    row = PHRASES[name]
    return pair(row["marked"] or name, row["french"])


def comma() -> Phrase:
    """Return a comma on both sides."""
    return pair(",", ",")


def join(*parts: Phrase) -> Phrase:
    """Put phrases one after the other, in the same order in both languages."""
    return sum((part for part in parts if part), Phrase())


# Forms.


def starts_with_vowel(form: str) -> bool:
    """Tell whether le, de, je ... are elided before a French form."""
    if form in ASPIRATED or form in ("onze", "oui", "yaourt", "yaourts"):
        return False
    return form == "y" or form[0] in "aàâeéèêiîoôœuûh"


def pluralise_french(form: str) -> str:
    """Return the regular plural of a French noun or adjective."""
    if form[-1] in "sx" or form.startswith("en "):
        return form
    return form + ("x" if form.endswith("eau") else "s")


def inflect(adjective: str, gender: str, plural: bool, next_form: str = "") -> str:
    """Return the form of an adjective (by its English name) that agrees."""
    row = ADJECTIVES[adjective]
    form, vowel_form = row["french"], row["before_vowel"]
    if vowel_form == form:  # invariable: marron, en bois
        return form
    if gender == "f":
        form = row["feminine"] or (form if form.endswith("e") else form + "e")
    elif vowel_form and not plural and next_form and starts_with_vowel(next_form):
        form = vowel_form
    return pluralise_french(form) if plural else form


def agree(participle: str, gender: str, plural: bool) -> str:
    """Return a past participle that agrees."""
    form = participle + ("e" if gender == "f" else "")
    return pluralise_french(form) if plural else form


def conjugate(infinitive: str, person: int) -> str:
    """Return the present of a French verb.

    Args:
        infinitive: of a verb in conjugation.csv, of a compound of one (revenir, apprendre), or
            of a regular verb in -er, -ir, -re.
        person: 0 to 5: je, tu, il, nous, vous, ils.
    """
    prefix, row = find_irregular(infinitive)
    if row:
        return prefix + row[PERSONS[person]]
    stem, ending = infinitive[:-2], infinitive[-2:]
    if ending == "ir":
        return stem + ("is", "is", "it", "issons", "issez", "issent")[person]
    if ending == "re":
        return stem + ("s", "s", "", "ons", "ez", "ent")[person]
    return change_stem(stem, person) + ("e", "es", "e", "ons", "ez", "ent")[person]


def change_stem(stem: str, person: int) -> str:
    """Return the stem of a verb in -er, with the change of spelling that a person asks for."""
    if person == 3:
        return re.sub("c$", "ç", re.sub("g$", "ge", stem))
    if person == 4:
        return stem
    if stem in ("appel", "jet"):
        return stem + stem[-1]
    stem = re.sub("y$", "i", stem)
    return re.sub("(?:[eé](?=[lmntrv]$)|é(?=g$))", "è", stem)


def find_irregular(infinitive: str) -> tuple[str, dict[str, str] | None]:
    """Return the prefix and the row of conjugation.csv of an irregular verb, if it is one."""
    if infinitive in CONJUGATION:
        return "", CONJUGATION[infinitive]
    for prefix, base in COMPOUNDS:
        if infinitive == prefix + base:
            return prefix, CONJUGATION[base]
    return "", None


COMPOUNDS = (
    ("re", "venir"),
    ("sou", "venir"),
    ("appar", "tenir"),
    ("ap", "prendre"),
    ("com", "prendre"),
    ("d", "écrire"),
    ("re", "connaître"),
)


def get_participle(infinitive: str) -> str:
    """Return the past participle of a French verb, masculine singular."""
    prefix, row = find_irregular(infinitive)
    if row:
        return prefix + row["participle"]
    return infinitive[:-2] + {"er": "é", "ir": "i", "re": "u"}[infinitive[-2:]]


ETRE_VERBS = (
    *("aller", "venir", "revenir", "arriver", "partir", "sortir", "rentrer", "rester"),
    *("tomber", "entrer"),
)


def get_imperative(infinitive: str, person: int) -> str:
    """Return the imperative of a French verb: person 1 (tu), 3 (nous) or 4 (vous)."""
    prefix, row = find_irregular(infinitive)
    if row and row["imperatives"]:
        return prefix + row["imperatives"].split()[{1: 0, 3: 1, 4: 2}[person]]
    form = conjugate(infinitive, person)
    return form[:-1] if person == 1 and infinitive.endswith("er") else form


def inflect_english(base: str, form: str) -> str:
    """Return a regular form of an English verb: "s", "ing" or "past"."""
    if form == "s":
        if base == "have":
            return "has"
        if base in ("do", "go") or re.search("(s|x|ch|sh)$", base):
            return base + "es"
        return re.sub("([^aeo])y$", r"\1ie", base) + "s"
    if base in DOUBLING:
        base += base[-1]
    if form == "ing":
        return re.sub("([^eo])e$", r"\1", base) + "ing" if base != "see" else "seeing"
    return base + "d" if base.endswith("e") else re.sub("([^aeo])y$", r"\1i", base) + "ed"


DOUBLING = ("put", "cut", "get", "run", "swim", "begin", "forget", "wrap")


def pluralise_english(row: dict[str, str]) -> str:
    """Return the plural of a noun of nouns.csv."""
    singular, _, plural = row["english"].partition("/")
    return plural or singular + "s"


@dataclass(frozen=True)
class Verb:
    """A verb of verbs.csv.

    Attributes:
        name: its English name in the lexicon.
        words: the English base form, particles included.
        infinitive: the French head.
        tail: what follows the French head (faim, besoin).
        linker: the preposition of an infinitive after it (décider de).
        reflexive: whether it takes se.
    """

    name: str
    words: tuple[str, ...]
    infinitive: str
    tail: str
    linker: str
    preposition: str
    reflexive: bool
    flags: tuple[str, ...]

    def english(self, form: str) -> str:
        """Return an English form with its particles: "base", "s", "ing", "past", "participle"."""
        row, head = VERBS[self.name], self.words[0]
        if form == "base":
            return " ".join(self.words)
        if form in ("past", "participle") and row[form]:
            return row[form].removesuffix(" to") if "give" in self.flags else row[form]
        form = "past" if form == "participle" else form
        return " ".join((inflect_english(head, form), *self.words[1:]))


@functools.cache
def get_verb(name: str) -> Verb:
    """Return a verb by its English name in verbs.csv."""
    row = VERBS[name]
    flags = tuple(row["flags"].split())
    french = row["french"].split()
    if "reflexive" in flags:
        french = french[1:]
    head, *tail = french
    preposition = row["preposition"]
    linker = ""
    if tail and tail[-1] in ("de", "à"):
        last = tail.pop()
        linker = "" if preposition else last
    words = tuple(name.split())
    if "give" in flags or name == "read to":
        words = words[:1]
    return Verb(
        *(name, words, head, " ".join(tail), linker, preposition),
        *("reflexive" in flags, flags),
    )


# Noun phrases.

# English: French before a masculine, a feminine, a plural noun.
DETERMINERS = {
    "the": ("LE", "LA", "LES"),
    "my": ("mon", "ma", "mes"),
    "your": ("ton", "ta", "tes"),
    "your_v": ("votre", "votre", "vos"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
    "this": ("ce", "cette", "ces"),
    "every": ("chaque", "chaque", ""),
    "which": ("quel", "quelle", "quels"),
    "several": ("", "", "plusieurs"),
    "a few": ("", "", "quelques"),
    "many": ("", "", "beaucoup de"),
    "a lot of": ("beaucoup de",) * 3,
    "too much": ("trop de",) * 2 + ("",),
    "too many": ("", "", "trop de"),
    "enough": ("assez de",) * 3,
    "how many": ("", "", "combien de"),
    "how much": ("combien de",) * 2 + ("",),
    "all the": ("", "", "tous LES"),
}
NUMBERS = {
    "two": "deux",
    "three": "trois",
    "four": "quatre",
    "five": "cinq",
    "six": "six",
    "seven": "sept",
    "eight": "huit",
    "nine": "neuf",
    "ten": "dix",
    "eleven": "onze",
    "twelve": "douze",
    "fifteen": "quinze",
    "twenty": "vingt",
    "thirty": "trente",
    "forty": "quarante",
    "fifty": "cinquante",
    "sixty": "soixante",
    "seventy": "soixante-dix",
    "eighty": "quatre-vingts",
    "a hundred": "cent",
}
BEFORE_VOWEL = {"ma": "mon", "ta": "ton", "sa": "son", "ce": "cet", "cette": "cette"}
MEASURES = {
    "a glass of": ("a/1 glass/2 of/3", "un/1 verre/2 de/3"),
    "a cup of": ("a/1 cup/2 of/3", "une/1 tasse/2 de/3"),
    "a bottle of": ("a/1 bottle/2 of/3", "une/1 bouteille/2 de/3"),
    "a kilo of": ("a/1 kilo/2 of/3", "un/1 kilo/2 de/3"),
    "a box of": ("a/1 box/2 of/3", "une/1 boîte/2 de/3"),
    "a piece of": ("a/1 piece/2 of/3", "un/1 morceau/2 de/3"),
    "a slice of": ("a/1 slice/2 of/3", "une/1 tranche/2 de/3"),
}


def np(
    noun: str,
    det: str = "the",
    pl: bool = False,
    *,
    adj: str = "",
    very: bool = False,
    female: bool = False,
) -> Nominal:
    """Build a noun phrase.

    Args:
        noun: English singular in nouns.csv.
        det: a key of `DETERMINERS`, `NUMBERS` or `MEASURES`; or "a", "some" (count plural or
            mass), "" (English bare, French indefinite), "generic" (English bare, French
            definite), "name" (no article in either language).
        pl: plural; implied by numbers and by determiners that have only a plural.
        adj: English name in adjectives.csv.
        very: put very before the adjective.
        female: use the feminine of a noun for people (nurse: infirmière).
    """
    row = NOUNS[noun]
    if det in NUMBERS or (det in DETERMINERS and not DETERMINERS[det][0]):
        pl = True
    n, d, a, v = new_id(), new_id(), new_id(), new_id()
    gender = "f" if female and row["feminine"] else row["gender"]
    singular, _, plural = row["french"].strip("*").partition("/")
    if female and row["feminine"]:
        singular, plural = row["feminine"], ""
    if gender == "p":
        gender, pl = "m", True
        form = singular
    else:
        form = (plural or pluralise_french(singular)) if pl else singular
    head = tokens(form, n)
    en = tokens(pluralise_english(row) if pl and row["gender"] != "p" else noun, n)

    after: list[Token] = []
    before: list[Token] = []
    if adj:
        position = ADJECTIVES[adj]["position"]
        place = before if position == "before" else after
        place += tokens("très", v) if very else []
        place += tokens(inflect(adj, gender, pl, form.split()[0]), a)
        en = (tokens("very", v) if very else []) + tokens(adj, a) + en
    core = before + head + after
    result = Nominal(
        lemmas=frozenset({noun, adj} - {""}),
        pairs=frozenset({(adj, noun)} if adj else ()),
        person=5 if pl else 2,
        gender=gender,
        plural=pl,
        noun=noun,
    )

    def fill(english, french, *, negative=None, after_de=None, english_any=None):
        result.en = english + en
        result.en_any = (english if english_any is None else english_any) + en
        result.fr = french + core
        result.fr_neg = (french if negative is None else negative) + core
        result.fr_de = (french if after_de is None else after_de) + core
        return result

    de = tokens("de", d)
    if det == "name":
        return fill([], [])
    if det == "generic":
        return fill([], tokens(("LES" if pl else {"m": "LE", "f": "LA"}[gender]), d))
    if det == "a":
        article = tokens("une" if gender == "f" else "un", d)
        return fill(tokens("A", d), article, negative=de)
    if det in ("some", ""):
        if pl:
            french = tokens("de" if before else "des", d)
        else:
            french = tokens("de " + {"m": "LE", "f": "LA"}[gender], d)
        some = tokens(det, d)
        any_ = tokens("any", d) if det else []
        return fill(some, french, negative=de, after_de=[], english_any=any_)
    if det in MEASURES:
        measure = pair(*MEASURES[det])
        return fill(measure.en, measure.fr, negative=[("de", measure.fr[0][1]), *measure.fr[1:]])
    if det in NUMBERS:
        return fill(tokens(det, d), tokens(NUMBERS[det], d))
    french = DETERMINERS[det][2 if pl else gender == "f"]
    if det == "all the":
        t = new_id()
        every = tokens("toutes" if gender == "f" else "tous", t)
        return fill(tokens("all", t) + tokens("the", d), every + tokens("LES", d))
    if det == "which" and pl and gender == "f":
        french = "quelles"
    if starts_with_vowel(core[0][0]):
        french = BEFORE_VOWEL.get(french, french)
    english = {"this": "these" if pl else "this", "your_v": "your"}.get(det, det)
    return fill(tokens(english, d), tokens(french, d))


# English subject and object; French subject, direct, indirect, after a preposition; person,
# gender, plural; possessive.
_PRONOUNS = """
i       i    me   je    me   me   moi   0 m 0 my
i_f     i    me   je    me   me   moi   0 f 0 my
you     you  you  tu    te   te   toi   1 m 0 your
you_f   you  you  tu    te   te   toi   1 f 0 your
he      he   him  il    le   lui  lui   2 m 0 his
she     she  her  elle  la   lui  elle  2 f 0 her
it_m    it   it   il    le   lui  lui   2 m 0 -
it_f    it   it   elle  la   lui  elle  2 f 0 -
we      we   us   nous  nous nous nous  3 m 1 our
you_v   you  you  vous  vous vous vous  4 m 0 your_v
you_vf  you  you  vous  vous vous vous  4 f 0 your_v
you_p   you  you  vous  vous vous vous  4 m 1 your_v
they    they them ils   les  leur eux   5 m 1 their
they_f  they them elles les  leur elles 5 f 1 their
"""
PRONOUNS = {line.split()[0]: line.split()[1:] for line in _PRONOUNS.strip().splitlines()}


def pro(key: str) -> Nominal:
    """Build a subject or object pronoun from a key of `PRONOUNS`."""
    row = PRONOUNS[key]
    i = new_id()
    return Nominal(
        tokens(row[0], i),
        tokens(row[2], i),
        person=int(row[6]),
        gender=row[7],
        plural=row[8] == "1",
        noun=key,
        pronoun=True,
    )


def with_pronoun(key: str) -> Phrase:
    """Build a pronoun as it stands after a preposition: me and moi."""
    return pair(PRONOUNS[key][1], PRONOUNS[key][5])


def refer(nominal: Nominal) -> str:
    """Return the key of the pronoun that stands for a nominal."""
    if nominal.pronoun:
        return nominal.noun
    kinds = {NOUNS[n]["class"] for n in nominal.noun.split("+") if n in NOUNS}
    human = bool(kinds & {"kin", "kin1", "person", "job", "hero", "given", "infant"})
    if nominal.person == 3:
        return "we"
    if nominal.plural:
        return "they_f" if nominal.gender == "f" else "they"
    if human:
        return "she" if nominal.gender == "f" else "he"
    return "it_f" if nominal.gender == "f" else "it_m"


def name(person: str) -> Nominal:
    """Build the name of a person."""
    return np(person, "name")


def both(first: Nominal, second: Nominal, word: str = "and") -> Nominal:
    """Coordinate two nominals as one subject; feminine only if both are."""
    link = pair(word, {"and": "et", "or": "ou"}[word])
    whole = join(first, link, second)
    result = Nominal(
        whole.en, whole.fr, whole.lemmas, whole.pairs, person=5, plural=True,
        gender="f" if first.gender == second.gender == "f" else "m",
        noun=f"{first.noun}+{second.noun}",
    )  # fmt: skip
    result.en_any = first.en_any + link.en + second.en_any
    result.fr_neg = first.fr_neg + link.fr + second.fr_neg
    result.fr_de = first.fr_de + link.fr + tokens("de") + second.fr_de
    return result


# Clauses.

BE = ("am", "are", "is", "are", "are", "are")
CONDITIONAL = ("voudrais", "voudrais", "voudrait", "voudrions", "voudriez", "voudraient")
REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
CLITIC_RANK = ("se", "me", "te", "nous", "vous", "le", "la", "les", "lui", "leur", "y", "en")
CONTRACTED = {"can": "can't", "must": "mustn't", "would": "wouldn't", "am": "am not"}
# Negation: English adverb in the middle, English at the end, French second half.
NEGATIONS = {
    "not": ("", "", "pas"),
    "never": ("never", "", "jamais"),
    "any more": ("", "any more", "plus"),
    "yet": ("", "yet", "pas encore"),
    "nothing": ("", "anything", "rien"),
    "nobody": ("", "anybody", "personne"),
}


@dataclass
class Group:
    """A verb group in pieces: English auxiliary and main part; French finite part and rest."""

    aux: list[Token]
    main: list[Token]
    finite: list[Token]
    rest: list[Token]
    clitics_on_rest: bool
    verb_ids: frozenset
    prep_ids: frozenset


def build_group(
    subject: Nominal,
    verb: Verb,
    tense: str,
    modal: str,
    support: bool,
    neg: int | None,
    preceding: Nominal | None,
) -> Group:
    """Inflect a verb group.

    Args:
        subject: what the verb agrees with.
        verb: the main verb.
        tense: "present", "progressive", "past", "perfect" or "future".
        modal: name of a modal or semi-modal verb, or "".
        support: whether English needs an auxiliary (question or not).
        neg: the id of the negation that the English auxiliary carries, if any.
        preceding: the direct object that stands before the participle, if any.
    """
    v, a, to = new_id(), new_id(), new_id()
    person = subject.person
    third = person == 2
    head = get_verb(modal) if modal else verb
    extra = [neg] if neg is not None else []
    only_v = verb.words[0] == "be" or tense == "progressive"
    parts = new_id(), new_id()

    def inflected(form, *ids):
        """Return an English form of the verb; its particles meet tail and preposition."""
        first, *others = verb.english(form).split()
        found = tokens(first, v, *ids)
        for i, word in enumerate(others):
            if i == len(others) - 1 and verb.preposition and word in ("to", "about", "of"):
                found += tokens(word, parts[1])
            else:
                found += tokens(word, parts[0] if first in ("be",) and verb.tail else v)
        return found

    bare = inflected("base")
    to_bare = tokens("to", to) + bare
    infinitive = tokens(verb.infinitive, v, to)

    # English
    if modal in ("can", "must"):
        aux, main = modal, bare
    elif modal == "would like to":
        aux, main = "would", tokens("like", a) + to_bare
    elif tense == "progressive":
        aux, main = BE[person], inflected("ing")
    elif tense == "future":
        start = tokens("going", a)
        aux, main = (
            BE[person],
            start
            + (
                tokens("to", to) + tokens(head.english("base").removesuffix(" to"), a) + to_bare
                if modal
                else to_bare
            ),
        )
    elif tense == "recent":
        aux, main = ("has" if third else "have"), tokens("just", a) + inflected("participle")
    elif tense == "perfect":
        aux, main = ("has" if third else "have"), inflected("participle")
    elif head.words[0] == "be":
        necessary = tokens(" ".join(head.words[1:-1]), a) + to_bare
        aux, main = BE[person], necessary if modal else bare[1:]
    else:
        past = tense == "past"
        if support:
            aux, form = ("did" if past else "does" if third else "do"), "base"
        else:
            aux, form = "", ("past" if past else "s" if third else "base")
        if modal:
            words = head.english(form).removesuffix(" to")
            main = tokens(words, a) + to_bare
        else:
            main = inflected(form, *([a] if past and not support else []))
    ids = [v] if only_v and not modal and tense in ("present", "progressive") else [a]
    if aux in ("do", "does") or not aux:
        ids = []
    if neg is not None and aux:
        aux = CONTRACTED.get(aux, aux + "n't")
        first, *others = aux.split()
        english_aux = (
            tokens(first, *ids) + tokens("not", *extra) if others else tokens(aux, *ids, *extra)
        )
    else:
        english_aux = tokens(aux, *ids)

    # French
    def make_past(infinitive_, tail, *ids_):
        etre = verb.reflexive or infinitive_ in ETRE_VERBS
        finite = tokens(conjugate("être" if etre else "avoir", person), a)
        by = subject if etre else preceding
        participle = get_participle(infinitive_)
        if by:
            participle = agree(participle, by.gender, by.plural)
        return finite, tokens(participle, *ids_) + tail

    tail = tokens(verb.tail, parts[0] if verb.words[0] == "be" else v)
    linker = tokens(head.linker, to) if modal else []
    french_infinitive = linker + [("CLITICS", frozenset())] + infinitive + tail
    if tense in ("past", "perfect") and not modal:
        finite, rest = make_past(verb.infinitive, tail, v)
        on_rest = False
    elif tense in ("past", "perfect"):
        finite, rest = make_past(head.infinitive, french_infinitive, a)
        on_rest = True
    elif tense == "future" and modal:
        finite = tokens(conjugate("aller", person), a)
        rest = tokens(head.infinitive, a, to) + french_infinitive
        on_rest = True
    elif tense == "recent":
        finite = tokens(conjugate("venir", person), a)
        rest, on_rest = tokens("de", a) + french_infinitive, True
    elif tense == "future":
        finite, rest, on_rest = tokens(conjugate("aller", person), a), french_infinitive, True
    elif modal:
        form = (
            CONDITIONAL[person] if modal == "would like to" else conjugate(head.infinitive, person)
        )
        finite, rest, on_rest = tokens(form, a), french_infinitive, True
    else:
        finite, rest, on_rest = tokens(conjugate(verb.infinitive, person), v), tail, False
    last = verb.words[-1] in ("to", "about", "of")
    prep_ids = frozenset({parts[1] if last else v})
    return Group(english_aux, main, finite, rest, on_rest, frozenset({v}), prep_ids)


def clause(
    subject: Nominal,
    verb: str,
    tense: str = "present",
    *,
    modal: str = "",
    neg: str = "",
    obj: Nominal | None = None,
    to: Nominal | None = None,
    extra: tuple[Phrase, ...] | Phrase = (),
    adv: str = "",
    ask: str = "",
    wh: Phrase | None = None,
    gap: Nominal | None = None,
    clitic: str = "",
) -> Phrase:
    """Build a clause.

    Args:
        subject: a nominal.
        verb: English name in verbs.csv.
        tense: "present", "progressive", "past" (passé composé), "perfect" (the same, with
            already, never, yet), "recent" (venir de) or "future" (futur proche).
        modal: English name of a modal verb in verbs.csv.
        neg: a key of `NEGATIONS`.
        obj: the object; a pronoun becomes a clitic in French.
        to: the recipient; a pronoun becomes a clitic in French.
        extra: phrases that follow, in the same order in both languages.
        adv: English name of an adverb in phrases.csv that stands near the verb.
        ask: "" for a statement; "est-ce" for est-ce que; "invert" for a pronoun after the verb;
            "stylistic" for a noun after the verb; "subject" if the subject is the question word.
        wh: the question words in front.
        gap: the nominal that is the direct object but stands further to the left (relative
            clause, question): the participle agrees with it.
        clitic: "y" (there) or "en" (some of it).
    """
    lexeme = get_verb(verb)
    en_neg, en_end, fr_neg = NEGATIONS.get(neg, ("", "", ""))
    n, e = new_id(), new_id()
    question = ask in ("est-ce", "invert", "stylistic")
    carries = bool(neg) and not en_neg
    direct = obj if obj and not lexeme.preposition else None
    before = gap or (direct if direct and direct.pronoun else None)
    group = build_group(
        subject, lexeme, tense, modal, question or carries, n if carries else None, before
    )
    lemmas, pairs = {verb, modal} - {""}, set()
    for nominal in (obj, gap):
        if nominal and not nominal.pronoun and nominal.noun:
            pairs |= {(verb, part) for part in nominal.noun.split("+")}

    # Clitics, and what stays behind the verb.
    clitics: list[Token] = []
    english_after: list[Token] = []
    french_after: list[Token] = []
    if lexeme.reflexive:
        clitics += tokens(REFLEXIVE[subject.person], *group.verb_ids)
    recipient_first = to is not None and to.pronoun and not (obj and obj.pronoun)
    english_to: list[Token] = []
    if to is not None:
        i = new_id()
        if to.pronoun:
            row = PRONOUNS[to.noun]
            english_to = tokens("" if recipient_first else "to", i) + tokens(row[1], i)
            clitics += tokens(row[4], i)
        else:
            english_to = tokens("to", i) + to.en
            french_after += tokens("à", i) + to.fr
    if obj is not None and obj.pronoun:
        row, i = PRONOUNS[obj.noun], new_id()
        column = 4 if lexeme.preposition == "à" else 3
        english_after += tokens(row[1], i)
        clitics += tokens("en" if lexeme.preposition == "de" else row[column], i)
    elif obj is not None:
        denied = neg in ("not", "never", "any more", "yet") and not lexeme.preposition
        english_after += obj.en_any if (denied or question) and obj.en_any else obj.en
        if lexeme.preposition == "de":
            french = tokens("de", *group.prep_ids) + obj.fr_de
        elif lexeme.preposition:
            french = tokens(lexeme.preposition, *group.prep_ids) + obj.fr
        else:
            french = obj.fr_neg if denied else obj.fr
        french_after = french + french_after
    if clitic:
        i = new_id()
        english_after += tokens({"y": "there", "en": "some"}[clitic], i)
        clitics += tokens(clitic, i)
    english_after = english_to + english_after if recipient_first else english_after + english_to
    clitics.sort(key=lambda token: CLITIC_RANK.index(token[0]))

    # English order
    mid = pair("", "")
    if adv:
        mid = phrase(adv)
    inner = tokens(en_neg, n) + mid.en
    end = tokens(en_end, n, e)
    if neg in ("nothing", "nobody"):
        english_after, end = end + english_after, []
    pronoun = obj is not None and obj.pronoun
    body = inner + put_object(lexeme, group.main, english_after, pronoun)
    en = group.aux + subject.en + body if question else subject.en + group.aux + body
    # French order
    second = tokens(fr_neg, n, e)
    finite = group.finite
    rest = group.rest
    if group.clitics_on_rest:
        spot = [form for form, _ in rest].index("CLITICS")
        rest = rest[:spot] + clitics + rest[spot + 1 :]
        clitics = []
    rest = [token for token in rest if token[0] != "CLITICS"]
    start = (tokens("ne", n) if neg else []) + clitics
    late = second if neg == "nobody" else []
    second = [] if neg == "nobody" else second
    if ask == "invert":
        form = subject.fr[0][0]
        euphonic = form[0] in "ieo" and finite[-1][0][-1] in "ae" and subject.person == 2
        inverted = [("-t-" * euphonic + "-" * (not euphonic) + form, subject.fr[0][1])]
        fr = start + finite + inverted + second + mid.fr + rest
    elif ask == "stylistic":
        fr = start + finite + second + mid.fr + rest + subject.fr
    else:
        fr = subject.fr + start + finite + second + mid.fr + rest
    fr += late + french_after
    if ask == "est-ce":
        q = new_id()
        fr = tokens("est-ce que", q) + fr
        if en:
            en[0] = (en[0][0], en[0][1] | {q})
    result = Phrase(en, fr)
    if wh is not None:
        result = wh + result
    for part in (extra,) if isinstance(extra, Phrase) else extra:
        result = result + part
    result.en += end
    parts = [part for part in (subject, obj, to) if part is not None]
    result.lemmas |= frozenset(lemmas).union(*(part.lemmas for part in parts))
    result.pairs |= frozenset(pairs).union(*(part.pairs for part in parts))
    return result


def command(
    verb: str,
    person: int = 1,
    *,
    neg: bool = False,
    obj: Nominal | None = None,
    to: Nominal | None = None,
    extra: tuple[Phrase, ...] | Phrase = (),
) -> Phrase:
    """Build an imperative: person 1 (tu), 3 (let's) or 4 (vous)."""
    lexeme = get_verb(verb)
    v, n = new_id(), new_id()
    french = tokens(get_imperative(lexeme.infinitive, person), v)
    english = tokens(lexeme.english("base"), v)
    clitics: list[Token] = []
    english_to: list[Token] = []
    english_obj: list[Token] = []
    after: list[Token] = []
    if lexeme.reflexive:
        clitics += tokens(REFLEXIVE[person], v)
    if to is not None and to.pronoun:
        i, row = new_id(), PRONOUNS[to.noun]
        english_to = tokens("to" if obj and obj.pronoun else "", i) + tokens(row[1], i)
        clitics += tokens(row[4], i)
    elif to is not None:
        i = new_id()
        english_to, after = tokens("to", i) + to.en, tokens("à", i) + to.fr
    if obj is not None and obj.pronoun:
        i, row = new_id(), PRONOUNS[obj.noun]
        english_obj = tokens(row[1], i)
        clitics += tokens(row[4 if lexeme.preposition == "à" else 3], i)
    elif obj is not None:
        english_obj = obj.en_any if neg else obj.en
        if lexeme.preposition == "de":
            after = tokens("de", v) + obj.fr_de + after
        elif lexeme.preposition:
            after = tokens(lexeme.preposition, v) + obj.fr + after
        else:
            after = (obj.fr_neg if neg else obj.fr) + after
    short = to is not None and to.pronoun and not (obj and obj.pronoun)
    english_after = english_to + english_obj if short else english_obj + english_to
    english = put_object(lexeme, english, english_after, obj is not None and obj.pronoun)
    clitics.sort(key=lambda token: CLITIC_RANK.index(token[0]))
    if neg:
        french = tokens("ne", n) + clitics + french + tokens("pas", n)
    else:
        # After the verb the direct object comes first, and me, te become moi, toi.
        clitics.sort(key=lambda token: token[0] not in ("le", "la", "les"))
        strong = {"me": "moi", "te": "toi"}
        french += [("-" + strong.get(form, form), ids) for form, ids in clitics]
    if person == 3:
        english = tokens("let's", v) + tokens("not" if neg else "", n) + english
    elif neg:
        english = tokens("don't", n) + english
    result = Phrase(english, french + tokens(lexeme.tail, v) + after)
    for part in (extra,) if isinstance(extra, Phrase) else extra:
        result = result + part
    parts = [part for part in (obj, to) if part is not None]
    pairs = {(verb, obj.noun)} if obj is not None and not obj.pronoun else set()
    result.lemmas |= frozenset({verb}).union(*(part.lemmas for part in parts))
    result.pairs |= frozenset(pairs).union(*(part.pairs for part in parts))
    return result


def infinitive(verb: str, link: Phrase, *, obj: Nominal | None = None, ing: bool = False) -> Phrase:
    """Build link + infinitive: to buy and pour acheter, before leaving and avant de partir."""
    lexeme = get_verb(verb)
    v = new_id()
    clitics = tokens("se", v) if lexeme.reflexive else []
    result = link + Phrase(
        tokens(lexeme.english("ing" if ing else "base"), v),
        clitics + tokens(lexeme.infinitive, v) + tokens(lexeme.tail, v),
        frozenset({verb}),
    )
    if obj is not None:
        de = tokens("de", v) if lexeme.preposition == "de" else []
        prep = tokens(lexeme.preposition, v) if not de else []
        result += Phrase(
            obj.en,
            de + obj.fr_de if de else prep + obj.fr,
            obj.lemmas,
            obj.pairs | {(verb, obj.noun)},
        )
    return result


def describe(subject: Nominal, adj: str, very: bool | str = False) -> Phrase:
    """Build an adjective (by its English name) that agrees with a subject: tired, too expensive."""
    a, w = new_id(), new_id()
    degree = "very" if very is True else very
    french = {"very": "très", "too": "trop", "": ""}[degree or ""]
    pairs = {(adj, part) for part in subject.noun.split("+") if part in NOUNS}
    return Phrase(
        (tokens(degree, w) if degree else []) + tokens(adj, a),
        tokens(french, w) + tokens(inflect(adj, subject.gender, subject.plural), a),
        frozenset({adj}),
        frozenset(pairs),
    )


def be(
    subject: Nominal,
    what: Phrase | str,
    *,
    neg: str = "",
    ask: str = "",
    wh: Phrase | None = None,
    adv: str = "",
    very: bool | str = False,
    tense: str = "present",
    extra: tuple[Phrase, ...] = (),
) -> Phrase:
    """Build subject + be + adjective (by its English name) or any phrase."""
    if isinstance(what, str):
        what = describe(subject, what, very)
    return clause(subject, "be", tense, neg=neg, ask=ask, wh=wh, adv=adv, extra=(what, *extra))


def compare(subject: Nominal, adj: str, degree: str, other: Phrase, *, tense="present") -> Phrase:
    """Build a comparison of equality or not: degree "more", "less" or "as"."""
    a, w, t = new_id(), new_id(), new_id()
    form = inflect(adj, subject.gender, subject.plural)
    short = ADJECTIVES[adj]["comparative"]
    french_degree = {"more": "plus", "less": "moins", "as": "aussi"}[degree]
    if adj == "good" and degree == "more":
        better = "meilleur" + "e" * (subject.gender == "f") + "s" * subject.plural
        en, fr = tokens("better", a), tokens(better, a)
    elif degree == "more" and short:
        en, fr = tokens(short, a, w), tokens(french_degree, w) + tokens(form, a)
    else:
        en, fr = tokens(degree, w) + tokens(adj, a), tokens(french_degree, w) + tokens(form, a)
    en += tokens("as" if degree == "as" else "than", t)
    fr += tokens("que", t)
    pairs = {(adj, part) for part in subject.noun.split("+") if part in NOUNS}
    return be(subject, Phrase(en, fr, frozenset({adj}), frozenset(pairs)) + other, tense=tense)


def superlative(adj: str, noun: str, link: Phrase) -> Phrase:
    """Build the most beautiful city + link, la plus belle ville + link."""
    row = NOUNS[noun]
    short = ADJECTIVES[adj]["comparative"]
    a, n, d, m = new_id(), new_id(), new_id(), new_id()
    gender = row["gender"]
    head = row["french"].strip("*").split("/")[0]
    form = inflect(adj, gender, False, head)
    article = tokens("LA" if gender == "f" else "LE", d)
    noun_fr = tokens(head, n)
    if adj == "good":
        en = tokens("the", d) + tokens("best", a)
        fr = article + tokens("meilleure" if gender == "f" else "meilleur", a) + noun_fr
    else:
        best = tokens(short[:-1] + "st", a, m) if short else tokens("most", m) + tokens(adj, a)
        en = tokens("the", d) + best
        most = tokens("plus", m) + tokens(form, a)
        if ADJECTIVES[adj]["position"] == "before":
            fr = article + most + noun_fr
        else:
            fr = article + noun_fr + tokens(article[0][0], m) + most
    en += tokens(noun, n)
    whole = Phrase(en, fr, frozenset({adj, noun}), frozenset({(adj, noun)}))
    return whole + link


def there_is(
    what: Nominal, *, neg: str = "", ask: str = "", extra: tuple[Phrase, ...] = ()
) -> Phrase:
    """Build there is and il y a: ask is "" or "est-ce" or "invert"."""
    t, n = new_id(), new_id()
    is_ = "are" if what.plural else "is"
    if neg:
        english = tokens("there", t) + tokens(is_ + "n't", t, n)
        french = tokens("il", t) + tokens("ne", n) + tokens("y a", t)
        french += tokens(NEGATIONS[neg][2], n)
    elif ask:
        english = tokens(is_ + " there", t)
        french = tokens("est-ce qu' il y a" if ask == "est-ce" else "y a -t-il", t)
    else:
        english, french = tokens("there " + is_, t), tokens("il y a", t)
    english += what.en_any if (neg or ask) and what.en_any else what.en
    result = Phrase(english, french + (what.fr_neg if neg else what.fr), what.lemmas, what.pairs)
    for part in extra:
        result = result + part
    if neg == "any more":
        result.en += tokens("any more", n)
    return result


def prep(english: str, french: str, nominal: Nominal) -> Phrase:
    """Put a preposition before a nominal: prep("next to", "à côté de", np("bed"))."""
    i = new_id()
    after_de = french.endswith("de")
    fr = nominal.fr_de if after_de and nominal.fr_de else nominal.fr
    link = Phrase(tokens(english, i), tokens(french, i))
    return link + Phrase(nominal.en, fr, nominal.lemmas, nominal.pairs)


# From tokens to sentences.


SEPARABLE = ("turn on", "turn off", "put on", "take off", "throw away")


def put_object(verb: Verb, main: list[Token], after: list[Token], pronoun: bool) -> list[Token]:
    """Put what follows the English verb behind it: turn off the light, but turn it off."""
    if verb.name in SEPARABLE and pronoun:
        return main[:-1] + after[:1] + main[-1:] + after[1:]
    return main + after


def spell_english(sequence: list[Token]) -> list[Token]:
    """Choose a or an."""
    result = []
    for (form, ids), (following, _) in zip(sequence, [*sequence[1:], ("", None)], strict=True):
        if form == "A":
            vowel = following[:1] in tuple("aeiou") and not following.startswith(("uni", "euro"))
            form = "an" if vowel or following == "hour" else "a"
        result.append((form, ids))
    return result


CONTRACTIONS = {("à", "LE"): "au", ("à", "LES"): "aux", ("de", "LE"): "du", ("de", "LES"): "des"}
ELIDED = {"LE", "LA", "le", "la", "je", "me", "te", "se", "ce", "de", "ne", "que"}


def spell_french(sequence: list[Token]) -> list[Token]:
    """Elide before vowels and contract de and à with the article."""
    result: list[Token] = []
    for (form, ids), (following, _) in zip(sequence, [*sequence[1:], ("", None)], strict=True):
        elides = following and starts_with_vowel(following)
        if form in ELIDED and elides:
            form = form.lower()[:-1] + "'"
        elif form == "si" and following in ("il", "ils"):
            form = "s'"
        elif result and (result[-1][0], form) in CONTRACTIONS:
            before, others = result.pop()
            form, ids = CONTRACTIONS[before, form], ids | others
        result.append((form.lower(), ids))
    # de was kept whole before LE and LES; before l' it stays: de l' eau
    return result


def finish(whole: Phrase, mark: str = ".") -> tuple[str, str, str]:
    """Turn a phrase into a sentence.

    Returns:
        English tokens and French tokens, each joined by spaces, and the alignment as
        `english-french` pairs of token indices from 0, joined by spaces.
    """
    whole = whole + pair(mark, mark)
    en, fr = spell_english(whole.en), spell_french(whole.fr)
    links = [f"{i}-{j}" for i, (_, a) in enumerate(en) for j, (_, b) in enumerate(fr) if a & b]
    return " ".join(f for f, _ in en), " ".join(f for f, _ in fr), " ".join(links)
