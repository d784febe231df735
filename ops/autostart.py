"""What has an ESXi host start its machines in order after a loss of power: a script for its own shell, as the plugin cannot set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.errors import InputError
from settings.errors import nearest

START_SECONDS, STOP_SECONDS = 30, 60
"""How long the host waits after each machine before it starts the next one, and for a guest to shut down."""
SCRIPT = """\
#!/bin/sh
# Has this host start its machines in this order after a loss of power. Run it on {host}; again after every change.
set -eu
here=$(vim-cmd vmsvc/getallvms)
place=0
start() {{
    id=$(printf '%s\\n' "$here" | awk -v name="$1" '$2 == name {{print $1}}')
    [ -n "$id" ] || {{ echo "$1 is not on this host: pulumi up --cwd esxi makes it" >&2; exit 1; }}
    place=$((place + 1))
    vim-cmd hostsvc/autostartmanager/update_autostartentry "$id" PowerOn {start} "$place" guestShutdown {stop} systemDefault
}}
vim-cmd hostsvc/autostartmanager/enable_autostart true
{machines}
"""


def autostart(outputs: Mapping[str, Any], host: str) -> str:
    """The script for one host, from the outputs of the datacenter's stack; raises InputError for a host that is not there."""
    order: Mapping[str, list[str]] = outputs.get("boot_order") or {}
    if host not in order:
        raise InputError(f"There is no host {host!r}.", why=nearest(host, order), remedy="./hs inventory --autostart HOST")
    machines = "\n".join(f"start {machine}" for machine in order[host])
    return SCRIPT.format(host=host, start=START_SECONDS, stop=STOP_SECONDS, machines=machines)


__all__ = ["autostart"]
