"""Run the stage: `python -m scrape`."""

import sys

from common.cli import run
from scrape.cli import main

sys.exit(run(main))
