"""The browser for tests: one for all of them, absent with a reason."""

import shutil

import pytest

from scrape.browser import BROWSERS, DRIVER

MISSING = not (any(shutil.which(name) for name in BROWSERS) and shutil.which(DRIVER))
needs_chromium = pytest.mark.skipif(
    MISSING, reason="no Chromium with ChromeDriver here; on Debian/Ubuntu: apt-get install chromium chromium-driver"
)
