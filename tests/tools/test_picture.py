from PIL import Image

from tools import picture


def test_the_picture_shows_the_numbers_of_the_ledger():
    with Image.open(picture.PICTURE) as image:
        assert image.text["Description"] == picture.describe_headlines()


def test_a_new_number_makes_a_new_picture(tmp_path, monkeypatch):
    headlines = picture.list_headlines()
    changed = {name: result | {"value": 0.5} for name, result in headlines.items()}
    monkeypatch.setattr(picture, "list_headlines", lambda: changed)
    picture.draw_results(tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as image:
        assert "0.5" in image.text["Description"] and min(image.size) > 100
    with Image.open(picture.PICTURE) as image:
        assert image.text["Description"] != picture.describe_headlines()
