"""Chromium itself: its flags, its end, its absence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import needs_chromium
from search_site import wait_for

from scrape.browser import Browser, BrowserSettings, flags, found, reason
from scrape.search_errors import BrowserError

ROOT = Path(__file__).parents[2]
MISMATCH = (
    "session not created: This version of ChromeDriver only supports Chrome version 114\n"
    "Current browser version is 150.0.7871.100 with binary path /usr/bin/chromium"
)


def alive(group):
    """Processes of a process group that have not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return sum(int(pgid) == group and not stat.startswith("Z") for pgid, stat in rows)


def test_only_root_goes_without_the_sandbox(tmp_path):
    assert "--no-sandbox" in flags(BrowserSettings(), tmp_path, root=True)
    assert "--no-sandbox" not in flags(BrowserSettings(), tmp_path, root=False)


def test_the_window_shows_on_demand_and_the_profile_is_our_own(tmp_path):
    assert "--headless=new" in flags(BrowserSettings(), tmp_path)
    assert "--headless=new" not in flags(BrowserSettings(headed=True), tmp_path)
    assert f"--user-data-dir={tmp_path}" in flags(BrowserSettings(), tmp_path)


@pytest.mark.parametrize("name", ["browser", "driver"])
def test_a_named_program_must_be_there(name, tmp_path):
    with pytest.raises(BrowserError, match=rf"--{name} .*none: no program there"):
        found(BrowserSettings(**{name: tmp_path / "none"}))


def test_a_driver_of_another_version_is_said_plainly():
    text = reason(Exception(MISMATCH), Path("/usr/bin/chromium"), Path("/opt/chromedriver"))
    assert text.startswith(
        "ChromeDriver 114 (/opt/chromedriver) does not fit Chromium 150.0.7871.100 (/usr/bin/chromium)"
    )
    assert "--browser and --driver" in text


def test_what_is_missing_is_named():
    text = reason(Exception("Unable to obtain driver for chrome"), Path("/usr/bin/chromium"), None)
    assert text.startswith("ChromeDriver not found, and Selenium Manager could not bring it (Unable to obtain driver")
    assert "apt-get install chromium chromium-driver" in text and "openverse" in text


def test_the_sandbox_is_named_where_it_may_be_the_cause(monkeypatch):
    exited = Exception("session not created: Chrome instance exited. Examine the log")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "sandbox may lack user namespaces" in reason(
        exited, Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "sandbox" not in reason(exited, Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver"))


def test_a_window_needs_a_screen(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(BrowserError, match="--headed needs a screen"):
        found(BrowserSettings(headed=True))


FAKE_DRIVER = """#!{python}
import http.server, json, os, sys
class Driver(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        data = json.dumps({{"value": value}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def do_GET(self):
        self.answer(200, {{"ready": True, "message": ""}})
        if self.path == "/shutdown":
            os._exit(0)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(500, {{"error": "session not created", "message": {message!r}, "stacktrace": ""}})
port = next(int(flag.partition("=")[2]) for flag in sys.argv if flag.startswith("--port="))
http.server.ThreadingHTTPServer(("127.0.0.1", port), Driver).serve_forever()
"""


def test_a_driver_that_does_not_fit_is_named_and_ended(tmp_path):
    driver = tmp_path / "chromedriver"
    driver.write_text(FAKE_DRIVER.format(python=sys.executable, message=MISMATCH))
    driver.chmod(0o755)
    settings = BrowserSettings(browser=Path(sys.executable), driver=driver)
    with (
        Browser(settings) as browser,
        pytest.raises(BrowserError, match=rf"ChromeDriver 114 \({driver}\) does not fit"),
    ):
        _ = browser.driver
    wait_for(lambda: str(driver) not in subprocess.check_output(["ps", "-eo", "args="], text=True))


@needs_chromium
def test_it_starts_late_and_ends_with_its_processes_and_its_profile():
    with Browser() as browser:
        assert browser.starts == 0
        group = browser.driver.service.process.pid
        profile = Path(browser.driver.capabilities["chrome"]["userDataDir"])
        assert browser.starts == 1 and alive(group) > 1 and profile.is_dir()
    wait_for(lambda: not alive(group))  # a killed process takes a moment to go
    assert not profile.exists()


@needs_chromium
def test_a_killed_run_leaves_no_browser_behind():
    script = (
        "from scrape.browser import Browser\n"
        "browser = Browser()\n"
        "profile = browser.driver.capabilities['chrome']['userDataDir']\n"
        "print(browser.driver.service.process.pid, profile, flush=True)\n"
        "input()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    group, profile = run.stdout.readline().split()
    group = int(group)
    assert alive(group) > 1 and Path(profile).is_dir()
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: not alive(group))
    with Browser() as another:
        _ = another.driver
        assert not Path(profile).exists()  # it takes away what the kill left
