"""The names outside that the cluster finds in the local estate: its CoreDNS answers for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FIRST_PLUGIN = "    kubernetes "


def corefile_with(corefile: str, addresses: Mapping[str, str]) -> str:
    """A Corefile whose server answers for ``addresses`` before it asks anybody else; unchanged where it does already.

    Raises ValueError for a Corefile without the kubernetes plugin, which is not kubeadm's.
    """
    lines = "".join(f"        {address} {name}\n" for name, address in sorted(addresses.items()))
    block = f"    hosts {{\n{lines}        fallthrough\n    }}\n"
    if block in corefile:
        return corefile
    before, found, after = corefile.partition(FIRST_PLUGIN)
    if not found:
        raise ValueError("the Corefile has no kubernetes plugin")
    return f"{before}{block}{found}{after}"


def changed_config_map(config_map: str, addresses: Mapping[str, str]) -> str:
    """CoreDNS's ConfigMap as JSON, with the names in it."""
    found: dict[str, Any] = json.loads(config_map)
    found["data"]["Corefile"] = corefile_with(found["data"]["Corefile"], addresses)
    return json.dumps(found)
