import pytest

from utils.baselines.entity_rules import choose_type, find_by_rules, load_places

PLACES = {"Rome", "Norway", "Melbourne", "Netherlands"}


def find(text, ordinary=frozenset()):
    return [(text[a:b], label) for a, b, label in find_by_rules(text, ordinary, PLACES)]


@pytest.mark.parametrize(
    "text",
    [
        "$1.2 billion",
        "about 40 euros",
        "more than $2 million",
        "US$90",
        "a hundred dollars",
        "ten to fifteen euros",
    ],
)
def test_an_amount_keeps_sign_unit_and_bound(text):
    assert find(f"it cost {text}, they said.") == [(text, "MONEY")]


@pytest.mark.parametrize(
    "text",
    [
        "early 2019",
        "two weeks ago",
        "a year later",
        "next month",
        "mid-July",
        "the end of May",
        "12 March 1994",
        "Tuesday, June 3",
        "the 1960s",
        "the 14th",
        "almost three years",
        "every day",
    ],
)
def test_a_date_keeps_what_says_which_one(text):
    assert find(f"it was {text}, they said.") == [(text, "DATE")]


@pytest.mark.parametrize(
    "text", ["it may rain", "twice a day", "12,500 people", "she marched", "half of them"]
)
def test_what_only_looks_like_a_date_or_an_amount_is_none(text):
    assert find(text) == []


def test_an_age_between_commas_is_a_date():
    assert find("Ann, 35, won.") == [("Ann", "PERSON"), ("35", "DATE")]


def test_names_get_their_type_from_words_gazetteer_and_neighbours():
    assert find("the Bank of Rome") == [("the Bank of Rome", "ORG")]
    assert find("Ann's boss met NATO's envoy in Tromp.") == [
        ("Ann", "PERSON"),
        ("NATO", "ORG"),
        ("Tromp", "GPE"),
    ]
    assert find("she works at Acme, not for Ada Rey") == [("Acme", "ORG"), ("Ada Rey", "PERSON")]
    assert find("they left the Netherlands") == [("the Netherlands", "GPE")]
    assert choose_type("Melborne", "", PLACES) == "GPE"  # a slip
    assert choose_type("Norwy", "", PLACES) == "PERSON"  # too short for one


def test_an_ordinary_word_is_no_name_where_a_sentence_begins():
    assert find("Sales rose. Rain fell.", {"sales", "rain"}) == []
    assert find("Sales of Ford rose.", {"sales", "of"}) == [("Ford", "GPE")]
    assert find("He met Rain.", {"he", "rain"}) == [("Rain", "PERSON")]


def test_without_capitals_only_places_are_names():
    assert find("ann moved to rome for 20 euros") == [("rome", "GPE"), ("20 euros", "MONEY")]


def test_an_empty_text_has_no_entities():
    assert find("") == [] == find("...")


def test_the_gazetteer_holds_countries_and_cities():
    places = load_places()
    assert {"Germany", "Tokyo", "New York", "Buenos Aires"} <= places and len(places) > 500
    assert not any("_" in place or "/" in place or "(" in place for place in places)
