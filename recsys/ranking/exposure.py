"""No item in more than a share of all lists, though each list is made as if there were no other.

Let the lists of all users be those of the highest total value of which none holds an item in more than a share of the
lists. By duality (of a linear program; Bertsekas 1988, the auction algorithm) each user's list is then the user's own
best one after each item's value is lowered by a price, which is 0 for items in fewer lists. The prices are found
once, on the lists of known users: they begin at 0, and those of items in too many lists rise until none is. Then they
hold for one user as for a million. So it is the share among users like those that is limited; users whose candidates
and scores are all the same, as newcomers' are, no price can tell apart.
"""

import numpy as np

from recsys.ranking.prices import Prices
from recsys.ranking.rulebook import Rulebook
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.schema import DoubleArray, FloatArray


def limited(rules: Rulebook, found: Scored, vectors: FloatArray) -> Rulebook:
    """The same rules with prices at which no item is in more than `rules.exposure.share` of some users' lists.

    Pinned items pay nothing: the shop wants them seen.

    Args:
        rules: without prices.
        found: the users' candidates, at least one user's.
        vectors: float32 (n_items, d), unit rows.
    """
    config = rules.config.exposure
    exempt = np.isin(np.arange(len(vectors)), list(rules.pins.values()))

    def shares(price: DoubleArray) -> DoubleArray:
        lists = select(found, rules.priced(Prices(per_item=price, reached=0.0)), vectors, k=config.length)
        return np.bincount(lists.item_idx, minlength=len(price)) / len(lists)

    return rules.priced(Prices.found(shares, limit=config.share, rounds=config.rounds, exempt=exempt))
