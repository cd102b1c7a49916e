"""Every kept model is the same in a fresh process, and in ONNX Runtime without TensorFlow."""

import importlib.util
import inspect
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from small_models import BUILDERS, CHARACTERS, SETTINGS, TARGET_WORDS, TEXTS, TOKENIZER, TRANSLATOR

from utils.data.pairs import START, decode_tokens, join_tokens
from utils.decoding.serving import KINDS
from utils.models import saving
from utils.models.saving import KeptModelError
from utils.runtime import ROOT

MIXED = "transformer in mixed_float16"  # its layers stand inside other layers
PROMPT = "a film"


def ask(served):
    if hasattr(served, "translate"):
        return served.translate(TEXTS)
    if hasattr(served, "generate"):
        return served.generate(PROMPT, max_new_tokens=9, top_k=1)
    return served.predict([f"[MASK] film {text}" for text in TEXTS]) if served.probe else None


def measure(model, arrays, name):
    """Return what a model says, and its losses in two more steps of training."""
    inputs = [arrays[key] for key in arrays if key.startswith(f"{name}/x")]
    inputs = inputs if inputs[1:] else inputs[0]
    outputs = keras.tree.flatten(model.predict(inputs, verbose=0))
    steps = [model.train_on_batch(inputs, arrays[f"{name}/y"]) for _ in range(2 * model.compiled)]
    return [np.ravel(x).astype("float64").tolist() for x in outputs], np.ravel(steps).tolist()


FRESH = f"""
import json, sys
from pathlib import Path
import utils.models
import keras
import numpy as np

TEXTS, PROMPT = {TEXTS!r}, {PROMPT!r}
{inspect.getsource(ask)}
{inspect.getsource(measure)}
folder, arrays = Path(sys.argv[1]), dict(np.load(sys.argv[2]))
found = {{}}
for path in sorted(folder.iterdir()):
    served = utils.models.load(path)
    found[path.name] = [ask(served), *measure(served.model, arrays, path.name)]
    if "mixed" not in path.name:
        plain = keras.models.load_model(path / "model.keras")
        plain.compiled = False
        found[path.name].append(measure(plain, arrays, path.name)[0])
Path(sys.argv[3]).write_text(json.dumps(found))
"""

ONNX = """
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime

arrays, found = dict(np.load(sys.argv[2])), {}
for path in sorted(Path(sys.argv[1]).glob("*/model.onnx")):
    session, name = onnxruntime.InferenceSession(path), path.parent.name
    names = [each.name for each in session.get_inputs()]
    inputs = [arrays[key] for key in arrays if key.startswith(f"{name}/x")]
    outputs = session.run(None, dict(zip(names, inputs, strict=True)))
    rows, source = arrays.get(f"{name}/first"), [arrays.get(f"{name}/source")]
    for _ in range(0 if rows is None else 9):
        read = [*source[: len(names) - 1], rows]
        best = session.run(None, dict(zip(names, read, strict=True)))[0][:, -1].argmax(axis=-1)
        rows = np.append(rows, best[:, None].astype("int32"), axis=1)
    found[name] = [[x.ravel().tolist() for x in outputs], None if rows is None else rows.tolist()]
assert not {"keras", "tensorflow"} & sys.modules.keys()
Path(sys.argv[3]).write_text(json.dumps(found))
"""


def run(code, folder, arrays):
    """Run code in a process of its own, with the course on its path and nothing else."""
    out = arrays.with_name("found.json")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code, folder, arrays, out]
    subprocess.run(command, check=True, cwd=folder, env=environ)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Save every model; return the folder, the arrays, and what each model answers here."""
    root, arrays, answers = tmp_path_factory.mktemp("kept"), {}, {}
    for name in [*BUILDERS, MIXED]:
        settings = dict(SETTINGS.get(name, {"kind": "model"}))
        keras.utils.set_random_seed(0)
        with saving.use_dtype_policy("mixed_float16" if name == MIXED else "float32"):
            model, inputs, targets = BUILDERS[name.split()[0]]()
            if targets is not None:
                model.train_on_batch(inputs, targets)
                arrays[f"{name}/y"] = targets
        if name == "stateful":
            model.get_layer("recurrent").reset_state()  # a loaded model begins a new text
        inputs = inputs if isinstance(inputs, list) else [inputs]
        arrays |= {f"{name}/x{k}": x for k, x in enumerate(inputs)}
        saving.save(model, root / "all" / name, **settings)
        served = KINDS[settings.pop("kind")](model, **settings)
        if hasattr(served, "translate"):
            arrays[f"{name}/source"] = served.encode(TEXTS)
            arrays[f"{name}/first"] = np.full((len(TEXTS), 1), START, "int32")
        if hasattr(served, "generate") and name != "stateful":  # which reads four texts at once
            arrays[f"{name}/first"] = np.array(served.encode([PROMPT]), "int32")
        answers[name] = [ask(served), *measure(model, arrays, name)]
    np.savez(root / "arrays.npz", **arrays)
    return root / "all", root / "arrays.npz", answers


@pytest.fixture(scope="module")
def fresh(kept):
    return run(FRESH, *kept[:2])


@pytest.mark.parametrize("name", [*BUILDERS, MIXED])
def test_fresh_process_answers_the_same_and_goes_on_training(name, kept, fresh):
    answer, outputs, losses = kept[2][name]
    assert fresh[name][:3] == [answer, outputs, losses]
    assert fresh[name][3:] == ([] if name == MIXED else [outputs])
    assert all(np.isfinite(numbers).all() for numbers in [*outputs, losses])


@pytest.mark.skipif(
    importlib.util.find_spec("tf2onnx") is None,
    reason="tf2onnx is not installed here; `make onnx` runs this test where it is",
)
def test_onnx_runtime_without_tensorflow_agrees(kept, fresh):
    from utils.models.export import export_onnx

    folder, arrays, answers = kept
    for name in BUILDERS:
        export_onnx(folder / name)
    with pytest.raises(KeptModelError, match="ONNX needs float32"):
        export_onnx(folder / MIXED)
    found = run(ONNX, folder, arrays)
    assert found.keys() == BUILDERS.keys()
    for name, (outputs, rows) in found.items():
        atol = 1e-6 if SETTINGS[name]["kind"] == "classifier" else 1e-4
        for here, there in zip(answers[name][1], outputs, strict=True):
            np.testing.assert_allclose(there, here, rtol=0, atol=atol)
        if name in ("translator", "transformer"):
            tokens = decode_tokens(np.array(rows)[:, : 1 + TRANSLATOR["length"]], TARGET_WORDS)
            texts = [join_tokens(t) if text else "" for t, text in zip(tokens, TEXTS, strict=True)]
            assert texts == answers[name][0] and any(texts)
        if name == "gru":
            assert "".join(CHARACTERS[k] for k in rows[0]) == answers[name][0]
        if name == "gpt2":
            text = TOKENIZER["tokenizer"].decode(rows[0][-9:])
            assert answers[name][0] == PROMPT + text != PROMPT
    assert saving.load(folder / "cnn").classify(TEXTS)  # model.onnx is in the card now
