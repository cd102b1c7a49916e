"""Checkers of the exercises of lesson 06."""

from utils.teaching.checks import NotDone, choose, exercise, run


@exercise
def check_count_parameters(count_parameters) -> str | None:
    """Most of a GPT-2 is in its blocks; what reads tokens and what scores them is one table."""
    sizes = {"V": 50257, "T": 1024, "D": 768, "L": 12}
    found, right, table = count_parameters(**sizes), 124_439_808, 50257 * 768
    if found in (None, right + table):
        raise NotDone
    if found == right - table:
        return "the table of tokens is gone altogether; GPT-2 uses it twice and has it once."
    if found != right:
        return (
            f"for the sizes of the smallest GPT-2 expected {right:,}, your function says {found:,}."
        )
    if count_parameters(V=9, T=8, D=4, L=1) != 320:
        return "right for GPT-2's own sizes only: write it with V, T, D and L, not as a number."
    return None


@exercise
def check_list_banned(list_banned) -> str | None:
    """An n-gram is banned by its beginning: only what would complete it a second time."""
    text = [5, 7, 9, 5, 7, 8, 6, 7, 4, 5, 7]
    found = set(run(list_banned, list(text), 3))
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
    if set(list_banned([5, 7], 3)) or set(list_banned([5], 3)):
        return "a text shorter than n has no n-gram yet: nothing is banned."
    return None


check_cache_parts = choose(
    "A query is asked once; a key and a value are read by every token that follows.",
    right="c",
    a="a query has as many numbers as a key; if it were needed it would be kept.",
    b="the prompt has queries too: all of its tokens look back when it is read.",
    d="it is computed from the token's vector at every layer, as keys and values are.",
)
