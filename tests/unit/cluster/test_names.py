"""CoreDNS answers for the world outside before it asks anybody else."""

from __future__ import annotations

import json

import pytest

from local.cluster.names import changed_config_map, corefile_with

KUBEADM = """.:53 {
    errors
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    forward . /etc/resolv.conf
}
"""
ADDRESSES = {"api.digitalocean.com": "172.30.0.12"}


def test_the_names_come_before_everything_that_answers() -> None:
    lines = corefile_with(KUBEADM, ADDRESSES).splitlines()
    assert lines.index("        172.30.0.12 api.digitalocean.com") < lines.index("    kubernetes cluster.local in-addr.arpa ip6.arpa {")
    assert "        fallthrough" in lines, "every other name must still be answered"


def test_a_second_time_changes_nothing() -> None:
    once = corefile_with(KUBEADM, ADDRESSES)
    assert corefile_with(once, ADDRESSES) == once


def test_a_corefile_that_is_not_kubeadms_is_refused() -> None:
    with pytest.raises(ValueError, match="no kubernetes plugin"):
        corefile_with(".:53 {\n}\n", ADDRESSES)


def test_the_config_map_keeps_what_else_is_in_it() -> None:
    changed = json.loads(changed_config_map(json.dumps({"metadata": {"name": "coredns"}, "data": {"Corefile": KUBEADM}}), ADDRESSES))
    assert changed["metadata"] == {"name": "coredns"}
    assert "api.digitalocean.com" in changed["data"]["Corefile"]
