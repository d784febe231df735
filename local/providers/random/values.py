"""The types of the random package: nothing outside the state is ever made, so reading, changing and deleting are trivial."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import uuid
from abc import abstractmethod
from typing import Any, ClassVar

from typing_extensions import override

from local.providers.base import Resource
from local.providers.errors import BackendError
from local.providers.properties import Property, Refusals
from local.providers.random.characters import Characters, bcrypt, draw
from local.providers.random.words import ADJECTIVES, ADVERBS, ANIMALS
from local.providers.wire import UNKNOWN, Properties

KEEPERS = Property("keepers", "map", replaces=True)


class RandomValue(Resource[None]):
    """A value that is drawn when the resource is created."""

    @abstractmethod
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The ID and the outputs of a new value."""

    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID and the state of a value drawn elsewhere; types that cannot be imported do not come here."""
        raise BackendError(f"A {self.token} cannot be imported as {resource_id}")

    @override
    def create(self, client: None, inputs: Properties) -> tuple[str, Properties]:
        """Draw the value."""
        resource_id, results = self.drawn(inputs)
        return resource_id, {**inputs, **results}

    @override
    def read(self, client: None, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The state is all there is."""
        return (resource_id, state) if state else self.imported(resource_id)

    @override
    def update(self, client: None, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Only what does not matter to the value can change in place."""
        return {**{prop.name: old.get(prop.name) for prop in self.properties if prop.output}, **new}

    @override
    def delete(self, client: None, resource_id: str, state: Properties) -> None:
        """Nothing was made."""


class RandomString(RandomValue):
    """Random characters that are no secret; the ID is the string itself."""

    token = "random:index/randomString:RandomString"
    schema_version = 3
    properties: ClassVar[tuple[Property, ...]] = (
        KEEPERS,
        Property("length", "integer", required=True, minimum=1, replaces=True),
        Property("upper", "boolean", default=True, replaces=True),
        Property("lower", "boolean", default=True, replaces=True),
        Property("number", "boolean", computed=True, replaces=True),
        Property("numeric", "boolean", computed=True, replaces=True),
        Property("special", "boolean", default=True, replaces=True),
        Property("minUpper", "integer", default=0, minimum=0, replaces=True),
        Property("minLower", "integer", default=0, minimum=0, replaces=True),
        Property("minNumeric", "integer", default=0, minimum=0, replaces=True),
        Property("minSpecial", "integer", default=0, minimum=0, replaces=True),
        Property("overrideSpecial", replaces=True),
        Property("result", output=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a length below its minimums and an alphabet without characters."""
        if any(value is UNKNOWN for value in inputs.values()):
            return
        wanted = _characters(inputs)
        if inputs.get("number") is not None and inputs.get("numeric") is not None and inputs["number"] != inputs["numeric"]:
            refusals.add("number", "it is the old name of numeric and must not contradict it; leave it out")
        if wanted.minimum > wanted.length:
            refusals.add("length", f"{wanted.length} is too small: the minimums add up to {wanted.minimum}")
        elif not wanted.alphabet and wanted.minimum < wanted.length:
            refusals.add("special", "the character set is empty; turn at least one of upper, lower, numeric, special on")

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The characters."""
        result = draw(_characters(inputs))
        return self._identity(result), self._results(result, inputs)

    @override
    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID of an import is the string itself."""
        state = {"length": len(resource_id), "upper": True, "lower": True, "special": True}
        return self._identity(resource_id), {**state, **self._results(resource_id, state)}

    def _identity(self, result: str) -> str:
        return result

    def _results(self, result: str, inputs: Properties) -> Properties:
        numeric = _numeric(inputs)
        return {"result": result, "number": numeric, "numeric": numeric}


class RandomPassword(RandomString):
    """Random characters that are a secret, with their bcrypt hash; the ID says nothing."""

    token = "random:index/randomPassword:RandomPassword"
    properties: ClassVar[tuple[Property, ...]] = (
        *RandomString.properties[:-1],
        Property("result", output=True, secret=True),
        Property("bcryptHash", output=True, secret=True),
    )

    @override
    def _identity(self, result: str) -> str:
        return "none"

    @override
    def _results(self, result: str, inputs: Properties) -> Properties:
        return {**super()._results(result, inputs), "bcryptHash": bcrypt(result)}


def _numeric(inputs: Properties) -> bool:
    given = [inputs[name] for name in ("numeric", "number") if inputs.get(name) is not None]
    return bool(given[0]) if given else True


def _characters(inputs: Properties) -> Characters:
    return Characters(
        length=inputs["length"],
        upper=inputs.get("upper", True),
        lower=inputs.get("lower", True),
        numeric=_numeric(inputs),
        special=inputs.get("special", True),
        min_upper=inputs.get("minUpper", 0),
        min_lower=inputs.get("minLower", 0),
        min_numeric=inputs.get("minNumeric", 0),
        min_special=inputs.get("minSpecial", 0),
        override_special=inputs.get("overrideSpecial") or "",
    )


class RandomId(RandomValue):
    """Random bytes in four spellings; the ID is the URL-safe base64."""

    token = "random:index/randomId:RandomId"
    properties = (
        KEEPERS,
        Property("byteLength", "integer", required=True, minimum=1, replaces=True),
        Property("prefix", replaces=True),
        *(Property(name, output=True) for name in ("b64Std", "b64Url", "dec", "hex")),
    )

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The bytes."""
        return _spellings(secrets.token_bytes(inputs["byteLength"]), inputs.get("prefix") or "")

    @override
    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID of an import is ``[prefix,]<URL-safe base64>``."""
        prefix, _, text = resource_id.rpartition(",")
        try:
            drawn = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError) as wrong:
            raise BackendError(f"{resource_id!r} is no random ID", remedy="import it as [prefix,]<URL-safe base64>") from wrong
        identity, results = _spellings(drawn, prefix)
        return identity, {"byteLength": len(drawn), **({"prefix": prefix} if prefix else {}), **results}


def _spellings(drawn: bytes, prefix: str) -> tuple[str, Properties]:
    url = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    spellings = {"b64Url": url, "b64Std": base64.b64encode(drawn).decode(), "hex": drawn.hex(), "dec": str(int.from_bytes(drawn))}
    return url, {name: prefix + text for name, text in spellings.items()}


class RandomInteger(RandomValue):
    """A random whole number between two bounds, both included."""

    token = "random:index/randomInteger:RandomInteger"
    properties = (
        KEEPERS,
        Property("min", "integer", required=True, replaces=True),
        Property("max", "integer", required=True, replaces=True),
        Property("seed", replaces=True),
        Property("result", "integer", output=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a range without numbers."""
        low, high = inputs.get("min"), inputs.get("max")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            refusals.add("max", f"{high} is smaller than min, {low}")

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The number; with a seed always the same one (though not the one the official provider draws from that seed)."""
        low, span = inputs["min"], inputs["max"] - inputs["min"] + 1
        seed = inputs.get("seed")
        offset = int.from_bytes(hashlib.sha256(seed.encode()).digest()) % span if seed else secrets.randbelow(span)
        return str(low + offset), {"result": low + offset}

    @override
    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID of an import is ``<result>,<min>,<max>[,<seed>]``."""
        parts = resource_id.split(",", 3)
        try:
            result, low, high = (int(part) for part in parts[:3])
        except ValueError as wrong:
            raise BackendError(f"{resource_id!r} is no random integer", remedy="import it as <result>,<min>,<max>[,<seed>]") from wrong
        state: Properties = {"result": result, "min": low, "max": high}
        return str(result), {**state, **({"seed": parts[3]} if len(parts) > 3 else {})}


class RandomUuid(RandomValue):
    """A random UUID."""

    token = "random:index/randomUuid:RandomUuid"
    properties = (KEEPERS, Property("result", output=True))

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The UUID."""
        drawn = str(uuid.uuid4())
        return drawn, {"result": drawn}

    @override
    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID of an import is the UUID."""
        try:
            found = str(uuid.UUID(resource_id))
        except ValueError as wrong:
            raise BackendError(f"{resource_id!r} is no UUID", remedy="import it by the UUID itself") from wrong
        return found, {"result": found}


class RandomUuid4(RandomUuid):
    """A random UUID of version 4, under its newer name."""

    token = "random:index/randomUuid4:RandomUuid4"


class RandomBytes(RandomValue):
    """Secret random bytes. The ID is their base64, as upstream: whoever wants it unseen takes a RandomPassword."""

    token = "random:index/randomBytes:RandomBytes"
    properties = (
        KEEPERS,
        Property("length", "integer", required=True, minimum=1, replaces=True),
        Property("base64", output=True, secret=True),
        Property("hex", output=True, secret=True),
    )

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The bytes."""
        return _secret_bytes(secrets.token_bytes(inputs["length"]))

    @override
    def imported(self, resource_id: str) -> tuple[str, Properties]:
        """The ID of an import is the base64 text."""
        try:
            drawn = base64.b64decode(resource_id, validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise BackendError("The ID of a RandomBytes is not base64", remedy="import it by its base64 text") from wrong
        identity, results = _secret_bytes(drawn)
        return identity, {"length": len(drawn), **results}


def _secret_bytes(drawn: bytes) -> tuple[str, Properties]:
    text = base64.b64encode(drawn).decode()
    return text, {"base64": text, "hex": drawn.hex()}


class RandomPet(RandomValue):
    """A few friendly words; the ID is the name."""

    token = "random:index/randomPet:RandomPet"
    importable = False
    properties = (
        KEEPERS,
        Property("length", "integer", default=2, minimum=1, replaces=True),
        Property("prefix", replaces=True),
        Property("separator", default="-", replaces=True),
    )

    @override
    def drawn(self, inputs: Properties) -> tuple[str, Properties]:
        """The name: adverbs, an adjective and an animal, as many words as asked for."""
        count = inputs["length"]
        kinds: list[tuple[str, ...]] = [ADVERBS] * max(0, count - 2) + [ADJECTIVES] * (count > 1) + [ANIMALS]
        words = [*([inputs["prefix"]] if inputs.get("prefix") else []), *(secrets.choice(kind) for kind in kinds)]
        return inputs.get("separator", "-").join(words), {}


def every_value() -> tuple[Resource[Any], ...]:
    """One of each type."""
    types = (RandomPassword, RandomString, RandomId, RandomInteger, RandomUuid, RandomUuid4, RandomBytes, RandomPet)
    return tuple(kind() for kind in types)
