"""MiniLM's vectors, beside those of `transformers`; odd texts."""

import numpy as np
import pytest

from utils.models.sentences import MAX_TOKENS, embed_sentences, embed_tokens

TEXTS = ["The river burst its banks.", "", "A loan from the bank, and a long letter about it."]
# Every 48th number of their vectors, from the tokenizer and the model of `transformers` 5.23
EXPECTED = [
    [0.056124, 0.018813, -0.057317, -0.009558, 0.065729, 0.112951, 0.027734, 0.036479],
    [-0.118838, 0.063324, 0.029042, 0.007964, -0.086478, 0.069688, -0.022747, -0.104721],
    [-0.049321, 0.000618, -0.07364, -0.093924, -0.068933, 0.07393, 0.015857, -0.012496],
]


def test_vectors_are_those_that_transformers_gave():
    found = embed_sentences(TEXTS)
    np.testing.assert_allclose(found[:, ::48], EXPECTED, atol=1e-5)
    for vector, (tokens, states) in zip(found, embed_tokens(TEXTS), strict=True):
        assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
        mean = states.mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_padding_and_batches_change_nothing():
    alone = np.concatenate([embed_sentences([text]) for text in TEXTS])
    assert alone.shape == (3, 384)
    for batch_size in (2, 32):
        assert np.abs(embed_sentences(TEXTS, batch_size=batch_size) - alone).max() < 1e-5


def test_what_is_too_long_is_cut():
    long = "word " * (MAX_TOKENS - 2)
    assert len(embed_tokens([long])[0][0]) == MAX_TOKENS
    assert np.array_equal(embed_sentences([long]), embed_sentences([long + "and another end"]))


def test_odd_texts_have_vectors_of_length_1():
    found = embed_sentences(["", "qwxz brfl", "🙂🙂", "caf\u00e9", "cafe\u0301", "dull " * 1000])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines = found @ found.T
    assert cosines[3, 4] > 1 - 1e-5  # accents in two ways
    assert (cosines > 0.99).sum() == 6 + 2


@pytest.mark.parametrize("embed", [embed_sentences, embed_tokens])
def test_no_text_has_no_vector_and_what_is_no_list_of_texts_is_refused(embed):
    assert len(embed([])) == 0
    with pytest.raises(TypeError, match=r"not one string; write \['bank'\]"):
        embed("bank")


def test_below_the_first_layer_a_token_knows_its_place_only():
    texts = ["the bank failed", "a bank of mud"]
    vectors = [[states[2] for _, states in embed_tokens(texts, layer=layer)] for layer in (0, 1)]
    assert embed_tokens(texts)[0][0][2] == "bank"
    below, above = (np.abs(first - second).max() for first, second in vectors)
    assert below < 1e-6 and above > 0.01
