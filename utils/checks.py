"""Checkers of the exercises: they run an answer on tiny data and print a hint or "Correct".

A checker never raises: an unanswered exercise prints "Not done yet", a wrong answer
"Not yet" and a hint that says where to look.
"""

import functools
from collections.abc import Callable

import numpy as np


class NotDone(Exception):  # noqa: N818 - no error, a verdict
    """The exercise has not been answered."""


def exercise(find_hint: Callable[..., str | None]) -> Callable[..., None]:
    """Turn a function that returns a hint (or None: all is well) into a checker.

    Args:
        find_hint: gets the learner's answer; may raise `NotDone`. Its docstring's first line
            is what the checker says when the answer is right.
    """

    @functools.wraps(find_hint)
    def check(answer) -> None:
        try:
            if answer is None:
                raise NotDone
            hint = find_hint(answer)
        except NotDone:
            print("Not done yet. Replace the marked line, run the cell, then run this one.")
        except Exception as error:  # the learner's code may do anything
            print(f"Not yet: your code raised {type(error).__name__}: {error}")
        else:
            print(f"Not yet: {hint}" if hint else f"Correct. {find_hint.__doc__.splitlines()[0]}")

    return check


def choose(options: dict[str, tuple[bool, str]], answer: str) -> str | None:
    """Judge a multiple-choice answer; every option has its own explanation.

    Args:
        options: letter to (is it right, why).
        answer: the learner's letter.

    Returns:
        None if right, else the explanation of why not.
    """
    letter = str(answer).strip().lower()
    if letter not in options:
        return f"answer is {answer!r}; choose one of {', '.join(sorted(options))}."
    right, why = options[letter]
    return None if right else why


@exercise
def check_keep_last(keep_last) -> str | None:
    """The end of a review is often its verdict; now the model gets to read it."""
    ids = [11, 12, 13, 14, 15]
    found = keep_last(ids, 3)
    if found is None or list(found) == [11, 12, 13]:
        raise NotDone
    if list(found) == [15, 14, 13]:
        return "the right words, in reverse: the network reads in order, so keep the order."
    if list(found) != [13, 14, 15]:
        return f"of {ids} the last 3 are [13, 14, 15], but your function returned {list(found)}."
    if list(keep_last([1, 2], 3)) != [1, 2]:
        return "a text shorter than `length` must come back whole: try `keep_last([1, 2], 3)`."
    if list(keep_last(ids, 5)) != ids:
        return "a text of exactly `length` words must come back whole."
    return None


@exercise
def check_pool_mean(pool_mean) -> str | None:
    """Padding has no say in the mean, however long it is."""
    states = np.array([[[2.0, 0.0], [4.0, 6.0], [9.0, 9.0]], [[1.0, 1.0], [1.0, 1.0], [1.0, 4.0]]])
    mask = np.array([[True, True, False], [True, True, True]])
    found = pool_mean(states, mask)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != (2, 2):
        return f"the result must have shape (batch, hidden) = (2, 2), yours has {found.shape}."
    if np.allclose(found, states.mean(axis=1)):
        return "this counts the padding too: the first text has two words, not three."
    if np.allclose(found, (states * mask[:, :, None]).sum(axis=1) / 3):
        return "padding adds nothing now, but you still divide by 3, not by the number of words."
    if not np.allclose(found, [[3.0, 3.0], [1.0, 2.0]]):
        return f"expected [[3, 3], [1, 2]], got {found.round(3).tolist()}."
    return None


@exercise
def check_padding_cause(answer) -> str | None:
    """Twenty steps of padding after the last word, and the last state has forgotten the words."""
    return choose(
        {
            "a": (
                False,
                "the masked model has as many epochs, and learns.",
            ),
            "b": (True, ""),
            "c": (
                False,
                "the masked model has the same vocabulary, and learns.",
            ),
            "d": (
                False,
                "the same line measures the masked model; 0.5 is what guessing gets.",
            ),
        },
        answer,
    )


@exercise
def check_bits_per_byte(bits_per_byte) -> str | None:
    """Bits, and a divisor that no choice of tokens can change: now any two models compare."""
    nats = np.array([np.log(2.0), np.log(4.0), np.log(2.0)])
    found = bits_per_byte(nats, "abc")
    if found is None or np.isclose(found, nats.sum() / 3):
        raise NotDone
    if np.isclose(found, nats.sum() * np.log(2) / 3):
        return "from nats to bits you divide by ln 2; you multiplied."
    if np.isclose(found, 4.0):
        return "these are the bits of the whole text; divide by its bytes."
    if np.isclose(bits_per_byte(nats, "a—c"), nats.sum() / 5):
        return "the bytes are right; what you add up is still in nats: ln 2 nats are one bit."
    if not np.isclose(found, 4 / 3):
        return f"ln 2 + ln 4 + ln 2 nats are 4 bits, over 3 bytes 1.333; you return {found:.3f}."
    if not np.isclose(bits_per_byte(nats, "a—c"), 4 / 5):
        return "'a—c' has 3 characters and 5 bytes: the dash takes three. Count the bytes."
    return None


@exercise
def check_keep_min_p(keep_min_p) -> str | None:
    """Min-p: a sure model keeps few tokens, an unsure one many, and one number says both."""
    sure = np.array([0.8, 0.1, 0.06, 0.04])
    found = keep_min_p(sure.copy(), 0.1)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != sure.shape:
        return f"the result must have the shape of the probabilities: (4,), not {found.shape}."
    if np.allclose(found, [0.8, 0.1, 0, 0]):
        return "the right tokens are left, but the result does not sum to 1: divide by its sum."
    if np.allclose(found, [1, 0, 0, 0]) or np.allclose(found, [8 / 9, 1 / 9, 0, 0]):
        unsure = np.array([0.3, 0.3, 0.3, 0.06, 0.04])
        kept = np.asarray(keep_min_p(unsure.copy(), 0.1), dtype=float)
        if np.count_nonzero(kept) == 5 and np.allclose(found, [8 / 9, 1 / 9, 0, 0]):
            return None
        return (
            "the bound is `min_p` times the largest probability, not `min_p` itself: for "
            "[0.3, 0.3, 0.3, 0.06, 0.04] and 0.1 it is 0.03, and all five stay."
        )
    return f"for [0.8, 0.1, 0.06, 0.04] and 0.1 expected [8/9, 1/9, 0, 0], got {found.round(3)}."


@exercise
def check_one_at_a_time(answer) -> str | None:
    """What a model reads next does not exist before it has been chosen."""
    return choose(
        {
            "a": (
                False,
                "an LSTM passes a state from step to step in training as well, and a Transformer, "
                "which has none, generates one token at a time too.",
            ),
            "b": (
                False,
                "the loop of section 8 is compiled and runs on every core, and still makes one "
                "character after the other.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "the most likely token needs no chance, and greedy decoding is sequential too.",
            ),
        },
        answer,
    )


@exercise
def check_count_places(count_places) -> str | None:
    """As many numbers as places, and none where the filter does not fit."""
    found = count_places(7, 3)
    if found in (None, 7):
        raise NotDone
    if found == 4:
        return "one place is missing: a filter of 3 words fits into 3 words at one place, not none."
    if found != 5:
        return f"7 words hold 5 windows of 3: 1-3, 2-4, ... 5-7; your function says {found}."
    if count_places(2, 3) != 0:
        return f"3 words fit nowhere into 2: 0 places, but your function says {count_places(2, 3)}."
    if count_places(3, 3) != 1 or count_places(1, 1) != 1:
        return "a filter as wide as the sentence fits at exactly one place."
    return None


@exercise
def check_pool_max(pool_max) -> str | None:
    """Padding is never the largest, not even among negative features."""
    features = np.array(
        [[[1.0, -3.0], [2.0, -1.0], [9.0, 9.0]], [[-5.0, 4.0], [-2.0, 6.0], [-4.0, 5.0]]]
    )
    mask = np.array([[True, True, False], [True, True, True]])
    found = pool_max(features, mask)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != (2, 2):
        return f"the result must have shape (batch, filters) = (2, 2), yours has {found.shape}."
    if np.allclose(found, features.max(axis=1)):
        return "this looks at the padding too: the third step of the first text is no word."
    if np.allclose(found, (features * mask[:, :, None]).max(axis=1)):
        return "padding is 0 now, and 0 is larger than -1: give it a value that can never win."
    if not np.allclose(found, [[2.0, -1.0], [-2.0, 6.0]]):
        return f"expected [[2, -1], [-2, 6]], got {found.round(3).tolist()}."
    return None


@exercise
def check_word_order(answer) -> str | None:
    """The words are the same, their neighbours are not, and a filter sees neighbours."""
    return choose(
        {
            "a": (
                False,
                "the largest answer is kept, the place where it came from is not: order is lost "
                "in pooling, so it must have been seen before.",
            ),
            "b": (True, ""),
            "c": (
                False,
                "an average with a million parameters still adds the same vectors in another "
                "order, and gets the same sum.",
            ),
            "d": (
                False,
                "each word has one GloVe vector, wherever in a sentence it stands.",
            ),
        },
        answer,
    )


@exercise
def check_is_match(is_match) -> str | None:
    """Half a name found is a half full glass now; F1 counted this way is never lower."""
    gold = (10, 20, "ORG")
    cases = {  # predicted span -> whether it matches, and why
        (10, 20, "ORG"): (True, "the same span and type is a match, of course."),
        (10, 14, "ORG"): (True, "its four characters all lie inside: that is a match."),
        (15, 25, "ORG"): (True, "the two share the characters 15 to 19, wherever they begin."),
        (5, 30, "ORG"): (True, "the longer one contains the shorter: they share ten characters."),
        (12, 18, "ORG"): (True, "it lies inside, and need not begin or end in the same place."),
        (20, 25, "ORG"): (False, "20 is the first character outside of (10, 20): none is shared."),
        (5, 10, "ORG"): (False, "10 is the first character outside of (5, 10): none is shared."),
        (10, 20, "GPE"): (False, "the types differ, so it is no match, however well they overlap."),
        (0, 3, "ORG"): (False, "they are far apart."),
    }
    found = {guess: is_match(gold, guess) for guess in cases}
    if None in found.values() or all(bool(found[guess]) == (guess == gold) for guess in cases):
        raise NotDone
    for guess, (right, why) in cases.items():
        if bool(found[guess]) != right:
            return f"for gold {gold} and predicted {guess} you say {bool(found[guess])}: {why}"
    return None


@exercise
def check_to_bioes(to_bioes) -> str | None:
    """Ends have a tag of their own now, and a network can learn what a last word looks like."""
    cases = {
        "O O": "O O",
        "B-ORG": "S-ORG",
        "B-ORG I-ORG": "B-ORG E-ORG",
        "B-ORG I-ORG I-ORG O": "B-ORG I-ORG E-ORG O",
        "B-GPE B-GPE I-GPE": "S-GPE B-GPE E-GPE",
        "B-PERSON I-PERSON B-DATE O B-GPE": "B-PERSON E-PERSON S-DATE O S-GPE",
    }
    found = {tags: to_bioes(tags.split()) for tags in cases}
    if any(tags is None for tags in found.values()) or all(
        " ".join(found[tags]) == tags for tags in cases
    ):
        raise NotDone
    for tags, expected in cases.items():
        answer = " ".join(found[tags])
        if answer == expected:
            continue
        hint = f"{tags} should become {expected}, you return {answer or 'nothing'}"
        if "S-" not in answer and "S-" in expected:
            hint += "; an entity of one token is S-"
        elif "E-" not in answer and "E-" in expected:
            hint += "; the last token of a longer entity is E-"
        return f"{hint}."
    return to_bioes([]) and "an empty sentence has no tags: return an empty list."


@exercise
def check_forgetting(answer) -> str | None:
    """An unmarked name is a lesson too: it teaches that there is nothing."""
    return choose(
        {
            "a": (
                False,
                "the cured model has as many weights and as many types, and keeps them.",
            ),
            "b": (
                False,
                "a new label gets new output units; the old ones are all still there.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "they were enough to learn the new type, and to unlearn five others.",
            ),
        },
        answer,
    )


@exercise
def check_fertility(measure_fertility) -> str | None:
    """Tokens a word: what a language pays for a vocabulary that was made for another."""
    found = measure_fertility(["▁un", "seen", "▁king", "s"], "unseen  kings")
    if found is None or np.isclose(found, 4 / 11):
        raise NotDone
    if np.isclose(found, 2 / 4):
        return "this is words per token; turn the fraction over."
    if np.isclose(found, 4 / 3):
        return "two spaces in a row are no word between them: use `split()` without an argument."
    if not np.isclose(found, 2.0):
        return f"4 tokens for 2 words are a fertility of 2, your function says {found:.3f}."
    if np.isfinite(measure_fertility(["a"], "word")) and measure_fertility(["a"], "word") == 1:
        return None
    return "one token for one word is a fertility of 1."


@exercise
def check_join_wordpieces(join_wordpieces) -> str | None:
    """Only the mark at the beginning of a token glues it to the one before."""
    found = join_wordpieces(["the", "un", "##see", "##n", "king"])
    if found is None or found == "the un ##see ##n king":
        raise NotDone
    if found == "the un see n king":
        return "the marks are gone, but a marked token belongs to the one before, without a space."
    if found == "theunseenking":
        return "all spaces are gone: a token without the mark begins a new word."
    if found != "the unseen king":
        return f"expected 'the unseen king', got {found!r}."
    if join_wordpieces(["c", "##", "#", "##1"]) != "c #1":
        return "`##` alone is a mark with nothing behind it: ['c', '##', '#', '##1'] is 'c #1'."
    return None


@exercise
def check_query_words(answer) -> str | None:
    """The sum often stays near a word it started from; the rule, not the vector, forbids it."""
    return choose(
        {
            "a": (
                False,
                "the words searched are the same in both rows; only the given three differ.",
            ),
            "b": (
                False,
                "a larger width changes both rows; here the vectors are the same in both.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "the cosine does not see lengths at all, and it is used in both rows.",
            ),
        },
        answer,
    )


@exercise
def check_shift_right(shift_right) -> str | None:
    """Each place reads the true token before it, and none reads what it must predict."""
    targets = [7, 9, 5, 3]  # START is 2, END is 3
    found = shift_right(list(targets))
    if found is None or list(found) == targets:
        raise NotDone
    found = list(found)
    if found == [2, *targets]:
        return "one id too many: nothing is predicted after the end, so nobody reads END."
    if found == targets[1:] + [3] or found == targets[1:] + [0]:
        return "this shifts to the left: the decoder would read the answer, one place ahead."
    if found == [0, *targets[:-1]]:
        return "the first place reads START (2), not padding: padding says that nothing is there."
    if found != [2, *targets[:-1]]:
        return f"for {targets} the decoder reads [2, 7, 9, 5]; your function returns {found}."
    if list(shift_right([3])) != [2]:
        return "an empty sentence is [3]; to predict its END the decoder reads [2]."
    return None


@exercise
def check_keep_best(keep_best) -> str | None:
    """The best continuations may all come from one prefix; that is what a beam is for."""
    totals = np.array([-1.0, -3.0])
    nats = np.log(np.array([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]]))
    found = keep_best(totals.copy(), nats.copy(), 3)
    if found is None:
        raise NotDone
    found = [(int(p), int(t), float(s)) for p, t, s in found]
    chosen = [(p, t) for p, t, _ in found]
    if len(found) != 3:
        return f"`width` is 3, so 3 continuations are wanted; you return {len(found)}."
    if chosen[:2] == [(1, 0), (0, 0)]:
        return "you rank by the next token alone; add the total of the prefix that it continues."
    if chosen == [(0, 0), (1, 0), (0, 1)] or {(0, 0), (1, 0)} == set(chosen):
        return "this keeps one of each prefix first; the three best here all continue prefix 0."
    if chosen == [(0, 2), (0, 1), (0, 0)] or chosen[0] == (1, 1):
        return "this is the wrong end of the list: the best come first."
    if chosen != [(0, 0), (0, 1), (0, 2)]:
        return f"expected (0, 0), (0, 1), (0, 2); you return {chosen}."
    if not np.allclose([s for *_, s in found], -1 + np.log([0.5, 0.3, 0.2])):
        return "the right continuations; their new totals are old total plus log probability."
    found = keep_best(np.array([-3.0, -1.0]), nats[::-1].copy(), 4)
    if [(int(p), int(t)) for p, t, _ in found] != [(1, 0), (1, 1), (1, 2), (0, 0)]:
        return "with the prefixes in the other order, and `width` 4, it goes wrong."
    return None


@exercise
def check_padded_accuracy(answer) -> str | None:
    """Ninety-two of a hundred places are padding, and padding is no translation."""
    return choose(
        {
            "a": (
                False,
                "most of the places hold padding, so most of the hits are padding as well.",
            ),
            "b": (True, ""),
            "c": (
                False,
                "overfitting would show on new sentences; this number shows nothing on any.",
            ),
            "d": (
                False,
                "BLEU counts shared n-grams of real tokens, and these are a twelfth of the places.",
            ),
        },
        answer,
    )


@exercise
def check_weigh_scores(weigh_scores) -> str | None:
    """A score far below all others becomes a weight of zero, and the rest share the one."""
    scores = np.array([[1.0, 2.0, 5.0], [-3.0, -2.0, -1.0]])
    mask = np.array([[True, True, False], [True, True, True]])
    found = weigh_scores(scores.copy(), mask)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != scores.shape:
        return f"the weights have the shape of the scores, (2, 3); yours have {found.shape}."
    everything = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    if np.allclose(found, everything):
        raise NotDone
    if np.allclose(found, everything * mask):
        return "padding has no weight now, but the first row no longer sums to 1: mask the scores."
    zeroed = np.exp(scores * mask) / np.exp(scores * mask).sum(axis=1, keepdims=True)
    if np.allclose(found, zeroed):
        return "a score of 0 is no small score: exp(0) = 1. Padding needs a very negative one."
    if np.allclose(found.sum(axis=0), 1):
        return "the columns sum to 1: the softmax runs over source tokens, the last axis."
    right = np.exp(np.where(mask, scores, -1e9))
    if not np.allclose(found, right / right.sum(axis=1, keepdims=True), atol=1e-6):
        return (
            f"expected the rows [0.269, 0.731, 0] and [0.09, 0.245, 0.665], got {found.round(3)}."
        )
    return None


@exercise
def check_attend(attend) -> str | None:
    """Score, softmax, context: three lines, and the heart of every Transformer."""
    query = np.array([1.0, 0.0])
    memory = np.array([[2.0, 0.0], [0.0, 4.0], [1.0, 1.0]])
    found = attend(query, memory)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != (2,):
        return f"the context is one vector like the query, shape (2,); yours has {found.shape}."
    weights = np.exp(memory @ query)
    weights /= weights.sum()
    if np.allclose(found, weights @ memory):
        many = attend(query, np.tile(memory, (3, 1)))
        if np.allclose(many, weights @ memory):
            return None
        return "it works for three states and not for nine: use the length of `memory`."
    if np.allclose(found, (memory @ query) @ memory):
        return "you weigh by the scores themselves; a softmax makes weights of them."
    if np.allclose(found, memory.mean(axis=0)):
        return "this is the plain mean: the query has no say yet."
    if np.allclose(found, memory[0]):
        return "you take the state with the largest score; the context is a weighted mean of all."
    return f"expected {(weights @ memory).round(3).tolist()}, got {found.round(3).tolist()}."


@exercise
def check_bottleneck(answer) -> str | None:
    """The memory grows with the sentence, so length alone loses nothing any more."""
    return choose(
        {
            "a": (
                False,
                "both have the same number of parameters: the plain LSTM got more units for it.",
            ),
            "b": (
                False,
                "both got the steps of equal computing time, and the same settings to choose from.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "both decode greedily, and both cells have gates that let gradients pass.",
            ),
        },
        answer,
    )


@exercise
def check_list_deletable(list_deletable) -> str | None:
    """A lost "not" turns blame into praise; now no copy loses it."""
    words = ["it", "is", "n't", "dull", ",", "never", "not", "once", ",", "no"]
    found = list_deletable(words)
    if found is None or list(found) == list(range(len(words))):
        raise NotDone
    found = sorted(found)
    if any(isinstance(place, str) for place in found):
        return f"return the places of the words, numbers from 0, not the words: {found[:3]}."
    if found == [2, 5, 6, 9]:
        return "these are the words that must stay; the others may go."
    left = [words[i] for i in (2, 5, 6, 9) if i in found]
    if left:
        return f"{left} may still be deleted: look at what NEGATIONS holds."
    if found != [0, 1, 3, 4, 7, 8]:
        return f"of {words} all but 4 words may go, your function allows the places {found}."
    if list(list_deletable([])) != []:
        return "a text without words has no places; return an empty list for it."
    return None


@exercise
def check_measure_gain(measure_gain) -> str | None:
    """Each seed is its own control: what makes a seed easy or hard cancels out."""
    method = np.array([0.70, 0.64, 0.78, 0.60, 0.68])
    none = np.array([0.69, 0.62, 0.78, 0.58, 0.67])
    found = measure_gain(method, none)
    if found is None:
        raise NotDone
    gain, error = (float(value) for value in found)
    gains = method - none
    if np.isclose(gain, -gains.mean()):
        return "the sign is turned round: a gain is what the method has more than none."
    if not np.isclose(gain, gains.mean()):
        return f"the mean gain is {gains.mean():.3f}, yours is {gain:.3f}."
    apart = np.sqrt((method.var(ddof=1) + none.var(ddof=1)) / 5)
    if np.isclose(error, apart):
        return (
            f"{error:.3f} is the error for two unrelated groups of runs. Here the runs come in "
            "pairs of one seed: subtract first, then measure the spread."
        )
    if np.isclose(error, gains.std(ddof=1)):
        return "this is the spread of single gains; the error of their mean is smaller by sqrt(5)."
    if np.isclose(error, gains.std() / np.sqrt(5)):
        return "with so few seeds divide by N - 1 in the variance: `ddof=1`."
    if not np.isclose(error, gains.std(ddof=1) / np.sqrt(5)):
        return f"the error of the mean is {gains.std(ddof=1) / np.sqrt(5):.4f}, yours {error:.4f}."
    return None


@exercise
def check_fair_control(answer) -> str | None:
    """Eight times the texts means eight times the steps: give the plain texts those too."""
    return choose(
        {
            "a": (
                False,
                "the test sentences were in neither training set; nothing leaked.",
            ),
            "b": (
                False,
                "the vocabulary is the same in both runs: it comes from unlabelled text.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "both runs start from the same weights: that is what the seed is for.",
            ),
        },
        answer,
    )


@exercise
def check_count_parameters(count_parameters) -> str | None:
    """Most of a GPT-2 is in its blocks; what reads tokens and what scores them is one table."""
    sizes = {"V": 50257, "T": 1024, "D": 768, "L": 12}
    found, right, table = count_parameters(**sizes), 124_439_808, 50257 * 768
    if found in (None, right + table):
        raise NotDone
    if found == right - table:
        return "the table of tokens is gone altogether; GPT-2 uses it twice and has it once."
    if found != right:
        return (
            f"for the sizes of the smallest GPT-2 expected {right:,}, your function says {found:,}."
        )
    if count_parameters(V=9, T=8, D=4, L=1) != 320:
        return "right for GPT-2's own sizes only: write it with V, T, D and L, not as a number."
    return None


@exercise
def check_list_banned(list_banned) -> str | None:
    """An n-gram is banned by its beginning: only what would complete it a second time."""
    text = [5, 7, 9, 5, 7, 8, 6, 7, 4, 5, 7]
    found = list_banned(list(text), 3)
    if found is None:
        raise NotDone
    found = set(found)
    if found == set(text):
        return "not every token that occurred: only those that once followed the last n - 1."
    if found == {4, 8, 9}:
        return "4 has followed 7, but not 5 7: for n = 3 the last two tokens must be the same."
    if found == {9}:
        return "5 7 was followed by 9, and later by 8: look at every place, not the first."
    if found != {8, 9}:
        return f"in {text} no 3-gram may occur twice: 5 7 9 and 5 7 8 did; got {sorted(found)}."
    if set(list_banned([5, 7, 8, 7], 2)) != {8}:
        return "for n = 2 in [5, 7, 8, 7] the last token is 7, and 8 has followed it: {8}."
    if set(list_banned([5, 7], 3)) or set(list_banned([5], 3)):
        return "a text shorter than n has no n-gram yet: nothing is banned."
    return None


@exercise
def check_cache_parts(answer) -> str | None:
    """A query is asked once; a key and a value are read by every token that follows."""
    return choose(
        {
            "a": (
                False,
                "a query has as many numbers as a key; if it were needed it would be kept.",
            ),
            "b": (
                False,
                "the prompt has queries too: all of its tokens look back when it is read.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "it is computed from the token's vector at every layer, as keys and values are.",
            ),
        },
        answer,
    )


@exercise
def check_average_loss(average_loss) -> str | None:
    """What was not asked for teaches nothing, and does not make the loss look small either."""
    losses = np.array([[0.1, 4.0, 0.1, 0.1], [0.1, 0.1, 2.0, 0.1]])
    chosen = np.array([[False, True, False, False], [False, False, True, False]])
    found = average_loss(losses, chosen)
    if found is None:
        raise NotDone
    if np.shape(found) != ():
        return f"the result must be one number, yours has shape {np.shape(found)}."
    if np.isclose(found, losses.mean()):
        raise NotDone
    if np.isclose(found, (losses * chosen).mean()):
        return "the others are 0 now, but they still count: divide by the 2 chosen, not by 8."
    if np.isclose(found, losses[~chosen].mean()):
        return "this is the mean over the tokens that were not chosen."
    if not np.isclose(found, 3.0):
        return f"the chosen tokens have losses 4 and 2, so the mean is 3; you return {found:.3f}."
    return None


@exercise
def check_mask_whole_words(mask_whole_words) -> str | None:
    """No piece is left to give its word away."""
    tokens = ["un", "##watch", "##able", "film", "##s", "bore"]
    cases = {  # chosen pieces -> pieces to be hidden, and the hint
        "000001": ("000001", "this word has one piece; no other is hidden"),
        "010000": ("111000", "the pieces before and behind it belong to the word too"),
        "001000": ("111000", "a word may have three pieces: go back to the one without the mark"),
        "100000": ("111000", "the pieces that follow continue the word"),
        "000010": ("000110", "the piece before it begins the word"),
        "100001": ("111001", "each word is judged by itself"),
        "000000": ("000000", "nothing was chosen, so nothing is hidden"),
    }
    found = {}
    for key in cases:
        answer = mask_whole_words(list(tokens), [c == "1" for c in key])
        if answer is None:
            raise NotDone
        if len(answer) != len(tokens):
            return f"one verdict a token: {len(tokens)} are expected, you return {len(answer)}."
        found[key] = "".join("1" if verdict else "0" for verdict in answer)
    if all(key == answer for key, answer in found.items()):
        raise NotDone
    for key, (right, why) in cases.items():
        if found[key] != right:
            pieces = [token for token, c in zip(tokens, key, strict=True) if c == "1"]
            hidden = [token for token, c in zip(tokens, found[key], strict=True) if c == "1"]
            return f"of {tokens}, with {pieces} chosen, you hide {hidden}: {why}."
    return None


@exercise
def check_test_hides_all(answer) -> str | None:
    """What stands in the input unchanged can be copied, and copying is not filling a blank."""
    return choose(
        {
            "a": (
                False,
                "in training the masks may be drawn anew too, and still one in ten stays.",
            ),
            "b": (
                False,
                "the places are drawn alike in both; what differs is what stands there.",
            ),
            "c": (True, ""),
            "d": (
                False,
                "the loss treats a chosen token the same, whatever stands in its place.",
            ),
        },
        answer,
    )


@exercise
def check_window_mask(make_window_mask) -> str | None:
    """Each row has at most `width` open places: the cost is T·w instead of T²."""
    length, width = 5, 2
    found = make_window_mask(length, width)
    if found is None:
        raise NotDone
    found = np.asarray(found)
    places = np.arange(length)
    back = places[:, None] - places  # how far back each key lies
    if found.shape != (length, length):
        return f"the mask has shape (length, length) = (5, 5); yours has {found.shape}."
    found = found.astype(bool)
    if np.array_equal(found, back >= 0):
        raise NotDone
    if np.array_equal(found, back < width):
        return "now it sees the whole future: both conditions are needed, joined by `&`."
    if np.array_equal(found, (back >= 0) & (back <= width)):
        return "one place too many: with width 2 a query sees itself and one place before it."
    if np.array_equal(found, (back > 0) & (back <= width)):
        return "a query also sees itself; the first row would have nothing to look at."
    if np.array_equal(found, np.abs(back) < width):
        return "this window reaches into the future as well; a query looks back only."
    if np.array_equal(found.T, (back >= 0) & (back < width)):
        return "rows and columns are swapped: a row is a query, a column a key."
    if not np.array_equal(found, (back >= 0) & (back < width)):
        return f"for width 2 row 3 should be [0 0 1 1 0]; yours is {1 * found[3]}."
    if not np.array_equal(make_window_mask(4, 4), back[:4, :4] >= 0):
        return "it works for width 2 only; a window as wide as the text is the causal mask."
    return None


@exercise
def check_attend_in_heads(attend_in_heads) -> str | None:
    """Each head has weights of its own; the width stays D."""
    x = np.random.default_rng(0).normal(size=(3, 6))

    def attend(x, width):
        scores = np.exp(x @ x.T / np.sqrt(width))
        return scores / scores.sum(axis=-1, keepdims=True) @ x

    def attend_all(x, num_heads, width):
        slices = np.split(x, num_heads, axis=1)
        return np.concatenate([attend(part, width) for part in slices], axis=1)

    found = attend_in_heads(x.copy(), 2)
    if found is None:
        raise NotDone
    found = np.asarray(found, dtype=float)
    if found.shape != x.shape:
        return f"the result has the shape of x, (3, 6); yours has {found.shape}."
    if np.allclose(found, attend(x, 6)) or np.allclose(found, attend(x, 3)):
        return "this is one head over the whole width: cut the vectors first."
    if np.allclose(found, attend_all(x, 2, 6)):
        return "divide by the root of a slice's width (3), not of the whole vector's (6)."
    if np.allclose(found, attend_all(x, 2, 1)):
        return "the scores are not divided by the root of the slice's width yet."
    halves = np.concatenate([attend(x[:, k::2], 3) for k in (0, 1)], axis=1)
    if np.allclose(found, halves):
        return "a slice is D / H *neighbouring* columns; yours takes every second one."
    if not np.allclose(found, attend_all(x, 2, 3), atol=1e-6):
        wanted = attend_all(x, 2, 3)[0].round(3).tolist()
        return f"expected the first row {wanted}, got {found[0].round(3).tolist()}."
    if not np.allclose(attend_in_heads(x.copy(), 3), attend_all(x, 3, 2), atol=1e-6):
        return "two heads work, three do not: use `num_heads`."
    return None


@exercise
def check_missing_mask(answer) -> str | None:
    """The target stands one place ahead in what the decoder reads, and it copies it."""
    return choose(
        {
            "a": (True, ""),
            "b": (
                False,
                "more to look at makes it easier: among it is the very word to be predicted.",
            ),
            "c": (
                False,
                "nothing drives those weights to zero; the loss rewards them from the first step.",
            ),
            "d": (
                False,
                "as many weights are computed with the mask; what differs is what they may see.",
            ),
        },
        answer,
    )
