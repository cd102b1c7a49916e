import json

from PIL import Image

from tools import picture
from tools.picture import PICTURE, describe_headlines, draw_results, list_headlines


def test_the_picture_shows_the_numbers_of_the_ledger(tmp_path):
    with Image.open(PICTURE) as image:
        assert image.text["Description"] == describe_headlines(list_headlines())
    assert list_headlines()["05"]["rival"][0][1] > list_headlines()["05"]["value"]
    results = {"01": list_headlines()["01"] | {"value": 0.5}, "02": list_headlines()["02"]}
    draw_results(results, tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as image:
        assert image.text["Description"] == describe_headlines(results)


def test_readme_shows_what_the_lessons_store():
    assert picture.MOMENT.read_bytes() == picture.read_moment()
    readme = (picture.ROOT / "README.md").read_text(encoding="utf8")
    start = (picture.ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf8")
    cells = json.loads(start)["cells"]
    stored = "".join(
        "".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ())
    )
    lines = readme.split("```text\n")[1].split("\n```")[0].splitlines()
    assert len(lines) == 5 and all(line in stored for line in lines)
