"""Start a notebook quietly and reproducibly, and say what it runs on."""

import contextlib
import importlib
import importlib.metadata
import logging
import os
import platform
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]  # the course folder
# XLA takes a matrix times one vector row by row, not eight rows at once: GPT-2 writes faster.
XLA_FLAGS = "--xla_backend_extra_options=xla_llvm_dot_tiling_factor=1"


def start(seed: int = 42) -> None:
    """Choose the backend, silence start-up logs and seed Python, NumPy and the backend.

    Call it before `import keras`. The backend is TensorFlow unless `KERAS_BACKEND` says
    otherwise. A `keras.json` in the user's folder has no effect: it could change the number
    format of every model. Keras keeps its own in `build/keras`.

    TensorFlow works with two threads, whatever the machine has, unless `TF_NUM_INTRAOP_THREADS`
    says otherwise: the number of threads decides in which order a convolution adds (measured with
    AVX2; with AVX-512, and in the other layers, one and two threads gave the same weights). More
    would not make these small models faster.
    """
    backend = os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"
    os.environ["KERAS_HOME"] = str(ROOT / "build" / "keras")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
    with _hold_back_stderr():
        importlib.import_module(backend)
        keras = importlib.import_module("keras")
    keras.utils.set_random_seed(seed)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # no advice on retracing


@contextlib.contextmanager
def _hold_back_stderr():
    """Keep what C++ code writes to file descriptor 2; show it only if the block fails."""
    try:
        saved = os.dup(2)
    except OSError:  # no such descriptor, for example under pythonw
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode("utf8", "replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def list_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the named packages, or 'not installed'."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def measure_usage() -> dict[str, float]:
    """Return `seconds`, `cpu_seconds` and `peak_memory_gb` (10^9 bytes) of this process so far."""
    process = psutil.Process()
    times = process.cpu_times()
    if sys.platform == "win32":
        peak = process.memory_info().peak_wset
    else:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, else KiB
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        # On Linux it begins with what the parent held when it started this process.
        status = Path("/proc/self/status")
        found = re.search(r"VmHWM:\s*(\d+)", status.read_text() if status.exists() else "")
        peak = 1024 * int(found[1]) if found else peak
    return {
        "seconds": time.time() - process.create_time(),
        "cpu_seconds": times.user + times.system,
        "peak_memory_gb": peak / 1e9,
    }


def measure_memory(function: Callable[[], object]) -> int:
    """Return by how many bytes this process grew, at the most, while a function ran.

    A thread looks at the resident memory every 2 ms. It misses shorter peaks, and growth into
    memory that the process held already.
    """
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch():
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        done.set()
        watcher.join()
    return max(peak, process.memory_info().rss) - before


def describe_machine() -> str:
    """Return cores, memory and processor type in one line, for the ledger."""
    memory = psutil.virtual_memory().total / 1e9
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.machine()}, {platform.system()}"
