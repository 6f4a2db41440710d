"""A project: its environments, defaults and variables, resolved from ``flowops.yaml``."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from flowops.common import plugins
from flowops.common.times import span_text
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from flowops.common.secrets import Reference
    from flowops.model.document import Document, Value
    from flowops.model.plan import Settings

SANDBOX = "sandbox"


class LedgerSettings(NamedTuple):
    """The place of the ledger (`url`, given or by reference), and which one it has to be (`id`)."""

    url: str | Reference
    id: str | None = None
    key: Reference | None = None


class CallbackSettings(NamedTuple):
    """The public address of ``flowops listen``, and the secret its tokens are made with.

    `previous` is a secret that they were made with before: calls that were placed then are called back with those.
    """

    url: str
    secret: Reference
    previous: Reference | None = None


class WorkerSettings(NamedTuple):
    """The key that campaigns are sealed with, and how long finished ones are kept."""

    key: Reference
    keep: timedelta = timedelta(days=30)


class Hook(NamedTuple):
    """A request that places the calls of a `document`, a path from the project: at most `phones` in the last `span`.

    `variables` are what templates of the document see as ``vars``, each with the JSON Pointer to its value in the body.
    """

    name: str
    document: str
    secret: Reference
    phones: int
    span: timedelta
    variables: Mapping[str, str] = {}

    @property
    def limit(self) -> str:
        """Return how many phones in how long, as it is written: ``20/h``."""
        return f"{self.phones}/{span_text(self.span).removeprefix('1')}"


class Notification(NamedTuple):
    """A recipient of events: `to` is an address, `on` are their names, `older` is for how long a call is in doubt."""

    to: Reference
    on: frozenset[str]
    older: timedelta | None = None


class Connection(NamedTuple):
    """The way to reach the API: time-outs in seconds, which a document may give, and what only the operator says.

    That is whom to trust (`ca_file`, `ca_directory`), who we are (`certificate`, `key`), and a `proxy`.
    """

    ca_file: str | None = None
    ca_directory: str | None = None
    certificate: str | None = None
    key: str | None = None
    proxy: str | None = None
    connect_timeout: float = 10.0
    answer_timeout: float = 30.0


class Environment(NamedTuple):
    """One place that calls are placed in. `rate` is phones a second, None for no limit.

    `sources` are the addresses of the databases that call sets may ask for their rows there, by their names.
    """

    name: str
    api: str
    token: Reference | None = None
    ledger: LedgerSettings | None = None
    account: str | Reference | None = None
    callbacks: CallbackSettings | None = None
    vars: Mapping[str, Value] = {}
    rate: float | None = 10.0
    concurrency: int = 10
    connection: Connection = Connection()
    sources: Mapping[str, Reference] = {}
    workers: WorkerSettings | None = None

    @property
    def sandboxed(self) -> bool:
        """Return whether the embedded API answers, so that no phone rings."""
        return self.api == SANDBOX


class Project(NamedTuple):
    """The project file, or what replaces it when there is none (`document` is None then).

    `root` is the directory that relative paths start at. `defaults` and `vars` keep their places in
    `document`, under the keys of the same names.
    """

    root: FilePath
    name: str
    document: Document | None
    include: tuple[str, ...]
    defaults: Mapping[str, Value]
    vars: Mapping[str, Value]
    environments: Mapping[str, Environment]
    hooks: Mapping[str, Hook] = {}
    notify: tuple[Notification, ...] = ()


class Flow(NamedTuple):
    """A ``kind: Flow``: `callflow_ids` maps an environment (or ``*``: all) to the API's id.

    `variables` maps a name to its JSON Schema; `sensitive` are the names marked ``x-sensitive: true``.
    """

    name: str
    callflow_ids: Mapping[str, str]
    variables: Mapping[str, Mapping[str, Value]]
    produces: frozenset[str]
    document: Document

    @property
    def sensitive(self) -> frozenset[str]:
        """Return the variables whose values are never shown or kept."""
        return frozenset(name for name, schema in self.variables.items() if schema.get("x-sensitive") is True)

    def callflow_id(self, environment: str) -> str | None:
        """Return the API's id of this flow in an environment, None when the file has none for it."""
        return self.callflow_ids.get(environment) or self.callflow_ids.get("*")


def review_of(project: Project, environment: Environment) -> dict[str, Value]:
    """Return an environment's settings that a review is about, as they are written; references are not followed."""
    callbacks = environment.callbacks
    settings: dict[str, Value] = {
        "api": environment.api,
        "token": None if environment.token is None else str(environment.token),
        "callbacks": None if callbacks is None else _callbacks(callbacks),
        "policy": _policy(project, environment),
    }
    return {name: value for name, value in settings.items() if value is not None}


def reviewed(project: Project) -> dict[str, Value]:
    """Return what of a project is reviewed besides its calls: its environments' settings, its policy, and its hooks."""
    found: dict[str, Value] = {}
    for name, environment in project.environments.items():
        settings = review_of(project, environment)
        policy = settings.pop("policy", {})
        found[name] = settings | ({"policy": policy["environment"]} if "environment" in policy else {})
    written = {} if project.document is None else project.document.value
    others = {name: written[name] for name in ("policy", "hooks", "notify") if written.get(name)}
    return {"environments": found, **others}


def settings_of(project: Project, environment: Environment) -> Settings:
    """Return the same for a plan and its digest: of the policy, which may hold numbers, a hash; and the plug-ins."""
    settings = review_of(project, environment)
    callbacks, policy = settings.pop("callbacks", None), settings.pop("policy", None)
    if callbacks is not None:
        settings["callbacks"] = callbacks.pop("url")
        settings |= {f"callbacks.{name}": secret for name, secret in callbacks.items()}
    if policy is not None:
        written = json.dumps(policy, sort_keys=True, default=str).encode()
        settings["policy"] = f"sha256:{hashlib.sha256(written).hexdigest()}"
    if plugins.loaded():
        settings["plugins"] = ", ".join(plugins.origins())
    return settings


def _callbacks(callbacks: CallbackSettings) -> dict[str, Value]:
    """Return where callbacks go and whose tokens are believed: the secret before the present one counts, too."""
    secrets = {"secret": callbacks.secret, "previous": callbacks.previous}
    return {"url": callbacks.url} | {name: str(secret) for name, secret in secrets.items() if secret is not None}


def _policy(project: Project, environment: Environment) -> Value:
    """Return what the project's policy says, and that of its environment; None where there is neither."""
    if project.document is None:
        return None
    written = (project.document.value.get("environments") or {}).get(environment.name) or {}
    policies = {"project": project.document.value.get("policy"), "environment": written.get("policy")}
    return {name: policy for name, policy in policies.items() if policy} or None
