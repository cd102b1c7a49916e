"""Compare every French verb form that the grammar can write with another conjugator's.

`python data/phrasebook/conjugations.py` needs verbecc (`pip install verbecc`), in an environment
of its own: it is no requirement of the course. It prints what differs, and ends with 1 if it does.
"""

import sys

from grammar import CONJUGATION, ETRE_VERBS, VERBS, conjugate, get_imperative, get_participle
from grammar import get_verb as find_verb
from verbecc import CompleteConjugator

SUBJECTS = {"je": 0, "j'": 0, "tu": 1, "il": 2, "nous": 3, "vous": 4, "ils": 5}
IMPERSONAL = ("falloir", "pleuvoir", "neiger")  # they have no imperative here, and il alone


def list_expected(moods: dict, infinitive: str) -> list[tuple[str, str, set[str]]]:
    """Return (what, our form, their forms) for each form of a verb that both know."""
    rows = []
    for row in moods["indicatif"]["présent"]:
        person = SUBJECTS.get(row.get("pr"))
        if person is not None and (person == 2 or infinitive not in IMPERSONAL):
            theirs = {form.split("'")[-1].split()[-1] for form in row["c"]}
            rows.append((f"person {person}", conjugate(infinitive, person), theirs))
    theirs = {form for row in moods["participe"]["participe-passé"] for form in row["c"]}
    rows.append(("participle", get_participle(infinitive), theirs))
    perfect = [row for row in moods["indicatif"]["passé-composé"] if row.get("pr") == "il"]
    auxiliaries = {form.split("'")[-1].split()[-2] for row in perfect for form in row["c"]}
    ours = "est" if infinitive in ETRE_VERBS else "a"
    rows.append(("auxiliary", ours, auxiliaries))
    for row in moods.get("imperatif", {}).get("imperatif-présent", []):
        person = {("2", "s"): 1, ("1", "p"): 3, ("2", "p"): 4}.get((row.get("p"), row.get("n")))
        if person and infinitive not in IMPERSONAL:
            rows.append((f"imperative {person}", get_imperative(infinitive, person), set(row["c"])))
    return rows


def main() -> int:
    """Compare all verbs of the lexicon."""
    conjugator = CompleteConjugator(lang="fr")
    infinitives = sorted({*CONJUGATION, *(find_verb(name).infinitive for name in VERBS)})
    count, wrong = 0, []
    for infinitive in infinitives:
        moods = conjugator.conjugate(infinitive).get_data()["moods"]
        for what, ours, theirs in list_expected(moods, infinitive):
            count += 1
            if ours not in theirs:
                wrong.append(f"{infinitive}, {what}: {ours!r}, not one of {sorted(theirs)}")
    print("\n".join([*wrong, f"{len(infinitives)} verbs, {count:,} forms, {len(wrong)} differ"]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
