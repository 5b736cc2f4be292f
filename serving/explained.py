"""Why an item has its score, in the shape that crosses the door."""

from recsys.data.catalog import Catalog
from recsys.ranking import explanation as ranking
from serving.filters import Shelves
from serving.schemas import Because, Explanation, Reason


def explained(why: ranking.Explanation, catalog: Catalog, shelves: Shelves) -> Explanation:
    """The same, naming no item that is gone."""
    item, items = why.because, catalog.items
    return Explanation(
        base=why.base,
        contributions=dict(why.contributions),
        reasons=[Reason(group=r.group, text=r.text, share=r.share) for r in why.reasons],
        because=None
        if item is None or not shelves.there[item]
        else Because(item_id=items["item_id"][item], title=items["title"][item]),
    )
