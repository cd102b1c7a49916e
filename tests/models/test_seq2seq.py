"""The laws of encoder-decoder models on tiny sizes, with Keras' own layers as judges."""

import itertools
import unicodedata

import keras
import numpy as np
import pytest
from small_models import IDS, READ, build_translator, randomise, run, to_numpy

from utils.data import pairs
from utils.models import seq2seq

SCORES = ("dot", "general", "additive")


@pytest.fixture(scope="module", params=(None, *SCORES))
def model(request):
    return randomise(build_translator(request.param)[0])


# Tokens


def test_every_apostrophe_elides_in_either_normal_form():
    text = "L'école n'est pas très loin ; où est-ce aujourd'hui ?"
    tokens = ["l'", "école", "n'", "est", "pas", "très", "loin", ";", "où", "est-ce"]
    tokens += ["aujourd'hui", "?"]
    for form, sign in itertools.product(("NFC", "NFD"), "'’‘\u02bc\u00b4′"):
        given = unicodedata.normalize(form, text).replace("'", sign)
        assert pairs.split_sentence(given, elision=True) == tokens


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("", []),
        ("   ", []),
        ("🙂🙂 ok", ["🙂", "🙂", "ok"]),
        ("It’s ten o'clock!", ["it's", "ten", "o'clock", "!"]),
        ("zzz " * 1000, ["zzz"] * 1000),
        ("हिन्दी में, कि", ["हिन्दी", "में", ",", "कि"]),
        ("مُحَمَّد رَسُول.", ["مُحَمَّد", "رَسُول", "."]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("J\u02bcai, l\u00b4eau, l‘eau", ["j'ai", ",", "l'eau", ",", "l'eau"]),
        ("\ufeffgood\u00a0film\u200b “so\u00adfa”…", ["good", "film", '"', "sofa", '"', *"..."]),
        ("good—film", ["good", "—", "film"]),
        ("❤\ufe0f", ["❤\ufe0f"]),
    ],
)
def test_bad_input(text, tokens):
    assert pairs.split_sentence(text) == tokens
    ids = pairs.encode_tokens([tokens], [*pairs.SPECIAL, "ok"], ends=True)
    assert ids.shape == (1, len(tokens) + 2)
    assert (ids[0, 0], ids[0, -1]) == (pairs.START, pairs.END)
    known = [token if token == "ok" else "[UNK]" for token in tokens]
    assert pairs.decode_tokens(ids, [*pairs.SPECIAL, "ok"]) == [known]
    assert pairs.encode_tokens([[]], pairs.SPECIAL).tolist() == [[0]]


def test_phrasebook_is_cut_as_its_card_says():
    for tokens in pairs.load_phrasebook(split="validation")["english"]:
        assert pairs.split_sentence(" ".join(tokens)) == tokens


# Batches


def test_every_pair_is_in_one_batch_with_targets_one_later():
    lengths = np.random.default_rng(0).integers(1, 9, 50)
    source = np.where(np.arange(9) < lengths[:, None], 4, 0).astype("int32")
    target = np.zeros((50, 11), "int32")
    for row, n in enumerate(lengths):
        target[row, : n + 2] = [2, *[row + 10] * n, 3]
    batches = pairs.PairBatches(source, target, batch_size=8)
    for _ in range(2):
        seen = []
        for (x, y), targets in (batches[i] for i in range(len(batches))):
            assert x.shape[1] == np.count_nonzero(x, axis=1).max()
            assert np.array_equal(y[:, 1:], targets[:, :-1]) and (y[:, 0] == 2).all()
            seen += y[:, 1].tolist()
        assert sorted(seen) == list(range(10, 60))
        batches.on_epoch_end()
    with pytest.raises(ValueError, match="50 sources, 2 targets"):
        pairs.PairBatches(source, target[:2], batch_size=1)


def test_the_first_two_batches_differ_in_both_widths():
    """Keras concludes from two batches which dimensions vary."""
    lengths = np.random.default_rng(0).integers(1, 9, size=(60, 2)) + [0, 1]
    source, target = np.where(np.arange(10) < lengths.T[:, :, None], 5, 0).astype("int32")
    for seed in range(30):
        batches = pairs.PairBatches(source, target, batch_size=4, seed=seed)
        first, second = ([side.shape[1] for side in batches[k][0]] for k in (0, 1))
        assert first[0] != second[0] and first[1] != second[1]
        assert sum(len(batches[k][1]) for k in range(len(batches))) == 60
    one = pairs.PairBatches(source[:3], target[:3], batch_size=4)
    assert len(one) == 1 and len(one[0][1]) == 3


# Loss


def test_loss_and_accuracy_count_real_tokens_only():
    logits = np.random.default_rng(0).normal(size=(2, 3, 7)).astype("float32")
    targets = np.array([[4, 3, 0], [5, 6, 3]], "int32")
    nats = -np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    real = [nats[b, t, targets[b, t]] for b in range(2) for t in range(3) if targets[b, t]]
    found = seq2seq.compute_masked_loss(*map(keras.ops.convert_to_tensor, (targets, logits)))
    assert float(found) == pytest.approx(np.mean(real), rel=1e-5)
    logits[[0, 0, 1], [0, 2, 2], [4, 0, 3]] += 9  # two real tokens, and the padding, are right
    found = seq2seq.compute_masked_accuracy(*map(keras.ops.convert_to_tensor, (targets, logits)))
    right = (logits.argmax(-1) == targets)[targets != pairs.PADDING]
    assert float(found) == pytest.approx(right.mean())


# Attention


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_that_of_keras(score):
    random = np.random.default_rng(1)
    query, memory = (random.normal(size=(2, n, 6)).astype("float32") for n in (3, 5))
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    layer = seq2seq.CrossAttention(score)
    context, weights = map(to_numpy, layer(query, memory, mask))
    weight = {w.name: to_numpy(w) for w in layer.weights}
    keys = memory @ weight["memory_kernel"] if score != "dot" else memory
    judge, queries = keras.layers.Attention(), query
    if score == "additive":
        judge, queries = keras.layers.AdditiveAttention(), query @ weight["query_kernel"]
        judge.build([queries.shape, memory.shape, keys.shape])
        judge.set_weights([weight["scale"]])
    expected = judge([queries, memory, keys], mask=[None, mask], return_attention_scores=True)
    for mine, theirs in zip((context, weights), map(to_numpy, expected), strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)
    assert np.allclose(weights.sum(-1), 1, atol=1e-6) and (weights[1, :, 2:] == 0).all()
    assert seq2seq.CrossAttention.from_config(layer.get_config()).score == score
    with pytest.raises(ValueError, match="'cosine'"):
        seq2seq.CrossAttention("cosine")


def test_alignment_reads_the_row_that_predicts_the_token():
    weights = np.zeros((1, 4, 3))
    weights[0, [0, 1, 2, 3], [1, 0, 2, 2]] = 0.9
    weights[0, 1, 2] = 1.0  # on padding: never chosen
    source, target = np.array([[4, 5, 0]]), np.array([[4, 5, 3, 0]])
    assert seq2seq.read_alignments(weights, source, target) == [[(1, 0), (0, 1)]]


# The model


def test_padding_of_the_source_changes_nothing(model):
    padded = np.pad(IDS, ((0, 0), (0, 3)))
    assert np.allclose(run(model, IDS, READ), run(model, padded, READ), atol=1e-5)


def test_the_past_does_not_see_the_future(model):
    changed = READ.copy()
    changed[:, 2] = READ[:, 2] % 8 + 4
    difference = np.abs(run(model, IDS, READ) - run(model, IDS, changed)).max(axis=-1)
    assert difference[:, :2].max() < 1e-6 and difference[:, 2:].min() > 1e-4


def test_step_by_step_equals_one_pass(model):
    full = run(model, IDS, READ)
    memory, mask, states = seq2seq.encode_source(model, IDS)
    for t in range(READ.shape[1]):
        logits, states = seq2seq.score_next(model, READ[:, t], states, memory, mask)
        assert np.allclose(logits, full[:, t], atol=1e-5)
