"""One family of errors: what the user can act on, each with the exit code it ends the program with.

Anything that is not an `AvtrError` is a bug and keeps its traceback.
"""


class AvtrError(Exception):
    """Something the user can act on: the message names the file, says what is wrong and what to do."""

    exit_code = 1


class ConfigError(AvtrError):
    """A preset, a `--set` or an option that cannot be, as for a mistyped option."""

    exit_code = 2


class InputError(AvtrError):
    """The photo or the audio cannot be used."""

    exit_code = 3


class AudioError(InputError):
    """The sound file cannot be read, or is not what its role needs."""


class PhotoError(InputError):
    """The picture cannot be read, or shows no face that can be used."""


class WeightsError(AvtrError):
    """Weights are missing, damaged, of another shape, or their licence is not accepted."""

    exit_code = 4


class OutputError(AvtrError):
    """The result cannot be written: folder, disk or encoder."""

    exit_code = 5


class BatchError(AvtrError):
    """The batch is finished and some of its jobs failed."""

    exit_code = 6


EXIT_INTERRUPTED = 130  # Ctrl-C
