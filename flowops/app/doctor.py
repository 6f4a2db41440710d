"""Look at everything that an environment needs, without placing or writing anything.

The checks come in the order in which `apply` meets what they are about, so that the first one that fails has its exit
code. No value of a reference is ever in a message: only its name.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowops.api.cdr import clock_ahead, probe, records_url
from flowops.api.classify import FORBIDDEN, THROTTLED, UNAUTHORIZED, Answer, Failure, safe_text
from flowops.app.access import address_of, guards_of, open_for
from flowops.app.hook_documents import secret_of
from flowops.app.load import load
from flowops.app.notify import field_of, not_an_address, open_channel
from flowops.app.number_lists import list_troubles
from flowops.app.render import not_read
from flowops.app.secrets import address_of_source, check_host, connection_of, token_of, value_of
from flowops.callbacks.token import check_secret
from flowops.common import plugins
from flowops.common.addresses import is_loopback
from flowops.common.called import LIBRARIES, install_command
from flowops.common.exit_codes import ExitCode
from flowops.common.secrets import Reference
from flowops.common.text import count
from flowops.common.times import clock
from flowops.documents.row_source import DataFile, Query, data_of
from flowops.errors import ApiError, FlowopsError, LedgerError, NotAllowed, UsageError
from flowops.model.selection import Selection
from flowops.model.status import Check, Diagnosis, Status
from flowops.schema.check import check_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from flowops.api.address import Secret
    from flowops.app.load import Workspace
    from flowops.model.project import CallbackSettings, Environment, Project

#: Clocks that differ by more seconds decide about windows and expiry each in its own way.
SKEW = 30


def examine(environment: str) -> Diagnosis:
    """Look at what an environment needs. Raises Invalid when the project file cannot be used, and UsageError."""
    workspace = load(Selection((), environment), with_tests=True, with_hooks=True)
    examination = _Examination(workspace)
    return Diagnosis(environment, tuple(examination.checks()))


class _Examination:
    """The checks of one environment."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._project: Project = workspace.project
        self._environment: Environment = workspace.environment
        self._field = f"environments.{workspace.environment.name}"
        self._env = shlex.quote(workspace.environment.name)

    def checks(self) -> Iterator[Check]:
        """Yield the checks, one after the other, as apply would come to them."""
        environment = self._environment
        yield self._files()
        if plugins.loaded():
            yield Check("plugins", Status.OK, ", ".join(plugins.origins()))
        token = None
        if environment.token is not None and not environment.sandboxed:
            token, check = self._token(environment.token)
            yield check
        yield from self._ledger()
        for name, source in environment.sources.items():
            read = partial(address_of_source, self._project, environment, name)
            yield self._reference(f"sources.{name}", source, read)
        yield from self._libraries()
        yield from self._hooks()
        yield from self._notifications()
        yield from self._lists()
        if environment.sandboxed:
            yield Check("api", Status.OK, "the embedded API answers in every run; no phone rings")
            return
        account, check = self._account()
        if environment.callbacks is not None:
            yield from self._callback_secrets(environment.callbacks)
        yield check
        yield from self._api(token, account)
        yield self._callbacks()

    def _files(self) -> Check:
        problems = len(self._workspace.problems)
        if not problems:
            return Check(
                "files", Status.OK, f"{count(self._workspace.documents, 'document')} of the project can be read"
            )
        remedy = f"flowops validate --env {self._env}"
        return Check("files", Status.FAILED, f"{problems:,} problems in the files", remedy, ExitCode.INVALID)

    def _token(self, reference: Reference) -> tuple[Secret | None, Check]:
        found: list[Secret] = []
        check = self._reference("token", reference, lambda: found.append(token_of(self._project, self._environment)))
        return (found[0] if found else None), check

    def _reference(
        self, name: str, given: Reference | str, read: Callable[[], object], *, needed: bool = True
    ) -> Check:
        """Return whether the value behind a reference can be read; without one that is not needed apply goes on."""
        where = str(given) if isinstance(given, Reference) else "written in flowops.yaml"
        try:
            read()
        except FlowopsError as error:
            status = Status.FAILED if needed else Status.WARNING
            place, _, message = error.message.partition(": ")
            message = message if place.startswith((self._field, name)) else error.message
            return Check(name, status, message, error.hint or _setting(given), error.exit_code)
        return Check(name, Status.OK, f"{where} is set" if isinstance(given, Reference) else where)

    def _value(self, name: str, given: Reference | str, failure: type[FlowopsError]) -> str:
        return value_of(given, f"{self._field}.{name}", failure, self._project)

    def _ledger(self) -> Iterator[Check]:
        """Open the ledger as who reads it does: nothing is made, and nothing is written."""
        settings = self._environment.ledger
        if settings is not None:
            references = {"ledger.url": settings.url, "ledger.key": settings.key}
            for name, given in references.items():
                if isinstance(given, Reference):
                    check = self._reference(name, given, partial(self._value, name, given, LedgerError))
                    yield check
                    if check.status is Status.FAILED:
                        return
        try:
            address = address_of(self._project, self._environment)
            with open_for(self._project, self._environment, readonly=True) as ledger:
                if ledger.sealed is not None:
                    raise ledger.sealed
                checkpoint, guards = ledger.checkpoint(), guards_of(ledger)
        except FlowopsError as error:
            yield Check("ledger", Status.FAILED, error.message, error.hint, error.exit_code)
            return
        if not checkpoint.id:
            yield Check("ledger", Status.OK, "not made yet: the first apply makes that of a sandbox")
            return
        found = f"ledger {checkpoint.id} with {count(checkpoint.serial, 'event')}"
        if address.settings.id is not None or self._environment.sandboxed:
            pinned = "" if address.settings.id is None else ", the one that is pinned"
            yield Check("ledger", Status.OK, f"{found}{pinned}")
        else:
            remedy = f"pin it in flowops.yaml: ledger: {{url: …, id: {checkpoint.id}}}"
            yield Check("ledger", Status.WARNING, f"{found}; any other one would be taken, too", remedy)
        for guard in guards:
            yield Check(guard.name, Status.FAILED, guard.reason, f"flowops resume --env {self._env}", ExitCode.GUARD)

    def _hooks(self) -> Iterator[Check]:
        """Say whether the secrets of hooks can be read; whoever serves no hook needs none."""
        for name, hook in self._project.hooks.items():
            read = partial(secret_of, hook, self._project)
            yield self._reference(f"hooks.{name}.secret", hook.secret, read, needed=False)

    def _notifications(self) -> Iterator[Check]:
        """Say whether the addresses of notifications are some that can be told; nobody is."""
        for number, each in enumerate(self._project.notify):
            read = partial(value_of, each.to, field_of(number), UsageError, self._project)
            check = self._reference(field_of(number), each.to, read, needed=False)
            if check.status is Status.OK and find_spec("apprise") is not None and open_channel(read()) is None:
                message = not_an_address(number, each).partition(": ")[2]
                check = Check(field_of(number), Status.WARNING, message, _setting(each.to))
            yield check

    def _libraries(self) -> Iterator[Check]:
        """Say which libraries that not everybody needs are here, by the name of the library itself."""
        needed = set(self._needed())
        for library in LIBRARIES:
            if find_spec(library) is not None:
                yield Check(library, Status.OK, f"installed for {sys.executable}")
            elif library in needed:
                message = f"not installed for {sys.executable}, and {needed_for(library)}"
                yield Check(library, Status.FAILED, message, install_command(library), ExitCode.INVALID)
            else:
                yield Check(library, Status.OK, "not installed, and nothing here needs it")

    def _needed(self) -> Iterator[str]:
        if self._project.notify:
            yield "apprise"
        settings = self._environment.ledger
        try:
            if settings is not None and address_of(self._project, self._environment).url.startswith("postgresql"):
                yield "psycopg"
        except FlowopsError:
            pass  # the check of the ledger has said so
        others = any(not plugin.name.startswith(".") for plugin in plugins.loaded(plugins.SOURCES))
        if not_read(self._workspace) and not others:
            yield "psycopg"
        for document in self._workspace.calls:
            if document.kind != "CallSet" or check_document(document)[1] is None:
                continue
            data = data_of(document)
            is_query = isinstance(data, Query) and data.source is None
            if is_query or (isinstance(data, DataFile) and data.name.lower().endswith(".parquet")):
                yield "duckdb"

    def _lists(self) -> Iterator[Check]:
        for rule, trouble in list_troubles(self._workspace):
            if trouble is None:
                yield Check("do-not-call", Status.OK, f"{rule.file} can be used")
            else:
                remedy = None if rule.secret is None else _setting(rule.secret)
                yield Check("do-not-call", Status.FAILED, f"{rule.file} {trouble}", remedy, ExitCode.GUARD)

    def _account(self) -> tuple[str | None, Check]:
        """Return the voice account: `reconcile` needs it, and so does who wants to see whether the token is taken."""
        given = self._environment.account
        if given is None:
            remedy = "name the voice account in flowops.yaml: account: {env: FLOWOPS_VOICE_ACCOUNT}"
            return None, Check("account", Status.WARNING, "none is named: records cannot be asked for", remedy)
        found: list[str] = []
        check = self._reference(
            "account", given, lambda: found.append(self._value("account", given, ApiError)), needed=False
        )
        return (found[0] if found else None), check

    def _callback_secrets(self, settings: CallbackSettings) -> Iterator[Check]:
        def read(name: str, given: Reference) -> None:
            check_secret(self._value(f"callbacks.{name}", given, UsageError))

        secret, previous = settings.secret, settings.previous
        yield self._reference("callbacks.secret", secret, lambda: read("secret", secret))
        if previous is not None:
            yield self._reference("callbacks.previous", previous, lambda: read("previous", previous), needed=False)

    def _api(self, token: Secret | None, account: str | None) -> Iterator[Check]:
        """Ask the API once: for records with the token, where an account and a token are known."""
        environment = self._environment
        asked = token is not None and account is not None
        try:
            # Nobody is asked whom the operator has not allowed.
            check_host(environment)
            url = records_url(environment.api, account if asked else None, clock())
            received = asyncio.run(probe(url, connection_of(environment), token if asked else None))
        except (ApiError, NotAllowed) as error:
            yield Check("api", Status.FAILED, f"not asked: {error.message}", error.hint, error.exit_code)
            return
        host = urlsplit(url).netloc
        if isinstance(received, Failure):
            yield Check("api", Status.FAILED, f"{host}: {_reason(received)}", _way_to(url, received), ExitCode.API)
            return
        secure = "over TLS" if url.startswith("https:") else "in clear, on this machine"
        yield Check("api", Status.OK, f"{host} answers {secure}")
        if asked:
            yield self._is_taken(received)
        elif token is not None:
            yield Check("token-accepted", Status.WARNING, "not known: without an account no records can be asked for")
        yield _clock(clock_ahead(received, clock()))

    def _is_taken(self, answer: Answer) -> Check:
        """Return whether the API takes the token, by its answer to who asks for records."""
        name, token = "token-accepted", self._environment.token
        if answer.status in {*UNAUTHORIZED, FORBIDDEN}:
            message = f"the API answers {answer.status}: it does not take the token for the records of this account"
            return Check(name, Status.FAILED, message, _setting(token), ExitCode.API)
        if answer.status == THROTTLED or answer.status == 200:
            return Check(name, Status.OK, "the API gives records for it; no phone rang")
        if answer.status == 404:
            remedy = _setting(self._environment.account)
            return Check(name, Status.WARNING, "the API answers 404: is this the voice account's id?", remedy)
        message = f"not known: the API answers {answer.status} to who asks for records"
        return Check(name, Status.WARNING, message, f"flowops doctor --env {self._env}")

    def _callbacks(self) -> Check:
        """Ask for the address that the API calls back: whatever answers there is reachable from here."""
        settings = self._environment.callbacks
        if settings is None:
            remedy = "say where they arrive: callbacks: {url: https://…, secret: {env: FLOWOPS_CALLBACK_SECRET}}"
            return Check("callbacks", Status.WARNING, "none: how calls end will not be known", remedy)
        host = urlsplit(settings.url)
        try:
            connection = connection_of(self._environment._replace(api=settings.url))
            received = asyncio.run(probe(settings.url, connection))
        except ApiError as error:
            return Check("callbacks", Status.WARNING, error.message, error.hint)
        if isinstance(received, Failure):
            remedy = f"flowops listen --env {self._env}, behind whatever serves {host.netloc}"
            return Check("callbacks", Status.WARNING, f"{host.netloc}: {_reason(received)}", remedy)
        if is_loopback(host.hostname or ""):
            message = f"{host.netloc} is this machine: the API cannot reach it"
            return Check("callbacks", Status.WARNING, message, "name an https:// address that the API can reach")
        return Check("callbacks", Status.OK, f"{host.netloc} answers over TLS")


def needed_for(library: str) -> str:
    """Return what a library is needed for here."""
    needs = {"psycopg": "the ledger or a source is in PostgreSQL", "apprise": "notify names somebody"}
    return needs.get(library, "call sets read Parquet or SQL")


def _setting(given: Reference | str | None) -> str | None:
    """Return the command that gives a reference its value."""
    if not isinstance(given, Reference):
        return None
    if given.env is not None:
        return f"export {given.env}=…"
    return f"write the value into the file {given.file}"


def _reason(failure: Failure) -> str:
    status = failure.proxy_status
    return safe_text(failure.reason) if status is None else f"the proxy answers {status}"


def _way_to(url: str, failure: Failure) -> str:
    """Return what to look at where an address cannot be reached."""
    if "certificate" in failure.reason:
        return "export SSL_CERT_FILE=…, a file with the authority that signs for it"
    parts = urlsplit(url)
    return f"curl -sS -o /dev/null {shlex.quote(f'{parts.scheme}://{parts.netloc}/')}"


def _clock(ahead: timedelta | None) -> Check:
    if ahead is None:
        return Check("clock", Status.OK, "not compared: the API's answer has no Date")
    seconds = abs(ahead.total_seconds())
    if seconds <= SKEW:
        return Check("clock", Status.OK, "the same time as at the API")
    way = "ahead of" if ahead.total_seconds() > 0 else "behind"
    message = f"{seconds:,.0f} s {way} that of the API: windows and expiry go by the clock of this machine"
    return Check("clock", Status.WARNING, message, "sudo timedatectl set-ntp true")
