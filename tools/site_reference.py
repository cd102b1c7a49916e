"""Reference pages of `utils` for the web site, read from the source: nothing is imported."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADS = "Args|Returns|Raises|Example|Examples|Reference|References|Yields|Note|Attributes"
SECTION = re.compile(rf"^({HEADS}):[ \t]*(.*)$")


def write_reference(folder: Path) -> None:
    """Write a page for each module of `utils` into a folder, and `index.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Reference",
        "",
        "The package `utils`: what lessons share, and what they have built.",
        "",
    ]
    names = []
    for path in sorted((ROOT / "utils").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if "checks" in module or module.endswith("__main__"):
            continue  # what looks at answers to exercises
        name, tree = module.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf8"))
        body = write_module(name, tree)
        if body.count("\n## ") or module.endswith("__init__"):
            (folder / f"{name}.md").write_text(body, encoding="utf8")
            names.append(name)
            summary = (ast.get_docstring(tree) or "").split("\n")[0]
            lines.append(f"- [`{name}`]({name}.md): {summary}")
    lines += ["", "```{toctree}", ":hidden:", "", *names, "```", ""]
    (folder / "index.md").write_text("\n".join(lines), encoding="utf8")


def write_module(name: str, tree: ast.Module) -> str:
    """Return the page of a module: its docstring, then its public functions and classes."""
    parts = [f"# {name}", format_docstring(ast.get_docstring(tree) or "")]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            parts.append(f"## {node.name}\n\n{describe(node)}")
            methods = [n for n in getattr(node, "body", []) if isinstance(n, ast.FunctionDef)]
            for method in methods if isinstance(node, ast.ClassDef) else ():
                if not method.name.startswith("_") and ast.get_docstring(method):
                    parts.append(f"### {node.name}.{method.name}\n\n{describe(method)}")
    return "\n\n".join(filter(None, parts)) + "\n"


def describe(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return signature and docstring of a function or class."""
    if isinstance(node, ast.FunctionDef):
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        signature = f"{node.name}({ast.unparse(node.args)}){returned}"
    else:
        bases = ", ".join(map(ast.unparse, node.bases))
        made = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
        signature = f"class {node.name}({bases})" if bases else f"class {node.name}"
        if made:
            signature += f"\n\n{node.name}({re.sub(r'^self(, )?', '', ast.unparse(made.args))})"
    if len(signature) > 88 and ", " in signature:
        signature = signature.replace("(", "(\n    ", 1).replace(", *, ", ",\n    *,\n    ")
    return f"```text\n{signature}\n```\n\n{format_docstring(ast.get_docstring(node) or '')}"


def format_docstring(text: str) -> str:
    """Return a docstring in Google's style as Markdown."""
    done, section = [], None
    for line in text.splitlines():
        head = SECTION.match(line)
        if head:
            section = head[1]
            done += ["", f"**{section}** {head[2]}".rstrip(), ""]
        elif section and line and not line.startswith(" "):
            section = None
            done += ["", line]
        elif section in ("Args", "Raises", "Attributes") and (
            item := re.match(r" {4}(\S[^:]*): (.*)", line)
        ):
            done.append(f"- `{item[1]}`: {item[2]}")
        elif section in ("Args", "Raises", "Attributes"):
            done.append(f"  {line.strip()}")
        else:
            done.append(line.removeprefix("    ") if section else line)
    return fence_examples("\n".join(done)).strip()


def fence_examples(text: str) -> str:
    """Return Markdown with doctests in blocks of code."""
    return re.sub(
        r"(?:^|\n)((?:[ ]*>>> .*)(?:\n(?!\s*\n|\*\*).+)*)",
        lambda m: (
            "\n\n```python\n" + re.sub(r"^ {0,8}(?=>>>|\.\.\.)", "", m[1], flags=re.M) + "\n```\n"
        ),
        text,
    )
