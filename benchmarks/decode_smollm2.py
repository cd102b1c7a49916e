"""SmolLM2's text in the course's Keras model, beside `transformers`: where does each win?

All read the same GGUF file and go on with the same English texts, greedily, in float32 and in
bfloat16. For one thread and for two, each has a process of its own. It loads the model and answers
every setting of `SETTINGS` first cold, with all that is compiled for it, then warm, in turn with
the others. Each token's time is kept, so that a text of 512 tokens also says when its first, 32nd
and 128th were there. Ratios are those of medians: time of `transformers` / time of ours in the same
number format, so that more than 1 is a win.

Run on a quiet machine: `python -m benchmarks.decode_smollm2` (about 15 minutes; needs `make
torch`). It goes on where it was interrupted, and writes data/results/decode-smollm2.json and
build/decode-smollm2.png. `--fraction 0.1` writes a few tokens, once.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from benchmarks import harness
from utils.runtime import measure_usage, start

KINDS = ["keras-float32", "keras-bfloat16", "transformers-float32", "transformers-bfloat16"]
LENGTHS = (1, 32, 128, 512)  # new tokens at which the clock is read
# Texts side by side, tokens of a prompt, new tokens, warm rounds
SETTINGS = [(1, 16, 512, 2), (1, 256, 128, 3), (8, 16, 128, 1), (8, 256, 32, 1)]
TEXT = """When the ship came into the harbour the whole town stood on the quay. Nobody had seen a
vessel of that kind before: it had three masts, no oars, and a figure of a woman at the bow. The
captain, an old man with a grey beard, stepped ashore and asked for the mayor. """


# A worker: it yields when its imports are done, when the model is loaded, then what writes: a
# function from prompts and number of tokens to an iterator of steps, one token of each text.


def work_as_keras(kind: str):
    start()
    import keras

    from utils.decoding.streaming import StepGenerator
    from utils.models.smollm2 import load_smollm2

    yield
    keras.config.set_dtype_policy(kind)
    _, model = load_smollm2()
    yield
    generator = StepGenerator(model)
    yield lambda prompts, count: (row.tolist() for row in generator.stream(prompts, count))


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
            self.rows.append((value.tolist(), time.perf_counter()))

        def end(self):
            pass

    def write(prompts, count):
        clock, token_ids = Clock(), torch.tensor(prompts)
        settings = {"do_sample": False, "use_cache": True, "pad_token_id": 0, "streamer": clock}
        mask = torch.ones_like(token_ids)
        model.generate(token_ids, attention_mask=mask, max_new_tokens=count, **settings)
        return clock.rows[1:]  # the first row is the prompts

    yield write


def serve(kind: str) -> None:
    """Write whenever the parent asks, and say when each token was there."""
    if hasattr(os, "sched_setaffinity"):  # as many cores as threads, whoever starts more
        threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    library, _, dtype = kind.partition("-")
    stages = work_as_keras(dtype) if library == "keras" else work_as_transformers(dtype)
    imported, loaded = (measure_usage()["seconds"] for _ in zip(range(2), stages, strict=False))
    write = next(stages)
    print(json.dumps({"import": imported, "load": loaded - imported}), flush=True)
    for line in sys.stdin:
        used, begin, tokens, times = measure_usage(), time.perf_counter(), [], []
        for step in write(*json.loads(line)):
            row, when = step if isinstance(step, tuple) else (step, time.perf_counter())
            tokens.append(row[0])  # of the first text
            times.append(when - begin)
        after = measure_usage()
        facts = {"tokens": tokens, "times": times, "peak": after["peak_memory_gb"]}
        facts["cpu"] = after["cpu_seconds"] - used["cpu_seconds"]
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


def ask(worker: subprocess.Popen, prompts: list, count: int) -> dict:
    worker.stdin.write(json.dumps([prompts, count]) + "\n")
    worker.stdin.flush()
    return hear(worker)


def count_equal(tokens: list, others: list) -> int:
    """Return how many tokens are the same before the first that is not."""
    same = [a == b for a, b in zip(tokens, others, strict=True)]
    return same.index(False) if False in same else len(same)


def measure(workers: dict, threads: int, prompts: list, count: int, rounds: int) -> dict:
    """Let all write, cold and then warm in turn; return what the rows of a setting are made of.

    The `workers`, for each kind its process and what it said first, are started if there are none.
    """
    for kind in KINDS if not workers else ():  # one after the other
        worker = start_worker(kind, threads)
        workers[kind] = worker, hear(worker)
    cold = {kind: ask(worker, prompts, count) for kind, (worker, _) in workers.items()}
    warm = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, (worker, _) in workers.items():
            warm[kind].append(ask(worker, prompts, count))
    part = {}
    for kind, (_, facts) in workers.items():
        middle = [statistics.median(t) for t in zip(*(w["times"] for w in warm[kind]), strict=True)]
        part[kind] = facts | {
            "cold": [facts["load"] + cold[kind]["times"][n - 1] for n in LENGTHS if n <= count],
            "warm": [middle[n - 1] for n in LENGTHS if n <= count],
            "cpu": statistics.median(w["cpu"] for w in warm[kind]),
            "peak": warm[kind][-1]["peak"],
            "same": count_equal(cold[KINDS[0]]["tokens"], cold[kind]["tokens"]),
        }
    return {"kinds": part}


def make_rows(setting: dict, kinds: dict) -> list[dict]:
    """Return a row for each number of new tokens: seconds of each writer, cold and warm, ratios."""
    rows = []
    for k, n in enumerate(LENGTHS[: len(kinds[KINDS[0]]["warm"])]):
        row = setting | {"new": n}
        for how in ("cold", "warm"):
            row |= {f"{kind}, {how}, s": round(kinds[kind][how][k], 3) for kind in KINDS}
            for dtype in ("float32", "bfloat16"):
                theirs, ours = (kinds[f"{n}-{dtype}"][how][k] for n in ("transformers", "keras"))
                row[f"{dtype}, {how}"] = round(theirs / ours, 3)
        rows.append(row)
    return rows


def make_costs(setting: dict, kinds: dict) -> list[dict]:
    """Return a row for each writer: seconds, CPU-seconds, peak memory, tokens as in the first."""
    names = {"import": "import, s", "load": "load, s", "cpu": "CPU-seconds", "peak": "peak, GB"}
    rows = []
    for kind, facts in kinds.items():
        row = setting | {"writer": kind, "same tokens": facts["same"]}
        rows.append(row | {name: round(facts[key], 3) for key, name in names.items()})
    return rows


def draw(table: list[dict], path) -> None:
    """Draw the ratios of float32: below 1, `transformers` is faster."""
    from utils.teaching import plots

    panels = {"warm": {}, "cold": {}}
    for row in table:
        name = f"{row['threads']} thread(s), batch {row['batch']}, prompt {row['prompt']}"
        for how, curves in panels.items():
            curves.setdefault(name, {})[row["new"]] = row[f"float32, {how}"]
    names = {"xlabel": "new tokens", "ylabel": "time of transformers / ours"}
    axes = plots.plot_ratios(panels, title="SmolLM2 in Keras beside transformers, float32", **names)
    axes[0].figure.savefig(path, dpi=120)


def main(options) -> None:
    start(seed=0)
    from utils.data.registry import fetch
    from utils.models.smollm2 import NAME, load_tokenizer

    (path,) = fetch(NAME).values()
    token_ids = load_tokenizer(path).encode(TEXT * 9).ids
    once, table, costs = harness.keep_parts("decode-smollm2", options), [], []
    for threads in (1, 2):
        workers = {}
        for batch, length, count, rounds in SETTINGS:
            if options.trial:
                count, rounds = int(count * options.fraction), 1
            prompts = [token_ids[7 * k : 7 * k + length] for k in range(batch)]
            setting = {"threads": threads, "batch": batch, "prompt": length}
            name = ", ".join(f"{key} {value}" for key, value in setting.items())
            kinds = once(name, measure, workers, threads, prompts, count, rounds)["kinds"]
            table += make_rows(setting, kinds)
            costs += make_costs(setting | {"new": count}, kinds)
        for worker, _ in workers.values():
            worker.communicate()
    harness.BUILD.mkdir(exist_ok=True)
    draw(table, harness.BUILD / "decode-smollm2.png")
    if not options.trial:
        value = min(r["float32, warm"] for r in table if r["new"] == 128 and r["batch"] == 1)
        facts = {"runs": "median of 1 to 3", "table": table, "costs": costs}
        harness.record("decode-smollm2", options, value=value, **facts)


if __name__ == "__main__":
    options = harness.parse(__doc__, "all", *KINDS)
    main(options) if options.experiment == "all" else serve(options.experiment)
