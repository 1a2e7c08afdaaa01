"""Finished files under their names: all of a job's outputs at once, none of them half, the video last.

They are made in the work folder, which lies on the video's disk, so a rename is all it takes; what belongs on another
disk is copied beside its name first.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from avtr_cli.errors import OutputError
from avtr_cli.files import is_stream, lies_there, remove, replacing, sync, sync_folder
from avtr_cli.output.workfolder import WorkFolder


class Finished(NamedTuple):
    """A finished file: where it was made, and the name it is to have."""

    made: Path
    target: Path


def place(folder: WorkFolder, finished: Sequence[Finished], overwrite: bool, outdated: Iterable[Path] = ()) -> None:
    """Put every file under its name, in this order, after removing what is `outdated` (of an earlier sequence).

    Raises OutputError where, without `overwrite`, something has come to lie there meanwhile; OSError.
    """
    if not overwrite:
        refuse_taken((one.target for one in finished), folder.placed)
    for one in finished:
        sync(one.made)
    folder.begin_placing(one.target for one in finished if not is_stream(one.target))
    for path in outdated:
        path.unlink(missing_ok=True)
    for made, target in finished:
        if is_stream(target):
            target.write_bytes(made.read_bytes())
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(made, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with replacing(target) as partial:
                shutil.copyfile(made, partial)
            remove(made)
    for parent in {one.target.parent for one in finished if not is_stream(one.target)}:
        sync_folder(parent)


def refuse_taken(targets: Iterable[Path], ours: frozenset[Path] = frozenset()) -> None:
    """Raises OutputError where something that is not `ours` has one of these names; pipes and devices may be there."""
    for target in targets:
        if lies_there(target) and not is_stream(target) and Path(os.path.abspath(target)) not in ours:
            raise OutputError(f"{target}: exists already; add --overwrite or choose another name")
