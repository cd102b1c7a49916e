"""Other tokens than words: characters, frequent words spelled otherwise, BPE, WordPiece.

Used in lesson 02 (characters, words), built in 10 (BPE, WordPiece) and 12 (pieces).
"""

import heapq
import itertools
import re
from collections import Counter, defaultdict

import numpy as np

from utils.checks import check_lists, check_whole
from utils.data.masking import SPECIAL_TOKENS, pack_segments
from utils.data.text import check_texts

UNKNOWN = "[UNK]"
Pair = tuple[str, str]


def split_pieces(text: str) -> list[str]:
    """Split a text before each space; the space becomes "▁", also in front of the first word.

    Example:
        >>> split_pieces("to be,  or")
        ['▁to', '▁be,', '▁', '▁or']
    """
    marked = text.replace(" ", "▁")
    start = "▁" if marked and not marked.startswith("▁") else ""
    return re.findall("▁[^▁]*", start + marked)


def merge_pair(tokens: list[str], pair: Pair) -> list[str]:
    """Join each occurrence of a pair of neighbours, from the left.

    Example:
        >>> merge_pair(["a", "a", "a", "b"], ("a", "a"))
        ['aa', 'a', 'b']
    """
    merged, i = [], 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == pair
        merged.append("".join(pair) if found else tokens[i])
        i += 1 + found
    return merged


def train_bpe(texts: list[str], vocabulary_size: int) -> tuple[dict[str, int], list[Pair]]:
    """Merge the most frequent pair of neighbours, again and again, until the vocabulary is full.

    Of equally frequent pairs the one with the smaller ids is merged: left id first, then
    right id. Ids are given to the unknown token, the characters by code point, and the
    merges, in this order. The `tokenizers` library does the same. Return token to id, and the
    merges in the order learned (Sennrich, Haddow and Birch 2016). ValueError if the unknown token
    and the characters are more than the vocabulary can hold, or there are none; `texts` as for
    `check_texts`.

    Example:
        >>> train_bpe(["low low owl"], 7)[1]
        [('o', 'w'), ('l', 'ow')]
    """
    check_whole("vocabulary_size", vocabulary_size, least=1)
    counts = Counter(piece for text in check_texts(texts) for piece in split_pieces(text))
    if not counts:
        raise ValueError("there is no character in these texts, so there is nothing to learn")
    words = {piece: list(piece) for piece in counts}
    vocabulary = {token: i for i, token in enumerate([UNKNOWN, *sorted(set("".join(counts)))])}
    if len(vocabulary) > vocabulary_size:
        raise ValueError(f"{len(vocabulary)} characters do not fit into {vocabulary_size} tokens")
    pair_counts, holders, merges = Counter(), defaultdict(set), []

    def add(piece: str, sign: int) -> set:
        pairs = list(itertools.pairwise(words[piece]))
        for pair in pairs:
            pair_counts[pair] += sign * counts[piece]
            holders[pair].add(piece)
        return set(pairs)

    changed, queue = set().union(*(add(piece, 1) for piece in words)), []
    while len(vocabulary) < vocabulary_size:
        for pair in changed:
            heapq.heappush(queue, (-pair_counts[pair], *map(vocabulary.get, pair), pair))
        while queue and -queue[0][0] != pair_counts[queue[0][-1]]:
            heapq.heappop(queue)  # counted before a later merge changed it
        if not queue or queue[0][0] == 0:
            break
        best = heapq.heappop(queue)[-1]
        merges.append(best)
        vocabulary.setdefault("".join(best), len(vocabulary))
        changed = set()
        for piece in holders.pop(best):
            changed |= add(piece, -1)
            words[piece] = merge_pair(words[piece], best)
            changed |= add(piece, 1)
    return vocabulary, merges


def encode_bpe(text: str, vocabulary: dict[str, int], merges: dict[Pair, int]) -> list[str]:
    """Cut a text by applying the merges in the order in which they were learned.

    A character that is not in the vocabulary becomes `UNKNOWN`. `merges` is pair to its place in
    the order. The tokens, joined, with "▁" as a space, are the text, unknown characters aside.
    """
    encoded = []
    for piece in split_pieces(text):
        tokens = [c if c in vocabulary else UNKNOWN for c in piece]
        while True:
            ranks = [merges.get(pair, len(merges)) for pair in itertools.pairwise(tokens)]
            rank = min(ranks, default=len(merges))
            if rank == len(merges):
                break
            i = ranks.index(rank)
            tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
        encoded += tokens
    return encoded


def encode_wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    """Cut a word from the left, each time the longest token that fits (Wu et al. 2016, 4.1).

    A token that does not begin a word is marked "##". A word of more than 100 characters, or with
    a rest that cannot be spelled, is `[UNKNOWN]` as a whole.

    Example:
        >>> encode_wordpiece("unable", {"un": 0, "unab": 1, "##able": 2, "##le": 3})
        ['unab', '##le']
    """
    tokens, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None or len(word) > 100:
            return [UNKNOWN]
        tokens.append(mark + word[start:end])
        start = end
    return tokens


def index_tokens(tokens: list[str]) -> dict[str, int]:
    """Return token to id; ValueError if one is there twice."""
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    if len(ids) < len(tokens):
        twice = next(token for token_id, token in enumerate(tokens) if ids[token] != token_id)
        raise ValueError(f"the vocabulary holds {twice!r} twice")
    return ids


def encode_characters(text: str, alphabet: list[str]) -> np.ndarray:
    """Turn a text into the ids of its characters, shape (N,); all must be in the alphabet.

    Example:
        >>> encode_characters("abba", ["a", "b"])
        array([0, 1, 1, 0])
    """
    ids = index_tokens(alphabet)
    return np.array([ids[character] for character in text], dtype="int64")


WORDS = re.compile(r" ?[A-Za-z]+|'[a-z]+|[^A-Za-z]")  # the pieces, joined, are the text


def build_word_tokens(text: str, vocabulary_size: int) -> list[str]:
    """List every character of a text, then its most frequent words.

    ValueError if there are more characters than the vocabulary can hold.

    Example:
        >>> build_word_tokens("to be to be", 6)
        [' ', 'b', 'e', 'o', 't', ' be']
    """
    check_whole("vocabulary_size", vocabulary_size, least=1)
    characters = sorted(set(text))
    if len(characters) > vocabulary_size:
        raise ValueError(f"{len(characters)} characters do not fit into {vocabulary_size} tokens")
    counts = Counter(word for word in WORDS.findall(text) if len(word) > 1)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [*characters, *ranked[: vocabulary_size - len(characters)]]


def encode_words(text: str, tokens: list[str]) -> np.ndarray:
    """Turn a text into ids of words; an unknown word is spelled, character by character.

    The tokens, joined, are the text again: their probability is one of the whole text.

    Example:
        >>> encode_words("to be", ["o", "t", " be"])
        array([1, 0, 2])
    """
    ids, found = index_tokens(tokens), []
    for word in WORDS.findall(text):
        found += [ids[word]] if word in ids else [ids[character] for character in word]
    return np.array(found, dtype="int64")


def build_pieces(token_lists: list[list[str]], min_count: int) -> list[str]:
    """List the special tokens, then the WordPiece tokens that occur often enough, by the alphabet.

    Example:
        >>> build_pieces([["a", "film"], ["film"]], 2)[5:]
        ['film']
    """
    token_lists = check_lists("token_lists", token_lists, "tokens")
    check_whole("min_count", min_count, least=1)
    counts = Counter(token for tokens in token_lists for token in tokens)
    kept = sorted(token for token, count in counts.items() if count >= min_count)
    return [*SPECIAL_TOKENS, *(token for token in kept if token not in SPECIAL_TOKENS)]


def encode_pieces(
    token_lists: list[list[str]], pieces: list[str], sequence_length: int
) -> np.ndarray:
    """Turn N texts, cut into WordPiece tokens, into rows [CLS] ... [SEP] [PAD], shape (N, T)."""
    token_lists = check_lists("token_lists", token_lists, "tokens")
    ids = index_tokens(pieces)
    unknown, cls_id, sep_id = ids["[UNK]"], ids["[CLS]"], ids["[SEP]"]
    rows = [[ids.get(token, unknown) for token in tokens] for tokens in token_lists]
    packed = [pack_segments(row, None, cls_id, sep_id, sequence_length)[0] for row in rows]
    return np.array(packed, "int32").reshape(-1, sequence_length)
