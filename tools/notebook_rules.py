"""What every notebook keeps to: each rule beside what is said of a notebook that breaks it."""

import ast
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

MAX_CODE_LINES = 30
MIN_TEXT = 10  # characters of a reason, a hint or a description
IGNORED = "nbval-ignore-output"
VERDICTS = {"exercise-": "Not done yet", "solution-": "Correct", "wrong-": "Not yet"}

LOCAL_PATH = re.compile(  # folders, hosts and private addresses of the machine it was written on
    r"(?:(?<![\w.~<:/-])/(?:home|root|Users|tmp|work|workspace|mnt|private/var|var/folders)\b"
    r"|(?<!\w)[A-Za-z]:\\(?=\w))[^\s'\"`]*"
    r"|\b[\w-]+\.(?:internal|local|lan)\b|\b(?:10\.\d+|192\.168|172\.\d+)\.\d+\.\d+\b"
)
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1`*~* *$", re.M | re.S)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)
LINK = re.compile(  # [a](link), [a]: link, <img src="link">
    r"\]\(\s*<?([^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)?)|^ *\[[^\]]+\]: *<?([^\s>]+)"
    r"|\b(?:href|src)=[\"']([^\"']+)",
    re.M,
)
ANCHOR = re.compile(r"<a\b[^>]*\b(?:id|name)=[\"']([^\"']+)[\"']")
UNQUOTED = re.compile(  # where a number is no result: markers, formulas, links, "section 4.2"
    r"<!--=.*?-->.*?<!--/-->|\$\$.*?\$\$|(?<![\\\w])\$[^$\n]+\$|\[[^\[\]]*\]\([^)]*\)|<[a-z/!][^>]*>"
    r"|https?://\S+|\b(?:sections?|equations?|version|BY|Python|Keras) \d[\d.]*",
    re.S | re.I,
)
NUMBER = re.compile(r"(?<![\w.])(\d+\.\d+|\d+(?=\s?%))(?!\.?\w)(\s?%)?")


def read_cells(path: Path) -> list[NotebookNode]:
    """Return the cells of a notebook; nothing in them is mended."""
    return v4.reads(path.read_text(encoding="utf8")).cells


def pick(cells: list[NotebookNode], kind: str = "code") -> list[NotebookNode]:
    """Return the cells of one kind."""
    return [cell for cell in cells if cell.cell_type == kind]


def get_tags(cell: NotebookNode, prefix: str = "") -> list[str]:
    """Return what follows a prefix in the tags of a cell that begin with it."""
    tags = cell.metadata.get("tags", [])
    return [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]


def join_outputs(cell: NotebookNode, *kinds: str) -> str:
    """Return what the outputs of a cell hold of some MIME types, by default every text."""
    texts = []
    for output in cell.get("outputs", []):
        for kind, content in output.get("data", {}).items():
            texts += [str(content)] if kind.startswith(kinds or ("text/", "application/")) else []
        texts += [] if kinds else [output.get("text", ""), *output.get("traceback", [])]
    return "\n".join(texts)


def strip_code(markdown: str) -> str:
    """Return Markdown without its code blocks and code spans."""
    return CODE_SPAN.sub("", FENCE.sub("", markdown))


def parse(cell: NotebookNode) -> ast.Module | None:
    """Return the syntax tree of a cell, empty for Markdown, None for what is not plain Python."""
    try:
        return ast.parse(cell.source if cell.cell_type == "code" else "")
    except SyntaxError:
        return None


def list_problems(path: Path) -> list[str]:
    """Return what is wrong with one notebook, one line each; cells are counted from 1."""
    cells = read_cells(path)
    return list_notebook_problems(cells) + [
        f"cell {index} ({cell.source.strip():.40}): {problem}"
        for index, cell in enumerate(cells, 1)
        for problem in list_cell_problems(cell, path)
    ]


def list_notebook_problems(cells: list[NotebookNode]) -> list[str]:
    """Return what is wrong with the cells together; nbval sees no notebook that was never run."""
    counts = [cell.execution_count for cell in pick(cells)]
    tagged = [index for index, cell in enumerate(pick(cells)) if "bootstrap" in get_tags(cell)]
    last = max((i for i, cell in enumerate(cells) if IGNORED in get_tags(cell)), default=len(cells))
    claims = ["assert " in cell.source for cell in pick(cells[last:])]
    file = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    is_valid = nbformat.validator.isvalid(file)
    rules = {
        "not a valid notebook (an id that is missing or there twice?)": not is_valid,
        f"not run from top to bottom: {counts}": counts != list(range(1, len(counts) + 1)),
        "no cell holds an output: run it": not any(cell.outputs for cell in pick(cells)),
        "the first code cell, and no other, has the tag 'bootstrap'": tagged != [0],
        f"no assert follows the last cell with {IGNORED}": claims and not any(claims),
    }
    return [said for said, broken in rules.items() if broken] + list_unknown_numbers(cells)


def list_cell_problems(cell: NotebookNode, path: Path) -> list[str]:
    """Return what is wrong with one cell of the notebook at `path`."""
    is_code, tags, outputs = cell.cell_type == "code", get_tags(cell), cell.get("outputs", [])
    shown, tree, lines = join_outputs(cell), parse(cell), cell.source.splitlines()
    length = len(lines)
    markdown = join_outputs(cell, "text/markdown") if is_code else cell.source
    described, reasoned = (len(cell.metadata.get(key, "")) >= MIN_TEXT for key in ("alt", "reason"))
    skipped = set(get_tags(cell, "nbval")) - {IGNORED[5:]} or "NBVAL_" in cell.source
    local = LOCAL_PATH.search(f"{cell.source}\n{shown}")
    long = is_code and length > MAX_CODE_LINES and "bootstrap" not in tags
    rules = {
        "stores an error": any(output.output_type == "error" for output in outputs),
        "writes to stderr": any(output.get("name") == "stderr" for output in outputs),
        "shows a warning": "Warning:" in shown,
        "filters warnings": re.search(r"\b(filterwarnings|simplefilter)\(", cell.source),
        f"local path or host {local and local[0]}": local,
        f"{length} lines, at most {MAX_CODE_LINES} are allowed": long,
        "not plain Python (a line with ! or %?)": tree is None,
        f"of nbval's tags and comments only {IGNORED} is allowed": skipped,
        f"{IGNORED} without a 'reason' in the metadata": IGNORED in tags and not reasoned,
        "a figure without 'alt' in the metadata": join_outputs(cell, "image/") and not described,
        "a picture without alt text": re.search(r"!\[\s*\]\(", strip_code(markdown)),
    }
    root = path.parents[path.parts[::-1].index("notebooks")]
    found = [*list_void_claims(tree or ast.Module()), *list_dead_links(markdown, path, root)]
    return [said for said, broken in rules.items() if broken] + found


def list_void_claims(tree: ast.Module) -> Iterator[str]:
    """Find assertions that hold whatever is true, as `assert pytest.approx(a, b)` does."""
    always = ast.Constant | ast.Tuple | ast.Lambda | ast.GeneratorExp
    for claim in [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]:
        called = ast.unparse(claim.func) if isinstance(claim, ast.Call) else ""
        if isinstance(claim, always) or called.split(".")[-1] == "approx":
            yield f"`assert {ast.unparse(claim)}` is never false"


def list_unknown_numbers(cells: list[NotebookNode]) -> list[str]:
    """Find results quoted in prose that neither the notebook nor the ledger holds.

    A number in Markdown with a decimal point or a percent sign stands in a ledger marker, or in an
    output or code, too ("0.5" equals "0.50"; "81 %" needs an 81 or a 0.81).
    """
    problems, texts = [], [f"{cell.source}\n{join_outputs(cell)}" for cell in pick(cells)]
    known = {float(number) for text in texts for number in re.findall(r"\d+(?:\.\d+)?", text)}
    for cell in pick(cells, "markdown"):
        text = re.split(r"^(?:#+ |\*\*)References\b", cell.source, flags=re.M)[0]
        for match in NUMBER.finditer(UNQUOTED.sub("", HEADING.sub("", strip_code(text)))):
            number, share = float(match[1]), round(float(match[1]) / 100, 6)
            if number not in known and not (match[2] and share in known):
                problems.append(f"{match[0]} stands in no output, code or ledger marker")
    return problems


def list_link_problems(path: Path, root: Path) -> list[str]:
    """Return the dead links of a Markdown file."""
    text = path.read_text(encoding="utf8")
    return [f"{path.name}: {problem}" for problem in list_dead_links(text, path, root)]


def list_dead_links(markdown: str, path: Path, root: Path) -> Iterator[str]:
    """Find the links that lead nowhere inside the repository; they are relative to `path`."""
    for match in LINK.finditer(strip_code(markdown)):
        link = match[match.lastindex]
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.I):
            continue
        file, _, anchor = urllib.parse.unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path.resolve()
        if not target.is_relative_to(root.resolve()) or not target.exists():
            yield f"the link {link} leads to no file of the repository"
        elif anchor and target.suffix in (".md", ".ipynb") and anchor not in list_anchors(target):
            yield f"the link {link} leads to no heading of {target.name}"


def list_anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file (as GitHub) or a notebook (as Jupyter makes them)."""
    if path.suffix == ".ipynb":
        cells = pick(read_cells(path), "markdown")
        text = "\n\n".join(cell.source for cell in cells)
        titles = HEADING.findall(FENCE.sub("", text))
    else:
        text = path.read_text(encoding="utf8")
        titles = HEADING.findall(FENCE.sub("", text).lower())
        titles = [re.sub(r"[^\w\s-]", "", title) for title in titles]
    return {re.sub(r"\s", "-", title) for title in titles} | set(ANCHOR.findall(text))


def list_course_problems(paths: list[Path]) -> list[str]:
    """Return what is wrong between notebooks: definitions, exercises and their solutions."""
    lessons = {p.name: read_cells(p) for p in paths if p.parent.name != "solutions"}
    solutions = {p.name: read_cells(p) for p in paths if p.parent.name == "solutions"}
    problems = [f"solutions/{name}: no lesson" for name in solutions.keys() - lessons.keys()]
    for name, cells in lessons.items():
        found = list_exercise_problems(cells, solutions.get(name, []))
        problems += [f"{name}: {problem}" for problem in found]
    return problems + list(list_second_definitions(lessons))


def list_exercise_problems(lesson: list, solutions: list) -> Iterator[str]:
    """The checker, one cell in both files, calls a stub not done, a wrong answer not yet right."""
    exercises = find_checkers(lesson, "exercise-")
    for kind, verdict in VERDICTS.items():
        checkers = find_checkers(lesson if kind == "exercise-" else solutions, kind)
        for name in sorted(exercises.keys() ^ checkers.keys()):
            yield f"no cell is tagged {kind}{name}, or exercise-{name}"
        for name in sorted(exercises.keys() & checkers.keys()):
            checker, said = checkers[name], join_outputs(checkers[name])
            if f"check-{name}" not in get_tags(checker) or checker.source != exercises[name].source:
                yield f"{kind}{name}: the next code cell is not the checker, tagged check-{name}"
            elif not said.startswith(verdict):
                yield f"{kind}{name}: the checker does not print {verdict!r}"
            elif kind == "wrong-" and len(said) < len(verdict) + MIN_TEXT:
                yield f"{kind}{name}: the checker gives no hint"


def find_checkers(cells: list[NotebookNode], prefix: str) -> dict[str, NotebookNode]:
    """Return the code cell after each one with such a tag, by the rest of the tag."""
    pairs = zip(pick(cells), [*pick(cells)[1:], v4.new_code_cell()], strict=False)
    return {name: after for cell, after in pairs for name in get_tags(cell, prefix)}


def list_second_definitions(lessons: dict[str, list[NotebookNode]]) -> Iterator[str]:
    """Everything is built in one notebook; stubs of exercises do not count."""
    home: dict[str, str] = {}
    for lesson, cells in lessons.items():
        trees = [parse(cell) for cell in pick(cells) if not get_tags(cell, "exercise-")]
        for node in [node for tree in trees for node in getattr(tree, "body", [])]:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                first = home.setdefault(node.name, lesson)
                if first != lesson:
                    yield f"{lesson}: {node.name} is built in {first}: import it from utils"
