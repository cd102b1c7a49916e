"""Tatoeba's split of groups, on tiny made-up files; the real file only where it lies already."""

import pytest

from utils.data import tatoeba
from utils.data.registry import get_cache_folder
from utils.data.splits import normalise

PAIRS = [(f"Number {i}.", f"Numéro {i}.") for i in range(300)]
CHAINS = [  # each a chain of paraphrases: only its ends share nothing
    [(f"It's {i} o'clock.", f"Il est {i} heures."), (f"It is {i}!", f"il est {i} heures"),
     (f"it is {i}", f"C'est {i}, dit-il.")]
    for i in range(200)
]  # fmt: skip
LONG = ("word " * 21, "mot")


@pytest.fixture
def load(monkeypatch, tmp_path):
    def write(rows):
        lines = "".join(f"{english}\t{french}\n" for english, french in rows)
        (tmp_path / "fra.txt").write_text(lines, encoding="utf8")
        monkeypatch.setattr(tatoeba, "fetch", lambda name: {"fra.txt": tmp_path / "fra.txt"})
        return tatoeba.load_tatoeba_groups()

    return write


def test_no_sentence_of_a_held_out_split_occurs_in_training(load):
    table = load(PAIRS + sum(CHAINS, []))
    assert set(table["split"]) == {"train", "validation", "test"}
    for side in ("english", "french"):
        sets = [set(part[side].map(normalise)) for _, part in table.groupby("split")]
        assert sum(map(len, sets)) == len(set.union(*sets))
    chains = table[~table["english"].str.startswith("Number")]
    assert chains["group"].nunique() == 200  # also what shares nothing but a paraphrase
    assert chains.groupby("group")["split"].nunique().max() == 1


def test_the_split_does_not_depend_on_the_order_or_on_other_pairs(load):
    rows = PAIRS + sum(CHAINS, [])
    splits = [dict(load(part)[["english", "split"]].values) for part in (rows, rows[::-1])]
    assert splits[0] == splits[1]
    alone = dict(load(PAIRS)[["english", "split"]].values)
    assert alone == {english: splits[0][english] for english, _ in PAIRS}


def test_a_pair_is_kept_once_and_a_long_one_not(load):
    table = load([("Hi!", "Salut !"), ("hi", "salut."), ("Hi!", "Bonjour !"), LONG, ("?", "!")])
    assert list(table["english"]) == ["Hi!"] * 2
    assert tatoeba.collect_references(table) == (["Hi!"], [["Salut !", "Bonjour !"]])


def test_a_smaller_sample_is_part_of_a_larger_one_and_holds_whole_groups(load):
    table = load(PAIRS + sum(CHAINS, []))
    small, large = (tatoeba.take_pairs(table, count) for count in (100, 400))
    assert 100 <= len(small) <= 102 and 400 <= len(large) <= 402
    assert set(small["group"]) < set(large["group"])
    for part in (small, large):
        sizes = table["group"].value_counts()[part["group"].unique()]
        assert sizes.sum() == len(part)
    assert len(tatoeba.take_pairs(table, 10_000)) == len(table)


def test_a_line_that_is_no_pair_is_refused_with_its_number(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("\ufeffHi.\tSalut.\tCC BY\n\nno tab\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"pairs.txt, line 3: 'no tab' is not a sentence, a tab"):
        tatoeba.read_lines(path)
    path.write_text("\ufeffHi.\tSalut.\tCC BY\n\nNo.\tNon.\n", encoding="utf8")
    assert tatoeba.read_lines(path) == [("Hi.", "Salut."), ("No.", "Non.")]


@pytest.mark.skipif(
    not (get_cache_folder() / "tatoeba" / "fra.txt").exists(), reason="the file is not committed"
)
def test_the_split_of_the_real_file_is_the_committed_one():
    table = tatoeba.load_tatoeba_groups()
    counts = {"train": 157_767, "validation": 4_228, "test": 4_257}
    assert table["split"].value_counts().to_dict() == counts
    assert table.groupby("group")["split"].nunique().max() == 1
    assert table["group"].nunique() == 109_009
    sources, references = tatoeba.collect_references(table[table["split"] == "test"])
    assert len(sources) == 2_975 and sum(len(each) > 1 for each in references) == 838
