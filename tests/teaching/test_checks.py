"""A checker says what is wrong with each wrong answer.

The notebooks hold the rest: every stub is not done yet, and those of the solutions run the right
answer and a typical wrong one.
"""

import importlib

import numpy as np
import pytest
from scipy.special import softmax

LESSONS = [importlib.import_module(f"utils.teaching.checks.lesson_{n:02d}") for n in range(14)]
read_masked = LESSONS[1].read_masked
CHECKERS = {k: v for lesson in LESSONS for k, v in vars(lesson).items() if "check_" in k}
CHOICES = {
    "padding_side": {"b": "Correct", " B ": "Correct", "a": "read last", "d": "an id", 2: "one of"},
    "one_at_a_time": {"c": "Correct", "a": "in training", "b": "compiled loop", "d": "greedy"},
    "forgetting": {"c": "Correct", "a": "as many", "b": "new output", "d": "unlearn"},
    "padded_accuracy": {"b": "Correct", "a": "padding", "d": "n-grams"},
    "cold_draw": {"b": "Correct", "a": "real chance", "c": "no probability", "d": "sum"},
    "fair_control": {"c": "Correct", "a": "leaked", "b": "vocabulary", "d": "weights"},
    "bottleneck": {"c": "Correct", "a": "parameters", "b": "computing time"},
    "missing_mask": {"a": "Correct", "b": "very word", "c": "rewards"},
    "query_words": {"c": "Correct", "b": "width"},
    "positions_read": {"b": "Correct", "a": "grows", "c": "prompt, too", "d": "never read"},
    "test_hides_all": {"c": "Correct", "a": "anew", "b": "alike", "d": "the same"},
}


def step(w, b, x, y, rate, *, sign=-1, mean=np.mean):
    error = 1 / (1 + np.exp(-(x @ w + b))) - y
    return w + sign * rate * mean(error[:, None] * x, axis=0), b + sign * rate * mean(error)


def overlaps(gold, guess):
    return gold[0] < guess[1] and guess[0] < gold[1]


def write_bioes(tags, single="S"):
    found = []
    for tag, following in zip(tags, [*tags[1:], "O"], strict=False):
        if tag != "O" and not following.startswith("I-"):
            tag = (single if tag.startswith("B-") else "E") + tag[1:]
        found.append(tag)
    return found


def keep(sums, width, *, best=-1):
    order = np.argsort(best * sums, axis=None, kind="stable")[:width]
    return [(*np.unravel_index(k, sums.shape), sums.flat[k]) for k in order]


def count_lora(outputs, inputs, rank):
    return rank * (outputs + inputs)


def list_banned(text, n):
    ends = range(n - 1, len(text))
    return {text[e] for e in ends if text[e - n + 1 : e] == text[len(text) - n + 1 :]}


def keep_negations(words):
    return [i for i, word in enumerate(words) if word not in ("not", "n't", "no", "never")]


def pair(method, none, *, ddof=1, root=True):
    gains = method - none
    return gains.mean(), gains.std(ddof=ddof) / (len(gains) ** 0.5 if root else 1)


def hide(scores, mask):
    return np.where(mask, scores, -1e9)


def make_window(length, low, high):
    back = np.arange(length)[:, None] - np.arange(length)
    return (back >= low) & (back <= high)


def divide(x, by, *, mean=False):
    centred = x - x.mean(axis=-1, keepdims=True) * mean
    return np.array([1.0, 2.0]) * centred / np.sqrt(by(x) + 1e-5)


def average_squares(x):
    return (x**2).mean(axis=-1, keepdims=True)


def count_weights(V, T, D, L, *, tables=1, positions=1, norms=4, biases=9, last=2):
    blocks = L * (12 * D * D + (norms + biases) * D)
    return tables * V * D + positions * T * D + blocks + last * D


def attend_in(x, num_heads, width=None):
    slices = np.split(x, num_heads, axis=1)
    scale = np.sqrt(width or x.shape[1] // num_heads)
    return np.concatenate([softmax(s @ s.T / scale, axis=1) @ s for s in slices], axis=1)


def hide_words(tokens, chosen):
    words = np.cumsum([not token.startswith("##") for token in tokens])
    return np.isin(words, words[np.array(chosen, bool)])


def hide_what_follows(tokens, chosen):
    hidden = list(chosen)
    for i in range(1, len(tokens)):
        hidden[i] = hidden[i] or (tokens[i].startswith("##") and hidden[i - 1])
    return hidden


def hide_one_before(tokens, chosen):
    hidden = hide_what_follows(tokens, chosen)
    for i in range(len(tokens) - 1):
        hidden[i] = hidden[i] or (chosen[i + 1] and tokens[i + 1].startswith("##"))
    return hidden


def hide_neighbours(tokens, chosen):
    return np.convolve(chosen, [1, 1, 1], mode="same") > 0


ANSWERS = {
    "step": [
        (step, "Correct"),
        (lambda *given: step(*given, sign=1), "along the gradient"),
        (lambda *given: step(*given, mean=np.sum), "sum over the sentences"),
        (lambda w, b, x, y, rate: step(w, b, x, y, 1.0), "by the learning rate"),
        (lambda w, b, *given: (step(w, b, *given)[0], b), "b has not changed"),
        (lambda w, b, *given: (w, step(w, b, *given)[1]), "the weights have not changed"),
        (lambda *given: (given[0] + step(*given)[1] - given[1], step(*given)[1]), "own gradient"),
        (lambda *given: (step(*given)[0], step(*given, mean=np.sum)[1]), "b changes by the sum"),
        (lambda *given: (step(*given, mean=np.sum)[0], step(*given)[1]), "w changes by the sum"),
        (lambda w, b, x, y, rate: (w + 9, b), "expected w"),
        (lambda w, b, x, y, rate: w + 1, "return two things"),
        (lambda w, b, x, y, rate: (w, b), "Not done yet"),
    ],
    "loss": [
        (lambda p, y: -np.log(np.where(y == 1, p, 1 - p)).mean(), "Correct"),
        (lambda p, y: np.log(np.where(y == 1, p, 1 - p)).mean(), "the sign"),
        (lambda p, y: -np.log(p).mean(), "where y is 0"),
        (lambda p, y: -(y * np.log(p)).mean(), "add something, too"),
        (lambda p, y: -np.log10(np.where(y == 1, p, 1 - p)).mean(), "natural logarithm"),
        (lambda p, y: -np.log(np.where(y == 1, 1 - p, p)).mean(), "exchanged"),
        (lambda p, y: print(np.log(p)), "does it end with `return`"),
        (lambda p, y: p, "one number is asked for"),
        (lambda p, y: 0.1, "expected 0.4845"),
    ],
    "size": [
        (1.96**2 * 0.16 / 0.01**2, "Correct"),
        (6200, "Correct"),
        (1537, "0.02 to each side"),
        (1600, "1.96 is missing"),
        (61.5, "0.01 stands outside"),
        (78.4, "square both sides"),
        (10_000, "the accuracy stands under the root"),
        (float("nan"), "is positive"),
        (9000, "the interval goes 0.0083"),
    ],
    "masked_lstm": [
        (read_masked, "Correct"),
        (lambda *given: read_masked(*given, copy_c=False), "cell state c goes on"),
        (lambda *given: read_masked(*given, copy_h=False), "h is computed anew"),
        (lambda *given: read_masked(*given, reset=True), "to zero"),
        (lambda x, mask, *w: read_masked(x, ~mask, *w), "at the real words"),
        (lambda *given: np.zeros((2, 2)), "expected"),
        (lambda *given: np.zeros(2), "must have shape"),
        (3, "raised TypeError"),
    ],
    "pool_mean": [
        (lambda s, m: s.mean(axis=1), "counts the padding"),
        (lambda s, m: s.mean(axis=0), "must have shape"),
        (lambda s, m: np.where(m[:, :, None], s, -9).max(axis=1), "the largest value"),
        (lambda s, m: np.array([s[0, 2], s[1].mean(axis=0)]), "`mask` is True on the real words"),
        (lambda s, m: np.zeros((2, 2)), "expected"),
    ],
    "bits_per_byte": [
        (lambda nats, text: nats.sum() / np.log(2) / len(text.encode()), "Correct"),
        (lambda nats, text: nats.sum() / len(text.encode()), "still in nats"),
        (lambda nats, text: nats.sum() / np.log(2) / len(text), "the dash takes three"),
        (lambda nats, text: nats.sum() * np.log(2) / len(text), "you multiplied"),
        (lambda nats, text: nats.sum() / np.log(2), "divide by its bytes"),
        (lambda nats, text: nats.mean() / np.log(2), "number of tokens"),
        (lambda nats, text: nats.sum() / 0.6931 / len(text.encode()), "Correct"),
        (lambda nats, text: nats / np.log(2) / len(text.encode()), "one number"),
        (lambda nats, text: 1.0, "over 7 bytes 0.428571; you return 1.000000"),
    ],
    "keep_min_p": [
        (lambda p, share: p * (p >= share * p.max()) / p[p >= share * p.max()].sum(), "Correct"),
        (lambda p, share: p * (p >= share) / p[p >= share].sum(), "not `min_p` itself"),
        (lambda p, share: p * (p >= share * p.max()), "divide by its sum"),
        (lambda p, share: p[:2], "must have the shape"),
        (lambda p, share: p * (p > share * p.max()) / p[p > share * p.max()].sum(), "`>=`"),
        (lambda p, share: p * (p >= share * p[0]) / p[p >= share * p[0]].sum(), "stand first"),
        (lambda p, share: p * (p < share * p.max()) / p[p < share * p.max()].sum(), "small ones"),
        (lambda p, share: p >= share * p.max(), "True and False"),
        (lambda p, share: 2 * p, "expected [0, 8/15"),
    ],
    "is_match": [
        (overlaps, "the types differ"),
        (lambda gold, guess: gold[2] == guess[2], "none is shared"),
        (lambda a, b: a[2] == b[2] and a[0] <= b[1] and b[0] <= a[1], "20 is the first character"),
        (lambda gold, guess: gold[2] == guess[2] and gold[0] <= guess[0] < gold[1], "contains"),
    ],
    "to_bioes": [
        (lambda tags: write_bioes(tags, single="B"), "an entity of one token is S-"),
        (lambda tags: [], "you return nothing"),
        (lambda tags: write_bioes(tags) or ["O"], "an empty sentence"),
    ],
    "shift_right": [
        (lambda ids: [2, *ids], "one id too many"),
        (lambda ids: [0, *ids[:-1]], "not padding"),
        (lambda ids: ids[::-1], "the decoder reads [2, 7, 9, 5]"),
        (lambda ids: [2, 7, 9, 5], "an empty sentence"),
    ],
    "keep_best": [
        (lambda totals, nats, width: keep(totals[:, None] + nats, width, best=1), "wrong end"),
        (lambda totals, nats, width: keep(totals[:, None] + nats, 2), "3 continuations are wanted"),
        (lambda totals, nats, width: [(0, 0, 0), (1, 0, 0), (0, 1, 0)], "one of each prefix"),
        (lambda totals, nats, width: [(0, t, 0.0) for t in range(3)], "new totals"),
        (lambda totals, nats, width: [(0, 0, 0), (0, 1, 0), (1, 2, 0)], "expected"),
        (lambda totals, nats, width: keep(np.array([-1.0, -3.0])[:, None] + nats, width), "wrong"),
    ],
    "count_lora": [
        (lambda outputs, inputs, rank: 2 * count_lora(outputs, inputs, rank), "twice too many"),
        (lambda outputs, inputs, rank: 8 * outputs * inputs, "more than the whole"),
        (lambda outputs, inputs, rank: rank * outputs, "one of the two"),
        (lambda outputs, inputs, rank: outputs + inputs, "add the two"),
        (lambda outputs, inputs, rank: rank, "expected 29,184"),
        (lambda outputs, inputs, rank: 29_184, "these sizes only"),
    ],
    "list_banned": [
        (lambda text, n: set(text), "not every token that occurred"),
        (lambda text, n: {5}, "no 3-gram may occur twice"),
        (lambda text, n: {9}, "look at every place"),
        (lambda text, n: sorted(list_banned(text, n)), "a set of token ids, not a list"),
        (lambda text, n: list_banned(text, 3), "for n = 2"),
        (lambda text, n: list_banned(text, n) if len(text) > 2 else {1}, "nothing is banned"),
    ],
    "list_deletable": [
        (lambda words: sorted(set(range(len(words))) - set(keep_negations(words))), "stay"),
        (lambda words: [w for w in words if w != "not"], "not the words"),
        (lambda words: keep_negations(words)[1:], "all but 4"),
        (lambda words: keep_negations(words) or [0], "a text without words"),
    ],
    "measure_gain": [
        (lambda a, b: pair(b, a), "the sign is turned round"),
        (lambda a, b: (0.5, 0.1), "the mean gain is 0.012"),
        (lambda a, b: pair(a, b, root=False), "smaller by sqrt(5)"),
        (lambda a, b: pair(a, b, ddof=0), "ddof=1"),
        (lambda a, b: (pair(a, b)[0], 0.5), "yours 0.5000"),
    ],
    "weigh_scores": [
        (lambda s, m: softmax(s * m, axis=1), "no small score"),
        (lambda s, m: softmax(hide(s, m), axis=0), "columns"),
        (lambda s, m: softmax(s, axis=1)[0], "the shape of the scores"),
        (lambda s, m: s, "expected"),
    ],
    "attend": [
        (lambda q, m: m.mean(axis=0), "plain mean"),
        (lambda q, m: m[np.argmax(m @ q)], "weighted mean of all"),
        (lambda q, m: softmax(m @ q), "one vector like the query"),
        (lambda q, m: softmax(m[:3] @ q) @ m[:3] + (len(m) > 3), "not for nine"),
        (lambda q, m: softmax(m @ q) @ m + 1, "expected"),
    ],
    "window_mask": [
        (lambda n, w: make_window(n, 0, w), "one place too many"),
        (lambda n, w: make_window(n, 1, w), "sees itself"),
        (lambda n, w: make_window(n, 1 - w, w - 1), "looks back only"),
        (lambda n, w: make_window(n, 0, w - 1).T, "swapped"),
        (lambda n, w: make_window(n, 0, 1), "width 2 only"),
        (lambda n, w: make_window(n, 0, 0), "row 3"),
        (lambda n, w: make_window(n, 0, w - 1)[0], "has shape"),
    ],
    "attend_in_heads": [
        (lambda x, h: attend_in(x, 1), "one head over the whole"),
        (lambda x, h: attend_in(x, h, width=1), "not divided"),
        (lambda x, h: attend_in(np.hstack([x[:, ::2], x[:, 1::2]]), h), "neighbouring"),
        (lambda x, h: attend_in(x, 2), "use `num_heads`"),
        (lambda x, h: x, "expected the first row"),
        (lambda x, h: x[0], "the shape of x"),
    ],
    "fertility": [
        (lambda tokens, text: len(text.split()) / len(tokens), "turn the fraction over"),
        (lambda tokens, text: len(tokens) - 1.0, "a fertility of 2"),
        (lambda tokens, text: 2.0, "one token for one word"),
    ],
    "join_wordpieces": [
        (lambda tokens: "".join(t.replace("##", "") for t in tokens), "all spaces are gone"),
        (lambda tokens: " ".join(tokens).replace(" ##", "").replace("#", ""), "a mark with"),
        (lambda tokens: tokens[0], "expected"),
    ],
    "average_loss": [
        (lambda losses, chosen: losses[~chosen].mean(), "not chosen"),
        (lambda losses, chosen: losses[chosen].sum(), "you return 6.000"),
        (lambda losses, chosen: losses[chosen], "must be one number"),
    ],
    "mask_whole_words": [
        (hide_words, "Correct"),  # an array; the solution returns a list
        (hide_one_before, "go back to the one without the mark"),
        (hide_neighbours, "one piece; no other"),
        (lambda tokens, chosen: [any(chosen)] * 6, "one piece; no other"),
        (lambda tokens, chosen: chosen[1:], "one verdict a token"),
    ],
    "normalise_rms": [
        (lambda x, scale: divide(x, average_squares), "Correct"),
        (lambda x, scale: divide(x, lambda x: 2 * average_squares(x)), "not their sum"),
        (lambda x, scale: divide(x, average_squares, mean=True), "still subtracted"),
        (lambda x, scale: divide(x, lambda x: x.var(axis=-1, keepdims=True)), "variance subtracts"),
        (lambda x, scale: divide(x, average_squares) / scale, "not multiplied by `scale`"),
        (lambda x, scale: divide(x, lambda x: (x**2).mean()), "over all vectors"),
        (lambda x, scale: divide(x, lambda x: average_squares(x) ** 2), "*root*"),
        (lambda x, scale: divide(x, lambda x: (x**2).mean(0, keepdims=True)), "over the tokens"),
        (lambda x, scale: divide(x, lambda x: (x**2).mean(-1)), "`keepdims=True` is missing"),
        (lambda x, scale: divide(x, lambda x: x.mean(-1, keepdims=True) ** 2), "square the mean"),
        (lambda x, scale: divide(x, lambda x: x.std(-1, keepdims=True)), "standard deviation"),
        (lambda x, scale: x[0], "must have that of x"),
        (lambda x, scale: x, "expected (0.85, 2.26)"),
        (lambda x, scale: scale * x / average_squares(x) ** 0.5, "add `epsilon`"),
        (lambda x, s: divide(x, lambda x: x.var(-1, keepdims=True), mean=True), "Not done yet"),
    ],
    "count_gpt2": [
        (count_weights, "Correct"),
        (lambda *sizes: count_weights(*sizes, tables=2), "used twice and stored once"),
        (lambda *sizes: count_weights(*sizes, tables=0), "table of tokens is missing"),
        (lambda *sizes: count_weights(*sizes, positions=0), "table of positions"),
        (lambda *sizes: count_weights(*sizes, last=0), "the last layer normalisation"),
        (lambda *sizes: count_weights(*sizes, norms=0), "two, of 2 D numbers"),
        (lambda *sizes: count_weights(*sizes, biases=0), "3 D + D + 4 D + D"),
        (lambda *sizes: count_weights(*sizes, biases=0, last=0), "and the last layer"),
        (lambda *sizes: count_weights(*sizes, norms=0, biases=0), "13 D numbers"),
        (lambda *sizes: count_weights(*sizes, norms=0, biases=0, last=0), "all biases and norms"),
        (lambda *sizes: count_weights(*sizes, positions=0, last=0), "positions and the last"),
        (lambda V, T, D, L: count_weights(V, T, D, 1), "you count one"),
        (lambda V, T, D, L: count_weights(V, T, D, L) - L * 8 * D * D, "feed-forward"),
        (lambda V, T, D, L: count_weights(V, T, D, L) - L * 4 * D * D, "attention is missing"),
        (lambda *sizes: 124_439_808, "these sizes only"),
        (lambda *sizes: 117_000_000, "expected 124,439,808"),
    ],
}


@pytest.mark.parametrize("name", CHECKERS)
def test_what_is_not_answered_is_not_done(capsys, name):
    for nothing in (None, lambda *_: None, lambda V, T, D, L: None):
        CHECKERS[name](nothing)
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("Not done yet")
    wanted = ("Not done yet", "choose one of a, b", "a number is asked for")
    assert any(words in said for words in wanted for said in others)


ROWS = [(name, *row) for name, rows in ANSWERS.items() for row in rows]
ROWS += [(name, *row) for name, rows in CHOICES.items() for row in rows.items()]


@pytest.mark.parametrize("name, answer, said", ROWS)
def test_an_answer_is_judged(capsys, name, answer, said):
    CHECKERS[f"check_{name}"](answer)
    assert said in capsys.readouterr().out
