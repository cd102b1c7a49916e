"""Translators of real sentences beside each other, and beside what needs no training.

All read and write the pieces of `load_subwords`, on Tatoeba's split of groups; no test sentence,
nor a paraphrase of one, is trained on. Each model has STEPS steps of the same batches in the same
order (so equal tokens), about 2.43 million parameters (within 3 %: a test), three seeds, and the
learning rate that is best on validation: of the same three, and of one more as long as the best is
at an edge. "long" is the LSTM with three times the steps, outside this rule. "reversed" reads in
one direction only: to an encoder of both directions a reversed sentence is the same one.

    python -m benchmarks.translate_tatoeba baselines     dictionaries, retrieval, IBM model 1
    python -m benchmarks.translate_tatoeba rates         seed 1, all learning rates
    python -m benchmarks.translate_tatoeba table         the other seeds, and "long"
    python -m benchmarks.translate_tatoeba curve         attention and Transformer on less data
    python -m benchmarks.translate_tatoeba record        writes data/results/translation.json

`--only dot` does so for one system. What is done is kept in data/results/parts/translation.json,
which belongs into the commit: for each test sentence what BLEU is counted from, and chrF; no
translation. The weights are in build/translation.

Cost, in runs of STEPS steps: rates 12 and up to 4 more, table 8 (two seeds of four systems) and 9
(three of "long"), curve 12, together 45. Nine CPU-hours, 32,400 seconds, are 720 for a run; less 70
for reading the data and translating there are 650, which is 2,600 steps (2.1 passes) of 0.25
seconds. Measured over 60 steps: 0.19 for "lstm"; the others are not measured yet.
"""

import functools
import os

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np
import pandas as pd
import sacrebleu

from utils.baselines import alignment, retrieval
from utils.data import pairs, tatoeba
from utils.data.subwords import (
    decode_sentences,
    encode_sentences,
    load_subwords,
    normalise_sentence,
)
from utils.decoding.translation import build_greedy_decoder, build_prefix_decoder, translate
from utils.metrics import bootstrap_bleu, bootstrap_interval, compute_bleu, measure_alignment_error
from utils.models import seq2seq
from utils.models.transformer import build_transformer
from utils.results import record_result
from utils.training import save_weights, warm_up_and_decay

STEPS, BATCH_SIZE, SEEDS, FULL = 2600, 128, (1, 2, 3), 157_767
LSTM = {"embedding_dim": 112, "dropout": 0.2}
SYSTEMS = {
    "lstm": LSTM | {"hidden_dim": 240},
    "reversed": LSTM | {"hidden_dim": 228, "both_directions": False},
    "dot": LSTM | {"hidden_dim": 226},
    "transformer": {"hidden_dim": 128, "num_heads": 4, "intermediate_dim": 480, "num_layers": 2}
    | {"dropout": 0.1},
}
RATES = (1e-3, 2e-3, 4e-3)
SIZES = (10_000, 40_000, FULL)  # pairs; each sample is part of the next
BUCKETS = ((8, 18), (14, 30), (44, 48))  # most pieces of a source, and of its translation
EVERY = 3  # of the validation sentences one in three is translated


def build_model(system: str, vocabulary_size: int) -> keras.Model:
    sizes, settings = (vocabulary_size, vocabulary_size), SYSTEMS[system]
    if system == "transformer":
        return build_transformer(*sizes, **settings)
    attention = seq2seq.CrossAttention("dot") if system == "dot" else None
    return seq2seq.build_translator(*sizes, attention=attention, **settings)


def reverse_rows(token_ids: np.ndarray) -> np.ndarray:
    """Turn the tokens of each row around; the padding stays on the right."""
    lengths = np.count_nonzero(token_ids, axis=1)[:, None]
    places = np.arange(token_ids.shape[1])
    order = np.where(places < lengths, lengths - 1 - places, places)
    return np.take_along_axis(token_ids, order, axis=1)


@functools.cache
def prepare() -> dict:
    """Return the training table, and sources and normalised references of validation and test."""
    splits, data = dict([*tatoeba.load_tatoeba_groups().groupby("split")]), {}
    for split, every in (("validation", EVERY), ("test", 1)):
        sources, references = tatoeba.collect_references(splits[split])
        texts = [[normalise_sentence(text) for text in row] for row in references[::every]]
        data[split] = sources[::every], texts
    return data | {"train": splits["train"]}


def score(found: list[str], references: list[list[str]]) -> dict:
    """Return BLEU and chrF of the corpus, and for each sentence what they are made of.

    `counts` are the n-grams shared (n = 1 to 4), the length of the translation and of the nearest
    reference, in the tokens of sacrebleu; `chrf` is that of the sentence.
    """
    bleu, chrf, counts, values = sacrebleu.BLEU(), sacrebleu.CHRF(), [], []
    each = sacrebleu.BLEU(effective_order=True)  # the counts are the same; it does not warn
    for text, right in zip(found, references, strict=True):
        one = each.sentence_score(text, right)
        counts.append([*map(int, one.counts), one.sys_len, one.ref_len])
        values.append(round(chrf.sentence_score(text, right).score, 1))
    columns = [
        [row[k] if k < len(row) else None for row in references]
        for k in range(max(map(len, references)))
    ]
    facts = {"bleu": bleu.corpus_score(found, columns).score}
    facts |= {"chrf_corpus": chrf.corpus_score(found, columns).score}
    return facts | {"counts": counts, "chrf": values}


def expand(counts: list[list[int]]) -> np.ndarray:
    """Turn `counts` of `score` into what `compute_bleu` reads: (N, 10)."""
    counts = np.array(counts)
    whole = np.maximum(0, counts[:, 4:5] - np.arange(4))
    return np.concatenate([counts[:, :4], whole, counts[:, 4:]], axis=1)


def train(system: str, count: int, rate: float, seed: int, steps: int, options) -> dict:
    """Train a model and translate both held-out splits; the test plays no part in any choice."""
    data, tokenizer = prepare(), load_subwords()
    table = tatoeba.take_pairs(data["train"], count) if count < FULL else data["train"]
    source_ids = encode_sentences(table["english"].tolist(), tokenizer)
    target_ids = encode_sentences(table["french"].tolist(), tokenizer, ends=True)
    turn = reverse_rows if system == "reversed" else np.asarray
    keras.utils.set_random_seed(seed)
    model = build_model(system, tokenizer.get_vocab_size())
    optimizer = keras.optimizers.Adam(warm_up_and_decay(rate, steps), clipnorm=1.0)
    model.compile(optimizer, seq2seq.compute_masked_loss, jit_compile=False)

    def fit() -> None:
        done = 0
        while done < steps:  # each epoch has an order of its own, the same for every system
            batches = pairs.PairBatches(
                turn(source_ids), target_ids, batch_size=BATCH_SIZE, seed=1000 * seed + done
            )
            model.fit(batches, steps_per_epoch=min(len(batches), steps - done), verbose=0)
            done += len(batches)

    _, seconds = harness.time_cpu(fit)
    folder = harness.BUILD / "translation"
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder / f"{system}-{count}-{steps}-{rate:g}-{seed}.safetensors")

    build = build_prefix_decoder if system == "transformer" else build_greedy_decoder
    decoders = {limit: build(model, limit) for _, limit in BUCKETS}

    def write(sources: list[str]) -> list[str]:
        rows = encode_sentences(sources, tokenizer)[:, : BUCKETS[-1][0]]
        lengths, found = np.count_nonzero(rows, axis=1), np.full(len(rows), "", object)
        low = 0
        for width, limit in BUCKETS:
            chosen = np.flatnonzero((lengths <= width) & (lengths >= low))
            low = width + 1
            if len(chosen):
                part = np.pad(rows[chosen], ((0, 0), (0, width)))[:, :width]
                ids = translate(decoders[limit], turn(part))
                found[chosen] = decode_sentences(ids, tokenizer)
        return found.tolist()

    facts = {"steps": steps, "pairs": len(table), "rate": rate, "seed": seed}
    facts |= {"parameters": model.count_params(), "training_cpu_seconds": round(seconds, 1)}
    for split in ("validation", "test"):
        sources, references = data[split]
        keep = max(1, int(1 / options.fraction))
        facts[split] = score(write(sources[::keep]), references[::keep])
    del facts["validation"]["counts"], facts["validation"]["chrf"]
    return facts


def run(once, options, system: str, count: int, rate: float, seed: int) -> dict:
    steps = max(2, int(STEPS * options.fraction)) * (3 if system == "long" else 1)
    arguments = ("lstm" if system == "long" else system, count, rate, seed, steps, options)
    name = f"{system}, {count} pairs, {steps} steps, rate {rate:g}, seed {seed}"
    return once(name, train, *arguments)


def choose_rate(once, options, system: str) -> float:
    """Return the learning rate that is best on validation; the grid grows while that is an edge."""
    rates = [*RATES][: 1 if options.trial else None]
    while True:
        parts = {rate: run(once, options, system, FULL, rate, SEEDS[0]) for rate in rates}
        best = max(rates, key=lambda rate: parts[rate]["validation"]["bleu"])
        if rates[0] < best < rates[-1] or len(rates) > 5 or options.trial:
            return best
        rates = sorted([*rates, best / 2 if best == rates[0] else best * 2])


def measure_baselines(count: int, every: int) -> dict:
    """Return what costs no training: scores of each baseline, chosen on validation."""
    data = prepare()
    table = tatoeba.take_pairs(data["train"], count) if count < FULL else data["train"]
    words = pd.DataFrame(
        {
            "english": [pairs.split_sentence(text) for text in table["english"]],
            "french": [pairs.split_sentence(text, elision=True) for text in table["french"]],
        }
    )
    known, found, seconds = words["english"].tolist(), {}, {}
    dictionaries, seconds["dictionaries"] = harness.time_cpu(
        lambda: {
            "Dice": retrieval.build_dictionary(words),
            "IBM model 1": alignment.pick_translations(alignment.train_ibm1(words)),
        }
    )
    held_out, similar = {}, {}
    for split, step in (("validation", every), ("test", every)):
        sources, references = data[split]
        sentences = [pairs.split_sentence(text) for text in sources[::step]]
        held_out[split] = sentences, references[::step]
        for idf in (True, False):
            search = harness.time_cpu(retrieval.find_similar, sentences, known, 10, use_idf=idf)
            similar[split, idf], seconds[f"search, {split}, idf {idf}"] = search

    def write(split: str, kind: str, *, dictionary="Dice", idf=True, most=0, near=1) -> dict:
        sentences, references = held_out[split]
        if kind == "copy":
            tokens = sentences
        elif kind == "dictionary":
            pick = dictionaries[dictionary]
            tokens = [[pick.get(word, word) for word in sentence] for sentence in sentences]
        else:
            rows, pick = similar[split, idf][:, :near], dictionaries[dictionary]
            tokens = retrieval.adapt_examples(sentences, rows, words, pick, most)
        return score([pairs.join_tokens(text) for text in tokens], references)

    names = [{"dictionary": name} for name in dictionaries]
    searches = [{"idf": idf, "near": near} for idf in (True, False) for near in (1, 10)]
    swaps = [s | n | {"most": most} for s in searches for n in names for most in (1, None)]
    trials = {"copy": [{}], "dictionary": names, "retrieval": searches, "retrieval + swap": swaps}
    for kind, settings in trials.items():
        (best, bleu), cpu = harness.time_cpu(
            lambda kind=kind, settings=settings: max(
                ((each, write("validation", kind, **each)["bleu"]) for each in settings),
                key=lambda pair: pair[1],
            )
        )
        found[kind] = {"chosen": best, "validation": bleu, "test": write("test", kind, **best)}
        seconds[kind] = cpu
    distances = retrieval.measure_distances(held_out["test"][0], similar["test", True], known)
    facts = {"seconds": {key: round(value, 1) for key, value in seconds.items()}}
    return facts | {"pairs": len(words), "systems": found, "distances": distances.tolist()}


def align_phrasebook(every: int) -> dict:
    """Return the alignment error of IBM model 1, and of the diagonal, on the phrasebook."""
    splits = {name: part.iloc[::every] for name, part in pairs.load_phrasebook().groupby("split")}
    chances, errors = {}, {}
    for rounds in (1, 2, 5, 10):
        chances[rounds] = alignment.train_ibm1(splits["train"], rounds=rounds)
        errors[rounds] = measure_aer(splits["validation"], chances[rounds])
    best = min(errors, key=errors.get)
    facts = {"rounds": best, "validation": errors, "test": {}, "diagonal": {}}
    for split in ("test", "test-long", "test-compose"):
        facts["test"][split] = measure_aer(splits[split], chances[best])
        facts["diagonal"][split] = measure_aer(splits[split], None)
    return facts


def measure_aer(table: pd.DataFrame, chances: dict | None) -> float:
    links = [
        alignment.align_ibm1(english, french, chances)
        if chances is not None
        else [
            (round(j * (len(english) - 1) / max(1, len(french) - 1)), j) for j in range(len(french))
        ]
        for english, french in zip(table["english"], table["french"], strict=True)
    ]
    return measure_alignment_error(links, table["alignment"].tolist())


def describe(test: list[dict], bands: dict[str, np.ndarray], rival: list[dict] | None) -> dict:
    """Return BLEU and chrF of a system over its seeds, by band of test sentences.

    The intervals are those of resampled sentences, of which all seeds have the same; `gain` is
    over the rival, paired.
    """
    counts, chrf = (
        sum(expand(each["counts"]) for each in test) / len(test),
        np.mean([each["chrf"] for each in test], axis=0),
    )
    facts = {"bleu_of_seeds": [each["bleu"] for each in test], "bands": {}}
    for band, chosen in bands.items():
        these = counts[chosen]
        row = {"sentences": int(chosen.sum()), "bleu": float(compute_bleu(these.sum(axis=0)))}
        row |= {"interval": bootstrap_bleu(these), "chrf": float(chrf[chosen].mean())}
        if band == "all":
            row["chrf_interval"] = bootstrap_interval(chrf)
        if rival is not None:
            other = sum(expand(each["counts"])[chosen] for each in rival) / len(rival)
            row |= {"gain": row["bleu"] - float(compute_bleu(other.sum(axis=0)))}
            row |= {"gain_interval": bootstrap_bleu(these, other)}
        facts["bands"][band] = row
    return facts


def list_bands(distances: list[int], every: int) -> dict[str, np.ndarray]:
    """Return which test sentences are in each band: by references, words, and distance."""
    sources, references = prepare()["test"]
    words = np.array([len(normalise_sentence(text).split()) for text in sources[::every]])
    several = np.array([len(row) > 1 for row in references[::every]])
    near, bands = np.array(distances), {"all": words > 0, "several references": several}
    for low, high in ((1, 4), (5, 6), (7, 8), (9, 11), (12, 20)):
        bands[f"{low} to {high} words"] = (words >= low) & (words <= high)
    for low, high in ((0, 1), (2, 2), (3, 3), (4, 5), (6, 99)):
        bands[f"{low} to {high} words from training"] = (near >= low) & (near <= high)
    return {name: chosen for name, chosen in bands.items() if chosen.sum() >= 30}


def record(once, options) -> None:
    """Write the result from the parts; they must all be there."""
    every = max(1, int(1 / options.fraction))
    baselines = {count: once.parts[f"baselines, {count} pairs"] for count in (SIZES[0], FULL)}
    bands = list_bands(baselines[FULL]["distances"], every)
    systems, tests = {}, {}
    for kind, facts in baselines[FULL]["systems"].items():
        tests[kind] = [facts["test"]]
        systems[kind] = {"chosen": facts["chosen"], **describe(tests[kind], bands, None)}
    for system in (*SYSTEMS, "long"):
        rate = choose_rate(once, options, "lstm" if system == "long" else system)
        parts = [run(once, options, system, FULL, rate, seed) for seed in SEEDS]
        tests[system] = [part["test"] for part in parts]
        rival = None if system == "lstm" else tests["lstm"]
        systems[system] = describe(tests[system], bands, rival) | {"rate": rate}
        keys = ("steps", "parameters", "training_cpu_seconds")
        systems[system] |= {key: parts[0][key] for key in keys}
    curve = {}
    for system in ("dot", "transformer"):
        rate = systems[system]["rate"]
        curve[system] = {
            count: [run(once, options, system, count, rate, s)["test"]["bleu"] for s in SEEDS]
            for count in SIZES
        }
    small = {kind: facts["test"]["bleu"] for kind, facts in baselines[SIZES[0]]["systems"].items()}
    names = ("lstm", "reversed", "dot", "transformer")
    best = max(names, key=lambda name: systems[name]["bands"]["all"]["bleu"])
    values, row = systems[best]["bleu_of_seeds"], systems[best]["bands"]["all"]
    os.environ["COURSE_RESULTS"] = str(options.ledger)
    record_result(
        "translation", notebook="08", model=best, dataset="tatoeba", metric="test BLEU",
        value=float(np.mean(values)), values=values, interval=row["interval"],
        baseline=systems["lstm"]["bands"]["all"]["bleu"], baseline_name="LSTM, equal parameters",
        trivial=systems["copy"]["bands"]["all"]["bleu"], trivial_name="the English sentence",
        runs=f"{len(SEEDS)} seeds", systems=systems, curve=curve, baselines_10000=small,
        alignment=once.parts["alignment"], all_cpu_seconds=round(once.count_seconds()),
    )  # fmt: skip


def main() -> None:
    experiments = "baselines", "rates", "table", "curve", "record"
    options = harness.parse(__doc__, *experiments, systems=[*SYSTEMS, "long"])
    once = harness.keep_parts("translation", options, commit=True)
    every = max(1, int(1 / options.fraction))
    if options.experiment == "baselines":
        once("alignment", align_phrasebook, every)
        for count in (SIZES[0], FULL):
            once(f"baselines, {count} pairs", measure_baselines, count, every)
    elif options.experiment == "record":
        record(once, options)
    else:
        curve = options.experiment == "curve"
        for system in ("dot", "transformer") if curve else SYSTEMS:
            if options.only not in (None, system):
                continue
            rate = choose_rate(once, options, system)
            for seed in SEEDS if options.experiment != "rates" else ():
                for count in SIZES if curve else (FULL,):
                    run(once, options, system, count, rate, seed)
        if options.experiment == "table" and options.only in (None, "long"):
            rate = choose_rate(once, options, "lstm")
            for seed in SEEDS:
                run(once, options, "long", FULL, rate, seed)


if __name__ == "__main__":
    main()
