"""Sentences with entities, from CoNLL or JSONL, and what can be wrong with their spans.

A span is (start, end, type) in characters; `end` is the first that is outside.
"""

import itertools
import re
from pathlib import Path
from unicodedata import normalize

from utils.data.entities import decode_bio
from utils.data.files import read_file, read_rows, read_string
from utils.metrics import Span

Row = tuple[str, str, list[Span]]  # place, text in NFC, spans


def read_conll(path: str | Path, encoding: str = "utf-8") -> list[Row]:
    """Read sentences of one token a line, its tag in the last column, blank lines between them.

    Tags are of BIO (also without B- where nothing is to be told apart), BILOU or BIOES. The text
    of a sentence is its tokens with a space between them. Any other line is a `ValueError`.
    """
    rows, tokens = [], []
    for line, content in enumerate([*read_file(path, encoding).split("\n"), ""], 1):
        columns = re.split(r"[ \t]+", content.strip(" \t"))
        if columns[0] not in ("", "-DOCSTART-"):
            if len(columns) < 2 or not re.fullmatch(r"O|[BILUES]-\S+", columns[-1]):
                raise ValueError(
                    f"{path}, line {line}: {content!r} is not a token and its tag; a tag is O, or "
                    "B- or I- (or L-, U-, E-, S-) and a type."
                )
            tokens.append((line, normalize("NFC", columns[0]), columns[-1]))
        elif tokens:
            lines, words, tags = zip(*tokens, strict=True)
            starts = [0, *itertools.accumulate(len(word) + 1 for word in words)]
            found = decode_bio(tags)
            spans = [(starts[begin], starts[end] - 1, label) for begin, end, label in found]
            rows.append((f"{path}, line {lines[0]}", " ".join(words), spans))
            tokens = []
    return rows


def read_spans(path: str | Path, text: str, spans: str, encoding: str = "utf-8") -> list[Row]:
    """Read JSON lines of a text and its spans; offsets become those of its NFC form.

    `text` and `spans` are keys; a span is [start, end, type], or an object with the keys "start",
    "end" and "label". Any other, or one that does not lie in its text, is a `ValueError`.
    """
    rows = []
    for place, row in read_rows(path, [text, spans], encoding=encoding):
        given = read_string(place, text, row[text])
        if not isinstance(row[spans], list):
            raise ValueError(f"{place}: {spans!r} is {row[spans]!r}; write a list of spans.")
        found = [_compose_span(place, given, span) for span in row[spans]]
        rows.append((place, normalize("NFC", given), sorted(found)))
    return rows


def _compose_span(place: str, text: str, span: list | dict) -> Span:
    """Check one span and return it in characters of the NFC form of the text."""
    parts = [span.get(k) for k in ("start", "end", "label")] if isinstance(span, dict) else span
    if not isinstance(parts, list) or list(map(type, parts)) != [int, int, str] or not parts[2]:
        raise ValueError(f"{place}: a span is [start, end, type], two numbers and a name: {span}.")
    start, end, label = parts
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"{place}: the span {span} leaves the text, {len(text)} characters long.")
    offsets = []
    for offset in (start, end):
        halves = normalize("NFC", text[:offset]), normalize("NFC", text[offset:])
        if "".join(halves) != normalize("NFC", text):
            raise ValueError(f"{place}: the span {span} parts a letter from its accent.")
        offsets.append(len(halves[0]))
    return (*offsets, label)


def check_spans(rows: list[Row], *, whole_words: bool = True) -> None:
    """Refuse spans that hold nothing, overlap, or begin or end inside a word of spaCy's English.

    The `ValueError` names the first of them, or says that all ends are one too small. Without
    `whole_words` a span inside a word is right.
    """
    import spacy

    nlp, fault, one_short, num_spans = spacy.blank("en"), None, True, 0
    for place, text, spans in rows:
        if len(text) > nlp.max_length:
            raise ValueError(
                f"{place}: the text has {len(text):,d} characters, and spaCy takes at most "
                f"{nlp.max_length:,d}; cut it into paragraphs or sentences."
            )
        tokens = nlp.make_doc(text)
        starts, ends = {t.idx for t in tokens}, {t.idx + len(t) for t in tokens}
        one_short &= all(end not in ends and end + 1 in ends for _, end, _ in spans)
        num_spans += len(spans)
        for previous, (start, end, label) in itertools.pairwise([(0, 0, ""), *spans]):
            marked = text[start:end]
            if not marked.strip():
                problem = "holds nothing"
            elif start < previous[1]:
                problem = f"overlaps {previous}"
            elif marked != marked.strip():
                problem = "begins or ends with a space"
            elif whole_words and (start not in starts or end not in ends):
                around = tokens.char_span(start, end, alignment_mode="expand")
                problem = f"begins or ends inside a word of {around.text!r}"
            else:
                continue
            fault = fault or f"{place}: the span {(start, end, label)}, {marked!r}, {problem}"
    if num_spans and one_short:
        raise ValueError(
            f"{fault}. It is so with all {num_spans} spans of the file, and with end + 1 none of "
            "them would: its ends name the last character. Add 1 to each."
        )
    if fault:
        raise ValueError(
            f"{fault}. The end of a span is the first character outside. Correct the span; "
            "whole_words=False keeps a span inside a word, though no tagger of words can find it."
        )
