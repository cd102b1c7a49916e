"""Decoding: from the scores of the next token to a text. Built in lessons 02 and 06.

Shapes: B texts generated side by side, T steps or tokens, V vocabulary, K beams.
"""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from utils.backends import compile_function
from utils.decoding import filters
from utils.decoding.filters import draw_gumbel, filter_logits


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
    lengths = [len(prompt) for prompt in prompts]
    if not lengths or min(lengths) < 1:
        way_out = "to begin from nothing, give the token that stands between texts, <|endoftext|>"
        raise ValueError(f"a prompt needs at least one token; {way_out}")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, not {max_new_tokens}")
    if max(lengths) + max_new_tokens > context_length:
        raise ValueError(
            f"prompt and new tokens must fit in the context of {context_length} tokens; got "
            f"{max(lengths)} and {max_new_tokens}: keep the end of the prompt, "
            f"`prompt[-{max(context_length - max_new_tokens, 1)}:]`, or ask for fewer"
        )
    tokens = np.concatenate([np.asarray(prompt) for prompt in prompts])
    if tokens.dtype.kind not in "iu" or tokens.min() < 0 or tokens.max() >= vocabulary_size:
        raise ValueError(f"token ids are whole numbers from 0 to {vocabulary_size - 1}")


def check_settings(
    temperature: float, top_k: int, top_p: float, repetition_penalty: float
) -> dict[str, float]:
    """Return the arguments of `filter_logits`; refuse what is out of range or has no effect.

    Temperature 0 takes the likeliest token, so no token can be filtered out beside it.
    """
    if not repetition_penalty > 0:
        raise ValueError(f"repetition_penalty must be above 0 (1: none), not {repetition_penalty}")
    settings = {"temperature": temperature or 1.0, "top_k": top_k, "top_p": top_p}
    filter_logits(np.zeros((1, 2), "float32"), **settings)
    if temperature == 0 and (top_k > 1 or top_p != 1):
        raise ValueError(
            f"temperature=0 takes the likeliest token, so top_k={top_k} and top_p={top_p} have no "
            "effect; leave them out, or choose a temperature above 0"
        )
    return settings


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


class Generator:
    """Generate text with a `utils.models.gpt2.GPT2` in one compiled loop.

    The prompts but for their last tokens are read at once, into a cache that has room for
    everything. Each turn of the loop reads one token, adds its keys and values to the cache and
    chooses the next token. Weights are arguments of the compiled program: it can be used while a
    model is trained.

    Temperature 0 chooses the most likely token; for more, and `top_k`, `top_p`, see
    `filter_logits`; for `repetition_penalty`, see `penalise_repetition`. No n-gram of
    `no_repeat_ngram_size` tokens may occur twice in a text; 0 allows all. `stop_tokens` are ids of
    tokens that end a text. Raises ValueError if a setting is out of range.
    """

    def __init__(
        self,
        model,
        *,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        stop_tokens: tuple[int, ...] = (),
    ):
        settings = check_settings(temperature, top_k, top_p, repetition_penalty)
        self.filters = settings | {"temperature": temperature}
        if no_repeat_ngram_size < 0:
            raise ValueError(f"no_repeat_ngram_size is at least 0, not {no_repeat_ngram_size}")
        self.model, self.penalty, self.n = model, repetition_penalty, no_repeat_ngram_size
        self.stop_tokens = tuple(stop_tokens)
        self.read_prompts = compile_with_weights(model, self._read_prompts)
        self.choose_tokens = compile_with_weights(model, self._choose_tokens)

    def __call__(self, prompts: list, max_new_tokens: int, **chance) -> list[np.ndarray]:
        """Return the new tokens of each text, up to its stop token, which is left out.

        The prompts are lists of token ids, of any lengths; `chance` is the `seed` of the noise,
        which temperature 0 does not use, or the `noise` itself, shape (max_new_tokens, B, V).
        Raises ValueError if a prompt is empty, or there are more tokens than the context holds.
        """
        parts = self.stream(prompts, max_new_tokens, num_tokens=max_new_tokens, **chance)
        return cut_at_stop(np.concatenate(list(parts), axis=1), self.stop_tokens)

    def stream(
        self, prompts: list, max_new_tokens: int, *, seed: int = 0, noise=None, num_tokens: int = 8
    ) -> Iterator[np.ndarray]:
        """Generate as `__call__` does and yield every few tokens as they come: (B, num_tokens).

        There are fewer at the end. After its stop token, a text repeats that token.
        """
        config = self.model.config
        check_prompts(prompts, max_new_tokens, config.context_length, config.vocabulary_size)
        # Lengths are rounded up, so that few programs are compiled; padding changes nothing.
        longest = config.context_length - max_new_tokens
        given, num_padding = pad_left(prompts, multiple=16, longest=longest)
        B, P = given.shape
        room = round_up(max_new_tokens, 32, config.context_length - P)
        if self.filters["temperature"] == 0:
            noise = np.zeros((1, 1, 1), "float32")
        else:
            if noise is None:
                noise = draw_gumbel((max_new_tokens, B, config.vocabulary_size), seed)
            noise = np.pad(noise, ((0, room - max_new_tokens), (0, 0), (0, 0)))
        arrays = given, np.pad(given, ((0, 0), (0, room))), num_padding, noise
        given, tokens, num_padding, noise = map(ops.convert_to_tensor, arrays)
        cache, seen = self.read_prompts(given, tokens, num_padding)
        first = t = ops.convert_to_tensor(P, "int32")
        state = (t, tokens, ops.zeros((B,), "bool"), seen, cache)
        for start in range(P, P + max_new_tokens, num_tokens):
            end = ops.convert_to_tensor(min(start + num_tokens, P + max_new_tokens), "int32")
            state = self.choose_tokens(state, first, end, num_padding, noise)
            t, tokens, done = (ops.convert_to_numpy(part) for part in state[:3])
            yield tokens[:, start : int(t)]
            if done.all():
                return

    def _read_prompts(self, given, tokens, num_padding):
        """Return the cache after all but the last tokens, and which tokens were seen."""
        B, P = given.shape
        cache = make_cache(self.model, B, tokens.shape[1])
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
            logits = ops.cast(self.model.compute_logits(x[:, 0]), "float32")
            if self.penalty != 1:
                logits = filters.penalise_repetition(logits, seen, self.penalty)
            if self.n:
                repeated = filters.find_repeated_ngrams(tokens, num_padding, t, self.n, V)
                logits = ops.where(repeated, -1e9, logits)
            if self.filters["temperature"] > 0:
                logits = filter_logits(logits, **self.filters) + noise[t - first]
            chosen = ops.cast(ops.argmax(logits, axis=-1), "int32")
            if self.stop_tokens:
                chosen = ops.where(done, last[:, 0], chosen)
                stops = ops.convert_to_tensor(self.stop_tokens, "int32")
                done = ops.any(chosen[:, None] == stops, axis=-1)
            if self.penalty != 1:
                seen = ops.logical_or(seen, ops.one_hot(chosen, V, dtype="bool"))
            return t + 1, ops.slice_update(tokens, (0, t), chosen[:, None]), done, seen, cache

        return ops.while_loop(is_unfinished, choose, state)


def build_generator(model: keras.Model, **settings):
    """Return a function that generates text in one compiled loop. Built in notebook 02, section 8.

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
            chosen = keras.ops.where(given[t] < 0, keras.ops.cast(chosen, "int32"), given[t])
            token_ids = keras.ops.slice_update(token_ids, (t, 0), chosen[None])
            x, states = cell(embedding(chosen), states)
            return token_ids, score(x), states

        states = cell.get_initial_state(batch_size=given.shape[1])
        start = (given, keras.ops.zeros_like(noise[0]), states)
        return keras.ops.fori_loop(0, given.shape[0], step, start)[0]

    return compile_function(generate)
