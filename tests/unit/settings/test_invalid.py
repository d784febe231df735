"""Each file in invalid/ changes a valid configuration and says, line by line, what must be answered: exactly that, all at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import SettingsError, load_stack
from settings.load import SECRETS
from settings.parsing import merge

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CASES = sorted((HERE / "invalid").glob("*.yaml"))


def write_checkout(root: Path, change: dict[str, Any], ca_certificate: Path) -> None:
    """A checkout with a valid configuration, changed as the case says."""
    shutil.copy(ca_certificate, root / "ca.crt")
    catalogue = merge(yaml.safe_load((ROOT / "catalogue.yaml").read_text()), change.get("catalogue", {}))
    (root / "catalogue.yaml").write_text(change.get("catalogue_text") or yaml.safe_dump(catalogue))
    machines = {"postgres": {"address": "10.0.0.10"}, "rabbitmq": {"address": "10.0.0.11"}}
    valid = {"domain": "try.highstreet.ly", "version": "1.0.0", "ca_certificate_file": "ca.crt", **machines}
    environment = {key: value for key, value in valid.items() if key not in change.get("without", [])}
    config = {"highstreetly:environment": merge(environment, change.get("environment", {})), **change.get("config", {})}
    (root / "Pulumi.try.yaml").write_text(yaml.safe_dump({"config": config}))
    for name, content in change.get("stack_files", {}).items():
        (root / name).write_text(yaml.safe_dump({"config": content}))
    for name, text in change.get("migrations", {}).items():
        path = root / "migrations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def environ(change: dict[str, Any]) -> dict[str, str]:
    return {f"HIGHSTREETLY_{name.upper()}": "given" for name in SECRETS if name not in change.get("without_secrets", [])}


def test_the_configuration_that_the_cases_change_is_valid(tmp_path: Path, ca_certificate: Path) -> None:
    write_checkout(tmp_path, {}, ca_certificate)
    assert load_stack("try", tmp_path, environ({})).environment is not None


def test_there_are_at_least_25_cases() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refused(case: Path, tmp_path: Path, ca_certificate: Path) -> None:
    text = case.read_text()
    expected = [line.removeprefix("# expect: ") for line in text.splitlines() if line.startswith("# expect: ")]
    assert expected, "the case says nothing of the answer"
    change = yaml.safe_load(text)
    write_checkout(tmp_path, change, ca_certificate)
    with pytest.raises(SettingsError) as refused:
        load_stack("try", tmp_path, environ(change))
    assert [str(mistake).replace(str(tmp_path), "ROOT") for mistake in refused.value.mistakes] == expected
