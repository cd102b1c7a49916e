import numpy as np
import pytest

from utils.teaching.checks import (
    lesson_01,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
    lesson_12,
)


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
    lesson_01.check_keep_last(answer)
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
    lesson_01.check_pool_mean(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("b", "Correct"), (" B ", "Correct"), ("a", "epochs"), (2, "choose one")],
)
def test_padding_cause(capsys, answer, said):
    lesson_01.check_padding_cause(answer)
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
    lesson_04.check_is_match(answer)
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
    lesson_04.check_to_bioes(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "as many"), ("b", "new output"), ("d", "unlearn")],
)
def test_forgetting(capsys, answer, said):
    lesson_04.check_forgetting(answer)
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
    lesson_10.check_fertility(answer)
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
    lesson_10.check_join_wordpieces(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said", [(None, "Not done"), ("C", "Correct"), ("b", "width"), ("e", "choose one")]
)
def test_query_words(capsys, answer, said):
    lesson_11.check_query_words(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda ids: ids, "Not done yet"),
        (lambda ids: [2, *ids[:-1]], "Correct"),
        (lambda ids: [2, *ids], "one id too many"),
        (lambda ids: [*ids[1:], 3], "shifts to the left"),
        (lambda ids: [0, *ids[:-1]], "not padding"),
        (lambda ids: ids[::-1], "the decoder reads [2, 7, 9, 5]"),
        (lambda ids: [2, 7, 9, 5], "an empty sentence"),
    ],
)
def test_shift_right(capsys, answer, said):
    lesson_05.check_shift_right(answer)
    assert said in capsys.readouterr().out


def keep(sums, width, *, best=-1):
    order = np.argsort(best * sums, axis=None, kind="stable")[:width]
    return [(*np.unravel_index(k, sums.shape), sums.flat[k]) for k in order]


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda totals, nats, width: None, "Not done yet"),
        (lambda totals, nats, width: keep(totals[:, None] + nats, width), "Correct"),
        (lambda totals, nats, width: keep(nats, width), "rank by the next token alone"),
        (lambda totals, nats, width: keep(totals[:, None] + nats, width, best=1), "wrong end"),
        (lambda totals, nats, width: keep(totals[:, None] + nats, 2), "3 continuations are wanted"),
        (lambda totals, nats, width: [(0, 0, 0), (1, 0, 0), (0, 1, 0)], "one of each prefix"),
        (lambda totals, nats, width: [(0, t, 0.0) for t in range(3)], "new totals"),
        (lambda totals, nats, width: [(0, 0, 0), (0, 1, 0), (1, 2, 0)], "expected"),
        (lambda totals, nats, width: keep(np.array([-1.0, -3.0])[:, None] + nats, width), "wrong"),
    ],
)
def test_keep_best(capsys, answer, said):
    lesson_05.check_keep_best(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said", [(None, "Not done"), ("b", "Correct"), ("a", "padding"), ("d", "n-grams")]
)
def test_padded_accuracy(capsys, answer, said):
    lesson_05.check_padded_accuracy(answer)
    assert said in capsys.readouterr().out


def soften(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda s, m: None, "Not done yet"),
        (lambda s, m: soften(s), "Not done yet"),
        (lambda s, m: soften(np.where(m, s, -1e9)), "Correct"),
        (lambda s, m: soften(s) * m, "no longer sums to 1"),
        (lambda s, m: soften(s * m), "no small score"),
        (lambda s, m: soften(np.where(m, s, -1e9), axis=0), "columns"),
        (lambda s, m: soften(s)[0], "the shape of the scores"),
        (lambda s, m: s, "expected"),
    ],
)
def test_weigh_scores(capsys, answer, said):
    lesson_08.check_weigh_scores(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda q, m: None, "Not done yet"),
        (lambda q, m: soften(m @ q) @ m, "Correct"),
        (lambda q, m: (m @ q) @ m, "weigh by the scores"),
        (lambda q, m: m.mean(axis=0), "plain mean"),
        (lambda q, m: m[np.argmax(m @ q)], "weighted mean of all"),
        (lambda q, m: soften(m @ q), "one vector like the query"),
        (lambda q, m: soften(m[:3] @ q) @ m[:3] + (len(m) > 3), "not for nine"),
        (lambda q, m: soften(m @ q) @ m + 1, "expected"),
    ],
)
def test_attend(capsys, answer, said):
    lesson_08.check_attend(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "parameters"), ("b", "computing time")],
)
def test_bottleneck(capsys, answer, said):
    lesson_08.check_bottleneck(answer)
    assert said in capsys.readouterr().out


def keep_negations(words):
    return [i for i, word in enumerate(words) if word not in ("not", "n't", "no", "never")]


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda words: None, "Not done yet"),
        (lambda words: list(range(len(words))), "Not done yet"),
        (keep_negations, "Correct"),
        (lambda words: [w for w in words if w != "not"], "not the words"),
        (
            lambda words: [i for i, w in enumerate(words) if w in ("not", "n't", "no", "never")],
            "stay",
        ),
        (lambda words: [i for i, w in enumerate(words) if w != "not"], "may still be deleted"),
        (lambda words: keep_negations(words)[1:], "all but 4"),
        (lambda words: keep_negations(words) or None, "raised TypeError"),
        (lambda words: keep_negations(words) or [0], "a text without words"),
    ],
)
def test_list_deletable(capsys, answer, said):
    lesson_07.check_list_deletable(answer)
    assert said in capsys.readouterr().out


def pair(method, none, *, ddof=1, root=True):
    gains = method - none
    return gains.mean(), gains.std(ddof=ddof) / (len(gains) ** 0.5 if root else 1)


@pytest.mark.parametrize(
    "answer, said",
    [
        (None, "Not done yet"),
        (lambda a, b: None, "Not done yet"),
        (pair, "Correct"),
        (lambda a, b: pair(b, a), "the sign is turned round"),
        (lambda a, b: (0.5, 0.1), "the mean gain is 0.012"),
        (
            lambda a, b: (a.mean() - b.mean(), ((a.var(ddof=1) + b.var(ddof=1)) / 5) ** 0.5),
            "two unrelated groups",
        ),
        (lambda a, b: pair(a, b, root=False), "smaller by sqrt(5)"),
        (lambda a, b: pair(a, b, ddof=0), "ddof=1"),
        (lambda a, b: (pair(a, b)[0], 0.5), "yours 0.5000"),
        (lambda a, b: 0.012, "raised TypeError"),
    ],
)
def test_measure_gain(capsys, answer, said):
    lesson_07.check_measure_gain(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "leaked"), ("B", "vocabulary"), ("d", "weights")],
)
def test_fair_control(capsys, answer, said):
    lesson_07.check_fair_control(answer)
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
    lesson_06.check_count_parameters(answer)
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
    lesson_06.check_list_banned(answer)
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
    lesson_06.check_cache_parts(answer)
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
    lesson_12.check_average_loss(answer)
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
    lesson_12.check_mask_whole_words(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said",
    [(None, "Not done"), ("c", "Correct"), ("a", "anew"), ("b", "alike"), ("d", "the same")],
)
def test_test_hides_all(capsys, answer, said):
    lesson_12.check_test_hides_all(answer)
    assert said in capsys.readouterr().out


def make_window(length, low, high):
    places = np.arange(length)
    back = places[:, None] - places
    return (back >= low) & (back <= high)


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda n, w: None, "Not done yet"),
        (lambda n, w: make_window(n, 0, n), "Not done yet"),
        (lambda n, w: make_window(n, 0, w - 1), "Correct"),
        (lambda n, w: make_window(n, 0, w), "one place too many"),
        (lambda n, w: make_window(n, 1, w), "sees itself"),
        (lambda n, w: make_window(n, -n, w - 1), "whole future"),
        (lambda n, w: make_window(n, 1 - w, w - 1), "looks back only"),
        (lambda n, w: make_window(n, 0, w - 1).T, "swapped"),
        (lambda n, w: make_window(n, 0, 1), "width 2 only"),
        (lambda n, w: make_window(n, 0, 0), "row 3"),
        (lambda n, w: make_window(n, 0, w - 1)[0], "has shape"),
    ],
)
def test_window_mask(capsys, answer, said):
    lesson_09.check_window_mask(answer)
    assert said in capsys.readouterr().out


def attend_in(x, num_heads, width=None):
    slices = np.split(x, num_heads, axis=1)
    scale = np.sqrt(width or x.shape[1] // num_heads)
    return np.concatenate([soften(s @ s.T / scale) @ s for s in slices], axis=1)


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda x, h: None, "Not done yet"),
        (attend_in, "Correct"),
        (lambda x, h: attend_in(x, 1), "one head over the whole"),
        (lambda x, h: attend_in(x, h, width=6), "not of the whole"),
        (lambda x, h: attend_in(x, h, width=1), "not divided"),
        (lambda x, h: attend_in(np.hstack([x[:, ::2], x[:, 1::2]]), h), "neighbouring"),
        (lambda x, h: attend_in(x, 2), "use `num_heads`"),
        (lambda x, h: x, "expected the first row"),
        (lambda x, h: x[0], "the shape of x"),
    ],
)
def test_attend_in_heads(capsys, answer, said):
    lesson_09.check_attend_in_heads(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said", [(None, "Not done"), ("a", "Correct"), ("b", "very word"), ("c", "rewards")]
)
def test_missing_mask(capsys, answer, said):
    lesson_09.check_missing_mask(answer)
    assert said in capsys.readouterr().out
