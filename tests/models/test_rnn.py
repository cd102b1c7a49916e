"""The laws that language models obey, on tiny sizes, and Kneser-Ney by hand."""

import itertools

import keras
import numpy as np
import pytest
from small_models import to_numpy

from utils.baselines.kneser_ney import NgramModel, count_ngrams, estimate_discounts
from utils.data import tokenizers
from utils.decoding import sampling
from utils.decoding.filters import draw_gumbel, filter_logits
from utils.models import rnn

V = 7


def build(**settings):
    return rnn.build_language_model(V, embedding_dim=3, hidden_dim=5, **settings)


def make_ids(shape, seed=0):
    return np.random.default_rng(seed).integers(0, V, shape)


# Tokens


def test_words_joined_are_the_text_and_unknown_ones_are_spelled():
    text = "DUKE:\nIf music be the food—of love,  play on; 'tis I'll\n"
    assert "".join(tokenizers.WORDS.findall(text)) == text
    tokens = tokenizers.build_word_tokens(text + " the the of of", 60)
    assert "".join(tokens[k] for k in tokenizers.encode_words(text, tokens)) == text
    tokens = tokenizers.build_word_tokens("abc de abc", 7)
    found = [tokens[k] for k in tokenizers.encode_words(" abc cab", tokens)]
    assert found == [" abc", " ", "c", "a", "b"]
    with pytest.raises(KeyError, match="z"):
        tokenizers.encode_characters("az", ["a"])


# N-grams


def test_kneser_ney_by_hand():
    levels = count_ngrams(np.array([1, 2, 1, 3, 1, 2]), 2, 4)
    model = NgramModel(levels, 4, discounts=[0.5, 0.75, 1.0])
    # unigrams: 1 follows two tokens, 2 and 3 one each; 1 gives 0.75, the others 0.5 away
    taken = 0.75 + 0.5 + 0.5
    p_2 = (1 - 0.5) / 4 + taken / 4 * (1 / 4)
    # after 1 came 2 twice and 3 once
    expected = (2 - 0.75) / 3 + (0.75 + 0.5) / 3 * p_2
    # after 0 nothing ever came: the shorter context decides alone
    found = model.score_windows(np.array([[1, 2], [0, 2]]))
    assert found.tolist() == pytest.approx([expected, p_2])


def test_each_order_has_the_three_discounts_of_its_own_counts():
    # eight n-grams came once, four twice, three three times, one four times, one 20 times
    counts = np.repeat([1, 2, 3, 4, 20], [8, 4, 3, 1, 1])
    Y = 8 / (8 + 2 * 4)
    expected = [1 - 2 * Y * 4 / 8, 2 - 3 * Y * 3 / 4, 3 - 4 * Y * 1 / 3]
    assert estimate_discounts(counts).tolist() == pytest.approx(expected)
    for poor in ([1, 1, 2], [2, 2, 3, 4], [5], [1, 2, *[3] * 9, 4]):  # a division by 0, or below 0
        assert estimate_discounts(np.array(poor)).tolist() == [0.5, 1.0, 1.5]
    token_ids = np.random.default_rng(0).integers(0, 20, 20_000)  # few trigrams, all pairs
    levels = count_ngrams(token_ids, 3, 20)
    model = NgramModel(levels, 20)
    given = [estimate_discounts(counts) for _, counts in levels]
    assert not np.allclose(given[1], given[2])
    for order, discounts in enumerate(given):
        alone = NgramModel([levels[order]], 20, discounts).levels[0]
        assert all(map(np.array_equal, alone, model.levels[order]))


@pytest.mark.parametrize("order", [1, 3, 5])
def test_probabilities_of_all_tokens_sum_to_one(order):
    model = NgramModel(count_ngrams(make_ids(500), order, V), V)
    for context in itertools.islice(itertools.product(range(V), repeat=order - 1), 50):
        found = model.score_windows(np.array([[*context, token] for token in range(V)]))
        assert found.min() > 0 and found.sum() == pytest.approx(1)


def test_score_sees_only_what_came_before():
    model = NgramModel(count_ngrams(make_ids(500), 3, V), V)
    token_ids = make_ids(30, seed=1)
    changed = token_ids.copy()
    changed[20] = (changed[20] + 1) % V
    same = np.equal(*map(model.score, (token_ids, changed)))
    assert same[:20].all() and not same[20:23].all()
    assert same[23:].all()  # a trigram reaches two tokens back


# Recurrent networks


def test_streams_go_on_where_the_last_batch_ended():
    x, y = rnn.make_streams(np.arange(100), batch_size=3, sequence_length=4)
    assert x.shape == y.shape == (24, 4)
    assert np.array_equal(y, x + 1) and np.array_equal(x[3:], x[:-3] + 4)


def test_one_token_at_a_time_equals_one_pass():
    model, stepwise = build(), build(batch_size=2, stateful=True)
    stepwise.set_weights(model.get_weights())
    token_ids = make_ids((2, 6))
    steps = [to_numpy(stepwise(token_ids[:, t : t + 1]))[:, 0] for t in range(6)]
    assert np.allclose(np.stack(steps, axis=1), model.predict_on_batch(token_ids), atol=1e-5)


def test_bits_are_those_of_the_loss_whatever_the_spans():
    model, token_ids = build(), make_ids(60)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    nats = float(loss(token_ids[None, 1:], model.predict_on_batch(token_ids[None, :-1])))
    whole = rnn.measure_bits(model, token_ids, span=59, context=0)
    assert whole.mean() * np.log(2) == pytest.approx(nats, rel=1e-5)
    # with 40 tokens to warm up, spans give what one pass gives (after padding is forgotten)
    spans = rnn.measure_bits(model, token_ids, span=7, context=40)
    assert whole.shape == spans.shape == (59,)
    assert np.allclose(spans[45:], whole[45:], atol=1e-3)


# Generation


def test_the_model_and_the_noise_decide_what_follows_the_given_tokens():
    model, noise = build(), draw_gumbel((12, 2, V), seed=3)
    given = np.full((12, 2), -1, "int32")
    given[:3] = [[1, 2], [3, 4], [5, 6]]
    generate = sampling.build_generator(model, temperature=0.8, top_k=4)
    found = to_numpy(generate(given, noise))
    assert np.array_equal(found[:3], given[:3])
    assert np.array_equal(found, to_numpy(generate(given, noise)))
    logits = model.predict_on_batch(found.T)[:, :-1]  # of tokens 1, ..., 11
    for t in range(3, 12):
        kept = to_numpy(filter_logits(logits[:, t - 1], temperature=0.8, top_k=4))
        assert np.array_equal((kept + noise[t]).argmax(axis=-1), found[t])
    for wrong in (V, 999, -2):
        with pytest.raises(ValueError, match=f"token ids are from -1 to {V - 1}, not {wrong}"):
            generate(np.full((12, 2), wrong, "int32"), noise)
    with pytest.raises(ValueError, match="but noise"):
        generate(given, noise[1:])


def test_utils_refuses_noise_and_scores_that_are_no_numbers():
    model, noise, given = build("GRU"), draw_gumbel((4, 1, V)), np.full((4, 1), -1, "int32")
    generate = sampling.build_generator(model)
    with pytest.raises(ValueError, match="but noise"):
        generate(given, noise[..., :1])  # the same for all tokens: no noise
    for wrong in (np.nan, np.inf):
        noise[2, 0, 1] = wrong
        with pytest.raises(ValueError, match=f"1 of {4 * V} are NaN or infinite"):
            generate(given, noise)
    model.get_layer("logits").bias.assign(np.full(V, np.nan))
    with pytest.raises(ValueError, match="scores of the next token hold NaN or infinity"):
        sampling.build_generator(model)(given, np.zeros((4, 1, V)))
