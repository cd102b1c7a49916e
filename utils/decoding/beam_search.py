"""Beam search: with a GPT-2 in one compiled loop, with a Llama step by step."""

import numpy as np
from keras import ops

from utils.checks import BROKEN, check_number, check_scores, check_whole
from utils.decoding.filters import mark_broken
from utils.decoding.sampling import (
    check_prompts,
    check_stop_tokens,
    compile_with_weights,
    make_cache,
    pad_left,
)
from utils.decoding.streaming import StepGenerator


class BeamSearch:
    """Look for the most likely text of a `utils.models.gpt2.GPT2`, `num_beams` (K) at a time.

    Every turn extends each beam by every token and keeps the best of all. A text that met a
    stop token stays as it is and competes on. Texts are ranked by log-probability / length **
    length_penalty; 0 ranks by probability alone, and so prefers short texts where there are
    `stop_tokens`.
    """

    def __init__(self, model, *, num_beams: int, length_penalty: float = 0.0, stop_tokens=()):
        check_whole("num_beams", num_beams, least=1)
        check_number("length_penalty", length_penalty)
        self.model, self.num_beams, self.length_penalty = model, num_beams, length_penalty
        self.stop_tokens = check_stop_tokens(stop_tokens, model.config.vocabulary_size)
        if length_penalty and not self.stop_tokens:
            said = f"length_penalty={length_penalty} has no effect without stop_tokens"
            raise ValueError(f"{said}: all texts are of the same length")
        self.search = compile_with_weights(model, self._search)

    def __call__(self, prompt, max_new_tokens: int) -> list[tuple[np.ndarray, float]]:
        """Return the beams, best first: new tokens (stop token left out), log-probability.

        Errors as those of `Generator`.
        """
        config = self.model.config
        check_prompts([prompt], max_new_tokens, config.context_length, config.vocabulary_size)
        longest = config.context_length + 1 - max_new_tokens
        given, num_padding = pad_left([prompt] * self.num_beams, multiple=16, longest=longest)
        room = np.zeros((1, max_new_tokens), "int32")
        arrays = [ops.convert_to_tensor(array) for array in (given, room, num_padding)]
        found = [ops.convert_to_numpy(array) for array in self.search(*arrays)]
        if found[0].min() < 0:
            raise ValueError(BROKEN)
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
        cache = make_cache(self.model, K, P + N - 1)
        if P > 1:
            cache = self.model.compute_hidden_states(given[:, :-1], num_padding, cache)[1]
        stops = self.stop_tokens
        # At first all beams are the same: only one of them counts.
        scores = ops.convert_to_tensor([0.0] + [-1e9] * (K - 1), "float32")
        stay = ops.where(ops.arange(V)[None] == (stops[0] if stops else -1), 0.0, -1e9)

        def extend(t, state):
            tokens, scores, lengths, done, cache = state
            last = ops.slice(tokens, (0, P + t - 1), (K, 1))
            x, cache = self.model.compute_hidden_states(last, num_padding, cache, start=P + t - 1)
            logits = ops.cast(self.model.compute_logits(x[:, 0]), "float32")
            steps = ops.log_softmax(logits)
            totals = scores[:, None] + ops.where(done[:, None], stay, steps)  # (K, V)
            lengths = lengths + ops.cast(ops.logical_not(done), "float32")
            ranks = ops.reshape(totals / lengths[:, None] ** self.length_penalty, (-1,))
            best = ops.cast(ops.top_k(ranks, K)[1], "int32")
            beam, chosen = best // V, mark_broken(best % V, logits)
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


def search_beams(
    reader: StepGenerator, prompt: list[int], max_new_tokens: int, num_beams: int, banned=()
) -> tuple[np.ndarray, float]:
    """Look for the most likely text of a Llama. Built in lesson 06.

    Returns:
        The best text that was found, without any `banned` token, and its log-probability.

    Raises:
        ValueError: as of `StepGenerator`; no beam, or every token is banned.
    """
    config, V = reader.model.config, reader.model.config.vocabulary_size
    check_prompts([prompt], max_new_tokens, config.context_length, V)
    check_whole("num_beams", num_beams, least=1)
    if len(set(check_stop_tokens(banned, V))) == V:
        raise ValueError(f"all {V} tokens are banned")
    given, num_padding = pad_left([prompt] * num_beams, multiple=16)
    P, texts = given.shape[1], np.zeros((num_beams, 0), "int32")
    scores = np.array([0.0] + [-np.inf] * (num_beams - 1))  # at first all beams are the same
    logits, cache = reader.read_prompts(given, num_padding, P + max_new_tokens)
    for t in range(P, P + max_new_tokens):
        check_scores(ops.convert_to_numpy(logits))
        steps = ops.convert_to_numpy(ops.log_softmax(logits))  # (K, V)
        totals = scores[:, None] + steps
        totals[:, list(banned)] = -np.inf
        best = np.argsort(-totals, axis=None)[:num_beams]
        beams, chosen = np.unravel_index(best, totals.shape)
        scores, texts = totals[beams, chosen], np.column_stack([texts[beams], chosen])
        cache = tuple((ops.take(k, beams, axis=0), ops.take(v, beams, axis=0)) for k, v in cache)
        arrays = chosen[:, None].astype("int32"), num_padding, np.int32(t)
        logits, cache = reader.step(*map(ops.convert_to_tensor, arrays), cache)
    return texts[0], float(scores[0])
