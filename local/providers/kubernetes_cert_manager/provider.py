"""The component provider: cert-manager as one Helm release."""

from __future__ import annotations

import sys
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import main
from typing_extensions import override

from local.providers.kubernetes_cert_manager import VERSION
from local.providers.kubernetes_cert_manager.release import release_options

TOKEN = "kubernetes-cert-manager:index:CertManager"


class CertManager(pulumi.ComponentResource):
    """The component as the official plugin makes it: one release named after it, whose status is its own."""

    def __init__(self, name: str, inputs: Any, opts: pulumi.ResourceOptions) -> None:
        super().__init__(TOKEN, name, {}, opts)
        # The release alone: importing the whole kubernetes SDK costs twice as much as the plugin's start.
        from pulumi_kubernetes.helm.v3 import Release

        release = Release(f"{name}-helm", opts=pulumi.ResourceOptions(parent=self), **release_options(inputs))
        self.status = release.status
        self.register_outputs({"status": self.status})


class CertManagerProvider(Provider):
    """Constructs the package's one component."""

    @override
    def construct(self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None) -> ConstructResult:
        """Make a CertManager; raises RunError for any other type."""
        if resource_type != TOKEN:
            raise pulumi.RunError(f"{resource_type} is no component of this package; there is {TOKEN}")
        component = CertManager(name, inputs, options or pulumi.ResourceOptions())
        return ConstructResult(urn=component.urn, state={"status": component.status})


def serve(arguments: list[str]) -> None:
    """Run the plugin until the engine ends it; ``arguments`` are the engine's own."""
    sys.argv = [sys.argv[0], *arguments]
    main(CertManagerProvider(VERSION), arguments)
