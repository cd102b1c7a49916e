"""The theory cards: a planted fault for every rule, their numbers, the table and the deck."""

import json
import re
import shutil
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import yaml

from tools import deck
from utils.runtime import ROOT
from utils.teaching.cards import (
    CARD,
    LOADER,
    describe_reference,
    load_cards,
    render_quiz,
    render_theory_table,
)

CARDS = load_cards()
FIRST = CARDS[0]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    return shutil.copytree(ROOT / "data" / "cards", tmp_path / "data" / "cards")


FAULTS = [  # a place in A.yaml, its new value (None: nothing), and what the error says of it
    *((f"cards.0.{name}", None, f"the field `{name}` is missing") for name in CARD),
    ("cards.0.anwser", "x", "the card has no field `anwser`"),
    ("cards.0.answer", "", "`answer` must be a filled str"),
    ("cards.0.answer", "word " * 121, "the answer has 121 words, at most 120"),
    ("cards.0.difficulty", True, "`difficulty` must be a filled int, not True"),
    ("cards.0.difficulty", 4, "the difficulty is 1, 2 or 3, not 4"),
    ("cards.0.tags", ["Two words"], r"tags are .* not \['Two words'\]"),
    ("cards.0.id", "A99", "the id is unknown"),
    ("cards.1.id", "A01", "the id is taken"),
    ("cards.1.question", FIRST["question"].upper(), r"the question is that of \['A01'\]"),
    ("cards.0.reference", {}, "`reference` must be a filled dict, not {}"),
    ("cards.0.reference.read.0.where", None, "the field `where` is missing in an entry of `read`"),
    ("cards.0.reference.further", [{"year": 1}], "the field `authors` .* an entry of `further`"),
    ("cards.0.demo.section", None, "`notebook` needs `section`"),
    ("cards.0.demo.planned", "soon", "`planned` is two digits or later, not 'soon'"),
    ("cards.0.demo.notebook", "77", "dead link: no notebook has the number '77'"),
    ("cards.0.demo.section", "3. Three", "dead link: 08_.* has no section '3. Three'"),
    ("cards.0.why", "It costs $5.", "a card has neither `<!--` nor"),
    ("cards.0.quiz.options.0", None, r"a quiz has 4 options.* not \(3, 3\)"),
    ("cards.0.quiz.options.0.text", FIRST["quiz"]["options"][1]["text"].upper(), r".*\(4, 3\)"),
    ("cards.0.quiz.options.0.why", None, "the field `why` is missing in an entry of `options`"),
    ("cards.0.quiz.options.0.correct", True, r"exactly one option .* not \[True, True\]"),
    ("cards.0.quiz.options.0.correct", False, r"exactly one option .* not \[False, True\]"),
    ("cards.0.quiz.options.1.correct", None, r"exactly one option .* not \[\]"),
    ("group", "B", "A.yaml, card A01: file, `group` and id"),
    ("title", None, "A.yaml: the field `title` is missing"),
    ("cards.0", "word", "A.yaml: an entry of `cards` must be a filled dict, not 'word'"),
    ("cards.11", None, "ids.txt: no card has the id A12"),
]


@pytest.mark.parametrize(("place", "value", "reason"), FAULTS)
def test_a_fault_is_named_with_file_and_card(folder, place, value, reason):
    content = target = yaml.load((folder / "A.yaml").read_text("utf8"), LOADER)
    *names, last = [int(name) if name.isdigit() else name for name in place.split(".")]
    for name in names:
        target = target[name]
    target[last] = value
    if value is None:
        del target[last]
    (folder / "A.yaml").write_text(json.dumps(content), "utf8")  # JSON is YAML
    if len(names) > 1:
        card = content["cards"][names[1]]
        reason = f"A.yaml, card {card.get('id', 'without id')}: {reason}"
    with pytest.raises(ValueError, match=f"^{reason}"):
        load_cards(folder.parents[1])


def test_a_file_that_is_not_yaml_is_named(folder):
    (folder / "A.yaml").write_text("cards: [")
    with pytest.raises(ValueError, match="^A.yaml: while parsing"):
        load_cards(folder.parents[1])


def test_the_right_option_gives_itself_away_neither_by_place_nor_by_length():
    right = np.array([["correct" in o for o in card["quiz"]["options"]] for card in CARDS])
    lengths = np.array([[len(o["text"]) for o in card["quiz"]["options"]] for card in CARDS])
    assert np.ptp(right.sum(axis=0)) <= 2
    assert np.mean(lengths[right] > np.where(right, 0, lengths).max(axis=1)) < 0.4


def test_the_course_has_the_cards_that_its_data_card_counts():
    counts = {"A": 12, "B": 17, "C": 15, "D": 20, "E": 13, "F": 8}
    ids = [f"{letter}{number:02d}" for letter, n in counts.items() for number in range(1, n + 1)]
    assert [card["id"] for card in CARDS] == ids
    assert len({card["quiz"]["question"].casefold() for card in CARDS}) == len(CARDS)
    readme = (ROOT / "data" / "cards" / "README.md").read_text(encoding="utf8")
    read, further = (
        [source for card in CARDS for source in card["reference"].get(kind, [])]
        for kind in ("read", "further")
    )
    assert f"{len(read)} entries under `read` and {len(further)} under `further`" in readme
    unread = [card["id"] for card in CARDS if "read" not in card["reference"]]
    assert f"{', '.join(unread[:-1])} and {unread[-1]} have further reading only" in readme
    to_come = sum(card["file"] is None for card in CARDS)
    partly = sum("planned" in card["demo"] for card in CARDS) - to_come
    assert f"{to_come} cards have their demonstration to come, {partly} more" in readme


GPT_2, GPT_2_XL, GPT_3 = (  # parameters, GPT-3's as if it were dense
    (50_257 + context + 12 * width * layers) * width + (13 * layers + 2) * width
    for layers, width, context in ((12, 768, 1024), (48, 1600, 1024), (96, 12_288, 2048))
)
WORDS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight"]
LOWS = "low " * 5 + "owl " * 2 + "new " * 3
NUMBERS = [  # a card, what it says (… is a gap, | the end of a text) and the numbers in that
    ("A03", "{} times", WORDS[4096 // 512]),
    ("A06", "|{}, {} and {}|", *(Fraction(round(np.exp(s)), 4) for s in (0, 0, np.log(2)))),
    ("A07", "less than {:.0f} % after fifty", np.ceil(100 * 0.95**50)),
    ("A12", "|{}|", WORDS[np.searchsorted(np.cumsum([0.5, 0.3, 0.15]), 0.9) + 1].title()),
    ("B02", "|{:.0f}|", 256**0.5),
    ("B04", "{:,}…{:,}…{:,}", *(513 * 3 * n + 512 * (n + 1) for n in (8 * 64, 16 * 32, 16 * 64))),
    ("B06", "|{:.0f}|", np.tri(4).sum()),
    ("B11", "|{}|", 8192 // 512),
    ("B12", "{} tokens of {}…|{}|", (224 // 16) ** 2, 16 * 16 * 3, (96 // 8) ** 2),
    ("B12", "{:,} tokens with about {:.1f} billion pairs", 224**2, 224**4 / 1e9),
    ("B16", "|{:,}|", 2 * 32 * 8 * 128),
    ("B17", "|{:,}|", 2 * 3072 // 3),
    ("C03", "|{:,.0f} and {:,.0f}|", 0.15 * 0.8 * 10_000, 0.15 * 10_000),
    ("C10", "{:,}…{:.2f} billion", GPT_2, GPT_2_XL / 1e9),
    ("C12", "{:.0f} billion parameters…|{:.0f} billion|", GPT_3 / 1e9, 12 * 12_288**2 * 96 / 1e9),
    ("D01", "|{1[0]} {1[1]}|…5 + 2 = {0}", *max((LOWS.count(p), p) for p in ("lo", "ow", "ew"))),
    ("D03", "|{:.2f} and {:.0f};", 15 / 12, 24 / 8),
    ("D04", "{:.1f} million of {:.1f}", 50_257 * 768 / 1e6, GPT_2 / 1e6),
    ("D05", "|{:,.0f} and {:,.0f}|", 3 * 32_000 / 32, 3 * 32_000 / 256),
    ("D06", "|At step {:,}|", max(range(1, 9999), key=lambda t: min(t**-0.5, t * 4000**-1.5))),
    ("D13", "{:.0f} MB…|{:.0f}, read back as about {:.4f}|", GPT_2 * 4 / 1e6, 0.02 * 127, 3 / 127),
    ("D14", "{:,} trainable…{:,}, about {:.0f} %", 8 * 1536, 768**2, 100 * 8 * 1536 / 768**2),
    ("D14", "|{:,}|", 4 * (1000 + 500)),
    ("D14", "a {} more", {3: "third"}[round(1 / (43.1 / 32.5 - 1))]),
    ("D19", "|{:.1f} kg|", 0.3 * 10 * 1.5 * 0.4),
    ("E01", "|{:.0f}|", 2 ** -np.log2([1 / 2, 1 / 4, 1 / 8]).mean()),
    ("E02", "|{}|", Fraction((Counter("dddr") & Counter("adrttd")).total(), 4)),  # first letters
    ("E03", "|About {:.2f}|", (0.9 - 0.82) / (1 - 0.82)),
    ("E13", "{} times", WORDS[30 // 5]),
    ("F01", "about {:.0f} MB", 2 * 12 * 768 * 1024 * 4 / 1e6),
    ("F02", "in about {} of ten", WORDS[round(10 - 10 * 0.99**50)]),
    ("F02", "|{:.0f} ms and {:,.0f} ms|", *np.percentile([50] * 985 + [2000] * 15, [50, 99])),
    ("F04", "|After about {:.0f}|", 3000 / (400 - 50)),
    ("F06", "|About {:.0f} of {:.0f}|", 0.05 * 980, 0.05 * 980 + 0.9 * 20),
]


@pytest.mark.parametrize(("card_id", "says", "numbers"), [(a, b, c) for a, b, *c in NUMBERS])
def test_a_card_says_the_numbers_that_come_out(card_id, says, numbers):
    card = next(card for card in CARDS if card["id"] == card_id)
    right = next(option for option in card["quiz"]["options"] if "correct" in option)
    text = "|".join([card["answer"], card["mistake"], right["text"], right["why"]])
    assert [part for part in says.format(*numbers).split("…") if part not in text] == []


def test_what_was_read_comes_before_further_reading():
    first, other = ({"authors": "Ann", "year": 2001, "title": title} for title in ("One", "Two"))
    further = [first | {"where": "appendix A"}, other]
    reference = {"further": further, "read": [first | {"where": "section 1"}]}
    said = "Read: Ann 2001, One, section 1. Further reading: Ann 2001, appendix A; Ann 2001, Two."
    assert describe_reference(reference) == said
    only = "Further reading: Ann 2001, One, appendix A; Ann 2001, Two."
    assert describe_reference({"further": further}) == only
    assert "*Read:* Ann 2001, One" in render_quiz([FIRST | {"reference": reference}])


def test_a_changed_card_updates_the_table_and_the_learners_decks(tmp_path, capsys):
    """A learner's progress hangs on guids, numbers and fields: a change here loses it."""
    cards = [FIRST | {"question": "Is `a` < |b|?", "demo": {"planned": "09"}}, *CARDS[1:]]
    row = r"| A01 | Is `a` < \|b\|? | demonstration to come (notebook 09) |"
    assert row in render_theory_table(cards, ROOT)
    new = deck.make_deck(cards)
    first = new.notes[0]
    assert (new.deck_id, first.model.model_id, first.guid) == (1946820531, 1287309464, "ub!(w<c}{.")
    assert [note.guid for note in new.notes] == [note.guid for note in deck.make_deck(CARDS).notes]
    assert len({note.guid for note in new.notes}) == len(CARDS)
    names = "Id Question Answer Why Mistake Demonstration Reference Quiz Options Verdicts"
    assert " ".join(field["name"] for field in first.model.fields) == names
    assert first.fields[1] == "Is <code>a</code> &lt; |b|?"
    assert re.findall(r"<b>(\w+)", first.fields[9]) == ["wrong", "right", "wrong", "wrong"]
    deck.main(tmp_path / "new" / "deck.apkg")
    assert "85 notes in" in capsys.readouterr().out and (tmp_path / "new" / "deck.apkg").exists()
