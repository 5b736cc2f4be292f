"""What people come to the console for, done in a browser and compared with what the API says."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.serving.console.looking import Looking

pytestmark = pytest.mark.slow
USER = "u00003"


def listed(api: httpx.Client, **asked: object) -> list[str]:
    answer = api.post("/v1/preview", json={"k": 20} | asked)
    assert answer.status_code == 200, answer.text
    return [place["item_id"] for place in answer.json()["items"]]


def test_a_user_is_found_by_the_keyboard_alone(looking: Looking, api: httpx.Client) -> None:
    looking.at("customer")
    page = looking.page
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "combobox":
            break
    page.keyboard.type("u0000")
    expect(looking.found()).to_have_count(10)
    looking.keep("finding")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_text(USER)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/customer/{USER}$"))
    expect(page.get_by_role("main")).to_be_focused()
    looking.settled()
    expect(page.locator("#said")).to_have_text(f"45 events and a list of 20 items for {USER}.")
    assert looking.items("List, best first") == listed(api, user_id=USER)
    past = api.get(f"/v1/users/{USER}").json()["latest"]
    assert looking.items("History, the last event first") == [event["item_id"] for event in past]
    expect(page).to_have_title(f"Customer {USER} · recsys console")


def test_why_an_item_is_there(looking: Looking, api: httpx.Client) -> None:
    looking.at(f"customer/{USER}")
    place = api.post("/v1/preview", json={"user_id": USER, "k": 1, "explain": True}).json()["items"][0]
    told = place["explanation"]
    first = looking.listed("List, best first").locator("> li").first
    first.locator("summary").click()
    reasons = first.get_by_role("list", name="Reasons").locator("> li > span:first-child")
    assert reasons.all_inner_texts() == [reason["text"] for reason in told["reasons"]]
    assert first.locator(".tag code").all_inner_texts() == place["sources"]
    parts = first.locator(".parts")
    strongest = sorted(told["contributions"].items(), key=lambda pair: -abs(pair[1]))[:3]
    assert parts.locator("tbody th").all_inner_texts()[:3] == [name for name, _ in strongest]
    total = told["base"] + sum(told["contributions"].values())
    assert parts.locator("tfoot td").last.inner_text() == f"{total:.3f}".replace("-", "−")
    first.get_by_role("button", name="show it in the history").click()
    marked = looking.listed("History, the last event first").locator(".marked")
    assert set(marked.locator(".id").all_inner_texts()) == {told["because"]["item_id"]}
    expect(marked.first).to_be_focused()
    looking.keep("customer")


def test_titles_and_names_are_text_whatever_they_hold(looking: Looking, api: httpx.Client) -> None:
    evil = '<img src=x onerror="window.pwned=1;alert(1)"> red <script>window.pwned=2</script>'
    user = '"><svg onload=window.pwned=3> & ../#?%'
    assert api.put("/v1/items/evil%22%3E", json={"title": evil, "category": evil}).status_code == 200
    event = {"event_id": "e-evil", "user_id": user, "item_id": 'evil">', "event": "purchase"}
    at = api.post("/v1/preview", json={"history": []}).json()["as_of"]
    assert api.post("/v1/events", json={"events": [event | {"timestamp": at}]}).status_code == 200
    looking.at("customer")
    finder = looking.page.get_by_role("combobox", name="User")
    finder.fill(user)
    finder.press("Enter")
    looking.page.get_by_role("list", name="History, the last event first").wait_for()
    looking.settled()
    expect(looking.listed("History, the last event first").get_by_text(evil)).to_be_visible()
    looking.at("what-if/" + USER)
    item = looking.page.get_by_role("combobox", name="with an item")
    item.fill("onerror")
    expect(looking.found()).to_contain_text(evil)
    item.press("ArrowDown")
    item.press("Enter")
    expect(looking.listed("Events to try")).to_contain_text(evil)
    looking.settled()
    looking.keep("hostile")
    assert looking.page.evaluate("window.pwned") is None
    assert looking.page.locator("img[src=x], main script, main svg").count() == 0
    api.delete("/v1/items/evil%22%3E")


def test_an_event_that_has_not_happened(looking: Looking, api: httpx.Client) -> None:
    known = api.get(f"/v1/users/{USER}").json()
    looking.at(f"what-if/{USER}")
    looking.page.get_by_label("They do").select_option("purchase")
    item = looking.page.get_by_role("combobox", name="with an item")
    item.fill("i00020")
    expect(looking.found()).to_have_count(1)
    item.press("Enter")
    looking.listed("List after").wait_for()
    told = [
        {name: event.get(name) for name in ("item_id", "event", "timestamp")} for event in reversed(known["latest"])
    ]
    bought = [*told, {"item_id": "i00020", "event": "purchase"}]
    assert looking.items("List before") == listed(api, history=told, k=10)
    assert looking.items("List after") == listed(api, history=bought, k=10) != listed(api, history=told, k=10)
    assert looking.listed("List after").locator(".move.up, .move.down, .move.new").count() > 0
    looking.keep("event")
    assert api.get(f"/v1/users/{USER}").json() == known
    looking.page.get_by_role("button", name="Without purchase of").click()
    expect(looking.listed("List after")).to_have_count(0)


def test_an_item_that_is_being_written(looking: Looking, api: httpx.Client) -> None:
    looking.at(f"what-if/{USER}")
    before = api.get("/v1/bundle").json()
    looking.page.get_by_label("Title").press_sequentially("red hedge watering trowel")
    landing = looking.page.locator(".landing")
    item = {"title": "red hedge watering trowel"}
    landed = api.post("/v1/draft", json={"user_id": USER, "item": item}).json()["landing"]
    expect(landing).to_have_text(f"It lands at place {landed['place']['rank']} of {landed['proposed']}.")
    looking.settled()
    looking.keep("draft")
    looking.page.get_by_label("Price").fill("-1")
    expect(looking.page.get_by_role("alert")).to_contain_text("item.price")
    looking.page.get_by_label("Price").fill("4.5")
    expect(looking.page.locator(".near > li")).to_have_count(len(landed["similar"]))
    assert api.get("/v1/items", params={"q": "draft"}).json()["items"] == []
    assert api.get("/v1/bundle").json() == before
