"""GPT-2's speed in the course's loop, beside `transformers`, KerasHub and the memory's own speed.

All read the same checkpoint of random weights and write greedy text, which must be the same. Each
runs in a process of its own; their runs alternate, and the ratios are those of medians. KerasHub's
`GPT2CausalLM` is compiled as it comes, by XLA with the course's settings; where KerasHub is not
installed, it is left out.
Steady speed is that of the tokens after the first: (time of N + 1 new tokens - time of 1) for N.
The others are asked for a text of one token; the course's loop streams the first of N + 1, so that
both times, and the peak of memory, are those of one compiled program.
Each token reads every weight once, so reading memory bounds the speed; how fast that goes is
measured in the same run, as the best of several kernels: the median of the rounds, as for the
tokens, and the best round beside it.

Run on a quiet machine: `python -m benchmarks.decode_gpt2` (about 15 minutes; needs `make torch`
and, for KerasHub, `pip install --no-deps keras-hub==0.26.0 sentencepiece`). It writes
data/results/decode-gpt2.json. `--trial` has a tiny model.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks import harness
from utils.runtime import measure_usage, start

NEW_TOKENS, PROMPT_TOKENS, ROUNDS = 128, 16, 5
WRITERS = ["course", "transformers"] + ["kerashub"] * bool(importlib.util.find_spec("keras_hub"))
FOLDER = harness.BUILD / "gpt2-random"


# A worker: it yields when its imports are done, when the model is loaded, then what generates.


def work_as_course():
    start()
    from utils.decoding.sampling import Generator
    from utils.models import checkpoints

    yield
    model = checkpoints.load_gpt2(FOLDER)
    yield
    generator = Generator(model)

    def generate(prompts, count):
        if count == 1:  # the first of all, from the program that writes them
            return next(generator.stream(prompts, NEW_TOKENS + 1, num_tokens=1)).tolist()
        return [row.tolist() for row in generator(prompts, count)]

    yield generate


def work_as_transformers():
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    yield
    model = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    yield
    model.generation_config.eos_token_id = None  # no token ends a text
    settings = {"do_sample": False, "use_cache": True, "pad_token_id": 0}

    def generate(prompts, count):
        token_ids = torch.tensor(prompts)
        mask = torch.ones_like(token_ids)
        found = model.generate(token_ids, attention_mask=mask, max_new_tokens=count, **settings)
        return found[:, token_ids.shape[1] :].tolist()

    yield generate


def work_as_kerashub():
    start()
    from keras_hub.models import GPT2Backbone, GPT2CausalLM

    yield
    model = GPT2CausalLM(GPT2Backbone.from_preset(str(FOLDER)), preprocessor=None)
    yield
    model.compile(sampler="greedy")

    def generate(prompts, count):
        room = ((0, 0), (0, count))
        mask = np.pad(np.ones_like(prompts), room)
        inputs = {"token_ids": np.pad(prompts, room), "padding_mask": mask}
        found = model.generate(inputs, stop_token_ids=None)
        return found["token_ids"][:, len(prompts[0]) :].tolist()

    yield generate


def work_as_memory():
    """Read half a gigabyte with several kernels; the tokens are the bytes read a second."""
    threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])  # the kernels have one each
    parts = [np.ones((2**27 // threads // 1024, 1024), "float32") for _ in range(threads)]
    vector, bits = np.ones(1024, "float32"), [part.view("int32") for part in parts]
    kernels = [
        lambda k: parts[k].sum(),
        lambda k: bits[k].max(),
        lambda k: np.dot(parts[k].ravel(), parts[k].ravel()),
        lambda k: parts[k] @ vector,
    ]
    pool = ThreadPoolExecutor(threads)

    def generate(prompts, count):
        times = [time.perf_counter()]
        for kernel in kernels:
            list(pool.map(kernel, range(threads)))
            times.append(time.perf_counter())
        return sum(part.nbytes for part in parts) / min(np.diff(times))

    yield
    yield
    yield generate


def serve(kind: str) -> None:
    """Generate whenever the parent asks, and say how long it took."""
    if hasattr(os, "sched_setaffinity"):  # as many cores as threads, whoever starts more
        threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    stages = globals()[f"work_as_{kind}"]()
    imported, loaded = (measure_usage()["seconds"] for _ in zip(range(2), stages, strict=False))
    generate = next(stages)
    print(json.dumps({"import, s": imported, "load, s": loaded - imported}), flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        facts = {"tokens": generate(*json.loads(line)), "seconds": time.perf_counter() - begin}
        print(json.dumps(facts | {"peak": measure_usage()["peak_memory_gb"]}), flush=True)


def start_worker(kind: str, threads: int) -> subprocess.Popen:
    """Start a process that generates on request, with its threads held to a number."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    env = os.environ | dict.fromkeys(names, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"}
    if kind == "memory":
        env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command, pipe = [sys.executable, "-m", "benchmarks.decode_gpt2", kind], subprocess.PIPE
    return subprocess.Popen(command, env=env, text=True, stdin=pipe, stdout=pipe)


def hear(worker: subprocess.Popen) -> dict:
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"the process ended: {worker.args}")
    return json.loads(line)


def ask(worker: subprocess.Popen, prompts: list, count: int) -> dict:
    worker.stdin.write(json.dumps([prompts, count]) + "\n")
    worker.stdin.flush()
    return hear(worker)


def compare(threads: int, batch_size: int, num_bytes: int, vocabulary_size: int) -> list[dict]:
    """Run all in turn; return a row for each that writes, with its medians."""
    shape = (batch_size, PROMPT_TOKENS)
    prompts = np.random.default_rng(0).integers(0, vocabulary_size, shape).tolist()
    workers, rows, texts = {kind: start_worker(kind, threads) for kind in WRITERS}, {}, []
    for kind, worker in workers.items():
        rows[kind] = {"threads": threads, "batch": batch_size, "writer": kind} | hear(worker)
        cold = ask(worker, prompts, NEW_TOKENS + 1)  # with everything that is compiled
        ask(worker, prompts, 1)
        warm = ask(worker, prompts, NEW_TOKENS + 1)
        rows[kind]["compile, s"] = max(0.0, cold["seconds"] - warm["seconds"])
        texts.append(cold["tokens"])
    if any(text != texts[0] for text in texts):
        raise RuntimeError("they did not write the same text")
    first, steady, bandwidth = {k: [] for k in WRITERS}, {k: [] for k in WRITERS}, []
    memory = start_worker("memory", threads)
    hear(memory)
    for _ in range(ROUNDS):
        for kind, worker in workers.items():
            one = ask(worker, prompts, 1)["seconds"]
            many = ask(worker, prompts, NEW_TOKENS + 1)
            first[kind].append(one)
            steady[kind].append(batch_size * NEW_TOKENS / (many["seconds"] - one))
            rows[kind]["peak, GB"] = many["peak"]
        bandwidth.append(ask(memory, [], 0)["tokens"] / 1e9)
    for worker in (*workers.values(), memory):
        worker.communicate()
    median = statistics.median
    for kind, row in rows.items():
        row |= {"first token, s": median(first[kind]), "tokens/s": median(steady[kind])}
        row["course / this"] = median(steady["course"]) / row["tokens/s"]
        row |= {"bandwidth, GB/s": median(bandwidth), "best bandwidth, GB/s": max(bandwidth)}
        read = row["tokens/s"] / batch_size * num_bytes / 1e9
        row["share of bandwidth"] = read / row["bandwidth, GB/s"]
        row |= {key: round(value, 3) for key, value in row.items() if isinstance(value, float)}
        print(row, flush=True)
    return list(rows.values())


def main(options) -> None:
    start(seed=0)
    from utils.models import checkpoints, gpt2

    tiny = gpt2.GPT2Config(vocabulary_size=300, hidden_dim=32, num_layers=2, num_heads=2)
    config = tiny if options.trial else gpt2.get_config("gpt2")
    model, table = gpt2.GPT2(config), []
    num_bytes = 4 * (model.count_params() - config.context_length * config.hidden_dim)
    checkpoints.save_gpt2(model, FOLDER)
    del model
    for threads, batch_size in ((1, 1), (1, 8), (2, 1), (2, 8)):
        table += compare(threads, batch_size, num_bytes, config.vocabulary_size)
    facts = {"runs": f"median of {ROUNDS}", "new_tokens": NEW_TOKENS, "table": table}
    facts["share_of_bandwidth"] = table[0]["share of bandwidth"]
    harness.record("decode-gpt2", options, value=table[1]["course / this"], **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "all", *WRITERS, "memory")
    main(options) if options.experiment == "all" else serve(options.experiment)
