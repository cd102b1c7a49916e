"""Decoding, against hand computations, the definition of the softmax and `transformers`."""

import dataclasses

import keras
import numpy as np
import pytest
from small_models import randomise, to_numpy

from utils.decoding import filters, sampling
from utils.decoding.beam_search import BeamSearch
from utils.decoding.filters import draw_gumbel, filter_logits
from utils.decoding.sampling import Generator, write_in_a_loop
from utils.metrics import measure_diversity
from utils.models import gpt2

NUMBERS = (-1, float("inf"), float("nan"))
LOGITS = np.log([[0.5, 0.3, 0.15, 0.05], [0.05, 0.15, 0.3, 0.5]]).astype("float32")


def get_probabilities(scores):
    return to_numpy(keras.ops.softmax(scores))


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 4),
        *(({"top_k": k}, k) for k in (1, 2, 3, 4)),
        *(({"top_p": p}, k) for p, k in [(0.4, 1), (0.6, 2), (0.79, 2), (0.9, 3), (0.99, 4)]),
        # of the two that top-k leaves, the first has 0.625 of the probability
        ({"top_k": 2, "top_p": 0.6}, 1),
    ],
)
def test_filters_keep_the_most_likely(settings, kept):
    check_kept(filter_logits(LOGITS, **settings), kept)


# the second has 0.6 of the first one's probability, the third 0.3, the last 0.1
@pytest.mark.parametrize(("min_p", "kept"), [(0.05, 4), (0.2, 3), (0.5, 2), (1.0, 1)])
def test_what_has_a_share_of_the_likeliest_is_kept(min_p, kept):
    check_kept(filters.drop_unlikely(LOGITS, min_p), kept)
    check_kept(filters.drop_unlikely(LOGITS.astype("float64") - 1000, min_p), kept)


def check_kept(logits, kept):
    found = get_probabilities(logits)
    shares = np.array([0.5, 0.3, 0.15, 0.05][:kept])
    assert np.allclose(found[0], np.pad(shares / shares.sum(), (0, 4 - kept)), atol=1e-6)
    assert np.allclose(found[1], found[0][::-1], atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.6}, {"temperature": 1e-38}]
    + [{"temperature": 1e-8, "top_k": 1}, {"temperature": 2.0, "top_k": 3, "top_p": 0.8}],
)
def test_a_constant_added_to_all_scores_changes_nothing(settings):
    scores = np.round(8 * LOGITS) / 8  # so that the sums are exact
    alone = get_probabilities(filter_logits(scores, **settings))
    assert np.allclose(alone.sum(axis=-1), 1, atol=1e-6) and (alone.argmax(axis=-1) == [0, 3]).all()
    for constant in (-1e5, -100, 100, 1e5):
        moved = filter_logits(scores + np.float32(constant), **settings)
        assert np.array_equal(get_probabilities(moved), alone)


def test_temperature_raises_to_a_power():
    squared = np.exp(LOGITS) ** 2
    found = get_probabilities(filter_logits(LOGITS, temperature=0.5))
    assert np.allclose(found, squared / squared.sum(axis=-1, keepdims=True), atol=1e-6)


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


# Rules against repetition


def test_a_penalty_lowers_what_stands_in_the_text_whatever_its_sign():
    logits, seen = np.array([[2.0, -2.0, 2.0, -3.0]]), np.array([[True, True, False, False]])
    lowered = to_numpy(filters.penalise_repetition(logits, seen, 2.0))
    assert lowered.tolist() == [[1.0, -4.0, 2.0, -3.0]]


def test_rules_equal_those_of_transformers():
    torch = pytest.importorskip("torch", reason="rules of transformers need torch: make torch")
    from transformers import generation

    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (4, 9)).astype("float32")
    text = random.integers(0, 9, (4, 12)).astype("int64")
    seen = np.stack([np.isin(np.arange(9), row) for row in text])
    rules = [
        (
            generation.RepetitionPenaltyLogitsProcessor(1.6),
            filters.penalise_repetition(logits, seen, 1.6),
        ),
        (generation.TopKLogitsWarper(3), filter_logits(logits, top_k=3)),
        (generation.TopPLogitsWarper(0.7), filter_logits(logits, top_p=0.7)),
        (generation.MinPLogitsWarper(0.3), filters.drop_unlikely(logits, 0.3)),
        (generation.TemperatureLogitsWarper(0.3), filter_logits(logits, temperature=0.3)),
    ]
    for n in (1, 2, 3):
        repeated = to_numpy(filters.find_repeated_ngrams(text, np.zeros(4, "int32"), 12, n, 9))
        if not repeated.all(axis=-1).any():
            ours = np.where(repeated, -1e9, logits)
            rules.append((generation.NoRepeatNGramLogitsProcessor(n), ours))
    assert len(rules) > 4
    for processor, ours in rules:
        theirs = torch.softmax(processor(torch.tensor(text), torch.tensor(logits)), dim=-1)
        assert np.allclose(get_probabilities(ours), theirs.numpy(), atol=1e-6)


# With a GPT-2


CONFIG = gpt2.GPT2Config(5, context_length=20, hidden_dim=8, num_layers=1, num_heads=2)
PROMPTS = [[1, 2, 3, 1, 2], [4], [0, 1, 2, 3, 4, 0, 1]]


@pytest.fixture(scope="module")
def model():
    return randomise(gpt2.GPT2(CONFIG), seed=7)


def score_next(model, text):
    return to_numpy(model(np.array([text], "int32")))[0, -1].astype("float64")


def generate_by_hand(model, prompt, num_tokens, noise, *, penalty=1.0, n=0, min_p=0, **settings):
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
        kept = filters.drop_unlikely(kept, min_p) if min_p else kept
        text.append(int((to_numpy(kept)[0] + noise[step]).argmax()))
    return text[len(prompt) :]


@pytest.mark.filterwarnings("ignore:You are using a softmax")  # a text of one token
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": 1.5, "top_k": 3, "top_p": 0.8},
        {"temperature": 1.5, "min_p": 0.3},
        {"temperature": 1.0, "repetition_penalty": 1.7},
        {"temperature": 1.0, "no_repeat_ngram_size": 2},
    ],
)
def test_loop_equals_generation_by_hand(model, settings):
    noise = draw_gumbel((8, 3, 5), seed=5)
    chance = {"noise": noise} if settings["temperature"] else {}
    found = Generator(model, **settings)(PROMPTS, 8, **chance)
    names = {"repetition_penalty": "penalty", "no_repeat_ngram_size": "n"}
    by_hand = {names.get(key, key): setting for key, setting in settings.items()}
    for row, prompt in enumerate(PROMPTS):
        expected = generate_by_hand(model, prompt, 8, noise[:, row], **by_hand)
        assert found[row].tolist() == expected


def test_same_seed_same_text_and_a_stream_is_the_text(model):
    generator = Generator(model, temperature=1.0)  # 13 tokens fill the context
    first, again, other = (np.stack(generator(PROMPTS, 13, seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    given = generator(PROMPTS, 13, noise=draw_gumbel((13, 3, 5), 1))
    assert np.array_equal(first, given)  # drawn in parts or at once
    parts = list(generator.stream(PROMPTS, 13, seed=1, num_tokens=4))
    assert [part.shape[1] for part in parts] == [4, 4, 4, 1]
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
    assert min(len(text) for text in stopped) < 10
    for long, short in zip(free, stopped, strict=True):
        assert np.array_equal(long[: len(short)], short) and not np.isin(short, (2, 3)).any()
        assert len(short) == 10 or long[len(short)] in (2, 3)


@pytest.mark.parametrize(
    ("prompts", "count", "said"),
    [
        ([1, 2], 1, "a list of token ids"),
        (["one"], 1, "a list of token ids"),
        ([[1]], 1.5, "a whole number, at least 1, not 1.5"),
        ([], 1, "at least one token"),
        ([[1], []], 1, "at least one token"),
        ([[1] * 18], 4, r"context of 20 tokens; got 18 and 4: .*`prompt\[-17:\]`"),
        ([[1]], 0, "at least 1"),
        *(([[k]], 1, f"from 0 to 4, not {k}") for k in (5, 999, -1)),
        ([[0.5]], 1, "whole numbers"),
    ],
)
def test_impossible_prompts_are_refused(model, prompts, count, said):
    with pytest.raises(ValueError, match=said):
        Generator(model)(prompts, count)
    if len(prompts) == 1:
        with pytest.raises(ValueError, match=said):
            BeamSearch(model, num_beams=2)(prompts[0], count)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        *(({"temperature": t}, f"temperature must be above 0.* got {t}, 1.0") for t in NUMBERS),
        *(({"temperature": t}, f"temperature must be .* got {t}, 1.0") for t in (True, False, "1")),
        *(({"top_k": k}, f"top_k .* from 0 to 5, not {k}") for k in (-1, 2.5, True, np.inf, 6)),
        *(({"top_p": p}, f"top_p above 0 and at most 1; got 1.0, {p} ") for p in (0, 1.1, True)),
        *(({"min_p": p}, f"min_p must .* at most 1, not {p}") for p in (1.1, -0.1, True, False)),
        ({"top_k": 5}, "top_k=5, top_p=1.0, min_p=0.0 have no effect"),
        ({"top_p": 0.9}, "top_k=0, top_p=0.9, min_p=0.0 have no effect"),
        ({"min_p": 0.1}, "top_k=0, top_p=1.0, min_p=0.1 have no effect"),
        *(({"repetition_penalty": p}, f"above 0 .* not {p}") for p in (0, True, *NUMBERS)),
        *(({"no_repeat_ngram_size": n}, f"at least 0, not {n}") for n in (-1, 1.5)),
        *(({"stop_tokens": (k,)}, f"stop token .* 0 to 4, not {k}") for k in (5, -1, True, 2.0)),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_compiled(model, settings, said):
    with pytest.raises(ValueError, match=said):
        Generator(model, **settings)
    with pytest.raises(ValueError, match="the most likely token: `top_k=1`"):
        filter_logits(LOGITS, temperature=0)
    for wrong in (0, 2.5, True, -1):
        with pytest.raises(ValueError, match=f"num_beams must be .* at least 1, not {wrong}"):
            BeamSearch(model, num_beams=wrong)
    penalties = [{"length_penalty": p, "stop_tokens": (1,)} for p in (np.nan, np.inf, True, "1")]
    for wrong in (*penalties, {"length_penalty": 1.0}, {"stop_tokens": (5,)}):
        said = "must be a number, not|without stop_tokens: all texts|from 0 to 4, not 5"
        with pytest.raises(ValueError, match=said):
            BeamSearch(model, num_beams=2, **wrong)


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 1, 5), (3, 1, 5), (2, 2, 5), (5,)])
def test_noise_of_another_shape_is_refused(model, shape):
    with pytest.raises(ValueError, match=r"noise has shape \(2, 1, 5\), not"):
        Generator(model, temperature=1.0)([[1, 2]], 2, noise=np.zeros(shape))
    with pytest.raises(ValueError, match="none at temperature 0"):
        Generator(model)([[1, 2]], 2, noise=np.zeros((2, 1, 5)))
    with pytest.raises(ValueError, match="num_tokens must be"):
        next(Generator(model).stream([[1, 2]], 2, num_tokens=0))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_chooses_no_token(model, wrong, monkeypatch):
    noise, logits = np.zeros((40, 1, 5)), model.compute_logits
    noise[37, 0, 3] = wrong  # later than the first part of the loop
    with pytest.raises(ValueError, match="1 of 200 are NaN or infinite"):
        Generator(gpt2.GPT2(dataclasses.replace(CONFIG, context_length=60)), temperature=1.0)(
            [[1, 2]], 40, noise=noise
        )
    spoiled = np.array([0, 0, wrong, 0, 0], "float32")
    monkeypatch.setattr(model, "compute_logits", lambda x: logits(x) + spoiled)
    settings = [{}, {"temperature": 1.0, "top_k": 2}, {"stop_tokens": (1,)}]
    settings += [{"repetition_penalty": 2.0, "no_repeat_ngram_size": 2}]
    for each in settings:
        with pytest.raises(ValueError, match="scores of the next token hold NaN or infinity"):
            Generator(model, **each)(PROMPTS, 4)
    with pytest.raises(ValueError, match="NaN or infinity"):
        BeamSearch(model, num_beams=2)([1, 2], 3)
    if wrong != -np.inf:  # which rules out a token
        with pytest.raises(ValueError, match="NaN or infinity"):
            write_in_a_loop(model, PROMPTS, 2)


def test_utils_refuses_scores_from_which_nothing_can_be_chosen():
    for row in ([np.nan, 0], [np.inf, 0], [-np.inf, -np.inf]):
        with pytest.raises(ValueError, match="NaN or infinity"):
            filter_logits(np.array([[0, 1], row]))
    for settings in ({"top_k": 5}, {"top_k": 2.0}, {"top_k": True}, {"temperature": True}):
        with pytest.raises(ValueError, match="top_k .* from 0 to 4|temperature must be above 0"):
            filter_logits(LOGITS, **settings)
    for penalty in (0, -1.0, np.nan, True):
        with pytest.raises(ValueError, match="repetition_penalty must be above 0"):
            filters.penalise_repetition(LOGITS, LOGITS > -1, penalty)
    for min_p in (True, np.nan, "0.1"):
        with pytest.raises(ValueError, match="min_p must be above 0"):
            filters.drop_unlikely(LOGITS, min_p)


def test_a_seed_is_a_whole_number_and_stands_alone(model):
    for seed in (-1, 1.5, None, True):
        with pytest.raises(ValueError, match=f"seed must be a whole .* at least 0, not {seed}"):
            Generator(model, temperature=1.0)([[1]], 2, seed=seed)
    with pytest.raises(ValueError, match="noise is given, so seed=3 has no effect"):
        Generator(model, temperature=1.0)([[1]], 2, seed=3, noise=np.zeros((2, 1, 5)))
    with pytest.raises(ValueError, match="a list of token ids"):
        sampling.pad_left([[1.5, 2]])


def test_noise_of_a_few_steps_is_in_memory(model, monkeypatch):
    sizes, seeds = [], []

    def watch(shape, seed):
        sizes.append(shape)
        seeds.append(seed)
        return draw_gumbel(shape, seed)

    monkeypatch.setattr(sampling, "draw_gumbel", watch)
    long = gpt2.GPT2(dataclasses.replace(CONFIG, context_length=200))
    Generator(long, temperature=1.0)(PROMPTS, 150)
    assert len(sizes) == 5 and set(sizes) == {(32, 3, 5)} and len({*map(id, seeds)}) == 1


def test_a_text_that_just_fills_the_context_is_written(model):
    prompt = [1, 2, 3] * 6  # 18 tokens of 20: of 3 new ones, 2 are read
    wanted = generate_by_hand(model, prompt, 3, np.zeros((3, 5)), temperature=0)
    assert Generator(model)([prompt], 3)[0].tolist() == wanted
    assert BeamSearch(model, num_beams=1)(prompt, 3)[0][0].tolist() == wanted
    assert write_in_a_loop(model, [prompt], 3)[0].tolist() == wanted


def test_the_compiled_loop_equals_the_plain_one(model):
    plain = write_in_a_loop(model, PROMPTS, 13)
    assert np.array_equal(np.stack(Generator(model)(PROMPTS, 13)), plain)
    assert len({tuple(row) for row in plain.tolist()}) == 3  # not one text for all
    for prompt, row in zip(PROMPTS, plain, strict=True):
        assert np.array_equal(write_in_a_loop(model, [prompt], 13)[0], row)


def search_by_hand(model, prompt, num_tokens, num_beams, stop, penalty):
    """Search with lists: no cache, no arrays of beams. With enough beams, this is every text."""
    beams = [([], 0.0, False)]
    for _ in range(num_tokens):
        longer = [beam for beam in beams if beam[2]]  # what is done stays as it is
        for text, score, done in beams:
            if not done:
                logits = score_next(model, [*prompt, *text])
                steps = score + logits - np.log(np.exp(logits).sum())
                longer += [([*text, v], steps[v], v == stop) for v in range(len(steps))]
        longer.sort(key=lambda beam: -beam[1] / len(beam[0]) ** penalty)
        beams = longer[:num_beams]
    return [(text[:-1] if done else text, score) for text, score, done in beams]


@pytest.mark.parametrize(
    ("num_beams", "stop", "penalty", "num_tokens", "num_found"),
    [
        *[(1, None, 0.0, 5, 1), (2, None, 0.0, 5, 2), (3, 2, 0.0, 5, 3)],
        *[(3, 2, 1.0, 5, 3), (4, 0, 2.0, 5, 4)],
        *[(125, None, 0.0, 3, 125), (125, 2, 0.0, 3, 85)],  # all texts
    ],
)
def test_beams_are_those_found_by_hand(model, num_beams, stop, penalty, num_tokens, num_found):
    stop_tokens = () if stop is None else (stop,)
    settings = {"num_beams": num_beams, "stop_tokens": stop_tokens, "length_penalty": penalty}
    found = BeamSearch(model, **settings)(np.array([1, 3]), num_tokens)
    by_hand = search_by_hand(model, [1, 3], num_tokens, num_beams, stop, penalty)
    assert len(found) == len(by_hand) == num_found
    assert [text.tolist() for text, _ in found[:20]] == [text for text, _ in by_hand[:20]]
    assert np.allclose([s for _, s in found], [s for _, s in by_hand], atol=1e-4)
