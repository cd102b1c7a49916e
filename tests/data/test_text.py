import unicodedata

import numpy as np
import pytest

from utils.runtime import start

start()

import keras

from utils.data import corpora
from utils.data.text import (
    build_vocabulary,
    encode_texts,
    look_up_vectors,
    split_words,
    standardise,
)


def make_vectorizer(texts, vocabulary_size=500, length=12):
    layer = keras.layers.TextVectorization(
        max_tokens=vocabulary_size, standardize=standardise, output_sequence_length=length
    )
    layer.adapt(texts)
    return layer


def test_the_layer_agrees_with_the_functions_on_real_text():
    texts = corpora.load_movie_snippets()["text"].tolist()[:2000]
    layer = make_vectorizer(texts[:1000])
    vocabulary = build_vocabulary(texts[:1000], 500)
    assert layer.get_vocabulary() == vocabulary
    assert np.array_equal(np.asarray(layer(texts)), encode_texts(texts, vocabulary, 12))


@pytest.mark.parametrize(
    "text, words",
    [
        ("", []),
        ("  ", []),
        ("Isn't it?", ["is", "n't", "it", "?"]),
        (
            "They're here, we'll see...",
            ["they", "'re", "here", ",", "we", "'ll", "see", ".", ".", "."],
        ),
        ("''Conan''", ['"', "conan", '"']),
        ("clichés", ["clichés"]),
        ("🙂🙂", ["🙂🙂"]),
        ("a\x85b\xa0c\td", ["a", "b\xa0c", "d"]),  # IMDB has such signs
        ("a" * 3000, ["a" * 3000]),
    ],
)
def test_words(text, words):
    assert split_words(text) == words
    layer = make_vectorizer(["x", text])
    assert layer.get_vocabulary() == build_vocabulary(["x", text], 500)
    assert np.array_equal(
        np.asarray(layer([text])), encode_texts([text], layer.get_vocabulary(), 12)
    )


def test_composed_and_decomposed_accents_are_two_words_but_never_an_error():
    composed = unicodedata.normalize("NFC", "Amélie")
    decomposed = unicodedata.normalize("NFD", "Amélie")
    assert split_words(composed) == ["amélie"] and len(split_words(decomposed)) == 1
    layer = make_vectorizer([composed])
    ids = np.asarray(layer([composed, decomposed]))[:, 0]
    assert (
        ids.tolist()
        == encode_texts([composed, decomposed], layer.get_vocabulary(), 12)[:, 0].tolist()
    )


def test_vocabulary_keeps_the_most_frequent():
    vocabulary = build_vocabulary(["b b b a a c"], 4)
    assert vocabulary == ["", "[UNK]", "b", "a"]
    assert encode_texts(["c b zebra"], vocabulary, 5).tolist() == [[1, 2, 1, 0, 0]]


def test_vectors_are_copied_or_random_but_stable():
    table = np.arange(6, dtype="float32").reshape(2, 3)
    vectors = look_up_vectors(["", "[UNK]", "good"], {"good": 1}, table)
    assert vectors[2].tolist() == [3, 4, 5] and vectors.dtype == np.float32
    assert np.array_equal(vectors, look_up_vectors(["", "[UNK]", "good"], {"good": 1}, table))


def test_a_saved_layer_keeps_its_vocabulary(tmp_path):
    texts = ["one\x85two\u2028three\x1cfour \x85", "one\xa0half"]
    layer = make_vectorizer(texts)
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert again.get_vocabulary() == layer.get_vocabulary() == build_vocabulary(texts, 500)
