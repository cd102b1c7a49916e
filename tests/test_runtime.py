import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from utils import runtime
from utils.runtime import ROOT


def run(code, **environment):
    """Run code in a new process; return what it wrote to stdout and to stderr."""
    env = os.environ | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    return done.stdout, done.stderr


def test_the_start_is_quiet_and_seeded():
    code = (
        "from utils.runtime import start; start(7); import keras, numpy, random;"
        "print(keras.backend.backend(), numpy.random.rand(), random.random())"
    )
    out, err = run(code)
    assert out.startswith("tensorflow ") and err == ""
    assert run(code, KERAS_BACKEND="") == (out, "")  # an empty backend is none at all


def test_what_was_held_back_is_shown_when_the_block_fails():
    code = (
        "import os; from utils.runtime import _hold_back_stderr\n"
        "with _hold_back_stderr():\n    os.write(2, b'the reason'); raise ImportError('x')"
    )
    _, err = run(code)
    assert "the reason" in err and "ImportError" in err


@pytest.mark.parametrize("chosen", [None, "--xla_cpu_enable_fast_math=false"])
def test_the_start_sets_xla_unless_the_user_did(monkeypatch, chosen):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if chosen:
        monkeypatch.setenv("XLA_FLAGS", chosen)
    runtime.start()
    assert os.environ["XLA_FLAGS"] == (chosen or runtime.XLA_FLAGS)


def test_an_unknown_backend_is_named(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(ModuleNotFoundError, match="abacus"):
        runtime.start()


@pytest.mark.parametrize(
    "text",
    [
        '{"floatx": "float16", "epsilon": 0.5, "image_data_format": "channels_first"}',
        '{"floatx": "float8", "backend": "torch", "nnx_enabled": true}',
        "[]",
    ],
)
def test_a_keras_json_of_the_user_has_no_effect(tmp_path, text):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(text)
    code = (
        "from utils.runtime import start; start(); from keras import config as c, dtype_policies;"
        "print(c.floatx(), c.epsilon(), c.image_data_format(), c.backend(), c.is_nnx_enabled(),"
        " dtype_policies.get(None).name)"
    )
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "KERAS_HOME": ""}
    assert run(code, **home)[0] == "float32 1e-07 channels_last tensorflow False float32\n"
    assert (tmp_path / ".keras" / "keras.json").read_text() == text


def test_usage_is_plausible():
    usage = runtime.measure_usage()
    assert usage["cpu_seconds"] > 0 and 0.01 < usage["peak_memory_gb"] < 100
    assert re.match(r"\d+ cores, \d+ GB, ", runtime.describe_machine())


def test_the_peak_is_that_of_this_process_alone():
    held = np.ones(10**8, "uint8")  # by the parent
    code = "from utils.runtime import measure_usage; print(measure_usage()['peak_memory_gb'])"
    found = float(run(code)[0])
    assert 0.005 < found < held.nbytes / 1e9


def test_memory_of_a_function_is_seen():
    def hold():
        block = np.ones(25_000_000)  # 200 MB
        time.sleep(0.5)  # time to be seen, also on a busy machine
        return block

    assert 150e6 < runtime.measure_memory(hold) < 300e6
    assert runtime.measure_memory(lambda: None) < 50e6
    with pytest.raises(ZeroDivisionError):
        runtime.measure_memory(lambda: 1 / 0)
