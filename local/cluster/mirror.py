"""The nodes ask the estate's registry first for images of docker.io, and Docker Hub itself for those that it does not have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.cluster.cluster import nodes_of
from local.estate import Estate
from local.registry import container
from ops.process import run

HOSTS_FILE = "/etc/containerd/certs.d/docker.io/hosts.toml"
"""containerd 2 looks there at each pull, without a setting or a restart (https://github.com/containerd/containerd/blob/main/docs/hosts.md)."""


def hosts_file(registry: str) -> str:
    """What containerd is told: the registry first, for tags and for blobs, and where to ask if it does not have an image."""
    return f"""\
server = "https://registry-1.docker.io"

[host."{registry}"]
  capabilities = ["pull", "resolve"]
"""


def write(estate: Estate) -> None:
    """Tell every node; one that knows stays as it is. Images that are loaded onto nodes are not asked for anywhere."""
    nodes = nodes_of(estate)
    content = hosts_file(container.url(estate))
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        list(pool.map(lambda node: _write(node, content), nodes))


def _write(node: str, content: str) -> None:
    script = 'mkdir -p "$(dirname "$0")" && cat > "$0.partial" && mv "$0.partial" "$0"'
    run(
        ["docker", "exec", "--interactive", node, "sh", "-c", script, HOSTS_FILE],
        input=content,
        what=f"{node} was not told of the estate's registry.",
        remedy="./hs up",
    )


__all__ = ["HOSTS_FILE", "hosts_file", "write"]
