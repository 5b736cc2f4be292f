"""Machines and hours for a shop of any size, from costs measured on one core: python -m tests.bench.sizing.

The costs stand in COSTS; where each was measured, deploy/SIZING.md tells. Everything else is multiplication. Prints the
tables of that page, and a test compares them with it, so that neither can drift from the other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "deploy" / "SIZING.md"
HOUR, DAY, GB = 3600, 86_400, 1e9
SHARD_USERS, NIGHT, PEAK, USED = 1e6, 6.0, 3.0, 0.5
"""Users whose histories one bundle holds; hours of a night; how many times a day's mean rate its busiest hour has; the
share of a server's cores that answers may take, so that queues stay short."""
SIMILAR = 200_000
"""`RetrievalConfig.similar_max_items`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds are of one core.

    Attributes:
        text_seconds: that the served encoder takes for a text.
        token_seconds: of finetuning, a token.
        index_item_seconds: of an index of lists, an item.
        alike_item_seconds: of neighbours by text, an item that has some.
        fit_event_seconds: of the behavioural models, an event.
        list_seconds: of a list, whatever the catalogue.
        list_item_seconds: of a list, for each item of the catalogue.
        answer_seconds: of a request beyond its list.
        event_seconds: of an event that is posted.
        process_bytes: of a process with nothing in it, that makes lists or serves.
        item_bytes, user_bytes, event_bytes: what each adds to it.
        stored_bytes: of a bundle with nothing in it but two full matrices of EASE, on disk.
        stored_item_bytes, stored_user_bytes, stored_event_bytes: what each adds to it.
    """

    text_seconds: float
    token_seconds: float
    index_item_seconds: float
    alike_item_seconds: float
    fit_event_seconds: float
    list_seconds: float
    list_item_seconds: float
    answer_seconds: float
    event_seconds: float
    process_bytes: float
    item_bytes: float
    user_bytes: float
    event_bytes: float
    stored_bytes: float
    stored_item_bytes: float
    stored_user_bytes: float
    stored_event_bytes: float


COSTS = Costs(
    text_seconds=1 / 443,
    token_seconds=1 / 3884,
    index_item_seconds=46e-6,
    alike_item_seconds=0.66e-3,
    fit_event_seconds=50e-6,
    list_seconds=3.9e-3,
    list_item_seconds=21e-9,
    answer_seconds=1e-3,
    event_seconds=0.08e-3,
    process_bytes=0.4e9,
    item_bytes=1800,
    user_bytes=180,
    event_bytes=200,
    stored_bytes=0.3e9,
    stored_item_bytes=1240,
    stored_user_bytes=30,
    stored_event_bytes=165,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What is to be done.

    Attributes:
        name: of the shop.
        users: who get a list in a night.
        items: in the catalogue.
        history: events of a user that are kept.
        events: posted in a day.
        answers: asked for in a day.
        changed: share of the texts that are new each day.
        tokens: that a night's finetuning reads.
    """

    name: str
    users: float
    items: float
    history: float
    events: float
    answers: float
    changed: float = 0.01
    tokens: float = 20e6


SHOPS = (
    Shop(name="1M users × 1M items", users=1e6, items=1e6, history=4, events=1e6, answers=5e6),
    Shop(name="100M users × 10M items", users=1e8, items=1e7, history=20, events=1e8, answers=5e8),
    Shop(name="1B events a day", users=1e8, items=1e7, history=100, events=1e9, answers=1e9),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Core-hours of each part of a first day and of every night, and what stands by."""

    all_texts: float
    new_texts: float
    finetuning: float
    index: float
    models: float
    lists: float
    bundles: int
    process_gb: float
    bundle_gb: float
    serving_cores: float

    @property
    def night(self) -> float:
        """Core-hours of a night."""
        return self.new_texts + self.finetuning + self.index + self.models + self.lists

    @property
    def night_cores(self) -> int:
        """So that a night's work ends in NIGHT hours."""
        return math.ceil(self.night / NIGHT)


def need(shop: Shop, costs: Costs = COSTS) -> Need:
    """A shop's users are cut into bundles of SHARD_USERS, with all items, their index and models of these users."""
    bundles, held = math.ceil(shop.users / SHARD_USERS), min(shop.users, SHARD_USERS)
    alike = min(shop.items, SIMILAR) * costs.alike_item_seconds
    busy = PEAK / DAY / USED
    answer = costs.answer_seconds + list_seconds(shop.items, costs)
    return Need(
        all_texts=shop.items * costs.text_seconds / HOUR,
        new_texts=shop.items * shop.changed * costs.text_seconds / HOUR,
        finetuning=shop.tokens * costs.token_seconds / HOUR,
        index=bundles * (shop.items * costs.index_item_seconds + alike) / HOUR,
        models=shop.users * shop.history * costs.fit_event_seconds / HOUR,
        lists=shop.users * list_seconds(shop.items, costs) / HOUR,
        bundles=bundles,
        process_gb=process_bytes(held, shop.items, shop.history, costs) / GB,
        bundle_gb=bundle_bytes(held, shop.items, shop.history, costs) / GB,
        serving_cores=busy * (shop.answers * answer + shop.events * costs.event_seconds),
    )


def list_seconds(items: float, costs: Costs = COSTS) -> float:
    """Of one user: what no catalogue's size changes, and the passes over all items."""
    return costs.list_seconds + items * costs.list_item_seconds


def process_bytes(users: float, items: float, history: float, costs: Costs = COSTS) -> float:
    """Of a process that makes lists or serves."""
    return costs.process_bytes + items * costs.item_bytes + users * (costs.user_bytes + history * costs.event_bytes)


def bundle_bytes(users: float, items: float, history: float, costs: Costs = COSTS) -> float:
    """On disk."""
    events = users * history
    parts = costs.stored_bytes, items * costs.stored_item_bytes, users * costs.stored_user_bytes
    return sum(parts) + events * costs.stored_event_bytes


_ROWS: tuple[tuple[str, Callable[[Need], float]], ...] = (
    ("all texts, once, core-hours", lambda need: need.all_texts),
    ("new texts, core-hours", lambda need: need.new_texts),
    ("finetuning, core-hours", lambda need: need.finetuning),
    ("index and neighbours by text, core-hours", lambda need: need.index),
    ("behavioural models, core-hours", lambda need: need.models),
    ("lists, core-hours", lambda need: need.lists),
    (f"cores for a night of {NIGHT:g} hours", lambda need: need.night_cores),
    (f"bundles of {SHARD_USERS / 1e6:g}M users", lambda need: need.bundles),
    ("a process, GB", lambda need: need.process_gb),
    ("a bundle on disk, GB", lambda need: need.bundle_gb),
    ("cores that serve", lambda need: need.serving_cores),
)


def table() -> str:
    """Of all SHOPS, as Markdown."""
    needs = [need(shop) for shop in SHOPS]
    head = ["", *(shop.name for shop in SHOPS)]
    rows = [head, ["---"] * len(head)]
    rows += [[name, *(figure(value(each)) for each in needs)] for name, value in _ROWS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def costs_table() -> str:
    """COSTS, as Markdown."""
    per = {name: getattr(COSTS, name) for name in Costs.__dataclass_fields__}
    rows = [["cost", "value"], ["---", "---"]]
    for name, value in per.items():
        rows.append([f"`{name}`", f"{figure(value)} B" if name.endswith("bytes") else seconds(value)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def seconds(value: float) -> str:
    """In a unit in which it is 1 or more, if there is one."""
    unit, scale = next((each for each in (("ms", 1e3), ("µs", 1e6)) if value * each[1] >= 0.1), ("ns", 1e9))
    return f"{figure(value * scale)} {unit}"


def figure(value: float) -> str:
    """Two digits that count, thousands apart."""
    if value == 0:
        return "0"
    rounded = round(value, 1 - math.floor(math.log10(abs(value))))
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def main() -> None:
    print(costs_table(), table(), sep="\n\n")


if __name__ == "__main__":
    main()
