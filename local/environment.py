"""The environment variables that make the local estate reachable: all that `pulumi up --stack kind` needs by hand."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from local.estate import PASSWORDS, STATE_PASSWORD, Estate
from ops.errors import InputError, PlatformError
from ops.machines import CONFIGURATION_VARIABLE
from settings.load import LOCAL_SETTINGS_VARIABLE, estate_of, stacks, state_of

LOCAL_PASSPHRASE = "local"
"""No secret: what it encrypts, the estate's state, lies beside the passwords in it. Pulumi.kind.yaml's encryptionsalt belongs to it."""

IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""What Kubernetes tells every container."""
STATE_ROLE = "pulumi_state"
"""The role and the database that ansible/roles/postgres makes for the state."""


def variables(estate: Estate, pulumi_home: str, path: str, stack: str = "kind") -> dict[str, str]:
    """What the engine, kubectl and the program need to know of an estate to work on one of its stacks."""
    secrets = estate.secrets
    return {
        # The language host that is built from the registries takes Python from PATH; the released one follows Pulumi.yaml.
        "PATH": f"{estate.checkout / '.venv' / 'bin'}:{path}",
        "KUBECONFIG": str(estate.kubeconfig),
        "PULUMI_HOME": pulumi_home,
        "PULUMI_BACKEND_URL": backend_url(estate, stack),
        "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        LOCAL_SETTINGS_VARIABLE: str(estate.local_settings),
        CONFIGURATION_VARIABLE: str(estate.data_dir / "ansible" / "ssh_config"),  # local/machines/configure.py writes it
        **{f"HIGHSTREETLY_{name.upper()}": str(getattr(secrets, name)) for name in PASSWORDS},
    }


def backend_url(estate: Estate, stack: str) -> str:
    """Where a stack's state lies: a folder of the estate, or its PostgreSQL for a stack that says `highstreetly:state: shared`."""
    if state_of(stack, estate.checkout) == "own":
        return f"file://{estate.pulumi_state}"
    place = f"{STATE_ROLE}:{estate.secrets.pulumi_state_password}@{estate.address('postgres')}:5432/{STATE_ROLE}"
    return f"postgres://{place}?sslmode=verify-full&sslrootcert={estate.secrets.ca_certificate}"


def exports(values: Mapping[str, str], secrets: Path) -> str:
    """The variables as lines for a shell: `eval "$(./hs env)"`. The shell reads passwords from their files; they are not printed."""
    lines = []
    for name, value in values.items():
        file = secrets / name.removeprefix("HIGHSTREETLY_").lower()
        if file.exists():
            lines.append(f'export {name}="$(cat {shlex.quote(str(file))})"')
        elif name == "PULUMI_BACKEND_URL" and value.startswith("postgres://"):
            before, _, after = value.partition("@")
            user, password = before.rpartition(":")[0], shlex.quote(str(secrets / STATE_PASSWORD))
            lines.append(f'export {name}={shlex.quote(user)}:"$(cat {password})"{shlex.quote("@" + after)}')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return "\n".join(lines)


def require_local(stack: str) -> None:
    """Raise InputError unless ``stack`` is one of the local estate, so that no command here ever touches a shared environment."""
    if estate_of(stack) != "local":
        known = [name for name in stacks() if estate_of(name) == "local"]
        why = f"Pulumi.{stack}.yaml does not say `highstreetly:estate: local`; stacks that do: {', '.join(known)}"
        raise InputError(f"{stack} is no stack of the local estate.", why=why, remedy="./hs up kind")


def prepare(stack: str) -> None:
    """Set the variables in this process for a stack of the local estate.

    Others are reached as the user's own environment says; and a runner's pod has all of it in its environment already.
    """
    if estate_of(stack) != "local" or IN_A_POD in os.environ:
        return
    from local.toolchain import Toolchain

    estate, toolchain = Estate.load(), Toolchain()
    require_up(estate)
    os.environ.update(variables(estate, str(toolchain.pulumi_home()), toolchain.path(), stack))


def prepare_machines() -> None:
    """Set the variables in this process for the stack of the estate's machines (esxi/), whose state is always the estate's own folder."""
    from local.toolchain import Toolchain

    estate, toolchain = Estate.load(), Toolchain()
    require_up(estate)
    os.environ.update(variables(estate, str(toolchain.pulumi_home()), toolchain.path()))
    os.environ["PULUMI_BACKEND_URL"] = f"file://{estate.pulumi_state}"


def require_up(estate: Estate) -> None:
    """Raise PlatformError unless the estate has been brought up."""
    if not estate.local_settings.exists():
        raise PlatformError(f"The local estate {estate.name} is not up.", remedy="./hs up")
