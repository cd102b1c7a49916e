"""Add model.onnx to a kept model: `make onnx MODEL=folder`.

ONNX Runtime reads it without Keras and TensorFlow. Needs what requirements-onnx.txt names, in an
environment of its own: tf2onnx installs folders called `tests` and `tools`.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from utils.models.saving import KeptModelError, load, write_card


def list_inputs(model: keras.Model) -> list[keras.InputSpec]:
    """Return the inputs of a model; a GPT-2 is no functional model and reads token ids (B, S)."""
    if not getattr(model, "inputs", None):
        return [keras.InputSpec("int32", (None, None), name="token_ids")]
    return [keras.InputSpec(x.dtype, x.shape, name=x.name) for x in model.inputs]


def register_erfc() -> None:
    """Teach tf2onnx the one operation of BERT's GELU that it lacks: erfc(x) = 1 - erf(x)."""
    from tf2onnx.handler import tf_op

    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **kwargs):
            shapes, dtypes = [node.output_shapes[0]], [node.output_dtypes[0]]
            ctx.remove_node(node.name)
            one = ctx.make_const(f"{node.name}_one", np.ones((), "float32")).output[0]
            erf = ctx.make_node("Erf", node.input).output[0]
            ctx.make_node("Sub", [one, erf], outputs=node.output, shapes=shapes, dtypes=dtypes)

    tf_op("Erfc")(Erfc)


def measure_difference(model: keras.Model, path: Path) -> float:
    """Return how far ONNX Runtime is from Keras, at most, on inputs of zeros and ones."""
    import onnxruntime

    random = np.random.default_rng(0)
    shapes = [([size or 3 for size in x.shape], x.dtype) for x in list_inputs(model)]
    inputs = [random.integers(0, 2, shape).astype(dtype) for shape, dtype in shapes]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    found = session.run(None, dict(zip(names, inputs, strict=True)))
    wanted = keras.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0]))
    wanted = map(keras.ops.convert_to_numpy, wanted)
    return max(float(np.abs(a - b).max()) for a, b in zip(found, wanted, strict=True))


def export_model(model: keras.Model, path: Path) -> float:
    """Write a model as ONNX; return how far it is from Keras, KeptModelError if that is far."""
    register_erfc()
    inputs = list_inputs(model)
    signature = [inputs] if len(inputs) > 1 else inputs
    model.export(path, format="onnx", verbose=False, input_signature=signature)
    if not (difference := measure_difference(model, path)) < 1e-4:
        raise KeptModelError(f"ONNX Runtime differs from Keras by {difference:.1e}")
    return difference


def export_onnx(folder: str | Path) -> float:
    """Add model.onnx to a kept model, and its hash to card.json; return how far it is from Keras.

    KeptModelError if the model is not of float32, or ONNX Runtime computes something else.
    """
    folder = Path(folder)
    model = load(folder).model
    if model.dtype_policy.name != "float32":
        raise KeptModelError(
            f"{folder} is of {model.dtype_policy.name}, and ONNX needs float32: build the model "
            "under that policy, give it these weights by `set_weights`, and save it"
        )
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "model.onnx")
        difference = export_model(model, path)
        shutil.copyfile(path, folder / path.name)
    write_card(folder, json.loads((folder / "card.json").read_text(encoding="utf8")))
    return difference


if __name__ == "__main__":
    try:
        print(f"model.onnx added; it differs from Keras by {export_onnx(sys.argv[1]):.1e} at most")
    except KeptModelError as error:
        sys.exit(f"error: {error}")
