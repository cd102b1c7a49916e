import random

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from utils.data import corpora, tokenizers
from utils.data.masking import SPECIAL_TOKENS
from utils.data.tokenizers import (
    UNKNOWN,
    build_word_tokens,
    encode_bpe,
    encode_wordpiece,
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


DRAWS = [random.Random(seed).choices("aab c", k=99) for seed in range(20)]
SMALL = [["low"] * 5 + ["owl"] * 2 + ["new"] * 3, ["ab", "cd"], ["cd", "ab"]]
SMALL += [["".join(draw[i::8]) for i in range(8)] for draw in DRAWS]


@pytest.mark.parametrize("size", [7, 40])
@pytest.mark.parametrize("texts", SMALL)
def test_the_library_agrees_where_ties_and_repetitions_abound(texts, size):
    vocabulary, merges = train_bpe(texts, size)
    library = train_library(texts, size)
    assert library.get_vocab() == vocabulary
    for text in [*texts, "aaaaaaa bcabcaa", "  x  aa", "a 🙂", "", " ", "\n \n a"]:
        assert encode(text, vocabulary, merges) == library.encode(text).tokens


def test_a_vocabulary_that_is_too_small_is_refused():
    assert len(train_bpe(["low low owl"], 5)[0]) == 5
    assert build_word_tokens("to be to be", 5) == [*" beot"]
    for train, texts in ((train_bpe, ["low low owl"]), (build_word_tokens, "to be to be")):
        with pytest.raises(ValueError, match="5 characters do not fit into 4 tokens"):
            train(texts, 4)


@pytest.mark.parametrize("name", ["train_bpe", "build_word_tokens"])
@pytest.mark.parametrize("size", [0, -1, 7.5, True, "9"])
def test_utils_refuses_a_size_that_is_none(name, size):
    with pytest.raises(ValueError, match=f"vocabulary_size must be .* at least 1, not {size!r}"):
        getattr(tokenizers, name)(["low owl"] if name == "train_bpe" else "low owl", size)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("train_bpe", ("low low owl", 7), r"a list of texts, not one string"),
        *(("train_bpe", (["low", x], 9), rf"texts\[1\] is {x!r}") for x in (None, float("nan"), 3)),
        *(("train_bpe", (texts, 9), "there is no character") for texts in ([], ["", ""])),
        ("encode_characters", ("ab", "aba"), "the vocabulary holds 'a' twice"),
        ("encode_words", ("ab", ["b", "a", "b"]), "the vocabulary holds 'b' twice"),
        ("encode_pieces", ([["a"]], [*SPECIAL_TOKENS, "a", "a"], 5), "holds 'a' twice"),
        ("encode_pieces", (["a film"], [*SPECIAL_TOKENS], 5), "not the string 'a film'"),
        ("encode_pieces", ("film", [*SPECIAL_TOKENS], 5), "not the string 'film'"),
        ("build_pieces", (["a film"], 1), "lists of tokens, not the string 'a film'"),
        *(("build_pieces", ([["a"]], n), f"min_count .* not {n}") for n in (0, float("nan"), True)),
    ],
)
def test_utils_refuses_texts_and_tokens_without_sense(name, arguments, said):
    with pytest.raises((TypeError, ValueError), match=said):
        getattr(tokenizers, name)(*arguments)


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
