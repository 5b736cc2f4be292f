"""The words for what the ranker looks at: groups of features, and where an item came up."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

Group: TypeAlias = Literal[
    "again", "together", "peers", "text", "words", "kind", "popular", "price", "activity", "agreement"
]
"""What a feature is about; every feature belongs to one."""

GROUPS: Mapping[Group, str] = {
    "again": "What you take again and again",
    "together": "How it goes with what you took",
    "peers": "What people with a history like yours take",
    "text": "How it reads beside what you took",
    "words": "Which words it shares with what you took",
    "kind": "How often you take its category and brand",
    "popular": "How popular and how new it is",
    "price": "Its price",
    "activity": "How much and how often you take things",
    "agreement": "In how many ways it came up",
}
"""Group → what it is about. The order breaks ties."""

LINKED: Mapping[Group, str] = {
    "again": "Because you {did} it before.",
    "together": "Because you {did} “{title}”: the two often go together.",
    "peers": "Because you {did} “{title}”: others who took it took this too.",
    "text": "Because you {did} “{title}”: the two read alike.",
    "words": "Because you {did} “{title}”: their texts share words.",
}
"""Group → the sentence where one item of the history stands for it."""

OF_THE_USER: frozenset[Group] = frozenset({"again", "together", "peers", "text", "words", "kind", "activity"})
"""Groups that speak of what the user took."""

DID: Mapping[str, str] = {
    "impression": "saw",
    "view": "viewed",
    "click": "looked at",
    "share": "shared",
    "comment": "commented on",
    "like": "liked",
    "cart": "picked",
    "purchase": "bought",
    "play": "played",
    "rating": "liked",
    "dislike": "turned down",
    "return": "sent back",
}
"""Event role → what the user did; by default the last two are no positives and explain nothing."""

SOURCE_GROUPS: Mapping[str, Group] = {
    "cosine": "together",
    "cosine_fresh": "together",
    "basket": "together",
    "disliked": "together",
    "near": "together",
    "peers": "peers",
    "ease": "together",
    "ease_recent": "together",
    "ease_fresh": "together",
    "als": "peers",
    "popular": "popular",
    "own": "again",
    "text_neighbours": "text",
    "lexical": "words",
    "text": "text",
}
"""Source of candidates → the group of its features."""

CAME_UP: Mapping[str, str] = {
    "cosine": "what is taken together with your items",
    "cosine_fresh": "what is taken together with your items of late",
    "basket": "what goes with your last basket",
    "disliked": "what is taken together with things you turned down",
    "near": "what people meet next to your last items",
    "peers": "what people with a history like yours took",
    "ease": "what goes with all you took",
    "ease_recent": "what goes with what you took lately",
    "ease_fresh": "what goes these days with what you took lately",
    "als": "what suits your taste",
    "popular": "what is most taken of late",
    "own": "what you had before",
    "text_neighbours": "what reads like your items",
    "lexical": "what shares words with your items",
    "text": "what reads like your taste",
}
"""Source of candidates → what it proposes."""


def sentence(group: Group, *, did: str, title: str) -> str:
    """Why a group of `LINKED` speaks for an item, an item of the history standing for it.

    >>> sentence("text", did="bought", title="Red mug")
    'Because you bought “Red mug”: the two read alike.'
    """
    return LINKED[group].format(did=did, title=title)


def plain(group: Group) -> str:
    """The same where no single item of the history does.

    >>> plain("price")
    'Its price speaks for it.'
    """
    return f"{GROUPS[group]} speaks for it."


def newcomer(group: Group) -> str:
    """The same for a user who has taken nothing.

    >>> newcomer("text")
    'That you have taken nothing yet speaks for it.'
    """
    return "That you have taken nothing yet speaks for it." if group in OF_THE_USER else plain(group)


def came_up(source: str) -> str:
    """Which source brought an item.

    >>> came_up("popular")
    'It came up among what is most taken of late.'
    """
    return f"It came up among {CAME_UP[source]}."
