"""The one way a command fails: what failed, why, and the command that mends it."""

from __future__ import annotations

EXIT_FAILED_RUN = 1
EXIT_BAD_INPUT = 2


class PlatformError(Exception):
    """A failed run, told in three parts: what failed, why, and the command that mends it.

    The command line prints these parts and leaves with ``exit_code``; it never shows a stack trace for one.
    """

    exit_code = EXIT_FAILED_RUN

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.remedy and f"To mend it: {self.remedy}") if part)


class InputError(PlatformError):
    """What the user gave cannot be used: nothing was touched."""

    exit_code = EXIT_BAD_INPUT
