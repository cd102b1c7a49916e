"""Theory cards: one source for the quizzes, the Anki deck and the table of demonstrations.

`data/cards/A.yaml` to `F.yaml` hold the cards, `data/cards/ids.txt` the ids, which never change:
a learner's progress hangs on them. `data/cards/README.md` explains the fields.
"""

import json
import os
import re
from pathlib import Path

import yaml

from utils.runtime import ROOT

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast
SOURCE = {"authors": str, "year": int, "title": str}
FILE = {"group": str, "title": str, "cards": [dict]}
CARD = {  # fields with a question mark may be absent
    **dict.fromkeys(["id", "question", "answer", "why", "mistake"], str),
    "demo": {"notebook?": str, "section?": str, "planned?": str},
    "reference": {"read?": [SOURCE | {"where": str}], "further?": [SOURCE | {"where?": str}]},
    "quiz": {"question": str, "options": [{"text": str, "why": str, "correct?": bool}]},
    "difficulty": int,
    "tags": [str],
}


def load_cards(root: Path = ROOT) -> list[dict]:
    """Read and check the theory cards in `data/cards/` of the course folder.

    Return them in the order of `ids.txt`, each with two more fields: `group` (title of its file)
    and `file` (path of the demonstrating notebook, or `None`). A card that breaks a rule is a
    `ValueError`, which names file, card, rule and value.
    """
    folder = Path(root) / "data" / "cards"
    known = (folder / "ids.txt").read_text(encoding="utf8").split()
    cards = {}
    for path in sorted(folder.glob("*.yaml")):
        where = path.name
        try:
            content = yaml.load(path.read_text(encoding="utf8"), LOADER)
            _check_shape("the file", content, FILE)
            for card in content["cards"]:
                where = f"{path.name}, card {card.get('id', 'without id')}"
                _check_shape("the card", card, CARD)
                _check_rules(card, known, cards)
                if not card["id"][0] == path.stem == content["group"]:
                    raise ValueError("file, `group` and id must begin with the same letter")
                file = _find_demo(card["demo"], Path(root))
                cards[card["id"]] = card | {"group": content["title"], "file": file}
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{where}: {error}") from None
    if missing := [card_id for card_id in known if card_id not in cards]:
        raise ValueError(f"ids.txt: no card has the id {missing[0]}; no id is ever dropped")
    return [cards[card_id] for card_id in known]


def _check_shape(name: str, value: object, shape: object) -> None:
    """Raise a `ValueError` unless a value, and all in it, is filled and has the shape's type."""
    kind = shape if isinstance(shape, type) else type(shape)
    if type(value) is not kind or value in ("", [], {}):
        raise ValueError(f"{name} must be a filled {kind.__name__}, not {value!r}")
    if isinstance(shape, list):
        for item in value:
            _check_shape(f"an entry of {name}", item, shape[0])
    elif isinstance(shape, dict):
        for field in shape:
            if (key := field.rstrip("?")) in value:
                _check_shape(f"`{key}`", value[key], shape[field])
            elif key == field:
                raise ValueError(f"the field `{key}` is missing in {name}; add it")
        if unknown := [key for key in value if key not in shape and f"{key}?" not in shape]:
            raise ValueError(f"{name} has no field `{unknown[0]}`; its fields: {', '.join(shape)}")


def _check_rules(card: dict, known: list[str], cards: dict[str, dict]) -> None:
    """Raise a `ValueError` if a card breaks a rule, alone or beside the `cards` before it."""
    demo, tags, level = card["demo"], card["tags"], card["difficulty"]
    words, question = len(card["answer"].split()), card["question"].casefold()
    same = [other for other, its in cards.items() if its["question"].casefold() == question]
    options = card["quiz"]["options"]
    counts = len(options), len({option["text"].casefold() for option in options})
    right = [option["correct"] for option in options if "correct" in option]
    plan = demo.get("planned", "later")
    rules = {
        "the id is unknown; a new one is added to ids.txt first": card["id"] in known,
        "the id is taken; every card needs its own": card["id"] not in cards,
        f"the question is that of {same}; merge the two": not same,
        f"the answer has {words} words, at most 120; shorten it": words <= 120,
        f"the difficulty is 1, 2 or 3, not {level}": level in (1, 2, 3),
        f"tags are of a-z, 0-9 and hyphens, not {tags}": re.fullmatch("[a-z0-9-]+", "".join(tags)),
        f"a quiz has 4 options, 4 different ones, not {counts}": counts == (4, 4),
        "a card has neither `<!--` nor `$` in it": not re.search(r"<!--|\$", str(card)),
        f"exactly one option is `correct: true`, not {right}": right == [True],
        f"`notebook` needs `section`: {demo}": ("notebook" in demo) == ("section" in demo),
        f"`planned` is two digits or later, not {plan!r}": re.fullmatch(r"\d\d|later", plan),
    }
    if broken := [rule for rule, holds in rules.items() if not holds]:
        raise ValueError(broken[0])


def _find_demo(demo: dict, root: Path) -> Path | None:
    """Return the notebook that a demonstration stands in, `None` if it is to come."""
    if "notebook" not in demo:
        return None
    path = next((root / "notebooks").glob(f"{demo['notebook']}_*.ipynb"), None)
    if path is None:
        raise ValueError(f"dead link: no notebook has the number {demo['notebook']!r}")
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    sections = re.findall("^## +(.+?) *$", text, re.M)
    if demo["section"] not in sections:
        raise ValueError(f"dead link: {path.name} has no section {demo['section']!r}: {sections}")
    return path


def render_quiz(cards: list[dict]) -> str:
    """Return the quiz of cards that one notebook demonstrates as Markdown, the answers folded.

    `<details>` opens without a script in Jupyter, Colab, GitHub and a browser.
    """
    paragraphs = []
    for number, card in enumerate(cards, 1):
        options = list(zip("abcd", card["quiz"]["options"], strict=True))
        right, reason = next((letter, o["why"]) for letter, o in options if "correct" in o)
        demo, reference = describe_demo(card, ""), describe_reference(card["reference"], "*")
        paragraphs += [
            f"**{number} · {card['quiz']['question']}**",
            "\n".join(f"- **{letter}** {o['text']}" for letter, o in options),
            "<details><summary>Answer</summary>",
            f"**{right} is right.** {reason}",
            "\n".join(f"- not {letter}: {o['why']}" for letter, o in options if letter != right),
            f"**Card {card['id']}: {card['question']}** {card['answer']}",
            f"*Why it matters.* {card['why']}",
            f"*A common mistake.* {card['mistake']}",
            f"*Shown in* {demo}. {reference}",
            "</details>",
        ]
    return "\n\n".join(paragraphs)


def render_theory_table(cards: list[dict], folder: Path) -> str:
    """Return a Markdown table of questions and their demonstrations, linked from `folder`."""
    lines, group = ["| Card | Question | Demonstration |", "|---|---|---|"], None
    for card in cards:
        if card["group"] != group:
            group = card["group"]
            lines.append(f"| | **{group}** | |")
        address = Path(os.path.relpath(card["file"] or folder, folder)).as_posix()
        question = card["question"].replace("|", r"\|")
        lines.append(f"| {card['id']} | {question} | {describe_demo(card, address)} |")
    return "\n".join(lines)


def describe_demo(card: dict, address: str | None = None) -> str:
    """Return where a card's question is demonstrated: a link if the notebook's address is given."""
    demo = card["demo"]
    plan = f" (notebook {demo['planned']})" if demo.get("planned", "later") != "later" else ""
    if "notebook" not in demo:
        return f"demonstration to come{plan}"
    place = f"{demo['notebook']}, {demo['section']}"
    if address is not None:  # the anchor is as Jupyter makes it
        place = f"[{place}]({address}#{demo['section'].replace(' ', '-')})"
    return place + (f"; in part, more to come{plan}" if "planned" in demo else "")


def describe_reference(reference: dict, mark: str = "") -> str:
    """Return a card's sources: those that were read, then further reading; labels in `mark`.

    A source that is named twice, for two places, has its title the first time only.
    """
    sentences, named = [], set()
    for kind, label in (("read", "Read"), ("further", "Further reading")):
        sources = []
        for source in reference.get(kind, []):
            name = f"{source['authors']} {source['year']}"
            full = f"{name}, {source['title']}"
            place = f", {source['where']}" if "where" in source else ""
            sources.append((name if full in named else full) + place)
            named.add(full)
        if sources:
            sentences.append(f"{mark}{label}:{mark} {'; '.join(sources)}.")
    return " ".join(sentences)
