"""What the firewall shall hold for one published address, and what may never be published.

Bodies follow the vendor's OpenAPI document of SonicOS 7.0.1: address_object_ipv4, service_group, nat_policy_ipv4, access_rule_ipv4.
Nothing here talks to a firewall.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

COMMENT = "Managed by ansible/firewall.yml. Changes made by hand are undone."
PUBLISHED_SERVICES = ("HTTP", "HTTPS")
"""The firewall's own service objects for TCP 80 and 443: the only ones that are let in from outside."""
LOOPBACK_PREFIX_MIN = 8
"""The widest network that may reach the public address from inside: 10.0.0.0/8. Anything wider holds addresses of the internet."""
PREFIX = re.compile(r"[a-z][a-z0-9-]{0,18}-")
ADDRESS, GROUP, NAT, RULE = "address object", "service group", "NAT policy", "access rule"

Body = dict[str, Any]


@dataclass(frozen=True)
class Publishing:
    """One public address whose ports 80 and 443 lead to the ingress address.

    ``host`` is where the firewall is managed; ``managed_at`` are the addresses that this name stands for.
    ``loopback_networks`` are networks of the inside zone whose machines reach the public address too.
    """

    host: str
    prefix: str
    public_address: str
    ingress_address: str
    wan_zone: str
    wan_interface: str
    inside_zone: str
    services: Sequence[str] = PUBLISHED_SERVICES
    loopback_networks: Sequence[str] = field(default_factory=tuple)
    managed_at: Sequence[str] = field(default_factory=tuple)

    def name(self, part: str) -> str:
        """The name of one of our objects."""
        return f"{self.prefix}{part}"


@dataclass(frozen=True)
class Thing:
    """One object of the firewall's configuration: its kind, its name, and the keys that shall have these values."""

    kind: str
    name: str
    body: Body


def is_ours(name: Any, prefix: str) -> bool:
    """Whether an object's name is one that this role gives; all others belong to somebody else."""
    made = r"(public|ingress|web|publish|(inside|loopback)-\d+\.\d+\.\d+\.\d+-\d+)"
    return isinstance(name, str) and re.fullmatch(re.escape(prefix) + made, name) is not None


def wanted(publishing: Publishing) -> list[Thing]:
    """Everything that the firewall shall hold, in the order in which one refers to another."""
    networks = [ipaddress.IPv4Network(network) for network in publishing.loopback_networks]
    objects = [
        _address(publishing.name("public"), publishing.wan_zone, {"host": {"ip": publishing.public_address}}),
        _address(publishing.name("ingress"), publishing.inside_zone, {"host": {"ip": publishing.ingress_address}}),
    ]
    for network in networks:
        selector = {"network": {"subnet": str(network.network_address), "mask": str(network.netmask)}}
        objects.append(_address(publishing.name(f"inside-{_in_a_name(network)}"), publishing.inside_zone, selector))
    policies = [_nat(publishing, "publish", publishing.wan_interface, {"any": True}, {"original": True})]
    for network in networks:  # the answer has to come back through the firewall, so the sender becomes the public address
        source = {"name": publishing.name(f"inside-{_in_a_name(network)}")}
        policies.append(_nat(publishing, f"loopback-{_in_a_name(network)}", "any", source, {"name": publishing.name("public")}))
    return [*objects, _group(publishing), *policies, _rule(publishing)]


def mistakes(publishing: Publishing) -> list[str]:
    """Every reason not to publish this, each with the variable that is wrong; empty when all is well."""
    found = []
    if not PREFIX.fullmatch(publishing.prefix):
        found.append(
            f"prefix: {publishing.prefix!r} is no prefix; give lower-case letters, digits and hyphens, a hyphen last: highstreetly-"
        )
    if not publishing.wan_interface or not publishing.wan_zone or not publishing.inside_zone:
        found.append("wan_interface, wan_zone and inside_zone: each must be given, for example X1, WAN and LAN")
    if publishing.wan_zone.casefold() == publishing.inside_zone.casefold():
        found.append(
            f"inside_zone: {publishing.inside_zone!r} is wan_zone too; the ingress address lies behind the firewall, for example in LAN"
        )
    return [*found, *_service_mistakes(publishing), *_address_mistakes(publishing), *_network_mistakes(publishing)]


def _service_mistakes(publishing: Publishing) -> list[str]:
    if not publishing.services:
        return ["services: nothing would be published; give HTTP, HTTPS or both"]
    others = [service for service in publishing.services if service not in PUBLISHED_SERVICES]
    why = "from outside only ports 80 and 443 are let in, and management never"
    found = [f"services: {service!r} is not published: {why}; give HTTP, HTTPS or both" for service in others]
    if len(set(publishing.services)) < len(publishing.services):
        found.append(f"services: {', '.join(publishing.services)} names one twice")
    return found


def _address_mistakes(publishing: Publishing) -> list[str]:
    found = []
    for key, value in (("public_address", publishing.public_address), ("ingress_address", publishing.ingress_address)):
        try:
            address = ipaddress.IPv4Address(value)
        except ValueError:
            found.append(f"{key}: {value!r} is no IPv4 address, for example 192.0.2.10")
            continue
        if address.is_loopback or address.is_multicast or address.is_unspecified:
            found.append(f"{key}: {value} cannot be the address of a machine")
        if value in (publishing.host, *publishing.managed_at):
            found.append(f"{key}: {value} is where the firewall itself is managed: that would show its management to the world")
    if publishing.public_address == publishing.ingress_address:
        found.append(f"ingress_address: {publishing.ingress_address} is public_address too; give the ingress's address inside")
    return found


def _network_mistakes(publishing: Publishing) -> list[str]:
    found = []
    for value in publishing.loopback_networks:
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError:
            found.append(f"loopback_networks: {value!r} is no IPv4 network without host bits, for example 192.0.2.0/24")
            continue
        if network.prefixlen < LOOPBACK_PREFIX_MIN:
            found.append(
                f"loopback_networks: {value} holds addresses of the internet; give the networks inside, at least /{LOOPBACK_PREFIX_MIN}"
            )
        elif _is_in(publishing.public_address, network):
            found.append(f"loopback_networks: {value} holds public_address {publishing.public_address}, which lies outside")
    if len(set(publishing.loopback_networks)) < len(publishing.loopback_networks):
        found.append(f"loopback_networks: {', '.join(publishing.loopback_networks)} names one twice")
    return found


def _is_in(address: str, network: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Address(address) in network
    except ValueError:  # told elsewhere
        return False


def _in_a_name(network: ipaddress.IPv4Network) -> str:
    return f"{network.network_address}-{network.prefixlen}"


def _address(name: str, zone: str, selector: Body) -> Thing:
    return Thing(ADDRESS, name, {"name": name, "zone": zone, **selector})


def _group(publishing: Publishing) -> Thing:
    name = publishing.name("web")
    members = [{"name": service} for service in publishing.services]
    return Thing(GROUP, name, {"name": name, "service_object": members, "service_group": []})


def _nat(publishing: Publishing, part: str, inbound: str, source: Body, translated_source: Body) -> Thing:
    name = publishing.name(part)
    body = {
        "name": name,
        "comment": COMMENT,
        "enable": True,
        "inbound": inbound,
        "outbound": "any",
        "source": source,
        "translated_source": translated_source,
        "destination": {"name": publishing.name("public")},
        "translated_destination": {"name": publishing.name("ingress")},
        "service": {"group": publishing.name("web")},
        "translated_service": {"original": True},
        "reflexive": False,
    }
    return Thing(NAT, name, body)


def _rule(publishing: Publishing) -> Thing:
    """A rule sees a packet before its destination is translated, so it names the public address, and the zone behind it."""
    name = publishing.name("publish")
    body = {
        "name": name,
        "comment": COMMENT,
        "enable": True,
        "from": publishing.wan_zone,
        "to": publishing.inside_zone,
        "action": "allow",
        "source": {"address": {"any": True}, "port": {"any": True}},
        "destination": {"address": {"name": publishing.name("public")}},
        "service": {"group": publishing.name("web")},
        "schedule": {"always_on": True},
        "users": {"included": {"all": True}, "excluded": {"none": True}},
        "logging": True,
        "management": False,
        "reflexive": False,
    }
    return Thing(RULE, name, body)
