"""Adapters: the upper part equals the model, they begin without effect, saving merges them."""

import keras
import numpy as np
import pytest
from keras import ops
from tokenizers import Tokenizer, models

from utils.decoding.beam_search import search_beams
from utils.decoding.streaming import StepGenerator
from utils.models import load, save
from utils.models.adapters import LastBlocks, add_adapters, run_blocks
from utils.models.llama import Llama, LlamaConfig

CONFIG = LlamaConfig(41, 60, 24, 3, 6, 3, 20, rope_base=50.0)
TOKEN_IDS = np.array([[1, 2, 3, 4, 5, 6], [7, 8, 9, 1, 2, 3]])


@pytest.fixture
def model():
    model, random = Llama(CONFIG), np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(random.normal(variable.path.endswith("scale"), 0.4, variable.shape))
    return model


def score(model):
    return ops.convert_to_numpy(model(TOKEN_IDS))


def train(model, upper):
    add_adapters(upper.blocks, 2)
    states = run_blocks(model.blocks[:1], model.token_embedding(TOKEN_IDS), CONFIG)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    upper.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    upper.fit(states, np.roll(TOKEN_IDS, -1, axis=1), epochs=3, verbose=0)


def test_lower_and_upper_part_are_the_model_and_adapters_begin_without_effect(model):
    upper, wanted = LastBlocks(model, 2), score(model)
    states = run_blocks(model.blocks[:1], model.token_embedding(TOKEN_IDS), CONFIG)
    assert np.allclose(upper(states), wanted, atol=1e-5)
    add_adapters(upper.blocks, 2)
    assert np.allclose(upper(states), wanted, atol=1e-5)


def test_only_the_adapters_learn(model):
    model.trainable = False
    frozen = [ops.convert_to_numpy(variable) for variable in model.variables]
    variables, wanted = list(model.variables), score(model)
    train(model, upper := LastBlocks(model, 2))
    assert all(np.array_equal(a, v) for a, v in zip(frozen, variables, strict=True))
    sizes = 48 + 24, 24 + 24, 40 + 24, 24 + 20  # outputs and inputs of the four dense layers
    trained = sum(int(np.prod(weight.shape)) for weight in upper.trainable_weights)
    assert trained == 2 * 2 * sum(sizes)
    assert np.abs(score(model) - wanted).max() > 1e-3


def test_a_kept_model_has_the_adapters_in_its_weights(model, tmp_path):
    train(model, LastBlocks(model, 2))
    names = {f"t{k}": k for k in range(41)}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="t0"))
    kept = load(save(model, tmp_path / "adapted", kind="llama", tokenizer=tokenizer))
    assert np.allclose(score(kept.model), score(model), atol=1e-5)
    assert len(kept.model.variables) == 3 * 6 + 2 and kept.generate("t1", max_new_tokens=3)


def test_beams_find_the_likeliest_text_and_one_beam_is_greedy(model):
    reader, prompt = StepGenerator(model), [1, 2, 3]
    greedy, score_of = search_beams(reader, prompt, 2, 1)
    assert greedy.tolist() == reader([prompt], 2)[0].tolist()
    log_p = ops.convert_to_numpy(ops.log_softmax(model(np.array([prompt]))))[0, -1]
    second = np.array([[*prompt, first] for first in range(41)])
    totals = log_p[:, None] + ops.convert_to_numpy(ops.log_softmax(model(second)))[:, -1]
    best, score_of_best = search_beams(reader, prompt, 2, 41)  # as many beams as tokens
    assert tuple(best) == np.unravel_index(totals.argmax(), totals.shape)
    assert score_of_best == pytest.approx(totals.max(), abs=1e-4)
    assert score_of <= score_of_best + 1e-6
    banned, _ = search_beams(reader, prompt, 2, 3, banned=best.tolist())
    assert not set(banned.tolist()) & set(best.tolist())


def test_utils_refuses_what_leaves_no_beam(model):
    reader = StepGenerator(model)
    for arguments, said in [
        (([], 2, 1), "at least one token"),
        (([41], 2, 1), "from 0 to 40, not 41"),
        (([1], 0, 1), "max_new_tokens must be"),
        (([1] * 60, 2, 1), "must fit in the context"),
        *((([1], 2, n), f"num_beams must be .* at least 1, not {n}") for n in (0, -1, 2.0, True)),
        *((([1], 2, 1, [k]), f"from 0 to 40, not {k}") for k in (-1, 41)),
        (([1], 2, 1, range(41)), "all 41 tokens are banned"),
    ]:
        with pytest.raises(ValueError, match=said):
            search_beams(reader, *arguments)
    model.final_norm.scale.assign(np.full(24, np.nan))
    with pytest.raises(ValueError, match="scores of the next token hold NaN or infinity"):
        search_beams(reader, [1, 2], 2, 2)
