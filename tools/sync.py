"""Regenerate everything in this repository that is derived from something else.

| what | from |
|---|---|
| first code cell of every notebook | `make_bootstrap` below |
| address of the repository, Colab badges, CITATION.cff | pyproject.toml |
| `<!--= 01 value .3f -->0.815<!--/-->` | field `value` of data/results/01.json |
| `<!--= table results -->...<!--/-->`, and `notebooks` | data/results, title cells |
| `<!--= table data -->...<!--/-->`, and `sources` | data/registry.toml |
| `<!--= table NAME -->...<!--/-->` | field `table` of data/results/NAME.json |
| `<!--= table quiz 01 -->...<!--/-->`, and `theory` | data/cards |

`python -m tools.sync` rewrites what is stale. `python -m tools.sync https://github.com/ann/nlp`
sets the address first; until then there are no badges. Text in Markdown code is left alone.
"""

import os
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat

from utils.results import load_results, write_whole
from utils.teaching.cards import load_cards, render_quiz, render_theory_table

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "TEACHING.md", "CONTRIBUTING.md", "data/README.md")
DOCUMENTS += ("docs/results.md", "docs/theory.md")
# Markdown code comes first, so that a marker shown as an example is not one.
MARKER = re.compile(
    r"(?P<fence>`{3,})[\s\S]*?(?P=fence)|`[^`\n]+`"
    r"|<!--=(?P<spec>.*?)-->(?P<body>(?:(?!<!--=)[\s\S])*?)<!--/-->|<!--=[^\n]*"
)
LINE_START = re.compile(r"[\s>]*([-*+]\s+|\d+[.)]\s+)?")
BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
BADGE = re.compile(r"\n*\[!\[[^\]]*\]\([^)]*colab-badge\.svg\)\]\([^)]*\)")
ADDRESS = re.compile(r"https://github\.com/\w[\w.-]*/\w[\w.-]*", re.A)
URLS = re.compile(r"^\[project\.urls\]\n(?:Repository = .*\n)?", re.M)
CITED = re.compile(r"^version: .*\n(?:repository-code: .*\n)?", re.M)

BOOTSTRAP = """\
# Find the course, so that its package `utils` can be imported.
import subprocess
import sys
from pathlib import Path

here = Path.cwd()
places = [here, *here.parents, here / "nlp-in-keras"]
course = next((p for p in places if (p / "data" / "registry.toml").exists()), None)
if course is None:
    repository = "$address"
    course = places[-1]
    clone = ["git", "clone", "--quiet", "--depth=1", repository, str(course)]
    if "google.colab" not in sys.modules:
        raise RuntimeError(f"No course here: run `{' '.join(clone)}`, then this cell again.")
    subprocess.run(clone, check=True, timeout=120)
sys.path.insert(0, str(course))"""
NO_ADDRESS = """\
    raise RuntimeError(
        f"The course is not here: clone or upload its folder into {here} "
        "under the name nlp-in-keras, then run this cell again."
    )
"""


def set_address(address: str, root: Path) -> None:
    """Write the repository's address into pyproject.toml, which alone holds it; "none" drops it."""
    found = address.rstrip("/").removesuffix(".git")
    if found != "none" and not ADDRESS.fullmatch(found):
        known = "the address is one that Colab can open, as in https://github.com/ann/nlp, or none"
        raise ValueError(f"{known}, to take it away; got {address!r}")
    path, line = root / "pyproject.toml", "" if found == "none" else f'Repository = "{found}"\n'
    text, places = URLS.subn(f"[project.urls]\n{line}", path.read_text(encoding="utf8"))
    if not places:
        raise ValueError(f"pyproject.toml needs a line [project.urls] to hold {address!r}; add it")
    write_whole(path, text)


def make_bootstrap(address: str) -> str:
    """Return the first code cell of every notebook; `address` is "" until there is one."""
    if address:
        return BOOTSTRAP.replace("$address", address)
    cell = re.sub(r"    repository.*timeout=120\)\n", NO_ADDRESS, BOOTSTRAP, flags=re.S)
    return cell.replace("import subprocess\n", "")


def make_badge(address: str, file: str) -> str:
    """Return the Markdown of a notebook's "Open in Colab" badge; "" without an address."""
    place = address.removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{place}/blob/main/{file}"
    return f"[![Open in Colab]({BADGE_IMAGE})]({link})" if address else ""


def list_notebooks(root: Path = ROOT) -> list[Path]:
    """Return every notebook, in order, those in folders last."""
    folder = root / "notebooks"
    return sorted(folder.glob("*.ipynb")) + sorted(folder.glob("[!.]*/*.ipynb"))


def load_sources(root: Path) -> SimpleNamespace:
    """Read what tables, badges and first cells are made from; the address is "" until it is set."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]
    return SimpleNamespace(
        root=root,
        address=project.get("urls", {}).get("Repository", ""),
        version=project["version"],
        ledger=load_results(root / "data" / "results"),
        registry=tomllib.loads((root / "data" / "registry.toml").read_text(encoding="utf8")),
        cards=load_cards(root),
    )


def sync(root: Path = ROOT, *, write: bool = True) -> list[str]:
    """Return the files that are stale, and bring them up to date unless `write` is false."""
    sources, stale = load_sources(root), {}
    for path in list_notebooks(root):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        renew_first_cells(notebook, sources.address, path.relative_to(root).as_posix())
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = fill_markers(cell.source, path, sources)
        if nbformat.writes(notebook) != before:
            stale[path] = nbformat.writes(notebook) + "\n"
    code = f"repository-code: {sources.address}\n" if sources.address else ""
    for path in (root / name for name in (*DOCUMENTS, "CITATION.cff")):
        before = path.read_text(encoding="utf8")
        if path.suffix == ".cff":
            text = CITED.sub(f"version: {sources.version}\n{code}", before)
        else:
            text = fill_markers(before, path, sources)
        if text != before:
            stale[path] = text
    for path, text in stale.items() if write else ():
        write_whole(path, text)
    return [path.relative_to(root).as_posix() for path in stale]


def renew_first_cells(notebook: nbformat.NotebookNode, address: str, file: str) -> None:
    """Renew the badge in a notebook's title and its first code cell, in place."""
    tagged = [cell for cell in notebook.cells if "bootstrap" in cell.metadata.get("tags", [])]
    if not tagged:
        raise ValueError(f"{file}: no cell has the tag bootstrap; add an empty code cell with it")
    tagged[0].source = make_bootstrap(address)
    tagged[0].metadata.tags = ["bootstrap", "hide-input"]
    title = notebook.cells[0]
    name, end, rest = BADGE.sub("", title.source).partition("\n\n")
    title.source = "\n\n".join(filter(None, [name, make_badge(address, file)])) + end + rest


def fill_markers(text: str, path: Path, sources: SimpleNamespace) -> str:
    """Return the text of a file with what belongs between each marker and its end."""

    def fill(match: re.Match) -> str:
        if not match[0].startswith("<!--="):
            return match[0]  # Markdown code
        before = text[: match.start()].rpartition("\n")[2]
        try:
            body = render((match["spec"] or "").split(), path.parent, sources)
            if "\n" not in body and LINE_START.fullmatch(before):
                raise ValueError("begins a line, which Markdown would then take for HTML")
        except ValueError as error:
            file = path.relative_to(sources.root).as_posix()
            raise ValueError(f"{file}: marker {match[0][:60]}: {error}") from None
        return f"<!--={match['spec']}-->{body}<!--/-->"

    return MARKER.sub(fill, text)


def render(words: list[str], folder: Path, sources: SimpleNamespace) -> str:
    """Return what a marker stands for: `table NAME` or `RESULT FIELD [FORMAT]`.

    FIELD may be dotted (`versions.keras`, `values.0`), FORMAT is a Python format specification.
    """
    ledger = sources.ledger
    match words:
        case ["table", name] if name in TABLES:
            body = TABLES[name](sources, folder)
        case ["table", "quiz", number] if quiz := [
            card for card in sources.cards if card["demo"].get("notebook") == number
        ]:
            body = render_quiz(quiz)
        case ["table", name] if "table" in ledger.get(name, ()):
            body = make_table(ledger[name]["table"])
        case [name, field, *form] if name in ledger and len(form) < 2:
            try:
                keys = field.replace(".", "][")
                return f"{{[{keys}]:{''.join(form)}}}".format(ledger[name])
            except (KeyError, IndexError, TypeError):
                raise ValueError(f"no field {field!r} that can be shown so") from None
        case _:
            raise ValueError("not closed, or nothing known of this name")
    return f"\n\n{body}\n\n"


def make_table(rows: list[dict]) -> str:
    """Return a Markdown table."""
    table = [rows[0].keys(), *[row.values() for row in rows]]
    cells = [[show(cell).replace("|", r"\|") for cell in row] for row in table]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def show(cell: object) -> str:
    """Return a cell of a table; a real number with three digits."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:,.1f}"


def relate(path: Path, folder: Path) -> str:
    """Return the link from a folder to a file."""
    return Path(os.path.relpath(path, folder)).as_posix()


def link(number: str, sources: SimpleNamespace, folder: Path) -> str:
    """Return the number of a notebook as a link from a folder to it, if there is one."""
    paths = sources.root.glob(f"notebooks/{number}_*.ipynb")
    return next((f"[{number}]({relate(path, folder)})" for path in paths), number)


def describe(result: dict) -> dict[str, str]:
    """Return what the tables say about a result, by column."""
    sign = "≤" if result["better"] == "lower" else "≥"
    return {
        "Data": result["dataset"],
        "Model": result["model"],
        "Metric": result["metric"],
        "Result": show(result["value"]) + (f" ± {show(result['std'])}" if "std" in result else ""),
        "Floor": "–" if result["floor"] is None else f"{sign} {show(result['floor'])}",
        "Baseline": f"{show(result['baseline'])} ({result['baseline_name']})",
        "Runs": result["runs"],
        "CPU-seconds": f"{result['cpu_seconds']:,.0f}" if "cpu_seconds" in result else "–",
    }


def make_results_table(sources: SimpleNamespace, folder: Path) -> str:
    """Return the table of all results; files without `metric` and `value` have no row."""
    results = [result for result in sources.ledger.values() if {"metric", "value"} <= result.keys()]
    return make_table(
        [{"Notebook": link(r["notebook"], sources, folder)} | describe(r) for r in results]
    )


def make_notebooks_table(sources: SimpleNamespace, folder: Path) -> str:
    """Return the table of notebooks, with the headline result of each; in README with its rival."""
    rows, rivals = [], sources.ledger.get("rivals", {}) if folder == sources.root else {}
    for path in sorted(sources.root.glob("notebooks/*.ipynb")):
        number = path.name[:2]
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
        used = [name for name, entry in sources.registry.items() if number in entry["used_by"]]
        row = {"Notebook": f"[{title}]({relate(path, folder)})", "Data": ", ".join(used) or "–"}
        columns = ("Result", "Baseline", *(["Rival"] if rivals else []), "Minutes", "Memory")
        row |= dict.fromkeys(columns, "–")
        if result := sources.ledger.get(number):
            said = describe(result)
            row |= {"Result": f"{said['Metric']} {said['Result']}", "Baseline": said["Baseline"]}
            row["Minutes"] = f"{result['seconds'] / 60:.1f}"
            row["Memory"] = f"{result['peak_memory_gb']:.1f} GB"
        if rivals:  # no room for both
            del row["Data"]
        if rival := rivals.get(f"lesson_{number}"):
            value, beside = show(rival["value"]), show(rival["lesson_value"])
            row["Rival"] = f"{rival['metric']} {value} ({rival['name']}), the lesson {beside}"
        if sources.address:
            row["Colab"] = make_badge(sources.address, path.relative_to(sources.root).as_posix())
        rows.append(row)
    return make_table(rows)


def make_data_table(sources: SimpleNamespace, folder: Path) -> str:
    """Return the table of data sets."""
    rows = []
    for name, entry in sources.registry.items():
        size = f"{sum(file['bytes'] for file in entry['files']) / 1e6:.1f} MB"
        if download := entry.get("wheel") or entry.get("archive"):
            size += f", downloads {download['bytes'] / 1e6:.0f} MB"
        row = {"Name": f"`{name}`", "What": entry["title"], "Tier": entry["tier"]}
        row |= {"Rows": f"{entry['rows']:,}", "Size": size, "Licence": entry["licence"]}
        row["Used by"] = ", ".join(link(each, sources, folder) for each in entry["used_by"]) or "–"
        rows.append(row)
    return make_table(rows)


def make_sources_list(sources: SimpleNamespace, folder: Path) -> str:
    """Return source, citation and hashes of every data set as a Markdown list."""
    lines = []
    for name, entry in sources.registry.items():
        if download := entry.get("wheel") or entry.get("archive"):
            hashes = f"sha256 of the download `{download['sha256']}`"
        else:
            hashes = ", ".join(f"sha256 of {f['name']} `{f['sha256']}`" for f in entry["files"])
            for copy in (copy for file in entry["files"] for copy in file.get("copies", [])):
                hashes += f"; a known good copy, `{copy['sha256']}`: {copy['note']}"
        lines.append(f"- `{name}`: {entry['source']}. {entry['citation']}. {hashes}.")
    return "\n".join(lines)


TABLES = {
    "results": make_results_table,
    "notebooks": make_notebooks_table,
    "data": make_data_table,
    "sources": make_sources_list,
    "theory": lambda sources, folder: render_theory_table(sources.cards, folder),
}


def main(arguments: list[str], root: Path = ROOT) -> None:
    """Set the address, if one is given, and rewrite what is stale."""
    try:
        if arguments:
            set_address(arguments[0], root)
        for file in sync(root):
            print(f"renewed  {file}")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
