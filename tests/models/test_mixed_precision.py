"""Every model and decoder works in half precision, and says about the same as in float32."""

import functools

import keras
import numpy as np
import pytest
from small_models import BUILDERS, IDS, READ

from utils.data.pairs import END, PADDING
from utils.decoding.beam_search import BeamSearch
from utils.decoding.sampling import Generator, build_generator
from utils.decoding.streaming import StepGenerator
from utils.decoding.translation import build_beam_decoder, build_prefix_decoder
from utils.models.saving import use_dtype_policy
from utils.models.seq2seq import CrossAttention

ATOL = {"float32": 1e-6, "mixed_float16": 0.02, "float16": 0.02, "mixed_bfloat16": 0.1}
MIXED = ("mixed_float16", "mixed_bfloat16")


@functools.cache
def build(name, policy):
    """Build a model; in every number format it has the same weights, so large that they matter."""
    with use_dtype_policy(policy):
        model, inputs, targets = BUILDERS[name]()
    random = np.random.default_rng(0)
    weights = (model if policy == "float32" else build(name, "float32")[0]).get_weights()
    weights = [0.7 * random.normal(size=w.shape) if w.ndim > 1 else w for w in weights]
    model.set_weights(weights)
    return model, inputs, targets


def to_numpy(outputs):
    outputs = keras.tree.flatten(outputs)
    return [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in outputs]


@pytest.mark.parametrize("policy", MIXED)
@pytest.mark.parametrize("name", BUILDERS)
def test_model_says_the_same_and_learns(name, policy):
    if name == "stateful":
        build.cache_clear()  # its state goes on from call to call
    (model, inputs, targets), (exact, *_) = build(name, policy), build(name, "float32")
    raw = keras.tree.flatten(model(inputs))[-1]
    (output,), wanted = to_numpy(raw), to_numpy(exact(inputs))[-1]
    assert np.abs(output - wanted).max() < ATOL[policy] * max(1, np.abs(wanted).max())
    if targets is not None:
        assert keras.backend.standardize_dtype(raw.dtype) == "float32"  # what the loss reads
        with use_dtype_policy(policy):
            learner = BUILDERS[name]()[0]
        losses = [learner.train_on_batch(inputs, targets) for _ in range(2)]
        assert np.isfinite(losses).all() and np.ravel(losses[0])[0] != np.ravel(losses[1])[0]


@functools.cache
def decode(name, policy):
    """Return the tokens (B, L) and log-probabilities (B,) of the best of two beams."""
    model = build(name, policy)[0]
    if name == "gpt2":
        beams = [BeamSearch(model, num_beams=2)(prompt, 4)[0] for prompt in ([4, 5, 6], [7, 8, 9])]
        return [np.array(column) for column in zip(*beams, strict=True)]
    build_decoder = build_prefix_decoder if name == "transformer" else build_beam_decoder
    tokens, scores = to_numpy(build_decoder(model, 5, 2)(IDS))
    return tokens[:, 0], scores[:, 0]


@pytest.mark.parametrize("policy", [*MIXED, "float16"])
@pytest.mark.parametrize("name", ["additive", "transformer", "gpt2"])
def test_best_beam_is_as_likely_as_in_float32(name, policy):
    (tokens, scores), (_, wanted) = decode(name, policy), decode(name, "float32")
    np.testing.assert_allclose(scores, wanted, rtol=ATOL[policy], atol=5 * ATOL[policy])
    assert not np.isin(tokens, [PADDING, END]).all()  # not only the end of a text


@pytest.mark.parametrize("policy", [*MIXED, "float16"])
@pytest.mark.parametrize(("name", "generator"), [("gpt2", Generator), ("llama", StepGenerator)])
def test_a_model_writes_what_is_best_in_float32(name, generator, policy):
    prompts, lengths = [[4, 5, 6], [7]], []
    found, exact = (generator(build(name, p)[0])(prompts, 6) for p in (policy, "float32"))
    for prompt, new, wanted in zip(prompts, found, exact, strict=True):
        text = np.array([[*prompt, *new]], "int32")
        (logits,) = to_numpy(build(name, "float32")[0](text[:, :-1]))
        logits = logits[0, len(prompt) - 1 :]
        near = ATOL[policy] * np.abs(logits).max()
        regret = logits.max(axis=-1) - logits[np.arange(6), new]
        assert regret.max() < near
        second, best = np.sort(logits, axis=-1)[:, -2:].T
        lengths.append(np.append(best - second < near, True).argmax())  # up to the first near tie
        assert new[: lengths[-1]].tolist() == wanted[: lengths[-1]].tolist()
    assert max(lengths) > 0 or policy == "mixed_bfloat16"  # three digits: a near tie at once


@pytest.mark.parametrize("policy", MIXED)
def test_recurrent_network_writes(policy):
    (model, *_), (exact, *_) = build("gru", policy), build("gru", "float32")
    given = np.pad(READ[:, 1:3].T, ((0, 4), (0, 0)), constant_values=-1)
    noise = np.zeros((6, 4, exact.output_shape[-1]), "float32")
    found = to_numpy(build_generator(model, top_k=1)(given, noise))[0].T.astype("int32")
    (logits,) = to_numpy(exact(found[:, :-1]))
    chosen = np.take_along_axis(logits, found[:, 1:, None], axis=-1)[..., 0]
    assert (logits.max(axis=-1) - chosen)[:, 1:].max() < ATOL[policy] * np.abs(logits).max()


@pytest.mark.parametrize("policy", ATOL)
@pytest.mark.parametrize("score", ["dot", "general", "additive"])
def test_an_empty_source_attends_to_nothing(score, policy):
    random = np.random.default_rng(0)
    query, memory = (random.normal(size=(2, n, 4)).astype("float32") for n in (3, 5))
    mask = np.array([[True, True, False, False, False], [False] * 5])
    context, weights = to_numpy(CrossAttention(score, dtype=policy)(query, memory, mask))
    assert not context[1].any() and not weights[1].any() and not weights[0, :, 2:].any()
    np.testing.assert_allclose(weights[0].sum(axis=-1), 1, atol=ATOL[policy])
