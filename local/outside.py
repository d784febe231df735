"""What stands for the world outside: DigitalOcean with its name servers and its object storage, an ACME server, a container registry and an
OTLP endpoint. The latter three are in the places of Let's Encrypt, Docker Hub and New Relic.
"""

from __future__ import annotations

import tenacity

from local.acme import container as acme_container
from local.addons import program_image
from local.digitalocean import container as digitalocean_container
from local.digitalocean import image as digitalocean_image
from local.estate import Estate
from local.newrelic import container as newrelic_container
from local.registry import container as registry_container
from local.spaces import container as spaces_container
from local.toolchain import Toolchain
from ops import console
from ops.process import run

ACCOUNT_SECONDS = 60
"""How long cert-manager may take to register its accounts anew."""


def prepare(toolchain: Toolchain) -> None:
    """Have the engine hold the images of all but New Relic's, which the cluster has too."""
    digitalocean_image.ensure_image()
    for container in (acme_container, registry_container, spaces_container):
        program_image.ensure_own(toolchain, container.PROGRAM)


def start(estate: Estate, toolchain: Toolchain) -> None:
    """Start all of them and wait until they answer; a new ACME root makes the estate's older certificates be issued again."""
    with console.step("Starting what stands for DigitalOcean, Let's Encrypt and Docker Hub"):
        digitalocean_container.start(estate)
        acme_container.start(estate, toolchain)
        registry_container.start(estate, toolchain)
        spaces_container.start(estate, toolchain)
        newrelic_container.start(estate, toolchain)
        digitalocean_container.wait_until_healthy(estate)
        acme_container.wait_until_healthy(estate)
        registry_container.wait_until_healthy(estate)
        spaces_container.wait_until_healthy(estate)
        newrelic_container.wait_until_healthy(estate)
        root = acme_container.root_certificate(estate)
        if estate.acme_root.exists() and estate.acme_root.read_text() != root:
            forget_certificates(estate)
        estate.acme_root.write_text(root)


def forget_certificates(estate: Estate) -> None:
    """Delete what the ACME server's former life issued: it keeps accounts and its root in memory, and nobody trusts that root any more.

    The accounts go first, and are there again before a certificate is asked for: an order of an unknown account waits for an hour.
    """
    kubectl = ["kubectl", "--kubeconfig", str(estate.kubeconfig), "--request-timeout=20s"]
    former = _accounts(kubectl)
    accounts = [f"{issuer}-account" for issuer in former]
    run([*kubectl, "delete", "secrets", "--namespace", "cert-manager", "--ignore-not-found", *accounts], check=False)
    retry = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda accounts: any(accounts.get(issuer) in ("", former[issuer]) for issuer in former)),
        stop=tenacity.stop_after_delay(ACCOUNT_SECONDS),
        wait=tenacity.wait_fixed(0.5),
        retry_error_callback=lambda _state: {},
    )
    retry(_accounts, kubectl)
    issued = ["--all-namespaces", "--selector", "controller.cert-manager.io/fao=true", "--field-selector", "type=kubernetes.io/tls"]
    run([*kubectl, "delete", "secrets", *issued], check=False)


def _accounts(kubectl: list[str]) -> dict[str, str]:
    """Each issuer's account at the ACME server; none where the cluster does not answer."""
    form = "jsonpath={range .items[*]}{.metadata.name}={.status.acme.uri}{'\\n'}{end}"
    found = run([*kubectl, "get", "clusterissuers", "--output", form], check=False)
    return dict(line.split("=", 1) for line in found.stdout.splitlines() if "=" in line) if found.returncode == 0 else {}


def delete(estate: Estate) -> None:
    """Remove all of them, with the zones, images and backups they hold."""
    digitalocean_container.delete(estate)
    acme_container.delete(estate)
    registry_container.delete(estate)
    spaces_container.delete(estate)
    newrelic_container.delete(estate)


__all__ = ["delete", "forget_certificates", "prepare", "start"]
