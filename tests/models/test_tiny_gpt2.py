"""The tiny GPT-2 in data/tiny-gpt2, with the logits that `transformers` computes from it.

Notebook 13 loads it. `python tests/models/test_tiny_gpt2.py` makes it, which needs PyTorch; where
PyTorch is, a test makes it again.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils.models import checkpoints

FOLDER = ROOT / "data" / "tiny-gpt2"
SIZES = {"vocab_size": 23, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2}
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def make(folder):
    """Write a checkpoint as the hub keeps it, and expected.json: token ids and their logits."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(**SIZES, bos_token_id=22, eos_token_id=22)
    model, random = GPT2LMHeadModel(config).eval(), np.random.default_rng(0)
    with torch.no_grad():  # so large that every part matters
        for _, weight in sorted(model.named_parameters()):
            weight.copy_(torch.tensor(random.normal(0, 0.5, weight.shape)))
        logits = model(torch.tensor([TOKENS])).logits[0].numpy()
    arrays = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
    folder.mkdir(exist_ok=True)
    safetensors.numpy.save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    config.to_json_file(folder / "config.json")
    said = {"token_ids": TOKENS, "logits": logits.astype(float).round(5).tolist()}
    (folder / "expected.json").write_text(json.dumps(said) + "\n", encoding="utf8")


def read(folder):
    expected = json.loads((folder / "expected.json").read_text(encoding="utf8"))
    return safetensors.numpy.load_file(folder / "model.safetensors") | expected


def test_our_gpt2_computes_the_logits_of_transformers():
    expected = read(FOLDER)
    logits = checkpoints.load_gpt2(FOLDER)(np.array([expected["token_ids"]]))
    np.testing.assert_allclose(logits[0], expected["logits"], atol=1e-4)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
def test_transformers_still_says_so(tmp_path):
    make(tmp_path)
    found, kept = read(tmp_path), read(FOLDER)
    assert found.keys() == kept.keys() and len(kept) == 30
    for name in kept:
        np.testing.assert_allclose(found[name], kept[name], atol=1e-4, err_msg=name)


if __name__ == "__main__":
    make(FOLDER)
