"""A small GPT-2, trained from scratch on Shakespeare: the course's own checkpoint, and its card.

Byte-level BPE is learned from 34 plays, then the model; both are written as the Hugging Face hub
keeps GPT-2, to data/models/gpt2-shakespeare/. Two plays validate. The two test plays, which make up
the last tenth of Tiny Shakespeare, are read once, at the end. The checkpoint that the course ships
was trained in this way with a clock in place of the steps; these are its steps.
Compared on the validation plays, 150 CPU-seconds each: 2,048 tokens better than 1,024 (2.81 and
2.96 bits a byte with AdamW at 2e-3), AdamW at 4e-3 worse (2.86), batches of 4 better than 8 with
1,024 tokens (2.91); Muon far better (2.49 at 2e-3, 2.46 at 4e-3, 2.51 with batches of 16).

Run with Tiny Shakespeare at hand: `python -m benchmarks.train_gpt2_on_shakespeare` (60 minutes). It
writes data/results/shakespeare-gpt2.json, and stops at about three quarters of its steps, after
`PATIENCE` points of the curve without a better one.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
import tokenizers

from utils.data.plays import load_shakespeare, load_tinyshakespeare
from utils.decoding.sampling import Generator
from utils.models import checkpoints, gpt2
from utils.results import load_results

END = "<|endoftext|>"  # stands before every play, and is the last token
CONFIG = gpt2.GPT2Config(2048, 256, 256, 4, 4, dropout=0.15)
RECIPE = {
    "steps": 7440,
    "batch_size": 8,  # windows of a step
    "learning_rate": 4e-3,  # the highest
    "warm_up": 0.03,  # share of the steps in which it rises
    "lowest": 0.02,  # share of it at the end
    "policy": "mixed_bfloat16",  # float32 suits older processors
    "seed": 42,
}
POINTS, PATIENCE = 13, 2  # of the curve; of these without a better one, then training stops


def compile_model() -> gpt2.GPT2:
    """Build the model for Muon, which trains matrices; vectors and embeddings have AdamW."""
    keras.utils.set_random_seed(RECIPE["seed"])
    keras.config.set_dtype_policy(RECIPE["policy"])  # weights are float32 in any case
    model = gpt2.GPT2(CONFIG, name="gpt2")
    keras.config.set_dtype_policy("float32")
    decay = {"weight_decay": 0.1, "adam_weight_decay": 0.1}
    rate = RECIPE["learning_rate"]
    optimizer = keras.optimizers.Muon(rate, adam_beta_2=0.99, global_clipnorm=1.0, **decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "embedding"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def draw_windows(token_ids: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the token ids of each step, shape (B, T + 1).

    Every epoch cuts the text at other places and reads the pieces in another order.
    """
    T, batch_size = CONFIG.context_length, RECIPE["batch_size"]
    steps = ((len(token_ids) - 1) // T - 1) // batch_size  # of an epoch
    for epoch in itertools.count():
        random = np.random.default_rng([RECIPE["seed"], epoch])
        first, order = random.integers(T), random.permutation(steps * batch_size)
        for places in order.reshape(steps, batch_size):
            yield token_ids[first + places[:, None] * T + np.arange(T + 1)]


def train(folder: Path, token_ids, validation_ids, num_bytes: int, steps: int) -> list[dict]:
    """Train until the steps are done or no point gets better; return the curve.

    The weights with the best validation are kept in `folder`.
    """
    model, windows, curve, cpu_seconds = compile_model(), draw_windows(token_ids), [], 0.0

    def train_steps(first, last) -> float:
        losses = []
        for step in range(first, last):
            fall = (
                RECIPE["lowest"] + (1 - RECIPE["lowest"]) * (1 + np.cos(np.pi * step / steps)) / 2
            )
            rise = min(step / steps / RECIPE["warm_up"] + 0.01, 1)
            model.optimizer.learning_rate = RECIPE["learning_rate"] * (rise * fall)
            batch = next(windows)
            losses.append(model.train_on_batch(batch[:, :-1], batch[:, 1:]))
        return float(np.mean(losses))

    for first, last in itertools.pairwise(steps * k // POINTS for k in range(POINTS + 1)):
        loss, seconds = harness.time_cpu(train_steps, first, last)
        cpu_seconds += seconds
        bits = gpt2.compute_token_bits(model, validation_ids, stride=CONFIG.context_length)
        bits = round(float(bits.sum() / num_bytes), 4)  # coarse and quick
        point = {"step": last, "cpu_seconds": round(cpu_seconds), "training_loss": round(loss, 4)}
        curve.append(point | {"validation_bits_per_byte": bits})
        print(curve[-1], flush=True)
        best = min(curve, key=lambda point: point["validation_bits_per_byte"])
        if best is curve[-1]:
            checkpoints.save_gpt2(model, folder)
        elif len(curve) - 1 - curve.index(best) >= PATIENCE:
            break
    return curve


def measure_copied(sample: str, text: str) -> int:
    """Return the length of the longest piece of a sample that stands in a text, in characters."""
    longest = first = 0
    while first + longest < len(sample):
        if sample[first : first + longest + 1] in text:
            longest += 1
        else:
            first += 1
    return longest


def main() -> None:
    options = harness.parse(__doc__)
    plays, results = load_shakespeare(), load_results()
    texts = {split: "\n\n".join(named.values()) for split, named in plays.items()}
    texts["tiny"] = load_tinyshakespeare()[1]  # its last tenth
    end, T = CONFIG.vocabulary_size - 1, CONFIG.context_length
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    learn = {"vocab_size": end, "min_frequency": 2, "show_progress": False}
    tokenizer.train_from_iterator(plays["train"].values(), **learn)

    def encode(texts):  # `END` before each
        return np.array([i for t in texts for i in (end, *tokenizer.encode(t).ids)], dtype="int32")

    train_ids, validation_ids = encode(plays["train"].values()), encode([texts["validation"]])
    folder, steps = harness.BUILD / "gpt2-shakespeare", int(RECIPE["steps"] * options.fraction)
    num_bytes = len(texts["validation"].encode())
    curve = train(folder, train_ids, validation_ids, num_bytes, steps)

    target = options.models / "gpt2-shakespeare"
    checkpoints.save_gpt2(checkpoints.load_gpt2(folder), target, dtype="float16")
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
    size, rnn, steps = model.count_params(), results["shakespeare-rnn"], curve[-1]["step"]
    epochs = steps * RECIPE["batch_size"] * T / len(train_ids)
    facts = {"model": f"GPT-2, {size / 1e6:.1f} million parameters", "parameters": size}
    facts |= {"value": measure("test"), "baseline": rnn["value"], "baseline_name": rnn["model"]}
    facts |= {"validation": measure("validation"), "tinyshakespeare": measure("tiny")}
    facts |= {"ngram": results["shakespeare-ngram"]["value"], "stride": T // 2, "steps": steps}
    facts |= {"epochs": epochs, "training_cpu_seconds": curve[-1]["cpu_seconds"], "curve": curve}
    facts["longest_copied"] = [measure_copied(sample, texts["train"]) for sample in samples]
    facts["longest_copied_test"] = [measure_copied(piece, texts["train"]) for piece in pieces]
    facts["settings"] = dataclasses.asdict(CONFIG) | RECIPE
    result = harness.record("shakespeare-gpt2", options, **facts)
    points = "\n".join("| " + " | ".join(map(str, p.values())) + " |" for p in curve)
    shown = "\n\n".join(f"```text\n{sample.strip()}\n```" for sample in samples)
    harness.write_card(target, **result, points=points, samples=shown, patience=PATIENCE)


if __name__ == "__main__":
    main()
