"""What every pod of the platform has in common: Pod Security `restricted`, no token, the CA, spread over nodes. Pure functions."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    EmptyDirVolumeSourceArgs,
    PodSecurityContextArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from components import naming
from settings.catalogue import Resources

CA_FOLDER = "/etc/platform"
CA_FILE = f"{CA_FOLDER}/ca.crt"
SCRATCH_SIZE_LIMIT = "64Mi"


def pod_security(uid: int) -> PodSecurityContextArgs:
    """A pod that runs as ``uid``, never as root, under the runtime's seccomp profile."""
    return PodSecurityContextArgs(
        run_as_non_root=True, run_as_user=uid, run_as_group=uid, fs_group=uid, seccomp_profile=SeccompProfileArgs(type="RuntimeDefault")
    )


def container_security() -> SecurityContextArgs:
    """A container that cannot write its image, gain privileges or use any capability."""
    return SecurityContextArgs(
        allow_privilege_escalation=False, read_only_root_filesystem=True, capabilities=CapabilitiesArgs(drop=["ALL"])
    )


def resources(wanted: Resources) -> ResourceRequirementsArgs:
    """Requests and the memory limit. There is no processor limit: it would throttle starts, and requests share the processor fairly."""
    return ResourceRequirementsArgs(
        requests={"cpu": f"{wanted.cpu_request_millicores}m", "memory": f"{wanted.memory_request_mib}Mi"},
        limits={"memory": f"{wanted.memory_limit_mib}Mi"},
    )


def spread(name: str) -> list[TopologySpreadConstraintArgs]:
    """Spread a workload's pods over hosts (zones) and nodes where there are several; never leave a pod unscheduled for it."""
    return [
        TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=LabelSelectorArgs(match_labels=naming.selector(name)),
        )
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def ca_volume(config_map: pulumi.Input[str]) -> VolumeArgs:
    """The platform CA."""
    return VolumeArgs(name="ca", config_map=ConfigMapVolumeSourceArgs(name=config_map))


def ca_mount() -> VolumeMountArgs:
    """The platform CA at CA_FILE."""
    return VolumeMountArgs(name="ca", mount_path=CA_FOLDER, read_only=True)


def scratch_volume() -> VolumeArgs:
    """The one folder that a container may write."""
    return VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=SCRATCH_SIZE_LIMIT))


def scratch_mount() -> VolumeMountArgs:
    """The writable folder at /tmp."""
    return VolumeMountArgs(name="tmp", mount_path="/tmp")
