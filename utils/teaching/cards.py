"""Theory cards: one source for the quizzes, the Anki deck and the table of demonstrations.

`data/cards/A.yaml` to `F.yaml` hold the cards, `data/cards/ids.txt` the ids, which never change:
a learner's progress hangs on them. `data/cards/README.md` explains the fields.
"""

import html
import json
import os
import re
from pathlib import Path

import yaml

from utils.runtime import ROOT

MAX_WORDS = 120  # of an answer
NUM_OPTIONS = 4  # of a quiz
TO_COME = "demonstration to come"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast
CARD = {
    "id": str,
    "question": str,
    "answer": str,
    "why": str,
    "mistake": str,
    "demo": dict,
    "reference": dict,
    "quiz": dict,
    "difficulty": int,
    "tags": list,
}
REFERENCE = {"authors": str, "year": int, "title": str, "verified": bool}
QUIZ = {"question": str, "options": list}
OPTION = {"text": str, "why": str}

# Anki knows notes by guid and note types by number: these three never change, and a change of
# the fields below needs a new MODEL_ID.
DECK_NAME, DECK_ID, MODEL_ID = "NLP in Keras", 1946820531, 1287309464
DECK_FIELDS = (
    "Id",
    "Question",
    "Answer",
    "Why",
    "Mistake",
    "Demonstration",
    "Reference",
    "Quiz",
    "Options",
    "Verdicts",
)


class CardError(ValueError):
    """A card breaks a rule; the message names file, card, rule and way out."""


def load_cards(root: Path = ROOT) -> list[dict]:
    """Read and check all theory cards.

    Args:
        root: the course folder; the cards lie in its `data/cards/`.

    Returns:
        The cards as written, in the order of `ids.txt`, each with two more fields: `group` (title
        of its file) and `file` (path of the demonstrating notebook, or `None`).

    Raises:
        CardError: a card breaks a rule.

    Example:
        >>> load_cards()[0]["question"]
        'Why was attention added to encoder-decoder networks?'
    """
    folder = Path(root) / "data" / "cards"
    known = (folder / "ids.txt").read_text(encoding="utf8").split()
    found, questions = {}, {}
    for path in sorted(folder.glob("*.yaml")):
        for card in _read_group(path):
            where = f"{path.name}, card {card.get('id', '(without id)')}"
            try:
                _check_card(card, Path(root))
            except ValueError as error:
                raise CardError(f"{where}: {error}") from None
            if card["id"] not in known:
                raise CardError(f"{where}: the id is unknown; a new one is added to ids.txt first")
            if card["id"][0] != path.stem:
                raise CardError(f"{where}: the card belongs in {card['id'][0]}.yaml; move it")
            if card["id"] in found:
                raise CardError(f"{where}: the id is taken; every card needs its own")
            other = questions.setdefault(card["question"].casefold(), card["id"])
            if other != card["id"]:
                raise CardError(f"{where}: card {other} asks the same question; merge the two")
            found[card["id"]] = card
    missing = [card_id for card_id in known if card_id not in found]
    if missing:
        raise CardError(
            f"ids.txt: no card has the id {missing[0]}; write it, for ids are never dropped"
        )
    return [found[card_id] for card_id in known]


def _read_group(path: Path) -> list[dict]:
    """Return the cards of one file."""
    try:
        content = yaml.load(path.read_text(encoding="utf8"), LOADER)
    except yaml.YAMLError as error:
        raise CardError(f"{path.name}: not YAML: {error}") from None
    try:
        _check_fields(content, {"group": str, "title": str, "cards": list})
        if content["group"] != path.stem:
            raise ValueError(f"`group` is {content['group']!r}, it must be {path.stem!r}")
        for number, card in enumerate(content["cards"], 1):
            if not isinstance(card, dict):
                raise ValueError(f"entry {number} of `cards` is no mapping of fields")
    except ValueError as error:
        raise CardError(f"{path.name}: {error}") from None
    return [card | {"group": content["title"]} for card in content["cards"]]


def _check_fields(found: dict, wanted: dict[str, type], optional: tuple[str, ...] = ()) -> None:
    """Raise a `ValueError` unless `found` has exactly the wanted fields, of their types."""
    if not isinstance(found, dict):
        raise ValueError(f"found {found!r} where the fields {', '.join(wanted)} belong")
    for name, kind in wanted.items():
        if name not in found:
            raise ValueError(f"the field `{name}` is missing; add it")
        value = found[name]
        if type(value) is not kind or value in ("", [], {}):
            raise ValueError(f"the field `{name}` must be a filled {kind.__name__}, not {value!r}")
    extra = [str(name) for name in found if name not in wanted and name not in optional]
    if extra:
        raise ValueError(f"the field `{extra[0]}` is unknown; the fields are {', '.join(wanted)}")


def _check_card(card: dict, root: Path) -> None:
    """Raise a `ValueError` if a card breaks a rule; fill in its `file`."""
    _check_fields(card, CARD, optional=("group",))
    words = len(card["answer"].split())
    if words > MAX_WORDS:
        raise ValueError(f"the answer has {words} words, at most {MAX_WORDS}; shorten it")
    if card["difficulty"] not in (1, 2, 3):
        raise ValueError(f"the difficulty is 1, 2 or 3, not {card['difficulty']}")
    for tag in card["tags"]:
        if not isinstance(tag, str) or not re.fullmatch(r"[a-z0-9-]+", tag):
            raise ValueError(f"the tag {tag!r} must be lower-case letters, digits and hyphens")
    _check_reference(card["reference"])
    _check_quiz(card["quiz"])
    card["file"] = _find_demo(card["demo"], root)


def _check_reference(reference: dict) -> None:
    """Section or equation is given if, and only if, its text was read."""
    _check_fields(reference, REFERENCE, optional=("where",))
    if reference["verified"] != bool(reference.get("where")):
        raise ValueError(
            "a reference has `where` (section, equation) if its text was read, and is `verified: "
            f"true` only then; got verified {reference['verified']}, where "
            f"{reference.get('where')!r}"
        )


def _check_quiz(quiz: dict) -> None:
    """A quiz has four different options, all explained, one of them correct."""
    _check_fields(quiz, QUIZ)
    options = quiz["options"]
    if len(options) != NUM_OPTIONS:
        raise ValueError(f"the quiz has {len(options)} options, it needs {NUM_OPTIONS}")
    for option in options:
        _check_fields(option, OPTION, optional=("correct",))
        if option.get("correct", True) is not True:
            raise ValueError("write `correct: true` at the right option, nothing at the others")
    if len({option["text"].casefold() for option in options}) < NUM_OPTIONS:
        raise ValueError("two options of the quiz have the same text; change one")
    correct = sum("correct" in option for option in options)
    if correct != 1:
        raise ValueError(f"{correct} options of the quiz are correct, exactly one must be")


def _find_demo(demo: dict, root: Path) -> Path | None:
    """Return the notebook that a demonstration stands in, `None` if it is to come."""
    if not demo.keys() <= {"notebook", "section", "planned"} or (
        ("notebook" in demo) != ("section" in demo)
    ):
        raise ValueError(
            f"the demo needs `notebook` and `section`, or `planned`, or all three, not {demo}"
        )
    planned = demo.get("planned", "later")
    if planned != "later" and not re.fullmatch(r"\d\d", str(planned)):
        raise ValueError(f'`planned` is a number such as "09", or later, not {planned!r}')
    if "notebook" not in demo:
        return None
    number = demo["notebook"]
    paths = sorted((root / "notebooks").glob(f"{number}_*.ipynb"))
    if not paths:
        raise ValueError(f"dead link: no notebook has the number {number!r}")
    sections = list_sections(paths[0])
    if demo["section"] not in sections:
        raise ValueError(
            f"dead link: {paths[0].name} has no section {demo['section']!r}; "
            f"it has {', '.join(sections)}"
        )
    return paths[0]


def list_sections(path: Path) -> list[str]:
    """Return the second-level headings of a notebook."""
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.findall(r"^## +(.+?) *$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)


def list_to_come(cards: list[dict]) -> list[str]:
    """Return the ids of the cards whose demonstration, or part of it, is to come."""
    return [card["id"] for card in cards if "planned" in card["demo"]]


def list_unverified(cards: list[dict]) -> list[str]:
    """Return the ids of the cards whose reference nobody has looked up."""
    return [card["id"] for card in cards if not card["reference"]["verified"]]


# Markdown


def render_quiz(cards: list[dict]) -> str:
    """Return the quiz of some cards as Markdown, the answers folded.

    The answers stand in `<details>`, which opens without a script in Jupyter, in Colab, on GitHub
    and in a browser; links lead to sections of the notebook that the quiz stands in.

    Args:
        cards: as `load_cards` returns them, with their demonstration in that notebook.
    """
    return "\n\n".join(_render_item(card, number) for number, card in enumerate(cards, 1))


def _render_item(card: dict, number: int) -> str:
    options = list(zip("abcd", card["quiz"]["options"], strict=True))
    right = next((letter, option) for letter, option in options if "correct" in option)
    lines = [
        f"**{number} · {card['quiz']['question']}**",
        "",
        *(f"- **{letter}** {option['text']}" for letter, option in options),
        "",
        "<details><summary>Answer</summary>",
        "",
        f"**{right[0]} is right.** {right[1]['why']}",
        "",
        *(f"- not {letter}: {o['why']}" for letter, o in options if "correct" not in o),
        "",
        f"**Card {card['id']}: {card['question']}** {card['answer']}",
        "",
        f"*Why it matters.* {card['why']}",
        "",
        f"*A common mistake.* {card['mistake']}",
        "",
        f"*Shown in* {_link_demo(card, '')}. *Read* {describe_reference(card['reference'])}.",
        "",
        "</details>",
    ]
    return "\n".join(lines)


def render_theory_table(cards: list[dict], folder: Path) -> str:
    """Return a Markdown table of questions and where each is demonstrated.

    Args:
        cards: as `load_cards` returns them.
        folder: where the file with the table lies; links start there.
    """
    lines, group = ["| Card | Question | Demonstration |", "|---|---|---|"], None
    for card in cards:
        if card["group"] != group:
            group = card["group"]
            lines.append(f"| | **{group}** | |")
        address = Path(os.path.relpath(card["file"], folder)).as_posix() if card["file"] else ""
        question = card["question"].replace("|", r"\|")
        lines.append(f"| {card['id']} | {question} | {_link_demo(card, address)} |")
    return "\n".join(lines)


def _link_demo(card: dict, address: str) -> str:
    """Return the demonstration as a Markdown link into the file at `address`."""
    if card["file"] is None:
        return describe_demo(card)
    number, section = card["demo"]["notebook"], card["demo"]["section"]
    anchor = section.replace(" ", "-")  # as Jupyter makes them
    return f"[{number}, {section}]({address}#{anchor})" + _describe_rest(card["demo"])


def describe_demo(card: dict) -> str:
    """Return where a card's question is demonstrated, as plain text.

    Example:
        >>> describe_demo({"demo": {"planned": "09"}})
        'demonstration to come (notebook 09)'
    """
    demo = card["demo"]
    if "notebook" in demo:
        return f"{demo['notebook']}, {demo['section']}" + _describe_rest(demo)
    return TO_COME + _describe_plan(demo)


def _describe_rest(demo: dict) -> str:
    return f"; in part, more to come{_describe_plan(demo)}" if "planned" in demo else ""


def _describe_plan(demo: dict) -> str:
    return "" if demo["planned"] == "later" else f" (notebook {demo['planned']})"


def describe_reference(reference: dict) -> str:
    """Return a reference as plain text, with a note if nobody has looked it up.

    Example:
        >>> paper = {"authors": "Cohen", "year": 1960, "title": "On Agreement", "verified": False}
        >>> describe_reference(paper)
        'Cohen 1960, On Agreement (text not consulted)'
    """
    text = f"{reference['authors']} {reference['year']}, {reference['title']}"
    return text + (f", {reference['where']}" if reference["verified"] else " (text not consulted)")


# Anki

STYLE = """.card { font-family: sans-serif; font-size: 18px; text-align: left; }
.small { font-size: 14px; color: #666; }
code { font-family: monospace; }"""
DETAILS = """<hr id="answer"><p>{{Answer}}</p><p><b>Why it matters.</b> {{Why}}</p>
<p><b>A common mistake.</b> {{Mistake}}</p>
<p class="small">{{Id}} · {{Demonstration}}<br>{{Reference}}</p>"""
TEMPLATES = [
    {"name": "Theory", "qfmt": "<p><b>{{Question}}</b></p>", "afmt": "{{FrontSide}}" + DETAILS},
    {
        "name": "Quiz",
        "qfmt": "<p><b>{{Quiz}}</b></p>{{Options}}",
        "afmt": '{{FrontSide}}<hr id="answer">{{Verdicts}}<p class="small">{{Id}} · '
        "{{Question}}</p>",
    },
]


def build_deck(path: Path, cards: list[dict] | None = None) -> int:
    """Write the cards as an Anki package: one note a card, with a theory and a quiz side.

    A note's guid follows from the card's id alone, so importing a newer package changes the texts
    and keeps a learner's progress.

    Args:
        path: the file to write; its name ends in `.apkg`.
        cards: as `load_cards` returns them; all of them if none are given.

    Returns:
        The number of notes.

    Raises:
        ImportError: the package `genanki` is not installed.
    """
    try:
        import genanki
    except ImportError:
        raise ImportError("the deck needs genanki: pip install -r requirements.txt") from None
    cards = load_cards() if cards is None else cards
    model = genanki.Model(
        MODEL_ID,
        f"{DECK_NAME}: theory card",
        fields=[{"name": name} for name in DECK_FIELDS],
        templates=TEMPLATES,
        css=STYLE,
    )
    deck = genanki.Deck(DECK_ID, DECK_NAME)
    for card in cards:
        fields = make_deck_fields(card)
        deck.add_note(
            genanki.Note(
                model=model,
                fields=[fields[name] for name in DECK_FIELDS],
                guid=genanki.guid_for("nlp-in-keras", card["id"]),
                tags=[*card["tags"], f"group::{card['id'][0]}", f"level::{card['difficulty']}"],
            )
        )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    genanki.Package(deck).write_to_file(path)
    return len(deck.notes)


def make_deck_fields(card: dict) -> dict[str, str]:
    """Return the fields of a card's Anki note, as HTML."""
    options = card["quiz"]["options"]
    verdicts = [("right" if "correct" in option else "wrong", option) for option in options]
    texts = [card["id"], card["question"], card["answer"], card["why"], card["mistake"]]
    texts += [describe_demo(card), describe_reference(card["reference"]), card["quiz"]["question"]]
    fields = dict(zip(DECK_FIELDS, map(to_html, texts), strict=False))
    fields["Options"] = _make_list(to_html(option["text"]) for option in options)
    fields["Verdicts"] = _make_list(f"<b>{v}</b>: {to_html(o['why'])}" for v, o in verdicts)
    return fields


def _make_list(items) -> str:
    return '<ol type="a">' + "".join(f"<li>{item}</li>" for item in items) + "</ol>"


def to_html(text: str) -> str:
    """Return text with code spans as HTML.

    Example:
        >>> to_html("is `a` < b?")
        'is <code>a</code> &lt; b?'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
