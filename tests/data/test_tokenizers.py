import random

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from utils.data import corpora
from utils.data.tokenizers import (
    UNKNOWN,
    encode_bpe,
    encode_wordpiece,
    merge_pair,
    split_pieces,
    train_bpe,
)


def train_library(texts, vocabulary_size):
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=[UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(text, vocabulary, merges):
    return encode_bpe(text, vocabulary, {pair: rank for rank, pair in enumerate(merges)})


@pytest.fixture(scope="module")
def snippets():
    return corpora.load_movie_snippets()["text"].tolist()


def test_the_library_agrees_on_a_thousand_texts(snippets):
    train, held_out = snippets[:1500], snippets[2000:3000]
    vocabulary, merges = train_bpe(train, 1200)
    library = train_library(train, 1200)
    assert library.get_vocab() == vocabulary
    assert len(merges) > 1000
    assert all(encode(text, vocabulary, merges) == library.encode(text).tokens for text in held_out)


@pytest.mark.parametrize("seed", range(20))
def test_the_library_agrees_where_ties_and_repetitions_abound(seed):
    draw = random.Random(seed)
    texts = ["".join(draw.choices("aab c", k=12)) for _ in range(8)]
    vocabulary, merges = train_bpe(texts, 40)
    library = train_library(texts, 40)
    assert library.get_vocab() == vocabulary
    for text in [*texts, "aaaaaaa bcabcaa", "  x  aa"]:
        assert encode(text, vocabulary, merges) == library.encode(text).tokens


def test_the_most_frequent_pair_comes_first():
    vocabulary, merges = train_bpe(["low"] * 5 + ["owl"] * 2 + ["new"] * 3, 100)
    assert merges[0] == ("o", "w")
    assert list(vocabulary)[:7] == [UNKNOWN, "e", "l", "n", "o", "w", "▁"]
    assert len(vocabulary) == 7 + len(merges) < 100  # no pair was left


def test_a_tie_goes_to_the_smaller_ids():
    assert train_bpe(["ab", "cd"], 7)[1] == [("a", "b")]
    assert train_bpe(["cd", "ab"], 7)[1] == [("a", "b")]


@pytest.mark.parametrize("text", ["", " ", "to be,  or not ", " \n x", "é🙂"])
def test_pieces_hold_the_whole_text(text):
    joined = "".join(split_pieces(text)).replace("▁", " ")
    assert joined in (text, " " + text)


def test_overlapping_pairs_merge_from_the_left():
    assert merge_pair(list("aaaab"), ("a", "a")) == ["aa", "aa", "b"]
    assert merge_pair(list("aba"), ("a", "a")) == ["a", "b", "a"]


def test_only_unseen_characters_are_unknown():
    vocabulary, merges = train_bpe(["a cat sat"], 20)
    assert encode("a 🙂", vocabulary, merges) == ["▁a", "▁", UNKNOWN]


def test_wordpiece_is_the_library(snippets):
    words = {word for text in snippets[:300] for word in text.split()}
    pieces = sorted({word[:k] for word in words for k in (1, 2, 4)})
    pieces += sorted({"##" + word[k : k + n] for word in words for k in (1, 3) for n in (1, 3)})
    vocabulary = {token: i for i, token in enumerate([UNKNOWN, *pieces])}
    library = models.WordPiece(vocabulary, unk_token=UNKNOWN)
    judged = [*sorted(words), "x" * 101, "🙂"]
    ours = [encode_wordpiece(word, vocabulary) for word in judged]
    assert ours == [[token.value for token in library.tokenize(word)] for word in judged]
    assert 0 < sum(tokens == [UNKNOWN] for tokens in ours) < len(ours)
