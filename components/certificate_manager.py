"""cert-manager and the issuers that certify the platform's names."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes_cert_manager as cert_manager
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, EnvVarArgs, ResourceRequirementsArgs, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import charts, naming, tokens
from settings.environment import Certificates, Issuer

NAMESPACE = "cert-manager"
TOKEN_KEY = "access-token"
CA_FOLDER = "/etc/digitalocean-ca"
RESOURCES = ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "48Mi"}, limits={"memory": "256Mi"})


@dataclass(frozen=True, kw_only=True)
class CertificateManagerArgs:
    """``zones`` are those whose names are certified; ``authorities`` the content of the CA files that the settings name, by path."""

    settings: Certificates
    zones: tuple[str, ...]
    digitalocean_token: pulumi.Input[str]
    authorities: Mapping[str, str]


class CertificateManager(pulumi.ComponentResource):
    """cert-manager in its own namespace:

    - the token that writes challenges into the zones
    - cert-manager by the official package, on its official chart
    - a ClusterIssuer for each ACME server, through DNS01
    """

    def __init__(self, name: str, args: CertificateManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.CERTIFICATE_MANAGER, name, None, opts)
        self.args = args
        self.child = pulumi.ResourceOptions(parent=self)
        self.namespace = charts.namespace(NAMESPACE, "restricted", self.child)
        self.token = self._create_token()
        self.installed = self._install(name, self._create_authorities())
        for issuer, settings in args.settings.issuers.items():
            self._create_issuer(issuer, settings)
        self.register_outputs({"issuers": list(args.settings.issuers)})

    def _create_token(self) -> Secret:
        return Secret(
            "digitalocean-token",
            metadata=ObjectMetaArgs(namespace=self.namespace.metadata.name, labels=naming.labels("digitalocean", "token")),
            immutable=True,
            string_data={TOKEN_KEY: self.args.digitalocean_token},
            opts=self.child,
        )

    def _create_authorities(self) -> ConfigMap | None:
        path = self.args.settings.ca_certificate_file
        if path is None:
            return None
        return ConfigMap(
            "digitalocean-ca",
            metadata=ObjectMetaArgs(namespace=self.namespace.metadata.name, labels=naming.labels("digitalocean", "ca")),
            immutable=True,
            data={"ca.crt": self.args.authorities[path]},
            opts=self.child,
        )

    def _install(self, name: str, authorities: ConfigMap | None) -> cert_manager.CertManager:
        settings = self.args.settings
        release = cert_manager.ReleaseArgs(
            name=NAMESPACE,
            chart=settings.cert_manager.chart,
            version=settings.cert_manager.version,
            # Unsaid, the package's own: it would look for an oci:// reference and for a folder there.
            repository_opts=cert_manager.RepositoryOptsArgs(repo=settings.cert_manager.repository or ""),
            namespace=self.namespace.metadata.name,
            timeout=charts.INSTALL_TIMEOUT_SECONDS,
            values=chart_values(settings, authorities.metadata.name if authorities else None),
        )
        # In its own namespace, and so gone with it: a lease that was left in kube-system holds up the next installation.
        leases = cert_manager.CertManagerGlobalLeaderElectionArgs(namespace=NAMESPACE)
        # Without a provider of ours the package's component asks for the kubernetes plugin of the SDK that it was built with (4.22.0).
        # It is the same with the variable that a deploy sets and without it, by hand.
        kubernetes = Provider(f"{name}-kubernetes", enable_patch_force=True, opts=self.child)
        return cert_manager.CertManager(
            name,
            helm_options=release,
            # The chart's values that the package has arguments for: it drops them where they stand among the others.
            prometheus=cert_manager.CertManagerPrometheusArgs(enabled=False),
            global_=cert_manager.CertManagerGlobalArgs(leader_election=leases),
            resources=RESOURCES,
            webhook=cert_manager.CertManagerWebhookArgs(resources=RESOURCES),
            cainjector=cert_manager.CertManagerCaInjectorArgs(resources=RESOURCES),
            extra_env=[EnvVarArgs(name="SSL_CERT_FILE", value=f"{CA_FOLDER}/ca.crt")] if authorities else None,
            opts=pulumi.ResourceOptions(parent=self, providers=[kubernetes]),
        )

    def _create_issuer(self, issuer: str, settings: Issuer) -> None:
        CustomResource(
            f"issuer-{issuer}",
            api_version="cert-manager.io/v1",
            kind="ClusterIssuer",
            metadata=ObjectMetaArgs(name=issuer, labels=naming.labels(issuer, "issuer")),
            spec={"acme": self._acme(issuer, settings)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.installed]),
        )

    def _acme(self, issuer: str, settings: Issuer) -> dict[str, Any]:
        solver = {
            "selector": {"dnsZones": list(self.args.zones)},
            "dns01": {"digitalocean": {"tokenSecretRef": {"name": self.token.metadata.name, "key": TOKEN_KEY}}},
            # In place of cert-manager's own look-ups and the minute it sleeps after them: https://cert-manager.io/docs/configuration/acme/dns01/
            "waitInsteadOfSelfCheck": f"{settings.propagation_seconds}s",
        }
        acme: dict[str, Any] = {
            "server": settings.server,
            "email": settings.email,
            "privateKeySecretRef": {"name": f"{issuer}-account"},
            "solvers": [solver],
        }
        if settings.ca_certificate_file:
            acme["caBundle"] = base64.b64encode(self.args.authorities[settings.ca_certificate_file].encode()).decode()
        return acme


def chart_values(settings: Certificates, authorities: pulumi.Input[str] | None) -> dict[str, Any]:
    """The chart's values that the package has no arguments for (https://cert-manager.io/docs/installation/helm/)."""
    values: dict[str, Any] = {
        "crds": {"enabled": True, "keep": True},  # deleting them would delete every certificate of the cluster
        "dns01RecursiveNameservers": ",".join(with_port(server) for server in settings.nameservers),
        "dns01RecursiveNameserversOnly": True,
    }
    if authorities is not None:
        values |= {
            "volumes": [{"name": "digitalocean-ca", "configMap": {"name": authorities}}],
            "volumeMounts": [{"name": "digitalocean-ca", "mountPath": CA_FOLDER, "readOnly": True}],
        }
    return values


def with_port(server: str) -> str:
    """A name server with its port."""
    return server if ":" in server else f"{server}:53"
