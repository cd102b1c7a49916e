"""From text to padded rows of token ids. Built step by step in notebook 01, section 4.

Shapes: B texts in the batch, T tokens in a row.
"""

import re
import unicodedata
from collections import Counter

import numpy as np

# Accents, vowel signs and the rest of a Hangul syllable belong to the character before them.
MARKS = "".join(c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c)[0] == "M")
MARKS += "\u1160-\u11ff"
JOINERS = "\u200c\u200d"  # nothing between Latin letters; they shape Persian, Hindi and emoji
ATTACHED = f"[{MARKS}{JOINERS}]*"
INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
LOOK_ALIKES = [  # applied in this order; JavaScript reads the patterns the same way
    (f"[{INVISIBLE}]", ""),
    ("[\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]", " "),
    ("[\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u1ffd‘’‚‛′‵＇]", "'"),
    ("[“”„‟″‶〝〞＂]", '"'),
    ("[\u2010\u2011\u2212－]", "-"),  # hyphens and minus; dashes between words stay
    ("…", "..."),
    (f"(^|[\0-\u036f\u1e00-\u1eff])[{JOINERS}]+", r"\1"),
]
PIECE = re.compile(  # one that no other changes; what is invisible behind it is outside the group
    rf"([\t\n\r -~]+(?![{INVISIBLE}{JOINERS}]*[{MARKS}])"
    rf"|[\s\S](?:[{INVISIBLE}{JOINERS}]*[{MARKS}])*)[{INVISIBLE}{JOINERS}]*"
)

WORD_RULES = [
    (r"''", ' " '),
    (r"n't\b", " n't"),
    (r"'(s|re|ve|ll|d|m)\b", r" '\1"),
    (r"([!-&(-/:-@\[-`{-~¡¿«»–—―])", r" \1 "),
]


def check_texts(texts: list[str]) -> list[str]:
    """Return a list of texts as it is, and refuse what is none.

    One string, or an item that is not a string, is a `TypeError`; half a character, which no file
    can hold, is a `ValueError`.
    """
    if isinstance(texts, str):
        raise TypeError(f"texts must be a list of texts, not one string; write [{texts[:20]!r}]")
    texts = list(texts)
    for place, text in enumerate(texts):
        check_text(text, name=f"texts[{place}]")
    return texts


def check_text(text: str, *, name: str = "text") -> None:
    """Refuse what is not a text, as `check_texts` does, and call it by this name."""
    if not isinstance(text, str):
        raise TypeError(
            f"{name} is {text!r:.60}, of type {type(text).__name__}; "
            "leave it out, or make it a string"
        )
    if half := re.search("[\ud800-\udfff]", text):
        raise ValueError(
            f"{name} holds half a character, the lone surrogate {half[0]!r}, at place "
            f"{half.start()}; leave it out, or read the file again in its right encoding"
        )


def normalise_text(text: str) -> str:
    """Write in one way what looks the same: spaces, apostrophes, quotes, accents; not case.

    What cannot be seen is removed. Nothing depends on the language of the machine.

    Example:
        >>> normalise_text("\\ufeffIt isn’t\\u00a0Ame\\u0301lie…") == "It isn't Amélie..."
        True
    """
    check_text(text)
    for pattern, replacement in LOOK_ALIKES:
        text = re.sub(pattern, replacement, text)
    return unicodedata.normalize("NFC", text)


def align_text(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Normalise a text, and say where each character comes from.

    Return what `normalise_text` returns; and, for each character of it, the first character of
    `text` that it stands for, and the first that it does not.

    Example:
        >>> align_text("\\ufeffe\\u0301…!")[1]
        [(1, 3), (3, 4), (3, 4), (3, 4), (4, 5)]
    """
    check_text(text)
    parts, places = [], []
    for piece in PIECE.finditer(text):
        part, (start, end) = normalise_text(piece[0]), piece.span(1)
        same = part == piece[1]
        parts.append(part)
        places += [(i, i + 1) for i in range(start, end)] if same else [(start, end)] * len(part)
    return "".join(parts), places


def split_words(text: str) -> list[str]:
    """Split a text into lower-case words, clitics and punctuation marks.

    Example:
        >>> split_words("It isn’t Kubrick's best.")
        ['it', 'is', "n't", 'kubrick', "'s", 'best', '.']
    """
    text = normalise_text(text).lower()
    for pattern, replacement in WORD_RULES:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    return text.split()


def build_vocabulary(texts: list[str], vocabulary_size: int) -> list[str]:
    """List the most frequent words, after the padding and the unknown token.

    `texts` are those for training only. The place of a token is its id: `""` is 0 (padding),
    `"[UNK]"` 1, and both count for `vocabulary_size`. Equal counts are in order of the alphabet,
    backwards, as in `keras.layers.TextVectorization`.

    Example:
        >>> build_vocabulary(["a bad film", "a good film"], 4)
        ['', '[UNK]', 'film', 'a']
    """
    counts = Counter(word for text in check_texts(texts) for word in split_words(text))
    ranked = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    return ["", "[UNK]", *ranked[: vocabulary_size - 2]]


def encode_texts(texts: list[str], vocabulary: list[str], sequence_length: int) -> np.ndarray:
    """Turn B texts into rows of token ids, cut or padded on the right: shape (B, T); 1 is unknown.

    Example:
        >>> encode_texts(["a dull film"], ["", "[UNK]", "film", "a"], 5)
        array([[3, 1, 2, 0, 0]])
    """
    ids = {word: token_id for token_id, word in enumerate(vocabulary)}
    token_ids = np.zeros((len(texts), sequence_length), dtype="int64")
    for row, text in zip(token_ids, check_texts(texts), strict=True):
        found = [ids.get(word, 1) for word in split_words(text)][:sequence_length]
        row[: len(found)] = found
    return token_ids


def look_up_vectors(vocabulary: list[str], rows: dict[str, int], table: np.ndarray) -> np.ndarray:
    """Collect the pre-trained vector of each token; a token without one gets a random vector.

    `rows` is word to its row in `table`, shape (words, D). The result has shape (V, D), float32.
    """
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.4, size=(len(vocabulary), table.shape[1])).astype("float32")
    for token_id, word in enumerate(vocabulary):
        if word in rows:
            vectors[token_id] = table[rows[word]]
    return vectors
