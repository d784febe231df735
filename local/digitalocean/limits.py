"""How often the API may be asked: so many requests an hour, and so many a minute."""

from __future__ import annotations

import math
import time
from collections import deque

REQUESTS_PER_HOUR = 5000  # https://docs.digitalocean.com/reference/api/reference/#section/Introduction/Rate-Limit
REQUESTS_PER_MINUTE = 250  # the same page's "burst limit"
HOUR_SECONDS = 3600
MINUTE_SECONDS = 60


class Limits:
    """The requests of one token. Each counts for an hour from when it was made, and towards the burst limit for a minute."""

    def __init__(self, per_hour: int = REQUESTS_PER_HOUR, per_minute: int = REQUESTS_PER_MINUTE) -> None:
        """Nothing was asked yet."""
        self._per_hour, self._per_minute = per_hour, per_minute
        self._hour: deque[float] = deque()
        self._minute: deque[float] = deque()

    def count(self) -> int | None:
        """Count a request; where it is one too many, the seconds after which the next is let in instead."""
        now = self._expire()
        hour = self._wait(self._hour, self._per_hour, HOUR_SECONDS, now)
        wait = max(hour, self._wait(self._minute, self._per_minute, MINUTE_SECONDS, now))
        if wait > 0:
            return max(1, math.ceil(wait))
        self._hour.append(now)
        self._minute.append(now)
        return None

    def headers(self) -> dict[str, str]:
        """What every answer says of them. None remain while the burst limit is met, whatever the hour leaves."""
        now = self._expire()
        remaining = 0 if len(self._minute) >= self._per_minute else max(0, self._per_hour - len(self._hour))
        return {
            "ratelimit-limit": str(self._per_hour),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(math.ceil(self._hour[0] + HOUR_SECONDS if self._hour else now)),
        }

    def _expire(self) -> float:
        now = time.time()
        for made, seconds in ((self._hour, HOUR_SECONDS), (self._minute, MINUTE_SECONDS)):
            while made and made[0] + seconds <= now:
                made.popleft()
        return now

    @staticmethod
    def _wait(made: deque[float], most: int, seconds: int, now: float) -> float:
        if len(made) < most:
            return 0.0
        return (made[0] if made else now) + seconds - now


__all__ = ["REQUESTS_PER_HOUR", "REQUESTS_PER_MINUTE", "Limits"]
