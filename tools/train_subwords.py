"""Train the pieces of the translators: `python -m tools.train_subwords` (a minute).

It reads the training splits of the phrasebook and of Tatoeba, and writes
data/models/bpe-translation/tokenizer.json; the registry gets hash and size.
"""

import re

from utils.data.pairs import load_phrasebook
from utils.data.registry import REGISTRY, compute_sha256
from utils.data.subwords import join_words, train_subwords
from utils.data.tatoeba import load_tatoeba_groups
from utils.results import write_whole
from utils.runtime import ROOT

VOCABULARY_SIZE = 4000
PATH = ROOT / "data" / "models" / "bpe-translation" / "tokenizer.json"


def list_texts() -> list[str]:
    """Return both sides of both training splits, the French after the English."""
    tatoeba, texts = load_tatoeba_groups(), []
    tatoeba, phrasebook = tatoeba[tatoeba["split"] == "train"], load_phrasebook(split="train")
    for side in ("english", "french"):
        texts += tatoeba[side].tolist()
        texts += [join_words(words, french=side == "french") for words in phrasebook[side]]
    return texts


def main() -> None:
    """Train the pieces and write them, with their hash."""
    write_whole(PATH, train_subwords(list_texts(), VOCABULARY_SIZE).to_str() + "\n")
    head, start, body = REGISTRY.read_text(encoding="utf8").partition("[bpe-translation]\n")
    new = f'sha256 = "{compute_sha256(PATH)}"\nbytes = {PATH.stat().st_size}'
    body = re.sub(r'sha256 = "\w*"\nbytes = \d+', new, body, count=1)
    REGISTRY.write_text(head + start + body, encoding="utf8", newline="\n")


if __name__ == "__main__":
    main()
