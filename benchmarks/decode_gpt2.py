"""GPT-2's speed in the course's loop, beside `transformers`, KerasHub and the memory's own speed.

All read the same checkpoint of random weights and write greedy text, which must be the same, on one
thread. Each run has a process of its own; the runs of the four alternate, and medians count.
KerasHub's `GPT2CausalLM` is compiled as it comes, by XLA with the course's settings; where KerasHub
is not installed, it is left out. Speed is that of the tokens after the first: (time of N + 1 new
tokens - time of 1) for N. The others are asked for a text of one token; the course's loop streams
the first of N + 1, so that both times are those of one compiled program.
Each token reads every weight once, so reading memory bounds the speed; how fast that goes is
measured between the runs, as the best of several kernels.

Run on a quiet machine: `python -m benchmarks.decode_gpt2` (about 15 minutes; needs `make torch`
and, for KerasHub, `pip install --no-deps keras-hub==0.26.0 sentencepiece`). It writes
data/results/decode-gpt2.json. With `--fraction 0.1` the model is tiny.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks import harness
from utils.runtime import start

NEW_TOKENS, PROMPT_TOKENS, ROUNDS = 128, 16, 5
RUNS = {"course": 1, "transformers": 1, "kerashub": 1, "course-8": 8}  # texts side by side
FOLDER = harness.BUILD / "gpt2-random"


def load_course():
    start()
    from utils.decoding.sampling import Generator
    from utils.models import checkpoints

    generator = Generator(checkpoints.load_gpt2(FOLDER))

    def generate(prompts, count):
        if count == 1:  # the first of all, from the program that writes them
            return next(generator.stream(prompts, NEW_TOKENS + 1, num_tokens=1)).tolist()
        return [row.tolist() for row in generator(prompts, count)]

    return generate


def load_transformers():
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(1)
    model = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None  # no token ends a text
    settings = {"do_sample": False, "use_cache": True, "pad_token_id": 0}

    def generate(prompts, count):
        token_ids = torch.tensor(prompts)
        mask = torch.ones_like(token_ids)
        found = model.generate(token_ids, attention_mask=mask, max_new_tokens=count, **settings)
        return found[:, token_ids.shape[1] :].tolist()

    return generate


def load_kerashub():
    start()
    from keras_hub.models import GPT2Backbone, GPT2CausalLM

    model = GPT2CausalLM(GPT2Backbone.from_preset(str(FOLDER)), preprocessor=None)
    model.compile(sampler="greedy")

    def generate(prompts, count):
        room = ((0, 0), (0, count))
        mask = np.pad(np.ones_like(prompts), room)
        inputs = {"token_ids": np.pad(prompts, room), "padding_mask": mask}
        found = model.generate(inputs, stop_token_ids=None)
        return found["token_ids"][:, len(prompts[0]) :].tolist()

    return generate


def measure_memory() -> dict:
    """Read half a gigabyte with several kernels; return the bytes a second of the fastest."""
    matrix, vector = np.ones((2**17, 1024), "float32"), np.ones(1024, "float32")
    flat, bits, times = matrix.ravel(), matrix.view("int32"), [time.perf_counter()]
    for kernel in (matrix.sum, bits.max, lambda: flat @ flat, lambda: matrix @ vector):
        kernel()
        times.append(time.perf_counter())
    return {"bytes/s": matrix.nbytes / min(np.diff(times))}


def measure(run: str) -> dict:
    """Return what is written, and the tokens a second, in this process on one core."""
    if hasattr(os, "sched_setaffinity"):  # whoever starts more threads
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if run == "memory":
        return measure_memory()
    generate = globals()[f"load_{run.partition('-')[0]}"]()
    shape, seconds = (RUNS[run], PROMPT_TOKENS), {}
    prompts = np.random.default_rng(0).integers(0, 300, shape).tolist()
    for count in (1, NEW_TOKENS + 1) * 2:  # the first two compile
        begin = time.perf_counter()
        texts = generate(prompts, count)
        seconds[count] = time.perf_counter() - begin
    steady = seconds[NEW_TOKENS + 1] - seconds[1]
    return {"texts": texts, "tokens/s": RUNS[run] * NEW_TOKENS / steady}


def measure_apart(run: str) -> dict:
    """Measure in a process of its own, with one thread."""
    names = ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    command = [sys.executable, "-m", "benchmarks.decode_gpt2", run]
    env = os.environ | {f"{name}_THREADS": "1" for name in names}
    done = subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(options) -> None:
    start(seed=0)
    from utils.models import checkpoints, gpt2

    tiny = gpt2.GPT2Config(vocabulary_size=300, hidden_dim=32, num_layers=2, num_heads=2)
    config = tiny if options.trial else gpt2.get_config("gpt2")
    model = gpt2.GPT2(config)
    num_bytes = 4 * (model.count_params() - config.context_length * config.hidden_dim)
    checkpoints.save_gpt2(model, FOLDER)
    del model
    runs = [r for r in RUNS if r != "kerashub" or importlib.util.find_spec("keras_hub")]
    found = {run: [] for run in (*runs, "memory")}
    for _ in range(1 if options.trial else ROUNDS):
        for run, rounds in found.items():
            rounds.append(measure_apart(run))
    if any(found[run][0]["texts"] != found["course"][0]["texts"] for run in runs[:-1]):
        raise RuntimeError("they did not write the same text")
    table = [
        {"threads": 1, "batch": RUNS[run], "writer": run.partition("-")[0]}
        | {"tokens/s": statistics.median(one["tokens/s"] for one in found[run])}
        for run in runs
    ]
    course, transformers = (row["tokens/s"] for row in table[:2])
    bandwidth = statistics.median(one["bytes/s"] for one in found["memory"])
    facts = {"runs": f"median of {ROUNDS}", "new_tokens": NEW_TOKENS, "table": table}
    facts["share_of_bandwidth"] = course * num_bytes / bandwidth
    harness.record("decode-gpt2", options, value=course / transformers, **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "all", *RUNS, "memory")
    if options.experiment == "all":
        main(options)
    else:
        print(json.dumps(measure(options.experiment)))
