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


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda losses, chosen: None, "Not done yet"),
        (lambda losses, chosen: losses.mean(), "Not done yet"),
        (lambda losses, chosen: losses[chosen].mean(), "Correct"),
        (lambda losses, chosen: (losses * chosen).sum() / chosen.sum(), "Correct"),
        (lambda losses, chosen: (losses * chosen).mean(), "divide by the 2 chosen"),
        (lambda losses, chosen: losses[~chosen].mean(), "not chosen"),
        (lambda losses, chosen: losses[chosen].sum(), "you return 6.000"),
        (lambda losses, chosen: losses[chosen], "must be one number"),
        (lambda losses: 1, "raised TypeError"),
    ],
)
def test_average_loss(capsys, answer, said):
    checks.check_average_loss(answer)
    assert said in capsys.readouterr().out


def hide_words(tokens, chosen):
    words = np.cumsum([not token.startswith("##") for token in tokens])
    return [any(c for c, w in zip(chosen, words, strict=True) if w == word) for word in words]


def hide_what_follows(tokens, chosen):
    hidden = list(chosen)
    for i in range(1, len(tokens)):
        hidden[i] = hidden[i] or (tokens[i].startswith("##") and hidden[i - 1])
    return hidden


def hide_neighbours(tokens, chosen):
    near = [False, *chosen, False]
    return [near[i] or near[i + 1] or near[i + 2] for i in range(len(tokens))]


def hide_one_before(tokens, chosen):
    hidden = hide_what_follows(tokens, chosen)
    for i in range(len(tokens) - 1):
        hidden[i] = hidden[i] or (chosen[i + 1] and tokens[i + 1].startswith("##"))
    return hidden


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda tokens, chosen: None, "Not done yet"),
        (lambda tokens, chosen: chosen, "Not done yet"),
        (hide_words, "Correct"),
        (lambda tokens, chosen: np.array(hide_words(tokens, chosen)), "Correct"),
        (hide_what_follows, "before and behind"),
        (hide_one_before, "go back to the one without the mark"),
        (hide_neighbours, "one piece; no other"),
        (lambda tokens, chosen: [any(chosen)] * 6, "one piece; no other"),
        (lambda tokens, chosen: chosen[1:], "one verdict a token"),
        (lambda tokens, chosen: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_mask_whole_words(capsys, answer, said):
    checks.check_mask_whole_words(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "anew"), ("b", "alike"), ("d", "the same")],
)
def test_test_hides_all(capsys, answer, said):
    checks.check_test_hides_all(answer)
    assert said in capsys.readouterr().out
