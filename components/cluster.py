"""What a cluster has once, whatever environments it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from components import naming, tokens
from components.certificate_manager import CertificateManager, CertificateManagerArgs
from components.ingress_controller import IngressController, IngressControllerArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.log_shipper import LogShipper, LogShipperArgs
from components.runners import Runners, RunnersArgs
from components.zone import Zone, ZoneArgs
from settings import ClusterSettings
from settings.log_shipping import LICENSE_KEY


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """The settings of the cluster half of a stack; ``authorities`` are the CA files they name, by path."""

    settings: ClusterSettings
    digitalocean_token: pulumi.Input[str]
    authorities: Mapping[str, str]
    secrets: Mapping[str, pulumi.Input[str]]
    """Those that its runners and its log shipper need."""


class Cluster(pulumi.ComponentResource):
    """What a cluster has once:

    - a PriorityClass for each class of environments, so that LIVE's pods displace TEST's and DEV's when a host is lost
    - Zone: the DNS zones
    - CertificateManager: cert-manager and its issuers
    - LoadBalancer, where the network has none
    - IngressController
    - LogShipper
    - Runners, and the deployer of each environment
    """

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.CLUSTER, name, None, opts)
        self.args = args
        self.child = pulumi.ResourceOptions(parent=self)
        for class_name, value in args.settings.priority_classes.items():
            self._create_priority_class(name, class_name, value)
        self.zones: list[pulumi.Resource] = self._create_zones()
        """What an environment's DNS records need."""
        self.edge: list[pulumi.Resource] = [*self._create_certificate_manager(), *self._create_ingress_controller()]
        """What an environment's own part of the edge needs: the types of cert-manager and Traefik."""
        self._create_log_shipper()
        if args.settings.runners:
            Runners("runners", RunnersArgs(settings=args.settings.runners, secrets=args.secrets), self.child)
        self.register_outputs({"priority_classes": list(args.settings.priority_classes)})

    def _create_priority_class(self, name: str, class_name: str, value: int) -> None:
        PriorityClass(
            f"{name}-priority-{class_name}",
            metadata=ObjectMetaArgs(name=class_name, labels=naming.labels(class_name, "priority")),
            value=value,
            description=f"Pods of {class_name}; a higher value displaces a lower one.",
            opts=self.child,
        )

    def _create_zones(self) -> list[pulumi.Resource]:
        dns = self.args.settings.dns
        if dns is None:
            return []
        zones = [ZoneArgs(domain=zone, imported=zone in dns.imported, protect=dns.protect) for zone in dns.zones]
        return [Zone(args.domain, args, self.child).domain for args in zones]

    def _create_log_shipper(self) -> None:
        settings = self.args.settings.log_shipping
        if settings is None:
            return
        authority = self.args.authorities[settings.ca_certificate_file] if settings.ca_certificate_file else ""
        args = LogShipperArgs(settings=settings, license_key=self.args.secrets[LICENSE_KEY], authority=authority)
        LogShipper("log-shipper", args, self.child)

    def _create_certificate_manager(self) -> list[pulumi.Resource]:
        certificates, dns = self.args.settings.certificates, self.args.settings.dns
        if certificates is None or dns is None:
            return []
        args = CertificateManagerArgs(
            settings=certificates,
            zones=dns.zones,
            digitalocean_token=self.args.digitalocean_token,
            authorities=self.args.authorities,
        )
        return [CertificateManager("cert-manager", args, self.child).installed]

    def _create_ingress_controller(self) -> list[pulumi.Resource]:
        settings = self.args.settings
        if settings.ingress_controller is None:
            return []
        after = []
        if settings.load_balancer:
            after.append(LoadBalancer("metallb", LoadBalancerArgs(settings=settings.load_balancer), self.child).advertisement)
        opts = pulumi.ResourceOptions(parent=self, depends_on=after)
        return [IngressController("traefik", IngressControllerArgs(settings=settings.ingress_controller), opts).release]
