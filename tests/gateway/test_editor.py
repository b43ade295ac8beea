import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config import GatewayConfig
from gateway.directory import Change, Directory
from gateway.editor import Editor, EntityExistsError, EntityNotFoundError, QuotaError
from gateway.entities import ROOT_RULE, InvalidEntityError, KeyType, generate_key, new_rule
from hyco.sas import Right
from tests.support.flaky_store import FlakyStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FlakyStore]:
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def directory(store: FlakyStore) -> Directory:
    directory = Directory(store, GatewayConfig(data_folder=Path("data"), namespace="contoso"))
    await directory.load()
    return directory


@pytest.fixture
def editor(directory: Directory) -> Editor:
    return Editor(directory)


# --- namespaces ------------------------------------------------------------------------------------------------------


async def test_a_namespace_is_made_with_its_first_rule(editor: Editor) -> None:
    namespace = await editor.create_namespace("Fabrikam", ["Fabrikam.Example."])
    assert namespace.hosts == ("fabrikam.example",)
    assert [rule.name for rule in namespace.rules] == [ROOT_RULE]
    assert editor.namespace("FABRIKAM") == namespace


async def test_a_namespace_is_made_once_whatever_its_case(editor: Editor) -> None:
    with pytest.raises(EntityExistsError, match="there is a namespace contoso already"):
        await editor.create_namespace("CONTOSO")


async def test_a_host_name_belongs_to_one_namespace(editor: Editor) -> None:
    await editor.create_namespace("fabrikam", ["x.example"])
    with pytest.raises(EntityExistsError, match=r"x\.example belongs to the namespace fabrikam"):
        await editor.create_namespace("northwind", ["X.example"])
    with pytest.raises(EntityExistsError, match="belongs to"):
        await editor.set_hosts("contoso", ["x.example"])
    await editor.set_hosts("fabrikam", ["y.example", "x.example"])
    await editor.set_hosts("fabrikam", ["y.example"])
    assert (await editor.set_hosts("contoso", ["x.example"])).hosts == ("x.example",)


async def test_a_deleted_namespace_takes_everything_with_it(editor: Editor, directory: Directory) -> None:
    told: list[Change] = []
    await editor.create_namespace("fabrikam")
    for name in ("a", "b/c"):
        await editor.put_connection("fabrikam", name)
    await editor.put_connection("contoso", "a")
    directory.subscribe(told.append)
    await editor.delete_namespace("Fabrikam")
    assert [relay for change in told for relay in change.removed_relays] == ["fabrikam/a", "fabrikam/b/c"]
    assert directory.namespace("fabrikam") is None
    assert directory.connection("fabrikam", "a") is None
    assert directory.connection("contoso", "a") is not None
    await editor.create_namespace("fabrikam")
    assert directory.connections("fabrikam") == []


async def test_what_a_deletion_left_in_the_store_does_not_come_back(
    editor: Editor, store: FlakyStore
) -> None:
    await editor.create_namespace("fabrikam")
    left, _ = await editor.put_connection("fabrikam", "left")
    await store.delete("namespace", "fabrikam")
    await editor._directory.sync()
    await editor.create_namespace("fabrikam")
    assert await store.get(left.KIND, left.key) is None
    assert editor._directory.connections("fabrikam") == []


async def test_the_only_namespace_stays(editor: Editor) -> None:
    with pytest.raises(EntityExistsError, match="the only namespace cannot be deleted"):
        await editor.delete_namespace("contoso")


async def test_namespaces_that_are_not_there(editor: Editor) -> None:
    for change in (
        editor.delete_namespace("missing"),
        editor.set_hosts("missing", []),
        editor.put_connection("missing", "a"),
        editor.put_rule("missing", None, "r", Right.SEND),
        editor.put_rule("missing", "a", "r", Right.SEND),
        editor.delete_connection("missing", "a"),
    ):
        with pytest.raises(EntityNotFoundError, match="there is no namespace 'missing'"):
            await change


# --- hybrid connections ------------------------------------------------------------------------------------------------


async def test_a_hybrid_connection_is_made_with_the_safe_defaults(editor: Editor) -> None:
    connection, is_new = await editor.put_connection("Contoso", "Hyco/One")
    assert is_new
    assert connection.requires_client_authorization
    assert connection.response_timeout_s is None
    assert (connection.name, connection.canonical, connection.namespace) == (
        "Hyco/One",
        "hyco/one",
        "contoso",
    )


async def test_a_change_leaves_what_it_does_not_speak_of(editor: Editor) -> None:
    made, _ = await editor.put_connection(
        "contoso", "Hyco", requires_client_authorization=False, user_metadata="x", response_timeout_s=5
    )
    await editor.put_rule("contoso", "hyco", "r", Right.SEND)
    changed, is_new = await editor.put_connection("contoso", "HYCO", user_metadata="y")
    assert not is_new
    assert (changed.name, changed.user_metadata, changed.response_timeout_s) == ("Hyco", "y", 5)
    assert not changed.requires_client_authorization
    assert len(changed.rules) == 1
    assert changed.created_at == made.created_at
    assert changed.rev > made.rev
    reset, _ = await editor.put_connection("contoso", "hyco", response_timeout_s=None)
    assert reset.response_timeout_s is None


async def test_a_change_that_changes_nothing_is_not_written(editor: Editor, directory: Directory) -> None:
    made, _ = await editor.put_connection("contoso", "a", user_metadata="x")
    told: list[Change] = []
    directory.subscribe(told.append)
    again, _ = await editor.put_connection("contoso", "a", user_metadata="x")
    assert again == made
    assert told == []


async def test_one_that_must_be_new_is_refused_when_it_is_not(editor: Editor) -> None:
    await editor.put_connection("contoso", "Hyco", must_be_new=True)
    with pytest.raises(EntityExistsError, match="there is a hybrid connection Hyco already"):
        await editor.put_connection("contoso", "hyco", must_be_new=True)


async def test_of_many_that_make_the_same_one_succeeds(editor: Editor) -> None:
    async def make() -> bool:
        try:
            await editor.put_connection("contoso", "a", must_be_new=True)
        except EntityExistsError:
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(make()) for _ in range(20)]
    assert sum(task.result() for task in made) == 1


async def test_a_namespace_deleted_meanwhile_gets_no_hybrid_connection(
    editor: Editor, directory: Directory
) -> None:
    await editor.create_namespace("fabrikam")
    async with asyncio.TaskGroup() as tasks:
        deletion = tasks.create_task(editor.delete_namespace("fabrikam"))
        await asyncio.sleep(0)
        with pytest.raises(EntityNotFoundError):
            await editor.put_connection("fabrikam", "a")
    assert deletion.done()
    assert directory.connections("fabrikam") == []


async def test_a_deleted_hybrid_connection_is_gone_at_once(editor: Editor, directory: Directory) -> None:
    await editor.put_connection("contoso", "a")
    await editor.delete_connection("contoso", "a")
    assert directory.connection("contoso", "a") is None
    with pytest.raises(EntityNotFoundError, match="there is no hybrid connection 'a'"):
        await editor.delete_connection("contoso", "a")


async def test_values_that_cannot_be_are_refused_before_anything_is_written(editor: Editor) -> None:
    for change in (
        editor.put_connection("contoso", "a//b"),
        editor.put_connection("contoso", "a", user_metadata="\0"),
        editor.put_connection("contoso", "a", response_timeout_s=-1),
        editor.put_connection("contoso", "a", rules=(new_rule("r", Right.SEND), new_rule("R", Right.SEND))),
        editor.create_namespace("no"),
        editor.create_namespace("fabrikam", ["a b"]),
        editor.put_rule("contoso", None, "a b", Right.SEND),
        editor.put_rule("contoso", None, "r", Right.MANAGE),
        editor.regenerate_key("contoso", None, ROOT_RULE, KeyType.PRIMARY, "weak"),
    ):
        with pytest.raises(InvalidEntityError):
            await change
    assert editor._directory.connections("contoso") == []


# --- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("canonical", [None, "hyco"])
async def test_rules_of_both_levels(editor: Editor, canonical: str | None) -> None:
    await editor.put_connection("contoso", "hyco")
    made, is_new = await editor.put_rule("contoso", canonical, "Sender", Right.SEND)
    assert is_new
    changed, is_new = await editor.put_rule("contoso", canonical, "SENDER", Right.LISTEN | Right.SEND)
    assert not is_new
    assert (changed.name, changed.primary_key) == ("Sender", made.primary_key)
    assert editor.rule("contoso", canonical, "sender").rights == Right.LISTEN | Right.SEND
    await editor.delete_rule("contoso", canonical, "sender")
    for attempt in (
        editor.delete_rule("contoso", canonical, "sender"),
        editor.regenerate_key("contoso", canonical, "sender", KeyType.PRIMARY),
    ):
        with pytest.raises(EntityNotFoundError, match="there is no authorization rule 'sender'"):
            await attempt


async def test_a_level_has_at_most_twelve_rules(editor: Editor) -> None:
    for n in range(11):
        await editor.put_rule("contoso", None, f"rule{n}", Right.SEND)
    with pytest.raises(QuotaError, match="12 authorization rules"):
        await editor.put_rule("contoso", None, "one-more", Right.SEND)
    await editor.put_rule("contoso", None, "rule3", Right.LISTEN)
    await editor.put_connection("contoso", "a")
    await editor.put_rule("contoso", "a", "own", Right.SEND)
    with pytest.raises(QuotaError):
        await editor.put_connection(
            "contoso", "a", rules=tuple(new_rule(f"r{n}", Right.SEND) for n in range(13))
        )


async def test_one_key_is_replaced_and_the_other_stays(editor: Editor) -> None:
    before = editor.rule("contoso", None, ROOT_RULE)
    after = await editor.regenerate_key("contoso", None, ROOT_RULE, KeyType.PRIMARY)
    assert after.primary_key != before.primary_key
    assert after.secondary_key == before.secondary_key
    brought = generate_key()
    last = await editor.regenerate_key("contoso", None, ROOT_RULE, KeyType.SECONDARY, brought)
    assert (last.primary_key, last.secondary_key) == (after.primary_key, brought)
    assert editor.rule("contoso", None, ROOT_RULE) == last


async def test_rules_of_what_is_not_there(editor: Editor) -> None:
    with pytest.raises(EntityNotFoundError, match="hybrid connection 'missing'"):
        editor.rules("contoso", "missing")
    with pytest.raises(EntityNotFoundError, match="hybrid connection 'missing'"):
        await editor.put_rule("contoso", "missing", "r", Right.SEND)
    with pytest.raises(EntityNotFoundError, match="rule 'missing'"):
        editor.rule("contoso", None, "missing")


async def test_an_owner_deleted_by_another_process_meanwhile_is_not_made_again(
    editor: Editor, store: FlakyStore
) -> None:
    await editor.put_connection("contoso", "a")
    await editor.create_namespace("fabrikam")
    await store.delete("hybridConnection", "contoso/a")
    await store.delete("namespace", "fabrikam")
    with pytest.raises(EntityNotFoundError):
        await editor.put_rule("contoso", "a", "r", Right.SEND)
    with pytest.raises(EntityNotFoundError):
        await editor.put_rule("fabrikam", None, "r", Right.SEND)
    with pytest.raises(EntityNotFoundError):
        await editor.set_hosts("fabrikam", ["a.example"])
    assert await store.get("hybridConnection", "contoso/a") is None


async def test_keys_do_not_show_in_errors_or_reprs(editor: Editor) -> None:
    await editor.put_connection("contoso", "a")
    rule, _ = await editor.put_rule("contoso", "a", "r", Right.SEND)
    connection = editor.connection("contoso", "a")
    assert rule.primary_key not in repr((rule, connection, Change(None, connection)))
