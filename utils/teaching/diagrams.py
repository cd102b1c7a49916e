"""Diagrams of models, drawn as SVG from a lesson's words, shapes and exact numbers.

Each is read from top to bottom and, as the last value of a cell, shown by the notebook.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.teaching.canvas import INK, MARGIN, ROOM, WIDTH, Canvas, Diagram, measure, wrap

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Step(NamedTuple):
    """One row of `draw_model`: a box, and beside it what the example has become."""

    name: str  # name of the layer or of the data
    text: str  # what it does
    shape: Sequence = ()  # shape of the result
    cells: Sequence = ()  # words or numbers; `None` for a vector
    weights: int = 0  # numbers that training changes: `layer.count_params()`
    # "right" or "both" where a layer passes its state along the sentence; "past" where each cell
    # gathers from those before it
    flow: str = ""


def draw_model(steps: list[Step], *, title: str, mask: Sequence = ()) -> Diagram:
    """Draw a model as a column of boxes, with one example flowing through it.

    Where `mask`, one value a token, is false, cells are grey and nothing flows on.
    """
    shown = [f"{step.name}: {step.text} {tuple(step.shape) or ''}".strip() for step in steps]
    canvas = Canvas(title, "; ".join(shown) + ".")
    y, last, above = canvas.y, [], []
    for step in steps:
        lines = [step.name, *wrap(step.text, 205)]
        lines += [f"shape {tuple(step.shape)}"] * bool(step.shape)
        lines += [f"{step.weights:,} weights"] * bool(step.weights)
        height, shade = 17 * len(lines) + 10, "blue" if step.weights else "white"
        box = canvas.box(MARGIN, y, 212, height, *lines, shade=shade, bold=True)
        canvas.link(last, [box] if last else [])
        kept = mask if len(mask) == len(step.cells) else [True] * len(step.cells)
        shades = ["sand" if each else "grey" for each in kept]
        tall, cells = 40 if None in list(step.cells) else 26, []
        if len(step.cells):
            place = 240, y + (height - tall) / 2, WIDTH - MARGIN - 240
            cells = canvas.row(*place, step.cells, shades=shades, height=tall)
            cells = list(itertools.compress(cells, kept))
        if above and len(cells) in (1, len(above)):
            canvas.link(above, cells)
        if step.flow == "past":
            for k, cell in enumerate(cells):
                for earlier in above[:k]:
                    canvas.link([earlier], [cell])
        elif step.flow:
            canvas.chain(cells, both=step.flow == "both")
        y, last, above = y + height + 20, [box], cells
    return canvas.finish(y - 20, "Training changes the weights.")


def draw_unrolled(words: list[str], hidden_dim: int, *, cell="LSTM", mask=()) -> Diagram:
    """Draw a recurrent layer once for each word; where `mask` is false, it copies its state."""
    mask = [bool(each) for each in mask] or [True] * len(words)
    read = " ".join(itertools.compress(words, mask))
    text = f"At each step it reads its previous state and one word of '{read}'."
    canvas = Canvas(f"{cell} unrolled over {len(words)} steps", text)
    x, y, wide = 62, canvas.y, ROOM - 48
    start = canvas.box(MARGIN, y + 54, 40, 40, "h₀", "= 0")
    shades = ["sand" if each else "grey" for each in mask]
    inputs = canvas.row(x, y, wide, words, shades=shades, gap=24)
    names = [cell if each else "copy" for each in mask]
    shades = ["blue" if each else "grey" for each in mask]
    cells = canvas.row(x, y + 54, wide, names, shades=shades, gap=24, height=40)
    canvas.link(list(itertools.compress(inputs, mask)), list(itertools.compress(cells, mask)))
    states = [f"h{count:d}".translate(SUBSCRIPTS) for count in itertools.accumulate(mask)]
    canvas.link(cells, canvas.row(x, y + 122, wide, states, gap=24))
    canvas.chain([start, *cells])
    caption = f"Every step uses the same weights. A state h has {hidden_dim} numbers."
    caption += "" if all(mask) else " Grey: padding; the mask makes the layer copy its state."
    return canvas.finish(y + 148, caption)


def draw_streams(streams: list[list[str]], sequence_length: int, *, cell="GRU") -> Diagram:
    """Draw truncated backpropagation: a recurrent layer reads streams of text, part by part.

    Args:
        streams: the tokens of each stream, one more than are read.
        sequence_length: tokens of a stream that one training step reads.
    """
    count = len(streams[0]) - 1
    if {len(tokens) for tokens in streams} != {count + 1} or count % sequence_length:
        raise ValueError(f"each stream needs a multiple of {sequence_length} tokens, and one more")
    text = "; ".join(f"stream {i}: {' '.join(tokens)}" for i, tokens in enumerate(streams, 1))
    canvas = Canvas("Truncated backpropagation over streams", f"{text}.")
    left, wide, y = 98, ROOM - 84, canvas.y + 26
    steps, borders = range(0, count, sequence_length), []
    for number, start in enumerate(steps, 1):
        place = left + wide * (start + sequence_length / 2) / count
        canvas.text((place, canvas.y + 8), f"training step {number}", bold=True)
        borders += [left + wide * start / count] * (start > 0)
    for number, tokens in enumerate(streams, 1):
        for down, name in ((0, f"stream {number}"), (50, "state"), (100, "next token")):
            canvas.text((MARGIN, y + down + 13), name, anchor="start", room=84)
        read = canvas.row(left, y, wide, tokens[:-1], shades="sand", gap=17)
        cells = canvas.row(left, y + 50, wide, [cell] * count, shades="blue", gap=17)
        canvas.link(read, cells)
        canvas.link(cells, canvas.row(left, y + 100, wide, tokens[1:], shades="white", gap=17))
        for start in steps:
            canvas.chain(cells[start : start + sequence_length], both=True)
        for end in steps[1:]:  # the state goes on, the gradient does not come back
            canvas.arrow(*((x, y + 55) for x in (cells[end - 1].right[0], cells[end].x)))
        y += 146
    for x in borders:
        line = f"M{x} {canvas.y} L{x} {y - 16}"
        canvas.add("path", d=line, stroke=INK, stroke_width=1, stroke_dasharray="4 3")
    caption = "Arrows to the right: the state. To the left: the gradient, which tells the weights "
    return canvas.finish(
        y - 16, caption + "how to change. At the dashed line only the state goes on."
    )


def draw_lstm_cell(input_dim: int, hidden_dim: int) -> Diagram:
    """Draw one step of an LSTM, with its three gates and the candidate."""
    joined = input_dim + hidden_dim
    text = (
        "The forget gate multiplies the old cell state c; input gate times candidate is added. "
        "The output gate times tanh of the new c is the new hidden state h."
    )
    canvas = Canvas(f"One step of an LSTM with {hidden_dim} units", text)
    state, middle, top = canvas.y + 18, canvas.y + 98, canvas.y + 136
    old = canvas.box(MARGIN, state - 15, 48, 30, "old c", shade="sand")
    new = canvas.box(474, state - 15, 52, 30, "new c", shade="sand")
    out = canvas.box(474, middle - 15, 52, 30, "new h", shade="sand")
    text = f"old h and input x, side by side: {hidden_dim} + {input_dim} = {joined} numbers"
    joint = canvas.box(MARGIN, top + 90, ROOM, 30, text, shade="sand")
    gates = []
    for name in ("forget gate", "input gate", "candidate", "output gate"):
        lines = name, "tanh" if name == "candidate" else "sigmoid", f"{hidden_dim} numbers"
        place = 48 + 109 * len(gates), top, 103, 62
        gates.append(canvas.box(*place, *lines, shade="blue", bold=True))
        canvas.arrow((gates[-1].bottom[0], joint.y), gates[-1].bottom)
    forget, enter, candidate, leave = (gate.top[0] for gate in gates)
    keep, show = canvas.circle(forget, state, "×"), canvas.circle(leave, middle, "×")
    write = canvas.circle((enter + candidate) / 2, middle, "×")
    add = canvas.circle(write.top[0], state, "+")
    squash = canvas.box(leave - 24, state + 20, 48, 24, "tanh")
    for path in (
        (gates[0].top, keep.bottom),
        (gates[1].top, (enter, middle), write.left),
        (gates[2].top, (candidate, middle), write.right),
        (gates[3].top, show.bottom),
        (write.top, add.bottom),
        ((leave, state), squash.top),
        (squash.bottom, show.top),
        (show.right, out.left),
    ):
        canvas.arrow(*path)
    canvas.chain([old, keep, add, new])
    weights = 4 * hidden_dim * (joined + 1)
    caption = f"4 × {hidden_dim} × ({joined} + 1) = {weights:,} weights, 1 for the bias. "
    return canvas.finish(joint.y + 30, caption + "× and + work number by number.")


def draw_convolution(words: list[str], kernel_size: int, filters: int, *, values=()) -> Diagram:
    """Draw the windows of `kernel_size` words over a sentence, and the maximum over time.

    `values` is what one of the filters gives for each window, if it is to be shown.
    """
    count = len(words) - kernel_size + 1
    if not 0 < kernel_size <= len(words) or len(values) not in (0, count):
        raise ValueError(f"{len(values)} values, windows of {kernel_size} in {len(words)} words")
    windows = [words[i : i + kernel_size] for i in range(count)]
    title = f"{count} windows of {kernel_size} words, then the maximum over time"
    canvas = Canvas(title, f"The windows: {', '.join(map(' '.join, windows))}.")
    y, wide = canvas.y, 400 / len(words)
    canvas.text((478, y + 13), "one filter", room=92)
    canvas.row(MARGIN, y, 400, words, shades="sand", gap=0)
    shown = [f"{value:g}".replace("-", "−") for value in values]
    best = int(np.argmax(values)) if shown else None
    text = f"largest: {shown[best]}" if shown else "largest of these"
    pooled = canvas.box(376, y + 34 * count + 52, 150, 30, text, shade="orange")
    for i, window in enumerate(windows):
        y += 34
        place = MARGIN + i * wide, y, kernel_size * wide
        cells = canvas.row(*place, window, shades="blue", gap=0)
        text, shade = shown[i] if shown else f"window {i + 1}", "orange" if i == best else "white"
        value = canvas.box(444, y, 68, 26, text, shade=shade)
        canvas.arrow(cells[-1].right, value.left)
        canvas.arrow(value.right, (519, y + 13), (519, pooled.y), head=i == count - 1)
    caption = f"Each of the {filters} filters has its own weights. They give {count} × {filters} "
    caption += f"values; the largest of each filter are kept: {filters} values."
    return canvas.finish(pooled.y + 30, caption)


def draw_translation(
    source: list[str], target: list[str], *, weights=(), step=0, bidirectional=False
) -> Diagram:
    """Draw an encoder that reads the words of `source`, and a decoder that writes `target`.

    Args:
        weights: attention weights, one a source word; without, the decoder gets one state.
        step: which word is written with these weights; 0 is the first.
        bidirectional: the encoder also reads from right to left.
    """
    read, written = ["[start]", *target], [*target, "[end]"]
    if min(len(source), len(target)) < 2 or not 0 <= step < len(written):
        raise ValueError(f"needed: two or more words a sentence and a step up to {len(target)}")
    if len(weights) and (len(weights) != len(source) or not np.isclose(sum(weights), 1)):
        raise ValueError(f"weights {weights}: needed is one a source word, and the sum 1")
    how = "attention" if len(weights) else "one state between them"
    text = f"'{' '.join(source)}' becomes '{' '.join(target)}'."
    canvas = Canvas(f"Encoder and decoder with {how}", text)
    y, rows = canvas.y, {}
    states = [f"h{i + 1}".translate(SUBSCRIPTS) for i in range(len(source))]
    for name, down, texts, shade in (
        ("source", 0, source, "sand"),
        ("encoder", 50, states, "blue"),
        ("weights", 98, [f"{weight:g}" for weight in weights], "white"),
        ("decoder reads", 204, read, "blue"),
        ("and writes", 254, written, "sand"),
    ):
        if texts:
            canvas.text((MARGIN, y + down + 13), name, anchor="start", room=96)
            rows[name] = canvas.row(112, y + down, ROOM - 98, texts, shades=shade, gap=22)
    encoder, decoder = rows["encoder"], rows["decoder reads"]
    canvas.link(rows["source"], encoder)
    canvas.link(decoder, rows["and writes"])
    canvas.chain(encoder, both=bidirectional)
    canvas.chain(decoder)
    if len(weights):
        context = canvas.box(220, y + 152, 200, 26, "their weighted mean", shade="orange")
        for state, cell, weight in zip(encoder, rows["weights"], weights, strict=True):
            canvas.arrow(state.bottom, cell.top, head=False, width=1 + 7 * weight)
            canvas.arrow(cell.bottom, context.top, head=False, width=1 + 7 * weight)
        canvas.arrow(context.bottom, decoder[step].top, curved=True)
        caption = f"The weights are those for writing '{written[step]}'. As without attention, "
        caption += "the decoder starts from the last state of the encoder."
    else:
        text = "last state of each direction" if bidirectional else "last state"
        state = canvas.box(220, y + 108, 200, 30, text, shade="orange")
        ends = [(encoder[-1], state.right), (encoder[0], state.left)]
        for box, side in ends[: 1 + bidirectional]:
            canvas.arrow(box.bottom, (box.bottom[0], side[1]), side)
        x, turn = decoder[0].top[0], y + 170
        canvas.arrow(state.bottom, (state.bottom[0], turn), (x, turn), decoder[0].top)
        caption = "The decoder knows of the source only what this state holds."
    return canvas.finish(y + 280, caption)


def draw_attention(source: list[str], target: list[str], weights, *, title: str) -> Diagram:
    """Draw attention weights (target, source) as lines: the thicker, the larger."""
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (len(target), len(source)) or not np.allclose(weights.sum(1), 1, atol=1e-3):
        raise ValueError(f"{weights.shape}: needed is a row a target word, each with the sum 1")
    best = [f"{word} from {source[i]}" for word, i in zip(target, weights.argmax(1), strict=True)]
    canvas = Canvas(title, f"The thickest lines: {', '.join(best)}.")
    y = canvas.y
    above = canvas.row(MARGIN, y, ROOM, source, shades="sand", gap=14)
    below = canvas.row(MARGIN, y + 140, ROOM, target, shades="blue", gap=14)
    for (j, i), weight in np.ndenumerate(weights):
        if weight >= 0.05:
            canvas.arrow(above[i].bottom, below[j].top, head=False, width=8 * weight)
    return canvas.finish(y + 166, "Thickness: weight. Weights below 0.05 are not drawn.")


def draw_transformer_block(
    hidden_dim: int,
    num_heads: int,
    intermediate_dim: int,
    *,
    causal=False,
    cross=False,
    pre_norm=True,
    num_key_value_heads: int | None = None,
) -> Diagram:
    """Draw the block of an encoder or decoder, or of a Llama.

    Args:
        hidden_dim: numbers of a position, D.
        num_heads: attention heads.
        intermediate_dim: numbers of a position inside the feed-forward network.
        causal: no position sees a later one.
        cross: there is attention to an encoder.
        pre_norm: normalise what attention and network read; if False, the sum.
        num_key_value_heads: heads of keys and values in a Llama, whose norms have no mean, whose
            layers have no bias, and whose feed-forward network has a gate.
    """
    if hidden_dim % num_heads:
        raise ValueError(f"{num_heads} heads do not share {hidden_dim} numbers evenly")
    size, is_llama = hidden_dim // num_heads, num_key_value_heads is not None
    heads = f"{num_heads} heads of {size} numbers; "
    weights = 4 * hidden_dim * (hidden_dim + 1)
    if is_llama:
        heads += f"keys and values of {num_key_value_heads}; "
        weights = 2 * hidden_dim * (hidden_dim + num_key_value_heads * size)
    heads += f"{weights:,} weights"
    seen = "itself and those before" if causal else "all positions"
    layers = [("Self-attention", f"each position sees {seen}; {heads}")]
    if cross:
        layers += [("Cross-attention", f"each sees the encoder's output; {heads}")]
    dense = intermediate_dim * (2 * hidden_dim + 1) + hidden_dim
    text = f"each position alone: {hidden_dim} to {intermediate_dim} to {hidden_dim} numbers; "
    if is_llama:
        text, dense = f"{text}with a gate; ", 3 * hidden_dim * intermediate_dim
    layers += [("Feed-forward", f"{text}{dense:,} weights")]
    text = "; ".join(f"{name}: {what}" for name, what in layers)
    canvas = Canvas(f"A Transformer block ({'pre' if pre_norm else 'post'}-norm)", f"{text}.")
    x, y, shape = 190, canvas.y + 26, f"(B, T, {hidden_dim})"
    last = canvas.box(x - 90, canvas.y, 180, 26, shape, shade="sand")
    norm = "RMS normalisation" if is_llama else "layer normalisation"
    for name, what in layers:
        start = y
        for part in ["norm", name, "+"] if pre_norm else [name, "+", "norm"]:
            if part == "+":
                box = canvas.circle(x, y + 31, "+")
                canvas.arrow((x, start + 8), (50, start + 8), (50, y + 31), box.left)
            elif part == "norm":
                box = canvas.box(x - 90, y + 20, 180, 26, norm)
            else:
                box = canvas.box(x - 90, y + 20, 180, 34, part, shade="blue", bold=True)
                for i, line in enumerate(lines := wrap(what, 226)):
                    place = 300, y + 37 + 17 * (i - (len(lines) - 1) / 2)
                    canvas.text(place, line, anchor="start", room=226)
            canvas.link([last], [box])
            last, y = box, box.y + box.height
    canvas.link([last], [canvas.box(x - 90, y + 20, 180, 26, shape, shade="sand")])
    return canvas.finish(y + 46, "B: sentences in a batch. T: positions. +: what came in is added.")


def draw_mask(mask, columns: list[str], rows: Sequence = (), *, title: str, texts=()) -> Diagram:
    """Draw a mask, shape (rows, columns) or (columns,), as a grid of 1 (seen) and 0 (hidden).

    `columns` and `rows` are the names above and beside the grid; `texts` stands in the cells
    instead, in the shape of the mask.
    """
    mask = np.atleast_2d(np.asarray(mask, dtype=bool))
    rows = rows or [""] * len(mask)
    texts = np.atleast_2d(texts) if len(texts) else mask.astype(int)
    if not mask.shape == (len(rows), len(columns)) == texts.shape:
        raise ValueError(f"mask {mask.shape} for {len(rows)} rows and {len(columns)} columns")
    said = [" ".join([name, *map(str, row)]) for name, row in zip(rows, texts, strict=True)]
    canvas = Canvas(title, "; ".join(said) + ".")
    y, left = canvas.y, MARGIN + math.ceil(max(map(measure, rows))) + 10
    wide = min(WIDTH - MARGIN - left, 64 * len(columns))
    canvas.row(left, y, wide, columns, shades="white")
    for i, (name, row) in enumerate(zip(rows, texts, strict=True), 1):
        canvas.text((MARGIN, y + 30 * i + 13), name, anchor="start")
        shades = ["blue" if each else "grey" for each in mask[i - 1]]
        canvas.row(left, y + 30 * i, wide, row, shades=shades)
    return canvas.finish(y + 30 * len(rows) + 26, "Dashed and grey: hidden by the mask.")


def draw_merge_tree(word: str, merges: list[tuple[str, str]]) -> Diagram:
    """Draw how byte-pair encoding joins the characters of a word, by merges in learned order."""
    text = ", ".join(f"{number}: {a} + {b}" for number, (a, b) in enumerate(merges, 1))
    canvas = Canvas(f"How byte-pair encoding splits '{word}'", f"Merges: {text}.")
    y, wide, tokens = canvas.y, min(52, 400 / max(len(word), 1)), list(word)
    canvas.text((MARGIN, y + 13), "characters", anchor="start", room=100)
    nodes = canvas.row(126, y, wide * len(word), word, shades="sand", gap=12)
    for number, pair in enumerate(merges, 1):
        i, height = 0, y + 54
        while i < len(tokens) - 1:
            if (tokens[i], tokens[i + 1]) == tuple(pair):
                y, text, (left, right) = height, "".join(pair), nodes[i : i + 2]
                centre, size = (left.x + right.right[0]) / 2, math.ceil(measure(text)) + 16
                node = canvas.box(centre - size / 2, y, size, 26, text, shade="blue")
                for child in (left, right):
                    canvas.arrow(child.bottom, (child.top[0], y - 20), node.top, head=False)
                tokens[i : i + 2], nodes[i : i + 2] = [text], [node]
            i += 1
        if y == height:
            canvas.text((MARGIN, y + 13), f"merge {number}", anchor="start", room=100)
    return canvas.finish(y + 26, f"Tokens: {', '.join(tokens)}.")


def draw_tokens(tokens: list[str], ids: Sequence[int] = (), *, title: str) -> Diagram:
    """Draw the tokens of a text in changing colours; a space is shown as a dot."""
    if not 0 < len(tokens) <= 200 or len(ids) not in (0, len(tokens)):
        raise ValueError(f"{len(tokens)} tokens (1 to 200) and {len(ids)} ids (as many, or none)")
    signs = str.maketrans({" ": "·", "\n": "↵", "\t": "→"})
    texts = [token.translate(signs) for token in tokens]
    canvas = Canvas(title, f"{len(tokens)} tokens: {' | '.join(texts)}.")
    x, y, tall = MARGIN, canvas.y, 42 if len(ids) else 26
    for i, text in enumerate(texts):
        lines = [text, *map(str, ids[i : i + 1])]
        wide = math.ceil(max(map(measure, lines))) + 10
        if x + wide > WIDTH - MARGIN:
            x, y = MARGIN, y + tall + 8
        canvas.box(x, y, wide, tall, *lines, shade=("blue", "sand", "orange", "white")[i % 4])
        x += wide + 2
    return canvas.finish(y + tall, "A dot is a space.")
