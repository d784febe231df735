"""The environment variables that make the local estate reachable: all that `pulumi up --stack kind` needs by hand."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from local.estate import Estate
from settings.load import LOCAL_SETTINGS_VARIABLE, estate_of


def variables(estate: Estate, pulumi_home: str, path: str) -> dict[str, str]:
    """What the engine, kubectl and the program need to know of an estate."""
    secrets = estate.secrets
    return {
        "PATH": path,
        "KUBECONFIG": str(estate.kubeconfig),
        "PULUMI_HOME": pulumi_home,
        "PULUMI_BACKEND_URL": f"file://{estate.pulumi_state}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(secrets.dir / "pulumi_passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        LOCAL_SETTINGS_VARIABLE: str(estate.local_settings),
        "HIGHSTREETLY_POSTGRES_ADMIN_PASSWORD": secrets.postgres_admin_password,
        "HIGHSTREETLY_RABBITMQ_ADMIN_PASSWORD": secrets.rabbitmq_admin_password,
    }


def exports(values: Mapping[str, str]) -> str:
    """The variables as lines for a shell: `eval "$(./hs env)"`. Passwords are read from their files by the shell, not printed."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def prepare(stack: str) -> None:
    """Set the variables in this process for a stack of the local estate; others are reached as the user's own environment says."""
    if estate_of(stack) != "local":
        return
    from local.toolchain import Toolchain

    estate = Estate.load()
    if estate.data_dir.exists():
        toolchain = Toolchain()
        os.environ.update(variables(estate, str(toolchain.pulumi_home()), toolchain.path()))
