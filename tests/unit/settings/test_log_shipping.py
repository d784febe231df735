"""The settings of the log shipper: a rule that its collector would not take is refused before anything is touched."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from settings.log_shipping import LogShipping


@pytest.mark.parametrize(
    "rule",
    [
        r"^GET /health",
        r"(?i)debug|trace",
        r"(?P<verb>GET|HEAD) /(?:health|ready)\b",
        r"a{2}b{2,3}c{2,}?",
        r"\(\?!literally\)",
        r"[(?=!*+{,3}]+",
        r"[]\w-]",
        r"costs \$\d+\.\d\d",
    ],
)
def test_a_rule_that_python_and_the_collector_read_alike_is_taken(rule: str) -> None:
    settings = LogShipping.model_validate({"region": "eu", "namespaces": ["live"], "drop": [rule], "mask": [rule]})
    assert settings.drop == settings.mask == (rule,)


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("(", "no regular expression"),
        ("(?!GET).*", "looks ahead or behind"),
        ("(?<=a)b", "looks ahead or behind"),
        ("(?=a)b", "looks ahead or behind"),
        ("(?<!a)b", "looks ahead or behind"),
        (r"(a)\1", r"has \1"),
        (r"(?P<q>['\"]).*(?P=q)", "refers to a group"),
        ("(a)?(?(1)b|c)", "refers to a group"),
        ("(?>a+)b", "only Python knows"),
        ("(?x)a b", "only Python knows"),
        ("a(?#why)b", "only Python knows"),
        ("a++b", "possessive"),
        ("a{2}+b", "possessive"),
        ("a{,3}", "without a beginning"),
        ("a{1001}", "a thousand times"),
        (r"end\Z", r"has \Z"),
        (r"\u00e9", r"has \u"),
        (r"\é", r"has \é"),
        (r"[\b]", "within a class"),
        ("[[:alpha:]]", "within a class"),
    ],
)
def test_a_rule_that_would_stop_every_collector_is_refused_and_says_what_of_it(rule: str, named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LogShipping.model_validate({"region": "eu", "namespaces": ["live"], "drop": [rule]})
    assert named in str(refused.value)
