"""Addresses: one rule each, whether a document, a variable or an editor asks."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.addresses import (
    LEDGER_PATTERN,
    LOGIN_PATTERN,
    LONGEST,
    NO_FILE_PATTERN,
    OUTSIDE_PATTERN,
    SERVICE_PATTERN,
    BadAddress,
    is_loopback,
    ledger_address,
    postgres_parameters,
    proxy_address,
    service_address,
    source_address,
)

ROOT = Path("/project")
PROJECT = json.loads((Path(__file__).parents[3] / "schemas/project.schema.json").read_text(encoding="utf-8"))
FIELDS = PROJECT["properties"]["environments"]["additionalProperties"]["properties"]


def test_the_schema_has_the_same_patterns() -> None:
    assert FIELDS["api"]["pattern"] == f"^(?:sandbox|{SERVICE_PATTERN})$"
    assert FIELDS["callbacks"]["properties"]["url"]["pattern"] == f"^{SERVICE_PATTERN}$"
    for field in (FIELDS["api"], FIELDS["callbacks"]["properties"]["url"]):
        assert field["maxLength"] == LONGEST
    for ledger in (FIELDS["ledger"]["anyOf"][0], FIELDS["ledger"]["anyOf"][2]["properties"]["url"]["anyOf"][0]):
        assert ledger["pattern"] == f"^{LEDGER_PATTERN}$"
        refused = [rule["not"]["pattern"] for rule in ledger["allOf"]]
        assert refused == ["^postgres", NO_FILE_PATTERN, OUTSIDE_PATTERN, LOGIN_PATTERN]


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("https://api.cm.com/voiceapi/v2/", "https://api.cm.com/voiceapi/v2"),
        ("https://api.example.org:8443", "https://api.example.org:8443"),
        ("https://[2001:db8::1]:65535/a", "https://[2001:db8::1]:65535/a"),
        ("http://localhost:4010", "http://localhost:4010"),
        ("http://127.255.0.9/x/", "http://127.255.0.9/x"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_service_is_encrypted_or_on_this_machine(address: str, used: str) -> None:
    assert service_address(address) == used


@pytest.mark.parametrize(
    "address",
    [
        *("", "sandbox", "api.cm.com", "//api.cm.com", "https://", "https:///x", "ftp://a", "file:///etc/passwd"),
        *("http://api.cm.com", "http://127.0.0.1.example.org", "http://localhost.example.org", "http://127.1"),
        *("http://0.0.0.0", "http://127.0.0.256", "http://2130706433", "http://[::2]", "http://[::ffff:127.0.0.1]"),
        *("https://a:0", "https://a:65536", "https://a:x", "https://a:", "https://[::1", "https://[::::]"),
        *("https://user@a", "https://user:secret@a", "https://a?x", "https://a/?", "https://a/#", "https://a\\@b"),
        *("https://a b", "https://a\n", "https://a\n.example", "https://äpi.example.org", "https://a/" + "x" * 2048),
    ],
)
def test_nothing_else_is_a_service(address: str) -> None:
    with pytest.raises(BadAddress) as refused:
        service_address(address)
    assert "secret" not in str(refused.value)


@given(st.from_regex(re.compile(SERVICE_PATTERN, re.ASCII), fullmatch=True))
def test_what_fits_the_pattern_is_read_by_everybody_as_it_is_by_us(url: str) -> None:
    parts = urlsplit(url)
    assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
    assert parts.port is None or 0 < parts.port < 65536
    assert parts.hostname is not None
    assert parts.scheme == "https" or is_loopback(parts.hostname)


#: Without dots, which Python 3.13 and later write where the address stands for one of version 4; flowops takes none.
ADDRESSES_OF_SIX = st.ip_addresses(v=6).map(str).filter(lambda address: "." not in address)


@given(ADDRESSES_OF_SIX | st.text("0123456789abcdef:", min_size=2, max_size=40))
def test_an_address_of_six_is_one_to_everybody(host: str) -> None:
    try:
        ipaddress.IPv6Address(host)
        valid = True
    except ValueError:
        valid = False
    assert (re.fullmatch(SERVICE_PATTERN, f"https://[{host}]") is not None) == valid


def test_the_loopback_is_known_without_asking() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.255.0.3", "::1"]))
    assert not any(map(is_loopback, ["", "localhost.", "api.cm.com", "::ffff:8.8.8.8", "128.0.0.1"]))


@pytest.mark.parametrize(
    "address",
    ["http://proxy.example.org:3128", "https://p", "http://ann:s3cret@p:1", "http://ann@[::1]:1", "http://a:b@c@p"],
)
def test_a_proxy_is_a_host_and_perhaps_a_login(address: str) -> None:
    assert proxy_address(address) == proxy_address(f"{address}/") == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "p:3128", "socks5://h:1080", "http://", "http://h:0", "http://h:65536", "http://h/path", "http://h?q"),
        *("http://h/path@p", "http://h\\@p", "http://a b@p", "http://h#@p", "http://secret:ü@p", "http://h\n"),
    ],
)
def test_nothing_else_is_a_proxy(address: str) -> None:
    with pytest.raises(BadAddress) as refused:
        proxy_address(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("sqlite:///ledger.db", "sqlite:////project/ledger.db"),
        ("sqlite:////var/../lib/b.db", "sqlite:////lib/b.db"),
        ("sqlite:////var/lib/flowops.db", "sqlite:////var/lib/flowops.db"),
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgresql:///flowops?host=/run/postgresql", "postgresql:///flowops?host=/run/postgresql"),
        ("postgres://u:p@h/d", "postgres://u:p@h/d"),
        ("postgresql://u:p@h1:5432,h2:5433/d", "postgresql://u:p@h1:5432,h2:5433/d"),
    ],
)
def test_a_ledger_is_a_file_or_a_server(url: str, used: str) -> None:
    assert ledger_address(url, ROOT) == used


BEGINS = "a ledger's address begins with 'sqlite:///' or 'postgresql://'"
LOGIN = "a SQLite ledger is a file, and its path looks like a login at a server: 'postgresql://…'"
FILE = "a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", BEGINS),
        ("ledger.db", BEGINS),
        ("mysql://db/x", BEGINS),
        ("sqlite:///a.db ", FILE),
        ("sqlite:///a.db\n", FILE),
        ("postgresql+psycopg://db/x", f"{BEGINS}, so write 'postgresql://'"),
        ("postgresql://", f"{BEGINS}, so write 'postgresql://'"),
        ("sqlite://", FILE),
        ("sqlite:///", FILE),
        ("sqlite:///:memory:", FILE),
        ("sqlite:///file:a.db", FILE),
        ("sqlite:///a.db?mode=ro", FILE),
        ("sqlite:///a\x00.db", FILE),
        ("sqlite:///postgresql://ann:hunter2@db/x", LOGIN),
        ("sqlite:///" + ":" * 4_097, "the path of a SQLite ledger is longer than any system takes"),
        ("sqlite:////postgres:/ann:hun/ter2@db/x", LOGIN),
        ("sqlite:///ann:hunter2@db/x", LOGIN),
        ("sqlite:////ann%3Ahunter2%40db/x", LOGIN),
        ("sqlite:///host=db user=ann password=hunter2", LOGIN),
        ("sqlite:///Server=db;Pwd=hunter2", LOGIN),
        ("sqlite:///../b.db", "a ledger's relative path stays below the project: 'sqlite:////path' is absolute"),
    ],
)
def test_nothing_else_is_a_ledger(url: str, why: str) -> None:
    with pytest.raises(BadAddress) as refused:
        ledger_address(url, ROOT)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("url", "outside"),
    [
        ("sqlite:////var/lib/ledger.db", True),
        ("sqlite:///../ledger.db", True),
        ("sqlite:///a/../../ledger.db", True),
        ("sqlite:///a/..", True),
        ("sqlite:///ledger.db", False),
        ("sqlite:///state/..ledger/a..db", False),
    ],
)
def test_a_path_out_of_the_project_is_seen(url: str, outside: bool) -> None:
    assert (re.search(OUTSIDE_PATTERN, url) is not None) == outside


def test_a_source_is_a_postgresql_database() -> None:
    url = "postgresql://ann:secret@db.example.org/crm?sslmode=verify-full"
    assert source_address(url) == url
    assert source_address("postgres://ann:secret@db.example.org/crm") == "postgres://ann:secret@db.example.org/crm"
    for other in (
        "https://x/secret",
        "postgresql://ann:se@cret@h/d",
        "mysql://secret",
        "sqlite:///secret",
        "secret",
        "postgresql://",
        "",
    ):
        with pytest.raises(BadAddress) as refused:
            source_address(other)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("postgresql://", None),
        ("postgresql:///d", {"dbname": "d"}),
        ("postgres://ann:p@h/d", {"user": "ann", "password": "p", "host": "h", "dbname": "d"}),
        ("postgresql://ann@h:1,g:2/d", {"user": "ann", "host": "h,g", "port": "1,2", "dbname": "d"}),
        ("postgresql://h1,h2:5433/d", {"host": "h1,h2", "port": ",5433", "dbname": "d"}),
        ("postgresql://[::1]:1,[2001:db8::1]/d", {"host": "::1,2001:db8::1", "port": "1,", "dbname": "d"}),
        ("postgresql://u@%2Ftmp%2Fsock/d", {"user": "u", "host": "/tmp/sock", "dbname": "d"}),
        ("postgresql://u@%2Ftmp:5433/d", {"user": "u", "host": "/tmp", "port": "5433", "dbname": "d"}),
        ("postgresql://u:@/d?host=/tmp/sock", {"user": "u", "host": "/tmp/sock", "dbname": "d"}),
        ("postgresql:///d?host=a,b&port=1,2", {"host": "a,b", "port": "1,2", "dbname": "d"}),
        ("postgresql:///d?host=a:1&host=b:2", {"host": "a,b", "port": "1,2", "dbname": "d"}),
        ("postgresql://h/?target_session_attrs=any", {"host": "h", "target_session_attrs": "any"}),
        ("postgresql://h/d?options=-c%20search_path%3Dx", {"host": "h", "dbname": "d", "options": "-c search_path=x"}),
        ("postgresql://h/d?ssl=true", {"host": "h", "dbname": "d", "sslmode": "require"}),
        ("postgresql://we%25ird:p%40ss%2Fw:rd%25%23%3F@h", {"user": "we%ird", "password": "p@ss/w:rd%#?", "host": "h"}),
    ],
)  # fmt: skip
def test_an_address_of_a_database_has_the_forms_that_libpq_knows(url: str, given: dict[str, str] | None) -> None:
    if given is None:
        with pytest.raises(BadAddress):
            source_address(url)
    else:
        assert postgres_parameters(url) == given


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_password_that_is_encoded_is_read_as_it_is(password: str) -> None:
    given = postgres_parameters(f"postgresql://ann:{quote(password, safe='')}@h/d")
    assert given == {"user": "ann", "password": password, "host": "h", "dbname": "d"}


@given(st.text("aZ0%@/:?#&=[] \t,\\", min_size=1))
def test_a_password_that_is_not_encoded_is_the_password_or_a_refusal_without_a_piece_of_it(password: str) -> None:
    told: BadAddress | dict[str, str]
    try:
        told = postgres_parameters(f"postgresql://ann:{password}@db.example.org/calls")
    except BadAddress as error:
        told = error
    is_taken = told == {"user": "ann", "password": unquote(password), "host": "db.example.org", "dbname": "calls"}
    assert is_taken or str(told).startswith("the password has characters that must be percent-encoded")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://u:p@ss/w:rd%#?@/var", "must be percent-encoded"),
        ("postgresql://u:hunter2@h:port/d", "not an address such as"),
        ("postgresql://u:hunter2@h/d?x", "is not a list such as"),
        ("postgresql://u:hunter2@h/d?a=1&a=2", "is not a list such as"),
        ("postgresql://u:hunter2@h/d?service=hunter2", "it names a service"),
        ("postgresql://u:hunter2@h/d#x", "not an address such as"),
        ("postgresql://u:hunter2@h /d", "not an address such as"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_without_a_piece_of_it(url: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why) as refused:
        ledger_address(url, ROOT)
    assert not any(piece in str(refused.value) for piece in ("hunter2", "w:rd", "ss/", "var"))
