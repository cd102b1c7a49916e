"""From text to padded rows of token ids. Built step by step in notebook 01, section 3.

Shapes: B texts in the batch, T tokens in a row.
"""

import re
from collections import Counter

import keras
import numpy as np

WORD_RULES = [  # the same rules run in Python and inside a saved model
    ("[\x1c-\x1e\x85\u2028\u2029]", " "),  # rare line breaks, which would break a saved vocabulary
    (r"''", ' " '),
    (r"n't\b", " n't"),
    (r"'(s|re|ve|ll|d|m)\b", r" '\1"),
    (r"([!-&(-/:-@\[-`{-~])", r" \1 "),
]


def split_words(text: str) -> list[str]:
    """Split a text into lower-case words, clitics and punctuation marks.

    Example:
        >>> split_words("It isn't Kubrick's best.")
        ['it', 'is', "n't", 'kubrick', "'s", 'best', '.']
    """
    text = text.lower()
    for pattern, replacement in WORD_RULES:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    return re.findall(r"\S+", text, flags=re.ASCII)


@keras.saving.register_keras_serializable(package="course")
def standardise(text):
    """Apply the rules of `split_words` to a string tensor; splitting at spaces comes next.

    Args:
        text: string tensor of any shape.

    Returns:
        String tensor of the same shape.
    """
    import tensorflow as tf

    text = tf.strings.lower(text, encoding="utf-8")
    for pattern, replacement in WORD_RULES:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def build_vocabulary(texts: list[str], vocabulary_size: int) -> list[str]:
    """List the most frequent words, after the padding and the unknown token.

    Args:
        texts: the training texts, and only those.
        vocabulary_size: most tokens to keep, the two special ones included.

    Returns:
        Token of each id: `""` is 0 (padding), `"[UNK]"` is 1. Equal counts are in order of
        the alphabet, backwards, as in `keras.layers.TextVectorization`.

    Example:
        >>> build_vocabulary(["a bad film", "a good film"], 4)
        ['', '[UNK]', 'film', 'a']
    """
    counts = Counter(word for text in texts for word in split_words(text))
    ranked = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    return ["", "[UNK]", *ranked[: vocabulary_size - 2]]


def encode_texts(texts: list[str], vocabulary: list[str], sequence_length: int) -> np.ndarray:
    """Turn texts into rows of token ids, cut or padded on the right to one length.

    Args:
        texts: B texts.
        vocabulary: from `build_vocabulary`.
        sequence_length: T.

    Returns:
        Token ids of shape (B, T), int64; 0 is padding, 1 an unknown word.

    Example:
        >>> encode_texts(["a dull film"], ["", "[UNK]", "film", "a"], 5)
        array([[3, 1, 2, 0, 0]])
    """
    ids = {word: token_id for token_id, word in enumerate(vocabulary)}
    token_ids = np.zeros((len(texts), sequence_length), dtype="int64")
    for row, text in zip(token_ids, texts, strict=True):
        found = [ids.get(word, 1) for word in split_words(text)][:sequence_length]
        row[: len(found)] = found
    return token_ids


def look_up_vectors(vocabulary: list[str], rows: dict[str, int], table: np.ndarray) -> np.ndarray:
    """Collect the pre-trained vector of each token; a token without one gets a random vector.

    Built in notebook 01, section 6.

    Args:
        vocabulary: V tokens.
        rows: word to its row in `table`.
        table: pre-trained vectors, shape (words, D).

    Returns:
        Array of shape (V, D), float32.
    """
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.4, size=(len(vocabulary), table.shape[1])).astype("float32")
    for token_id, word in enumerate(vocabulary):
        if word in rows:
            vectors[token_id] = table[rows[word]]
    return vectors
