"""A small GPT-2, trained from scratch on Shakespeare: the course's own checkpoint, and its recipe.

`plays`: byte-level BPE is learned from 34 plays, then the model; both are written as the Hugging
Face hub keeps GPT-2, to data/models/gpt2-shakespeare/. Two plays validate. The two test plays,
which make up the last tenth of Tiny Shakespeare, are read once, at the end. The checkpoint that the
course ships was trained in this way with a clock in place of the steps; these are its steps.
Compared on the validation plays, 150 CPU-seconds each: 2,048 tokens better than 1,024 (2.81 and
2.96 bits a byte with AdamW at 2e-3), AdamW at 4e-3 worse (2.86), batches of 4 better than 8 with
1,024 tokens (2.91); Muon far better (2.49 at 2e-3, 2.46 at 4e-3, 2.51 with batches of 16).

`recipes`: that recipe beside nanoGPT's for a CPU (its README) on the first nine tenths of Tiny
Shakespeare, each for the steps that 600 CPU-seconds bought on the machine of the ledger; the last
tenth measures. Ours has fewer tokens here: a fifth of its text affords fewer.

Run: `python -m benchmarks.train_gpt2_on_shakespeare [plays|recipes]` (60 or 30 minutes; both need
Tiny Shakespeare). It writes data/results/shakespeare-gpt2.json or tinyshakespeare-gpt2.json.
`plays` stops at about three quarters of its steps, after `PATIENCE` points of the curve without a
better one; interrupted, it goes on from build/gpt2-shakespeare/.
"""

import dataclasses
import functools
import json
from pathlib import Path

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
import tokenizers

from utils.data.plays import load_shakespeare, load_tinyshakespeare
from utils.data.tokenizers import encode_characters
from utils.decoding.sampling import Generator
from utils.models import checkpoints, gpt2
from utils.results import load_results

END = "<|endoftext|>"  # stands before every play
CONFIG = gpt2.GPT2Config(2048, 256, 256, 4, 4, dropout=0.15)
RECIPE = {
    "steps": 7440,
    "batch_size": 8,  # windows of a step
    "learning_rate": 4e-3,  # the highest
    "warm_up": 0.03,  # share of the steps in which it rises
    "lowest": 0.02,  # share of it at the end
    "optimizer": "muon",  # for matrices; vectors and embeddings go on with AdamW
    "policy": "mixed_bfloat16",  # float32 suits older processors
    "seed": 42,
}
POINTS, PATIENCE = 13, 2  # of the curve; of these without a better one, then training stops
NANOGPT = {  # characters, 4 layers of 128 numbers with 4 heads, a context of 64, no dropout
    "steps": 10_260,
    "batch_size": 12,
    "learning_rate": 1e-3,
    "warm_up": 0.05,
    "lowest": 0.1,
    "optimizer": "adamw",
    "policy": "float32",
}


def compile_model(config: gpt2.GPT2Config, recipe: dict) -> gpt2.GPT2:
    keras.utils.set_random_seed(recipe["seed"])
    keras.config.set_dtype_policy(recipe["policy"])  # weights are float32 in any case
    model = gpt2.GPT2(config, name="gpt2")
    keras.config.set_dtype_policy("float32")
    common = {"learning_rate": recipe["learning_rate"], "global_clipnorm": 1.0, "weight_decay": 0.1}
    no_decay = ["bias", "gamma", "beta"]
    if recipe["optimizer"] == "muon":
        optimizer = keras.optimizers.Muon(adam_beta_2=0.99, adam_weight_decay=0.1, **common)
        no_decay.append("embedding")
    else:
        optimizer = keras.optimizers.AdamW(beta_2=0.99, **common)
    optimizer.exclude_from_weight_decay(var_names=no_decay)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def train_step(model: gpt2.GPT2, token_ids: np.ndarray, first, step: int, recipe: dict) -> float:
    """Train on the windows that begin at `first`, shape (B, 1); return the loss."""
    share, lowest = step / recipe["steps"], recipe["lowest"]
    fall = lowest + (1 - lowest) * (1 + np.cos(np.pi * share)) / 2
    rise = min(share / recipe["warm_up"] + 0.01, 1)
    model.optimizer.learning_rate = recipe["learning_rate"] * (rise * fall)
    places = first + np.arange(model.config.context_length)
    return float(model.train_on_batch(token_ids[places], token_ids[places + 1]))


def draw_windows(token_ids: np.ndarray, step: int, T: int, recipe: dict) -> np.ndarray:
    """Return where the windows of a step begin, shape (B, 1).

    Every epoch cuts the text at other places and reads the pieces in another order; both follow
    from the seed and the number of the epoch, so that an interrupted run goes on as it would have.
    """
    steps = ((len(token_ids) - 1) // T - 1) // recipe["batch_size"]  # of an epoch
    random = np.random.default_rng([recipe["seed"], step // steps])
    first, order = random.integers(T), random.permutation(steps * recipe["batch_size"])
    return first + order.reshape(steps, -1)[step % steps][:, None] * T


def train(folder: Path, config, recipe: dict, token_ids, validation_ids, num_bytes: int) -> tuple:
    """Train as `harness.train_in_parts`, until no point gets better; keep the best weights."""
    T, steps = config.context_length, recipe["steps"]

    def train_to_point(model, done):
        end = -(-(done * POINTS // steps + 1) * steps // POINTS)
        windows = (draw_windows(token_ids, step, T, recipe) for step in range(done, end))
        return [train_step(model, token_ids, w, done + k, recipe) for k, w in enumerate(windows)]

    def measure(model, progress, losses):
        bits = gpt2.compute_token_bits(model, validation_ids, stride=T)  # coarse and quick
        bits = float(bits.sum() / num_bytes)
        if bits <= progress.get("best", bits):
            progress["best"] = bits
            checkpoints.save_gpt2(model, folder / "best")
        point = {"step": progress["steps"], "cpu_seconds": round(progress["cpu_seconds"])}
        point |= {"training_loss": round(float(np.mean(losses)), 4)}
        return [point | {"validation_bits_per_byte": round(bits, 4)}]

    def finished(progress):
        bits = [point["validation_bits_per_byte"] for point in progress["curve"]]
        tired = bits and len(bits) - 1 - bits.index(min(bits)) >= PATIENCE
        return progress["steps"] >= steps or tired

    path, settings = folder / "state.npz", dataclasses.asdict(config) | recipe
    how = {"measure": measure, "settings": settings}
    build = functools.partial(compile_model, config, recipe)
    return harness.train_in_parts(path, build, train_to_point, finished, **how)


def learn_tokens(texts: list[str], size: int) -> tokenizers.ByteLevelBPETokenizer:
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(texts, vocab_size=size, min_frequency=2, show_progress=False)
    return tokenizer


def measure_copied(sample: str, text: str) -> int:
    """Return the length of the longest piece of a sample that stands in a text, in characters."""
    longest = first = 0
    while first + longest < len(sample):
        if sample[first : first + longest + 1] in text:
            longest += 1
        else:
            first += 1
    return longest


def train_on_plays(options) -> None:
    plays, results = load_shakespeare(), load_results()
    texts = {split: "\n\n".join(named.values()) for split, named in plays.items()}
    texts["tiny"] = load_tinyshakespeare()[1]  # its last tenth
    end, T = CONFIG.vocabulary_size - 1, CONFIG.context_length  # `END` is the last token
    tokenizer = learn_tokens(list(plays["train"].values()), end)

    def encode(texts):  # `END` before each
        return np.array([i for t in texts for i in (end, *tokenizer.encode(t).ids)], dtype="int32")

    recipe = RECIPE | {"steps": int(RECIPE["steps"] * options.fraction)}
    folder = harness.BUILD / "gpt2-shakespeare" / f"{options.fraction:g}"
    train_ids, validation_ids = encode(plays["train"].values()), encode([texts["validation"]])
    num_bytes = len(texts["validation"].encode())
    _, progress = train(folder, CONFIG, recipe, train_ids, validation_ids, num_bytes)

    target = options.models / "gpt2-shakespeare"
    checkpoints.save_gpt2(checkpoints.load_gpt2(folder / "best"), target, dtype="float16")
    tokenizer.save_model(str(target))
    vocabulary = json.loads((target / "vocab.json").read_text(encoding="utf8")) | {END: end}
    (target / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf8")
    model = checkpoints.load_gpt2(target)

    def measure(split):
        found = gpt2.compute_token_bits(model, encode([texts[split]]), stride=T // 2)
        return float(found.sum() / len(texts[split].encode()))

    generator = Generator(model, temperature=0.8, top_p=0.95)
    new = [generator([[end]], T - 16, seed=seed)[0] for seed in range(3)]
    samples = [tokenizer.decode(ids.tolist()) for ids in new]
    pieces = [texts["test"][k * 20_000 :][: len(sample)] for k, sample in enumerate(samples)]
    size, steps, rnn = model.count_params(), progress["steps"], results["shakespeare-rnn"]
    seen = steps * recipe["batch_size"] * T
    facts = {"steps": steps, "tokens_seen": seen, "epochs": seen / len(train_ids)}
    facts |= {"parameters": size, "model": f"GPT-2, {size / 1e6:.1f} million parameters"}
    facts |= {"value": measure("test"), "baseline": rnn["test"], "baseline_name": rnn["model"]}
    facts |= {"validation": measure("validation"), "tinyshakespeare": measure("tiny")}
    facts["stride"] = T // 2
    facts |= {f"training_{key}": progress[key] for key in ("cpu_seconds", "seconds")}
    facts["longest_copied"] = [measure_copied(sample, texts["train"]) for sample in samples]
    facts["longest_copied_test"] = [measure_copied(piece, texts["train"]) for piece in pieces]
    facts |= {"settings": dataclasses.asdict(CONFIG) | recipe, "curve": progress["curve"]}
    result = harness.record("shakespeare-gpt2", options, **facts)
    points = "\n".join("| " + " | ".join(map(str, p.values())) + " |" for p in progress["curve"])
    shown = "\n\n".join(f"```text\n{sample.strip()}\n```" for sample in samples)
    harness.write_card(target, **result, points=points, samples=shown, patience=PATIENCE)


def compare_recipes(options) -> None:
    text, held_out = load_tinyshakespeare()
    alphabet, tokenizer = sorted(set(text + held_out)), learn_tokens([text], 512)
    nanogpt = gpt2.GPT2Config(len(alphabet), 64, 128, 4, 4)
    ours, rows = dataclasses.replace(CONFIG, vocabulary_size=512), []
    encoders = {
        "nanoGPT's": lambda part: encode_characters(part, alphabet),
        "ours": lambda part: np.array(tokenizer.encode(part).ids),
    }
    recipes = ((nanogpt, RECIPE | NANOGPT), (ours, RECIPE | {"steps": 1_090, "warm_up": 0.05}))
    for (name, encode), (config, recipe) in zip(encoders.items(), recipes, strict=True):
        steps = int(recipe["steps"] * options.fraction)
        token_ids, T, recipe = encode(text), config.context_length, recipe | {"steps": steps}
        model, random = compile_model(config, recipe), np.random.default_rng(42)
        for step in range(steps):
            first = random.integers(len(token_ids) - T, size=(recipe["batch_size"], 1))
            train_step(model, token_ids, first, step, recipe)
        bits = gpt2.compute_token_bits(model, encode(held_out)).sum()  # the first token is given
        bits = round(float(bits / len(held_out.encode())), 4)
        seen = steps * recipe["batch_size"] * T
        row = {"recipe": name, "bits per byte": bits, "steps": steps, "tokens_seen": seen}
        row |= {"passes": round(seen / len(token_ids), 2), "parameters": model.count_params()}
        rows.append(row)
        print(row, flush=True)
    theirs, value = (row["bits per byte"] for row in rows)
    harness.record("tinyshakespeare-gpt2", options, value=value, baseline=theirs, table=rows)


if __name__ == "__main__":
    options = harness.parse(__doc__, "plays", "recipes")
    (train_on_plays if options.experiment == "plays" else compare_recipes)(options)
