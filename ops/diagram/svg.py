"""Boxes, arrows and words as SVG: a picture is a list of shapes, and turning it into text is the last step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

FONT_SIZE, SMALL_SIZE = 14, 11.5
LETTER_WIDTH = 0.6
"""Of the font size: letters of the usual fonts are narrower on average, so that what fits by this fits."""
PADDING = 8
STYLE = """
    .box{stroke-width:1.5} .frame{fill:none;stroke:#7a8699;stroke-width:1.3;stroke-dasharray:6 4}
    .ui{fill:#d9f2e3;stroke:#3a8a5c} .api{fill:#dbeafe;stroke:#3b6fb6} .receiver{fill:#e5def7;stroke:#7556b3}
    .database{fill:#fde8cf;stroke:#b8772a} .exchange{fill:#eceff3;stroke:#7a8699} .outside{fill:#fff4c2;stroke:#a88a1c}
    .control_plane{fill:#dbeafe;stroke:#3b6fb6} .worker{fill:#eceff3;stroke:#7a8699} .postgres{fill:#fde8cf;stroke:#b8772a}
    .rabbitmq{fill:#e5def7;stroke:#7556b3} .firewall{fill:#fbdcd8;stroke:#b0463a} .environment{fill:#d9f2e3;stroke:#3a8a5c}
    .bad{fill:#f4b4ad;stroke:#9b1c10;stroke-width:3} text{fill:#1d2633} .soft{fill:#55627a} .on{fill:#1d2633}
    .line{stroke:#55627a;stroke-width:1.5;fill:none;marker-end:url(#end)}
    .call{stroke:#3b6fb6;stroke-width:1.2;fill:none;marker-end:url(#end)}
    .thin{stroke:#7a8699;stroke-width:1;fill:none;opacity:.55} .event{stroke:#7556b3;stroke-width:1.5;fill:none;marker-end:url(#end)}
    @media (prefers-color-scheme:dark){text{fill:#e6eaf0}.soft{fill:#a9b4c4}.on{fill:#1d2633}.line{stroke:#a9b4c4}.call{stroke:#8db5ee}
    .event{stroke:#b7a1ee}}
  """


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
    def left(self) -> tuple[float, float]:
        """The middle of its left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        """The middle of its right side."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        """The middle of its upper side."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
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
    """A curve from one point to another, bent by ``bend`` to the left where both ends are in one column; ``kind`` is its style."""

    kind: str
    start: tuple[float, float]
    end: tuple[float, float]
    label: str
    """What it says, for whoever hovers over it and for tests, for example `orders-api calls shops-api`."""
    bend: float = 0


@dataclass
class Picture:
    """A picture under way; ``frames`` are boxes that hold others."""

    title: str
    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)
    frames: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    words: list[tuple[float, float, str]] = field(default_factory=list)

    def add(self, box: Box) -> Box:
        """Add a box and return it."""
        self.boxes.append(box)
        return box


def text_width(text: str, size: float) -> float:
    """How wide a text is at most."""
    return len(text) * size * LETTER_WIDTH


def render(picture: Picture) -> str:
    """The picture as SVG that follows the reader's light or dark scheme."""
    label = quoteattr(picture.title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width:g} {picture.height:g}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT_SIZE}" role="img" aria-label={label}>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#7a8699"/></marker></defs>',
        *(_frame(frame) for frame in picture.frames),
        *(_arrow(arrow) for arrow in picture.arrows),
        *(_box(box) for box in picture.boxes),
        *(f'<text class="soft" x="{x:g}" y="{y:g}" font-size="{SMALL_SIZE}">{escape(words)}</text>' for x, y, words in picture.words),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


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
    (x, y), (to_x, to_y) = arrow.start, arrow.end
    if arrow.bend:
        curve = f"M{x:g} {y:g} C{x - arrow.bend:g} {y:g} {to_x - arrow.bend:g} {to_y:g} {to_x:g} {to_y:g}"
    elif x == to_x or y == to_y:
        curve = f"M{x:g} {y:g} L{to_x:g} {to_y:g}"
    else:
        middle = (x + to_x) / 2
        curve = f"M{x:g} {y:g} C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
    return f'<path class="{arrow.kind}" d="{curve}"><title>{escape(arrow.label)}</title></path>'


def sides(boxes: Sequence[Box]) -> list[tuple[str, str]]:
    """The pairs of boxes that cover each other: none, in a good picture."""
    return [(one.name, other.name) for number, one in enumerate(boxes) for other in boxes[number + 1 :] if one.overlaps(other)]


__all__ = ["Arrow", "Box", "Picture", "render", "sides", "text_width"]
