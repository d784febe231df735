"""The address plan of the estate's network."""

from __future__ import annotations

import ipaddress
import re

import pytest

from local.estate import MACHINES, Estate, EstateFile
from local.machines.image import pins
from local.network import address_plan


def estate(subnet: str) -> Estate:
    """An estate in ``subnet``."""
    return Estate(EstateFile(name="scratch", subnet=ipaddress.IPv4Network(subnet)))


@pytest.mark.parametrize("subnet", ["172.30.0.0/24", "10.1.2.0/27", "172.20.0.0/16"])
def test_no_node_can_be_given_a_machines_address(subnet: str) -> None:
    gateway, dynamic = address_plan(ipaddress.IPv4Network(subnet))
    fixed = [estate(subnet).address(name) for name in MACHINES]
    assert gateway not in dynamic
    assert [address for address in fixed if address in dynamic or address == gateway] == []


def test_machines_have_addresses_of_their_own() -> None:
    addresses = [estate("172.30.8.0/24").address(name) for name in MACHINES]
    assert [str(address) for address in addresses] == ["172.30.8.10", "172.30.8.11"]


def test_the_image_is_named_by_what_it_is_built_from() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", pins())
