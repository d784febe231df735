"""One environment: who reaches it, its services by bounded context, their databases, and how events travel. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ops.diagram.svg import Arrow, Box, Picture
from settings.catalogue import Catalogue

ROW, TOP = 92, 108
NAMES, UIS, APIS, DATABASES, EXCHANGES, RECEIVERS, WIDTH = 24, 330, 570, 800, 1020, 1300, 1530
"""Where each column begins, and where the picture ends."""
EVENT_STEP = 7
CALL_BEND, CALL_STEP = 26, 11


def draw(environment: str, catalogue: Catalogue, hosts: Mapping[str, Collection[str]], bad: Collection[str] = ()) -> Picture:
    """The picture of an environment; ``hosts`` are its public names with the workloads they lead to, ``bad`` what is not healthy."""
    rows = max(len(catalogue.contexts), len(catalogue.uis) + 1)
    picture = Picture(f"{environment}: services, databases, public names and events", WIDTH, TOP + ROW * rows + 30)
    picture.frames.append(
        Box(
            f"namespace {environment}",
            "frame",
            UIS - 24,
            16,
            WIDTH - UIS + 8,
            picture.height - 28,
            ("what is not drawn is refused by the network",),
        )
    )
    boxes = _boxes(picture, environment, catalogue, set(bad))
    _names(picture, hosts, boxes)
    _calls(picture, catalogue, boxes)
    _events(picture, catalogue, boxes)
    for x, words in ((UIS, "UIs"), (APIS, "APIs"), (DATABASES, "databases"), (EXCHANGES, "events"), (RECEIVERS, "receivers")):
        picture.words.append((x, TOP - 14, words))
    return picture


def _boxes(picture: Picture, environment: str, catalogue: Catalogue, bad: set[str]) -> dict[str, Box]:
    """A box for every workload, database, exchange and queue, by name."""

    def add(name: str, kind: str, x: float, y: float, width: float, height: float, *lines: str) -> None:
        found[name] = picture.add(Box(name, "bad" if name in bad else kind, x, y, width, height, lines))

    found: dict[str, Box] = {}
    for number, ui in enumerate(catalogue.uis):
        add(ui, "ui", UIS, TOP + ROW * number, 130, 62)
    for number, context in enumerate(catalogue.contexts):
        y = TOP + ROW * number
        add(f"{context}-api", "api", APIS, y, 176, 62)
        add(f"{environment}_{context}", "database", DATABASES, y, 190, 32)
        api, database = found[f"{context}-api"], found[f"{environment}_{context}"]
        level = database.left[1]
        picture.arrows.append(Arrow("line", (api.right[0], level), database.left, f"{context}-api keeps its data in {database.name}"))
        if _published(catalogue, context):
            add(f"{context}.events", "exchange", EXCHANGES, y + 34, 196, 28)
        if catalogue.contexts[context].receiver:
            add(f"{context}-receiver", "receiver", RECEIVERS, y, 206, 62, f"queue {context}.inbox", "writes the same database")
    return found


def _names(picture: Picture, hosts: Mapping[str, Collection[str]], boxes: Mapping[str, Box]) -> None:
    picture.words.append((NAMES, TOP - 14, "public names (HTTPS)"))
    row = (picture.height - TOP - 30) / max(1, len(hosts))
    ordered = sorted(hosts.items(), key=lambda item: min((boxes[name].y for name in item[1] if name in boxes), default=0))
    ordered.sort(key=lambda item: any(name in boxes and boxes[name].kind != "ui" for name in item[1]))  # those past the UIs come last
    for number, (host, targets) in enumerate(ordered):
        box = picture.add(Box(host, "outside", NAMES, TOP + row * number, 250, 36))
        for target in targets:
            if target in boxes:
                picture.arrows.append(Arrow("line", box.right, boxes[target].left, f"{host} leads to {target}"))


def _calls(picture: Picture, catalogue: Catalogue, boxes: Mapping[str, Box]) -> None:
    depth = 0
    for workload in catalogue.workloads():
        for called in workload.calls:
            target = boxes[f"{called}-api"]
            label = f"{workload.name} calls {called}-api"
            if workload.role == "ui":
                picture.arrows.append(Arrow("thin", boxes[workload.name].right, target.left, label))
            else:
                picture.arrows.append(
                    Arrow("call", _shifted(boxes[workload.name].left, 8), _shifted(target.left, -8), label, CALL_BEND + depth)
                )
                depth += CALL_STEP


def _events(picture: Picture, catalogue: Catalogue, boxes: Mapping[str, Box]) -> None:
    arrived: dict[str, int] = {}
    for context in catalogue.contexts:
        if exchange := boxes.get(f"{context}.events"):
            start = (boxes[f"{context}-api"].right[0], exchange.left[1])
            picture.arrows.append(Arrow("event", start, exchange.left, f"{context}-api publishes {context}.events"))
    for workload in catalogue.workloads():
        for publisher in workload.subscribes_to:
            place = arrived.get(workload.name, 0)
            arrived[workload.name] = place + 1
            x, y = boxes[workload.name].left
            label = f"{workload.name} consumes {publisher}.events"
            picture.arrows.append(Arrow("event", boxes[f"{publisher}.events"].right, (x, y - EVENT_STEP + 2 * EVENT_STEP * place), label))


def _published(catalogue: Catalogue, context: str) -> bool:
    """Whether anybody consumes a context's events; others are published too, and drawn only when somebody does."""
    return any(context in workload.subscribes_to for workload in catalogue.workloads())


def _shifted(point: tuple[float, float], down: float) -> tuple[float, float]:
    return point[0], point[1] + down


__all__ = ["draw"]
