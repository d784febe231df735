"""A host that cannot be reached is told by its name, and what to check; the others go on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from esxi.reach import unreachable
from settings.datacenter.model import EsxiHost


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def host(address: str = "127.0.0.1", *, probed: bool = True) -> EsxiHost:
    return EsxiHost.model_validate(
        {
            "address": address,
            "probed": probed,
            "cpu_threads": 1,
            "memory_mib": 16384,
            "datastores": {"ssd": {"capacity_gib": 1}},
            "templates": ["debian"],
        }
    )


def test_a_host_that_answers_at_every_port_is_no_matter(open_port: int) -> None:
    assert unreachable({"esxi1": host()}, {open_port: "SSH"}) == {}


def test_a_host_that_does_not_answer_is_named_with_its_address_and_port_and_what_to_check(open_port: int, closed_port: int) -> None:
    found = unreachable({"esxi1": host(), "esxi2": host()}, {open_port: "SSH", closed_port: "HTTPS"})
    assert list(found) == ["esxi1", "esxi2"]
    assert found["esxi2"].startswith(
        f"The ESXi host esxi2 cannot be reached at 127.0.0.1, port {closed_port} (HTTPS): Connection refused. Nothing of it was touched."
    )
    assert f"port {open_port}" not in found["esxi2"]
    assert "SSH is turned on" in found["esxi2"]


def test_a_name_that_leads_nowhere_is_no_stack_trace(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    def fail(*_: object, **__: object) -> socket.socket:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", fail)
    assert "(SSH): Name or service not known" in unreachable({"esxi1": host("esxi1.invalid")}, {closed_port: "SSH"})["esxi1"]


def test_what_is_no_esxi_host_is_not_tried(closed_port: int) -> None:
    assert unreachable({"local": host(probed=False)}, {closed_port: "SSH"}) == {}
