"""The theory cards: every rule on a bad card, and the quiz, table and deck made from them."""

import itertools
import json
import re
import sqlite3
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook, writes

from tools import deck as deck_tool
from tools.notebook_rules import BANNED_WORDS, list_anchors, list_dead_links
from utils.runtime import ROOT
from utils.teaching import cards as module
from utils.teaching.cards import (
    DECK_FIELDS,
    MAX_WORDS,
    CardError,
    build_deck,
    list_sections,
    list_to_come,
    list_unverified,
    load_cards,
    make_deck_fields,
    render_quiz,
    render_theory_table,
)

CARDS = load_cards()
TEXT = json.dumps(CARDS, default=str, ensure_ascii=False)


def make_card(card_id="A01", **changes):
    texts = ["eins", "zwei", "drei", "vier"]
    options = [{"text": text, "why": f"Why {text}."} for text in texts]
    options[2]["correct"] = True
    return {
        "id": card_id,
        "question": f"What is {card_id}?",
        "answer": "It is `x` < y.",
        "why": "It matters.",
        "mistake": "It does not.",
        "demo": {"notebook": "01", "section": "2. Two (words), and more", "planned": "09"},
        "reference": {"authors": "Cohen", "year": 1960, "title": "A Paper", "verified": False},
        "quiz": {"question": f"Which one, {card_id}?", "options": options},
        "difficulty": 1,
        "tags": ["a-tag"],
    } | changes


def write_cards(root, cards, file="A", **changes):
    content = {"group": file, "title": "Group", "cards": cards} | changes
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    (root / "data" / "cards" / f"{file}.yaml").write_text(text, encoding="utf8")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data" / "cards").mkdir(parents=True)
    (tmp_path / "data" / "cards" / "ids.txt").write_text("A01\nA02\n")
    (tmp_path / "notebooks").mkdir()
    text = "# 01 · Words\n\n## 2. Two (words), and more\n\n```\n## no heading\n```\n"
    notebook = new_notebook(cells=[new_markdown_cell(text), new_markdown_cell("## Check")])
    (tmp_path / "notebooks" / "01_words.ipynb").write_text(writes(notebook), encoding="utf8")
    write_cards(tmp_path, [make_card(), make_card("A02", demo={"planned": "later"})])
    return tmp_path


def test_good_cards_load(root):
    first, second = load_cards(root)
    assert (first["id"], first["group"], first["file"].name) == ("A01", "Group", "01_words.ipynb")
    assert second["file"] is None
    assert list_to_come([first, second]) == ["A01", "A02"]


def test_cards_come_in_the_order_of_their_ids(root):
    write_cards(root, [make_card("A02"), make_card("A01")])
    assert [card["id"] for card in load_cards(root)] == ["A01", "A02"]


# Every rule, on a card that breaks it


def without(name):
    def remove(card):
        del card[name]

    return remove


def set_field(*path):
    *names, last, value = path

    def change(card):
        place = card
        for name in names:
            place = place[name]
        place[last] = value

    return change


BAD_CARDS = {
    **{f"no {name}": (without(name), f"`{name}` is missing") for name in make_card()},
    "empty answer": (set_field("answer", ""), "`answer` must be a filled str"),
    "number as text": (set_field("difficulty", "2"), "`difficulty` must be a filled int"),
    "truth as number": (set_field("difficulty", True), "`difficulty` must be a filled int"),
    "difficulty": (set_field("difficulty", 4), "difficulty is 1, 2 or 3, not 4"),
    "typo": (set_field("anwser", "x"), "`anwser` is unknown"),
    "long": (set_field("answer", "word " * 121), "121 words, at most 120"),
    "tag": (set_field("tags", ["Two words"]), "the tag 'Two words'"),
    "unknown id": (set_field("id", "A99"), "the id is unknown"),
    "duplicate id": (set_field("id", "A02"), "the id is taken"),
    "same question": (set_field("question", "what is a02?"), "asks the same question"),
    "reference": (set_field("reference", {"authors": "Cohen"}), "`year` is missing"),
    "unread": (set_field("reference", "where", "section 3"), "verified False, where 'section 3'"),
    "read where": (set_field("reference", "verified", True), "verified True, where None"),
    "no section": (set_field("demo", {"notebook": "01"}), "needs `notebook` and `section`"),
    "no demo": (set_field("demo", {"see": "01"}), "needs `notebook` and `section`"),
    "plan": (set_field("demo", {"planned": 9}), "not 9"),
    "dead notebook": (set_field("demo", "notebook", "77"), "no notebook has the number '77'"),
    "dead section": (set_field("demo", "section", "3. Three"), "01_words.ipynb has no section"),
    "code as section": (set_field("demo", "section", "no heading"), "has no section"),
    "no option": (set_field("quiz", "options", []), "`options` must be a filled list"),
    "text as quiz": (set_field("quiz", "Why?"), "`quiz` must be a filled dict"),
    "three options": (lambda card: card["quiz"]["options"].pop(), "3 options, it needs 4"),
    "two correct": (set_field("quiz", "options", 0, "correct", True), "2 options of the quiz"),
    "none correct": (lambda card: card["quiz"]["options"][2].pop("correct"), "0 options"),
    "correct: false": (set_field("quiz", "options", 0, "correct", False), "write `correct: true`"),
    "same option": (set_field("quiz", "options", 0, "text", "Zwei"), "the same text"),
    "unexplained": (lambda card: card["quiz"]["options"][1].pop("why"), "`why` is missing"),
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_a_bad_card_is_refused_by_file_and_name(root, name):
    spoil, reason = BAD_CARDS[name]
    bad = make_card()
    spoil(bad)
    write_cards(root, [make_card("A02"), bad])
    with pytest.raises(CardError) as caught:
        load_cards(root)
    assert str(caught.value).startswith(f"A.yaml, card {bad.get('id', '(without id)')}: ")
    assert reason in str(caught.value)


def test_every_id_has_a_card(root):
    write_cards(root, [make_card("A02")])
    with pytest.raises(CardError, match="ids.txt: no card has the id A01"):
        load_cards(root)


def test_a_card_stands_in_the_file_of_its_group(root):
    write_cards(root, [make_card()])
    write_cards(root, [make_card("A02")], file="B")
    with pytest.raises(CardError, match="B.yaml, card A02: the card belongs in A.yaml"):
        load_cards(root)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cards: [", "A.yaml: not YAML"),
        ("[1, 2]", "A.yaml: found .1, 2. where the fields"),
        ("group: A\ntitle: T\n", "A.yaml: the field `cards` is missing"),
        ("group: B\ntitle: T\ncards: [{}]", "A.yaml: `group` is 'B', it must be 'A'"),
        ("group: A\ntitle: T\ncards: [word]", "A.yaml: entry 1 of `cards`"),
    ],
)
def test_a_bad_file_is_refused_by_name(root, text, reason):
    (root / "data" / "cards" / "A.yaml").write_text(text)
    with pytest.raises(CardError, match=reason):
        load_cards(root)


# The cards of the course


def test_every_theory_id_is_there():
    groups = Counter(card["id"][0] for card in CARDS)
    assert groups == {"A": 12, "B": 14, "C": 15, "D": 20, "E": 13, "F": 8}
    for letter, count in groups.items():
        ids = [card["id"] for card in CARDS if card["id"][0] == letter]
        assert ids == [f"{letter}{number:02d}" for number in range(1, count + 1)]


def test_answers_are_short_and_questions_differ():
    assert max(len(card["answer"].split()) for card in CARDS) <= MAX_WORDS
    assert len({card["question"].casefold() for card in CARDS}) == len(CARDS)
    assert len({card["quiz"]["question"].casefold() for card in CARDS}) == len(CARDS)


def test_the_right_option_gives_itself_away_neither_by_place_nor_by_length():
    places, longest = Counter(), 0
    for card in CARDS:
        options = card["quiz"]["options"]
        right = next(option for option in options if "correct" in option)
        places[options.index(right)] += 1
        rest = [len(option["text"]) for option in options if option is not right]
        longest += len(right["text"]) > max(rest)
    assert max(places.values()) - min(places.values()) <= 2
    assert longest < 0.4 * len(CARDS)


def test_the_words_suit_the_notebooks():
    found = re.findall(rf"\b({'|'.join(BANNED_WORDS)})\b", TEXT, re.I)
    assert not found
    assert "<!--" not in TEXT and "$" not in TEXT


def test_the_data_card_states_what_is_unverified_and_to_come(capsys):
    readme = (ROOT / "data" / "cards" / "README.md").read_text(encoding="utf8")
    unverified, to_come = list_unverified(CARDS), list_to_come(CARDS)
    whole = [card["id"] for card in CARDS if card["file"] is None]
    partly = [card_id for card_id in to_come if card_id not in whole]
    with capsys.disabled():
        print(f"\nunverified references: {len(unverified)} of {len(CARDS)}")
        print(f"demonstration to come: {', '.join(whole)}")
        print(f"in part to come: {', '.join(partly)}")
    assert f"{len(unverified)} of the {len(CARDS)} references are unverified" in readme
    assert f"{len(whole)} cards have their demonstration to come, {len(partly)} more" in readme
    assert all(card["reference"].get("where") for card in CARDS if card["id"] not in unverified)


def test_links_lead_to_sections():
    shown = [card for card in CARDS if card["file"]]
    assert shown
    for card in shown:
        assert card["demo"]["section"] in list_sections(card["file"])
        assert card["demo"]["section"].replace(" ", "-") in list_anchors(card["file"])
        assert not list(list_dead_links(render_quiz([card]), card["file"], ROOT))
    page = ROOT / "notebooks" / "00_start_here.ipynb"
    assert not list(list_dead_links(render_theory_table(CARDS, page.parent), page, ROOT))


def merge(pieces):
    """Return the pair that byte-pair encoding merges first."""
    pairs = Counter()
    for word, count in pieces.items():
        for pair in itertools.pairwise(word):
            pairs["".join(pair)] += count
    return pairs.most_common(1)[0]


def clip(output, reference):
    """Return BLEU's clipped count of matching words."""
    return (Counter(output.split()) & Counter(reference.split())).total()


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum()


def count_gpt(layers, width, context, vocabulary=50_257):
    """Return the parameters of a GPT-2 or, counted as dense, of a GPT-3."""
    block = 12 * width**2 + 13 * width
    return (vocabulary + context) * width + layers * block + 2 * width


def count_heads(heads, key_dim, width=512):
    """Return the parameters of Keras' MultiHeadAttention, with biases."""
    inner = heads * key_dim
    return 3 * (width + 1) * inner + (inner + 1) * width


NUMBERS = {
    "A03": [("eight times", 4096 / 512 == 8)],
    "A06": [("1/4, 1/4 and 1/2", np.allclose(softmax([0, 0, np.log(2)]), [0.25, 0.25, 0.5]))],
    "A07": [("less than 8 % after fifty", 0.95**50 < 0.08)],
    "A12": [("Three", np.searchsorted(np.cumsum([0.5, 0.3, 0.15, 0.05]), 0.9) + 1 == 3)],
    "B02": [("16", np.sqrt(256) == 16)],
    "B04": [
        ("1,050,624", count_heads(8, 64) == count_heads(16, 32) == 1_050_624),
        ("2,100,736", count_heads(16, 64) == 2_100_736),
    ],
    "B06": [("10", np.tri(4).sum() == 10)],
    "B11": [("16", 8192 / 512 == 16)],
    "B12": [
        ("196 tokens of 768", ((224 // 16) ** 2, 16 * 16 * 3) == (196, 768)),
        ("50,176", 224**2 == 50_176 and round(224**4 / 1e9, 1) == 2.5),
        ("144", (96 // 8) ** 2 == 144),
    ],
    "C03": [("1,200 and 1,500", (0.15 * 0.8 * 10_000, 0.15 * 10_000) == (1200, 1500))],
    "C10": [
        ("124,439,808", count_gpt(12, 768, 1024) == 124_439_808),
        ("1.56 billion", round(count_gpt(48, 1600, 1024) / 1e9, 2) == 1.56),
    ],
    "C12": [
        ("174 billion", round(12 * 12_288**2 * 96 / 1e9) == 174),
        ("175 billion", round(count_gpt(96, 12_288, 2048) / 1e9) == 175),
    ],
    "D01": [("5 + 2 = 7", merge({"low": 5, "owl": 2, "new": 3}) == ("ow", 7))],
    "D03": [("1.25 and 3;", (15 / 12, 24 / 8) == (1.25, 3))],
    "D04": [("38.6 million of 124.4", round(50_257 * 768 / 1e6, 1) == 38.6)],
    "D05": [("3,000 and 375", (3 * 32_000 / 32, 3 * 32_000 / 256) == (3000, 375))],
    "D06": [("At step 4,000", 1 / np.sqrt(4000) == pytest.approx(4000 * 4000**-1.5))],
    "D13": [
        ("498 MB", round(count_gpt(12, 768, 1024) * 4 / 1e6) == 498),
        ("3, read back as about 0.0236", (round(0.02 * 127), round(3 / 127, 4)) == (3, 0.0236)),
    ],
    "D14": [
        ("12,288", 8 * (768 + 768) == 12_288 and round(12_288 / 768**2, 2) == 0.02),
        ("6,000", 4 * (1000 + 500) == 6000),
    ],
    "D19": [("1.8 kg", round(0.3 * 10 * 1.5 * 0.4, 6) == 1.8)],
    "D20": [("85 % reported, 40 % real", ((30 + 4) / 40, 4 / 10) == (0.85, 0.4))],
    "E01": [("4", 2 ** -np.log2([1 / 2, 1 / 4, 1 / 8]).mean() == 4)],
    "E02": [("3/4", clip("dog dog dog runs", "a dog runs to the dog") == 3)],
    "E03": [("About 0.44", round((0.9 - 0.82) / (1 - 0.82), 2) == 0.44)],
    "E13": [("six times", (30 / 5, round((5 - 0.02 * 30) / 0.98, 1)) == (6, 4.5))],
    "F01": [("75 MB", 75 <= 2 * 12 * 768 * 1024 * 4 / 1e6 < 76)],
    "F02": [
        ("four of ten", round(1 - 0.99**50, 1) == 0.4),
        (
            "50 ms and 2,000 ms",
            np.percentile([50] * 985 + [2000] * 15, [50, 99]).tolist() == [50, 2000],
        ),
    ],
    "F04": [("After about 9", round(3000 / (400 - 50)) == 9)],
    "F06": [("49 of 67", (round(0.05 * 980), round(0.05 * 980 + 0.9 * 20)) == (49, 67))],
}


@pytest.mark.parametrize("card_id", NUMBERS)
def test_numbers_on_the_cards_come_out(card_id):
    card = next(card for card in CARDS if card["id"] == card_id)
    right = next(option for option in card["quiz"]["options"] if "correct" in option)
    text = " ".join([card["answer"], card["mistake"], right["text"], right["why"]])
    for shown, holds in NUMBERS[card_id]:
        assert shown in text, shown
        assert holds, shown


# Quiz and table


def test_quiz_shows_options_and_folds_the_answer(root):
    text = render_quiz(load_cards(root)[:1])
    visible, _, folded = text.partition("<details><summary>Answer</summary>\n\n")
    assert visible.startswith("**1 · Which one, A01?**\n\n- **a** eins\n- **b** zwei\n")
    assert "Why" not in visible
    assert folded.startswith("**c is right.** Why drei.\n\n- not a: Why eins.\n")
    assert "**Card A01: What is A01?** It is `x` < y." in folded
    assert "(#2.-Two-(words),-and-more); in part, more to come (notebook 09)." in folded
    assert "Cohen 1960, A Paper (text not consulted)." in folded
    assert text.endswith("\n\n</details>")
    assert text.count("<details>") == text.count("</details>") == 1


def test_theory_table_links_from_where_it_stands(root):
    cards = load_cards(root)
    cards[0]["question"] = "What is |v|?"
    lines = render_theory_table(cards, root).splitlines()
    assert lines[2] == "| | **Group** | |"
    assert lines[3].startswith(
        r"| A01 | What is \|v\|? | [01, 2. Two (words), and more](notebooks/"
    )
    assert lines[4] == "| A02 | What is A02? | demonstration to come |"
    assert "](../notebooks/01_words.ipynb#" in render_theory_table(cards, root / "notes")


# The deck


def read_deck(path, folder):
    """Return guid, note type, tags and fields of every note in an Anki package."""
    with zipfile.ZipFile(path) as package:
        package.extract("collection.anki2", folder)
    database = sqlite3.connect(folder / "collection.anki2")
    try:
        return database.execute("select guid, mid, tags, flds from notes").fetchall()
    finally:
        database.close()


@pytest.fixture
def genanki():
    return pytest.importorskip("genanki")


def test_two_builds_are_the_same_deck(tmp_path, genanki):
    decks = []
    for name in ("one", "two"):
        assert build_deck(tmp_path / name / "deck.apkg") == len(CARDS)
        decks.append(read_deck(tmp_path / name / "deck.apkg", tmp_path / name))
    assert decks[0] == decks[1]
    assert len({guid for guid, *_ in decks[0]}) == len(CARDS)
    assert all(len(fields.split("\x1f")) == len(DECK_FIELDS) for *_, fields in decks[0])


def test_edited_card_keeps_its_guid(tmp_path, genanki):
    build_deck(tmp_path / "old.apkg", CARDS[:2])
    before = read_deck(tmp_path / "old.apkg", tmp_path)
    edited = [CARDS[0] | {"question": "New?", "answer": "New.", "tags": ["new"]}, CARDS[1]]
    build_deck(tmp_path / "new.apkg", edited)
    after = read_deck(tmp_path / "new.apkg", tmp_path)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert after[0][3] != before[0][3] and after[1] == before[1]


def test_guids_and_numbers_stay_for_ever(tmp_path, genanki):
    """A learner's progress hangs on these values: a change here loses it."""
    build_deck(tmp_path / "deck.apkg", CARDS[:1])
    guid, model, *_ = read_deck(tmp_path / "deck.apkg", tmp_path)[0]
    assert (guid, model, module.DECK_ID) == ("ub!(w<c}{.", 1287309464, 1946820531)
    assert DECK_FIELDS[:3] == ("Id", "Question", "Answer") and len(DECK_FIELDS) == 10


def test_deck_fields_are_html():
    fields = make_deck_fields(make_card() | {"file": None})
    assert set(fields) == set(DECK_FIELDS)
    assert fields["Answer"] == "It is <code>x</code> &lt; y."
    assert fields["Options"].startswith('<ol type="a"><li>eins</li>')
    assert fields["Verdicts"].count("<b>right</b>") == 1
    assert fields["Verdicts"].count("<b>wrong</b>") == 3


def test_without_genanki_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "genanki", None)
    with pytest.raises(ImportError, match="the deck needs genanki: pip install"):
        build_deck(tmp_path / "deck.apkg", CARDS[:1])


def test_command_writes_the_deck(tmp_path, capsys, genanki):
    assert deck_tool.main([str(tmp_path / "new" / "deck.apkg")]) == 0
    assert "82 notes in" in capsys.readouterr().out
    assert zipfile.is_zipfile(tmp_path / "new" / "deck.apkg")
