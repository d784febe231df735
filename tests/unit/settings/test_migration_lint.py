"""Each file in migration_lint/ is a script that says, line by line, what the lint must answer: exactly that, all at once.

`-- script:` gives its name where that matters, `-- expect:` a finding, `-- accept:` what is accepted for a reason.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.migration import LOCK_TIMEOUT_SECONDS, flyway_environment
from settings.errors import Mistake
from settings.migration_lint import BEFORE_THE_LINT, PLACEHOLDERS, is_contract, lint, statement_mistakes
from settings.migrations import COMMON, FOLDER, read_migrations

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CASES = sorted((HERE / "migration_lint").glob("*.sql"))
CONTEXTS = [path.name for path in (ROOT / FOLDER).iterdir() if path.name != COMMON]
NOT_NULL = b"ALTER TABLE orders ALTER COLUMN total SET NOT NULL;"


def words(text: str, keyword: str) -> list[str]:
    """What the comments `-- <keyword>: ...` of a case say."""
    start = f"-- {keyword}: "
    return [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]


def found(*scripts: bytes, contract: bool = False) -> list[str]:
    """The statements that are found in scripts V1, V2 and so on, of which the last may be a contract step."""
    names = [f"V{number}__{'contract_' if contract and number == len(scripts) else ''}x.sql" for number in range(1, len(scripts) + 1)]
    return [finding.statement for finding in lint(dict(zip(names, scripts, strict=True))).findings]


def test_there_is_a_case_for_every_rule() -> None:
    assert len(CASES) >= 70


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_script_is_answered_as_it_says(case: Path) -> None:
    text = case.read_text()
    expected, accepted = words(text, "expect"), words(text, "accept")
    assert expected or accepted, "the case says nothing of the answer"
    report = lint({(words(text, "script") or ["V2__expand.sql"])[0]: text.encode()})
    answered = [f"line {one.line}: {one.statement}: {one.why}; {one.instead}" for one in report.findings]
    assert answered == [line for line in expected if line != "nothing"]
    assert [f"line {one.line}: {one.statement}: {one.reason}" for one in report.reasons] == accepted


def mistakes_in(root: Path, contexts: list[str]) -> list[Mistake]:
    """What is wrong with a checkout's scripts, file names and statements."""
    mistakes: list[Mistake] = []
    found = read_migrations(root, contexts, mistakes)
    return mistakes + [mistake for migrations in found.values() for mistake in statement_mistakes(migrations)]


def test_every_committed_script_passes() -> None:
    assert mistakes_in(ROOT, CONTEXTS) == []


def test_what_was_applied_before_the_lint_is_there_unchanged_and_would_be_found() -> None:
    scripts = {path.name: path.read_bytes() for path in (ROOT / FOLDER).rglob("*.sql")}
    for name, digest in BEFORE_THE_LINT.items():
        assert hashlib.sha256(scripts[name]).hexdigest() == digest
        assert lint({name: scripts[name]}).findings == []
        assert lint({name: scripts[name] + b"\n"}).findings != []


def test_a_mistake_names_the_file_the_line_and_both_remedies(tmp_path: Path) -> None:
    for name, text in (("common/V0__a.sql", "CREATE TABLE a (b int);"), ("orders/V1__b.sql", "SELECT 1;\nDROP TABLE a;")):
        path = tmp_path / FOLDER / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    mistakes = mistakes_in(tmp_path, ["orders", "shops"])
    assert [str(mistake).partition("; ")[0] for mistake in mistakes] == [
        "migrations/orders/V1__b.sql:2: DROP TABLE a: the release that runs still uses it"
    ]


def test_a_mistake_in_a_common_script_is_in_the_common_folder(tmp_path: Path) -> None:
    path = tmp_path / FOLDER / COMMON / "V0__a.sql"
    path.parent.mkdir(parents=True)
    path.write_text("DROP TABLE a;")
    mistakes = mistakes_in(tmp_path, ["orders", "shops"])
    assert {str(mistake).partition(": ")[0] for mistake in mistakes} == {"migrations/common/V0__a.sql:1"}


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("V3__contract_drop_total.sql", True),
        ("V1_2__contract_x.sql", True),
        ("V1.2__contract_x.sql", True),
        ("V3__contract.sql", False),
        ("V3__contract_.sql", False),
        ("V3__contracts_of_shops.sql", False),
        ("V3__Contract_x.sql", False),
        ("V3__the_contract_x.sql", False),
        ("R__contract_x.sql", False),
        ("afterMigrate__contract_x.sql", False),
        ("V3__contract_x.sql.conf", False),
    ],
)
def test_a_contract_step_is_known_by_its_name(name: str, *, contract: bool) -> None:
    assert is_contract(name) is contract


def test_a_column_becomes_not_null_after_a_check_was_validated() -> None:
    check = b"ALTER TABLE orders ADD CONSTRAINT c CHECK (total IS NOT NULL) NOT VALID;"
    validate = b"ALTER TABLE orders VALIDATE CONSTRAINT c;"
    told = ["ALTER TABLE orders ALTER COLUMN total SET NOT NULL"]
    assert found(check, validate, NOT_NULL) == []
    assert found(check.replace(b"CHECK (total IS NOT NULL)", b"NOT NULL total"), validate, NOT_NULL) == []
    assert found(check, NOT_NULL) == told
    assert found(check.replace(b"total", b"other"), validate, NOT_NULL) == told
    assert found(check, validate.replace(b"orders", b"shops"), NOT_NULL) == told
    assert found(check, validate, b"ALTER TABLE orders DROP CONSTRAINT c;" + NOT_NULL, contract=True) == told


@pytest.mark.parametrize(
    ("old", "new", "rewrites"),
    [
        ("varchar(20)", "varchar(50)", False),
        ("varchar(20)", "varchar(20)", False),
        ("varchar(20)", "varchar", False),
        ("varchar(20)", "text", False),
        ("varchar(50)", "varchar(20)", True),
        ("text", "varchar(20)", True),
        ("text", "text[]", True),
        ("int", "bigint", True),
        ("int", "text", True),
        ("numeric(8, 2)", "numeric(12, 2)", False),
        ("numeric(8, 2)", "numeric(12, 3)", True),
        ("numeric(8, 2)", "numeric", False),
        ("uuid", "uuid", False),
        ("timestamptz(6)", "timestamptz(3)", True),
    ],
)
def test_a_type_that_only_grows_is_changed_without_rewriting(old: str, new: str, *, rewrites: bool) -> None:
    change = f"ALTER TABLE orders ALTER COLUMN total TYPE {new}".encode()
    for made in (f"CREATE TABLE orders (total {old})", f"CREATE TABLE orders (a int); ALTER TABLE orders ADD COLUMN total {old}"):
        assert bool(found(made.encode(), change, contract=True)) is rewrites
    assert found(change, contract=True), "the old type is not known"
    assert found(f"CREATE TABLE orders (total {old})".encode(), change + b" USING total", contract=True)


def test_scripts_are_read_in_the_order_of_their_versions() -> None:
    check = b"ALTER TABLE orders ADD CONSTRAINT c CHECK (total IS NOT NULL) NOT VALID;"
    scripts = {"V10__c.sql": NOT_NULL, "V2__a.sql": check, "V9__b.sql": b"ALTER TABLE orders VALIDATE CONSTRAINT c;"}
    assert lint(scripts).findings == []


@pytest.mark.parametrize(
    ("content", "line", "statement"),
    [
        (b"SELECT 1;\n-- \xff", 2, "not UTF-8"),
        (b"SELECT 1;\0DROP TABLE a;", 1, "a zero byte"),
        ("\ufeffSELECT 1".encode(), 1, "syntax error"),
    ],
)
def test_what_postgresql_would_not_read_is_refused(content: bytes, line: int, statement: str) -> None:
    assert [(one.line, one.statement) for one in lint({"V1__a.sql": content}).findings] == [(line, statement)]


FILLING = st.sampled_from(
    ["\n", "  ", "-- é ü; 'x\n", "/* ; DROP TABLE\n z; */", "SELECT 'ü;\n;' ;", "SELECT $é$ ;\n DROP $é$;", "\t\r\n", ";"]
)


@given(before=st.lists(FILLING), after=st.lists(FILLING), end=st.sampled_from([";", " ;\n", ";-- end\n"]))
def test_the_line_is_where_the_statement_begins(before: list[str], after: list[str], end: str) -> None:
    start = "".join(before)
    text = f"{start}DROP TABLE\n orders{end}{''.join(after)}"
    assert [(one.line, one.statement) for one in lint({"V1__a.sql": text.encode()}).findings] == [
        (1 + start.count("\n"), "DROP TABLE orders")
    ]


@given(before=st.lists(FILLING), name=st.text("aé€😀_", min_size=1, max_size=9))
def test_a_syntax_error_is_in_its_line(before: list[str], name: str) -> None:
    start = "".join(before)
    findings = lint({"V1__a.sql": f'{start}\nSELECT "{name}";\nSELECT FROM\n WHERE WHERE'.encode()}).findings
    assert [(one.line, one.statement) for one in findings] == [(4 + start.count("\n"), "syntax error")]


@given(before=st.lists(FILLING), lines=st.integers(0, 5))
def test_a_line_of_a_do_block_is_the_line_in_the_file(before: list[str], lines: int) -> None:
    start, more = "".join(before), "\n" * lines
    text = f"{start}DO {more}$é$\nBEGIN{more}\n  IF 'ü' = '' THEN{more}\n    TRUNCATE orders;\n  END IF;\nEND $é$;"
    assert [(one.line, one.statement) for one in lint({"V1__a.sql": text.encode()}).findings] == [
        (4 + start.count("\n") + 3 * lines, "TRUNCATE orders")
    ]


def test_every_migration_waits_for_a_lock_a_bounded_time_and_no_script_can_stand_in_flyways_way() -> None:
    values = {variable.name: variable.value for variable in flyway_environment("role")}
    assert LOCK_TIMEOUT_SECONDS > 0
    assert values["FLYWAY_INIT_SQL"] == f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"
    assert values["FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK"] == "false"
    start = "FLYWAY_PLACEHOLDERS_"
    assert sorted(str(name).removeprefix(start).lower() for name in values if str(name).startswith(start)) == sorted(PLACEHOLDERS)


def test_a_script_configuration_is_no_script(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER / "orders"
    folder.mkdir(parents=True)
    (folder / "V1__a.sql.conf").write_text("executeInTransaction=false")
    mistakes: list[Mistake] = []
    read_migrations(tmp_path, ["orders"], mistakes)
    assert len(mistakes) == 1


def test_the_parser_is_not_loaded_before_there_are_scripts() -> None:
    program = "import sys, cli, settings.migration_lint; from settings.migration_lint import lint; lint({}); print('pglast' in sys.modules)"
    answered = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answered.stdout == "False\n"


def test_a_script_of_many_lines_takes_time_in_proportion() -> None:
    began = time.monotonic()
    findings = lint({"V1__a.sql": b"INSERT INTO a (b) VALUES (1); -- lint\n" * 8000 + b"DROP TABLE a;"}).findings
    assert [one.line for one in findings] == [8001]
    assert time.monotonic() - began < 20
