"""Checkers of the exercises of lesson 00."""

from utils.teaching.checks import choose, exercise


@exercise
def check_padding_cause(answer) -> str | None:
    """Twenty steps of padding after the last word, and the last state has forgotten the words."""
    return choose(
        {
            "a": (
                False,
                "the masked model has as many epochs, and learns.",
            ),
            "b": (True, ""),
            "c": (
                False,
                "the masked model has the same vocabulary, and learns.",
            ),
            "d": (
                False,
                "the same line measures the masked model; 0.5 is what guessing gets.",
            ),
        },
        answer,
    )
