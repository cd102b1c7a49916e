"""Values that make no sense are refused where they enter."""

import numpy as np

BROKEN = (
    "the scores of the next token hold NaN or infinity, so none can be chosen: has the training "
    "diverged, or do the numbers not fit into float16?"
)


def is_number(value) -> bool:
    """Return whether a value is a finite number, not a truth value and no string."""
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(np.isfinite(value))


def check_whole(name: str, number: int, *, least: int, most: int | None = None) -> None:
    """Raise ValueError if a setting is no whole number, or is too small or too large."""
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number, {bounds}, not {number!r}")


def check_number(name: str, number: float, *, least: float = -np.inf) -> None:
    """Raise ValueError if a setting is no finite number, or is too small."""
    if not (is_number(number) and number >= least):
        bound = "" if least == -np.inf else f", at least {least}"
        raise ValueError(f"{name} must be a number{bound}, not {number!r}")


def check_lists(name: str, items, kind: str) -> list:
    """Return a list of lists; TypeError if it is a string, or holds one, which would be spelled."""
    items = [items] if isinstance(items, str) else list(items)
    if strings := [item for item in items if isinstance(item, str)]:
        raise TypeError(f"{name} must be lists of {kind}, not the string {strings[0]!r:.40}")
    return items


def check_scores(logits: np.ndarray) -> None:
    """Raise ValueError if there is no largest number in some row of scores (..., V)."""
    if not np.isfinite(np.max(logits, axis=-1)).all():
        raise ValueError(BROKEN)


def check_noise(noise: np.ndarray) -> None:
    """Raise ValueError if noise, of any shape, is not made of numbers."""
    if wrong := np.sum(~np.isfinite(noise)):
        raise ValueError(f"noise must be numbers; {wrong} of {np.size(noise)} are NaN or infinite")
