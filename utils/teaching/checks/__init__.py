"""Checkers of the exercises: they run an answer on tiny data and print a hint or "Correct".

A checker never raises: an unanswered exercise prints "Not done yet", a wrong answer
"Not yet" and a hint that says where to look.
"""

import functools
from collections.abc import Callable


class NotDone(Exception):  # noqa: N818 - no error, a verdict
    """The exercise has not been answered."""


def exercise(find_hint: Callable[..., str | None]) -> Callable[..., None]:
    """Turn a function that returns a hint (or None: all is well) into a checker.

    It gets the learner's answer, and may raise `NotDone`. Its docstring's first line is what the
    checker says when the answer is right.
    """

    @functools.wraps(find_hint)
    def check(answer) -> None:
        try:
            if answer is None:
                raise NotDone
            hint = find_hint(answer)
        except NotDone:
            print("Not done yet. Replace the marked line, run the cell, then run this one.")
        except Exception as error:  # the learner's code may do anything
            print(f"Not yet: your code raised {type(error).__name__}: {error}")
        else:
            print(f"Not yet: {hint}" if hint else f"Correct. {find_hint.__doc__.splitlines()[0]}")

    return check


def run(answer: Callable, *arguments):
    """Return what the learner's function returns; None says that it is still a stub."""
    found = answer(*arguments)
    if found is None:
        raise NotDone
    return found


def choose(verdict: str, *, right: str, **wrong: str) -> Callable[..., None]:
    """Return the checker of a multiple-choice exercise, which says why a wrong letter is wrong."""

    def find_hint(answer) -> str | None:
        letter, letters = str(answer).strip().lower(), sorted([right, *wrong])
        if letter not in letters:
            return f"answer is {answer!r}; choose one of {', '.join(letters)}."
        return wrong.get(letter)

    find_hint.__doc__ = verdict
    return exercise(find_hint)
