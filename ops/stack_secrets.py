"""A stack's secret for a command that asks a server itself: as it was given, else as the engine decrypts it. It is never printed."""

from __future__ import annotations

import subprocess
from functools import cache

from ops.errors import PlatformError
from settings.load import PROJECT, ROOT, Settings

DECRYPT_SECONDS = 20


def secret_of(settings: Settings, name: str) -> str:
    """A secret of the stack; empty where it is neither given nor to be decrypted with this process's state and passphrase."""
    given = settings.secrets.get(name)
    if isinstance(given, str):
        return given
    if name not in settings.secrets:
        return ""
    try:
        return _decrypted(settings.stack, name)
    except PlatformError:
        return ""


@cache
def _decrypted(stack: str, name: str) -> str:
    """What the engine makes of the stack file's encrypted value; it stays in this process. Raises PlatformError when it cannot."""
    command = ["pulumi", "config", "get", f"{PROJECT}:{name}", "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=DECRYPT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise PlatformError("The engine does not answer.", why=type(failed).__name__, remedy="./hs doctor") from None
    if done.returncode != 0:
        raise PlatformError(f"The secret {name} of {stack} cannot be decrypted.", remedy="set PULUMI_CONFIG_PASSPHRASE")
    return done.stdout.rstrip("\r\n")


__all__ = ["secret_of"]
