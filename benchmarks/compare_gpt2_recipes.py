"""Two recipes for a small GPT-2 on Tiny Shakespeare, at equal cost: nanoGPT's, and ours.

nanoGPT's recipe for a CPU (its README): characters, 4 layers of 128 numbers with 4 heads, a context
of 64, 12 windows a step, no dropout. Both are trained by the same code in Keras, each for the steps
that 600 CPU-seconds bought on the machine of the ledger, on the first nine tenths of the text; the
last tenth measures. Our recipe is that of `benchmarks.train_gpt2_on_shakespeare`, but for the
tokens: a fifth of its text affords fewer.

Run: `python -m benchmarks.compare_gpt2_recipes` (30 minutes; needs Tiny Shakespeare). It writes
data/results/tinyshakespeare-checkpoints.json.
"""

import argparse
import dataclasses
import os

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--fraction", type=float, default=1.0, help="of the usual steps")
parser.add_argument("--vocabulary-size", type=int, default=512, help="tokens of our recipe")
parser.add_argument("--no-record", action="store_true", help="print only")
SETTINGS = parser.parse_args()

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import keras
import numpy as np
import tokenizers

from utils.data.plays import load_tinyshakespeare
from utils.data.tokenizers import encode_characters
from utils.models import gpt2
from utils.results import LEDGER, record_result


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained, and how.

    Args:
        config: the sizes of the model.
        steps: of the whole training.
        batch_size: windows of a step.
        learning_rate: the highest.
        lowest: learning rate at the end, as a share of the highest.
        policy: number format of the computations.
        muon: whether Muon trains the matrices; if not, AdamW trains all.
    """

    config: gpt2.GPT2Config
    steps: int
    batch_size: int
    learning_rate: float
    lowest: float
    policy: str
    muon: bool


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return AdamW, or Muon for the matrices and AdamW for the rest; both with weight decay."""
    common = {"learning_rate": recipe.learning_rate, "global_clipnorm": 1.0, "weight_decay": 0.1}
    if recipe.muon:
        optimizer = keras.optimizers.Muon(adam_beta_2=0.99, adam_weight_decay=0.1, **common)
    else:
        optimizer = keras.optimizers.AdamW(beta_2=0.99, **common)
    no_decay = ["bias", "gamma", "beta"] + ["embedding"] * recipe.muon
    optimizer.exclude_from_weight_decay(var_names=no_decay)
    return optimizer


def train(recipe: Recipe, token_ids: np.ndarray, steps: int) -> gpt2.GPT2:
    """Train for a number of steps; return the model."""
    keras.utils.set_random_seed(42)
    keras.config.set_dtype_policy(recipe.policy)
    model = gpt2.GPT2(recipe.config)
    keras.config.set_dtype_policy("float32")
    optimizer = make_optimizer(recipe)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    random, T = np.random.default_rng(42), recipe.config.context_length
    for step in range(steps):
        share = step / steps
        fall = recipe.lowest + (1 - recipe.lowest) * (1 + np.cos(np.pi * share)) / 2
        optimizer.learning_rate = recipe.learning_rate * min(share / 0.05 + 0.01, 1) * fall
        places = random.integers(len(token_ids) - T, size=(recipe.batch_size, 1)) + np.arange(T)
        model.train_on_batch(token_ids[places], token_ids[places + 1])
    return model


def learn_tokens(text: str) -> tokenizers.ByteLevelBPETokenizer:
    """Learn byte-level BPE."""
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    size = SETTINGS.vocabulary_size
    tokenizer.train_from_iterator([text], vocab_size=size, min_frequency=2, show_progress=False)
    return tokenizer


def main() -> None:
    text, held_out = load_tinyshakespeare()
    alphabet, tokenizer = sorted(set(text + held_out)), learn_tokens(text)
    small = gpt2.GPT2Config(len(alphabet), 64, 128, 4, 4)
    ours = gpt2.GPT2Config(SETTINGS.vocabulary_size, 256, 256, 4, 4, dropout=0.15)
    recipes = {
        "nanoGPT's": (
            Recipe(small, 10_260, 12, 1e-3, 0.1, "float32", muon=False),
            lambda part: encode_characters(part, alphabet),
        ),
        "ours": (
            Recipe(ours, 1_090, 8, 4e-3, 0.02, "mixed_bfloat16", muon=True),
            lambda part: np.array(tokenizer.encode(part).ids),
        ),
    }
    rows = []
    for name, (recipe, encode) in recipes.items():
        steps = int(recipe.steps * SETTINGS.fraction)
        model = train(recipe, encode(text), steps)
        token_ids = encode(held_out)  # its first token is given
        bits = gpt2.compute_token_bits(model, token_ids).sum() / len(held_out.encode())
        read = steps * recipe.batch_size * recipe.config.context_length / len(encode(text))
        rows.append({"recipe": name, "bits per byte": round(float(bits), 4), "steps": steps})
        rows[-1] |= {"passes": round(read, 2), "parameters": model.count_params()}
        print(rows[-1], flush=True)
    if not SETTINGS.no_record:
        os.environ["COURSE_RESULTS"] = str(LEDGER)
        theirs, value = (row["bits per byte"] for row in rows)
        record_result(
            "tinyshakespeare-gpt2",
            notebook="06",
            model="GPT-2, our recipe",
            dataset="tinyshakespeare",
            metric="bits per byte on the last tenth",
            better="lower",
            value=value,
            baseline=theirs,
            baseline_name="nanoGPT's recipe for a CPU, in Keras",
            runs="1 seed",
            table=rows,
        )


if __name__ == "__main__":
    main()
