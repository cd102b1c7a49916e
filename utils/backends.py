"""What each backend of Keras has under a name of its own: compiling, gradients."""

import keras
import numpy as np

from utils.checks import BROKEN


def compute_gradient(function, array: np.ndarray) -> np.ndarray:
    """Return the gradient of a function, from a tensor to one number, at a float32 array.

    Example:
        >>> compute_gradient(lambda x: keras.ops.sum(x * x), np.array([1.0, 2.0], "float32"))
        array([2., 4.], dtype=float32)
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(array)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(array))
    x = keras.ops.convert_to_tensor(array).detach().requires_grad_()
    function(x).backward()
    return x.grad.detach().cpu().numpy()


def compile_function(function, *, ids: range | None = None, xla: bool = True):
    """Compile a function of tensors with XLA; PyTorch runs it as it is, without gradients.

    If not `xla`, TensorFlow makes a graph of its own operations, which is there sooner.

    If `ids` are given, the first argument holds token ids, and others raise ValueError: a compiled
    program would take the last token for one above it. What it returns, or the first part of it,
    are ids, too; one below 0, from `utils.decoding.filters.mark_broken`, raises ValueError.
    """
    if ids is not None:
        compiled = compile_function(function)

        def check_and_call(token_ids, *others):
            found = np.ravel(keras.ops.convert_to_numpy(token_ids))
            if found.dtype.kind not in "iu":
                raise ValueError(f"token ids are whole numbers, not of type {found.dtype}")
            if found.size and not (ids.start <= found.min() and found.max() < ids.stop):
                wrong = found.max() if found.max() >= ids.stop else found.min()
                raise ValueError(f"token ids are from {ids.start} to {ids.stop - 1}, not {wrong}")
            returned = compiled(token_ids, *others)
            chosen = returned[0] if isinstance(returned, tuple) else returned
            if np.min(keras.ops.convert_to_numpy(chosen), initial=0) < 0:
                raise ValueError(BROKEN)
            return returned

        return check_and_call
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=xla)
    if backend == "jax":
        import jax

        return jax.jit(function)
    import torch

    return torch.no_grad()(function)


def compile_graph(function):
    """Compile the calls of compiled functions that a function makes: a graph, with TensorFlow.

    It takes a second where XLA takes ten. JAX and PyTorch run the function as it is.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if backend == "jax":
        return function
    return compile_function(function)


def read_variables(layer) -> list:
    """Return the weights of a layer as tensors, which a compiled function can take."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return [tf.convert_to_tensor(variable.value) for variable in layer.variables]
    return [variable.value for variable in layer.variables]
