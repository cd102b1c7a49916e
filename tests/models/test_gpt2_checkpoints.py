"""Checkpoints of GPT-2 and its tokens: bit for bit, what is refused, and in `transformers`."""

import importlib
import io
import json
import os
import re
import shutil
import weakref
from unittest import mock

import keras
import nbformat
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError
from small_models import randomise, to_numpy
from tokenizers import pre_tokenizers

from utils.decoding.sampling import Generator
from utils.models import checkpoints, gpt2
from utils.models.checkpoints import CheckpointError, load_gpt2, load_gpt2_tokenizer, save_gpt2
from utils.models.saving import use_dtype_policy
from utils.results import load_results
from utils.runtime import ROOT

OURS = ROOT / "data" / "models" / "gpt2-shakespeare"
CONFIG = gpt2.GPT2Config(41, 24, 12, 2, 3)
WRONG = ("0.1", None, True, 1.5)  # of a share
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture(scope="module")
def model():
    return randomise(gpt2.GPT2(CONFIG))


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    save_gpt2(model, folder)
    return folder


@pytest.fixture
def copied(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copied")


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def write_index(folder, **weight_map):
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))


# Written and read


def test_checkpoint_round_trip_is_bit_exact(model, checkpoint, tmp_path):
    save_gpt2(load_gpt2(checkpoint), tmp_path)
    for name in (WEIGHTS, "config.json"):
        assert (tmp_path / name).read_bytes() == (checkpoint / name).read_bytes()
    stored = safetensors.numpy.load_file(checkpoint / WEIGHTS)  # of dense layers, input by input
    for name, width in {"attn.c_attn": 36, "mlp.c_fc": 48}.items():
        assert stored[f"transformer.h.0.{name}.weight"].shape == (12, width)
    kernel = to_numpy(model.blocks[0].attention.project.kernel)
    assert np.array_equal(stored["transformer.h.0.attn.c_proj.weight"], kernel.T)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "int8"])
def test_a_file_that_could_not_be_read_is_not_written(model, tmp_path, dtype):
    with pytest.raises(ValueError, match=f"float32 or float16, not in '{dtype}'"):
        save_gpt2(model, tmp_path, dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_half_precision_file_is_half_as_large(model, checkpoint, tmp_path):
    save_gpt2(model, tmp_path, dtype="float16")
    sizes = [(folder / WEIGHTS).stat().st_size for folder in (tmp_path, checkpoint)]
    assert sizes[0] < 0.75 * sizes[1]
    for mine, other in zip(load_gpt2(tmp_path).weights, model.weights, strict=True):
        assert mine.dtype == "float32"
        np.testing.assert_allclose(to_numpy(mine), to_numpy(other), rtol=1e-3, atol=1e-6)


def test_loading_draws_no_weights_and_reads_every_array_once(checkpoint, monkeypatch):
    read = mock.Mock(wraps=checkpoints.read_array)
    monkeypatch.setattr(checkpoints, "read_array", read)
    monkeypatch.setattr(keras.initializers.RandomNormal, "__call__", None)  # cannot draw
    model = load_gpt2(checkpoint)
    assert model.config == CONFIG
    keys = [call.args[1] for call in read.call_args_list]
    assert len(keys) == len(set(keys)) == len(model.weights)


def test_loading_holds_one_array_at_a_time(checkpoint, monkeypatch):
    found, alive, read_array = [], [], checkpoints.read_array

    def read_and_count(*arguments):
        array = read_array(*arguments)
        found.append(weakref.ref(array))
        alive.append(sum(ref() is not None for ref in found))
        return array

    monkeypatch.setattr(checkpoints, "read_array", read_and_count)
    model = gpt2.GPT2(CONFIG)
    monkeypatch.setattr(keras.Variable, "assign", lambda self, value: None)
    checkpoints.read_weights(model, checkpoint)
    assert len(alive) == len(model.weights) and max(alive) == 1


def test_a_copy_of_the_tied_table_is_harmless(copied, model):
    change_arrays(lambda a: {"lm_head.weight": a["transformer.wte.weight"].copy()})(copied)
    with use_dtype_policy("bfloat16"):  # the model's own table is rounded, what is kept is not
        load_gpt2(copied)
    for ours, theirs in zip(load_gpt2(copied).weights, model.weights, strict=True):
        assert np.array_equal(to_numpy(ours), to_numpy(theirs))


def test_shards_with_the_names_of_old_checkpoints_load(model, copied):
    arrays = safetensors.numpy.load_file(copied / WEIGHTS)
    (copied / WEIGHTS).unlink()
    arrays = {key.removeprefix("transformer."): array for key, array in arrays.items()}
    arrays["h.0.attn.bias"] = np.ones((1, 1, 24, 24), "float32")  # the mask
    parts = {"a.safetensors": sorted(arrays)[::2], "b.safetensors": sorted(arrays)[1::2]}
    for file, names in parts.items():
        safetensors.numpy.save_file({name: arrays[name] for name in names}, copied / file)
    write_index(copied, **{name: file for file, names in parts.items() for name in names})
    for ours, theirs in zip(load_gpt2(copied).weights, model.weights, strict=True):
        assert np.array_equal(to_numpy(ours), to_numpy(theirs))
    (copied / "b.safetensors").unlink()
    with pytest.raises(CheckpointError, match="names b.safetensors, which is not in"):
        load_gpt2(copied)


def test_our_checkpoint_is_small_and_known():
    assert sum(path.stat().st_size for path in OURS.iterdir()) <= 20_000_000
    arrays = safetensors.numpy.load_file(OURS / WEIGHTS)
    assert {str(array.dtype) for array in arrays.values()} == {"float16"}
    result = load_results()["shakespeare-gpt2"]
    assert result["parameters"] == sum(array.size for array in arrays.values())
    assert result["tinyshakespeare"] <= 2.12  # nanoGPT's 1.47 nats


# Refused


def move_out(folder):
    (folder / WEIGHTS).rename(folder.parent / WEIGHTS)
    write_index(folder, **{"wte.weight": f"../{WEIGHTS}"})


def make_bfloat16(folder):
    save_gpt2(load_gpt2(folder), folder, dtype="float16")  # which has as many bytes
    content = (folder / WEIGHTS).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + size].replace(b'"F16"', b'"BF16"')
    content = len(header).to_bytes(8, "little") + header + content[8 + size :]
    (folder / WEIGHTS).write_bytes(content)


def change_arrays(change):
    def damage(folder):
        arrays = safetensors.numpy.load_file(folder / WEIGHTS)
        safetensors.numpy.save_file(arrays | change(arrays), folder / WEIGHTS)

    return damage


def name_twice(folder):
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace("{", '{"n_head": 4, ', 1))


def untie(arrays):
    return {"lm_head.weight": arrays[f"transformer.{checkpoints.TOKENS}"] + 1}


def let_config_be_silent(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["tie_word_embeddings"]
    (folder / "config.json").write_text(json.dumps(config))
    change_arrays(untie)(folder)


DENSE = "transformer.h.0.mlp.c_fc.weight"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (let_config_be_silent, "an output of its own, 'lm_head.weight'"),
        (change_arrays(untie), "an output of its own, 'lm_head.weight'"),
        (change_arrays(lambda a: {DENSE: a[DENSE].astype("int8")}), "c_fc.weight.* stored as I8"),
        (change_arrays(lambda a: {DENSE: a[DENSE] * np.nan}), "c_fc.weight.* is no number"),
        (
            change_arrays(lambda a: {"h.0.ln_1.bias": np.ones(12, "float32")}),
            "'h.0.ln_1.bias' are there twice",
        ),
        (name_twice, "'n_head' is there twice"),
        ({"quantization_config": {"bits": 8}}, "quantization_config is {'bits': 8}, and GPT-2 has"),
        ({"embd_pdrop": 0.3}, "embd_pdrop 0.3, attn_pdrop 0.0 and resid_pdrop 0.0 differ"),
        ({"attn_pdrop": 0.3}, "embd_pdrop 0.0, attn_pdrop 0.3 and resid_pdrop 0.0 differ"),
        ({"resid_pdrop": 0.3}, "embd_pdrop 0.0, attn_pdrop 0.0 and resid_pdrop 0.3 differ"),
        *(({"resid_pdrop": p}, f"resid_pdrop.* must be a number.*, not {p!r}") for p in WRONG),
        (lambda f: (f / WEIGHTS).rename(f / "model.bin"), "model.bin, a pickle"),
        (move_out, "not in"),
        (make_bfloat16, "stored as BF16; save the checkpoint as float32 or float16"),
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
def test_foreign_checkpoint_is_refused(copied, damage, said):
    if callable(damage):
        damage(copied)
    else:
        change_config(copied, **damage)
    with pytest.raises(CheckpointError, match=said):
        load_gpt2(copied)


def test_rates_of_dropout_as_published_are_read(copied):
    rates = dict.fromkeys(["embd_pdrop", "attn_pdrop", "resid_pdrop"], 0.1)
    change_config(copied, **rates)
    assert load_gpt2(copied).config.dropout == 0.1
    assert load_gpt2(copied, dropout=0.2).config.dropout == 0.2
    with pytest.raises(ValueError, match="num_heads belongs to the weights"):
        load_gpt2(copied, num_heads=4)  # arrays of the same shapes, other texts


@pytest.mark.parametrize(("dtype", "wrong"), [("float32", np.nan), ("float16", 1e5)])
def test_weights_that_could_not_be_read_are_not_written(tmp_path, dtype, wrong):
    model = gpt2.GPT2(CONFIG)
    model.final_norm.beta.assign(np.full(12, wrong))
    with pytest.raises(ValueError, match=f"ln_f.bias holds what is no number in {dtype}"):
        save_gpt2(model, tmp_path, dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused(copied):
    for size in (5000, 100, 7, 0):
        os.truncate(copied / WEIGHTS, size)
        with pytest.raises(CheckpointError, match="damaged or truncated"):
            load_gpt2(copied)
    for text in ("[]", "{", '{"model_type": "gpt2"}'):
        (copied / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match="not the configuration of a GPT-2"):
            load_gpt2(copied)


# The hub


def test_checkpoint_in_the_hub_cache_needs_no_network(checkpoint, monkeypatch, tmp_path):
    folder = tmp_path / "models--ann--small" / "snapshots" / "abc"
    shutil.copytree(checkpoint, folder)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    assert load_gpt2("ann/small").config == CONFIG
    (folder / WEIGHTS).rename(folder / "a.safetensors")  # half a checkpoint counts as none
    write_index(folder, **{"wte.weight": "a.safetensors", "wpe.weight": "b.safetensors"})
    with pytest.raises(CheckpointError, match="neither a folder nor in the hub's cache"):
        load_gpt2("ann/small")


@pytest.mark.parametrize("source", ["openai-community/no-such-gpt2", "/no/such/folder", "a b"])
def test_missing_checkpoint_is_one_clear_error(monkeypatch, source):
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    with pytest.raises(CheckpointError, match="neither a folder nor"):
        load_gpt2(source)


def run_lesson_06(capsys, *, fetch_gpt2):
    """Run the cell of lesson 06 that loads GPT-2; return what it prints."""
    notebook = nbformat.read(ROOT / "notebooks" / "06_gpt2.ipynb", 4)
    (cell,) = [c.source for c in notebook.cells if c.source.startswith("if FETCH_GPT2:")]
    (settings,) = [c.source for c in notebook.cells if "\nFETCH_GPT2 = " in c.source]
    assert "\nFETCH_GPT2 = False" in settings
    names = {"checkpoints": checkpoints, "Generator": Generator, "FETCH_GPT2": fetch_gpt2}
    names |= {"PROMPTS": ["The sea"], "NEW_TOKENS": 3, "written": {"greedy": [" is blue"]}}
    exec(cell, names)
    return capsys.readouterr().out


def test_lesson_06_asks_nobody_for_gpt2_unless_it_shall(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "0")
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)  # not called, or a TypeError
    assert "GPT-2 was not fetched" in run_lesson_06(capsys, fetch_gpt2=False)


def test_lesson_06_goes_on_without_a_network(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    assert "network is switched off" in run_lesson_06(capsys, fetch_gpt2=True)


def test_lesson_06_continues_its_prompts_with_gpt2(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "models--openai-community--gpt2" / "snapshots" / "abc"
    small = gpt2.GPT2Config(context_length=32, hidden_dim=8, num_layers=1, num_heads=2)
    save_gpt2(gpt2.GPT2(small), folder)  # of GPT-2's 50,257 tokens
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "1")
    shown = run_lesson_06(capsys, fetch_gpt2=True)
    assert shown.startswith("The sea\n  GPT-2:   '") and "SmolLM2: ' is blue'" in shown
    tokenizer = load_gpt2_tokenizer()
    (new,) = Generator(load_gpt2(folder))([tokenizer.encode("The sea")], 3)
    assert repr(tokenizer.decode(new)) in shown


def test_hub_that_does_not_answer_or_breaks_off_is_one_clear_error(monkeypatch):
    def download(local_files_only=False, **settings):
        if local_files_only:
            raise LocalEntryNotFoundError("nothing there")
        raise HTTPError("the server stalled")

    monkeypatch.setenv("COURSE_NO_DOWNLOAD", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(CheckpointError, match="the hub did not give it"):  # the network is blocked
        load_gpt2("openai-community/no-such-gpt2", timeout=1)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO())
    with pytest.raises(CheckpointError, match="the server stalled"):
        load_gpt2("ann/small")


# Tokens

TRICKY = ["", " ", "   two  spaces ", "I'll we've 'tis o'er", "naïve café", "日本語 中文"]
TRICKY += ["🙂👩\u200d👩\u200d👧", "\x00\x07\x1b\t\r\n\n", "a\u2028b\x85c", "<|endoftext|>", "½ ﷽"]


@pytest.fixture(scope="module")
def tokenizer():
    return load_gpt2_tokenizer()


def test_folder_without_vocabulary_has_that_of_gpt2_or_is_refused(tokenizer, copied):
    with pytest.raises(CheckpointError, match="no whole vocab.json"):
        load_gpt2_tokenizer(copied)
    change_config(copied, vocab_size=50257)
    assert load_gpt2_tokenizer(copied).get_vocab() == tokenizer.get_vocab()
    for text in ("", "{", '{"a": 0'):
        (copied / "vocab.json").write_text(text)
        with pytest.raises(CheckpointError, match="no whole vocab.json"):
            load_gpt2_tokenizer(copied)


# A small byte-level vocabulary

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
VOCABULARY = {token: k for k, token in enumerate([*BYTES, "ab", "abc", "<|endoftext|>"])}
MERGES = "#version: 0.2\na b\nab c\n"


def write_tokens(folder, vocabulary=VOCABULARY, merges=MERGES):
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf8")
    (folder / "merges.txt").write_text(merges, encoding="utf8")
    return folder


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_harmless_signs_change_no_tokens(tmp_path, start, end):
    tokenizer = load_gpt2_tokenizer(
        write_tokens(tmp_path, merges=start + MERGES.replace("\n", end))
    )
    assert tokenizer.tokenize("abcab") == ["abc", "ab"]
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == 258


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize(
    ("vocabulary", "merges", "said"),
    [
        (VOCABULARY, "#version: 0.2\na b\n", "merges.txt is not whole: it ends at line 3.* 'abc'"),
        (VOCABULARY, "#version: 0.2\na b\nab", "merges.txt, line 3: 'ab' is not two tokens"),
        (VOCABULARY, LFS, "merges.txt, line 1: 'version https://git-lfs"),
        (VOCABULARY, MERGES + "a b\n", "merges.txt, line 4: 'a b' is there twice"),
        (VOCABULARY | {"ab": 256.0}, MERGES, "no whole vocab.json.* not 0, 1, 2"),
        (VOCABULARY, MERGES + "b c\n", "merges.txt, line 4: 'b c' is not two tokens"),
        (VOCABULARY | {"ab": 5}, MERGES, "no whole vocab.json.* not 0, 1, 2"),
        (VOCABULARY | {"<|endoftext|>": 999}, MERGES, "no whole vocab.json.* not 0, 1, 2"),
        ([*VOCABULARY], MERGES, "no whole vocab.json"),
        ({k: v for k, v in VOCABULARY.items() if v < 258}, MERGES, "no <|endoftext|>, which ends"),
    ],
)
def test_half_a_vocabulary_is_refused(tmp_path, vocabulary, merges, said):
    said = said.replace("<|endoftext|>", re.escape("<|endoftext|>"))
    with pytest.raises(CheckpointError, match=said):
        load_gpt2_tokenizer(write_tokens(tmp_path, vocabulary, merges))


def test_added_tokens_are_read(tmp_path):
    write_tokens(tmp_path)
    added = tmp_path / "added_tokens.json"
    added.write_text(json.dumps({"<|b|>": 260, "<|a|>": 259}))
    tokenizer = load_gpt2_tokenizer(tmp_path)
    assert tokenizer.tokenize("ab<|a|>c") == ["ab", "<|a|>", "c"] and len(tokenizer) == 261
    assert tokenizer.encode("<|b|><|endoftext|>") == [260, 258]
    added.write_text(json.dumps({"<|a|>": 300}))
    with pytest.raises(CheckpointError, match="added_tokens.json do not go on from"):
        load_gpt2_tokenizer(tmp_path)


def test_a_folder_with_only_tokenizer_json_has_its_tokens(tmp_path, copied, tokenizer):
    small = load_gpt2_tokenizer(write_tokens(tmp_path)).backend_tokenizer
    change_config(copied, vocab_size=50257)  # not a reason to take GPT-2's
    small.add_tokens(["<|x|>"])
    small.save(str(copied / "tokenizer.json"))
    found = load_gpt2_tokenizer(copied)
    assert found.tokenize("abc<|x|>") == ["abc", "<|x|>"] and len(found) == 260
    assert found.eos_token_id == found.pad_token_id == 258 and found.padding_side == "left"
    assert found.decode(found.encode(TRICKY[2])) == TRICKY[2]
    whole = json.loads((copied / "tokenizer.json").read_text(encoding="utf8"))
    broken = [{}, [], {"model": None}, {"model": {"vocab": {}}}, {"model": {"vocab": "abc"}}]
    model = whole["model"]
    broken += [whole | {"model": model | {"merges": m}} for m in ([["a", "z"]], ["a"], None)]
    for text in ("", "{", '{"model": 1, "model": 2}', *map(json.dumps, broken)):
        (copied / "tokenizer.json").write_text(text)
        with pytest.raises(CheckpointError, match="no whole tokenizer.json"):
            load_gpt2_tokenizer(copied)
    (copied / "tokenizer.json").unlink()
    (copied / "tokenizer.json").mkdir()
    with pytest.raises(CheckpointError, match="no whole tokenizer.json"):
        load_gpt2_tokenizer(copied)


def test_any_text_round_trips_and_the_vocabulary_is_that_of_gpt2(tokenizer):
    for each in (tokenizer, load_gpt2_tokenizer(OURS)):
        assert [each.decode(each.encode(text)) for text in TRICKY] == TRICKY
    assert len(tokenizer) == 50257
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == 50256
    # the prompt of the published example, as OpenAI's own encoder gives it
    assert tokenizer.encode("Hello world") == [15496, 995]
    assert tokenizer.encode("<|endoftext|>") == [50256]
    assert tokenizer(["a b c", "a"], padding=True)["attention_mask"] == [[1, 1, 1], [0, 0, 1]]


# Beside transformers


@pytest.mark.parametrize("shards", ["1MB", "3KB"])
def test_checkpoint_of_transformers_loads(tmp_path, shards):
    torch = pytest.importorskip("torch", reason="GPT-2 of transformers needs torch: make torch")
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=2, n_head=2)
    theirs = GPT2LMHeadModel(sizes)
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=shards)
    assert (shards == "3KB") == (tmp_path / "theirs" / INDEX).exists()
    save_gpt2(load_gpt2(tmp_path / "theirs"), tmp_path / "ours")
    again = GPT2LMHeadModel.from_pretrained(tmp_path / "ours").state_dict()
    assert all(torch.equal(again[key], weight) for key, weight in theirs.state_dict().items())


# The script that trained our checkpoint


def test_a_run_that_was_interrupted_ends_with_the_same_weights(tmp_path, monkeypatch):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "1")  # so that the script's own choice does not stay
    script = importlib.import_module("benchmarks.train_gpt2_on_shakespeare")
    monkeypatch.setattr(script, "POINTS", 3)  # it is kept after steps 3, 6 and 9
    recipe = script.RECIPE | {"steps": 9, "batch_size": 2, "policy": "float32"}
    token_ids = np.random.default_rng(0).integers(0, 40, 300).astype("int32")
    draw_windows = script.draw_windows

    def train(folder, last_step=None, **changes):
        def draw(token_ids, step, *sizes):
            if step == last_step:
                raise KeyboardInterrupt
            return draw_windows(token_ids, step, *sizes)

        monkeypatch.setattr(script, "draw_windows", draw)
        config, text = gpt2.GPT2Config(40, 8, 8, 1, 2, dropout=0.2), (token_ids, token_ids[:50])
        return script.train(tmp_path / folder, config, recipe | changes, *text, 100)

    whole, progress = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("parts", last_step=7)
    parts, resumed = train("parts")
    assert resumed["steps"] == progress["steps"] == 9
    for one, other in zip(whole.weights, parts.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(other))
    bits = [[p["validation_bits_per_byte"] for p in r["curve"]] for r in (progress, resumed)]
    assert bits[0] == bits[1] and len(bits[0]) == 3
    with pytest.raises(SystemExit, match='begun with .*"batch_size": 2'):
        train("parts", batch_size=4)
