"""Named entities: the spaCy pipeline, BIO tags, scores of whole entities, legal tag sequences.

Built step by step in notebook 04. A span is (start, end, type): `start` and `end` count
characters or tokens, `end` is the first that is outside. Shapes: T tokens, K tags.
"""

import re
import shutil
import tempfile
import unicodedata
from pathlib import Path

import numpy as np

from utils.data import fetch, load_registry

SHAPES = ("lower", "Title", "UPPER", "MiXed", "digits", "sign")
TYPES = ("PERSON", "ORG", "GPE", "DATE", "MONEY")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")  # and what joins them
MODEL = "en_core_web_sm"

Span = tuple[int, int, str]


def load_pipeline():
    """Load spaCy's small English pipeline: the installed one, or else the registered files.

    Returns:
        A new `spacy.Language`; what is changed in one is not changed in another.

    Raises:
        utils.data.DataError: it is not installed, and the files cannot be had.
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
    """Return the entities that a pipeline finds in a text.

    Args:
        nlp: a pipeline that fills `doc.ents`.
        text: any text. Letters and accents written apart (NFD) are joined (NFC) first, and
            emoji are read as spaces: the pipeline takes them for names.
        types: those to keep; a pipeline may know more.

    Returns:
        Spans in characters of the NFC form of `text`.
    """
    doc = nlp(EMOJI.sub(" ", unicodedata.normalize("NFC", text)))
    return [(e.start_char, e.end_char, e.label_) for e in doc.ents if e.label_ in types]


# Tags


def encode_bio(spans: list[Span], num_tokens: int) -> list[str]:
    """Write token spans as one tag a token: B- begins an entity, I- goes on, O is outside.

    Raises:
        ValueError: two spans overlap, or one lies outside the tokens.

    Example:
        >>> encode_bio([(0, 2, "PERSON"), (4, 5, "GPE")], 6)
        ['B-PERSON', 'I-PERSON', 'O', 'O', 'B-GPE', 'O']
    """
    tags = ["O"] * num_tokens
    for begin, end, label in spans:
        if not 0 <= begin < end <= num_tokens or tags[begin:end] != ["O"] * (end - begin):
            raise ValueError(f"{(begin, end, label)} overlaps another span or leaves the text")
        tags[begin:end] = [f"B-{label}"] + [f"I-{label}"] * (end - begin - 1)
    return tags


def decode_bio(tags: list[str]) -> list[Span]:
    """Read token spans from tags; an I- that continues nothing begins an entity.

    Example:
        >>> decode_bio(["B-GPE", "O", "B-ORG", "I-ORG", "I-PERSON"])
        [(0, 1, 'GPE'), (2, 4, 'ORG'), (4, 5, 'PERSON')]
    """
    spans = []
    for place, (previous, tag) in enumerate(zip(["O", *tags], tags, strict=False)):
        label = tag[2:]
        if tag.startswith("I-") and previous[2:] == label:
            spans[-1] = (spans[-1][0], place + 1, label)
        elif tag != "O":
            spans.append((place, place + 1, label))
    return spans


def to_token_spans(doc, spans: list[Span]) -> list[Span]:
    """Turn spans in characters into spans in tokens: every token that a span touches.

    Args:
        doc: a `spacy.tokens.Doc`.
        spans: in characters, without overlap.
    """
    found = [(doc.char_span(a, b, alignment_mode="expand"), label) for a, b, label in spans]
    return [(span.start, span.end, label) for span, label in found]


# Scores


def count_matches(gold: list[list[Span]], predicted: list[list[Span]]) -> np.ndarray:
    """Count, sentence by sentence, the entities that are found, wrong and left out.

    An entity is found if start, end and type are all equal.

    Returns:
        Array of shape (sentences, 3): true positives, false positives, false negatives.
    """
    rows = []
    for truth, guess in zip(gold, predicted, strict=True):
        hits = len(set(truth) & set(guess))
        rows.append((hits, len(set(guess)) - hits, len(set(truth)) - hits))
    return np.array(rows, dtype=int).reshape(-1, 3)


def score_counts(counts: np.ndarray) -> dict[str, float]:
    """Return precision, recall and F1 of counts as from `count_matches`.

    What would be 0 / 0 is 0.

    Example:
        >>> score_counts(np.array([[1, 0, 1], [1, 0, 1]]))
        {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    hits, wrong, left_out = (int(n) for n in counts.sum(axis=0))
    return {
        "precision": hits / max(hits + wrong, 1),
        "recall": hits / max(hits + left_out, 1),
        "f1": 2 * hits / max(2 * hits + wrong + left_out, 1),
    }


def bootstrap_f1(
    counts: np.ndarray, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of F1; what is drawn again are sentences.

    F1 is no mean over sentences, so their counts are drawn, added up and scored each time.

    Args:
        counts: from `count_matches`.
        level: share of the drawn values that lie inside.
        draws: number of resamples.
        seed: of the resampling.

    Returns:
        Lower and upper end.

    Reference:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.

    Example:
        >>> bootstrap_f1(np.array([[1, 0, 0], [2, 0, 0]]))
        (1.0, 1.0)
    """
    random = np.random.default_rng(seed)
    share = np.full(len(counts), 1 / len(counts))
    hits, wrong, left_out = (random.multinomial(len(counts), share, size=draws) @ counts).T
    scores = 2 * hits / np.maximum(2 * hits + wrong + left_out, 1)
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def classify_errors(
    gold: list[Span], predicted: list[Span]
) -> list[tuple[str, Span | None, Span | None]]:
    """Name every disagreement of one sentence.

    Where a wrong entity overlaps a gold one that was not found, they are one mistake:
    "boundary" if the type is right, "type" otherwise. What is left of the gold entities is
    "missed", of the predicted ones "spurious".

    Returns:
        (kind, gold span or None, predicted span or None) of each mistake, in order of the text.

    Example:
        >>> classify_errors([(0, 2, "ORG"), (5, 6, "GPE")], [(0, 1, "ORG")])
        [('boundary', (0, 2, 'ORG'), (0, 1, 'ORG')), ('missed', (5, 6, 'GPE'), None)]
    """
    left_out = [span for span in gold if span not in predicted]
    mistakes = []
    for guess in predicted:
        if guess in gold:
            continue
        overlap = {t: min(t[1], guess[1]) - max(t[0], guess[0]) for t in left_out}
        truth = max(overlap, key=overlap.get, default=None)
        if truth is None or overlap[truth] <= 0:
            mistakes.append(("spurious", None, guess))
        else:
            left_out.remove(truth)
            mistakes.append(("boundary" if truth[2] == guess[2] else "type", truth, guess))
    mistakes += [("missed", truth, None) for truth in left_out]
    return sorted(mistakes, key=lambda mistake: mistake[1] or mistake[2])


# Legal sequences


def allow_transitions(tags: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Say which tag may begin a sentence and which may follow which.

    I-X stands only after B-X or I-X; all else is legal.

    Returns:
        Two boolean arrays: `first` of shape (K,), and `after` of shape (K, K), where
        `after[i, j]` is whether tag j may follow tag i.
    """
    first = np.array([not tag.startswith("I-") for tag in tags])
    same = [[before[2:] == tag[2:] for tag in tags] for before in tags]
    return first, first[None, :] | np.array(same)


def decode_viterbi(scores: np.ndarray, first: np.ndarray, after: np.ndarray) -> list[int]:
    """Find the legal tag sequence with the largest sum of scores.

    `best[j]` is the largest sum of a legal path that ends in tag j at this token; a step asks
    for each tag which predecessor is best, remembers it, and adds the token's own score.

    Args:
        scores: one number a token and tag, for example log probabilities, shape (T, K).
        first: which tags may begin, shape (K,).
        after: which tag may follow which, shape (K, K).

    Returns:
        T tag numbers.

    Reference:
        Viterbi 1967, IEEE Transactions on Information Theory 13(2); Forney 1973, The Viterbi
        Algorithm.

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


def repair_bio(tags: list[str]) -> list[str]:
    """Make a tag sequence legal: an I- that continues nothing becomes a B-.

    Example:
        >>> repair_bio(["O", "I-GPE", "I-GPE", "I-ORG"])
        ['O', 'B-GPE', 'I-GPE', 'B-ORG']
    """
    return encode_bio(decode_bio(tags), len(tags))


# Words as numbers


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
    """Describe each word by its vector, zeros if it has none, and by its shape.

    Args:
        words: T words.
        rows: lower-case word to its row in `vectors`.
        vectors: shape (words, D).

    Returns:
        Array of shape (T, D + 6), float32; no row is all zeros.
    """
    features = np.zeros((len(words), vectors.shape[1] + len(SHAPES)), dtype="float32")
    for feature, word in zip(features, words, strict=True):
        word = unicodedata.normalize("NFC", word)
        if word.lower() in rows:
            feature[: vectors.shape[1]] = vectors[rows[word.lower()]]
        feature[vectors.shape[1] + SHAPES.index(describe_shape(word))] = 1
    return features
