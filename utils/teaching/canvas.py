"""An SVG page for diagrams: text that fits, boxes, rows of cells, arrows.

A notebook shows a `Diagram` as `image/svg+xml`. GitHub drops CSS from that, so that colours and
fonts are attributes here. The same input gives the same bytes: a stored picture can be compared.
"""

import functools
import itertools
import math
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import matplotlib
from PIL import ImageFont

WIDTH, MARGIN, SIZE = 540, 14, 13  # at 400 px, the text is still 9.6 px high
ROOM = WIDTH - 2 * MARGIN
FONTS = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, PAPER = "#1f2933", "#fbf9f3"
SHADES = {"white": "#ffffff", "sand": "#f3ead2", "blue": "#cbdff2", "orange": "#efb567"}
SHADES |= {"grey": "#a8afb6"}  # from light to dark: they differ without colour, too


class Diagram(NamedTuple):
    """A picture that a notebook shows where a cell ends in it: SVG, and the same in words."""

    svg: str
    alt: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.alt


class Box(NamedTuple):
    """A rectangle on a canvas, and the points where arrows begin and end."""

    x: float
    y: float
    width: float
    height: float
    top = property(lambda self: (self.x + self.width / 2, self.y))
    bottom = property(lambda self: (self.x + self.width / 2, self.y + self.height))
    left = property(lambda self: (self.x, self.y + self.height / 2))
    right = property(lambda self: (self.x + self.width, self.y + self.height / 2))


@functools.cache
def _load_font(bold: bool):
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' * bold}.ttf")
    return ImageFont.truetype(str(path), 1000, layout_engine=ImageFont.Layout.BASIC)


def measure(text: str, size: float = SIZE, bold: bool = False) -> float:
    """Return the width of a text in DejaVu Sans, the widest of the usual sans-serif fonts."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (_load_font(bold).getlength(text) / 1000 + 0.8 * wide)


def wrap(text: str, room: float, size: float = SIZE, bold: bool = False) -> list[str]:
    """Break a text into lines that are at most `room` wide."""
    lines = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        lines[-1:] = [longer] if measure(longer, size, bold) <= room else [*lines[-1:], word]
    return lines


class Canvas:
    """A page 540 units wide on which text, boxes, rows of cells and arrows are placed.

    Args:
        title: drawn at the top, and the name of the picture.
        description: what the picture shows, for those who cannot see it.

    Attributes:
        y: where the first part can begin.
    """

    def __init__(self, title: str, description: str):
        self.alt = f"{title.rstrip('.')}. {description}"
        self.root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self.add("title").text, self.add("desc").text = title, description
        self.paper = self.add("rect", width=WIDTH, fill=PAPER)
        self.y = 22
        for line in wrap(title, ROOM, 15, True):
            self.text((MARGIN, self.y), line, anchor="start", size=15, bold=True)
            self.y += 20

    def add(self, tag: str, **attributes) -> ET.Element:
        """Add an element; numbers are rounded to tenths."""
        plain = {
            name.replace("_", "-"): value if isinstance(value, str) else f"{round(value, 1):g}"
            for name, value in attributes.items()
        }
        return ET.SubElement(self.root, tag, plain)

    def text(self, place, text, *, room=ROOM, size=SIZE, bold=False, anchor="middle") -> None:
        """Write one line around a point or, with the anchor "start", from it."""
        text = str(text)
        if not text.isprintable():
            raise ValueError(f"{text!r} holds a character that cannot be drawn: replace it")
        if (need := measure(text, size, bold)) > room:
            raise ValueError(f"{text!r} is {need:.0f} units wide, {room:.0f} are free: shorten it")
        style = {"text_anchor": anchor} | ({"font_weight": "bold"} if bold else {})
        element = self.add("text", x=place[0], y=place[1] + 0.36 * size, font_size=size, **style)
        element.text = text

    def box(self, x, y, width, height, *lines, shade="white", bold=False, round=4) -> Box:
        """Draw a rectangle with centred lines, the first `bold`; a grey one has a dashed edge."""
        if x + width > WIDTH or 17 * len(lines) > height:
            raise ValueError(f"{lines} and its box need more room than there is: shorten the text")
        style = {"fill": SHADES[shade], "stroke": INK, "stroke_width": 1.2}
        style |= {"stroke_dasharray": "4 3"} if shade == "grey" else {}
        self.add("rect", x=x, y=y, width=width, height=height, rx=round, **style)
        for i, line in enumerate(lines):
            place = x + width / 2, y + height / 2 + 17 * (i - (len(lines) - 1) / 2)
            self.text(place, line, room=width - 5, bold=bold and i == 0)
        return Box(x, y, width, height)

    def circle(self, x, y, symbol: str) -> Box:
        """Draw an operation, such as + or ×, around a point."""
        box = self.box(x - 11, y - 11, 22, 22, shade="orange", round=11)
        self.text((x, y), symbol, size=16, bold=True)
        return box

    def row(self, x, y, width, texts, *, shades="white", height=26, gap=4) -> list[Box]:
        """Draw equally wide cells side by side, `None` as a vector; one shade, or one each."""
        shades = [shades] if isinstance(shades, str) else shades
        if not 0 < len(texts) <= width / 30:
            raise ValueError(f"{len(texts)} cells: the row has room for 1 to {int(width / 30)}")
        boxes, wide = [], width / len(texts)
        for i, (text, shade) in enumerate(zip(texts, itertools.cycle(shades), strict=False)):
            left = x + i * wide
            if text is None:
                for part in range(4):
                    place = left + wide / 2 - 6, y + part * height / 4, 12, height / 4
                    self.box(*place, shade=shade, round=0)
                boxes.append(Box(left + wide / 2 - 6, y, 12, height))
            else:
                boxes.append(self.box(left + gap / 2, y, wide - gap, height, text, shade=shade))
        return boxes

    def arrow(self, *points, head=True, curved=False, width=1.4) -> None:
        """Draw a line through points, or an S-shaped curve down from the first to the second."""
        (x0, y0), (x1, y1) = points[-2:]
        if curved:
            points = points[0], (x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), points[1]
            x0 = x1
        length = math.dist((x0, y0), (x1, y1)) or 1
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        if head:
            corners = [(x1 - 8 * dx + side * dy, y1 - 8 * dy - side * dx) for side in (4, -4)]
            tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(x1, y1), *corners])
            self.add("polygon", points=tip)
            points = *points[:-1], (x1 - 5 * dx, y1 - 5 * dy)
        first, *others = (f"{x:.1f} {y:.1f}" for x, y in points)
        line = f"M{first}{'C' if curved else 'L'}{' '.join(others)}"
        self.add("path", d=line, fill="none", stroke=INK, stroke_width=width)

    def link(self, starts: list[Box], ends: list[Box]) -> None:
        """Draw an arrow down from each box to its partner, or from all to the only one."""
        if len(ends) == 1 < len(starts):
            for start in starts:
                self.arrow(start.bottom, (ends[0].top[0], ends[0].y - 12), head=False)
            starts = [Box(*ends[0].top, 0, -12)]
        for start, end in zip(starts, ends, strict=True):
            self.arrow(start.bottom, end.top)

    def chain(self, boxes: list[Box], *, both: bool = False) -> None:
        """Draw an arrow from each box to the next and, for `both`, another one back."""
        for (x0, y0), (x1, _) in ((a.right, b.left) for a, b in itertools.pairwise(boxes)):
            self.arrow((x0 + 2, y0 - 8 * both), (x1 - 2, y0 - 8 * both))
            if both:
                self.arrow((x1 - 2, y0 + 8), (x0 + 2, y0 + 8))

    def finish(self, bottom: float, caption: str = "") -> Diagram:
        """Return the picture, `bottom` being the lower end of what was drawn."""
        for line in wrap(caption, ROOM):
            self.text((MARGIN, bottom + 22), line, anchor="start")
            bottom += 18
        height = f"{math.ceil(bottom + MARGIN + 6 * bool(caption))}"
        self.paper.set("height", height)
        size = {"viewBox": f"0 0 {WIDTH} {height}", "width": f"{WIDTH}", "height": height}
        style = {"font-family": FONTS, "fill": INK, "style": "max-width:100%;height:auto"}
        for name, value in (size | style).items():
            self.root.set(name, value)
        ET.indent(self.root, "")
        return Diagram(ET.tostring(self.root, encoding="unicode"), self.alt)
