"""Errors that are the user's to mend, and the exit codes they end with."""

EXIT_OK = 0
EXIT_INCOMPLETE = 1  # part of the work failed; what failed was named
EXIT_USAGE = 2  # the input or a flag was wrong; nothing was done
EXIT_DAMAGED = 3  # the source is damaged
EXIT_REVIEW = 4  # --strict, and the report names moments to check by eye
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class UserError(Exception):
    """Something the user can mend; the edge prints it as one line.

    The message says what was wrong, what was expected and what to do.
    """

    exit_code = EXIT_USAGE


class DamagedSourceError(UserError):
    """The source is truncated, corrupt or changes its size on the way."""

    exit_code = EXIT_DAMAGED
