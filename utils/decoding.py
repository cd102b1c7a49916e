"""Decoding: from the scores of the next token to a text. Built in notebooks 02 and 06.

Shapes: B texts generated side by side, T steps or tokens, V vocabulary, K beams.
"""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops


def filter_logits(logits, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0):
    """Sharpen the scores of the next token, and rule out the tokens of the tail.

    Args:
        logits: scores of the next token, shape (B, V).
        temperature: the scores are divided by it: below 1 the likely tokens gain, above 1
            the unlikely ones.
        top_k: keep the `top_k` most likely tokens; 0 keeps all.
        top_p: of these, keep the fewest tokens that together have at least this
            probability; 1 keeps all.

    Returns:
        Scores of the same shape; a token that is ruled out has about -1e9. Equal scores
        stay or go together.

    Raises:
        ValueError: a setting is out of range.

    Reference:
        Fan et al. 2018, Hierarchical Neural Story Generation (top-k); Holtzman et al. 2020,
        The Curious Case of Neural Text Degeneration, section 3.1 (top-p).

    Example:
        >>> logits = np.log([[0.5, 0.3, 0.15, 0.05]])
        >>> kept = keras.ops.softmax(filter_logits(logits, top_p=0.6))
        >>> keras.ops.convert_to_numpy(kept).round(3).tolist()
        [[0.625, 0.375, 0.0, 0.0]]
    """
    if not (temperature > 0 and top_k >= 0 and 0 < top_p <= 1):
        raise ValueError(
            "temperature must be above 0, top_k at least 0, top_p above 0 and at most 1; "
            f"got {temperature}, {top_k}, {top_p} (the most likely token: `top_k=1`)"
        )
    logits = keras.ops.convert_to_tensor(logits) / temperature
    size = logits.shape[-1]
    if 0 < top_k < size:
        ranked = keras.ops.sort(logits, axis=-1)
        logits = keras.ops.where(logits < ranked[:, size - top_k :][:, :1], -1e9, logits)
    if top_p < 1:
        ranked = keras.ops.flip(keras.ops.sort(logits, axis=-1), axis=-1)
        probabilities = keras.ops.softmax(ranked)
        before = keras.ops.cumsum(probabilities, axis=-1) - probabilities
        least = keras.ops.min(keras.ops.where(before < top_p, ranked, 1e9), axis=-1, keepdims=True)
        logits = keras.ops.where(logits < least, -1e9, logits)
    return logits


def draw_gumbel(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Draw noise that turns the largest score into a random choice.

    `argmax(logits + noise)` is token v with probability `softmax(logits)[v]`. The noise is
    drawn before a compiled loop starts, so the loop itself is free of chance.

    Reference:
        Maddison et al. 2014, A* Sampling, section 2.

    Example:
        >>> draw_gumbel((2, 3)).shape
        (2, 3)
    """
    return np.random.default_rng(seed).gumbel(size=shape).astype("float32")


def measure_diversity(samples: list[str], n: int = 2) -> tuple[float, float]:
    """Measure how varied and how repetitive generated texts are.

    Args:
        samples: the texts; words are what stands between spaces.
        n: words in an n-gram.

    Returns:
        The share of n-grams that are distinct, over all samples together; and the share
        that stood earlier in the same sample, averaged over the samples.

    Reference:
        Li et al. 2016, A Diversity-Promoting Objective Function, section 5 (distinct-n).

    Example:
        >>> measure_diversity(["to be or not to be"])
        (0.8, 0.19999999999999996)
    """
    grams = [list(zip(*(s.split()[i:] for i in range(n)), strict=False)) for s in samples]
    grams = [found for found in grams if found]
    if not grams:
        raise ValueError(f"no sample has {n} words")
    together = [gram for found in grams for gram in found]
    repeated = [1 - len(set(found)) / len(found) for found in grams]
    return len(set(together)) / len(together), float(np.mean(repeated))


# Against repetition


def penalise_repetition(logits, seen, penalty: float):
    """Lower the scores of tokens that stand in the text already. Built in notebook 06.

    Args:
        logits: scores of the next token, shape (B, V).
        seen: which tokens stand in the text, shape (B, V).
        penalty: a score above 0 is divided by it, one below 0 multiplied; 1 changes nothing.

    Reference:
        Keskar et al. 2019, CTRL, section 4.1.

    Example:
        >>> found = penalise_repetition(np.array([[2.0, -2.0, 2.0]]), [[True, True, False]], 2.0)
        >>> ops.convert_to_numpy(found).tolist()
        [[1.0, -4.0, 2.0]]
    """
    logits = ops.convert_to_tensor(logits)
    return ops.where(seen, ops.where(logits > 0, logits / penalty, logits * penalty), logits)


def find_repeated_ngrams(token_ids, num_padding, t, n: int, vocabulary_size: int):
    """Mark the tokens that would repeat an n-gram; for one list, see exercise 2 of notebook 06.

    Args:
        token_ids: texts, shape (B, T), of which the first `t` tokens are there.
        num_padding: tokens at the start of each text that do not count, shape (B,).
        t: place of the next token.
        n: tokens in an n-gram.
        vocabulary_size: V.

    Returns:
        True for each token that has followed the last n - 1 tokens before; shape (B, V).

    Example:
        >>> text = np.array([[1, 2, 3, 1, 2, 0]])
        >>> found = find_repeated_ngrams(text, np.array([0]), 5, 3, 5)
        >>> ops.convert_to_numpy(found).nonzero()[1].tolist()
        [3]
    """
    token_ids = ops.convert_to_tensor(token_ids)
    places = ops.arange(token_ids.shape[1])[None]  # of an n-gram's last token
    start = ops.cast(num_padding, places.dtype)[:, None]
    same = ops.logical_and(places < t, places >= start + (n - 1))
    same = ops.logical_and(same, t - start >= n)
    for k in range(1, n):  # the token k places earlier is the same
        earlier = ops.roll(token_ids, k, axis=1)
        last = ops.take(token_ids, ops.maximum(t - k, 0), axis=1)
        same = ops.logical_and(same, earlier == ops.reshape(last, (-1, 1)))
    return mark_tokens(token_ids, same, vocabulary_size)


def mark_tokens(token_ids, chosen, vocabulary_size: int):
    """Mark the tokens that stand at some places of a text.

    Args:
        token_ids: shape (B, T).
        chosen: the places that count, shape (B, T).
        vocabulary_size: V.

    Returns:
        True for each token that stands at one of them, shape (B, V).
    """
    B, T = token_ids.shape
    rows = ops.cast(ops.repeat(ops.arange(B), T), "int32")
    places = ops.stack([rows, ops.cast(ops.reshape(token_ids, (-1,)), "int32")], axis=1)
    counts = ops.cast(ops.reshape(chosen, (-1,)), "float32")
    return ops.scatter(places, counts, (B, vocabulary_size)) > 0


# Generation with a cache of keys and values


def round_up(length: int, multiple: int, most: int) -> int:
    """Return the next multiple, or `most` if that is less, but no less than `length`.

    Example:
        >>> round_up(30, 16, 99), round_up(30, 16, 31), round_up(30, 16, 20)
        (32, 31, 30)
    """
    return max(length, min(-(-length // multiple) * multiple, most))


def pad_left(texts: list, *, multiple: int = 1, longest: int = 10**9):
    """Put texts of unequal length into one array, padded on the left with zeros.

    Args:
        texts: lists of token ids.
        multiple: the length is rounded up to a multiple of this ...
        longest: ... but not above this.

    Returns:
        Token ids (B, T), and the padding of each text (B,).

    Example:
        >>> pad_left([[1, 2, 3], [4]])[0].tolist()
        [[1, 2, 3], [0, 0, 4]]
    """
    T = round_up(max(len(text) for text in texts), multiple, longest)
    rows = [np.pad(np.asarray(text, "int32"), (T - len(text), 0)) for text in texts]
    return np.stack(rows), np.array([T - len(text) for text in texts], "int32")


def make_cache(model, batch_size: int, length: int) -> tuple:
    """Return room for keys and values of `length` tokens: two arrays a block. From notebook 06.

    Args:
        model: a `utils.gpt2.GPT2`.
        batch_size: B.
        length: T.
    """
    H, D = model.config.num_heads, model.config.hidden_dim
    empty = ops.zeros((batch_size, H, length, D // H), dtype=model.compute_dtype)
    return tuple((empty, empty) for _ in model.blocks)


def check_prompts(prompts: list, max_new_tokens: int, context_length: int, vocabulary_size: int):
    """Raise ValueError if a model cannot go on from these prompts."""
    lengths = [len(prompt) for prompt in prompts]
    if not lengths or min(lengths) < 1:
        raise ValueError(
            "a prompt needs at least one token; to begin from nothing, give the token that stands "
            "between texts, <|endoftext|>"
        )
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


def compile_with_weights(model, function):
    """Compile a function of tensors that calls a model, with the weights as arguments.

    So the program uses the weights of the moment, and holds no copy of them.
    """
    from utils.language_models import compile_function

    variables = model.variables

    def call(weights, *arguments):
        with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
            return function(*arguments)

    compiled = compile_function(call)
    return lambda *arguments: compiled([variable.value for variable in variables], *arguments)


class Generator:
    """Generate text with a GPT-2 in one compiled loop.

    The prompts but for their last tokens are read at once, into a cache that has room for
    everything. Each turn of the loop reads one token, adds its keys and values to the cache and
    chooses the next token. Weights are arguments of the compiled program: it can be used while a
    model is trained.

    Args:
        model: a `utils.gpt2.GPT2`.
        temperature: 0 chooses the most likely token; see `filter_logits` for more than 0.
        top_k: as in `filter_logits`.
        top_p: as in `filter_logits`.
        repetition_penalty: see `penalise_repetition`.
        no_repeat_ngram_size: n, where no n-gram may occur twice in a text; 0 allows all.
        stop_tokens: ids of tokens that end a text.

    Raises:
        ValueError: a setting is out of range.
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
        self.filters = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        if repetition_penalty <= 0 or no_repeat_ngram_size < 0:
            raise ValueError(
                "repetition_penalty must be above 0 (1: none), no_repeat_ngram_size at least 0; "
                f"got {repetition_penalty}, {no_repeat_ngram_size}"
            )
        filter_logits(np.zeros((1, 2)), **(self.filters | {"temperature": temperature or 1.0}))
        self.model, self.penalty, self.n = model, repetition_penalty, no_repeat_ngram_size
        self.stop_tokens = tuple(stop_tokens)
        self.read_prompts = compile_with_weights(model, self._read_prompts)
        self.choose_tokens = compile_with_weights(model, self._choose_tokens)

    def __call__(
        self, prompts: list, max_new_tokens: int, *, seed: int = 0, noise=None
    ) -> list[np.ndarray]:
        """Generate the texts that follow the prompts.

        Args:
            prompts: lists of token ids, of any lengths.
            max_new_tokens: the most tokens to add to each.
            seed: of the noise; the same seed gives the same texts. Not used by temperature 0.
            noise: drawn by the caller instead, shape (max_new_tokens, B, V).

        Returns:
            The new tokens of each text, up to its stop token, which is left out.

        Raises:
            ValueError: an empty prompt, or more tokens than the context holds.
        """
        parts = self.stream(
            prompts, max_new_tokens, seed=seed, noise=noise, num_tokens=max_new_tokens
        )
        new = np.concatenate(list(parts), axis=1)
        ends = np.isin(new, self.stop_tokens)
        lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), new.shape[1])
        return [row[:length] for row, length in zip(new, lengths, strict=True)]

    def stream(
        self, prompts: list, max_new_tokens: int, *, seed: int = 0, noise=None, num_tokens: int = 8
    ) -> Iterator[np.ndarray]:
        """Generate as `__call__` does and hand out every few tokens as they come.

        Yields:
            The next `num_tokens` tokens of every text, shape (B, num_tokens); fewer at the end.
            After its stop token, a text repeats that token.
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
        noise, num_padding = ops.convert_to_tensor(noise), ops.convert_to_tensor(num_padding)
        tokens = ops.convert_to_tensor(np.pad(given, ((0, 0), (0, room))))
        cache, seen = self.read_prompts(ops.convert_to_tensor(given), tokens, num_padding)
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
            cache = self.model.read(given[:, :-1], num_padding, cache)[1]
        seen = ops.zeros((B, 1), "bool")
        if self.penalty != 1:
            real = ops.arange(P)[None] >= num_padding[:, None]
            seen = mark_tokens(given, real, self.model.config.vocabulary_size)
        return cache, seen

    def _choose_tokens(self, state, first, end, num_padding, noise):
        """Run the loop until `end` tokens are there, or every text has met a stop token."""
        V = self.model.config.vocabulary_size

        def is_unfinished(t, tokens, done, seen, cache):
            return ops.logical_and(t < end, ops.logical_not(ops.all(done)))

        def choose(t, tokens, done, seen, cache):
            last = ops.slice(tokens, (0, t - 1), (tokens.shape[0], 1))
            x, cache = self.model.read(last, num_padding, cache, start=t - 1)
            logits = ops.cast(self.model.score(x[:, 0]), "float32")
            if self.penalty != 1:
                logits = penalise_repetition(logits, seen, self.penalty)
            if self.n:
                repeated = find_repeated_ngrams(tokens, num_padding, t, self.n, V)
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


class BeamSearch:
    """Look for the most likely text, `num_beams` at a time.

    Every turn extends each beam by every token and keeps the best of all. A text that met a
    stop token stays as it is and competes on.

    Args:
        model: a `utils.gpt2.GPT2`.
        num_beams: K.
        length_penalty: texts are ranked by log-probability / length ** length_penalty; 0 ranks
            by probability alone, and so prefers short texts where there is a stop token.
        stop_tokens: ids of tokens that end a text.
    """

    def __init__(
        self,
        model,
        *,
        num_beams: int,
        length_penalty: float = 0.0,
        stop_tokens: tuple[int, ...] = (),
    ):
        if num_beams < 1:
            raise ValueError(f"num_beams must be at least 1, not {num_beams}")
        self.model, self.num_beams, self.length_penalty = model, num_beams, length_penalty
        self.stop_tokens = tuple(stop_tokens)
        self.search = compile_with_weights(model, self._search)

    def __call__(self, prompt, max_new_tokens: int) -> list[tuple[np.ndarray, float]]:
        """Return the beams, best first: new tokens (stop token left out), log-probability.

        Raises:
            ValueError: as `Generator`.
        """
        config = self.model.config
        check_prompts([prompt], max_new_tokens, config.context_length, config.vocabulary_size)
        longest = config.context_length - max_new_tokens
        given, num_padding = pad_left([prompt] * self.num_beams, multiple=16, longest=longest)
        room = np.zeros((1, max_new_tokens), "int32")
        arrays = [ops.convert_to_tensor(array) for array in (given, room, num_padding)]
        found = [ops.convert_to_numpy(array) for array in self.search(*arrays)]
        order = np.argsort(-found[1] / found[2] ** self.length_penalty, kind="stable")
        beams = []
        for row, score in zip(found[0][order], found[1][order], strict=True):
            ends = np.isin(row, self.stop_tokens)
            if score > -1e8:  # with few tokens, some beams have no text
                beams.append((row[: ends.argmax() if ends.any() else None], float(score)))
        return beams

    def _search(self, given, room, num_padding):
        """Return the new tokens (K, N), their log-probabilities (K,) and lengths (K,)."""
        (K, P), N, V = given.shape, room.shape[1], self.model.config.vocabulary_size
        cache = make_cache(self.model, K, P + N)
        if P > 1:
            cache = self.model.read(given[:, :-1], num_padding, cache)[1]
        stops = self.stop_tokens
        # At first all beams are the same: only one of them counts.
        scores = ops.convert_to_tensor([0.0] + [-1e9] * (K - 1), "float32")
        stay = ops.where(ops.arange(V)[None] == (stops[0] if stops else -1), 0.0, -1e9)

        def extend(t, state):
            tokens, scores, lengths, done, cache = state
            last = ops.slice(tokens, (0, P + t - 1), (K, 1))
            x, cache = self.model.read(last, num_padding, cache, start=P + t - 1)
            steps = ops.log_softmax(ops.cast(self.model.score(x[:, 0]), "float32"))
            totals = scores[:, None] + ops.where(done[:, None], stay, steps)  # (K, V)
            lengths = lengths + ops.cast(ops.logical_not(done), "float32")
            ranks = ops.reshape(totals / lengths[:, None] ** self.length_penalty, (-1,))
            best = ops.cast(ops.top_k(ranks, K)[1], "int32")
            beam, chosen = best // V, best % V
            scores = ops.take(ops.reshape(totals, (-1,)), best)
            tokens, lengths, done = (ops.take(a, beam, axis=0) for a in (tokens, lengths, done))
            cache = tuple((ops.take(k, beam, axis=0), ops.take(v, beam, axis=0)) for k, v in cache)
            if stops:
                found = chosen[:, None] == ops.convert_to_tensor(stops, "int32")
                done = ops.logical_or(done, ops.any(found, axis=-1))
            tokens = ops.slice_update(tokens, (0, P + t), chosen[:, None])
            return tokens, scores, lengths, done, cache

        tokens = ops.concatenate([given, ops.repeat(room, K, axis=0)], axis=1)
        state = (tokens, scores, ops.zeros((K,)), ops.zeros((K,), "bool"), cache)
        tokens, scores, lengths, _, _ = ops.fori_loop(0, N, extend, state)
        return tokens[:, P:], scores, lengths
