from gateway.store.statements import Migration, end_of_prefix, migrations


def test_the_steps_of_a_schema_are_numbered_from_one_without_gaps() -> None:
    for schema in ("entries", "ledger"):
        steps = migrations(schema)
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert steps


def test_a_step_is_cut_into_statements_without_its_comments() -> None:
    step = Migration(1, "-- a; comment\ncreate table a (b text); -- more\n\ncreate index c on a (b);\n")
    assert step.statements() == ["create table a (b text)", "create index c on a (b)"]


def test_the_end_of_a_prefix_is_behind_all_that_begins_with_it() -> None:
    for key in ("ns/", "ns/z", "ns/\U0001f600", "ns/\uffff"):
        assert "ns/" <= key < end_of_prefix("ns/")
    assert not end_of_prefix("ns/") > "ns0"
