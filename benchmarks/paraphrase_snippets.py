"""Let a small language model put up to 500 training sentences of movie-snippets into other words.

The model is SmolLM2-135M-Instruct in 4-bit GGUF form. Its weights come out of a wheel that is
never imported; transformers turns them back to float32. Notebook 07 reads the result, so that it
needs neither the model nor PyTorch.

Run, with the packages of requirements.txt and `torch==2.13.0 gguf accelerate`:

    python -m benchmarks.paraphrase_snippets write  # 15 CPU-minutes; goes on where it stopped
    python -m benchmarks.paraphrase_snippets check  # a minute: adds the MiniLM cosines

Both write data/paraphrases/smollm2.tsv; data/paraphrases/README.md describes it. After them, put
rows, size and hash into data/registry.toml.
"""

import os
import sys

import pandas as pd

from utils.data import corpora
from utils.data.splits import normalise
from utils.models.smollm2 import load_smollm2
from utils.runtime import ROOT

TARGET = ROOT / "data" / "paraphrases" / "smollm2.tsv"
COUNT = 500
BATCH_SIZE = 10
MAX_NEW_TOKENS = 64
SYSTEM = "You rewrite sentences from film reviews in other words and keep their meaning."
PROMPT = "Paraphrase: {}"
TEMPERATURE, TOP_P, SEED = 0.3, 0.9, 42


def paraphrase(tokenizer, model, texts: list[str], seed: int) -> list[tuple[str, str]]:
    """Return for each text the first line of the answer, and how it ended: "stop" or "cut"."""
    import torch

    prompts = [
        tokenizer.apply_chat_template(
            [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": PROMPT.format(text)},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
        for text in texts
    ]
    batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    torch.manual_seed(seed)
    with torch.no_grad():
        token_ids = model.generate(
            **batch,
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=True,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            pad_token_id=tokenizer.eos_token_id,
        )
    answers = []
    for row in token_ids[:, batch["input_ids"].shape[1] :]:
        answer = tokenizer.decode(row, skip_special_tokens=True).strip()
        first, *more = answer.split("\n")
        ended = bool(more) or tokenizer.eos_token_id in row.tolist()
        answers.append((" ".join(first.split()), "stop" if ended else "cut"))
    return answers


def write() -> None:
    rows = corpora.pick_paraphrase_sources(COUNT)
    found = pd.DataFrame(columns=["source", "end", "paraphrase"])
    if TARGET.exists():
        found = read()[[*found.columns]]
    os.environ["HF_HUB_OFFLINE"] = "1"
    tokenizer, model = load_smollm2()
    for start in range(len(found), len(rows), BATCH_SIZE):
        batch = rows.iloc[start : start + BATCH_SIZE]
        answers = paraphrase(tokenizer, model, batch["text"].tolist(), SEED + start)
        for source, text, (answer, end) in zip(
            batch["source"], batch["text"], answers, strict=True
        ):
            if normalise(answer) == normalise(text):
                answer, end = "", "copy"  # the sentence itself is not ours to pass on
            found.loc[len(found)] = [source, end, answer]
        save(found)
        print(f"{len(found)} of {len(rows)}", flush=True)


def check() -> None:
    from utils.runtime import start

    start()
    from utils.models.sentences import embed_sentences

    found = read()
    texts = corpora.pick_paraphrase_sources(len(found))["text"].tolist()
    cosines = (embed_sentences(texts) * embed_sentences(found["paraphrase"].tolist())).sum(axis=1)
    found["cosine"] = [
        f"{cosine:.3f}" if end != "copy" else "1.000"
        for cosine, end in zip(cosines, found["end"], strict=True)
    ]
    save(found[["source", "end", "cosine", "paraphrase"]])


def read() -> pd.DataFrame:
    return pd.read_csv(TARGET, sep="\t", quoting=3, keep_default_na=False, dtype=str)


def save(found: pd.DataFrame) -> None:
    part = TARGET.with_suffix(".part")
    found.to_csv(part, sep="\t", index=False, quoting=3, lineterminator="\n", encoding="utf8")
    os.replace(part, TARGET)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    {"write": write, "check": check}[sys.argv[1] if len(sys.argv) > 1 else "write"]()
