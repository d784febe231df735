"""`./hs restore`: an environment's databases as they were at a moment, or as a dump holds them. What serves is replaced last, and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ops import console
from ops.backup import content, moments, plan
from ops.backup.plan import FILLING, WHOLE, Target
from ops.backup.repository import oldest_end
from ops.backup.server import Server, server_of
from ops.backup.take import require_environment_settings
from ops.deploy import turn_of, validated
from ops.errors import PlatformError
from ops.kubernetes import get_items
from ops.machines import Machine
from settings import Settings

WATCH_SECONDS = "0.2"
CREATE = """\
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L CONNECTION LIMIT %s',
  :'new', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit)
FROM pg_database WHERE datname = :'old' \\gexec
COMMENT ON DATABASE :"new" IS :'comment';
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', :'new', pg_get_userbyid(datdba)) FROM pg_database WHERE datname = :'old' \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'new',
  CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = :'old' \\gexec
"""
"""A database with the owner, the encoding, the order of texts and the rights of another one."""
COMMENT = "COMMENT ON DATABASE :\"new\" IS :'comment';"
DROP = 'DROP DATABASE :"new";'
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(string_to_array('{names}', ' '))"
SWAP = f"""\
exec 3<&0
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --port="$1" --dbname=postgres --file=- <&3 &
swap=$!
while kill -0 $swap 2>/dev/null; do
    psql --no-psqlrc --quiet --no-align --tuples-only --port="$1" --dbname=postgres --command="$2" >/dev/null
    sleep {WATCH_SECONDS}
done
wait $swap
"""
"""For bash: the transaction on standard input, and sessions of the databases ended until it is through. It is the machine's own work, so
that a connection which breaks leaves either nothing of it or all."""


@dataclass(frozen=True)
class Source:
    """What the databases become: their state at a moment, or a dump for each."""

    moment: datetime | None = None
    dumps: Mapping[str, Path] | None = None
    names: Mapping[str, str] | None = None
    """What each context's dump is called."""

    def named(self, context: str) -> str:
        """What a context's database becomes, in words that tell it from any other."""
        return plan.named(self.moment) if self.moment else (self.names or {})[context]


@dataclass(frozen=True)
class Restore:
    """A restore whose decisions are made."""

    environment: str
    server: Server
    source: Source
    targets: Sequence[Target]
    expected: Mapping[str, str]
    """The migrations' version that each context's services count on."""
    older_schema: bool

    def run(self) -> None:
        """Make what is missing, check all, and let them change places; raises PlatformError, and the present databases serve on."""
        filled = self._fill()
        self._check(filled)
        self._swap()

    def _fill(self) -> list[Target]:
        present = self.server.databases()
        steps = {
            target: plan.step(present.get(target.restored), self.source.named(target.context), target.restored) for target in self.targets
        }
        to_fill = [target for target, found in steps.items() if found != "reuse"]
        for target in to_fill:
            if steps[target] == "again":
                self.server.sql(DROP, new=target.restored)
        if not to_fill:
            return []
        if self.source.moment:
            self._fill_from_the_past(to_fill, self.source.moment)
        else:
            self._fill_from_dumps(to_fill)
        return to_fill

    def _fill_from_the_past(self, to_fill: Sequence[Target], moment: datetime) -> None:
        with console.step(f"Restoring the databases of {moments.written(moment)}") as step:
            only = to_fill[0].database if len(to_fill) == 1 else ""
            with self.server.aside(moment, database=only) as port:
                there = self.server.sql("SELECT datname FROM pg_database WHERE NOT datistemplate", port=port)
                missing = [target.database for target in to_fill if target.database not in there]
                if missing:
                    raise PlatformError(
                        f"At {moments.written(moment)} there was no {', '.join(missing)}; the present databases serve on.",
                        remedy="name a later time, or other contexts: --context NAME",
                    )
                for target in to_fill:
                    step.note(target.restored)
                    self._create(target)
                    self.server.copy(target.database, target.restored, port=port)
                    self._compare(target, port)
                    self._finish(target)

    def _fill_from_dumps(self, to_fill: Sequence[Target]) -> None:
        assert self.source.dumps is not None
        with console.step(f"Restoring {len(to_fill)} databases from dumps") as step:
            for target in to_fill:
                step.note(target.restored)
                self._create(target)
                with self.source.dumps[target.context].open("rb") as dump:
                    self.server.load(dump, target.restored)
                self._finish(target)

    def _create(self, target: Target) -> None:
        comment = FILLING.format(source=self.source.named(target.context))
        self.server.sql(CREATE, old=target.database, new=target.restored, comment=comment, what=f"{target.restored} could not be made.")

    def _compare(self, target: Target, port: int) -> None:
        expected = self.server.contents([target.database], port=port)[target.database]
        found = self.server.contents([target.restored])[target.restored]
        wrong = content.differences(target.restored, expected, found)
        if wrong:
            raise PlatformError(f"{target.restored} is not what it must be; the present databases serve on.", why="\n".join(wrong))

    def _finish(self, target: Target) -> None:
        """Give the planner what a dump does not hold, and note that the database is whole."""
        self.server.sql("ANALYZE;", database=target.restored)
        self.server.sql(COMMENT, new=target.restored, comment=WHOLE.format(source=self.source.named(target.context)))

    def _check(self, filled: Sequence[Target]) -> None:
        with console.step("Checking the restored databases") as step:
            found = self.server.histories([target.restored for target in self.targets])
            versions = {target.context: found[target.restored].version for target in self.targets}
            if not self.older_schema:
                plan.require_versions(self.environment, versions, self.expected)
            left = f", {len(self.targets) - len(filled)} of them by an earlier run" if len(filled) < len(self.targets) else ""
            step.note(f"{len(found)} databases{left}")

    def _swap(self) -> None:
        names = " ".join(name for target in self.targets for name in (target.database, target.restored))
        with console.step("Letting them change places"):
            self.server.machine.run(
                "sudo", "-u", "postgres", "bash", "-c", SWAP, "bash", str(self.server.port), END_SESSIONS.format(names=names),
                given=plan.swap_statements(self.targets).encode(),
                what=f"The restored databases of {self.environment} could not take their places; the present ones serve on.",
                remedy="see what holds the databases, then run the same command again: it goes on from here",
            )  # fmt: skip


def restore(
    environment: str,
    source: Callable[[Settings], Source],
    *,
    contexts: Sequence[str] = (),
    confirm: Callable[[str], None],
    dry_run: bool = False,
    older_schema: bool = False,
    again: bool = False,
) -> list[Target]:
    """Have an environment's databases be what ``source`` says; returns what was replaced, nothing when that was done already.

    Raises InputError before anything is touched, and PlatformError for a restore that failed: the present databases serve then, and the
    same command goes on where this one stopped.
    """
    settings = validated(environment)
    require_environment_settings(settings)
    wanted, server = source(settings), server_of(settings)
    held = server.backups() if wanted.moment else []
    if wanted.moment:
        moments.require_restorable(wanted.moment, now=server.now(), oldest=oldest_end(held))
    chosen = list(wanted.dumps) if wanted.dumps is not None else contexts
    comments = server.databases()
    found = plan.targets(environment, list(settings.catalogue.contexts), chosen, comments, server.now())
    if not again and all(plan.is_done(comments, [target], wanted.named(target.context)) for target in found):
        done = f"The databases of {environment} were restored to that already: nothing to do. --again does it anew."
        console.out.print(done, markup=False, soft_wrap=True)
        return []
    sizes = server.sizes([target.database for target in found])
    copy_bytes = held[-1].size_bytes if held else 0
    plan.require_room(server.free_bytes(), copy_bytes + sum(sizes.values()))
    present = server.histories([target.database for target in found])
    versions = {target.context: present[target.database].version for target in found}
    show(environment, found, wanted, sizes, versions)
    if dry_run:
        return []
    confirm(f"Restore {len(found)} databases of {environment}?")
    with turn_of(environment, "restore"):
        expected = {**versions, **plan.expected_versions(get_items(environment, "jobs"))}
        Restore(environment, server, wanted, found, expected, older_schema).run()
    show_kept(server.machine, environment, found)
    return found


def show(environment: str, found: Sequence[Target], source: Source, sizes: Mapping[str, int], versions: Mapping[str, str]) -> None:
    """Print what will happen."""
    console.out.print(f"This restores {len(found)} of {environment}'s databases:", markup=False, soft_wrap=True)
    for target in found:
        for line in plan.words([target], source.named(target.context), sizes, versions):
            console.out.print(f"  {line}", markup=False, soft_wrap=True)
    console.out.print(
        "Services lose their connections for a moment and connect again by themselves. RabbitMQ is not turned back: events that were sent "
        "since then are not taken back.",
        markup=False,
        soft_wrap=True,
    )


def show_kept(machine: Machine, environment: str, found: Sequence[Target]) -> None:
    """Print what was kept, and how it is dropped; nothing drops it by itself."""
    console.out.print(f"Restored: they serve {environment}. What they replaced is kept:", markup=False, soft_wrap=True)
    for target in found:
        words = " ".join([*machine.ssh(), "sudo", "-u", "postgres", "dropdb", target.kept])
        console.out.print(f"  {target.kept}, until somebody drops it: {words}", markup=False, soft_wrap=True)


__all__ = ["Restore", "Source", "restore"]
