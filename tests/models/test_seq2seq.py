"""The laws of encoder-decoder models on tiny sizes, with Keras' own layers as judges."""

import itertools
import unicodedata

import keras
import numpy as np
import pytest

from utils.data import pairs
from utils.data.pairs import load_phrasebook
from utils.decoding import translation
from utils.models import seq2seq

V, D = 7, 6
SCORES = ("dot", "general", "additive")
MODELS = (None, *SCORES)


def make_model(score=None, seed=0, target_size=V, scale=6.0):
    """Random weights, large enough for translations to differ."""
    keras.utils.set_random_seed(seed)
    attention = seq2seq.CrossAttention(score) if score else None
    model = seq2seq.build_translator(
        V, target_size, embedding_dim=4, hidden_dim=D, attention=attention
    )
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, scale / 8, w.shape) for w in model.get_weights()])
    return model


def make_sources(rows=4, seed=0):
    ids = np.random.default_rng(seed).integers(4, V, (4, 5)).astype("int32")
    ids[1, 3:] = 0
    ids[2, 1:] = 0
    return ids[:rows]


def run(model, *inputs):
    return keras.ops.convert_to_numpy(model(list(inputs)))


def as_numpy(*tensors):
    return [keras.ops.convert_to_numpy(tensor) for tensor in tensors]


# Tokens


def test_normal_forms_give_the_same_tokens():
    text = "L'école n'est pas très loin ; où est-ce ?"
    tokens = ["l'", "école", "n'", "est", "pas", "très", "loin", ";", "où", "est-ce", "?"]
    for form in ("NFC", "NFD"):
        assert pairs.split_sentence(unicodedata.normalize(form, text), elision=True) == tokens


def test_every_apostrophe_elides():
    for sign in "'’‘\u02bc\u00b4′":
        found = pairs.split_sentence(f"J{sign}ai bu l{sign}eau aujourd{sign}hui", elision=True)
        assert found == ["j'", "ai", "bu", "l'", "eau", "aujourd'hui"]


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("", []),
        ("   ", []),
        ("🙂🙂 ok", ["🙂", "🙂", "ok"]),
        ("It’s ten o'clock!", ["it's", "ten", "o'clock", "!"]),
        ("zzz " * 1000, ["zzz"] * 1000),
        ("cafe\u0301", ["café"]),
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


def test_phrasebook_is_cut_as_its_card_says():
    table = load_phrasebook(split="validation")
    joined = [" ".join(tokens) for tokens in table["english"]]
    assert [pairs.split_sentence(text) for text in joined] == list(table["english"])


def test_empty_sentence_has_a_row():
    assert pairs.encode_tokens([[]], pairs.SPECIAL).tolist() == [[0]]


def test_every_pair_is_in_one_batch_with_targets_one_later():
    random = np.random.default_rng(0)
    lengths = random.integers(1, 9, 50)
    source = np.zeros((50, 9), "int32")
    target = np.zeros((50, 11), "int32")
    for row, n in enumerate(lengths):
        source[row, :n] = 4
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


# Loss


def test_loss_and_accuracy_count_real_tokens_only():
    logits = np.random.default_rng(0).normal(size=(2, 3, V)).astype("float32")
    targets = np.array([[4, 3, 0], [5, 6, 3]], "int32")
    nats = -np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    real = [nats[b, t, targets[b, t]] for b in range(2) for t in range(3) if targets[b, t]]
    found = seq2seq.compute_masked_loss(*map(keras.ops.convert_to_tensor, (targets, logits)))
    assert float(found) == pytest.approx(np.mean(real), rel=1e-5)
    logits[[0, 0, 1], [0, 2, 2], [4, 0, 3]] += 9  # two real tokens, and the padding, are right
    found = seq2seq.compute_masked_accuracy(*map(keras.ops.convert_to_tensor, (targets, logits)))
    best = logits.argmax(-1)
    expected = [best[b, t] == targets[b, t] for b, t in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]]
    assert float(found) == pytest.approx(np.mean(expected))


# Attention


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_that_of_keras(score):
    random = np.random.default_rng(1)
    query, memory = (random.normal(size=(2, n, D)).astype("float32") for n in (3, 5))
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    layer = seq2seq.CrossAttention(score)
    context, weights = as_numpy(*layer(query, memory, mask))
    weight = {w.name: as_numpy(w)[0] for w in layer.weights}
    keys = memory @ weight["memory_kernel"] if score != "dot" else memory
    judge = keras.layers.Attention()
    queries = query
    if score == "additive":
        judge, queries = keras.layers.AdditiveAttention(), query @ weight["query_kernel"]
        judge.build([queries.shape, memory.shape, keys.shape])
        judge.set_weights([weight["scale"]])
    expected = judge([queries, memory, keys], mask=[None, mask], return_attention_scores=True)
    for mine, theirs in zip((context, weights), as_numpy(*expected), strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)
    assert np.allclose(weights.sum(-1), 1, atol=1e-6) and (weights[1, :, 2:] == 0).all()


def test_unknown_score_is_refused():
    with pytest.raises(ValueError, match="'cosine'"):
        seq2seq.CrossAttention("cosine")


# The model


@pytest.mark.parametrize("score", MODELS)
def test_model_can_be_saved_and_loaded(score, tmp_path):
    model = make_model(score)
    inputs = [make_sources(), np.full((4, 3), 5, "int32")]
    model.save(tmp_path / "translator.keras")
    loaded = keras.models.load_model(tmp_path / "translator.keras")
    assert np.allclose(run(loaded, *inputs), run(model, *inputs), atol=1e-6)


@pytest.mark.parametrize("score", MODELS)
def test_padding_of_the_source_changes_nothing(score):
    model, source = make_model(score), make_sources()
    target = np.array([[2, 4, 5]] * 4, "int32")
    wide = np.pad(source, ((0, 0), (0, 3)))
    narrow, padded = (run(model, x, target) for x in (source, wide))
    assert np.allclose(narrow, padded, atol=1e-5)


@pytest.mark.parametrize("score", MODELS)
def test_the_past_does_not_see_the_future(score):
    model, source = make_model(score), make_sources(1)
    before = run(model, source, np.array([[2, 4, 5, 6]], "int32"))
    after = run(model, source, np.array([[2, 4, 6, 6]], "int32"))
    assert np.allclose(before[0, :2], after[0, :2], atol=1e-6)
    assert np.abs(before[0, 2:] - after[0, 2:]).max(axis=-1).min() > 1e-4


@pytest.mark.parametrize("score", MODELS)
def test_step_by_step_equals_one_pass(score):
    model, source = make_model(score), make_sources()
    target = np.random.default_rng(2).integers(4, V, (4, 6)).astype("int32")
    full = run(model, source, target)
    memory, mask, states = seq2seq.encode_source(model, source)
    for t in range(6):
        logits, states = seq2seq.score_next(model, target[:, t], states, memory, mask)
        assert np.allclose(as_numpy(logits)[0], full[:, t], atol=1e-5)


# Decoding


@pytest.mark.parametrize("score", [None, "additive"])
def test_greedy_takes_the_best_of_the_full_pass(score):
    model, source = make_model(score, seed=3), make_sources()
    found = translation.translate(translation.build_greedy_decoder(model, 8), source, batch_size=3)
    assert found.shape == (4, 8)
    read = np.column_stack([np.full(4, pairs.START), found[:, :-1]]).astype("int32")
    best = run(model, source, read).argmax(axis=-1)
    for row, wanted in zip(found, best, strict=True):
        stop = next((t for t in range(8) if wanted[t] in (pairs.END, pairs.PADDING)), 7)
        assert np.array_equal(row[: stop + 1], wanted[: stop + 1])
        assert (row[stop + 1 :] == pairs.PADDING).all()


@pytest.mark.parametrize("score", [None, "dot"])
def test_raw_texts_of_any_content_get_an_answer(score):
    vocabulary = [*pairs.SPECIAL, "café", "ok", "."]
    decode = translation.build_greedy_decoder(make_model(score), 5)
    texts = ["", "  ", "caf\u00e9 ok.", "cafe\u0301 OK.", "🙂 zzz", "ok " * 100]
    answers = translation.translate_texts(decode, texts, vocabulary, vocabulary)
    assert len(answers) == len(texts) and answers[:2] == ["", ""]
    assert answers[2] == answers[3]  # NFC and NFD
    assert all(len(answer.split()) <= 5 for answer in answers)


def search_all(model, source, length):
    """Score every sequence of a tiny vocabulary that ends, or is `length` tokens long."""
    ends = (pairs.END, pairs.PADDING)
    sequences, steps = [], []
    for tokens in itertools.product(range(model.output_shape[-1]), repeat=length):
        stop = next((t for t, token in enumerate(tokens) if token in ends), length - 1)
        if not any(tokens[stop + 1 :]):
            sequences.append(tokens)
            steps.append(stop + 1)
    targets = np.array(sequences, "int32")
    read = np.column_stack([np.full(len(targets), pairs.START), targets[:, :-1]]).astype("int32")
    logits = run(model, np.repeat(source, len(targets), axis=0), read).astype(float)
    nats = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    nats = np.take_along_axis(nats, targets[:, :, None], axis=-1)[:, :, 0]
    totals = np.where(np.arange(length) < np.array(steps)[:, None], nats, 0).sum(axis=1)
    order = np.argsort(-totals)
    return targets[order], totals[order]


@pytest.mark.parametrize("score", ["general"])
def test_wide_beam_equals_brute_force(score):
    model = make_model(score, seed=5, target_size=5)
    source = make_sources(2)
    width = 5**3
    tokens, scores = as_numpy(*translation.build_beam_decoder(model, 3, width)(source))
    for row in range(2):
        sequences, totals = search_all(model, source[row : row + 1], 3)
        assert np.array_equal(tokens[row, :10], sequences[:10])
        assert np.allclose(scores[row, :10], totals[:10], atol=1e-4)


def test_beam_of_one_is_greedy():
    model, source = make_model("dot", seed=3), make_sources()
    greedy = translation.translate(translation.build_greedy_decoder(model, 5), source, batch_size=4)
    beam = translation.translate(translation.build_beam_decoder(model, 5, 1), source, batch_size=4)
    assert np.array_equal(greedy, beam)


def test_chosen_prefixes_by_hand():
    totals = np.array([[-1.0, -2.0]], "float32")
    nats = np.log([[0.1, 0.1, 0.1, 0.1, 0.6], [0.2] * 5]).astype("float32")
    given = map(keras.ops.convert_to_tensor, (totals, np.array([4, pairs.END], "int32"), nats))
    totals, rows, last = as_numpy(*translation.choose_prefixes(*given))
    assert rows.tolist() == [0, 1] and last.tolist() == [4, pairs.PADDING]
    assert np.allclose(totals, [[np.log(0.6) - 1, -2.0]], atol=1e-6)


def test_penalty_divides_by_the_length():
    model, source = make_model("dot", seed=4), make_sources()
    tokens, scores = as_numpy(*translation.build_beam_decoder(model, 5, 6)(source))
    long, means = as_numpy(*translation.build_beam_decoder(model, 5, 6, penalty=1.0)(source))
    by_hand = scores / np.maximum(np.count_nonzero(tokens, axis=-1), 1)
    assert np.allclose(means, -np.sort(-by_hand, axis=1), atol=1e-5)
    assert np.count_nonzero(long[:, 0]) >= np.count_nonzero(tokens[:, 0])


# Alignment


def test_alignment_reads_the_row_that_predicts_the_token():
    weights = np.zeros((1, 4, 3))
    weights[0, [0, 1, 2, 3], [1, 0, 2, 2]] = 0.9
    weights[0, 1, 2] = 1.0  # on padding: never chosen
    source, target = np.array([[4, 5, 0]]), np.array([[4, 5, 3, 0]])
    assert seq2seq.read_alignments(weights, source, target) == [[(1, 0), (0, 1)]]


def test_pairs_have_two_sides():
    with pytest.raises(ValueError, match="3 sources, 2 targets"):
        pairs.PairBatches(np.ones((3, 2)), np.ones((2, 2)), batch_size=1)


def test_the_first_two_batches_differ_in_both_widths():
    """Keras concludes from two batches which dimensions vary."""
    random = np.random.default_rng(0)
    lengths = random.integers(1, 9, size=(60, 2))
    source, target = (
        np.where(np.arange(10) < lengths[:, [side]] + side, 5, 0).astype("int32") for side in (0, 1)
    )
    for seed in range(30):
        batches = pairs.PairBatches(source, target, batch_size=4, seed=seed)
        first, second = ([side.shape[1] for side in batches[k][0]] for k in (0, 1))
        assert first[0] != second[0] and first[1] != second[1]
        assert sum(len(batches[k][1]) for k in range(len(batches))) == 60
    one = pairs.PairBatches(source[:3], target[:3], batch_size=4)
    assert len(one) == 1 and len(one[0][1]) == 3
