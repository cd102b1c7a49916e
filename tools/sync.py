"""Regenerate everything in this repository that is derived from something else.

| what | from |
|---|---|
| first code cell of every notebook | `make_bootstrap` below |
| address of the repository, Colab badges, CITATION.cff | pyproject.toml |
| numbers in prose: `<!--= 01 value .3f -->0.815<!--/-->` | field `value` of data/results/01.json |
| `<!--= table results -->...<!--/-->`, and `notebooks` | data/results, title cells |
| `<!--= table data -->...<!--/-->`, and `sources` | data/registry.toml |
| `<!--= table NAME -->...<!--/-->` | field `table` of data/results/NAME.json |
| `<!--= table quiz 01 -->...<!--/-->`, and `theory` | data/cards |

`python -m tools.sync` rewrites what is stale; `python -m tools.sync --check` only lists it
and exits with 1. `python -m tools.sync --address https://github.com/ann/nlp` sets the address
first; until then there are no badges. Text in Markdown code is left alone.
"""

import argparse
import os
import re
import string
import sys
import tomllib
from pathlib import Path

import nbformat

from utils.results import load_results
from utils.teaching.cards import load_cards, render_quiz, render_theory_table

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "TEACHING.md", "CONTRIBUTING.md", "data/README.md")
# Markdown code comes first, so that a marker shown as an example is not one.
MARKER = re.compile(
    r"(?P<fence>`{3,})[\s\S]*?(?P=fence)|`[^`\n]+`"
    r"|<!--=(?P<spec>.*?)-->(?P<body>(?:(?!<!--=)[\s\S])*?)<!--/-->|(?P<open><!--=[^\n]*)"
)
LINE_START = re.compile(r"[\s>]*([-*+]\s+|\d+[.)]\s+)?")
BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
BADGE = re.compile(r"\n*\[!\[[^\]]*\]\([^)]*colab-badge\.svg\)\]\([^)]*\)")
ADDRESS = re.compile(r"https://github\.com/\w[\w.-]*/\w[\w.-]*", re.A)
URLS = re.compile(r"^\[project\.urls\]\n(?:Repository = .*\n)?", re.M)
CITED = re.compile(r"^version: .*\n(?:repository-code: .*\n)?", re.M)

BOOTSTRAP = string.Template("""\
# Find the course, so that its package `utils` can be imported.
${imports}import sys
from pathlib import Path

here = Path.cwd()
places = [here, *here.parents, here / "nlp-in-keras"]
course = next((p for p in places if (p / "data" / "registry.toml").exists()), None)
if course is None:
$otherwise
sys.path.insert(0, str(course))""")
NO_ADDRESS = """\
    raise RuntimeError(
        f"The course is not here: clone or upload its folder into {here} "
        "under the name nlp-in-keras, then run this cell again."
    )"""
CLONE = """\
    repository = "$address"
    course = places[-1]
    clone = ["git", "clone", "--quiet", "--depth=1", repository, str(course)]
    if "google.colab" not in sys.modules:
        raise RuntimeError(f"No course here: run `{' '.join(clone)}`, then this cell again.")
    subprocess.run(clone, check=True, timeout=120)"""


def load_project(root: Path = ROOT) -> tuple[str, str]:
    """Return the repository's address ("" until it is set) and the version, from pyproject.toml.

    Example:
        >>> load_project()[1].count(".")
        2
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]
    return project.get("urls", {}).get("Repository", "").rstrip("/"), project["version"]


def set_address(address: str, root: Path = ROOT) -> None:
    """Write the repository's address into pyproject.toml, the one place that holds it.

    Args:
        address: for example `"https://github.com/ann/nlp"`; `"none"` takes it away.
        root: the repository.

    Raises:
        ValueError: Colab cannot open it, or there is no place for it; nothing was written.
    """
    found = address.strip().rstrip("/").removesuffix(".git")
    if found != "none" and not ADDRESS.fullmatch(found):
        raise ValueError(
            "the address is one that Colab can open, as in https://github.com/ann/nlp, "
            f"or none, to take it away; got {address!r}"
        )
    line = "" if found == "none" else f'Repository = "{found}"\n'
    path = root / "pyproject.toml"
    text, places = URLS.subn(f"[project.urls]\n{line}", path.read_text(encoding="utf8"))
    if not places:
        raise ValueError(f"pyproject.toml needs a line [project.urls] to hold {address!r}; add it")
    tomllib.loads(text)  # refuses a second Repository
    _write(path, text)


def make_bootstrap(address: str) -> str:
    """Return the first code cell of every notebook; `address` is "" until there is one.

    Example:
        >>> "git" in make_bootstrap("https://github.com/ann/nlp"), "git" in make_bootstrap("")
        (True, False)
    """
    if not address:
        return BOOTSTRAP.substitute(imports="", otherwise=NO_ADDRESS)
    clone = CLONE.replace("$address", address)
    return BOOTSTRAP.substitute(imports="import subprocess\n", otherwise=clone)


class SyncError(ValueError):
    """A marker cannot be filled; the message names file and marker."""


def list_notebooks(root: Path = ROOT) -> list[Path]:
    """Return every notebook, solutions last, in order."""
    folder = root / "notebooks"
    return sorted(folder.glob("*.ipynb")) + sorted((folder / "solutions").glob("*.ipynb"))


def sync(root: Path = ROOT, *, write: bool = True) -> list[str]:
    """Bring everything derived up to date.

    Args:
        root: the repository.
        write: rewrite stale files; otherwise only list what is stale.

    Returns:
        The stale places, for example `"README.md: table results"`.

    Raises:
        SyncError: a marker names no known result, field or table, or is not closed; all
            others have been filled then.
    """
    ledger = load_results(root / "data" / "results")
    address, version = load_project(root)
    stale, errors = [], []

    def fill(text: str, path: Path) -> str:
        """Return `text` with its markers filled; note what was stale or wrong."""
        where = path.relative_to(root).as_posix()

        def fill_marker(match: re.Match) -> str:
            if match["spec"] is None:
                if match["open"]:
                    errors.append(f"{where}: marker {match['open']} is not closed by <!--/-->")
                return match[0]  # Markdown code
            try:
                body = render_marker(match["spec"], ledger, root, path.parent)
                before = match.string[: match.start()].rpartition("\n")[2]
                if "\n" not in body and LINE_START.fullmatch(before):
                    raise ValueError("begins a line, which Markdown would then take for HTML")
            except ValueError as error:
                errors.append(f"{where}: marker <!--={match['spec']}-->: {error}")
                return match[0]
            if body != match["body"]:
                stale.append(f"{where}: {match['spec'].strip()}")
            return f"<!--={match['spec']}-->{body}<!--/-->"

        return MARKER.sub(fill_marker, text)

    for path in list_notebooks(root):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        stale += _renew_cells(notebook, path, root, errors)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = fill(cell.source, path)
        after = nbformat.writes(notebook)
        if write and after != before:
            _write(path, after.rstrip("\n") + "\n")
    for path in (root / name for name in DOCUMENTS):
        if path.exists():
            old = path.read_text(encoding="utf8")
            new = fill(old, path)
            if write and new != old:
                _write(path, new)
    path = root / "CITATION.cff"
    old = path.read_text(encoding="utf8")
    code = f"repository-code: {address}\n" if address else ""
    new = CITED.sub(f"version: {version}\n{code}", old)
    if new != old:
        stale.append(f"{path.name}: version or address")
        if write:
            _write(path, new)
    if errors:
        raise SyncError("\n".join(errors))
    return stale


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf8", newline="\n")


def _renew_cells(
    notebook: nbformat.NotebookNode, path: Path, root: Path, errors: list[str]
) -> list[str]:
    """Renew first code cell and badge in place; return what was stale, note what is missing."""
    stale, where = [], path.relative_to(root).as_posix()
    address, _ = load_project(root)
    tagged = [c for c in notebook.cells if "bootstrap" in c.metadata.get("tags", [])]
    if not tagged:
        errors.append(f"{where}: no cell has the tag bootstrap; add an empty code cell with it")
    for cell in tagged:
        tags = list(dict.fromkeys([*cell.metadata.tags, "hide-input"]))
        if cell.source != make_bootstrap(address) or cell.metadata.tags != tags:
            cell.source, cell.metadata.tags = make_bootstrap(address), tags
            stale.append(f"{where}: bootstrap cell")
    title = notebook.cells[0]
    if title.cell_type == "markdown" and title.source.startswith("# "):
        name, end, rest = BADGE.sub("", title.source).partition("\n\n")
        source = "\n\n".join(filter(None, [name, make_badge(address, where)])) + end + rest
        if source != title.source:
            title.source = source
            stale.append(f"{where}: Colab badge")
    return stale


def make_badge(address: str, file: str) -> str:
    """Return the Markdown of a notebook's "Open in Colab" badge; "" without an address."""
    place = address.removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{place}/blob/main/{file}"
    return f"[![Open in Colab]({BADGE_IMAGE})]({link})" if address else ""


def render_marker(spec: str, ledger: dict[str, dict], root: Path, folder: Path) -> str:
    """Return what belongs between a marker and its end.

    Args:
        spec: `RESULT FIELD [FORMAT]`, `table NAME` or `table quiz NUMBER`.
        ledger: result name to result.
        root: the repository.
        folder: where the file with the marker lies; links start there.

    Raises:
        ValueError: no such result, field or table.
    """
    tables = {
        "results": make_results_table,
        "notebooks": make_notebooks_table,
        "data": make_data_table,
        "sources": make_sources_list,
        "theory": make_theory_table,
    }
    words = spec.split()
    if words[:1] != ["table"]:
        return format_field(ledger, spec)
    name = " ".join(words[1:])
    if name in tables:
        return f"\n\n{tables[name](root, folder)}\n\n"
    if words[1:2] == ["quiz"]:
        return f"\n\n{make_quiz(' '.join(words[2:]), root)}\n\n"
    if name in ledger and ledger[name].get("table"):
        return f"\n\n{make_result_table(ledger[name])}\n\n"
    raise ValueError(
        f"no such table; there are {', '.join(tables)}, quiz NUMBER "
        "and every result with a field `table`"
    )


def format_field(ledger: dict[str, dict], spec: str) -> str:
    """Return one field of one result as text.

    Args:
        ledger: result name to result.
        spec: `RESULT FIELD [FORMAT]`; FIELD may be dotted (`versions.keras`, `values.0`),
            FORMAT is a Python format specification.

    Raises:
        ValueError: no such result or field, or a format that does not fit.

    Example:
        >>> format_field({"01": {"value": 0.8154, "versions": {"keras": "3"}}}, "01 value .3f")
        '0.815'
    """
    words = spec.split()
    if len(words) not in (2, 3):
        raise ValueError("a marker is `RESULT FIELD [FORMAT]` or `table NAME`")
    name, field = words[:2]
    if name not in ledger:
        raise ValueError(f"no result {name!r} in data/results (there: {', '.join(ledger) or '-'})")
    found = ledger[name]
    for key in field.split("."):
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"result {name!r} has no field {field!r}") from None
    if isinstance(found, (dict, list)):
        raise ValueError(f"field {field!r} has several values; name one, as in {field}.0")
    return format(found, *words[2:])


def make_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table.

    Example:
        >>> print(make_table(["a", "b"], [["1", "x|y"]]))
        | a | b |
        |---|---|
        | 1 | x\\|y |
    """
    lines = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in [header, *rows]]
    lines = [f"| {line} |" for line in lines]
    lines.insert(1, "|" + "---|" * len(header))
    return "\n".join(lines)


def make_result_table(result: dict) -> str:
    """Return the table that one result holds: field `table`, a list of rows.

    Example:
        >>> print(make_result_table({"table": [{"model": "LSTM", "accuracy": 0.8149}]}))
        | model | accuracy |
        |---|---|
        | LSTM | 0.815 |
    """
    header = list(result["table"][0])
    rows = [
        [_round(row[key]) if isinstance(row[key], float) else str(row[key]) for key in header]
        for row in result["table"]
    ]
    return make_table(header, rows)


def make_results_table(root: Path, folder: Path) -> str:
    """Return the table of all results; files without `metric` and `value` have no row."""
    ledger = load_results(root / "data" / "results")
    rows = []
    for result in ledger.values():
        if not {"notebook", "metric", "value"} <= result.keys():
            continue
        rows.append(
            [
                _link_number(result["notebook"], root, folder),
                result.get("dataset", "–"),
                result.get("model", "–"),
                result["metric"],
                _format_value(result),
                _format_floor(result),
                _format_baseline(result),
                result.get("runs", "–"),
                f"{result['cpu_seconds']:,.0f}" if "cpu_seconds" in result else "–",
            ]
        )
    header = ["Notebook", "Data", "Model", "Metric", "Result", "Floor", "Baseline", "Runs"]
    return make_table([*header, "CPU-seconds"], rows)


def make_notebooks_table(root: Path, folder: Path) -> str:
    """Return the table of notebooks, with the headline result of each."""
    ledger = load_results(root / "data" / "results")
    registry = _load_registry(root)
    address, _ = load_project(root)
    rows = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        number = path.name[:2]
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
        result = ledger.get(number)
        used = [name for name, entry in registry.items() if number in entry["used_by"]]
        row = [f"[{title}]({_relate(path, folder)})", ", ".join(used) or "–", *["–"] * 4]
        if result:
            row[2:] = [
                f"{result['metric']} {_format_value(result)}",
                _format_baseline(result),
                f"{result['seconds'] / 60:.1f}",
                f"{result['peak_memory_gb']:.1f} GB",
            ]
        badge = make_badge(address, path.relative_to(root).as_posix())
        rows.append([*row, badge] if address else row)
    header = ["Notebook", "Data", "Result", "Baseline", "Minutes", "Memory"]
    header += ["Colab"] if address else []
    return make_table(header, rows)


def make_data_table(root: Path, folder: Path) -> str:
    """Return the table of data sets."""
    rows = []
    for name, entry in _load_registry(root).items():
        size = f"{sum(file['bytes'] for file in entry['files']) / 1e6:.1f} MB"
        download = entry.get("wheel") or entry.get("archive")
        if download:
            size += f", downloads {download['bytes'] / 1e6:.0f} MB"
        users = ", ".join(_link_number(number, root, folder) for number in entry["used_by"])
        row = [f"`{name}`", entry["title"], entry["tier"], f"{entry['rows']:,}", size]
        rows.append([*row, entry["licence"], users])
    return make_table(["Name", "What", "Tier", "Rows", "Size", "Licence", "Used by"], rows)


def make_sources_list(root: Path, folder: Path) -> str:
    """Return source, citation and hashes of every data set as a Markdown list."""
    lines = []
    for name, entry in _load_registry(root).items():
        download = entry.get("wheel") or entry.get("archive")
        if download:
            hashes = f"sha256 of the download `{download['sha256']}`"
        else:
            hashes = ", ".join(f"sha256 of {f['name']} `{f['sha256']}`" for f in entry["files"])
            for copy in (copy for file in entry["files"] for copy in file.get("copies", [])):
                hashes += f"; a known good copy, `{copy['sha256']}`: {copy['note']}"
        lines.append(f"- `{name}`: {entry['source']}. {entry['citation']}. {hashes}.")
    return "\n".join(lines)


def make_theory_table(root: Path, folder: Path) -> str:
    """Return the table of theory questions, each with its demonstration."""
    return render_theory_table(load_cards(root), folder)


def make_quiz(number: str, root: Path) -> str:
    """Return the quiz of a notebook: the cards that it demonstrates.

    Raises:
        ValueError: a card breaks a rule, or no card is demonstrated in that notebook.
    """
    cards = [card for card in load_cards(root) if card["demo"].get("notebook") == number]
    if not cards:
        raise ValueError(f"no card in data/cards is demonstrated in a notebook {number!r}")
    return render_quiz(cards)


def _load_registry(root: Path) -> dict[str, dict]:
    return tomllib.loads((root / "data" / "registry.toml").read_text(encoding="utf8"))


def _relate(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _link_number(number: str, root: Path, folder: Path) -> str:
    paths = sorted((root / "notebooks").glob(f"{number}_*.ipynb"))
    return f"[{number}]({_relate(paths[0], folder)})" if paths else number


def _round(number: float) -> str:
    return f"{number:.3f}" if abs(number) < 10 else f"{number:,.1f}"


def _format_value(result: dict) -> str:
    spread = f" ± {_round(result['std'])}" if "std" in result else ""
    return _round(result["value"]) + spread


def _format_floor(result: dict) -> str:
    if result.get("floor") is None:
        return "–"
    return f"{'≤' if result.get('better') == 'lower' else '≥'} {_round(result['floor'])}"


def _format_baseline(result: dict) -> str:
    if "baseline" not in result:
        return "–"
    name = result.get("baseline_name")
    return _round(result["baseline"]) + (f" ({name})" if name else "")


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Rewrite what is stale, or with `--check` list it; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.sync", description=__doc__.split("\n")[0]
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing, list what is stale")
    mode.add_argument("--address", help="of the repository, to set first; none takes it away")
    options = parser.parse_args(arguments)
    check = options.check
    if options.address is not None:
        try:
            set_address(options.address, root)
        except ValueError as error:
            parser.error(str(error))
    try:
        stale = sync(root, write=not check)
    except SyncError as error:
        print(error, file=sys.stderr)
        return 1
    for place in stale:
        print(f"{'stale' if check else 'renewed'}  {place}")
    if check and stale:
        print("Run `make sync` and review the difference.")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
