"""GPT-2: the laws it obeys, its checkpoints, and `transformers` as the outside judge."""

import dataclasses
import io
import json
import shutil
import weakref

import keras
import nbformat
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError
from keras import ops

from utils.data.registry import fetch
from utils.decoding.sampling import Generator, make_cache
from utils.models import checkpoints, gpt2
from utils.results import load_results
from utils.runtime import ROOT

OURS = ROOT / "data" / "models" / "gpt2-shakespeare"

SIZES = [(41, 24, 12, 2, 3), (7, 19, 5, 1, 5), (64, 33, 26, 3, 2)]
SMALL = [gpt2.GPT2Config(*sizes) for sizes in SIZES]
LENGTHS = [3, 9, 1]  # of prompts


def build(config=SMALL[0], seed=0):
    """Return a model with weights large enough for every part to matter."""
    model = gpt2.GPT2(config)
    random = np.random.default_rng(seed)
    for name, variable in checkpoints.name_weights(model).items():
        mean = 1.0 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0
        variable.assign(random.normal(mean, 0.4, variable.shape))
    return model


def make_prompts(config, seed=1):
    random = np.random.default_rng(seed)
    return [random.integers(0, config.vocabulary_size, n).tolist() for n in LENGTHS]


def score(model, token_ids, num_padding=None):
    return ops.convert_to_numpy(model(np.array(token_ids, "int32"), num_padding))


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    checkpoints.save_gpt2(model, folder)
    return folder


@pytest.fixture
def copied(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copied")


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# The model


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_published_sizes_have_their_parameters(monkeypatch, size, count):
    def count_small(num_layers):
        sizes = dataclasses.replace(config, num_layers=num_layers, vocabulary_size=1)
        return gpt2.GPT2(sizes).count_params()

    monkeypatch.setattr("keras.initializers.RandomNormal", lambda stddev: "zeros")  # quicker

    # Blocks are equal and so are the rows of the table of tokens: no need to make them all.
    config = gpt2.get_config(size)
    one, two = count_small(1), count_small(2)
    rows = (config.vocabulary_size - 1) * config.hidden_dim
    assert one + (config.num_layers - 1) * (two - one) + rows == count


def test_unknown_size_is_refused():
    assert gpt2.get_config("gpt2").num_layers == 12
    with pytest.raises(ValueError, match="there is no 'gpt2-huge'"):
        gpt2.get_config("gpt2-huge")


@pytest.mark.parametrize("sizes", [{"num_heads": 5}, {"num_layers": 0}, {"hidden_dim": 7.5}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="must be a"):
        gpt2.GPT2Config(**sizes)


def test_dense_layer_equals_that_of_keras():
    ours = gpt2.make_dense(6, 4, name="ours", stddev=0.5)
    theirs = keras.layers.Dense(4)
    theirs.build((None, 6))
    bias = np.random.default_rng(0).normal(size=4)
    ours.bias.assign(bias)
    theirs.set_weights([ops.convert_to_numpy(ours.kernel).T, bias])
    x = np.random.default_rng(1).normal(size=(2, 3, 6)).astype("float32")
    wanted = ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), wanted, atol=1e-6)


@pytest.mark.parametrize("S", [1, 5])
def test_dense_layer_in_int8_stays_close(S):
    layer = gpt2.make_dense(64, 48, name="dense", stddev=0.5)
    x = np.random.default_rng(0).normal(size=(2, S, 64)).astype("float32")
    before = ops.convert_to_numpy(layer(x))
    layer.quantize("int8", type_check=False)
    assert layer.kernel.dtype == "int8"
    difference = np.abs(ops.convert_to_numpy(layer(x)) - before).max()
    assert 0 < difference < 0.02 * np.abs(before).max()


@pytest.mark.parametrize("config", SMALL)
def test_the_past_does_not_see_the_future(config):
    model, V = build(config), config.vocabulary_size
    token_ids = np.random.default_rng(2).integers(0, V, (1, 12))
    changed = token_ids.copy()
    changed[0, 6] = (changed[0, 6] + 1) % V
    before, after = score(model, token_ids)[0], score(model, changed)[0]
    assert np.abs(before[:6] - after[:6]).max() < 1e-5
    assert np.abs(before[6:] - after[6:]).max(axis=-1).min() > 1e-3


def test_padding_on_the_left_changes_nothing(model):
    token_ids = np.random.default_rng(2).integers(0, 41, (1, 8))
    padded = np.pad(token_ids, ((0, 0), (5, 0)), constant_values=3)
    assert np.allclose(
        score(model, padded, np.array([5]))[:, 5:], score(model, token_ids), atol=1e-4
    )
    assert not np.allclose(score(model, padded)[:, 5:], score(model, token_ids), atol=1e-2)


@pytest.mark.parametrize("config", SMALL)
@pytest.mark.parametrize("sizes", [[1] * 10, [4, 1, 5], [9, 1]])
def test_reading_in_parts_equals_one_pass(config, sizes):
    model, random = build(config), np.random.default_rng(3)
    token_ids = random.integers(0, config.vocabulary_size, (2, 10)).astype("int32")
    num_padding = np.array([0, 3], "int32")
    whole = score(model, token_ids, num_padding)
    cache, found, start = make_cache(model, 2, 13), [], 0
    for size in sizes:
        part = ops.convert_to_tensor(token_ids[:, start : start + size])
        x, cache = model.compute_hidden_states(part, num_padding, cache, start=start)
        found.append(ops.convert_to_numpy(model.compute_logits(x)))
        start += size
    real = np.arange(10) >= num_padding[:, None]  # what stands in padded places has no meaning
    assert np.abs(np.concatenate(found, axis=1) - whole)[real].max() < 1e-4


def test_text_longer_than_the_context_is_refused(model):
    with pytest.raises(ValueError, match="24 tokens at most; got 25"):
        model(np.zeros((1, 25), "int32"))


@pytest.mark.parametrize(("length", "stride"), [(5, 7), (25, 24), (26, 7), (49, 24), (90, 7)])
def test_surprise_counts_every_token_once(model, length, stride):
    token_ids = np.random.default_rng(4).integers(0, 41, length)
    bits = gpt2.compute_token_bits(model, token_ids, stride=stride, batch_size=2)
    assert bits.shape == (length - 1,) and bits.min() > 0
    logits = score(model, token_ids[None, :-1][:, :24])[0]
    chosen = np.take_along_axis(logits, token_ids[1:25, None], axis=-1)[:, 0]
    expected = (np.log(np.exp(logits).sum(axis=-1)) - chosen) / np.log(2)
    assert np.allclose(bits[:24], expected, atol=1e-3)  # the first window
    if length == 49 and stride == 24:
        again = gpt2.compute_token_bits(model, token_ids[24:], stride=24)
        assert np.allclose(bits[24:], again, atol=1e-3)


# Checkpoints


def test_checkpoint_round_trip_is_bit_exact(checkpoint, tmp_path):
    checkpoints.save_gpt2(checkpoints.load_gpt2(checkpoint), tmp_path)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / name).read_bytes() == (checkpoint / name).read_bytes()


def test_file_has_the_weights_of_dense_layers_input_by_input(model, checkpoint):
    stored = safetensors.numpy.load_file(checkpoint / "model.safetensors")
    D = model.config.hidden_dim
    for name, shape in {"attn.c_attn": (D, 3 * D), "mlp.c_fc": (D, 4 * D)}.items():
        assert stored[f"transformer.h.0.{name}.weight"].shape == shape
    kernel = ops.convert_to_numpy(model.blocks[0].attention.project.kernel)
    assert np.array_equal(stored["transformer.h.0.attn.c_proj.weight"], kernel.T)


def test_half_precision_file_is_half_as_large(checkpoint, tmp_path):
    model = checkpoints.load_gpt2(checkpoint)
    checkpoints.save_gpt2(model, tmp_path, dtype="float16")
    sizes = [(f / "model.safetensors").stat().st_size for f in (tmp_path, checkpoint)]
    assert sizes[0] < 0.75 * sizes[1]
    token_ids = np.arange(10)[None]
    loaded = checkpoints.load_gpt2(tmp_path)
    assert loaded.weights[0].dtype == "float32"
    assert np.allclose(score(loaded, token_ids), score(model, token_ids), atol=0.05)


def test_loading_draws_no_weights_and_keeps_the_configuration(checkpoint, monkeypatch):
    monkeypatch.setattr(keras.initializers.RandomNormal, "__call__", None)  # cannot draw
    assert checkpoints.load_gpt2(checkpoint).config == SMALL[0]


def test_loading_holds_one_array_at_a_time(checkpoint, monkeypatch):
    alive, most = weakref.WeakSet(), []

    class Array(np.ndarray):
        """Can be counted while it lives, and compared by identity."""

        __hash__, __eq__ = object.__hash__, object.__eq__

    def read_and_count(*arguments):
        found = read_array(*arguments).view(Array)
        alive.add(found)
        most.append(len(alive))
        return found

    read_array = checkpoints.read_array
    monkeypatch.setattr(checkpoints, "read_array", read_and_count)
    model = gpt2.GPT2(SMALL[0])
    monkeypatch.setattr(keras.Variable, "assign", lambda self, value: None)
    checkpoints.read_weights(model, checkpoint)
    assert len(most) == len(model.weights) and max(most) == 1


def test_loading_reads_every_array_once(checkpoint, monkeypatch):
    keys, read_array = [], checkpoints.read_array

    def read_and_note(path, key, shape):
        keys.append(key)
        return read_array(path, key, shape)

    monkeypatch.setattr(checkpoints, "read_array", read_and_note)
    model = checkpoints.load_gpt2(checkpoint)
    assert len(keys) == len(set(keys)) == len(model.weights)


def test_pickle_is_refused(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(checkpoints.CheckpointError, match="pytorch_model.bin, a pickle"):
        checkpoints.load_gpt2(copied)


@pytest.mark.parametrize("size", [0, 7, 100, 5000])
def test_truncated_file_is_refused(copied, size):
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(checkpoints.CheckpointError, match="damaged or truncated"):
        checkpoints.load_gpt2(copied)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "bert"}, "model_type is 'bert'"),
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"n_inner": 13}, "n_inner is 13"),
        ({"n_head": 5}, "multiple of num_heads"),
        ({"n_layer": "two"}, "whole number"),
        ({"n_positions": 25}, "shape"),
        ({"n_layer": 3}, "lacks 12 weights"),
        ({"n_layer": 1}, "does not have"),
    ],
)
def test_foreign_configuration_is_refused(copied, changes, said):
    change_config(copied, **changes)
    with pytest.raises(checkpoints.CheckpointError, match=said):
        checkpoints.load_gpt2(copied)


def test_configuration_that_is_none_is_refused(copied):
    for text in ("[]", "{", '{"model_type": "gpt2"}'):
        (copied / "config.json").write_text(text)
        with pytest.raises(checkpoints.CheckpointError, match="not the configuration of a GPT-2"):
            checkpoints.load_gpt2(copied)


def test_bfloat16_file_is_refused_by_its_name(copied):
    path = copied / "model.safetensors"
    size = int.from_bytes(path.read_bytes()[:8], "little")
    header, numbers = json.loads(path.read_bytes()[8 : 8 + size]), b""
    for entry in header.values():
        if "shape" in entry:
            first = len(numbers)
            numbers += bytes(2 * int(np.prod(entry["shape"])))
            entry |= {"dtype": "BF16", "data_offsets": [first, len(numbers)]}
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + numbers)
    with pytest.raises(checkpoints.CheckpointError, match="stored as bfloat16"):
        checkpoints.load_gpt2(copied)


def test_our_checkpoint_is_small_and_known():
    files = list(OURS.iterdir())
    assert sum(path.stat().st_size for path in files) <= 20_000_000
    arrays = safetensors.numpy.load_file(OURS / "model.safetensors")
    assert {str(array.dtype) for array in arrays.values()} == {"float16"}
    result = load_results()["shakespeare-gpt2"]
    assert result["parameters"] == sum(array.size for array in arrays.values())
    assert result["tinyshakespeare"] <= 2.12  # nanoGPT's 1.47 nats


def test_shard_outside_the_folder_is_refused(copied):
    (copied / "model.safetensors").rename(copied.parent / "model.safetensors")
    index = {"weight_map": {"wte.weight": "../model.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(checkpoints.CheckpointError, match="not in"):
        checkpoints.load_gpt2(copied)


def test_shards_with_the_names_of_old_checkpoints_load(model, checkpoint, copied):
    arrays = safetensors.numpy.load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    arrays = {key.removeprefix("transformer."): array for key, array in arrays.items()}
    arrays["h.0.attn.bias"] = np.ones((1, 1, 24, 24), "float32")  # the mask
    parts = {"a.safetensors": sorted(arrays)[::2], "b.safetensors": sorted(arrays)[1::2]}
    for file, names in parts.items():
        safetensors.numpy.save_file({name: arrays[name] for name in names}, copied / file)
    index = {"weight_map": {name: file for file, names in parts.items() for name in names}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    loaded = checkpoints.load_gpt2(copied)
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        assert np.array_equal(ours, theirs)
    (copied / "b.safetensors").unlink()
    with pytest.raises(checkpoints.CheckpointError, match="names b.safetensors, which is not in"):
        checkpoints.load_gpt2(copied)


def test_checkpoint_in_the_hub_cache_needs_no_network(checkpoint, monkeypatch, tmp_path):
    folder = tmp_path / "models--ann--small"
    shutil.copytree(checkpoint, folder / "snapshots" / "abc")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    assert checkpoints.load_gpt2("ann/small").config == SMALL[0]


def test_half_a_checkpoint_in_the_hub_cache_counts_as_none(checkpoint, monkeypatch, tmp_path):
    folder = tmp_path / "models--ann--small" / "snapshots" / "abc"
    shutil.copytree(checkpoint, folder)
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = {"weight_map": {"wte.weight": "a.safetensors", "wpe.weight": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    with pytest.raises(
        checkpoints.CheckpointError, match="neither a folder nor in the hub's cache"
    ):
        checkpoints.load_gpt2("ann/small")


@pytest.mark.parametrize("source", ["openai-community/no-such-gpt2", "/no/such/folder", "a b"])
def test_missing_checkpoint_is_one_clear_error(monkeypatch, source):
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    with pytest.raises(checkpoints.CheckpointError, match="neither a folder nor"):
        checkpoints.load_gpt2(source)


def test_notebook_06_asks_nobody_for_the_published_model(monkeypatch):
    notebook = nbformat.read(ROOT / "notebooks" / "06_gpt2.ipynb", 4)
    (settings,) = [c.source for c in notebook.cells if "\nMODEL = " in c.source]
    (choice,) = [c.source for c in notebook.cells if "find_checkpoint(MODEL)" in c.source]
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "0")
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)  # not called, or a TypeError
    exec(f"{settings}\n{choice}", names := {"fetch": fetch, "checkpoints": checkpoints})
    assert names["is_ours"] and names["folder"] == OURS


def test_hub_that_does_not_answer_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(checkpoints.CheckpointError, match="the hub did not give it"):
        checkpoints.load_gpt2(
            "openai-community/no-such-gpt2", timeout=1
        )  # the tests block the network


def test_download_that_breaks_off_is_one_clear_error(monkeypatch):
    def download(local_files_only=False, **settings):
        if local_files_only:
            raise LocalEntryNotFoundError("nothing there")
        raise HTTPError("the server stalled")

    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO())
    with pytest.raises(checkpoints.CheckpointError, match="the server stalled"):
        checkpoints.load_gpt2("ann/small")


# Beside transformers


@pytest.fixture(scope="module", params=SMALL, ids=lambda c: f"{c.hidden_dim}x{c.num_layers}")
def pair(request, tmp_path_factory):
    """Return our model and the same checkpoint in `transformers`."""
    pytest.importorskip("torch", reason="equality with transformers needs torch: make torch")
    from transformers import GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("pair")
    checkpoints.save_gpt2(build(request.param, seed=9), folder)
    theirs = GPT2LMHeadModel.from_pretrained(folder).eval()
    theirs.generation_config.eos_token_id = None  # no token ends a text
    return checkpoints.load_gpt2(folder), theirs


def test_logits_equal_those_of_transformers(pair):
    import torch

    ours, theirs = pair
    random = np.random.default_rng(5)
    token_ids = random.integers(0, ours.config.vocabulary_size, (3, ours.config.context_length))
    num_padding = np.array([0, 5, 1])
    mask = torch.tensor(np.arange(token_ids.shape[1]) >= num_padding[:, None]).long()
    with torch.no_grad():
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        padded = theirs(torch.tensor(token_ids), attention_mask=mask, position_ids=places).logits
        plain = theirs(torch.tensor(token_ids)).logits
    assert np.abs(score(ours, token_ids) - plain.numpy()).max() < 1e-4
    real = mask.numpy().astype(bool)
    assert np.abs(score(ours, token_ids, num_padding) - padded.numpy())[real].max() < 1e-4


def test_greedy_text_equals_that_of_transformers(pair):
    import torch

    ours, theirs = pair
    prompts = make_prompts(ours.config)
    longest = max(LENGTHS)
    padded = [[0] * (longest - len(p)) + p for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    settings = {"max_new_tokens": 10, "do_sample": False, "pad_token_id": 0}
    found = theirs.generate(
        torch.tensor(padded), attention_mask=torch.tensor(mask), **settings
    ).numpy()[:, longest:]
    assert len(np.unique(found)) > 1
    assert np.array_equal(np.stack(Generator(ours)(prompts, 10)), found)


@pytest.mark.parametrize("shards", ["1MB", "3KB"])
def test_checkpoint_of_transformers_loads(tmp_path, shards):
    torch = pytest.importorskip("torch", reason="GPT-2 of transformers needs torch: make torch")
    from transformers import GPT2Config, GPT2LMHeadModel

    theirs = GPT2LMHeadModel(
        GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=2, n_head=2)
    )
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=shards)
    num_files = len(list((tmp_path / "theirs").glob("*.safetensors")))
    assert num_files == 1 if shards == "1MB" else num_files > 1
    ours = checkpoints.load_gpt2(tmp_path / "theirs")
    checkpoints.save_gpt2(ours, tmp_path / "ours")
    again = GPT2LMHeadModel.from_pretrained(tmp_path / "ours").state_dict()
    assert all(torch.equal(again[key], weight) for key, weight in theirs.state_dict().items())


# Tokens

TRICKY = [
    "",
    " ",
    "   two  spaces ",
    "I'll we've 'tis o'er",
    "naïve café",
    "日本語 中文",
    "🙂👩\u200d👩\u200d👧",
    "\x00\x07\x1b\t\r\n\n",
    "a\u2028b\x85c",
    "<|endoftext|>",
    "½ ﷽ \u200b",
]


@pytest.fixture(scope="module")
def tokenizer():
    return checkpoints.load_gpt2_tokenizer()


@pytest.mark.parametrize("text", TRICKY)
def test_any_text_round_trips(tokenizer, text):
    for each in (tokenizer, checkpoints.load_gpt2_tokenizer(OURS)):
        assert each.decode(each.encode(text)) == text


def test_folder_without_vocabulary_has_that_of_gpt2_or_is_refused(tokenizer, copied):
    with pytest.raises(checkpoints.CheckpointError, match="no whole vocab.json"):
        checkpoints.load_gpt2_tokenizer(copied)
    change_config(copied, vocab_size=50257)
    assert checkpoints.load_gpt2_tokenizer(copied).get_vocab() == tokenizer.get_vocab()
    for text in ("", "{", '{"a": 0'):
        (copied / "vocab.json").write_text(text)
        with pytest.raises(checkpoints.CheckpointError, match="no whole vocab.json"):
            checkpoints.load_gpt2_tokenizer(copied)


def test_vocabulary_is_that_of_gpt2(tokenizer):
    assert len(tokenizer) == 50257
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == 50256
    # the prompt of the published example, as OpenAI's own encoder gives it
    assert tokenizer.encode("Hello world") == [15496, 995]
    assert tokenizer.encode("<|endoftext|>") == [50256]
    assert tokenizer(["a b c", "a"], padding=True)["attention_mask"] == [[1, 1, 1], [0, 0, 1]]


def test_transformers_writes_on_from_our_checkpoint_without_a_warning(caplog, recwarn):
    torch = pytest.importorskip("torch", reason="GPT-2 of transformers needs torch: make torch")
    import transformers

    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_warning()
    logging.enable_propagation()  # else pytest does not see what is logged
    recwarn.clear()
    try:
        reference = transformers.GPT2LMHeadModel.from_pretrained(OURS, dtype=torch.float32).eval()
        tokenizer = checkpoints.load_gpt2_tokenizer(OURS)
        batch = tokenizer(["My love", "ROMEO:\nBut soft"], padding=True, return_tensors="pt")
        assert tokenizer.padding_side == "left" and not batch["attention_mask"].all()
        sampled = {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95}
        for settings in ({"do_sample": False}, sampled | {"no_repeat_ngram_size": 2}):
            settings["pad_token_id"] = tokenizer.pad_token_id
            reference.generate(**batch, max_new_tokens=4, **settings)
    finally:
        logging.disable_propagation()
        logging.set_verbosity(verbosity)
    assert [record.getMessage() for record in caplog.records] == []
    assert [str(warning.message) for warning in recwarn] == []
