"""GPT-2 in Keras. Built step by step in notebook 06.

Shapes: B batch, S tokens read at once, T tokens in all (read before, and now), H heads,
D hidden, V vocabulary.

Reference:
    Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
"""

import dataclasses
import json
import os
import urllib.request
from pathlib import Path

import keras
import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True)
class GPT2Config:
    """The sizes of a GPT-2.

    Args:
        vocabulary_size: V.
        context_length: the most tokens that the model can look at.
        hidden_dim: D, numbers in the vector of a token; a multiple of `num_heads`.
        num_layers: blocks.
        num_heads: H.
        dropout: share of each layer's output that is set to zero in training.
        initializer_range: standard deviation of the weights before training; 0 draws none.
    """

    vocabulary_size: int = 50257
    context_length: int = 1024
    hidden_dim: int = 768
    num_layers: int = 12
    num_heads: int = 12
    dropout: float = 0.0
    initializer_range: float = 0.02

    def __post_init__(self):
        sizes = dataclasses.astuple(self)[:5]
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(f"every size of a GPT-2 must be a whole number above 0, not {self}")
        if self.hidden_dim % self.num_heads:
            raise ValueError(
                f"hidden_dim must be a multiple of num_heads; got {self.hidden_dim} and "
                f"{self.num_heads}"
            )


SIZES = {  # as published, named as on the Hugging Face hub
    "gpt2": GPT2Config(),
    "gpt2-medium": GPT2Config(hidden_dim=1024, num_layers=24, num_heads=16),
    "gpt2-large": GPT2Config(hidden_dim=1280, num_layers=36, num_heads=20),
    "gpt2-xl": GPT2Config(hidden_dim=1600, num_layers=48, num_heads=25),
}


def get_config(size: str) -> GPT2Config:
    """Return the sizes of a published GPT-2.

    Raises:
        ValueError: none of that name was published.
    """
    if size not in SIZES:
        raise ValueError(f"the published sizes are {', '.join(SIZES)}; there is no {size!r}")
    return SIZES[size]


# Layers that have their weights from the start, drawn as GPT-2's were


def make_embedding(
    rows: int, hidden_dim: int, *, name: str, spread: float, vectors=None
) -> keras.layers.Embedding:
    """Return a table with a vector for each of `rows` tokens or places. Built in notebook 06.

    Args:
        rows: tokens or places.
        hidden_dim: D.
        name: of the layer.
        spread: standard deviation of the vectors at the start.
        vectors: a Keras initializer that gives the vectors instead.
    """
    normal = keras.initializers.RandomNormal(stddev=spread) if spread else "zeros"
    layer = keras.layers.Embedding(rows, hidden_dim, vectors or normal, name=name)
    layer.build((None, None))
    return layer


class Dense(keras.layers.EinsumDense):
    """A dense layer that keeps the weights of each output side by side. Built in notebook 06.

    Its `kernel` has shape (outputs, inputs), that of `keras.layers.Dense` (inputs, outputs). The
    product is the same; for a single token, XLA reads these rows one after the other, in the
    order of the memory, which is the fastest way to read it.
    """

    def call(self, x, training=None):
        """Return the outputs for vectors (B, S, inputs), of shape (B, S, outputs)."""
        B, S, D = ops.shape(x)
        outputs = ops.matmul(self.kernel, ops.transpose(ops.reshape(x, (B * S, D))))
        return ops.reshape(ops.transpose(outputs), (B, S, -1)) + self.bias


def make_dense(input_dim: int, units: int, *, name: str, spread: float) -> Dense:
    """Return a dense layer from `input_dim` to `units` numbers. Built in notebook 06.

    Args:
        input_dim: numbers that come in.
        units: numbers that come out.
        name: of the layer.
        spread: standard deviation of the weights at the start; smaller for a layer whose outputs
            the model adds up.
    """
    normal = keras.initializers.RandomNormal(stddev=spread) if spread else "zeros"
    settings = {"bias_axes": "o", "kernel_initializer": normal, "name": name}
    layer = Dense("bsi,oi->bso", (None, units), **settings)
    layer.build((None, None, input_dim))
    return layer


def make_norm(hidden_dim: int, *, name: str) -> keras.layers.LayerNormalization:
    """Return the layer that sets mean and spread of each vector. Built in notebook 06."""
    layer = keras.layers.LayerNormalization(epsilon=1e-5, name=name)
    layer.build((None, None, hidden_dim))
    return layer


# The model


class CausalSelfAttention(keras.layers.Layer):
    """Let every token gather from itself and the tokens before it. Built in notebook 06.

    Args:
        config: the sizes of the model.
    """

    def __init__(self, config: GPT2Config, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, D, spread = config.num_heads, config.hidden_dim, config.initializer_range
        self.query_key_value = make_dense(D, 3 * D, name="query_key_value", spread=spread)
        small = spread / (2 * config.num_layers) ** 0.5  # outputs that the model adds up
        self.project = make_dense(D, D, name="project", spread=small)

    def split(self, x):
        """Return queries, keys and values of `x` (B, S, D): each of shape (B, H, S, D / H)."""
        B, S, D = ops.shape(x)
        x = ops.reshape(self.query_key_value(x), (B, S, 3, self.num_heads, D // self.num_heads))
        return ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), num=3, axis=0)

    def weigh(self, queries, keys, mask):
        """Return how much each token takes from each other one: shape (B, H, S, T), sum 1."""
        scores = ops.matmul(queries * queries.shape[-1] ** -0.5, ops.transpose(keys, (0, 1, 3, 2)))
        return ops.softmax(ops.where(mask, scores, ops.cast(-1e9, scores.dtype)))

    def call(self, x, mask, cache=None, start=0):
        """Return the gathered vectors (B, S, D), and keys and values of all tokens so far."""
        queries, keys, values = self.split(x)
        if cache is not None:
            keys = ops.slice_update(cache[0], (0, 0, start, 0), keys)  # (B, H, T, D / H)
            values = ops.slice_update(cache[1], (0, 0, start, 0), values)
        gathered = ops.matmul(self.weigh(queries, keys, mask), values)
        gathered = ops.transpose(gathered, (0, 2, 1, 3))  # (B, S, H, D / H)
        return self.project(ops.reshape(gathered, ops.shape(x))), (keys, values)


class Block(keras.layers.Layer):
    """Attention, then two dense layers; each adds to what comes in. Built in notebook 06.

    Args:
        config: the sizes of the model.
    """

    def __init__(self, config: GPT2Config, **kwargs):
        super().__init__(**kwargs)
        D, spread = config.hidden_dim, config.initializer_range
        self.attention_norm = make_norm(D, name="attention_norm")
        self.attention = CausalSelfAttention(config, name="attention")
        self.feedforward_norm = make_norm(D, name="feedforward_norm")
        self.expand = make_dense(D, 4 * D, name="expand", spread=spread)
        small = spread / (2 * config.num_layers) ** 0.5
        self.contract = make_dense(4 * D, D, name="contract", spread=small)
        self.dropout = keras.layers.Dropout(config.dropout)

    def call(self, x, mask, cache=None, start=0):
        """Return the new vectors (B, S, D), and keys and values of all tokens so far."""
        gathered, cache = self.attention(self.attention_norm(x), mask, cache, start=start)
        x = x + self.dropout(gathered)
        expanded = ops.gelu(self.expand(self.feedforward_norm(x)), approximate=True)
        return x + self.dropout(self.contract(expanded)), cache


def look_back(S: int, T: int, start=0, num_padding=None):
    """Say what each of S new tokens may look at, and which position it has. From notebook 06.

    Args:
        S: new tokens of each text.
        T: tokens of each text in all.
        start: tokens before the new ones.
        num_padding: tokens at the start of each text that are padding, shape (B,); none if None.

    Returns:
        The mask, true for tokens that are no padding and not in the future, shape (B, 1, S, T);
        and the positions (B, S), counted from the first real token. B is 1 without padding.

    Example:
        >>> mask, positions = look_back(3, 3, num_padding=np.array([1]))
        >>> ops.convert_to_numpy(mask)[0, 0].astype(int).tolist()
        [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
        >>> ops.convert_to_numpy(positions).tolist()
        [[0, 0, 1]]
    """
    places = start + ops.arange(S)[None]
    padding = ops.cast(np.zeros(1) if num_padding is None else num_padding, places.dtype)
    mask = ops.arange(T) <= places[:, :, None]
    mask = ops.logical_and(mask, ops.arange(T) >= padding[:, None, None])
    return mask[:, None], ops.maximum(places - padding[:, None], 0)


class GPT2(keras.Model):
    """From token ids (B, S) to the scores of the token after each, (B, S, V).

    Built in notebook 06.

    Args:
        config: the sizes of the model.
        tokens: a Keras initializer for the vectors of the tokens; drawn as the rest if None.

    Example:
        >>> model = GPT2(GPT2Config(vocabulary_size=9, hidden_dim=4, num_layers=1, num_heads=2))
        >>> tuple(model(ops.array([[1, 2, 3]])).shape)
        (1, 3, 9)
    """

    def __init__(self, config: GPT2Config, tokens=None, **kwargs):
        super().__init__(**kwargs)
        self.config, D, spread = config, config.hidden_dim, config.initializer_range
        V, T = config.vocabulary_size, config.context_length
        self.token_embedding = make_embedding(V, D, name="tokens", spread=spread, vectors=tokens)
        self.position_embedding = make_embedding(T, D, name="positions", spread=spread)
        self.dropout = keras.layers.Dropout(config.dropout)
        self.blocks = [Block(config, name=f"block_{k}") for k in range(config.num_layers)]
        self.final_norm = make_norm(D, name="final_norm")
        self.built = True  # every layer has its weights already

    def call(self, token_ids, num_padding=None):
        """Score the next token at every place; arguments as in `read`."""
        return self.score(self.read(token_ids, num_padding)[0])

    def read(self, token_ids, num_padding=None, cache=None, start=0):
        """Turn tokens into vectors.

        Args:
            token_ids: shape (B, S).
            num_padding: tokens at the start of each text that are padding, shape (B,).
            cache: keys and values of earlier tokens, from an earlier `read`; first from
                `utils.decoding.make_cache`.
            start: tokens read before these.

        Returns:
            The vectors (B, S, D), and the cache with these tokens in it.

        Raises:
            ValueError: more tokens than the context holds.
        """
        S = token_ids.shape[1]
        T = check_length(S if cache is None else cache[0][0].shape[2], self.config)
        mask, positions = look_back(S, T, start, num_padding)
        x = self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))
        caches = []
        for k, block in enumerate(self.blocks):
            x, kept = block(x, mask, None if cache is None else cache[k], start=start)
            caches.append(kept)
        return self.final_norm(x), tuple(caches)

    def score(self, x):
        """Compare vectors (..., D) with the vector of every token: the output is tied."""
        embeddings = ops.cast(self.token_embedding.embeddings, x.dtype)
        return ops.matmul(x, ops.transpose(embeddings))


def check_length(length: int, config: GPT2Config) -> int:
    """Return `length`, a number of tokens, if the context holds so many.

    Raises:
        ValueError: it does not.
    """
    if length > config.context_length:
        raise ValueError(
            f"this model looks at {config.context_length} tokens at most; got {length}: cut the "
            "text at its start, or read it in windows"
        )
    return length


# Measuring


def measure_surprise(
    model: GPT2,
    token_ids: np.ndarray,
    *,
    stride: int | None = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Return how many bits each token of a text costs. Built in notebook 06.

    The text is read in windows as long as the context, each `stride` tokens after the one
    before it. Every token but the first is counted once, in the first window that has it, so
    all but the first window's tokens have context_length - `stride` tokens or more before them.

    Args:
        model: the model.
        token_ids: the text, shape (N,).
        stride: tokens; half the context if None. The smaller, the truer and slower.
        batch_size: windows read side by side; what 64 MB of scores allow if None.

    Returns:
        -log2 of the probability of tokens 1, ..., N - 1; shape (N - 1,).
    """
    N, T = len(token_ids) - 1, model.config.context_length
    stride, T = stride or T // 2, min(T, N)
    batch_size = batch_size or max(1, 2**24 // (T * model.config.vocabulary_size))
    starts = np.append(np.arange(0, N - T, stride), N - T)  # of the windows; the last ends the text
    bits = np.zeros(N)
    starts = np.pad(starts, (0, -len(starts) % batch_size), mode="edge")  # full batches
    for some in starts[::-1].reshape(-1, batch_size):  # backwards: the first window's count stays
        places = some[:, None] + np.arange(T)
        logits = ops.cast(model(token_ids[places]), "float32")
        nats = ops.sparse_categorical_crossentropy(token_ids[places + 1], logits, from_logits=True)
        for row, found in zip(places, ops.convert_to_numpy(nats) / np.log(2), strict=True):
            bits[row] = found
    return bits


# Checkpoints, as the Hugging Face hub keeps them: config.json and safetensors

CHECKPOINT_FILES = ["config.json", "*.safetensors", "*.index.json", "vocab.json", "merges.txt"]
FIXED = {  # what config.json may say about GPT-2, and has to say if it does
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}


TOKENS = "wte.weight"  # the name of the largest array
TURNED = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")  # rows there are columns here


class CheckpointError(RuntimeError):
    """A checkpoint could not be had or is not one of GPT-2; the message says why."""


def find_checkpoint(source: str | Path, *, timeout: float = 5) -> Path:
    """Return the folder of a checkpoint: a path, or a name on the Hugging Face hub.

    What is in the local hub cache is used as it is. The network is asked only if it is not,
    and never if `COURSE_NO_DOWNLOAD` or `HF_HUB_OFFLINE` is set.

    Args:
        source: a folder, or a name such as "openai-community/gpt2".
        timeout: seconds to wait for the hub's first answer.

    Raises:
        CheckpointError: no such folder, and no such name in the cache or on the hub.
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
    if os.environ.get("COURSE_NO_DOWNLOAD", "0") not in ("", "0") or constants.HF_HUB_OFFLINE:
        raise CheckpointError(
            f"{source} is neither a folder nor in the hub's cache on this machine, and the network "
            "is switched off (COURSE_NO_DOWNLOAD or HF_HUB_OFFLINE)"
        )
    try:
        address = f"{constants.ENDPOINT}/{source}/resolve/main/config.json"
        urllib.request.urlopen(address, timeout=timeout).close()
        print(f"Fetching {source} from the hub; the smallest GPT-2 is 0.5 GB", flush=True)
        return Path(snapshot_download(**settings, max_workers=2))
    except (OSError, ValueError, HTTPError) as error:
        raise CheckpointError(
            f"{source} is neither a folder nor in the hub's cache on this machine, and the hub did "
            f"not give it ({error}). Check the name and the network, or give a folder with "
            "config.json and model.safetensors"
        ) from None


def read_config(folder: Path) -> GPT2Config:
    """Read the sizes from a checkpoint's config.json.

    Raises:
        CheckpointError: no such file, or the model is not built as GPT-2 is.
    """
    path = Path(folder) / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf8"))
        for key, allowed in FIXED.items():
            if found.get(key, None if key == "model_type" else allowed[0]) not in allowed:
                raise ValueError(f"{key} is {found.get(key)!r}, in GPT-2 it is {allowed[0]!r}")
        if found.get("n_inner") not in (None, 4 * found["n_embd"]):
            raise ValueError(f"n_inner is {found['n_inner']}, in GPT-2 it is 4 * n_embd")
        names = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
        return GPT2Config(*(found[name] for name in names), found.get("resid_pdrop", 0.0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path} is not the configuration of a GPT-2: {reason}") from None


def name_weights(model: GPT2) -> dict[str, keras.Variable]:
    """Return the model's weights under the names they have in a checkpoint."""
    named = {
        TOKENS: model.token_embedding.embeddings,
        "wpe.weight": model.position_embedding.embeddings,
    }
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
    """Return a checkpoint's safetensors files: one, or those its index names.

    Raises:
        CheckpointError: there is none, or only a pickle.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if index.exists():
        try:
            names = set(json.loads(index.read_text(encoding="utf8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CheckpointError(f"{index} is damaged: it names no weights") from None
        for name in names:
            if Path(name).name != name or not (folder / name).exists():
                raise CheckpointError(f"{index} names {name}, which is not in {folder}")
        return [folder / name for name in sorted(names)]
    pickles = [path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".ckpt")]
    reason = f"only {pickles[0]}, a pickle, which can run code when it is read" if pickles else ""
    raise CheckpointError(
        f"{folder} has no model.safetensors{reason and ', ' + reason}; "
        "give a checkpoint in the safetensors format"
    )


def load_gpt2(source: str | Path, *, timeout: float = 5, **changes) -> GPT2:
    """Build a GPT-2 with the weights of a checkpoint.

    Args:
        source: a folder, or a name on the hub such as "openai-community/gpt2".
        timeout: seconds to wait for the hub's first answer.
        changes: of the configuration, for example `dropout=0.1` before fine-tuning.

    Raises:
        CheckpointError: the checkpoint cannot be had, is damaged, or is not one of GPT-2.
    """
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


def find_arrays(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return where a checkpoint keeps its arrays: the file and the key there, by the name in GPT-2.

    Raises:
        CheckpointError: a file is damaged, or there is none.
    """
    from safetensors import SafetensorError, safe_open

    places = {}
    for path in list_weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as tensors:
                keys = list(tensors.keys())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is damaged or truncated ({error})") from None
        for key in keys:
            name = key.removeprefix("transformer.")
            # Left out: the mask of old checkpoints; the output, which is tied.
            if not name.endswith((".attn.bias", ".attn.masked_bias", "lm_head.weight")):
                places[name] = path, key
    return places


def read_weights(model: GPT2, folder: Path, *, but: str | None = None) -> None:
    """Give a model the weights of a checkpoint; one at a time is in memory twice.

    Args:
        model: the model.
        folder: the checkpoint.
        but: the name of an array that the model has already.

    Raises:
        CheckpointError: a file is damaged, or its weights are not those of this model.
    """
    named, places = name_weights(model), find_arrays(folder)
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
    """Return an array of a safetensors file.

    The file is opened for each anew: while it is open, all that was read of it stays in memory.

    Raises:
        CheckpointError: the array has another shape, or numbers that NumPy does not know, or the
            file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            stored = tensors.get_slice(key)
            if stored.get_dtype() == "BF16":
                raise CheckpointError(
                    f"{key!r} in {path} is stored as bfloat16; save the checkpoint as float32 or "
                    "float16"
                )
            if tuple(stored.get_shape()) != shape:
                raise CheckpointError(
                    f"{key!r} in {path} has shape {tuple(stored.get_shape())}; by config.json it "
                    f"is {shape}"
                )
            return tensors.get_tensor(key)
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or truncated ({error})") from None


def save_gpt2(model: GPT2, folder: str | Path, *, dtype: str = "float32") -> None:
    """Write a checkpoint that `load_gpt2` and `transformers` read.

    The last token of the vocabulary is named as the one that begins and ends a text.

    Args:
        model: the model.
        folder: where to; it is made if it does not exist.
        dtype: of the file; "float16" halves it.
    """
    from safetensors.numpy import save_file

    sizes, last = model.config, model.config.vocabulary_size - 1
    config = {key: allowed[0] for key, allowed in FIXED.items()} | {
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": sizes.vocabulary_size,
        "n_positions": sizes.context_length,
        "n_embd": sizes.hidden_dim,
        "n_layer": sizes.num_layers,
        "n_head": sizes.num_heads,
        "attn_pdrop": 0.0,
        "embd_pdrop": sizes.dropout,
        "resid_pdrop": sizes.dropout,
        "bos_token_id": last,
        "eos_token_id": last,
        "dtype": dtype,
    }
    arrays = {}
    for name, variable in name_weights(model).items():
        array = ops.convert_to_numpy(variable.value).astype(dtype)
        array = array.T.copy() if name.endswith(TURNED) else array
        arrays[f"transformer.{name}"] = array
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "part", metadata={"format": "pt"})
    os.replace(folder / "part", folder / "model.safetensors")
    text = json.dumps(config, indent=1) + "\n"
    (folder / "config.json").write_text(text, encoding="utf8")


def is_without_vocabulary(folder: Path) -> bool:
    """Return whether a folder holds a model of GPT-2's tokens, but not the tokens."""
    if (folder / "vocab.json").exists() or not (folder / "config.json").exists():
        return False
    return read_config(folder).vocabulary_size == SIZES["gpt2"].vocabulary_size


def load_gpt2_tokenizer(source: str | Path | None = None):
    """Return the byte-level BPE of a checkpoint's folder, or GPT-2's own, from a package.

    Args:
        source: a folder with vocab.json and merges.txt; GPT-2's own vocabulary if None, or if
            the folder has none but a model of as many tokens.

    Returns:
        A `transformers.GPT2TokenizerFast`; padding goes left, as generation needs it.

    Raises:
        CheckpointError: a file is missing or damaged.

    Example:
        >>> load_gpt2_tokenizer().tokenize("Hello world")
        ['Hello', 'Ġworld']
    """
    from transformers import GPT2TokenizerFast

    from utils.data import fetch

    names = ("vocab.json", "merges.txt")
    if source is None or is_without_vocabulary(Path(source)):
        files = fetch("gpt2-vocabulary")
    else:
        files = {name: Path(source) / name for name in names}
    try:
        vocabulary = json.loads(files[names[0]].read_text(encoding="utf8"))
        lines = files[names[1]].read_text(encoding="utf8").split("\n")
    except (OSError, ValueError) as error:
        reason = f"{source} has no whole vocab.json and merges.txt ({error})"
        raise CheckpointError(reason) from None
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version:")]
    end = "<|endoftext|>"
    return GPT2TokenizerFast(vocab=vocabulary, merges=merges, pad_token=end, padding_side="left")
