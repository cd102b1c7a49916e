"""Back-translation on the phrasebook: notebook 08's translator, trained in both directions.

Two translators with dot attention learn from the training pairs, one from English to French and
one from French to English, each for as many CPU-seconds as in `benchmarks.compare_seq2seq`. Then
the validation sentences go to French and back. The test splits are not read.

Run: `python -m benchmarks.back_translate` (5 CPU-minutes; half if build/ holds the first
translator already). It writes data/results/back-translation.json, with sentences to look at.
"""

import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import numpy as np

from benchmarks import compare_seq2seq
from utils.data import ROOT
from utils.metrics import bootstrap_bleu, compute_bleu, count_bleu
from utils.pairs import encode_tokens, group_references, join_tokens
from utils.results import LEDGER, record_result
from utils.seq2seq import build_greedy_decoder

EXAMPLES = 300  # sentences that the result keeps with what became of them


def main() -> None:
    settings = compare_seq2seq.SETTINGS["phrasebook"]
    splits, (english, french), train_ids = compare_seq2seq.prepare("phrasebook")
    train, validation = splits["train"], splits["validation"]

    there, _ = compare_seq2seq.train_recurrent(
        "dot", "phrasebook", [english, french], train_ids, settings
    )
    reversed_ids = (
        encode_tokens(train["french"], french),
        encode_tokens(train["english"], english, ends=True),
    )
    sizes = (len(french), len(english))
    back, _ = compare_seq2seq.train(
        ROOT / "build" / "seq2seq" / f"phrasebook-{settings['cpu_seconds']:.0f}" / "reversed.keras",
        lambda: compare_seq2seq.build("dot", sizes, settings["hidden_dim"], settings),
        reversed_ids,
        settings,
    )
    translate = {}
    for name, model, vocabularies in (
        ("there", there, (english, french)),
        ("back", back, (french, english)),
    ):
        decode = build_greedy_decoder(model, compare_seq2seq.LENGTH)
        translate[name] = compare_seq2seq.build_writer(decode, vocabularies)

    swapped = validation.rename(columns={"english": "french", "french": "english"})
    bleu = {}
    for name, table in (("there", validation), ("back", swapped)):
        sources, references = group_references(table)
        counts = count_bleu(translate[name](sources), references)
        bleu[name] = float(compute_bleu(counts.sum(axis=0)))
    sources, _ = group_references(validation)
    abroad = translate["there"](sources)
    home = translate["back"](abroad)
    counts = count_bleu(home, [[source] for source in sources])
    changed = np.array([a != b for a, b in zip(sources, home, strict=True)])

    os.environ["COURSE_RESULTS"] = str(LEDGER)
    rows = zip(sources[:EXAMPLES], abroad, home, strict=False)
    result = record_result(
        "back-translation",
        notebook="07",
        model="LSTM with dot attention, one each way",
        dataset="phrasebook",
        metric="BLEU of what comes back, against the sentence itself, validation",
        value=compute_bleu(counts.sum(axis=0)),
        interval=list(bootstrap_bleu(counts)),
        floor=60.0,
        baseline=compute_bleu(count_bleu(abroad, [[s] for s in sources]).sum(axis=0)),
        baseline_name="the French text, not translated back",
        runs="1 seed",
        training_cpu_seconds=settings["cpu_seconds"],
        bleu=bleu,
        changed=float(changed.mean()),
        sentences=len(sources),
        examples=[[join_tokens(text) for text in row] for row in rows],
    )
    print({key: result[key] for key in ("value", "bleu", "changed", "sentences")})


if __name__ == "__main__":
    main()
