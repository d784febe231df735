#!/usr/bin/python
"""Ansible module: a SonicOS firewall publishes one address, exactly as configured."""

from __future__ import annotations

import os
import signal
import socket
from types import FrameType
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible.module_utils.sonicos_client import Access, FirewallError, Session, session
from ansible.module_utils.sonicos_plan import Change, exposed, ours_in, plan, text
from ansible.module_utils.sonicos_wanted import Publishing, Thing, mistakes, wanted

DOCUMENTATION = r"""
module: sonicos
short_description: Publish an ingress address through a SonicWall firewall
description:
  - Makes address objects, a service group, NAT policies and an access rule of a SonicOS 7 firewall be as given, through its REST API.
  - Everything is staged and committed as one; on any failure nothing changes and the session is released.
  - Only objects with the names that this module gives are changed or removed.
options:
  host: {description: Address or name that the firewall is managed at, type: str, required: true}
  port: {description: Port of its HTTPS management, type: int, default: 443}
  username: {description: Administrator with full rights, type: str, required: true}
  password: {description: Password; by default the environment variable SONICWALL_PASSWORD, type: str}
  ca_certificate_file: {description: PEM file of the CA of the firewall's certificate, type: path}
  certificate_sha256: {description: SHA-256 fingerprint of the firewall's own certificate, type: str}
  timeout_seconds: {description: How long one request may take, type: int, default: 30}
  preempt: {description: Whether to take over from an administrator who is changing the firewall, type: bool, default: false}
  state: {description: Whether the address is published, type: str, choices: [present, absent], default: present}
  prefix: {description: What the names of all objects begin with, type: str, required: true}
  public_address: {description: Address outside, type: str, required: true}
  ingress_address: {description: Address inside that ports 80 and 443 lead to, type: str, required: true}
  services: {description: The firewall's service objects that are let in, type: list, elements: str, default: [HTTP, HTTPS]}
  wan_zone: {description: Zone outside, type: str, required: true}
  wan_interface: {description: Interface that packets from outside come in at, type: str, required: true}
  inside_zone: {description: Zone of the ingress address, type: str, required: true}
  loopback_networks: {description: Networks inside that reach the public address too, type: list, elements: str, default: []}
"""


class StoppedError(Exception):
    """A signal asked this run to end: what it began is undone on the way out."""


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exception once; the cleaning up that follows is not disturbed by another."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise StoppedError(f"stopped by {signal.Signals(number).name}")


def managed_at(host: str) -> list[str]:
    """The addresses that a host's name stands for; none for a name that nobody knows, which the connection will tell."""
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None)})
    except OSError:
        return []


def publishing(given: dict[str, Any]) -> Publishing:
    """What is to be published, from the module's options."""
    names = (
        "host",
        "prefix",
        "public_address",
        "ingress_address",
        "wan_zone",
        "wan_interface",
        "inside_zone",
        "services",
        "loopback_networks",
    )
    return Publishing(managed_at=managed_at(given["host"]), **{name: given[name] for name in names})


def access(given: dict[str, Any]) -> Access:
    """How to reach the firewall, from the module's options."""
    names = ("host", "port", "username", "password", "timeout_seconds", "ca_certificate_file", "certificate_sha256")
    return Access(**{name: given[name] for name in names})


def matched(opened: Session, given: dict[str, Any], things: list[Thing], check: bool) -> dict[str, Any]:
    """Have the firewall hold ``things``, or with ``check`` say what would change; raises FirewallError."""
    may_change = opened.sign_in(preempt=given["preempt"] and not check)
    opened.require_version()
    open_doors = exposed(opened.interfaces(), given["wan_zone"], given["wan_interface"]) if things else []
    if open_doors:
        raise FirewallError(
            f"Nothing was published, because of what the firewall at {given['host']} has: {'; '.join(open_doors)}. Turn management off "
            "there (Network > Interfaces) or correct sonicwall_wan_interface and sonicwall_wan_zone, then run the same command again."
        )
    found = opened.found()
    changes = plan(things, found, given["prefix"])
    if changes and not check:
        if not may_change:
            raise opened.locked()
        opened.commit(changes)
        require_none(plan(things, opened.found(), given["prefix"]), given["host"])
    before = text(ours_in(things, found, given["prefix"]))
    names = {"before_header": f"{given['host']} (as it is)", "after_header": f"{given['host']} (as configured)"}
    return {
        "changed": bool(changes),
        "changes": [change.words for change in changes],
        "diff": {"before": before, "after": text(things) if changes else before, **names},
    }


def require_none(changes: list[Change], host: str) -> None:
    """Raise FirewallError when the firewall committed the changes and is still not as configured."""
    if changes:
        left = "; ".join(change.words for change in changes)
        raise FirewallError(f"The firewall at {host} committed every change and is still not as configured ({left}). Look at these there.")


def main() -> None:
    """Read the options, refuse what may not be, and bring the firewall there."""
    texts = ("username", "prefix", "public_address", "ingress_address", "wan_zone", "wan_interface", "inside_zone", "host")
    options: dict[str, Any] = {name: {"type": "str", "required": True} for name in texts}
    options |= {
        "port": {"type": "int", "default": 443},
        "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SONICWALL_PASSWORD"])},
        "ca_certificate_file": {"type": "path"},
        "certificate_sha256": {"type": "str"},
        "timeout_seconds": {"type": "int", "default": 30},
        "preempt": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "services": {"type": "list", "elements": "str", "default": ["HTTP", "HTTPS"]},
        "loopback_networks": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    given = module.params
    wrong = mistakes(publishing(given)) + access_mistakes(given)
    if wrong:
        module.fail_json(msg="\n".join(["The firewall was not contacted:", *(f"- sonicwall_{line}" for line in wrong)]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    things = wanted(publishing(given)) if given["state"] == "present" else []
    warnings: list[str] = []
    try:
        with session(access(given), warnings) as opened:
            result = matched(opened, given, things, module.check_mode)
    except (FirewallError, StoppedError) as error:
        result = {"failed": True, "msg": str(error)}
    for warning in warnings:
        module.warn(warning)
    (module.fail_json if "failed" in result else module.exit_json)(**result)


def access_mistakes(given: dict[str, Any]) -> list[str]:
    """What is wrong with how the firewall is reached."""
    found = []
    if bool(given["ca_certificate_file"]) == bool(given["certificate_sha256"]):
        found.append("ca_certificate_file, sonicwall_certificate_sha256: give one of them; the firewall's certificate is always checked")
    digits = (given["certificate_sha256"] or "").replace(":", "").lower()
    if digits and (len(digits) != 64 or set(digits) - set("0123456789abcdef")):
        found.append("certificate_sha256: not 64 hexadecimal digits, with or without colons")
    if given["ca_certificate_file"] and not os.path.isfile(given["ca_certificate_file"]):
        found.append(f"ca_certificate_file: {given['ca_certificate_file']} is not there")
    if not given["password"]:
        found.append("password: the environment variable SONICWALL_PASSWORD is empty")
    if not given["host"]:
        found.append("address: empty; give the address that the firewall is managed at")
    return found


if __name__ == "__main__":
    main()
