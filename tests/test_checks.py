import numpy as np
import pytest

from utils import checks


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda ids, n: None, "Not done yet"),
        (lambda ids, n: ids[:n], "Not done yet"),
        (lambda ids, n: ids[-n:], "Correct"),
        (lambda ids, n: ids[::-1][:n], "keep the order"),
        (lambda ids, n: ids[len(ids) - n :], "a text shorter than"),
        (lambda ids, n: 1 / 0, "raised ZeroDivisionError"),
        (lambda ids: ids, "raised TypeError"),
        (3, "raised TypeError"),
    ],
)
def test_keep_last(capsys, answer, said):
    checks.check_keep_last(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda s, m: None, "Not done yet"),
        (lambda s, m: s.mean(axis=1), "counts the padding"),
        (lambda s, m: (s * m[:, :, None]).mean(axis=1), "still divide by 3"),
        (lambda s, m: s.mean(axis=0), "must have shape"),
        (lambda s, m: (s * m[:, :, None]).sum(1) / m.sum(1)[:, None], "Correct"),
        (lambda s, m: np.zeros((2, 2)), "expected"),
    ],
)
def test_pool_mean(capsys, answer, said):
    checks.check_pool_mean(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("b", "Correct"), (" B ", "Correct"), ("a", "epochs"), (2, "choose one")],
)
def test_padding_cause(capsys, answer, said):
    checks.check_padding_cause(answer)
    assert said in capsys.readouterr().out


def overlaps(gold, guess):
    return gold[0] < guess[1] and guess[0] < gold[1]


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda gold, guess: None, "Not done yet"),
        (lambda gold, guess: gold == guess, "Not done yet"),
        (lambda gold, guess: gold[2] == guess[2] and overlaps(gold, guess), "Correct"),
        (overlaps, "the types differ"),
        (lambda gold, guess: gold[2] == guess[2], "none is shared"),
        (lambda gold, guess: gold[2] == guess[2] and gold[0] == guess[0], "wherever they begin"),
        (
            lambda gold, guess: gold[2] == guess[2] and gold[0] <= guess[1] and guess[0] <= gold[1],
            "20 is the first character outside",
        ),
        (lambda gold, guess: gold[2] == guess[2] and gold[0] <= guess[0] < gold[1], "contains"),
        (lambda gold: True, "raised TypeError"),
    ],
)
def test_is_match(capsys, answer, said):
    checks.check_is_match(answer)
    assert said in capsys.readouterr().out


def write_bioes(tags, *, single="S", last="E"):
    found = []
    for tag, following in zip(tags, [*tags[1:], "O"], strict=False):
        if tag != "O" and not following.startswith("I-"):
            tag = (single if tag.startswith("B-") else last) + tag[1:]
        found.append(tag)
    return found


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda tags: None, "Not done yet"),
        (lambda tags: tags, "Not done yet"),
        (write_bioes, "Correct"),
        (lambda tags: write_bioes(tags, single="B"), "an entity of one token is S-"),
        (lambda tags: write_bioes(tags, last="I"), "the last token of a longer entity is E-"),
        (lambda tags: [], "you return nothing"),
        (lambda tags: write_bioes(tags) or ["O"], "an empty sentence"),
        (lambda tags: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_to_bioes(capsys, answer, said):
    checks.check_to_bioes(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "as many"), ("b", "new output"), ("d", "unlearn")],
)
def test_forgetting(capsys, answer, said):
    checks.check_forgetting(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda tokens, text: None, "Not done yet"),
        (lambda tokens, text: len(tokens) / len(text.replace(" ", "")), "Not done yet"),
        (lambda tokens, text: len(tokens) / len(text.split()), "Correct"),
        (lambda tokens, text: len(text.split()) / len(tokens), "turn the fraction over"),
        (lambda tokens, text: len(tokens) / len(text.split(" ")), "two spaces in a row"),
        (lambda tokens, text: len(tokens) - 1.0, "a fertility of 2"),
        (lambda tokens, text: 2.0, "one token for one word"),
    ],
)
def test_fertility(capsys, answer, said):
    checks.check_fertility(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda tokens: None, "Not done yet"),
        (lambda tokens: " ".join(tokens), "Not done yet"),
        (lambda tokens: " ".join(t.replace("##", "") for t in tokens), "without a space"),
        (lambda tokens: "".join(t.replace("##", "") for t in tokens), "all spaces are gone"),
        (lambda tokens: " ".join(tokens).replace(" ##", ""), "Correct"),
        (lambda tokens: " ".join(tokens).replace(" ##", "").replace("#", ""), "a mark with"),
        (lambda tokens: tokens[0], "expected"),
    ],
)
def test_join_wordpieces(capsys, answer, said):
    checks.check_join_wordpieces(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said", [(None, "Not done"), ("C", "Correct"), ("b", "width"), ("e", "choose one")]
)
def test_query_words(capsys, answer, said):
    checks.check_query_words(answer)
    assert said in capsys.readouterr().out


def count_gpt2(V, T, D, L):
    return V * D + T * D + L * (12 * D**2 + 13 * D) + 2 * D


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda V, T, D, L: None, "Not done yet"),
        (lambda V, T, D, L: count_gpt2(V, T, D, L) + V * D, "Not done yet"),
        (lambda V, T, D, L: count_gpt2(V, T, D, L) - V * D, "uses it twice and has it once"),
        (lambda V, T, D, L: count_gpt2(V, T, D, L) - 2 * D, "expected 124,439,808"),
        (lambda V, T, D, L: 124_439_808, "not as a number"),
        (count_gpt2, "Correct"),
    ],
)
def test_count_parameters(capsys, answer, said):
    checks.check_count_parameters(answer)
    assert said in capsys.readouterr().out


def list_banned(text, n):
    ends = range(n - 1, len(text))
    return {text[e] for e in ends if text[e - n + 1 : e] == text[len(text) - n + 1 :]}


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda text, n: None, "Not done yet"),
        (lambda text, n: set(text), "not every token that occurred"),
        (
            lambda text, n: {b for a, b in zip(text, text[1:], strict=False) if a == 7},
            "4 has followed 7",
        ),
        (lambda text, n: {5}, "no 3-gram may occur twice"),
        (lambda text, n: {9}, "look at every place"),
        (lambda text, n: list_banned(text, 3), "for n = 2"),
        (lambda text, n: list_banned(text, n) if len(text) > 2 else {1}, "nothing is banned"),
        (list_banned, "Correct"),
    ],
)
def test_list_banned(capsys, answer, said):
    checks.check_list_banned(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done"),
        ("c", "Correct"),
        ("a", "as many numbers"),
        ("b", "prompt"),
        ("d", "layer"),
    ],
)
def test_cache_parts(capsys, answer, said):
    checks.check_cache_parts(answer)
    assert said in capsys.readouterr().out
