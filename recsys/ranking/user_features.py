"""What the ranker knows of a user."""

from recsys.ranking import kernels
from recsys.ranking.features import Family, Feature
from recsys.ranking.pairs import Pairs
from recsys.schema import FloatArray

USER_FEATURES = (
    # positive events
    Feature(name="user_takes", scope="user", group="activity"),
    # their decayed weight, logarithm
    *(Feature(name=f"user_recent_{h}", scope="user", group="activity") for h in range(3)),
    # items taken
    Feature(name="user_items", scope="user", group="activity"),
    # 1 less the share of takes that are the first of an item
    Feature(name="user_repeats", scope="user", group="again"),
    # distinct instants of takes
    Feature(name="user_visits", scope="user", group="activity"),
    # takes a visit
    Feature(name="user_basket", scope="user", group="activity"),
    # of the events that take an item or turn it down, the share that take it
    Feature(name="user_liked", scope="user", group="activity"),
    # days since the last take
    Feature(name="user_idle", scope="user", group="activity"),
    # days since the first
    Feature(name="user_tenure", scope="user", group="activity"),
    # mean days between two visits
    Feature(name="user_gap", scope="user", group="activity"),
    # user_idle in parts of it
    Feature(name="user_due", scope="user", group="activity"),
    # mean price of the takes that have one
    Feature(name="user_price", scope="user", group="price"),
    # mean logarithm of 1 + the takers of the items taken
    Feature(name="user_popular", scope="user", group="popular"),
)


def fill(pairs: Pairs, out: FloatArray) -> None:
    """Every column, float32 (15, m)."""
    kernels.widen(pairs.users, pairs.candidates.indptr, out)


USERS = Family(features=USER_FEATURES, fill=fill)
