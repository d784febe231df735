"""The runner's image of the local cluster: Debian, the environment of the pinned Python packages, and this machine's finished tools."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local import image_store
from local.base_images import debian
from local.estate import CHECKOUT
from local.github.runner import IMAGE
from local.images import AUTHORITIES
from local.providers.install import origin
from local.toolchain import Toolchain
from ops.console import Step

FOLDER = Path(__file__).parent / "image"
REQUIREMENTS = CHECKOUT / "requirements"
ENVIRONMENT = ("environment", "requirements.txt")
"""What makes the Python environment, the same as for a checkout."""
STAND_INS_NEED = ("local/__init__.py", "local/providers", "ops/__init__.py", "ops/errors.py", "ops/process.py")
TOOLS = ("pulumi", "kubectl", "act")
KUBERNETES = "pulumi-resource-kubernetes"


def ensure_image(toolchain: Toolchain, plugins: Mapping[str, str]) -> str:
    """Have the engine hold the image: as it is, from the cache, or made (three minutes); returns its name.

    ``plugins`` are the versions of those beside kubernetes. The base image and Pulumi's home on this machine must be there.
    Raises PlatformError with what could not be built, and why.
    """
    made_from = pins(toolchain, plugins)

    def make(progress: Step) -> None:
        with tempfile.TemporaryDirectory(prefix="hs-runner-") as work:
            progress.note("copying the tools")
            write_context(Path(work), toolchain, plugins)
            image_store.build(IMAGE, made_from, Path(work), progress)

    image_store.ensure_image(IMAGE, made_from, make, official=False)
    return IMAGE


def pins(toolchain: Toolchain, plugins: Mapping[str, str]) -> str:
    """The hash of what the image is made from."""
    tools = [toolchain.pins[name].digest(toolchain.modules) for name in (*TOOLS, KUBERNETES)]
    origins = [f"{name} {version} {origin(toolchain.pulumi_home(), name, version)}" for name, version in sorted(plugins.items())]
    files = [*(REQUIREMENTS / name for name in ENVIRONMENT), *(CHECKOUT / name for name in STAND_INS_NEED), FOLDER]
    return image_store.digest_of(debian.pins(), *tools, *origins, *files)


def write_context(context: Path, toolchain: Toolchain, plugins: Mapping[str, str]) -> None:
    """Write what the image is built from: its Dockerfile, the tools, the official plugins, and what makes the rest."""
    shutil.copy(next(path for path in map(Path, AUTHORITIES) if path.exists()), context / "trusted.crt")
    (context / "requirements").mkdir()
    for name in ENVIRONMENT:
        shutil.copy(REQUIREMENTS / name, context / "requirements")
    _copy_tools(context / "bin", toolchain)
    stand_ins = _copy_plugins(context / "plugins", toolchain, plugins)
    for name in STAND_INS_NEED:
        target = context / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, target)
    shutil.copy(FOLDER / "stand_ins.py", context / "source")
    words = " ".join(f"{name}={version}" for name, version in sorted(stand_ins.items()))
    (context / "Dockerfile").write_text((FOLDER / "Dockerfile").read_text().replace("ARG STAND_INS\n", f'ARG STAND_INS="{words}"\n'))


def _copy_tools(target: Path, toolchain: Toolchain) -> None:
    target.mkdir()
    for tool, folder in toolchain.ensure(TOOLS).items():
        for program in toolchain.pins[tool].programs or (tool,):
            shutil.copy(folder / program, target)
            (target / program).chmod(0o755)


def _copy_plugins(target: Path, toolchain: Toolchain, plugins: Mapping[str, str]) -> dict[str, str]:
    """Copy the official plugins that this machine has; returns the others, whose stand-ins the image's build makes."""
    folder = target / f"resource-kubernetes-{toolchain.pins[KUBERNETES].version}"
    folder.mkdir(parents=True)
    shutil.copy(toolchain.ensure([KUBERNETES])[KUBERNETES] / KUBERNETES, folder)
    home, missing = toolchain.pulumi_home(), {}
    for name, version in plugins.items():
        if origin(home, name, version) == "official":
            shutil.copytree(home / "plugins" / f"resource-{name}-v{version}", target / f"resource-{name}-v{version}")
        else:
            missing[name] = version
    return missing


__all__ = ["ensure_image", "pins", "write_context"]
