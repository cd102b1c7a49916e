"""Let a small language model put 500 training sentences of movie-snippets into other words.

The model is SmolLM2-135M-Instruct in 4-bit GGUF form. Its weights come out of a wheel that is
never imported; transformers turns them back to float32. Notebook 07 reads the result, so that it
needs neither the model nor PyTorch.

Run, with the packages of requirements.txt and `make torch`:
`python -m benchmarks.paraphrase_snippets` (15 CPU-minutes; it goes on where it stopped). It writes
data/paraphrases/smollm2.tsv; data/paraphrases/README.md describes it. After it, put rows, size and
hash into data/registry.toml.
"""

from benchmarks import harness

harness.start()

import pandas as pd
import torch

from utils.data import corpora
from utils.data.splits import normalise
from utils.models.sentences import embed_sentences
from utils.models.smollm2 import load_with_transformers
from utils.results import write_whole
from utils.runtime import ROOT

TARGET = ROOT / "data" / "paraphrases" / "smollm2.tsv"
COUNT, BATCH_SIZE = 500, 10
COLUMNS = ["source", "end", "cosine", "paraphrase"]
SYSTEM = "You rewrite sentences from film reviews in other words and keep their meaning."
SAMPLING = {"max_new_tokens": 64, "do_sample": True, "temperature": 0.3, "top_p": 0.9}


def paraphrase(tokenizer, model, texts: list[str], seed: int) -> list[tuple[str, str]]:
    """Return for each text the first line of the answer, and how it ended: "stop" or "cut"."""
    system, options = {"role": "system", "content": SYSTEM}, {"add_generation_prompt": True}
    users = [{"role": "user", "content": f"Paraphrase: {text}"} for text in texts]
    chats = [[system, user] for user in users]
    prompts = [tokenizer.apply_chat_template(c, tokenize=False, **options) for c in chats]
    batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    torch.manual_seed(seed)
    end = tokenizer.eos_token_id
    with torch.no_grad():
        token_ids = model.generate(**batch, pad_token_id=end, **SAMPLING)
    answers = []
    for row in token_ids[:, batch["input_ids"].shape[1] :]:
        first, *more = tokenizer.decode(row, skip_special_tokens=True).strip().split("\n")
        answers.append((" ".join(first.split()), "stop" if more or end in row.tolist() else "cut"))
    return answers


def save(found: pd.DataFrame) -> None:
    write_whole(TARGET, found.to_csv(sep="\t", index=False, quoting=3, lineterminator="\n"))


def main() -> None:
    rows, found = corpora.pick_paraphrase_sources(COUNT), pd.DataFrame(columns=COLUMNS)
    if TARGET.exists():
        found = pd.read_csv(TARGET, sep="\t", quoting=3, keep_default_na=False, dtype=str)
    tokenizer, model = load_with_transformers()
    for start in range(len(found), len(rows), BATCH_SIZE):
        batch = rows.iloc[start : start + BATCH_SIZE]
        answers = paraphrase(tokenizer, model, batch["text"].tolist(), 42 + start)
        for row, (answer, end) in zip(batch.itertuples(), answers, strict=True):
            if normalise(answer) == normalise(row.text):
                answer, end = "", "copy"  # the sentence itself is not ours to pass on
            found.loc[len(found)] = [row.source, end, "", answer]
        save(found)
        print(f"{len(found)} of {len(rows)}", flush=True)

    texts, answers = (part.tolist() for part in (rows["text"], found["paraphrase"]))
    cosines = (embed_sentences(texts) * embed_sentences(answers)).sum(axis=1)
    found["cosine"] = [f"{cosine:.3f}" for cosine in cosines]
    found.loc[found["end"] == "copy", "cosine"] = "1.000"
    save(found)


if __name__ == "__main__":
    main()
