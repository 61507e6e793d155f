"""`python -m mrcnn SCRIPT`."""

import sys

from mrcnn.cli import main

sys.exit(main())
