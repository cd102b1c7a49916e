"""Take out of stored outputs what they quote from data that the site may not publish.

`tools.export_live` writes the texts of these data sets, `quotable = false` in the registry. The
notebooks of the repository stay as they are; the pages and their downloads lose the quotations.
"""

import json
import re
from pathlib import Path

RUN = 7  # so many words of a text in a row are a quotation, and a whole text of one word less
SHORT = range(3, RUN - 1)  # whole texts of so many words are one where another is beside them
NOTE = "[…] is a sentence of a data set without a stated licence; run this cell to see it."
WORD = re.compile(r"[^\W_]+")


def read_quotations(path: Path) -> dict[int, set[str]]:
    """Return what counts as a quotation, by the number of words."""
    found = {size: set() for size in range(SHORT[0], RUN + 1)}
    for text in json.loads(path.read_text(encoding="utf8")):
        words = WORD.findall(text.lower())
        if SHORT[0] <= len(words) < RUN:
            found[len(words)].add(" ".join(words))
        runs = (words[i : i + RUN] for i in range(len(words) - RUN + 1))
        found[RUN].update(map(" ".join, runs))
    return found


def hide_quotations(text: str, quotations: dict[int, set[str]]) -> str:
    """Return a text in which each line with a quotation ends where that begins, and a note."""
    words = list(WORD.finditer(text))
    said = [word[0].lower() for word in words]

    def find(sizes) -> set[int]:
        found = set()
        for size in sizes:
            for i in range(len(said) - size + 1):
                if " ".join(said[i : i + size]) in quotations[size]:
                    found.update(range(i, i + size))
        return found

    if not (hidden := find([RUN - 1, RUN])):
        return text
    for k in sorted(hidden | find(SHORT), reverse=True):  # from the end, so that places stay
        start = words[k].start()
        end = text.find("\n", start)
        text = text[:start] + "[…]" + (text[end:] if end >= 0 else "")
    return text.rstrip("\n") + f"\n\n{NOTE}\n"


def hide_in_notebook(notebook: dict, quotations: dict[int, set[str]]) -> None:
    """Take the quotations out of the outputs of a notebook, in place."""
    for output in (o for cell in notebook["cells"] for o in cell.get("outputs", [])):
        for part, name in ((output, "text"), (output.get("data", {}), "text/plain")):
            if name in part:
                part[name] = hide_quotations("".join(part[name]), quotations)
