"""Checkers of the exercises of lesson 04."""

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_is_match(is_match) -> str | None:
    """Half a name found is a half full glass now; F1 counted this way is never lower."""
    gold = (10, 20, "ORG")
    cases = {  # predicted span -> whether it matches, and why
        (10, 20, "ORG"): (True, "the same span and type is a match, of course."),
        (10, 14, "ORG"): (True, "its four characters all lie inside: that is a match."),
        (15, 25, "ORG"): (True, "the two share the characters 15 to 19, wherever they begin."),
        (5, 30, "ORG"): (True, "the longer one contains the shorter: they share ten characters."),
        (12, 18, "ORG"): (True, "it lies inside, and need not begin or end in the same place."),
        (20, 25, "ORG"): (False, "20 is the first character outside of (10, 20): none is shared."),
        (5, 10, "ORG"): (False, "10 is the first character outside of (5, 10): none is shared."),
        (10, 20, "GPE"): (False, "the types differ, so it is no match, however well they overlap."),
        (0, 3, "ORG"): (False, "they are far apart."),
    }
    found = {guess: bool(run(is_match, gold, guess)) for guess in cases}
    if all(found[guess] == (guess == gold) for guess in cases):
        raise NotDone
    for guess, (right, why) in cases.items():
        if found[guess] != right:
            return f"for gold {gold} and predicted {guess} you say {found[guess]}: {why}"
    return None


@exercise
def check_to_bioes(to_bioes) -> str | None:
    """Ends have a tag of their own now, and a network can learn what a last word looks like."""
    cases = {
        "O O": "O O",
        "B-ORG": "S-ORG",
        "B-ORG I-ORG": "B-ORG E-ORG",
        "B-ORG I-ORG I-ORG O": "B-ORG I-ORG E-ORG O",
        "B-GPE B-GPE I-GPE": "S-GPE B-GPE E-GPE",
        "B-PERSON I-PERSON B-DATE O B-GPE": "B-PERSON E-PERSON S-DATE O S-GPE",
    }
    found = {tags: " ".join(run(to_bioes, tags.split())) for tags in cases}
    if all(answer == tags for tags, answer in found.items()):
        raise NotDone
    for tags, expected in cases.items():
        answer = found[tags]
        if answer == expected:
            continue
        hint = f"{tags} should become {expected}, you return {answer or 'nothing'}"
        if "S-" not in answer and "S-" in expected:
            hint += "; an entity of one token is S-"
        elif "E-" not in answer and "E-" in expected:
            hint += "; the last token of a longer entity is E-"
        return f"{hint}."
    return to_bioes([]) and "an empty sentence has no tags: return an empty list."


check_forgetting = choose(
    "An unmarked name is a lesson too: it teaches that there is nothing.",
    right="c",
    a="the cured model has as many weights and as many types, and keeps them.",
    b="a new label gets new output units; the old ones are all still there.",
    d="they were enough to learn the new type, and to unlearn five others.",
)
