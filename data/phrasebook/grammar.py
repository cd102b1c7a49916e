"""The grammar of the phrasebook: agreement and word order of English and French.

A `Phrase` holds the same meaning twice, as English and as French tokens. Every token carries
the ids of the pieces of meaning it expresses; two tokens that share an id are aligned. So the
alignment is known by construction, whatever order the tokens end up in.

The word forms are in the tables beside this file. Determiners stay symbolic, in capitals (A,
SOME; LE, UN, DU ...), until `finish` knows what stands around them: then a becomes an, le
becomes l', de + LE becomes du.
"""

import csv
import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
Token = tuple[str, frozenset]
_ids = itertools.count()


def read_table(name: str) -> dict[str, dict[str, str]]:
    """Read a table of the lexicon as rows by their first column."""
    with open(FOLDER / f"{name}.csv", encoding="utf8", newline="") as stream:
        return {next(iter(row.values())): row for row in csv.DictReader(stream)}


NOUNS, ADJECTIVES, VERBS = read_table("nouns"), read_table("adjectives"), read_table("verbs")
DETERMINERS, PRONOUNS = read_table("determiners"), read_table("pronouns")
CONJUGATION, NEGATIONS = read_table("conjugation"), read_table("negations")
PHRASES = read_table("phrases")
PERSONS = ("je", "tu", "il", "nous", "vous", "ils")
HUMAN = {"kin", "kin1", "person", "job", "hero", "given", "infant"}

# Phrases and alignments.


@dataclass
class Phrase:
    """The same meaning in English and French tokens, each with the ids of what it expresses."""

    en: list[Token] = field(default_factory=list)
    fr: list[Token] = field(default_factory=list)
    lemmas: frozenset = frozenset()  # content lemmas, by their English name
    pairs: frozenset = frozenset()  # (verb, object) and (adjective, noun) combinations
    stop: str = "."  # the mark at its end, if it is a sentence

    def __add__(self, other: "Phrase") -> "Phrase":
        en, fr = self.en + other.en, self.fr + other.fr
        return Phrase(en, fr, self.lemmas | other.lemmas, self.pairs | other.pairs)


@dataclass
class Nominal(Phrase):
    """A noun phrase or pronoun, with what agreement and pronouns need."""

    person: int = 2  # place in `PERSONS`
    gender: str = "m"
    plural: bool = False  # of adjectives and participles
    noun: str = ""  # its lemma, or two joined by +; a name in pronouns.csv for a pronoun

    @property
    def pronoun(self) -> dict[str, str] | None:
        """The row of pronouns.csv of a personal pronoun."""
        return PRONOUNS.get(self.noun)


def pair(english: str, french: str, lemmas=(), pairs=(), **parts: Phrase) -> Phrase:
    """Build a phrase from a template for each language.

    Tokens that share a mark (`/k`, one letter each) are aligned, those without a mark all with
    each other, those marked `/0` with nothing; `<name>` is the place of a part:

        pair("<who> sleeps/s every/1 day/2", "<who> dort/s tous/1 les/1 jours/2", who=name("ali"))
    """
    ids = defaultdict(lambda: next(_ids))

    def read(text, side):
        result = []
        for word in text.split():
            form, _, marks = word.partition("/")
            if form[0] == "<":
                result += getattr(parts[form[1:-1]], side)
            else:
                result.append((form, frozenset(ids[k] for k in marks or " " if k != "0")))
        return result

    whole = Phrase(lemmas=frozenset(lemmas), pairs=frozenset(pairs))
    whole = sum(parts.values(), whole)
    return replace(whole, en=read(english, "en"), fr=read(french, "fr"))


def mark(text: str, marks: str) -> str:
    """Put the same marks on all words of a text, for `pair`."""
    return " ".join(f"{word}/{marks}" for word in text.split())


def join(*parts: Phrase | None) -> Phrase:
    """Put phrases one after the other, in the same order in both languages."""
    return sum((part for part in parts if part), Phrase())


def phrase(name: str) -> Phrase:
    """Return an adverb, time, place or link of phrases.csv by its English text (without marks)."""
    return pair(PHRASES[name]["marked"] or name, PHRASES[name]["french"]) if name else Phrase()


# Forms.

ASPIRATED = {"huit", "onze"} | {
    row[form] for row in NOUNS.values() if row["aspirated"] for form in ("french", "french_plural")
}


def starts_with_vowel(form: str) -> bool:
    """Tell whether le, de, je ... are elided before a French form."""
    return form == "y" or (form[:1] in tuple("aàâeéèêiîoôœuûh") and form not in ASPIRATED)


def inflect(adjective: str, gender: str, plural: bool, next_form: str = "") -> str:
    """Return the form of an adjective (by its English name) that agrees."""
    row, key = ADJECTIVES[adjective], gender + "p" * plural
    before_vowel = key == "m" and starts_with_vowel(next_form)
    return before_vowel and row["before_vowel"] or row[key]


def agree(participle: str, gender: str, plural: bool) -> str:
    """Return a past participle that agrees."""
    form = participle + "e" * (gender == "f")
    return form + "s" * (plural and form[-1] != "s")


def conjugate(infinitive: str, person: int) -> str:
    return CONJUGATION[infinitive][PERSONS[person]]


# Noun phrases.

BEFORE_VOWEL = {"ma": "mon", "ta": "ton", "sa": "son", "ce": "cet"}
PARTITIVE = {"DU", "DELA", "DES", "DE"}


def np(noun: str, det="the", plural=False, *, adj="", female=False) -> Nominal:
    """Build a noun phrase from names in nouns.csv, determiners.csv and adjectives.csv.

    A determiner is also "" (English bare, French indefinite), "generic" (English bare, French
    definite) or "name" (no article); some have only a plural. Female is a noun for people with
    its feminine form (nurse: infirmière).
    """
    row, article = NOUNS[noun], DETERMINERS[det]
    plural = bool(plural or row["gender"] == "p" or (article["mp"] and not article["m"]))
    gender, head = row["gender"].replace("p", "m"), row["french_plural" if plural else "french"]
    if female and row["feminine"]:
        gender, head = "f", row["feminine"] + "s" * plural
    english, core = mark(row["plural"] if plural else noun, "n"), mark(head, "n")
    french = article[gender + "p" * plural]
    if adj:
        english = f"{mark(adj, 'a')} {english}"
        form = mark(inflect(adj, gender, plural, head.split()[0]), "a")
        if ADJECTIVES[adj]["position"] == "before":
            core, french = f"{form} {core}", french.replace("DES", "DE")
        else:
            core = f"{core} {form}"
    if starts_with_vowel(core.partition("/")[0]):
        french = BEFORE_VOWEL.get(french, french)
    english = f"{article['plural' if plural else 'english']} {english}"
    whole = pair(english, f"{french} {core}", {noun, adj} - {""}, {(adj, noun)} if adj else ())
    agreement = {"person": 5 if plural else 2, "gender": gender, "plural": plural, "noun": noun}
    return Nominal(**vars(whole), **agreement)


def name(person: str) -> Nominal:
    return np(person, "name")


def pro(key: str) -> Nominal:
    """Build a subject or object pronoun from a name in pronouns.csv."""
    row = PRONOUNS[key]
    whole, person = pair(row["subject"], row["je"]), int(row["person"])
    plural = bool(row["plural"])
    return Nominal(**vars(whole), person=person, gender=row["gender"], plural=plural, noun=key)


def with_pronoun(key: str) -> Phrase:
    """Build a pronoun as it stands after a preposition: me and moi."""
    return pair(PRONOUNS[key]["object"], PRONOUNS[key]["moi"])


def refer(nominal: Nominal) -> str:
    """Return the key of the pronoun that stands for a nominal."""
    if nominal.pronoun:
        return nominal.noun
    feminine = nominal.gender == "f"
    if nominal.plural:
        return "they_f" if feminine else "they"
    if nominal.noun in NOUNS and NOUNS[nominal.noun]["class"] in HUMAN:
        return "she" if feminine else "he"
    return "it_f" if feminine else "it_m"


def own(nominal: Nominal) -> str:
    """Return the possessive determiner that refers back to a nominal."""
    return PRONOUNS[refer(nominal)]["possessive"]


def both(first: Nominal, second: Nominal) -> Nominal:
    """Coordinate two nominals as one subject; feminine only if both are."""
    whole, noun = join(first, phrase("and"), second), f"{first.noun}+{second.noun}"
    gender = min(first.gender, second.gender, key="mf".index)
    return Nominal(**vars(whole), person=5, plural=True, gender=gender, noun=noun)


def adapt(nominal: Phrase, *, asked=False, denied=False, after_de=False) -> Phrase:
    """Return a nominal as an object: some becomes any; un and du become de, or vanish after de."""
    en, fr = list(nominal.en), list(nominal.fr)
    if en[0][0] == "SOME" and (asked or denied):
        en[0] = ("any", en[0][1])
    if denied and fr[0][0] in PARTITIVE | {"UN", "UNE"}:
        fr[0] = ("de", fr[0][1])
    if after_de and fr[0][0] in PARTITIVE:
        del fr[0]
    return Phrase(en, fr, nominal.lemmas, nominal.pairs)


def prep(english: str, french: str, nominal: Phrase) -> Phrase:
    """Put a preposition before a nominal: prep("next to", "à côté de", np("bed"))."""
    return pair(english, french) + adapt(nominal, after_de=french.endswith("de"))


def locate(english: str, nominal: Phrase) -> Phrase:
    """Put a preposition of phrases.csv before a nominal."""
    return prep(english, PHRASES[english]["french"], nominal)


# Clauses.

BE = ("am", "are", "is", "are", "are", "are")
REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
CLITICS = ("se", "me", "te", "nous", "vous", "le", "la", "les", "lui", "leur", "y", "en")
DEGREES = {"": "", "very": "très", "too": "trop", "more": "plus", "less": "moins", "as": "aussi"}


def build_group(subject: Nominal, verb: str, tense: str, modal: str, support: bool, agreeing):
    """Inflect a verb, with English support (in a question or with not), and what agrees with it.

    Returns:
        English auxiliary and main part, French finite part and rest, as templates for `pair`,
        marked by v (verb), a (auxiliary, tense, modal), t (to), x and p (particles).
    """
    row, head, person = VERBS[verb], VERBS[modal or verb], subject.person
    third, is_be, particles = person == 2, head["base"] == "be", row["particles"]
    base = f"{row['base']}/v {particles}"
    rest = f"{head['particles']} {base}" if modal else particles  # after the head
    whole = f"{head['base']}/a {rest}" if modal else base
    mine = "a" if modal else "v"
    aux, main = ("has/" if third else "have/") + ("v" if tense == "lasting" else "a"), ""
    if tense == "progressive":
        aux, main = f"{BE[person]}/v", f"{row['ing']}/v {particles}"
    elif tense == "lasting":
        main = f"been/v {row['ing']}/v {particles}"
    elif tense == "future":
        aux, main = f"{BE[person]}/a", f"going/a to/t {whole}"
    elif tense in ("recent", "perfect"):
        main = f"{'just/a' * (tense == 'recent')} {row['participle']}/v {particles}"
    elif is_be or not head["s"]:
        aux, main = f"{BE[person] if is_be else head['base']}/{mine}", rest
    elif support:
        aux, main = "did/a" if tense == "past" else "does/0" if third else "do/0", whole
    elif tense == "past":
        aux, main = "", f"{head['past']}/{'a' if modal else 'va'} {rest}"
    else:
        aux, main = "", f"{head['s' if third else 'base']}/{mine} {rest}"

    verb_fr, head_fr = row["infinitive"], head["infinitive"]
    linker = mark(head["linker"], "t") if modal else ""
    infinitive = f"{linker} <clitics> {verb_fr}/vt {row['tail']}"
    if tense in ("past", "perfect"):
        etre = "reflexive" in row["flags"] or CONJUGATION[verb_fr]["auxiliary"] == "être"
        etre = etre and not modal
        participle, by = CONJUGATION[head_fr]["participle"], subject if etre else agreeing
        if by:
            participle = agree(participle, by.gender, by.plural)
        finite = f"{conjugate('être' if etre else 'avoir', person)}/a"
        return aux, main, finite, f"{participle}/{mine} {infinitive if modal else row['tail']}"
    if tense == "future":
        infinitive = f"{head_fr}/at {infinitive}" if modal else infinitive
        return aux, main, f"{conjugate('aller', person)}/a", infinitive
    if tense == "recent":
        return aux, main, f"{conjugate('venir', person)}/a", f"de/a {infinitive}"
    return aux, main, f"{conjugate(head_fr, person)}/{mine}", infinitive if modal else row["tail"]


def place_objects(verb: str, person: int, obj, to=None, *, denied=False, asked=False):
    """Place the objects of a verb.

    Returns:
        English after the verb, French pronouns before it, with their marks, French after it
        (templates for `pair`), and the parts that the templates name.
    """
    row = VERBS[verb]
    preposition = row["preposition"].partition("/")[0]
    english, clitics, french, parts = "", [], "", {}
    if "reflexive" in row["flags"]:
        clitics.append((REFLEXIVE[person], "v"))
    if obj and obj.pronoun:
        english = f"{obj.pronoun['object']}/o"
        form = {"de": "en", "à": obj.pronoun["lui"]}.get(preposition, obj.pronoun["le"])
        clitics.append((form, "o"))
    elif obj:
        denied = denied and not preposition
        parts["obj"] = adapt(obj, asked=asked, denied=denied, after_de=preposition == "de")
        english, french = "<obj>", f"{row['preposition']} <obj>"
    if to and to.pronoun:
        recipient = f"{to.pronoun['object']}/r"
        english = f"{english} to/r {recipient}" if obj and obj.pronoun else f"{recipient} {english}"
        clitics.append((to.pronoun["lui"], "r"))
    elif to:
        parts["to"] = to
        english, french = f"{english} to/r <to>", f"{french} à/r <to>"
    clitics.sort(key=lambda clitic: CLITICS.index(clitic[0]))
    return english, clitics, french, parts


def put_object(verb: str, main: str, objects: str) -> str:
    """Put what follows the English verb behind it: turn off the light, but turn it off."""
    if "separable" in VERBS[verb]["flags"] and "/o" in objects:
        main, particle = main.rsplit(maxsplit=1)
        objects = objects.replace("/o", f"/o {particle}")
    return f"{main} {objects}"


def clause(
    subject: Nominal,
    verb: str,
    tense: str = "present",
    *,
    modal: str = "",
    neg: str = "",
    obj: Nominal | None = None,
    to: Nominal | None = None,
    adv: str = "",
    ask: str = "",
    wh: Phrase | None = None,
    gap: Nominal | None = None,
    extra: Phrase | None = None,
) -> Phrase:
    """Build a clause; verbs, negations and adverbs by their names in the tables.

    Args:
        subject: a nominal.
        verb: the verb, after the `modal` one.
        tense: "present", "progressive", "past" (passé composé), "perfect" (the same, with
            already, never, yet), "recent" (venir de), "future" (futur proche) or "lasting"
            (has been waiting, attend).
        obj, to: object and recipient; a pronoun becomes a clitic in French.
        adv: stands near the verb.
        ask: "" for a statement; "est-ce" for est-ce que; "invert" for a pronoun after the verb;
            "stylistic" for a noun after the verb.
        wh: the question words in front.
        gap: the nominal that is the direct object but stands further to the left (relative
            clause, question): the participle agrees with it.
        extra: phrases that follow, in the same order in both languages.
    """
    carries, denied = neg not in ("", "never", "only"), neg not in ("", "only")
    support = bool(ask) or carries  # n't and questions need an auxiliary
    agreeing = gap or (obj if obj and obj.pronoun and not VERBS[verb]["preposition"] else None)
    aux, main, finite, rest = build_group(subject, verb, tense, modal, support, agreeing)
    placed = place_objects(verb, subject.person, obj, to, asked=bool(ask), denied=denied)
    objects, clitics, french, parts = placed
    before, behind, end, second = (mark(text, "n") for text in list(NEGATIONS[neg].values())[1:])

    # English
    aux += "q" * (ask == "est-ce")
    if carries:
        form, marks = aux.split("/")
        aux = f"am/{marks} not/n" if form == "am" else f"{form.removesuffix('n')}n't/{marks}n"
    start = f"{aux} <subject>" if ask else f"<subject> {aux}"
    behind = put_object(verb, main, f"{behind} {objects}")
    english = f"{start} {before} <adv> {behind} <extra> {end}"

    # French
    pronouns = " ".join(map("/".join, clitics))
    if "<clitics>" not in rest:
        finite = f"{pronouns} {finite}"
    finite = f"{'ne/n' if neg else ''} {finite}"
    if ask == "invert":
        form, ids = subject.fr[0]
        euphonic = subject.person == 2 and finite.rpartition("/")[0][-1] in "ae"
        parts["inverted"] = Phrase(fr=[(("-t-" if euphonic else "-") + form, ids)])
        finite = f"{finite} <inverted>"
    middle, late = ("", second) if neg == "nobody" else (second, "")
    group = f"{finite} {middle} <adv> {rest.replace('<clitics>', pronouns)}"
    if ask == "stylistic":
        group = f"{group} <subject>"
    elif ask != "invert":
        group = f"{'est-ce/q que/q' if ask else ''} <subject> {group}"
    parts |= {"subject": subject, "adv": phrase(adv), "extra": extra or Phrase()}
    french = f"{group} {late} {french} <extra>"
    pairs = {(verb, nominal.noun) for nominal in (obj, gap) if nominal and not nominal.pronoun}
    return join(wh, pair(english, french, {verb, modal} - {""}, pairs, **parts))


def command(verb: str, person=1, *, neg=False, obj=None, to=None, extra=None) -> Phrase:
    """Build an imperative: person 1 (tu), 3 (let's) or 4 (vous)."""
    row = VERBS[verb]
    objects, clitics, french, parts = place_objects(verb, person, obj, to, denied=neg, asked=neg)
    english = put_object(verb, f"{row['base']}/v {row['particles']}", objects)
    if person == 3:
        english = f"let's/v {'not/n' if neg else ''} {english}"
    elif neg:
        english = f"don't/n {english}"
    form = CONJUGATION[row["infinitive"]]["imperatives"].split()[(1, 3, 4).index(person)] + "/v"
    if neg:
        form = f"ne/n {' '.join(map('/'.join, clitics))} {form} pas/n"
    else:
        # After the verb the direct object comes first, and me, te become moi, toi.
        clitics.sort(key=lambda clitic: clitic[0] not in ("le", "la", "les"))
        strong = {"me": "moi", "te": "toi"}
        form += "".join(f" -{strong.get(clitic, clitic)}/{k}" for clitic, k in clitics)
    sides = (english, f"{form} {row['tail']} {french}")
    sides = (side.replace("/x", "/v").replace("/p", "/v") for side in sides)
    pairs = {(verb, obj.noun)} if obj and not obj.pronoun else ()
    return join(pair(*sides, {verb}, pairs, **parts), extra)


def infinitive(verb: str, link: Phrase, *, obj: Nominal | None = None, ing: bool = False) -> Phrase:
    """Build link + infinitive: to buy and pour acheter, before leaving and avant de partir."""
    row = VERBS[verb]
    objects, clitics, french, parts = place_objects(verb, 2, obj)
    english = f"{row['ing' if ing else 'base']}/v {row['particles']} {objects}"
    pronouns = " ".join(map("/".join, clitics))
    french = f"{pronouns} {row['infinitive']}/v {row['tail']} {french}"
    return link + pair(english, french, {verb}, {(verb, obj.noun)} if obj else (), **parts)


def describe(subject: Nominal, adj: str, degree: str = "") -> Phrase:
    """Build an adjective (by its English name) that agrees: tired, too expensive, bigger."""
    better = adj == "good" and degree == "more"
    form = inflect("better" if better else adj, subject.gender, subject.plural)
    english, french = f"{mark(degree, 'w')} {mark(adj, 'a')}", mark(DEGREES[degree], "w")
    if degree == "more" and ADJECTIVES[adj]["comparative"]:
        english = f"{ADJECTIVES[adj]['comparative']}/aw"
    if better:
        english, french = "better/a", ""
    pairs = {(adj, noun) for noun in subject.noun.split("+") if noun in NOUNS}
    return pair(english, f"{french} {mark(form, 'a')}", {adj}, pairs)


def be(subject: Nominal, what: Phrase | str, *, degree: str = "", **options) -> Phrase:
    """Build subject + be + adjective (by its English name) or any phrase; options of `clause`."""
    what = describe(subject, what, degree) if isinstance(what, str) else what
    return clause(subject, "be", extra=what, **options)


# From tokens to sentences.

CONTRACTIONS = {("à", "LE"): "au", ("à", "LES"): "aux", ("de", "LE"): "du", ("de", "LES"): "des"}
ELIDED = {"LE", "LA", "le", "la", "je", "me", "te", "se", "ce", "de", "ne", "que"}
SYMBOLS = {"DU": "de LE", "DELA": "de LA", "UN": "un", "UNE": "une", "DES": "des", "DE": "de"}


def spell_english(tokens: list[Token]) -> list[Token]:
    """Choose a or an."""
    result = []
    for (form, ids), (following, _) in zip(tokens, [*tokens[1:], ("", None)], strict=True):
        if form == "A":
            vowel = following[0] in "aeiou" and not following.startswith(("uni", "euro"))
            form = "an" if vowel or following == "hour" else "a"
        result.append((form.lower(), ids))
    return result


def spell_french(tokens: list[Token]) -> list[Token]:
    """Elide before vowels and contract de and à with the article."""
    tokens = [(word, ids) for form, ids in tokens for word in SYMBOLS.get(form, form).split()]
    result: list[Token] = []
    for (form, ids), (following, _) in zip(tokens, [*tokens[1:], ("", None)], strict=True):
        if form in ELIDED and starts_with_vowel(following):
            form = form[:-1] + "'"
        elif form == "si" and following in ("il", "ils"):
            form = "s'"
        elif result and (result[-1][0], form) in CONTRACTIONS:
            before, others = result.pop()
            form, ids = CONTRACTIONS[before, form], ids | others
        result.append((form.lower(), ids))
    return result


def finish(whole: Phrase) -> tuple[str, str, str]:
    """Return English tokens, French tokens and their alignment, pairs `english-french` of indices.

    Each is joined by spaces.
    """
    whole += pair(whole.stop, whole.stop)
    en, fr = spell_english(whole.en), spell_french(whole.fr)
    links = [f"{i}-{j}" for i, (_, a) in enumerate(en) for j, (_, b) in enumerate(fr) if a & b]
    return " ".join(form for form, _ in en), " ".join(form for form, _ in fr), " ".join(links)
