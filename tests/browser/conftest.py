"""A real browser: the machine's own Chromium, driven headless and offline."""

from __future__ import annotations

import os
import shutil

import pytest

TIMEOUT_MS = 120_000
"""A loaded machine is slow, not broken."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"these tests need one of {', '.join(BROWSERS)}"
    # Chromium refuses its sandbox to root, which containers run as.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()


class Visit:
    """An open page with everything it said and asked for."""

    def __init__(self, page, path):
        self.page = page
        self.path = path
        self.said, self.requested = [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requested.append(request.url))
        page.goto(path.as_uri())


@pytest.fixture
def visit(chromium):
    """Opens a file, offline."""
    contexts = []

    def open_file(path, **options):
        contexts.append(chromium.new_context(offline=True, **options))
        contexts[-1].set_default_timeout(TIMEOUT_MS)
        return Visit(contexts[-1].new_page(), path)

    yield open_file
    for context in contexts:
        context.close()
