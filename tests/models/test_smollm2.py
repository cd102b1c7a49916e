"""Llamas from GGUF and the hub, SmolLM2's tokenizer, chat and text; `transformers` is the judge.

What `transformers` says is kept in smollm2.json; `python tests/models/test_smollm2.py` renews it,
and where PyTorch is, a test asks again.
"""

import collections
import dataclasses
import hashlib
import importlib.util
import json
import random
import sys
from pathlib import Path

import gguf
import jinja2
import numpy as np
import pytest
import safetensors.numpy
from keras import ops

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils.decoding.serving import LlamaWriter
from utils.models import smollm2
from utils.models.checkpoints import CheckpointError

KEPT = Path(__file__).with_name("smollm2.json")
NEEDS_TORCH = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")

# Small Llamas, as the hub keeps them

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 41,
    "max_position_embeddings": 64,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "intermediate_size": 20,
    "rope_theta": 50.0,
    "rms_norm_eps": 1e-4,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
}
SMALL = {
    "tied": {},
    "one key head": {"num_attention_heads": 3, "num_key_value_heads": 1},
    "a key head each": {"num_attention_heads": 2, "num_key_value_heads": 2, "rope_theta": 1e5},
    "untied": {"tie_word_embeddings": False},
}
TOKENS = [[1, 2, 3, 40, 0, 7, 7, 9, 30, 11]]


def make_arrays(config):
    """Return weights under their names on the hub, large enough for every part to matter."""
    D, F, V = (config[name] for name in ("hidden_size", "intermediate_size", "vocab_size"))
    shared = D // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"query": (D, D), "key": (shared, D), "value": (shared, D), "project": (D, D)}
    shapes |= {"gate": (F, D), "up": (F, D), "down": (D, F), "tokens": (V, D), "output": (V, D)}
    draw, arrays = np.random.default_rng(0), {}
    for part, (_, name) in smollm2.NAMES.items():
        for k in range(config["num_hidden_layers"] if "{}" in name else 1):
            shape = shapes.get(part, (D,))
            array = draw.random(shape, "float32") - (0.5 if len(shape) > 1 else 0.0)
            arrays[name.format(k) + ".weight"] = np.round(array * 256) / 256  # exact in float16
    if config["tie_word_embeddings"]:
        del arrays["lm_head.weight"]
    return arrays


def write_folder(folder, arrays=None, **changes):
    config = {key: value for key, value in (CONFIG | changes).items() if value is not None}
    arrays = make_arrays(CONFIG | changes) if arrays is None else arrays
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    safetensors.numpy.save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def store_as_bfloat16(path):
    """Cut the numbers of a safetensors file to their first half."""
    arrays, header, numbers = safetensors.numpy.load_file(path), {}, b""
    for name, array in arrays.items():
        half = (array.astype("float32").view("uint32") >> 16).astype("uint16").tobytes()
        first, end = len(numbers), len(numbers) + len(half)
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [first, end]}
        numbers += half
    header = json.dumps(header).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers)


def write_gguf(path, kind=gguf.GGMLQuantizationType.F32, facts=None, **changes):
    """Write the same weights as `write_folder`, with the pairs of queries and keys side by side."""
    config = CONFIG | changes
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    for name, value in (facts or {}).items():
        writer.add_string(name, value) if isinstance(value, str) else writer.add_uint32(name, value)
    names = {hub: (part, own) for part, (own, hub) in smollm2.NAMES.items()}
    H = config["hidden_size"] // config["num_attention_heads"]
    for name, array in make_arrays(config).items():
        k = next((word for word in name.split(".") if word.isdigit()), None)
        place = name.removesuffix(".weight").replace(f".{k}.", ".{}.")
        part, own = names[place]
        if part in ("query", "key"):  # rows 0, H / 2, 1, H / 2 + 1, ... of each head
            order = np.arange(len(array)).reshape(-1, 2, H // 2).swapaxes(1, 2).ravel()
            array = array[order]
        kept = gguf.GGMLQuantizationType.F32 if array.ndim == 1 else kind
        stored = gguf.quants.quantize(array, kept)
        writer.add_tensor(own.format(k) + ".weight", stored, raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def score(model, token_ids):
    return ops.convert_to_numpy(model(np.array(token_ids, "int32")))


@pytest.fixture(scope="module")
def kept():
    return json.loads(KEPT.read_text(encoding="utf8"))


@pytest.mark.parametrize("name", SMALL)
def test_scores_are_those_of_transformers_from_either_format(name, tmp_path, kept):
    folder = write_folder(tmp_path / "hub", **SMALL[name])
    path = write_gguf(tmp_path / "small.gguf", **SMALL[name])
    for source in (folder, path):
        found = score(smollm2.load_llama(source), TOKENS)
        np.testing.assert_allclose(found, kept["small"][name], atol=2e-5)
    assert smollm2.load_llama(folder).config == dataclasses.replace(
        smollm2.load_llama(path).config, epsilon=1e-4
    )


def test_half_as_many_bits_are_read(tmp_path, kept):
    folder = write_folder(tmp_path / "hub")
    store_as_bfloat16(folder / "model.safetensors")  # eight bits are exact
    np.testing.assert_allclose(
        score(smollm2.load_llama(folder), TOKENS), kept["small"]["tied"], atol=2e-5
    )
    arrays = {name: array.astype("float16") for name, array in make_arrays(CONFIG).items()}
    model = smollm2.load_llama(write_folder(tmp_path / "half", arrays))
    np.testing.assert_allclose(score(model, TOKENS), kept["small"]["tied"], atol=2e-5)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1", "F16"])
def test_quantised_arrays_are_read_as_the_package_reads_them(tmp_path, kind):
    kind = gguf.GGMLQuantizationType[kind]
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 2}
    path = write_gguf(tmp_path / "small.gguf", kind, num_key_value_heads=1, **sizes)
    model, checkpoint = smollm2.load_llama(path), smollm2.GGUFFile(path)
    for tensor in gguf.GGUFReader(path).tensors:
        wanted = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(checkpoint.read(tensor.name), wanted)
        assert tensor.tensor_type == kind or wanted.ndim == 1
    table = ops.convert_to_numpy(model.token_embedding.embeddings)
    assert np.array_equal(table, checkpoint.read("token_embd.weight"))


def spoil(name, change):
    return lambda arrays: arrays | {name: change(arrays[name])}


def drop(name):
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


KEY, HEAD = "model.layers.1.self_attn.k_proj.weight", "lm_head.weight"
TOKEN_TABLE = "model.embed_tokens.weight"
DAMAGED = {
    "missing": (drop(KEY), {}, "lacks 'model.layers.1.self_attn.k_proj.weight'"),
    "shape": (spoil(KEY, lambda a: a[:-1].copy()), {}, r"shape \(11, 24\).* it is \(12, 24\)"),
    "not a number": (spoil(KEY, lambda a: a * np.nan), {}, "holds what is no number"),
    "foreign": (lambda a: a | {"a.bias": a[KEY]}, {}, "'a.bias', which a Llama does not have"),
    "other head": (lambda a: a | {HEAD: a[TOKEN_TABLE] + 1}, {}, "an output of its own"),
    "no head": (dict, {"tie_word_embeddings": None}, "lacks 'lm_head.weight'"),
    "whole numbers": (spoil(KEY, lambda a: a.astype("int8")), {}, "of type I8"),
    "quantised": (dict, {"quantization_config": {"bits": 4}}, "quantization_config is"),
    "scaled": (dict, {"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling is"),
    "scaled anew": (dict, {"rope_parameters": {"rope_type": "yarn"}}, "rope_scaling is"),
    "bias": (dict, {"attention_bias": True}, "attention_bias is True, not False"),
    "no dropout here": (dict, {"attention_dropout": 0.1}, "attention_dropout is 0.1, not 0"),
    "no heads": (dict, {"num_key_value_heads": 0}, "must be a whole number above 0"),
    "no turns": (dict, {"rope_theta": 0}, "rope_base must be above 1"),
    "no size": (dict, {"head_dim": 0}, "head_dim is 0, not 4"),
    "head size": (dict, {"head_dim": 8}, "head_dim is 8, not 4"),
    "other model": (dict, {"model_type": "gpt2"}, "model_type is 'gpt2', not 'llama'"),
    "tied how?": (dict, {"tie_word_embeddings": "false"}, "tie_embeddings must be True or False"),
    "half a config": (dict, {"vocab_size": None}, "lacks 'vocab_size'"),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_what_is_no_whole_llama_is_refused(fault, tmp_path):
    change, changes, said = DAMAGED[fault]
    folder = write_folder(tmp_path / "hub", change(make_arrays(CONFIG)), **changes)
    with pytest.raises(CheckpointError, match=said):
        smollm2.load_llama(folder)


def test_a_copy_of_the_tied_table_is_harmless(tmp_path, kept):
    arrays = make_arrays(CONFIG)
    folder = write_folder(tmp_path / "hub", arrays | {HEAD: arrays[TOKEN_TABLE].copy()})
    found = score(smollm2.load_llama(folder), TOKENS)
    np.testing.assert_allclose(found, kept["small"]["tied"], atol=2e-5)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"llama.rope.dimension_count": 2}, "rope.dimension_count is 2, not 4"),
        ({"llama.rope.scaling.type": "yarn"}, "rope.scaling.type is 'yarn', not 'none'"),
        ({"llama.expert_count": 8}, "expert_count is 8, not 0"),
    ],
)
def test_another_design_in_gguf_is_refused(facts, said, tmp_path):
    with pytest.raises(CheckpointError, match=said):
        smollm2.load_llama(write_gguf(tmp_path / "small.gguf", facts=facts))


def test_damaged_files_are_refused(tmp_path):
    path = write_gguf(tmp_path / "small.gguf")
    whole = path.read_bytes()
    for content in (b"version https://git-lfs.github.com/spec/v1\n", b"", b"GGUF"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="is no (whole )?GGUF file"):
            smollm2.load_llama(path)
    for size in (100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="truncated|no whole GGUF"):
            smollm2.load_llama(path)
    with pytest.raises(CheckpointError, match="no whole GGUF file"):
        smollm2.load_llama(tmp_path / "absent.gguf")
    folder = write_folder(tmp_path / "hub")
    weights = folder / "model.safetensors"
    for size in (4, 100, weights.stat().st_size - 1):
        whole = write_folder(folder).joinpath("model.safetensors").read_bytes()
        weights.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="damaged or truncated"):
            smollm2.load_llama(folder)
    twice = write_folder(tmp_path / "twice")
    header = (twice / "model.safetensors").read_bytes()
    header = header.replace(b"layers.1.input_layernorm", b"layers.0.input_layernorm")
    (twice / "model.safetensors").write_bytes(header)
    with pytest.raises(CheckpointError, match="layers.0.input_layernorm.weight' is there twice"):
        smollm2.load_llama(twice)
    content = (weights := write_folder(folder) / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header[KEY]["data_offsets"][1] -= 4  # half of another array would be read
    header = json.dumps(header).encode().ljust(size)
    weights.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])
    with pytest.raises(CheckpointError, match="k_proj.weight' has another size than its shape"):
        smollm2.load_llama(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="no whole config.json"):
        smollm2.load_llama(folder)


# The model itself: its file is one of the course's data


def test_too_little_memory_is_said_before_anything_is_loaded(monkeypatch):
    Memory = collections.namedtuple("Memory", ["available"])
    monkeypatch.setattr(smollm2.psutil, "virtual_memory", lambda: Memory(0.9e9))
    monkeypatch.setattr(smollm2, "fetch", lambda name: pytest.fail("it loads"))
    with pytest.raises(RuntimeError, match=r"needs .* GB of free memory, here are 0.9"):
        smollm2.load_smollm2()
    with monkeypatch.context() as lacking:
        lacking.setattr(smollm2.importlib.util, "find_spec", lambda name: None)
        assert "the package gguf, which is not installed" in smollm2.explain_missing()
    monkeypatch.setattr(smollm2.psutil, "virtual_memory", lambda: Memory(4e9))
    assert smollm2.explain_missing() == ""


PARTS = [
    *("The quick brown fox", " jumps over", " the lazy dog. ", "I'm", " you'll", " it's", "DON'T"),
    *("L’été", " où l’on", " déjà vu ; ", "Straße", " über Größe", "¿Qué", " mañana? ", "Привет"),
    *(" мир", "ё", "Γειά σου", " κόσμε", "你好", "世界。", "こんにちは", "ｶﾞ", "한국어", "مرحبا"),
    *(" بالعالم", "नमस्ते", " दुनिया", "שלום", "🙂", "👩‍👩‍👧", "🇫🇷", "❤️", "e\u0301", "ﬁ", "Ⅷ", "½"),
    *("1", "42", "2024", "3.14159", "1,000,000", "٤٢", "५", "x2", "\n", "\n\n", " ", "  ", "    "),
    *(
        "\t",
        "\r\n",
        "\u00a0",
        "\u2003",
        "\u200b",
        "\x00",
        "\x1b[0m",
        "def f(x):\n    return x ** 2",
    ),
    *(
        "for (int i = 0; i < n; ++i) {",
        "}\n",
        "<p class='a'>",
        "</p>",
        "SELECT * FROM t;",
        "C:\\\\",
    ),
    *("https://example.org/?q=a%20b#c", "a_b", "camelCase", "$\\alpha^2$", "# Title\n", "- item\n"),
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|im_",
        "!!!",
        "...",
        "…",
        "—",
        "'",
        '"',
        "`",
    ),
]


def make_texts(count=2000):
    """Return texts of eleven languages, emoji, code, numbers and blanks, at random."""
    draw = random.Random(0)
    texts = [draw.choices(PARTS, k=draw.randint(1, 12)) for _ in range(count)]
    return [("" if k % 2 else " ").join(parts) for k, parts in enumerate(texts)]


def hash_ids(rows):
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def drop_numbers(text):
    """Leave out what `transformers` cuts otherwise: of a GGUF file, it does not read the rule."""
    return "".join(letter for letter in text if not letter.isnumeric())


CHAT = [
    {"role": "user", "content": "What is two plus two?"},
    {"role": "assistant", "content": "Four."},
    {"role": "user", "content": "And three plus three? Answer with one word."},
]
PROMPTS = [
    "The capital of France is",
    "def factorial(n):\n",
    smollm2.format_chat("Give me three synonyms of happy."),
    smollm2.format_chat(CHAT),
]


@pytest.fixture(scope="module")
def smol():
    return smollm2.load_smollm2()


def test_tokens_are_those_of_transformers(smol, kept):
    tokenizer, texts = smol[0], make_texts()
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    assert hash_ids(ids) == kept["tokens"]
    plain = tokenizer.encode_batch([drop_numbers(text) for text in texts])
    assert hash_ids([encoding.ids for encoding in plain]) == kept["tokens without numbers"]
    assert tokenizer.encode("in 2018").tokens == ["in", "Ġ", "2", "0", "1", "8"]
    decoded = tokenizer.decode_batch(ids, skip_special_tokens=False)
    assert decoded == texts and len(set(texts)) > 1900


def test_the_template_is_that_of_the_file(kept):
    (path,) = smollm2.fetch(smollm2.NAME).values()
    template = jinja2.Template(smollm2.GGUFFile(path).facts["tokenizer.chat_template"])
    system = [{"role": "system", "content": "Be brief."}]
    for messages in (CHAT, CHAT[:1], system + CHAT):
        wanted = template.render(messages=messages, add_generation_prompt=True)
        assert smollm2.format_chat(messages) == wanted
    for wrong in ({"role": "tool", "content": ""}, {"role": "user", "content": "a<|im_end|>"}):
        with pytest.raises(ValueError, match="a turn is "):
            smollm2.format_chat([wrong])


@pytest.mark.parametrize(
    "messages",
    [[], ["Hello"], {"role": "user", "content": "Hello"}, [{"role": "user"}], [CHAT]]
    + [[{"role": "user", "content": c}] for c in (None, ["Hello"], 5)]
    + [[CHAT[0] | {"name": "Ann"}]],
)
def test_what_is_no_dialogue_is_refused(messages):
    with pytest.raises(ValueError, match="a turn is|at least one turn"):
        smollm2.format_chat(messages)


def test_a_vocabulary_that_contradicts_itself_is_refused(tmp_path):
    checkpoint = smollm2.GGUFFile(write_gguf(tmp_path / "small.gguf"))
    key, facts = "tokenizer.ggml.", checkpoint.facts
    facts |= {f"{key}model": "gpt2", f"{key}pre": "smollm", f"{key}tokens": ["a", "b", "a"]}
    with pytest.raises(CheckpointError, match="lacks tokenizer.ggml.merges"):
        checkpoint.read_tokenizer()
    facts |= {f"{key}merges": [], f"{key}token_type": [1, 1, 1]}
    with pytest.raises(CheckpointError, match="3 tokens, 2 of them different"):
        checkpoint.read_tokenizer()
    path = write_gguf(tmp_path / "twice.gguf", facts={"llama.x": 1, "llama.y": 2})
    path.write_bytes(path.read_bytes().replace(b"llama.y", b"llama.x"))
    with pytest.raises(CheckpointError, match="'llama.x' is there twice"):
        smollm2.GGUFFile(path)


def test_logits_and_text_are_those_of_transformers(smol, kept):
    tokenizer, model = smol
    assert model.count_params() == 134_515_008
    writer = LlamaWriter(model, tokenizer=tokenizer)
    for prompt, wanted in zip(PROMPTS, kept["answers"], strict=True):
        ids = tokenizer.encode(prompt).ids
        assert ids == wanted["prompt"]
        text = [*ids, *wanted["text"]]
        logits = score(model, [text])[0, len(ids) - 1 :]
        found = np.take_along_axis(logits, np.array(wanted["best"]), axis=-1)
        assert np.abs(found - wanted["logits"]).max() < 5e-4
        gaps = np.diff(wanted["logits"], axis=-1)[:, 0]
        certain = np.abs(gaps).tolist() + [0.0]
        sure = next(k for k, gap in enumerate(certain) if gap < 1e-3)  # the first near tie
        best = [row[0] for row in wanted["best"]][:sure]
        new = list(writer.build_generator().stream([ids], max(sure, 1)))
        assert [int(row[0]) for row in new][:sure] == best[: len(new)] and sure >= 3
    assert "Paris" in writer.generate("The capital of France is", max_new_tokens=4)
    assert writer.answer(CHAT) == tokenizer.decode(kept["answers"][-1]["text"])


# The judge


def ask_transformers(tmp_path):
    """Return what `transformers` says, as smollm2.json keeps it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = {"small": {}, "answers": []}
    for name, changes in SMALL.items():
        model = AutoModelForCausalLM.from_pretrained(write_folder(tmp_path / name, **changes))
        with torch.no_grad():
            logits = model.eval()(torch.tensor(TOKENS)).logits
        found["small"][name] = np.round(logits.numpy().astype("float64"), 6).tolist()
    tokenizer, model = smollm2.load_with_transformers()
    ((name, path),) = smollm2.fetch(smollm2.NAME).items()
    raw, plain = (
        AutoTokenizer.from_pretrained(path.parent, gguf_file=name),
        {"add_special_tokens": False},
    )
    found["tokens"] = hash_ids(tokenizer(make_texts(), **plain)["input_ids"])
    texts = [drop_numbers(text) for text in make_texts()]
    found["tokens without numbers"] = hash_ids(raw(texts, **plain)["input_ids"])
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        settings = {"do_sample": False, "max_new_tokens": 24, "pad_token_id": 2}
        with torch.no_grad():
            text = model.generate(**ids, **settings)
            logits = model(text[:, :-1]).logits[0, ids["input_ids"].shape[1] - 1 :]
        best = logits.topk(4, dim=-1)
        new = text[0, ids["input_ids"].shape[1] :].tolist()
        row = {"prompt": ids["input_ids"][0].tolist(), "text": new[:-1]}
        row |= {"best": best.indices.tolist()}
        row["logits"] = np.round(best.values.numpy().astype("float64"), 5).tolist()
        found["answers"].append(row)
    return found


@NEEDS_TORCH
def test_transformers_still_says_what_is_kept(tmp_path, kept, capfd):
    found = ask_transformers(tmp_path)
    for name, logits in kept["small"].items():
        np.testing.assert_allclose(found["small"][name], logits, atol=1e-5)
    assert all(found[key] == kept[key] for key in ("tokens", "tokens without numbers"))
    for row, wanted in zip(found["answers"], kept["answers"], strict=True):
        assert row["prompt"] == wanted["prompt"] and row["text"][:4] == wanted["text"][:4]
        np.testing.assert_allclose(row["logits"][:4], wanted["logits"][:4], atol=1e-3)
    assert "GGUF" not in capfd.readouterr().err  # its progress bar has no switch of its own


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        said = json.dumps(ask_transformers(Path(folder)), separators=(",", ":"))
    KEPT.write_text(said.replace("],[", "],\n[") + "\n", encoding="utf8")
