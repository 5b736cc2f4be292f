"""The figures of lists in bulk are of one bundle, engine and primitives over the same users."""

import json
import sys

import numpy as np

from recsys.bundle import Bundle
from tests.bench import batch
from tests.bench.crowd import crowd


def test_figures_of_a_small_bundle(bundle_root, monkeypatch, capsys):
    given = ["batch", "--bundle", str(bundle_root / "current"), "--users", "40", "--alone", "3"]
    monkeypatch.setattr(sys, "argv", given)
    monkeypatch.setattr(batch.partitions, "USERS", 15)
    batch.main()
    figures = json.loads(capsys.readouterr().out)
    assert (figures["users"], figures["items"]) == (40, 48)
    assert figures["engine / primitives"] > 0
    assert figures["engine / one by one"] > 0
    each = sum(1 / figures[f"{name} users/s"] for name in ("search", "trees", "write"))
    assert abs(each * figures["primitives users/s"] - 1) < 0.01


def test_the_primitives_are_of_what_the_lists_are_made_from(bundle_root):
    maker = batch.ListMaker.load(batch.Wanted(bundle=bundle_root / "current", k=5))
    one = batch.share(maker, maker.bundle.users.ids[:7])
    found = maker.bundle.recommender.proposed(maker.bundle.histories(one.users), as_of=maker.bundle.end)
    assert sum(len(rows.values) for rows in one.rows) == sum(len(block.item_idx) for block in found)
    assert one.vectors.shape == (7, 16)


def test_a_crowd_is_made_of_what_its_users_did(bundle_root):
    bundle = Bundle.load(bundle_root / "current")
    made = crowd(bundle, 500)
    assert len(made.users) == len(made.snapshot) == 500
    assert 0.8 < len(made.snapshot.at) / 500 / (len(bundle.snapshot.at) / 60) < 1.2
    later = np.diff(made.snapshot.at) >= 0
    assert later[np.diff(made.snapshot.rows) == 0].all()
    log = bundle.snapshot
    of = {(at, item): row for row, at, item in zip(log.rows, log.at, log.item_idx, strict=True)}
    for user in range(20):
        own = made.histories([f"made-up {user:09d}"])
        assert len({of[at, item] for at, item in zip(own.at, own.item_idx, strict=True)}) <= 2
    again = crowd(bundle, 500)
    assert np.array_equal(again.snapshot.item_idx, made.snapshot.item_idx)
