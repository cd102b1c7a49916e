"""Changed copies of training texts. Built step by step in notebook 07.

A method is a function `text, rng, strength -> text`: `strength`, from 0 to 1, is the share of words
that are changed (at least one, where one can be; none at 0), put in or swapped; words that are
`protected` stay. The text comes back as the words of `utils.data.text.split_words`, joined by
spaces: lower case, clitics and punctuation set apart. The models of the course read it as before. A
text without words comes back as "", any other never does.

Shapes: B texts in the batch, N texts, T tokens, D numbers in a vector.
Reference: Wei and Zou 2019, EDA: Easy Data Augmentation Techniques, section 2.
"""

import re
from collections.abc import Callable

import keras
import numpy as np

from utils.data.text import split_words

Rng = np.random.Generator
Method = Callable[[str, Rng, float], str]
Translate = Callable[[list[str]], list[str]]

AFTER_AN = re.compile(r"(?!uni[^mn]|use|usu|one|eu)[aeiou]|hon|hour|heir")
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row half a key to the right of the one above
NEGATIONS = {"not", "n't", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor"}
NEGATIONS |= {"without", "cannot", "hardly", "barely"}


def draw_positions(places: list[int], num_words: int, rng: Rng, strength: float) -> list[int]:
    """Draw which words to change: `strength` of all words, at least one, none but `places`.

    Raises ValueError if `strength` is not between 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is a share of words, 0 to 1, got {strength}")
    count = min(len(places), max(1, round(strength * num_words))) if strength else 0
    return rng.choice(places, size=count, replace=False).tolist() if count else []


def matches_case(word: str, before: str) -> bool:
    """Return whether a word can follow another, if that is "a" or "an".

    Example:
        >>> [matches_case(word, before="a") for word in ("unusual", "unique")]
        [False, True]
    """
    return before not in ("a", "an") or bool(AFTER_AN.match(word)) == (before == "an")


def replace_words(
    text: str, rng: Rng, strength: float, *, options: dict[str, list[str]], protected=frozenset()
) -> str:
    """Replace words by one of their options. Built in notebook 07, section 1.

    `options` gives for a word what may stand in its place: a thesaurus, or neighbours of word
    vectors. After "a" and "an" only those are taken that fit there.
    """
    words = split_words(text)
    fitting = []
    for word, before in zip(words, ["", *words], strict=False):
        allowed = [] if word in protected else options.get(word, [])
        fitting.append([w for w in allowed if matches_case(w, before)])
    places = [i for i, found in enumerate(fitting) if found]
    for i in draw_positions(places, len(words), rng, strength):
        words[i] = fitting[i][rng.integers(len(fitting[i]))]
    return " ".join(words)


def insert_words(text: str, rng: Rng, strength: float, *, options: dict[str, list[str]]) -> str:
    """Put options of the text's words in at random places. Built in notebook 07, section 1."""
    words = split_words(text)
    known = [i for i, word in enumerate(words) if options.get(word)]
    chosen = [options[words[i]] for i in draw_positions(known, len(words), rng, strength)]
    for found in chosen:
        words.insert(rng.integers(len(words) + 1), found[rng.integers(len(found))])
    return " ".join(words)


def swap_words(text: str, rng: Rng, strength: float) -> str:
    """Let two words change places, again and again. Built in notebook 07, section 1."""
    words = split_words(text)
    if len(words) > 1:
        for _ in draw_positions(list(range(len(words))), len(words), rng, strength):
            i, j = rng.choice(len(words), size=2, replace=False)
            words[i], words[j] = words[j], words[i]
    return " ".join(words)


def delete_words(text: str, rng: Rng, strength: float, *, protected=frozenset()) -> str:
    """Leave words out, never all of them. Built in notebook 07, section 1."""
    words = split_words(text)
    places = [i for i, word in enumerate(words) if word not in protected]
    gone = draw_positions(places, len(words), rng, strength)
    if len(gone) == len(words):
        gone = gone[1:]
    return " ".join(word for i, word in enumerate(words) if i not in gone)


def list_keys() -> dict[str, str]:
    """List for each letter those whose keys touch its key.

    Example:
        >>> list_keys()["g"]
        'fhtyvb'
    """
    touching = {}
    for row, keys in enumerate(KEYS):
        for i, key in enumerate(keys):
            above = KEYS[row - 1][i : i + 2] if row else ""
            below = KEYS[row + 1][max(i - 1, 0) : i + 1] if row + 1 < len(KEYS) else ""
            touching[key] = keys[max(i - 1, 0) : i] + keys[i + 1 : i + 2] + above + below
    return touching


TOUCHING = list_keys()


def make_typo(word: str, rng: Rng) -> str:
    """Type a word of two letters or more with one slip.

    It hits a key beside, types a letter twice or not at all, or turns two round.
    """
    i, kind = rng.integers(len(word)), rng.integers(4)
    if kind == 0 and word[i] in TOUCHING:
        near = TOUCHING[word[i]]
        return word[:i] + near[rng.integers(len(near))] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[:i] + word[i + 1 :]
    i = min(i, len(word) - 2)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def add_typos(text: str, rng: Rng, strength: float, *, protected=frozenset()) -> str:
    """Type some words with a slip. Built in notebook 07, section 3.

    Only words of two letters or more get one: "n't", numbers, punctuation and emoji stay.
    """
    words = split_words(text)
    plain = [len(w) > 1 and w.isalpha() and w not in protected for w in words]
    places = [i for i, kept in enumerate(plain) if kept]
    for i in draw_positions(places, len(words), rng, strength):
        words[i] = make_typo(words[i], rng)
    return " ".join(words)


def list_neighbours(
    words: list[str], rows: dict[str, int], table: np.ndarray, *, count: int = 5
) -> dict[str, list[str]]:
    """List for each word `count` of the words whose vectors point the same way, nearest first.

    Built in notebook 07, section 2. `rows` gives a word's row in `table` (V, D); words that it
    lacks are left out.
    """
    words = [word for word in words if word in rows]
    vectors = np.asarray(table[[rows[word] for word in words]], dtype="float32")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    neighbours = {}
    for begin in range(0, len(words), 1000):
        cosines = vectors[begin : begin + 1000] @ vectors.T
        near = np.argpartition(-cosines, min(count, len(words) - 1), axis=1)[:, : count + 1]
        for word, found, row in zip(words[begin:], near, cosines, strict=False):
            ordered = found[np.argsort(-row[found])]
            neighbours[word] = [words[i] for i in ordered if words[i] != word][:count]
    return neighbours


def copy_texts(
    texts: list[str], method: Method | None, rng: Rng, strength: float, copies: int
) -> list[str]:
    """Return N texts and `copies` rounds of changed copies; the method None changes nothing.

    The label of text i is that of text i mod N.
    """
    copied = [*texts] * copies
    return [*texts, *(method(text, rng, strength) if method else text for text in copied)]


def draw_partners(targets: np.ndarray, rng: Rng, strength: float) -> tuple[np.ndarray, ...]:
    """Draw what to mix each of N examples with, and how much. Built in notebook 07, section 4.

    `strength` is alpha of the Beta distribution that shares come from: close to 0 hardly mixes at
    all, 1 makes all shares equally likely. Return the row of the partner of each example, shape
    (N,); the example's own share, shape (N, 1); the mixed targets, shape (N,).
    Reference: Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, equation 1.
    """
    partners = rng.permutation(len(targets))
    shares = rng.beta(strength, strength, size=len(targets)).astype("float32")
    mixed = shares * targets + (1 - shares) * np.asarray(targets)[partners]
    return partners, shares[:, None], mixed


def build_mixup(classifier: keras.Model) -> keras.Model:
    """Build a model that mixes the features of two texts. Built in notebook 07, section 4.

    The classifier is any of `utils.models.classifiers`; its last layer is called "probability". The
    model goes from [token ids (B, T), token ids of the partners (B, T), shares (B, 1)] to
    probabilities (B, 1). It shares all weights with `classifier` and is not compiled.
    Reference: Guo, Mao and Zhang 2019, Augmenting Data with Mixup, senMixup.
    """
    head = classifier.get_layer("probability")
    encode = keras.Model(classifier.input, head.input, name="encode")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    partner_ids = keras.Input((None,), dtype="int32", name="partner_ids")
    share = keras.Input((1,), name="share")
    mixed = share * encode(token_ids) + (1 - share) * encode(partner_ids)
    return keras.Model([token_ids, partner_ids, share], head(mixed), name="mixup")


def back_translate(texts: list[str], there: Translate, back: Translate) -> list[str]:
    """Translate texts into another language and back. Built in notebook 07, section 6.

    Raises ValueError if a translator returns another number of texts than it was given.
    Reference: Sennrich, Haddow and Birch 2016, Improving NMT Models with Monolingual Data.
    """
    abroad = there(texts)
    home = back(abroad)
    if not len(texts) == len(abroad) == len(home):
        counts = f"{len(texts)}, then {len(abroad)}, then {len(home)}"
        raise ValueError(f"a translator returns one text for each it is given; there were {counts}")
    return home


def has_negation(text: str) -> bool:
    """Return whether a text denies something in so many words.

    Example:
        >>> has_negation("It isn't dull."), has_negation("It fails to be funny.")
        (True, False)
    """
    return not NEGATIONS.isdisjoint(split_words(text))


def keeps_meaning(text: str, changed: str, cosine: float) -> bool:
    """Return whether a changed text has a near vector and denies as the text does.

    Built in notebook 07, section 5. `cosine` is that of `utils.models.sentences.embed_sentences`.

    Example:
        >>> keeps_meaning("It isn't funny.", "This is funny.", 0.9)
        False
    """
    return cosine >= 0.7 and has_negation(text) == has_negation(changed)
