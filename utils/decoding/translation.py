"""Decoders of the translators: greedy and with a beam, in one compiled loop.

Built step by step in notebooks 05 and 09. Shapes: B batch, S source tokens, V target vocabulary,
K beam width. A decoder uses the weights that its model has at the first call; `length` is that of
the longest translation in tokens, `[END]` included.
"""

import keras
import numpy as np

from utils.backends import compile_function
from utils.checks import check_number, check_whole
from utils.data import pairs
from utils.data.pairs import END, PADDING, START
from utils.decoding.filters import mark_broken
from utils.models.seq2seq import encode_source, score_next


def build_greedy_decoder(model: keras.Model, length: int):
    """Return a compiled function that always goes on with the likeliest token.

    Built in notebook 05, section 3. It goes from source_ids (B, S) to token ids (B, length);
    padding follows `[END]`. The model is from `build_translator`.
    """
    check_whole("length", length, least=1)

    def decode(source_ids):
        memory, mask, states = encode_source(model, source_ids)

        def step(t, carry):
            token_ids, last, states = carry
            logits, states = score_next(model, last, states, memory, mask)
            best = keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int32")
            best = mark_broken(best, logits)
            ended = keras.ops.logical_or(last == END, last == PADDING)
            best = keras.ops.where(ended, PADDING, best)
            return keras.ops.slice_update(token_ids, (t, 0), best[None]), best, states

        token_ids = keras.ops.zeros((length, source_ids.shape[0]), "int32")
        carry = (token_ids, keras.ops.full_like(token_ids[0], START), states)
        return keras.ops.transpose(keras.ops.fori_loop(0, length, step, carry)[0])

    return compile_function(decode, ids=range(model.get_layer("source_embedding").input_dim))


def choose_prefixes(totals, last, nats):
    """Choose the K likeliest ways to make K prefixes one token longer. From notebook 05, section 6.

    A prefix that has ended goes on with padding, at no cost. From the prefixes' log probabilities
    `totals` (B, K), their last tokens (B K,) and the log probabilities `nats` of the next (B K, V)
    to the new totals (B, K), for each new prefix the row of the one it makes longer (B K,), and its
    last token (B K,).
    """
    (B, K), V = totals.shape, nats.shape[-1]
    ended = keras.ops.logical_or(last == END, last == PADDING)[:, None]
    only_padding = keras.ops.where(keras.ops.arange(V) == PADDING, 0.0, -1e9)
    nats = keras.ops.where(ended, only_padding, nats)
    sums = totals[:, :, None] + keras.ops.reshape(nats, (B, K, V))
    totals, places = keras.ops.top_k(keras.ops.reshape(sums, (B, K * V)), K)
    places = keras.ops.cast(places, "int32")
    rows = K * keras.ops.arange(B, dtype="int32")[:, None] + places // V
    return totals, keras.ops.reshape(rows, (-1,)), keras.ops.reshape(places % V, (-1,))


def build_beam_decoder(model: keras.Model, length: int, beam_width: int, *, penalty: float = 0.0):
    """Return a compiled function that follows the K = `beam_width` likeliest prefixes.

    Built in notebook 05, section 6. It goes from source_ids (B, S) to token ids (B, K, length) and
    their scores (B, K), best first. At the end the log probability is divided by (tokens **
    penalty); 0 leaves it. The model is from `build_translator`.
    """
    check_whole("length", length, least=1)
    check_whole("beam_width", beam_width, least=1)
    check_number("penalty", penalty)

    def decode(source_ids):
        B, K = source_ids.shape[0], beam_width
        memory, mask, states = encode_source(model, source_ids)
        repeated = [keras.ops.repeat(x, K, axis=0) for x in (memory, mask, *states)]
        memory, mask, *states = repeated

        def step(t, carry):
            token_ids, last, totals, states = carry  # (L, B K), (B K,), (B, K), [(B K, D)] * 2
            logits, states = score_next(model, last, states, memory, mask)
            totals, rows, last = choose_prefixes(totals, last, keras.ops.log_softmax(logits))
            last = mark_broken(last, logits)
            token_ids = keras.ops.take(token_ids, rows, axis=1)
            token_ids = keras.ops.slice_update(token_ids, (t, 0), last[None])
            return token_ids, last, totals, [keras.ops.take(x, rows, axis=0) for x in states]

        token_ids = keras.ops.zeros((length, B * K), "int32")
        last = keras.ops.full_like(token_ids[0], START)
        first = keras.ops.where(keras.ops.arange(K) == 0, 0.0, -1e9)  # all K are the same so far
        totals = keras.ops.tile(first[None], (B, 1))
        carry = (token_ids, last, totals, states)
        token_ids, _, totals, _ = keras.ops.fori_loop(0, length, step, carry)
        token_ids = keras.ops.reshape(keras.ops.transpose(token_ids), (B, K, length))
        real = keras.ops.cast(keras.ops.not_equal(token_ids, PADDING), "float32")
        counts = keras.ops.maximum(keras.ops.sum(real, axis=-1), 1.0)
        scores, order = keras.ops.top_k(totals / counts**penalty, K)
        order = keras.ops.repeat(order[:, :, None], length, axis=2)
        return keras.ops.take_along_axis(token_ids, order, axis=1), scores

    return compile_function(decode, ids=range(model.get_layer("source_embedding").input_dim))


def translate(decode, source_ids: np.ndarray, *, batch_size: int = 256) -> np.ndarray:
    """Run a decoder over N sentences (N, S), in batches of one shape: token ids (N, length).

    Built in notebook 05, section 3. Of the beams the best is kept; the last batch is filled with
    its last sentence, since one of padding alone may have no scores that are numbers.
    """
    check_whole("batch_size", batch_size, least=1)
    found, short = [], max(0, 2 - source_ids.shape[1])  # Keras warns of a softmax over one token
    source_ids = np.pad(source_ids, ((0, 0), (0, short)))
    for i in range(0, len(source_ids), batch_size):
        batch = source_ids[i : i + batch_size]
        missing = batch_size - len(batch)
        result = decode(np.pad(batch, ((0, missing), (0, 0)), mode="edge"))
        token_ids = result[0][:, 0] if isinstance(result, tuple) else result
        found.append(keras.ops.convert_to_numpy(token_ids)[: len(batch)])
    return np.concatenate(found)


def translate_texts(
    decode, texts: list[str], source_vocabulary: list[str], target_vocabulary: list[str]
) -> list[str]:
    """Translate raw texts. Built in notebook 05, section 3.

    What holds no word or mark is translated by "". The vocabularies are from
    `build_token_vocabulary`.
    """
    sentences = [pairs.split_sentence(text) for text in texts]
    token_ids = pairs.encode_tokens(sentences, source_vocabulary)
    found = pairs.decode_tokens(translate(decode, token_ids, batch_size=1), target_vocabulary)
    return [pairs.join_tokens(f) if s else "" for s, f in zip(sentences, found, strict=True)]


def build_prefix_decoder(model: keras.Model, length: int, beam_width: int = 1):
    """Return a compiled function that translates, greedily (K = 1) or with a beam of K.

    Built in notebook 09, section 8. Each step runs the decoder of `build_transformer` over the
    whole prefix, padded to `length`, and uses the scores at its last token. The loop ends when all
    prefixes have ended. It goes from source_ids (B, S) to token ids (B, K, length) and their log
    probabilities (B, K), best first.
    """
    check_whole("length", length, least=1)
    check_whole("beam_width", beam_width, least=1)
    decoder, score = model.get_layer("decoder"), model.get_layer("logits")

    def decode(source_ids):
        B, K = source_ids.shape[0], beam_width
        memory = keras.ops.repeat(model.get_layer("encoder")(source_ids), K, axis=0)
        source_ids = keras.ops.repeat(source_ids, K, axis=0)

        def go_on(t, token_ids, totals):
            last = keras.ops.take(token_ids, t, axis=1)
            ended = keras.ops.logical_or(last == END, last == PADDING)
            return keras.ops.logical_and(t < length, keras.ops.logical_not(keras.ops.all(ended)))

        def step(t, token_ids, totals):  # (), (B K, length + 1), (B, K)
            states = decoder([token_ids[:, :-1], memory, source_ids])
            logits = score(keras.ops.take(states, t, axis=1))
            last = keras.ops.take(token_ids, t, axis=1)
            totals, rows, last = choose_prefixes(totals, last, keras.ops.log_softmax(logits))
            last = mark_broken(last, logits)
            token_ids = keras.ops.take(token_ids, rows, axis=0)
            return t + 1, keras.ops.slice_update(token_ids, (0, t + 1), last[:, None]), totals

        token_ids = keras.ops.pad(keras.ops.full((B * K, 1), START, "int32"), ((0, 0), (0, length)))
        totals = keras.ops.tile([[0.0] + [-1e9] * (K - 1)], (B, 1))  # at first all K are the same
        carry = keras.ops.while_loop(go_on, step, (0, token_ids, totals))
        return keras.ops.reshape(carry[1][:, 1:], (B, K, length)), carry[2]

    tokens = model.get_layer("encoder").get_layer("source_embedding").tokens
    return compile_function(decode, ids=range(tokens.shape[0]))
