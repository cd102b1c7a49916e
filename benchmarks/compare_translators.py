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
seq2seq-tatoeba.json, seq2seq-tuning.json, back-translation.json. What was trained is kept in
build/translators/; a run that was interrupted goes on from there.
"""

import bisect

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

SYSTEMS = {  # highest learning rate, steps of 150 and 2,700 CPU-seconds
    "phrasebook": {
        "plain": (5e-3, 3900),
        "dot": (1e-2, 3650),
        "general": (1e-2, 3620),
        "additive": (1e-2, 3430),
        "Transformer": (None, 2740),
    },
    "tatoeba": {"plain": (4e-3, 8780), "dot": (4e-3, 8940)},
}
SETTINGS = {  # hidden_dim: with dot attention; the others get what has as many parameters
    "phrasebook": {"embedding_dim": 64, "hidden_dim": 128, "dropout": 0.1},
    "tatoeba": {"embedding_dim": 128, "hidden_dim": 256, "dropout": 0.2},
}
TRANSFORMER = {"hidden_dim": 64, "num_heads": 4, "intermediate_dim": 448, "num_layers": 2}
BATCH_SIZE = {"phrasebook": 64, "tatoeba": 128}
LEAST = {"phrasebook": 1, "tatoeba": 4}  # times that a token of the vocabulary occurs
BANDS = {
    "phrasebook": [(k, k) for k in range(5, 12)] + [(13, 14), (15, 15), (16, 16), (17, 19)],
    "tatoeba": [(k, k + 1) for k in range(2, 14, 2)],
}
TRIALS = (5e-3, 1e-2, 2e-2)  # learning rates, of which the settings hold the best
TRANSFORMER_TRIALS = (2e-3, 4e-3, 8e-3)
LENGTH = 24  # most tokens of a translation, [END] included


def prepare(dataset: str, sides=("english", "french")) -> tuple[dict, list, tuple]:
    """Return the splits of a dataset, both vocabularies, and the training token ids."""
    table = getattr(pairs, f"load_{dataset}")()
    splits = {name: part.reset_index(drop=True) for name, part in table.groupby("split")}
    train, least = [splits["train"][side] for side in sides], LEAST[dataset]
    vocabularies = [pairs.build_token_vocabulary(side, least=least) for side in train]
    source_ids = encode_tokens(train[0], vocabularies[0])
    target_ids = encode_tokens(train[1], vocabularies[1], ends=True)
    print(f"{len(source_ids):,d} pairs, vocabularies {[*map(len, vocabularies)]}", flush=True)
    return splits, vocabularies, (source_ids, target_ids)


def build(system: str, sizes: tuple, settings: dict, hidden_dim: int | None) -> keras.Model:
    """Build a Transformer, or a translator that is "plain" or has the named attention."""
    if system == "Transformer":
        return build_transformer(*sizes, dropout=settings["dropout"], **TRANSFORMER)
    attention = None if system == "plain" else seq2seq.CrossAttention(system)
    changed = {"hidden_dim": hidden_dim, "attention": attention}
    return seq2seq.build_translator(*sizes, **settings | changed)


def find_hidden_dim(system: str, sizes: tuple, settings: dict) -> int:
    """Return the even hidden_dim whose number of parameters is nearest to that of dot attention."""

    def count(hidden_dim, system=system):
        return build(system, sizes, settings, hidden_dim).count_params()

    middle = settings["hidden_dim"]
    wanted, tried = count(middle, "dot"), range(int(0.75 * middle) // 2 * 2, int(1.3 * middle), 2)
    place = bisect.bisect_left(tried, wanted, key=count)
    return min(tried[max(place - 1, 0) : place + 1], key=lambda dim: abs(count(dim) - wanted))


def train(system, dataset, vocabularies, train_ids, options, *, rate=None, way="") -> tuple:
    """Train a system for its steps, or load it if that is done; `way` is part of the file's name.

    Returns:
        A function from lists of source tokens to lists of target tokens, the model, and facts:
        `steps`, `epochs`, `tokens_seen` (of the targets), `cpu_seconds` and others.
    """
    settings, batch_size = SETTINGS[dataset], BATCH_SIZE[dataset]
    sizes, (usual_rate, steps) = tuple(map(len, vocabularies)), SYSTEMS[dataset][system]
    rate, steps = rate or usual_rate, int(steps * options.fraction)

    def compile_model():
        is_recurrent = system != "Transformer"
        hidden_dim = find_hidden_dim(system, sizes, settings) if is_recurrent else None
        keras.utils.set_random_seed(42)
        model = build(system, sizes, settings, hidden_dim)
        optimizer = keras.optimizers.Adam(warm_up_and_decay(rate, steps), clipnorm=1.0)
        model.compile(optimizer, seq2seq.compute_masked_loss, jit_compile=False)
        return model

    def train_epoch(model, done):  # each has an order of its own
        batches = pairs.PairBatches(*train_ids, batch_size=batch_size, seed=done)
        count = min(len(batches), steps - done)
        return model.fit(batches, steps_per_epoch=count, verbose=0).history["loss"]

    path = harness.BUILD / "translators" / dataset / f"{system}{way}-{rate:g}-{steps}.npz"
    parts = (compile_model, train_epoch, lambda progress: progress["steps"] >= steps)
    model, progress = harness.train_in_parts(path, *parts)
    facts = {key: progress[key] for key in ("steps", "cpu_seconds")}
    facts["epochs"] = progress["steps"] * batch_size / len(train_ids[0])
    facts["tokens_seen"] = int(facts["epochs"] * np.count_nonzero(train_ids[1][:, 1:]))
    facts |= {"parameters": model.count_params(), "learning_rate": rate}
    build_decoder = build_prefix_decoder if system == "Transformer" else build_greedy_decoder
    decode = build_decoder(model, LENGTH)
    translate(decode, np.zeros((1, LENGTH), "int32"))  # compiled here

    def write(sources: list[list[str]]) -> list[list[str]]:
        source_ids = encode_tokens(sources, vocabularies[0])
        source_ids = np.pad(source_ids, ((0, 0), (0, max(0, LENGTH - source_ids.shape[1]))))
        return decode_tokens(translate(decode, source_ids), vocabularies[1])

    return write, model, facts


def score(counts: np.ndarray, **more) -> dict:
    """Return corpus BLEU with its interval."""
    bleu, interval = compute_bleu(counts.sum(axis=0)), list(bootstrap_bleu(counts))
    return {"bleu": float(bleu), "interval": interval, **more}


def score_gain(counts: np.ndarray, other: np.ndarray, name: str = "gain") -> dict:
    """Return by how much BLEU is above another system's on the same sentences, and the interval."""
    gain = compute_bleu(counts.sum(axis=0)) - compute_bleu(other.sum(axis=0))
    return {name: float(gain), "gain_interval": list(bootstrap_bleu(counts, other))}


def score_by_length(counts: np.ndarray, sources: list, split: str, dataset: str) -> list[dict]:
    """Return the score of each band of lengths with at least 30 sentences."""
    lengths, rows = np.array([len(source) for source in sources]), []
    for low, high in BANDS[dataset]:
        chosen = counts[(lengths >= low) & (lengths <= high)]
        if split in ("test", "test-long") and len(chosen) >= 30:
            row = {"from": low, "to": high, "sentences": len(chosen), "split": split}
            rows.append(row | score(chosen))
    return rows


def align(model: keras.Model, table, vocabularies) -> list[list[tuple[int, int]]]:
    """Return where attention looks, pairs of places, by forced decoding of the translations."""
    source_ids = encode_tokens(table["english"], vocabularies[0])
    target_ids = encode_tokens(table["french"], vocabularies[1], ends=True)
    weights = keras.Model(model.inputs, model.get_layer("attention").output[1])
    found = weights.predict([source_ids, target_ids[:, :-1]], batch_size=256, verbose=0)
    return seq2seq.read_alignments(found, source_ids, target_ids[:, 1:])


def tune(run, names: list[str], options) -> None:
    """Record validation BLEU of every LSTM with each of `TRIALS`."""
    tried = {(rate, name): run(name, rate)[2] for rate in TRIALS for name in names}
    bleu = {key: facts["validation"]["bleu"] for key, facts in tried.items()}
    chosen = {name: max(TRIALS, key=lambda rate: bleu[rate, name]) for name in names}
    table = [{"learning rate": f"{rate:g}"} | {n: bleu[rate, n] for n in names} for rate in TRIALS]
    best = {name: bleu[chosen[name], name] for name in names}
    facts = {"value": best["dot"], "baseline": best["plain"], "chosen": chosen, "table": table}
    facts["tokens_seen"] = {name: tried[chosen[name], name]["tokens_seen"] for name in names}
    harness.record("seq2seq-tuning", options, **facts)
    if chosen != {name: SYSTEMS["phrasebook"][name][0] for name in names} and not options.trial:
        raise ValueError(f"the settings do not hold the best learning rates, {chosen}")


def send_back(system: str, options) -> dict:
    """Train a system both ways; send the validation sentences `abroad` and back `home`."""
    sent = {"bleu": {}, "facts": {}}
    for way, sides in {"there": ("english", "french"), "back": ("french", "english")}.items():
        splits, *data = prepare("phrasebook", sides)
        suffix = "-reversed" if way == "back" else ""
        write, _, sent["facts"][way] = train(system, "phrasebook", *data, options, way=suffix)
        renamed = dict(zip(sides, ("english", "french"), strict=True))
        sources, references = group_references(splits["validation"].rename(columns=renamed))
        counts = count_bleu(write(sources), references)
        sent["bleu"][way] = float(compute_bleu(counts.sum(axis=0)))
        if way == "there":
            sent |= {"sources": sources, "abroad": write(sources)}
    sent["home"] = write(sent["abroad"])
    changed = [a != b for a, b in zip(sent["sources"], sent["home"], strict=True)]
    return sent | {"changed": float(np.mean(changed))}


def back_translate(options) -> None:
    plain, sent = send_back("plain", options), send_back("dot", options)
    sources, abroad, home = sent["sources"], sent["abroad"], sent["home"]
    counts, ways = count_bleu(home, [[source] for source in sources]), sent["facts"]
    untranslated = count_bleu(abroad, [[source] for source in sources])
    rows = zip(sources[:300], abroad, home, strict=False)
    facts = score(counts) | {"sentences": len(sources), "steps": ways["there"]["steps"]}
    facts |= {"value": facts["bleu"], "baseline": compute_bleu(untranslated.sum(axis=0))}
    facts |= {"bleu": sent["bleu"], "changed": sent["changed"]}
    facts["training_cpu_seconds"] = round(max(found["cpu_seconds"] for found in ways.values()))
    facts["tokens_seen"] = {way: found["tokens_seen"] for way, found in ways.items()}
    facts["plain"] = {key: plain[key] for key in ("bleu", "changed")}
    facts["examples"] = [[pairs.join_tokens(text) for text in row] for row in rows]
    harness.record("back-translation", options, **facts)


def record(name: str, options, systems: dict, headline: str, baseline: str, **more) -> None:
    """Record systems, of which one is the headline and one what it is compared with."""
    cost = round(max(facts["cpu_seconds"] for facts in systems.values()))
    value, interval = (systems[headline]["test"][key] for key in ("bleu", "interval"))
    more |= {"training_cpu_seconds": cost, "systems": systems, "interval": interval}
    harness.record(name, options, value=value, baseline=systems[baseline]["test"]["bleu"], **more)


def main() -> None:
    options = harness.parse(__doc__, "phrasebook", "tatoeba", "tune", "back")
    if options.experiment == "back":
        back_translate(options)
        return
    dataset = options.experiment.replace("tune", "phrasebook")
    splits, vocabularies, train_ids = prepare(dataset)

    def run(system, rate=None):
        write, model, facts = train(system, dataset, vocabularies, train_ids, options, rate=rate)
        sources, references = group_references(splits["validation"])
        facts["validation"] = score(count_bleu(write(sources), references))
        print(system, facts, flush=True)
        return write, model, facts

    lstms = [name for name in SYSTEMS[dataset] if name != "Transformer"]
    if options.experiment == "tune":
        tune(run, lstms, options)
        return
    found, counts = {name: run(name) for name in lstms}, {}
    if dataset == "phrasebook":
        trials = [run("Transformer", rate) for rate in TRANSFORMER_TRIALS]
        found["Transformer"] = max(trials, key=lambda trial: trial[2]["validation"]["bleu"])

    tests = {name: part for name, part in splits.items() if name.startswith("test")}
    tests = {"test": splits["validation"]} if options.trial else tests
    for split, table in tests.items():
        sources, references = group_references(table)
        for name, (write, _, facts) in found.items():
            written, seconds = harness.time_cpu(write, sources)
            counts[name, split] = found_counts = count_bleu(written, references)
            facts[split] = score(found_counts, sentences_a_cpu_second=len(sources) / seconds)
            bands = score_by_length(found_counts, sources, split, dataset)
            facts["by_length"] = facts.get("by_length", []) + bands

    if dataset == "phrasebook":
        systems, rival = {"Transformer": found["Transformer"][2]}, "LSTM + attention (08)"
        for system, name in {"plain": "LSTM (05)", "dot": rival}.items():
            systems[name] = found[system][2].copy()
            for split in tests:
                gains = (counts["Transformer", split], counts[system, split], "transformer_gains")
                systems[name][split] = systems[name][split] | score_gain(*gains)
        keys = ("learning_rate", "epochs", "tokens_seen")
        tried = [
            {key: facts[key] for key in keys} | {"bleu": facts["validation"]["bleu"]}
            for _, _, facts in trials
        ]
        record("transformer-translation", options, systems, "Transformer", rival, trials=tried)

    for name in lstms:
        _, model, facts = found[name]
        facts["hidden_dim"] = model.get_layer("decoder").units
        if name == "plain":
            continue
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
    more = {"best": best, "vocabulary_sizes": [*map(len, vocabularies)]}
    more["model"] = f"LSTM encoder-decoder, {best} attention"
    name = {"phrasebook": "seq2seq", "tatoeba": "seq2seq-tatoeba"}[dataset]
    record(name, options, systems, best, "plain", **more)


if __name__ == "__main__":
    main()
