"""Text as it is written: a plain loop that hands out token after token, the first one soon.

Compiling a whole model takes XLA ten seconds and more; compiling one of its blocks, which are
equal but for their weights, takes one. So the prompt is read by a Python loop over the blocks, all
of which run one program, without XLA; then each step is a graph that calls that of a block, with
XLA, 30 times.

Shapes: B texts generated side by side, S tokens read at once, P of the prompt, V vocabulary.
"""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
from keras import ops

from utils.backends import compile_function, compile_graph, read_variables
from utils.checks import check_scores, check_whole
from utils.data.text import check_texts
from utils.decoding.filters import drop_unlikely, filter_logits, penalise_repetition
from utils.decoding.sampling import (
    check_prompts,
    check_settings,
    check_stop_tokens,
    cut_at_stop,
    pad_left,
)

MOST_AT_ONCE = 256  # tokens of a prompt


def share_program(layers: list, function=None) -> list:
    """Return a function for each of some equal layers; one program, compiled once, serves all.

    For one token XLA compiles it. For the many of a prompt there is a graph without XLA: it is
    there in a quarter of the time, about as fast in float32, and 1.5 times as fast in bfloat16.

    Args:
        layers: built, of the same shapes.
        function: what to compute with the weights of the first; if None, call it.
    """
    variables, function = layers[0].variables, function or layers[0]

    def call(weights, *arguments, **options):
        with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
            return function(*arguments, **options)

    one_token, many_tokens = compile_function(call), compile_function(call, xla=False)

    def bind(layer):
        def run(x, *inputs, **options):
            program = many_tokens if len(x.shape) > 2 and x.shape[1] > 1 else one_token
            return program(read_variables(layer), x, *inputs, **options)

        return run

    return [bind(layer) for layer in layers]


class StepGenerator:
    """Generate text with a `utils.models.llama.Llama`, step by step.

    Args:
        model: the model; its weights of the moment are used.
        temperature: 0 chooses the most likely token; see `filter_logits` for more than 0.
        top_k: as in `filter_logits`.
        top_p: as in `filter_logits`.
        min_p: as in `drop_unlikely`; 0 keeps all.
        repetition_penalty: see `penalise_repetition`.
        stop_tokens: ids of tokens that end a text.

    Raises:
        ValueError: a setting is out of range, or has no effect beside the others.
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
        stop_tokens: tuple[int, ...] = (),
    ):
        V, penalty = model.config.vocabulary_size, repetition_penalty
        self.filters = check_settings(temperature, top_k, top_p, min_p, penalty, V)
        self.greedy, self.penalty, self.min_p = temperature == 0, penalty, min_p
        self.stop_tokens = check_stop_tokens(stop_tokens, V)
        self.model = model
        self.blocks = share_program(model.blocks)
        (self.score,) = share_program([model.token_embedding], model.compute_logits)
        self.step = compile_graph(self.read)

    def __call__(self, prompts: list, max_new_tokens: int, *, seed: int = 0) -> list[np.ndarray]:
        """Return the new tokens of each text, up to its stop token, which is left out."""
        new = np.stack([*self.stream(prompts, max_new_tokens, seed=seed)], axis=1)
        return cut_at_stop(new, self.stop_tokens)

    def stream(self, prompts: list, max_new_tokens: int, *, seed: int = 0) -> Iterator[np.ndarray]:
        """Generate the texts that follow the prompts, token by token.

        Args:
            prompts: lists of token ids, of any lengths.
            max_new_tokens: the most tokens to add to each.
            seed: of the noise; the same seed gives the same texts. Not used by temperature 0.

        Yields:
            The next token of every text, shape (B,). After its stop token, a text repeats that.

        Raises:
            ValueError: an empty prompt, more tokens than the context holds, a seed below 0; or the
                logits hold NaN or infinity.
        """
        config = self.model.config
        check_whole("seed", seed, least=0)
        check_prompts(prompts, max_new_tokens, config.context_length, config.vocabulary_size)
        given, num_padding = pad_prompts(prompts, config.context_length)
        (B, P), random = given.shape, np.random.default_rng(seed)
        seen = np.zeros((B, config.vocabulary_size), bool)
        for row, prompt in zip(seen, prompts, strict=True):
            row[prompt] = True
        logits, cache = self.read_prompts(given, num_padding, P + max_new_tokens)
        done, chosen = np.zeros(B, bool), np.zeros(B, "int32")
        for t in range(P, P + max_new_tokens):
            chosen = np.where(done, chosen, self.choose(logits, seen, random))
            yield chosen
            done |= np.isin(chosen, self.stop_tokens)
            if done.all() or t + 1 == P + max_new_tokens:
                return
            seen[np.arange(B), chosen] = True
            arrays = chosen[:, None], num_padding, np.int32(t)
            logits, cache = self.step(*map(ops.convert_to_tensor, arrays), cache)

    def read_prompts(self, given: np.ndarray, num_padding: np.ndarray, length: int) -> tuple:
        """Return the logits (B, V) after the prompts, and a cache of at least `length` tokens.

        Its length is a power of two, so that few programs are compiled.
        """
        cache, length = None, 2 ** max(8, (length - 1).bit_length())
        for start in range(0, given.shape[1], MOST_AT_ONCE):
            arrays = given[:, start : start + MOST_AT_ONCE], num_padding, np.int32(start)
            logits, cache = self.read(*map(ops.convert_to_tensor, arrays), cache)
            if start == 0:  # these tokens attend to nothing but each other: room for all is added
                room = [(0, 0), (0, length - arrays[0].shape[1]), (0, 0), (0, 0)]
                cache = tuple((ops.pad(k, room), ops.pad(v, room)) for k, v in cache)
        return logits, cache

    def read(self, token_ids, num_padding, start, cache):
        """Return the logits (B, V) of the token after some (B, S), and the cache with these."""
        x, cache = self.model.compute_hidden_states(
            token_ids, num_padding, cache, start, self.blocks
        )
        return self.score(x[:, -1]), cache

    def choose(self, logits, seen: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return the next tokens (B,), for logits and the tokens that each text has, (B, V)."""
        check_scores(ops.convert_to_numpy(logits))
        if self.penalty != 1:
            logits = penalise_repetition(logits, seen, self.penalty)
        if not self.greedy:
            noise = random.gumbel(size=seen.shape).astype("float32")
            logits = filter_logits(logits, **self.filters)
            logits = (drop_unlikely(logits, self.min_p) if self.min_p else logits) + noise
        return ops.convert_to_numpy(logits).argmax(axis=-1).astype("int32")


def pad_prompts(prompts: list, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Put prompts into one array, padded on the left to one of a few lengths, at most `longest`.

    Example:
        >>> [pad_prompts([[7] * n], 500)[0].shape[1] for n in (3, 17, 255, 257)]
        [16, 32, 256, 500]
    """
    needed = 2 ** (max(map(len, prompts)) - 1).bit_length()
    size = min(max(16, needed), MOST_AT_ONCE)
    return pad_left(prompts, multiple=size, longest=longest)


# From tokens to words


def join_words(tokenizer, token_ids: Iterable[int]) -> Iterator[str]:
    """Turn the tokens of a byte-level BPE into text, word by word, as soon as one is whole.

    A letter can take several tokens; a word is whole where the next token begins with a space.
    ValueError if the tokenizer does not have a token.
    """
    word = []
    for token in map(int, token_ids):
        if (piece := tokenizer.id_to_token(token)) is None:
            raise ValueError(f"the tokenizer has no token {token}: it is not that of the model")
        if word and piece.startswith(("Ġ", "Ċ")):
            yield tokenizer.decode(word)
            word = []
        word.append(token)
    if word:
        yield tokenizer.decode(word)


def stop_before(pieces: Iterable[str], stops: Iterable[str]) -> Iterator[str]:
    """Hand out a text up to the first of some strings; what may be its beginning is held back.

    Raises TypeError if they are one string, and ValueError if one of them is empty.

    Example:
        >>> list(stop_before(["One. ", "Two.\\n", "\\nThree"], ("\\n\\n",)))
        ['One. ', 'Two.']
    """
    stops = tuple(check_texts(stops))
    if "" in stops:
        raise ValueError("every text holds the empty string, so none can stop before it")
    text, longest = "", max(map(len, stops), default=0)
    for piece in pieces:
        text += piece
        if found := [text.index(stop) for stop in stops if stop in text]:
            text = text[: min(found)]
            break
        begun = (k for k in range(1, longest) if text.endswith(tuple(s[:k] for s in stops)))
        sure = len(text) - max(begun, default=0)
        if sure:
            yield text[:sure]
        text = text[sure:]
    if text:
        yield text
