"""The console's files: these and no others, with what keeps a browser from more than they need."""

import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from serving import page

TEXT = {name: (page.FOLDER / name).read_text() for name in page.FILES}


def path_of(name: str) -> str:
    return "/" if name == "index.html" else f"/console/{name}"


def test_the_files_are_those_of_the_folder() -> None:
    assert sorted(page.FILES) == sorted(each.name for each in page.FOLDER.iterdir())


@pytest.mark.parametrize("name", page.FILES)
def test_each_file_is_sent_as_it_is(client: TestClient, name: str) -> None:
    got = client.get(path_of(name))
    assert (got.status_code, got.content) == (200, (page.FOLDER / name).read_bytes())
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert got.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert got.headers["content-security-policy"] == page.POLICY
    assert got.headers["cache-control"] == "no-cache"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["referrer-policy"] == "no-referrer"


def test_a_browser_that_has_it_is_sent_nothing(client: TestClient) -> None:
    tag = client.get("/").headers["etag"]
    assert client.get("/console/main.js").headers["etag"] != tag
    for known in (tag, f'"other", {tag}', f"W/{tag}"):
        again = client.get("/", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["content-security-policy"] == page.POLICY
    assert client.get("/", headers={"if-none-match": '"other"'}).status_code == 200


def test_head_tells_of_the_page_without_it(client: TestClient) -> None:
    head = client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == client.get("/").headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/console/../page.py",
        "/console/..%2fpage.py",
        "/console/%2e%2e%2fpage.py",
        "/console/%2e%2e/page.py",
        "/console//etc/passwd",
        "/console/%2fetc%2fpasswd",
        "/console/..%5cpage.py",
        "/console/page.py",
        "/console/main.js%00",
        "/console/main.js/",
        "/console/Main.js",
        "/console/",
        "/console",
        "/index.html",
        "//",
    ],
)
def test_nothing_else_is_there(client: TestClient, path: str) -> None:
    got = client.get(f"http://testserver{path}")
    assert got.status_code == 404
    assert got.headers["content-type"] == "application/problem+json"


def test_a_page_is_asked_for_not_sent(client: TestClient) -> None:
    assert client.put("/", json={}).status_code == 405
    assert client.put("/", json={}).headers["allow"] == "GET, HEAD"


class Parser(HTMLParser):
    """What a page's elements have."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs]


def test_the_page_refers_to_its_files_and_nothing_else_and_holds_no_script_or_style() -> None:
    parser = Parser()
    parser.feed(TEXT["index.html"])
    used = {value for _, name, value in parser.found if name in {"src", "href"} and not value.startswith("#")}
    assert used == {"console/icon.svg", "console/console.css", "console/main.js"}
    assert [name for _, name, _ in parser.found if name == "style" or name.startswith("on")] == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style", TEXT["index.html"]) == []


def test_each_module_is_reached_and_there() -> None:
    imported = {name: set(re.findall(r'from "\./([\w-]+\.js)"', text)) for name, text in TEXT.items()}
    reached, waiting = set(), {"main.js"}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= imported[name] - reached
    assert reached == {name for name in page.FILES if name.endswith(".js")}


@pytest.mark.parametrize("name", page.FILES)
def test_no_file_makes_markup_of_text_or_asks_anybody_else(name: str) -> None:
    text = TEXT[name].replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser"):
        assert word not in text
    assert "//" not in re.sub(r"(^|\s)//[^\n]*", "", text), "an address of another place"
    assert not re.search(r"@import|url\(", text)
