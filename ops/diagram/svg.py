"""Boxes, lines and words as SVG: a picture is a list of shapes, and turning it into text is the last step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

FONT_SIZE, SMALL_SIZE = 14, 11.5
LETTER_WIDTH = 0.6
"""Of the font size: letters of the usual fonts are narrower on average, so that what fits by this fits."""
PADDING = 8
MARGIN = 24
LEGEND_HEIGHT, SAMPLE, LEGEND_GAP = 34, 30, 26
DOT = 3
LINES = {
    "names": ("#a07f12", "#e6c84f"),
    "ui": ("#2f7d50", "#74d39c"),
    "call": ("#2f62ad", "#86b3f5"),
    "data": ("#b06d1b", "#f0ab5a"),
    "event": ("#7050b0", "#bda6f5"),
    "line": ("#55627a", "#b4bfce"),
}
"""The kinds of lines: each one's colour on a light and on a dark page."""
STYLE = """
    .box{stroke-width:1.5} .frame{fill:none;stroke:#7a8699;stroke-width:1.3;stroke-dasharray:6 4}
    .ui{fill:#d9f2e3;stroke:#3a8a5c} .api{fill:#dbeafe;stroke:#3b6fb6} .receiver{fill:#e5def7;stroke:#7556b3}
    .database{fill:#fde8cf;stroke:#b8772a} .exchange{fill:#eceff3;stroke:#7a8699} .outside{fill:#fff4c2;stroke:#a88a1c}
    .control_plane{fill:#dbeafe;stroke:#3b6fb6} .worker,.service{fill:#eceff3;stroke:#7a8699} .postgres{fill:#fde8cf;stroke:#b8772a}
    .rabbitmq{fill:#e5def7;stroke:#7556b3} .firewall{fill:#fbdcd8;stroke:#b0463a} .environment{fill:#d9f2e3;stroke:#3a8a5c}
    .bad{fill:#f4b4ad;stroke:#9b1c10;stroke-width:3} text{fill:#1d2633} .soft{fill:#55627a} .on{fill:#1d2633}
    .way{fill:none;stroke-width:1.6;stroke-linejoin:round}
"""
DARK = "text{fill:#e6eaf0} .soft{fill:#b4bfce} .on{fill:#1d2633} .frame{stroke:#93a0b4}"

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle with a title and smaller lines below it; ``kind`` is its style. Lengths are in the picture's units."""

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...] = ()

    @property
    def left(self) -> Point:
        """The middle of its left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        """The middle of its right side."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Point:
        """The middle of its upper side."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> Point:
        """The middle of its lower side."""
        return self.x + self.width / 2, self.y + self.height

    def overlaps(self, other: Box) -> bool:
        """Whether the two cover a point in common."""
        apart_x = self.x + self.width <= other.x or other.x + other.width <= self.x
        return not (apart_x or self.y + self.height <= other.y or other.y + other.height <= self.y)

    def holds_its_words(self) -> bool:
        """Whether title and lines fit inside."""
        widths = [text_width(self.name, FONT_SIZE), *(text_width(line, SMALL_SIZE) for line in self.lines)]
        return max(widths) + 2 * PADDING <= self.width and 20 + 15 * len(self.lines) <= self.height


@dataclass(frozen=True)
class Arrow:
    """A way along points, ending in an arrowhead; ``kind`` is one of LINES. Two points that are not level are joined by a curve."""

    kind: str
    points: tuple[Point, ...]
    label: str
    """What it says, for whoever hovers over it and for tests, for example `orders-api calls shops-api`."""
    joins: tuple[Point, ...] = ()
    """Where it meets another one's way, which is marked by a dot; lines that cross without one have nothing to do with each other."""

    @property
    def is_curved(self) -> bool:
        """Whether it bends between its two ends."""
        return len(self.points) == 2 and all(a != b for a, b in zip(*self.points, strict=True))

    def crosses(self, box: Box) -> bool:
        """Whether one of its straight pieces runs through a box, not only to its border."""
        inner = Box(box.name, box.kind, box.x + 1, box.y + 1, box.width - 2, box.height - 2)
        pieces = [] if self.is_curved else list(zip(self.points, self.points[1:], strict=False))
        return any(
            inner.overlaps(Box("", "", min(x, to_x), min(y, to_y), max(abs(to_x - x), 0.1), max(abs(to_y - y), 0.1)))
            for (x, y), (to_x, to_y) in pieces
        )


@dataclass
class Picture:
    """A picture under way; ``frames`` are boxes that hold others, ``legend`` says in words what a kind of lines is."""

    title: str
    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)
    frames: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    words: list[tuple[float, float, str]] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)

    def add(self, box: Box) -> Box:
        """Add a box and return it."""
        self.boxes.append(box)
        return box


def text_width(text: str, size: float) -> float:
    """How wide a text is at most."""
    return len(text) * size * LETTER_WIDTH


def legend_width(legend: Sequence[tuple[str, str]]) -> float:
    """How wide a legend is at most."""
    return sum(SAMPLE + 8 + text_width(words, SMALL_SIZE) + LEGEND_GAP for _, words in legend)


def render(picture: Picture) -> str:
    """The picture as SVG that follows the reader's light or dark scheme; its legend stands below it."""
    label = quoteattr(picture.title)
    height = picture.height + (LEGEND_HEIGHT if picture.legend else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width:g} {height:g}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT_SIZE}" role="img" aria-label={label}>',
        f"<style>{_style()}</style>",
        f"<defs>{''.join(_head(kind) for kind in LINES)}</defs>",
        *(_frame(frame) for frame in picture.frames),
        *(_arrow(arrow) for arrow in picture.arrows),
        *(_box(box) for box in picture.boxes),
        *(f'<text class="soft" x="{x:g}" y="{y:g}" font-size="{SMALL_SIZE}">{escape(words)}</text>' for x, y, words in picture.words),
        *_legend(picture),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style() -> str:
    def colours(number: int) -> str:
        return " ".join(f".{kind}-way{{stroke:{both[number]}}} .{kind}-end{{fill:{both[number]}}}" for kind, both in LINES.items())

    return f"{STYLE}    {colours(0)}\n    @media (prefers-color-scheme:dark){{{DARK} {colours(1)}}}\n  "


def _head(kind: str) -> str:
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"'
    return f'<marker id="{kind}-head" {size}><path class="{kind}-end" d="M0 0 8 4 0 8z"/></marker>'


def _frame(frame: Box) -> str:
    rect = f'<rect class="frame" x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" height="{frame.height:g}" rx="12"/>'
    lines = "".join(_text(frame.x + 14, frame.y + 38 + 15 * n, line, "soft", SMALL_SIZE, "start") for n, line in enumerate(frame.lines))
    return rect + _text(frame.x + 14, frame.y + 22, frame.name, "", FONT_SIZE, "start") + lines


def _box(box: Box) -> str:
    rect = f'<rect class="box {box.kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="7"/>'
    middle, first = box.x + box.width / 2, box.y + box.height / 2 + 5 - 7.5 * len(box.lines)
    lines = "".join(_text(middle, first + 16 + 15 * n, line, "on", SMALL_SIZE) for n, line in enumerate(box.lines))
    return rect + _text(middle, first, box.name, "on", FONT_SIZE) + lines


def _text(x: float, y: float, words: str, style: str, size: float, anchor: str = "middle") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _arrow(arrow: Arrow) -> str:
    (x, y), (to_x, to_y) = arrow.points[0], arrow.points[-1]
    if arrow.is_curved:
        middle = (x + to_x) / 2
        way = f"M{x:g} {y:g} C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
    else:
        way = "M" + " L".join(f"{px:g} {py:g}" for px, py in arrow.points)
    path = f'<path class="way {arrow.kind}-way" marker-end="url(#{arrow.kind}-head)" d="{way}"><title>{escape(arrow.label)}</title></path>'
    return path + "".join(f'<circle class="{arrow.kind}-end" cx="{x:g}" cy="{y:g}" r="{DOT}"/>' for x, y in arrow.joins)


def _legend(picture: Picture) -> list[str]:
    x, y, parts = float(MARGIN), picture.height + LEGEND_HEIGHT / 2, []
    for kind, words in picture.legend:
        parts.append(f'<path class="way {kind}-way" marker-end="url(#{kind}-head)" d="M{x:g} {y:g} L{x + SAMPLE:g} {y:g}"/>')
        parts.append(_text(x + SAMPLE + 8, y + 4, words, "soft", SMALL_SIZE, "start"))
        x += SAMPLE + 8 + text_width(words, SMALL_SIZE) + LEGEND_GAP
    return parts


def overlapping(boxes: Sequence[Box]) -> list[tuple[str, str]]:
    """The pairs of boxes that cover each other: none, in a good picture."""
    return [(one.name, other.name) for number, one in enumerate(boxes) for other in boxes[number + 1 :] if one.overlaps(other)]


__all__ = ["MARGIN", "Arrow", "Box", "Picture", "legend_width", "overlapping", "render", "text_width"]
