"""The first look at a job, before any library is loaded: are the files that it is made from there at all?

Most refusals are a mistyped name, and a person waits for them; what the files hold is looked at in `checking`.
"""

from __future__ import annotations

import os
from pathlib import Path

from avtr_cli.core.errors import InputError
from avtr_cli.core.files import reason
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.spooling import STDIN


def check_inputs_exist(job: Job) -> None:
    """Raises InputError for the first input that is not there."""
    for path in job.inputs:
        if path != STDIN:
            _check_there(path)


def _check_there(path: Path) -> None:
    try:
        os.stat(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{str(path)[:200]}: cannot be read ({reason(error)})") from None
    except ValueError:
        raise InputError(f"{path}: there is no such file: its name holds a NUL character") from None
