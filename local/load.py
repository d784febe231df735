"""`./hs load`: a developer's own build into the running local environment, and back."""

from __future__ import annotations

from local import overlay
from local.cluster import cluster
from local.environment import require_up
from local.estate import Estate
from local.registry.push import push
from ops import console, deploy
from ops.errors import InputError
from ops.process import run
from settings.errors import nearest
from settings.load import load_catalogue

ID_LENGTH = 12


def load(estate: Estate, service: str, image: str | None, stack: str = "kind") -> None:
    """Run ``image`` of the local engine as ``service``; the reference image again when ``image`` is None.

    The image gets a name of its own content, so a rebuilt image under the same tag is deployed too.
    Raises InputError for an unknown service or image, PlatformError when the rollout fails.
    """
    names = [workload.name for workload in load_catalogue(estate.checkout).workloads()]
    if service not in names:
        raise InputError(f"There is no service or UI {service!r}.", why=nearest(service, names), remedy="./hs load SERVICE IMAGE")
    require_up(estate)
    reference = _own_reference(service, image) if image else None
    if reference:
        with console.step(f"Loading {image} into the cluster"):
            cluster.load_images(estate, [reference])
            push(estate, reference, reference)  # a release looks up its digest there
    before = overlay.read_loaded(estate).get(service)
    overlay.set_loaded(estate, service, reference)
    try:
        deploy.up(stack, estate.checkout, message=f"load {service}")
    except BaseException:
        overlay.set_loaded(estate, service, before)
        raise


def _own_reference(service: str, image: str) -> str:
    found = run(["docker", "image", "inspect", "--format", "{{.Id}}", image], check=False)
    if found.returncode:
        raise InputError(f"There is no image {image!r} in the local engine.", why=found.stdout.strip(), remedy=f"docker build -t {image} .")
    reference = f"highstreetly-local/{service}:{found.stdout.strip().removeprefix('sha256:')[:ID_LENGTH]}"
    run(["docker", "tag", image, reference], what=f"{image} could not be tagged.")
    return reference
