"""Somebody who looks at the console."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

SHOTS = Path(__file__).with_name("shots")
"""Where pictures are kept for looking at; git ignores it."""

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """A page of a browser, and where the service is.

    Attributes:
        page: the page.
        address: of the service.
    """

    page: Page
    address: str

    def at(self, place: str) -> None:
        """Open a view, and wait until it has what it asks for."""
        self.page.goto(f"{self.address}/#/{place}")
        self.settled()

    def settled(self) -> None:
        expect(self.page.locator("h1")).not_to_have_text("recsys console")
        expect(self.page.locator("[aria-busy]")).to_have_count(0)

    def items(self, label: str) -> list[str]:
        """Ids of a list's items, best first."""
        return self.listed(label).locator(":scope > li > .what .id").all_inner_texts()

    def listed(self, label: str) -> Locator:
        return self.page.get_by_role("list", name=label, exact=True)

    def found(self) -> Locator:
        """What a finder has found."""
        return self.page.get_by_role("listbox").locator("visible=true").get_by_role("option")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def agree(self, name: str) -> None:
        """Say yes in the dialog that asks whether one is sure."""
        self.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()

    def keep(self, name: str) -> None:
        """Pictures of the page, on a desk and on a phone, light and dark."""
        SHOTS.mkdir(exist_ok=True)
        for size, viewport in (("wide", WIDE), ("phone", PHONE)):
            self.page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.screenshot(path=SHOTS / f"{name}-{size}-{scheme}.png", full_page=True)
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="light")
