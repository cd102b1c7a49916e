"""The pieces of words that the translators read and write: one BPE for English and French.

Shapes: B sentences, T pieces in a row. Ids 0 to 3 are the special tokens of `utils.data.pairs`.
"""

import json
import re

import keras
import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from utils.data.pairs import END, PADDING, SPECIAL, START, join_tokens
from utils.data.registry import fetch
from utils.data.text import normalise_text

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]  # spell the characters that have no piece


def normalise_sentence(text: str) -> str:
    """Write a sentence as the pieces spell it: `normalise_text`, lower case, single spaces.

    Example:
        >>> normalise_sentence(" J’ai  FAIM… ")
        "j'ai faim..."
    """
    return " ".join(normalise_text(text).lower().replace("▁", "_").split())


def join_words(tokens: list[str], *, french: bool = False) -> str:
    """Write tokens of the phrasebook as a sentence; French has a space before ? and !.

    Example:
        >>> join_words(["is", "he", "tired", "?"])
        'is he tired?'
    """
    text = join_tokens(tokens)
    return text if french else re.sub(r" (?=[?!])", "", text)


def train_subwords(texts: list[str], vocabulary_size: int) -> Tokenizer:
    """Learn a BPE of so many pieces; it spells the rest in bytes, so nothing is unknown.

    A piece that begins a word begins with "▁"; none crosses a mark, or goes on after an apostrophe.
    Reference: Sennrich, Haddow and Birch 2016, Neural Machine Translation of Rare Words with
    Subword Units, section 3.2.
    """
    trained = Tokenizer(models.BPE())
    marks = pre_tokenizers.Split(Regex(r"▁?[^\w\s▁']"), "isolated")
    apostrophes = pre_tokenizers.Split("'", "merged_with_previous")
    steps = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), marks, apostrophes])
    trained.pre_tokenizer = steps
    special = ["[PAD]", *SPECIAL[1:], *BYTES]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=special, show_progress=False
    )
    trained.train_from_iterator(map(normalise_sentence, texts), trainer)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    pieces = models.BPE(trained.get_vocab(), merges, unk_token=SPECIAL[1], byte_fallback=True)
    tokenizer = Tokenizer(pieces)  # anew: no text is cut at what looks like a special token
    tokenizer.pre_tokenizer = steps
    plain = decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()
    tokenizer.decoder = decoders.Sequence([*plain, decoders.Strip(" ", 1, 0)])
    return tokenizer


def load_subwords() -> Tokenizer:
    """Load the shipped pieces; `data/models/bpe-translation/README.md` says what they come from."""
    return Tokenizer.from_file(str(fetch("bpe-translation")["tokenizer.json"]))


def encode_sentences(
    sentences: list[str], tokenizer: Tokenizer, *, ends: bool = False
) -> np.ndarray:
    """Turn B sentences into rows of ids, padded on the right with 0 to the longest: (B, T), int32.

    With `ends`, `[START]` stands before and `[END]` after each, as the target needs.
    """
    encoded = tokenizer.encode_batch([normalise_sentence(text) for text in sentences])
    rows = [[START, *each.ids, END] if ends else each.ids for each in encoded]
    return keras.utils.pad_sequences(rows, max([1, *map(len, rows)]), padding="post", value=PADDING)


def decode_sentences(token_ids: np.ndarray, tokenizer: Tokenizer) -> list[str]:
    """Turn rows of ids into sentences, each up to its `[END]` or its padding."""
    rows = []
    for row in token_ids.tolist():
        row = row[1:] if row[:1] == [START] else row
        last = next((i for i, k in enumerate(row) if k in (END, PADDING)), len(row))
        rows.append([k for k in row[:last] if k not in range(len(SPECIAL))])
    return [tokenizer.decode(row) for row in rows]
