"""What pgBackRest does not hold, in the same bucket: RabbitMQ's definitions and the archives of an environment.

The broker's machine has the store's keys and the passphrase for its own backups (ansible/roles/rabbitmq), so nobody else needs them. What
is to be kept goes there through standard input and is encrypted before it touches a disk. The cipher is that of the definitions; with the
passphrase, OpenSSL alone reads both (docs/runbooks/back-up.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.backup.server import journal
from ops.errors import PlatformError
from ops.machines import BROKERS, Machine, machine

ACCOUNT = ("sudo", "-u", "rabbitmq")
DEFINITIONS_UNIT = "rabbitmq-definitions.service"
KEPT = 60
"""How many archives of an environment are kept; the definitions' own number is the role's `rabbitmq_backup_keep`."""
PROGRAM = f"""\
set -eu
umask 077
. /etc/rabbitmq-backup/settings
bucket=${{place#s3://}}
place=s3://${{bucket%%/*}}/platform/$2/
store() {{ s3cmd --config=/etc/rabbitmq-backup/s3cfg --no-progress "$@"; }}
cipher() {{ openssl enc -aes-256-cbc -md sha256 -pbkdf2 -iter 600000 -pass file:/etc/rabbitmq-backup/passphrase "$@"; }}
names() {{ store ls "$place" | sed -n "s|.*$place||p" | sort; }}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $1 in
put)
    cipher -salt -out "$work/sent"
    store --quiet put "$work/sent" "$place$3"
    names | head -n -{KEPT} | while read -r old; do store --quiet del "$place$old"; done
    ;;
get)
    store --quiet get --force "$place$3" "$work/fetched"
    cipher -d -in "$work/fetched"
    ;;
esac
"""
"""For sh: `put ENVIRONMENT NAME` keeps what standard input holds, `get ENVIRONMENT NAME` prints it again."""
REMEDY = "see whether the object storage answers: on the broker's machine, sudo -u rabbitmq rabbitmq-backup list"


@dataclass(frozen=True)
class Store:
    """The bucket, as the broker's machine reaches it."""

    machine: Machine

    def put(self, environment: str, name: str, content: bytes) -> None:
        """Keep an archive, encrypted, and read it back; raises PlatformError unless it is the same."""
        self._program("put", environment, name, given=content, what="The archive could not be stored.")
        if self.get(environment, name) != content:
            raise PlatformError("The archive could not be stored.", why=f"{name} is not what was sent when it is read back", remedy=REMEDY)

    def get(self, environment: str, name: str) -> bytes:
        """An archive, decrypted; raises PlatformError for one that is gone, or that the passphrase does not open."""
        return self._program("get", environment, name, what=f"The archive {name} cannot be read.")

    def reach(self) -> None:
        """Raise PlatformError when the machine or the store does not answer."""
        self._list()

    def _program(self, *words: str, what: str, given: bytes = b"") -> bytes:
        return self.machine.run(*ACCOUNT, "sh", "-c", PROGRAM, "sh", *words, given=given, what=what, remedy=REMEDY).output

    def take_definitions(self) -> str:
        """Have RabbitMQ's definitions exported, sent, read back and compared; returns the name under which they are kept."""
        answer = self.machine.try_run("sudo", "systemctl", "start", DEFINITIONS_UNIT)
        if answer.code:
            why = journal(self.machine, DEFINITIONS_UNIT, answer)
            raise PlatformError("RabbitMQ's definitions could not be backed up.", why=why, remedy=REMEDY)
        names = self._list()
        if not names:
            raise PlatformError("RabbitMQ's definitions could not be backed up.", why="the store lists none afterwards", remedy=REMEDY)
        return names[-1]

    def _list(self) -> list[str]:
        return self.machine.run(*ACCOUNT, "rabbitmq-backup", "list", what="The store does not answer.", remedy=REMEDY).text.split()

    def definitions(self, name: str) -> bytes:
        """Stored definitions, decrypted: JSON as rabbitmqctl imports it."""
        words = [*ACCOUNT, "rabbitmq-backup", "show", name]
        return self.machine.run(*words, what=f"The definitions {name} cannot be read.", remedy=REMEDY).output


def store() -> Store:
    """The store of the environment that is worked on."""
    return Store(machine(BROKERS))


__all__ = ["Store", "store"]
