"""Checkers of the exercises of lesson 11."""

from utils.teaching.checks import choose

check_query_words = choose(
    "The sum often stays near a word it started from; the rule, not the vector, forbids it.",
    right="c",
    a="the words searched are the same in both rows; only the given three differ.",
    b="a larger width changes both rows; here the vectors are the same in both.",
    d="the cosine does not see lengths at all, and it is used in both rows.",
)
