"""`python -m evaluate`."""

import sys

from common.cli import run
from evaluate.cli import main

sys.exit(run(main))
