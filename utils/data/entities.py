"""Sentences with marked entities, and their spans as tags of tokens.

Built step by step in notebook 04. A span is (start, end, type): `start` and `end` count
characters or tokens, `end` is the first that is outside.
"""

import re

import numpy as np
import pandas as pd

from utils.data.registry import fetch
from utils.data.splits import assign_bucket
from utils.metrics import Span

MARK = re.compile(r"\[([^\[\]]+)\]\(([A-Z]+)\)")  # an entity in a marked sentence
PREFIXES = {"B": "B", "I": "I", "E": "I", "L": "I", "S": "B", "U": "B"}  # of any scheme, in BIO


def parse_markup(marked: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Take the marks out of a sentence and return them as spans, in characters.

    Example:
        >>> parse_markup("[Apple](ORG) opens in [Paris](GPE).")
        ('Apple opens in Paris.', [(0, 5, 'ORG'), (15, 20, 'GPE')])
    """
    spans, removed = [], 0
    for mark in MARK.finditer(marked):
        start = mark.start() - removed
        spans.append((start, start + len(mark[1]), mark[2]))
        removed += len(mark[0]) - len(mark[1])
    text = MARK.sub(r"\1", marked)
    if "[" in text or "]" in text:
        raise ValueError(f"a mark is written [words](TYPE), which {marked!r} does not keep to")
    return text, spans


def _read_marked(name: str) -> pd.DataFrame:
    """Read one file of `data/ner`: a column of marked sentences becomes `text` and `spans`."""
    table = pd.read_csv(fetch("ner")[name], sep="\t", quoting=3, keep_default_na=False)
    parsed = table.pop("sentence").map(parse_markup)
    return table.assign(text=parsed.str[0], spans=parsed.str[1])


def load_ner_gold() -> pd.DataFrame:
    """Load the sentences with PERSON, ORG, GPE, DATE and MONEY marked.

    About a sixth of them, by a hash of the text, is for choosing rules and settings, the rest is
    the test. data/ner/README.md says how they were annotated. Columns `kind` ("news", "typos",
    "none", ...), `text`, `spans` (a list, in characters) and `split` ("development" or "test").
    """
    table = _read_marked("gold.tsv")
    held_out = table["text"].map(lambda text: assign_bucket(text, 6)) == 0
    table["split"] = np.where(held_out, "development", "test")
    return table


def load_medicines() -> pd.DataFrame:
    """Load sentences with only medicines marked: `split` ("train" or "test"), `text`, `spans`."""
    return _read_marked("medicine.tsv").rename(columns={"part": "split"})


def encode_bio(spans: list[Span], num_tokens: int) -> list[str]:
    """Write token spans as one tag a token: B- begins an entity, I- goes on, O is outside.

    Spans that overlap or lie outside the tokens are a `ValueError`.

    Example:
        >>> encode_bio([(0, 2, "PERSON"), (4, 5, "GPE")], 6)
        ['B-PERSON', 'I-PERSON', 'O', 'O', 'B-GPE', 'O']
    """
    tags = ["O"] * num_tokens
    for begin, end, label in spans:
        if not 0 <= begin < end <= num_tokens or tags[begin:end] != ["O"] * (end - begin):
            raise ValueError(f"{(begin, end, label)} overlaps another span or leaves the text")
        tags[begin:end] = [f"B-{label}"] + [f"I-{label}"] * (end - begin - 1)
    return tags


def unify_tags(tags: list[str]) -> list[str]:
    """Write tags of the schemes BIOES and BILOU as BIO, where an end goes on and a single begins.

    Example:
        >>> unify_tags(["B-PERSON", "L-PERSON", "O", "U-GPE"])
        ['B-PERSON', 'I-PERSON', 'O', 'B-GPE']
    """
    unified = []
    for place, tag in enumerate(tags):
        found = re.fullmatch(r"([BIELSU])-(\S+)", str(tag))
        if tag != "O" and not found:
            raise ValueError(
                f"tag {place} is {tag!r}; it must be O, or a type after B-, I-, E-, L-, S- or U-"
            )
        unified.append(f"{PREFIXES[found[1]]}-{found[2]}" if found else "O")
    return unified


def decode_bio(tags: list[str]) -> list[Span]:
    """Read token spans from tags of any scheme; an I- that continues nothing begins an entity.

    Example:
        >>> decode_bio(["B-GPE", "O", "B-ORG", "I-ORG", "I-PERSON"])
        [(0, 1, 'GPE'), (2, 4, 'ORG'), (4, 5, 'PERSON')]
    """
    spans, tags = [], unify_tags(tags)
    for place, (previous, tag) in enumerate(zip(["O", *tags], tags, strict=False)):
        label = tag[2:]
        if tag.startswith("I-") and previous[2:] == label:
            spans[-1] = (spans[-1][0], place + 1, label)
        elif tag != "O":
            spans.append((place, place + 1, label))
    return spans


def to_token_spans(doc, spans: list[Span], *, widen: bool = False) -> list[Span]:
    """Turn spans in characters into spans in tokens of a `spacy.tokens.Doc`.

    `widen` takes every token that a span touches, where it begins or ends inside one. A span that
    is blank, outside the text, or, without `widen`, not of whole tokens, is a `ValueError`.
    """
    found = []
    for start, end, label in spans:
        said, words = f"the span {(start, end, label)}", doc.text[max(start, 0) : end]
        if not 0 <= start < end <= len(doc.text) or not words.strip():
            raise ValueError(f"{said} holds no words of a text of {len(doc.text)} characters")
        touched = [t.i for t in doc if t.idx < end and t.idx + len(t) > start]
        whole = doc[touched[0] : touched[-1] + 1]
        if not widen and whole.text != words:
            raise ValueError(
                f"{said} is {words!r}, where the tokens are {whole.text!r} ({whole.start_char} to "
                f"{whole.end_char}); give these ends, or pass widen=True"
            )
        found.append((whole.start, whole.end, label))
    return found


def repair_bio(tags: list[str]) -> list[str]:
    """Make a tag sequence legal: an I- that continues nothing becomes a B-.

    Example:
        >>> repair_bio(["O", "I-GPE", "I-GPE", "I-ORG"])
        ['O', 'B-GPE', 'I-GPE', 'B-ORG']
    """
    return encode_bio(decode_bio(tags), len(tags))
