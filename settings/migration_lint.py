"""What PostgreSQL's own parser says of the migrations: what breaks the release that runs, what locks a table for long, and when it may.

A script V<version>__<words>.sql is an expand step: the release before it keeps working.
V<version>__contract_<words>.sql is a contract step: it may take away what no running release uses any more, and nothing is rolled back
across it. Repeatable scripts and callbacks have no version, so they are held to what an expand step may do.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from settings.errors import Mistake
from settings.migration_rules import COPY_FROM_STDIN, Script
from settings.migration_syntax import Breach, Known
from settings.migrations import Migrations, order, version_of

PLACEHOLDERS = ("app_role",)
"""What components/migration.py gives Flyway a value for; those that begin with `flyway:` Flyway knows itself."""

BEFORE_THE_LINT = {"V1__orders_by_day.sql": "f730670b5e3c673920451188ccb448b68459c1c43bf83d16acb90f85a05a895e"}
"""Scripts that were applied before there was a lint, with the SHA-256 of their content: an applied script is never edited."""

_CONTRACT = re.compile(r"V\d+([._]\d+)*__contract_\w+\.sql")
_PLACEHOLDER = re.compile(r"\$\{([^}\n]*)\}")
_REASON = re.compile(r"--\s*lint\s*:\s*(?P<reason>.*?)\s*")
_COPY = re.compile(r"^\s*COPY\b[^;]*\bFROM\s+STDIN\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, order=True)
class Finding:
    """One statement that a script may not have: the statement in few words, what it breaks or locks, and what to write instead."""

    script: str
    line: int
    statement: str
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.script}:{self.line}: {self.statement}: {self.why}; {self.instead}"


@dataclass(frozen=True, order=True)
class Reason:
    """Why a finding that the lint cannot decide is accepted, in the words of the comment `-- lint: <reason>`; shown, so that it is read."""

    script: str
    line: int
    statement: str
    reason: str

    def __str__(self) -> str:
        return f"{self.script}:{self.line}: {self.statement}: accepted: {self.reason}"


@dataclass
class Report:
    """What the lint found in one database's scripts, and what it accepted for a reason."""

    findings: list[Finding] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)


def statement_mistakes(migrations: Migrations) -> list[Mistake]:
    """What one database's scripts may not say, as mistakes in their files."""
    findings = lint(migrations.scripts).findings
    return [Mistake(f"{migrations.path(one.script)}:{one.line}", one.statement, one.why, one.instead) for one in findings]


def is_contract(script_name: str) -> bool:
    """Whether a script is a contract step, by its name alone."""
    return _CONTRACT.fullmatch(script_name) is not None


def lint(scripts: dict[str, bytes]) -> Report:
    """Judge all scripts of one database, in the order in which Flyway runs them; the scripts themselves are not changed."""
    report = Report()
    known = Known()
    for name in sorted(scripts, key=_running_order):
        told = _Text(name, scripts[name], known, report)
        told.judge(silent=hashlib.sha256(scripts[name]).hexdigest() == BEFORE_THE_LINT.get(name))
    report.findings = sorted(set(report.findings))
    return report


def _running_order(name: str) -> tuple[bool, tuple[int, ...], bool, str]:
    version = version_of(name)
    return not version, order(version) if version else (), not name.startswith("R__"), name


@dataclass(frozen=True)
class _Statement:
    node: Any
    text: str
    start: int
    end: int


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[tuple[_Statement, ...], tuple[tuple[int, str], ...]]:
    """The statements of a script and its comments, with the characters where they are. Raises pglast.parser.ParseError."""
    from pglast import parser  # here, as loading it takes 60 ms that a command without scripts need not wait

    statements = []
    for raw in parser.parse_sql(text):
        start, length = raw.stmt_location or 0, raw.stmt_len or 0  # the length of a last statement without semicolon is 0
        end = start + length if length else len(text)
        statements.append(_Statement(raw.stmt, text[start:end], start, end))
    tokens = parser.scan(text) if "lint" in text else ()
    comments = ((token.start, text[token.start : token.end + 1]) for token in tokens if token.name == "SQL_COMMENT")
    return tuple(statements), tuple(comments)


class _Text:
    """One script: its text, where its lines are, and the reasons in it."""

    def __init__(self, name: str, content: bytes, known: Known, report: Report) -> None:
        self.name, self.content, self.known, self.report = name, content, known, report
        self.text = ""
        self.newlines: list[int] = []

    def judge(self, *, silent: bool) -> None:
        """Add what is found to the report; a ``silent`` script only tells later ones what is there."""
        try:
            self.text = self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            self._find(1 + self.content[: error.start].count(b"\n"), "not UTF-8", "PostgreSQL would refuse its bytes", "save it as UTF-8")
            return
        if "\0" in self.text:
            self._find(1, "a zero byte", "PostgreSQL would read the script only up to it", "remove it")
            return
        self.newlines = [match.start() for match in re.finditer("\n", self.text)]
        self._check_placeholders()
        # A placeholder's value is a name: as many letters stand in for it, so that every position stays.
        parsed = self._parse(_PLACEHOLDER.sub(lambda match: "p" * len(match[0]), self.text))
        if parsed is None:
            return
        statements, comments = parsed
        script = Script(self.known, contract=is_contract(self.name), versioned=bool(version_of(self.name)))
        reasons = self._reasons(statements, comments)
        alone = script.not_alone([statement.node for statement in statements])
        for number, statement in enumerate(statements):
            line = self._line(statement.start)
            breaches = [*((line, breach) for breach in alone.get(number, ())), *script.judge(statement.node, statement.text, line)]
            if not silent:
                self._settle(breaches, reasons.get(number))

    def _settle(self, breaches: list[tuple[int, Breach]], reason: tuple[int, str] | None) -> None:
        """A reason excuses what cannot be decided by reading; the rest is found."""
        excused = [found for found in breaches if reason and found[1].excusable]
        for place, breach in breaches:
            if (place, breach) not in excused:
                self._find(place, breach.statement, breach.why, breach.instead)
        if reason and not excused:
            why = "there is nothing here that a reason excuses"
            self._find(reason[0], "-- lint", why, "remove the comment; a step that takes something away is named contract instead")
        if reason and not reason[1]:
            self._find(reason[0], "-- lint", "the reason is missing", "say why this statement is safe: -- lint: <reason>")
        elif reason:
            self.report.reasons.extend(Reason(self.name, place, breach.statement, reason[1]) for place, breach in excused)

    def _reasons(self, statements: tuple[_Statement, ...], comments: tuple[tuple[int, str], ...]) -> dict[int, tuple[int, str]]:
        """The reason of each statement by its number: in the comment before it, in it, or behind it on its last line."""
        reasons = {}
        ends = [statement.end for statement in statements]
        for start, comment in comments:
            if not (match := _REASON.fullmatch(comment)):
                continue
            number = bisect_right(ends, start)
            if number and "\n" not in self.text[ends[number - 1] : start]:
                number -= 1
            line = self._line(start)
            if number < len(statements):
                reasons[number] = (line, match["reason"])
            else:
                self._find(line, "-- lint", "no statement follows", "write it before the statement that it is about")
        return reasons

    def _parse(self, text: str) -> tuple[tuple[_Statement, ...], tuple[tuple[int, str], ...]] | None:
        from pglast.parser import ParseError  # here for the same reason as in the function of this name

        try:
            return _parse(text)
        except ParseError as error:
            message, place = error.args[0], error.args[1]
            place = len(text.rstrip()) if place is None else place
            line, begin = self._line(place), text.rfind("\n", 0, place) + 1
            if "\\" in (text[begin:].lstrip()[:1], text[place : place + 1]):
                self._find(line, "a command of psql", "Flyway sends it to PostgreSQL, which does not know it", "write SQL only")
            elif copies := list(_COPY.finditer(text[:place])):
                begin = copies[-1].end()
                self._find(self._line(begin), COPY_FROM_STDIN.statement, COPY_FROM_STDIN.why, COPY_FROM_STDIN.instead)
            else:
                self._find(line, "syntax error", f"PostgreSQL says: {message}", "correct it")
            return None

    def _check_placeholders(self) -> None:
        for match in _PLACEHOLDER.finditer(self.text):
            if match[1] not in PLACEHOLDERS and not match[1].startswith("flyway:"):
                why = f"Flyway has no value for it and fails; known are {', '.join(PLACEHOLDERS)}"
                self._find(
                    self._line(match.start()),
                    f"placeholder {match[1]}",
                    why,
                    "use a known one, or write the dollar sign and the brace apart",
                )

    def _line(self, place: int) -> int:
        return 1 + bisect_left(self.newlines, place)

    def _find(self, line: int, statement: str, why: str, instead: str) -> None:
        self.report.findings.append(Finding(self.name, line, statement, why, instead))
