"""The environments of a Project document, with everything that a schema cannot say about them."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING, TypeVar

from flowops.common.spans import read_rate, read_span
from flowops.documents.address import has_password, ledger_address, proxy_address, service_address
from flowops.model import (
    SANDBOX,
    CallbackSettings,
    Connection,
    Document,
    Environment,
    LedgerSettings,
    Path,
    Place,
    Problem,
    Reference,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path as FilePath

#: Where calls of the sandbox are kept, from the project's root.
SANDBOX_LEDGER = "sqlite:///.flowops/sandbox.db"
CODE = "environment"

_T = TypeVar("_T")


def default_environments(root: FilePath) -> dict[str, Environment]:
    """What there is without a word in a project file: the sandbox."""
    ledger = LedgerSettings(ledger_address(SANDBOX_LEDGER, root))
    return {SANDBOX: Environment(SANDBOX, SANDBOX, ledger=ledger, rate=None)}


class Environments:
    """Reads the environments of a Project document that fits its schema; what else is wrong goes to `problems`."""

    def __init__(self, document: Document, root: FilePath) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._root = root

    def read(self) -> dict[str, Environment]:
        """Every environment by its name, with the sandbox, which need not be written."""
        written: dict[str, dict[str, Value] | None] = self._document.value.get("environments") or {}
        found = {name: self._environment(("environments", name), fields or {}) for name, fields in written.items()}
        return default_environments(self._root) | found

    def _environment(self, at: Path, fields: dict[str, Value]) -> Environment:
        name = str(at[-1])
        api = fields.get("api", SANDBOX if name == SANDBOX else None)
        if api is None:
            self._note(self._document.key_place(at), f"{name}: 'api' is missing: an address, or 'sandbox'")
        elif api != SANDBOX:
            if name == SANDBOX:
                message = "api: the environment 'sandbox' is always the embedded API; give this one another name"
                self._note(self._document.place((*at, "api")), message)
            api = self._checked((*at, "api"), api, service_address)
            for key in ("token", "ledger"):
                if key not in fields:
                    message = f"{name}: '{key}' is missing, and only the sandbox can do without"
                    self._note(self._document.key_place(at), message, f"{key}: {{env: NAME}}")
        default = default_environments(self._root)[SANDBOX] if api == SANDBOX else Environment(name, "")
        return Environment(
            name=name,
            api=api or "",
            token=_reference(fields.get("token")),
            ledger=self._ledger((*at, "ledger"), fields["ledger"]) if "ledger" in fields else default.ledger,
            account=_text_or_reference(fields.get("account")),
            callbacks=self._callbacks((*at, "callbacks"), fields.get("callbacks")),
            vars=fields.get("vars") or {},
            rate=read_rate(fields["rate"]) if "rate" in fields else default.rate,
            concurrency=fields.get("concurrency", default.concurrency),
            connection=self._connection(at, fields),
            sources={name: Reference(source["url"]["env"]) for name, source in (fields.get("sources") or {}).items()},
        )

    def _ledger(self, at: Path, value: Value) -> LedgerSettings:
        """Of its forms: an address, ``{env: …}``, or ``{url: <either>, id: …, key: {env: …}}``."""
        fields: dict[str, Value] = {"url": value}
        if isinstance(value, dict) and "url" in value:
            at, fields = (*at, "url"), value
        url = _text_or_reference(fields["url"])
        assert url is not None
        if isinstance(url, str):
            if has_password(url):
                message = "ledger: an address with a password is a secret, which has no place in a file"
                self._note(self._document.place(at), message, "ledger: {env: NAME}")
            url = self._checked(at, url, lambda text: ledger_address(text, self._root)) or url
        return LedgerSettings(url, fields.get("id"), _reference(fields.get("key")))

    def _callbacks(self, at: Path, fields: dict[str, Value] | None) -> CallbackSettings | None:
        if fields is None:
            return None
        secret = _reference(fields["secret"])
        assert secret is not None
        return CallbackSettings(self._checked((*at, "url"), fields["url"], service_address) or "", secret)

    def _connection(self, at: Path, fields: dict[str, Value]) -> Connection:
        tls = fields.get("tls") or {}
        files = {key: normpath(self._root / tls[key]) for key in ("ca", "certificate", "key") if key in tls}
        if "key" in files and "certificate" not in files:
            self._note(self._document.key_place((*at, "tls", "key")), "key: a key goes with a 'certificate'")
        proxy = _text_or_reference(fields.get("proxy"))
        if isinstance(proxy, str):
            proxy = self._checked((*at, "proxy"), proxy, proxy_address)
        timeouts = fields.get("timeouts") or {}
        default = Connection()
        return Connection(
            **files,
            proxy=proxy,
            connect_timeout=_seconds(timeouts.get("connect", default.connect_timeout)),
            answer_timeout=_seconds(timeouts.get("answer", default.answer_timeout)),
        )

    def _checked(self, at: Path, value: str, check: Callable[[str], _T]) -> _T | None:
        """What a check makes of a value; None, and a problem, when it raises."""
        try:
            return check(value)
        except ValueError as error:
            self._note(self._document.place(at), f"{at[-1]}: {error}")
            return None

    def _note(self, place: Place, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(place, message=message, code=CODE, hint=hint))


def _reference(value: dict[str, str] | None) -> Reference | None:
    return Reference(value["env"]) if value is not None else None


def _text_or_reference(value: str | dict[str, str] | None) -> str | Reference | None:
    return _reference(value) if isinstance(value, dict) else value


def _seconds(value: float | str) -> float:
    return read_span(value).total_seconds() if isinstance(value, str) else value
