"""Questions reach those who are asked, once, and answers those who asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.repositories import Connection, StatsExchange


@pytest.fixture
def exchange(connection: Connection) -> StatsExchange:
    return StatsExchange(connection)


def test_each_who_is_asked_gets_the_question_once_and_nobody_else_does(exchange):
    exchange.ask("q1", ["ada", "bob"])
    assert exchange.take("cim") is None
    assert exchange.take("ada") == "q1"
    assert exchange.take("ada") is None
    assert exchange.take("bob") == "q1"
    assert exchange.take("bob") is None


def test_several_questions_come_in_their_order(exchange):
    for number in range(3):
        exchange.ask(f"q{number}", ["ada"])
    assert [exchange.take("ada") for _ in range(4)] == ["q0", "q1", "q2", None]


def test_of_many_who_take_at_once_one_gets_it(exchange):
    exchange.ask("q1", ["ada"])
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: exchange.take("ada"), range(8)))
    assert sorted(taken, key=str) == [*[None] * 7, "q1"]


def test_answers_come_once_each_and_to_their_question(exchange):
    exchange.answer("q1", "ada", b"\x00from ada")
    exchange.answer("q2", "ada", b"to another")
    assert exchange.answers("q1", []) == {"ada": b"\x00from ada"}
    exchange.answer("q1", "bob", b"from bob")
    assert exchange.answers("q1", {"ada": 1}) == {"bob": b"from bob"}
    assert exchange.answers("q1", ["ada", "bob"]) == {}


def test_nothing_is_left_of_a_question_that_is_forgotten(exchange, connection):
    exchange.ask("q1", ["ada", "bob"])
    exchange.answer("q1", "bob", b"late")
    exchange.ask("q2", ["ada"])
    exchange.forget("q1")
    assert exchange.answers("q1", []) == {}
    assert exchange.take("ada") == "q2"
    assert exchange.take("bob") is None
    with connection.operation() as database:
        assert database.stats_questions.count_documents({}) == 0
        assert database.stats_answers.count_documents({}) == 0


def test_looking_for_a_question_needs_no_walk_through_all(exchange, connection):
    exchange.ask("q1", [f"worker {number}" for number in range(50)])
    with connection.operation() as database:
        plan = database.stats_questions.find({"owner": "ada"}).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["totalKeysExamined"] <= 1


def test_what_nobody_comes_for_bears_the_time_by_which_it_is_removed(exchange, connection):
    exchange.ask("q1", ["ada"])
    exchange.answer("q1", "ada", b"")
    with connection.operation() as database:
        for name, field in (("stats_questions", "asked_at"), ("stats_answers", "answered_at")):
            expiring = [
                one["key"] for one in database[name].index_information().values() if "expireAfterSeconds" in one
            ]
            assert expiring == [[(field, 1)]]
            assert database[name].count_documents({field: {"$type": "date"}}) == 1
