"""The page while the service stops and starts again."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from running_service import Service

from .browser import Visitor

pytestmark = pytest.mark.slow


def test_the_page_says_that_the_service_stopped_and_goes_on_when_it_answers(
    browser: Browser, tmp_path: Path
) -> None:
    with Service(tmp_path / "home") as service:
        service.wait_until_ready()
        visitor = Visitor(browser, service.url)
        allowed = "net::ERR_"
        with (
            visitor.visit(allowed=allowed) as page,
            visitor.visit_by_keyboard(allowed=allowed) as keyboard,
        ):
            in_japanese = keyboard.page.get_by_text("サービスから応答がありません")
            content = page.get_by_text("No model yet")
            expect(content).to_be_visible()
            expect(keyboard.page.get_by_text("モデルがまだありません")).to_be_visible()
            lost = page.get_by_text("The service does not answer")
            expect(lost).to_have_count(0)
            service.stop()
            expect(lost).to_be_visible()
            expect(in_japanese).to_be_visible()
            expect(content).to_be_visible()  # what the page has stays on it
            service.start()
            expect(lost).to_have_count(0)
            expect(in_japanese).to_have_count(0)
