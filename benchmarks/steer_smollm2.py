"""What steers SmolLM2, and at what price: ways of choosing, a cache, adapters.

`choosing`: 20 prompts are continued by greedy search, a beam and several kinds of sampling; each
way has the likelihood of its texts under the model, their repetition and their diversity.
`cache`: CPU-seconds of one text of 24 tokens, read anew for each token or with a cache, each plain
and with compiled blocks. `adapters`: LoRA on three texts, beside the same text put into the prompt,
and a mixture with counts of it. The learning rate and the weight of the counts are chosen on
passages of the training part that nothing else reads; the passages for validation judge.

Run: `python -m benchmarks.steer_smollm2 adapters` (and `choosing`, `cache`; together 25 minutes on
one thread). Interrupted, it goes on with what build/ lacks.
"""

import copy
import itertools
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
from keras import ops

from utils.data import corpora
from utils.data.registry import fetch
from utils.data.your_data import read_text
from utils.decoding.beam_search import search_beams
from utils.decoding.sampling import check_settings, pad_left
from utils.decoding.streaming import StepGenerator
from utils.metrics import bootstrap_interval, measure_diversity
from utils.models.adapters import LastBlocks, add_adapters, run_blocks
from utils.models.smollm2 import CONTROLS, load_smollm2

PROMPTS = [
    "The best thing about living near the sea is",
    "The old clockmaker opened the door and",
    "To make good bread, you need",
    "When I was ten years old, my grandmother",
    "The river begins in the mountains and",
    "Most people believe that sleep",
    "On the first day of the new job, Maria",
    "The city council has decided to",
    "A good teacher is somebody who",
    "In the middle of the night the dog",
    "Electric cars are becoming cheaper because",
    "The museum was almost empty when",
    "If you want to learn a language, the first step is",
    "The letter had been lying on the table since",
    "Bees are important for farmers because",
    "After the storm, the fishermen",
    "The main difference between cats and dogs is",
    "He had never seen snow before, so",
    "The history of the bicycle begins in",
    "Nobody in the village knew why the bell",
]
NEW_TOKENS, TEXTS, SEEDS, BEAMS = 16, 2, 3, 4  # texts of a prompt, runs of a training
WAYS = {
    "greedy": {},
    "greedy, repetition penalty 1.2": {"repetition_penalty": 1.2},
    "temperature 0.7": {"temperature": 0.7},
    "temperature 1": {"temperature": 1.0},
    "temperature 1.3": {"temperature": 1.3},
    "top-k 40": {"temperature": 1.0, "top_k": 40},
    "top-p 0.9": {"temperature": 1.0, "top_p": 0.9},
    "min-p 0.1": {"temperature": 1.0, "min_p": 0.1},
}
STEPS, LENGTH, HELD_OUT, RANK, LAST = 40, 128, 1024, 8, 4
RATES, SHARES = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2), (0.0, 0.02, 0.05, 0.1, 0.2)
NAMES = {
    "before": "as it comes",
    "counts": "mixture with counts",
    "lora": "LoRA",
    "prompt_1024": "1,024 tokens in the prompt",
    "prompt_all": "5,120 tokens in the prompt",
}


class Recorder(StepGenerator):
    """Writes no control token, and keeps -log p of each token that it has chosen."""

    def prepare(self, banned, *, min_p=0.0, temperature=0.0, top_k=0, top_p=1.0, **penalty):
        """Return a copy with other settings, which shares the compiled programs."""
        other = copy.copy(self)
        other.penalty = penalty.get("repetition_penalty", 1.0)
        V = self.model.config.vocabulary_size
        other.filters = check_settings(temperature, top_k, top_p, min_p, other.penalty, V)
        other.greedy, other.min_p = temperature == 0, min_p
        other.banned, other.nats = list(banned), []
        return other

    def choose(self, logits, seen, random):
        logits = ops.convert_to_numpy(logits).copy()
        logits[:, self.banned] = -1e9
        log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        chosen = super().choose(logits, seen, random)
        self.nats.append(-log_p[np.arange(len(chosen)), chosen])
        return chosen


def choose_in_ways(options) -> None:
    tokenizer, model = load_smollm2()
    banned = [tokenizer.token_to_id(token) for token in CONTROLS]
    texts = PROMPTS[:3] if options.trial else PROMPTS
    prompts, recorder = [tokenizer.encode(text).ids for text in texts], Recorder(model)
    once = harness.keep_parts("steer-smollm2-choosing", options)

    def write(way: str) -> dict:
        rows, nats = [], []
        for seed in range(TEXTS if "temperature" in WAYS[way] else 1):
            writer = recorder.prepare(banned, **WAYS[way])
            rows.append([tokenizer.decode(row) for row in writer(prompts, NEW_TOKENS, seed=seed)])
            nats.append(np.mean(writer.nats, axis=0).tolist())
        return {"texts": rows, "nats": nats}

    def search() -> dict:
        found = [search_beams(recorder, p, NEW_TOKENS, BEAMS, banned) for p in prompts]
        texts = [tokenizer.decode(row.tolist()) for row, _ in found]
        return {"texts": [texts], "nats": [[-score / NEW_TOKENS for _, score in found]]}

    parts = {way: once(way, write, way) for way in WAYS}
    parts[f"beam search, {BEAMS} beams"] = once("beam", search)
    table, rows = [], []
    for way, part in parts.items():
        seeds = part["texts"] * (TEXTS if len(part["texts"]) == 1 else 1)
        nats = np.mean(part["nats"], axis=0)
        repeated = np.mean([[measure_diversity([t])[1] for t in each] for each in seeds], axis=0)
        distinct = [measure_diversity(list(two))[0] for two in zip(*seeds, strict=True)]
        low, high = np.exp(bootstrap_interval(nats))
        row = {"way": way, "perplexity": float(np.exp(np.mean(nats))), "interval": [low, high]}
        row |= {"repeated": float(np.mean(repeated)), "distinct": float(np.mean(distinct))}
        row |= {"repeated_interval": bootstrap_interval(repeated)}
        rows.append(row | {"distinct_interval": bootstrap_interval(np.array(distinct))})
        table.append(
            {"way": way, "perplexity": f"{row['perplexity']:.1f} ({low:.1f} to {high:.1f})"}
        )
        table[-1] |= {"repeated word pairs": f"{row['repeated']:.0%}"}
        table[-1] |= {"different word pairs in two texts": f"{row['distinct']:.0%}"}
    facts = {"value": rows[0]["perplexity"], "baseline": rows[3]["perplexity"], "ways": rows}
    facts["cpu_seconds"] = once.count_seconds()
    harness.record("choosing-smollm2", options, table=table, **facts)


def measure_cache(options) -> None:
    tokenizer, model = load_smollm2()
    prompt, count = tokenizer.encode(PROMPTS[1]).ids, 8 if options.trial else 24
    once = harness.keep_parts("steer-smollm2-cache", options)

    def clock(write) -> dict:
        begin, tokens, times = time.process_time(), [], []
        for token in write():
            tokens.append(int(np.ravel(token)[0]))
            times.append(time.process_time() - begin)
        return {"tokens": tokens, "times": times}

    def read_again():
        text = list(prompt)
        for _ in range(count):
            text.append(int(ops.argmax(model(np.array([text]))[0, -1])))
            yield text[-1]

    def read_once():
        new, start, cache = prompt, 0, model.make_cache(1, len(prompt) + count)
        for _ in range(count):
            x, cache = model.compute_hidden_states(np.array([new]), None, cache, start)
            start += len(new)
            new = [int(ops.argmax(model.compute_logits(x[0, -1])))]
            yield new[0]

    def read_again_compiled():
        reader, text = StepGenerator(model), list(prompt)
        for _ in range(count):
            given, num_padding = pad_left([text], multiple=len(prompt) + count)  # one program
            logits, _ = reader.read_prompts(given, num_padding, given.shape[1])
            text.append(int(ops.argmax(logits[0])))
            yield text[-1]

    def read_compiled():
        return StepGenerator(model).stream([prompt], count)

    model(np.array([prompt]))  # the first call of anything takes longer
    ways = {"plain": read_again, "cached": read_once}
    ways |= {"plain_compiled": read_again_compiled, "compiled": read_compiled}
    parts = {name: once(name, clock, write) for name, write in ways.items()}
    first = parts["plain"]["tokens"]
    same = all(part["tokens"] == first for part in parts.values())
    times = {name: part["times"] for name, part in parts.items()}
    pays = {}
    for fast in ("cached", "compiled"):
        ahead = np.array(times[fast]) < np.array(times["plain"])
        pays[fast] = int(np.flatnonzero(~ahead).max(initial=-1)) + 2  # tokens; ahead from here on
    fast, slow = times["compiled"], times["plain"]
    facts = {"times": times, "pays_from": pays, "same_tokens": same, "prompt": len(prompt)}
    ends = {name: each[-1] - each[-9 if count > 8 else 1] for name, each in times.items()}
    facts |= {"last_tokens": {name: value / 8 for name, value in ends.items()}}
    facts |= {"value": slow[-1] / fast[-1], "baseline": 1.0, "cpu_seconds": once.count_seconds()}
    harness.record("cache-smollm2", options, **facts)


def list_texts(folder: Path) -> dict[str, Path]:
    """Return three texts as files: a play, sentences of film reviews, French sentences."""
    films = corpora.load_movie_snippets()["text"].iloc[:3000].tolist()
    pairs = fetch("tatoeba")["fra.txt"].read_text(encoding="utf8").splitlines()
    french = sorted({pair.split("\t")[1] for pair in pairs})
    french = np.random.default_rng(0).permutation(french)[:4000].tolist()
    paths = {"Macbeth": fetch("shakespeare")["macbeth.md"]}
    for name, lines in {"film reviews": films, "French sentences": french}.items():
        paths[name] = folder / f"{name}.txt"
        paths[name].write_text("\n".join(" ".join(each.split()) for each in lines), "utf8")
    return paths


def adapt(options) -> None:
    tokenizer, model = load_smollm2()
    reader, config = StepGenerator(model), model.config
    lower, upper = reader.blocks[:-LAST], LastBlocks(model, LAST)
    steps, held = (4, 256) if options.trial else (STEPS, HELD_OUT)
    size, texts = steps * LENGTH, {}
    once = harness.keep_parts("steer-smollm2-adapters", options)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in list_texts(Path(folder)).items():
            parts = {split: next(iter(some.values())) for split, some in read_text(path).items()}
            train, judged = (tokenizer.encode(parts[k]).ids for k in ("train", "validation"))
            chosen_on = train[size + 1 : size + held + 2]
            texts[name] = train[: size + 1], judged[: held + 1], chosen_on
            assert all(map(len, texts[name])) and len(texts[name][2]) == held + 1

    def read_after(context: list, token_ids: list) -> dict:
        """Return -log p of the tokens after the first, with another text before them."""
        text, nats = np.array([*context, *token_ids]), []
        length = -(-len(text) // 256) * 256
        cache, padded = model.make_cache(1, length), np.pad(text, (0, length - len(text) + 1))
        for start in range(0, length, 256):
            arrays = padded[None, start : start + 256], np.array([0]), np.int32(start)
            rows, none, where = map(ops.convert_to_tensor, arrays)
            x, cache = model.compute_hidden_states(rows, none, cache, where, reader.blocks)
            targets = padded[None, start + 1 : start + 257]
            nats += score(model.compute_logits(x), targets)
        nats = nats[len(context) : len(text) - 1]
        return {"nats": nats, "loss": float(np.mean(nats))}

    plain = {}
    for name, (train, judged, chosen_on) in texts.items():
        contexts = {"before": [], "prompt_1024": train[-1024:], "prompt_all": train}
        plain[name] = {k: once(f"{name}, {k}", read_after, c, judged) for k, c in contexts.items()}
        plain[name]["dev"] = once(f"{name}, to choose on", read_after, [], chosen_on)

    states = {}

    def prepare(rows: np.ndarray) -> np.ndarray:
        """Return the vectors before the last blocks; the same rows are read once."""
        if (key := rows.tobytes()) not in states:
            parts = [model.token_embedding(rows[k : k + 8]) for k in range(0, len(rows), 8)]
            found = [ops.convert_to_numpy(run_blocks(lower, each, config)) for each in parts]
            states[key] = np.concatenate(found)
        return states[key]

    model.trainable = False
    add_adapters(upper.blocks, RANK)
    adapted = [layer for layer in upper._flatten_layers() if getattr(layer, "lora_enabled", False)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train_on(tokens: list, held_out: list, rate: float, seed: int) -> dict:
        rows = np.array(tokens[:-1]).reshape(steps, LENGTH)
        targets, held_ids = np.array(tokens[1:]).reshape(steps, LENGTH), np.array([held_out])
        inputs, held_states = prepare(rows), prepare(held_ids[:, :-1])
        keras.utils.set_random_seed(seed)
        for layer in adapted:
            layer.lora_kernel_a.assign(keras.initializers.HeUniform()(layer.lora_kernel_a.shape))
            layer.lora_kernel_b.assign(ops.zeros(layer.lora_kernel_b.shape))
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        upper.compile(keras.optimizers.Adam(schedule), loss, jit_compile=False)
        _, seconds = harness.time_cpu(upper.fit, inputs, targets, batch_size=1, verbose=0)
        nats = score(upper(held_states), held_ids[:, 1:])
        return {"nats": nats, "loss": float(np.mean(nats)), "cpu_seconds": seconds}

    train, judged, chosen_on = texts["Macbeth"]
    tried = {r: once(f"rate {r}", train_on, train, chosen_on, r, 0)["loss"] for r in RATES}
    rate, results = min(tried, key=tried.get), {}
    for name, (train, judged, chosen_on) in texts.items():
        runs = [once(f"{name}, seed {s}", train_on, train, judged, rate, s) for s in range(SEEDS)]
        nats = {k: np.array(each["nats"]) for k, each in plain[name].items()}
        mixed = mix_with_counts(train, chosen_on, nats.pop("dev"))
        share = min(SHARES, key=lambda s: mixed[s].mean())
        before = nats["before"]
        nats["counts"] = mix_with_counts(train, judged, before)[share]
        nats["lora"] = np.mean([each["nats"] for each in runs], axis=0)
        gains = {k: before - each for k, each in nats.items() if k != "before"}
        gains["lora_over_prompt"] = nats["prompt_1024"] - nats["lora"]
        gains["lora_over_all"] = nats["prompt_all"] - nats["lora"]
        results[name] = {
            "perplexity": {k: float(np.exp(each.mean())) for k, each in nats.items()},
            "less": {k: [share_less(d.mean()), *interval(d)] for k, d in gains.items()},
            "seeds": [float(np.exp(each["loss"])) for each in runs],
            "share_of_counts": share,
            "cpu_seconds": {
                "training": float(np.mean([each["cpu_seconds"] for each in runs])),
                **{k: each["cpu_seconds"] for k, each in plain[name].items()},
            },
        }
    table = []
    for name, each in results.items():
        values = {said: f"{each['perplexity'][key]:.1f}" for key, said in NAMES.items()}
        table.append({"text": name} | values)
    play = results["Macbeth"]
    facts = {"value": play["perplexity"]["lora"], "baseline": play["perplexity"]["prompt_all"]}
    facts |= {"trivial": play["perplexity"]["before"], "trivial_name": "the model as it comes"}
    facts |= {"rate": rate, "rates": {str(r): float(np.exp(v)) for r, v in tried.items()}}
    facts |= {"values": play["seeds"], "texts": list(results.values())}
    facts["cpu_seconds"] = once.count_seconds()
    harness.record("adapters-smollm2", options, table=table, **facts)


def score(logits, targets: np.ndarray) -> list[float]:
    """Return -log p of each token of a row."""
    nats = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return ops.convert_to_numpy(nats)[0].tolist()


def mix_with_counts(tokens: list, token_ids: list, nats: np.ndarray) -> dict[float, np.ndarray]:
    """Mix p with how often each token comes in a text, alone and after the one before it."""
    singles, pairs = Counter(tokens), Counter(itertools.pairwise(tokens))
    followed = itertools.pairwise(token_ids)
    p = [singles[b] / len(tokens) + pairs[a, b] / max(singles[a], 1) for a, b in followed]
    return {s: -np.log((1 - s) * np.exp(-nats) + s * np.array(p) / 2) for s in SHARES}


def share_less(nats: float) -> float:
    """Return by which share the perplexity is less, for so many nats a token less."""
    return float(1 - np.exp(-nats))


def interval(nats: np.ndarray, size: int = 32) -> list[float]:
    """Return the interval of `share_less`; neighbouring tokens are drawn together."""
    whole = len(nats) // size * size
    ends = bootstrap_interval(nats[:whole].reshape(-1, size).mean(axis=1))
    return [share_less(end) for end in ends]


if __name__ == "__main__":
    experiments = {"adapters": adapt, "choosing": choose_in_ways, "cache": measure_cache}
    options = harness.parse(__doc__, *experiments)
    experiments[options.experiment](options)
