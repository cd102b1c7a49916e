"""Loaders: from the files of `utils.data` to tables and plain text, with fixed splits.

Every split is a function of the text alone (a hash), so it is the same on every machine
and was fixed before any model was trained.
"""

import csv
import hashlib
import re
import unicodedata

import numpy as np
import pandas as pd

from utils.data import fetch, load_pickled

SHAKESPEARE_VALIDATION = ("macbeth", "twelfth-night")
# The last tenth of Tiny Shakespeare is made of these two plays; nothing trains on them.
SHAKESPEARE_TEST = ("the-taming-of-the-shrew", "the-tempest")

MARK = re.compile(r"\[([^\[\]]+)\]\(([A-Z]+)\)")  # an entity in a marked sentence

# How the typed plays stray from their own form: pattern, and what it should be.
TYPING_SLIPS = (
    (r"&amp;", "&"),
    # A speaker in the middle of another's speech.
    (
        r"^(Varro's Servants?|(?:Isidore|Lucilius)'s? Servant|Senators, & C) (?=[A-Z'])",
        r"\n**\1**\n",
    ),
    (r"(& )+[cC]\b", "&c"),
    # A name, and a heading, on two lines.
    (r"^(BISHOP|CARDINAL|COUNTESS|LADY|RICHARD|Ghosts?|Varro's)\n\n\*\*", r"\n**\1 "),
    (r"^(### SCENE.*)\n\n[^#*_\n].*(\n.+)*", r"\1"),
    # Prologues and epilogues that nobody is named for.
    (r"^(?:### )?(Prologue|EPILOGUE)$", r"\n**\1**\n"),
    # Titles and labels among the lines.
    (r"^(LOVE'S LABOURS LOST|CYMBELINE|OF EPHESUS|(THE )?SONG\.|DUMB SHOW\.)$", ""),
    (r"^(SPOKEN BY PROSPERO|Enter FLAMINIUS\.|SCENE [IVX]+:.*)$", ""),
)


def normalise(text: str) -> str:
    """Reduce a text to what makes two copies of it the same: letters and digits.

    Example:
        >>> normalise("  ...a pretentious   MESS...")
        'a pretentious mess'
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


def assign_bucket(text: str, num_buckets: int, *, salt: str = "") -> int:
    """Map a text to one of `num_buckets` by the sha256 of its normalised form.

    Equal texts always land in the same bucket, so no copy stands on both sides of a split.

    Example:
        >>> assign_bucket("Dull!", 10) == assign_bucket("dull", 10)
        True
    """
    digest = hashlib.sha256((salt + normalise(text)).encode("utf8")).digest()
    return int.from_bytes(digest[:8], "big") % num_buckets


def compute_split_digest(table: pd.DataFrame) -> str:
    """Return the sha256 of a table's (normalised text, split) pairs, in row order.

    The registry holds the digest that was committed before any model was trained.
    """
    rows = "\n".join(
        f"{normalise(t)}\t{s}" for t, s in zip(table["text"], table["split"], strict=True)
    )
    return hashlib.sha256(rows.encode("utf8")).hexdigest()


def load_movie_snippets(*, keep_undecided: bool = False) -> pd.DataFrame:
    """Load the film-review sentences, labelled by the sign of their mean human score.

    Sentences with a mean score between -0.5 and 0.5 are undecided and left out; exact
    duplicates (after `normalise`) keep their first copy. The split is 80/10/10 by a hash
    of the normalised text.

    Args:
        keep_undecided: keep the undecided sentences too, with label -1.

    Returns:
        Columns `text`, `score` (mean of 20 people, -4 to 4), `label` (0 negative,
        1 positive) and `split` ("train", "validation" or "test").

    Reference:
        Hutto and Gilbert 2014.
    """
    table = pd.read_csv(fetch("movie-snippets")["snippets.csv.gz"])
    table = table.rename(columns={"sentiment": "score"})[["text", "score"]]
    table = table[~table["text"].map(normalise).duplicated()]
    decided = table["score"].abs() >= 0.5
    table["label"] = (table["score"] > 0).astype(int).where(decided, -1)
    bucket = table["text"].map(lambda text: assign_bucket(text, 10))
    table["split"] = np.select([bucket == 8, bucket == 9], ["validation", "test"], "train")
    if not keep_undecided:
        table = table[decided]
    return table.reset_index(drop=True)


def load_imdb() -> pd.DataFrame:
    """Load the IMDB reviews as text, 25,000 for training and 25,000 for the test.

    Keras' copy stores word indices: punctuation and case are gone. A tenth of the training
    reviews, chosen by hash, is the validation split. As published, 123 of the test reviews
    also stand among the training reviews; they are left there so that results compare.

    Returns:
        Columns `text`, `label` (0 negative, 1 positive) and `split`.

    Reference:
        Maas et al. 2011.
    """
    import json

    index = json.loads(fetch("imdb")["imdb_word_index.json"].read_text(encoding="utf8"))
    words = {rank: word for word, rank in index.items()}
    arrays, parts = load_pickled("imdb", "imdb.npz"), []
    for split in ("train", "test"):
        text = [" ".join(words[rank] for rank in review) for review in arrays[f"x_{split}"]]
        label = arrays[f"y_{split}"]
        parts.append(pd.DataFrame({"text": text, "label": label, "split": split}))
    table = pd.concat(parts, ignore_index=True)
    held_out = table["text"].map(lambda text: assign_bucket(text, 10)) == 8
    table.loc[held_out & (table["split"] == "train"), "split"] = "validation"
    return table


def load_lexicon() -> dict[str, float]:
    """Load the VADER lexicon: lower-case word, mark or emoticon to its mean human score, -4 to 4.

    Reference:
        Hutto and Gilbert 2014.
    """
    lines = fetch("vader-lexicon")["lexicon.txt"].read_text(encoding="latin-1").splitlines()
    return {word: float(score) for word, score, *_ in (line.split("\t") for line in lines)}


def load_glove() -> tuple[dict[str, int], np.ndarray]:
    """Load the GloVe 6B vectors.

    Returns:
        Word to row, and an array of shape (400000, 50), float32. Words are lower case,
        most frequent first.

    Reference:
        Pennington, Socher and Manning 2014.
    """
    paths = fetch("glove-50d")
    words = pd.read_parquet(paths["words.parquet"])["index"]
    vectors = np.load(paths["vectors.npy"], mmap_mode="r")  # read-only, read as needed
    return {word: row for row, word in enumerate(words)}, vectors


def parse_play(markdown: str, *, stage_directions: bool = False) -> str:
    """Turn one play from Markdown into plain text in the form of Tiny Shakespeare.

    A speech is the speaker's name and a colon on a line of its own, then its lines; an
    empty line ends it. Headings are dropped. Stage directions are dropped, or kept in
    square brackets. `TYPING_SLIPS` are mended first.

    Example:
        >>> print(parse_play("# T\\n\\n_Enter BOB_\\n\\n**BOB**  \\nHark!  \\nWho goes?\\n"))
        BOB:
        Hark!
        Who goes?
        >>> print(parse_play("_Enter\\nBOB_\\n\\n**BOB**  \\nHark!", stage_directions=True))
        [Enter BOB]
        <BLANKLINE>
        BOB:
        Hark!
    """
    text = "\n".join(line.strip() for line in markdown.replace("\\", "").splitlines())
    for slip, mended in TYPING_SLIPS:
        text = re.sub(slip, mended, text, flags=re.MULTILINE)
    kept = r" [\1\2\3] " if stage_directions else " "
    speeches: list[str] = []
    for block in re.split(r"\n\n+|\n(?=\*\*)", text):  # a bold name begins a speech
        direction = re.fullmatch(r"(?:_+|\*(?!\*))(.+?)[_*]+|(\d+\..+)", block, re.DOTALL)
        if block.startswith("#"):
            continue
        if direction:
            if stage_directions:
                words = re.sub(r"[\[\]_]", "", direction[1] or direction[2])
                speeches.append(f"[{' '.join(words.split())}]")
            continue
        name = re.match(r"\*\*(.+?)\*\*", block)
        if name:
            speeches.append(name[1].replace(":", "") + ":")
            block = block[name.end() :]
        # Directions inside a speech: _[Aside]_, *[Aside.]* or _Aside_.
        block = re.sub(r"[_*]*\[([^\]]*)\][_*]*|_+([^_]+)_+|\*([^*]+)\*", kept, block)
        lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
        if lines and speeches:  # without a name: a speech goes on after a direction
            speeches[-1] += "\n" + "\n".join(lines)
    return "\n\n".join(s for s in speeches if "\n" in s or s.startswith("["))


def load_shakespeare(*, stage_directions: bool = False) -> dict[str, dict[str, str]]:
    """Load the 38 plays as plain text (see `parse_play`), split by play.

    Returns:
        Split ("train", "validation", "test") to play name to text. The test plays are
        those that make up the last tenth of Tiny Shakespeare.
    """
    plays: dict[str, dict[str, str]] = {"train": {}, "validation": {}, "test": {}}
    for file, path in fetch("shakespeare").items():
        name = file.removesuffix(".md")
        split = "train"
        if name in SHAKESPEARE_VALIDATION:
            split = "validation"
        elif name in SHAKESPEARE_TEST:
            split = "test"
        text = path.read_text(encoding="utf8")
        plays[split][name] = parse_play(text, stage_directions=stage_directions)
    return plays


def load_tinyshakespeare() -> tuple[str, str]:
    """Load Tiny Shakespeare: the first nine tenths and the last tenth, as others split it."""
    text = fetch("tinyshakespeare")["tinyshakespeare.txt"].read_text(encoding="utf8")
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]


PHRASEBOOK_SPLITS = ("train", "validation", "test", "test-long", "test-compose")


def load_phrasebook(*, split: str | None = None) -> pd.DataFrame:
    """Load the English-French phrasebook: tokens of both sides and their gold alignment.

    Tokens are lower case; data/phrasebook/README.md says how they are cut. No English sentence
    occurs twice. Sentences of "test-long" are longer than all of the other splits; each of
    "test-compose" holds a verb and object, or an adjective and noun, never together in "train".

    Args:
        split: "train", "validation", "test", "test-long" or "test-compose"; None for all.

    Returns:
        One row per pair: `english` and `french` (lists of tokens), `alignment` (list of pairs
        of token indices from 0, English first; a token in no pair has no counterpart), `split`
        and `pattern` (the rule that made the pair).

    Raises:
        ValueError: there is no such split.

    Example:
        >>> row = load_phrasebook(split="test").iloc[0]
        >>> all(i < len(row["english"]) and j < len(row["french"]) for i, j in row["alignment"])
        True
    """
    if split is not None and split not in PHRASEBOOK_SPLITS:
        raise ValueError(
            f"split is one of {', '.join(PHRASEBOOK_SPLITS)}, got {split!r}; "
            "leave it out to load all of them."
        )
    path = fetch("phrasebook")["phrasebook.tsv.gz"]
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    if split is not None:
        table = table[table["split"] == split].reset_index(drop=True)
    for side in ("english", "french"):
        table[side] = [text.split() for text in table[side]]
    table["alignment"] = [
        [tuple(map(int, link.split("-"))) for link in links.split()] for links in table["alignment"]
    ]
    return table


def load_tatoeba(*, split: str | None = None, longest: int = 12) -> pd.DataFrame:
    """Load the English-French sentence pairs of Tatoeba, cut into lower-case tokens.

    One English sentence may have several French ones, one row each; all of them are in the same
    split, one twentieth each for validation and test, by a hash of the English sentence.

    Args:
        split: "train", "validation" or "test"; None for all.
        longest: most tokens of either side, punctuation marks not counted.

    Returns:
        Columns `english` and `french` (lists of tokens) and `split`.
    """
    from utils.pairs import split_sentence

    lines = fetch("tatoeba")["fra.txt"].read_text(encoding="utf8").splitlines()
    rows = []
    for english, french in dict.fromkeys(tuple(line.split("\t")[:2]) for line in lines):
        tokens = [split_sentence(english), split_sentence(french, elision=True)]
        if max(sum(t[0].isalnum() for t in side) for side in tokens) <= longest:
            bucket = assign_bucket(english, 20)
            rows.append((*tokens, {18: "validation", 19: "test"}.get(bucket, "train")))
    table = pd.DataFrame(rows, columns=["english", "french", "split"])
    return table if split is None else table[table["split"] == split].reset_index(drop=True)


def parse_markup(marked: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Take the marks out of a sentence and return them as spans.

    Returns:
        The plain sentence, and (start, end, type) of each entity, in characters.

    Raises:
        ValueError: a bracket belongs to no mark.

    Example:
        >>> parse_markup("[Apple](ORG) opens in [Paris](GPE).")
        ('Apple opens in Paris.', [(0, 5, 'ORG'), (15, 20, 'GPE')])
    """
    spans, removed = [], 0
    for mark in MARK.finditer(marked):
        start = mark.start() - removed
        spans.append((start, start + len(mark[1]), mark[2]))
        removed += len(mark[0]) - len(mark[1])
    text = MARK.sub(r"\1", marked)
    if "[" in text or "]" in text:
        raise ValueError(f"a mark is written [words](TYPE), which {marked!r} does not keep to")
    return text, spans


def _read_marked(name: str) -> pd.DataFrame:
    """Read one file of `data/ner`: a column of marked sentences becomes `text` and `spans`."""
    table = pd.read_csv(fetch("ner")[name], sep="\t", quoting=3, keep_default_na=False)
    parsed = table.pop("sentence").map(parse_markup)
    return table.assign(text=parsed.str[0], spans=parsed.str[1])


def load_ner_gold() -> pd.DataFrame:
    """Load the sentences with PERSON, ORG, GPE, DATE and MONEY marked.

    About a sixth of them, by a hash of the text, is there for choosing rules and settings; the
    rest is the test.

    Returns:
        Columns `kind` ("news", "typos", "none", ...), `text`, `spans` (a list of (start, end,
        type), in characters) and `split` ("development" or "test").

    Reference:
        data/ner/README.md, which also holds how the sentences were annotated.
    """
    table = _read_marked("gold.tsv")
    held_out = table["text"].map(lambda text: assign_bucket(text, 6)) == 0
    table["split"] = np.where(held_out, "development", "test")
    return table


def load_medicines() -> pd.DataFrame:
    """Load sentences in which medicines, and nothing else, are marked as MEDICINE.

    Returns:
        Columns `split` ("train", 60 sentences, or "test"), `text` and `spans` (as in
        `load_ner_gold`).
    """
    return _read_marked("medicine.tsv").rename(columns={"part": "split"})


def load_paraphrases() -> pd.DataFrame:
    """Load the known items of notebook 11: sentences of five plays, each retold in today's English.

    The sentences were drawn at random from those of 8 to 30 words. The paraphrases are
    machine-written, and were finished before any ranking was computed.

    Returns:
        Columns `play`, `line` (the sentence as in the play) and `paraphrase`, 100 rows.
    """
    return pd.read_csv(fetch("shakespeare-paraphrases")["pairs.tsv"], sep="\t", quoting=3)


def pick_paraphrase_sources(count: int) -> pd.DataFrame:
    """Pick training sentences of movie-snippets in an order that a hash of the text decides.

    Args:
        count: how many; the first 500 are those that data/paraphrases holds.

    Returns:
        Columns `text`, `label` and `source` (the name of the sentence in data/paraphrases).
    """
    table = load_movie_snippets()
    table = table[table["split"] == "train"][["text", "label"]]
    names = [hashlib.sha256(normalise(text).encode("utf8")).hexdigest() for text in table["text"]]
    table["source"] = [name[:16] for name in names]
    order = table["text"].map(lambda text: assign_bucket(text, 2**60, salt="paraphrase "))
    return table.loc[order.sort_values().index[:count]].reset_index(drop=True)


def load_thesaurus() -> dict[str, list[str]]:
    """Load the thesaurus of film-review language.

    Returns:
        Lower-case word to the others of its group, which have the same part of speech and form.

    Example:
        >>> load_thesaurus()["tedious"]
        ['boring', 'dull', 'tiresome']
    """
    table = pd.read_csv(fetch("thesaurus")["groups.tsv"], sep="\t", keep_default_na=False)
    groups = [words.split() for words in table["words"]]
    return {word: [w for w in group if w != word] for group in groups for word in group}


def load_snippet_paraphrases() -> pd.DataFrame:
    """Load what a small language model made of training sentences of movie-snippets.

    Nothing is filtered: many of them do not mean what the sentence means.

    Returns:
        Columns `text`, `label`, `paraphrase`, `end` ("stop", "cut": the model had not come to an
        end, or "copy": it repeated the sentence) and `cosine` of the MiniLM vectors of both.
    """
    table = pd.read_csv(
        fetch("paraphrases")["smollm2.tsv"], sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False
    )
    sources = pick_paraphrase_sources(len(table))
    table = sources.merge(table, on="source", validate="one_to_one")
    copied = table["end"] == "copy"
    table["paraphrase"] = table["paraphrase"].mask(copied, table["text"])
    return table[["text", "label", "paraphrase", "end", "cosine"]]
