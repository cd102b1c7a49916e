"""MiniLM's vectors, against a computation by hand and `transformers`; odd texts."""

import math
import zipfile

import numpy as np
import pytest
from scipy.special import erf, softmax

from utils.data.registry import fetch
from utils.models.sentences import MAX_TOKENS, embed_sentences, embed_tokens, read_minilm

TEXTS = ["The river burst its banks.", "", "A loan from the bank, and a long letter about it."]


def run_by_hand(token_ids, config, weights):
    """Compute BERT's last layer for one text in NumPy, straight from the checkpoint."""

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def look_up(table, rows):
        return weights[f"embeddings.{table}_embeddings.weight"][rows]

    x = look_up("word", token_ids) + look_up("position", slice(len(token_ids)))
    x = norm(x + look_up("token_type", 0), "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        at, size = f"encoder.layer.{i}", config["hidden_size"] // config["num_attention_heads"]
        q, k, v = (dense(x, f"{at}.attention.self.{n}") for n in ("query", "key", "value"))
        heads = []
        for h in range(config["num_attention_heads"]):
            part = slice(h * size, (h + 1) * size)
            heads.append(softmax(q[:, part] @ k[:, part].T / math.sqrt(size), axis=-1) @ v[:, part])
        attended = dense(np.concatenate(heads, -1), f"{at}.attention.output.dense")
        x = norm(x + attended, f"{at}.attention.output.LayerNorm")
        z = dense(x, f"{at}.intermediate.dense")
        wide = 0.5 * z * (1 + erf(z / math.sqrt(2)))
        x = norm(x + dense(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x


def test_a_hand_computation_agrees():
    tokenizer, config, weights = read_minilm()
    for text, (tokens, states) in zip(TEXTS, embed_tokens(TEXTS), strict=True):
        encoding = tokenizer.encode(text)
        assert tokens == encoding.tokens and tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
        by_hand = run_by_hand(encoding.ids, config, weights)
        assert np.abs(states - by_hand).max() < 1e-5
        mean = by_hand.mean(axis=0)
        assert np.abs(embed_sentences([text])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_padding_and_batches_change_nothing():
    alone = np.concatenate([embed_sentences([text]) for text in TEXTS])
    assert alone.shape == (3, 384)
    for batch_size in (2, 32):
        assert np.abs(embed_sentences(TEXTS, batch_size=batch_size) - alone).max() < 1e-5


def test_what_is_too_long_is_cut():
    long = "word " * (MAX_TOKENS - 2)
    assert len(embed_tokens([long])[0][0]) == MAX_TOKENS
    assert np.array_equal(embed_sentences([long]), embed_sentences([long + "and another end"]))


def test_odd_texts_have_vectors_of_length_1():
    found = embed_sentences(["", "qwxz brfl", "🙂🙂", "caf\u00e9", "cafe\u0301", "dull " * 1000])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines = found @ found.T
    assert cosines[3, 4] > 1 - 1e-5  # accents in two ways
    assert (cosines > 0.99).sum() == 6 + 2


@pytest.mark.parametrize("embed", [embed_sentences, embed_tokens])
def test_no_text_has_no_vector_and_what_is_no_list_of_texts_is_refused(embed):
    assert len(embed([])) == 0
    with pytest.raises(TypeError, match=r"not one string; write \['bank'\]"):
        embed("bank")


def test_below_the_first_layer_a_token_knows_its_place_only():
    texts = ["the bank failed", "a bank of mud"]
    vectors = [[states[2] for _, states in embed_tokens(texts, layer=layer)] for layer in (0, 1)]
    assert embed_tokens(texts)[0][0][2] == "bank"
    below, above = (np.abs(first - second).max() for first, second in vectors)
    assert below < 1e-6 and above > 0.01


def test_transformers_agrees(tmp_path):
    torch = pytest.importorskip("torch")
    from transformers import AutoModel, AutoTokenizer

    with zipfile.ZipFile(fetch("minilm")["model.zip"]) as files:
        files.extractall(tmp_path)
    inputs = AutoTokenizer.from_pretrained(tmp_path)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(tmp_path).eval()(**inputs).last_hidden_state
    mask = inputs["attention_mask"][:, :, None]
    sums = (states * mask).sum(1)
    expected = (sums / sums.norm(dim=1, keepdim=True)).numpy()
    assert np.abs(embed_sentences(TEXTS) - expected).max() < 1e-4
