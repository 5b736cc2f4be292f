"""Items whose texts are alike."""

import numpy as np

from recsys.ranking.rules import available
from recsys.schema import moment
from serving.item_schemas import Similar, SimilarItem
from serving.service import Service


def similar(service: Service, item_id: str, k: int) -> Similar | None:
    """At most k items that can be recommended now, nearest first; None where no such item is on the shelves."""
    bundle, as_of = service.bundle, service.clock(service.bundle.end)
    item = bundle.catalog.vocabulary.index.get(item_id)
    if item is None or item_id in service.shelves.gone:
        return None
    allowed = np.ones(len(bundle.catalog), np.bool_)
    for mask in (available(bundle.catalog, as_of=as_of), service.shelves.allowed(None)):
        if mask is not None:
            allowed &= mask
    allowed[item] = False
    retriever = bundle.recommender.retriever
    hits = retriever.index.search(retriever.vectors[item][None], k, allowed=allowed)
    near = hits.score[0] > 0
    ids = bundle.catalog.vocabulary.ids
    return Similar(
        item_id=item_id,
        as_of=moment(as_of),
        bundle=bundle.digest,
        items=[
            SimilarItem(item_id=ids[other], rank=rank, score=score)
            for rank, (other, score) in enumerate(
                zip(hits.item_idx[0, near].tolist(), hits.score[0, near].tolist(), strict=True), 1
            )
        ],
    )
