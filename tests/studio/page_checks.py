"""What no page may leave behind: an error on its console, or a serious finding of axe-core.

Violations of the policy are errors on the console. Visitor.visit checks every page at its end.
"""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "studio" / "node_modules" / "axe-core" / "axe.min.js"

# An animation that ends would otherwise be judged in the middle of it, where colours are mixed.
END_ANIMATIONS = """for (const animation of document.getAnimations()) {
  if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
}"""
FIND = """axe.run({ preload: false, resultTypes: ["violations"] }).then(({ violations }) =>
  violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`))"""


def collect_errors(page: Page, problems: list[str]) -> None:
    """Append to `problems` what the page logs as an error or a warning from now on."""
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if message.type in ("error", "warning") else None
        ),
    )


def axe_findings(page: Page) -> list[str]:
    """The serious accessibility findings of the page as it is now, with its policy in force."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    page.evaluate(END_ANIMATIONS)
    findings: list[str] = page.evaluate(FIND)
    if findings:
        # Chromium may split the first Japanese text that it is given into other words than the
        # same text later, and axe-core compares words: a finding counts if it is found again.
        again = page.evaluate(FIND)
        findings = [finding for finding in findings if finding in again]
    return findings
