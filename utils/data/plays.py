"""Shakespeare's plays as plain text, split by play."""

import re

from utils.data.registry import fetch

SHAKESPEARE_VALIDATION = ("macbeth", "twelfth-night")
# The last tenth of Tiny Shakespeare is made of these two plays; nothing trains on them.
SHAKESPEARE_TEST = ("the-taming-of-the-shrew", "the-tempest")

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
