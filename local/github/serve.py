"""`./hs github`: GitHub's place on the local estate, with a checkout whose pushed tags deploy `dev`."""

from __future__ import annotations

from local.environment import backend_url
from local.estate import Estate
from local.github import checkout, repository, start
from local.toolchain import Toolchain
from local.up import STAND_IN_PLUGINS, up
from ops.process import run


def serve(estate: Estate) -> str:
    """Bring all of it up and return how to push, in words. Again, it only has a fresh runner wait.

    Raises PlatformError with what could not be had.
    """
    clone = checkout.create(estate, repository.path_of(estate))
    up(estate)  # with the checkout there, the cluster's stack makes the namespace and the rights of its runner
    backend = backend_url(Estate.load(clone), checkout.STACK)
    place = start.start(estate, Toolchain(), STAND_IN_PLUGINS, [checkout.STACK], backend)
    run(["git", "-C", clone, "push", "--quiet", "origin", "HEAD:refs/heads/main"], what="The checkout could not be pushed.")
    return "\n".join(
        [
            f"GitHub's place is {place}; {clone} pushes to it:",
            f"  cd {clone}",
            f"  git tag {checkout.STACK}/1.0.0",
            f"  git push origin {checkout.STACK}/1.0.0",
            "The push says where the run's log is. Afterwards, there: ./hs history dev. ./hs down removes all of it.",
        ]
    )


__all__ = ["serve"]
