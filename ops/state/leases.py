"""A turn as an object: its holder writes it anew every second, and whoever finds it too old may take it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.errors import PlatformError
from ops.state.locks import Holder, read_holders
from ops.state.objects import ABSENT, Objects
from ops.state.state import POLL_SECONDS, end_run

RENEW_SECONDS = 1.0
LOST_SECONDS = 6.0
"""A run that has not renewed its lease for this long ends itself."""
LEASE_SECONDS = 9.0
"""From this age on a lease is over. Ages are whole seconds of the storage's clock: one of 9 is more than 8 seconds old, and its holder has
ended at 7 at the latest. Nobody waits longer than ten for a dead one."""


@dataclass
class Lease:
    """The turn on a stack, held by this process."""

    objects: Objects
    key: str
    holders: list[Holder]
    """The earlier holders whose locks may still be there, and this one at the end."""
    etag: str = ""
    renewal: int = 0
    renewed_at: float = field(default_factory=time.monotonic)
    """When the last write that succeeded was begun; this process's clock."""
    unanswered: str = "the storage does not answer"
    """What the last write that failed said."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def take(cls, objects: Objects, key: str, mine: Holder, on_wait: Callable[[Holder | None], None]) -> Lease:
        """Wait until the lease is nobody's, or its holder is gone, and have it."""
        while True:
            found = objects.get(key)
            document = json.loads(found.content) if found else {}
            earlier = read_holders(document.get("holders"))
            if found and document["held"] and found.age_seconds < LEASE_SECONDS:
                on_wait(next(reversed(earlier), None))
                time.sleep(POLL_SECONDS)
                continue
            lease = cls(objects, key, [*earlier, mine], found.etag if found else ABSENT)
            if lease.write():
                return lease

    def write(self, *, held: bool = True) -> bool:
        """Write the lease anew, unless somebody else has taken it."""
        with self.lock:
            begun = time.monotonic()
            self.renewal += 1
            holders = [holder.as_document() for holder in self.holders]
            content = json.dumps({"held": held, "renewal": self.renewal, "holders": holders}).encode()
            written = self.objects.put(self.key, content, instead_of=self.etag)
            if not written:  # an earlier try of the same request may have arrived, although its answer did not
                found = self.objects.get(self.key)
                written = found.etag if found and found.content == content else ""
            if written:
                self.etag, self.renewed_at = written, begun
            return bool(written)

    def note(self, stack: str, holders: Sequence[Holder]) -> None:
        """Have these holders stand in it; ends this process when the lease is another's."""
        self.holders = list(holders)
        if not self.write():
            end_run(stack, "another run has taken it")

    @contextmanager
    def renewed(self, stack: str) -> Iterator[None]:
        """Renew the lease while the body runs, and give it back; ends this process when it is lost."""
        over = threading.Event()
        threads = [threading.Thread(target=work, args=(stack, over), daemon=True) for work in (self._renew, self._watch)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
            self.write(held=False)

    def _renew(self, stack: str, over: threading.Event) -> None:
        while not over.wait(RENEW_SECONDS):
            try:
                if not self.write():
                    end_run(stack, "another run has taken it")
            except PlatformError as unanswered:
                self.unanswered = unanswered.why

    def _watch(self, stack: str, over: threading.Event) -> None:
        while not over.wait(POLL_SECONDS):
            if time.monotonic() - self.renewed_at > LOST_SECONDS:
                end_run(stack, self.unanswered)
