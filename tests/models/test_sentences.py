import json
import math
import re
import zipfile

import numpy as np
import pytest

from utils.runtime import start

start()

from safetensors.numpy import load

from utils.data.registry import fetch
from utils.models.sentences import MAX_TOKENS, embed_sentences, embed_tokens, load_minilm

TEXTS = ["The river burst its banks.", "", "A loan from the bank, and a long letter about it."]


@pytest.fixture(scope="module")
def checkpoint():
    with zipfile.ZipFile(fetch("minilm")["model.zip"]) as files:
        config = json.loads(files.read("config.json"))
        weights = load(files.read("model.safetensors"))
    return config, weights


def run_by_hand(token_ids, config, weights):
    """Compute BERT's last layer for one text in NumPy, straight from the checkpoint."""

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    tables = {k: weights[f"embeddings.{k}_embeddings.weight"] for k in ("word", "position")}
    x = tables["word"][token_ids] + tables["position"][: len(token_ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    gelu = np.vectorize(lambda z: 0.5 * z * (1 + math.erf(z / math.sqrt(2))))
    for i in range(config["num_hidden_layers"]):
        at, size = f"encoder.layer.{i}", config["hidden_size"] // config["num_attention_heads"]
        q, k, v = (dense(x, f"{at}.attention.self.{n}") for n in ("query", "key", "value"))
        heads = []
        for h in range(config["num_attention_heads"]):
            part = slice(h * size, (h + 1) * size)
            scores = np.exp(q[:, part] @ k[:, part].T / math.sqrt(size))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, part])
        attended = dense(np.concatenate(heads, -1), f"{at}.attention.output.dense")
        x = norm(x + attended, f"{at}.attention.output.LayerNorm")
        wide = gelu(dense(x, f"{at}.intermediate.dense"))
        x = norm(x + dense(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x


def test_a_hand_computation_agrees(checkpoint):
    for text, (tokens, states) in zip(TEXTS, embed_tokens(TEXTS), strict=True):
        encoding = load_minilm()[0].encode(text)
        assert tokens == encoding.tokens and tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
        by_hand = run_by_hand(encoding.ids, *checkpoint)
        assert np.abs(states - by_hand).max() < 1e-5
        mean = by_hand.mean(axis=0)
        assert np.abs(embed_sentences([text])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_padding_and_batches_change_nothing():
    alone = np.concatenate([embed_sentences([text]) for text in TEXTS])
    assert alone.shape == (3, 384) and np.allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    assert np.abs(embed_sentences(TEXTS) - alone).max() < 1e-5
    assert np.abs(embed_sentences(TEXTS, batch_size=2) - alone).max() < 1e-5


def test_what_is_too_long_is_cut():
    long = "word " * (MAX_TOKENS - 2)
    assert len(embed_tokens([long])[0][0]) == MAX_TOKENS
    assert np.array_equal(embed_sentences([long]), embed_sentences([long + "and another end"]))


def test_odd_texts_have_vectors_of_length_1():
    texts = ["", "qwxz brfl", "🙂🙂", "caf\u00e9", "cafe\u0301", "dull " * 1000]
    found = embed_sentences(texts)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines = found @ found.T
    assert cosines[3, 4] > 1 - 1e-5  # accents in two ways
    others = [cosines[i, j] for i in range(6) for j in range(i) if (i, j) != (4, 3)]
    assert max(others) < 0.99


def test_no_text_and_a_lone_string():
    assert embed_sentences([]).shape == (0, 384) and embed_tokens([]) == []
    for embed in (embed_sentences, embed_tokens):
        with pytest.raises(TypeError, match=r"not one string; write \['bank'\]"):
            embed("bank")


@pytest.mark.parametrize("embed", [embed_sentences, embed_tokens])
@pytest.mark.parametrize(
    "text, error, said",
    [
        (None, TypeError, "texts[1] is None, of type NoneType; leave it out"),
        (float("nan"), TypeError, "texts[1] is nan, of type float; leave it out"),
        ("a \ud83d", ValueError, r"texts[1] holds half a character, the lone surrogate '\ud83d'"),
    ],
)
def test_what_is_no_text_is_refused(embed, text, error, said):
    with pytest.raises(error, match=re.escape(said)):
        embed(["bank", text])


def test_below_the_first_layer_a_token_knows_its_place_only():
    (tokens, first), (_, second) = embed_tokens(["the bank failed", "a bank of mud"], layer=0)
    place = tokens.index("bank")
    assert np.abs(first[place] - second[place]).max() < 1e-6
    (_, first), (_, second) = embed_tokens(["the bank failed", "a bank of mud"], layer=1)
    assert np.abs(first[place] - second[place]).max() > 0.01


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
