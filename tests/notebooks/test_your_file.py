"""The cells of a lesson read, train on and judge a file that a learner brings."""

import csv

import nbformat
import pytest
from nbclient import NotebookClient

from tools.refresh import find_notebooks
from utils.data import pairs

TOPICS = {
    "delivery": ["parcel", "courier", "arrived", "tracking"],
    "payment": ["invoice", "card", "charged", "refund"],
    "account": ["password", "login", "profile", "email"],
}


def run(number, path, **settings):
    """Run a lesson with other settings; return what its code cells print."""
    (notebook_path,) = find_notebooks(number)
    notebook = nbformat.read(notebook_path, as_version=4)
    left = dict(settings)
    for cell in notebook.cells:
        lines = cell.source.split("\n") if cell.cell_type == "code" else []
        for place, line in enumerate(lines):
            name = line.partition(" = ")[0]
            if name in left:
                lines[place] = f"{name} = {left.pop(name)!r}"
        cell.source = "\n".join(lines) or cell.source
    assert not left, "the lesson has no such setting"
    NotebookClient(notebook, resources={"metadata": {"path": notebook_path.parent}}).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.parametrize("count", [2, 3])
def test_lesson_01_takes_two_classes_and_more(tmp_path, monkeypatch, count):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    with open(tmp_path / "mine.csv", "w", newline="", encoding="utf8") as stream:
        write = csv.writer(stream).writerow
        write(["text", "label"])
        for label in list(TOPICS)[:count]:
            for number in range(80):
                write([f"about my {TOPICS[label][number % 4]}, number {number}", label])
    text = run("01", tmp_path, DATA=str(tmp_path / "mine.csv"), EPOCHS=1)
    assert f"always '{sorted(TOPICS)[0]}'" in text or "always" in text
    assert all(label in text for label in list(TOPICS)[:count])
    assert "difference between the two processes below 0.000001: True" in text
    assert (tmp_path / "results" / "01-mine.json").is_file()


def test_lesson_08_takes_pairs_without_alignments_and_long_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    table = pairs.load_phrasebook().iloc[:600]
    rows = [[" ".join(e), " ".join(f)] for e, f in zip(table.english, table.french, strict=True)]
    rows.append(["one two three " * 15, "un deux trois " * 15])
    with open(tmp_path / "mine.tsv", "w", encoding="utf8") as stream:
        stream.write("\n".join("\t".join(row) for row in [["english", "french"], *rows]) + "\n")
    text = run("08", tmp_path, DATASET=str(tmp_path / "mine.tsv"), MIN_STEPS=10, EPOCHS=1)
    assert "the same translation: True" in text and "plain LSTM" in text
    assert (tmp_path / "results" / "08-mine.json").is_file()
