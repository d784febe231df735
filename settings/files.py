"""Reading the files that settings are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from settings.errors import Mistake, SettingsError


def read_certificate(path: Path, file: str, key: str, mistakes: list[Mistake]) -> str:
    """A certificate in PEM form; adds to ``mistakes``, as one of ``key`` in ``file``, where it is none."""
    if not path.is_file():
        mistakes.append(
            Mistake(
                file,
                key,
                f"there is no file {path}",
                "put the CA's certificate there; docs/runbooks/build-datacenter.md makes the platform's",
            )
        )
        return ""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not text.startswith("-----BEGIN CERTIFICATE-----"):
        mistakes.append(Mistake(file, key, f"{path} is not a certificate in PEM form", "it begins with -----BEGIN CERTIFICATE-----"))
    return text + "\n"


def read_yaml(path: Path, shown: str) -> dict[str, Any]:
    """A YAML file's mapping; raises SettingsError that names it ``shown`` when there is none, or a key stands twice in it."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise SettingsError([Mistake(shown, "-", "the file does not exist", f"create {shown}")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else "-"
        problem = str(getattr(error, "problem", None) or "not YAML")
        raise SettingsError([Mistake(shown, line, problem, "correct the YAML there")]) from None
    if not isinstance(raw, dict):
        raise SettingsError([Mistake(shown, "-", "the file holds no mapping", "write keys and values")])
    return raw


class _UniqueKeyLoader(yaml.CSafeLoader):
    """YAML that refuses the same key twice, which plain YAML readers silently accept.

    Read by libyaml, which PyYAML's wheels bring: `./hs status` of three environments takes 2.4 s with it, and 3.1 s without.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; raises ConstructorError for a repeated key."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
