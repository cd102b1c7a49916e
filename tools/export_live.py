"""Write what the live models of the web site load: `python -m tools.export_live OUTPUT_FOLDER`.

Runs in the environment of `make onnx`, after `npm ci`. A page that is opened as a file may not
fetch its neighbours, but it may load classic scripts: files are compressed, written as base64, and
put into scripts, `NAME.packed.js`.

- runtime: ONNX Runtime Web, and the rules by which `utils.data` cuts texts
- sentiment: data/models/lstm-snippets
- translation: data/models/lstm-phrasebook, with its attention weights as a second output
- gpt2: one step of data/models/gpt2-shakespeare, with a cache of keys and values
- tokenizers: BPE of GPT-2, WordPiece of MiniLM, and a Unigram that is trained here on the plays

What the browser's tests compare with is computed by Keras and the `tokenizers` library, and goes to
build/live: of movie-snippets no sentence may be published. So do the texts that
`tools.site` takes out of the outputs of lessons.
"""

import base64
import gzip
import hashlib
import json
import sys
from pathlib import Path

from utils.runtime import ROOT, start

start(seed=42)

import keras
import numpy as np
import onnx
import onnxruntime
import pandas as pd
from keras import ops
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from utils.data import corpora, pairs, text
from utils.data.plays import load_shakespeare
from utils.data.registry import fetch, load_registry
from utils.decoding import translation
from utils.decoding.filters import filter_logits
from utils.models import gpt2, saving
from utils.models.checkpoints import load_gpt2, load_gpt2_tokenizer
from utils.models.export import export_model
from utils.models.sentences import read_minilm

BUILD = ROOT / "build" / "live"
RUNTIME = ROOT / "node_modules" / "onnxruntime-web" / "dist"
ODD = [  # what people type, beside sentences
    "", " ", "\n\n", "?!", "🙂🙂", "👩‍👩‍👧 family", "naïve café", "cafe\u0301", "Straße ΟΔΟΣ",
    "İstanbul", "שלום עולם", "مرحبا بالعالم", "日本語のテキスト", "한국어 문장",
    "<script>alert(1)</script>", "a" * 150,
    "don't they'll I've he'd we're it's I'm", "12345 3.14 1,000", "tab\tand\u00a0space\u3000here",
    "“quotes” – dashes — and … dots", "zero\u200bwidth \ufeffmark", "x" * 30 + " " * 30 + "y",
    "[CLS] and [MASK] and <|endoftext|> and <unk>", "▁ already", "\x00\x01 \x7f",
]  # fmt: skip
SETTINGS = [(1.0, 0, 1.0), (0.5, 10, 1.0), (1.5, 0, 0.9), (0.8, 40, 0.5), (2.0, 1, 0.05)]


def write_script(path: Path, files: dict[str, bytes]) -> None:
    """Write a script that puts files, compressed in base64, under `packed[NAME]`."""
    packed = {key: base64.b64encode(gzip.compress(data, 9, mtime=0)) for key, data in files.items()}
    shown = json.dumps({key: data.decode() for key, data in packed.items()})
    name = path.name.split(".")[0]
    path.write_text(f"(globalThis.packed ??= {{}}).{name} = {shown};\n", encoding="ascii")
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB", flush=True)


def write_expected(name: str, **facts) -> None:
    """Write what the browser's tests compare with."""
    (BUILD / f"{name}.expected.json").write_text(json.dumps(facts), encoding="utf8")


def list_unquotable() -> list[str]:
    """Return the texts that no page of the site may show."""
    sets = [name for name, entry in load_registry().items() if not entry.get("quotable", True)]
    tables = [pd.read_csv(path) for name in sets for path in fetch(name).values()]
    return [text for table in tables for text in table["text"]]


def list_rules() -> dict:
    """Return the rules of `utils.data` that cut texts, as patterns of JavaScript."""
    change = [(p, r.replace(r"\1", "$1")) for p, r in text.LOOK_ALIKES]
    words = [(p, r.replace(r"\1", "$1")) for p, r in text.WORD_RULES]
    letter = r"\p{L}\p{N}_"  # \w is ASCII there
    sentence = pairs.WORD.pattern.replace(r"[^\w", f"[^{letter}").replace(r"\w", f"[{letter}]")
    return {"lookAlikes": change, "words": words, "sentence": sentence}


def store_half(path: Path, smallest: int = 256) -> None:
    """Store large weights as float16, widened when the model is loaded; it computes in float32.

    The checkpoint is float16, so nothing is lost.
    """
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= smallest:
            name, half = tensor.name, numpy_helper.to_array(tensor).astype("float16")
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    name_by_content(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def name_by_content(graph) -> None:
    """Name and order weights and nodes by what they hold: tf2onnx does so anew in each run."""

    def make_name(*facts) -> str:
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]

    names, depths, weights, nodes = {"": ""}, {}, {}, {}
    for tensor in graph.initializer:
        old, tensor.name = tensor.name, ""
        names[old] = tensor.name = make_name(tensor.SerializeToString(deterministic=True))
        weights[tensor.name] = tensor
    for node in graph.node:  # each stands behind those that it needs
        inputs = [names.setdefault(name, name) for name in node.input]
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.name = ""
        attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
        name = make_name(node.op_type, inputs, attributes)
        depths[name] = 1 + max((depths.get(each.split(".")[0], 0) for each in inputs), default=0)
        outputs = [f"{name}.{i}" for i in range(len(node.output))]
        names |= dict(zip(node.output, outputs, strict=True))
        node.name, node.input[:], node.output[:] = name, inputs, outputs
        nodes[name] = node
    kept = sorted(nodes.values(), key=lambda node: (depths[node.name], node.name))
    for output in graph.output:
        output.name = names[output.name]
    tensors = [weights[name] for name in sorted(weights)]
    for field, found in ((graph.node, kept), (graph.initializer, tensors), (graph.value_info, [])):
        copies = [type(each).FromString(each.SerializeToString()) for each in found]
        del field[:]
        field.extend(copies)
    graph.doc_string = ""


def list_files(folder: Path, model: Path) -> dict[str, bytes]:
    """Return what a page needs of a kept model; its card without dates and hashes."""
    card = saving.read_card(folder)
    card = {key: card[key] for key in ("kind", "settings", "example")}
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*vocabulary.txt"))}
    return files | {"model.onnx": model.read_bytes(), "card.json": json.dumps(card).encode()}


def export_sentiment() -> dict[str, bytes]:
    """Export the classifier of lesson 01; return the files of the page."""
    folder, path = fetch("lstm-snippets")["card.json"].parent, BUILD / "sentiment.onnx"
    served = saving.load(folder)
    export_model(served.model, path)
    table = corpora.load_movie_snippets()
    texts = [*table[table["split"] == "validation"]["text"][: 200 - len(ODD)], *ODD]
    says = served.model.predict(served.encode(texts), verbose=0)[:, 0].tolist()
    ids = [row[row > 0].tolist() for row in served.encode(texts)]
    write_expected("sentiment", texts=texts, token_ids=ids, probabilities=says)
    return list_files(folder, path)


def export_translation() -> dict[str, bytes]:
    """Export the translator of lesson 08, which also returns its attention weights (B, T, S)."""
    folder, path = fetch("lstm-phrasebook")["card.json"].parent, BUILD / "translation.onnx"
    served = saving.load(folder)
    weights = served.model.get_layer("attention").output[1]
    model = keras.Model(served.model.inputs, [served.model.output, weights])
    export_model(model, path)
    table = pairs.load_phrasebook(split="validation")[: 200 - len(ODD)]
    texts = [*map(" ".join, table["english"]), *ODD]
    source_ids = served.encode(texts)
    written = translation.translate(served.decode, source_ids)  # (200, length)
    target_ids = np.pad(written, ((0, 0), (1, 0)), constant_values=pairs.START)[:, :-1]
    logits, weights = model.predict([source_ids, target_ids], verbose=0)
    lengths = np.isin(written, [pairs.PADDING, pairs.END], invert=True).sum(axis=1)
    last = np.minimum(lengths, served.length - 1)  # the step that wrote the end, if there is one
    rows = zip(weights, lengths, np.count_nonzero(source_ids, axis=1), strict=True)
    facts = {"token_ids": [row[row > 0].tolist() for row in source_ids]}
    facts["written"] = [row[:n].tolist() for row, n in zip(written, lengths, strict=True)]
    facts["logits"] = logits[np.arange(len(texts)), last].round(6).tolist()
    facts["weights"] = [row[:T, :S].round(6).tolist() for row, T, S in rows]
    write_expected("translation", texts=texts, **facts)
    return list_files(folder, path)


class Step(keras.Model):
    """Reads S new tokens after P others, of which keys and values are known; P may be 0.

    From token ids (1, S) and a past (2 L, H, P, D / H) to the scores (V,) of the next token, the
    past with these tokens in it, and the attention weights (L, H, S, P + S).
    """

    def __init__(self, model: gpt2.GPT2):
        super().__init__(name="step")
        self.gpt2 = model

    def call(self, inputs):
        token_ids, past = inputs
        P, S = ops.shape(past)[2], ops.shape(token_ids)[1]
        mask, positions = gpt2.make_attention_mask(S, P + S, P)
        model, present, attention_weights = self.gpt2, [], []
        x = model.token_embedding(token_ids) + model.position_embedding(positions)
        for k, block in enumerate(model.blocks):
            layer = block.attention
            queries, keys, values = layer.split(block.attention_norm(x))
            keys = ops.concatenate([past[2 * k][None], keys], axis=2)
            values = ops.concatenate([past[2 * k + 1][None], values], axis=2)
            weights = layer.compute_attention_weights(queries, keys, mask)
            gathered = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
            x = x + layer.project(ops.reshape(gathered, ops.shape(x)))
            expanded = ops.gelu(block.expand(block.feedforward_norm(x)), approximate=True)
            x = x + block.contract(expanded)
            present += [keys[0], values[0]]
            attention_weights.append(weights[0])
        logits = model.compute_logits(model.final_norm(x[:, -1:]))[0, 0]
        return logits, ops.stack(present), ops.stack(attention_weights)


def multiply(dense: gpt2.Dense, x, training=None):
    """Do what `gpt2.Dense` does, with the weights on the right, where a quantiser seeks them."""
    return ops.matmul(x, ops.transpose(dense.kernel)) + dense.bias


def export_gpt2(path: Path) -> gpt2.GPT2:
    """Write the step as ONNX, once in int8 to compare; return the model."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = load_gpt2(ROOT / "data" / "models" / "gpt2-shakespeare")
    config, call = model.config, gpt2.Dense.call
    L, H = config.num_layers, config.num_heads
    past = keras.InputSpec("float32", (2 * L, H, None, config.hidden_dim // H), name="past")
    token_ids = keras.InputSpec("int32", (1, None), name="token_ids")
    step, gpt2.Dense.call = Step(model), multiply
    step([np.ones((1, 2), "int32"), np.zeros((2 * L, H, 0, config.hidden_dim // H), "float32")])
    signature = [[token_ids, past]]
    step.export(path, format="onnx", verbose=False, input_signature=signature, opset_version=17)
    gpt2.Dense.call = call
    quantize_dynamic(path, path.with_suffix(".int8.onnx"), weight_type=QuantType.QInt8)
    store_half(path)
    return model


def run_once(path: Path, rows: list[list[int]], config: gpt2.GPT2Config) -> np.ndarray:
    """Return the scores after the last token of each text, (B, V)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    first, second = (each.name for each in session.get_inputs())
    H = config.num_heads
    past = np.zeros((2 * config.num_layers, H, 0, config.hidden_dim // H), "float32")
    given = [{first: np.array([row], "int32"), second: past} for row in rows]
    return np.array([session.run(None, each)[0] for each in given])


def check_gpt2(path: Path, model: gpt2.GPT2, lines: list[str]) -> None:
    """Compare ONNX Runtime with Keras, and write what the browser is compared with."""
    tokenizer = load_gpt2_tokenizer(ROOT / "data" / "models" / "gpt2-shakespeare")
    texts = [*lines[: 200 - len(ODD)], *ODD]
    ids = [tokenizer.encode(each) for each in texts]
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    rows = [row or [end] for row in ids]
    wanted = np.array([ops.convert_to_numpy(model(np.array([row])))[0, -1] for row in rows])
    for each in (path, path.with_suffix(".int8.onnx")):
        found, size = run_once(each, rows, model.config), each.stat().st_size / 1e6
        p, q = (ops.convert_to_numpy(ops.softmax(x)) for x in (wanted, found))
        logits, probabilities = np.abs(wanted - found).max(), np.abs(p - q).max()
        same = np.mean(wanted.argmax(axis=1) == found.argmax(axis=1))
        print(f"{each.name}: {size:.1f} MB; on {len(rows)} texts logits differ by {logits:.1e}, "
              f"probabilities by {probabilities:.1e}; same first token in {same:.1%}")  # fmt: skip
        if each == path and not logits < 1e-4:
            sys.exit(f"ONNX Runtime differs from Keras by {logits:.1e}")
    filtered = [filter_logits(wanted[:1], temperature=t, top_k=k, top_p=p) for t, k, p in SETTINGS]
    filtered = [ops.convert_to_numpy(ops.softmax(x))[0].tolist() for x in filtered]
    facts = {"settings": SETTINGS, "scores": wanted[0].tolist(), "filtered": filtered}
    write_expected("gpt2", texts=texts, token_ids=ids, logits=wanted.tolist(), **facts)


def train_unigram(texts: list[str]) -> Tokenizer:
    """Learn 8,000 pieces of the plays.

    Two runs differ by 4e-11 in a score, and in the order of equal ones: scores are rounded, pieces
    are sorted.
    """
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    settings = {"special_tokens": ["<unk>"], "unk_token": "<unk>", "show_progress": False}
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=8000, **settings))
    unknown, *pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
    pieces = sorted(((p, round(score, 4)) for p, score in pieces), key=lambda x: (-x[1], x[0]))
    tokenizer.model = models.Unigram([tuple(unknown), *pieces], unk_id=0)
    return tokenizer


def export_tokenizers(plays: list[str], lines: list[str]) -> dict[str, bytes]:
    """Return the vocabularies of the three tokenisers; write what they make of 200 texts."""
    bpe = load_gpt2_tokenizer().backend_tokenizer
    wordpiece, unigram = read_minilm()[0], train_unigram(plays)
    wordpiece.no_truncation()
    texts = [*lines[: 200 - len(ODD)], *ODD]
    facts = {
        name: [tokenizer.encode(each, add_special_tokens=False).ids for each in texts]
        for name, tokenizer in {"bpe": bpe, "wordpiece": wordpiece, "unigram": unigram}.items()
    }
    write_expected("tokenizers", texts=texts, **facts)
    pieces = json.loads(unigram.to_str())["model"]["vocab"]
    vocabulary = wordpiece.get_vocab()
    return {
        **{name: path.read_bytes() for name, path in fetch("gpt2-vocabulary").items()},
        "wordpiece.txt": "\n".join(sorted(vocabulary, key=vocabulary.get)).encode(),
        "unigram.json": json.dumps(pieces).encode(),
    }


def main(folder: Path) -> None:
    """Write the scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "unquotable.json").write_text(json.dumps(list_unquotable()), encoding="utf8")
    names = ["ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]
    files = {name: (RUNTIME / name).read_bytes() for name in names}
    rules = json.dumps(list_rules()).encode()
    write_script(folder / "runtime.packed.js", files | {"rules.json": rules})
    write_script(folder / "sentiment.packed.js", export_sentiment())
    write_script(folder / "translation.packed.js", export_translation())
    plays = load_shakespeare()
    lines = [line for play in plays["test"].values() for line in play.splitlines() if line.strip()]
    path = BUILD / "gpt2.onnx"
    check_gpt2(path, export_gpt2(path), lines)
    source = fetch("gpt2-shakespeare")
    files = {name: source[name].read_bytes() for name in ("vocab.json", "merges.txt")}
    write_script(folder / "gpt2.packed.js", {"model.onnx": path.read_bytes()} | files)
    pieces = export_tokenizers(list(plays["train"].values()), lines)
    write_script(folder / "tokenizers.packed.js", pieces)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
