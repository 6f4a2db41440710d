"""A policy: from the `policy` of a Project document, which fits its schema; what else is wrong are problems.

An environment's policy stands beside the project's: both count. What an environment says can therefore only be
stricter; where it would be looser it has no effect, and that is a problem.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, TypeGuard

from flowops.model.document import Problem
from flowops.policy import rules as folder
from flowops.policy.policy import Policy
from flowops.policy.reading import CODE, PolicyReader
from flowops.policy.rule import Rule, RunGuard, Setting
from flowops.policy.rules.limits import StopOn
from flowops.policy.rules.settings import Allow, MaxPlanAge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model.document import Document, Path, Value


def _embedded() -> Iterator[type[Setting]]:
    for file in iter_modules(folder.__path__):
        module = import_module(f"{folder.__name__}.{file.name}")
        for found in vars(module).values():
            its_own = isinstance(found, type) and found.__module__ == module.__name__
            if its_own and issubclass(found, Setting) and "key" in vars(found):
                yield found


#: What a policy may say, by its key, in the order of its schema; a plug-in's keys stand behind the others.
SETTINGS: dict[str, type[Setting]] = {
    setting.key: setting for setting in sorted(_embedded(), key=lambda setting: setting.key)
}
#: What an operator may lift for a run, on record.
LIFTABLE = tuple(setting.key for setting in SETTINGS.values() if setting.liftable)


def read_policy(document: Document | None, environment: str) -> tuple[Policy | None, list[Problem]]:
    """Return an environment's policy, None where neither it nor the project has one, and what is wrong with it."""
    if document is None:
        return None, []
    reader = PolicyReader(document)
    written = (document.value.get("environments") or {}).get(environment) or {}
    found: list[Setting | Rule] = []
    for at, policy in (
        (("policy",), document.value.get("policy")),
        (("environments", environment, "policy"), written.get("policy")),
    ):
        if policy is not None:
            found += _read(reader, at, policy, found)
    if not found:
        return None, reader.problems
    rules = tuple(each for each in found if isinstance(each, Rule))
    guards = tuple(each for each in found if isinstance(each, RunGuard))
    stop_on = tuple(each for each in found if isinstance(each, StopOn))
    # What one of two policies does not allow is not allowed.
    allowed = [each.kinds for each in found if isinstance(each, Allow)]
    both = frozenset.intersection(*allowed) if allowed else frozenset()
    ages = [each for each in found if isinstance(each, MaxPlanAge)]
    youngest = min(ages, key=lambda each: each.age, default=None)
    return Policy(rules, guards, stop_on, both, youngest), reader.problems


def _read(
    reader: PolicyReader, at: Path, written: Mapping[str, Value], before: list[Setting | Rule]
) -> list[Setting | Rule]:
    """Return what a policy says beside another one; the first one of all has the defaults for what it leaves out."""
    found: list[Setting | Rule] = []
    if not before:
        defaults = (setting.default(reader.place(at)) for key, setting in SETTINGS.items() if key not in written)
        found += [default for default in defaults if default is not None]
    for key, value in written.items():
        found += SETTINGS[key].read(reader, (*at, key), value)
    for setting in filter(_is_setting, found):
        for other in filter(_is_setting, before):
            if type(other) is type(setting) and setting.is_looser_than(other):
                reader.problems.append(_looser(setting, other))
    return found


def _is_setting(found: Setting | Rule) -> TypeGuard[Setting]:
    return isinstance(found, Setting)


def _looser(setting: Setting, other: Setting) -> Problem:
    """Return what is wrong with what looks as if it would allow more than another setting beside it."""
    message = f"{setting.name}: is looser than at line {other.place.line}, and has no effect"
    hint = "an environment's policy can only be stricter than the project's"
    return Problem(setting.place, None, message, CODE, hint)
