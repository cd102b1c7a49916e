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
