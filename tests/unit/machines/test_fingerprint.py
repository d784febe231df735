"""The word that says what was applied to a machine."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.machines.fingerprint import fingerprint
from ops.unchanged import files_digest

MONDAY = datetime.date(2026, 11, 23)
TEXTS = ["inventory", "ca"]
SECRETS = {"POSTGRES_ADMIN_PASSWORD": "canary-secret"}


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "main.yml").write_text("- name: one\n")
    return tmp_path


def test_the_same_roles_texts_and_secrets_give_the_same_word_all_week() -> None:
    words = {fingerprint("roles", TEXTS, SECRETS, MONDAY + datetime.timedelta(days=day)) for day in range(7)}
    assert len(words) == 1


def test_a_new_week_gives_a_new_word_so_that_certificates_are_looked_at() -> None:
    later = MONDAY + datetime.timedelta(days=7)
    assert fingerprint("roles", TEXTS, SECRETS, MONDAY) != fingerprint("roles", TEXTS, SECRETS, later)


def test_a_new_password_gives_a_new_word() -> None:
    assert fingerprint("roles", TEXTS, SECRETS, MONDAY) != fingerprint("roles", TEXTS, {"POSTGRES_ADMIN_PASSWORD": "other"}, MONDAY)


def test_the_word_is_short_and_holds_no_secret() -> None:
    word = fingerprint("roles", TEXTS, SECRETS, MONDAY)
    assert len(word) == 32
    assert "canary" not in word


@given(st.text(), st.text())
def test_texts_cannot_be_moved_into_each_other(first: str, second: str) -> None:
    whole = fingerprint("roles", [first + second, ""], SECRETS, MONDAY)
    assert (whole == fingerprint("roles", [first, second], SECRETS, MONDAY)) == (second == "")


def test_an_edited_role_gives_another_digest(roles: Path) -> None:
    before = files_digest(roles)
    (roles / "roles" / "main.yml").write_text("- name: two\n")
    assert files_digest(roles) != before


def test_a_renamed_file_gives_another_digest(roles: Path) -> None:
    before = files_digest(roles)
    (roles / "roles" / "main.yml").rename(roles / "roles" / "other.yml")
    assert files_digest(roles) != before


def test_a_script_that_became_executable_gives_another_digest(roles: Path) -> None:
    before = files_digest(roles)
    (roles / "roles" / "main.yml").chmod(0o755)
    assert files_digest(roles) != before


def test_what_tools_leave_behind_does_not_count(roles: Path) -> None:
    before = files_digest(roles)
    (roles / ".ansible").mkdir()
    (roles / ".ansible" / "cache").write_text("x")
    assert files_digest(roles) == before
