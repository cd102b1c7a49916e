"""Readers of your own data: from a file or a folder to what the course's own loaders return.

Each says what it read and what it left out. What it cannot read is refused, with the file, the
line, the value and the way out. The split follows from the text alone (a hash), so that a text
and its copies are on one side, the same on every machine.
"""

import re
import unicodedata
from collections import defaultdict
from pathlib import Path

import pandas as pd

from utils.data.files import (
    JSON_LINES,
    assign_splits,
    drop_copies,
    read_file,
    read_rows,
    read_string,
    report,
)
from utils.data.pairs import split_sentence
from utils.data.your_entities import check_spans, read_conll, read_spans

SPLITS = {"train": 8, "validation": 1, "test": 1}  # split to its parts of the whole


def read_labelled_texts(
    path: str | Path,
    *,
    text: str | int = "text",
    label: str | int = "label",
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool | None = None,
    splits: dict[str, int] = SPLITS,
) -> pd.DataFrame:
    """Read texts with one label each, of two or more classes of any name.

    Args:
        path: of a CSV, TSV or JSONL file.
        text: name of the column of texts, or its number, from 0, where there is no header.
        label: likewise of the labels.
        encoding: of the file; a byte order mark is allowed.
        delimiter: between fields, if not the comma of `.csv` or the tab of `.tsv` and `.txt`.
        quotes: whether fields may stand in quotes; if None, all but those between tabs may.
        splits: name of each split to its parts of the whole.

    Returns:
        Columns `text`, `label` (0 to K - 1) and `split`, as from `load_movie_snippets`. In
        `attrs`, `classes` are the K names in the order of the labels, `name` is the data's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a value cannot be read, copies of a text differ in their label, there is one
            class only, or a split has no text of a class.
    """
    layout = {"encoding": encoding, "delimiter": delimiter, "quotes": quotes}
    rows = []
    for place, row in read_rows(path, [text, label], **layout):
        content, name = read_string(place, text, row[text]), str(row[label]).strip()
        unnamed = name.lower() in ("", "nan") or isinstance(row[label], list | dict | None)
        if unnamed and content.strip():
            raise ValueError(f"{place}: the label is {row[label]!r}; name a class.")
        rows.append((place, content, name))
    kept, left_out = drop_copies(rows)
    classes = sorted({name for _, _, name in kept}, key=_rank)
    if len(classes) == 1:
        raise ValueError(f"{path}: each label is {classes[0]!r}; two classes or more are needed.")
    table = pd.DataFrame(kept, columns=["place", "text", "label"]).drop(columns="place")
    table["label"] = table["label"].map(classes.index)
    table["split"], counts = assign_splits(path, kept, splits)
    words = [len(each.split()) for each in table["text"]]
    report(path, len(rows), left_out, {"words a text": words}, counts.loc[classes])
    table.attrs = {"name": Path(path).stem, "classes": classes}
    return table


def read_pairs(
    path: str | Path,
    *,
    source: str | int = "english",
    target: str | int = "french",
    elision: bool = True,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool | None = None,
    splits: dict[str, int] = SPLITS,
) -> pd.DataFrame:
    """Read sentences and their translations.

    A column or key `alignment` is read, too: "0-0 1-2", or a list of pairs. Its links count
    tokens, so the sentences of such a file are cut at spaces only.

    Args:
        path: of a CSV, TSV (also `.txt`) or JSONL file.
        source: name of the column to translate from, or its number where there is no header.
        target: likewise of the translations.
        elision: a target word that ends in an apostrophe is a token of its own, as in French.
        encoding: as in `read_labelled_texts`, like the rest.
        delimiter: between fields.
        quotes: whether fields may stand in quotes.
        splits: name of each split to its parts of the whole; the source sentence decides.

    Returns:
        Columns `english` and `french` (lists of lower-case tokens, whatever the languages are) and
        `split`, as from `load_tatoeba`; also `alignment`, as from `load_phrasebook`, if the file
        has it. In `attrs`, `name` is the data's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a value cannot be read, a link leaves its sentence, or a split is empty.
    """
    layout = {"encoding": encoding, "delimiter": delimiter, "quotes": quotes}
    rows = read_rows(path, [source, target], **layout)
    aligned = any("alignment" in row for _, row in rows)
    pairs, left_out = {}, defaultdict(list)
    for place, row in rows:
        texts = [read_string(place, column, row[column]) for column in (source, target)]
        if aligned:
            sides = [unicodedata.normalize("NFC", each).lower().split() for each in texts]
            links = [_read_links(place, row.get("alignment") or "", *sides)]
        else:
            sides = [split_sentence(texts[0]), split_sentence(texts[1], elision=elision)]
            links = []
        key = tuple(map(tuple, sides))
        if all(sides) and key not in pairs:
            pairs[key] = (place, texts[0], *sides, *links)
        else:
            left_out["copies" if all(sides) else "one side has no words"].append(place)
    columns = ["english", "french", "alignment"][: 3 if aligned else 2]
    table = pd.DataFrame([pair[2:] for pair in pairs.values()], columns=columns)
    kept = [(place, text, "pairs") for place, text, *_ in pairs.values()]
    table["split"], counts = assign_splits(path, kept, splits)
    lengths = {f"tokens, {side}": table[side].map(len) for side in ("english", "french")}
    report(path, len(rows), left_out, lengths, counts)
    print(f"first pair: {' '.join(table['english'][0])} -> {' '.join(table['french'][0])}")
    table.attrs = {"name": Path(path).stem}
    return table


def read_entities(
    path: str | Path,
    *,
    text: str = "text",
    spans: str = "spans",
    whole_words: bool = True,
    encoding: str = "utf-8",
    splits: dict[str, int] = SPLITS,
) -> pd.DataFrame:
    """Read sentences in which entities of any types are marked.

    Args:
        path: of a JSONL file (see `read_spans`), or of any other in CoNLL form (see `read_conll`).
        text: key of the text in JSONL.
        spans: key of the spans, whose `end` is the first character outside.
        whole_words: refuse spans that begin or end inside a word.
        encoding: of the file; a byte order mark is allowed.
        splits: name of each split to its parts of the whole.

    Returns:
        Columns `text` (NFC), `spans` (a list of (start, end, type), in characters) and `split`,
        as from `load_ner_gold`. In `attrs`, `types` are those that occur, for `find_entities` and
        tags, which else know `TYPES` only; `name` is the data's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a tag or span cannot be read, spans overlap or hold nothing, copies of a
            text differ in their spans, there is no entity at all, or a split is empty.
    """
    if Path(path).suffix.lower() in JSON_LINES:
        rows = read_spans(path, text, spans, encoding)
    else:
        rows = read_conll(path, encoding)
    check_spans(rows, whole_words=whole_words)
    kept, left_out = drop_copies(rows)
    table = pd.DataFrame(kept, columns=["place", "text", "spans"]).drop(columns="place")
    sentences = [(place, each, "sentences") for place, each, _ in kept]
    table["split"], counts = assign_splits(path, sentences, splits)
    marked = table.explode("spans").dropna()
    if marked.empty:
        raise ValueError(f"{path}: no entity is marked in {len(rows)} sentences.")
    types = pd.crosstab(marked["spans"].str[2], marked["split"])
    types = types.reindex(columns=list(splits), fill_value=0)
    words = [len(each.split()) for each in table["text"]]
    report(path, len(rows), left_out, {"words a text": words}, pd.concat([counts, types]))
    table.attrs = {"name": Path(path).stem, "types": sorted(types.index)}
    return table


def read_documents(
    folder: str | Path, *, encoding: str = "utf-8", splits: dict[str, int] = SPLITS
) -> dict[str, dict[str, str]]:
    """Read the .txt and .md files of a folder and of those inside it, whole.

    Args:
        folder: of the files; names that begin with a dot are passed over.
        encoding: of the files.
        splits: name of each split to its parts of the whole; {"train": 1} splits nothing off.

    Returns:
        Split to name to text, as from `load_shakespeare`; a name is the path inside `folder`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no such file in it, one cannot be read, or a split is empty.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder (the working folder is {Path.cwd()}).")
    paths = [each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()]
    names = sorted(name for name in paths if "/." not in f"/{name}")
    chosen = [name for name in names if name.lower().endswith((".txt", ".md"))]
    if not chosen:
        raise ValueError(f"{folder}: none of its {len(names)} files is a .txt or .md; save it so.")
    rows = [(name, read_file(folder / name, encoding), "documents") for name in chosen]
    kept, left_out = drop_copies(rows)
    if len(chosen) < len(names):
        left_out["of another kind"] = [name for name in names if name not in chosen]
    return _split_texts(folder, kept, left_out, splits)


def read_text(
    path: str | Path, *, encoding: str = "utf-8", splits: dict[str, int] = SPLITS
) -> dict[str, dict[str, str]]:
    """Read one long text, split by its passages: what stands between blank lines, else lines.

    A passage that comes twice is kept twice, on the same side.

    Args:
        path: of the file, whatever its ending.
        encoding: of the file; a byte order mark is allowed.
        splits: name of each split to its parts of the whole; {"train": 1} splits nothing off.

    Returns:
        Split to name to text, as from `load_shakespeare`; the name is that of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, or a split is empty.
    """
    content, path = read_file(path, encoding), Path(path)
    gap, passages = "\n\n", re.split(r"\n(?:[ \t]*\n)+", content.strip())
    if len(passages) == 1:
        gap, passages = "\n", passages[0].split("\n")
    rows = [(f"passage {k}", each, "passages") for k, each in enumerate(passages, 1) if each]
    parts = _split_texts(path, rows, {}, splits)
    return {split: {path.stem: gap.join(named.values())} for split, named in parts.items()}


def _split_texts(
    path: Path, rows: list[tuple], left_out: dict, splits: dict[str, int]
) -> dict[str, dict[str, str]]:
    """Report on texts (name, text, kind), and return split to name to text."""
    found, counts = assign_splits(path, rows, splits)
    lengths = {"characters": [len(text) for _, text, _ in rows]}
    report(path, len(rows) + sum(map(len, left_out.values())), left_out, lengths, counts)
    texts: dict[str, dict[str, str]] = {split: {} for split in splits}
    for split, (name, text, _) in zip(found, rows, strict=True):
        texts[split][name] = text
    return texts


def _read_links(
    place: str, links: str | list, english: list[str], french: list[str]
) -> list[tuple[int, int]]:
    """Read the alignment of one pair."""
    try:
        split = [link.split("-") for link in links.split()] if isinstance(links, str) else links
        found = [(int(i), int(j)) for i, j in split]
    except (TypeError, ValueError):
        raise ValueError(f"{place}: an alignment is written '0-0 1-2', not {links!r}.") from None
    for i, j in found:
        if not (0 <= i < len(english) and 0 <= j < len(french)):
            raise ValueError(
                f"{place}: the link {i}-{j} leaves the sentences, {len(english)} and {len(french)} "
                "tokens; tokens count from 0 and stand between spaces."
            )
    return found


def _rank(name: str) -> tuple[bool, float, str]:
    """Order names that are numbers by their value, and before the others."""
    number = re.fullmatch(r"[+-]?\d+(\.\d+)?", name)
    return not number, float(name) if number else 0.0, name
