from PIL import Image

from tools.picture import PICTURE, describe_headlines, draw_results, list_headlines


def test_the_picture_shows_the_numbers_of_the_ledger(tmp_path):
    with Image.open(PICTURE) as image:
        assert image.text["Description"] == describe_headlines(list_headlines())
    results = {"01": list_headlines()["01"] | {"value": 0.5}}
    draw_results(results, tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as image:
        assert image.text["Description"] == describe_headlines(results)
