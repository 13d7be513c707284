"""Blocked networks, as one server process knows them: checked before anything else is done."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from twofold.kit.client_info import address_of
from twofold.kit.network import Network

if TYPE_CHECKING:  # the list of jobs names a gate, in a process that does without the framework
    from litestar.types import Scope

# Who asks whether a node is there must go on hearing it, whatever network that comes from.
ALWAYS_OPEN = frozenset({"/healthz", "/readyz"})


class Blocks(Protocol):
    """Tells which addresses are blocked; false where none is."""

    def __bool__(self) -> bool:
        """Tell whether any address is blocked."""
        ...

    def blocks(self, address: str) -> bool:
        """Tell whether this address is blocked."""
        ...


class Gate:
    """Holds the block list that this process applies; a job of its own renews it every few seconds."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = trusted_proxies
        self._blocks: Blocks | None = None

    def apply(self, blocks: Blocks) -> None:
        """Use another block list from now on."""
        self._blocks = blocks

    def is_blocked(self, scope: "Scope") -> bool:
        """Tell whether a request comes from a blocked network."""
        if not self._blocks or scope["path"] in ALWAYS_OPEN:
            return False
        return self._blocks.blocks(address_of(cast("Mapping[str, Any]", scope), self._trusted))
