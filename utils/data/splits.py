"""Splits that follow from the text alone, so that they are the same on every machine."""

import hashlib
import re
import unicodedata

import pandas as pd

from utils.data.text import normalise_text


def normalise(text: str) -> str:
    """Reduce a text to what makes two copies of it the same: letters and digits."""
    text = unicodedata.normalize("NFKC", normalise_text(text)).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


def assign_bucket(text: str, num_buckets: int, *, salt: str = "") -> int:
    """Map a text to a bucket by the sha256 of its normalised form: copies are never parted."""
    digest = hashlib.sha256((salt + normalise(text)).encode("utf8")).digest()
    return int.from_bytes(digest[:8], "big") % num_buckets


def compute_split_digest(table: pd.DataFrame) -> str:
    """Return the sha256 of a table's (normalised text, split) pairs, in row order.

    The registry holds the digest that was committed before any model was trained.
    """
    rows = "\n".join(
        f"{normalise(t)}\t{s}" for t, s in zip(table["text"], table["split"], strict=True)
    )
    return hashlib.sha256(rows.encode("utf8")).hexdigest()
