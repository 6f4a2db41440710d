"""What people will hear, as a list to be read aloud: the same texts once, with how many calls have them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowops.report import words
from flowops.report.pages.page import code, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.report.texts import Text

#: Different texts on one page.
MOST = 500


def spoken(calls: Iterable[tuple[tuple[Text, ...], str | None]]) -> str:
    """The texts of calls, each with the name of its flow; nothing where no call has any."""
    found = Counter(each for each in calls if each[0])
    items = "".join(_item(texts, flow, number) for (texts, flow), number in found.most_common(MOST))
    more = len(found) - MOST
    note = f'<p class="note">… and {words.count(more, "more text")}.</p>\n' if more > 0 else ""
    return f'<ul class="texts">\n{items}</ul>\n{note}' if items else ""


def _item(texts: tuple[Text, ...], flow: str | None, number: int) -> str:
    said = "".join(
        f'<p class="said"><span class="where">{code(each.name)}</span> {text(each.text)}</p>' for each in texts
    )
    where = f"{text(f'flow {flow}' if flow else 'no flow is described')}, {words.count(number, 'call')}"
    return f'<li data-found>{said}<p class="where">{where}</p></li>\n'
