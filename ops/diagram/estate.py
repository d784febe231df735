"""The whole estate at a glance: who is outside, the firewall, three hosts with their machines, and the environments on them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ops.diagram.svg import Arrow, Box, Picture
from settings.catalogue import Catalogue
from settings.datacenter.model import Datacenter
from settings.datacenter.place import Placed, place

WIDTH, MARGIN, GAP = 1240, 24, 20
OUTSIDE_TOP, WALL_TOP, HOSTS_TOP, MACHINE_HEIGHT = 24, 150, 236, 46
OUTSIDE = (
    ("Customers", "shop, dashboard", "HTTPS", True),
    ("Payments", "Stripe, ChargeBee", "webhooks", True),
    ("DigitalOcean", "DNS, backups", "records, objects", False),
    ("Let's Encrypt", "certificates", "DNS-01", False),
    ("GitHub", "code, tags, jobs", "jobs for the runners", False),
    ("Docker Hub", "images by digest", "pulls", False),
    ("New Relic", "logs", "OTLP", False),
)
"""Who is outside: name, what they are for, what flows, and whether they begin it."""


def draw(datacenter: Datacenter, catalogue: Catalogue, environments: Mapping[str, str], bad: Collection[str] = ()) -> Picture:
    """The bird's-eye view; ``environments`` are the domains by name, ``bad`` names what is not healthy."""
    machines = place(datacenter)
    rows = max(sum(machine.host == host for machine in machines) for host in datacenter.hosts)
    environments_top = HOSTS_TOP + 66 + rows * (MACHINE_HEIGHT + 10) + 30
    picture = Picture("highstreet.ly: the whole estate", WIDTH, environments_top + 150)
    wall = _wall(picture, datacenter)
    _outside(picture, wall)
    _hosts(picture, datacenter, machines, rows, set(bad))
    _environments(picture, catalogue, environments, environments_top, set(bad))
    return picture


def _wall(picture: Picture, datacenter: Datacenter) -> Box:
    virtual = datacenter.addresses
    lines = (f"80 and 443 of {virtual.public} to the ingress {virtual.ingress}; management only from inside",) if virtual else ()
    return picture.add(Box("SonicWall", "firewall", MARGIN, WALL_TOP, WIDTH - 2 * MARGIN, 48, lines))


def _outside(picture: Picture, wall: Box) -> None:
    width = (WIDTH - 2 * MARGIN - GAP * (len(OUTSIDE) - 1)) / len(OUTSIDE)
    for number, (name, purpose, flow, inward) in enumerate(OUTSIDE):
        box = picture.add(Box(name, "outside", MARGIN + number * (width + GAP), OUTSIDE_TOP, width, 56, (purpose,)))
        x, (_, bottom) = box.x + width / 2, box.bottom
        ends = ((x, bottom), (x, wall.y)) if inward else ((x, wall.y), (x, bottom))
        picture.arrows.append(Arrow("line", *ends, f"{name}: {flow}"))
        picture.words.append((x + 8, (bottom + wall.y) / 2 + 4, flow))


def _hosts(picture: Picture, datacenter: Datacenter, machines: list[Placed], rows: int, bad: set[str]) -> None:
    width = (WIDTH - 2 * MARGIN - GAP * (len(datacenter.hosts) - 1)) / len(datacenter.hosts)
    for number, (name, host) in enumerate(datacenter.hosts.items()):
        x = MARGIN + number * (width + GAP)
        about = f"ESXi, {host.cpu_threads} threads, {host.memory_mib // 1024} GiB, {host.address}"
        picture.frames.append(Box(name, "frame", x, HOSTS_TOP, width, 66 + rows * (MACHINE_HEIGHT + 10), (about,)))
        for row, machine in enumerate(sorted((one for one in machines if one.host == name), key=lambda one: one.address)):
            about = f"{machine.address}, {machine.settings.cpus} CPUs, {machine.settings.memory_mib // 1024} GiB"
            kind = "bad" if machine.name in bad else machine.role
            y = HOSTS_TOP + 56 + row * (MACHINE_HEIGHT + 10)
            picture.add(Box(machine.name, kind, x + 16, y, width - 32, MACHINE_HEIGHT, (about,)))


def _environments(picture: Picture, catalogue: Catalogue, environments: Mapping[str, str], top: float, bad: set[str]) -> None:
    cluster = "Kubernetes: Calico, MetalLB, Traefik, cert-manager, GitHub's runners, log shipper"
    picture.frames.append(Box(cluster, "frame", MARGIN, top, WIDTH - 2 * MARGIN, 130))
    width = (WIDTH - 2 * MARGIN - 32 - GAP * (len(environments) - 1)) / max(1, len(environments))
    services = [workload for workload in catalogue.workloads() if workload.role != "ui"]
    receivers = [workload for workload in services if workload.role == "receiver"]
    counts = f"{len(services)} services, {len(catalogue.uis)} UIs, {len(catalogue.contexts)} databases, {len(receivers)} queues"
    for number, (name, domain) in enumerate(environments.items()):
        kind = "bad" if name in bad else "environment"
        x = MARGIN + 16 + number * (width + GAP)
        picture.add(Box(name, kind, x, top + 40, width, 74, (domain, counts)))


__all__ = ["draw"]
