"""A bundle is whole or refused, published or not there, and named by what is in it."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import onnx
import polars as pl
import pytest

from recsys.artifacts import MANIFEST, sha256, write_manifest
from recsys.bundle import CURRENT, KIND, Bundle, release, seal
from recsys.data.interactions import Histories, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.reference import FILE, Histogram, Reference
from recsys.recommender import Recommender
from recsys.retrieval.interest import InterestModel


@pytest.fixture(scope="module")
def bundle(bundle_root: Path) -> Bundle:
    return Bundle.load(bundle_root / CURRENT)


@pytest.fixture
def copy(bundle_root: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree((bundle_root / CURRENT).resolve(), tmp_path / "copy"))


def change(encoder: Path) -> str:
    """Make another encoder of one, complete in itself; its digest."""
    graph = onnx.load(encoder / "model.onnx")
    graph.doc_string = "another"
    onnx.save(graph, encoder / "model.onnx")
    digest = sha256(encoder / "model.onnx")
    settings = json.loads((encoder / "encoder.json").read_text())
    (encoder / "encoder.json").write_text(json.dumps(settings | {"digest": digest}))
    return digest


def sign(directory: Path) -> None:
    """Give a changed bundle a manifest that is true again, as somebody who assembles one by hand would."""
    manifest = json.loads((directory / MANIFEST).read_text())
    write_manifest(directory, kind=KIND, config=manifest["config"], parents=manifest["parents"])


def publish(root: Path, shop, recommender: Recommender, toy_encoder: Path, **config: object) -> Path:
    return Bundle.write(
        root,
        recommender=recommender,
        interactions=shop.interactions,
        encoder=toy_encoder,
        config={"data": {"text_chars": 600}, **config},
        parents={"catalog": shop.catalog.digest},
    )


def test_what_is_loaded_is_what_was_written(bundle: Bundle, bundle_root: Path, shop) -> None:
    assert (bundle_root / CURRENT).resolve().name == bundle.digest
    assert bundle.catalog.digest == shop.catalog.digest
    assert bundle.users.ids == shop.interactions.users.ids
    assert (bundle.end, bundle.day) == (shop.interactions.end, shop.interactions.day)
    assert bundle.data.text_chars == 600
    expected = shop.interactions.histories(np.arange(60, dtype=np.int32), as_of=bundle.end)
    for name in Histories.__slots__:
        got = getattr(bundle.snapshot, name)
        assert got.dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(got, getattr(expected, name))


def test_a_loaded_recommender_gives_the_same_lists(bundle: Bundle, recommender: Recommender) -> None:
    histories = bundle.histories(bundle.users.ids)
    before = recommender.recommend(histories, k=20, as_of=bundle.end)
    after = bundle.recommender.recommend(histories, k=20, as_of=bundle.end)
    np.testing.assert_array_equal(after.item_idx, before.item_idx)
    np.testing.assert_array_equal(after.score, before.score)
    np.testing.assert_array_equal(after.sources, before.sources)


def test_the_encoder_inside_is_the_one_that_made_the_vectors(bundle: Bundle) -> None:
    vectors = bundle.recommender.vectors.vectors
    for n in (0, 7, 23):
        alone = bundle.encoder.encode([bundle.catalog.texts[n]])[0]
        assert float(alone @ vectors[n]) == pytest.approx(1, abs=1e-5)


def test_histories_of_known_unknown_and_repeated_users(bundle: Bundle) -> None:
    first, second = bundle.users.ids[0], bundle.users.ids[1]
    rows = bundle.histories([second, "nobody", first, second])
    lengths = np.diff(bundle.snapshot.indptr)
    assert np.diff(rows.indptr).tolist() == [lengths[1], 0, lengths[0], lengths[1]]
    own = bundle.snapshot.item_idx[bundle.snapshot.indptr[0] : bundle.snapshot.indptr[1]]
    np.testing.assert_array_equal(rows.item_idx[rows.indptr[2] : rows.indptr[3]], own)
    assert len(bundle.histories([])) == 0
    assert len(bundle.histories(["nobody"]).item_idx) == 0


def test_the_same_parts_make_the_same_digest_and_others_another(
    shop, recommender: Recommender, toy_encoder: Path, bundle_root: Path, tmp_path: Path
) -> None:
    again = publish(tmp_path, shop, recommender, toy_encoder)
    assert again.name == (bundle_root / CURRENT).resolve().name
    written = (again / MANIFEST).stat().st_ino
    assert publish(tmp_path, shop, recommender, toy_encoder) == again
    assert (again / MANIFEST).stat().st_ino == written, "a bundle that is there must not be touched"
    other = publish(tmp_path, shop, recommender, toy_encoder, seed=1)
    assert other != again
    assert (tmp_path / CURRENT).resolve() == other
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([again.name, other.name, CURRENT])


def test_a_spoilt_bundle_of_the_same_digest_is_replaced(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    published = publish(tmp_path, shop, recommender, toy_encoder)
    (published / "users.json").write_text("[]")
    assert publish(tmp_path, shop, recommender, toy_encoder) == published
    assert len(Bundle.load(published).users) == 60


def test_one_flipped_bit_in_any_file_is_named(copy: Path) -> None:
    files = sorted(p for p in copy.rglob("*") if p.is_file() and p.stat().st_size)
    assert len(files) > 10
    for file in files:
        whole = file.read_bytes()
        spoilt = bytearray(whole)
        spoilt[len(whole) // 2] ^= 1
        file.write_bytes(spoilt)
        with pytest.raises(ArtifactError) as refused:
            Bundle.load(copy)
        assert str(file) in str(refused.value)
        file.write_bytes(whole)
    Bundle.load(copy)


def test_nothing_is_parsed_before_everything_is_checked(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_directory: Path) -> Recommender:
        pytest.fail("a file was parsed before its sha256 was compared")

    monkeypatch.setattr(Recommender, "load", parse)
    last = max(p for p in copy.rglob("*") if p.is_file() and p.name != MANIFEST)
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="was altered"):
        Bundle.load(copy)


def test_a_missing_and_an_added_file(copy: Path) -> None:
    (copy / "extra").touch()
    with pytest.raises(ArtifactError, match=r"copy/extra is not in the manifest; the bundle is not whole"):
        Bundle.load(copy)
    (copy / "extra").unlink()
    (copy / "users.json").unlink()
    with pytest.raises(ArtifactError, match=r"copy/users\.json is missing; the bundle is not whole"):
        Bundle.load(copy)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("indptr", lambda a: a[:-1], "Histories: expected|Expected the histories of 60 users, got 59"),
        ("indptr", lambda a: np.concatenate([[0, a[2], a[1]], a[3:]]), "row bounds to start at 0 and never fall"),
        ("item_idx", lambda a: np.where(np.arange(len(a)) == 5, 48, a).astype(a.dtype), "histories of items 0 to 47"),
        ("item_idx", lambda a: np.where(np.arange(len(a)) == 5, -1, a).astype(a.dtype), "histories of items 0 to 47"),
        ("event", lambda a: a + np.uint8(100), "Expected histories of known event roles before"),
        ("at", lambda a: a + 10**15, "Expected histories of known event roles before"),
        ("weight", lambda a: a[1:], "Histories: expected"),
        ("value", lambda a: np.array(["text"] * len(a)), r"value\.npy: expected one row of float64, got <U4 \("),
        ("at", lambda a: a.reshape(1, -1), r"at\.npy: expected one row of int64, got int64 \(1, "),
    ],
)
def test_a_state_that_does_not_fit_is_refused(copy: Path, name: str, change, sentence: str) -> None:
    file = copy / "state" / f"{name}.npy"
    np.save(file, change(np.load(file)))
    sign(copy)
    with pytest.raises(ArtifactError, match=sentence):
        Bundle.load(copy)


def test_pickled_arrays_are_refused(copy: Path) -> None:
    np.save(copy / "state" / "value.npy", np.array([object()]), allow_pickle=True)
    sign(copy)
    with pytest.raises(ArtifactError, match="do not fit together"):
        Bundle.load(copy)


@pytest.mark.parametrize("part", ["catalog", "encoder", "users"])
def test_parts_of_another_bundle_are_refused(copy: Path, part: str) -> None:
    facts = json.loads((copy / "bundle.json").read_text())
    facts[part] = "0" * 64
    (copy / "bundle.json").write_text(json.dumps(facts))
    sign(copy)
    with pytest.raises(ArtifactError, match=rf"Expected {part} 000000000000…"):
        Bundle.load(copy)


def test_other_users_are_refused(copy: Path) -> None:
    (copy / "users.json").write_text(json.dumps([f"x{n}" for n in range(60)]))
    sign(copy)
    with pytest.raises(ArtifactError, match=r"Expected users .* release it again"):
        Bundle.load(copy)


def test_an_artifact_of_another_kind_is_refused(copy: Path) -> None:
    write_manifest(copy, kind="catalog", config={}, parents={})
    with pytest.raises(ArtifactError, match=r"Expected a bundle at .*copy, found a catalog; check the path\."):
        Bundle.load(copy)


def _text(directory: Path) -> None:
    with Path("/dev/full").open("w") as full:
        full.write("no room")


def _table(directory: Path) -> None:
    (directory / "table.parquet").symlink_to("/dev/full")
    pl.DataFrame({"a": range(100_000)}).write_parquet(directory / "table.parquet")


def _array(directory: Path) -> None:
    with (Path("/dev/full")).open("wb") as full:
        np.zeros(100_000).tofile(full)


def _index(directory: Path) -> None:
    (directory / "index").symlink_to("/dev/full")
    index = faiss.IndexFlatIP(64)
    index.add(np.zeros((1000, 64), np.float32))
    faiss.write_index(index, str(directory / "index"))


@pytest.mark.parametrize("write", [_text, _table, _array, _index])
def test_a_full_disk_leaves_everything_as_it_was(
    write, shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(tmp_path, shop, recommender, toy_encoder)

    def fill(_recommender: Recommender, directory: Path) -> None:
        (directory / "half").write_text("written")
        write(directory)

    monkeypatch.setattr(Recommender, "save", fill)
    with pytest.raises(ArtifactError, match=r"Cannot write .*: the disk is full; nothing was changed\. Free space"):
        publish(tmp_path, shop, recommender, toy_encoder, seed=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([first.name, CURRENT])
    assert Bundle.load(tmp_path / CURRENT).digest == first.name


def test_a_disk_that_fills_up_at_the_link_leaves_current_where_it_was(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(tmp_path, shop, recommender, toy_encoder)

    def no_room(_path: Path, _target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "symlink_to", no_room)
    with pytest.raises(ArtifactError, match=r"Cannot write .*current: the disk is full; nothing was changed"):
        publish(tmp_path, shop, recommender, toy_encoder, seed=1)
    assert (tmp_path / CURRENT).resolve() == first


def test_a_log_of_other_items_is_refused_before_writing(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    events = shop.interactions.events.with_columns(item_idx=shop.interactions.events["item_idx"] + 1)
    strange = replace(shop, interactions=replace(shop.interactions, events=events, n_items=49))
    with pytest.raises(ShapeError, match="Expected histories of items 0 to 47, got others"):
        publish(tmp_path, strange, recommender, toy_encoder)
    assert not list(tmp_path.iterdir())


def test_vectors_of_another_encoder_are_refused(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(toy_encoder, tmp_path / "other"))
    digest = change(other)
    with pytest.raises(ShapeError, match=rf"made by encoder .*, the encoder given is {digest[:12]}…; embed the items"):
        publish(tmp_path / "bundles", shop, recommender, other)
    assert not (tmp_path / "bundles").exists()


def test_an_interest_model_of_another_width_is_refused(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    retriever = replace(recommender.retriever, interest=InterestModel.zero_shot(8, shop.interactions.day))
    odd = replace(recommender, snapshot=replace(recommender.snapshot, retriever=retriever))
    with pytest.raises(ShapeError, match=r"Expected one width of vectors, got .*'interest model': 8"):
        publish(tmp_path, shop, odd, toy_encoder)


def test_a_swapped_encoder_is_refused_at_load(copy: Path) -> None:
    change(copy / "encoder")
    sign(copy)
    with pytest.raises(ArtifactError, match=r"do not fit together \(The item vectors were made by encoder"):
        Bundle.load(copy)


def test_a_shop_without_users_can_be_released(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    nobody = Interactions(events=shop.interactions.events.clear(), users=Vocabulary.of([]), n_items=48)
    publish(tmp_path, replace(shop, interactions=nobody), recommender, toy_encoder)
    assert len(Bundle.load(tmp_path / CURRENT).histories(["anybody"])) == 1


def test_a_bundle_written_elsewhere_is_published_with_a_note_and_a_file(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    written = publish(tmp_path / "work", shop, recommender, toy_encoder)
    (written / "measured.json").write_text("[1]")
    seal(written, note={"verdict": {"checks": [0.1, None]}})
    sealed = Bundle.load(written).digest
    published = release(written, tmp_path / "bundles")
    assert (tmp_path / "bundles" / CURRENT).resolve() == published
    bundle = Bundle.load(published)
    assert sealed == bundle.digest == published.name != written.name
    assert bundle.config == {"data": {"text_chars": 600}, "verdict": {"checks": [0.1, None]}}
    assert (published / "measured.json").read_text() == "[1]"
    again = publish(tmp_path / "work", shop, recommender, toy_encoder)
    (again / "measured.json").write_text("[2]")  # a slower day
    seal(again, note={"verdict": {"checks": [0.1, None]}})
    assert release(again, tmp_path / "bundles") == published
    assert (published / "measured.json").read_text() == "[1]"
    with pytest.raises(ArtifactError, match="Expected a bundle at"):
        release(tmp_path / "nothing", tmp_path / "bundles")


def test_a_broken_bundle_of_the_same_digest_is_mended(
    shop, recommender: Recommender, toy_encoder: Path, tmp_path: Path
) -> None:
    published = release(publish(tmp_path / "work", shop, recommender, toy_encoder), tmp_path / "bundles")
    (published / "users.json").write_text("[]")
    again = publish(tmp_path / "work", shop, recommender, toy_encoder)
    assert release(again, tmp_path / "bundles") == published
    Bundle.load(published)
    assert {path.name for path in (tmp_path / "bundles").iterdir()} == {published.name, CURRENT}


def test_a_reference_is_part_of_the_bundle_and_of_its_digest(copy: Path, tmp_path: Path) -> None:
    without = Bundle.load(copy)
    assert without.reference is None
    edges, counts = np.array([0.5]), np.array([3, 4, 0])
    Reference(columns={"score": Histogram(edges=edges, counts=counts)}, lists=2).save(copy)
    seal(copy, note={})
    published = release(copy, tmp_path / "bundles")
    bundle = Bundle.load(published)
    assert bundle.digest != without.digest
    assert bundle.reference is not None
    np.testing.assert_array_equal(bundle.reference.columns["score"].counts, counts)
    (published / FILE).write_text("{}")
    with pytest.raises(ArtifactError, match=r"reference\.json was altered"):
        Bundle.load(published)
