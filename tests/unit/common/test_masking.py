"""What may be shown of a number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from flowops.common.masking import (
    HIDDEN,
    calling_code,
    is_masked,
    mask,
    mask_any_number,
    mask_names,
    mask_number,
    mask_text,
    mask_written,
)
from flowops.common.text import visible, without_values


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+442079460023", "+44 20 79•• ••23"),
        ("+12125550123", "+1 212 5•• ••23"),
        ("+33199001234", "+33 1 99 •• •• 34"),
        ("+61491570156", "+61 491 ••• •56"),
        ("+4930901820123", "+49 30 90•••••23"),
        ("+353209101234", "+353 20 9•• ••34"),
        ("+9991234567", "+999 1•• ••67"),
        ("+999123", "+999 •••"),
        ("+9991234", "+999 ••34"),
        ("+4412345678", "+44 12•• ••78"),
        ("+44", "+44"),
        ("+", HIDDEN),
        ("not a number", HIDDEN),
    ],
)
def test_the_country_and_the_ends_of_a_number_are_shown(number: str, shown: str) -> None:
    assert mask_number(number) == shown


@pytest.mark.parametrize("code", sorted(COUNTRY_CODE_TO_REGION_CODE))
def test_every_country_code_is_told_apart(code: int) -> None:
    assert mask_number(f"+{code}5551234567").replace(" ", "").startswith(f"+{code}5551")


@pytest.mark.parametrize("number", ["+442079460023", "+12125550123", "+4930901820123", "+33199001234", "+31612345678"])
def test_how_a_number_is_grouped_follows_from_the_digits_that_are_shown(number: str) -> None:
    code = calling_code(number)
    start = len(code) + re.sub(r"[^0-9•]", "", mask_number(number)[len(code) :]).index("•")
    other = number[:start] + number[start:-2].translate(str.maketrans("0123456789", "9876543210")) + number[-2:]
    assert other != number
    assert mask_number(other) == mask_number(number)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_masked_number_is_recognized_and_a_number_is_not(number: str) -> None:
    assert is_masked(mask_number(number))
    assert not is_masked(number)


@pytest.mark.parametrize(
    "text",
    ["", "+44", "+44 20 7946 0023", "•••", "+44 20 7946 ••23 x", "020 79•• ••23", "A •••", "+44 2079460023 •••"],
)
def test_anything_else_is_not_masked(text: str) -> None:
    assert not is_masked(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+442079460023", "+44 20 79•• ••23"),
        ("+1234567", "+1 •• ••67"),
        ("+441234567890123", "+44 1 234• •••• ••23"),
    ],
)
def test_a_value_that_is_a_number_is_masked_as_one(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_at_least_four_digits_of_a_number_are_hidden_or_all_but_two(number: str) -> None:
    shown = mask_number(number)
    hidden = shown.count("•")
    kept = re.sub(r"[^0-9]", "", shown)
    assert hidden + len(kept) == len(number) - 1
    assert hidden >= 4 or hidden >= len(number) - 1 - 3 - 2
    assert number not in shown


@pytest.mark.parametrize(
    "value",
    [
        *(15, 1.5, True, None, "Ann", ["+442079460023"], {"a": 1}),
        *("+44207946002x", "+1", "+123456", "+4412345678901234", "+0442079460023", "442079460023"),
    ],
)
def test_any_other_value_is_hidden_whole(value: object) -> None:
    assert mask(value) == "•••"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("callee +442079460023 is wrong", "callee +44 20 79•• ••23 is wrong"),
        ("'+44 20 7946 0023'", "'+44 20 79•• ••23'"),
        ("00442079460023, +1 (212) 555-0123!", "+44 20 79•• ••23, +1 212 5•• ••23!"),
        ("no number: 442079460023, +123, 2026-11-23T10:00:00+00:00", None),
        ("id 00123456-7890-4000-8000-001234567890", None),
        ("id 7b1f0f5e-3c1b-4e0a-9d43-001234567890", None),
        ("a+442079460023", None),
        ("+442079460023123456789", None),
        # As short and as long as a number may be, and one digit less and more.
        ("+1234567", "+1 •• ••67"),
        ("+123456", None),
        ("+441234567890123", "+44 1 234• •••• ••23"),
        ("+4412345678901234", None),
        ("+0442079460023", None),
        ("001234567", "+1 •• ••67"),
        ("00123456", None),
        ("00441234567890123", "+44 1 234• •••• ••23"),
        ("004412345678901234", None),
        ("000442079460023", None),
        # Three characters may stand between two digits, and no fourth.
        ("+44.20.7946.0023 +44-20-7946-0023 +44 (20) 7946 0023", " ".join(["+44 20 79•• ••23"] * 3)),
        ("+44 - 2079460023", "+44 20 79•• ••23"),
        ("+44 -- 2079460023", None),
        # Part of a name is none, whatever it looks like.
        ("00442079460023x", None),
        ("00442079460023-7", None),
        ("x00442079460023", None),
        ("x-00442079460023", None),
        # A plus too many hides nothing.
        ("++442079460023 +00442079460023", "++44 20 79•• ••23 ++44 20 79•• ••23"),
        ("+44 20 79•• ••23 and +353 20 91•• ••34 and +882 13 12••• •••00", None),
        # As people write them where they live, and as they dial abroad.
        ("call 0044 20 7946 0124 or 00 44 20 7946 0124", "call +44 20 79•• ••24 or +44 20 79•• ••24"),
        ("call 020 7946 0124 now", "call ••• •••• ••24 now"),
        ("(020) 7946-0124, 020 7946 0124.", "(•••) ••••-••24, ••• •••• ••24."),
        ("06 12 34 56 78; 0612345678", "•• •• •• •• 78; ••••••••78"),
        ("(212) 555-0123, 212-555-0123, 212.555.0123", "(•••) •••-••23, •••-•••-••23, •••.•••.••23"),
        ("01.12.2026 09:00, 01/12/2026 10 to 11, 0123, 01234567", None),
        ("order 0612345678x, x0612345678, 212-555-01234, 112-555-0123", None),
        ("0.123456789, 08:00-20:00", None),
        # With other signs between, as web pages and other scripts have them.
        ("+44/20/7946/0023 +44_20_7946_0023 +44\t20\n7946 · 0023 +44*20*79460023", " ".join(["+44 20 79•• ••23"] * 4)),
        ("+44%2020%207946%200023 %2B442079460023 &#43;442079460023", " ".join(["+44 20 79•• ••23"] * 3)),
        ("+44&nbsp;20&nbsp;7946&nbsp;0023 + 44 2079460023 +(44)2079460023", " ".join(["+44 20 79•• ••23"] * 3)),
        ("00-44-20-7946-0023 0044-20-7946-0023", " ".join(["+44 20 79•• ••23"] * 2)),
        ("020*7946*0023, 020_7946_0023, 020 · 7946 · 0023", "•••*••••*••23, •••_••••_••23, ••• · •••• · ••23"),
        ("1-212-555-0123, (212)5550123, 212/555-0123", "•-•••-•••-••23, (•••)•••••23, •••/•••-••23"),
        # In the digits of other scripts.
        ("+٤٤٢٠٧٩٤٦٠٠٢٣ ＋４４２０７９４６００２３", " ".join(["+44 20 79•• ••23"] * 2)),
        ("०२० ७९४६ ००२३", "••• •••• ••२३"),
    ],
)
def test_numbers_inside_a_text_are_masked_and_nothing_else(text: str, shown: str | None) -> None:
    assert mask_text(text) == (text if shown is None else shown)


@given(st.lists(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True) | st.text(max_size=5)))
def test_masking_a_text_twice_changes_nothing_more(parts: list[str]) -> None:
    once = mask_text(" ".join(parts))
    assert mask_text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('callee: "0612345678"', 'callee: "••••••••78"'),
        ("06 12 34 56 78, 06-12345678", "•• •• •• •• 78, ••-••••••78"),
        ("(020) 7946 0018 and +442079460018", "(•••) •••• ••18 and +44 20 79•• ••18"),
        ("212.555.0123 or 212/555-0123", "•••.•••.••23 or •••/•••-••23"),
        ("2026-12-01 0612345678", "2026-12-01 ••••••••78"),
        ("since 2026-12-01 09:00, 2026-12-01T09:00", None),
        ("room 123456, 08:00-20:00, 20 79", None),
        ("7b1f0f5e-3c1b-4e0a-9d43-001234567890, 00123456-7890-4000-8000-001234567890", None),
        ("order-0612345678, x0612345678, 0612345678x", None),
        ("+353 20 91•• ••34", None),
        ("1234567 and 123456789012345", "•••••67 and •••••••••••••45"),
        ("123456, 1234567890123456", None),
        ("123 - 456 - 789", None),
        ("06--12345678, 06. 12345678", "••--••••••78, ••. ••••••78"),
        ("1999-12-31, 1999-12-311", "1999-12-31, ••••-••-•11"),
        ("1899-12-31 2999-12-31", "••••-••-31 ••••-••-31"),
        ("+0612345678", "+••••••••78"),
        ("123456789012345-1, 0612345678é", None),
        ("1234567 •, 12345 67(•", None),
    ],
)
def test_a_number_without_its_country_is_masked_where_nobody_needs_it(text: str, shown: str | None) -> None:
    assert mask_any_number(text) == (text if shown is None else shown)


@given(st.from_regex(r"0[1-9][0-9]{5,11}", fullmatch=True), st.sampled_from(['"', "'", " ", "[", ",", "(", ":"]))
def test_of_a_national_number_the_last_two_digits_are_shown_and_the_width_stays(number: str, before: str) -> None:
    shown = mask_any_number(f"{before}{number}")
    assert shown == f"{before}{'•' * (len(number) - 2)}{number[-2:]}"
    assert mask_any_number(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+3161234", "'+3••••34'"),
        ("020 7946 0018", "'020 •••••••18'"),
        ("+442079460018", "'+442•••••••18'"),
        ("0612345", "'0••••45'"),
        ("061234", "'06…'"),
        ("N/A", "'N…'"),
        ("no", "'…'"),
        ("Ann", "'A…'"),
        ("Zoe Kensington", "'Z…'"),
        ("'020 7946 0018", "'’020••••••••18'"),
        ("1", "'…'"),
        (15, "'…'"),
        (1234.5, "'12…'"),
        ("", "''"),
        ("\u202a+442079460018\u202c", "'\\u202a+44•••••••••8\\u202c'"),
        ("1" * 500, f"'1111{'•' * 20}11'"),
    ],
)
def test_of_what_should_be_a_number_a_message_shows_the_ends(text: str, shown: str) -> None:
    assert mask_written(text) == shown


@given(st.text("0123456789 ()+-./", min_size=7))
def test_at_least_four_characters_of_what_should_be_a_number_are_hidden(text: str) -> None:
    assert mask_written(text).count("•") >= 4
    assert mask_written(text).isprintable()


@given(st.text(min_size=1).filter(lambda text: text != "…"))
def test_no_value_is_repeated_whole(text: str) -> None:
    shown = mask_written(text)
    assert shown.isprintable()
    assert shown[1:-1] != text
    assert len(shown[1:-1].replace("•", "").replace("…", "")) < len(visible(text))


@given(st.text(), st.text(), st.sampled_from(["callee: {} is not a number", "{}", "row 1: {}, and {}"]))
def test_messages_about_different_values_are_of_one_kind(one: str, other: str, message: str) -> None:
    said = [message.format(mask_written(text), mask_written(text)) for text in (one, other)]
    assert without_values(said[0]) == without_values(said[1])


@pytest.mark.parametrize("names", [["phone", "name"], ["Phone number (best)"], ["Имя", "first name", "p2", "1st"]])
def test_names_of_columns_are_told(names: list[str]) -> None:
    assert mask_names(names) == ", ".join(names)


@pytest.mark.parametrize("value", ["+442079460018", "020 7946 0018", "ann@example.org", "2026-12-01", "4.47E+11 12345"])
def test_a_line_of_values_is_no_header(value: str) -> None:
    assert mask_names(["Ann", value]) == "2 columns whose names look like values"
