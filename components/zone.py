"""A DNS zone at DigitalOcean."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_digitalocean as digitalocean

from components import tokens


@dataclass(frozen=True, kw_only=True)
class ZoneArgs:
    """``domain`` is the zone's name; ``imported`` takes over one that is there already; ``protect`` refuses to delete it."""

    domain: str
    imported: bool
    protect: bool


class Zone(pulumi.ComponentResource):
    """A DNS zone, which the cluster's stack alone owns; environments add their records to it."""

    def __init__(self, name: str, args: ZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.ZONE, name, None, opts)
        self.domain = digitalocean.Domain(
            f"{name}-zone",
            name=args.domain,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, import_=args.domain if args.imported else None),
        )
        self.register_outputs({"domain": self.domain.name})
