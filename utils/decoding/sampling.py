"""Decoding: from the scores of the next token to a text. Built in lessons 02 and 06.

`write_in_a_loop` is the loop to read; `Generator` is the same in one compiled program, with all
that `filters` can do. `streaming` goes step by step and knows stop strings, `beam_search` looks
further.

Shapes: B texts generated side by side, T steps or tokens, V vocabulary, K beams.
"""

from collections.abc import Iterator
from functools import partial

import keras
import numpy as np
from keras import ops

from utils.backends import compile_function
from utils.checks import BROKEN, check_noise, check_scores, check_whole
from utils.decoding import filters
from utils.decoding.filters import draw_gumbel, filter_logits
from utils.models.gpt2 import check_token_ids


def round_up(length: int, multiple: int, most: int) -> int:
    """Return the next multiple, or `most` if that is less, but no less than `length`.

    Example:
        >>> round_up(30, 16, 99), round_up(30, 16, 31), round_up(30, 16, 20)
        (32, 31, 30)
    """
    return max(length, min(-(-length // multiple) * multiple, most))


def pad_left(texts: list, *, multiple: int = 1, longest: int = 10**9):
    """Put lists of token ids into one array (B, T), zeros on the left; also return how many (B,).

    T is rounded up to a multiple, but not above `longest`.

    Example:
        >>> pad_left([[1, 2, 3], [4]])[0].tolist()
        [[1, 2, 3], [0, 0, 4]]
    """
    texts = [check_token_ids(text, 2**31 - 1) for text in texts]
    T = round_up(max(len(text) for text in texts), multiple, longest)
    rows = [np.pad(np.asarray(text, "int32"), (T - len(text), 0)) for text in texts]
    return np.stack(rows), np.array([T - len(text) for text in texts], "int32")


def make_cache(model, batch_size: int, length: int) -> tuple:
    """Return room for keys and values of `length` tokens: two arrays a block."""
    H, D = model.config.num_heads, model.config.hidden_dim
    empty = ops.zeros((batch_size, H, length, D // H), dtype=model.compute_dtype)
    return tuple((empty, empty) for _ in model.blocks)


def check_prompts(prompts: list, max_new_tokens: int, context_length: int, vocabulary_size: int):
    """Raise ValueError if a model cannot go on from these prompts."""
    lengths = [np.size(prompt) for prompt in prompts]
    if not lengths or min(lengths) < 1:
        way_out = "to begin from nothing, give the token that stands between texts, <|endoftext|>"
        raise ValueError(f"a prompt needs at least one token; {way_out}")
    for prompt in prompts:
        check_token_ids(prompt, vocabulary_size)
    check_whole("max_new_tokens", max_new_tokens, least=1)
    if max(lengths) + max_new_tokens - 1 > context_length:  # the last new token is not read
        raise ValueError(
            f"prompt and new tokens but the last must fit in the context of {context_length} "
            f"tokens; got {max(lengths)} and {max_new_tokens}: keep the end of the prompt, "
            f"`prompt[-{max(context_length + 1 - max_new_tokens, 1)}:]`, or ask for fewer"
        )


def check_settings(
    temperature: float, top_k: int, top_p: float, min_p: float, penalty: float, vocabulary_size: int
) -> dict[str, float]:
    """Return the arguments of `filter_logits`; refuse what is out of range or has no effect.

    Temperature 0 takes the likeliest token, so no token can be filtered out beside it.
    """
    filters.check_penalty(penalty)
    greedy = temperature == 0 and not isinstance(temperature, bool)
    settings = {"temperature": 1.0 if greedy else temperature, "top_k": top_k, "top_p": top_p}
    filters.check_filters(**settings, vocabulary_size=vocabulary_size)
    if min_p != 0 or isinstance(min_p, bool):
        filters.drop_unlikely(np.zeros((1, 2), "float32"), min_p)
    if temperature == 0 and (top_k > 1 or top_p != 1 or min_p != 0):
        raise ValueError(
            f"temperature=0 takes the likeliest token, so top_k={top_k}, top_p={top_p}, "
            f"min_p={min_p} have no effect; leave them out, or choose a temperature above 0"
        )
    return settings


def check_stop_tokens(stop_tokens, vocabulary_size: int) -> tuple[int, ...]:
    """Return the ids of the tokens that end a text; ValueError if one is that of no token."""
    for token in stop_tokens:
        check_whole("a stop token", token, least=0, most=vocabulary_size - 1)
    return tuple(map(int, stop_tokens))


def cut_at_stop(new: np.ndarray, stop_tokens) -> list[np.ndarray]:
    """Return each row of new tokens (B, T) up to its first stop token, which is left out.

    Example:
        >>> [row.tolist() for row in cut_at_stop(np.array([[5, 0, 6], [7, 8, 9]]), [0])]
        [[5], [7, 8, 9]]
    """
    ends = np.isin(new, stop_tokens)
    lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), new.shape[1])
    return [row[:length] for row, length in zip(new, lengths, strict=True)]


def compile_with_weights(model, function):
    """Compile a function of tensors that calls a model, with the weights as arguments.

    So the program uses the weights of the moment, and holds no copy of them.
    """
    variables = model.variables

    def call(weights, *arguments):
        with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
            return function(*arguments)

    compiled = compile_function(call)
    return lambda *arguments: compiled([variable.value for variable in variables], *arguments)


def write_in_a_loop(model, prompts: list, max_new_tokens: int) -> np.ndarray:
    """Return the likeliest new tokens (B, max_new_tokens) of a GPT-2 or Llama: a plain loop.

    The first step reads the prompts, each later one a token.
    """
    config = model.config
    check_prompts(prompts, max_new_tokens, config.context_length, config.vocabulary_size)
    read, num_padding = pad_left(prompts)
    length, new, t = read.shape[1] + max_new_tokens - 1, [], 0
    cache = getattr(model, "make_cache", partial(make_cache, model))(len(read), length)
    while len(new) < max_new_tokens:
        x, cache = model.compute_hidden_states(read, num_padding, cache, t)
        t += read.shape[1]
        logits = ops.convert_to_numpy(model.compute_logits(x[:, -1]))
        check_scores(logits)
        new.append(logits.argmax(axis=-1).astype("int32"))
        read = new[-1][:, None]
    return np.stack(new, axis=1)


class Generator:
    """Generate text with a `utils.models.gpt2.GPT2` in one compiled loop.

    The prompts but for their last tokens are read at once, into a cache that has room for
    everything. Each turn of the loop reads one token, adds its keys and values to the cache and
    chooses the next token. Weights are arguments of the compiled program: it can be used while a
    model is trained.

    Temperature 0 chooses the most likely token; for more, and `top_k`, `top_p`, see
    `filter_logits`, for `min_p` `drop_unlikely`, for `repetition_penalty` `penalise_repetition`. No
    n-gram of `no_repeat_ngram_size` tokens may occur twice in a text; 0 allows all. `stop_tokens`
    are ids of tokens that end a text. Raises ValueError if a setting is out of range.
    """

    def __init__(
        self,
        model,
        *,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        stop_tokens: tuple[int, ...] = (),
    ):
        V, penalty = model.config.vocabulary_size, repetition_penalty
        self.filters = check_settings(temperature, top_k, top_p, min_p, penalty, V)
        check_whole("no_repeat_ngram_size", no_repeat_ngram_size, least=0)
        self.model, self.penalty, self.n = model, penalty, no_repeat_ngram_size
        self.greedy, self.min_p = temperature == 0, min_p
        self.stop_tokens = check_stop_tokens(stop_tokens, V)
        self.read_prompts = compile_with_weights(model, self._read_prompts)
        self.choose_tokens = compile_with_weights(model, self._choose_tokens)

    def __call__(self, prompts: list, max_new_tokens: int, **chance) -> list[np.ndarray]:
        """Return the new tokens of each text, up to its stop token, which is left out.

        The prompts are lists of token ids, of any lengths; `chance` is the `seed` of the noise,
        which temperature 0 does not use, or the `noise` itself, shape (max_new_tokens, B, V).
        Raises ValueError if a prompt is empty, or there are more tokens than the context holds.
        """
        parts = self.stream(prompts, max_new_tokens, num_tokens=32, **chance)
        return cut_at_stop(np.concatenate(list(parts), axis=1), self.stop_tokens)

    def stream(
        self, prompts: list, max_new_tokens: int, *, seed: int = 0, noise=None, num_tokens: int = 8
    ) -> Iterator[np.ndarray]:
        """Generate as `__call__` does and yield every few tokens as they come: (B, num_tokens).

        There are fewer at the end. After its stop token, a text repeats that token. The noise of
        no more than `num_tokens` steps is in memory.
        """
        config = self.model.config
        check_prompts(prompts, max_new_tokens, config.context_length, config.vocabulary_size)
        check_whole("num_tokens", num_tokens, least=1)
        check_whole("seed", seed, least=0)
        # Lengths are rounded up, so that few programs are compiled; padding changes nothing.
        longest = config.context_length + 1 - max_new_tokens
        given, num_padding = pad_left(prompts, multiple=16, longest=longest)
        B, P = given.shape
        room = round_up(max_new_tokens, 32, config.context_length - P)
        shape = (max_new_tokens, B, config.vocabulary_size)
        noise = self.split_noise(noise, seed, shape, num_tokens)
        arrays = given, np.pad(given, ((0, 0), (0, room))), num_padding
        given, tokens, num_padding = map(ops.convert_to_tensor, arrays)
        cache, seen = self.read_prompts(given, tokens, num_padding)
        t = ops.convert_to_tensor(P, "int32")
        state = (t, tokens, ops.zeros((B,), "bool"), seen, cache)
        for start, part in zip(range(P, P + max_new_tokens, num_tokens), noise, strict=False):
            ends = start, min(start + num_tokens, P + max_new_tokens)
            first, end = (ops.convert_to_tensor(t, "int32") for t in ends)
            state = self.choose_tokens(state, first, end, num_padding, part)
            t, tokens, done = (ops.convert_to_numpy(part) for part in state[:3])
            if tokens.min() < 0:
                raise ValueError(BROKEN)
            yield tokens[:, start : int(t)]
            if done.all():
                return

    def split_noise(self, noise, seed: int, shape: tuple[int, ...], size: int) -> Iterator:
        """Yield the noise of `size` steps at a time; ValueError if some is given, but wrong."""
        if noise is not None and (self.greedy or np.shape(noise) != shape):
            none = "none at temperature 0, and above it " if self.greedy else ""
            raise ValueError(f"noise has {none}shape {shape}, not {np.shape(noise)}")
        if noise is not None:
            check_noise(noise)
            if seed:
                raise ValueError(f"the noise is given, so seed={seed} has no effect: leave one out")
        random, (T, *step) = np.random.default_rng(seed), shape
        for start in range(0, T, size):
            if self.greedy:
                part = np.zeros((1, 1, 1), "float32")
            elif noise is None:
                part = draw_gumbel((size, *step), random)
            else:
                part = np.resize(noise[start : start + size], (size, *step))
            yield ops.convert_to_tensor(part, "float32")

    def _read_prompts(self, given, tokens, num_padding):
        """Return the cache after all but the last tokens, and which tokens were seen."""
        B, P = given.shape
        cache = make_cache(self.model, B, min(tokens.shape[1], self.model.config.context_length))
        if P > 1:
            cache = self.model.compute_hidden_states(given[:, :-1], num_padding, cache)[1]
        seen = ops.zeros((B, 1), "bool")
        if self.penalty != 1:
            real = ops.arange(P)[None] >= num_padding[:, None]
            seen = filters.mark_tokens(given, real, self.model.config.vocabulary_size)
        return cache, seen

    def _choose_tokens(self, state, first, end, num_padding, noise):
        """Run the loop until `end` tokens are there, or every text has met a stop token."""
        V = self.model.config.vocabulary_size

        def is_unfinished(t, tokens, done, seen, cache):
            return ops.logical_and(t < end, ops.logical_not(ops.all(done)))

        def choose(t, tokens, done, seen, cache):
            last = ops.slice(tokens, (0, t - 1), (tokens.shape[0], 1))
            x, cache = self.model.compute_hidden_states(last, num_padding, cache, start=t - 1)
            logits = scores = ops.cast(self.model.compute_logits(x[:, 0]), "float32")
            if self.penalty != 1:
                logits = filters.penalise_repetition(logits, seen, self.penalty)
            if self.n:
                repeated = filters.find_repeated_ngrams(tokens, num_padding, t, self.n, V)
                logits = ops.where(repeated, -1e9, logits)  # not minus infinity: of all, one wins
            if not self.greedy:
                logits = filter_logits(logits, **self.filters)
                if self.min_p:
                    logits = filters.drop_unlikely(logits, self.min_p)
                logits = logits + noise[t - first]
            chosen = ops.cast(ops.argmax(logits, axis=-1), "int32")
            chosen = filters.mark_broken(chosen, scores)
            if self.stop_tokens:
                chosen = ops.where(done, last[:, 0], chosen)
                stops = ops.convert_to_tensor(self.stop_tokens, "int32")
                done = ops.any(chosen[:, None] == stops, axis=-1)
            done = ops.logical_or(done, chosen < 0)
            if self.penalty != 1:
                seen = ops.logical_or(seen, ops.one_hot(chosen, V, dtype="bool"))
            return t + 1, ops.slice_update(tokens, (0, t), chosen[:, None]), done, seen, cache

        return ops.while_loop(is_unfinished, choose, state)


def build_generator(model: keras.Model, **settings):
    """Return a function that writes with a recurrent model in one compiled loop.

    It goes from given tokens (T, B), -1 where one is to be chosen, and noise (T, B, V) to tokens
    (T, B), with the weights that a model of `build_language_model` has at the first call. The
    settings are those of `filter_logits`.
    """
    embedding, cell = model.get_layer("embedding"), model.get_layer("recurrent").cell
    score = model.get_layer("logits")

    def generate(given, noise):
        def step(t, carry):
            token_ids, logits, states = carry
            chosen = keras.ops.argmax(filter_logits(logits, **settings) + noise[t], axis=-1)
            chosen = filters.mark_broken(keras.ops.cast(chosen, "int32"), logits)
            chosen = keras.ops.where(given[t] < 0, chosen, given[t])
            token_ids = keras.ops.slice_update(token_ids, (t, 0), chosen[None])
            x, states = cell(embedding(chosen), states)
            return token_ids, score(x), states

        states = cell.get_initial_state(batch_size=given.shape[1])
        start = (given, keras.ops.zeros_like(noise[0]), states)
        return keras.ops.fori_loop(0, given.shape[0], step, start)[0]

    compiled = compile_function(generate, ids=range(-1, embedding.input_dim))

    def check_and_generate(given, noise):
        if np.shape(noise) != (*np.shape(given), embedding.input_dim):
            raise ValueError(f"given tokens {np.shape(given)}, but noise {np.shape(noise)}")
        check_noise(noise)
        return compiled(given, ops.convert_to_tensor(noise, "float32"))

    return check_and_generate
