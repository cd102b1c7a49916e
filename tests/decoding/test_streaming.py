"""Text that is written step by step: equal to a plain loop, one text or many, in whole words."""

import keras
import numpy as np
import pytest
from keras import ops
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from utils.decoding import streaming
from utils.decoding.sampling import write_in_a_loop
from utils.decoding.serving import LlamaWriter
from utils.models.llama import Llama, LlamaConfig

CONFIG = LlamaConfig(41, 60, 24, 2, 6, 3, 20, rope_base=50.0)
PROMPTS = [[1, 2, 3], [4] * 21, [5]]


@pytest.fixture(scope="module")
def model():
    model, random = Llama(CONFIG), np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(random.normal(variable.path.endswith("scale"), 0.4, variable.shape))
    return model


def write(model, prompt, count):
    """Choose the likeliest token of a whole pass, again and again."""
    text = list(prompt)
    for _ in range(count):
        logits = model(np.array([text], "int32"))[0, -1]
        text.append(int(ops.argmax(logits)))
    return text[len(prompt) :]


def test_a_plain_loop_with_a_cache_equals_one_without(model):
    found = write_in_a_loop(model, PROMPTS, 8)
    assert found.tolist() == [write(model, prompt, 8) for prompt in PROMPTS]


def test_steps_equal_a_plain_loop_and_a_batch_its_rows(model, monkeypatch):
    wanted = [write(model, prompt, 8) for prompt in PROMPTS]
    generator = streaming.StepGenerator(model)
    assert [row.tolist() for row in generator(PROMPTS, 8)] == wanted
    for prompt, text in zip(PROMPTS, wanted, strict=True):
        assert generator([prompt], 8)[0].tolist() == text
    monkeypatch.setattr(streaming, "MOST_AT_ONCE", 16)  # the longest is read in two parts
    assert [row.tolist() for row in generator(PROMPTS, 8)] == wanted
    assert len({tuple(text) for text in wanted}) == 3


def test_nothing_is_compiled_by_xla_for_the_length_of_a_prompt(model, monkeypatch):
    compiled, used = streaming.compile_function, []

    def watch(function, *, xla=True):
        program = compiled(function, xla=xla)

        def run(weights, x, *inputs, **options):
            used.append((xla, *x.shape[:-1]))
            return program(weights, x, *inputs, **options)

        return run

    monkeypatch.setattr(streaming, "compile_function", watch)
    generator = streaming.StepGenerator(model)
    next(generator.stream(PROMPTS, 4))  # three texts, padded to 32 tokens
    assert set(used) == {(False, 3, 32), (True, 3)}  # blocks, logits of the last token
    used.clear()
    generator(PROMPTS, 4)
    assert set(used[3:]) == {(True, 3, 1), (True, 3)}


def test_a_text_ends_before_its_stop_token_and_others_go_on(model):
    plain = [write(model, prompt, 8) for prompt in PROMPTS]
    stop = plain[0][2]
    found = streaming.StepGenerator(model, stop_tokens=(stop,))(PROMPTS, 8)
    for row, text in zip(found, plain, strict=True):
        assert row.tolist() == (text[: text.index(stop)] if stop in text else text)
    steps = list(streaming.StepGenerator(model, stop_tokens=(stop,)).stream(PROMPTS[:1], 8))
    assert [int(step[0]) for step in steps] == plain[0][: plain[0].index(stop) + 1]


def test_weights_of_the_moment_are_used(model):
    generator = streaming.StepGenerator(model)
    before = generator(PROMPTS[:1], 4)[0].tolist()
    variable = model.token_embedding.embeddings
    kept = ops.convert_to_numpy(variable)
    variable.assign(kept[::-1])
    try:
        assert generator(PROMPTS[:1], 4)[0].tolist() == write(model, PROMPTS[0], 4) != before
    finally:
        variable.assign(kept)


def test_the_context_is_used_to_its_end(model):
    prompt = [3] * 55
    assert len(streaming.StepGenerator(model)([prompt], 6)[0]) == 6  # the last one is not read
    with pytest.raises(ValueError, match="must fit in the context"):
        next(streaming.StepGenerator(model).stream([prompt], 7))


def test_a_seed_gives_the_same_text_and_noise_follows_the_logits(model):
    generator = streaming.StepGenerator(model, temperature=1.0)
    first, again, other = (generator(PROMPTS, 8, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    drawn = next(generator.stream([[1, 2]] * 400, 1))
    logits = ops.convert_to_numpy(model(np.array([[1, 2]], "int32")))[0, -1]
    p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    shares = np.bincount(drawn, minlength=41) / 400
    assert np.abs(shares - p).max() < 4 * np.sqrt(0.25 / 400) < p.max()
    for only in ({"top_k": 1}, {"min_p": 1.0}):
        found = streaming.StepGenerator(model, temperature=0.7, **only)(PROMPTS, 4)
        assert found[0].tolist() == write(model, PROMPTS[0], 4)


def test_a_constant_added_to_all_scores_changes_no_text(model, monkeypatch):
    settings = {"temperature": 1.0, "top_k": 9, "top_p": 0.9, "min_p": 0.01}
    logits = model.compute_logits
    wanted = streaming.StepGenerator(model, **settings)(PROMPTS, 6)
    monkeypatch.setattr(model, "compute_logits", lambda x: logits(x) - 300)
    assert np.array_equal(streaming.StepGenerator(model, **settings)(PROMPTS, 6), wanted)


def test_repetition_is_penalised(model):
    generator = streaming.StepGenerator(model, repetition_penalty=1e9)
    for prompt, row in zip(PROMPTS, generator(PROMPTS, 8), strict=True):
        assert len({*prompt, *row.tolist()}) == len({*prompt}) + 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"top_k": 5}, "have no effect"),
        ({"top_p": 0.9}, "have no effect"),
        ({"min_p": 0.1}, "have no effect"),
        *(({"temperature": 1.0, "top_k": k}, "top_k must be a whole number") for k in (2.5, 42)),
        ({"temperature": True}, "temperature must be above 0"),
        *(({"stop_tokens": (k,)}, f"from 0 to 40, not {k!r}") for k in (41, True, "1")),
        ({"temperature": -1.0}, "temperature must be above 0"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p above 0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0"),
    ],
)
def test_settings_without_sense_are_refused(model, settings, said):
    with pytest.raises(ValueError, match=said):
        streaming.StepGenerator(model, **settings)


@pytest.mark.parametrize("prompts", [[], [[]], [[41]], [[-1]], [[1.5]]])
def test_prompts_without_sense_are_refused(model, prompts):
    with pytest.raises(ValueError, match="token"):
        next(streaming.StepGenerator(model).stream(prompts, 2))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_chooses_no_token(model, wrong, monkeypatch):
    logits = model.compute_logits
    spoiled = np.pad(np.array([wrong], "float32"), (7, 33))
    monkeypatch.setattr(model, "compute_logits", lambda x: logits(x) + spoiled)
    for settings in ({}, {"temperature": 1.0, "repetition_penalty": 2.0}):
        with pytest.raises(ValueError, match="scores of the next token hold NaN or infinity"):
            streaming.StepGenerator(model, **settings)(PROMPTS, 2)
    for seed in (-1, 0.5, None):
        with pytest.raises(ValueError, match=f"seed must be a whole number.* not {seed}"):
            next(streaming.StepGenerator(model).stream(PROMPTS, 2, seed=seed))


# Words


@pytest.fixture(scope="module")
def tokenizer():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, "Ġd", "ay", "<|im_end|>"]
    ids = {token: k for k, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, [("Ġ", "d"), ("a", "y")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_end|>"])
    return tokenizer


def test_words_are_whole(tokenizer):
    text = "A day, a\n\nnaïve day… 🙂 日"
    words = list(streaming.join_words(tokenizer, tokenizer.encode(text).ids))
    assert words == ["A", " day,", " a", "\n", "\nnaïve", " day…", " 🙂", " 日"]


@pytest.mark.parametrize("size", [1, 3, 99])
@pytest.mark.parametrize("stops", [("two", "wo t"), ("ten",), (), ("one",), ("three",)])
def test_text_ends_before_a_string_in_whatever_pieces_it_comes(size, stops):
    text = "one two three"
    pieces = [text[k : k + size] for k in range(0, len(text), size)]
    found = list(streaming.stop_before(pieces, stops))
    ends = [text.index(stop) for stop in stops if stop in text]
    assert "".join(found) == text[: min(ends, default=None)] and "" not in found


def test_strings_and_tokens_that_cannot_be_are_refused(tokenizer):
    for stops, said in (("ten", "list of texts, not one string"), (["a", ""], "the empty string")):
        with pytest.raises((TypeError, ValueError), match=said):
            list(streaming.stop_before(["a", "b"], stops))
    size = tokenizer.get_vocab_size()
    for tokens in ([size], [3, size]):
        with pytest.raises(ValueError, match=f"the tokenizer has no token {size}"):
            list(streaming.join_words(tokenizer, tokens))
    writer = LlamaWriter(Llama(LlamaConfig(size, 64, 8, 1, 2, 1, 8)), tokenizer=tokenizer)
    with pytest.raises(TypeError, match="not one string"):
        next(writer.stream("A day", stops="ay"))


def test_a_writer_streams_what_it_generates(tokenizer):
    keras.utils.set_random_seed(0)
    size = tokenizer.get_vocab_size()
    config = LlamaConfig(size, 300, 24, 2, 6, 3, 20, initializer_range=0.4)
    writer = LlamaWriter(Llama(config), tokenizer=tokenizer)
    words = list(writer.stream("A day", max_new_tokens=12))
    assert writer.generate("A day", max_new_tokens=12) == "A day" + "".join(words) != "A day"
    whole = "".join(words)
    cut = whole[len(whole) // 2]
    assert "".join(writer.stream("A day", max_new_tokens=12, stops=[cut])) == whole.split(cut)[0]
    assert writer.answer("A day", max_new_tokens=12) == "".join(
        writer.stream_answer([{"role": "user", "content": "A day"}], max_new_tokens=12)
    )
