"""Diagrams: text fits, nothing overlaps, numbers are the models', the rest is refused."""

import json
import re
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from utils.data.tokenizers import encode_bpe, train_bpe
from utils.models.layers import MaskedMaxPooling1D
from utils.models.llama import LlamaBlock, LlamaConfig
from utils.models.transformer import DecoderBlock, EncoderBlock, make_causal_mask
from utils.runtime import ROOT
from utils.teaching import diagrams, overview
from utils.teaching.canvas import SHADES, WIDTH, Canvas, measure
from utils.teaching.diagrams import Step

WORDS = ["the", "film", "is", "not", "bad"]
PADDED, MASK = [*WORDS, "pad", "pad"], [1, 1, 1, 1, 1, 0, 0]
ENGLISH, FRENCH = ["the", "red", "house"], ["la", "maison", "rouge"]
WEIGHTS = [[0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.04, 0.86, 0.1]]
EXAMPLES = [
    ("The capital of Australia is", ("Writer", "10 weights"), "a next word, again and again"),
    ("It is not good.", ("Classifier", "1,000,000 weights"), "praise"),
]
# The arrow from 01 to 04 has to pass beside 05.
PASSING = {"00": [], "01": [], "02": ["00"], "03": ["02"], "04": ["01", "03"], "05": ["00"]}
MERGES = [("l", "o"), ("e", "s"), ("x", "y"), ("lo", "w"), ("es", "t")]


def read_course():
    """Return the lessons' titles, and what each needs, as their first cells say."""
    titles, needs = {}, {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf8"))["cells"][0]["source"])
        number, titles[path.name[:2]] = re.match(r"# (\d\d) · ([^,\n]+)", first).groups()
        text = re.search(r"\*\*Needs\*\*(.*?)(<br>|\n\n|$)", first, re.S)[1]
        needs[number] = re.findall(r"\b[01]\d\b(?!\.)", re.sub(r"Python [\d. to]+", "", text))
    return titles, needs


def build_steps(model, token_ids):
    embedding, recurrent, pooling, dense = model.layers[1:]
    vectors = [None] * len(token_ids[0])
    return [
        Step("Words", "the sentence, padded", cells=PADDED),
        Step("Token ids", "0 is padding", token_ids.shape, token_ids[0]),
        Step("Mask", "1 where the id is not 0", token_ids.shape, MASK),
        Step("Embedding", "looks up", embedding.output.shape, vectors, embedding.count_params()),
        Step("BiLSTM", "reads", recurrent.output.shape, vectors, recurrent.count_params(), "both"),
        Step("Max pooling", "the largest value of all words", pooling.output.shape, [None]),
        Step("Dense", "a sigmoid", dense.output.shape, ["probability"], dense.count_params()),
    ]


@pytest.fixture(scope="module")
def classifier():
    token_ids = keras.Input((7,), batch_size=1, dtype="int32")
    x = keras.layers.Embedding(11, 5, mask_zero=True)(token_ids)
    x = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True))(x)
    x = MaskedMaxPooling1D()(x)
    return keras.Model(token_ids, keras.layers.Dense(1, "sigmoid")(x))


@pytest.fixture(scope="module")
def drawn(classifier):
    steps = build_steps(classifier, np.array([[2, 9, 8, 7, 3, 0, 0]]))
    causal = np.tril(np.ones((5, 5), dtype=int))
    words = ["one", "of", "the", "best", "films", "this", "year"]
    return {
        "model": diagrams.draw_model(steps, title="A classifier", mask=MASK),
        "decoder": diagrams.draw_model(
            [
                Step("Tokens", "words", cells=WORDS),
                Step("Block", "gathers", (1, 5), WORDS, 9, "past"),
            ],
            title="A decoder",
        ),
        "examples": overview.draw_examples(EXAMPLES, title="Three models"),
        "unrolled": diagrams.draw_unrolled(PADDED, 64, mask=MASK),
        "unrolled GRU": diagrams.draw_unrolled(WORDS, 64, cell="GRU"),
        "streams": diagrams.draw_streams([["If", "it", "be", "so"], ["a", "b", "c", "d"]], 1),
        "LSTM": diagrams.draw_lstm_cell(50, 64),
        "convolution": diagrams.draw_convolution(words, 3, 100),
        "values": diagrams.draw_convolution(WORDS, 3, 8, values=[0.5, -2.25, 0.1]),
        "translation": diagrams.draw_translation(ENGLISH, FRENCH),
        "two directions": diagrams.draw_translation(ENGLISH, FRENCH, bidirectional=True),
        "translation, attention": diagrams.draw_translation(
            ENGLISH, FRENCH, weights=[0.1, 0.8, 0.1], step=2
        ),
        "attention": diagrams.draw_attention(ENGLISH, FRENCH, WEIGHTS, title="Weights"),
        "block": diagrams.draw_transformer_block(64, 4, 256),
        "decoder block": diagrams.draw_transformer_block(
            1024, 16, 4096, causal=True, cross=True, pre_norm=False
        ),
        "Llama block": diagrams.draw_transformer_block(
            576, 9, 1536, causal=True, num_key_value_heads=3
        ),
        "causal mask": diagrams.draw_mask(causal, WORDS, WORDS, title="Causal mask"),
        "padding mask": diagrams.draw_mask(MASK, PADDED, ["mask"], title="Padding mask"),
        "batch": diagrams.draw_mask(
            [MASK, [1] * 7], range(1, 8), ["a", "b"], title="Batch", texts=[PADDED, words]
        ),
        "merges": diagrams.draw_merge_tree("lowest", MERGES),
        "tokens": diagrams.draw_tokens(["The", " film", "s", "\n", "日本"] * 7, title="Tokens"),
        "ids": diagrams.draw_tokens(["The", " film", "s"], [464, 2646, 82], title="Tokens"),
        "map": overview.draw_map(*read_course()),
        "passing": overview.draw_map(dict.fromkeys(PASSING, "A title"), PASSING),
    }


# Geometry, read back from the SVG


def read(diagram, tag):
    return ET.fromstring(diagram.svg).findall(f"{{http://www.w3.org/2000/svg}}{tag}")


def list_texts(diagram):
    return [element.text for element in read(diagram, "text")]


def get_number(element, name):
    return float(element.get(name))


def find_rectangles(diagram):
    """Return (left, top, right, bottom) of each box, the paper aside."""
    sides = [
        [get_number(e, name) for name in ("x", "y", "width", "height")]
        for e in read(diagram, "rect")[1:]
    ]
    return [(x, y, x + width, y + height) for x, y, width, height in sides]


def find_extents(diagram):
    """Return (left, top, right, bottom) of each text, by the metrics of DejaVu Sans."""
    extents = []
    for element in read(diagram, "text"):
        size, x, y = (get_number(element, name) for name in ("font-size", "x", "y"))
        font = FontProperties(family="DejaVu Sans", weight=element.get("font-weight"))
        box = TextPath((0, 0), element.text, size=size, prop=font, usetex=False).get_extents()
        left = x - box.width / 2 if element.get("text-anchor") == "middle" else x
        extents.append((left, y - box.y1, left + box.width, y - box.y0))
    return extents


def overlap(a, b, gap=0.0):
    return all(a[i] < b[i + 2] - gap and b[i] < a[i + 2] - gap for i in (0, 1))


def contains(outer, inner, margin):
    return all(outer[i] + margin <= inner[i] for i in (0, 1)) and all(
        inner[i] <= outer[i] - margin for i in (2, 3)
    )


def sample_lines(diagram):
    """Return points on every line and curve."""
    points = []
    for path in read(diagram, "path"):
        numbers = np.array(re.findall(r"-?[\d.]+", path.get("d")), dtype=float).reshape(-1, 2)
        t = np.linspace(0, 1, 40)[:, None]
        if "C" in path.get("d"):
            a, b, c, d = numbers
            points += list(
                a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
            )
        else:
            for a, b in zip(numbers, numbers[1:], strict=False):
                points += list(a + (b - a) * t)
    return points


CASES = [
    *("examples", "model", "unrolled", "unrolled GRU", "streams", "LSTM", "convolution", "values"),
    "translation",
    *("two directions", "translation, attention", "attention", "block", "decoder block"),
    *("Llama block", "decoder"),
    *("causal mask", "padding mask", "batch", "merges", "tokens", "ids", "map", "passing"),
]


def test_every_diagram_is_looked_at(drawn):
    assert sorted(drawn) == sorted(CASES)
    functions = {name for name in vars(diagrams) if name.startswith("draw_")}
    source = (ROOT / "tests" / "teaching" / "test_diagrams.py").read_text(encoding="utf8")
    assert functions == set(re.findall(r"diagrams\.(draw_\w+)", source))


@pytest.mark.parametrize("name", CASES)
def test_text_fits_and_nothing_overlaps(drawn, name):
    diagram = drawn[name]
    page = 0, 0, WIDTH, get_number(read(diagram, "rect")[0], "height")
    texts, boxes = find_extents(diagram), find_rectangles(diagram)
    assert all(contains(page, each, 2) for each in [*texts, *boxes])
    for said, text in zip(list_texts(diagram), texts, strict=True):
        around = [box for box in boxes if overlap(box, text)]
        assert len(around) <= 1 and all(contains(box, text, 2) for box in around), said
    pairs = [(a, b) for i, a in enumerate(texts) for b in texts[:i]]
    assert not any(overlap(a, b) for a, b in pairs)
    assert not any(overlap(a, b, 0.5) for i, a in enumerate(boxes) for b in boxes[:i])
    for x, y in sample_lines(diagram):
        assert not any(overlap((x, y, x, y), text) for text in texts)
        inside = [box for box in boxes if contains(box, (x, y, x, y), 2)]
        assert not inside, f"a line crosses the box at {inside}"


@pytest.mark.parametrize("name", CASES)
def test_a_diagram_is_readable(drawn, name):
    diagram = drawn[name]
    sizes = [get_number(element, "font-size") for element in read(diagram, "text")]
    assert min(sizes) * 400 / WIDTH > 9
    (title,), (description,) = read(diagram, "title"), read(diagram, "desc")
    assert repr(diagram) == diagram.alt == f"{title.text}. {description.text}"
    assert len(description.text) > 15
    assert diagram._repr_svg_() == diagram.svg
    assert not re.search(r"<style|\bid=|url\(|<script|href", diagram.svg)  # GitHub drops these


def test_shades_differ_in_grey():
    red, green, blue = np.array(
        [[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in SHADES.values()]
    ).T
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (np.diff(grey) < -5).all()


def test_the_same_input_gives_the_same_bytes():
    first, second = (diagrams.draw_attention(ENGLISH, FRENCH, WEIGHTS, title="a") for _ in "ab")
    assert first == second
    assert first != diagrams.draw_attention(FRENCH, ENGLISH, WEIGHTS, title="a")


def test_markup_in_words_stays_text():
    diagram = diagrams.draw_tokens(["<pad>", "a&b", '"'], title="<b> & co")
    assert list_texts(diagram)[:4] == ["<b> & co", "<pad>", "a&b", '"']


# Numbers


def test_the_numbers_of_a_model_are_shown(drawn, classifier):
    texts = list_texts(drawn["model"])
    for layer in classifier.layers[1:]:
        assert f"shape {layer.output.shape}" in texts
        count = layer.count_params()
        assert (f"{count:,} weights" in texts) == (count > 0)
    assert texts.count("pad") == 2
    assert [each for each in texts if each.isdecimal()] == [*"2987300", *"1111100"]
    masked = [e for e in read(drawn["model"], "rect") if e.get("fill") == SHADES["grey"]]
    assert len(masked) == 2 * (1 + 1 + 1 + 4 + 4)  # words, ids, mask, and two rows of vectors


def test_each_example_stands_beside_its_model(drawn):
    diagram = drawn["examples"]
    assert "'It is not good.' goes into Classifier, 1,000,000 weights: praise" in diagram.alt
    left, middle, right = find_rectangles(diagram)[3:]
    assert left[1::2] == middle[1::2] == right[1::2]  # one row
    said = [text for text, box in zip(list_texts(diagram), find_extents(diagram), strict=True)
            if overlap(box, middle)]  # fmt: skip
    assert said == ["Classifier", "1,000,000 weights"]


def test_a_masked_step_copies_its_state(drawn):
    states = [each for each in list_texts(drawn["unrolled"]) if re.fullmatch("h[₁-₉]", each)]
    assert states == ["h₁", "h₂", "h₃", "h₄", "h₅", "h₅", "h₅"]
    layer = keras.layers.LSTM(3, return_sequences=True)
    outputs = np.asarray(layer(np.ones((1, 7, 2)), mask=np.array([MASK], dtype=bool)))[0]
    assert (outputs[5] == outputs[4]).all() and (outputs[6] == outputs[4]).all()
    assert (outputs[4] != outputs[3]).all()
    left = diagrams.draw_unrolled(["pad", *WORDS], 3, mask=[0, 1, 1, 1, 1, 1])
    states = [each for each in list_texts(left) if re.fullmatch("h[₀-₉]", each)]
    assert states == ["h₀", "h₀", "h₁", "h₂", "h₃", "h₄", "h₅"]  # the first is the start


def test_the_state_goes_on_and_the_gradient_stops_at_the_border():
    streams = [["If", "music", "be", "the", "food"], ["To", "be", ",", "or", "not"]]
    diagram = diagrams.draw_streams(streams, 2)
    points = [re.findall(r"[\d.]+", head.get("points")) for head in read(diagram, "polygon")]
    heads = np.array(points, dtype=float).reshape(-1, 3, 2)  # the tip, then two corners
    flat = heads[heads[:, 1, 0] == heads[:, 2, 0]]
    right = int((flat[:, 0, 0] > flat[:, 1, 0]).sum())
    assert (right, len(flat) - right) == (2 * 3, 2 * 2)  # to each next token, and back in each part


def test_an_lstm_has_the_weights_that_the_diagram_says(drawn):
    layer = keras.layers.LSTM(64)
    layer.build((None, None, 50))
    assert f"(114 + 1) = {layer.count_params():,} weights" in " ".join(list_texts(drawn["LSTM"]))


def test_a_convolution_has_the_windows_and_the_maximum_of_keras(drawn):
    shape = keras.layers.Conv1D(100, 3).compute_output_shape((1, 7, 50))
    texts = list_texts(drawn["convolution"])
    assert f"They give {shape[1]} × {shape[2]} values" in " ".join(texts)
    assert [each for each in texts if each.startswith("window ")][-1] == f"window {shape[1]}"
    texts = list_texts(drawn["values"])
    pooled = keras.layers.GlobalMaxPooling1D()(np.array([[[0.5], [-2.25], [0.1]]]))
    assert f"largest: {float(pooled[0, 0]):g}" in texts and "−2.25" in texts


@pytest.mark.parametrize("name", ["block", "decoder block", "Llama block"])
def test_a_block_has_the_weights_that_the_diagram_says(name):
    x = np.zeros((1, 3, 24))
    if name == "block":
        block, diagram = EncoderBlock(24, 4, 40), diagrams.draw_transformer_block(24, 4, 40)
        block(x)
        parts = [[block.attention], [block.think]]
    elif name == "Llama block":
        block = LlamaBlock(LlamaConfig(9, 16, 24, 1, 4, 2, 40))
        diagram = diagrams.draw_transformer_block(24, 4, 40, causal=True, num_key_value_heads=2)
        parts = [[block.attention], [block.gate_and_up, block.down]]
    else:
        block = DecoderBlock(24, 4, 40)
        diagram = diagrams.draw_transformer_block(24, 4, 40, causal=True, cross=True)
        block(x, x)
        parts = [[block.attention], [block.cross_attention], [block.think]]
    told = re.findall(r"([\d,]+) weights", diagram.alt)
    assert told == [f"{sum(layer.count_params() for layer in part):,}" for part in parts]
    assert diagram.alt.count("4 heads of 6 numbers") == len(parts) - 1
    assert list_texts(diagram).count("(B, T, 24)") == 2


def test_a_mask_is_the_models():
    mask = np.asarray(make_causal_mask(4)).reshape(4, 4)
    texts = list_texts(diagrams.draw_mask(mask, WORDS[:4], WORDS[:4], title="Causal"))
    cells = [each for each in texts if each in ("0", "1")]
    assert cells == [str(int(each)) for each in mask.ravel()]
    assert cells == [*"1000", *"1100", *"1110", *"1111"]
    padding = keras.layers.Embedding(9, 2, mask_zero=True).compute_mask(np.array([[3, 5, 0]]))
    texts = list_texts(diagrams.draw_mask(np.asarray(padding), ["a", "b", "pad"], title="Padding"))
    assert [each for each in texts if each in ("0", "1")] == ["1", "1", "0"]


def test_a_merge_tree_ends_in_the_tokens_of_byte_pair_encoding():
    vocabulary, merges = train_bpe(["low lower lowest newest widest slow"] * 3, 40)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    for word in ("lowest", "newer", "slow"):
        tokens = encode_bpe(word, vocabulary, ranks)
        diagram = diagrams.draw_merge_tree("".join(tokens), merges)
        assert list_texts(diagram)[-1] == f"Tokens: {', '.join(tokens)}."
    texts = list_texts(diagrams.draw_merge_tree("lowest", MERGES))
    assert [each for each in texts if each.startswith("merge")] == [
        f"merge {n}" for n in (1, 2, 4, 5)
    ]


def test_thicker_lines_are_larger_weights(drawn):
    widths = [get_number(path, "stroke-width") for path in read(drawn["attention"], "path")]
    kept = [weight for row in WEIGHTS for weight in row if weight >= 0.05]
    assert widths == pytest.approx([8 * weight for weight in kept], abs=0.05)
    texts = list_texts(drawn["translation, attention"])
    assert [each for each in texts if each.startswith("0.")] == ["0.1", "0.8", "0.1"]


def test_each_cell_of_a_decoder_gathers_from_itself_and_the_past(drawn):
    lines = sum("M" in path.get("d") for path in read(drawn["decoder"], "path"))
    assert lines == 1 + 5 + 4 + 3 + 2 + 1  # between the boxes, and into the cells


def test_the_map_has_all_lessons_and_only_needed_arrows(drawn):
    titles, needs = read_course()
    assert set(titles) <= set(list_texts(drawn["map"]))
    small = {"00": [], "01": ["00"], "02": ["00", "01"], "03": ["00"], "04": ["03", "02"]}
    diagram = overview.draw_map(dict.fromkeys(small, "A title"), small)
    assert "02 needs 01," in diagram.alt  # 01 needs 00, so that 02 needs no arrow of its own
    assert len(read(diagram, "polygon")) == 5


# What cannot be drawn


def test_a_box_refuses_text_that_touches_its_edge():
    canvas, width = Canvas("t", "d"), measure("seven words")
    canvas.box(0, 0, width + 6, 20, "seven words")
    with pytest.raises(ValueError, match="shorten it"):
        canvas.box(0, 0, width + 4, 20, "seven words")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: diagrams.draw_unrolled(["word"] * 30, 8), "room for 1 to"),
        (lambda: diagrams.draw_unrolled([], 8), "room for 1 to"),
        (lambda: diagrams.draw_streams([["a", "b", "c", "d"]], 2), "a multiple of 2 tokens"),
        (lambda: diagrams.draw_streams([["a", "b", "c"], ["a"]], 2), "each stream needs"),
        (lambda: diagrams.draw_unrolled(["incomprehensibilities", "a"] * 3, 8), "shorten it"),
        (lambda: diagrams.draw_tokens(["a"] * 201, title="t"), "1 to 200"),
        (lambda: diagrams.draw_tokens(["a"], [1, 2], title="t"), "2 ids"),
        (lambda: diagrams.draw_tokens(["a" * 99], title="t"), "shorten"),
        (lambda: diagrams.draw_tokens(["\x00"], title="t"), "cannot be drawn"),
        (lambda: diagrams.draw_convolution(WORDS, 6, 8), "windows of 6"),
        (lambda: diagrams.draw_convolution(WORDS, 3, 8, values=[1.0]), "1 values"),
        (lambda: diagrams.draw_translation(ENGLISH, FRENCH, weights=[0.5, 0.5]), "one a source"),
        (lambda: diagrams.draw_translation(ENGLISH, FRENCH, weights=[1, 1, 1]), "the sum 1"),
        (lambda: diagrams.draw_translation(["a"], FRENCH), "two or more"),
        (lambda: diagrams.draw_attention(ENGLISH, FRENCH, np.eye(2), title="t"), "a row a target"),
        (lambda: diagrams.draw_attention(ENGLISH, FRENCH, np.ones((3, 3)), title="t"), "the sum 1"),
        (lambda: diagrams.draw_transformer_block(64, 5, 8), "5 heads"),
        (lambda: diagrams.draw_mask(np.eye(3), ["a", "b"], title="t"), "2 columns"),
        (lambda: overview.draw_map({"00": "A"}, {"00": ["01"]}), "same lessons"),
        (lambda: overview.draw_map({"00": "A", "01": "B"}, {"00": ["01"], "01": ["00"]}), "cycle"),
        (lambda: overview.draw_map(dict.fromkeys("abcde", "A"), {n: [] for n in "abcde"}), "room"),
        (
            lambda: overview.draw_map(
                {"00": "a title of many words, which needs three lines"}, {"00": []}
            ),
            "shorten",
        ),
        (lambda: Canvas("t", "d").box(500, 0, 60, 20), "room"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
