"""Which public methods of the SDK's clients were called. Import this before a client is made."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable

import server  # first: it sets the trusted roots  # isort: skip
import momento

CLIENTS = {name: it for name, it in vars(momento).items() if inspect.isclass(it) and "Client" in name}

#: `Client.method` of every call so far.
CALLED: set[str] = set()


def methods(client: type) -> list[str]:
    """What users may call: the functions of a client whose names do not begin with an underscore."""
    return [name for name, it in inspect.getmembers(client, callable) if not name.startswith("_")]


def _record(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def recording(*args: Any, **kwargs: Any) -> Any:
        CALLED.add(name)
        return function(*args, **kwargs)

    return recording


def _wrap(client: type) -> None:
    for name in methods(client):
        member = inspect.getattr_static(client, name)
        kind = type(member) if isinstance(member, (staticmethod, classmethod)) else lambda it: it
        function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        setattr(client, name, kind(_record(f"{client.__name__}.{name}", function)))


for _client in CLIENTS.values():
    _wrap(_client)
