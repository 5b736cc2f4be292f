"""Everybody can use the console: by keyboard, by ear, on a phone, in the dark, without motion."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.serving.console.looking import PHONE, WIDE, Looking

pytestmark = pytest.mark.slow
USER = "u00003"
VIEWS = ("customer", f"customer/{USER}", f"what-if/{USER}", f"compare/{USER}", "experiment", "service")


OUTSIDE = """() => {
    const width = document.documentElement.clientWidth;
    const reaches = each => each.getBoundingClientRect().right > width + 0.5 && !each.closest('.scroll table');
    const wide = document.documentElement.scrollWidth > width ? ['the page'] : [];
    return [...wide, ...[...document.querySelectorAll('body *')].filter(reaches).map(each => each.outerHTML)];
}"""
"""What reaches beyond the page's edge, but for tables that scroll in a box of their own."""


def serious(looking: Looking) -> list[tuple[str, list[str]]]:
    """What axe-core finds that is serious or worse, and where."""
    found = Axe().run(looking.page).response["violations"]
    return [
        (each["id"], [str(node["target"]) for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


def unfold(looking: Looking) -> None:
    """Open the first explanation, if the view has one."""
    why = looking.page.locator(".ranked summary").first
    if why.count():
        why.click()
        looking.page.locator(".why").first.wait_for()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(looking: Looking, view: str, size: dict) -> None:
    looking.page.set_viewport_size(size)
    looking.at(view)
    unfold(looking)
    for scheme in ("light", "dark"):
        looking.page.emulate_media(color_scheme=scheme)
        assert serious(looking) == [], scheme
    assert looking.page.evaluate(OUTSIDE) == []


def test_axe_finds_nothing_serious_in_a_dialog_and_an_open_list(looking: Looking) -> None:
    looking.at("customer")
    looking.page.get_by_role("combobox", name="User").fill("u")
    looking.found().first.wait_for()
    looking.page.keyboard.press("ArrowDown")
    assert serious(looking) == []
    looking.press("Key")
    assert serious(looking) == []


def test_axe_is_asked(looking: Looking) -> None:
    looking.at("customer")
    looking.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [name for name, _ in serious(looking)] == ["button-name"]


def test_what_has_the_focus_is_seen(looking: Looking) -> None:
    looking.at(f"customer/{USER}")
    page = looking.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(looking.listed("List, best first")).to_be_visible()
    seen = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(seen) == "solid"


def test_who_wants_no_motion_gets_none(looking: Looking) -> None:
    looking.page.emulate_media(reduced_motion="reduce")
    looking.at(f"customer/{USER}")
    moving = """[...document.querySelectorAll('*')].filter(each => {
        const style = getComputedStyle(each);
        return style.transitionDuration !== '0s' || style.animationName !== 'none' || style.scrollBehavior !== 'auto';
    }).map(each => each.tagName)"""
    assert looking.page.evaluate(moving) == []
    looking.page.evaluate("document.querySelector('.result').setAttribute('aria-busy', 'true')")
    assert looking.page.evaluate(moving) == []
    looking.page.emulate_media(reduced_motion="no-preference")
    assert looking.page.evaluate(moving) != []
