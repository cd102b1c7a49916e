"""BERT: rows and masks, the encoder and its heads, and `transformers` as the outside judge."""

import math

import keras
import numpy as np
import pytest
from small_models import to_numpy

from utils.data.masking import MaskedBatches, mask_tokens, pack_segments
from utils.data.tokenizers import build_pieces, encode_pieces
from utils.models import bert

SPECIAL = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
CONFIG = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIG |= {"intermediate_size": 12, "max_position_embeddings": 16, "type_vocab_size": 2}
CONFIG |= {"layer_norm_eps": 1e-12}
TOKEN_IDS = np.array([[2, 9, 8, 3, 0, 0], [2, 7, 9, 21, 22, 3]], "int32")


def run(encoder, token_ids=TOKEN_IDS, segment_ids=None):
    segment_ids = np.zeros_like(token_ids) if segment_ids is None else segment_ids
    return [to_numpy(x) for x in encoder([token_ids, segment_ids, token_ids != 0])]


# Rows and masks


@pytest.mark.parametrize(
    "first, second, token_ids, segment_ids",
    [
        ([7, 8, 9], None, [2, 7, 8, 9, 3, 0, 0], [0] * 7),
        ([7, 8], [9], [2, 7, 8, 3, 9, 3, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0]),
        ([], None, [2, 3], [0, 0]),
        # the longer text loses its end
        ([5, 6, 7, 8, 9], [10, 11], [2, 5, 6, 3, 10, 11, 3], [0, 0, 0, 0, 1, 1, 1]),
        ([10, 11], [5, 6, 7, 8, 9], [2, 10, 11, 3, 5, 6, 3], [0, 0, 0, 0, 1, 1, 1]),
    ],
)
def test_texts_are_laid_out_as_bert_reads_them(first, second, token_ids, segment_ids):
    given = list(first)
    found = [row.tolist() for row in pack_segments(first, second, 2, 3, len(token_ids))]
    assert found == [token_ids, segment_ids, [token_id != 0 for token_id in token_ids]]
    assert first == given
    with pytest.raises(ValueError, match="sequence_length=2; it must be at least 3"):
        pack_segments([5], [6], 2, 3, 2)


def test_pieces_are_counted_and_texts_become_rows():
    token_lists = [["a", "film", "##s"], ["film", "[MASK]", "a", "a"]]
    pieces = build_pieces(token_lists, 2)
    assert pieces == [*SPECIAL, "a", "film"]
    rows = encode_pieces(token_lists, pieces, 6)
    assert rows.tolist() == [[2, 5, 6, 1, 3, 0], [2, 6, 4, 5, 5, 3]]
    assert encode_pieces(token_lists, pieces, 4).tolist() == [[2, 5, 6, 3], [2, 6, 4, 3]]
    assert encode_pieces([], pieces, 4).shape == (0, 4)


def test_the_shares_of_masking_are_15_and_80_10_10():
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (500, 400))
    inputs, chosen = mask_tokens(token_ids, SPECIAL, 1000, random)
    hidden = chosen & (inputs == SPECIAL["[MASK]"])
    same = chosen & (inputs == token_ids)
    swapped = chosen & ~hidden & ~same
    shares = [chosen.mean(), *(kind.sum() / chosen.sum() for kind in (hidden, swapped, same))]
    assert shares == pytest.approx([0.15, 0.8, 0.1, 0.1], abs=0.005)
    assert np.array_equal(inputs[~chosen], token_ids[~chosen])
    assert inputs[swapped].min() == 5 and inputs[swapped].max() == 999  # any ordinary token
    all_hidden, chosen = mask_tokens(token_ids, SPECIAL, 1000, random, hidden=1.0, swapped=0.0)
    assert (all_hidden[chosen] == SPECIAL["[MASK]"]).all()


def test_special_tokens_are_neither_chosen_nor_drawn():
    special = {"[PAD]": 0, "[CLS]": 11, "[SEP]": 12, "[MASK]": 13}  # as if in another vocabulary
    random = np.random.default_rng(1)
    token_ids = np.tile([11, 1, 14, 12, 0, 0], (3000, 1))
    inputs, chosen = mask_tokens(token_ids, special, 15, random, share=0.9, hidden=0, swapped=1)
    assert not chosen[:, [0, 3, 4, 5]].any() and chosen[:, 1:3].mean() > 0.8
    assert np.unique(inputs[chosen]).tolist() == [*range(1, 11), 14]


def make_batches(**options):
    token_ids = np.random.default_rng(2).integers(5, 30, (10, 12))
    token_ids[:, 0], token_ids[:, 9:] = 2, 0
    return MaskedBatches(token_ids, SPECIAL, 30, batch_size=4, **options)


def test_a_batch_asks_for_the_chosen_places_and_for_no_other():
    batches = make_batches(share=0.4, shuffle=False)
    assert len(batches) == 3 and batches[2][1].shape[0] == 2
    for index in range(3):
        (inputs, places), targets, weights = batches[index]
        rows = slice(4 * index, 4 * index + 4)
        assert inputs.shape[1] == 12 and places.shape == targets.shape == weights.shape
        assert weights.mean() == pytest.approx(1)
        for row, (place, target, weight) in enumerate(zip(places, targets, weights, strict=True)):
            chosen = np.flatnonzero(batches.chosen[rows][row])
            assert sorted(place[weight > 0]) == chosen[: places.shape[1]].tolist()
            assert np.array_equal(target, batches.token_ids[rows][row][place])
        unasked = np.ones(inputs.shape, bool)
        np.put_along_axis(unasked, places, False, axis=1)
        assert np.array_equal(inputs[unasked], batches.token_ids[rows][unasked])


def test_dynamic_masks_change_with_the_epoch_and_static_ones_do_not():
    for dynamic in (True, False):
        batches = make_batches(dynamic=dynamic, share=0.4)
        before, order = batches.chosen.copy(), batches.order.copy()
        batches.on_epoch_end()
        assert np.array_equal(before, batches.chosen) != dynamic
        assert not np.array_equal(order, batches.order)
        assert sorted(batches.order) == list(range(10))
    first, again, other = (make_batches(seed=s).inputs for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


# The encoder


def test_padding_changes_nothing_and_segments_do():
    encoder = bert.build_encoder(CONFIG)
    assert len(encoder.outputs) == 3
    short, long = run(encoder, TOKEN_IDS[:1, :4]), run(encoder)
    for a, b in zip(short, long, strict=True):
        assert np.abs(a[0] - b[0, :4]).max() < 1e-5
    moved = run(encoder, segment_ids=np.array([[0, 0, 1, 1, 0, 0]] * 2))
    assert np.abs(moved[-1] - long[-1])[:, :4].min(axis=-1).max() > 1e-6


def test_both_sides_are_seen_unless_causal():
    changed = TOKEN_IDS.copy()
    changed[1, 3] = 25
    for causal in (False, True):
        encoder = bert.build_encoder(CONFIG, causal=causal)
        difference = np.abs(run(encoder)[-1] - run(encoder, changed)[-1]).max(axis=-1)[1]
        assert difference[3:].min() > 1e-5
        assert (difference[:3].max() < 1e-6) == causal


def test_a_checkpoint_that_lacks_an_array_is_named():
    encoder = bert.build_encoder(CONFIG)
    with pytest.raises(ValueError, match=r"no array 'bert\.embeddings.*begin like 'embeddings"):
        bert.load_encoder_weights(encoder, {"embeddings.x": np.ones(2)}, prefix="bert.")


# The word head


def test_the_word_head_scores_the_asked_places_with_the_shared_table():
    encoder = bert.build_encoder(CONFIG)
    model = bert.add_word_head(encoder)
    places = np.array([[1, 3], [4, 0]], "int32")
    logits = to_numpy(model([TOKEN_IDS, places]))
    assert logits.shape == (2, 2, 30)
    head = keras.Model(model.inputs, model.get_layer("transform_norm").output)
    x, table = to_numpy(head([TOKEN_IDS, places])), to_numpy(encoder.get_layer("words").embeddings)
    assert np.abs(logits - x @ table.T).max() < 1e-5
    alone = to_numpy(model([TOKEN_IDS[1:], places[1:, :1]]))
    assert np.abs(alone[0, 0] - logits[1, 0]).max() < 1e-5
    assert [w.shape for w in model.trainable_weights].count(table.shape) == 1  # tied: one table
    assert sum(math.prod(w.shape) for w in model.weights) == model.count_params()


def test_an_easy_start_knows_shares_and_shifts():
    encoder = bert.build_encoder(CONFIG)
    model = bert.add_word_head(encoder)
    vectors = np.random.default_rng(0).normal(size=(30, 8)).astype("float32")
    bert.init_from_statistics(model, encoder, np.array([[2, 9, 9, 9, 7, 3, 0, 0]]), vectors)
    shares = np.exp(to_numpy(model.get_layer("logits").bias))
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares[9] / shares[7] == pytest.approx(3.1 / 1.1, rel=1e-4)
    assert shares[0] == shares[2] == shares[20]  # special tokens count as unseen
    positions = to_numpy(encoder.get_layer("positions").embeddings)
    products = positions @ positions.T  # depend on the distance alone
    assert all(np.ptp(np.diagonal(products, distance)) < 1e-6 for distance in range(16))
    assert products[0, 1] < products[0, 0]
    words, centred = to_numpy(encoder.get_layer("words").embeddings), vectors - vectors.mean(axis=0)
    scale = words.std() / (centred @ np.linalg.svd(centred)[2].T).std()
    assert np.abs(words @ words.T - scale**2 * centred @ centred.T).max() < 1e-4  # turned only
    attention = encoder.get_layer("attention_1")
    kernels = [to_numpy(part.kernel) for part in (attention.key_dense, attention.query_dense)]
    assert np.array_equal(*kernels)


def test_each_hidden_token_is_asked_for_once():
    shares = {"share": 0.5, "hidden": 1.0, "swapped": 0.0}
    batches = make_batches(dynamic=False, shuffle=False, num_positions=12, **shares)
    model = bert.add_word_head(bert.build_encoder(CONFIG))
    model.compile(jit_compile=False)
    rows, places, predicted = bert.predict_hidden(model, batches)
    assert np.array_equal(np.stack([rows, places], axis=1), np.argwhere(batches.chosen))
    everywhere = np.tile(np.arange(12, dtype="int32"), (10, 1))
    expected = to_numpy(model([batches.inputs, everywhere])).argmax(axis=-1)[rows, places]
    assert np.mean(predicted == expected) > 0.9  # near ties may fall either way
    assert bert.predict_hidden(model, batches, np.arange(30) >= 20)[2].min() >= 20


# The classifier


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_the_classifier_pools_and_is_not_moved_by_padding(pooling):
    encoder = bert.build_encoder(CONFIG)
    model = bert.add_classifier(encoder, name="classifier", pooling=pooling)
    states = run(encoder)[-1]
    pooled = states[:, 0]
    if pooling == "mean":
        real = (TOKEN_IDS != 0)[:, :, None]
        pooled = (states * real).sum(axis=1) / real.sum(axis=1)
    kernel, bias = model.get_layer("probability").get_weights()
    expected = 1 / (1 + np.exp(-(pooled @ kernel + bias)))
    for token_ids in (TOKEN_IDS, np.pad(TOKEN_IDS, ((0, 0), (0, 5)))):
        assert np.abs(to_numpy(model(token_ids)) - expected).max() < 1e-5
    with pytest.raises(ValueError, match="'mean' or 'first', not 'max'"):
        bert.add_classifier(encoder, name="classifier", pooling="max")


@pytest.mark.parametrize("count, moving", [(0, set()), (1, {"1"}), (2, {"0", "1"})])
def test_frozen_layers_do_not_move(count, moving):
    encoder = bert.build_encoder(CONFIG, dropout=0.1)
    model = bert.add_classifier(encoder, name="classifier")
    bert.train_last_layers(encoder, count)
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", run_eagerly=True)
    before = [to_numpy(w) for w in encoder.weights]
    model.train_on_batch(TOKEN_IDS, np.array([[0.0], [1.0]]))
    moved = {
        w.path.split("/")[0].rpartition("_")[2]
        for w, old in zip(encoder.weights, before, strict=True)
        if not np.array_equal(to_numpy(w), old)
    }
    assert moved == moving and len(encoder.trainable_weights) == 16 * count
    bert.train_last_layers(encoder, None)  # all: the tables, too
    assert len(encoder.trainable_weights) == len(encoder.weights) == 3 + 2 + 32
    with pytest.raises(ValueError, match="0 to 2 .* not 3"):
        bert.train_last_layers(encoder, 3)


def test_the_rate_warms_up_then_falls_to_zero():
    schedule = bert.WarmUpDecay(0.1, 4, 24)
    rates = [float(schedule(step)) for step in range(26)]
    assert np.allclose(rates[:5], [0.02, 0.04, 0.06, 0.08, 0.1])
    assert np.allclose(np.diff(rates[4:25]), -0.1 / 20) and rates[24] == rates[25] == 0
    assert float(bert.WarmUpDecay(0.1, 0, 10)(0)) == pytest.approx(0.1)
    again = bert.WarmUpDecay.from_config(schedule.get_config())
    assert float(again(10)) == pytest.approx(rates[10])
    with pytest.raises(ValueError, match="less than total_steps=4, not 4"):
        bert.WarmUpDecay(0.1, 4, 4)


# Beside transformers; tests/models/test_sentences.py has MiniLM


@pytest.mark.parametrize("seed, num_heads", [(0, 2), (1, 4)])
def test_transformers_agrees_on_random_models(seed, num_heads):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    sizes = CONFIG | {"num_attention_heads": num_heads, "initializer_range": 0.3}
    judge = transformers.BertForMaskedLM(transformers.BertConfig(**sizes)).eval()
    token_ids = random.integers(5, 30, (4, 9)).astype("int32")
    token_ids[0, 5:], token_ids[1, 8:] = 0, 0
    segment_ids = random.integers(0, 2, token_ids.shape).astype("int32")
    inputs = {
        "input_ids": torch.tensor(token_ids, dtype=torch.long),
        "attention_mask": torch.tensor(token_ids != 0).long(),
    }
    with torch.no_grad():
        for weight in judge.parameters():  # biases and norms too, which start at 0 and 1
            weight += 0.1 * torch.randn_like(weight)
        segments = torch.tensor(segment_ids, dtype=torch.long)
        found = judge.bert(**inputs, token_type_ids=segments, output_hidden_states=True)
        logits = judge(**inputs).logits.numpy()
    weights = {name: value.detach().numpy() for name, value in judge.state_dict().items()}
    encoder = bert.build_encoder(sizes)
    bert.load_encoder_weights(encoder, weights, prefix="bert.")
    real = token_ids != 0
    states = run(encoder, token_ids, segment_ids)
    for ours, theirs in zip(states, found.hidden_states, strict=True):
        assert np.abs(ours - theirs.numpy())[real].max() < 1e-4
    model = bert.add_word_head(encoder)
    dense, norm = model.get_layer("transform"), model.get_layer("transform_norm")
    bert._read_arrays(weights, dense, "cls.predictions.transform.dense")
    bert._read_arrays(weights, norm, "cls.predictions.transform.LayerNorm")
    model.get_layer("logits").bias.assign(weights["cls.predictions.bias"])
    places = np.tile(np.arange(9, dtype="int32"), (4, 1))
    assert np.abs(to_numpy(model([token_ids, places])) - logits)[real].max() < 1e-4
