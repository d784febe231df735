"""What leaves the platform has no secret and nothing personal in it, after all patterns in turn, as the collector applies them."""

from __future__ import annotations

import re

import pytest

from settings.log_shipping import LogShipping
from settings.masks import MASK, PERSONAL, SECRETS, is_telling, mask

HIDDEN_SECRETS = [
    ("password=hunter2hunter2 for orders", ["hunter2"]),
    ('level=warn token: "abcdef0123456789"', ["abcdef"]),
    ('{"api_key":"0123456789abcdef","x":1}', ["0123456789abcdef"]),
    ('{"password":"two words","x":1}', ["two", "words"]),
    ('{"password": "with \\" a quote"}', ["with", "quote"]),
    ("{'passwd': 'two ''words'}", ["two", "words"]),
    ('{"password":"cut of', ["cut", "of"]),
    (r'{"body":"{\"password\":\"two words\",\"x\":1}"}', ["two", "words"]),
    (r'{"body":"{\"password\":\"with \\\" a quote\",\"x\":1}"}', ["with", "quote"]),
    (r'"{\\\"password\\\":\\\"two words\\\",\\\"x\\\":1}"', ["two", "words"]),
    ('{"tokens":1,"token":["abc123","x"]}', ["abc123"]),
    ("pwd=hunter2", ["hunter2"]),
    ("DB_PASS=hunter2", ["hunter2"]),
    ("secret_access_key = hunter2", ["hunter2"]),
    ("private-key => hunter2", ["hunter2"]),
    ("Host=10.0.0.1;Username=app;Password=hunter2;Database=x", ["hunter2"]),
    ("GET /x?token=hunter2&y=1", ["hunter2"]),
    ('{"cvc":"123"}', ["123"]),
    ("Authorization: Bearer abcdefgh.12345678", ["abcdefgh", "12345678"]),
    ("Authorization: Basic bGl2ZV94OnBhc3M=", ["bGl2ZV94"]),
    ('{"authorization":"Basic bGl2ZV94OnBhc3M=","x":1}', ["bGl2ZV94"]),
    ('{"Authorization":["Bearer abcdefgh"]}', ["abcdefgh"]),
    (r'"{\"Authorization\":\"Bearer abcdefgh\"}"', ["abcdefgh"]),
    ("authorization=hunter2", ["hunter2"]),
    ("Set-Cookie: session=abc123; Path=/", ["abc123"]),
    ('{"cookie":"session=abc123; theme=dark","x":1}', ["abc123"]),
    ("sent with bearer abcdefgh12345678", ["abcdefgh"]),
    ("sent as basic bGl2ZV94OnBhc3M=", ["bGl2ZV94"]),
    ("ALTER ROLE orders PASSWORD 'two ''words'", ["two", "words"]),
    ("psql --password hunter2 orders", ["hunter2"]),
    ("postgres://kind_orders_app:hunter2@10.0.0.1/kind_orders", ["hunter2"]),
    ("amqps://u:p4ss/w@rd@10.0.0.1", ["p4ss", "rd@"]),
    ("redis://:hunter2@10.0.0.1", ["hunter2"]),
    ("paid with sk_live_0123456789abcdef0123", ["0123456789abcdef"]),
    ("restricted to rk_live_0123456789abcdef, shown pk_test_0123456789abcdef", ["0123456789abcdef"]),
    ("signed by whsec_0123456789abcdef01234567", ["0123456789abcdef"]),
    ("ChargeBee live_AbCdEf0123456789AbCdEf and test_AbCdEf0123456789AbCdEf", ["AbCdEf0123456789"]),
    ("cloned with ghp_0123456789abcdef", ["0123456789abcdef"]),
    ("cloned with github_pat_0123456789abcdef_X", ["0123456789abcdef"]),
    ("dop_v1_0123456789abcdef", ["0123456789abcdef"]),
    ("dckr_pat_0123456789abcdef", ["0123456789abcdef"]),
    ("NRAK-0123456789ABCDEF", ["0123456789ABCDEF"]),
    ("eu01xx0123456789abcdef0123456789abcdNRAL", ["0123456789abcdef"]),
    ("AKIA0123456789ABCDEF and DO00ABCDEF0123456789", ["0123456789"]),
    ("pul-0123456789abcdef0123456789abcdef01234567", ["0123456789abcdef"]),
    ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", ["eyJzdWIi", "c2lnbmF0"]),
    (r"-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", ["MIIEabc"]),
]
HIDDEN_PERSONAL = [
    ('{"firstName":"Grace","last_name":"Brewster Hopper"}', ["Grace", "Hopper"]),
    ('{"phone":"020 7946 0958"}', ["7946"]),
    ("order of grace.hopper@example.co.uk", ["grace", "example"]),
    ("GET /orders/grace%40example.org", ["grace", "example"]),
    ("card 4242 4242 4242 4242", ["4242"]),
    ("card 5105-1051-0510-5100", ["5105"]),
    ("card 2221000000000009", ["2221"]),
    ("card 3782 822463 10005", ["3782", "822463"]),
    ("call +44 20 7946 0958 or +1 (555) 010-0199", ["7946", "555"]),
    ("from 203.0.113.7, 172.32.0.1 and 192.169.0.1", ["203.0", "172.32", "192.169"]),
    ("from 2001:db8::17 and 2001:db8:0:0:0:0:0:1", ["2001"]),
    ('{"dateOfBirth":"1906-12-09","customer_phone":"020 7946 0958"}', ["1906", "7946"]),
]
STAYS = [
    "order 6f2b7c1e-0000-4000-8000-000000000007 placed",
    "listening on :8080, took 12 ms at 2026-11-23T09:00:00.123+01:00",
    "published 1795000000000 of 12345678",
    "dial tcp 10.0.0.1:5432, 172.16.0.1:80, 172.31.0.1, 192.168.1.1, 127.0.0.1: connect: connection refused",
    'password authentication failed for user "kind_orders_app"',
    "username or password not allowed; the multi-token parser gave up",
    'secret "orders-database-1a2b" not found',
    "https://shop.highstreet.ly:443/x",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.6099.109 Safari/537.36",
    "30/Nov/2026:13:18:56",
]


def by_collector(line: str) -> str:
    """The line after the collector's redaction: each pattern in turn, every match replaced as a whole (v0.160.0, processor.go)."""
    for pattern in (*SECRETS, *PERSONAL):
        line = re.sub(pattern, "****", line)
    return line


@pytest.mark.parametrize(("line", "parts"), [*HIDDEN_SECRETS, *HIDDEN_PERSONAL])
def test_nothing_of_a_secret_or_of_a_person_passes_the_collector(line: str, parts: list[str]) -> None:
    masked = by_collector(line)
    assert [part for part in parts if part in masked] == []
    assert "****" in masked


@pytest.mark.parametrize(("line", "parts"), HIDDEN_SECRETS)
def test_nothing_of_a_secret_is_in_what_an_operator_reads_and_what_it_belongs_to_stays(line: str, parts: list[str]) -> None:
    masked = mask(line)
    assert [part for part in parts if part in masked] == []
    assert MASK in masked
    assert mask(masked) == masked


def test_an_operator_reads_where_the_secret_was() -> None:
    assert mask("Authorization: Basic bGl2ZV94OnBhc3M= refused") == f"Authorization: {MASK} refused"
    assert mask("postgres://app:hunter2@10.0.0.1/x") == f"postgres://app:{MASK}@10.0.0.1/x"
    assert mask('{"password":"two words","x":1}') == f'{{"password":{MASK},"x":1}}'


@pytest.mark.parametrize("line", STAYS)
def test_what_is_neither_stays_as_it_is(line: str) -> None:
    assert by_collector(line) == mask(line) == line


@pytest.mark.parametrize("pattern", [*SECRETS, *PERSONAL])
def test_every_pattern_is_one_that_the_collector_can_read_and_has_a_line_above(pattern: str) -> None:
    assert LogShipping.model_validate({"region": "eu", "namespaces": ["live"], "mask": [pattern]}).mask == (pattern,)
    assert any(re.search(pattern, line) for line, _ in (*HIDDEN_SECRETS, *HIDDEN_PERSONAL))


@pytest.mark.parametrize(
    "name", ["STRIPE_API_KEY", "apiKey", "Stripe__SecretKey", "DB_PASSWORD", "token", "SIGNING_KEY_2", "example.org/api-token", "pwd"]
)
def test_a_telling_name_hides_its_value(name: str) -> None:
    assert is_telling(name)


@pytest.mark.parametrize("name", ["CALLS", "secretName", "key", "TOKEN_FILE", "passwordSecretRef", "topologyKey", "monkeys", "replicas"])
def test_a_name_that_tells_nothing_or_where_the_secret_is_hides_nothing(name: str) -> None:
    assert not is_telling(name)
