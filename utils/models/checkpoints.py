"""Checkpoints of GPT-2 as the Hugging Face hub keeps them: config.json and safetensors."""

import contextlib
import dataclasses
import json
import os
import urllib.request
from pathlib import Path

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from utils.models.gpt2 import GPT2, SIZES, GPT2Config
from utils.results import write_json

CHECKPOINT_FILES = ["config.json", "*.safetensors", "*.index.json", "vocab.json", "merges.txt"]
CHECKPOINT_FILES += ["tokenizer.json", "added_tokens.json"]
FIXED = {  # what config.json may say about GPT-2, and has to say if it does
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}
SIZE_NAMES = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")  # of a GPT2Config
FOREIGN = ("quantization_config", "pruned_heads")  # what it may not say
TOKENS, OUTPUT = "wte.weight", "lm_head.weight"  # names: of the largest array, of one tied to it
DTYPES = {"float32": "F32", "float16": "F16"}  # in which weights are kept
END = "<|endoftext|>"
TURNED = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")  # rows there are columns here


class CheckpointError(RuntimeError):
    """A checkpoint could not be had or is not one of GPT-2; the message says why."""


def parse_json(text: str | bytes):
    """Return what a JSON text holds; ValueError if it is damaged, or names something twice."""

    def build(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"{max(names, key=names.count)!r} is there twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=build)


def read_json(path: Path):
    """Return what a JSON file holds; errors as those of `parse_json`."""
    return parse_json(path.read_text(encoding="utf-8-sig"))


def find_checkpoint(source: str | Path, *, timeout: float = 5) -> Path:
    """Return the folder of a checkpoint: a path, or a name such as "openai-community/gpt2".

    What is in the local hub cache is used as it is. The network is asked only if it is not, and
    never if `COURSE_NO_DOWNLOAD` or `HF_HUB_OFFLINE` is set; `timeout` is in seconds.
    CheckpointError if there is no such folder, and no such name in the cache or on the hub.
    """
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError, LocalEntryNotFoundError

    settings = {"repo_id": str(source), "allow_patterns": CHECKPOINT_FILES, "etag_timeout": timeout}
    try:
        folder = Path(snapshot_download(**settings, local_files_only=True))
        list_weight_files(folder)
        if (folder / "config.json").exists():
            return folder
    except HFValidationError:
        raise CheckpointError(f"{source} is neither a folder nor a name on the hub") from None
    except (LocalEntryNotFoundError, CheckpointError):
        pass  # nothing there, or not all of it
    absent = f"{source} is neither a folder nor in the hub's cache on this machine, and the "
    if os.environ.get("COURSE_NO_DOWNLOAD", "0") not in ("", "0") or constants.HF_HUB_OFFLINE:
        off = "network is switched off (COURSE_NO_DOWNLOAD or HF_HUB_OFFLINE)"
        raise CheckpointError(absent + off)
    try:
        address = f"{constants.ENDPOINT}/{source}/resolve/main/config.json"
        urllib.request.urlopen(address, timeout=timeout).close()
        print(f"Fetching {source} from the hub; a small model has 0.3 to 0.5 GB", flush=True)
        return Path(snapshot_download(**settings, max_workers=2))
    except (OSError, ValueError, HTTPError) as error:
        raise CheckpointError(
            f"{absent}hub did not give it ({error}). Check the name and the network, or give a "
            "folder with config.json and model.safetensors"
        ) from None


def read_config(folder: Path) -> GPT2Config:
    """Read the sizes from a config.json; CheckpointError if the model is not built as GPT-2 is."""
    path = Path(folder) / "config.json"
    try:
        found = read_json(path)
        for key, allowed in FIXED.items():
            if found.get(key, None if key == "model_type" else allowed[0]) not in allowed:
                raise ValueError(f"{key} is {found.get(key)!r}, in GPT-2 it is {allowed[0]!r}")
        for key in FOREIGN:
            if found.get(key):
                raise ValueError(f"{key} is {found[key]!r}, and GPT-2 has none")
        if found.get("n_inner") not in (None, 4 * found["n_embd"]):
            raise ValueError(f"n_inner is {found['n_inner']}, in GPT-2 it is 4 * n_embd")
        rate = found.get("resid_pdrop", 0.0)
        config = GPT2Config(*(found[name] for name in SIZE_NAMES), rate)
        embedded, attention = (found.get(f"{part}_pdrop", rate) for part in ("embd", "attn"))
        if embedded != rate or attention not in (rate, 0.0):
            rates = f"embd_pdrop {embedded!r}, attn_pdrop {attention!r} and resid_pdrop {rate!r}"
            raise ValueError(f"{rates} differ; this GPT-2 has one rate of dropout")
        return config
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path} is not the configuration of a GPT-2: {reason}") from None


def name_weights(model: GPT2) -> dict[str, keras.Variable]:
    """Return the model's weights under the names they have in a checkpoint."""
    positions = model.position_embedding.embeddings
    named = {TOKENS: model.token_embedding.embeddings, "wpe.weight": positions}
    layers = {"ln_f": model.final_norm}
    for k, block in enumerate(model.blocks):
        layers |= {
            f"h.{k}.ln_1": block.attention_norm,
            f"h.{k}.attn.c_attn": block.attention.query_key_value,
            f"h.{k}.attn.c_proj": block.attention.project,
            f"h.{k}.ln_2": block.feedforward_norm,
            f"h.{k}.mlp.c_fc": block.expand,
            f"h.{k}.mlp.c_proj": block.contract,
        }
    for name, layer in layers.items():
        named[f"{name}.weight"], named[f"{name}.bias"] = layer.weights
    return named


def list_weight_files(folder: Path) -> list[Path]:
    """Return a checkpoint's safetensors files: one, or those that its index names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if index.exists():
        try:
            names = set(read_json(index)["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CheckpointError(f"{index} is damaged: it names no weights") from None
        for name in names:
            if Path(name).name != name or not (folder / name).exists():
                raise CheckpointError(f"{index} names {name}, which is not in {folder}")
        return [folder / name for name in sorted(names)]
    pickles = [path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".ckpt")]
    only = f", only {pickles[0]}, a pickle, which can run code when it is read" if pickles else ""
    way_out = "give a checkpoint in the safetensors format"
    raise CheckpointError(f"{folder} has no model.safetensors{only}; {way_out}")


def load_gpt2(source: str | Path, *, timeout: float = 5, **changes) -> GPT2:
    """Build a GPT-2 with the weights of a checkpoint, from `find_checkpoint`.

    Of the configuration, what does not belong to the weights can be changed: `dropout` before
    fine-tuning, `initializer_range`. Raises CheckpointError if the checkpoint cannot be had, is
    damaged, or is not one of GPT-2, and ValueError for another change.
    """
    if wrong := changes.keys() - {"dropout", "initializer_range"}:
        raise ValueError(f"{min(wrong)} belongs to the weights of a checkpoint: it stays as it is")
    folder = find_checkpoint(source, timeout=timeout)
    config = dataclasses.replace(read_config(folder), **changes)
    places = find_arrays(folder)

    def read_tokens(shape, dtype):
        return ops.convert_to_tensor(read_array(*places[TOKENS], tuple(shape)), dtype)

    # Drawing a hundred million numbers to throw them away takes longer than reading the file, and
    # the table of the tokens, the largest array, is never in memory beside one of zeros.
    drawn = dataclasses.replace(config, initializer_range=0.0)
    model = GPT2(drawn, read_tokens if TOKENS in places else None, name="gpt2")
    read_weights(model, folder, but=TOKENS)
    model.config = config
    return model


@contextlib.contextmanager
def open_arrays(path: Path):
    """Open a safetensors file; CheckpointError if it is damaged."""
    try:
        with safe_open(path, framework="numpy") as tensors:
            yield tensors
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or truncated ({error})") from None


def find_arrays(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return file and key of each of a checkpoint's arrays, by its name in GPT-2."""
    places = {}
    for path in list_weight_files(folder):
        with open_arrays(path) as tensors:
            keys = list(tensors.keys())
        for key in keys:
            name = key.removeprefix("transformer.")
            if name in places:
                raise CheckpointError(f"{path}: the weights of {name!r} are there twice")
            if not name.endswith((".attn.bias", ".attn.masked_bias")):  # masks of old checkpoints
                places[name] = path, key
    return places


def read_weights(model: GPT2, folder: Path, *, but: str | None = None) -> None:
    """Give a model the weights of a checkpoint, `but` one; one at a time is in memory twice.

    Raises CheckpointError if a file is damaged, or its weights are not those of this model.
    """
    named, places = name_weights(model), find_arrays(folder)
    if OUTPUT in places and TOKENS in places:
        shape = tuple(named[TOKENS].shape)
        tokens, output = (read_array(*places[name], shape) for name in (TOKENS, OUTPUT))
        if not np.array_equal(tokens, output):  # a copy is harmless
            raise CheckpointError(
                f"{folder} holds an output of its own, {OUTPUT!r}; that of GPT-2 is the table of "
                "the tokens (tie_word_embeddings)"
            )
        del places[OUTPUT], tokens, output
    if foreign := places.keys() - named:
        path, key = places[min(foreign)]
        raise CheckpointError(f"{path} holds {key!r}, which GPT-2 does not have")
    if missing := named.keys() - places:
        raise CheckpointError(f"{folder} lacks {len(missing)} weights, {min(missing)!r} for one")
    for name, variable in named.items():
        if name.endswith(TURNED):
            variable.assign(read_array(*places[name], tuple(variable.shape[::-1])).T)
        elif name != but:
            variable.assign(read_array(*places[name], tuple(variable.shape)))


def read_array(path: Path, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of a safetensors file; CheckpointError if it is damaged or of another shape.

    The file is opened for each anew: while it is open, all that was read of it stays in memory.
    """
    with open_arrays(path) as tensors:
        stored, where = tensors.get_slice(key), f"{key!r} in {path}"
        if stored.get_dtype() not in DTYPES.values():
            rule = f"save the checkpoint as {' or '.join(DTYPES)}"
            raise CheckpointError(f"{where} is stored as {stored.get_dtype()}; {rule}")
        if (found := tuple(stored.get_shape())) != shape:
            raise CheckpointError(f"{where} has shape {found}; by config.json it is {shape}")
        array = tensors.get_tensor(key)
    if not np.isfinite(array.sum(dtype="float32")):
        raise CheckpointError(f"{where} holds what is no number")
    return array


def save_gpt2(model: GPT2, folder: str | Path, *, dtype: str = "float32") -> None:
    """Write a checkpoint that `load_gpt2` and `transformers` read; "float16" halves the file.

    The last token of the vocabulary is named as the one that begins and ends a text. ValueError if
    the `dtype` is another, or a weight is no number, or none in that type.
    """
    if dtype not in DTYPES:
        raise ValueError(f"a checkpoint is kept in {' or '.join(DTYPES)}, not in {dtype!r}")
    last, dropout = model.config.vocabulary_size - 1, model.config.dropout
    config = {key: allowed[0] for key, allowed in FIXED.items()}
    config["architectures"] = ["GPT2LMHeadModel"]
    config |= zip(SIZE_NAMES, dataclasses.astuple(model.config), strict=False)
    config |= {"attn_pdrop": 0.0, "embd_pdrop": dropout, "resid_pdrop": dropout}
    config |= {"bos_token_id": last, "eos_token_id": last, "dtype": dtype}
    arrays = {}
    for name, variable in name_weights(model).items():
        with np.errstate(over="ignore"):
            array = ops.convert_to_numpy(variable.value).astype(dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds what is no number in {dtype}: it could not be loaded")
        array = array.T.copy() if name.endswith(TURNED) else array
        arrays[f"transformer.{name}"] = array
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "part", metadata={"format": "pt"})
    os.replace(folder / "part", folder / "model.safetensors")
    write_json(folder / "config.json", config)


def is_without_vocabulary(folder: Path) -> bool:
    """Return whether a folder holds a model of GPT-2's tokens, but no tokens."""
    if not (folder / "config.json").exists() or any(folder.glob("*token*")):
        return False
    if (folder / "vocab.json").exists() or (folder / "merges.txt").exists():
        return False
    return read_config(folder).vocabulary_size == SIZES["gpt2"].vocabulary_size


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return a vocab.json; ValueError if its ids are not 0, 1, 2, ..., each once."""
    vocabulary = read_json(path)
    ids = sorted(vocabulary.values())
    if ids != list(range(len(ids))) or not all(type(i) is int for i in ids):
        raise ValueError(f"the ids of its {len(ids)} tokens are not 0, 1, 2, ..., each once")
    return vocabulary


def read_merges(path: Path, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Return a merges.txt; CheckpointError if it is not all there, or of another vocabulary."""
    lines, merges = path.read_text(encoding="utf-8-sig").split("\n"), {}
    for number, line in enumerate(lines, 1):
        pair = tuple(line.split())
        if not pair or line.startswith("#version:"):
            continue
        if len(pair) != 2 or not {*pair, "".join(pair)} <= vocabulary.keys():
            rule = "two tokens of vocab.json that make a third one"
            raise CheckpointError(f"{path}, line {number}: {line[:40]!r} is not {rule}")
        if pair in merges:
            raise CheckpointError(f"{path}, line {number}: {line[:40]!r} is there twice")
        merges[pair] = number
    made = {"".join(pair) for pair in merges}
    for token in vocabulary.keys() - made:
        if len(token) > 1 and not (token[0] in "<[" and token[-1] in ">]"):  # <|endoftext|>, [PAD]
            said = f"{path} is not whole: it ends at line {len(lines)}, and nothing makes {token!r}"
            raise CheckpointError(said)
    return [*merges]


def read_tokenizer_file(path: Path):
    """Return the tokenizer of a tokenizer.json; CheckpointError if it is damaged.

    The library raises bare exceptions, so what can be damaged is looked at before.
    """
    from tokenizers import Tokenizer

    try:
        found = read_json(path)
        model, vocabulary = found["model"], found["model"]["vocab"]
        if not isinstance(vocabulary, dict | list) or not vocabulary:
            raise ValueError("there are no tokens in it")
        if model.get("type", "BPE") == "BPE":
            for pair in model["merges"]:
                first, second = pair.split(" ") if isinstance(pair, str) else pair
                if not {first, second, first + second} <= vocabulary.keys():
                    raise ValueError(f"{pair!r} is no merge of its tokens")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path.parent} has no whole tokenizer.json ({said})") from None
    return Tokenizer.from_str(json.dumps(found))


def load_gpt2_tokenizer(source: str | Path | None = None):
    """Return a fast tokenizer of `transformers`; padding goes left, as generation needs it.

    It is that of a folder's tokenizer.json, or else made of vocab.json, merges.txt and
    added_tokens.json; CheckpointError if one is missing or damaged, or there is no <|endoftext|>.
    GPT-2's own, from a package, is taken if no folder is named, or one that has none but a model
    of as many tokens.

    Example:
        >>> load_gpt2_tokenizer().tokenize("Hello world")
        ['Hello', 'Ġworld']
    """
    from transformers import GPT2TokenizerFast, PreTrainedTokenizerFast

    from utils.data.registry import fetch

    if source is None or is_without_vocabulary(Path(source)):
        files = fetch("gpt2-vocabulary")
    else:
        names = ("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json")
        files = {name: Path(source) / name for name in names}
    if "tokenizer.json" in files and files["tokenizer.json"].exists():
        found = read_tokenizer_file(files["tokenizer.json"])
        build, parts = PreTrainedTokenizerFast, {"tokenizer_object": found}
        vocabulary, added = found.get_vocab(), {}
    else:
        try:
            vocabulary, added = read_vocabulary(files["vocab.json"]), {}
            merges = read_merges(files["merges.txt"], vocabulary)
            if "added_tokens.json" in files and files["added_tokens.json"].exists():
                added = read_json(files["added_tokens.json"])
        except (OSError, ValueError, TypeError, AttributeError) as error:
            lack = f"{source} has no whole vocab.json and merges.txt, nor a tokenizer.json"
            raise CheckpointError(f"{lack} ({error})") from None
        build, parts = GPT2TokenizerFast, {"vocab": vocabulary, "merges": merges}
    if END not in vocabulary.keys() | added:
        raise CheckpointError(f"{source} has no {END}, which ends a text, among its tokens")
    names = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END)
    tokenizer = build(**parts, **names, padding_side="left")
    tokenizer.add_tokens(sorted(added, key=added.get), special_tokens=True)
    if tokenizer.convert_tokens_to_ids([*added]) != [*added.values()]:
        rule = "the ids of added_tokens.json do not go on from those of vocab.json"
        raise CheckpointError(f"{source}: {rule}")
    return tokenizer
