"""Put the pages of the web site together and build them: `python -m tools.site` (`make site`).

Sphinx reads only `build/site-source`, which is made anew each time from `site/`, the notebooks, the
documents and the data: no page of a file that was renamed stays. This module is also the extension
of Sphinx that links the terms of the glossary. It needs no TensorFlow.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

from tools import site_pages as pages
from tools.site_quotes import hide_in_notebook, read_quotations
from tools.site_reference import write_reference
from tools.sync import ROOT, fill_markers, load_sources

SITE, SOURCE, OUTPUT = ROOT / "site", ROOT / "build" / "site-source", ROOT / "build" / "site"
UNQUOTABLE = ROOT / "build" / "live" / "unquotable.json"  # of `tools.export_live`
VENDOR = ROOT / "build" / "site-vendor" / "vendor"
DOCUMENTS = ["TEACHING.md", "docs/setup.md", "data/README.md", "data/paraphrases/README.md"]
DOCUMENTS += ["data/ner/README.md", "data/ner/GUIDELINE.md", "data/phrasebook/README.md"]
DOCUMENTS += ["data/thesaurus/README.md"]
DOCUMENTS += sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("data/models/*/README.md"))
MOVED = {"docs/results.md": "results.md", "docs/theory.md": "cards.md"}
MOVED |= {"data/cards/README.md": "cards.md", "README.md": "index.md"}
LINK = re.compile(  # code first, so that what looks like a link there is none
    r"(`{3,})[\s\S]*?\1|`[^`\n]+`"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<to>[^()\s]+(?:\([^()]*\)[^()\s]*)?)\)"
)
BADGE = re.compile(r"\n*\[!\[[^\]]*\]\([^)]*colab-badge\.svg\)\]\([^)]*\)")
NOTE = re.compile(r"<!--[=/].*?-->", re.S)  # the ends of generated text
# On the site of third parties: (distribution or npm package, what it is for)
PYTHON_PACKAGES = {
    "pydata-sphinx-theme": "the look of the pages, with Bootstrap and Font Awesome",
    "Sphinx": "the pages and their search",
    "sphinx-copybutton": "the buttons that copy code",
    "myst-nb": "the look of notebooks",
}
NODE_PACKAGES = {
    "mathjax": "formulas",
    "onnxruntime-web": "the models that run in the browser",
}


def make_anchor(title: str) -> str:
    """Return the anchor that Jupyter gives a heading, so that `06.ipynb#3.-Title` finds it."""
    return title.strip().replace(" ", "-")


def fix_links(text: str, file: str, known: set[str], address: str) -> str:
    """Return Markdown of a repository's file whose links lead to pages of the site.

    What is no page is linked in the repository, once that has an address; until then only its text
    stays.
    """

    def fix(match: re.Match) -> str:
        to = match["to"]
        if not to or re.match(r"[a-z][a-z0-9+.-]*:|#|//", to, re.I):
            return match[0]
        path, _, anchor = to.partition("#")
        path = os.path.normpath(PurePosixPath(file).parent / path)
        moved = MOVED.get(path, path)
        if moved in known:
            if anchor and moved.endswith(".md"):  # GitHub's anchor to Jupyter's
                anchor = find_heading(ROOT / path, anchor)
            link = os.path.relpath(moved, PurePosixPath(file).parent)
            return f"{match['image']}[{match['text']}]({link}{'#' * bool(anchor)}{anchor})"
        return f"[{match['text']}]({address}/blob/main/{path})" if address else match["text"]

    return NOTE.sub("", LINK.sub(fix, BADGE.sub("", text)))


def find_heading(path: Path, anchor: str) -> str:
    """Return the anchor, as Jupyter makes it, of the heading that GitHub's anchor names."""
    titles = re.findall(
        r"^#+ +(.+)$", path.read_text(encoding="utf8") if path.exists() else "", re.M
    )
    slugs = {re.sub(r"[^\w\s-]", "", t.lower()).replace(" ", "-"): make_anchor(t) for t in titles}
    return slugs.get(anchor, anchor)


def prepare_notebook(path: Path, notebook: dict, content: pages.Content) -> dict:
    """Return a notebook as the site shows it: links, alt texts, a line with downloads."""
    name = path.relative_to(ROOT).as_posix()
    cells = notebook["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = fix_links(cell["source"], name, content.known, content.address)
        elif alt := cell["metadata"].get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        if "remove-record" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-input")
    bar = pages.make_cell(pages.write_bar(path, content), 0)
    number = path.name[:2] if path.parent.name == "notebooks" else ""
    notebook["cells"] = [cells[0], bar, *pages.add_figure_data(cells[1:], number, content)]
    return notebook


def assemble() -> None:
    """Write everything that Sphinx reads into `build/site-source`."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    others = shutil.ignore_patterns("_static", "*.py", "*.toml", "*.json", "*_head.md")
    shutil.copytree(SITE, SOURCE, ignore=others)
    lessons = sorted(ROOT.glob("notebooks/*.ipynb"))
    solutions = sorted(ROOT.glob("notebooks/solutions/*.ipynb"))
    names = {path.relative_to(ROOT).as_posix() for path in lessons + solutions}
    known = names | {*DOCUMENTS, *MOVED.values(), "docs/results.png", "docs/attention.png"}
    sources = load_sources(ROOT)
    content = pages.Content(sources, known, lessons)
    measured = json.loads((SITE / "live" / "measured.json").read_text(encoding="utf8"))
    measured = SimpleNamespace(root=ROOT, cards=[], ledger={"measured": measured})
    for path in (SOURCE / "live").glob("*.md"):
        text = fill_markers(path.read_text(encoding="utf8"), path, measured)
        path.write_text(NOTE.sub("", text), encoding="utf8")
    quotations = read_quotations(UNQUOTABLE)
    for path in lessons + solutions:
        notebook = json.loads(path.read_text(encoding="utf8"))
        hide_in_notebook(notebook, quotations)
        download = SOURCE / "downloads" / path.relative_to(ROOT / "notebooks")
        download.parent.mkdir(parents=True, exist_ok=True)
        download.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), encoding="utf8")
        to = SOURCE / path.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(prepare_notebook(path, notebook, content)), encoding="utf8")
    for name in DOCUMENTS:
        (SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / name).read_text(encoding="utf8")
        (SOURCE / name).write_text(fix_links(text, name, known, sources.address), encoding="utf8")
    (SOURCE / "docs").mkdir(exist_ok=True)
    for picture in ("results.png", "attention.png"):
        shutil.copyfile(ROOT / "docs" / picture, SOURCE / "docs" / picture)
    for name, text in pages.write_pages(content).items():
        (SOURCE / name).write_text(text, encoding="utf8")
    (SOURCE / "notices.md").write_text(write_notices(), encoding="utf8")
    write_reference(SOURCE / "reference")
    index = pages.fill_index(read_page("index"), content, SOURCE)
    (SOURCE / "index.md").write_text(index, encoding="utf8")


def read_page(name: str) -> str:
    """Return a page of `site/`; its links leave that folder, the site's pages lie beside it."""
    return (SITE / f"{name}.md").read_text(encoding="utf8").replace("](../", "](")


def write_notices() -> str:
    """Return the page of licences: the course's own, and those of what the site serves."""
    text = read_page("notices")
    text += f"\n```text\n{(ROOT / 'LICENSE').read_text(encoding='utf8')}```\n\n## Third parties\n\n"
    served = {}
    for name, use in PYTHON_PACKAGES.items():
        found = distribution(name)
        files = [f for f in found.files or [] if re.match("LICEN[CS]E|COPYING", f.name, re.I)]
        served[f"{name} {found.version}", use] = [f.locate() for f in files]
    for name, use in NODE_PACKAGES.items():
        if (folder := ROOT / "node_modules" / name).exists():
            version = json.loads((folder / "package.json").read_text(encoding="utf8"))["version"]
            served[f"{name} {version}", use] = sorted(folder.glob("LICEN[CS]E*"))
    for (name, use), files in served.items():
        if "onnx" in name and not (SITE / "live").exists():
            continue
        terms = "\n\n".join(Path(f).read_text(encoding="utf8").strip() for f in files)
        terms = terms or "MIT License, stated in the package's description."
        text += f"**{name}**: {use}.\n\n<details><summary>Licence</summary>\n\n"
        text += f"````text\n{terms}\n````\n\n</details>\n\n"
    return text


def build(output: Path = OUTPUT) -> int:
    """Assemble and build; return Sphinx's exit code."""
    mathjax = VENDOR / "mathjax" / "tex-svg.js"
    mathjax.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "node_modules" / "mathjax" / "es5" / "tex-svg.js", mathjax)
    assemble()
    shutil.rmtree(output, ignore_errors=True)
    output = output.resolve()
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html"]
    command += ["-d", str(ROOT / "build" / "site-doctrees"), "-c", str(SITE), str(SOURCE)]
    code = subprocess.run([*command, str(output)], cwd=ROOT).returncode
    if code == 0:
        (output / "_static" / "webpack-macros.html").unlink()  # a template of the theme, no page
        files = [path for path in output.rglob("*") if path.is_file()]
        count = sum(path.suffix == ".html" for path in files)
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{count} pages, {size:.1f} MB: open {output.relative_to(ROOT)}/index.html")
    return code


# The extension


def load_terms() -> list[dict]:
    """Return the terms of the glossary, each with `name`, `lesson`, `text` and maybe `also`."""
    return tomllib.loads((SITE / "glossary.toml").read_text(encoding="utf8"))["term"]


def link_terms(app, doctree, docname: str) -> None:
    """Link the first use of each term on a lesson's page to the glossary.

    Not in the lesson that defines it, and not in headings, links, code, bold text and formulas.
    """
    from docutils import nodes

    if not docname.startswith(("notebooks/", "live/", "broken_elsewhere")):
        return
    closed = (nodes.title, nodes.reference, nodes.literal, nodes.strong, nodes.math, nodes.rubric)
    address, number = app.builder.get_relative_uri(docname, "glossary"), docname.split("/")[-1][:2]
    terms = {form.lower(): term for term in load_terms() for form in pages.list_forms(term)}
    terms = {form: term for form, term in terms.items() if term["lesson"] != number}
    if not terms:
        return
    words = re.compile(
        rf"(?<![\w-])({'|'.join(map(re.escape, sorted(terms, key=len)[::-1]))})(?![\w-])", re.I
    )
    done = set()
    for text in list(doctree.findall(nodes.Text)):
        parents, node = [], text
        while node.parent is not None:
            node = node.parent
            parents.append(node)
        if not any(isinstance(p, nodes.paragraph) for p in parents):
            continue
        if any(isinstance(p, closed) for p in parents):
            continue
        pieces, end = [], 0
        for match in words.finditer(text.astext()):
            term = terms[match[0].lower()]
            if term["name"] in done:
                continue
            done.add(term["name"])
            target = f"{address}#{pages.name_anchor(term)}"
            pieces.append(nodes.Text(text.astext()[end : match.start()]))
            link = nodes.reference("", match[0], refuri=target, internal=True, classes=["term"])
            pieces.append(link)
            end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text.astext()[end:])])


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    sys.exit(build(*map(Path, sys.argv[1:])))
