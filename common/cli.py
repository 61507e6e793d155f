"""The edge of every command: logging, errors as one line, exit codes."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from common.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, UserError


def run(command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Run a command's `main(argv)` and turn what the user can mend into one line on stderr.

    Args:
        command: takes the arguments, returns the exit code.
        argv: arguments without the program's name; default those of the process.

    Returns:
        The exit code: the command's own, that of a `UserError`, or 130 after Ctrl-C.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s: %(message)s")
    # Asked to end, a run clears up behind itself as it does after Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        code = command(argv)
        sys.stdout.flush()
    except UserError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: nothing was left under its final name", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our stdout (head, less) has gone: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return code
