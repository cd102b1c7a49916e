"""What `utils.models.smollm2` says where something is missing, and the model where nothing is."""

import pytest

from utils.models import smollm2


def test_what_is_missing_is_named_and_not_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(smollm2, "PACKAGES", ("pytest", "no_such_package"))
    said = "not installed: no_such_package (`make torch` installs them)"
    assert smollm2.explain_missing() == said
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr(smollm2, "PACKAGES", ("pytest",))
    monkeypatch.setattr(smollm2, "fetch", lambda name: pytest.fail("it downloads"))
    assert "not on this machine" in smollm2.explain_missing()
    (tmp_path / smollm2.NAME).mkdir()
    (tmp_path / smollm2.NAME / "a.gguf").touch()
    assert smollm2.explain_missing() == ""


@pytest.mark.skipif(bool(smollm2.explain_missing()), reason=smollm2.explain_missing() or "there")
def test_the_model_loads_without_a_progress_bar(capfd):
    import torch

    tokenizer, model = smollm2.load_smollm2()
    assert model.num_parameters() == 134_515_008
    asked = [{"role": "user", "content": "What is two plus two? Answer with one word."}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    batch = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        scores = model(**batch).logits
    assert scores.shape == (1, batch["input_ids"].shape[1], len(tokenizer))
    assert torch.isfinite(scores).all()
    assert "GGUF" not in capfd.readouterr().err  # its progress bar has no switch of its own
