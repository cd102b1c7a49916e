"""The pieces of the translators: an exact way back, nothing unknown, the course's normalisation."""

import numpy as np
import pytest

from utils.data import subwords
from utils.data.pairs import END, PADDING, START, UNKNOWN, load_phrasebook
from utils.data.registry import load_registry
from utils.data.text import normalise_text

TEXTS = ["The cat isn't here.", "L'eau est là !", "Where is the cat?", "J’ai vu le chat."] * 3
HARD = [
    "[START] hi [UNK] <0x41> [END]",  # no special token, nor a byte
    "日本 été 😀",
    "  a \t b ▁c",
    "Aujourd’hui, c'est-à-dire «\u00a0oui\u00a0»…",
    "''' ' a' 'b - -c \u0301x",
    "\ufeffAme\u0301lie\u200b!? 1,000.50",
]


@pytest.fixture(scope="module", params=["small", "shipped"])
def tokenizer(request):
    if request.param == "small":
        return subwords.train_subwords(TEXTS, 340)
    return subwords.load_subwords()


@pytest.mark.parametrize("text", [*TEXTS[:4], *HARD, ""])
def test_the_way_back_is_exact_and_nothing_is_unknown(tokenizer, text):
    row = subwords.encode_sentences([text, "the cat"], tokenizer, ends=True)
    assert row.dtype == "int32" and (row[:, 0] == START).all()
    assert (row == END).sum(axis=1).tolist() == [1, 1]
    assert not (row == UNKNOWN).any()
    found = subwords.decode_sentences(row, tokenizer)
    assert found == [subwords.normalise_sentence(text), "the cat"]
    assert subwords.decode_sentences(row[:, 1:], tokenizer) == found


def test_it_is_the_course_s_normalisation_in_lower_case():
    text = "\ufeffIt ISN’T\u00a0Ame\u0301lie…"
    assert subwords.normalise_sentence(text) == normalise_text(text).lower() == "it isn't amélie..."


def test_no_piece_crosses_a_mark_or_goes_on_after_an_apostrophe(tokenizer):
    for piece in tokenizer.get_vocab():
        text = piece.strip("▁")
        assert "'" not in text[:-1], piece
        assert piece.startswith(("<0x", "[")) or text in ".,?!;:-" or text.strip(".,?!;:-") == text
    shown = tokenizer.encode("j'ai vu l'eau !").tokens
    assert "".join(shown) == "▁j'ai▁vu▁l'eau▁!" and shown[-1] == "▁!"


def test_rows_are_padded_on_the_right_and_ids_behind_the_end_are_not_read(tokenizer):
    rows = subwords.encode_sentences(["cat", "the cat is here"], tokenizer)
    assert rows[0, -1] == PADDING and rows[1, -1] != PADDING
    more = np.array([[START, *rows[1], END, *rows[1]]])
    assert subwords.decode_sentences(more, tokenizer) == ["the cat is here"]
    assert subwords.encode_sentences([""], tokenizer).shape == (1, 1)


def test_what_is_shipped_has_4000_pieces_and_knows_the_phrasebook():
    tokenizer, entry = subwords.load_subwords(), load_registry()["bpe-translation"]
    assert tokenizer.get_vocab_size() == entry["rows"] == 4_000
    assert [tokenizer.id_to_token(k) for k in range(4)] == ["[PAD]", "[UNK]", "[START]", "[END]"]
    part = load_phrasebook(split="validation").head(300)
    for side in ("english", "french"):
        texts = [subwords.join_words(words, french=side == "french") for words in part[side]]
        rows = subwords.encode_sentences(texts, tokenizer)
        assert subwords.decode_sentences(rows, tokenizer) == texts
        words = sum(map(len, part[side]))
        assert np.count_nonzero(rows) < 1.4 * words  # most words are whole
