"""One environment: who reaches it, its services by bounded context, their databases, and how events travel. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ops.diagram.svg import FONT_SIZE, MARGIN, PADDING, SMALL_SIZE, Arrow, Box, Picture, Point, text_width
from settings.catalogue import Catalogue, Workload

TOP, ROW, HEIGHT = 112, 104, 78
"""Where the first row begins, how far apart rows are, and how high a service is."""
NAME_ROW, NAME_HEIGHT, WIDTH_MIN = 54, 44, 104
GAP, STEP = 34, 13
"""Between a column and the lines beside it, and between lines that run side by side."""
NAMES, UIS, APIS, DATA, RECEIVERS = "public names: a DNS record, a certificate each", "UIs", "APIs", "databases, exchanges", "receivers"
"""The columns, by what stands above them."""
LEVELS = (0.5, 0.42, 0.58, 0.34, 0.66)
"""Where a line may begin at a box's side, the best first, as a share of its height."""
CLEAR = 4
"""How far apart lines beside each other are at least."""
LEGEND = [
    ("names", "a public name leads there"),
    ("ui", "a UI calls an API"),
    ("call", "an API calls another"),
    ("data", "keeps its data in"),
    ("event", "publishes, consumes events"),
]


@dataclass(frozen=True)
class Call:
    """One that is drawn as a line of its own, from a box to those that it reaches; ``words`` says of it `orders-api calls`."""

    kind: str
    source: Box
    targets: Sequence[Box]
    words: str


@dataclass
class Layout:
    """A picture under way with what stands where: its columns as (x, width), and its boxes by name."""

    picture: Picture
    environment: str
    catalogue: Catalogue
    bad: Collection[str]
    columns: dict[str, tuple[float, float]] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)

    def add(self, column: str, kind: str, name: str, y: float, height: float, *lines: str) -> Box:
        """Put a box into a column."""
        x, width = self.columns[column]
        self.boxes[name] = self.picture.add(Box(name, "bad" if name in self.bad else kind, x, y, width, height, lines))
        return self.boxes[name]


def draw(environment: str, catalogue: Catalogue, hosts: Mapping[str, Collection[str]], bad: Collection[str] = ()) -> Picture:
    """The picture of an environment; ``hosts`` are its public names with the workloads they lead to, ``bad`` what is not healthy."""
    picture = Picture(f"{environment}: services, databases, public names and events", 0, 0, legend=list(LEGEND))
    layout = Layout(picture, environment, catalogue, set(bad))
    _columns(layout, hosts)
    _services(layout)
    _names(layout, hosts)
    _calls(layout, hosts)
    _events(layout)
    picture.height = max(box.y + box.height for box in picture.boxes) + 34
    picture.width = sum(layout.columns[RECEIVERS]) + 2 * MARGIN
    left = layout.columns[UIS][0] - MARGIN
    said = "between UIs and APIs the network refuses every call that is not drawn; lines are joined only where there is a dot"
    lines = (said, *(("red: not healthy at this moment",) if bad else ()))
    picture.frames.append(Box(f"namespace {environment}", "frame", left, 16, picture.width - left - 12, picture.height - 28, lines))
    picture.words += [(x, TOP - 14, column) for column, (x, _) in layout.columns.items()]
    return picture


def _columns(layout: Layout, hosts: Mapping[str, Collection[str]]) -> None:
    """Every column as wide as its words, with room between two for the lines that run there."""
    catalogue, environment = layout.catalogue, layout.environment
    callers = [workload for workload in catalogue.workloads() if workload.calls]
    published = [context for context in catalogue.contexts if _consumers(catalogue, context)]
    contexts = list(catalogue.contexts)
    named = {
        NAMES: list(hosts),
        UIS: list(catalogue.uis),
        APIS: [f"{context}-api" for context in contexts],
        DATA: [name for context in contexts for name in (f"{environment}_{context}", f"{context}.events")],
        RECEIVERS: [f"{context}-receiver" for context in contexts] + [f"dead letters {context}.dead" for context in contexts],
    }
    beside = {UIS: len(callers) + len(_past_uis(catalogue, hosts)), DATA: len(published)}
    senders = [_senders(catalogue, targets) for targets in hosts.values()] if hosts else []
    x = float(MARGIN)
    for column, names in named.items():
        small = [column, *(senders if column == NAMES else ())]
        widths = [*(text_width(name, FONT_SIZE) for name in names), *(text_width(words, SMALL_SIZE) for words in small)]
        layout.columns[column] = (x, max(*widths, WIDTH_MIN) + 2 * PADDING)
        x += layout.columns[column][1] + 2 * GAP + STEP * beside.get(column, 0)


def _services(layout: Layout) -> None:
    """A box for every UI, API, database, exchange and receiver."""
    catalogue, environment = layout.catalogue, layout.environment
    for number, ui in enumerate(catalogue.uis):
        layout.add(UIS, "ui", ui, TOP + ROW * number, HEIGHT)
    for number, (context, parts) in enumerate(catalogue.contexts.items()):
        y, database = TOP + ROW * number, f"{environment}_{context}"
        api = layout.add(APIS, "api", f"{context}-api", y, HEIGHT)
        kept = layout.add(DATA, "database", database, y, 32)
        told = layout.add(DATA, "exchange", f"{context}.events", y + HEIGHT - 32, 32)
        for box, kind, words in ((kept, "data", "keeps its data in"), (told, "event", "publishes")):
            level = box.left[1]
            layout.picture.arrows.append(Arrow(kind, ((api.right[0], level), box.left), f"{api.name} {words} {box.name}"))
        if parts.receiver:
            lines = (f"queue {context}.inbox", f"dead letters {context}.dead", f"writes {database}")
            layout.add(RECEIVERS, "receiver", f"{context}-receiver", y, HEIGHT, *lines)


def _names(layout: Layout, hosts: Mapping[str, Collection[str]]) -> None:
    """Every public name: those of the UIs beside them; those that lead to an API below, each level with the space between two rows."""
    past = _past_uis(layout.catalogue, hosts)
    uis = list(layout.catalogue.uis)
    beside = sorted(set(hosts) - set(past), key=lambda host: (min(map(uis.index, hosts[host])), list(hosts).index(host)))
    step = max(NAME_ROW, (ROW * len(uis) - NAME_HEIGHT) / max(1, len(beside)))
    above = step * (len(beside) - 1) + NAME_HEIGHT + (ROW - HEIGHT + NAME_HEIGHT) / 2
    last = max(len(uis), math.ceil((above + NAME_ROW - NAME_HEIGHT) / ROW))
    for number, host in enumerate(beside):
        box = layout.add(NAMES, "outside", host, TOP + step * number, NAME_HEIGHT)
        for target in hosts[host]:
            layout.picture.arrows.append(Arrow("names", (box.right, layout.boxes[target].left), f"{host} leads to {target}"))
    for number, host in enumerate(past):
        y = TOP + ROW * (last + number) - (ROW - HEIGHT + NAME_HEIGHT) / 2
        senders = _senders(layout.catalogue, hosts[host])
        layout.add(NAMES, "outside", host, y, NAME_HEIGHT, *([senders] if senders else []))


def _past_uis(catalogue: Catalogue, hosts: Mapping[str, Collection[str]]) -> list[str]:
    """The public names that lead to an API."""
    return [host for host, targets in hosts.items() if not set(targets) <= set(catalogue.uis)]


def _senders(catalogue: Catalogue, targets: Collection[str]) -> str:
    """Who sends webhooks to a name's targets; empty where nobody does."""
    found = [webhook for workload in catalogue.workloads() if workload.name in targets for webhook in workload.webhooks]
    return f"from {', '.join(found)}" if found else ""


def _calls(layout: Layout, hosts: Mapping[str, Collection[str]]) -> None:
    """Who calls an API: each caller has a line of its own, which runs down between UIs and APIs and leaves it towards each API."""
    catalogue, boxes = layout.catalogue, layout.boxes
    uis = [workload for workload in catalogue.workloads() if workload.role == "ui" and workload.calls]
    apis = [workload for workload in catalogue.workloads() if workload.role != "ui" and workload.calls]
    calls = [_call("ui", workload, boxes) for workload in uis]
    calls += [Call("names", boxes[host], [boxes[name] for name in hosts[host]], f"{host} leads to") for host in _past_uis(catalogue, hosts)]
    calls += [_call("call", workload, boxes) for workload in apis]
    first = sum(layout.columns[UIS]) + GAP
    _lines(layout.picture, calls, first, from_left=[call.source.name for call in calls if call.kind == "call"])


def _call(kind: str, workload: Workload, boxes: Mapping[str, Box]) -> Call:
    return Call(kind, boxes[workload.name], [boxes[f"{name}-api"] for name in workload.calls], f"{workload.name} calls")


def _events(layout: Layout) -> None:
    """Events go from an exchange to the queue of each context that consumes them."""
    boxes = layout.boxes
    consumed = {context: _consumers(layout.catalogue, context) for context in layout.catalogue.contexts}
    calls = [
        Call("event", boxes[f"{context}.events"], [boxes[name] for name in names], f"{context}.events")
        for context, names in consumed.items()
        if names
    ]
    _lines(layout.picture, calls, sum(layout.columns[DATA]) + GAP, consumed=True)


def _consumers(catalogue: Catalogue, context: str) -> list[str]:
    """The receivers that consume a context's events."""
    return [workload.name for workload in catalogue.workloads() if context in workload.subscribes_to]


def _lines(picture: Picture, calls: Sequence[Call], first: float, *, from_left: Collection[str] = (), consumed: bool = False) -> None:
    """Draw each call's line at an x of its own, with a way to each target; those ``from_left`` begin on the side where others arrive."""
    places = _places(calls, from_left)
    for number, call in enumerate(calls):
        x, source = first + STEP * number, call.source
        taken = [place for (name, _), place in places.items() if name != source.name]
        start = (source.x, places[source.name, ""]) if source.name in from_left else (source.right[0], _level(source, taken))
        for target, way, joins in _ways(start, x, {target.name: places[target.name, source.name] for target in call.targets}):
            label = f"{target} consumes {call.words}" if consumed else f"{call.words} {target}"
            picture.arrows.append(Arrow(call.kind, (*way, (call.targets[0].x, way[-1][1])), label, joins))


def _level(box: Box, taken: Collection[float]) -> float:
    """Where a line begins at a box, at another height than those of its neighbours that arrive beside it."""
    levels = [box.y + box.height * share for share in LEVELS]
    return next((level for level in levels if all(abs(level - other) >= CLEAR for other in taken)), levels[0])


def _ways(start: Point, x: float, arrivals: Mapping[str, float]) -> Iterator[tuple[str, tuple[Point, ...], tuple[Point, ...]]]:
    """(target, its way as far as the line at ``x``, where it joins): the first begins at the source, others where the one before left."""
    level = start[1]
    up = sorted((item for item in arrivals.items() if item[1] < level), key=lambda item: -item[1])
    down = sorted((item for item in arrivals.items() if item[1] >= level), key=lambda item: item[1])
    for side in (up, down):
        for number, (target, arrives) in enumerate(side):
            begin = (x, side[number - 1][1] if number else level)
            is_first = not number and (side is up or not up)
            points = (start, begin, (x, arrives)) if is_first else (begin, (x, arrives))
            yield target, tuple(dict.fromkeys(points)), () if is_first else (begin,)


def _places(calls: Sequence[Call], from_left: Collection[str]) -> dict[tuple[str, str], float]:
    """The height at which each line meets a box: (target, source) where it arrives, (source, nothing) where it begins among those."""
    meeting: dict[str, list[str]] = {}
    boxes = {box.name: box for call in calls for box in (call.source, *call.targets)}
    for call in calls:
        for target in call.targets:
            meeting.setdefault(target.name, []).append(call.source.name)
    for name in from_left:
        meeting.setdefault(name, []).append("")
    return {
        (name, other): boxes[name].y + boxes[name].height * (number + 1) / (len(others) + 1)
        for name, others in meeting.items()
        for number, other in enumerate(others)
    }


__all__ = ["draw"]
