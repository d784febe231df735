"""State in object storage (`s3://`): shared stacks beside another provider's machines. Turns and records need its conditional writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ops.errors import PlatformError
from ops.state.files import OWN
from ops.state.leases import Lease
from ops.state.locks import Holder
from ops.state.objects import ABSENT, Objects
from ops.state.state import State

CONDITIONS = f"{OWN}/conditional-writes"
"""An object that tells whether the storage heeds If-None-Match; some compatible ones write all the same."""


class BucketState(State):
    """A bucket, or a part of one. The turn is a lease that its holder renews every second, and ends without that."""

    def __init__(self, url: str, project: str) -> None:
        super().__init__(project)
        self.objects = Objects.of(url)
        self.leases: dict[str, Lease] = {}

    def keys(self, prefix: str) -> list[str]:
        """The objects whose key begins with ``prefix``."""
        return self.objects.keys(prefix)

    def read(self, key: str) -> bytes | None:
        """An object's content."""
        found = self.objects.get(key)
        return found.content if found else None

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.objects.delete(key)

    def read_documents(self, collection: str, environment: str) -> list[tuple[int, dict[str, Any]]]:
        """The documents, one object each."""
        numbers = sorted(self._numbers(collection, environment))
        found = ((number, self.read(_document(collection, environment, number))) for number in numbers)
        return [(number, json.loads(content)) for number, content in found if content]

    def append_document(self, collection: str, environment: str, document: dict[str, Any]) -> int:
        """Write a new object; the first to write it under a number has that number."""
        number = max(self._numbers(collection, environment), default=0)
        while True:
            number += 1
            if self.objects.put(_document(collection, environment, number), json.dumps(document).encode(), instead_of=ABSENT):
                return number

    def write_document(self, collection: str, environment: str, number: int, document: dict[str, Any]) -> None:
        """Replace an object."""
        self.objects.put(_document(collection, environment, number), json.dumps(document).encode())

    def delete_document(self, collection: str, environment: str, number: int) -> None:
        """Delete an object."""
        self.delete(_document(collection, environment, number))

    def _numbers(self, collection: str, environment: str) -> list[int]:
        keys = self.keys(f"{OWN}/{collection}/{environment}/")
        return [int(key.rpartition("/")[2].removesuffix(".json")) for key in keys]

    @contextmanager
    def hold(self, stack: str, mine: Holder, on_wait: Callable[[Holder | None], None]) -> Iterator[list[Holder]]:
        """Hold the stack's lease and renew it; when that cannot be done, this process ends, and its engine with it."""
        self._require_conditional_writes()
        lease = Lease.take(self.objects, f"{OWN}/turns/{self.project}/{stack}.json", mine, on_wait)
        self.leases[stack] = lease
        try:
            with lease.renewed(stack):
                yield lease.holders[:-1]
        finally:
            del self.leases[stack]

    def note_holders(self, stack: str, holders: Sequence[Holder]) -> None:
        """Write the lease anew with these holders."""
        self.leases[stack].note(stack, holders)

    def _require_conditional_writes(self) -> None:
        tries = [self.objects.put(CONDITIONS, b"", instead_of=ABSENT) for _ in range(2)]
        if tries[-1]:
            raise PlatformError(
                f"The storage at {self.objects.address} takes no conditional writes.",
                why="it wrote over an object although If-None-Match forbade it: two runs could have the turn at once",
                remedy="keep the state in PostgreSQL, or in a storage that heeds If-None-Match (docs/runbooks/mend-state.md)",
            )


def _document(collection: str, environment: str, number: int) -> str:
    return f"{OWN}/{collection}/{environment}/{number}.json"
