"""SmolLM2's text in the course's Keras model, beside `transformers` in float32 and bfloat16.

All read the same GGUF file and go on with the same English text, greedily. Each runs in a process
of its own, which loads the model and writes once, cold: from then come load time, the time to the
first token and to the last, with everything that is compiled. Then they write in turn, warm; the
ratios are those of medians. Steady speed is that of the tokens after the first.

Run on a quiet machine: `python -m benchmarks.decode_smollm2` (about 20 minutes; needs `make
torch`). It writes data/results/decode-smollm2.json. `--fraction 0.1` writes fewer tokens, once.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from benchmarks import harness
from utils.runtime import measure_usage, start

KINDS = ["keras", "float32", "bfloat16"]
NEW_TOKENS, ROUNDS, PROMPTS = 128, 5, (16, 256)
TEXT = """When the ship came into the harbour the whole town stood on the quay. Nobody had seen a
vessel of that kind before: it had three masts, no oars, and a figure of a woman at the bow. The
captain, an old man with a grey beard, stepped ashore and asked for the mayor. """


# A worker: it yields when its imports are done, when the model is loaded, then what writes: a
# function from prompt and number of tokens to an iterator of tokens.


def work_as_keras():
    start()
    from utils.decoding.streaming import StepGenerator
    from utils.models.smollm2 import load_smollm2

    yield
    _, model = load_smollm2()
    yield
    generator = StepGenerator(model)
    yield lambda prompt, count: (int(row[0]) for row in generator.stream([prompt], count))


def work_as_transformers(kind: str):
    import torch
    from transformers.generation.streamers import BaseStreamer

    from utils.models.smollm2 import load_with_transformers

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    yield
    model = load_with_transformers()[1].to(getattr(torch, kind))
    yield
    model.generation_config.eos_token_id = None  # no token ends a text

    class Clock(BaseStreamer):
        def __init__(self):
            self.rows = []

        def put(self, value):
            self.rows.append((value.ravel().tolist(), time.perf_counter()))

        def end(self):
            pass

    def write(prompt, count):
        clock, token_ids = Clock(), torch.tensor([prompt])
        settings = {"do_sample": False, "use_cache": True, "pad_token_id": 0, "streamer": clock}
        mask = torch.ones_like(token_ids)
        model.generate(token_ids, attention_mask=mask, max_new_tokens=count, **settings)
        return [(row[0], when) for row, when in clock.rows[1:]]  # the first row is the prompt

    yield write


def serve(kind: str) -> None:
    """Write whenever the parent asks, and say when each token was there."""
    if hasattr(os, "sched_setaffinity"):  # as many cores as threads, whoever starts more
        threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    stages = work_as_keras() if kind == "keras" else work_as_transformers(kind)
    imported, loaded = (measure_usage()["seconds"] for _ in zip(range(2), stages, strict=False))
    write = next(stages)
    print(json.dumps({"import, s": imported, "load, s": loaded - imported}), flush=True)
    for line in sys.stdin:
        begin, tokens, times = time.perf_counter(), [], []
        for token in write(*json.loads(line)):
            token, when = token if isinstance(token, tuple) else (token, time.perf_counter())
            tokens.append(token)
            times.append(when - begin)
        facts = {"tokens": tokens, "times": times, "peak": measure_usage()["peak_memory_gb"]}
        print(json.dumps(facts), flush=True)


def start_worker(kind: str, threads: int) -> subprocess.Popen:
    """Start a process that writes on request, with its threads held to a number."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    env = os.environ | dict.fromkeys(names, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"}
    command, pipe = [sys.executable, "-m", "benchmarks.decode_smollm2", kind], subprocess.PIPE
    return subprocess.Popen(command, env=env, text=True, stdin=pipe, stdout=pipe)


def hear(worker: subprocess.Popen) -> dict:
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"the process ended: {worker.args}")
    return json.loads(line)


def ask(worker: subprocess.Popen, prompt: list, count: int) -> dict:
    worker.stdin.write(json.dumps([prompt, count]) + "\n")
    worker.stdin.flush()
    return hear(worker)


def count_equal(tokens: list, others: list) -> int:
    """Return how many tokens are the same before the first that is not."""
    same = [a == b for a, b in zip(tokens, others, strict=True)]
    return same.index(False) if False in same else len(same)


def compare(threads: int, prompt: list, count: int, rounds: int) -> list[dict]:
    """Run all in turn; return a row for each, with its medians."""
    workers, rows, cold = {}, {}, {}
    for kind in KINDS:
        workers[kind] = start_worker(kind, threads)
        rows[kind] = {"threads": threads, "prompt": len(prompt), "writer": kind}
        rows[kind] |= hear(workers[kind])
        cold[kind] = ask(workers[kind], prompt, count)
    first, speed = {k: [] for k in KINDS}, {k: [] for k in KINDS}
    for _ in range(rounds):
        for kind, worker in workers.items():
            warm = ask(worker, prompt, count)
            first[kind].append(warm["times"][0])
            speed[kind].append((count - 1) / (warm["times"][-1] - warm["times"][0]))
            rows[kind]["peak, GB"] = warm["peak"]
    for worker in workers.values():
        worker.communicate()
    for kind, row in rows.items():
        times = cold[kind]["times"]
        row |= {"first token ever, s": times[0], f"first {count} tokens, s": times[-1]}
        row["first token, s"] = statistics.median(first[kind])
        row["tokens/s"] = statistics.median(speed[kind])
        row["keras / this"] = statistics.median(speed["keras"]) / row["tokens/s"]
        row["same tokens"] = count_equal(cold["keras"]["tokens"], cold[kind]["tokens"])
        row |= {key: round(value, 3) for key, value in row.items() if isinstance(value, float)}
        print(row, flush=True)
    return list(rows.values())


def main(options) -> None:
    start(seed=0)
    from utils.data.registry import fetch
    from utils.models.smollm2 import NAME, load_tokenizer

    (path,) = fetch(NAME).values()
    token_ids = load_tokenizer(path).encode(TEXT * 9).ids
    count, rounds = (16, 1) if options.trial else (NEW_TOKENS, ROUNDS)
    table = [
        row
        for threads in (1, 2)
        for length in PROMPTS
        for row in compare(threads, token_ids[:length], count, rounds)
    ]
    if not options.trial:
        ratios = [row["keras / this"] for row in table if row["writer"] == "float32"]
        facts = {"runs": f"median of {rounds}", "new_tokens": count, "table": table}
        harness.record("decode-smollm2", options, value=min(ratios), **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "all", *KINDS)
    main(options) if options.experiment == "all" else serve(options.experiment)
