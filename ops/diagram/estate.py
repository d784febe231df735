"""The whole estate at a glance: who is outside, the firewall, the cluster with its environments, three hosts with their machines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ops.diagram.svg import MARGIN, Arrow, Box, Picture
from settings.catalogue import Catalogue
from settings.datacenter.model import Datacenter, Role
from settings.datacenter.place import Placed, place

WIDTH, GAP = 1300, 20
OUTSIDE_TOP, WALL_TOP, CLUSTER_TOP = 24, 150, 262
SERVICES_TOP, ENVIRONMENTS_TOP, CLUSTER_HEIGHT = CLUSTER_TOP + 40, CLUSTER_TOP + 152, 264
RAILS_TOP, HOSTS_TOP, MACHINE_HEIGHT = CLUSTER_TOP + CLUSTER_HEIGHT + 24, CLUSTER_TOP + CLUSTER_HEIGHT + 86, 46
RAIL_STEP = 26
OUTSIDE = (
    ("Payments", "Stripe, ChargeBee", "webhooks", True),
    ("Customers", "shop, dashboard", "HTTPS", True),
    ("DigitalOcean", "name server, backups", "records, objects", False),
    ("Let's Encrypt", "certificates", "ACME", False),
    ("GitHub", "code, tags, jobs", "jobs for the runners", False),
    ("New Relic", "logs, alerts", "OTLP", False),
    ("Docker Hub", "images by digest", "pulls", False),
)
"""Who is outside: name, what they are for, what flows, and whether they begin it."""
SERVICES = (
    ("ingress", "Traefik, MetalLB", True),
    ("cert-manager", "proves names by DNS-01", False),
    ("GitHub's runners", "deploy what a tag names", False),
    ("log shipper", "masks and sends lines", False),
)
"""What the cluster has once: name, what it is, and whether what comes from outside goes there. Calico keeps all of it apart."""
DATA: tuple[tuple[Role, str, str], ...] = (("postgres", "data", "databases"), ("rabbitmq", "event", "vhost"))
"""What an environment has on a data machine: the machine's role, the kind of line, and the word for it."""
LEGEND = [("names", "from outside"), ("line", "begun from inside"), ("data", "databases"), ("event", "events, in a vhost of its own")]


def draw(datacenter: Datacenter, catalogue: Catalogue, environments: Mapping[str, str]) -> Picture:
    """The bird's-eye view; ``environments`` are the domains by name."""
    machines = place(datacenter)
    rows = max(sum(machine.host == host for machine in machines) for host in datacenter.hosts)
    height = HOSTS_TOP + 66 + rows * (MACHINE_HEIGHT + 10) + 16
    picture = Picture("highstreet.ly: the whole estate", WIDTH, height, legend=list(LEGEND))
    wall = _wall(picture, datacenter)
    _outside(picture, wall)
    ingress = _cluster(picture, datacenter, wall)
    boxes = _environments(picture, catalogue, environments, ingress)
    _hosts(picture, datacenter, machines, rows)
    _data(picture, machines, boxes, len(catalogue.contexts))
    return picture


def _across(count: int, inset: float = 0) -> list[tuple[float, float]]:
    """(x, width) of so many boxes side by side."""
    left, right = MARGIN + inset, WIDTH - MARGIN - inset
    width = (right - left - GAP * (count - 1)) / max(1, count)
    return [(left + number * (width + GAP), width) for number in range(count)]


def _wall(picture: Picture, datacenter: Datacenter) -> Box:
    virtual = datacenter.addresses
    lines = (f"80 and 443 of {virtual.public} to the ingress {virtual.ingress}; management only from inside",) if virtual else ()
    return picture.add(Box("SonicWall", "firewall", MARGIN, WALL_TOP, WIDTH - 2 * MARGIN, 48, lines))


def _outside(picture: Picture, wall: Box) -> None:
    found = {}
    for (name, purpose, flow, inward), (x, width) in zip(OUTSIDE, _across(len(OUTSIDE)), strict=True):
        box = found[name] = picture.add(Box(name, "outside", x, OUTSIDE_TOP, width, 56, (purpose,)))
        middle, bottom = box.bottom
        ways = ((middle, bottom), (middle, wall.y)) if inward else ((middle, wall.y), (middle, bottom))
        picture.arrows.append(Arrow("names" if inward else "line", ways, f"{name}: {flow}"))
        picture.words.append((middle + 8, (bottom + wall.y) / 2 + 4, flow))
    ask, answers = found["Customers"], found["DigitalOcean"]
    picture.arrows.append(Arrow("names", (ask.right, answers.left), "Customers ask DigitalOcean where a name leads"))


def _cluster(picture: Picture, datacenter: Datacenter, wall: Box) -> Box:
    """The cluster and what it has once; returns the ingress, where everything from outside arrives."""
    virtual, wide = datacenter.addresses, WIDTH - 2 * MARGIN
    about = f", API {virtual.kubernetes_api}" if virtual else ""
    picture.frames.append(Box(f"Kubernetes{about}", "frame", MARGIN, CLUSTER_TOP, wide, CLUSTER_HEIGHT))
    boxes = []
    for (name, purpose, inward), (x, width) in zip(SERVICES, _across(len(SERVICES), 16), strict=True):
        where = f", {virtual.ingress}" if virtual and inward else ""
        box = picture.add(Box(name, "service", x, SERVICES_TOP, width, 50, (f"{purpose}{where}",)))
        at = box.x + box.width * 0.8
        below = wall.y + wall.height
        ways = ((at, below), (at, box.y)) if inward else ((at, box.y), (at, below))
        says = f"SonicWall leads to {name}" if inward else f"{name} goes out through SonicWall"
        picture.arrows.append(Arrow("names" if inward else "line", ways, says))
        boxes.append(box)
    return boxes[0]


def _environments(picture: Picture, catalogue: Catalogue, environments: Mapping[str, str], ingress: Box) -> list[Box]:
    """The environments, each a namespace, with the way of a request to each of them."""
    services = [workload for workload in catalogue.workloads() if workload.role != "ui"]
    receivers = [workload for workload in services if workload.role == "receiver"]
    counts = f"{len(services)} services, {len(catalogue.uis)} UIs, {len(receivers)} queues with dead letters"
    start, rail = ingress.bottom, (ingress.y + ingress.height + ENVIRONMENTS_TOP) / 2 + 4
    boxes = []
    for (name, domain), (x, width) in zip(environments.items(), _across(len(environments), 16), strict=True):
        box = picture.add(Box(name, "environment", x, ENVIRONMENTS_TOP, width, 84, (domain, f"namespace {name}", counts)))
        middle = box.top[0] if box.top[0] != start[0] else start[0]
        points = tuple(dict.fromkeys((start, (start[0], rail), (middle, rail), (middle, box.y))))
        joins = ((middle, rail),) if name != list(environments)[-1] else ()
        picture.arrows.append(Arrow("names", points, f"ingress leads to {name}", joins))
        boxes.append(box)
    picture.words.append((start[0] + 8, rail - 8, "HTTPS, by name"))
    return boxes


def _hosts(picture: Picture, datacenter: Datacenter, machines: Sequence[Placed], rows: int) -> None:
    """The hosts with their machines, the data machines first."""
    data = [role for role, _, _ in DATA]
    for (name, host), (x, width) in zip(datacenter.hosts.items(), _across(len(datacenter.hosts)), strict=True):
        about = f"ESXi, {host.cpu_threads} threads, {host.memory_mib // 1024} GiB, {host.address}"
        picture.frames.append(Box(name, "frame", x, HOSTS_TOP, width, 66 + rows * (MACHINE_HEIGHT + 10), (about,)))
        of_host = [machine for machine in machines if machine.host == name]
        for row, machine in enumerate(sorted(of_host, key=lambda one: (one.role not in data, one.address))):
            about = f"{machine.address}, {machine.settings.cpus} CPUs, {machine.settings.memory_mib // 1024} GiB"
            y = HOSTS_TOP + 56 + row * (MACHINE_HEIGHT + 10)
            picture.add(Box(machine.name, machine.role, x + 16, y, width - 32, MACHINE_HEIGHT, (about,)))


def _data(picture: Picture, machines: Sequence[Placed], environments: Sequence[Box], contexts: int) -> None:
    """What every environment keeps on the data machines: a line for each machine, on which all environments come together."""
    boxes = {box.name: box for box in picture.boxes}
    for number, (role, kind, word) in enumerate(DATA):
        rail = RAILS_TOP + RAIL_STEP * number
        for machine in (boxes[one.name] for one in machines if one.role == role):
            to = machine.x + machine.width * 0.72
            places = [environment.x + environment.width * (0.35 + 0.3 * number) for environment in environments]
            for environment, at in zip(environments, places, strict=True):
                joins = tuple((x, rail) for x in (at, to) if min(*places, to) < x < max(*places, to))
                points = tuple(dict.fromkeys(((at, environment.y + environment.height), (at, rail), (to, rail), (to, machine.y))))
                what = f"{contexts} {word}" if role == "postgres" else f"{word} {environment.name}"
                picture.arrows.append(Arrow(kind, points, f"{environment.name} has its {what} on {machine.name}", joins))
            picture.words.append((MARGIN + 8, rail + 4, f"{contexts} databases each" if role == "postgres" else f"a {word} each"))


__all__ = ["draw"]
