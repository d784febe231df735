"""What stands for the world outside: DigitalOcean with its name servers, and an ACME server in Let's Encrypt's place."""

from __future__ import annotations

from local.acme import container as acme_container
from local.acme import image as acme_image
from local.digitalocean import container as digitalocean_container
from local.digitalocean import image as digitalocean_image
from local.estate import Estate
from local.toolchain import Toolchain
from ops import console
from ops.process import run


def prepare(toolchain: Toolchain) -> None:
    """Have the engine hold the images of both."""
    digitalocean_image.ensure_image()
    acme_image.ensure_image(toolchain)


def start(estate: Estate, toolchain: Toolchain) -> None:
    """Start both and wait until they answer; a new ACME root makes the estate's older certificates be issued again."""
    with console.step("Starting DigitalOcean's and Let's Encrypt's emulators"):
        digitalocean_container.start(estate)
        acme_container.start(estate, toolchain)
        digitalocean_container.wait_until_healthy(estate)
        acme_container.wait_until_healthy(estate)
        root = acme_container.root_certificate(estate)
        if estate.acme_root.exists() and estate.acme_root.read_text() != root:
            forget_certificates(estate)
        estate.acme_root.write_text(root)


def forget_certificates(estate: Estate) -> None:
    """Delete what the ACME server's former life issued: it keeps accounts and its root in memory, and nobody trusts that root any more."""
    kubectl = ["kubectl", "--kubeconfig", str(estate.kubeconfig), "--request-timeout=20s"]
    issued = ["--all-namespaces", "--selector", "controller.cert-manager.io/fao=true", "--field-selector", "type=kubernetes.io/tls"]
    run([*kubectl, "delete", "secrets", *issued], check=False)
    run([*kubectl, "delete", "secrets", "--namespace", "cert-manager", "letsencrypt-account", "letsencrypt-staging-account"], check=False)


def delete(estate: Estate) -> None:
    """Remove both, with the zones they hold."""
    digitalocean_container.delete(estate)
    acme_container.delete(estate)


__all__ = ["delete", "forget_certificates", "prepare", "start"]
