"""Keeps tests and notebooks off the network and off the user's settings; mends nbval 0.11."""

import os
import time
from pathlib import Path
from queue import Empty

from nbval.kernel import RunningKernel

ROOT = Path(__file__).resolve().parent
NO_NETWORK = ROOT / "tests" / "no_network"

# This process is held to it from here on, and through PYTHONPATH every Python process that it
# starts, notebook kernels and their children among them.
exec((NO_NETWORK / "sitecustomize.py").read_text(encoding="utf8"), {})
_paths = [str(NO_NETWORK), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(_paths)

# The user's keras.json and IPython have no say in a test, nor the tests in the user's history.
os.environ["KERAS_HOME"] = str(ROOT / "build" / "keras")
os.environ["IPYTHONDIR"] = str(ROOT / "build" / "ipython")
Path(os.environ["IPYTHONDIR"]).mkdir(parents=True, exist_ok=True)


def await_reply(kernel, message, timeout=None, wait=RunningKernel.await_reply):
    """Wait for the reply to a cell, but not, as nbval does, for that of a kernel that has died."""
    end = time.monotonic() + (float("inf") if timeout is None else timeout)
    while True:
        try:
            return wait(kernel, message, timeout=max(0, min(2, end - time.monotonic())))
        except Empty:
            if not kernel.is_alive():
                reason = "the kernel died while running this cell (out of memory?)"
                raise RuntimeError(reason) from None
            if time.monotonic() >= end:
                raise


RunningKernel.await_reply = await_reply
