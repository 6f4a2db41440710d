"""The environments of a Project document that fits its schema, which says all that there is to say about them."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING

from flowops.common.addresses import ledger_address, proxy_address, service_address
from flowops.common.spans import read_rate, read_span
from flowops.model import (
    SANDBOX,
    CallbackSettings,
    Connection,
    Environment,
    LedgerSettings,
    Reference,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flowops.model import Document

#: Where calls of the sandbox are kept, from the project's root.
SANDBOX_LEDGER = "sqlite:///.flowops/sandbox.db"


def read_environments(document: Document | None, root: Path) -> dict[str, Environment]:
    """Return every environment by its name, with the sandbox, which need not be written."""
    written = {} if document is None else document.value.get("environments") or {}
    sandbox = Environment(SANDBOX, SANDBOX, ledger=LedgerSettings(ledger_address(SANDBOX_LEDGER, root)), rate=None)
    return {SANDBOX: sandbox} | {name: _environment(name, fields, root, sandbox) for name, fields in written.items()}


def _environment(name: str, fields: Mapping[str, Value], root: Path, sandbox: Environment) -> Environment:
    api = fields["api"]
    default = sandbox if api == SANDBOX else Environment(name, "")
    return Environment(
        name=name,
        api=api if api == SANDBOX else service_address(api),
        token=_reference(fields.get("token")),
        ledger=_ledger(fields["ledger"], root) if "ledger" in fields else default.ledger,
        account=_text_or_reference(fields.get("account")),
        callbacks=_callbacks(fields.get("callbacks")),
        vars=fields.get("vars") or {},
        rate=read_rate(fields["rate"]) if "rate" in fields else default.rate,
        concurrency=fields.get("concurrency", default.concurrency),
        connection=_connection(fields, root),
        sources={name: Reference(source["url"]["env"]) for name, source in (fields.get("sources") or {}).items()},
    )


def _ledger(value: Value, root: Path) -> LedgerSettings:
    """Of its forms: an address, ``{env: …}``, or ``{url: <either>, id: …, key: {env: …}}``."""
    fields: Mapping[str, Value] = value if isinstance(value, dict) and "url" in value else {"url": value}
    url = _text_or_reference(fields["url"])
    assert url is not None
    if isinstance(url, str):
        url = ledger_address(url, root)
    return LedgerSettings(url, fields.get("id"), _reference(fields.get("key")))


def _callbacks(fields: Mapping[str, Value] | None) -> CallbackSettings | None:
    if fields is None:
        return None
    return CallbackSettings(service_address(fields["url"]), Reference(fields["secret"]["env"]))


def _connection(fields: Mapping[str, Value], root: Path) -> Connection:
    tls = fields.get("tls") or {}
    proxy = _text_or_reference(fields.get("proxy"))
    timeouts = fields.get("timeouts") or {}
    default = Connection()
    return Connection(
        **{key: normpath(root / tls[key]) for key in ("ca", "certificate", "key") if key in tls},
        proxy=proxy_address(proxy) if isinstance(proxy, str) else proxy,
        connect_timeout=_seconds(timeouts.get("connect", default.connect_timeout)),
        answer_timeout=_seconds(timeouts.get("answer", default.answer_timeout)),
    )


def _reference(value: Mapping[str, str] | None) -> Reference | None:
    return Reference(value["env"]) if value is not None else None


def _text_or_reference(value: str | Mapping[str, str] | None) -> str | Reference | None:
    return value if isinstance(value, str) else _reference(value)


def _seconds(value: float | str) -> float:
    return read_span(value).total_seconds() if isinstance(value, str) else value
