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
data/results/decode-checkpoints.json. `--size tiny --no-record` tries it out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--size", default="gpt2", help="of utils.gpt2.SIZES, or tiny")
parser.add_argument("--new-tokens", type=int, default=128)
parser.add_argument("--prompt-tokens", type=int, default=16)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8])
parser.add_argument("--no-record", action="store_true", help="print only")
parser.add_argument("--worker", choices=["course", "transformers", "kerashub", "memory"])
SETTINGS = parser.parse_args()
WRITERS = ["course", "transformers"] + ["kerashub"] * bool(importlib.util.find_spec("keras_hub"))
FOLDER = Path("build") / f"gpt2-random-{SETTINGS.size}"


def answer(**facts) -> None:
    """Send a line to the parent."""
    print(json.dumps(facts), flush=True)


def serve(generate, facts: dict) -> None:
    """Generate whenever the parent asks, and say how long it took."""
    from utils.runtime import measure_usage

    answer(**facts)
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        tokens = generate(request["prompts"], request["count"])
        seconds = time.perf_counter() - start
        answer(seconds=seconds, tokens=tokens, peak=measure_usage()["peak_memory_gb"])


def serve_course() -> None:
    """Generate with `utils.decoding.sampling.Generator`."""
    begin = time.perf_counter()
    from utils.runtime import start

    start()
    from utils.decoding.sampling import Generator
    from utils.models import checkpoints

    imported = time.perf_counter()
    model = checkpoints.load_gpt2(FOLDER)
    loaded = time.perf_counter()
    generator = Generator(model)

    def generate(prompts, count):
        if count == 1:  # the first of all, from the program that writes them
            return next(generator.stream(prompts, SETTINGS.new_tokens + 1, num_tokens=1)).tolist()
        return [row.tolist() for row in generator(prompts, count)]

    serve(generate, {"import": imported - begin, "load": loaded - imported})


def serve_transformers() -> None:
    """Generate with `transformers`, whose model keeps keys and values too."""
    begin = time.perf_counter()
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    imported = time.perf_counter()
    model = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    loaded = time.perf_counter()
    model.generation_config.eos_token_id = None  # no token ends a text
    settings = {"do_sample": False, "use_cache": True, "pad_token_id": 0}

    def generate(prompts, count):
        token_ids = torch.tensor(prompts)
        mask = torch.ones_like(token_ids)
        found = model.generate(token_ids, attention_mask=mask, max_new_tokens=count, **settings)
        return found[:, token_ids.shape[1] :].tolist()

    serve(generate, {"import": imported - begin, "load": loaded - imported})


def serve_kerashub() -> None:
    """Generate with KerasHub's `GPT2CausalLM`."""
    begin = time.perf_counter()
    from utils.runtime import start

    start()
    import numpy as np
    from keras_hub.models import GPT2Backbone, GPT2CausalLM

    imported = time.perf_counter()
    backbone = GPT2Backbone.from_preset(str(FOLDER.resolve()))
    model = GPT2CausalLM(backbone=backbone, preprocessor=None)
    loaded = time.perf_counter()
    model.compile(sampler="greedy")

    def generate(prompts, count):
        room = ((0, 0), (0, count))
        inputs = {"token_ids": np.pad(prompts, room), "padding_mask": np.ones_like(prompts)}
        inputs["padding_mask"] = np.pad(inputs["padding_mask"], room)
        found = model.generate(inputs, stop_token_ids=None)
        return found["token_ids"][:, len(prompts[0]) :].tolist()

    serve(generate, {"import": imported - begin, "load": loaded - imported})


def serve_memory() -> None:
    """Read half a gigabyte with several kernels; the tokens are the bytes read a second."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])  # the kernels have one each
    parts = [np.ones((2**27 // threads // 1024, 1024), "float32") for _ in range(threads)]
    vector = np.ones(1024, "float32")
    bits = [part.view("int32") for part in parts]
    kernels = {
        "sum": lambda k: parts[k].sum(),
        "largest": lambda k: bits[k].max(),
        "inner product": lambda k: np.dot(parts[k].ravel(), parts[k].ravel()),
        "matrix times vector": lambda k: parts[k] @ vector,
    }
    size = sum(part.nbytes for part in parts)
    with ThreadPoolExecutor(threads) as pool:

        def generate(prompts, count):
            best = 0.0
            for kernel in kernels.values():
                start = time.perf_counter()
                list(pool.map(kernel, range(threads)))
                best = max(best, size / (time.perf_counter() - start))
            return best

        serve(generate, {"import": 0, "load": 0})


class Worker:
    """A process that generates on request, with its threads held to a number.

    Args:
        kind: one of `WRITERS`, or "memory".
        threads: threads of its computations.
    """

    def __init__(self, kind: str, threads: int):
        env = os.environ | dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(threads)
        )
        env["TF_NUM_INTEROP_THREADS"] = "1"
        if kind == "memory":
            env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "benchmarks.decode_gpt2", "--worker", kind]
        command += ["--size", SETTINGS.size]
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts = self.hear()

    def hear(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended: {self.process.args}")
        return json.loads(line)

    def ask(self, prompts: list, count: int) -> dict:
        self.process.stdin.write(json.dumps({"prompts": prompts, "count": count}) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(threads: int, batch_size: int, num_bytes: int, vocabulary_size: int) -> list[dict]:
    """Run all in turn; return a row for each that writes, with its medians."""
    import numpy as np

    shape = (batch_size, SETTINGS.prompt_tokens)
    prompts = np.random.default_rng(0).integers(0, vocabulary_size, shape).tolist()
    N, rows, first, steady = SETTINGS.new_tokens, {}, {}, {}
    workers = {kind: Worker(kind, threads) for kind in WRITERS}
    texts = {}
    for kind, worker in workers.items():
        cold = worker.ask(prompts, N + 1)  # with everything that is compiled
        worker.ask(prompts, 1)
        texts[kind] = cold["tokens"]
        warm = worker.ask(prompts, N + 1)["seconds"]
        first[kind], steady[kind] = [], []
        rows[kind] = {"threads": threads, "batch": batch_size, "writer": kind}
        rows[kind] |= {f"{key}, s": worker.facts[key] for key in ("import", "load")}
        rows[kind]["compile, s"] = max(0.0, cold["seconds"] - warm)
    if any(text != texts["course"] for text in texts.values()):
        raise RuntimeError("they did not write the same text")
    memory, bandwidth = Worker("memory", threads), []
    for _ in range(SETTINGS.rounds):
        for kind, worker in workers.items():
            one = worker.ask(prompts, 1)["seconds"]
            many = worker.ask(prompts, N + 1)
            first[kind].append(one)
            steady[kind].append(batch_size * N / (many["seconds"] - one))
            rows[kind]["peak, GB"] = many["peak"]
        bandwidth.append(memory.ask([], 0)["tokens"] / 1e9)
    for worker in (*workers.values(), memory):
        worker.stop()
    for kind, row in rows.items():
        row["first token, s"] = statistics.median(first[kind])
        row["tokens/s"] = statistics.median(steady[kind])
        row["course / this"] = statistics.median(steady["course"]) / row["tokens/s"]
        row["bandwidth, GB/s"] = statistics.median(bandwidth)
        row["best bandwidth, GB/s"] = max(bandwidth)
        read = row["tokens/s"] / batch_size * num_bytes / 1e9
        row["share of bandwidth"] = read / row["bandwidth, GB/s"]
    return [
        {k: round(v, 3) if isinstance(v, float) else v for k, v in r.items()} for r in rows.values()
    ]


def main() -> None:
    from utils.runtime import start

    start(seed=0)
    if "kerashub" not in WRITERS:
        print("KerasHub is not installed: left out")
    from utils.models import checkpoints, gpt2
    from utils.results import LEDGER, record_result

    tiny = gpt2.GPT2Config(vocabulary_size=300, hidden_dim=32, num_layers=2, num_heads=2)
    config = tiny if SETTINGS.size == "tiny" else gpt2.get_config(SETTINGS.size)
    model = gpt2.GPT2(config)
    num_bytes = 4 * (model.count_params() - config.context_length * config.hidden_dim)
    checkpoints.save_gpt2(model, FOLDER)
    del model
    table = []
    for threads in SETTINGS.threads:
        for batch_size in SETTINGS.batch_sizes:
            rows = compare(threads, batch_size, num_bytes, config.vocabulary_size)
            table += rows
            print("\n".join(map(json.dumps, rows)), flush=True)
    if not SETTINGS.no_record:
        os.environ["COURSE_RESULTS"] = str(LEDGER)
        record_result(
            "decode-gpt2",
            notebook="06",
            model=f"{SETTINGS.size}, random weights, float32",
            dataset="none: random weights",
            metric=f"tokens a second over {table[0]['threads']} thread(s), transformers = 1",
            value=next(r["course / this"] for r in table if r["writer"] == "transformers"),
            baseline=1.0,
            baseline_name="transformers' generate",
            runs=f"median of {SETTINGS.rounds}",
            new_tokens=SETTINGS.new_tokens,
            share_of_bandwidth=table[0]["share of bandwidth"],
            table=table,
        )


if __name__ == "__main__":
    if SETTINGS.worker:
        count = int(os.environ["TF_NUM_INTRAOP_THREADS"])
        if hasattr(os, "sched_setaffinity"):  # as many cores as threads, whoever starts more
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
        globals()[f"serve_{SETTINGS.worker}"]()
    else:
        main()
