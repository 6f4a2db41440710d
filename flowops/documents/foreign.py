"""Files that are not what their names say: what Git, downloads and spreadsheets leave in the place of a file's content,
each with the message that ends the search for it."""

from __future__ import annotations

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple


class Trouble(NamedTuple):
    """What is wrong, and what to do about it."""

    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


_WEB_PAGE = Trouble("is a web page: perhaps that of a login or of an error", "download it again")
_AS_CSV = "save it as CSV UTF-8"
#: How files begin that are something else, whatever they are named; what they are, and what to do.
_BEGINNINGS = {
    rb"version https://git-lfs": Trouble("is a Git LFS pointer: its content has not been fetched", "run: git lfs pull"),
    rb"(?:\.\./)*+(?:\.git)?/?annex/objects/": Trouble(
        "is a pointer of git-annex: its content has not been fetched", "run: git annex get"
    ),
    rb"\0GITCRYPT\0": Trouble("is encrypted by git-crypt", "run: git-crypt unlock"),
    rb"\$ANSIBLE_VAULT;|age-encryption\.org/|-----BEGIN (?:AGE|PGP) ": Trouble("is encrypted", "decrypt it first"),
    rb"PK\x03\x04": Trouble("is a workbook of a spreadsheet (.xlsx, .ods) or another ZIP archive", _AS_CSV),
    rb"\xd0\xcf\x11\xe0": Trouble("is a workbook of a spreadsheet (.xls)", _AS_CSV),
    rb"\x1f\x8b": Trouble("is compressed", "unpack it with: gzip -d"),
    rb"PAR1": Trouble("is Parquet", "name it .parquet"),
    rb"%PDF-": Trouble("is a PDF"),
    rb"SQLite format 3\0": Trouble("is a database of SQLite"),
    rb"\s*+<(?i:!DOCTYPE|html)": _WEB_PAGE,
    rb"\s*+<(?i:\?xml|error)": Trouble(
        "is XML: perhaps the answer of a server that has refused it", "download it again"
    ),
}
_FOREIGN = regex(rb"(?:\xef\xbb\xbf)?+(?:%b)" % b"|".join(b"(%b)" % each for each in _BEGINNINGS))
_TROUBLES = tuple(_BEGINNINGS.values())


def foreign(data: bytes) -> Trouble | None:
    """Return what a file is that begins so, and that holds neither rows nor documents: words that follow its name."""
    found = _FOREIGN.match(data)
    return None if found is None or found.lastindex is None else _TROUBLES[found.lastindex - 1]
