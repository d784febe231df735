"""The migration of one context's database, run once for each content of its scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import (
    Job,
    JobSpecArgs,
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapProjectionArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvFromSourceArgs,
    EnvVarArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProjectedVolumeSourceArgs,
    SecretEnvSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeProjectionArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicyEgressRuleArgs, NetworkPolicySpecArgs

from components import naming, pods, tokens
from settings.catalogue import Resources
from settings.migrations import Migrations

PIECE_BYTES_MAX = 400_000
"""Two pieces fit a ConfigMap: Kubernetes allows 1 MiB an object, names and managed fields included."""
PIECES_IN_ONE_MAX = 2
HASH_LENGTH = 10
DEADLINE_SECONDS = 600
LOCK_TIMEOUT_SECONDS = 10
UID = 1000
RESOURCES = Resources(cpu_request_millicores=50, memory_request_mib=96, memory_limit_mib=384)

# Flyway runs the scripts from /flyway/sql; a ConfigMap holds pieces of them, which the first container puts together.
ASSEMBLE = """\
for piece in /pieces/*; do
  cat "$piece" >> "/flyway/sql/$(basename "${piece%.piece-*}")"
done"""


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """``after`` is what the database needs before its owner may sign in and the app role's rights apply."""

    context: str
    namespace: pulumi.Input[str]
    scripts: Migrations
    image: str
    app_role: pulumi.Input[str]
    owner_secret: pulumi.Input[str]
    ca_config_map: pulumi.Input[str]
    egress: Sequence[NetworkPolicyEgressRuleArgs]
    priority_class: str | None = None
    after: Sequence[pulumi.Resource] = ()


class Migration(pulumi.ComponentResource):
    """One context's migration:

    - ConfigMaps with its scripts, in pieces where a script is larger than a ConfigMap may be
    - NetworkPolicy: to the database and DNS, nothing else
    - Job that runs Flyway once; its name holds the hash of scripts and image, so new content is a new Job
    """

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.MIGRATION, name, None, opts)
        self.args = args
        self.workload = f"{args.context}-migration"
        self.labels = naming.labels(self.workload, "migration") | {"platform.highstreet.ly/context": args.context}
        self.hash = args.scripts.digest(args.image)[:HASH_LENGTH]
        policy = self._create_network_policy(name)
        config_maps = self._create_config_maps(name)
        self.job = self._create_job(name, config_maps, policy)
        self.register_outputs({"job": self.job.metadata.name, "newest": args.scripts.newest})

    def _create_network_policy(self, name: str) -> NetworkPolicy:
        return NetworkPolicy(
            f"{name}-flows",
            metadata=ObjectMetaArgs(name=self.workload, namespace=self.args.namespace, labels=self.labels),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(match_labels=naming.selector(self.workload)),
                policy_types=["Ingress", "Egress"],
                egress=list(self.args.egress),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_config_maps(self, name: str) -> list[ConfigMap]:
        return [
            ConfigMap(
                f"{name}-scripts-{number}",
                metadata=ObjectMetaArgs(name=f"{self.workload}-{self.hash}-{number}", namespace=self.args.namespace, labels=self.labels),
                immutable=True,
                data=data,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for number, data in enumerate(config_map_data(self.args.scripts.scripts))
        ]

    def _create_job(self, name: str, config_maps: list[ConfigMap], policy: NetworkPolicy) -> Job:
        return Job(
            f"{name}-job",
            metadata=ObjectMetaArgs(
                name=f"{self.workload}-{self.hash}",
                namespace=self.args.namespace,
                labels=self.labels,
                # A failed Job is made anew by the next deploy: the reason may have been outside its scripts.
                annotations={"pulumi.com/replaceUnready": "true", "platform.highstreet.ly/newest": self.args.scripts.newest},
            ),
            spec=JobSpecArgs(
                backoff_limit=0,
                active_deadline_seconds=DEADLINE_SECONDS,
                pod_failure_policy=_failure_policy(),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=self.labels), spec=self._pod(config_maps)),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[policy, *self.args.after],
                delete_before_replace=True,  # replaceUnready keeps the name
                custom_timeouts=pulumi.CustomTimeouts(create=f"{DEADLINE_SECONDS}s"),
            ),
        )

    def _pod(self, config_maps: list[ConfigMap]) -> PodSpecArgs:
        pieces = [VolumeProjectionArgs(config_map=ConfigMapProjectionArgs(name=found.metadata.name)) for found in config_maps]
        scripts = VolumeMountArgs(name="scripts", mount_path="/flyway/sql")
        return PodSpecArgs(
            restart_policy="Never",
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=self.args.priority_class,
            security_context=pods.pod_security(UID),
            init_containers=[
                self._container(
                    "assemble",
                    command=["sh", "-euc", ASSEMBLE],
                    mounts=[scripts, VolumeMountArgs(name="pieces", mount_path="/pieces", read_only=True)],
                )
            ],
            containers=[
                self._container(
                    "flyway",
                    args=["migrate"],
                    env=flyway_environment(self.args.app_role),
                    env_from=[EnvFromSourceArgs(secret_ref=SecretEnvSourceArgs(name=self.args.owner_secret))],
                    mounts=[scripts, pods.scratch_mount(), pods.ca_mount()],
                )
            ],
            volumes=[
                VolumeArgs(name="pieces", projected=ProjectedVolumeSourceArgs(sources=pieces)),
                VolumeArgs(name="scripts", empty_dir=EmptyDirVolumeSourceArgs()),
                pods.scratch_volume(),
                pods.ca_volume(self.args.ca_config_map),
            ],
        )

    def _container(self, name: str, *, mounts: list[VolumeMountArgs], **more: object) -> ContainerArgs:
        return ContainerArgs(
            name=name,
            image=self.args.image,
            image_pull_policy="IfNotPresent",
            resources=pods.resources(RESOURCES),
            security_context=pods.container_security(),
            volume_mounts=mounts,
            **more,
        )


def flyway_environment(app_role: pulumi.Input[str]) -> list[EnvVarArgs]:
    """Flyway's settings (https://documentation.red-gate.com/flyway/reference/configuration): strict names, bounded waits, no telemetry."""
    values: dict[str, pulumi.Input[str]] = {
        "HOME": "/tmp",
        "FLYWAY_LOCATIONS": "filesystem:/flyway/sql",
        "FLYWAY_CONNECT_RETRIES": "10",
        "FLYWAY_INIT_SQL": f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'",
        "FLYWAY_LOCK_RETRY_COUNT": "50",
        "FLYWAY_VALIDATE_MIGRATION_NAMING": "true",
        "FLYWAY_FAIL_ON_MISSING_LOCATIONS": "true",
        # With Flyway's default lock, CREATE INDEX CONCURRENTLY waits for Flyway itself, for ever.
        "FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK": "false",
        "FLYWAY_PLACEHOLDERS_APP_ROLE": app_role,
        "REDGATE_DISABLE_TELEMETRY": "true",
    }
    return [EnvVarArgs(name=key, value=value) for key, value in values.items()]


def config_map_data(scripts: dict[str, bytes]) -> list[dict[str, str]]:
    """The scripts as ConfigMaps' data: in pieces small enough for a ConfigMap, at most PIECES_IN_ONE_MAX together.

    A piece is called `<script>.piece-0000`; joined in the order of their names the pieces are the script again.
    Raises UnicodeDecodeError when a script is not UTF-8, which PostgreSQL would refuse too.
    """
    found: list[dict[str, str]] = []
    size = PIECE_BYTES_MAX
    for key, piece in _pieces(scripts):
        if not found or size + len(piece.encode()) > PIECE_BYTES_MAX * PIECES_IN_ONE_MAX:
            found.append({})
            size = 0
        found[-1][key] = piece
        size += len(piece.encode())
    return found


def _pieces(scripts: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    for name, content in sorted(scripts.items()):
        rest, number = content.decode("utf-8"), 0
        while rest:
            length = PIECE_BYTES_MAX // 4 if not rest.isascii() else PIECE_BYTES_MAX
            yield f"{name}.piece-{number:04d}", rest[:length]
            rest, number = rest[length:], number + 1


def _failure_policy() -> PodFailurePolicyArgs:
    # A pod that its node lost is run again; a script that failed is not. (A FailJob rule would say the latter as well, but the provider
    # knows only the reasons BackoffLimitExceeded and DeadlineExceeded and would wait until its own time is over.)
    lost = PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")
    return PodFailurePolicyArgs(rules=[PodFailurePolicyRuleArgs(action="Ignore", on_pod_conditions=[lost])])
