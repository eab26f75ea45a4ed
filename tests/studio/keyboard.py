"""A page that is used with the keyboard alone, as by someone who has no mouse."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import ElementHandle, Locator, Page, expect

MOST_STEPS = 200
# The key that leads nearer to a control: within a group of which Tab reaches one, an arrow key.
# Empty: the control has the focus.
NEXT_KEY = """(target) => {
  const active = document.activeElement;
  if (active === target) return "";
  if (!target.isConnected) return "gone";
  const follows = active.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_FOLLOWING;
  const group = target.closest(
    "[role=grid], [role=menu], [role=listbox], [role=radiogroup], [role=toolbar], [role=tablist]");
  if (!group?.contains(active)) return follows ? "Tab" : "Shift+Tab";
  const isColumn = group.matches("[role=menu], [role=listbox]:not([data-layout=grid])");
  if (isColumn) return follows ? "ArrowDown" : "ArrowUp";
  return follows ? "ArrowRight" : "ArrowLeft";
}"""
# The outline may be that of what surrounds an input which is not seen itself, such as a thumb of a
# slider. It has to be in sight, not behind something else.
HAS_VISIBLE_FOCUS = """(target) => {
  const isOutlined = (element) => [null, "::before", "::after"].some((part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element, part);
    return outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0;
  });
  const isHidden = (element) =>
    [element, element.parentElement].some(({ offsetWidth }) => offsetWidth <= 1);
  let element = target;
  while (element && (isHidden(element) || !isOutlined(element))) element = element.parentElement;
  if (!element) return false;
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const seen = document.elementFromPoint(x, y);
  return seen !== null && (element.contains(seen) || seen.contains(element));
}"""
NO_MOUSE = """addEventListener("pointerdown", ({ isTrusted }) => {
  if (isTrusted) console.error("a mouse or a finger was used");
}, true);"""


class Keyboard:
    """Reaches controls of a page by Tab and the arrow keys, and fails where none leads to them.

    Names are whole ones: a text, or a pattern. `within` is a part of the page.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(
        self, role: Any, name: str | re.Pattern[str], within: Locator | None = None
    ) -> Locator:
        """Move the focus to the control, where it has to be seen."""
        control = (within or self.page).get_by_role(role, name=name, exact=True)
        expect(control).to_be_enabled()
        handle = _handle(control)
        for _ in range(MOST_STEPS):
            key = self.page.evaluate(NEXT_KEY, handle)
            if key == "":
                self.page.wait_for_function(HAS_VISIBLE_FOCUS, arg=handle)
                return control
            if key == "gone":  # and made anew
                handle = _handle(control)
            else:
                self.page.keyboard.press(key)
        raise AssertionError(f"no key leads to the {role} {name!r}")

    def press(
        self,
        role: Any,
        name: str | re.Pattern[str],
        *keys: str,
        within: Locator | None = None,
    ) -> None:
        """Reach the control and press the keys; without any, Enter."""
        self.reach(role, name, within)
        self.keys(*(keys or ("Enter",)))

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def fill(
        self, name: str | re.Pattern[str], text: str, *keys: str, within: Locator | None = None
    ) -> None:
        """Type into the text field, in place of what it holds, and then press the keys."""
        self.reach("textbox", name, within)
        self.keys("Control+a", "Delete")
        self.page.keyboard.type(text)
        self.keys(*keys)

    def choose(
        self,
        button: str | re.Pattern[str],
        option: str | re.Pattern[str],
        role: str = "option",
        within: Locator | None = None,
    ) -> None:
        """Open the list or the menu of the button, and choose of it."""
        self.press("button", button, within=within)
        self.press(role, option)

    def give_files(self, button: str | re.Pattern[str], *files: Path) -> None:
        """Press the button, and choose the files in the dialogue of the browser."""
        with self.page.expect_file_chooser() as chooser:
            self.press("button", button)
        chooser.value.set_files(list(files))


def _handle(control: Locator) -> ElementHandle:
    handle = control.element_handle()
    assert handle is not None
    return handle
