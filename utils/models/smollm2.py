"""SmolLM2-135M-Instruct, a small language model that was taught to answer. Used by notebook 06.

Its weights come in the GGUF format with 4 bits a number; `transformers` turns them back to float32.
Reference: Ben Allal et al. 2025, SmolLM2: When Smol Goes Big.
"""

import importlib.util
from unittest import mock

from utils.data.registry import fetch, get_cache_folder

NAME = "smollm2-135m"
PACKAGES = ("torch", "gguf", "accelerate")


def explain_missing() -> str:
    """Say what this machine lacks to run the model, and the way out; "" if everything is there."""
    absent = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (`make torch` installs them)"
    if not any((get_cache_folder() / NAME).glob("*.gguf")):
        return "its file is not on this machine (`make torch` fetches 93 MB)"
    return ""


def load_smollm2() -> tuple:
    """Return tokenizer and model of `transformers`; the weights are float32, 0.5 GB.

    Raises ImportError if a package is missing, see `explain_missing`, `utils.data.DataError` if the
    file could not be had.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils

    (name, path), *_ = fetch(NAME).items()
    place = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": name}
    quiet = mock.patch.object(modeling_gguf_pytorch_utils, "tqdm", lambda items, **_: items)
    with quiet:  # its progress bar has no switch
        tokenizer = AutoTokenizer.from_pretrained(**place, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    return tokenizer, model.eval()
