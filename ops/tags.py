"""What a git tag asks for: `<environment>/<version>`, for example test/1.5.0-rc.1, the version as Semantic Versioning 2.0.0 has it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.errors import InputError
from settings.errors import nearest

REF_PREFIX = "refs/tags/"
VERSION_LENGTH_MAX = 128
"""As long as an image's tag may be: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests."""
SHOWN_MAX = 80
"""How much of something that is no tag an error shows."""

_NUMBER = re.compile(r"0|[1-9][0-9]*")
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+")

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


@dataclass(frozen=True)
class Version:
    """A version of Semantic Versioning 2.0.0. ``<`` goes by precedence, in which build metadata does not count."""

    text: str
    """As it was written, for example 1.5.0-rc.1+build.7."""

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: Version) -> bool:
        return self.precedence < other.precedence

    @property
    def precedence(self) -> Precedence:
        """The place in the order of versions (https://semver.org/#spec-item-11): 1.0.0-alpha.1 before 1.0.0-beta, that before 1.0.0."""
        core, _, before = self.text.partition("+")[0].partition("-")
        major, minor, patch = (int(number) for number in core.split("."))
        identifiers = before.split(".") if before else []
        return major, minor, patch, not identifiers, tuple(_rank(identifier) for identifier in identifiers)


@dataclass(frozen=True)
class Tag:
    """A well-formed tag: which environment gets which version."""

    environment: str
    version: Version

    def __str__(self) -> str:
        return f"{self.environment}/{self.version}"


def parse_tag(text: str, environments: Iterable[str]) -> Tag:
    """The tag that ``text`` is, with or without refs/tags/; ``environments`` are the known ones.

    Raises InputError for anything else, with the reason and what to write instead.
    """
    name = tag_of_ref(text)
    environment, slash, version = name.partition("/")
    known = sorted(environments)
    if not slash:
        problem = "it names no environment; write <environment>/<version>"
    elif environment not in known:
        problem = f"there is no environment {environment[:SHOWN_MAX]!r}; {nearest(environment, known)}"
    else:
        problem = version_problem(version)
    if problem:
        shown = name if len(name) <= SHOWN_MAX else f"{name[:SHOWN_MAX]}…"
        example = f"{known[0] if known else '<environment>'}/1.4.0"
        raise InputError(f"{shown!r} is not the tag of a release; nothing was touched.", why=problem, remedy=f"tag it like {example}")
    return Tag(environment, Version(version))


def tag_of_ref(ref: str) -> str:
    """The tag's name in a ref as git and GitHub write it: test/1.5.0 of refs/tags/test/1.5.0; a name alone stays as it is."""
    return ref.removeprefix(REF_PREFIX)


def version_problem(version: str) -> str:
    """Why a text is not a version of Semantic Versioning 2.0.0, in words; empty when it is one."""
    if len(version) > VERSION_LENGTH_MAX:
        return f"a version has at most {VERSION_LENGTH_MAX} characters, not {len(version)}"
    if re.match(r"[vV][0-9]", version):
        return f"a version begins with a number: write {version[1:]}"
    rest, plus, build = version.partition("+")
    core, dash, before = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3:
        return f"a version has three numbers, for example 1.4.0, not {core!r}"
    for number in numbers:
        if not _NUMBER.fullmatch(number):
            return f"{number!r} is not a whole number without leading zeros"
    if dash and (problem := _identifiers_problem(before, leading_zeros=False)):
        return f"in the pre-release, after -, {problem}"
    if plus and (problem := _identifiers_problem(build, leading_zeros=True)):
        return f"in the build metadata, after +, {problem}"
    return ""


def _identifiers_problem(text: str, *, leading_zeros: bool) -> str:
    """Why a text is not identifiers with dots between them, in words; empty when it is."""
    for identifier in text.split("."):
        if not identifier:
            return "a part is empty"
        if not _IDENTIFIER.fullmatch(identifier):
            return f"{identifier!r} has other characters than letters, digits and -"
        if not leading_zeros and re.fullmatch(r"0[0-9]+", identifier):
            return f"the number {identifier} has leading zeros"
    return ""


def _rank(identifier: str) -> tuple[bool, int, str]:
    """Numbers come before words and by their value, words in ASCII order."""
    number = identifier.isdigit()
    return not number, int(identifier) if number else 0, "" if number else identifier


__all__ = ["Precedence", "Tag", "Version", "parse_tag", "tag_of_ref", "version_problem"]
