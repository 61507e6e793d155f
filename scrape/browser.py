"""Chromium under Selenium: started when first needed, ended with all its processes, started again after a crash."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from common.staging import temporary_folder
from scrape.search_errors import BrowserError

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

LOGGER = logging.getLogger(__name__)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DRIVER = "chromedriver"
INSTALL = "on Debian/Ubuntu: apt-get install chromium chromium-driver"
# No traffic of the browser's own, no first-run pages; the pipe ends the browser together with its driver.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--remote-debugging-pipe",
    "--window-size=1280,1024",
    "--lang=en-US",
)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
CLOSING = 5.0  # seconds for a browser to close by itself


@dataclass(frozen=True)
class BrowserSettings:
    """Which browser, and how long it may take.

    Attributes:
        browser: Chromium or Chrome; None: what is on the path, else what Selenium Manager brings.
        driver: its ChromeDriver; None: likewise.
        headed: show the window.
        timeout: seconds until a page or the browser counts as hanging.
    """

    browser: Path | None = None
    driver: Path | None = None
    headed: bool = False
    timeout: float = 30.0


class Browser:
    """One browser with an empty profile; a context manager that leaves neither process nor folder behind.

    Attributes:
        settings: as they were given.
        starts: how often it was started.
    """

    def __init__(self, settings: BrowserSettings | None = None) -> None:
        self.settings = settings or BrowserSettings()
        self.starts = 0
        self._driver: Chrome | None = None
        self._profile = ExitStack()  # the next run takes away what a kill -9 leaves

    def __enter__(self) -> Self:
        """Start nothing yet: an API needs no browser."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the browser."""
        self.close()

    @property
    def driver(self) -> Chrome:
        """The running browser; the first use starts it.

        Raises:
            BrowserError: it cannot be started; says why and what to do.
        """
        if self._driver is None:
            self._driver = self._start()
        return self._driver

    def restart(self) -> None:
        """End what is left of the browser; the next use starts another."""
        self.close()

    def close(self) -> None:
        """End the browser, whatever its state."""
        driver, self._driver = self._driver, None
        if driver is not None:
            _end(driver)
        self._profile.close()

    def _start(self) -> Chrome:
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver import Chrome, ChromeOptions, ChromeService

        os.environ.setdefault("SE_AVOID_STATS", "true")  # Selenium Manager would report each run
        browser, driver = found(self.settings)
        profile = self._profile.enter_context(temporary_folder(Path(tempfile.gettempdir())))
        options = ChromeOptions()
        # We look at the page ourselves until it shows what is wanted: the driver's own waiting can hang.
        options.page_load_strategy = "none"
        if browser is not None:
            options.binary_location = str(browser)
        for flag in flags(self.settings, profile):
            options.add_argument(flag)
        service = ChromeService(
            str(driver) if driver else None, log_output=subprocess.DEVNULL, popen_kw=_popen_keywords()
        )
        try:
            started = Chrome(options=options, service=service)
        except (WebDriverException, OSError) as error:
            self.close()
            raise BrowserError(reason(error, browser, driver)) from error
        self.starts += 1
        started.set_script_timeout(self.settings.timeout)
        # A browser that hangs must not hang us: its driver would wait for five minutes.
        _patience(started, self.settings.timeout + CLOSING)
        return started


def flags(settings: BrowserSettings, profile: Path, root: bool | None = None) -> list[str]:
    """Flags of the browser's command line.

    Args:
        settings: whether it shows itself.
        profile: empty folder for its profile.
        root: whether we are; None: look. Chromium refuses to run as root with its sandbox, so that only root goes
            without one.
    """
    root = os.geteuid() == 0 if root is None else root
    return [
        *FLAGS,
        *([] if settings.headed else ["--headless=new"]),
        *(["--no-sandbox"] if root else []),
        f"--user-data-dir={profile}",
    ]


def found(settings: BrowserSettings) -> tuple[Path | None, Path | None]:
    """Look for browser and driver; None where Selenium Manager has to bring one.

    Raises:
        BrowserError: one that was named is not there, or there is no screen for the window.
    """
    for path, flag in ((settings.browser, "--browser"), (settings.driver, "--driver")):
        if path is not None and not (path.is_file() and os.access(path, os.X_OK)):
            raise BrowserError(f"{flag} {path}: no program there; leave {flag} out to have it looked for")
    if settings.headed and sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        raise BrowserError("--headed needs a screen, and DISPLAY is not set: leave it out, or run under xvfb-run")
    return settings.browser or _on_path(*BROWSERS), settings.driver or _on_path(DRIVER)


def _on_path(*names: str) -> Path | None:
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def reason(error: Exception, browser: Path | None, driver: Path | None) -> str:
    """Say in a line why the browser did not start, and what to do."""
    text = str(getattr(error, "msg", None) or error)
    mismatch = re.search(
        r"only supports Chrome version (\d+).*?(?:Current browser version is|binary path.*?version) *([\d.]+)",
        text,
        re.S,
    )
    if mismatch:
        return (
            f"ChromeDriver {mismatch[1]} ({driver or 'brought by Selenium Manager'}) does not fit Chromium "
            f"{mismatch[2]} ({browser or 'found by Selenium Manager'}): take both from one place ({INSTALL}), or name "
            "a pair with --browser and --driver"
        )
    if browser is None or driver is None:
        missing = " and ".join(
            name for name, path in (("Chromium or Chrome", browser), ("ChromeDriver", driver)) if path is None
        )
        return (
            f"{missing} not found, and Selenium Manager could not bring it ({_first_line(text)}); install it "
            f"({INSTALL}), name it with --browser and --driver, or take an engine that needs none: openverse, commons"
        )
    if "instance exited" in text and os.geteuid() != 0:
        return (
            f"{browser} ended at once: in a container its sandbox may lack user namespaces; allow them, or run as root"
        )
    return f"{browser} does not start under {driver}: {_first_line(text)}; {INSTALL}"


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0].partition("; For documentation")[0] if lines else "no reason given"
    return first.rstrip(".;:")


def _popen_keywords() -> dict[str, Any]:
    """Keep Ctrl-C of the terminal from the driver, which we close ourselves; let it die with us even after kill -9."""
    keywords: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        keywords["preexec_fn"] = lambda: prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    return keywords


def _patience(driver: Chrome, seconds: float) -> None:
    """Wait that long for an answer of the driver, no longer."""
    executor: Any = driver.command_executor
    executor.client_config.timeout = seconds


def _end(driver: Chrome) -> None:
    from selenium.common.exceptions import WebDriverException
    from urllib3.exceptions import HTTPError

    process = driver.service.process
    _patience(driver, CLOSING)
    try:
        driver.quit()
    except (WebDriverException, HTTPError, OSError) as error:
        LOGGER.debug("the browser did not close by itself: %s", error)
    finally:
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own: nobody else is in it
            process.wait()
