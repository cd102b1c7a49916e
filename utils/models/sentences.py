"""Vectors of sentences and of words in their sentence, from all-MiniLM-L6-v2, run in Keras.

The model is a BERT of 6 layers that was further trained on pairs of sentences, with the mean
over the tokens as the sentence's vector. So its mean is good by training; that says nothing
about the mean, or the [CLS] vector, of a BERT that was not trained so.

Shapes: B texts in the batch, T tokens, D = 384, H = 12 heads.

Reference:
    Reimers and Gurevych 2019, Sentence-BERT; Wang et al. 2020, MiniLM.
"""

import functools
import json
import zipfile

import keras
import numpy as np
from safetensors.numpy import load
from tokenizers import Tokenizer

from utils.data.registry import fetch
from utils.data.text import check_texts
from utils.models.bert import build_encoder, load_encoder_weights

MAX_TOKENS = 256  # as its authors use it; [CLS] and [SEP] included


@functools.cache
def load_minilm() -> tuple[Tokenizer, keras.Model]:
    """Load the WordPiece tokeniser and the encoder with its pre-trained weights.

    Returns:
        The tokeniser, which cuts at `MAX_TOKENS` and does not pad; and the encoder, in
        inference mode: a model from [token_ids, segment_ids, padding_mask], each (B, T), to
        the list of 7 states (B, T, D): what enters the first layer, and what leaves each of
        the 6.
    """
    tokenizer, config, weights = read_minilm()
    encoder = build_encoder(config, name="minilm")
    load_encoder_weights(encoder, weights)
    return tokenizer, encoder


def read_minilm() -> tuple[Tokenizer, dict, dict[str, np.ndarray]]:
    """Read the files of MiniLM, to build an encoder that is to be trained.

    Returns:
        The tokeniser, as in `load_minilm`; the numbers of `config.json`; and the weights by
        name, for `utils.models.bert.load_encoder_weights`.
    """
    with zipfile.ZipFile(fetch("minilm")["model.zip"]) as files:
        config = json.loads(files.read("config.json"))
        tokenizer = Tokenizer.from_str(files.read("tokenizer.json").decode())
        weights = load(files.read("model.safetensors"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer, config, weights


def embed_sentences(texts: list[str], *, batch_size: int = 32) -> np.ndarray:
    """Embed each text: the mean over its tokens in the last layer, scaled to length 1.

    Args:
        texts: N texts; what is beyond `MAX_TOKENS` tokens of one is cut off.
        batch_size: texts computed at once. Texts of similar length share a batch.

    Returns:
        Array of shape (N, 384), float32, in the order of the texts. The dot product of two
        rows is their cosine.

    Raises:
        TypeError: `texts` is one string, or an item is not a string.
        ValueError: an item holds half a character.
    """
    texts = check_texts(texts)
    vectors = np.zeros((len(texts), load_minilm()[1].output_shape[-1][-1]), dtype="float32")
    for rows, states, mask, _ in _encode(texts, batch_size, layer=-1):
        sums = (states * mask[:, :, None]).sum(axis=1)  # (B, D)
        vectors[rows] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return vectors


def embed_tokens(
    texts: list[str], *, layer: int = -1, batch_size: int = 32
) -> list[tuple[list[str], np.ndarray]]:
    """Embed each token in its text.

    Args:
        texts: N texts.
        layer: 0 for what enters the first layer, 1 to 6 for what leaves each, -1 for the last.
        batch_size: texts computed at once.

    Returns:
        For each text its tokens, [CLS] and [SEP] included, and their vectors, shape (T, 384).

    Raises:
        TypeError: `texts` is one string, or an item is not a string.
        ValueError: an item holds half a character.
    """
    texts = check_texts(texts)
    found: list = [None] * len(texts)
    for rows, states, mask, encodings in _encode(texts, batch_size, layer=layer):
        for row, state, real, encoding in zip(rows, states, mask, encodings, strict=True):
            found[row] = (encoding.tokens, state[real])
    return found


def _encode(texts: list[str], batch_size: int, *, layer: int):
    """Yield for each batch: rows in `texts`, states (B, T, D), mask (B, T), encodings."""
    tokenizer = load_minilm()[0]
    encodings = tokenizer.encode_batch(texts)
    by_length = np.argsort([len(e.ids) for e in encodings], kind="stable")
    for start in range(0, len(texts), batch_size):
        rows = by_length[start : start + batch_size]
        batch = [encodings[row] for row in rows]
        token_ids = np.zeros((len(rows), max(len(e.ids) for e in batch)), dtype="int32")
        mask = np.zeros(token_ids.shape, dtype=bool)
        for i, encoding in enumerate(batch):
            token_ids[i, : len(encoding.ids)] = encoding.ids
            mask[i, : len(encoding.ids)] = True
        states = _load_layer(layer).predict_on_batch([token_ids, np.zeros_like(token_ids), mask])
        yield rows, keras.ops.convert_to_numpy(states), mask, batch


@functools.cache
def _load_layer(layer: int) -> keras.Model:
    """Return the encoder up to one of its 7 states."""
    model = load_minilm()[1]
    part = keras.Model(model.inputs, model.outputs[layer], name=f"minilm_{layer % 7}")
    part.compile(jit_compile=False)  # every batch has another length: nothing to gain
    return part
