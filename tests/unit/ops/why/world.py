"""A healthy environment as kubectl, RabbitMQ and the name server show it, for tests to break."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import yaml

from ops.hosts import HostStatus
from ops.releases.record import Release
from ops.servers import Broker, Queue
from ops.why.cause import Cause
from ops.why.facts import Database, Endpoint, Facts, Line
from ops.why.judge import causes
from settings.catalogue import Catalogue, Workload
from settings.flows import callers_of
from settings.load import ROOT

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NAMESPACE = "kind"
POSTGRES, RABBITMQ = "172.30.200.10", "172.30.200.11"
QUOTA = {"limits.memory": "32Gi", "pods": "120", "requests.cpu": "8", "requests.memory": "16Gi", "services.loadbalancers": "0"}
Object = dict[str, Any]


@cache
def catalogue() -> Catalogue:
    """The product's catalogue."""
    return Catalogue.model_validate(yaml.safe_load((ROOT / "catalogue.yaml").read_text()))


def at(minutes: float = 0) -> str:
    """A moment so many minutes before NOW, as Kubernetes writes it."""
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of everything that belongs to a workload."""
    parts = {"name": name, "component": component, "part-of": "highstreetly", "managed-by": "pulumi", "version": "1.4.0"}
    return {f"app.kubernetes.io/{key}": value for key, value in parts.items()}


def meta(name: str, component: str = "", *, workload: str = "", minutes: float = 600, owner: tuple[str, str] | None = None) -> Object:
    """An object's metadata."""
    found: Object = {"name": name, "namespace": NAMESPACE, "creationTimestamp": at(minutes), "uid": hashlib.md5(name.encode()).hexdigest()}
    if component:
        found["labels"] = labels(workload or name, component)
    if owner:
        found["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "controller": True}]
    return found


def condition(kind: str, status: str, minutes: float = 600, **more: str) -> Object:
    """One of an object's conditions."""
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": at(minutes), **more}


def container_status(name: str, image: str, **more: Any) -> Object:
    """A container's status; running and ready unless told otherwise."""
    return {
        "name": name, "image": f"docker.io/{image}", "imageID": f"docker.io/{image}@sha256:0", "ready": True, "started": True,
        "restartCount": 0, "lastState": {}, "state": {"running": {"startedAt": at(599)}}, **more,
    }  # fmt: skip


def event(name: str, reason: str, message: str, *, kind: str = "Pod", minutes: float = 1, count: int = 5) -> Object:
    """A warning about an object."""
    return {
        "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message, "count": count,
        "metadata": {"name": f"{name}.18", "namespace": NAMESPACE}, "involvedObject": {"kind": kind, "name": name, "namespace": NAMESPACE},
        "firstTimestamp": at(minutes + 5), "lastTimestamp": at(minutes), "source": {"component": "kubelet"},
    }  # fmt: skip


class World:
    """An environment; tests break it by changing what it is made of."""

    def __init__(self, replicas: int = 1) -> None:
        self.deployments: dict[str, Object] = {}
        self.replica_sets: dict[str, Object] = {}
        self.pods: dict[str, Object] = {}
        self.policies: dict[str, Object] = {"default-deny": default_deny()}
        self.jobs: dict[str, Object] = {}
        self.events: list[Object] = []
        self.services: list[Object] = []
        self.quota: Object = quota()
        self.lines: dict[tuple[str, str], list[Line]] = {}
        self.previous: dict[tuple[str, str], list[Line]] = {}
        self.answers: dict[str, str] = {}
        self.databases = {
            context: Database(context=context, name=f"{NAMESPACE}_{context}", migrated_to="1", expected="1")
            for context in catalogue().contexts
        }
        self.broker = Broker(queues=[queue for workload in catalogue().workloads() for queue in queues(workload)])
        self.hosts = {name: host(name) for name in ("shop.highstreet.localhost", "dashboard.highstreet.localhost")}
        self.releases: list[Release] = []
        self.cluster_trouble = ""
        for number, workload in enumerate(catalogue().workloads()):
            self._add(workload, number, replicas)
        for context in catalogue().contexts:
            self._add_migration(context)

    def _add(self, workload: Workload, number: int, replicas: int) -> None:
        name = workload.name
        counts = {"replicas": replicas, "availableReplicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas}
        self.deployments[name] = {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**meta(name, workload.role), "generation": 1},
            "spec": {"replicas": replicas}, "status": {"observedGeneration": 1, **counts, "conditions": [condition("Available", "True")]},
        }  # fmt: skip
        self.replica_sets[name] = {
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta(f"{name}-7c9d8f", workload.role, workload=name),
            "spec": {"replicas": replicas}, "status": {"replicas": replicas, "readyReplicas": replicas, "observedGeneration": 1},
        }  # fmt: skip
        for index in range(replicas):
            self.add_pod(name, f"{name}-7c9d8f-{index}", workload.role, ("ReplicaSet", f"{name}-7c9d8f"))
        self.services.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, workload.role), "spec": {"clusterIP": f"10.96.0.{number + 20}"}}
        )
        self.policies[name] = own_policy(workload)

    def add_pod(self, workload: str, name: str, component: str, owner: tuple[str, str], minutes: float = 600) -> Object:
        """A pod that runs and is ready."""
        image = f"highstreetly/{workload}:1.4.0"
        probe = {"httpGet": {"path": "/health/ready", "port": "http", "scheme": "HTTP"}}
        conditions = [condition(kind, "True", minutes) for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        self.pods[name] = {
            "apiVersion": "v1", "kind": "Pod", "metadata": meta(name, component, workload=workload, minutes=minutes, owner=owner),
            "spec": {"nodeName": "node-1", "containers": [
                {"name": component, "image": image, "ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": probe}]},
            "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container_status(component, image)]},
        }  # fmt: skip
        return self.pods[name]

    def _add_migration(self, context: str) -> None:
        name = f"{context}-migration-0123456789"
        self.jobs[context] = {
            "apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name, "migration", workload=f"{context}-migration", minutes=605),
            "spec": {"backoffLimit": 0}, "status": {"succeeded": 1, "conditions": [condition("Complete", "True")]},
        }  # fmt: skip
        self.jobs[context]["metadata"]["annotations"] = {"platform.highstreet.ly/newest": "1"}
        done = self.add_pod(f"{context}-migration", f"{name}-x", "migration", ("Job", name))
        done["status"] |= {"phase": "Succeeded"}

    def pod(self, workload: str, index: int = 0) -> Object:
        """A pod of a workload."""
        return self.pods[f"{workload}-7c9d8f-{index}"]

    def unready(self, workload: str, minutes: float = 3, index: int = 0, **state: Any) -> Object:
        """Take a pod out of service and give its container a status; the pod is returned."""
        pod = self.pod(workload, index)
        for one in pod["status"]["conditions"]:
            if one["type"] in ("Ready", "ContainersReady"):
                one |= {"status": "False", "lastTransitionTime": at(minutes)}
        pod["status"]["containerStatuses"][0] |= {"ready": False, **state}
        status = self.deployments[workload]["status"]
        status["availableReplicas"] -= 1
        status["readyReplicas"] -= 1
        return pod

    def say(self, workload: str, *lines: str, index: int = 0, previous: bool = False, minutes: float = 0.5) -> None:
        """Lines that a pod of a workload wrote."""
        pod = self.pod(workload, index)
        container = pod["spec"]["containers"][0]["name"]
        where = self.previous if previous else self.lines
        found = where.setdefault((pod["metadata"]["name"], container), [])
        found += [Line(line, NOW - timedelta(minutes=minutes)) for line in lines]

    def set_queue(self, name: str, **changes: Any) -> None:
        """Change a queue."""
        found = [replace(queue, **changes) if queue.name == name else queue for queue in self.broker.queues]
        self.broker = replace(self.broker, queues=found)

    def facts(self, **changes: Any) -> Facts:
        """All of it, as it would be gathered."""
        items = [
            *self.pods.values(), *self.events, *self.deployments.values(), *self.replica_sets.values(), *self.jobs.values(),
            self.quota, *self.policies.values(), *self.services,
        ]  # fmt: skip
        found = Facts(
            environment=NAMESPACE, now=NOW, items=json.loads(json.dumps(items)), has_workloads=True, lines=self.lines,
            previous=self.previous, answers=self.answers, catalogue=catalogue(), databases=list(self.databases.values()),
            machines={
                "postgres": Endpoint(address=POSTGRES, port=5432, title="the database server"),
                "rabbitmq": Endpoint(address=RABBITMQ, port=5671, title="the broker"),
            },
            broker=self.broker, hosts=list(self.hosts.values()), releases=self.releases, cluster_trouble=self.cluster_trouble,
            local=True,
        )  # fmt: skip
        return replace(found, **changes)

    def causes(self, **changes: Any) -> list[Cause]:
        """What is wrong with it."""
        return causes(self.facts(**changes))

    def cause(self, **changes: Any) -> Cause:
        """The one thing that is wrong with it."""
        found = self.causes(**changes)
        assert len(found) == 1, "\n".join(f"{cause.kind}: {cause.subject}: {cause.sentence}" for cause in found)
        return found[0]


def log_line(message: str, level: str = "WARN", **more: object) -> str:
    """A line as the reference service writes it."""
    return json.dumps({"time": at(0.5), "level": level, "msg": message, "context": "orders", "role": "api", "version": "1.4.0", **more})


def queues(workload: Workload) -> Sequence[Queue]:
    """The queues of a receiver."""
    if workload.role != "receiver":
        return ()
    return Queue(name=f"{workload.context}.inbox", ready=0, consumers=1), Queue(name=f"{workload.context}.dead", ready=0)


def host(name: str, **changes: Any) -> HostStatus:
    """A public name with which all is well."""
    good = HostStatus(
        host=name, url=f"https://{name}/", address="127.0.0.2", expected="127.0.0.2", certificate="valid",
        expires=NOW + timedelta(days=60), issuer="Pebble Intermediate CA",
    )  # fmt: skip
    return replace(good, **changes)


def quota(**used: str) -> Object:
    """The namespace's quota."""
    status = {"hard": QUOTA, "used": dict.fromkeys(QUOTA, "0") | {"pods": "17"} | used}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("environment"), "spec": {"hard": QUOTA}, "status": status}


def policy(name: str, spec: Object) -> Object:
    """A NetworkPolicy."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(name), "spec": spec}


def default_deny() -> Object:
    """The policy that closes a namespace."""
    return policy("default-deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


def pods_of(name: str) -> Object:
    """A selector of a workload's pods."""
    return {"podSelector": {"matchLabels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "highstreetly"}}}


def own_policy(workload: Workload) -> Object:
    """A workload's own policy, as components/network.py makes it."""
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    egress: list[Object] = [{"to": [dns], "ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}]
    egress += [{"to": [pods_of(f"{called}-api")], "ports": [{"port": 8080, "protocol": "TCP"}]} for called in workload.calls]
    if workload.role != "ui":
        egress += [
            {"to": [{"ipBlock": {"cidr": f"{address}/32"}}], "ports": [{"port": port, "protocol": "TCP"}]}
            for address, port in ((POSTGRES, 5432), (RABBITMQ, 5671))
        ]
    callers = callers_of(catalogue(), workload.name)
    ingress = [{"from": [pods_of(caller) for caller in callers], "ports": [{"port": 8080, "protocol": "TCP"}]}] if callers else []
    spec = {**pods_of(workload.name), "policyTypes": ["Ingress", "Egress"], "ingress": ingress, "egress": egress}
    return policy(workload.name, spec)
