"""Runs last (conftest.py): nothing that an SDK's client offers was left out."""

from called import CALLED, CLIENTS, methods


def test_the_clients_are_those_that_are_known():
    assert sorted(CLIENTS) == [
        "AuthClient",
        "AuthClientAsync",
        "CacheClient",
        "CacheClientAsync",
        "TopicClient",
        "TopicClientAsync",
    ]


def test_every_method_of_every_client_was_called():
    offered = {f"{name}.{method}" for name, client in CLIENTS.items() for method in methods(client)}
    assert len(offered) >= 100
    assert sorted(offered - CALLED) == []
