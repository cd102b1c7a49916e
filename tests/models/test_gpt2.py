"""GPT-2: the laws it obeys, and `transformers` as the outside judge."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from small_models import randomise, to_numpy

from utils.decoding.sampling import Generator, make_cache
from utils.models import checkpoints, gpt2

SMALL = [gpt2.GPT2Config(*s) for s in ((41, 24, 12, 2, 3), (7, 19, 5, 1, 5), (64, 33, 26, 3, 2))]


def build(config=SMALL[0], seed=0):
    """Return a model with weights large enough for every part to matter."""
    model = randomise(gpt2.GPT2(config), 0.4, seed)
    for name, variable in checkpoints.name_weights(model).items():
        if "ln_" in name and name.endswith("weight"):
            variable.assign(variable + 1.0)
    return model


def draw_ids(config, *shape, seed=2):
    return np.random.default_rng(seed).integers(0, config.vocabulary_size, shape).astype("int32")


def score(model, token_ids, num_padding=None):
    return to_numpy(model(np.array(token_ids, "int32"), num_padding))


@pytest.fixture(scope="module")
def model():
    return build()


COUNTS = {"gpt2": 124_439_808, "gpt2-medium": 354_823_168}
COUNTS |= {"gpt2-large": 774_030_080, "gpt2-xl": 1_557_611_200}


@pytest.mark.parametrize(("size", "count"), COUNTS.items())
def test_published_sizes_have_their_parameters(size, count):
    config = dataclasses.replace(gpt2.get_config(size), initializer_range=0)  # quicker
    # Blocks are equal and so are the rows of the table of tokens: no need to make them all.
    sizes = [dataclasses.replace(config, num_layers=n, vocabulary_size=1) for n in (1, 2)]
    one, two = (gpt2.GPT2(size).count_params() for size in sizes)
    rows = (config.vocabulary_size - 1) * config.hidden_dim
    assert one + (config.num_layers - 1) * (two - one) + rows == count


@pytest.mark.parametrize(
    "sizes",
    [{"num_heads": 5}, {"num_layers": 0}, {"hidden_dim": 7.5}, {"vocabulary_size": True}]
    + [{"dropout": 1.0}, {"dropout": "0.1"}]
    + [{"initializer_range": r} for r in (-1.0, np.inf, np.nan, True, "0.02")],
)
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="must be a"):
        gpt2.GPT2Config(**sizes)
    with pytest.raises(ValueError, match="there is no 'gpt2-huge'"):
        gpt2.get_config("gpt2-huge")


def test_dense_layer_equals_that_of_keras():
    ours, theirs = gpt2.make_dense(6, 4, name="ours", stddev=0.5), keras.layers.Dense(4)
    theirs.build((None, 6))
    randomise(ours)
    theirs.set_weights([to_numpy(ours.kernel).T, to_numpy(ours.bias)])
    x = np.random.default_rng(1).normal(size=(2, 3, 6)).astype("float32")
    np.testing.assert_allclose(to_numpy(ours(x)), to_numpy(theirs(x)), atol=1e-6)


@pytest.mark.parametrize("S", [1, 5])
def test_dense_layer_in_int8_stays_close(S):
    layer = gpt2.make_dense(64, 48, name="dense", stddev=0.5)
    x = np.random.default_rng(0).normal(size=(2, S, 64)).astype("float32")
    before = to_numpy(layer(x))
    layer.quantize("int8", type_check=False)
    assert layer.kernel.dtype == "int8"
    assert 0 < np.abs(to_numpy(layer(x)) - before).max() < 0.02 * np.abs(before).max()


@pytest.mark.parametrize("config", SMALL)
def test_the_past_does_not_see_the_future(config):
    model, token_ids = build(config), draw_ids(config, 1, 12)
    changed = token_ids.copy()
    changed[0, 6] = (changed[0, 6] + 1) % config.vocabulary_size
    before, after = score(model, token_ids)[0], score(model, changed)[0]
    assert np.abs(before[:6] - after[:6]).max() < 1e-5
    assert np.abs(before[6:] - after[6:]).max(axis=-1).min() > 1e-3


def test_padding_on_the_left_changes_nothing(model):
    token_ids = draw_ids(SMALL[0], 1, 8)
    padded, alone = np.pad(token_ids, ((0, 0), (5, 0)), constant_values=3), score(model, token_ids)
    assert np.allclose(score(model, padded, np.array([5]))[:, 5:], alone, atol=1e-4)
    assert not np.allclose(score(model, padded)[:, 5:], alone, atol=1e-2)


@pytest.mark.parametrize("config", SMALL)
@pytest.mark.parametrize("sizes", [[1] * 10, [4, 1, 5], [9, 1]])
def test_reading_in_parts_equals_one_pass(config, sizes):
    model, token_ids = build(config), draw_ids(config, 2, 10)
    num_padding = np.array([0, 3], "int32")
    cache, found, start = make_cache(model, 2, 13), [], 0
    for size in sizes:
        part = ops.convert_to_tensor(token_ids[:, start : start + size])
        x, cache = model.compute_hidden_states(part, num_padding, cache, start=start)
        found.append(to_numpy(model.compute_logits(x)))
        start += size
    difference = np.abs(np.concatenate(found, axis=1) - score(model, token_ids, num_padding))
    real = np.arange(10) >= num_padding[:, None]  # what stands in padded places has no meaning
    assert difference[real].max() < 1e-4


def test_text_longer_than_the_context_is_refused(model):
    with pytest.raises(ValueError, match="24 tokens at most; got 25"):
        model(np.zeros((1, 25), "int32"))


@pytest.mark.parametrize(("length", "stride"), [(5, 7), (25, 24), (26, 7), (49, 24), (90, 7)])
def test_surprise_counts_every_token_once(model, length, stride):
    token_ids = draw_ids(SMALL[0], length)
    bits = gpt2.compute_token_bits(model, token_ids, stride=stride, batch_size=2)
    assert bits.shape == (length - 1,) and bits.min() > 0
    logits = score(model, token_ids[None, :-1][:, :24])[0]
    chosen = np.take_along_axis(logits, token_ids[1:25, None], axis=-1)[:, 0]
    expected = (np.log(np.exp(logits).sum(axis=-1)) - chosen) / np.log(2)
    assert np.allclose(bits[:24], expected, atol=1e-3)  # the first window
    if length == 49 and stride == 24:
        again = gpt2.compute_token_bits(model, token_ids[24:], stride=24)
        assert np.allclose(bits[24:], again, atol=1e-3)


@pytest.mark.parametrize(
    ("token_ids", "settings", "said"),
    [(np.arange(30), {"stride": s}, f"1 to 24, not {s}") for s in (25, 0, -1, 2.5, 2.0, True)]
    + [
        *((np.arange(30), {"batch_size": n}, f"at least 1, not {n}") for n in (0, -1, True, 2.0)),
        (np.arange(1), {}, "2 tokens or more to predict one.*; got 1 tokens"),
        (np.array([0, 41]), {}, "from 0 to 40, not 41"),
        (np.array([0, -1]), {}, "from 0 to 40, not -1"),
        (np.arange(3) / 2, {}, "a list of token ids"),
        (np.ones((2, 3), "int32"), {}, "a list of token ids"),
    ],
)
def test_a_text_that_cannot_be_measured_is_refused(model, token_ids, settings, said):
    with pytest.raises(ValueError, match=said):
        gpt2.compute_token_bits(model, token_ids, **settings)


def test_scores_that_are_no_numbers_measure_nothing(model, monkeypatch):
    logits = model.compute_logits
    monkeypatch.setattr(model, "compute_logits", lambda x: np.nan * logits(x))
    with pytest.raises(ValueError, match="NaN or infinity"):
        gpt2.compute_token_bits(model, np.arange(9))


def test_a_constant_added_to_all_scores_changes_no_text(model, monkeypatch):
    settings = {"temperature": 1.0, "top_k": 9, "top_p": 0.9, "min_p": 0.01}
    prompts, logits = [[1, 2, 3], [4]], model.compute_logits
    wanted = Generator(model, **settings)(prompts, 6, seed=1)
    monkeypatch.setattr(model, "compute_logits", lambda x: logits(x) - 300)
    assert np.array_equal(Generator(model, **settings)(prompts, 6, seed=1), wanted)
    assert len(np.unique(wanted)) > 4


# Beside transformers


@pytest.fixture(scope="module", params=SMALL, ids=lambda c: f"{c.hidden_dim}x{c.num_layers}")
def pair(request, tmp_path_factory):
    """Return our model and the same checkpoint in `transformers`."""
    pytest.importorskip("torch", reason="equality with transformers needs torch: make torch")
    from transformers import GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("pair")
    checkpoints.save_gpt2(build(request.param, seed=9), folder)
    theirs = GPT2LMHeadModel.from_pretrained(folder).eval()
    theirs.generation_config.eos_token_id = None  # no token ends a text
    return checkpoints.load_gpt2(folder), theirs


def test_logits_equal_those_of_transformers(pair):
    import torch

    ours, theirs = pair
    token_ids = draw_ids(ours.config, 3, ours.config.context_length)
    num_padding = np.array([0, 5, 1])
    real = np.arange(token_ids.shape[1]) >= num_padding[:, None]
    mask, given = torch.tensor(real).long(), torch.tensor(token_ids).long()
    with torch.no_grad():
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        padded = theirs(given, attention_mask=mask, position_ids=places).logits
        plain = theirs(given).logits
    assert np.abs(score(ours, token_ids) - plain.numpy()).max() < 1e-4
    assert np.abs(score(ours, token_ids, num_padding) - padded.numpy())[real].max() < 1e-4


def test_greedy_text_equals_that_of_transformers(pair):
    import torch

    ours, theirs = pair
    token_ids, lengths = draw_ids(ours.config, 3, 9, seed=1), [3, 9, 1]
    mask = torch.tensor(np.arange(9) >= 9 - np.array(lengths)[:, None]).long()
    settings = {"max_new_tokens": 10, "do_sample": False, "pad_token_id": 0}
    found = theirs.generate(torch.tensor(token_ids).long(), attention_mask=mask, **settings)
    assert len(np.unique(found[:, 9:])) > 1
    prompts = [row[-length:].tolist() for row, length in zip(token_ids, lengths, strict=True)]
    assert np.array_equal(np.stack(Generator(ours)(prompts, 10)), found[:, 9:])
