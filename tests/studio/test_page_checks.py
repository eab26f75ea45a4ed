"""The checks of every visit find what they are for."""

import pytest
from playwright.sync_api import Page

from .browser import Visitor
from .explore_page import wait_for_pictures

pytestmark = pytest.mark.slow

ADD = "(html) => document.querySelector('main').insertAdjacentHTML('afterbegin', html)"


def test_an_inline_style_a_picture_without_text_and_the_mouse_are_found(visitor: Visitor) -> None:
    def add(page: Page, html: str) -> None:
        wait_for_pictures(page)
        page.evaluate(ADD, html)

    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        visitor.visit(check_axe=False) as page,
    ):
        add(page, "<style>p { color: red }</style>")
    with pytest.raises(AssertionError, match="image-alt: #bare"), visitor.visit() as page:
        add(page, '<img id="bare" src="/icon.svg">')
    with (
        pytest.raises(AssertionError, match="a mouse or a finger was used"),
        visitor.visit_by_keyboard(check_axe=False) as keyboard,
    ):
        keyboard.page.get_by_role("button", name="検索", exact=True).click()


def test_what_no_key_reaches_is_found(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard(check_axe=False) as keyboard:
        wait_for_pictures(keyboard.page)
        keyboard.page.evaluate(ADD, '<button tabindex="-1">far</button><button>here</button>')
        keyboard.reach("button", "here")
        with pytest.raises(AssertionError, match="no key leads to the button 'far'"):
            keyboard.press("button", "far")
