"""From what a file says to a model: two files laid on each other, and every mistake with the file and the key that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from settings.errors import FieldNames, Mistake, mistakes_of
from settings.vocabulary import Model

M = TypeVar("M", bound=Model)


def merge(base: object, over: object) -> object:
    """``over`` laid on ``base``: mappings are merged key by key, anything else is replaced."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
    return over


def parse_object(model: type[M], raw: object, file_of: Callable[[tuple[Any, ...]], str], prefix: str, mistakes: list[Mistake]) -> M | None:
    """``raw`` as a model; None after adding every mistake in it, each with the file that holds it and its key below ``prefix``."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        fields, details = FieldNames(model), error.errors(include_url=False)
        for detail, mistake in zip(details, mistakes_of(error, "", prefix, fields), strict=True):
            within = any(other["loc"][: len(detail["loc"])] == detail["loc"] for other in details if other is not detail)
            if detail["type"] == "too_short" and within:
                continue  # a list is also called too short when its only entry is wrong
            mistakes.append(Mistake(file_of(tuple(detail["loc"])), mistake.key, mistake.problem, mistake.remedy))
        return None


def blame(base: object, file: str, overlay_file: str) -> Callable[[tuple[Any, ...]], str]:
    """The file to name for a mistake at a path: the stack file where it holds that path, else the local settings."""

    def file_of(path: tuple[Any, ...]) -> str:
        node = base
        for part in path:
            if not isinstance(node, Mapping) or part not in node:
                return overlay_file
            node = node[part]
        return file

    return file_of
