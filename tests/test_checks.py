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
