"""Which pictures there are, from the committed files alone or with what really runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from ops.diagram import environment as environment_picture
from ops.diagram import estate as estate_picture
from ops.diagram.svg import render
from settings.catalogue import Catalogue
from settings.datacenter.load import described
from settings.files import read_yaml
from settings.load import ESTATES, PROJECT, ROOT, environments, estate_of, load_catalogue
from settings.public import full_host, hosts_of

FOLDER = Path("docs") / "pictures"
ESTATE = "estate"


def pictures(root: Path = ROOT) -> dict[str, str]:
    """Every picture by its file's name: the estate, and each environment of the datacenter. Raises SettingsError for unreadable files."""
    catalogue = load_catalogue(root)
    datacenter = described(root)
    names = [name for name in environments(root) if estate_of(name, root) == ESTATES[0]]
    settings = {name: settings_of(name, root) for name in names}
    settings = dict(sorted(settings.items(), key=lambda item: -int(str(item[1].get("replicas", 0)))))  # LIVE first
    found = {}
    if datacenter:
        domains = {name: str(part.get("domain", "")) for name, part in settings.items()}
        found[f"{ESTATE}.svg"] = render(estate_picture.draw(datacenter, catalogue, domains))
    for name, part in settings.items():
        found[f"{name}.svg"] = render(environment_picture.draw(name, catalogue, leads_to(part, catalogue)))
    return found


def one(name: str, root: Path = ROOT, bad: Collection[str] = ()) -> str:
    """The picture of one environment, whatever estate it belongs to."""
    catalogue = load_catalogue(root)
    return render(environment_picture.draw(name, catalogue, leads_to(settings_of(name, root), catalogue), bad))


def leads_to(settings: Mapping[str, object], catalogue: Catalogue) -> dict[str, list[str]]:
    """The public names of an environment with the workloads that each leads to."""
    found: dict[str, list[str]] = {}
    for host, route, _ in hosts_of(settings, catalogue):
        found.setdefault(full_host(host, str(settings.get("domain", ""))), []).append(route.workload)
    return found


def settings_of(name: str, root: Path = ROOT) -> Mapping[str, object]:
    """An environment's part of its stack file, as written."""
    file = f"Pulumi.{name}.yaml"
    part = (read_yaml(root / file, file).get("config") or {}).get(f"{PROJECT}:environment") or {}
    return part if isinstance(part, Mapping) else {}


__all__ = ["ESTATE", "FOLDER", "leads_to", "one", "pictures", "settings_of"]
