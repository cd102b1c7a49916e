"""Keeps tests and notebooks off the network, and mends nbval 0.11 in four places."""

import importlib.util
import os
import signal
import time
from pathlib import Path
from queue import Empty

from nbval import kernel as nbval_kernel

# No network: this process is held to it from here on, and through PYTHONPATH every Python
# process that it starts, notebook kernels and their children among them.

NO_NETWORK = Path(__file__).resolve().parent / "tests" / "no_network"

_spec = importlib.util.spec_from_file_location("no_network", NO_NETWORK / "sitecustomize.py")
_spec.loader.exec_module(importlib.util.module_from_spec(_spec))
_paths = [str(NO_NETWORK), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(_paths)


# The user's keras.json has no say in a test.

os.environ["KERAS_HOME"] = str(Path(__file__).resolve().parent / "build" / "keras")

# A shell starts a background job deaf to Ctrl-C, and the job's children inherit that; some tests
# send it to what they start.

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# nbval runs cells without history: `Out[1]` fails, and `plt.plot(...);` shows its value
# (nbval's issue 194).


def execute_cell_input(self, cell_input, allow_stdin=None):
    """Run a cell as Jupyter does, with history."""
    return self.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )


# nbval waits for a kernel that has died until the time of the cell is over.

_await_reply = nbval_kernel.RunningKernel.await_reply


def await_reply(self, msg_id, timeout=None):
    """Wait for the reply to a cell; look every two seconds whether the kernel still lives."""
    end = time.monotonic() + (float("inf") if timeout is None else timeout)
    while True:
        try:
            return _await_reply(self, msg_id, timeout=max(0, min(2, end - time.monotonic())))
        except Empty:
            if not self.is_alive():
                reason = "the kernel died while running this cell (out of memory?)"
                raise RuntimeError(reason) from None
            if time.monotonic() >= end:
                raise


# ipykernel does not capture what C++ code and child processes print where it sees
# PYTEST_CURRENT_TEST. And the history of the tests has no place in that of their user.

_start_new_kernel = nbval_kernel.start_new_kernel


def start_new_kernel(*args, **kwargs):
    """Start a kernel that captures all output and keeps its history to itself."""
    env = {name: text for name, text in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    history = ["--HistoryManager.hist_file=:memory:"]
    return _start_new_kernel(*args, env=env, extra_arguments=history, **kwargs)


nbval_kernel.RunningKernel.execute_cell_input = execute_cell_input
nbval_kernel.RunningKernel.await_reply = await_reply
nbval_kernel.start_new_kernel = start_new_kernel
