"""`python -m train`."""

import sys

from common.cli import run
from train.cli import main

sys.exit(run(main))
