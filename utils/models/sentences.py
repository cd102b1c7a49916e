"""Vectors of sentences and of words in their sentence, from all-MiniLM-L6-v2, run in Keras.

The model is a BERT of 6 layers that was further trained on pairs of sentences, with the mean
over the tokens as the sentence's vector. So its mean is good by training; that says nothing
about the mean, or the [CLS] vector, of a BERT that was not trained so.

Shapes: B texts in the batch, T tokens, D = 384.
Reference: Reimers and Gurevych 2019, Sentence-BERT; Wang et al. 2020, MiniLM.
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

    The tokeniser cuts at `MAX_TOKENS` and does not pad. The encoder is a model from [token_ids,
    segment_ids, padding_mask], each (B, T), to the list of 7 states (B, T, D): what enters the
    first layer, and what leaves each of the 6.
    """
    tokenizer, config, weights = read_minilm()
    encoder = build_encoder(config, name="minilm")
    load_encoder_weights(encoder, weights)
    return tokenizer, encoder


def read_minilm() -> tuple[Tokenizer, dict, dict[str, np.ndarray]]:
    """Read MiniLM, to build an encoder that is to be trained: tokeniser, `config.json`, weights.

    The weights stand by name, for `utils.models.bert.load_encoder_weights`.
    """
    with zipfile.ZipFile(fetch("minilm")["model.zip"]) as files:
        config = json.loads(files.read("config.json"))
        tokenizer = Tokenizer.from_str(files.read("tokenizer.json").decode())
        weights = load(files.read("model.safetensors"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer, config, weights


def embed_sentences(texts: list[str], *, batch_size: int = 32) -> np.ndarray:
    """Embed each of N texts: the mean over its tokens in the last layer, scaled to length 1.

    What is beyond `MAX_TOKENS` tokens of a text is cut off. The result has shape (N, 384), float32;
    the dot product of two rows is their cosine. Errors as of `utils.data.text.check_texts`.
    """
    texts = check_texts(texts)
    vectors = np.zeros((len(texts), load_minilm()[1].output_shape[-1][-1]), dtype="float32")
    for rows, states, mask, _ in _encode(texts, batch_size, layer=-1):
        sums = (states * mask[:, :, None]).sum(axis=1)  # (B, D)
        vectors[rows] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return vectors


def embed_tokens(texts: list[str], *, layer: int = -1, batch_size: int = 32) -> list[tuple]:
    """Embed each token in its text: return its tokens, [CLS] and [SEP] too, and vectors (T, 384).

    `layer` is 0 for what enters the first layer, 1 to 6 for what leaves each, -1 for the last.
    Errors as of `utils.data.text.check_texts`.
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
    lengths = np.array([len(e.ids) for e in encodings])
    by_length = np.argsort(lengths, kind="stable")
    for start in range(0, len(texts), batch_size):
        rows = by_length[start : start + batch_size]
        batch = [encodings[row] for row in rows]
        mask = np.arange(lengths[rows].max()) < lengths[rows, None]
        token_ids = np.zeros(mask.shape, dtype="int32")
        token_ids[mask] = np.concatenate([encoding.ids for encoding in batch])
        states = _load_layer(layer).predict_on_batch([token_ids, np.zeros_like(token_ids), mask])
        yield rows, keras.ops.convert_to_numpy(states), mask, batch


@functools.cache
def _load_layer(layer: int) -> keras.Model:
    """Return the encoder up to one of its 7 states."""
    model = load_minilm()[1]
    part = keras.Model(model.inputs, model.outputs[layer], name=f"minilm_{layer % 7}")
    part.compile(jit_compile=False)  # every batch has another length: nothing to gain
    return part
