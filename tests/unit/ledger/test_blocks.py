"""Blocked numbers: asked in each claim's own transaction, lifted on record, and kept as pseudonyms only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.claims import Claim, Condition
from flowops.model.ledger import State
from flowops.model.plan import Action

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model.claims import Written

LONDON, NEW_YORK, PARIS = "+442079460023", "+12125550123", "+33199001018"


def answers(written: list[Written]) -> list[tuple[bool, tuple[str, ...]]]:
    return [(answer.done, answer.decision.reasons if answer.decision else ()) for answer in written]


def test_a_blocked_number_is_not_claimed_and_others_of_the_same_transaction_are(store: Store, make) -> None:
    assert store.block([LONDON, PARIS], "asked us to stop") == [True, True]
    today = store.blocks()[0].at[:10]
    written = store.write([make.claim("a", LONDON), make.claim("b", NEW_YORK), make.claim("c", PARIS)])
    why = f"policy block: blocked by ada on {today}: asked us to stop"
    assert answers(written) == [(False, (why,)), (True, ()), (False, (why,))]
    assert written[0].decision is not None
    assert written[0].decision.action is Action.BLOCKED
    assert [(entry.reference_id, entry.state) for entry in store.look_up(["a", "b", "c"]).values()] == [
        ("b", State.IN_FLIGHT)
    ]


def test_one_blocked_callee_blocks_the_request(store: Store, make) -> None:
    store.block([LONDON], "no")
    [(done, reasons)] = answers(store.write([make.claim("a", NEW_YORK, LONDON)]))
    assert not done
    assert reasons[0].startswith("policy block: +44 20 79•• ••23 is blocked by ada on ")


def test_a_block_holds_at_the_next_claim_of_a_run_that_goes_on_elsewhere(address, make) -> None:
    address.init()
    run, operator = address.open(), address.open()
    assert run.write([make.claim("a")])[0].done
    operator.block([LONDON], "no")
    assert run.write([make.accepted("a"), make.claim("b")])[0].done
    assert not run.write([make.claim("c")])[0].done
    operator.unblock([LONDON], "yes")
    assert run.write([make.claim("c")])[0].done


def test_a_condition_still_holds_for_whom_nobody_blocked(store: Store, make) -> None:
    store.block([LONDON], "no")
    asked = []
    condition = Condition(frozenset(), (), None, asked.append)
    claims = [Claim(make.call(name, number), make.fingerprint(), condition) for name, number in
              (("a", LONDON), ("b", NEW_YORK))]  # fmt: skip
    assert [answer.done for answer in store.write(claims)] == [False, True]
    assert len(asked) == 1


def test_who_blocked_and_who_lifted_it_is_on_record_and_a_number_may_be_blocked_again(store: Store) -> None:
    assert not store.has_blocks()
    assert store.block([LONDON], f"{NEW_YORK} rang us") == [True]
    assert store.block([LONDON, PARIS], "again") == [False, True]
    assert store.unblock([LONDON, NEW_YORK], "a mistake") == [True, False]
    assert set(store.blocked([LONDON, NEW_YORK, PARIS])) == {PARIS}
    assert store.block([LONDON], "no mistake") == [True]
    first, *others = [block for block in store.blocks() if block.shown == "+44 20 79•• ••23"]
    assert (first.who, first.host, first.lifted_by, first.lifted_reason) == (
        "ada", "build-7", "ada on build-7", "a mistake",
    )  # fmt: skip
    assert NEW_YORK not in first.reason
    assert first.pseudonym == store.pseudonymizer.short_pseudonym(LONDON)
    assert [(block.reason, block.lifted_at) for block in others] == [("no mistake", None)]
    assert store.has_blocks()


def test_a_ledger_of_another_environment_is_not_asked(address, make) -> None:
    address.init()
    address.init("staging")
    address.open("staging").block([LONDON], "no")
    assert address.open().write([make.claim("a")])[0].done
