"""The ingress controller: every request from outside goes through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components import charts, tokens
from settings.environment import IngressController as IngressControllerSettings

NAMESPACE = "traefik"
CLASS = "traefik"
HTTP_PORT = 8000
HTTPS_PORT = 8443
READ_TIMEOUT_SECONDS = 60
"""How long a request may take to arrive whole."""
IDLE_TIMEOUT_SECONDS = 180
HEADER_BYTES_MAX = 32 * 1024

# Mozilla's "intermediate" (https://wiki.mozilla.org/Security/Server_Side_TLS): forward secrecy and authenticated encryption only.
CIPHER_SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
)


@dataclass(frozen=True, kw_only=True)
class IngressControllerArgs:
    """The settings of the ingress controller."""

    settings: IngressControllerSettings


class IngressController(pulumi.ComponentResource):
    """Traefik in its own namespace, with its IngressClass, its types, and no dashboard; only its two doors can be reached."""

    def __init__(self, name: str, args: IngressControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.INGRESS_CONTROLLER, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace = charts.namespace(NAMESPACE, "restricted", child)
        self._create_network_policy(name, namespace.metadata.name)
        self.release = charts.release(NAMESPACE, args.settings.traefik, namespace, chart_values(args.settings), child)
        self.register_outputs({"class": CLASS})

    def _create_network_policy(self, name: str, namespace: pulumi.Input[str]) -> None:
        ports = [NetworkPolicyPortArgs(port=port, protocol="TCP") for port in (HTTP_PORT, HTTPS_PORT)]
        NetworkPolicy(
            f"{name}-doors",
            metadata=ObjectMetaArgs(name="doors", namespace=namespace),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(), policy_types=["Ingress"], ingress=[NetworkPolicyIngressRuleArgs(ports=ports)]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def chart_values(settings: IngressControllerSettings) -> dict[str, Any]:
    """The chart's values (https://github.com/traefik/traefik-helm-chart/blob/master/traefik/VALUES.md)."""
    proxies = {"trustedIPs": [str(network) for network in settings.trusted_proxies]}
    timeouts = {"readTimeout": f"{READ_TIMEOUT_SECONDS}s", "idleTimeout": f"{IDLE_TIMEOUT_SECONDS}s"}
    redirect = {"entryPoint": {"to": "websecure", "scheme": "https", "permanent": True}}
    return {
        "deployment": {"replicas": settings.replicas},
        "podDisruptionBudget": {"enabled": settings.replicas > 1, "minAvailable": 1 if settings.replicas > 1 else None},
        "topologySpreadConstraints": spread(),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "ingressClass": {"enabled": True, "isDefaultClass": True, "name": CLASS},
        "providers": {
            "kubernetesCRD": {"defaultTLSResourcesNamespace": NAMESPACE},
            "kubernetesIngress": {"strictPrefixMatching": True, "publishedService": {"enabled": settings.address is not None}},
        },
        "accessLog": {"enabled": True, "format": "json", "fields": {"queryParameters": {"defaultMode": "drop"}}},
        "ports": {
            "web": {
                "nodePort": settings.http_node_port,
                "http": {"redirections": redirect},
                "forwardedHeaders": proxies,
                "transport": {"respondingTimeouts": timeouts},
            },
            "websecure": {
                "nodePort": settings.https_node_port,
                "http": {"tls": {"enabled": True}, "maxHeaderBytes": HEADER_BYTES_MAX},
                "forwardedHeaders": proxies,
                "transport": {"respondingTimeouts": timeouts},
            },
        },
        # sniStrict: a name without a certificate is refused, instead of answered with one that nobody signed.
        "tlsOptions": {"default": {"minVersion": "VersionTLS12", "cipherSuites": list(CIPHER_SUITES), "sniStrict": True}},
        "service": service_values(settings),
    }


def service_values(settings: IngressControllerSettings) -> dict[str, Any]:
    """An address of the load balancer, or ports of every node; the sender's address stays visible either way."""
    if settings.address is None:
        return {"spec": {"type": "NodePort", "externalTrafficPolicy": "Local" if settings.replicas == 1 else "Cluster"}}
    return {
        "annotations": {"metallb.io/loadBalancerIPs": str(settings.address)},
        "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
    }


def spread() -> list[dict[str, Any]]:
    """Spread the replicas over hosts (zones) and nodes where there are several."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "traefik"}},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
