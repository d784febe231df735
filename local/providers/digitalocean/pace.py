"""How often the API is asked: a token may be used 250 times a minute, by everybody who has it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from local.providers.errors import BackendError

REQUESTS_PER_MINUTE = 240  # of the 250 the API takes: cert-manager may use the same token
MINUTE_SECONDS = 60.0


class Pace:
    """Lets requests through one by one; safe to use from several threads."""

    def __init__(
        self,
        cancelled: threading.Event,
        requests_per_second: float = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """``requests_per_second`` 0 sets no limit but the minute's; ``clock`` and ``sleep`` are for tests."""
        self._cancelled = cancelled
        self._seconds_apart = 1 / requests_per_second if requests_per_second else 0.0
        self._clock = clock
        self._sleep = sleep or cancelled.wait
        self._lock = threading.Lock()
        self._sent: deque[float] = deque(maxlen=REQUESTS_PER_MINUTE)
        self._held_until = 0.0

    def wait_for_turn(self) -> None:
        """Return when the next request may be sent; raises BackendError when the deployment was cancelled meanwhile."""
        while True:
            with self._lock:
                now = self._clock()
                due = self._due()
                if due <= now:
                    self._sent.append(now)
                    return
            self._sleep(due - now)
            if self._cancelled.is_set():
                raise BackendError("The deployment was cancelled while it waited for its turn to ask DigitalOcean")

    def hold(self, seconds: float) -> None:
        """Let no request through for this long: the API asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _due(self) -> float:
        if not self._sent:
            return self._held_until
        oldest_leaves = self._sent[0] + MINUTE_SECONDS if len(self._sent) == REQUESTS_PER_MINUTE else 0.0
        return max(self._held_until, oldest_leaves, self._sent[-1] + self._seconds_apart)
