"""The meaning of each search operator for each kind of property."""

import pytest

from dealcache.sandbox.simulator.search_conditions import value_test

NOON = "2026-11-01T12:00:00.000Z"
NOON_MS = "1793534400000"
LATER = "2026-11-01T12:00:00.001Z"


@pytest.mark.parametrize(
    ("kind", "operator", "values", "passing", "failing"),
    [
        ("string", "EQ", ("ACME Müller",), ["acme müller", "Acme MÜLLER"], ["acme", "acme müller 2", None, ""]),
        ("string", "NEQ", ("acme",), ["globex", None], ["ACME"]),
        ("string", "IN", ("acme", "globex"), ["ACME", "Globex"], ["initech", None]),
        ("string", "IN", ("Acme",), [], ["Acme", "acme"]),
        ("string", "NOT_IN", ("acme",), ["globex", None], ["ACME"]),
        ("enumeration", "EQ", ("EMAIL",), ["EMAIL"], ["email", None]),
        ("enumeration", "IN", ("EMAIL", "CALL"), ["EMAIL", "CALL"], ["Email"]),
        ("number", "EQ", ("1500",), ["1500.00", "1500"], ["1500.01", None]),
        ("number", "LT", ("9",), ["8.5", "-1"], ["9", "10", None]),
        ("number", "LTE", ("9",), ["9", "8"], ["10"]),
        ("number", "GT", ("9",), ["10"], ["9", "8", ""]),
        ("number", "GTE", ("9",), ["9", "10"], ["8.9"]),
        ("number", "BETWEEN", ("9", "10"), ["9", "9.5", "10"], ["8", "11", None]),
        ("datetime", "GTE", (NOON_MS,), [NOON, LATER], ["2026-11-01T11:59:59.999Z", None]),
        ("datetime", "GT", (NOON,), [LATER], [NOON]),
        ("datetime", "EQ", ("2026-11-01T13:00:00+01:00",), [NOON], [LATER]),
        ("datetime", "LT", ("2026-11-02",), [NOON], ["2026-11-02T00:00:00.000Z"]),
        ("string", "HAS_PROPERTY", (), ["x"], ["", None]),
        ("string", "NOT_HAS_PROPERTY", (), ["", None], ["x"]),
        ("string", "CONTAINS_TOKEN", ("renewal",), ["Acme RENEWAL 2026"], ["renewals", None]),
        ("string", "CONTAINS_TOKEN", ("renew*",), ["the renewals"], ["prerenewal"]),
        ("string", "CONTAINS_TOKEN", ("*@acme.com",), ["joe@acme.com"], ["joe@globex.com"]),
        ("string", "CONTAINS_TOKEN", ("brien",), [" Brien\t"], ["O'Brien"]),
        ("string", "CONTAINS_TOKEN", ("*brien",), ["O'Brien & Sons ", "Brien"], ["O'Briens"]),
        ("string", "CONTAINS_TOKEN", ("*me",), ["Cr\u00e8me", "Cre\u0300me"], ["Cr\u00e8mes"]),
        ("string", "CONTAINS_TOKEN", ("cr\u00e8me",), ["CR\u00c8ME"], ["Cre\u0300me"]),
        ("string", "EQ", ("Acme",), ["ACME"], ["Acme ", "\tAcme"]),
        ("string", "EQ", ("cr\u00e8me",), ["CR\u00c8ME"], ["Cre\u0300me"]),
        ("string", "NOT_CONTAINS_TOKEN", ("acme",), ["globex", None], ["acme renewal"]),
    ],
)
def test_operator(kind, operator, values, passing, failing):
    test = value_test(kind, operator, values)

    assert [value for value in passing if not test(value)] == []
    assert [value for value in failing if test(value)] == []


@pytest.mark.parametrize(
    ("kind", "operator", "values"),
    [
        ("number", "EQ", ("many",)),
        ("datetime", "GTE", ("yesterday",)),
        ("string", "LIKE", ("a%",)),
        ("string", "", ("a",)),
    ],
)
def test_values_and_operators_that_make_no_sense_are_refused(kind, operator, values):
    with pytest.raises(ValueError):  # noqa: PT011 - the texts come from several places
        value_test(kind, operator, values)
