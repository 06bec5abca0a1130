"""Turns: so many at a time, and whoever keeps one for too long keeps no other waiting."""

import threading

from vrabec.inventory.turns import Turns


def taken(turns: Turns, who: str) -> threading.Event:
    """Set once `who` had a turn."""
    had = threading.Event()

    def take() -> None:
        with turns.turn(who):
            had.set()

    threading.Thread(target=take, daemon=True).start()
    return had


def test_one_waits_until_another_is_done() -> None:
    turns = Turns(1)
    with turns.turn("one"):
        other = taken(turns, "two")
        assert not other.wait(0.1)
    assert other.wait(10)


def test_who_has_a_turn_goes_on() -> None:
    turns = Turns(1)
    with turns.turn("one"), turns.turn("one"):
        assert not taken(turns, "two").wait(0.1)


def test_a_turn_that_is_passed_on_is_given_once() -> None:
    turns = Turns(1)
    with turns.turn("hangs"):
        turns.pass_on("hangs")
        turns.pass_on("hangs")
        with turns.turn("two"):
            third = taken(turns, "three")
            assert not third.wait(0.1)
    assert third.wait(10)
