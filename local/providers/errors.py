"""The one way an operation of a provider fails: a message for the person who ran Pulumi."""

from __future__ import annotations


class BackendError(Exception):
    """An operation failed; told as what failed, why, and what mends it. Never holds a secret."""

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        sentence = f"{self.what}: {self.why}" if self.why else self.what
        return f"{sentence}\nTo mend it: {self.remedy}" if self.remedy else sentence
