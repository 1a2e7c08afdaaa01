"""Finished files under their names: all of a job's outputs at once, none of them half, the video last.

They are made in the work folder, which lies on the video's disk, so a rename is all it takes; what belongs on another
disk is copied beside its name first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import is_stream, lies_there, reason, remove, replacing, sync, sync_folder, write_to_stream
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.output.finished import Finished

MANY_FILES = 16


def place_outputs(
    folder: WorkFolder, finished: Sequence[Finished], overwrite: bool, outdated: Iterable[Path] = ()
) -> None:
    """Put every file under its name, in this order, after removing what is `outdated` (of an earlier sequence).

    Raises OutputError where one cannot be written or, without `overwrite`, something has come to lie there meanwhile.
    """
    if not overwrite:
        refuse_taken((one.target for one in finished), folder.placed)
    if len(finished) > MANY_FILES:
        os.sync()  # one flush of everything is quicker than a flush of each of thousands of pictures
    for one in finished[:MANY_FILES]:
        with _naming(one.target):
            sync(one.made)
    with _naming(finished[-1].target):
        folder.begin_placing(one.target for one in finished)
        for path in outdated:
            path.unlink(missing_ok=True)
    for made, target in finished:
        with _naming(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(made, target)
    for parent in {one.target.parent for one in finished}:
        with _naming(parent):
            sync_folder(parent)


def write_stream(text: bytes, stream: Path) -> None:
    """Write into a pipe or device, as /dev/stdout. Raises OutputError."""
    with _naming(stream):
        write_to_stream(text, stream)


def refuse_taken(targets: Iterable[Path], ours: frozenset[Path] = frozenset()) -> None:
    """Raises OutputError where something that is not `ours` has one of these names; pipes and devices may be there."""
    for target in targets:
        if lies_there(target) and not is_stream(target) and Path(os.path.abspath(target)) not in ours:
            raise OutputError(f"{target}: exists already; add --overwrite or choose another name")


def _move(made: Path, target: Path) -> None:
    try:
        os.replace(made, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as partial:
            shutil.copyfile(made, partial)
        remove(made)


@contextlib.contextmanager
def _naming(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({reason(error)}); mend that and run it again") from error
