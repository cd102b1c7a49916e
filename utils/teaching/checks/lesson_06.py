"""Checkers of the exercises of lesson 06."""

from utils.teaching.checks import NotDone, choose, exercise, run

check_cold_draw = choose(
    "Raised to the power 100, every probability but the largest is almost zero.",
    right="b",
    a="a seed only matters where more than one token has a real chance.",
    c="a temperature is no probability: any number above 0 is allowed.",
    d="the results are divided by their sum, so the largest probability becomes almost 1.",
)


@exercise
def check_count_lora(count_lora) -> str | None:
    """Two thin matrices, outputs x rank and rank x inputs, instead of one large one."""
    found = count_lora(3072, 576, 8)
    if found in (None, 3072 * 576):
        raise NotDone
    if found == 8 * 3072 * 576:
        return "that is more than the whole matrix: the rank is the narrow side of two matrices."
    if found in (8 * 3072, 8 * 576):
        return "this is one of the two matrices; A and B are both trained."
    if found == 2 * 8 * 3072 or found == 3072 + 576:
        return "one matrix has outputs x rank numbers, the other rank x inputs: add the two."
    if found == 2 * 8 * (3072 + 576):
        return "twice too many: A is outputs x rank, B is rank x inputs, each is there once."
    if found != 8 * (3072 + 576):
        return f"for 3,072 outputs, 576 inputs and rank 8 expected 29,184, got {found:,}."
    if count_lora(5, 4, 2) != 18:
        return "right for these sizes only: write it with outputs, inputs and rank."
    return None


@exercise
def check_list_banned(list_banned) -> str | None:
    """An n-gram is banned by its beginning: only what would complete it a second time."""
    text = [5, 7, 9, 5, 7, 8, 6, 7, 4, 5, 7]
    found = run(list_banned, list(text), 3)
    if not isinstance(found, set):
        return f"return a set of token ids, not a {type(found).__name__}."
    if found == set(text):
        return "not every token that occurred: only those that once followed the last n - 1."
    if found == {4, 8, 9}:
        return "4 has followed 7, but not 5 7: for n = 3 the last two tokens must be the same."
    if found == {9}:
        return "5 7 was followed by 9, and later by 8: look at every place, not the first."
    if found != {8, 9}:
        return f"in {text} no 3-gram may occur twice: 5 7 9 and 5 7 8 did; got {sorted(found)}."
    if set(list_banned([5, 7, 8, 7], 2)) != {8}:
        return "for n = 2 in [5, 7, 8, 7] the last token is 7, and 8 has followed it: {8}."
    if set(list_banned([5, 7, 5], 1)) != {5, 7}:
        return "for n = 1 every token of the text is banned; a slice [-(n - 1):] is then [-0:]."
    if set(list_banned([5, 7], 3)) or set(list_banned([5], 3)):
        return "a text shorter than n has no n-gram yet: nothing is banned."
    return None
