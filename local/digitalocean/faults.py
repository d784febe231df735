"""Failures on demand: what the API answers, how late, and whether it did the work all the same."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, dataclass
from typing import Any

ANY = "*"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "method": str,
    "path": str,
    "status": int,
    "times": int,
    "retry_after_seconds": int,
    "delay_seconds": (int, float),
    "after_effect": bool,
}
ERROR_IDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    422: "unprocessable_entity",
    429: "too_many_requests",
    500: "server_error",
    503: "service_unavailable",
}


@dataclass
class Fault:
    """What happens to the next ``times`` requests with this method and path ("*" and glob patterns stand for any).

    They wait ``delay_seconds``; then they fail with ``status`` (None: they are served), without any effect; a 429 says Retry-After: 1
    where ``retry_after_seconds`` says nothing else. With ``after_effect`` they are served and the connection ends without an answer:
    the caller cannot know that the work was done.
    """

    method: str = ANY
    path: str = ANY
    status: int | None = None
    times: int = 1
    retry_after_seconds: int | None = None
    delay_seconds: float = 0.0
    after_effect: bool = False

    @property
    def retry_after(self) -> int | None:
        """What the header Retry-After says; None for an answer without it."""
        return 1 if self.retry_after_seconds is None and self.status == 429 else self.retry_after_seconds


class Faults:
    """The failures that are still to come."""

    def __init__(self) -> None:
        """None to begin with."""
        self._pending: list[Fault] = []

    def add(self, body: dict[str, Any]) -> Fault:
        """Take one more; raises ValueError with the field that is wrong."""
        for field, value in body.items():
            if field not in FIELDS:
                raise ValueError(f"{field} is none of {', '.join(FIELDS)}")
            if value is not None and (not isinstance(value, FIELDS[field]) or (isinstance(value, bool) and field != "after_effect")):
                raise ValueError(f"{field} cannot be {value!r}")
        fault = Fault(**{field: value for field, value in body.items() if value is not None})
        if fault.times < 1 or fault.delay_seconds < 0 or not 200 <= (fault.status or 500) <= 599:
            raise ValueError("times is at least 1, delay_seconds at least 0, status from 200 to 599")
        if (fault.retry_after_seconds or 0) < 0:
            raise ValueError("retry_after_seconds is at least 0")
        if fault.status is None and not fault.delay_seconds and not fault.after_effect:
            raise ValueError("one of status, delay_seconds and after_effect says what happens")
        self._pending.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all."""
        self._pending.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The failure that is meant for this request, counted; None when it shall be served."""
        for fault in self._pending:
            if fault.method.upper() in (ANY, method) and fnmatch.fnmatchcase(path, fault.path):
                fault.times -= 1
                if fault.times == 0:
                    self._pending.remove(fault)
                return fault
        return None

    def shape(self) -> list[dict[str, Any]]:
        """What is still to come, as JSON."""
        return [asdict(fault) for fault in self._pending]


__all__ = ["ERROR_IDS", "Fault", "Faults"]
