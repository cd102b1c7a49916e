"""What other tutorials compute wrongly, and the cure: rows of site/broken_elsewhere.toml.

Each test shows the failure first. What Keras refuses is in test_broken_elsewhere_keras.py.
"""

import importlib
import re
import tomllib
from pathlib import Path

import keras
import numpy as np
import pytest
import sacrebleu
import spacy
import tensorflow as tf
from keras import layers, ops
from safetensors.numpy import load_file
from small_parts import measure_gap, stack
from spacy.training import Example, offsets_to_biluo_tags
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tools.notebook_rules import list_anchors
from utils.backends import compute_gradient
from utils.data.entities import decode_bio, to_token_spans
from utils.data.pairs import END, START, PairBatches, encode_tokens, join_tokens, split_sentence
from utils.data.splits import assign_bucket
from utils.data.text import build_vocabulary, encode_texts
from utils.data.your_data import read_entities, read_labelled_texts
from utils.data.your_entities import check_spans
from utils.decoding.beam_search import BeamSearch
from utils.decoding.filters import draw_gumbel, filter_logits
from utils.decoding.sampling import pad_left
from utils.metrics import compute_bleu, count_bleu, count_matches, score_counts
from utils.models.checkpoints import load_gpt2, save_gpt2
from utils.models.classifiers import build_classifier
from utils.models.gpt2 import GPT2, GPT2Config, compute_token_bits
from utils.models.layers import MaskedAveragePooling1D, MaskedMaxPooling1D
from utils.models.ner import find_entities, load_pipeline
from utils.models.rnn import build_language_model
from utils.models.seq2seq import (
    build_translator,
    compute_masked_accuracy,
    encode_source,
)
from utils.models.transformer import attend, make_causal_mask

ROOT = Path(__file__).resolve().parents[2]
random = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("seed")
to_numpy = ops.convert_to_numpy


def test_every_row_has_references_a_cure_a_cell_and_a_test():
    rows = tomllib.loads((ROOT / "site/broken_elsewhere.toml").read_text(encoding="utf8"))["row"]
    found, names, urls = Path(__file__).parent.glob("test_broken*.py"), set(), []
    for path in found:
        defined = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf8"), re.M)
        names |= {f"tests/site/{path.name}::{name}" for name in defined}
    for row in rows:
        assert row.keys() - {"cell"} == {"symptom", "where", "cause", "cure", "test"}, row
        assert min(len(row[key]) for key in ("symptom", "cause", "cure")) > 9 and row["where"]
        assert all(source.keys() == {"title", "url"} for source in row["where"])
        urls += [source["url"] for source in row["where"]]
        notebook, _, anchor = row.get("cell", "").partition("#")
        assert not notebook or anchor in list_anchors(ROOT / "notebooks" / notebook), row["cell"]
    assert all(url.startswith("https://") for url in urls)
    assert len(rows) >= 30 and len(set(urls)) == len(urls)
    assert len({row["symptom"] for row in rows}) == len({row["test"] for row in rows}) == len(rows)
    tests = {name for name in names if "every_row" not in name}
    assert tests == {row["test"] for row in rows}


# Padding and masks


def test_the_same_sentence_for_every_input():
    source_ids = np.array([[5, 6], [7, 8]])
    padded = np.pad(source_ids, ((0, 0), (0, 40)))
    embedding, encoder = layers.Embedding(9, 4), layers.LSTM(4)
    first, second = to_numpy(encoder(embedding(padded)))
    assert measure_gap(first, second) < 1e-6  # two sentences, one state: one translation
    model = build_translator(9, 9, embedding_dim=4, hidden_dim=4)
    states, padded_states = encode_source(model, source_ids)[2], encode_source(model, padded)[2]
    assert measure_gap(states, padded_states) < 1e-6 < 1e-4 < measure_gap(*states[0])


def test_lstm_stays_at_one_half():
    x = random.normal(size=(1, 40, 2)).astype("float32")  # one word, then padding
    mask, lstm = np.arange(40)[None] < 1, layers.LSTM(4)
    unmasked = compute_gradient(lambda x: ops.sum(lstm(x)), x)
    masked = compute_gradient(lambda x: ops.sum(lstm(x, mask=mask)), x)
    assert 1000 * np.abs(unmasked[0, 0]).max() < np.abs(masked[0, 0]).max()
    model = build_classifier("lstm", 9, embedding_dim=2, hidden_dim=2)
    assert measure_gap(model(np.array([[5, 6]])), model(np.array([[5, 6] + 20 * [0]]))) < 1e-6


def evaluate_on_padding(says, mask_zero):
    """Return Keras' accuracy, and ours, of a model that says this token for 0, 1, 2, 3."""
    token_ids = np.array([[1, 2, 3] + 7 * [0]])
    table = 9 * np.eye(4, dtype="float32")[says]
    model = stack(layers.Embedding(4, 4, mask_zero=mask_zero, weights=[table]), shape=(None,))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=True)
    accuracy = model.evaluate(token_ids, token_ids, verbose=0, return_dict=True)["accuracy"]
    ours = compute_masked_accuracy(ops.convert_to_tensor(token_ids), table[token_ids])
    return accuracy, float(ours)


def test_accuracy_fell_from_60_to_10_percent_with_keras_3():
    all_right_but_padding = [3, 1, 2, 3]
    assert evaluate_on_padding(all_right_but_padding, False) == pytest.approx((0.3, 1.0))
    assert evaluate_on_padding(all_right_but_padding, True) == pytest.approx((1.0, 1.0))


def test_accuracy_is_high_because_padding_counts():
    only_padding_right = [0, 0, 0, 0]
    assert evaluate_on_padding(only_padding_right, False) == pytest.approx((0.7, 0.0))
    assert evaluate_on_padding(only_padding_right, True) == pytest.approx((0.0, 0.0))


def test_max_pooling_ignores_the_mask():
    vectors = np.array([[0, 0], [-0.1, -0.2], [-0.3, -0.4]])
    embed = layers.Embedding(3, 2, mask_zero=True, weights=[vectors])
    short, padded = embed(np.array([[1, 2]])), embed(np.array([[1, 2, 0]]))
    keras_pool = layers.GlobalMaxPooling1D()
    with pytest.warns(UserWarning, match="does not support mask"):
        assert measure_gap(keras_pool(short), keras_pool(padded)) > 0.05
    assert measure_gap(MaskedMaxPooling1D()(short), MaskedMaxPooling1D()(padded)) == 0


def test_loss_is_nan_because_one_text_is_empty():
    x, mask = np.ones((2, 3, 4), "float32"), np.array([[True, True, False], 3 * [False]])
    assert np.isnan(layers.GlobalAveragePooling1D()(x, mask=mask)).any()
    assert to_numpy(MaskedAveragePooling1D()(x, mask=mask)).tolist() == [4 * [1], 4 * [0]]


def test_lstm_with_mask_zero_fails_on_the_gpu():
    token_ids = np.array([[1, 2, 0, 0], [0, 0, 1, 2], [0, 0, 0, 0]])  # right, left, nothing
    model = stack(layers.Embedding(3, 2, mask_zero=True), layers.LSTM(2), shape=(4,))
    found = to_numpy(model(token_ids))
    assert measure_gap(found[0], found[1]) < 1e-6 < np.abs(found[0]).max() and not found[2].any()


def test_mask_of_minus_a_billion_in_float16():
    scores = ops.zeros((1, 2), "float16") + ops.cast(-1e9, "float16")
    assert np.isnan(ops.softmax(scores)).all()
    x = ops.cast(random.normal(size=(1, 3, 4)), "float16")
    mask = np.array([[True, False, False], [True, True, False], 3 * [False]])
    context, weights = attend(x, x, x, mask)
    assert np.isfinite(context).all() and not to_numpy(weights)[0, :2][~mask[:2]].any()


def test_attention_mask_has_the_wrong_shape():
    attention, x = layers.MultiHeadAttention(1, 4), random.normal(size=(2, 2, 4))
    padding = np.array([[True, True], [True, False]])  # (B, S)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        attention(x[:1].repeat(3, 0), x[:1].repeat(3, 0), attention_mask=padding[[0, 1, 1]])

    def weigh(mask):
        return to_numpy(attention(x, x, attention_mask=mask, return_attention_scores=True)[1])

    assert weigh(padding)[1, 0, 0, 1] > 0  # B = T: read as (T, S), and padding is attended to
    assert weigh(padding[:, None])[1, 0, :, 1].tolist() == [0, 0]


def make_gpt2(vocabulary_size=9):
    sizes = {"hidden_dim": 4, "num_layers": 1, "num_heads": 2, "initializer_range": 0.5}
    return GPT2(GPT2Config(vocabulary_size, 8, **sizes))


def see_future(function, x):
    """Return how much the first outputs change with the last input."""
    changed = np.concatenate([x[:, :-1], x[:, -1:] + 1], axis=1)
    return measure_gap(function(x)[:, :-1], function(changed)[:, :-1])


def test_accuracy_near_100_percent_and_text_without_sense():
    x = random.normal(size=(1, 4, 8)).astype("float32")
    assert see_future(lambda x: attend(x, x, x)[0], x) > 0.01
    assert see_future(lambda x: attend(x, x, x, make_causal_mask(4))[0], x) == 0
    assert see_future(make_gpt2(), np.array([[1, 2, 3, 4]])) == 0


def test_use_causal_mask_has_no_effect():
    x, causal = random.normal(size=(1, 4, 8)).astype("float32"), {"use_causal_mask": True}
    attention = layers.MultiHeadAttention(2, 4, dropout=0.1)
    assert see_future(lambda x: attention(x, x, **causal), x) == 0
    assert see_future(lambda x: attention(x, x, return_attention_scores=True, **causal)[0], x) == 0
    assert see_future(lambda x: attention(x, x), x) > 1e-4


# Targets and losses


def test_decoder_gets_the_target_unshifted():
    target_ids = np.array([[START, 5, 6, END, 0], [START, 7, END, 0, 0]])
    copies = 99 * np.eye(9)  # a model that repeats what it reads
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    assert float(loss(target_ids, copies[target_ids])) < 1e-6
    (_, read), targets = PairBatches(target_ids, target_ids, batch_size=2)[0]
    assert (read[:, 0] == START).all() and (read[:, 1:] == targets[:, :-1]).all()
    assert float(loss(targets, copies[read])) > 9


def test_from_logits_does_not_fit_the_last_layer():
    logits, targets = np.array([[20.0, 0.0]]), np.array([0])
    probabilities = ops.softmax(logits)
    loss = keras.losses.SparseCategoricalCrossentropy
    assert float(loss(from_logits=True)(targets, to_numpy(probabilities))) > 0.3  # and never less
    right = loss(from_logits=True)(targets, logits), loss()(targets, to_numpy(probabilities))
    assert np.abs(right).max() < 1e-6


def test_softmax_over_a_single_unit():
    x = random.normal(size=(5, 3))
    with pytest.warns(UserWarning, match="This axis has size 1"):
        assert to_numpy(stack(layers.Dense(1, "softmax"))(x)).ravel().tolist() == 5 * [1]
    assert len(set(to_numpy(stack(layers.Dense(1, "sigmoid"))(x)).ravel().tolist())) == 5


def test_binary_crossentropy_is_negative(tmp_path):
    labels, probability = np.array([[1.0], [2.0]]), np.array([[0.9], [0.99]])
    assert np.min(keras.losses.binary_crossentropy(labels, probability)) < -2
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\nbad,1\ngood,2\n", encoding="utf8")
    labels = read_labelled_texts(path, splits={"train": 1})["label"].to_numpy(float)[:, None]
    assert labels.ravel().tolist() == [0, 1]
    assert np.min(keras.losses.binary_crossentropy(labels, probability)) > 0


def test_label_value_is_outside_the_valid_range():
    probabilities = np.full((2, 2), 0.5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside the valid range"):
        keras.losses.sparse_categorical_crossentropy(np.array([1, 2]), probabilities)
    classes, labels = np.unique([1, 2], return_inverse=True)
    nats = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    assert len(classes) == 2 and to_numpy(nats) == pytest.approx(np.log(2))


def test_logits_and_labels_have_not_the_same_first_dimension():
    token_ids = np.array([[1, 2, 3], [3, 2, 1]])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    embed, score = layers.Embedding(4, 2), layers.Dense(4)
    with pytest.raises(ValueError, match="must have rank"):
        loss(token_ids, score(layers.LSTM(2)(embed(token_ids))))
    model = build_language_model(4, embedding_dim=2, hidden_dim=2)
    assert np.isfinite(float(loss(token_ids, model(token_ids))))


def test_validation_accuracy_is_0_with_validation_split():
    texts, labels = [f"text {i}" for i in range(40)], np.repeat([0.0, 1.0], 20)
    model = stack(layers.Dense(1, "sigmoid", bias_initializer=keras.initializers.Constant(-9)))
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", metrics=["accuracy"])
    split = {"validation_split": 0.2, "shuffle": True}
    history = model.fit(np.zeros((40, 3)), labels, epochs=1, verbose=0, **split).history
    assert history["accuracy"] == [0.625] and history["val_accuracy"] == [0]  # only the class 1
    held_out = np.array([assign_bucket(text, 5) == 0 for text in texts])
    assert set(labels[held_out]) == set(labels[~held_out]) == {0, 1}


def test_prediction_depends_on_the_batch_size():
    x = random.normal(size=(4, 3)).astype("float32")
    norm = layers.BatchNormalization()
    assert measure_gap(norm(x, training=True)[:1], norm(x[:1], training=True)) > 0.1
    assert measure_gap(norm(x)[:1], norm(x[:1])) < 1e-6
    model = make_gpt2()  # layer normalisation
    token_ids = np.array([[1, 2], [3, 4]])
    assert measure_gap(model(token_ids, training=True)[:1], model(token_ids[:1])) < 1e-6


# Tokens and data


def test_module_torchtext_has_no_attribute_legacy():
    with pytest.raises(ModuleNotFoundError, match="torchtext"):
        importlib.import_module("torchtext")
    vocabulary = build_vocabulary(["a bad film"], 99)  # of the training texts alone
    assert encode_texts(["a bad play"], vocabulary, 4).tolist() == [[4, 3, 1, 0]]


def test_word_index_of_the_test_texts_differs():
    train, test = ["good good good film", "film bad"], ["bad bad film"]
    vocabulary, other = build_vocabulary(train, 9), build_vocabulary(test, 9)
    assert encode_texts(test, other, 3).tolist() == [[2, 2, 3]]
    assert encode_texts(test, vocabulary, 3).tolist() == [[4, 4, 3]]
    assert vocabulary[2] == "good"  # what a model would read with the other word index


def test_same_text_in_training_and_test():
    texts = ["A bad film!", "a bad film", "A  bad FILM."]
    assert len({*texts}) == 3  # a random split may put them on both sides
    assert len({assign_bucket(text, 10**6) for text in texts}) == 1


def test_dataset_scripts_are_no_longer_supported_conll2003(tmp_path):
    lines = "-DOCSTART- -X- O O\n\nU.N. NNP I-NP B-ORG\nin IN I-PP O\nRome NNP I-NP B-LOC\n"
    path = tmp_path / "eng.train"
    path.write_text(lines, encoding="utf8")
    table = read_entities(path, splits={"train": 1})
    assert table["text"].tolist() == ["U.N. in Rome"]
    assert table["spans"].tolist() == [[(0, 4, "ORG"), (8, 12, "LOC")]]


def test_tokenizer_does_not_have_a_padding_token():
    words = models.WordLevel({"a": 0, "b": 1, "<end>": 2}, unk_token="<end>")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words), eos_token="<end>")
    with pytest.raises(ValueError, match="does not have a padding token"):
        tokenizer(["a", "b"], padding=True)
    tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "left"
    found = tokenizer.pad({"input_ids": [[0], [0, 1]]})
    token_ids, num_padding = pad_left([[0], [0, 1]])
    assert found["input_ids"] == [[2, 0], [0, 1]] and token_ids.tolist() == [[0, 0], [0, 1]]
    assert [row.count(0) for row in found["attention_mask"]] == num_padding.tolist() == [1, 0]


def test_cannot_import_tfautomodel(tmp_path):
    with pytest.raises(ImportError, match="TFAutoModel"):
        from transformers import TFAutoModel  # noqa: F401
    model = make_gpt2()
    save_gpt2(model, tmp_path)  # the names and shapes that `transformers` writes
    assert "transformer.wte.weight" in load_file(tmp_path / "model.safetensors")
    token_ids = np.array([[1, 2]])
    assert measure_gap(load_gpt2(tmp_path)(token_ids), model(token_ids)) == 0


# Generation


def test_gpt2_says_something_else_with_padding():
    model, short = make_gpt2(), np.array([[5, 6, 7]])
    token_ids, num_padding = pad_left([short[0], [1, 2, 3, 4, 5, 6]])
    assert measure_gap(model(token_ids)[:1, -1], model(short)[:, -1]) > 1e-4
    assert measure_gap(model(token_ids, num_padding)[:1, -1], model(short)[:, -1]) < 1e-6


def test_token_indices_sequence_is_longer_than_the_maximum():
    model = make_gpt2()
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        model.position_embedding(np.array([model.config.context_length]))
    with pytest.raises(ValueError, match="looks at 8 tokens at most; got 9: cut the text"):
        model(np.ones((1, 9), int))
    assert compute_token_bits(model, np.arange(20) % 9, batch_size=1).shape == (19,)


def test_sum_of_pvals_is_above_1():
    probabilities = np.array([0.5000001, 0.5000001, 0.0], "float32")
    with pytest.raises(ValueError, match="sum\\(pvals"):
        np.random.multinomial(1, probabilities)
    logits = np.log([[0.5, 0.3, 0.2]]).astype("float32")
    chosen = to_numpy(filter_logits(logits)) + draw_gumbel((20_000, 3))
    shares = np.bincount(chosen.argmax(axis=1)) / 20_000
    assert np.abs(shares - [0.5, 0.3, 0.2]).max() < 0.015


def test_beam_search_prefers_short_texts():
    model = make_gpt2(2)  # whatever it has read: 0, the end, at 30 %, else 1
    model.token_embedding.set_weights([np.log([[0.3, 1, 1, 1], [0.7, 1, 1, 1]])])
    model.final_norm.set_weights([np.zeros(4), np.eye(4)[0]])
    settings = {"num_beams": 2, "stop_tokens": (0,)}
    lengths = []
    for penalty in (0, 1):
        beams = BeamSearch(model, length_penalty=penalty, **settings)([1], 4)
        lengths.append(len(beams[0][0]))
    assert lengths == [0, 4]  # 0.3 > 0.7 ** 4, but a mean of log 0.3 < log 0.7


# Scores


def test_bleu_of_tokenised_text_is_another_score():
    text, tokens = "il n'aime pas l'eau.", ["il", "n'", "aime", "pas", "l'", "eau", "."]
    assert sacrebleu.corpus_bleu([" ".join(tokens)], [[text]]).score < 50
    assert sacrebleu.corpus_bleu([join_tokens(tokens)], [[text]]).score == pytest.approx(100)


def test_bleu_is_high_because_it_counts_characters():
    found, reference = "the dog is in the garden .", "the cat sat on the mat ."
    with pytest.raises(ValueError, match="a translation is a list of tokens"):
        count_bleu([found], [[reference]])
    characters = compute_bleu(count_bleu([[*found]], [[[*reference]]]).sum(axis=0))
    words = count_bleu([split_sentence(found)], [[split_sentence(reference)]]).sum(axis=0)
    assert compute_bleu(words) == 0 < 20 < characters
    with pytest.raises(TypeError, match="must be a list of tokens"):
        encode_tokens(found, ["", "[UNK]"])


def test_bleu_of_a_short_sentence_is_0():
    found = ["it works .", "the cat is on the mat today ."]
    references = ["it works .", "the cat is on the mat now ."]
    counts = count_bleu([a.split() for a in found], [[b.split()] for b in references])
    assert compute_bleu(counts[0]) == 0  # right, but without any 4-gram
    wanted = sacrebleu.corpus_bleu(found, [references], tokenize="none", smooth_method="none")
    assert compute_bleu(counts.sum(axis=0)) == pytest.approx(wanted.score) and wanted.score > 50


def test_tokens_are_right_but_entities_are_wrong():
    gold, predicted = ["B-ORG", "I-ORG", "I-ORG"] + 17 * ["O"], ["B-ORG", "I-ORG"] + 18 * ["O"]
    assert np.mean(np.array(gold) == np.array(predicted)) == 0.95
    assert score_counts(count_matches([decode_bio(gold)], [decode_bio(predicted)]))["f1"] == 0


# spaCy


def test_w030_entities_could_not_be_aligned():
    doc = spacy.blank("en")("Hello from India")
    with pytest.warns(UserWarning, match="W030"):
        assert offsets_to_biluo_tags(doc, [(11, 15, "GPE")])[-1] == "-"  # lost for training
    with pytest.raises(ValueError, match="'Indi', where the tokens are 'India' \\(11 to 16\\)"):
        to_token_spans(doc, [(11, 15, "GPE")])
    assert to_token_spans(doc, [(11, 16, "GPE")]) == [(2, 3, "GPE")]


def test_e024_no_optimal_move_for_a_span_with_a_space():
    text = "from  India"
    example = Example.from_dict(spacy.blank("en").make_doc(text), {"entities": [(5, 11, "GPE")]})
    assert example.get_aligned_ner() == ["O", "B-GPE", "L-GPE"]  # the space is part of the name
    with pytest.raises(ValueError, match="' India', begins or ends with a space"):
        check_spans([("line 1", text, [(5, 11, "GPE")])])
    check_spans([("line 1", text, [(6, 11, "GPE")])])


def test_e088_text_exceeds_the_maximum():
    nlp = spacy.blank("en")
    nlp.max_length = 20
    with pytest.raises(ValueError, match="E088"):
        nlp("first paragraph, second paragraph")
    with pytest.raises(ValueError, match="at most 20; give it one paragraph at a time"):
        find_entities(nlp, "first paragraph, second paragraph")
    assert find_entities(nlp, "first paragraph") == []


def test_e966_add_pipe_takes_the_name_of_the_component():
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match="E966"):
        nlp.add_pipe(nlp.create_pipe("entity_ruler"))
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": "Treblinka"}])
    assert find_entities(nlp, "a village: Treblinka") == [(11, 20, "GPE")]


def test_e989_update_was_called_with_two_positional_arguments():
    text, spans, nlp = "from India", {"entities": [(5, 10, "GPE")]}, spacy.blank("en")
    nlp.add_pipe("ner").add_label("GPE")
    optimizer, losses = nlp.initialize(), {}
    with pytest.raises(ValueError, match="E989"):
        nlp.update([text], [spans])
    nlp.update([Example.from_dict(nlp.make_doc(text), spans)], sgd=optimizer, losses=losses)
    assert losses["ner"] > 0


def test_e941_cannot_find_model_en():
    with pytest.raises(OSError, match="E941"):
        spacy.load("en")
    assert find_entities(load_pipeline(), "Anna lives in Berlin.")[-1] == (14, 20, "GPE")
