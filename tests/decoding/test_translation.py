"""The decoders of both translators, beside a full pass and a search over all sequences."""

import itertools

import keras
import numpy as np
import pytest
from small_models import IDS, WORDS, build_transformer, build_translator, randomise, run, to_numpy

from utils.data import pairs
from utils.decoding import translation

ENDS = (pairs.END, pairs.PADDING)
SOURCE = IDS[[0, 2, 3]]


def build(name, seed, **settings):
    """Return a translator with random weights and the function that builds its beam decoder."""
    if name == "transformer":
        model, build_decoder = build_transformer(**settings)[0], translation.build_prefix_decoder
        return randomise(model, seed=seed), build_decoder
    model = build_translator(name, **settings)[0]
    return randomise(model, scale=1.5, seed=seed), translation.build_beam_decoder


def score_tokens(model, source, tokens):
    """Return the log-probabilities (N, L, V) of what follows the start and each token."""
    read = np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=pairs.START)
    logits = run(model, np.resize(source, (len(tokens), source.shape[1])), read)
    return to_numpy(keras.ops.log_softmax(logits.astype("float64")))


def check_best_of_the_full_pass(model, found):
    """Check that tokens (B, L) are the likeliest at every place, and padding after the end."""
    assert len(np.unique(found)) > 4 and (found == pairs.END).any() and found[:, -1].any()
    best = score_tokens(model, SOURCE, found).argmax(axis=-1)
    for row, wanted in zip(found, best, strict=True):
        stop = next((t for t, token in enumerate(wanted) if token in ENDS), len(row))
        assert np.array_equal(row[: stop + 1], wanted[: stop + 1])
        assert (row[stop + 1 :] == pairs.PADDING).all()


@pytest.mark.parametrize("score, seed", [(None, 93), ("additive", 24)])
def test_greedy_takes_the_best_of_the_full_pass(score, seed):
    model, _ = build(score, seed)
    decode = translation.build_greedy_decoder(model, 8)
    found = translation.translate(decode, SOURCE, batch_size=2)
    assert found.shape == (3, 8)
    check_best_of_the_full_pass(model, found)


@pytest.mark.parametrize("name, seed", [("dot", 9), ("transformer", 79)])
def test_beam_of_one_is_greedy(name, seed):
    model, build_decoder = build(name, seed)
    decode = build_decoder(model, 5, 1)
    tokens, scores = map(to_numpy, decode(SOURCE))
    assert tokens.shape == (3, 1, 5) and scores.shape == (3, 1)
    check_best_of_the_full_pass(model, tokens[:, 0])
    for batch_size in (1, 3):
        found = translation.translate(decode, SOURCE, batch_size=batch_size)
        assert np.array_equal(found, tokens[:, 0])


def search_all(model, source, length):
    """Score every sequence of a tiny vocabulary that ends, or is `length` tokens long."""
    sequences = itertools.product(range(model.output_shape[-1]), repeat=length)
    stops = {s: next((t for t, k in enumerate(s) if k in ENDS), length) for s in sequences}
    tokens = np.array([s for s, stop in stops.items() if not any(s[stop + 1 :])], "int32")
    nats = score_tokens(model, source, tokens)
    nats = np.take_along_axis(nats, tokens[:, :, None], axis=-1)[:, :, 0]
    lengths = np.array([stops[tuple(row)] + 1 for row in tokens.tolist()])
    totals = np.where(np.arange(length) < lengths[:, None], nats, 0).sum(axis=1)
    order = np.argsort(-totals)
    return tokens[order], totals[order]


@pytest.mark.parametrize("name", ["general", "transformer"])
def test_wide_beam_equals_brute_force(name):
    model, build_decoder = build(name, seed=5, target_size=5)
    tokens, scores = map(to_numpy, build_decoder(model, 3, 5**3)(SOURCE[:2]))
    for row in range(2):
        sequences, totals = search_all(model, SOURCE[row : row + 1], 3)
        assert np.array_equal(tokens[row, :10], sequences[:10])
        assert np.allclose(scores[row, :10], totals[:10], atol=1e-4)


@pytest.mark.parametrize("name", ["dot", "transformer"])
def test_ids_outside_the_vocabulary_are_refused(name):
    model, build_decoder = build(name, seed=1)
    decoders = [build_decoder(model, 4, 2)]
    decoders += [translation.build_greedy_decoder(model, 4)] if name == "dot" else []
    last = len(WORDS) - 1
    for decode in decoders:
        decode(np.full((1, 3), last, "int32"))
        for wrong in (last + 1, 999, -1):
            with pytest.raises(ValueError, match=f"token ids are from 0 to {last}, not {wrong}"):
                decode(np.array([[1, wrong, 2]], "int32"))


@pytest.mark.parametrize("name", ["greedy", "dot", "transformer"])
def test_utils_refuses_what_gives_no_translation(name):
    model, build_beams = build("dot" if name == "greedy" else name, seed=1)

    def build_decoder(model, length, width, **penalty):
        if name == "greedy":
            return translation.build_greedy_decoder(model, length)
        return build_beams(model, length, width, **penalty)

    for length in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match=f"length must be .* at least 1, not {length}"):
            build_decoder(model, length, 2)
    for width in (0, -1, 2.0, True) if name != "greedy" else ():
        with pytest.raises(ValueError, match=f"beam_width must be .* at least 1, not {width}"):
            build_decoder(model, 4, width)
    for penalty in (np.nan, "1", True) if name == "dot" else ():
        with pytest.raises(ValueError, match="penalty must be a number, not"):
            build_decoder(model, 4, 2, penalty=penalty)
    with pytest.raises(ValueError, match="whole numbers, not of type float64"):
        build_decoder(model, 4, 2)(np.array([[1.5, 2.0]]))
    with pytest.raises(ValueError, match="batch_size must be"):
        translation.translate(None, SOURCE, batch_size=0)
    logits = model.get_layer("logits")
    logits.bias.assign(np.where(np.arange(logits.units) == 3, np.nan, 0.0))
    with pytest.raises(ValueError, match="scores of the next token hold NaN or infinity"):
        build_decoder(model, 4, 2)(SOURCE)


def test_a_batch_is_filled_with_a_sentence():
    seen = []

    def decode(source_ids):
        seen.append(source_ids)
        return source_ids

    found = translation.translate(decode, np.array([[5, 6], [7, 0], [8, 9]]), batch_size=2)
    assert found.tolist() == [[5, 6], [7, 0], [8, 9]]
    assert [batch.tolist() for batch in seen] == [[[5, 6], [7, 0]], [[8, 9], [8, 9]]]


def test_chosen_prefixes_by_hand():
    totals = np.array([[-1.0, -2.0]], "float32")
    nats = np.log([[0.1, 0.1, 0.1, 0.1, 0.6], [0.2] * 5]).astype("float32")
    given = map(keras.ops.convert_to_tensor, (totals, np.array([4, pairs.END], "int32"), nats))
    totals, rows, last = map(to_numpy, translation.choose_prefixes(*given))
    assert rows.tolist() == [0, 1] and last.tolist() == [4, pairs.PADDING]
    assert np.allclose(totals, [[np.log(0.6) - 1, -2.0]], atol=1e-6)


def test_penalty_divides_by_the_length():
    model, build_decoder = build("dot", seed=4)
    tokens, scores = map(to_numpy, build_decoder(model, 5, 6)(SOURCE))
    long, means = map(to_numpy, build_decoder(model, 5, 6, penalty=1.0)(SOURCE))
    by_hand = scores / np.maximum(np.count_nonzero(tokens, axis=-1), 1)
    assert np.allclose(means, -np.sort(-by_hand, axis=1), atol=1e-5)
    assert np.count_nonzero(long[:, 0]) >= np.count_nonzero(tokens[:, 0])


@pytest.mark.parametrize("score", [None, "dot"])
def test_raw_texts_of_any_content_get_an_answer(score):
    vocabulary = [*pairs.SPECIAL, "café", "ok", "."]
    decode = translation.build_greedy_decoder(build(score, seed=3, target_size=7)[0], 5)
    texts = ["", "  ", "caf\u00e9 ok.", "cafe\u0301 OK.", "🙂 zzz", "ok " * 100]
    answers = translation.translate_texts(decode, texts, vocabulary, vocabulary)
    assert len(answers) == len(texts) and answers[:2] == ["", ""]
    assert answers[2] == answers[3]  # NFC and NFD
    assert all(len(answer.split()) <= 5 for answer in answers)
