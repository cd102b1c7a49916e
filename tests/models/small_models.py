"""A small compiled model of every architecture, with what it reads and what it learns."""

import functools

import keras
import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from utils.data.masking import SPECIAL_TOKENS
from utils.data.pairs import SPECIAL
from utils.data.text import build_vocabulary, encode_texts
from utils.models import augmentation, bert, classifiers, gpt2, llama, rnn, seq2seq, transformer

TEXTS = ["It isn't a bad film.", "", 'a good "film" — or isn\'t it? 🙂', "film " * 40]
WORDS = build_vocabulary(TEXTS, 99)  # [UNK] at 1
TARGET_WORDS = [*SPECIAL, "un", "bon", "film", "n'", "est", "pas", "mauvais", "."]
V = len(TARGET_WORDS)
CHARACTERS = sorted({*"".join(TEXTS), "\n", "\r", "\\"})
PIECES = [*SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz.'", "film", "##ilm"]
random = np.random.default_rng(0)
IDS = encode_texts(TEXTS, WORDS, 8).astype("int32")  # the second row is only padding
READ = np.pad(random.integers(4, V, (4, 4)), ((0, 0), (1, 0)), constant_values=2)
READ = READ.astype("int32")
NEXT = np.pad(READ[:, 1:], ((0, 0), (0, 1)))
CLASSES = np.array([[0.0], [1.0], [1.0], [0.0]])
VECTORS = random.normal(0, 0.4, (len(WORDS), 5)).astype("float32")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
to_numpy = keras.ops.convert_to_numpy


def make_tokenizer():
    """Return a WordPiece tokenizer as that of BERT."""
    pieces = {piece: token_id for token_id, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[MASK]"])
    return tokenizer


def add_optimizer(model, loss="binary_crossentropy", metric=classifiers.count_agreement):
    """Compile as the notebooks do, but run eagerly: nothing is traced for a few batches."""
    metrics = metric and [keras.metrics.MeanMetricWrapper(metric, name="accuracy")]
    optimizer = keras.optimizers.Adam(bert.WarmUpDecay(0.02, 1, 20), clipnorm=1.0)
    model.compile(optimizer, loss, metrics=metrics, run_eagerly=True)
    return model


def randomise(model, scale=0.7, seed=0):
    """Draw all weights, biases and norms too, so large that they matter."""
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, scale, w.shape) for w in model.get_weights()])
    return model


def run(model, *inputs):
    return to_numpy(model(list(inputs)))


def build_lstm(name="lstm"):
    sizes = {"embedding_dim": 5, "hidden_dim": 4, "dropout": 0.0}
    model = classifiers.build_classifier(name, len(WORDS), VECTORS, **sizes)
    return add_optimizer(model), IDS, CLASSES


def build_cnn():
    model = classifiers.build_cnn("cnn", VECTORS, num_filters=3, dropout=0.0)
    return add_optimizer(model), IDS, CLASSES


def build_bigrams():
    model = classifiers.build_bigram_average("bigrams", VECTORS, num_buckets=101, dropout=0.0)
    return add_optimizer(model), IDS, CLASSES


def build_mixup():
    inputs = [IDS, IDS[::-1].copy(), np.full((4, 1), 0.3, "float32")]
    return add_optimizer(augmentation.build_mixup(build_cnn()[0])), inputs, CLASSES


def build_translator(score=None, target_size=V):
    attention = score and seq2seq.CrossAttention(score)
    sizes = {"embedding_dim": 4, "hidden_dim": 6, "attention": attention}
    model = seq2seq.build_translator(len(WORDS), target_size, **sizes)
    add_optimizer(model, seq2seq.compute_masked_loss, seq2seq.compute_masked_accuracy)
    return model, [IDS, READ], NEXT


def build_transformer(target_size=V, **settings):
    sizes = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12}
    model = transformer.build_transformer(len(WORDS), target_size, **sizes | settings)
    return add_optimizer(model, seq2seq.compute_masked_loss, None), [IDS, READ], NEXT


def build_recurrent(**settings):
    sizes = {"embedding_dim": 4, "hidden_dim": 6}
    model = rnn.build_language_model(len(CHARACTERS), **sizes, **settings)
    return add_optimizer(model, LOSS, None), READ, NEXT


def build_gpt2():
    config = gpt2.GPT2Config(len(PIECES) + 3, 32, 12, 2, 3, initializer_range=0.4)
    return add_optimizer(gpt2.GPT2(config), LOSS, None), READ, NEXT


def build_llama():
    sizes = {"context_length": 64, "hidden_dim": 12, "num_layers": 2, "num_heads": 3}
    sizes |= {"num_key_value_heads": 1, "feedforward_dim": 10, "initializer_range": 0.4}
    config = llama.LlamaConfig(len(PIECES) + 3, **sizes)
    return add_optimizer(llama.Llama(config), LOSS, None), READ, NEXT


def build_encoder():
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"vocab_size": len(PIECES), "max_position_embeddings": 16, "type_vocab_size": 2}
    model = bert.build_encoder(sizes | {"intermediate_size": 12, "layer_norm_eps": 1e-12})
    padded = np.where(READ == 5, 0, READ)
    return model, [padded, np.zeros_like(padded), padded != 0], None


def build_word_model():
    model = add_optimizer(bert.add_word_head(build_encoder()[0]), LOSS, None)
    return model, [READ, np.array([[1, 2]] * 4, "int32")], NEXT[:, :2]


def build_bert_classifier(pooling="mean"):
    model = bert.add_classifier(build_encoder()[0], name="tuned", pooling=pooling, dropout=0.0)
    return add_optimizer(model), READ, CLASSES


BUILDERS = {
    "lstm": build_lstm,
    "cnn": build_cnn,
    "bigrams": build_bigrams,
    "mixup": build_mixup,
    "translator": build_translator,
    "dot": functools.partial(build_translator, "dot"),
    "additive": functools.partial(build_translator, "additive"),
    "transformer": build_transformer,
    "gru": build_recurrent,
    "stateful": functools.partial(build_recurrent, batch_size=4, stateful=True),
    "gpt2": build_gpt2,
    "llama": build_llama,
    "encoder": build_encoder,
    "word_model": build_word_model,
    "bert": build_bert_classifier,
}

# What `utils.models.save` asks for, by the kind of model

LABELS = {"labels": ["poor", "good"], "sequence_length": 8}
CLASSIFIER = {"kind": "classifier", "vocabulary": WORDS, **LABELS}
TRANSLATOR = {"kind": "translator", "length": 6}
TRANSLATOR |= {"source_vocabulary": WORDS, "target_vocabulary": TARGET_WORDS}
WRITER = {"kind": "language_model", "vocabulary": CHARACTERS}
TOKENIZER = {"tokenizer": make_tokenizer()}
SETTINGS = {
    **dict.fromkeys(["lstm", "cnn", "bigrams"], CLASSIFIER),
    **dict.fromkeys(["mixup", "additive", "encoder"], {"kind": "model"}),
    "translator": TRANSLATOR,
    "dot": TRANSLATOR | {"beam_width": 2},
    "transformer": TRANSLATOR | {"kind": "transformer"},
    **dict.fromkeys(["gru", "stateful"], WRITER),
    "gpt2": {"kind": "gpt2", **TOKENIZER},
    "llama": {"kind": "llama", **TOKENIZER},
    "word_model": {"kind": "word_model", "vocabulary": PIECES, "sequence_length": 8, **TOKENIZER},
    "bert": {"kind": "classifier", **LABELS, **TOKENIZER},
}
