"""Write the theory cards as an Anki deck: `python -m tools.deck`."""

import html
import re
from pathlib import Path

import genanki

from utils.runtime import ROOT
from utils.teaching.cards import describe_demo, describe_reference, load_cards

# Anki knows decks and note types by number: neither ever changes, and a change of the fields that
# `make_fields` returns needs a new number of the note type.
DECK_ID, MODEL_ID = 1946820531, 1287309464
STYLE = """.card { font-family: sans-serif; font-size: 18px; text-align: left; }
.small { font-size: 14px; color: #666; }
code { font-family: monospace; }"""
THEORY = """{{FrontSide}}<hr id="answer"><p>{{Answer}}</p><p><b>Why it matters.</b> {{Why}}</p>
<p><b>A common mistake.</b> {{Mistake}}</p>
<p class="small">{{Id}} · {{Demonstration}}<br>{{Reference}}</p>"""
QUIZ = """{{FrontSide}}<hr id="answer">{{Verdicts}}<p class="small">{{Id}} · {{Question}}</p>"""
TEMPLATES = [
    {"name": "Theory", "qfmt": "<p><b>{{Question}}</b></p>", "afmt": THEORY},
    {"name": "Quiz", "qfmt": "<p><b>{{Quiz}}</b></p>{{Options}}", "afmt": QUIZ},
]


def make_deck(cards: list[dict]) -> genanki.Deck:
    """Return a deck with one note a card, which has a theory and a quiz side.

    A note's guid follows from the card's id alone, so importing a newer package changes the texts
    and keeps a learner's progress.
    """
    fields = [{"name": name} for name in make_fields(cards[0])]
    model = genanki.Model(MODEL_ID, "NLP in Keras: theory card", fields, TEMPLATES, STYLE)
    deck = genanki.Deck(DECK_ID, "NLP in Keras")
    for card in cards:
        guid = genanki.guid_for("nlp-in-keras", card["id"])
        tags = [*card["tags"], f"group::{card['id'][0]}", f"level::{card['difficulty']}"]
        deck.add_note(genanki.Note(model, [*make_fields(card).values()], guid=guid, tags=tags))
    return deck


def make_fields(card: dict) -> dict[str, str]:
    """Return the fields of a card's note as HTML, in the order of the note type."""
    marks, options = ("wrong", "right"), card["quiz"]["options"]
    texts = [to_html(o["text"]) for o in options]
    verdicts = [f"<b>{marks['correct' in o]}</b>: {to_html(o['why'])}" for o in options]
    return {
        **{name.title(): to_html(card[name]) for name in ("id", "question", "answer", "why")},
        "Mistake": to_html(card["mistake"]),
        "Demonstration": to_html(describe_demo(card)),
        "Reference": to_html(describe_reference(card["reference"])),
        "Quiz": to_html(card["quiz"]["question"]),
        "Options": f'<ol type="a"><li>{"</li><li>".join(texts)}</li></ol>',
        "Verdicts": f'<ol type="a"><li>{"</li><li>".join(verdicts)}</li></ol>',
    }


def to_html(text: str) -> str:
    """Return text with code spans as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def main(path: Path = ROOT / "build" / "nlp-in-keras.apkg") -> None:
    """Write the deck and say where it is."""
    deck = make_deck(load_cards())
    path.parent.mkdir(parents=True, exist_ok=True)
    genanki.Package(deck).write_to_file(path)
    print(f"{len(deck.notes)} notes in {path}; in Anki: File, Import")


if __name__ == "__main__":
    main()
