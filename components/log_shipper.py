"""The log shipper: an OpenTelemetry Collector on every node that sends the platform's lines to New Relic."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HostPathVolumeSourceArgs,
    HTTPGetActionArgs,
    Namespace,
    ObjectFieldSelectorArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    SeccompProfileArgs,
    Secret,
    SecretKeySelectorArgs,
    SecurityContextArgs,
    ServiceAccount,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicyEgressRuleArgs, NetworkPolicyPortArgs, NetworkPolicySpecArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components import charts, naming, pods, tokens
from settings.log_shipping import FAILED, LogShipping
from settings.masks import PERSONAL, SECRETS

NAMESPACE = "log-shipper"
NAME = "log-shipper"
LOGS, STATE, CONFIGURATION = "/var/log/pods", "/var/lib/log-shipper", "/etc/otelcol"
"""Where the kubelet keeps pods' lines; where a node keeps how far they were read and what is not yet sent; the settings."""
HEAP_PERCENT = 60
"""Of the memory limit: from there on Go collects its garbage sooner (https://go.dev/doc/gc-guide#Memory_limit)."""
HEALTH_PORT = 13133
DNS_PORTS = [NetworkPolicyPortArgs(protocol=protocol, port=53) for protocol in ("UDP", "TCP")]
API_PORTS = (443, 6443)
"""The API server's, before and after a Service's address is translated."""
BATCH_BYTES_MAX = 900_000
"""New Relic takes requests of 1 MB: https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/#payload-limits."""
MEBIBYTE = 1024 * 1024
ROLES = "-(api|receiver|migration)$"
"""How the name of a bounded context's service ends (settings/catalogue.py)."""
LABELS = {"service.name": "app.kubernetes.io/name", "service.version": "app.kubernetes.io/version"}
"""Attributes of a line, by OpenTelemetry's semantic conventions, and the label of its pod that says them."""

KUBELETS = ("log.file.path", "log.iostream", "logtag", "time")
"""Attributes of a line that the kubelet decides and no program: with `LABELS` those that hold nothing to mask: a quarter of the work."""


@dataclass(frozen=True, kw_only=True)
class LogShipperArgs:
    """The settings; ``authority`` is the certificate that they name, in PEM form, or nothing."""

    settings: LogShipping
    license_key: pulumi.Input[str]
    authority: str = ""


class LogShipper(pulumi.ComponentResource):
    """What ships the platform's lines:

    - Namespace under Pod Security `privileged`: the lines and the queue lie on the node
    - Secret with the licence key, ConfigMap with the collector's settings
    - ServiceAccount that may read pods and namespaces, for their labels, and nothing else
    - DaemonSet of the collector, and a NetworkPolicy: nobody connects to it, and it reaches name service, API server and endpoint
    """

    def __init__(self, name: str, args: LogShipperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.LOG_SHIPPER, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        self.labels = naming.labels(NAME, "addon")
        namespace = charts.namespace(NAMESPACE, "privileged", self.child)
        self.metadata = ObjectMetaArgs(name=NAME, namespace=namespace.metadata.name, labels=self.labels)
        content = {"config.yaml": yaml.safe_dump(configuration(args.settings), sort_keys=False), "ca.crt": args.authority}
        config = ConfigMap(f"{name}-config", metadata=self.metadata, data=content, opts=self.child)
        key = self._create_key(name, args.license_key)
        account = self._create_account(name, namespace)
        self._create_policy(name, args.settings)
        digest = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
        pod = PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=self.labels, annotations={"highstreet.ly/settings": digest}),
            spec=PodSpecArgs(
                service_account_name=account.metadata.name,
                automount_service_account_token=True,
                security_context=PodSecurityContextArgs(run_as_user=0, seccomp_profile=SeccompProfileArgs(type="RuntimeDefault")),
                containers=[container(args.settings, key.metadata.name)],
                volumes=volumes(config.metadata.name),
            ),
        )
        selector = LabelSelectorArgs(match_labels=naming.selector(NAME))
        self.daemons = DaemonSet(
            f"{name}-daemons", metadata=self.metadata, spec=DaemonSetSpecArgs(selector=selector, template=pod), opts=self.child
        )
        self.register_outputs({"endpoint": args.settings.url})

    def _create_key(self, name: str, license_key: pulumi.Input[str]) -> Secret:
        # Immutable and named by Pulumi: the pods read the key when they start, so that another key must be another name (decision 8).
        metadata = ObjectMetaArgs(namespace=self.metadata.namespace, labels=self.labels)
        return Secret(f"{name}-key", metadata=metadata, string_data={"license-key": license_key}, immutable=True, opts=self.child)

    def _create_account(self, name: str, namespace: Namespace) -> ServiceAccount:
        account = ServiceAccount(f"{name}-account", metadata=self.metadata, automount_service_account_token=False, opts=self.child)
        read = PolicyRuleArgs(api_groups=[""], resources=["pods", "namespaces"], verbs=["get", "list", "watch"])
        metadata = ObjectMetaArgs(name=NAME, labels=self.labels)
        role = ClusterRole(f"{name}-role", metadata=metadata, rules=[read], opts=self.child)
        ClusterRoleBinding(
            f"{name}-binding",
            metadata=metadata,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=NAME, namespace=namespace.metadata.name)],
            opts=self.child,
        )
        return account

    def _create_policy(self, name: str, settings: LogShipping) -> None:
        ports = [*DNS_PORTS, *(NetworkPolicyPortArgs(protocol="TCP", port=port) for port in (*API_PORTS, settings.port))]
        spec = NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"], egress=[NetworkPolicyEgressRuleArgs(ports=ports)]
        )
        NetworkPolicy(f"{name}-policy", metadata=self.metadata, spec=spec, opts=self.child)


def container(settings: LogShipping, key: pulumi.Input[str]) -> ContainerArgs:
    """The collector: root without any capability but that of reading what the kubelet wrote."""
    probe = HTTPGetActionArgs(path="/", port=HEALTH_PORT)
    node = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="spec.nodeName"))
    secret = EnvVarSourceArgs(secret_key_ref=SecretKeySelectorArgs(name=key, key="license-key"))
    return ContainerArgs(
        name="collector",
        image=settings.image,
        args=[f"--config={CONFIGURATION}/config.yaml"],
        env=[
            EnvVarArgs(name="NODE", value_from=node),
            EnvVarArgs(name="NEW_RELIC_LICENSE_KEY", value_from=secret),
            EnvVarArgs(name="GOMEMLIMIT", value=f"{settings.resources.memory_limit_mib * HEAP_PERCENT // 100}MiB"),
        ],
        resources=pods.resources(settings.resources),
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=CapabilitiesArgs(drop=["ALL"], add=["DAC_READ_SEARCH"]),
        ),
        readiness_probe=ProbeArgs(http_get=probe, period_seconds=5),
        liveness_probe=ProbeArgs(http_get=probe, period_seconds=20, failure_threshold=6),
        volume_mounts=[
            VolumeMountArgs(name="config", mount_path=CONFIGURATION, read_only=True),
            VolumeMountArgs(name="logs", mount_path=LOGS, read_only=True),
            VolumeMountArgs(name="state", mount_path=STATE),
        ],
    )


def volumes(config: pulumi.Input[str]) -> list[VolumeArgs]:
    """The settings, and of the node its pods' lines and a folder of the shipper's own that outlives its pod."""
    return [
        VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=config)),
        VolumeArgs(name="logs", host_path=HostPathVolumeSourceArgs(path=LOGS, type="Directory")),
        VolumeArgs(name="state", host_path=HostPathVolumeSourceArgs(path=STATE, type="DirectoryOrCreate")),
    ]


def configuration(settings: LogShipping) -> dict[str, Any]:
    """The collector's settings (https://opentelemetry.io/docs/collector/configuration/).

    A line is read from the node, gets its pod's attributes, is masked, and waits on the node's disk until New Relic has it. What cannot be
    sent blocks the reading and never a service: the kubelet's files are the buffer behind the queue.
    """
    processors = {
        "memory_limiter": {"check_interval": "1s", "limit_percentage": 75, "spike_limit_percentage": 15},
        "k8s_attributes": attributes(),
        "transform/attributes": {"error_mode": "ignore", "log_statements": statements()},
        "filter/drop": drop(settings),
        "redaction": redaction(settings),
    }
    return {
        "extensions": {
            "file_storage": {"directory": STATE, "create_directory": True, "compaction": {"on_start": True, "directory": STATE}},
            "health_check": {"endpoint": f"0.0.0.0:{HEALTH_PORT}"},
        },
        "receivers": {"file_log": reader(settings)},
        "processors": processors,
        "exporters": {"otlp_http/newrelic": exporter(settings)},
        "service": {
            "extensions": ["file_storage", "health_check"],
            "telemetry": {"logs": {"level": "info"}, "metrics": {"level": "none"}},  # it says at info that it will try again
            "pipelines": {"logs": {"receivers": ["file_log"], "processors": list(processors), "exporters": ["otlp_http/newrelic"]}},
        },
    }


def reader(settings: LogShipping) -> dict[str, Any]:
    """The files of the environments' pods and of its own, each read on from where the last collector stopped.

    With its own there is always something to send while a delivery fails: for as long as it lasts it is said again (ops/shipping.py).
    """
    return {
        "include": [f"{LOGS}/{namespace}_*/*/*.log" for namespace in (*settings.namespaces, NAMESPACE)],
        "start_at": "beginning",
        "include_file_path": True,
        "storage": "file_storage",
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
        "operators": [{"type": "container", "id": "container"}],
    }


def attributes() -> dict[str, Any]:
    """What the API server knows of a line's pod, asked for this node's pods only."""
    labels = [{"tag_name": name, "key": label, "from": "pod"} for name, label in LABELS.items()]
    return {
        "auth_type": "serviceAccount",
        "filter": {"node_from_env_var": "NODE"},
        "extract": {"metadata": ["k8s.node.name"], "labels": labels},
        "pod_association": [{"sources": [{"from": "resource_attribute", "name": "k8s.pod.uid"}]}],
    }


def statements() -> list[dict[str, Any]]:
    """The environment, which is the namespace; the bounded context, which begins the service's name; and the level of a line in JSON."""
    resource = [
        'set(attributes["deployment.environment.name"], attributes["k8s.namespace.name"])',
        f'set(attributes["highstreet.context"], attributes["service.name"]) where IsMatch(attributes["service.name"], "{ROLES}")',
        f'replace_pattern(attributes["highstreet.context"], "{ROLES}", "")',
    ]
    log = ['set(severity_text, ParseJSON(body)["level"]) where IsMatch(body, "^\\\\{.*\\"level\\"")']
    return [{"context": "resource", "statements": resource}, {"context": "log", "statements": log}]


def drop(settings: LogShipping) -> dict[str, Any]:
    """Lines that nobody wants to pay for, and of its own all but those of a delivery that failed."""
    own = f'resource.attributes["k8s.namespace.name"] == "{NAMESPACE}" and not IsMatch(body, "{FAILED}")'
    quoted = [expression.replace("\\", "\\\\").replace('"', '\\"') for expression in settings.drop]
    return {"error_mode": "ignore", "logs": {"log_record": [own, *(f'IsMatch(body, "{expression}")' for expression in quoted)]}}


def redaction(settings: LogShipping) -> dict[str, Any]:
    """Asterisks in the place of all that a pattern matches, in lines and in attributes but those that no program writes."""
    patterns = [*SECRETS, *PERSONAL, *settings.mask]
    return {"allow_all_keys": True, "ignored_keys": [*LABELS, *KUBELETS], "blocked_values": patterns, "summary": "silent"}


def exporter(settings: LogShipping) -> dict[str, Any]:
    """New Relic's OTLP endpoint behind a queue on disk, tried again for as long as it takes."""
    trust = {"tls": {"ca_file": f"{CONFIGURATION}/ca.crt"}} if settings.ca_certificate_file else {}
    return {
        "endpoint": settings.url,
        "headers": {"api-key": "${env:NEW_RELIC_LICENSE_KEY}"},
        "compression": "gzip",
        **trust,
        "retry_on_failure": {"enabled": True, "initial_interval": "1s", "max_interval": "30s", "max_elapsed_time": "0s"},
        "sending_queue": {
            "enabled": True,
            "storage": "file_storage",
            "sizer": "bytes",
            "queue_size": settings.queue_mib * MEBIBYTE,
            "block_on_overflow": True,
            "num_consumers": 2,
            "batch": {"sizer": "bytes", "flush_timeout": "1s", "min_size": BATCH_BYTES_MAX // 4, "max_size": BATCH_BYTES_MAX},
        },
    }


__all__ = ["NAME", "NAMESPACE", "LogShipper", "LogShipperArgs", "configuration"]
