"""Write the parts of docs/ that come from the code; a test holds the committed files against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.templates.filters.table import Documented

DOCS = Path(__file__).parent.parent / "docs"

TEMPLATES = """\
# Templates

A string in a call spec may hold Jinja templates. They are applied to each value after the YAML was parsed, never to
the text of a file. A value that is one whole `{{ expression }}` keeps the expression's type, and any other gives a
text; where a Flow says another type (`type: integer`, `type: string`), the value is turned into that. A template at
the beginning of a value needs quotes, because `{` means something in YAML.

```yaml
callee: "{{ row.phone | e164('GB') }}"
flow-variables:
  minutes: "{{ row.minutes | int }}"
  greeting: "{% if row.title %}{{ row.title }} {% endif %}{{ row.name }}"
```

Templates are rendered in a `Call`, in `call:` and `where:` of a `CallSet`, and in the project's `defaults` and
`vars`. Anywhere else (SQL, a matrix, a flow's defaults and ids, names of files, environments, keys) `{{` or `{%` is
an error at its place, for nobody would render it. `vars` may use `vars`: those of the project and the environment
are merged first, then rendered; a circle is an error that names it. What `--var`, a `--var-file` or a row holds is
data, and never rendered: where a text is sent with `{{` in it, there is a warning.

Templates see `vars` (project < environment < `--var-file` < `--var`) and, in a call set, `row` and `row_number`.
Rendering is pure: the same files, variables and rows give the same bytes on every machine. So there is no clock, no
randomness, no environment and no file: give a date with `--var today=2026-12-01`. An undefined name is an error that
names it.

## What a template has

* Names: `row.phone`, `row['Phone number']`, `row.list[0]`, `row.name[:1]`; texts, numbers, `true`, `false`, `none`,
  lists and mappings.
* Operators: `+ - * / // %` for numbers, `~` joins texts, `== != < <= > >=`, `in`, `not in`, `and`, `or`, `not`, and
  `'a' if … else 'b'`. Values of different kinds cannot be compared: every value of a CSV row is text.
* `{% if … %}`, `{% elif … %}`, `{% else %}`, `{% endif %}`; `{% for x in list %}`, also with `if …` and `{% else %}`.
  A loop over a mapping goes over its keys; `{% for key, value in mapping | items %}` over both. Inside, `loop` has
  `index`, `index0`, `first`, `last` and `length`, and nothing else.
* Comments `{# … #}`, `{% raw %}…{% endraw %}`, and `-` in a tag (`{{- … -}}`), which removes the white space next
  to it.
* The filters and tests below. Functions cannot be called.

**A text that spells a boolean has no truth value.** `"False"`, `"no"` and `"0"` from a file are texts, and Jinja
takes them for true. So in `if`, `and`, `or`, `not` and `where` they are an error, with the comparison to write,
`row.consent == 'True'`; `"True"`, `"yes"` and `"1"` are, too, so that the first row tells, and `"-"`, `"n/a"` and
`"none"`. The empty text is false. A text is not looked for with `in` where a list has no text at all.
A word that the template itself writes last, `row.name or 'no'`, is what is said.

A block scalar (`|`) keeps its last line break, and so does the text: write `|-`, or use `trim`. The line break after
a tag stays, too: `{%- … -%}` takes it away.

`e164` takes a phone number as people write it (`020 7946 0018`, `+44 (0)20 …`, `0044…`, also with the spaces, dashes
and invisible marks of web pages and contacts) and gives it in the one form that flowops compares and sends. What is
not one number beyond doubt is an error that says why: a decimal or a rounded number that a spreadsheet made
(`4930901820024.0`, `4.4E+11`), a date, two numbers or a range in one cell, an extension, or digits that are one
number with a country code and another one without (`491701234567` in Germany: write the `+`).

`datetime` reads ISO 8601, with weeks (`2026-W49-2`), without separators, and with any offset (`Z`, `+01`). For dates
as people write them say how: `row.day | datetime('%A %-d %B', from='%d/%m/%Y')`; two digits of a year are of 1969 to
2068. Time zones are those of the IANA's list. With a `locale` (CLDR) names are in its language: `datetime('full',
locale='nl')`, `number(locale='de')`, `money('EUR', locale='fr')`, `join(locale='es')`.

What templates do is counted for the whole command, by the texts and items that they touch, and a body has at most 1
MiB of JSON. What is beyond ends with a message.

<!-- What follows is written by .ci/write_docs.py. -->

## Filters

{filters}

## Tests

{tests}
"""


def templates() -> str:
    """docs/templates.md."""
    from flowops.templates.filters import documentation, documentation_of_tests

    text = TEMPLATES.replace("{filters}", table(documentation(), "filter"))
    return text.replace("{tests}", table(documentation_of_tests(), "test"))


def table(entries: Iterable[Documented], what: str) -> str:
    """A Markdown table of filters or tests."""
    rows = [f"| {what} | does | example | gives |", "| --- | --- | --- | --- |"]
    for entry in entries:
        cells = (f"`{entry.signature}`", entry.sentence, f"`{entry.example}`", f"`{shown(entry.result)}`")
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def shown(value: object) -> str:
    """A result as templates write values: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def commands() -> str:
    """docs/commands.md."""
    from commands_reference import text

    return text()


def configuration() -> str:
    """docs/configuration.md."""
    from configuration_reference import text

    return text()


def terminal() -> str:
    """docs/pictures/terminal.svg."""
    from recording import text

    return text()


GENERATED = {
    "commands.md": commands,
    "configuration.md": configuration,
    "pictures/terminal.svg": terminal,
    "templates.md": templates,
}

if __name__ == "__main__":
    for name, make in GENERATED.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(make(), encoding="utf-8")
