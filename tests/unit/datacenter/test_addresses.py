"""No address of the datacenter is written twice: it stands once in its stack file, and in no other file of the product."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from settings.datacenter.load import ROOT

ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w.]*\d)")
FILE = ROOT / "esxi" / "Pulumi.datacenter.yaml"
FOLDERS = ("alerts", "ansible", "components", "docs/decisions", "docs/runbooks", "esxi", "images", "local", "migrations", "ops", "settings")
KINDS = {".md", ".py", ".yaml", ".yml", ".j2", ".sql", ".sh", ".cfg", ".toml", ""}
WRITTEN = Counter(ADDRESS.findall(FILE.read_text()))


def product() -> list[Path]:
    """Every file of the product that a person writes, but the datacenter's own."""
    inner = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in KINDS]
    outer = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".py", ".yaml"}]
    return [path for path in (*outer, *inner) if path != FILE and "__pycache__" not in path.parts]


def test_the_datacenter_s_file_holds_each_of_its_addresses_once() -> None:
    assert len(WRITTEN) > 10
    assert [address for address, times in WRITTEN.items() if times > 1] == []


@pytest.mark.parametrize("address", sorted(WRITTEN))
def test_an_address_of_the_datacenter_stands_in_no_other_file(address: str, texts: dict[Path, str]) -> None:
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if address in ADDRESS.findall(text)] == []


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    """The texts of the product that hold any address, by file."""
    found = {path: path.read_text(errors="replace") for path in product()}
    assert len(found) > 300
    return {path: text for path, text in found.items() if ADDRESS.search(text)}
