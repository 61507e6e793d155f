"""`python -m infer`."""

import sys

from common.cli import run
from infer.cli import main

sys.exit(run(main))
