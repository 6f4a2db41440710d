"""What decides what happens besides calls and ledger: where calls go, with whose token, by which rules."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from flowops.common import plugins

if TYPE_CHECKING:
    from flowops.model.document import Value
    from flowops.model.plan import Settings
    from flowops.model.project import CallbackSettings, Environment, Project


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
    """Return what the project's policy says, and that of the environment beside it; None where there is neither."""
    if project.document is None:
        return None
    written = (project.document.value.get("environments") or {}).get(environment.name) or {}
    policies = {"project": project.document.value.get("policy"), "environment": written.get("policy")}
    return {name: policy for name, policy in policies.items() if policy} or None
