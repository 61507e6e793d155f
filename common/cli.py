"""The edge of every command: logging, errors as one line, exit codes."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from common.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_USAGE, UserError
from common.quiet_import import QuietImport

MODEL_PACKAGES = ("h5py", "jax", "keras", "tensorflow", "torch")  # of the extra [model], or in its place
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def run(command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Run a command's `main(argv)` and turn what the user can mend into one line on stderr.

    Args:
        command: takes the arguments, returns the exit code.
        argv: arguments without the program's name; default those of the process.

    Returns:
        The exit code: the command's own, that of a `UserError`, or 130 after Ctrl-C.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s: %(message)s")
    # TensorFlow's own lines would bury ours; its errors reach Python as exceptions.
    if LOG_LEVEL not in os.environ:
        os.environ[LOG_LEVEL] = "3"
        QuietImport.of("tensorflow")
    # At the end of a process Python looks through all that was made. Compiled networks are a million objects, which
    # takes tens of seconds that nobody waits for.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    # Asked to end, a run clears up behind itself as it does after Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        code = command(argv)
        sys.stdout.flush()
    except UserError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name not in MODEL_PACKAGES:
            raise
        print(f"error: models need the package {error.name}: run `pip install -e '.[model]'`", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("interrupted: what is not finished does not carry its final name", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our stdout (head, less) has gone: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return code
