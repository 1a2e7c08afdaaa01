"""Motion one chunk ahead of its pictures, in a thread of its own: while one is drawn, the next one's motion is made.

Motion follows from sound and from its own past alone, so no bit depends on when it is made. One chunk ahead is enough
to keep a second core at work, and no more than that is thrown away when a job is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from avtr_cli.core.protocols import JointGenerator, MotionGenerator
from avtr_cli.streaming.session import MadeAhead, SessionWindow

_UnderWay = tuple[list[SessionWindow], "Future[list[MadeAhead]]"]


def can_go_ahead(generator: MotionGenerator) -> bool:
    """Whether its motion may be made in another thread: a model that moves several sessions at once stays in one."""
    return not isinstance(generator, JointGenerator)


def motion_ahead(rows: Iterator[list[SessionWindow]]) -> Generator[list[SessionWindow], None, None]:
    """`rows` as they are, each once the motion of its sessions is made, while that of the next is under way.

    Each is to be drawn (`in_step`) before the next is taken. `rows` are taken in the caller's thread; what goes wrong
    with one, or with its motion, is raised in its place. Closed or ended, it leaves no thread behind.
    """
    with ThreadPoolExecutor(1, "motion") as thread:

        def begin() -> _UnderWay | None:
            row = next(rows, None)
            if row is None:
                return None
            return row, thread.submit(_made, [session.moving(window) for session, window in row])

        under_way = begin()
        while under_way is not None:
            row, making = under_way
            for (session, _), made in zip(row, making.result(), strict=True):
                session.take(made)
            failure = None
            try:
                under_way = begin()
            except Exception as error:
                failure = error
            yield row
            if failure is not None:
                raise failure


def _made(moving: list[Callable[[], MadeAhead]]) -> list[MadeAhead]:
    return [make() for make in moving]
