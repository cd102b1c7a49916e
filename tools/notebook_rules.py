"""What every notebook keeps to: `python -m tools.notebook_rules [NN]` lists what does not.

One small function per rule. A rule takes a `Page` and yields one line per problem; cells are
counted from 1. `list_problems` applies the rules of one notebook, `list_course_problems`
those that compare notebooks, `list_link_problems` the rule that also holds for *.md files.
"""

import ast
import functools
import io
import json
import re
import sys
import tokenize
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools import sync
from tools.refresh import find_notebooks

MAX_CODE_LINES = 30
MAX_CELL_OUTPUT = 200_000  # characters, as JSON
MAX_FILE = 2_000_000  # bytes
MIN_ALT = 20  # characters
MIN_REASON = 10  # characters
BANNED_WORDS = ("easily", "just", "simply", "obviously")
IGNORED = "nbval-ignore-output"

LOCAL_PATH = re.compile(
    r"(?:(?<![\w.~<:/-])/(?:home|root|Users|tmp|private/var|var/folders)\b|(?<!\w)[A-Za-z]:\\(?=\w))"
    r"[^\s'\"`]*"
)
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1`*~* *$", re.M | re.S)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.M)
LINK = re.compile(
    r"\]\(\s*<?([^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)?)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)"
)
LINK_DEFINITION = re.compile(r"^ *\[[^\]]+\]: *<?(\S+?)>?(?:\s|$)", re.M)
HTML_LINK = re.compile(r"\b(?:href|src)=[\"']([^\"']+)[\"']")
ANCHOR = re.compile(r"<a\b[^>]*\b(?:id|name)=[\"']([^\"']+)[\"']")
IMAGE = re.compile(r"!\[(.*?)\]\(", re.S)
LEDGER_MARK = re.compile(r"<!--=.*?-->.*?<!--/-->", re.S)
NUMBERED = re.compile(  # "Python 3.11, 3.12 or 3.13", "section 4.2"
    r"\b(?:sections?|equations?|eq\.|figures?|tables?|chapters?|versions?|licen[cs]e|by(?:-sa)?|"
    r"python|keras|tensorflow|numpy)(?:(?:\s|,|and|or|to)+v?\d+\.\d+)+",
    re.I,
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\.?\w)")


@dataclass(frozen=True)
class Page:
    """A notebook with its place in the course."""

    path: Path
    text: str
    notebook: nbformat.NotebookNode

    @classmethod
    def read(cls, path: Path) -> "Page":
        """Read a notebook without mending anything in it."""
        text = Path(path).read_text(encoding="utf8")
        return cls(Path(path), text, nbformat.v4.reads(text))

    @property
    def number(self) -> str:
        """The number of the notebook, for example `"01"`."""
        return self.path.stem.split("_")[0]

    @property
    def is_solutions(self) -> bool:
        """Whether this is a notebook of solutions."""
        return self.path.parent.name == "solutions"

    @property
    def has_template(self) -> bool:
        """Whether the sections of the template apply: 00 and the solutions are exempt."""
        return not self.is_solutions and self.number != "00"

    @property
    def root(self) -> Path:
        """The course folder."""
        return self.path.resolve().parents[2 if self.is_solutions else 1]

    @property
    def address(self) -> str:
        """The repository's address, `""` until it is set."""
        return sync.load_project(self.root)[0]

    @functools.cached_property
    def cells(self) -> list[tuple[str, nbformat.NotebookNode]]:
        """Every cell with its name in messages."""
        return [
            (f"cell {index} ({first_line(cell.source)})", cell)
            for index, cell in enumerate(self.notebook.cells, 1)
        ]

    @property
    def code(self) -> list[tuple[str, nbformat.NotebookNode]]:
        """The code cells with their names."""
        return [(name, cell) for name, cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self) -> list[tuple[str, nbformat.NotebookNode]]:
        """The Markdown cells with their names."""
        return [(name, cell) for name, cell in self.cells if cell.cell_type == "markdown"]

    @functools.cached_property
    def sections(self) -> list[str]:
        """The H2 heading that each cell stands under, `""` before the first."""
        sections, current = [], ""
        for _, cell in self.cells:
            if cell.cell_type == "markdown":
                titles = [title for level, title in list_headings(cell.source) if level == 2]
                current = titles[-1] if titles else current
            sections.append(current)
        return sections


Rule = Callable[[Page], Iterator[str]]


# Reading cells


def first_line(source: str) -> str:
    """Return the beginning of a cell, by which a person finds it."""
    line = next((line for line in source.splitlines() if line.strip()), "empty")
    return line if len(line) <= 40 else line[:39] + "…"


def get_tags(cell: nbformat.NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def find_tag(cell: nbformat.NotebookNode, prefix: str) -> str | None:
    """Return what follows `prefix` in the first tag that begins with it."""
    return next((tag[len(prefix) :] for tag in get_tags(cell) if tag.startswith(prefix)), None)


def list_output_texts(cell: nbformat.NotebookNode) -> list[str]:
    """Return every text that the outputs of a cell hold; pictures are left out."""
    texts = []
    for output in cell.get("outputs", []):
        texts += [output.get("text", ""), *output.get("traceback", [])]
        data = output.get("data", {})
        texts += [str(data[kind]) for kind in data if kind.startswith(("text/", "application/"))]
    return [text for text in texts if text]


def get_printed(cell: nbformat.NotebookNode) -> str:
    """Return what a cell printed."""
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


@functools.cache
def parse(source: str) -> ast.Module | None:
    """Return the syntax tree of a cell, None where it is not plain Python."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def walk(source: str) -> Iterator[ast.AST]:
    """Return every node of the syntax tree of a cell."""
    return ast.walk(parse(source) or ast.Module([], []))


def has_assert(cell: nbformat.NotebookNode) -> bool:
    """Return whether a code cell asserts something."""
    return cell.cell_type == "code" and any(isinstance(n, ast.Assert) for n in walk(cell.source))


def list_headings(markdown: str) -> list[tuple[int, str]]:
    """Return level and text of each heading outside code blocks."""
    found = HEADING.findall(FENCE.sub("", markdown))
    return [(len(marks), title.strip()) for marks, title in found]


def strip_code(markdown: str) -> str:
    """Return Markdown without its code blocks and code spans."""
    return CODE_SPAN.sub("", FENCE.sub("", markdown))


# The file


def check_format(page: Page) -> Iterator[str]:
    """The file is valid, version 4.5 or later, with a different id in every cell."""
    raw = json.loads(page.text)
    if (raw["nbformat"], raw["nbformat_minor"]) < (4, 5):
        yield "the format is older than 4.5, which has no cell ids"
        return
    ids = [cell.get("id") for cell in raw["cells"]]
    if None in ids or len(set(ids)) < len(ids):
        yield "every cell needs an id of its own"
        return
    try:
        nbformat.validate(raw, relax_add_props=False)
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {first_line(str(error))}"


def check_sizes(page: Page) -> Iterator[str]:
    """No output and no file is too large to be read and reviewed."""
    size = len(page.text.encode())
    if size > MAX_FILE:
        yield f"the file has {size:,} bytes, at most {MAX_FILE:,} are allowed"
    for name, cell in page.code:
        size = len(json.dumps(cell.outputs))
        if size > MAX_CELL_OUTPUT:
            yield f"{name}: {size:,} characters of output, at most {MAX_CELL_OUTPUT:,} are allowed"


def check_execution(page: Page) -> Iterator[str]:
    """Every code cell was run, from top to bottom, and what they showed is stored."""
    counts = [cell.execution_count for _, cell in page.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run from top to bottom in a fresh kernel: the cells are numbered {counts}"
    if counts and not any(cell.outputs for _, cell in page.code):
        yield "no cell holds an output: run it and store what it shows"
    for name, cell in page.code:
        if not cell.source.strip():
            yield f"{name}: an empty code cell"


def check_streams(page: Page) -> Iterator[str]:
    """No output is an error or was written to stderr."""
    for name, cell in page.code:
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield f"{name}: writes to stderr: {first_line(output.text)}"
            if output.output_type == "error" and "raises-exception" not in get_tags(cell):
                yield f"{name}: stores the error {output.ename}"


def check_local_paths(page: Page) -> Iterator[str]:
    """No text names a folder of the machine that it was written on."""
    for name, cell in page.cells:
        for text in [cell.source, *list_output_texts(cell)]:
            if match := LOCAL_PATH.search(text):
                yield f"{name}: local path {match.group()}"
                break


# The template


def check_headings(page: Page) -> Iterator[str]:
    """One H1, in the first cell; below it no level is left out."""
    level = 0
    for index, (name, cell) in enumerate(page.markdown):
        for depth, title in list_headings(cell.source):
            if depth > level + 1:
                yield f"{name}: the heading {title!r} jumps from level {level} to {depth}"
            if depth == 1 and (index or level):
                yield f"{name}: {title!r} is a second H1"
            level = depth


def check_title(page: Page) -> Iterator[str]:
    """The first cell says what the notebook claims, costs and needs."""
    first = page.notebook.cells[0] if page.notebook.cells else None
    if first is None or first.cell_type != "markdown":
        yield "the first cell is not the title"
        return
    lines = [line.strip() for line in first.source.splitlines() if line.strip()]
    if not lines or not re.match(rf"# {page.number} · \S", lines[0]):
        yield f"cell 1: the title does not read '# {page.number} · Name'"
    place = page.path.resolve().relative_to(page.root).as_posix()
    badge = sync.make_badge(page.address, place)
    found = [match.strip() for match in sync.BADGE.findall(first.source)]
    if found != ([badge] if badge else []):
        yield f"cell 1: not the Colab badge {badge or '(there is no address)'!r}: run `make sync`"
    if page.is_solutions:
        return
    head, _, goals = first.source.partition("You will be able to")
    if not re.search(r"^[^\W\d_].*", "\n".join(head.splitlines()[1:]), re.M):
        yield "cell 1: no sentence that claims something"
    for part in ("**Time**", "**Memory**", "**Needs**", "**Data**"):
        if not any(line.removeprefix("- ").startswith(part) for line in lines):
            yield f"cell 1: no line begins with {part}"
    bullets = len(re.findall(r"^[-*] ", goals, re.M))
    if not 3 <= bullets <= 5:
        yield f"cell 1: 'You will be able to' has {bullets} bullets, 3 to 5 are wanted"


def check_bootstrap(page: Page) -> Iterator[str]:
    """The first code cell, and no other, finds or clones the course; it is generated."""
    tagged = [name for name, cell in page.code if "bootstrap" in get_tags(cell)]
    if not page.code or tagged != [page.code[0][0]]:
        yield "the first code cell, and no other, carries the tag 'bootstrap'"
    elif page.code[0][1].source != sync.make_bootstrap(page.address):
        yield f"{page.code[0][0]}: differs from the generated first cell: run `make sync`"


def check_sections(page: Page) -> Iterator[str]:
    """The H2 headings of a notebook are those of the template, in its order."""
    if not page.has_template:
        return
    found = [
        title
        for _, cell in page.markdown
        for level, title in list_headings(cell.source)
        if level == 2
    ]
    numbered = [title for title in found if re.match(r"\d+\. ", title)]
    wanted = ["Setup", "Settings", *numbered, "Look at the errors", "Check", "Exercises"]
    wanted += ["Quiz"] if "Quiz" in found else []
    wanted += ["Summary"]
    if found != wanted:
        yield f"the sections are {found}, the template wants {wanted}"
    if not numbered or [int(title.split(".")[0]) for title in numbered] != list(
        range(1, len(numbered) + 1)
    ):
        yield f"the numbered sections do not count from 1: {numbered}"
    checks = [
        cell
        for cell, title in zip(page.notebook.cells, page.sections, strict=True)
        if title == "Check"
    ]
    if not any(has_assert(cell) for cell in checks):
        yield "the section 'Check' asserts nothing"


def check_ignored(page: Page) -> Iterator[str]:
    """An output that is not compared has a reason, and an assert that stands in for it.

    The assert follows in the same section or in the section "Check". At most half of the
    code cells are not compared. No cell is skipped.
    """
    ignored = 0
    for index, (name, cell) in enumerate(page.cells):
        unknown = [tag for tag in get_tags(cell) if tag.startswith("nbval") and tag != IGNORED]
        if unknown or (cell.cell_type == "code" and re.search(r"#\s*NBVAL_", cell.source)):
            yield f"{name}: of nbval's tags and comments only {IGNORED} is allowed"
        if IGNORED not in get_tags(cell):
            continue
        ignored += 1
        if len(str(cell.metadata.get("reason", "")).strip()) < MIN_REASON:
            yield f"{name}: {IGNORED} without a 'reason' in the cell's metadata"
        later = list(zip(page.notebook.cells, page.sections, strict=True))[index + 1 :]
        nearby = [after for after, title in later if title in (page.sections[index], "Check")]
        if not any(has_assert(after) for after in nearby):
            yield f"{name}: {IGNORED}, and no assert follows in its section or in 'Check'"
    if ignored > len(page.code) / 2:
        yield f"{ignored} of {len(page.code)} code cells are not compared, at most half may be"


def check_figures(page: Page) -> Iterator[str]:
    """A cell with a figure describes it in words and ends in plt.show()."""
    for name, cell in page.code:
        kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
        if not any(kind.startswith("image/") for kind in kinds):
            continue
        if len(str(cell.metadata.get("alt", "")).strip()) < MIN_ALT:
            yield f"{name}: a figure without 'alt' in the metadata, at least {MIN_ALT} characters"
        if cell.source.rstrip().splitlines()[-1].strip() != "plt.show()":
            yield f"{name}: a figure, and the cell does not end in plt.show()"
    for name, cell in page.markdown:
        if any(not alt.strip() for alt in IMAGE.findall(strip_code(cell.source))):
            yield f"{name}: a picture without alt text"


# Code


def check_code(page: Page) -> Iterator[str]:
    """Cells are short, plain Python without shortcuts; imports stand under Setup."""
    sections = dict(zip((name for name, _ in page.cells), page.sections, strict=True))
    for name, cell in page.code:
        if "bootstrap" in get_tags(cell):
            continue
        lines = cell.source.splitlines()
        length = sum(not re.match("(from|import) ", line) for line in lines)  # imports are no idea
        if length > MAX_CODE_LINES:
            yield f"{name}: {length} lines, at most {MAX_CODE_LINES} are allowed"
        if parse(cell.source) is None:
            yield f"{name}: not plain Python (a line with ! or %?)"
            continue
        for problem in list_code_problems(cell.source):
            yield f"{name}: {problem}"
        statements = parse(cell.source).body  # a function may import what only it needs
        imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in statements)
        if imports and sections[name] != "Setup":
            yield f"{name}: imports something; imports stand under 'Setup'"


def list_code_problems(source: str) -> Iterator[str]:
    """Find semicolons, star imports, warning filters and commented-out code."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    if any(token.type == tokenize.OP and token.string == ";" for token in tokens):
        yield "a semicolon"
    for token in tokens:
        own_line = token.line.lstrip().startswith("#")
        if token.type == tokenize.COMMENT and own_line and is_code(token.string.lstrip("# ")):
            yield f"commented-out code: {token.string}"
    for node in walk(source):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"from {node.module} import *"
        called = node.func if isinstance(node, ast.Call) else None
        if getattr(called, "attr", getattr(called, "id", "")) in ("filterwarnings", "simplefilter"):
            yield "filters warnings"


def is_code(comment: str) -> bool:
    """Return whether a comment is a statement or a call; "shape (B, T)" is words."""
    tree = parse(comment)
    if tree is None or not tree.body:
        return False
    node = tree.body[0]
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call) and " (" not in comment
    return not (isinstance(node, ast.AnnAssign) and node.value is None)  # "note: words"


# Words


def check_words(page: Page) -> Iterator[str]:
    """Prose does without words that belittle what is difficult."""
    banned = re.compile(rf"\b({'|'.join(BANNED_WORDS)})\b", re.I)
    for name, cell in page.markdown:
        for word in banned.findall(strip_code(cell.source)):
            yield f"{name}: the word {word!r}"


def check_numbers(page: Page) -> Iterator[str]:
    """A result quoted in prose is one that the notebook or the ledger holds.

    Held to it is each number in Markdown with a decimal point or a percent sign. It stands
    in a ledger marker, or the same number stands in a stored output or in the code of this
    notebook ("0.5" equals "0.50"; "81 %" needs an 81 or a 0.81). Not looked at are headings, links,
    code, LaTeX, numbers with two points, those after a word such as "section" or "Python",
    and all after "References".
    """
    known = set()
    for _, cell in page.code:
        for text in [cell.source, *list_output_texts(cell)]:
            known.update(float(number) for number in re.findall(r"\d+(?:\.\d+)?", text))
    for name, cell in page.markdown:
        for match in NUMBER.finditer(strip_unquoted(cell.source)):
            percent = re.match(r"\s?%", match.string[match.end() :])
            number = float(match.group())
            held = number in known or (percent and round(number / 100, 6) in known)
            if ("." in match.group() or percent) and not held:
                shown = match.group() + (percent.group() if percent else "")
                yield f"{name}: {shown} stands in no output, code or ledger marker"


def strip_unquoted(markdown: str) -> str:
    """Return Markdown without the parts in which a number is not a quoted result."""
    text = re.split(r"^(?:#+ |\*\*)References\b", LEDGER_MARK.sub("", markdown), flags=re.M)[0]
    text = HEADING.sub("", strip_code(text))
    text = re.sub(r"\$\$.*?\$\$|(?<![\\\w])\$[^$\n]+\$", "", text, flags=re.S)
    text = re.sub(r"!?\[[^\[\]]*\]\([^)]*\)|<[a-z/!][^>]*>|https?://\S+", "", text)
    return NUMBERED.sub("", text)


# Links


def check_links(page: Page) -> Iterator[str]:
    """Every link into the repository leads to a file, and its anchor to a heading."""
    for name, cell in page.cells:
        shown = [
            output.data["text/markdown"]
            for output in cell.get("outputs", [])
            if "text/markdown" in output.get("data", {})
        ]
        texts = shown if cell.cell_type == "code" else [cell.source]
        for text in texts:
            for problem in list_dead_links(text, page.path, page.root):
                yield f"{name}: {problem}"


def list_link_problems(path: Path, root: Path) -> list[str]:
    """Return the dead links of a Markdown file."""
    text = path.read_text(encoding="utf8")
    return [f"{path.name}: {problem}" for problem in list_dead_links(text, path, Path(root))]


def list_dead_links(markdown: str, path: Path, root: Path) -> Iterator[str]:
    """Find the links that lead nowhere inside the repository.

    Links to the repository's own pages (`…/ann/nlp/blob/main/…`) count as inside.

    Args:
        markdown: the text.
        path: the file that holds it: links are relative to its folder.
        root: the course folder.
    """
    text = strip_code(markdown)
    # Without an address no page is the repository's own: nothing has "//" there.
    repository = re.escape(urllib.parse.urlsplit(sync.load_project(root)[0]).path or "/")
    own = re.compile(rf"https?://[^/]+(?:/github)?{repository}/(?:blob|tree|raw)/[^/]+/")
    for link in LINK.findall(text) + LINK_DEFINITION.findall(text) + HTML_LINK.findall(text):
        folder, address = path.resolve().parent, link
        if match := own.match(link):
            folder, address = root, link[match.end() :]
        if re.match(r"[a-z][a-z0-9+.-]*:|//", address, re.I):
            continue
        file, _, anchor = urllib.parse.unquote(address).partition("#")
        target = (folder / file).resolve() if file else path.resolve()
        if not target.is_relative_to(Path(root).resolve()) or not target.exists():
            yield f"the link {link} leads to no file of the repository"
        elif anchor and target.suffix in (".md", ".ipynb") and anchor not in list_anchors(target):
            yield f"the link {link} leads to no heading of {target.name}"


def list_anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file (as GitHub) or a notebook (as Jupyter makes them)."""
    if path.suffix == ".ipynb":
        text = "\n\n".join(cell.source for _, cell in Page.read(path).markdown)
        slugs = [re.sub(r"\s", "-", title) for _, title in list_headings(text)]
    else:
        text = path.read_text(encoding="utf8")
        titles = [title.lower() for _, title in list_headings(text)]
        slugs = [re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title)) for title in titles]
    return set(slugs) | set(ANCHOR.findall(text))


# Exercises


def check_exercises(page: Page) -> Iterator[str]:
    """A stub is followed by its checker, which says that it is not done yet."""
    if page.is_solutions:
        return
    stubs = [find_tag(cell, "exercise-") for _, cell in page.code]
    stubs = [stub for stub in stubs if stub]
    if page.has_template and not stubs:
        yield "there is no exercise"
    if len(set(stubs)) < len(stubs):
        yield f"two exercises have the same name: {stubs}"
    checked = [stub for stub, _, checker in pair_checkers(page, "exercise-") if checker]
    for stub, name, checker in pair_checkers(page, "exercise-"):
        if checker is None:
            yield f"{name}: the next code cell is not its checker, tagged 'check-{stub}'"
        elif not get_printed(checker).startswith("Not done yet"):
            yield f"{name}: its checker does not print 'Not done yet'"
    for name, cell in page.code:
        check = find_tag(cell, "check-")
        if check and check not in checked:
            yield f"{name}: a checker without its exercise before it"


def pair_checkers(page: Page, prefix: str) -> list[tuple[str, str, nbformat.NotebookNode | None]]:
    """Return exercise, cell name and checker of each cell whose tag begins with `prefix`."""
    pairs = []
    following = [cell for _, cell in page.code][1:] + [None]
    for (name, cell), after in zip(page.code, following, strict=True):
        if exercise := find_tag(cell, prefix):
            is_checker = after is not None and f"check-{exercise}" in get_tags(after)
            pairs.append((exercise, name, after if is_checker else None))
    return pairs


def list_solution_problems(page: Page, solutions: Page | None) -> Iterator[str]:
    """Compare a notebook with its solutions.

    Every exercise has a solution that its checker calls "Correct", and a typical wrong
    answer that gets "Not yet" and a hint. The checkers are the same cells.
    """
    checkers = {name: checker for name, _, checker in pair_checkers(page, "exercise-") if checker}
    if solutions is None:
        if checkers:
            yield "has exercises, and no notebook of this name in solutions/"
        return
    for prefix, verdict in (("solution-", "Correct"), ("wrong-", "Not yet")):
        answers = pair_checkers(solutions, prefix)
        for exercise in sorted(checkers.keys() - {answer[0] for answer in answers}):
            yield f"solutions: no cell is tagged '{prefix}{exercise}'"
        for exercise, name, checker in answers:
            if exercise not in checkers:
                yield f"solutions, {name}: the notebook has no exercise {exercise!r}"
            elif checker is None or checker.source != checkers[exercise].source:
                yield f"solutions, {name}: not followed by the checker of the notebook"
            elif not get_printed(checker).startswith(verdict):
                yield f"solutions, {name}: its checker does not print {verdict!r}"
            elif verdict == "Not yet" and len(get_printed(checker)) < len(verdict) + 20:
                yield f"solutions, {name}: its checker gives no hint"
    for (name, cell), section in zip(solutions.cells, solutions.sections, strict=True):
        known = any(tag.startswith(("solution-", "wrong-", "check-")) for tag in get_tags(cell))
        known = known or "bootstrap" in get_tags(cell) or section == "Setup"
        if cell.cell_type == "code" and not known:
            yield f"solutions, {name}: neither setup nor part of an exercise"


# Definitions


def list_definitions(page: Page) -> dict[str, ast.stmt]:
    """Return the functions and classes that a notebook builds, by name; stubs do not count."""
    found = {}
    for _, cell in page.code:
        if find_tag(cell, "exercise-") is None:
            found |= pick_definitions(parse(cell.source))
    return found


def pick_definitions(tree: ast.Module | None) -> dict[str, ast.stmt]:
    """Return the functions and classes at the top level of a syntax tree, by name."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    body = tree.body if tree else []
    return {node.name: node for node in body if isinstance(node, kinds)}


class _Bare(ast.NodeTransformer):
    """Drops docstrings and type hints."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "returns", None):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = node.body[ast.get_docstring(node) is not None :] or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:  # noqa: N802
        if node.value is None:
            return None
        return ast.Assign([node.target], self.visit(node.value))


def dump_bare(node: ast.stmt) -> str:
    """Return the code of a definition without docstrings, type hints, comments and layout."""
    return ast.unparse(ast.fix_missing_locations(_Bare().visit(ast.parse(ast.unparse(node)))))


def list_definition_problems(pages: Iterable[Page]) -> Iterator[str]:
    """Everything is built in one notebook, and is the same where `utils` keeps it."""
    home: dict[str, Page] = {}
    for page in pages:
        if page.is_solutions:
            continue
        for name, node in list_definitions(page).items():
            if name in home:
                first = home[name].path.name
                yield f"{page.path.name}: {name} is built in {first}: import it from utils"
            home.setdefault(name, page)
            for module in sorted((page.root / "utils").rglob("*.py")):
                twin = pick_definitions(parse(module.read_text(encoding="utf8"))).get(name)
                if twin is not None and dump_bare(twin) != dump_bare(node):
                    yield f"{page.path.name}: {name} differs from the one in utils/{module.name}"


# All together

RULES: tuple[Rule, ...] = (
    check_format,
    check_sizes,
    check_execution,
    check_streams,
    check_local_paths,
    check_headings,
    check_title,
    check_bootstrap,
    check_sections,
    check_ignored,
    check_figures,
    check_code,
    check_words,
    check_numbers,
    check_links,
    check_exercises,
)


def list_problems(path: Path) -> list[str]:
    """Return what is wrong with one notebook, one line each."""
    page = Page.read(path)
    name = f"solutions/{path.name}" if page.is_solutions else path.name
    return [f"{name}: {problem}" for rule in RULES for problem in rule(page)]


def list_course_problems(paths: Iterable[Path]) -> list[str]:
    """Return what is wrong between notebooks: definitions, exercises and their solutions."""
    pages = [Page.read(path) for path in paths]
    problems = list(list_definition_problems(pages))
    solutions = {page.path.name: page for page in pages if page.is_solutions}
    for page in pages:
        if not page.is_solutions:
            found = list_solution_problems(page, solutions.pop(page.path.name, None))
            problems += [f"{page.path.name}: {problem}" for problem in found]
    problems += [f"solutions/{name}: there is no such notebook" for name in solutions]
    return problems


def main(arguments: list[str]) -> int:
    """Print the problems of the notebooks of one number, or of all."""
    try:
        paths = [p for n in arguments or [""] for p in find_notebooks(n, solutions=True)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    problems = [problem for path in paths for problem in list_problems(path)]
    problems += list_course_problems(find_notebooks(solutions=True))
    print("\n".join(problems) or f"{len(paths)} notebooks keep to the rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
