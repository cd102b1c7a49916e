"""Decoding, against hand computations, the definition of the softmax and `transformers`."""

import dataclasses

import keras
import numpy as np
import pytest

from utils.decoding.beam_search import BeamSearch
from utils.decoding.filters import (
    draw_gumbel,
    filter_logits,
    find_repeated_ngrams,
    penalise_repetition,
)
from utils.decoding.sampling import Generator
from utils.metrics import measure_diversity
from utils.models import gpt2

LOGITS = np.log([[0.5, 0.3, 0.15, 0.05], [0.05, 0.15, 0.3, 0.5]]).astype("float32")


def get_probabilities(logits=LOGITS, **settings):
    return keras.ops.convert_to_numpy(keras.ops.softmax(filter_logits(logits, **settings)))


def test_without_settings_nothing_changes():
    assert np.allclose(get_probabilities(), np.exp(LOGITS), atol=1e-6)


def test_temperature_raises_to_a_power():
    squared = np.exp(LOGITS) ** 2
    expected = squared / squared.sum(axis=-1, keepdims=True)
    assert np.allclose(get_probabilities(temperature=0.5), expected, atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k_keeps_the_k_most_likely(k):
    found = get_probabilities(top_k=k)
    assert (np.count_nonzero(found, axis=-1) == min(k, 4)).all()
    shares = np.array([0.5, 0.3, 0.15, 0.05][:k])
    assert np.allclose(found[0, : len(shares)], shares / shares.sum(), atol=1e-6)
    assert np.allclose(found[1], found[0][::-1], atol=1e-6)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.6, 2), (0.79, 2), (0.9, 3), (0.99, 4)])
def test_top_p_keeps_the_fewest_that_reach_p(top_p, kept):
    found = get_probabilities(top_p=top_p)
    assert (np.count_nonzero(found, axis=-1) == kept).all()
    shares = np.array([0.5, 0.3, 0.15, 0.05][:kept])
    assert np.allclose(found[0, :kept], shares / shares.sum(), atol=1e-6)
    assert np.exp(LOGITS[0, :kept]).sum() >= top_p
    assert np.exp(LOGITS[0, : kept - 1]).sum() < top_p


def test_top_p_counts_after_top_k():
    # of the two that top-k leaves, the first has 0.625 of the probability
    assert np.allclose(get_probabilities(top_k=2, top_p=0.6)[0], [1, 0, 0, 0])


@pytest.mark.parametrize(
    "settings", [{"temperature": 0}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="top_k=1"):
        filter_logits(LOGITS, **settings)


def test_gumbel_noise_draws_from_the_softmax():
    noise = draw_gumbel((40_000, 4), seed=1)
    chosen = (LOGITS[0] + noise).argmax(axis=-1)
    shares = np.bincount(chosen, minlength=4) / len(chosen)
    assert np.abs(shares - np.exp(LOGITS[0])).max() < 0.01
    assert np.array_equal(noise, draw_gumbel((40_000, 4), seed=1))
    assert not np.array_equal(noise, draw_gumbel((40_000, 4), seed=2))


def test_diversity_of_repetition_and_variety():
    assert measure_diversity(["a b a b a b"], n=2) == pytest.approx((2 / 5, 3 / 5))
    assert measure_diversity(["a b c d"], n=2) == (1.0, 0.0)
    # the same text twice repeats nothing within a sample
    assert measure_diversity(["a b c", "a b c"], n=2) == (0.5, 0.0)
    with pytest.raises(ValueError, match="2 words"):
        measure_diversity(["alone"])


# With a GPT-2


CONFIG = gpt2.GPT2Config(
    vocabulary_size=5, context_length=20, hidden_dim=8, num_layers=1, num_heads=2
)


@pytest.fixture(scope="module")
def model():
    random = np.random.default_rng(7)
    model = gpt2.GPT2(CONFIG)
    for variable in model.weights:
        variable.assign(random.normal(0, 0.7, variable.shape))
    return model


def score_next(model, text):
    return keras.ops.convert_to_numpy(model(np.array([text], "int32")))[0, -1].astype("float64")


def get_log_probabilities(model, text):
    logits = score_next(model, text)
    return logits - np.log(np.exp(logits).sum())


def generate_by_hand(model, prompt, num_tokens, noise, *, penalty=1.0, n=0, **settings):
    """Generate one text without cache, compiled loop or arrays."""
    if settings["temperature"] == 0:  # the most likely token
        settings = {"top_k": 1}
    text = list(prompt)
    for step in range(num_tokens):
        logits = score_next(model, text)
        for token in set(text) if penalty != 1 else ():
            logits[token] *= 1 / penalty if logits[token] > 0 else penalty
        for end in range(n, len(text) + 1) if n else ():
            *before, last = text[end - n : end]
            if before == text[len(text) - n + 1 :]:
                logits[last] = -1e9
        kept = filter_logits(logits[None].astype("float32"), **settings)
        text.append(int((keras.ops.convert_to_numpy(kept)[0] + noise[step]).argmax()))
    return text[len(prompt) :]


PROMPTS = [[1, 2, 3, 1, 2], [4], [0, 1, 2, 3, 4, 0, 1]]


@pytest.mark.filterwarnings("ignore:You are using a softmax")  # a text of one token
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": 1.5, "top_k": 3, "top_p": 0.8},
        {"temperature": 1.0, "repetition_penalty": 1.7},
        {"temperature": 1.0, "no_repeat_ngram_size": 2},
    ],
)
def test_loop_equals_generation_by_hand(model, settings):
    noise = draw_gumbel((8, 3, 5), seed=5)
    found = Generator(model, **settings)(PROMPTS, 8, noise=noise)
    names = {"repetition_penalty": "penalty", "no_repeat_ngram_size": "n"}
    by_hand = {names.get(key, key): setting for key, setting in settings.items()}
    for row, prompt in enumerate(PROMPTS):
        expected = generate_by_hand(model, prompt, 8, noise[:, row], **by_hand)
        assert found[row].tolist() == expected


def test_same_seed_same_text_and_a_stream_is_the_text(model):
    generator = Generator(model, temperature=1.0)
    first, again, other = (np.stack(generator(PROMPTS, 9, seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    parts = list(generator.stream(PROMPTS, 9, seed=1, num_tokens=4))
    assert [part.shape[1] for part in parts] == [4, 4, 1]
    assert np.array_equal(np.concatenate(parts, axis=1), first)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_short_texts_begin_a_long_one_and_share_its_program(monkeypatch, temperature):
    model = gpt2.GPT2(dataclasses.replace(CONFIG, context_length=64))
    shapes, read = set(), model.compute_hidden_states

    def watch(token_ids, num_padding, cache, **settings):
        shapes.add(cache[0][0].shape)
        return read(token_ids, num_padding, cache, **settings)

    monkeypatch.setattr(model, "compute_hidden_states", watch)
    generator = Generator(model, temperature=temperature)
    long = np.stack(generator(PROMPTS, 30, seed=1))
    for length in (1, 7):
        assert np.array_equal(np.stack(generator(PROMPTS, length, seed=1)), long[:, :length])
    assert len(shapes) == 1  # a program is compiled for every shape


def test_text_ends_before_its_stop_token(model):
    free = Generator(model, temperature=1.0)(PROMPTS, 10, seed=3)
    stopped = Generator(model, temperature=1.0, stop_tokens=(2, 3))(PROMPTS, 10, seed=3)
    lengths = [len(text) for text in stopped]
    assert min(lengths) < 10
    for long, short in zip(free, stopped, strict=True):
        assert np.array_equal(long[: len(short)], short) and not np.isin(short, (2, 3)).any()
        assert len(short) == 10 or long[len(short)] in (2, 3)


def test_first_tokens_are_drawn_from_the_filtered_softmax(model):
    draws = 4000
    generator = Generator(model, temperature=0.7, top_k=4)
    noise = draw_gumbel((1, draws, 5), seed=11)
    found = np.concatenate(generator([[1, 2]] * draws, 1, noise=noise))
    kept = filter_logits(
        score_next(model, [1, 2])[None].astype("float32"), temperature=0.7, top_k=4
    )
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(kept))[0] * draws
    counts = np.bincount(found, minlength=5)
    assert counts[expected < 1e-6].sum() == 0 and (expected < 1e-6).sum() == 1
    real = expected > 1e-6
    chi_square = ((counts - expected)[real] ** 2 / expected[real]).sum()
    assert chi_square < 16.3  # three degrees of freedom: once in a thousand by chance


@pytest.mark.parametrize(
    ("prompts", "count", "said"),
    [
        ([], 1, "at least one token"),
        ([[1], []], 1, "at least one token"),
        ([[1] * 18], 3, "context of 20 tokens; got 18 and 3"),
        ([[1]], 0, "at least 1"),
        ([[5]], 1, "from 0 to 4"),
        ([[-1]], 1, "from 0 to 4"),
        ([[0.5]], 1, "whole numbers"),
    ],
)
def test_impossible_prompts_are_refused(model, prompts, count, said):
    with pytest.raises(ValueError, match=said):
        Generator(model)(prompts, count)


@pytest.mark.parametrize(
    "settings", [{"top_p": 0}, {"temperature": -1}, {"repetition_penalty": 0}, {"top_k": -1}]
)
def test_impossible_settings_are_refused_before_anything_is_compiled(model, settings):
    with pytest.raises(ValueError, match="must be"):
        Generator(model, **settings)


def test_context_can_be_filled(model):
    assert len(Generator(model)([[1, 2]], 18)[0]) == 18


def list_texts(model, prompt, length, stop=None):
    """Return every text of some length, or that ends at `stop`, and its log-probability."""
    found, open_texts = [], [((), 0.0)]
    for _ in range(length):
        longer = []
        for text, total in open_texts:
            steps = get_log_probabilities(model, [*prompt, *text])
            for token in range(5):
                ended = (text if token == stop else (*text, token), total + steps[token])
                (found if token == stop else longer).append(ended)
        open_texts = longer
    return sorted(found + open_texts, key=lambda pair: -pair[1])


@pytest.mark.parametrize("stop", [None, 2])
def test_wide_beams_find_the_most_likely_texts(model, stop):
    search = BeamSearch(model, num_beams=125, stop_tokens=() if stop is None else (stop,))
    found = search([1, 3], 3)
    expected = list_texts(model, [1, 3], 3, stop)
    assert len(found) == len(expected) == (125 if stop is None else 85)
    for (text, total), (wanted, log_probability) in zip(found[:20], expected[:20], strict=True):
        assert total == pytest.approx(log_probability, abs=1e-4)
        assert tuple(text.tolist()) == wanted


def search_by_hand(model, prompt, num_tokens, num_beams, stop, penalty):
    """Search with lists: no cache, no arrays of beams."""
    beams = [([], 0.0, False)]
    for _ in range(num_tokens):
        longer = [beam for beam in beams if beam[2]]  # what is done stays as it is
        for text, score, done in beams:
            if not done:
                steps = get_log_probabilities(model, [*prompt, *text])
                longer += [([*text, v], score + steps[v], v == stop) for v in range(len(steps))]
        longer.sort(key=lambda beam: -beam[1] / len(beam[0]) ** penalty)
        beams = longer[:num_beams]
    return [(text[:-1] if done else text, score) for text, score, done in beams]


@pytest.mark.parametrize(
    ("num_beams", "stop", "penalty"), [(2, None, 0.0), (3, 2, 0.0), (3, 2, 1.0), (4, 0, 2.0)]
)
def test_narrow_beams_are_those_found_by_hand(model, num_beams, stop, penalty):
    stop_tokens = () if stop is None else (stop,)
    settings = {"num_beams": num_beams, "stop_tokens": stop_tokens, "length_penalty": penalty}
    found = BeamSearch(model, **settings)([1, 3], 5)
    by_hand = search_by_hand(model, [1, 3], 5, num_beams, stop, penalty)
    assert [text.tolist() for text, _ in found] == [text for text, _ in by_hand]
    assert np.allclose([s for _, s in found], [s for _, s in by_hand], atol=1e-4)


def test_beams_that_cannot_be_are_refused(model):
    with pytest.raises(ValueError, match="num_beams must be at least 1, not 0"):
        BeamSearch(model, num_beams=0)
    with pytest.raises(ValueError, match="at least one token"):
        BeamSearch(model, num_beams=2)([], 3)
    with pytest.raises(ValueError, match="context of 20 tokens"):
        BeamSearch(model, num_beams=2)([1] * 18, 3)


def test_one_beam_is_greedy_and_a_penalty_prefers_longer_texts(model):
    greedy = generate_by_hand(model, [1, 3], 6, np.zeros((6, 5)), temperature=0)
    assert np.array_equal(BeamSearch(model, num_beams=1)([1, 3], 6)[0][0], greedy)
    lengths = [
        np.mean([len(text) for text, _ in beams(np.array([1, 3]), 6)])
        for beams in (
            BeamSearch(model, num_beams=6, stop_tokens=(2,), length_penalty=penalty)
            for penalty in (0.0, 4.0)
        )
    ]
    assert lengths[1] >= lengths[0]


def test_a_penalty_lowers_what_stands_in_the_text_whatever_its_sign():
    logits, seen = np.array([[2.0, -2.0, 2.0, -3.0]]), np.array([[True, True, False, False]])
    lowered = keras.ops.convert_to_numpy(penalise_repetition(logits, seen, 2.0))
    assert lowered.tolist() == [[1.0, -4.0, 2.0, -3.0]]


def test_rules_equal_those_of_transformers():
    torch = pytest.importorskip("torch", reason="rules of transformers need torch: make torch")
    from transformers import generation

    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (4, 9)).astype("float32")
    text = random.integers(0, 9, (4, 12)).astype("int64")
    arguments = torch.tensor(text), torch.tensor(logits)

    def get_theirs(processor):
        return torch.softmax(processor(*arguments), dim=-1).numpy()

    def get_ours(scores):
        return keras.ops.convert_to_numpy(keras.ops.softmax(scores))

    no_padding, seen = np.zeros(4, "int32"), np.stack([np.isin(np.arange(9), row) for row in text])
    for n in (1, 2, 3):
        repeated = find_repeated_ngrams(text, no_padding, 12, n, 9)
        ours = get_ours(keras.ops.where(repeated, -1e9, logits))
        if not keras.ops.convert_to_numpy(repeated).all(axis=-1).any():
            assert np.allclose(ours, get_theirs(generation.NoRepeatNGramLogitsProcessor(n)))
    theirs = get_theirs(generation.RepetitionPenaltyLogitsProcessor(1.6))
    assert np.allclose(get_ours(penalise_repetition(logits, seen, 1.6)), theirs, atol=1e-6)
    theirs = get_theirs(generation.TopKLogitsWarper(3))
    assert np.allclose(get_ours(filter_logits(logits, top_k=3)), theirs, atol=1e-6)
    theirs = get_theirs(generation.TopPLogitsWarper(0.7))
    assert np.allclose(get_ours(filter_logits(logits, top_p=0.7)), theirs, atol=1e-6)
    theirs = get_theirs(generation.TemperatureLogitsWarper(0.3))
    assert np.allclose(get_ours(filter_logits(logits, temperature=0.3)), theirs, atol=1e-6)
