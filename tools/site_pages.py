"""What the web site shows beside the notebooks: map, lessons, cards, results, glossary, tables."""

import html
import json
import re
import statistics
import tomllib
from pathlib import Path
from types import SimpleNamespace

from tools.sync import make_table, show
from utils.results import SPREAD
from utils.teaching.cards import describe_reference

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS = (
    "For each exercise an answer that the checker accepts, and a typical wrong one with the "
)
SOLUTIONS += "hint that it gets. Try the exercise first."


class Content:
    """What several pages are made from; `known` are the files that have a page."""

    def __init__(self, sources: SimpleNamespace, known: set[str], lessons: list[Path]):
        self.sources, self.known, self.address = sources, known, sources.address
        minutes = re.findall(
            r"^### (\d\d)\b.*: (\d+) minutes", (ROOT / "TEACHING.md").read_text("utf8"), re.M
        )
        self.lessons = {path.name[:2]: read_lesson(path, dict(minutes)) for path in lessons}
        asked = re.findall(r"^\| \[(\d\d) · [^|]*\| ([^|]*) \|$", read_text(lessons[0]), re.M)
        self.questions = dict(asked)  # lesson 00 has a table of them


def read_lesson(path: Path, minutes: dict[str, str]) -> dict:
    """Return what the site says about a lesson: title, file, minutes, needs and sections."""
    text = read_text(path)
    needs = re.search(r"\*\*Needs\*\*(.*?)(?:<br>|\*\*|\n\n)", text, re.S)[1]
    return {
        "file": path.relative_to(ROOT).as_posix(),
        "title": text.splitlines()[0].lstrip("# "),
        "minutes": minutes.get(path.name[:2], "–"),
        "needs": re.findall(r"(?<![\d.])(\d\d)(?![\d.])", needs),
        "sections": re.findall(r"^## +(.+?) *$", text, re.M),
    }


def read_text(path: Path) -> str:
    """Return the Markdown of a notebook."""
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def link_lesson(number: str, content: Content, folder: str = "") -> str:
    """Return a link to a lesson, its title as text."""
    lesson = content.lessons[number]
    return f"[{lesson['title']}]({folder}{lesson['file']})"


def write_bar(path: Path, content: Content) -> str:
    """Return the line below a notebook's title: prerequisites, downloads, solutions."""
    number, file = path.name[:2], path.relative_to(ROOT).as_posix()
    is_lesson = path.parent.name == "notebooks"
    download = (
        f"{{download}}`Download this notebook </downloads/{file.removeprefix('notebooks/')}>`"
    )
    items = [download]
    if is_lesson and f"notebooks/solutions/{path.name}" in content.known:
        items.append(f"[Solutions](solutions/{path.name})")
    if content.address:
        place = content.address.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{place}/blob/main/{file}"
        items += [f"[Open in Colab]({colab})", f"[Source]({content.address}/blob/main/{file})"]
    lesson, above = content.lessons[number], "" if is_lesson else "../"
    if is_lesson:
        needs = [link_lesson(n, content, "../") for n in lesson["needs"]] or ["nothing before it"]
        items = [f"{lesson['minutes']} minutes", f"builds on {', '.join(needs)}", *items]
    else:
        items.append(f"[The lesson]({above}{path.name})")
    return ":::{container} lesson-bar\n" + " · ".join(items) + "\n:::"


# Tables behind a fold


def fold(title: str, body: str) -> str:
    """Return Markdown that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def tabulate(rows: list[dict]) -> str:
    """Return a Markdown table of rows that need not have the same fields."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return make_table([{key: row.get(key, "–") for key in keys} for row in rows])


def flatten(content: dict | list, names: tuple[str, ...] = ()) -> list[dict]:
    """Return rows from nested dictionaries and lists; the names on the way are columns, too."""
    if isinstance(content, list):
        return [row for item in content for row in flatten(item, names)]
    if all(isinstance(value, dict | list) for value in content.values()):
        return [row for key, item in content.items() for row in flatten(item, (*names, key))]
    before = dict(zip(("curve", "at"), names, strict=False))
    return [before | {key.replace("_", " "): say(key, value) for key, value in content.items()}]


def say(key: str, value: object) -> object:
    """Return a value for a table: an interval as "a to b", other lists with commas."""
    if isinstance(value, list):
        return (" to " if "interval" in key else ", ").join(map(show, value))
    return value


def make_cell(source: str, number: int) -> dict:
    """Return a cell of Markdown."""
    return {"cell_type": "markdown", "id": f"site-{number}", "metadata": {}, "source": source}


def add_figure_data(cells: list[dict], number: str, content: Content) -> list[dict]:
    """Put the numbers behind a fold below each figure that is drawn from the results files."""
    figures = tomllib.loads((ROOT / "site" / "figures.toml").read_text("utf8")).get(number, [])
    done, found = [], set()
    for cell in cells:
        done.append(cell)
        drawn = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        its = [figure for figure in figures if drawn and figure["code"] in cell["source"]]
        if its:
            tables = "\n\n".join(make_figure_table(figure, content) for figure in its)
            done.append(make_cell(fold("The numbers of this figure", tables), len(done)))
            found |= {figure["code"] for figure in its}
    if missing := {figure["code"] for figure in figures} - found:
        raise ValueError(f"site/figures.toml: no figure of lesson {number} contains {missing}")
    return done


def make_figure_table(figure: dict, content: Content) -> str:
    """Return the table of the part of a results file that an entry of figures.toml names."""
    part = content.sources.ledger[figure["result"]][figure["path"]]
    if each := figure.get("each"):
        part = {name: item[each] for name, item in part.items() if each in item}
    curves = {"value": part} if isinstance(part, list) else part
    if all(isinstance(x, float) for curve in curves.values() for x in curve):
        rows = enumerate(zip(*curves.values(), strict=True), 1)
        return tabulate([{"point": k} | dict(zip(curves, row, strict=True)) for k, row in rows])
    return tabulate(flatten(part))


# Pages


def write_pages(content: Content) -> dict[str, str]:
    """Return the text of each page that is made from data, by its name."""
    found = {
        "lessons.md": write_section("Lessons", "lesson", content),
        "solutions.md": write_section("Solutions", "solutions/", content),
        "cards.md": write_cards(content),
        "results.md": write_results(content),
        "glossary.md": write_glossary(content),
    }
    if (path := ROOT / "site" / "broken_elsewhere.toml").exists():
        rows = tomllib.loads(path.read_text(encoding="utf8"))["row"]
        found["broken_elsewhere.md"] = write_broken(rows, content)
    return found


def write_section(title: str, kind: str, content: Content) -> str:
    """Return the page that lists the lessons or their solutions."""
    names = sorted(n for n in content.known if n.endswith(".ipynb"))
    names = [n for n in names if ("solutions/" in n) == (kind == "solutions/")]
    body = make_lessons_table(content) if kind == "lesson" else SOLUTIONS
    hidden = "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```"
    if kind != "lesson":
        hidden = hidden.replace(":hidden:\n", ":maxdepth: 1\n")
    return f"# {title}\n\n{body}\n\n{hidden}\n"


def make_lessons_table(content: Content, *, contents: bool = True) -> str:
    """Return the table of lessons, each with its sections behind a fold."""
    rows = []
    for number, lesson in content.lessons.items():
        result = content.sources.ledger.get(number)
        row = {"Lesson": link_lesson(number, content)}
        row["Question"] = content.questions.get(number, "–")
        row["Minutes"] = lesson["minutes"]
        needs = ", ".join(f"[{n}]({content.lessons[n]['file']})" for n in lesson["needs"])
        row |= {"Builds on": needs or "–"}
        row["Computer"] = f"{result['seconds'] / 60:.1f} min" if result else "–"
        rows.append(row)
    table = make_table(rows)
    if not contents:
        return table
    folds = [
        fold(lesson["title"], "\n".join(f"- {section}" for section in lesson["sections"]))
        for lesson in content.lessons.values()
    ]
    return "\n\n".join([table, "## Contents", *folds])


def fill_index(text: str, content: Content, source: Path) -> str:
    """Return the start page with map, lessons, numbers and the list of all pages."""
    sections = {"lessons": "Lessons", "live/index": "Live", "cards": "Cards"}
    sections |= {"broken_elsewhere": "Broken elsewhere", "glossary": "Glossary"}
    sections |= {"results": "Results"}
    sections = {name: t for name, t in sections.items() if (source / f"{name}.md").exists()}
    sentiment = (ROOT / "site" / "live" / "sentiment.md").read_text(encoding="utf8")
    demo = re.search(r"```\{raw\} html.*?```", sentiment, re.S)[0].replace("../_static", "_static")
    names = sorted(n.removesuffix(".md") for n in content.known if re.match("(data|docs)/.*md$", n))
    toctree = [*(f"{title} <{name}>" for name, title in sections.items()), "more"]
    (source / "more.md").write_text(
        "# More\n\n```{toctree}\n:maxdepth: 1\n\nsolutions\nreference/index\nTEACHING\n"
        + "\n".join(names)
        + "\nnotices\n```\n",
        encoding="utf8",
    )
    parts = {
        "map": draw_map(content),
        "lessons": make_lessons_table(content, contents=False),
        "headlines": make_headlines(content),
        "demo": demo,
        "answers": re.search(r"^\| sentence.*?\n(?=\n)", sentiment, re.S | re.M)[0],
        "toctree": "```{toctree}\n:hidden:\n\n" + "\n".join(toctree) + "\n```",
    }
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text


def draw_map(content: Content) -> str:
    """Return the map of the course as a picture: a box a lesson, a line from what it needs."""
    lessons, depth = content.lessons, {}
    for number in lessons:  # a lesson may need a later one: 06 needs 10
        find_depth(number, lessons, depth)
    rows = {}
    for number in lessons:
        rows.setdefault(depth[number], []).append(number)
    width, height, gap, columns = 172, 50, 34, max(map(len, rows.values()))
    middle = (columns * (width + 16) - 16) / 2
    place = {}
    for row, numbers in rows.items():
        left = middle - (len(numbers) * (width + 16) - 16) / 2
        for column, number in enumerate(numbers):
            place[number] = (left + column * (width + 16), row * (height + gap))
    lines, boxes = [], []
    for number, lesson in lessons.items():
        x, y = place[number]
        for need in lesson["needs"]:
            if any(need in lessons[other]["needs"] for other in lesson["needs"]):
                continue  # another arrow leads there
            from_x, from_y = place[need][0] + width / 2, place[need][1] + height
            bend = (y - from_y) / 2
            lines.append(
                f'<path d="M{from_x:.0f} {from_y:.0f}c0 {bend:.0f} {x + width / 2 - from_x:.0f} '
                f'{y - from_y - bend - 6:.0f} {x + width / 2 - from_x:.0f} {y - from_y - 6:.0f}"/>'
            )
        title = lesson["title"].partition(" · ")[2]
        words = [title] if len(title) < 18 else split_title(title)
        label = "".join(
            f'<tspan x="{x + 38:.0f}" y="{y + height / 2 + 5 + 9 * (2 * i - len(words) + 1):.0f}">'
            f"{html.escape(word)}</tspan>"
            for i, word in enumerate(words)
        )
        page = lesson["file"].replace(".ipynb", ".html")
        boxes.append(
            f'<a href="{page}" aria-label="{html.escape(lesson["title"])}">'
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width}" height="{height}" rx="7"/>'
            f'<text class="number" x="{x + 10:.0f}" y="{y + height / 2 + 6:.0f}">{number}</text>'
            f"<text>{label}</text></a>"
        )
    size = f"-2 -2 {2 * middle + 4:.0f} {max(rows) * (height + gap) + height + 4:.0f}"
    needs = "; ".join(
        f"{n} builds on {' and '.join(lesson['needs'])}"
        for n, lesson in lessons.items()
        if lesson["needs"]
    )
    tip = '<path d="M0 0 8 4 0 8z"/></marker></defs>'
    return (
        '```{raw} html\n<div class="course-map" tabindex="0" role="group" '
        f'aria-label="Map of the course: {needs}"><svg viewBox="{size}" focusable="false">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto">{tip}'
        f'<g class="lines">{"".join(lines)}</g>{"".join(boxes)}</svg></div>\n```'
    )


def find_depth(number: str, lessons: dict, depth: dict) -> int:
    """Return how many lessons lie one after the other below a lesson, and keep it."""
    if number not in depth:
        below = [find_depth(need, lessons, depth) for need in lessons[number]["needs"]]
        depth[number] = 1 + max(below, default=-1) + (number == "01")
    return depth[number]


def split_title(title: str) -> list[str]:
    """Return a title in two lines of about the same length."""
    spaces = [match.start() for match in re.finditer(" ", title)]
    at = min(spaces, key=lambda place: abs(place - len(title) / 2), default=len(title))
    return [title[:at], title[at + 1 :]]


# Results


def make_headlines(content: Content) -> str:
    """Return the table of the lessons' results."""
    rows = []
    for number in content.lessons:
        if not (result := content.sources.ledger.get(number)):
            continue
        better = " (lower is better)" if result["better"] == "lower" else ""
        row = {"Lesson": link_lesson(number, content), "Metric": f"{result['metric']}{better}"}
        row["Result"] = show(result["value"])
        row["95 % interval"] = " to ".join(map(show, result.get("interval", []))) or "–"
        row["Runs with other seeds and processors"] = describe_spread(number)
        row["Simple baseline"] = f"{show(result['baseline'])} ({result['baseline_name']})"
        row["Strongest simple rival"] = describe_rival(number, content)
        row["Minimum"] = show(result["floor"])
        rows.append(row)
    return make_table(rows)


def describe_spread(number: str) -> str:
    """Return the lowest and highest result of a lesson's runs with other seeds and processors."""
    path = SPREAD / f"{number}.json"
    runs = json.loads(path.read_text(encoding="utf8")) if path.exists() else []
    if not runs:
        return "–"
    values = [run["value"] for run in runs]
    seeds, machines = len({run["seed"] for run in runs}), len({run["instructions"] for run in runs})
    said = f"{show(min(values))} to {show(max(values))}, mean {show(statistics.mean(values))}"
    kinds = f", {machines} kinds of processor" if machines > 1 else ""
    return f"{said} ({len(runs)} runs: {seeds} seed{'s' * (seeds > 1)}{kinds})"


def describe_rival(number: str, content: Content) -> str:
    """Return the strongest simple method that was measured on the lesson's task."""
    rival = content.sources.ledger.get("rivals", {}).get(f"lesson_{number}")
    if not rival:
        return "–"
    beside = show(rival["lesson_value"])
    return (
        f"{show(rival['value'])} {rival['metric']} ({rival['name']}); the lesson's model {beside}"
    )


def write_results(content: Content) -> str:
    """Return the page of results."""
    ledger = content.sources.ledger
    longer = {
        k: r for k, r in ledger.items() if not k.isdigit() and {"metric", "value"} <= r.keys()
    }
    rows = []
    for result in longer.values():
        row = {"Lesson": result["notebook"], "Model": result["model"], "Data": result["dataset"]}
        row |= {"Metric": result["metric"]}
        row["Result"] = show(result["value"]) + (
            f" ± {show(result['std'])}" if "std" in result else ""
        )
        row["95 % interval"] = " to ".join(map(show, result.get("interval", []))) or "–"
        row["Compared with"] = f"{show(result['baseline'])} ({result['baseline_name']})"
        row["Runs"] = result["runs"]
        rows.append(row)
    tables = [
        fold(describe_table(name, result), tabulate(result["table"]))
        for name, result in ledger.items()
        if "table" in result and name != "rivals"
    ]
    machines = sorted({r["machine"] for r in ledger.values() if "machine" in r})
    text = (ROOT / "site" / "results.md").read_text(encoding="utf8")
    parts = {"headlines": make_headlines(content), "longer": make_table(rows)}
    parts |= {"tables": "\n\n".join(tables), "machines": "; ".join(map(str, machines))}
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text


def describe_table(name: str, result: dict) -> str:
    """Return the title of a table behind a fold."""
    model = result.get("model", name.replace("-", " "))
    return html.escape(f"Lesson {result['notebook']}: {model}" if "notebook" in result else model)


# Glossary


def list_forms(term: dict) -> list[str]:
    """Return the forms in which a term occurs in a text."""
    name = term["name"]
    plural = [] if name.endswith(("s", "ing", "@10")) else [f"{name}s"]
    return [name, *plural, *term.get("also", [])]


def name_anchor(term: dict) -> str:
    """Return the anchor of a term on the glossary's page."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term["name"].lower()).strip("-")


def write_glossary(content: Content) -> str:
    """Return the glossary, sorted; each entry leads to the lesson that defines the term."""
    terms = tomllib.loads((ROOT / "site" / "glossary.toml").read_text(encoding="utf8"))["term"]
    lines = [
        "# Glossary",
        "",
        "The terms of the course, each with the lesson that explains it.",
        "",
    ]
    for term in sorted(terms, key=lambda term: term["name"].lower()):
        also = f" ({', '.join(term['also'])})" if term.get("also") else ""
        where = link_lesson(term["lesson"], content)
        anchor = f'<span id="{name_anchor(term)}" class="term-anchor"></span>'
        lines += [f"{anchor}**{term['name']}**{also}", f": {term['text']} {where}", ""]
    return "\n".join(lines)


# Cards


def write_cards(content: Content) -> str:
    """Return the page of the cards: each behind a fold, and their quizzes as data of the page."""
    cards, parts, group = content.sources.cards, [], None
    for card in cards:
        if card["group"] != group:
            group = card["group"]
            parts.append(f"## {group}")
        parts.append(write_card(card, content))
    quizzes = {
        card["id"]: {"question": card["quiz"]["question"], "options": card["quiz"]["options"]}
        for card in cards
    }
    data = json.dumps(quizzes, ensure_ascii=False).replace("</", "<\\/")
    text = (ROOT / "site" / "cards.md").read_text(encoding="utf8")
    groups = dict.fromkeys(card["group"] for card in cards)
    options = "".join(f"<option>{html.escape(group)}</option>" for group in groups)
    text = text.replace("<!--topics-->", options).replace("<!--number-->", str(len(cards)))
    script = f'```{{raw}} html\n<script type="application/json" id="quizzes">{data}</script>\n```'
    return text.replace("<!--cards-->", "\n\n".join(parts)).replace("<!--quizzes-->", script)


def write_card(card: dict, content: Content) -> str:
    """Return a card as Markdown, the answer behind its question."""
    topic, question = html.escape(card["group"], quote=True), to_html(card["question"])
    lines = [
        f'<details class="theory" id="card-{card["id"]}" data-id="{card["id"]}" '
        f'data-topic="{topic}" data-level="{card["difficulty"]}"><summary>{question}</summary>',
        card["answer"],
        f"*Why it matters.* {card['why']}",
        f"*A common mistake.* {card['mistake']}",
    ]
    demo = card["demo"]
    if "notebook" in demo and demo["notebook"] in content.lessons:
        file, section = content.lessons[demo["notebook"]]["file"], demo["section"]
        place = f"[{demo['notebook']}, {section}]({file}#{section.replace(' ', '-')})"
        lines.append(f"*Shown in* {place}.")
    lines += [
        describe_reference(card["reference"], "*").replace("*Read:*", "*Source:*"),
        "</details>",
    ]
    return "\n\n".join(lines)


def to_html(text: str) -> str:
    """Return text with code spans as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


# Broken elsewhere


def write_broken(rows: list[dict], content: Content) -> str:
    """Return the page of failures that people report elsewhere, with the cure of each."""
    text = (ROOT / "site" / "broken_elsewhere_head.md").read_text(encoding="utf8")
    parts = [text.strip()]
    for row in rows:
        where = row["where"] if isinstance(row["where"], list) else [row["where"]]
        places = [f"[{place['title']}]({place['url']})" for place in where]
        file, _, section = row.get("cell", "").partition("#")
        title = section.replace("-", " ") or content.lessons.get(file[:2], {}).get("title")
        cell = f"[{file[:2]}, {title}](notebooks/{file}{'#' * bool(section)}{section})"
        runs = f"**Runs in** {cell}. " if file else ""
        parts.append(
            f"## {row['symptom']}\n\n**Cause.** {row['cause']}\n\n**Cure.** {row['cure']}\n\n"
            f"{runs}**Test:** `{row['test'].rpartition('::')[2]}`.\n\n"
            f"**Reported in** {'; '.join(places)}."
        )
    return "\n\n".join(parts) + "\n"
