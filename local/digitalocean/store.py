"""The zones and their records, kept in one JSON file that is replaced whole at each change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.digitalocean import records
from local.digitalocean.records import APEX, DEFAULT_TTL_SECONDS, InvalidError, Record

NAMESERVERS = ("ns1.digitalocean.com", "ns2.digitalocean.com", "ns3.digitalocean.com")
FIRST_ID = 100_001


class StateError(Exception):
    """The state file cannot be used; the text is one line that names it."""


class NotFoundError(Exception):
    """A domain or a record that is not there: the API's 404."""


@dataclass
class Zone:
    """A domain with its records by their ids; ``serial`` grows with each change."""

    name: str
    serial: int = 1
    records: dict[int, Record] = field(default_factory=dict)

    def shape(self, zone_file: str | None) -> dict[str, Any]:
        """The domain in an answer's JSON."""
        return {"name": self.name, "ttl": DEFAULT_TTL_SECONDS, "zone_file": zone_file}

    def holding(self, kind: str) -> Iterator[Record]:
        """The records of a type."""
        return (record for record in self.records.values() if record.type == kind)


class Store:
    """Everything that the emulator holds. One thread uses it: the one that answers the API and the DNS."""

    def __init__(self, file: Path | None = None) -> None:
        """Read ``file`` when it is there; without a file nothing outlives this object. Raises StateError."""
        self._file = file
        self._next_id = FIRST_ID
        self.zones: dict[str, Zone] = {}
        if file is not None and file.exists():
            try:
                self._read(json.loads(file.read_text()))
            except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                why = " ".join(f"{type(error).__name__}: {error}".split())
                raise StateError(f"The state file {file} cannot be read; mend it or remove it ({why})") from error

    def zone(self, name: str) -> Zone:
        """A domain by its name; raises NotFoundError."""
        found = self.zones.get(name.lower())
        if found is None:
            raise NotFoundError
        return found

    def record(self, zone: str, number: int) -> Record:
        """A record by its id; raises NotFoundError."""
        found = self.zone(zone).records.get(number)
        if found is None:
            raise NotFoundError
        return found

    def add_zone(self, body: dict[str, Any]) -> Zone:
        """Make a domain with its SOA and NS records, and an A record when the body has ``ip_address``; raises InvalidError."""
        name = records.domain_name(body.get("name"))
        if name in self.zones:
            raise InvalidError(f"Name {name} already exists")
        zone = Zone(name)
        self._put(zone, Record(self._id(), "SOA", APEX, str(DEFAULT_TTL_SECONDS)))
        for nameserver in NAMESERVERS:
            self._put(zone, Record(self._id(), "NS", APEX, nameserver))
        if body.get("ip_address"):
            self._put(zone, records.made(name, self._id(), {"type": "A", "name": APEX, "data": body["ip_address"]}))
        self.zones[name] = zone
        self._write()
        return zone

    def delete_zone(self, name: str) -> None:
        """Remove a domain with its records; raises NotFoundError."""
        del self.zones[self.zone(name).name]
        self._write()

    def add_record(self, zone_name: str, body: dict[str, Any]) -> Record:
        """Add a record; raises NotFoundError for its domain and InvalidError for the body."""
        zone = self.zone(zone_name)
        record = records.made(zone.name, self._next_id, body)
        records.conflict(record, list(zone.records.values()))
        self._id()
        return self._keep(zone, record)

    def change_record(self, zone_name: str, number: int, body: dict[str, Any]) -> Record:
        """Change what the body names of a record; raises NotFoundError and InvalidError."""
        zone = self.zone(zone_name)
        record = records.changed(zone.name, self.record(zone_name, number), body)
        records.conflict(record, list(zone.records.values()))
        return self._keep(zone, record)

    def delete_record(self, zone_name: str, number: int) -> None:
        """Remove a record; raises NotFoundError, and InvalidError for the SOA record."""
        zone, record = self.zone(zone_name), self.record(zone_name, number)
        if record.type == "SOA":
            raise InvalidError("SOA records go with their domain and cannot be removed")
        del zone.records[number]
        zone.serial += 1
        self._write()

    def _keep(self, zone: Zone, record: Record) -> Record:
        self._put(zone, record)
        zone.serial += 1
        self._write()
        return record

    def _put(self, zone: Zone, record: Record) -> None:
        """Hold a record; the records of one name and type have one TTL: the last that was sent."""
        for number, other in zone.records.items():
            if (other.name, other.type) == (record.name, record.type):
                zone.records[number] = replace(other, ttl=record.ttl)
        zone.records[record.id] = record

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _read(self, state: dict[str, Any]) -> None:
        self._next_id = int(state["next_id"])
        for name, kept in state["zones"].items():
            held = [Record(**fields) for fields in kept["records"]]
            zone = Zone(name, int(kept["serial"]), {record.id: record for record in held})
            if not all(isinstance(value, str) for record in held for value in (record.type, record.name, record.data)):
                raise ValueError(f"{name} has a record without a text")
            if not any(zone.holding("SOA")):
                raise ValueError(f"{name} has no SOA record")
            self.zones[name] = zone

    def _write(self) -> None:
        if self._file is None:
            return
        zones = {
            name: {"serial": zone.serial, "records": [record.shape() for record in zone.records.values()]}
            for name, zone in self.zones.items()
        }
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps({"next_id": self._next_id, "zones": zones}, indent=1) + "\n")
        os.replace(partial, self._file)


__all__ = ["NAMESERVERS", "NotFoundError", "StateError", "Store", "Zone"]
