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


def parse_play(markdown: str) -> str:
    """Turn one play from Markdown into plain text in the form of Tiny Shakespeare.

    A speech is the speaker's name and a colon on a line of its own, then its lines; an empty line
    ends it. Headings and stage directions are dropped. `TYPING_SLIPS` are mended first.

    Example:
        >>> print(parse_play("# T\\n\\n_Enter BOB_\\n\\n**BOB**  \\nHark!  \\nWho goes?\\n"))
        BOB:
        Hark!
        Who goes?
    """
    text = "\n".join(line.strip() for line in markdown.replace("\\", "").splitlines())
    for slip, mended in TYPING_SLIPS:
        text = re.sub(slip, mended, text, flags=re.MULTILINE)
    speeches: list[str] = []
    for block in re.split(r"\n\n+|\n(?=\*\*)", text):  # a bold name begins a speech
        if re.fullmatch(r"#.*|(?:_+|\*(?!\*)).+?[_*]+|\d+\..+", block, re.DOTALL):
            continue  # a heading or a direction
        name = re.match(r"\*\*(.+?)\*\*", block)
        if name:
            speeches.append(name[1].replace(":", "") + ":")
            block = block[name.end() :]
        # Directions inside a speech: _[Aside]_, *[Aside.]* or _Aside_.
        block = re.sub(r"[_*]*\[[^\]]*\][_*]*|_+[^_]+_+|\*[^*]+\*", " ", block)
        lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
        if lines and speeches:  # without a name: a speech goes on after a direction
            speeches[-1] += "\n" + "\n".join(lines)
    return "\n\n".join(speech for speech in speeches if "\n" in speech)


def load_shakespeare() -> dict[str, dict[str, str]]:
    """Load the 38 plays as plain text: split ("train", "validation", "test") to name to text."""
    plays: dict[str, dict[str, str]] = {"train": {}, "validation": {}, "test": {}}
    held_out = dict.fromkeys(SHAKESPEARE_VALIDATION, "validation")
    held_out |= dict.fromkeys(SHAKESPEARE_TEST, "test")
    for file, path in fetch("shakespeare").items():
        name = file.removesuffix(".md")
        plays[held_out.get(name, "train")][name] = parse_play(path.read_text(encoding="utf8"))
    return plays


def load_tinyshakespeare() -> tuple[str, str]:
    """Load Tiny Shakespeare: the first nine tenths and the last tenth, as others split it."""
    text = fetch("tinyshakespeare")["tinyshakespeare.txt"].read_text(encoding="utf8")
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]
