"""The settings file to begin with says what the defaults are, and a draft of the mapping reads the shop."""

import re
from pathlib import Path

import pytest

from pipelines.draft import draft
from recsys import settings
from recsys.data.formats import read_directory
from recsys.data.quality import sift
from recsys.errors import SchemaError, UsageError

ORDERS = "customer,sku,name,date\nu1,a,红茶,2024-01-01T10:00Z\nu2,b,绿茶,2024-01-01T11:00Z\n"


def test_as_written_it_changes_nothing(tmp_path: Path) -> None:
    draft(None, tmp_path / "shop.toml")
    assert settings.load(tmp_path / "shop.toml") == settings.Settings()


def test_what_is_commented_out_is_every_default(tmp_path: Path) -> None:
    draft(None, tmp_path / "shop.toml")
    text = (tmp_path / "shop.toml").read_text()
    lines = [line.removeprefix("# ") for line in text.splitlines()[2:]]
    taken = "\n".join(line for line in lines if not line.startswith("##"))
    (tmp_path / "all.toml").write_text(taken)
    assert settings.load(tmp_path / "all.toml") == settings.Settings()
    assert "half_lives = [7.0, 30.0, 120.0]" in taken
    assert "# ## Half-lives of decayed counters in days, shortest first." in text
    changed = re.sub(r"^seed = 0$", "seed = 7", taken, count=1, flags=re.MULTILINE)
    (tmp_path / "all.toml").write_text(changed)
    assert settings.load(tmp_path / "all.toml") != settings.Settings()


def test_one_table_of_orders_is_mapped_to_both(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.csv").write_text(ORDERS)
    draft(tmp_path / "data", tmp_path / "shop.toml")
    mapping = settings.load(tmp_path / "shop.toml").data.mapping
    log = sift(read_directory(tmp_path / "data", mapping))
    assert log.rejects.is_empty()
    assert log.items.select("item_id", "title").rows() == [("a", "红茶"), ("b", "绿茶")]
    assert log.events.select("user_id", "item_id", "event").rows() == [("u1", "a", "purchase"), ("u2", "b", "purchase")]


def test_a_setting_taken_in_stands_in_its_own_section_beside_a_draft(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.csv").write_text(ORDERS)
    draft(tmp_path / "data", tmp_path / "shop.toml")
    text = (tmp_path / "shop.toml").read_text()
    for line in ("seed = 0", 'target = "all"', "text_chars = 600"):
        text = text.replace(f"\n# {line}\n", f"\n{line.replace('0', '5').replace('all', 'new')}\n", 1)
    (tmp_path / "shop.toml").write_text(text)
    got = settings.load(tmp_path / "shop.toml")
    assert (got.seed, got.task.target, got.data.text_chars, got.data.mapping.event) == (5, "new", 655, "purchase")


def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "items.csv").write_text("nr,title\na,Tea\n")
    (tmp_path / "data" / "events.csv").write_text("who,nr,event,timestamp\nu,a,click,2024-01-01T10:00Z\n")
    draft(tmp_path / "data", tmp_path / "shop.toml")
    text = (tmp_path / "shop.toml").read_text()
    assert "# items.item_id is missing; the columns of items are nr, title" in text
    assert "# events.user_id is missing; the columns of events are who, nr, event, timestamp" in text
    assert '# items = {item_id = "?", title = "?"}' in text
    assert '# events = {user_id = "?", item_id = "?"}' in text


def test_how_a_table_is_written_is_drafted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    orders = ORDERS + "".join(f"u{n},a,红茶,2024-01-02T10:{n}Z\n" for n in range(10, 30))
    (tmp_path / "data" / "orders.csv").write_bytes(orders.replace(",", ";").replace("茶", "色的茶壶").encode("gb18030"))
    draft(tmp_path / "data", tmp_path / "shop.toml")
    mapping = settings.load(tmp_path / "shop.toml").data.mapping
    assert mapping.separator == ";"
    titles = sift(read_directory(tmp_path / "data", mapping)).items["title"].to_list()
    assert titles == ["红色的茶壶", "绿色的茶壶"]


def test_errors_name_the_cure(tmp_path: Path) -> None:
    out = tmp_path / "shop.toml"
    with pytest.raises(SchemaError, match=r"Expected --data as a directory with a shop's tables, found nothing at"):
        draft(tmp_path / "none", out)
    (tmp_path / "data").mkdir()
    with pytest.raises(SchemaError, match=r"Expected items and events, or one table of both, as \.parquet"):
        draft(tmp_path / "data", out)
    assert not out.exists()
    with pytest.raises(UsageError, match=r"Cannot write .*: No such file or directory; choose another --out"):
        draft(None, tmp_path / "no" / "shop.toml")
    out.write_text("mine")
    with pytest.raises(UsageError, match=r"Expected --out as a new file, .* exists; choose another"):
        draft(None, out)
    assert out.read_text() == "mine"
