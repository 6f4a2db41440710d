"""A receiver of callbacks for as long as a run lasts: the embedded API has nobody else to tell."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.ledger import Store


@contextmanager
def receiver(environment: str, ledger: Store) -> Iterator[tuple[str, str]]:
    """The address of a receiver on this machine, and the secret that its tokens are made with."""
    import asyncio

    from flowops.callbacks.app import Endpoint, application
    from flowops.callbacks.server import listen, make_server

    secret = secrets.token_hex(32)
    with listen("127.0.0.1", 0) as listener:
        server = make_server(application({environment: Endpoint(secret, ledger)}))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="flowops-callbacks"
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", secret
        finally:
            server.should_exit = True
            thread.join()
