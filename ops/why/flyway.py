"""What Flyway says of a migration that failed. Pure functions over its last lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

LOCK_NOT_AVAILABLE = "55P03"
"""lock_not_available: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
CHECKSUM = re.compile(r"checksum mismatch for migration version (\S+)", re.IGNORECASE)
LOCK_WORDS = "it waited for a lock that another session holds, longer than lock_timeout allows"


def sql_failure(log: Sequence[str]) -> str:
    """What Flyway says of a failed migration in one sentence: the file, line and SQL error, or the checksum that differs."""
    text = "\n".join(log)
    script = re.search(r"[Mm]igration (?:of .*? )?\(?(\w+__\w+\.sql)\)? failed", text) or re.search(r"(\w+__\w+\.sql)", text)
    message = re.search(r"^Message\s*:\s*(?:ERROR: )?(.+)$", text, re.MULTILINE)
    line = re.search(r"^Line\s*:\s*(\d+)$", text, re.MULTILINE)
    if script and message:
        waited = f" ({LOCK_WORDS})" if is_lock_timeout(log) else ""
        return f"the script {script[1]} failed{f' at line {line[1]}' if line else ''}: {message[1].strip()}{waited}"
    if checksum := CHECKSUM.search(text):
        return f"the script of version {checksum[1]} was edited after it had been applied (its checksum differs)"
    return ""


def is_edited(log: Sequence[str]) -> bool:
    """Whether a script was changed after it had been applied: then it is to be as it was, not corrected."""
    return any(CHECKSUM.search(line) for line in log)


def is_lock_timeout(log: Sequence[str]) -> bool:
    """Whether a script failed because somebody else held a lock: the same script may pass a minute later."""
    return any(re.search(rf"^SQL State\s*:\s*{LOCK_NOT_AVAILABLE}\b|due to lock timeout", line) for line in log)


def telling_lines(log: Sequence[str]) -> tuple[str, ...]:
    """The lines that tell of the failure, without what Flyway says of itself: from its first ERROR on."""
    begin = next((number for number, line in enumerate(log) if line.startswith("ERROR")), 0)
    return tuple(line for line in log[begin:] if line.strip() and not re.fullmatch(r"-+", line.strip()))


__all__ = ["is_edited", "is_lock_timeout", "sql_failure", "telling_lines"]
