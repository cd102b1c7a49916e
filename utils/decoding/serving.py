"""What a kept model does: text in, text out. `utils.models.load` returns one of these.

Shapes: B texts, T tokens, P blanks of a text, V vocabulary.
"""

import functools
import itertools
from collections.abc import Iterator

import keras
import numpy as np

from utils.checks import check_number, check_whole
from utils.data.masking import pack_segments
from utils.data.pairs import encode_tokens, split_sentence
from utils.data.text import check_texts, encode_texts
from utils.data.tokenizers import encode_pieces, encode_words
from utils.decoding import translation
from utils.decoding.filters import draw_gumbel
from utils.decoding.sampling import Generator, build_generator
from utils.decoding.streaming import StepGenerator, join_words, stop_before
from utils.models.smollm2 import CONTROLS, format_chat


def check_size(size: int, tokens: int, name: str) -> None:
    """Raise ValueError if a model of `size` scores cannot be one of this many tokens."""
    if size != tokens:
        raise ValueError(f"the model scores {size:,} tokens, but {name} has {tokens:,}")


def encode_rows(texts: list[str], sequence_length: int, vocabulary, tokenizer) -> np.ndarray:
    """Turn texts into rows of token ids (B, T), as the model read them in its training.

    `vocabulary` holds words, cut by `utils.data.text.split_words`; with a tokenizer of the
    `tokenizers` library, the pieces that have an id.
    """
    if tokenizer is None:
        return encode_texts(texts, vocabulary, sequence_length)
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    if vocabulary is not None:
        return encode_pieces([e.tokens for e in encodings], vocabulary, sequence_length)
    ends = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    rows = [pack_segments(e.ids, None, *ends, sequence_length)[0] for e in encodings]
    return np.array(rows, "int32").reshape(-1, sequence_length)


class KeptModel:
    """A model from numbers to numbers, which can go on training, and what the others share."""

    rule: str | None = None  # what cuts a text into tokens
    probe: str | None = None  # its token ids are in card.json: load notices if they change

    def __init__(self, model: keras.Model):
        self.model = model

    def predict(self, inputs):
        return self.model.predict(inputs, verbose=0)


class TextModel(KeptModel):
    """A model of rows of token ids; arguments as those of `encode_rows`."""

    probe = "It isn't the café’s best film: “great”, or not? 42"

    def __init__(self, model, *, sequence_length: int, vocabulary=None, tokenizer=None):
        super().__init__(model)
        if vocabulary is None and tokenizer is None:
            raise ValueError("give the vocabulary or the tokenizer that the model was trained with")
        self.sequence_length, self.vocabulary = sequence_length, vocabulary
        self.tokenizer = tokenizer
        self.rule = "tokenizer.json" if tokenizer else "utils.data.text.split_words"

    def encode(self, texts) -> np.ndarray:
        texts = check_texts(texts)
        return encode_rows(texts, self.sequence_length, self.vocabulary, self.tokenizer)


class Classifier(TextModel):
    """A model from token ids to the probability of each class, or of the second of two.

    `labels` names the classes; where there are two, `threshold` is the probability above which the
    second is chosen. `text` goes to `TextModel`.
    """

    def __init__(self, model, *, labels: list[str], threshold: float = 0.5, **text):
        super().__init__(model, **text)
        if isinstance(labels, str) or len(set(labels)) < len(labels):
            raise ValueError(f"labels must be a list of different names, not {labels!r}")
        check_number("threshold", threshold)
        if len(labels) != (count := max(model.output_shape[-1], 2)):
            raise ValueError(f"the model tells {count} classes apart; got the labels {labels}")
        self.labels, self.threshold = [str(label) for label in labels], threshold

    def predict(self, texts) -> list[dict[str, float]]:
        """Return for each text the probability of each label.

        Raises ValueError for a text in which nothing is known: its answer would mean nothing.
        """
        if len(token_ids := self.encode(texts)) == 0:
            return []
        for number, (text, row) in enumerate(zip(texts, token_ids, strict=True), 1):
            if not text.strip() or (self.vocabulary is not None and row.max() < 2):
                said = f"text {number} of {len(texts)} ({text[:40]!r}) holds no word that the model"
                raise ValueError(f"{said} knows, so it cannot tell anything of it: leave it out")
        p = self.model.predict(token_ids, verbose=0)
        p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
        return [dict(zip(self.labels, row, strict=True)) for row in p.tolist()]

    def classify(self, texts) -> list[str]:
        """Return the label of each text."""
        rows = self.predict(texts)
        if len(self.labels) == 2:
            return [self.labels[row[self.labels[1]] > self.threshold] for row in rows]
        return [max(row, key=row.get) for row in rows]


class WordModel(TextModel):
    """A BERT that fills blanks: a model from [token ids, places] to logits (B, P, V)."""

    def __init__(self, model, **text):
        super().__init__(model, **text)
        V = model.output_shape[-1]
        self.tokens = self.vocabulary or [self.tokenizer.id_to_token(i) for i in range(V)]
        check_size(V, len(self.tokens), "vocabulary")

    def predict(self, texts, *, count: int = 5) -> list[list[dict[str, float]]]:
        """Return for each [MASK] of each text the likeliest tokens and their probabilities.

        Raises ValueError if a text has no [MASK].
        """
        check_whole("count", count, least=1)
        tokens, found = self.tokens, []
        for text, row in zip(texts, self.encode(texts), strict=True):
            places = np.flatnonzero(row == tokens.index("[MASK]"))[None].astype("int32")
            if places.size == 0:
                raise ValueError(f"no [MASK] in the {row.size} tokens that are read of {text!r}")
            logits = self.model.predict_on_batch([row[None], places])[0]
            p = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
            best = np.argsort(-p, kind="stable")[:, :count]
            rows = zip(best, p, strict=True)
            found.append([{tokens[i]: float(row[i]) for i in ids} for ids, row in rows])
        return found


class Translator(KeptModel):
    """A model of `utils.models.seq2seq.build_translator`; vocabularies of `build_token_vocabulary`.

    `length` is that of the longest translation in tokens, `beam_width` as of a decoder; 1 is
    greedy.
    """

    rule, probe = "utils.data.pairs.split_sentence", TextModel.probe

    def __init__(self, model, *, source_vocabulary, target_vocabulary, length, beam_width=1):
        super().__init__(model)
        check_size(model.output_shape[-1], len(target_vocabulary), "target_vocabulary")
        self.vocabularies = source_vocabulary, target_vocabulary
        self.length, self.beam_width = length, beam_width

    def encode(self, texts) -> np.ndarray:
        return encode_tokens([split_sentence(t) for t in check_texts(texts)], self.vocabularies[0])

    @functools.cached_property
    def decode(self):
        if self.beam_width == 1:
            return translation.build_greedy_decoder(self.model, self.length)
        return translation.build_beam_decoder(self.model, self.length, self.beam_width)

    def translate(self, texts) -> list[str]:
        """Return the translation of each text."""
        texts = check_texts(texts)
        return translation.translate_texts(self.decode, texts, *self.vocabularies) if texts else []


class TransformerTranslator(Translator):
    """A model of `utils.models.transformer.build_transformer`; arguments as `Translator`."""

    @functools.cached_property
    def decode(self):
        return translation.build_prefix_decoder(self.model, self.length, self.beam_width)


class LanguageModel(KeptModel):
    """A model of `utils.models.rnn.build_language_model`; the vocabulary as for `encode_words`."""

    rule = "utils.data.tokenizers.encode_words"

    def __init__(self, model, *, vocabulary: list[str]):
        super().__init__(model)
        check_size(model.output_shape[-1], len(vocabulary), "vocabulary")
        self.vocabulary, self.probe = vocabulary, "".join(vocabulary[:200])
        self.build_generator = functools.cache(functools.partial(build_generator, model))

    def encode(self, texts) -> list[np.ndarray]:
        try:
            return [encode_words(text, self.vocabulary) for text in check_texts(texts)]
        except KeyError as error:
            raise ValueError(f"the model has never seen the character {error}") from None

    def generate(self, prompt: str, *, max_new_tokens: int = 200, seed: int = 0, **settings) -> str:
        """Return the prompt, of at least one character, and what the model writes after it.

        `settings` are those of `utils.decoding.filters.filter_logits`.
        """
        check_whole("max_new_tokens", max_new_tokens, least=1)
        (prompt_ids,) = self.encode([prompt])
        if len(prompt_ids) == 0:
            raise ValueError("a prompt needs at least one character")
        given = np.pad(prompt_ids, (0, max_new_tokens), constant_values=-1)[:, None]
        noise = draw_gumbel((len(given), 1, len(self.vocabulary)), seed)
        found = self.build_generator(**settings)(given.astype("int32"), noise)
        return "".join(self.vocabulary[i] for i in keras.ops.convert_to_numpy(found)[:, 0])


class GPT2Writer(KeptModel):
    """A `utils.models.gpt2.GPT2` and a tokenizer of `tokenizers`, which may have fewer tokens."""

    rule, probe = "tokenizer.json", TextModel.probe

    def __init__(self, model, *, tokenizer):
        super().__init__(model)
        if (size := model.config.vocabulary_size) < tokenizer.get_vocab_size():
            check_size(size, tokenizer.get_vocab_size(), "tokenizer")
        self.tokenizer = tokenizer
        self.build_generator = functools.cache(functools.partial(Generator, model))

    def encode(self, texts) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch(check_texts(texts))]

    def generate(self, prompt: str, *, max_new_tokens: int = 50, seed: int = 0, **settings) -> str:
        """Return the prompt and what the model writes after it, up to the end of the text.

        The prompt has at least one token. `settings` are those of
        `utils.decoding.sampling.Generator`; temperature 0, its default, needs no seed.
        """
        prompts, end = self.encode([prompt]), self.tokenizer.token_to_id("<|endoftext|>")
        stop_tokens = () if end is None else (end,)
        generator = self.build_generator(stop_tokens=stop_tokens, **settings)
        return prompt + self.tokenizer.decode(generator(prompts, max_new_tokens, seed=seed)[0])


class LlamaWriter(GPT2Writer):
    """A `utils.models.llama.Llama` that goes on with a text, or answers in a chat.

    Args:
        model: the model.
        tokenizer: of the `tokenizers` library; it may have fewer tokens than the model.
    """

    def __init__(self, model, *, tokenizer):
        super().__init__(model, tokenizer=tokenizer)
        ends = [tokenizer.token_to_id(token) for token in CONTROLS[1:]]
        settings = {"stop_tokens": tuple(end for end in ends if end is not None)}
        self.build_generator = functools.cache(functools.partial(StepGenerator, model, **settings))

    def stream(
        self, prompt: str, *, max_new_tokens: int = 128, seed: int = 0, stops=(), **settings
    ) -> Iterator[str]:
        """Write what follows a text, word by word, up to the end of the text.

        Args:
            prompt: a text of at least one token.
            max_new_tokens: the most tokens that it writes.
            seed: the same seed gives the same text; temperature 0, the default, uses none.
            stops: strings before which it ends.
            settings: as of `utils.decoding.streaming.StepGenerator`.
        """
        generator = self.build_generator(**settings)
        rows = generator.stream(self.encode([prompt]), max_new_tokens, seed=seed)
        ids = (int(row[0]) for row in rows)
        tokens = itertools.takewhile(lambda token: token not in generator.stop_tokens, ids)
        yield from stop_before(join_words(self.tokenizer, tokens), stops)

    def generate(self, prompt: str, **settings) -> str:
        """Return the prompt and what the model writes after it; arguments as of `stream`."""
        return prompt + "".join(self.stream(prompt, **settings))

    def stream_answer(self, messages, **settings) -> Iterator[str]:
        """Answer in a chat, word by word.

        Args:
            messages: as of `utils.models.smollm2.format_chat`.
            settings: as of `stream`.
        """
        return self.stream(format_chat(messages), **settings)

    def answer(self, messages, **settings) -> str:
        """Return the whole answer in a chat; arguments as of `stream_answer`."""
        return "".join(self.stream_answer(messages, **settings))


KINDS = {
    "model": KeptModel,
    "classifier": Classifier,
    "word_model": WordModel,
    "translator": Translator,
    "transformer": TransformerTranslator,
    "language_model": LanguageModel,
    "gpt2": GPT2Writer,
    "llama": LlamaWriter,
}
