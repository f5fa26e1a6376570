"""The article's performance check: 100 writes and 100 reads in turn. The last line of output is JSON."""

from __future__ import annotations

import json
import time

import server  # first: it sets the trusted roots  # isort: skip
from momento import CacheClient, Configurations
from momento.responses import CacheGet, CacheSet, CreateCache

CACHE = "check"
ITEMS = 100


def main() -> None:
    with CacheClient(Configurations.Laptop.latest(), server.credentials(), server.DEFAULT_TTL) as client:
        made = client.create_cache(CACHE)
        expect(made, (CreateCache.Success, CreateCache.CacheAlreadyExists))
        expect(client.set(CACHE, "foo", "bar"), CacheSet.Success)
        answer = expect(client.get(CACHE, "foo"), CacheGet.Hit)
        print(f"foo: {answer.value_string}")

        start = time.perf_counter()
        for at in range(ITEMS):
            expect(client.set(CACHE, f"key-{at}", f"value-{at}"), CacheSet.Success)
        writes = time.perf_counter() - start

        start = time.perf_counter()
        for at in range(ITEMS):
            if expect(client.get(CACHE, f"key-{at}"), CacheGet.Hit).value_string != f"value-{at}":
                raise SystemExit(f"key-{at}: another value came back")
        reads = time.perf_counter() - start

    print(json.dumps({"writes_ms": round(writes * 1e3, 3), "reads_ms": round(reads * 1e3, 3)}))


def expect(answer, kind):
    if not isinstance(answer, kind):
        raise SystemExit(str(answer))
    return answer


if __name__ == "__main__":
    main()
