"""Plain modern English: words and phrases that were retired stand in no help, no message, no schema and no page."""

from __future__ import annotations

import ast
import re

import pytest
from support.code import texts
from support.commands import ROOT

#: What is not written any more, and what is instead. Ideas, not typography: case does not matter.
RETIRED = {
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bso[- ]manieth\b": "nth",
    r"\bfor want of\b": "out of, without",
    r"\bagreed to; nothing\b": "Cancelled.",
    r"\bhas to be agreed\b": "Approval needed",
    r"\btaken for a yes\b": "accepted",
    r"\bis left to place\b": "No changes.",
    r"\bthe chain holds\b": "audit trail verified",
    r"\bknown already\b": "already present",
    r"\bwhat the calls came to\b": "Outcomes",
    r"\bwhatever it answers\b": "simulated API, no phone rings",
    r"\blet no run\b|\blet runs\b": "Stop placing calls; allow placing calls",
    r"^work on\b": "Manage",
    r"\bnewly hear\b": "New texts",
    r"\bthe ledger moved\b": "the ledger has changed",
    r"\bspeaks? of a callee\b": "names a callee",
    r"\bis told apart\b": "is distinguished",
    r"\bhow the result is printed\b": "Output format",
    r", closed in\b": "outside calling hours",
    r"\bstands? by themselves\b": "are self-contained",
    r"\b(?:cannot|may|can|has to|have to) stand\b(?! (?:in for|for))": "cannot be, is allowed",
    r"\bstands? (?:here|alone|beside|below|side by side|in (?:a|the) row)\b": "is",
    r"\bfor ever\.\"?$": "permanently",
    r"\bask for so long\b|\bwait so long\b": "how far back, at most this long",
    r"\bbeside what fails anyhow\b": "in addition to what always fails",
    r"\bis told to (?:wait|stop)\b|\bcan be told to\b": "is asked to, can be made to",
    r"\btells? (?:them )?apart\b|\bbe told apart\b": "distinguishes",
    r"\bno valid number is refused\b": "is not a valid number",
    r"\bonly behind (?:one|an)\b|\bbehind the (?:first|finish|outcomes?)\b|\bbehind which\b": "after",
    r"\bbefore and behind\b|\bbefore or behind\b": "before and after",
    r"\bbeside (?:it|the|which)\b": "next to, in addition to",
    r"\bheld against\b|\bholds? [^.]{1,30} against\b": "compared with",
    r"\b(?:is|are|was|were) told\b(?! to be (?:placed|rung))": "is reported, is shown",
    r"\bwhat came of\b|\bhas to come of\b|\bthat come of\b|\bnothing comes of\b": "how it ended, the result",
    r"\bonce more\b": "again",
    r"\bat (?:most|least) so many\b": "at most N",
    r"\bstands? (?:in (?:the|these|a|no)|on a|instead of|between|around|behind|still)\b": "is in, is frozen",
    r"\bstand-by\b": "standby",
    r"\bgoes on (?:with|under|here|where)\b|\blets? (?:it|a campaign|calls) go on\b": "continues with",
    r"\bsee above\b": "say it where it is",
    r"\bbetwixt\b|\bwhilst\b|\bthereof\b|\bhence\b|\bforthwith\b": "a plain word",
}
#: These words are right where they are.
ALLOWED = (
    "where its values may be used",
    "Plans that stand by themselves",
    "claim is known already",
    "`tests/cases/report` anew",
)
PAGES = [
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "schemas").glob("*.json"),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]


def written() -> dict[str, str]:
    """Every text that a user may read, by where it is."""
    found = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
    for file in (ROOT / "flowops").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        # The help of a command is its docstring.
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and "/cli/" in str(file))
        helps = (ast.get_docstring(node) or "" for node in functions)
        found[str(file.relative_to(ROOT))] = "\n".join([*texts(tree), *helps])
    return found


WRITTEN = written()


@pytest.mark.parametrize("retired", RETIRED)
def test_a_retired_word_is_written_nowhere(retired: str) -> None:
    pattern = re.compile(retired, re.IGNORECASE | re.MULTILINE)
    found = []
    for place, text in WRITTEN.items():
        for allowed in ALLOWED:
            text = text.replace(allowed, "")
        found += [f"{place}: …{text[max(0, hit.start() - 30) : hit.end() + 30]!r}…" for hit in pattern.finditer(text)]
    assert not found, f"write {RETIRED[retired]!r}:\n" + "\n".join(found)


def test_a_retired_word_would_be_found() -> None:
    assert len(WRITTEN) > 300
    assert any("Manage the ledger." in text for text in WRITTEN.values())
