"""Back-translation on the phrasebook: the translators of notebooks 05 and 08, in both directions.

One from English to French and one from French to English, plain (05) and with dot attention (08),
learn from the training pairs, each for as many steps as in `benchmarks.compare_seq2seq`.
Then the validation sentences go to French and back. The test splits are not read.

Run: `python -m benchmarks.back_translate` (11 CPU-minutes; half if build/ holds the translators
into French already). It writes data/results/back-translation.json, with sentences to look at.
"""

import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # one thread: CPU-seconds without waiting
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from utils.runtime import start

start(seed=42)

import numpy as np

from benchmarks import compare_seq2seq
from utils.data.pairs import encode_tokens, group_references, join_tokens
from utils.decoding.translation import build_greedy_decoder
from utils.metrics import bootstrap_bleu, compute_bleu, count_bleu
from utils.results import LEDGER, record_result

EXAMPLES = 300  # sentences that the result keeps with what became of them


def send(system: str) -> dict:
    """Train translators both ways and send the validation sentences there and back.

    Args:
        system: "plain" (notebook 05) or "dot" (notebook 08).

    Returns:
        The `sources`, what they became `abroad` and at `home`, and BLEU each way.
    """
    settings = compare_seq2seq.SETTINGS["phrasebook"]
    splits, (english, french), train_ids = compare_seq2seq.prepare("phrasebook")
    train, validation = splits["train"], splits["validation"]
    there, _ = compare_seq2seq.train_recurrent(
        system, "phrasebook", [english, french], train_ids, settings
    )
    sizes = (len(french), len(english))
    hidden_dim = compare_seq2seq.find_hidden_dim(system, sizes, settings)
    rate, steps = settings["systems"][system], settings["steps"][system]
    back, _ = compare_seq2seq.train(
        compare_seq2seq.name_file("phrasebook", steps, f"{system}-reversed", rate),
        lambda: compare_seq2seq.build(system, sizes, hidden_dim, settings),
        (
            encode_tokens(train["french"], french),
            encode_tokens(train["english"], english, ends=True),
        ),
        settings | {"learning_rate": rate},
        steps,
    )
    swapped = validation.rename(columns={"english": "french", "french": "english"})
    ways = {
        "there": (there, (english, french), validation),
        "back": (back, (french, english), swapped),
    }
    translate, bleu = {}, {}
    for name, (model, vocabularies, table) in ways.items():
        decode = build_greedy_decoder(model, compare_seq2seq.LENGTH)
        translate[name] = compare_seq2seq.build_writer(decode, vocabularies)
        sources, references = group_references(table)
        counts = count_bleu(translate[name](sources), references)
        bleu[name] = float(compute_bleu(counts.sum(axis=0)))
    sources, _ = group_references(validation)
    abroad = translate["there"](sources)
    return {"sources": sources, "abroad": abroad, "home": translate["back"](abroad), "bleu": bleu}


def measure_change(sent: dict) -> float:
    """Return the share of sentences that come back changed."""
    return float(np.mean([a != b for a, b in zip(sent["sources"], sent["home"], strict=True)]))


def main() -> None:
    settings = compare_seq2seq.SETTINGS["phrasebook"]
    plain, sent = send("plain"), send("dot")
    sources, abroad, home = sent["sources"], sent["abroad"], sent["home"]
    counts = count_bleu(home, [[source] for source in sources])
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
        baseline=compute_bleu(count_bleu(abroad, [[s] for s in sources]).sum(axis=0)),
        baseline_name="the French text, not translated back",
        runs="1 seed",
        steps=settings["steps"]["dot"],
        bleu=sent["bleu"],
        changed=measure_change(sent),
        plain={"bleu": plain["bleu"], "changed": measure_change(plain)},
        sentences=len(sources),
        examples=[[join_tokens(text) for text in row] for row in rows],
    )
    print({key: result[key] for key in ("value", "bleu", "changed", "plain", "sentences")})


if __name__ == "__main__":
    main()
