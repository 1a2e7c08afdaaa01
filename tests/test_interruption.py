"""Ctrl-C and a polite kill come where nothing is half made, once, and are never lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from avtr_cli.core.interruption import each_interruptible, interruptible, interruptions_held, raise_if_interrupted


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def reached(steps: list[str]) -> None:
    """An interruption where nothing must stop it."""
    interrupt()
    steps.append("made")
    steps.append("noted")


def test_held_it_waits_for_the_next_check():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012 - what happens before is what is tested
        reached(steps)
        raise_if_interrupted()
        steps.append("not this")
    assert steps == ["made", "noted"]


def test_it_is_raised_at_the_end_where_nothing_checks():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptions_held():
        reached(steps)
    assert steps == ["made", "noted"]


def test_what_takes_long_is_interrupted_at_once_and_not_begun_where_one_waits():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptions_held(), interruptible():  # noqa: PT012
        interrupt()
        steps.append("not this")
    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012
        interrupt()
        with interruptible():
            steps.append("nor this")
    assert steps == []


def test_inside_what_may_be_interrupted_a_part_can_be_held():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptions_held(), interruptible():  # noqa: PT012
        with interruptions_held():
            reached(steps)
        steps.append("not this")
    assert steps == ["made", "noted"]


def test_a_second_one_does_not_cut_the_cleaning_up_short():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptions_held(), interruptible():  # noqa: PT012
        try:
            interrupt()
        finally:
            reached(steps)
    assert steps == ["made", "noted"]


def test_one_that_was_dealt_with_inside_is_over_and_so_are_those_that_came_meanwhile():
    steps: list[str] = []
    with interruptions_held():
        try:
            with interruptible():
                interrupt()
        except KeyboardInterrupt:
            reached(steps)
        raise_if_interrupted()
    assert steps == ["made", "noted"]


class Swallowing:
    """Python prints and forgets what is raised here."""

    def __del__(self) -> None:
        interrupt()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_is_lost_in_a_callback_is_raised_again():
    with pytest.raises(KeyboardInterrupt), interruptions_held(), interruptible():
        Swallowing()


def test_items_are_waited_for_and_used_in_turn():
    used: list[int] = []

    def interrupted_in_the_second() -> Iterator[int]:
        yield 1
        interrupt()
        yield 2

    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012
        for item in each_interruptible(interrupted_in_the_second()):
            used.append(item)
    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012
        for item in each_interruptible([3, 4]):
            interrupt()
            used.append(item)
    assert used == [1, 3]
    with interruptions_held():
        assert list(each_interruptible([1, 2])) == [1, 2]


def test_afterwards_signals_are_handled_as_before():
    ours = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what Ray left there, where it ran in this process
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruptions_held():
        assert signal.getsignal(signal.SIGINT) != before[0]
        assert signal.getsignal(signal.SIGTERM) == before[1] == signal.SIG_DFL  # Python does not handle it
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    signal.signal(signal.SIGTERM, ours)


def test_a_handler_of_the_caller_s_own_decides_what_an_interruption_does():
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with interruptions_held():
            interrupt(signal.SIGTERM)
            assert heard == []
            raise_if_interrupted()
            assert heard == [signal.SIGTERM]
            interrupt(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 2


def test_another_thread_holds_nothing():
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with interruptions_held(), interruptible():
                raise_if_interrupted()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012
        interrupt()
        thread.start()
        thread.join()
        raise_if_interrupted()
    assert failed == []
