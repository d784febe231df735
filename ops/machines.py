"""Running commands on the machines outside the cluster, over SSH as the account `deploy`. What is secret goes through standard input."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ops.errors import PlatformError
from ops.process import TAIL_LINES

CONFIGURATION_VARIABLE = "HIGHSTREETLY_SSH_CONFIG"
"""Names the OpenSSH configuration in which the machines stand; without it the user's own is used."""
NOT_CONNECTED = 255
"""ssh's own exit code, which no command on the machine has: ssh(1), EXIT STATUS."""
DATABASES, BROKERS = "postgres", "rabbitmq"
"""The names of the two data machines (esxi/Pulumi.datacenter.yaml)."""


@dataclass(frozen=True)
class Answer:
    """How a command ended on a machine, and what it said."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """What it printed, without the last line's end."""
        return self.output.decode(errors="replace").rstrip("\n")

    @property
    def said(self) -> str:
        """Why it failed, as it says so itself: the last lines of its errors, else of its output."""
        lines = (self.errors.strip() or self.text.strip()).splitlines()
        return "\n".join([f"exit code {self.code}", *lines[-TAIL_LINES:]])


@dataclass(frozen=True)
class Machine:
    """A machine by its name in the SSH configuration."""

    name: str
    configuration: str = ""
    """The configuration's file; empty for the user's own."""

    def ssh(self, *options: str) -> list[str]:
        """The words with which somebody at a terminal gets there."""
        return ["ssh", *(["-F", self.configuration] if self.configuration else []), *options, self.name]

    def try_run(self, *words: str, given: bytes | BinaryIO = b"") -> Answer:
        """Run a command, however it ends; ``given`` is its standard input, a file is sent piece by piece.

        Raises PlatformError when the machine cannot be reached.
        """
        command = [*self.ssh("-T", "--"), shlex.join(words)]
        stdin = subprocess.PIPE if isinstance(given, bytes) else given
        try:
            process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except FileNotFoundError as missing:
            raise PlatformError("ssh is not installed.", remedy="apt-get install openssh-client") from missing
        try:
            output, errors = process.communicate(given if isinstance(given, bytes) else None)
        except BaseException:
            process.kill()
            process.wait()
            raise
        answer = Answer(process.returncode, output, errors.decode(errors="replace"))
        if answer.code == NOT_CONNECTED:
            what = f"The machine {self.name} cannot be reached over SSH."
            raise PlatformError(what, why=answer.said, remedy=f"see whether this works: {shlex.join(self.ssh())}")
        return answer

    def run(self, *words: str, given: bytes | BinaryIO = b"", what: str = "", remedy: str = "") -> Answer:
        """Run a command that must succeed; raises PlatformError with ``what`` and the last lines that it said."""
        answer = self.try_run(*words, given=given)
        if answer.code:
            failed = what or f"A command failed on {self.name}: {shlex.join(words)}"
            raise PlatformError(failed, why=answer.said, remedy=remedy)
        return answer


def machine(name: str, environ: Mapping[str, str] = os.environ) -> Machine:
    """A machine of the environment that is worked on; raises PlatformError when the named configuration is not there."""
    configuration = environ.get(CONFIGURATION_VARIABLE, "")
    if configuration and not Path(configuration).is_file():
        raise PlatformError(
            f"The machine {name} cannot be reached over SSH.",
            why=f"${CONFIGURATION_VARIABLE} names {configuration}, which is not there",
            remedy="./hs up writes it for the local estate",
        )
    return Machine(name, configuration)


__all__ = ["BROKERS", "DATABASES", "Answer", "Machine", "machine"]
