"""What those who run the service come to the console for."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.serving.conftest import eventually
from tests.serving.console.conftest import watch
from tests.serving.console.findings import interleaved, judged, read_out
from tests.serving.console.looking import Looking

pytestmark = pytest.mark.slow
USER = "u00003"


def arms(api: httpx.Client) -> dict | None:
    return api.get("/v1/experiment").json()["experiment"]


def test_two_bundles_side_by_side(looking: Looking, api: httpx.Client) -> None:
    looking.at(f"compare/{USER}")
    looking.press("Load it")
    expect(looking.page.get_by_role("dialog")).to_contain_text("Nobody's list changes")
    looking.agree("Cancel")
    assert arms(api) is None
    looking.press("Load it")
    looking.agree("Load it")
    looking.page.get_by_label("Right", exact=True).wait_for()
    looking.page.get_by_label("Right", exact=True).select_option("candidate")
    looking.listed("List of candidate").wait_for()
    looking.settled()
    lists = [looking.items(f"List of {arm}") for arm in ("default", "candidate")]
    for arm, found in zip(("default", "candidate"), lists, strict=True):
        answer = api.post("/v1/preview", json={"user_id": USER, "k": 20, "arm": arm}).json()
        assert [place["item_id"] for place in answer["items"]] == found
    assert lists[0] != lists[1]
    common = len(set(lists[0]) & set(lists[1]))
    expect(looking.page.locator(".landing")).to_contain_text(f"{common} of 20 items")
    looking.keep("compare")
    looking.press("Unload it")
    looking.page.get_by_role("button", name="Load it").wait_for()
    assert arms(api) is None


def test_an_experiment_is_run_and_ended(looking: Looking, api: httpx.Client) -> None:
    looking.at("experiment")
    page = looking.page
    page.get_by_label("Name").first.fill("june")
    page.get_by_label("Share, %").nth(1).fill("60")
    page.get_by_label("Policy").nth(1).select_option("plackett_luce")
    page.get_by_label("Bundle").nth(1).select_option(index=1)
    page.get_by_role("button", name="Run it").click()
    looking.agree("Run it")
    expect(page.get_by_role("alert")).to_contain_text("expected shares of arms that sum to 1, got 1.1")
    looking.keep("plan")
    page.get_by_label("Share, %").nth(1).fill("50")
    page.get_by_role("button", name="Run it").click()
    looking.agree("Run it")
    page.get_by_role("heading", name="june runs").wait_for()
    running = arms(api)
    assert running is not None
    assert [(arm["name"], arm["share"], arm["policy"]["kind"]) for arm in running["arms"]] == [
        ("control", 0.5, "deterministic"),
        ("candidate", 0.5, "plackett_luce"),
    ]
    expect(page.get_by_role("table", name="Arms")).to_contain_text("plackett_luce, temperature 0.1")
    looking.keep("experiment")
    looking.press("End it")
    looking.agree("End it")
    page.get_by_role("heading", name="None runs").wait_for()
    assert arms(api) is None


def test_what_an_experiment_has_shown_with_intervals_and_refusals(looking: Looking) -> None:
    looking.at("experiment")
    page, found = looking.page, judged()
    opened(looking, found.to_json())
    good, far = (page.get_by_role("article").filter(has=page.get_by_role("heading", name=n)) for n in ("good", "far"))
    against = found.policies["good"].against
    assert against is not None
    expect(good).to_contain_text(against.verdict.sentence)
    mean, low, high = (f"{x * 100:.1f} %" for x in (against.relative.mean, against.relative.low, against.relative.high))
    expect(good).to_contain_text(f"+{mean} [+{low}, +{high}]")
    assert good.locator(".reach").count() == 1
    expect(far).to_contain_text("cannot be answered")
    whys = far.get_by_role("list", name="Refused").get_by_role("listitem")
    assert whys.all_inner_texts() == [str(each) for each in found.policies["far"].reasons]
    assert far.locator(".interval").count() == 0, "no figure where there is none"
    looking.keep("readout")


def test_what_arms_have_shown_and_a_file_of_something_else(looking: Looking) -> None:
    looking.at("experiment")
    page, two = looking.page, read_out(arms=2)
    opened(looking, two.to_json().encode())
    (contrast,) = two.contrasts
    expect(page.get_by_role("article")).to_contain_text(contrast.gap.verdict.sentence)
    assert page.get_by_role("article").locator(".reach").count() == 1
    arms = page.get_by_role("table", name="What users of each arm earned").locator("tbody th")
    assert arms.all_inner_texts() == [arm.name for arm in two.arms]
    looking.keep("arms")
    opened(looking, b'{"experiment": %s, "interleaved": %s}' % (two.to_json().encode(), interleaved().encode()))
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("article").last).to_contain_text("Above 0 the first is preferred")
    few = read_out(arms=40)
    opened(looking, few.to_json().encode())
    refused = page.get_by_role("list", name="Refused").get_by_role("listitem")
    expect(refused).to_have_text([str(each) for each in few.refused])
    for other in (b"[1", b"{}", b"null", b'{"card": {}, "policies": 3}'):
        opened(looking, other)
        expect(page.get_by_role("alert")).to_contain_text("This is no file of `recsys ab`")


def opened(looking: Looking, content: bytes) -> None:
    """Open a file of this content."""
    file = {"name": "ab.json", "mimeType": "application/json", "buffer": content}
    looking.page.get_by_label("A file of recsys ab").set_input_files(file)


def test_health_latency_and_drift(looking: Looking, api: httpx.Client) -> None:
    for n in range(210):
        assert api.post("/v1/recommend", json={"user_id": f"u{n % 60:05d}", "k": 5}).status_code == 200
    assert eventually(lambda: "recsys_drift_psi{" in api.get("/metrics").text)
    looking.at("service")
    info = api.get("/v1/bundle").json()
    expect(looking.page.locator("#state")).to_have_text(f"Ready, bundle {info['bundle'][:8]}")
    expect(looking.page.get_by_role("region", name="Health")).to_contain_text(info["bundle"][:8])
    row = looking.page.get_by_role("row").filter(has_text="POST /v1/recommend").filter(has_text="2xx")
    assert int(row.get_by_role("cell").nth(1).inner_text()) >= 210
    assert re.fullmatch(r"[\d.]+ m?s", row.get_by_role("cell").nth(2).inner_text())
    moved = looking.page.get_by_role("table", name="The columns that have moved most").locator("tbody tr")
    told = re.findall(r'^recsys_drift_psi{column="(\w+)"} (\S+)$', api.get("/metrics").text, re.MULTILINE)
    largest = max(told, key=lambda pair: float(pair[1]))
    expect(moved.first).to_contain_text(f"{float(largest[1]):.3f}")
    assert moved.count() == 12
    expect(looking.page.get_by_text(f"{len(told) - 12} others, none above")).to_be_visible()
    looking.keep("service")


def test_another_bundle_is_served_and_the_way_back(looking: Looking, api: httpx.Client) -> None:
    before = api.get("/v1/bundle").json()["bundle"]
    looking.at("service")
    for _ in range(2):
        now = api.get("/v1/bundle").json()["bundle"]
        looking.press("Serve it")
        looking.agree("Serve it")
        expect(looking.page.get_by_role("region", name="Health")).not_to_contain_text(now[:8])
        looking.settled()
        assert api.get("/v1/bundle").json()["bundle"] != now
    assert api.get("/v1/bundle").json()["bundle"] == before


def test_a_key_is_asked_for_and_stays_in_the_tab(browser: Browser, guarded: str, keys: dict[str, str]) -> None:
    context = browser.new_context()
    page = context.new_page()
    faults = watch(page)
    looking = Looking(page=page, address=guarded)
    page.goto(f"{guarded}/#/customer/{USER}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Expected Authorization: Bearer KEY, got no key")
    looking.keep("key")
    dialog.get_by_label("Key").fill("recsys_wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("a key that is none of this service's")
    dialog.get_by_label("Key").fill(keys["read"])
    page.keyboard.press("Enter")
    looking.listed("List, best first").wait_for()
    page.get_by_role("combobox", name="User").fill("u")
    expect(page.get_by_role("main")).to_contain_text("needs a key whose role is admin; type the whole id")
    looking.at("service")
    looking.press("Serve it")
    looking.agree("Serve it")
    expect(page.get_by_role("alert")).to_contain_text("needs a key whose role is admin, this one's is read")
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    assert keys["read"] not in page.content()
    looking.press("Key: set")
    dialog.get_by_role("button", name="Forget the key").click()
    expect(dialog).to_contain_text("got no key")
    assert page.evaluate("sessionStorage.length") == 0
    context.close()
    assert faults == []


def test_a_service_that_does_not_answer(looking: Looking) -> None:
    looking.at(f"customer/{USER}")

    def cut(route: Route) -> None:
        route.abort()

    looking.page.route("**/v1/**", cut)
    looking.page.reload()
    expect(looking.page.get_by_role("alert")).to_contain_text("The service does not answer; look whether it runs")
    looking.keep("silent")
    looking.page.unroute("**/v1/**", cut)
    looking.press("Try again")
    looking.listed("List, best first").wait_for()
