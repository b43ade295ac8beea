"""Administration of a gateway that does not run, in its data folder."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from gateway.admin.keys import connection_string, endpoint_of
from gateway.config import GatewayConfig
from gateway.data_folder import DataFolder
from gateway.directory import Directory
from gateway.editor import KEEP, Editor
from gateway.entities import Kind, check_connection_name
from gateway.store.sqlite import SqliteStore
from hyco.addresses import Endpoint

from .administration import Administration, HybridConnectionInfo, NodeInfo, RuleInfo, choose_namespace


@contextlib.asynccontextmanager
async def administration_by_folder(
    folder: DataFolder, config: GatewayConfig, namespace: str | None
) -> AsyncIterator[Administration]:
    """Open the store in *folder*, made if there is none.

    Raises:
        DataFolderError: A gateway has just started on it, or it cannot be used.
        StoreUnavailableError: The store cannot be used.
        AdministrationError: The namespace is not clear.
    """
    with folder.locked():
        store = SqliteStore(folder.store_file)
        await store.open()
        try:
            directory = Directory(store, config)
            await directory.load()
            name = choose_namespace([found.name for found in directory.namespaces()], namespace)
            yield _FolderAdministration(directory, config, name)
        finally:
            await store.close()


class _FolderAdministration:
    """See Administration."""

    is_running = False

    def __init__(self, directory: Directory, config: GatewayConfig, namespace: str) -> None:
        self._directory = directory
        self._config = config
        self._namespace = namespace
        self._editor = Editor(directory)

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self._editor.namespace(self._namespace), self._directory, self._config, ())

    async def connections(self) -> Sequence[HybridConnectionInfo]:
        return [
            HybridConnectionInfo(
                name=found.name,
                kind=found.kind,
                is_anonymous=not found.requires_client_authorization,
                listener_count=None,
            )
            for found in self._directory.connections(self._namespace)
        ]

    async def put_connection(self, name: str, *, is_anonymous: bool | None, kind: Kind | None = None) -> None:
        requires = KEEP if is_anonymous is None else not is_anonymous
        await self._editor.put_connection(
            self._namespace, name, kind=kind or KEEP, requires_client_authorization=requires
        )

    async def delete_connection(self, name: str) -> None:
        await self._editor.delete_connection(self._namespace, check_connection_name(name))

    async def nodes(self) -> Sequence[NodeInfo]:
        return ()

    async def rules(self, owner: str | None) -> Sequence[RuleInfo]:
        return [RuleInfo(rule.name, rule.rights) for rule in self._editor.rules(*self._owner(owner))]

    async def create_rule(self, owner: str | None, rule: RuleInfo) -> None:
        await self._editor.put_rule(*self._owner(owner), rule.name, rule.rights)

    async def connection_string(self, owner: str | None, rule_name: str) -> str:
        rule = self._editor.rule(*self._owner(owner), rule_name)
        return connection_string(self.endpoint, rule, rule.primary_key, owner)

    def _owner(self, name: str | None) -> tuple[str, str | None]:
        return self._namespace, None if name is None else check_connection_name(name)
