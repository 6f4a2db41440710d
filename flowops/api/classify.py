"""What an answer, or the lack of one, means for a call: the table of the contract's section 6.

Pure: values in, a `Verdict` out. Whatever is not proven to be placed, refused or unsent is in doubt.
Foreign text in it is made fit for people: short, printable, without secrets and without phone numbers.
"""

from __future__ import annotations

import email.utils
import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowops.common.json import NotJson, read_json
from flowops.common.masking import HIDDEN, hide_numbers
from flowops.common.names import same_name
from flowops.common.patterns import regex
from flowops.common.text import shorten, visible
from flowops.model.call import INSTRUCTION_ID, read_call_id
from flowops.model.ledger import EventType, Leg
from flowops.model.result import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Value


#: A clear no: nothing was placed, and the same request would be refused again.
REFUSED = frozenset({400, 404, 413, 422})
#: A no to the caller, not to this call: the next call would get the same answer.
UNAUTHORIZED = frozenset({401, 407})
#: A no to the caller or to this call, nobody can tell which: neither says anything of whether it could be placed.
FORBIDDEN = 403
THROTTLED = 429

#: The longest pause that is believed, in seconds; a wrong clock must not stop a run for years.
LONGEST_PAUSE = 24 * 3600.0

_SECONDS = regex(r"[0-9]{1,10}")
#: Where answers of errors keep their text: the event's own name first, then what gateways use.
_TEXTS = ("error", "message", "detail", "title")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came back: the status, the headers that matter (names in lower case), the body.

    `cut` says why the body is not whole, None when it is. `followed` says that more came after it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str | None = None
    followed: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer, and why. `begun` is False only if it is proven that no byte of the request was sent.

    `proxy_status` is the status a proxy gave instead of a connection, `where` the host that was not reached, as the
    configuration has it.
    """

    begun: bool
    reason: str
    proxy_status: int | None = None
    where: str | None = None


def classify_answer(
    sent: Mapping[str, Value], received: Answer | Failure, *, now: float, secrets: Sequence[str] = ()
) -> Verdict:
    """Return the verdict on one request. `now` is in Unix seconds; `secrets` never show up in the detail."""
    hidden = _Hidden(sent, secrets)
    if isinstance(received, Failure):
        return _classify_failure(received, hidden)
    verdict = _classify_answer(sent, received, now, hidden)
    if received.followed and verdict.event_type is not EventType.ACCEPTED:
        # Who is out of step may have answered another request, or this one twice: that is no proof of a refusal.
        return _unclear(received, "more came after it")
    return verdict


class _Hidden:
    """The values that no detail may show; looked for only when there is a detail."""

    def __init__(self, sent: Mapping[str, Value], secrets: Sequence[str]) -> None:
        self._sent = sent
        self._secrets = secrets

    def __iter__(self) -> Iterator[str]:
        yield from self._secrets
        yield from personal_texts(self._sent)


def _classify_failure(failure: Failure, hidden: Iterable[str]) -> Verdict:
    reason = safe_text(failure.reason, hidden)
    if failure.begun:
        return Verdict(EventType.UNCLEAR, detail=f"{reason}; the call may have been placed")
    if failure.proxy_status in {*UNAUTHORIZED, FORBIDDEN}:
        return Verdict(EventType.UNAUTHORIZED, detail=f"the proxy answered {_status(failure.proxy_status)}", stop=True)
    if failure.proxy_status is not None:
        return Verdict(EventType.UNSENT, detail=f"the proxy answered {_status(failure.proxy_status)}")
    return Verdict(EventType.UNSENT, detail=reason if failure.where is None else f"{failure.where}: {reason}")


def _classify_answer(sent: Mapping[str, Value], answer: Answer, now: float, hidden: Iterable[str]) -> Verdict:
    if answer.cut is not None:
        return _unclear(answer, safe_text(answer.cut, hidden))
    if 200 <= answer.status <= 299:
        return _classify_events(sent, answer, hidden)
    said = f"the API answered {_status(answer.status)}{_text_of(answer, hidden)}"
    if answer.status in REFUSED:
        return Verdict(EventType.REFUSED, detail=said)
    if answer.status in UNAUTHORIZED:
        return Verdict(EventType.UNAUTHORIZED, detail=said, stop=True)
    if answer.status == FORBIDDEN:
        return Verdict(EventType.FORBIDDEN, detail=said)
    if answer.status == THROTTLED:
        retry_after = seconds_to_wait(answer.headers.get("retry-after"), now)
        return Verdict(EventType.THROTTLED, detail=said, retry_after=retry_after)
    return Verdict(EventType.UNCLEAR, detail=f"{said}; the call may have been placed")


def _classify_events(sent: Mapping[str, Value], answer: Answer, hidden: Iterable[str]) -> Verdict:
    """Classify a 2xx: one ``call-queued`` event a callee, as an object or in an array (vendor's SDK)."""
    try:
        value = read_json(answer.body, half_characters=True)
    except NotJson as error:
        if (coding := _coding(answer)) is not None:
            return _unclear(answer, f"its body has the content-encoding {coding}, which was not asked for")
        return _unclear(answer, f"its body is not valid JSON ({error.reason})")
    events = value if isinstance(value, list) else [value]
    legs: list[Leg] = []
    for event in events:
        leg = _read_event(event, sent[INSTRUCTION_ID], hidden)
        if isinstance(leg, str):
            return _unclear(answer, leg)
        legs.append(leg)
    if [leg.callee for leg in legs] != [*_callees(sent)]:
        asked: Counter[str | None] = Counter(_callees(sent))
        answered = Counter(leg.callee for leg in legs)
        if answered - asked:
            return _unclear(answer, "it names a callee that was not asked for, or of one twice")
        if asked - answered:
            return _unclear(answer, f"it says nothing of {(asked - answered).total()} of {asked.total()} callees")
    ids = [leg.call_id for leg in legs if leg.call_id is not None]
    if len(set(ids)) != len(ids):
        return _unclear(answer, "it gives two callees the same call-id")
    return _classify_legs(tuple(legs))


def _classify_legs(legs: tuple[Leg, ...]) -> Verdict:
    """Classify an answer for every callee: placed if any was."""
    errors = [leg.error for leg in legs if leg.error is not None]
    if len(errors) == len(legs):
        return Verdict(EventType.REFUSED, legs, f"the API refused the call: {errors[0]}")
    if errors:
        detail = f"the API refused {len(errors)} of {len(legs)} callees: {errors[0]}"
        return Verdict(EventType.ACCEPTED, legs, detail)
    return Verdict(EventType.ACCEPTED, legs)


def _read_event(event: Value, reference_id: str, hidden: Iterable[str]) -> Leg | str:
    """Return an event as a leg, or what is wrong with it. It must be about this call, or it proves nothing."""
    if not isinstance(event, dict):
        return "an event in it is not an object"
    success, callee, named = event.get("success"), event.get("callee"), event.get(INSTRUCTION_ID)
    if not isinstance(success, bool):
        return "it does not say 'success: true' or 'success: false'"
    if not isinstance(named, str) or same_name(named) != reference_id:
        return "its instruction-id is missing or another call's"
    if not isinstance(callee, str):
        return "it names no callee"
    if not success:
        error = event.get("error")
        return Leg(
            callee, None, safe_text(error, hidden) if isinstance(error, str) and error.strip() else "no reason given"
        )
    call_id = read_call_id(event.get("call-id"), callee)
    if call_id is None:
        return "it says 'success: true' but has no usable call-id"
    return Leg(callee, call_id)


def _callees(sent: Mapping[str, Value]) -> tuple[str, ...]:
    return tuple(sent["callees"]) if "callees" in sent else (sent["callee"],)


def _unclear(answer: Answer, why: str) -> Verdict:
    detail = f"the API answered {_status(answer.status)}, but {why}; the call may have been placed"
    return Verdict(EventType.UNCLEAR, detail=detail)


def _status(status: int) -> str:
    """Return a status with its registered name; the name that was sent may say anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _coding(answer: Answer) -> str | None:
    """Return how a body is encoded, where it is; no encoding was asked for."""
    coding = answer.headers.get("content-encoding", "identity").lower()
    return None if coding == "identity" else shorten(visible(coding), 40)


def _text_of(answer: Answer, hidden: Iterable[str]) -> str:
    """Return ``: <what the error's body says>``, or nothing if it says nothing that a person would read."""
    try:
        value = read_json(answer.body, half_characters=True)
    except NotJson:
        try:
            text = answer.body.decode().strip()
        except UnicodeDecodeError:
            coding = _coding(answer)
            return f"; its body has the content-encoding {coding}, which was not asked for" if coding else ""
        return "" if not text or text.startswith("<") else f": {safe_text(text, hidden)}"
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), None)
    return f": {safe_text(value, hidden)}" if isinstance(value, str) and value.strip() else ""


def seconds_to_wait(header: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header, given as a number or as an HTTP date; None if it is neither.

    Never negative, never more than `LONGEST_PAUSE`.
    """
    if header is None:
        return None
    header = header.strip()
    if _SECONDS.fullmatch(header):
        seconds = float(header)
    else:
        try:
            date = email.utils.parsedate_to_datetime(header)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)


#: How much of a foreign text is shown, in characters.
LIMIT = 200

#: What is too short to be recognised in the text around it.
_SHORTEST = 3
#: Of a value with no more words each is hidden by itself, as of a name; of a longer one so many in a row.
_FEW_WORDS, _IN_A_ROW = 4, 3
# A mark on a letter is a character of its own where no letter has it already.
_WORD = regex(r"[\w\u0300-\u036f]+")
_CUT = regex(r"…|\.\.")
_HIDDEN_IN_A_ROW = regex(rf"{HIDDEN}(?:[\s+',.-]*+{HIDDEN})+")
#: More of a foreign text is not looked at.
_LOOKED_AT = 20 * LIMIT


def _as_written(word: str) -> str:
    """Return the pattern of a text; a very short one is found only where it stands by itself."""
    return re.escape(word) if len(word) >= _SHORTEST else rf"(?<!\w){re.escape(word)}(?!\w)"


def _escaped_too(word: str) -> Iterable[str]:
    """Return a text as it is, and as programs write it that escape it for JSON or for Python."""
    if word.isascii() and word.isalnum():
        return (word,)
    return (
        word,
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        repr(word)[1:-1],
        ascii(word)[1:-1],
    )


def _unescaped(text: str) -> str:
    """Return the beginning of a text without what web pages and addresses escape in it, in normal form."""
    from html import unescape  # brings a table of all entities

    return same_name(unescape(unquote(text[:_LOOKED_AT])))


def _folded(word: str) -> str:
    """Return a word as it is compared: without accents and capitals, which a program may drop on the way."""
    apart = word if word.isascii() else unicodedata.normalize("NFKD", word)
    return "".join(char for char in apart if not unicodedata.combining(char)).casefold()


def _without_words_of(text: str, values: Iterable[str]) -> str:
    """Return a text without the words of some values, however they are joined, cut or accented there."""
    few: set[str] = set()
    every: set[str] = set()
    rows: set[tuple[str, ...]] = set()
    for value in values:
        words = [_folded(word) for word in _WORD.findall(value)]
        every.update(words)
        if len(words) <= _FEW_WORDS:
            few.update(word for word in words if len(word) >= _SHORTEST)
        else:
            rows.update(zip(*(words[at:] for at in range(_IN_A_ROW)), strict=False))
    found = list(_WORD.finditer(text))
    folded = [_folded(each[0]) for each in found]
    hidden = {at for at, word in enumerate(folded) if word in few}
    for at in range(len(folded)):
        if tuple(folded[at : at + _IN_A_ROW]) in rows:
            hidden.update(range(at, at + _IN_A_ROW))
    for at, word in enumerate(folded):
        if _CUT.match(text, found[at].end()):
            begun = every if at - 1 in hidden else few
            hidden.update((at,) if any(each.startswith(word) for each in begun) else ())
    for at in sorted(hidden, reverse=True):
        text = f"{text[: found[at].start()]}{HIDDEN}{text[found[at].end() :]}"
    return _HIDDEN_IN_A_ROW.sub(HIDDEN, text)


def safe_text(text: str, hidden: Iterable[str] = ()) -> str:
    """Return the text on one line, at most `LIMIT` characters, with `hidden` texts and numbers taken out.

    A hidden text is found as it is, as programs escape it, and by its words.
    """
    text = _unescaped(text)
    values = [word for word in hidden if word]
    words = sorted({form for word in values for form in _escaped_too(word)}, key=len, reverse=True)
    if words:
        text = re.sub("|".join(map(_as_written, words)), HIDDEN, text, flags=re.IGNORECASE)
        text = _without_words_of(text, values)
    text = hide_numbers(text)
    text = " ".join(text.split())
    return shorten(visible(text[: LIMIT + 1]), LIMIT)


def personal_texts(body: Mapping[str, Value]) -> Iterator[str]:
    """Yield every text of a sent body that an answer may echo and nobody may see: callees, the flow's variables."""
    yield from _leaves(body.get("callee"))
    yield from _leaves(body.get("callees"))
    variables = body.get("flow-variables")
    for value in variables.values() if isinstance(variables, dict) else ():
        yield from _leaves(value)


def _leaves(value: Value) -> Iterator[str]:
    """Yield the texts, numbers and booleans anywhere in a JSON value, and the keys inside of it, as text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key.strip()
            yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        yield str(value).strip()
