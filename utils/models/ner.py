"""Named entities: the spaCy pipeline, BIO tags, scores of whole entities, legal tag sequences.

Built step by step in notebook 04. A span is (start, end, type): `start` and `end` count
characters or tokens, `end` is the first that is outside. Shapes: T tokens, K tags.
"""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np

from utils.data.registry import fetch, load_registry
from utils.data.text import align_text, normalise_text
from utils.metrics import Span

SHAPES = ("lower", "Title", "UPPER", "MiXed", "digits", "sign")
TYPES = ("PERSON", "ORG", "GPE", "DATE", "MONEY")
EMOJI = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff\u20e3\ufe0f\u200d]")  # and what joins them
MODEL = "en_core_web_sm"


def load_pipeline():
    """Load a new `spacy.Language`: the small English pipeline, installed or from registered files.

    Raises `utils.data.DataError` if it is not installed, and the files cannot be had.
    """
    import spacy

    if spacy.util.is_package(MODEL):
        return spacy.load(MODEL)
    entry, paths = load_registry()["spacy-en-core-web-sm"], fetch("spacy-en-core-web-sm")
    with tempfile.TemporaryDirectory() as folder:
        for file in entry["files"]:  # a pipeline is a tree of folders, the cache is flat
            target = Path(folder, *Path(file["member"]).parts[2:])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(paths[file["name"]], target)
        return spacy.load(folder)


def find_entities(nlp, text: str, types: tuple[str, ...] = TYPES) -> list[Span]:
    """Return the entities of these types that a pipeline finds, in characters of the text as given.

    It reads the text normalised, with signs and emoji as spaces: it takes them for names. A text
    that is longer than it reads is a ValueError.
    """
    read, places = align_text(text)
    if len(read) > nlp.max_length:
        rule = f"and the pipeline reads at most {nlp.max_length:,}; give it one paragraph at a time"
        raise ValueError(f"the text has {len(read):,} characters, {rule}")
    entities = [e for e in nlp(EMOJI.sub(" ", read)).ents if e.label_ in types]
    return [(places[e.start_char][0], places[e.end_char - 1][1], e.label_) for e in entities]


def allow_transitions(tags: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Say which tag may begin a sentence, shape (K,), and which may follow which, shape (K, K).

    `after[i, j]` is whether tag j may follow tag i. I-X stands only after B-X or I-X; all else is
    legal.
    """
    first = np.array([not tag.startswith("I-") for tag in tags])
    same = [[before[2:] == tag[2:] for tag in tags] for before in tags]
    return first, first[None, :] | np.array(same)


def decode_viterbi(scores: np.ndarray, first: np.ndarray, after: np.ndarray) -> list[int]:
    """Find the legal tag sequence with the largest sum of scores (T, K): T tag numbers.

    `best[j]` is the largest sum of a legal path that ends in tag j at this token; a step asks for
    each tag which predecessor is best, remembers it, and adds the token's own score, for example a
    log probability. What is legal comes from `allow_transitions`.
    Reference: Viterbi 1967, IEEE Transactions on Information Theory 13(2); Forney 1973.

    Example:
        >>> first, after = allow_transitions(["O", "B-X", "I-X"])
        >>> decode_viterbi(np.log([[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]]), first, after)
        [1, 2]
    """
    if len(scores) == 0:
        return []
    best, steps = np.where(first, scores[0], -np.inf), []
    for token_scores in scores[1:]:
        paths = np.where(after, best[:, None], -np.inf)  # (K before, K now)
        steps.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + token_scores
    path = [int(best.argmax())]
    for came_from in reversed(steps):
        path.append(int(came_from[path[-1]]))
    return path[::-1]


def describe_shape(word: str) -> str:
    """Say how a word is written, whatever it means: one of `SHAPES`.

    Example:
        >>> [describe_shape(word) for word in ("paris", "Paris", "NATO", "iPad", "1989", "$")]
        ['lower', 'Title', 'UPPER', 'MiXed', 'digits', 'sign']
    """
    if any(letter.isdigit() for letter in word):
        return "digits"
    if not any(letter.isalpha() for letter in word):
        return "sign"
    if word.islower() or word.isupper():
        return "lower" if word.islower() else "UPPER"
    return "Title" if word.istitle() else "MiXed"


def encode_sentences(words: list[str], rows: dict[str, int], vectors: np.ndarray) -> np.ndarray:
    """Describe each of T words by its vector, zeros if it has none, and by its shape.

    `rows` gives the row of a lower-case word in `vectors` (words, D). The result has shape
    (T, D + 6), float32; no row is all zeros.
    """
    features = np.zeros((len(words), vectors.shape[1] + len(SHAPES)), dtype="float32")
    for feature, word in zip(features, words, strict=True):
        word = normalise_text(word)
        if word.lower() in rows:
            feature[: vectors.shape[1]] = vectors[rows[word.lower()]]
        feature[vectors.shape[1] + SHAPES.index(describe_shape(word))] = 1
    return features
