"""Translators beside each other at equal cost: a plain LSTM, three kinds of attention, Transformer.

Every system has about the same number of parameters (the plain one more units), the steps that
the same CPU-seconds bought on the machine of the ledger, measured once, and the same settings but
for the learning rate. On the phrasebook that is the best of three on the validation split: of the
LSTMs chosen before (`tune`), of the Transformer here; on Tatoeba all have the same one. The test
splits are read once, when all are trained; in a trial validation stands for them.

`back` trains the plain translator and the one with dot attention also from French to English, and
sends the validation sentences of the phrasebook to French and back.

Run: `python -m benchmarks.compare_translators [phrasebook|tatoeba|tune|back]` (20, 90, 30, 11
CPU-minutes). It writes data/results/seq2seq.json and transformer-translation.json; or
seq2seq-tatoeba.json, seq2seq-tuning.json, back-translation.json.
"""

from benchmarks import harness

harness.start(one_thread=True)

import keras
import numpy as np

from utils.data import pairs
from utils.data.pairs import decode_tokens, encode_tokens, group_references
from utils.decoding.translation import build_greedy_decoder, build_prefix_decoder, translate
from utils.metrics import bootstrap_bleu, compute_bleu, count_bleu, measure_alignment_error
from utils.models import seq2seq
from utils.models.transformer import build_transformer
from utils.training import warm_up_and_decay

SYSTEMS = {  # highest learning rate, steps of 150 or 2,700 CPU-seconds, units
    "phrasebook": {
        "plain": (5e-3, 3900, 136),
        "dot": (1e-2, 3650, 128),
        "general": (1e-2, 3620, 124),
        "additive": (1e-2, 3430, 122),
        "Transformer": (None, 2740, 64),
    },
    "tatoeba": {"plain": (4e-3, 8780, 266), "dot": (4e-3, 8940, 256)},
}
SETTINGS = {
    "phrasebook": {"embedding_dim": 64, "dropout": 0.1},
    "tatoeba": {"embedding_dim": 128, "dropout": 0.2},
}
TRANSFORMER = {"num_heads": 4, "intermediate_dim": 448, "num_layers": 2, "dropout": 0.1}
BATCH_SIZE = {"phrasebook": 64, "tatoeba": 128}
LEAST = {"phrasebook": 1, "tatoeba": 4}  # times that a token of the vocabulary occurs
BANDS = {  # of the lengths of sentences
    "phrasebook": [(k, k) for k in range(5, 12)] + [(13, 14), (15, 15), (16, 16), (17, 19)],
    "tatoeba": [(k, k + 1) for k in range(2, 14, 2)],
}
TRIALS = (5e-3, 1e-2, 2e-2)  # learning rates, of which the settings hold the best
TRANSFORMER_TRIALS = (2e-3, 4e-3, 8e-3)
LENGTH = 24  # most tokens of a translation, [END] included


def prepare(dataset: str, *, reverse: bool = False) -> tuple[dict, list, tuple]:
    """Return the splits of a dataset, both vocabularies, and the training token ids.

    Reversed, the column `english` holds the French, and `french` the English.
    """
    table = getattr(pairs, f"load_{dataset}")()
    if reverse:
        table = table.rename(columns={"english": "french", "french": "english"})
    splits = {name: part.reset_index(drop=True) for name, part in table.groupby("split")}
    train, least = [splits["train"][side] for side in ("english", "french")], LEAST[dataset]
    vocabularies = [pairs.build_token_vocabulary(side, least=least) for side in train]
    target_ids = encode_tokens(train[1], vocabularies[1], ends=True)
    return splits, vocabularies, (encode_tokens(train[0], vocabularies[0]), target_ids)


def train(system: str, dataset: str, data: tuple, options, rate: float | None = None) -> tuple:
    """Train a Transformer, or a translator that is "plain" or has the named attention.

    Returns:
        A function from lists of source tokens to lists of target tokens, the model, and facts.
    """
    splits, vocabularies, train_ids = data
    usual_rate, steps, hidden_dim = SYSTEMS[dataset][system]
    rate, steps, batch_size = rate or usual_rate, int(steps * options.fraction), BATCH_SIZE[dataset]
    sizes, build_decoder = [*map(len, vocabularies)], build_greedy_decoder
    keras.utils.set_random_seed(42)
    if system == "Transformer":
        model = build_transformer(*sizes, hidden_dim=hidden_dim, **TRANSFORMER)
        build_decoder = build_prefix_decoder
    else:
        attention = None if system == "plain" else seq2seq.CrossAttention(system)
        settings = SETTINGS[dataset] | {"hidden_dim": hidden_dim, "attention": attention}
        model = seq2seq.build_translator(*sizes, **settings)
    optimizer = keras.optimizers.Adam(warm_up_and_decay(rate, steps), clipnorm=1.0)
    model.compile(optimizer, seq2seq.compute_masked_loss, jit_compile=False)

    def fit():  # each epoch has an order of its own
        done = 0
        while done < steps:
            batches = pairs.PairBatches(*train_ids, batch_size=batch_size, seed=done)
            model.fit(batches, steps_per_epoch=min(len(batches), steps - done), verbose=0)
            done += len(batches)

    _, seconds = harness.time_cpu(fit)
    decode = build_decoder(model, LENGTH)
    translate(decode, np.zeros((1, LENGTH), "int32"))  # compiled here

    def write(sources: list[list[str]]) -> list[list[str]]:
        source_ids = encode_tokens(sources, vocabularies[0])
        source_ids = np.pad(source_ids, ((0, 0), (0, max(0, LENGTH - source_ids.shape[1]))))
        return decode_tokens(translate(decode, source_ids), vocabularies[1])

    sources, references = group_references(splits["validation"])
    facts = {"steps": steps, "cpu_seconds": seconds, "parameters": model.count_params()}
    facts |= {"epochs": steps * batch_size / len(train_ids[0]), "hidden_dim": hidden_dim}
    facts |= {"learning_rate": rate, "validation": score(count_bleu(write(sources), references))}
    print(system, facts, flush=True)
    return write, model, facts


def score(counts: np.ndarray) -> dict:
    """Return corpus BLEU with its interval."""
    return {"bleu": float(compute_bleu(counts.sum(axis=0))), "interval": bootstrap_bleu(counts)}


def score_gain(counts: np.ndarray, other: np.ndarray, name: str = "gain") -> dict:
    """Return by how much BLEU is above another system's on the same sentences, and the interval."""
    gain = compute_bleu(counts.sum(axis=0)) - compute_bleu(other.sum(axis=0))
    return {name: float(gain), "gain_interval": bootstrap_bleu(counts, other)}


def score_by_length(counts: np.ndarray, sources: list, dataset: str) -> list[dict]:
    """Return the score of each band of lengths with at least 30 sentences."""
    lengths, rows = np.array([len(source) for source in sources]), []
    for low, high in BANDS[dataset]:
        chosen = counts[(lengths >= low) & (lengths <= high)]
        if len(chosen) >= 30:
            rows.append({"from": low, "to": high, "sentences": len(chosen)} | score(chosen))
    return rows


def align(model: keras.Model, table, vocabularies) -> list[list[tuple[int, int]]]:
    """Return where attention looks, pairs of places, by forced decoding of the translations."""
    source_ids = encode_tokens(table["english"], vocabularies[0])
    target_ids = encode_tokens(table["french"], vocabularies[1], ends=True)
    weights = keras.Model(model.inputs, model.get_layer("attention").output[1])
    found = weights.predict([source_ids, target_ids[:, :-1]], batch_size=256, verbose=0)
    return seq2seq.read_alignments(found, source_ids, target_ids[:, 1:])


def tune(options) -> None:
    """Record validation BLEU of every LSTM with each of `TRIALS`."""
    data, names = prepare("phrasebook"), [*SYSTEMS["phrasebook"]][:-1]
    bleu = {name: [] for name in names}
    for rate in TRIALS:
        for name in names:
            facts = train(name, "phrasebook", data, options, rate)[2]
            bleu[name].append(facts["validation"]["bleu"])
    table = [{"learning rate": f"{rate:g}"} for rate in TRIALS]
    for name, column in bleu.items():
        for row, value in zip(table, column, strict=True):
            row[name] = value
    facts = {"value": max(bleu["dot"]), "baseline": max(bleu["plain"]), "table": table}
    facts["chosen"] = {name: TRIALS[np.argmax(column)] for name, column in bleu.items()}
    harness.record("seq2seq-tuning", options, **facts)


def back_translate(options) -> None:
    """Record what comes back of the validation sentences; the second system is the headline."""
    there, back = prepare("phrasebook"), prepare("phrasebook", reverse=True)
    sources, _ = group_references(there[0]["validation"])
    for system in ("plain", "dot"):
        (leave, _, out), (arrive, _, home) = (
            train(system, "phrasebook", data, options) for data in (there, back)
        )
        bleu = {"there": out["validation"]["bleu"], "back": home["validation"]["bleu"]}
        abroad = leave(sources)
        found = arrive(abroad)
        changed = float(np.mean([a != b for a, b in zip(sources, found, strict=True)]))
        if system == "plain":
            plain = {"bleu": bleu, "changed": changed}
    references = [[source] for source in sources]
    value, untranslated = (score(count_bleu(texts, references)) for texts in (found, abroad))
    rows = [*zip(sources, abroad, found, strict=True)][:300]
    facts = {"value": value["bleu"], "interval": value["interval"], "plain": plain, "bleu": bleu}
    facts |= {"baseline": untranslated["bleu"], "changed": changed, "sentences": len(sources)}
    facts["training_cpu_seconds"] = round(max(out["cpu_seconds"], home["cpu_seconds"]))
    facts["examples"] = [[pairs.join_tokens(text) for text in row] for row in rows]
    harness.record("back-translation", options, **facts)


def record(name: str, options, systems: dict, headline: str, baseline: str, **more) -> None:
    """Record systems, of which one is the headline and one what it is compared with."""
    cost = round(max(facts["cpu_seconds"] for facts in systems.values()))
    value, interval = (systems[headline]["test"][key] for key in ("bleu", "interval"))
    more |= {"training_cpu_seconds": cost, "systems": systems, "interval": interval}
    harness.record(name, options, value=value, baseline=systems[baseline]["test"]["bleu"], **more)


def compare(dataset: str, options) -> None:
    """Train all systems, translate the test splits, record the LSTMs and the Transformer."""
    data = splits, vocabularies, _ = prepare(dataset)
    lstms = [name for name in SYSTEMS[dataset] if name != "Transformer"]
    found, counts = {name: train(name, dataset, data, options) for name in lstms}, {}
    if dataset == "phrasebook":
        trials = [train("Transformer", dataset, data, options, r) for r in TRANSFORMER_TRIALS]
        found["Transformer"] = max(trials, key=lambda trial: trial[2]["validation"]["bleu"])

    tests = {name: part for name, part in splits.items() if name.startswith("test")}
    tests = {"test": splits["validation"]} if options.trial else tests
    for split, table in tests.items():
        sources, references = group_references(table)
        for name, (write, _, facts) in found.items():
            written, seconds = harness.time_cpu(write, sources)
            counts[name, split] = these = count_bleu(written, references)
            facts[split] = score(these) | {"sentences_a_cpu_second": len(sources) / seconds}
            if split != "test-compose":
                bands = score_by_length(these, sources, dataset)
                facts["by_length"] = facts.get("by_length", []) + bands

    if dataset == "phrasebook":
        systems, rival = {"Transformer": found["Transformer"][2]}, "LSTM + attention (08)"
        for system, name in {"plain": "LSTM (05)", "dot": rival}.items():
            systems[name] = found[system][2].copy()
            for split in tests:
                gains = (counts["Transformer", split], counts[system, split], "transformer_gains")
                systems[name][split] = systems[name][split] | score_gain(*gains)
        tried = [
            {"learning_rate": facts["learning_rate"], "bleu": facts["validation"]["bleu"]}
            for _, _, facts in trials
        ]
        record("transformer-translation", options, systems, "Transformer", rival, trials=tried)

    for name in lstms[1:]:
        _, model, facts = found[name]
        validation = splits["validation"]
        links = zip(align(model, validation, vocabularies), validation["english"], strict=True)
        last = [i == len(source) - 1 for row, source in links for i, _ in row]
        facts["looks_at_last"] = float(np.mean(last))
        for split, table in tests.items():
            facts[split] |= score_gain(counts[name, split], counts["plain", split])
            if "alignment" in table:
                links = align(model, table, vocabularies)
                facts[split]["aer"] = measure_alignment_error(links, list(table["alignment"]))
    systems = {name: found[name][2] for name in lstms}
    best = max(lstms[1:], key=lambda name: systems[name]["validation"]["bleu"])
    more = {"best": best, "model": f"LSTM encoder-decoder, {best} attention"}
    name = {"phrasebook": "seq2seq", "tatoeba": "seq2seq-tatoeba"}[dataset]
    record(name, options, systems, best, "plain", **more)


if __name__ == "__main__":
    options = harness.parse(__doc__, "phrasebook", "tatoeba", "tune", "back")
    if options.experiment == "tune":
        tune(options)
    elif options.experiment == "back":
        back_translate(options)
    else:
        compare(options.experiment, options)
