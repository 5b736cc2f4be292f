"""The figures of lists in bulk are of one bundle, engine and primitives over the same users."""

import json
import sys

from tests.bench import batch


def test_figures_of_a_small_bundle(bundle_root, monkeypatch, capsys):
    given = ["batch", "--bundle", str(bundle_root / "current"), "--users", "40"]
    monkeypatch.setattr(sys, "argv", given)
    monkeypatch.setattr(batch.partitions, "USERS", 15)
    batch.main()
    figures = json.loads(capsys.readouterr().out)
    assert (figures["users"], figures["items"]) == (40, 48)
    assert figures["engine / primitives"] > 0
    each = sum(1 / figures[f"{name} users/s"] for name in ("search", "trees", "write"))
    assert abs(each * figures["primitives users/s"] - 1) < 0.01


def test_the_primitives_are_of_what_the_lists_are_made_from(bundle_root):
    maker = batch.ListMaker.load(batch.Wanted(bundle=bundle_root / "current", k=5))
    one = batch.share(maker, maker.bundle.users.ids[:7])
    found = maker.bundle.recommender.proposed(maker.bundle.histories(one.users), as_of=maker.bundle.end)
    assert sum(len(rows.values) for rows in one.rows) == sum(len(block.item_idx) for block in found)
    assert one.vectors.shape == (7, 16)
