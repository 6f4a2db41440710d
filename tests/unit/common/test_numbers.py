"""One way to read a phone number, one to compare it: everywhere, and beyond doubt."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from phonenumbers import PhoneNumberType

from flowops.common import numbers
from flowops.common.numbers import (
    E164_PATTERN,
    KINDS,
    Refusal,
    any_names_number,
    are_canonical,
    canonical,
    explain,
    info,
    is_canonical,
    is_e164,
    names_number,
    read,
    received,
)
from flowops.common.patterns import Regex

SCHEMAS = Path(__file__).parents[3] / "schemas"
FICTION = ["+442079460018", "+12125550143", "+33199001234", "+61491570156", "+4930901820123"]


@pytest.mark.parametrize("number", ["+1234567", "+442079460018", "+123456789012345"])
def test_a_number_is_a_plus_and_seven_to_fifteen_digits(number: str) -> None:
    assert is_e164(number)


@pytest.mark.parametrize(
    "text",
    ["", "+", "+123456", "+1234567890123456", "+0123456789", "442079460018", " +442079460018", "+442079460018\n"],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_e164(text)


def test_digits_of_other_scripts_are_none() -> None:
    assert not is_e164("+٤٤٢٠٧٩٤٦٠٠١٨")


@pytest.mark.parametrize("name", ["request", "call", "callset", "project", "render"])
def test_the_schemas_have_the_same_form(name: str) -> None:
    text = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    written = set(re.findall(r'"pattern": ("[^"]*6,14[^"]*")', text))
    assert [json.loads(pattern) for pattern in written] == [f"^{E164_PATTERN}$"]


@pytest.mark.parametrize("number", FICTION)
def test_a_number_in_its_one_form_is_read_compared_and_explained_as_itself(number: str) -> None:
    assert read(number) == canonical(number) == number
    assert explain(number) is None


WRITTEN = [
    *[
        ("GB", "+442079460018", text)
        for text in (
            *("020 7946 0018", "02079460018", "(020) 7946-0018", "(020)79460018", "020-7946-0018", "020.7946.0018"),
            *(
                "+44 20 7946 0018",
                "+44 (0)20 7946 0018",
                "+44(0)2079460018",
                "+44 (0) 20 7946 0018",
                "+44 020 7946 0018",
            ),
            *(
                "(+44) 20 7946 0018",
                "+(44) 20 7946 0018",
                "+44-20-7946-0018",
                "+44 (20) 7946 0018",
                "+44 (020) 7946 0018",
            ),
            *("0044 20 7946 0018", "00442079460018", "0044 (0)20 7946 0018", "+0044 20 7946 0018", "442079460018"),
            *("44 20 7946 0018", "(020 7946 0018)", "020 7946 0018.", "020 - 7946 - 0018", "(0)20 7946 0018"),
            *("tel:+442079460018", "tel:+44-20-7946-0018", "TEL: +44 20 7946 0018", "tel:020 7946 0018"),
            # What comes along from spreadsheets, web pages and phones' contacts.
            *("'+442079460018", "'020 7946 0018", " 020 7946 0018 ", "\t020 7946 0018\n", "020\t7946\t0018"),
            *("020\u00a07946\u00a00018", "020\u202f7946\u202f0018", "020\u20097946\u20090018", "020\u30007946 0018"),
            *("020\u20117946\u20110018", "020\u20137946\u20130018", "020\u20147946\u20140018", "020\u22127946 0018"),
            *(
                "\u202a+442079460018\u202c",
                "\u202d020 7946 0018\u202c",
                "\u2066+442079460018\u2069",
                "\ufeff020 7946 0018",
            ),
            *(
                "020\u200b7946\u200b0018",
                "020 7946 0018\u200e",
                "020\u00ad7946\u00ad0018",
                "\u200b\u00a0'020 7946 0018",
            ),
        )
    ],
    ("DE", "+4930901820024", "030/901820024"),
    ("DE", "+4930901820024", "(030) 90 18 20 024"),
    ("DE", "+4930901820024", "030 / 901820024"),
    ("DE", "+4930901820024", "4930901820024"),
    ("DE", "+49309018200", "030 901820-0"),
    ("DE", "+493090182012", "030 901820-12"),
    ("FR", "+33199001234", "01.99.00.12.34"),
    ("FR", "+33199001234", "01-99-00-12-34"),
    ("US", "+12125550143", "(212) 555-0143"),
    ("US", "+12125550143", "1-212-555-0143"),
    ("US", "+12125550143", "+1 (212) 555-0143"),
    ("US", "+12125550143", "011 1 212 555 0143"),
    ("US", "+442079460018", "011 44 20 7946 0018"),
    ("NL", "+31201234567", "+31 (0)20 123 45 67"),
    # The 0 in brackets where a country has none, and where it is always dialled.
    ("GB", "+48221234567", "+48 (0) 22 123 45 67"),
    ("GB", "+48221234567", "+48 (0)22 123 45 67"),
    ("GB", "+390612345678", "+39 (0)6 12345678"),
    ("IT", "+390612345678", "06 12345678"),
    ("AR", "+5491123456789", "011 15-2345-6789"),
    ("BM", "+14412361234", "236-1234"),
    # Eight digits that could be a date, where numbers have eight and begin with nothing else.
    ("DK", "+4520261201", "20261201"),
    ("DK", "+4520261201", "20 26 12 01"),
    ("GB", "+442079460018", "+ 44 (0) 20 7946 0018"),
    ("GB", "+442079460018", "020.79460018"),
    ("AU", "+442079460018", "00 11 44 20 7946 0018"),
    ("HK", "+442079460018", "001 44 20 7946 0018"),
    ("SE", "+46812429596", "08-12-42-95-96"),
]


@pytest.mark.parametrize(("region", "number", "text"), WRITTEN)
def test_what_people_write_is_read(region: str, number: str, text: str) -> None:
    assert read(text, region) == number


REFUSED = [
    ("GB", "empty", ["", "  ", "'", "\u200b", " ' ", "tel:"]),
    ("GB", "too-long", ["1" * 101, "020 7946 0018" + " x" * 50]),
    # What a spreadsheet or a program makes of a phone number.
    (
        "DE",
        "decimal",
        [
            "4930901820024.0",
            "4930901820024.00",
            "030901820024.5",
            "4930901820024,0",
            "+4930901820024.0",
            "309018200.000",
        ],
    ),
    ("AT", "decimal", ["6641234567.0"]),
    ("FI", "decimal", ["401234567.0"]),
    ("ID", "decimal", ["62812345678.0"]),
    ("IT", "decimal", ["390612345678.0"]),
    ("GB", "exponent", ["4.4E+11", "4.42079E+11", "4,42079E+11", "4.47900e+11", "4E11", "+4.4E+11", "4.42079E 11"]),
    ("GB", "formula", ['="+442079460018"', "=442079460018", "='020 7946 0018'"]),
    (
        "DE",
        "date",
        [
            *("2026-12-01", "2026/12/01", "2026.12.01", "01.12.2026", "1.12.2026"),
            *("12/31/2026", "2026-12", "01.12.26"),
            *("2026-12-01 09:00", "2026-12-01T09:00:00Z", "01.12.2026 09:00", "2026-12-01 00", "4/19/2026 9:00 PM"),
        ],
    ),
    # More than one number, and ranges.
    (
        "DE",
        "several",
        [
            *("030/901820024/5", "030/901820024/25", "030 901820024/5", "030 901820024 / 25", "030 901820070/74"),
            *("030 901820024/030 901820025", "030/901820024/030/901820025", "030 901820024, 030 901820025"),
            *("030 901820024; 5", "030 901820024\n030 901820025", "030 901820024 | 25", "030 901820024 & 25"),
            *(
                "030 901820024 (5)",
                "(030) 901820 (030) 901821",
                "030 901820-24",
                "030 9018200-209",
                "030 901820070 - 74",
            ),
            *("030 901820070–74", "030 12345-12349"),
        ],
    ),
    ("MA", "several", ["+212 522 123770/74"]),
    ("ID", "several", ["021-5712345-48", "021 5712345-8"]),
    ("IT", "several", ["02 1234567-8", "02 1234567/8"]),
    # Extensions, words, other marks.
    (
        "GB",
        "extension",
        [
            *(
                "020 7946 0018 x12",
                "020 7946 0018x12",
                "020 7946 0018 ext. 5",
                "020 7946 0018 ext 5",
                "020 7946 0018, ext. 5",
            ),
            *(
                "020 7946 0018#5",
                "020 7946 0018 extension 5",
                "tel:+442079460018;ext=5",
                "020 7946 0018 X12",
                "(020)x12",
            ),
        ],
    ),
    (
        "GB",
        "character",
        [
            *(
                "N/A",
                "unknown",
                "0800 FLOWERS",
                "020 7946 0018 (mobile)",
                "Tel. 020 7946 0018",
                "020_7946_0018",
                "020*7946",
            ),
            *("020:7946:0018", "020 7946 0018'", '"020 7946 0018"', "०२०७९४६"),
            *(
                "＋44 20 7946 0018",
                "０２０ 7946 0018",
                "+٤٤٢٠٧٩٤٦٠٠١٨",
                "020 7946 001٨",
                "020\u202e7946 0018",
                "020\x007946",
            ),
        ],
    ),
    ("GB", "plus", ["++442079460018", "+44 +20 7946 0018", "020+7946 0018", "+442079460018 +442079460019", "+ +44"]),
    (
        "GB",
        "cut-off",
        ["-2079460018", ".02079460018", "/020 7946 0018", "020 7946 0018 -", "020 7946 0018/", ")020", "+"],
    ),
    (None, "no-country", ["020 7946 0018", "442079460018", "0044 20 7946 0018", "+0044 20 7946 0018", "1"]),
    ("GB", "no-such-code", ["+9991234567", "00999 1234567", "+0442079460018"]),
    (
        "GB",
        "invalid",
        [
            "020 7946 001",
            "020 7946 00188",
            "07700 900123",
            "1",
            "7946 0018",
            "0044 20",
            "33199001234",
            "+44 20 7946 001",
        ],
    ),
    ("US", "invalid", ["0044 20 7946 0018", "+0044 20 7946 0018"]),
    # What stands in other columns, and what other programs make of a number.
    ("GB", "several", ["0018–0020", "0018-0020", "0018−0020", "18-20", "+44 20 7946 0018-20", "+44 20 7946 0018—0020"]),
    ("GB", "several", ["020 7946 0018 - 0020", "020 7946 0018..20", "2079460018-2079460020", "020 7946 0018-9"]),
    ("GB", "several", ["020 7946 0018,,12", "51.5074,-0.1278", "5/6", "1/2", "44-2079460018-0"]),
    ("US", "several", ["(212) 555-0118-0120", "212-555-0118/19"]),
    ("FR", "several", ["01 99 00 12 34/35", "01 99 00 12 34-36"]),
    (
        "GB",
        "decimal",
        ["20.79", "10.30", "1.0", "192.168.0.1", "1,234,567.89", "1.234,56", "12,345.60", "2079460018,00"],
    ),
    ("GB", "exponent", ["2.079460018E9", "2,079460018E+09", "1e10", "2079460018e0"]),
    ("GB", "date", ["01/12/2026", "2026-12-01T10:00", "1.12.2026"]),
    ("GB", "character", ["10:30", "10:30:00", "12:30-14:00", "£20.00", "€ 2079460018", "45%", "20°7946"]),
    ("GB", "character", ["SW1A 1AA", "GB29 NWBK 6016 1331 9268 19", "TRUE", "null", "#N/A", "#REF!", "0x7BE1B4F2"]),
    ("GB", "character", ["07O00 900123", "O20 7946 0018", "*31#02079460018", "sip:+442079460018@example.org"]),
    ("GB", "character", ["020 7946 0018 or 020 7946 0019", "020 7946 0018 to 0020"]),
    ("GB", "extension", ["tel:+442079460018;ext=12", "020 7946 0018#12"]),
    ("GB", "formula", ['="020 7946 0018"', "=HYPERLINK(1)"]),
    ("GB", "invalid", ["1030", "0000000000", "9-5", "2079-46", "261201"]),
    # Dates whose parts have blanks or nothing between them: where a number begins with a 0, that would be missing.
    ("DE", "date", ["20261201", "31122026", "12312026", "202612010900", "2026 12 01", "2026 - 12 - 01", "1. 12. 2026"]),
    ("DE", "date", ["01 12 2026", "12-2026", "12/2026", "2026-12-01/2026-12-05"]),
    ("DK", "date", ["2026 12 01", "31 12 2026", "2026-12-01"]),
    ("DE", "several", ["30.11.-1.12.2026", "30.-31.12.2026"]),
    # Coordinates, seconds and amounts: a point alone, and no 0 in front that is dialled.
    ("DE", "decimal", ["52.520013", "2.3522219", "1796122800.123", "46023.375", "4.930901820024", "49.30901820024"]),
    ("AT", "decimal", ["0.127758", "52.520013", "664123456.3456"]),
    # What parts a number from the next one, or the last of some, whatever number they would be together.
    (
        "DE",
        "several",
        ["030 901820..30", "030 901820024 .. 30", "030 901820...24", "030 901820 . 24", "030 901820--24"],
    ),
    ("DE", "several", ["030 901820024-5", "030 901820 030 901821", "0301 12345 0301 12346", "030 901820--24"]),
    ("GB", "several", ["020 7946 0018 020 7946 0019"]),
    ("GB", "brackets", ["(020 7946 0018", "020 7946 0018)", "(020)) 7946 0018"]),
    # No country code has a sign between its digits: who writes so means another one.
    ("RU", "ambiguous", ["+8 495 123 45 67", "+8 (495) 123-45-67", "+8-495-1234567"]),
    ("GB", "ambiguous", ["0 020 7946 0018", "+4 4 20 7946 0018", "+(4)4 20 7946 0018", "+0 020 7946 0018"]),
    # Each of two readings is a number of somebody.
    ("DE", "ambiguous", ["491701234567", "4915123456789", "49 170 1234567"]),
    ("GB", "ambiguous", ["+44 20 (0)7946 0018", "20 (0)7946 0018"]),
    # 00 for a +, where a call abroad begins with 001, or a national number with 00.
    ("KH", "ambiguous", ["00 44 1212 345 391", "00441212345391"]),
    ("KR", "ambiguous", ["00 1 201 555 6111", "0082 010 2000 0743"]),
    ("TJ", "ambiguous", ["006903095"]),
    # A range, and other signs between the groups before it.
    ("SE", "several", ["08-12 42 95 - 96", "08-12 42 95-96"]),
]


@pytest.mark.parametrize(
    ("region", "code", "text"), [(region, code, text) for region, code, texts in REFUSED for text in texts]
)
def test_what_is_not_one_number_beyond_doubt_is_refused(region: str | None, code: str, text: str) -> None:
    refusal = read(text, region)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == code
    assert re.match(r"(is|has|looks|does|begins|can) ", refusal.message)
    said = f"{refusal.message} {refusal.hint}"
    assert said.isprintable()
    assert not any(run in said for run in re.findall(r"[0-9]{3,}", text)), said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("020 7946 0018 mob", "U+006D (LATIN SMALL LETTER M) at character 15"),
        ("  tel: 020:7946", "U+003A (COLON) at character 11"),
        ("'020\u00b77946", "U+00B7 (MIDDLE DOT) at character 5"),
        ("\u200b\u200b020\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE) at character 6"),
        ("０20", "U+FF10 (FULLWIDTH DIGIT ZERO) at character 1"),
        ("020\x07", "U+0007 (a character without a name) at character 4"),
        ("020\U0001f4de", "U+1F4DE (TELEPHONE RECEIVER) at character 4"),
    ],
)
def test_a_character_that_no_number_has_is_named_with_its_place(text: str, named: str) -> None:
    refusal = read(text, "GB")
    assert isinstance(refusal, Refusal)
    assert refusal.message == f"has {named}, which no phone number has"


@pytest.mark.parametrize(
    ("text", "region"), [("0044 20 7946 0018", "AU"), ("0044 20 7946 0018", "KH"), ("0044 20 7946 0018", "US")]
)
def test_a_00_that_is_not_dialled_there_is_to_be_written_as_a_plus(text: str, region: str) -> None:
    refusal = read(text, region)
    assert isinstance(refusal, Refusal)
    assert (refusal.message, refusal.hint) == (
        f"is not a valid number in {region}",
        "write it with + and the country code, and nothing else",
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "0612345678", "+1 212 555 0143", "+1-212-555-0143", "tel:+12125550143", "+12125550143;ext=9"),
        *("+1800FLOWERS", "+１２１２５５５０１４３", "+١٢١٢٥٥٥٠١٤٣", "+1212555\u200b0143", "+12125550143\n"),
        *("\n+12125550143", "12125550143", "-12125550143", "+4402079460018", "+447700900123", "+9991234567"),
        *("+1212555014", "+121255501433", "+44", "+4420794600181", "+800000000", "+442079460018" + "0" * 500),
    ],
)
def test_nothing_but_a_valid_number_in_e164_is_canonical(text: str) -> None:
    assert canonical(text) is None
    assert not is_canonical(text)
    assert explain(text) is not None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("+3161234", "is not a valid number in NL", None),
        ("+447700900123", "is not a valid number in GB", None),
        ("+9991234567", "does not begin with a country code", None),
        ("+8000000000", "is not a valid number", None),
        ("+4400000000", "is not a valid number in GB", None),
        (
            "+4402079460018",
            "is not a valid number in GB",
            "leave out the digits after the country code that are dialled inside of the country only, such as a 0",
        ),
        ("020 7946 0018", "is not an E.164 number", "write + and 7 to 15 digits, the country code first"),
    ],
)
def test_why_a_text_is_not_canonical_is_told_without_the_text(text: str, message: str, hint: str | None) -> None:
    refusal = explain(text)
    assert refusal is not None
    assert (refusal.message, refusal.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[(text, "+442079460018") for text in ("+442079460018", "442079460018", "00442079460018", " 44 20 7946 0018 ")],
        ("4917012345678", "+4917012345678"),
        *[(text, None) for text in ("", "+", "02079460018", "2079460018", "++442079460018", "+00", "sip:a@b")],
    ],
)
def test_what_a_machine_sends_begins_with_the_country_code(text: str, number: str | None) -> None:
    assert received(text) == number


@pytest.mark.parametrize(
    ("number", "region", "kind", "zones"),
    [
        ("+442079460023", "GB", "fixed-line", ("Europe/London",)),
        ("+12125550118", "US", "fixed-line-or-mobile", ("America/New_York",)),
        # Of no country, and nobody knows where.
        ("+88213000000", None, "voip", ()),
        ("+80012345678", None, "toll-free", ()),
        # Of a country, as it seems, but nobody has it.
        ("+447700900123", None, "unknown", ()),
        ("+999123456789", None, "unknown", ()),
        ("+4402079460023", None, "unknown", ()),
        # No number at all.
        ("", None, "unknown", ()),
        ("+", None, "unknown", ()),
        ("020 7946 0023", None, "unknown", ()),
    ],
)
def test_what_nobody_knows_of_a_number_is_not_made_up(
    number: str, region: str | None, kind: str, zones: tuple[str, ...]
) -> None:
    assert info(number) == (number, region, kind, zones)


def test_a_mobile_may_ring_in_any_zone_of_its_country() -> None:
    found = info("+61491570156")
    assert (found.region, found.kind) == ("AU", "mobile")
    assert {"Australia/Perth", "Australia/Sydney"} < set(found.zones)


def test_there_are_no_other_kinds_of_numbers() -> None:
    theirs = {PhoneNumberType.to_string(kind).lower().replace("_", "-") for kind in PhoneNumberType.values()}
    assert theirs == set(KINDS)


def test_the_time_to_read_a_text_does_not_grow_faster_than_the_text() -> None:
    parts = (
        "0",
        "1 ",
        "(",
        ")",
        "+",
        "-",
        ".",
        "/",
        "e",
        "x",
        " ",
        "\u200b",
        "\u00a0",
        "1.",
        "1-",
        "(0)",
        "1,",
        "=",
        "tel:",
        "'",
    )
    for one in parts:
        for other in parts:
            for text in ((one + other) * 25, one * 50 + other * 50, other + one * 99):
                begin = time.process_time()
                read(text[: numbers.LONGEST], "DE")
                assert time.process_time() - begin < 1, text


def test_every_pattern_is_linear() -> None:
    patterns = [value for value in vars(numbers).values() if isinstance(value, Regex)]
    assert len(patterns) > 8
    for pattern in [*patterns, *numbers._SHAPES]:
        for part in ("0", " ", "1 ", "1.", "0,", "(0", "(", "x1", "-", "é", "1e", "=", "2026-"):
            begin = time.process_time()
            pattern.fullmatch(part * 50_000 + "!")
            if pattern in (numbers._ASIDE, numbers._NO_DIGITS):  # the others are asked for a whole text only
                pattern.search(part * 50_000 + "!")
            assert time.process_time() - begin < 1, (pattern.pattern, part)


NAMES = [
    *(
        "2079460018",
        "order-02079460018",
        "020 7946 0018",
        "4420-7946-0018",
        "٢٠٧٩٤٦٠٠١٨",
        "207946\n0018",
        "x\n2079460018",
    ),
    *("0018", "60018", "r-1", "", "\n", "207946001", "2079460019", "20794600180"),
]


@pytest.mark.parametrize("text", NAMES)
def test_of_many_texts_one_names_its_number_as_it_would_alone(text: str) -> None:
    alone = names_number(text, "+442079460018")
    for texts in ([text], ["r-1", text], [text, "r-2"], ["é", text]):
        numbers = ["+442079460018" if each is text else "+12125550143" for each in texts]
        assert any_names_number(texts, numbers) is alone


def test_no_text_names_no_number() -> None:
    assert not any_names_number([], [])


@pytest.mark.parametrize(
    "text", [*FICTION, "+14165550123", "+18095550123", "+1", "", "x", "+44207946001", "+99912345678"]
)
def test_many_texts_are_canonical_when_each_is(text: str) -> None:
    assert are_canonical([*FICTION, text]) is is_canonical(text)
    assert are_canonical([])
