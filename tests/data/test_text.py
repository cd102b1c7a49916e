import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest

from utils.runtime import start

start()

import keras

from utils.data import corpora
from utils.data.text import (
    align_text,
    build_vocabulary,
    encode_texts,
    look_up_vectors,
    normalise_text,
    split_words,
)
from utils.runtime import ROOT

LOOK_ALIKES = {  # what goes in, and the plain text that it is the same as
    "It isn’t": "it isn't",
    "It isn\u02bct, it can\u00b4t, it won‘t": "it isn't, it can't, it won't",
    "“great” „great‟": '"great" "great"',
    "good\u00a0film\u202f!\u3000Go": "good film ! go",
    "good\u200bfilm so\u00adfa \u200eleft\u200f co\u2060op": "goodfilm sofa left coop",
    "fi\u200cne fi\u200dne\u200d \u200dok": "fine fine ok",
    "\ufeffGood": "good",
    "film…": "film...",
    "well\u2011made": "well-made",
    "Cliche\u0301s, nai\u0308ve": "clich\u00e9s, na\u00efve",
    "e\u200b\u0301t\u00e9": "\u00e9t\u00e9",
    "one\x85two\u2028three\x1cfour": "one two three four",
}
NASTY = "aI'-. \n\tß–—…’“\u00a0\u3000\u2028\x85\x1f\u200b\u00ad\ufeff\u200e\u2066\u200c\u200d"
NASTY += "eé\u0301\u0308\u0327İ\u0307Σς\u1112\u1161\u11abकि\u094dم\u064f🙂\u2764\ufe0f👩🏽🎤´\u1ffd"


def draw_nasty(count=300, longest=12):
    random = np.random.default_rng(0)
    lengths = random.integers(0, longest, count)
    return ["".join(random.choice(list(NASTY), size=length)) for length in lengths]


def read_with_keras(known, texts):
    """Return vocabulary and token ids by Keras' own layer, from words set apart by spaces."""
    known, texts = ([" ".join(split_words(text)) for text in each] for each in (known, texts))
    layer = keras.layers.TextVectorization(500, standardize=None, output_sequence_length=12)
    layer.adapt(known)
    return layer.get_vocabulary(), np.asarray(layer(texts))


def test_the_layer_agrees_with_the_functions_on_real_text():
    texts = corpora.load_movie_snippets()["text"].tolist()[:2000]
    vocabulary, token_ids = read_with_keras(texts[:1000], texts)
    assert vocabulary == build_vocabulary(texts[:1000], 500)
    assert np.array_equal(token_ids, encode_texts(texts, vocabulary, 12))


@pytest.mark.parametrize(
    "text, words",
    [
        ("", []),
        ("  ", []),
        ("Isn't it?", ["is", "n't", "it", "?"]),
        ("They're here, we'll...", ["they", "'re", "here", ",", "we", "'ll", ".", ".", "."]),
        ("''Conan''", ['"', "conan", '"']),
        ("clichés", ["clichés"]),
        ("🙂🙂", ["🙂🙂"]),
        ("👩🏽\u200d🎤 می\u200cخواهم", ["👩🏽\u200d🎤", "می\u200cخواهم"]),
        ("a\x85b\xa0c\td", ["a", "b", "c", "d"]),  # IMDB has such signs
        ("good—great, 1914–1918", ["good", "—", "great", ",", "1914", "–", "1918"]),
        ("«Bien», ¡hola!", ["«", "bien", "»", ",", "¡", "hola", "!"]),
        ("a" * 3000, ["a" * 3000]),
    ],
)
def test_words(text, words):
    assert split_words(text) == words
    vocabulary, token_ids = read_with_keras(["x", text], [text])
    assert vocabulary == build_vocabulary(["x", text], 500)
    assert np.array_equal(token_ids, encode_texts([text], vocabulary, 12))


@pytest.mark.parametrize("text, plain", LOOK_ALIKES.items())
def test_what_looks_the_same_is_the_same(text, plain):
    assert normalise_text(text).lower() == plain
    assert split_words(text) == split_words(plain)
    ids = encode_texts([text, plain], build_vocabulary([plain], 500), 12)
    assert ids[0].tolist() == ids[1].tolist() and 1 not in ids


def test_every_space_splits():
    spaces = [c for c in map(chr, range(0x3001)) if c.isspace()]
    assert len(spaces) > 25
    for space in spaces:
        assert split_words(f"a{space}b") == ["a", "b"]
        assert normalise_text(space) == (space if space in "\t\n\r" else " ")


def test_a_normal_text_stays():
    texts = draw_nasty()
    normal = [normalise_text(text) for text in texts]
    assert [normalise_text(text) for text in normal] == normal
    assert all(unicodedata.is_normalized("NFC", text) for text in normal)


def test_each_character_of_a_normal_text_knows_where_it_was():
    for text in draw_nasty():
        read, places = align_text(text)
        assert read == normalise_text(text) and len(read) == len(places)
        assert places == sorted(places)
        for character, (a, b) in zip(read, places, strict=True):
            assert character in normalise_text(text[a:b]) + "\u200c\u200d"
    assert align_text("Pa\u00adris\u200b—e\u0301…")[1][3:] == [
        *[(4, 5), (5, 6), (7, 8), (8, 10)],  # what is invisible belongs to no character
        *[(10, 11)] * 3,
    ]


READ_AGAIN = """
import sys
from utils.data.text import build_vocabulary, encode_texts
texts = sys.stdin.buffer.read().decode("utf8").split("|")
print(encode_texts(texts, build_vocabulary(texts, 500), 12).tolist())
"""


def test_texts_read_the_same_where_the_small_i_has_no_dot():
    texts = ["IT IS Ìn İzmir", "one\xa0half \x85", *LOOK_ALIKES]
    found = subprocess.run(
        [sys.executable, "-c", READ_AGAIN],
        input="|".join(texts).encode(), capture_output=True, check=True, cwd=ROOT,
        env=os.environ | {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    )  # fmt: skip
    vocabulary = build_vocabulary(texts, 500)
    assert "it" in vocabulary
    assert found.stdout.decode().strip() == str(encode_texts(texts, vocabulary, 12).tolist())


@pytest.mark.parametrize(
    "texts, error, said",
    [
        ("one text", TypeError, r"a list of texts, not one string; write \['one text'\]"),
        (["a", None], TypeError, r"texts\[1\] is None, of type NoneType"),
        (["a", "b", float("nan")], TypeError, r"texts\[2\] is nan, of type float"),
        ([7], TypeError, r"texts\[0\] is 7, of type int"),
        ([["a", "list"]], TypeError, r"texts\[0\] is \['a', 'list'\], of type list"),
        ([b"bytes"], TypeError, r"texts\[0\] is b'bytes', of type bytes"),
        (["a", "b \ud83d"], ValueError, r"texts\[1\] holds .* '\\ud83d', at place 2"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, error, said):
    with pytest.raises(error, match=said):
        build_vocabulary(texts, 9)
    with pytest.raises(error, match=said):
        encode_texts(texts, [], 5)


@pytest.mark.parametrize("text", [None, float("nan"), 3, b"x", ["x"]])
def test_what_is_no_text_is_refused(text):
    for read in (split_words, normalise_text, align_text):
        with pytest.raises(TypeError, match=f"text is .*, of type {type(text).__name__}"):
            read(text)


def test_vectors_are_copied_or_random_but_stable():
    table = np.arange(6, dtype="float32").reshape(2, 3)
    vectors = look_up_vectors(["", "[UNK]", "good"], {"good": 1}, table)
    assert vectors[2].tolist() == [3, 4, 5] and vectors.dtype == np.float32
    assert np.array_equal(vectors, look_up_vectors(["", "[UNK]", "good"], {"good": 1}, table))
