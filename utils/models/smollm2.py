"""SmolLM2-135M-Instruct, a small language model that was taught to answer; and other Llamas.

Its file is in the GGUF format, with 4 bits a number; other checkpoints are in the safetensors
format of the Hugging Face hub. Both become a `utils.models.llama.Llama`.

Reference:
    Ben Allal et al. 2025, SmolLM2: When Smol Goes Big. The GGUF format:
    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import dataclasses
import importlib.util
import struct
from pathlib import Path
from unittest import mock

import numpy as np
import psutil

from utils.data.registry import fetch
from utils.models.checkpoints import (
    CheckpointError,
    find_checkpoint,
    list_weight_files,
    parse_json,
    read_json,
    read_tokenizer_file,
)
from utils.models.llama import Llama, LlamaConfig

NAME = "smollm2-135m"
MEMORY_GB = 1.5  # free memory that loading and writing take, with some to spare
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
ROLES, CONTROLS = ("system", "user", "assistant"), ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
NAMES = {  # of the weights: in GGUF, on the hub
    "tokens": ("token_embd", "model.embed_tokens"),
    "final_norm": ("output_norm", "model.norm"),
    "output": ("output", "lm_head"),
    "attention_norm": ("blk.{}.attn_norm", "model.layers.{}.input_layernorm"),
    "query": ("blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"),
    "key": ("blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"),
    "value": ("blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"),
    "project": ("blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"),
    "feedforward_norm": ("blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"),
    "gate": ("blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"),
    "up": ("blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"),
    "down": ("blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"),
}


def explain_missing() -> str:
    """Say in a sentence why this machine cannot run the model; "" if it can. Nothing is loaded."""
    if importlib.util.find_spec("gguf") is None:
        return "SmolLM2 needs the package gguf, which is not installed: python -m pip install gguf"
    free = psutil.virtual_memory().available / 1e9
    if free < MEMORY_GB:
        return f"SmolLM2 needs {MEMORY_GB} GB of free memory, here are {free:.1f}: close programs"
    return ""


def load_smollm2(**changes) -> tuple:
    """Return tokenizer and model; the weights are float32, 0.5 GB.

    Args:
        changes: of the configuration.

    Raises:
        RuntimeError: this machine lacks something, see `explain_missing`; nothing was loaded.
        utils.data.downloads.DataError: the file could not be had.
    """
    if missing := explain_missing():
        raise RuntimeError(missing)
    (path,) = fetch(NAME).values()
    checkpoint = GGUFFile(path)
    return checkpoint.read_tokenizer(), build_llama(checkpoint, **changes)


def load_with_transformers() -> tuple:
    """Return tokenizer and model of `transformers`, to compare with; float32, on PyTorch.

    Raises:
        ImportError: PyTorch, `gguf` or `accelerate` is missing (`make torch` installs them).
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils

    ((name, path),) = fetch(NAME).items()
    place = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": name}
    quiet = mock.patch.object(modeling_gguf_pytorch_utils, "tqdm", lambda items, **_: items)
    with quiet:  # its progress bar has no switch
        tokenizer = AutoTokenizer.from_pretrained(**place, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    tokenizer.backend_tokenizer.pre_tokenizer = split_digits()  # a GGUF's rule is not read
    return tokenizer, model.eval()


def load_llama(source: str | Path, **changes) -> Llama:
    """Build a Llama with the weights of a checkpoint.

    Args:
        source: a GGUF file, a folder with config.json and safetensors, or a name on the hub such
            as "HuggingFaceTB/SmolLM2-135M-Instruct".
        changes: of the configuration.

    Raises:
        CheckpointError: the checkpoint cannot be had, is damaged, or is not one of a Llama.
    """
    return build_llama(open_checkpoint(source), **changes)


def build_llama(checkpoint, **changes) -> Llama:
    """Build a Llama with the weights of a `GGUFFile` or `HubFolder`; see `load_llama`."""
    config = dataclasses.replace(checkpoint.read_config(), **changes)
    # Drawing a hundred million numbers to throw them away takes longer than reading the file.
    model = Llama(dataclasses.replace(config, initializer_range=0.0), name="llama")
    read_weights(model, checkpoint)
    model.config = config
    return model


def open_checkpoint(source: str | Path):
    """Return the `GGUFFile` or `HubFolder` of a path, or of a name on the hub."""
    if Path(source).suffix == ".gguf":
        return GGUFFile(source)
    return HubFolder(find_checkpoint(source))


def read_weights(model: Llama, checkpoint) -> None:
    """Give a model the weights of a checkpoint; one at a time is in memory twice.

    Raises:
        CheckpointError: its weights are not those of this model, or are no numbers.
    """
    config, left = model.config, set(checkpoint.arrays)
    D, F, V = config.hidden_dim, config.feedforward_dim, config.vocabulary_size
    heads, shared = config.num_heads * config.head_dim, config.num_key_value_heads * config.head_dim

    def read(part: str, k=None, *, shape: tuple) -> np.ndarray:
        name = checkpoint.name(part).format(k) + ".weight"
        if name not in left:
            raise CheckpointError(f"{checkpoint.path} lacks {name!r}")
        left.remove(name)
        if checkpoint.arrays[name][0] != shape:
            raise CheckpointError(
                f"{name!r} in {checkpoint.path} has shape {checkpoint.arrays[name][0]}; by the "
                f"configuration it is {shape}"
            )
        array = checkpoint.read(name)
        if not np.isfinite(array.sum()):
            raise CheckpointError(f"{name!r} in {checkpoint.path} holds what is no number")
        return checkpoint.order(part, array, config)

    model.token_embedding.embeddings.assign(read("tokens", shape=(V, D)))
    for k, block in enumerate(model.blocks):
        attention = block.attention
        block.attention_norm.scale.assign(read("attention_norm", k, shape=(D,)))
        rows = [("query", heads), ("key", shared), ("value", shared)]
        parts = [read(part, k, shape=(size, D)) for part, size in rows]
        attention.query_key_value.kernel.assign(np.concatenate(parts))
        attention.project.kernel.assign(read("project", k, shape=(D, D)))
        block.feedforward_norm.scale.assign(read("feedforward_norm", k, shape=(D,)))
        parts = [read(part, k, shape=(F, D)) for part in ("gate", "up")]
        block.gate_and_up.kernel.assign(np.concatenate(parts))
        block.down.kernel.assign(read("down", k, shape=(D, F)))
    model.final_norm.scale.assign(read("final_norm", shape=(D,)))
    output = checkpoint.name("output") + ".weight"
    if not config.tie_embeddings:
        model.token_embedding.reverse_embeddings.assign(read("output", shape=(V, D)).T)
    elif output in left and np.array_equal(  # a copy is harmless
        read("output", shape=(V, D)), model.token_embedding.embeddings
    ):
        left.discard(output)
    elif output not in left and output in checkpoint.arrays:
        raise CheckpointError(
            f"{checkpoint.path} holds an output of its own, {output!r}, and says that it is that "
            "of the tokens (tie_word_embeddings)"
        )
    if left:
        raise CheckpointError(f"{checkpoint.path} holds {min(left)!r}, which a Llama does not have")


# GGUF: one file with everything, read without the package's own reader, which takes 3 seconds and
# 170 MB for the vocabulary


class GGUFFile:
    """A GGUF file: `facts`, and `arrays` that are read one by one.

    Args:
        path: of the file.

    Raises:
        CheckpointError: the file is none, or is truncated.
    """

    SCALARS = dict(zip([*range(8), 10, 11, 12], "BbHhIif?Qqd", strict=True))  # type: struct's letter

    def __init__(self, path: str | Path):
        from gguf import GGMLQuantizationType
        from gguf.quants import quant_shape_to_byte_shape

        self.path, self.arrays, self.facts = Path(path), {}, {}
        try:
            with open(path, "rb") as self.file:
                magic, version, num_arrays, num_facts = struct.unpack("<4sIQQ", self.file.read(24))
                if magic != b"GGUF" or version not in (2, 3):
                    raise CheckpointError(f"{path} is no GGUF file of version 2 or 3")
                for _ in range(num_facts):
                    name = self._read_text()
                    if name in self.facts:
                        raise ValueError(f"{name!r} is there twice")
                    self.facts[name] = self._read_value(self._read_scalar("I"))
                infos = []
                for _ in range(num_arrays):
                    name = self._read_text()
                    shape = [self._read_scalar("Q") for _ in range(self._read_scalar("I"))][::-1]
                    kind = GGMLQuantizationType(self._read_scalar("I"))
                    infos.append((name, tuple(shape), kind, self._read_scalar("Q")))
                step = self.facts.get("general.alignment", 32)
                start = -(-self.file.tell() // step) * step
        except (OSError, struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} is no whole GGUF file ({error})") from None
        for name, shape, kind, offset in infos:
            rows = quant_shape_to_byte_shape(shape, kind)
            if start + offset + np.prod(rows) > self.path.stat().st_size:
                raise CheckpointError(f"{path} is truncated: {name!r} is not all there")
            if name in self.arrays:
                raise CheckpointError(f"{path} holds {name!r} twice")
            self.arrays[name] = shape, kind, rows, start + offset

    def _read_scalar(self, letter: str):
        return struct.unpack(f"<{letter}", self.file.read(struct.calcsize(f"<{letter}")))[0]

    def _read_text(self) -> str:
        size = self._read_scalar("Q")
        content = self.file.read(size)
        if len(content) < size:
            raise ValueError("truncated")
        return content.decode("utf8")

    def _read_value(self, kind: int):
        if kind == 8:
            return self._read_text()
        if kind == 9:
            kind, size = self._read_scalar("I"), self._read_scalar("Q")
            return [self._read_value(kind) for _ in range(size)]
        return self._read_scalar(self.SCALARS[kind])

    def read_config(self) -> LlamaConfig:
        """Return the sizes of the model."""
        facts, missing = self.facts, object()

        def find(name, default=missing):
            if (value := facts.get(f"llama.{name}", default)) is missing:
                raise CheckpointError(f"{self.path} is not a Llama: it lacks llama.{name}")
            return value

        if facts.get("general.architecture") != "llama":
            raise CheckpointError(
                f"{self.path} is not a Llama: its architecture is "
                f"{facts.get('general.architecture')!r}"
            )
        N = find("attention.head_count")
        config = LlamaConfig(
            vocabulary_size=find("vocab_size", len(facts.get("tokenizer.ggml.tokens", []))),
            context_length=find("context_length"),
            hidden_dim=find("embedding_length"),
            num_layers=find("block_count"),
            num_heads=N,
            num_key_value_heads=find("attention.head_count_kv", N),
            feedforward_dim=find("feed_forward_length"),
            rope_base=find("rope.freq_base", 10_000.0),
            epsilon=find("attention.layer_norm_rms_epsilon"),
            tie_embeddings=self.name("output") + ".weight" not in self.arrays,
        )
        fixed = {"rope.dimension_count": config.head_dim, "attention.key_length": config.head_dim}
        fixed |= {"rope.scaling.type": "none", "expert_count": 0}
        for name, wanted in fixed.items():
            if (value := find(name, wanted)) != wanted:
                raise CheckpointError(f"{self.path}: llama.{name} is {value!r}, not {wanted!r}")
        return config

    def name(self, part: str) -> str:
        """Return what a weight is called here."""
        return NAMES[part][0]

    def read(self, name: str) -> np.ndarray:
        """Return an array, as float32."""
        from gguf.quants import dequantize

        _, kind, rows, offset = self.arrays[name]
        stored = np.fromfile(self.path, "uint8", int(np.prod(rows)), offset=offset)
        try:
            return dequantize(stored.reshape(rows), kind).astype("float32", copy=False)
        except NotImplementedError:
            raise CheckpointError(
                f"{name!r} in {self.path} is of type {kind.name}, which cannot be read"
            ) from None

    def order(self, part: str, array: np.ndarray, config: LlamaConfig) -> np.ndarray:
        """Return an array with its rows in the order of `utils.models.llama`: they are."""
        return array

    def read_tokenizer(self):
        """Return the byte-level BPE of SmolLM2, which cuts numbers into digits."""
        from tokenizers import Tokenizer, decoders, models

        model, rule = (self.facts.get(f"tokenizer.ggml.{key}") for key in ("model", "pre"))
        if (model, rule) != ("gpt2", "smollm"):
            raise CheckpointError(
                f"{self.path} has the tokenizer ({model!r}, {rule!r}), not ('gpt2', 'smollm')"
            )
        names = [f"tokenizer.ggml.{key}" for key in ("tokens", "merges", "token_type")]
        if missing := [name for name in names if name not in self.facts]:
            raise CheckpointError(f"{self.path} lacks {missing[0]}")
        tokens, merges, kinds = (self.facts[name] for name in names)
        vocabulary = {token: k for k, token in enumerate(tokens)}
        if not len(vocabulary) == len(tokens) == len(kinds):
            sizes = f"{len(tokens)} tokens, {len(vocabulary)} of them different"
            raise CheckpointError(f"{self.path} has {sizes}, and {len(kinds)} types of tokens")
        tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(pair.split(" ")) for pair in merges]))
        tokenizer.pre_tokenizer = split_digits()
        tokenizer.decoder = decoders.ByteLevel()
        control = 3
        named = zip(tokens, kinds, strict=True)
        tokenizer.add_special_tokens([token for token, kind in named if kind == control])
        return tokenizer


# The hub: a folder with config.json, safetensors and tokenizer.json


class HubFolder:
    """A folder of the Hugging Face hub: `facts`, and `arrays` that are read one by one.

    Args:
        path: of the folder.

    Raises:
        CheckpointError: a file is missing or truncated.
    """

    DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
    FIXED = {  # what config.json says of any Llama that this course can compute
        "model_type": ("llama",),
        "hidden_act": ("silu",),
        "attention_bias": (False, None),
        "attention_dropout": (0, None),
        "mlp_bias": (False, None),
        "quantization_config": (None,),
        "rope_scaling": (None,),
    }

    def __init__(self, path: str | Path):
        self.path, self.arrays = Path(path), {}
        try:
            self.facts = dict(read_json(self.path / "config.json"))
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} has no whole config.json ({error})") from None
        for file in list_weight_files(self.path):
            try:
                with open(file, "rb") as stream:
                    (size,) = struct.unpack("<Q", stream.read(8))
                    header = parse_json(stream.read(size))
                header.pop("__metadata__", None)
                for name, entry in header.items():
                    first, end = (8 + size + offset for offset in entry["data_offsets"])
                    found = tuple(entry["shape"]), entry["dtype"], file, first
                    if name in self.arrays or end > file.stat().st_size:
                        raise ValueError(f"{name!r} is twice there, or not all there")
                    width = np.dtype(self.DTYPES.get(entry["dtype"], "V0")).itemsize
                    if width and end - first != width * np.prod(entry["shape"]):
                        raise ValueError(f"{name!r} has another size than its shape says")
                    self.arrays[name] = found
            except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
                raise CheckpointError(f"{file} is damaged or truncated ({error})") from None

    def read_config(self) -> LlamaConfig:
        """Return the sizes of the model."""
        facts = {key: fact for key, fact in self.facts.items() if fact is not None}
        rope = facts.get("rope_parameters") or {}
        if rope.get("rope_type", "default") != "default":
            facts["rope_scaling"] = rope
        try:
            for key, allowed in self.FIXED.items():
                default = allowed[0] if key != "model_type" else None
                if facts.get(key, default) not in allowed:
                    raise ValueError(f"{key} is {facts.get(key)!r}, not {allowed[0]!r}")
            N = facts["num_attention_heads"]
            config = LlamaConfig(
                vocabulary_size=facts["vocab_size"],
                context_length=facts["max_position_embeddings"],
                hidden_dim=facts["hidden_size"],
                num_layers=facts["num_hidden_layers"],
                num_heads=N,
                num_key_value_heads=facts.get("num_key_value_heads", N),
                feedforward_dim=facts["intermediate_size"],
                rope_base=float(rope.get("rope_theta", facts.get("rope_theta", 10_000.0))),
                epsilon=float(facts["rms_norm_eps"]),
                tie_embeddings=facts.get("tie_word_embeddings", False),
                initializer_range=facts.get("initializer_range", 0.02),
            )
            if facts.get("head_dim", config.head_dim) != config.head_dim:
                raise ValueError(f"head_dim is {facts['head_dim']}, not {config.head_dim}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else error
            place = self.path / "config.json"
            raise CheckpointError(f"{place} is not that of a Llama: {reason}") from None
        return config

    def name(self, part: str) -> str:
        """Return what a weight is called here."""
        return NAMES[part][1]

    def read(self, name: str) -> np.ndarray:
        """Return an array, as float32."""
        shape, dtype, file, offset = self.arrays[name]
        if dtype not in self.DTYPES:
            raise CheckpointError(f"{name!r} in {file} is of type {dtype}, which is not read")
        array = np.fromfile(file, self.DTYPES[dtype], int(np.prod(shape)), offset=offset)
        if dtype == "BF16":  # the first half of a float32
            array = (array.astype("<u4") << 16).view("<f4")
        return array.astype("float32", copy=False).reshape(shape)

    def order(self, part: str, array: np.ndarray, config: LlamaConfig) -> np.ndarray:
        """Return an array with its rows in the order of `utils.models.llama`.

        The hub turns the pairs (0, H / 2), (1, H / 2 + 1), ..., which become neighbours here.
        """
        if part not in ("query", "key"):
            return array
        pairs = array.reshape(-1, 2, config.head_dim // 2, array.shape[1])
        return pairs.swapaxes(1, 2).reshape(array.shape)

    def read_tokenizer(self):
        """Return the tokenizer."""
        return read_tokenizer_file(self.path / "tokenizer.json")


# Text


def load_tokenizer(source: str | Path):
    """Return the tokenizer of a checkpoint, of the `tokenizers` library.

    Args:
        source: as of `load_llama`.
    """
    return open_checkpoint(source).read_tokenizer()


def split_digits():
    """Return the rule that cuts texts before SmolLM2's merges: digits one by one, then words."""
    from tokenizers import pre_tokenizers

    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])


def format_chat(messages: str | list[dict[str, str]]) -> str:
    """Put a dialogue into the form that SmolLM2 was trained on, up to where it answers.

    Args:
        messages: turns with "role" (system, user or assistant) and "content"; or what a user says.

    Raises:
        ValueError: no turn, another role, something else in a turn than a role and a text, or a
            token inside of one that begins or ends a turn.

    Example:
        >>> print(format_chat("Hello!"))
        <|im_start|>system
        You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
        <|im_start|>user
        Hello!<|im_end|>
        <|im_start|>assistant
        <BLANKLINE>
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if not messages:
        raise ValueError("a dialogue needs at least one turn")
    for message in messages:
        whole = isinstance(message, dict) and message.keys() == {"role", "content"}
        text = message["content"] if whole else None
        if not isinstance(text, str) or any(c in text for c in CONTROLS):
            said = f'a turn is {{"role": ..., "content": text}}, without {", ".join(CONTROLS)}'
            raise ValueError(f"{said}; got {message!r:.80}")
        if message["role"] not in ROLES:
            raise ValueError(f"a turn is of {', '.join(ROLES)}; got {message!r:.80}")
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    turns = [f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages]
    return "".join(turns) + "<|im_start|>assistant\n"
