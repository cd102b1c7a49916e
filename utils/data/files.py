"""From a file that somebody brings to rows in splits, or to a sentence that says what is wrong.

A place is a file and a line, counted from 1; a row that runs over several lines has the place of
its first.
"""

import csv
import io
import json
import re
import statistics
from collections import defaultdict
from pathlib import Path

import pandas as pd

from utils.data.splits import assign_bucket

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
USUAL_NAMES = {"text", "sentence", "label", "english", "french", "source", "target"}  # of columns


def read_file(path: str | Path, encoding: str = "utf-8") -> str:
    """Read a text file whole; a byte order mark goes, and line ends become "\\n".

    One that is not there is a `FileNotFoundError`, one that is no text so encoded a `ValueError`.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        found = "is a folder; name a file in it" if path.is_dir() else "is not there"
        raise FileNotFoundError(f"{path} {found} (the working folder is {Path.cwd()}).")
    content = path.read_bytes()
    hint = "If this is a text, name its encoding, such as encoding='cp1252' or encoding='utf-16'."
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise ValueError(f"{path}: there is no encoding {encoding!r}; one is 'cp1252'.") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} at offset {error.start} is "
            f"not {encoding}. {hint}"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {line}: a zero byte, as in a binary file. {hint}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_rows(
    path: str | Path, columns: list[str | int], *, encoding: str = "utf-8",
    delimiter: str | None = None, quotes: bool | None = None,
) -> list[tuple[str, dict]]:  # fmt: skip
    """Read the rows of a CSV, TSV or JSONL file, as its ending says.

    There must be all `columns`: names, as in the header or the objects, or numbers from 0, and then
    the first row is no header. `delimiter` and `quotes` are None for what the ending says. Return
    the place of each row, and the row by name (or number) of its columns. A file that does not keep
    to its form, or has no such columns, is a `ValueError`.
    """
    path = Path(path).expanduser()
    kind = path.suffix.lower()
    if kind in JSON_LINES:
        return _read_objects(path, columns, encoding)
    if path.is_file() and delimiter is None and kind not in DELIMITERS:
        raise ValueError(
            f"{path}: the ending is none of {', '.join([*DELIMITERS, *JSON_LINES])}. "
            "A spreadsheet can be saved as 'CSV UTF-8'."
        )
    text = read_file(path, encoding)
    if delimiter is None:
        delimiter, first = DELIMITERS[kind], text.lstrip().partition("\n")[0]
        for sign in ";\t|":  # unless the line ends inside of quotes
            if sign in first and delimiter not in first and first.count('"') % 2 == 0:
                raise ValueError(
                    f"{path}: its first line, {first[:60]!r}, has no {delimiter!r} and a {sign!r}: "
                    f"give delimiter={sign!r} if fields are cut there, or else {delimiter!r}."
                )
    quotes = delimiter != "\t" if quotes is None else quotes
    rows = _split_fields(path, text, delimiter, quotes)
    if not rows:
        raise ValueError(f"{path} is empty.")
    place, first = rows[0]
    numbered = all(isinstance(column, int) for column in columns)
    names = list(range(len(first))) if numbered else [name.strip() for name in first]
    wrong = any(names.count(column) != 1 for column in columns)
    if wrong or numbered and {first[column].strip().lower() for column in columns} <= USUAL_NAMES:
        raise ValueError(
            f"{place}: the columns {columns} do not fit the first row, {first}. If it is a header, "
            "say in the call which column is which, as in label='class'; if it is a row already, "
            "by number from 0. Fields that are cut at another sign need delimiter=';' or the like."
        )
    rows = rows[0 if numbered else 1 :]
    if not rows:
        raise ValueError(f"{path} holds a header, {first}, and no row.")
    return [(place, dict(zip(names, fields, strict=True))) for place, fields in rows]


def _split_fields(path: Path, text: str, delimiter: str, quotes: bool) -> list[tuple[str, list]]:
    """Cut a text into rows and fields, as many in each row; blank lines are passed over."""
    csv.field_size_limit(2**31 - 1)  # else a field may hold 131,072 characters
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting, strict=True)
    rows, line = [], 1
    try:
        for fields in reader:
            place, line = f"{path}, line {line}", reader.line_num + 1
            if not fields:
                continue
            rows.append((place, fields))
            if len(fields) != len(rows[0][1]):
                raise ValueError(
                    f"{place}: {len(fields)} fields, {fields}, and {len(rows[0][1])} in the first "
                    f"row. A field that holds {delimiter!r} or a line end must stand in quotes, "
                    f"and be read with quotes=True; here quotes={quotes}."
                )
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {line}: the quotes of this row do not close ({error}). A quote inside a "
            "quoted field is written twice; quotes=False takes quotes as plain signs."
        ) from None
    return rows


def _read_objects(path: Path, columns: list, encoding: str) -> list[tuple[str, dict]]:
    """Read one JSON object a line."""
    rows = []
    for line, content in enumerate(read_file(path, encoding).split("\n"), 1):
        if not content.strip():
            continue
        place, shown = f"{path}, line {line}", repr(content[:60])
        try:
            row = json.loads(content)
        except json.JSONDecodeError as error:
            raise ValueError(f"{place}: not JSON ({error.msg}): {shown}.") from None
        if not isinstance(row, dict):
            raise ValueError(f"{place}: a line must hold one object, {{...}}, not {shown}.")
        for column in columns:
            if column not in row:
                raise ValueError(
                    f"{place}: no key {column!r} among {list(row)}; say by name which key is which."
                )
        rows.append((place, row))
    return rows


def read_string(place: str, column: str | int, value: object) -> str:
    """Return a value that is a text, and refuse any other, such as NaN or half a character."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{place}: {column!r} is {value!r}; write a text, or take the row out.")
    return value


def drop_copies(rows: list[tuple]) -> tuple[list[tuple], dict[str, list[str]]]:
    """Sort out the rows (place, text, answer) whose text is empty or has come before.

    Return those that stay, and the places of the others by reason; refuse a text with two answers.
    """
    kept, left_out = {}, defaultdict(list)
    for place, text, answer in rows:
        first, _, before = kept.get(text, (None, text, answer))
        if answer != before:
            raise ValueError(
                f"{first} and {cut_place(place)}: one text, {text[:60]!r}, is marked {before!r} "
                f"and {answer!r}. Correct one of the two, or take both out."
            )
        if text.strip() and first is None:
            kept[text] = (place, text, answer)
        else:
            left_out["copies" if text.strip() else "empty"].append(place)
    return list(kept.values()), left_out


def assign_splits(
    path: str | Path, rows: list[tuple], splits: dict[str, int]
) -> tuple[list[str], pd.DataFrame]:
    """Split rows (place, text, kind) by a hash of the text.

    Return the split of each, and a table of counts, a row a kind; refuse a split without a kind.
    """
    if not rows:
        raise ValueError(f"{path}: there is no text in it.")
    sides = [side for side, parts in splits.items() for _ in range(parts)]
    found = [sides[assign_bucket(text, len(sides))] for _, text, _ in rows]
    table = pd.DataFrame({"kind": [kind for *_, kind in rows], "side": found})
    counts = pd.crosstab(table["kind"], table["side"]).reindex(columns=list(splits), fill_value=0)
    for kind, side in counts.stack().loc[lambda count: count == 0].index:
        places = [cut_place(place) for place, _, each in rows if each == kind]
        way_out = "Each split needs one: add some, or take these out"
        if len(places) >= len(splits):
            way_out += ", or split in other parts: splits={'train': 2, 'validation': 1, 'test': 1}"
        raise ValueError(
            f"{path}: of {kind!r} there are {list_few(places)}, none in the split {side!r}. "
            f"{way_out}."
        )
    return found, counts


def report(path: str | Path, num_rows: int, left_out: dict, lengths: dict, counts: pd.DataFrame):
    """Print what was read: rows, what was left out and why, lengths, and kinds by split."""
    print(f"{Path(path).name}: {num_rows:,d} rows")
    for reason, places in left_out.items():
        print(f"left out, {reason}: {list_few([cut_place(place) for place in places])}")
    for name, values in lengths.items():
        print(f"{name}: median {statistics.median(values):g}, longest {max(values):,d}")
    print(counts.rename_axis(index=None, columns=None).to_string())


def cut_place(place: str) -> str:
    """Return a place without its file."""
    return re.sub(r".*, (?=line \d+$)", "", place, flags=re.DOTALL)


def list_few(places: list[str]) -> str:
    """Say how many places there are, and name the first five."""
    more = ", ..." if len(places) > 5 else ""
    return f"{len(places):,d} ({', '.join(places[:5])}{more})"
