"""Readers of your own data: from a file or a folder to what the course's own loaders return.

Each says what it read and what it left out. What it cannot read is refused, with the file, the
line, the value and the way out: a `FileNotFoundError` where there is no such file, else a
`ValueError`. The split follows from the text alone (a hash), so that a text and its copies are on
one side, the same on every machine. Options that several readers have:

    splits     name of each split to its parts of the whole; {"train": 1} splits nothing off, and a
               split that stays empty is refused
    encoding   of the file; a byte order mark is allowed
    delimiter  between fields, if not the comma of `.csv` or the tab of `.tsv` and `.txt`
    quotes     whether fields may stand in quotes; if None, all but those between tabs may
"""

import re
import unicodedata
from collections import defaultdict
from pathlib import Path

import pandas as pd

from utils.data import files
from utils.data.pairs import split_sentence
from utils.data.your_entities import check_spans, read_conll, read_spans

SPLITS = {"train": 8, "validation": 1, "test": 1}
Column = str | int  # the name in the header, or the number from 0 where there is none
Texts = dict[str, dict[str, str]]  # split to name to text, as from `load_shakespeare`


def read_labelled_texts(
    path: str | Path, *, text: Column = "text", label: Column = "label",
    splits: dict[str, int] = SPLITS, **layout,
) -> pd.DataFrame:  # fmt: skip
    """Read texts with one label each, of two or more classes of any name, from CSV, TSV or JSONL.

    `layout` is `encoding`, `delimiter` and `quotes`. Copies of a text must agree in their label.

    Returns:
        Columns `text`, `label` (0 to K - 1) and `split`, as from `load_movie_snippets`. In
        `attrs`, `classes` are the K names in the order of the labels, `name` is the data's.
    """
    rows = []
    for place, row in files.read_rows(path, [text, label], **layout):
        content, name = files.read_string(place, text, row[text]), str(row[label]).strip()
        unnamed = name.lower() in ("", "nan") or isinstance(row[label], list | dict | None)
        if unnamed and content.strip():
            raise ValueError(f"{place}: the label is {row[label]!r}; name a class.")
        rows.append((place, content, name))
    kept, left_out = files.drop_copies(rows)
    classes = sorted({name for _, _, name in kept}, key=_rank)
    if len(classes) == 1:
        raise ValueError(f"{path}: each label is {classes[0]!r}; two classes or more are needed.")
    table = pd.DataFrame(kept, columns=["place", "text", "label"]).drop(columns="place")
    table["label"] = table["label"].map(classes.index)
    table["split"], counts = files.assign_splits(path, kept, splits)
    words = [len(each.split()) for each in table["text"]]
    files.report(path, len(rows), left_out, {"words a text": words}, counts.loc[classes])
    table.attrs = {"name": Path(path).stem, "classes": classes}
    return table


def read_pairs(
    path: str | Path, *, source: Column = "english", target: Column = "french",
    elision: bool = True, splits: dict[str, int] = SPLITS, **layout,
) -> pd.DataFrame:  # fmt: skip
    """Read sentences and their translations from CSV, TSV (also `.txt`) or JSONL.

    A column or key `alignment` is read, too: "0-0 1-2", or a list of pairs. Its links count
    tokens, so the sentences of such a file are cut at spaces only. Else, with `elision`, a target
    word that ends in an apostrophe is a token of its own, as in French. The source sentence decides
    the split. `layout` is `encoding`, `delimiter` and `quotes`.

    Returns:
        Columns `english` and `french` (lists of lower-case tokens, whatever the languages are) and
        `split`, as from `load_tatoeba`; also `alignment`, as from `load_phrasebook`, if the file
        has it. In `attrs`, `name` is the data's.
    """
    rows = files.read_rows(path, [source, target], **layout)
    aligned = any("alignment" in row for _, row in rows)
    pairs, left_out = {}, defaultdict(list)
    for place, row in rows:
        texts = [files.read_string(place, column, row[column]) for column in (source, target)]
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
    table["split"], counts = files.assign_splits(path, kept, splits)
    lengths = {f"tokens, {side}": table[side].map(len) for side in ("english", "french")}
    files.report(path, len(rows), left_out, lengths, counts)
    print(f"first pair: {' '.join(table['english'][0])} -> {' '.join(table['french'][0])}")
    table.attrs = {"name": Path(path).stem}
    return table


def read_entities(
    path: str | Path, *, text: str = "text", spans: str = "spans", whole_words: bool = True,
    splits: dict[str, int] = SPLITS, encoding: str = "utf-8",
) -> pd.DataFrame:  # fmt: skip
    """Read sentences in which entities of any types are marked, in JSONL or CoNLL form.

    In JSONL, `text` and `spans` are the keys (see `read_spans`), and the end of a span is the first
    character outside; any other file is read by `read_conll`. Spans that overlap or hold nothing
    are refused, and those that begin or end inside a word unless `whole_words` is False.

    Returns:
        Columns `text` (NFC), `spans` (a list of (start, end, type), in characters) and `split`,
        as from `load_ner_gold`. In `attrs`, `types` are those that occur, for `find_entities` and
        tags, which else know `TYPES` only; `name` is the data's.
    """
    if Path(path).suffix.lower() in files.JSON_LINES:
        rows = read_spans(path, text, spans, encoding)
    else:
        rows = read_conll(path, encoding)
    check_spans(rows, whole_words=whole_words)
    kept, left_out = files.drop_copies(rows)
    table = pd.DataFrame(kept, columns=["place", "text", "spans"]).drop(columns="place")
    sentences = [(place, each, "sentences") for place, each, _ in kept]
    table["split"], counts = files.assign_splits(path, sentences, splits)
    marked = table.explode("spans").dropna()
    if marked.empty:
        raise ValueError(f"{path}: no entity is marked in {len(rows)} sentences.")
    types = pd.crosstab(marked["spans"].str[2], marked["split"])
    types = types.reindex(columns=list(splits), fill_value=0)
    words = [len(each.split()) for each in table["text"]]
    files.report(path, len(rows), left_out, {"words a text": words}, pd.concat([counts, types]))
    table.attrs = {"name": Path(path).stem, "types": sorted(types.index)}
    return table


def read_documents(folder: str | Path, *, encoding: str = "utf-8", splits=SPLITS) -> Texts:
    """Read the .txt and .md files of a folder and of those inside it, whole, but for dot files.

    The name of a text is its path inside `folder`.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder (the working folder is {Path.cwd()}).")
    paths = [each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()]
    names = sorted(name for name in paths if "/." not in f"/{name}")
    chosen = [name for name in names if name.lower().endswith((".txt", ".md"))]
    if not chosen:
        raise ValueError(f"{folder}: none of its {len(names)} files is a .txt or .md; save it so.")
    rows = [(name, files.read_file(folder / name, encoding), "documents") for name in chosen]
    kept, left_out = files.drop_copies(rows)
    if len(chosen) < len(names):
        left_out["of another kind"] = [name for name in names if name not in chosen]
    return _split_texts(folder, kept, left_out, splits)


def read_text(path: str | Path, *, encoding: str = "utf-8", splits=SPLITS) -> Texts:
    """Read one long text, split by its passages: what stands between blank lines, else lines.

    A passage that comes twice is kept twice, on the same side. The name is that of the file.
    """
    content, path = files.read_file(path, encoding), Path(path)
    gap, passages = "\n\n", re.split(r"\n(?:[ \t]*\n)+", content.strip())
    if len(passages) == 1:
        gap, passages = "\n", passages[0].split("\n")
    rows = [(f"passage {k}", each, "passages") for k, each in enumerate(passages, 1) if each]
    parts = _split_texts(path, rows, {}, splits)
    return {split: {path.stem: gap.join(named.values())} for split, named in parts.items()}


def _split_texts(path: Path, rows: list, left_out: dict, splits: dict[str, int]) -> Texts:
    """Report on texts (name, text, kind), and return split to name to text."""
    found, counts = files.assign_splits(path, rows, splits)
    lengths = {"characters": [len(text) for _, text, _ in rows]}
    files.report(path, len(rows) + sum(map(len, left_out.values())), left_out, lengths, counts)
    texts: Texts = {split: {} for split in splits}
    for split, (name, text, _) in zip(found, rows, strict=True):
        texts[split][name] = text
    return texts


def _read_links(place: str, links: str | list, english: list, french: list) -> list[tuple]:
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
