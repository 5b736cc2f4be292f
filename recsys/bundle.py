"""Everything an answer needs, in one directory with one digest: what is released, recommended from and served."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recsys.artifacts import MANIFEST, adopt, point_to, publish_by_digest, read_manifest, verify, write_manifest
from recsys.data.catalog import Catalog
from recsys.data.config import DataConfig
from recsys.data.interactions import Histories, Interactions
from recsys.data.storage import mapped, read_json, write_json
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.reference import Reference
from recsys.recommender import Recommender
from recsys.retrieval.onnx import OnnxEncoder
from recsys.schema import EVENTS, Instant

KIND = "bundle"
CURRENT = "current"
"""Name of the link, beside the bundles, to the one in use."""

_STATE = {
    "indptr": np.int64,
    "item_idx": np.int32,
    "event": np.uint8,
    "at": np.int64,
    "value": np.float64,
    "weight": np.float32,
}
"""The arrays of `Histories`, one file each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A recommender with its users, as of the end of a log.

    Attributes:
        recommender: catalogue, vectors, index, behavioural models, ranker, rules.
        encoder: text → vector, for items not yet in the catalogue.
        users: user_id ↔ row of the snapshot.
        snapshot: every user's events before `end`.
        end: the instant, µs since the epoch, that all state is as of.
        day: µs that count as a day of age.
        config: the settings it was made with, JSON types only.
        digest: of the whole bundle; the name of its directory.
        reference: what its ranker read and said at the release; None where nobody looked.
    """

    recommender: Recommender
    encoder: OnnxEncoder
    users: Vocabulary
    snapshot: Histories
    end: Instant
    day: Instant
    config: Mapping[str, Any]
    digest: str
    reference: Reference | None = None

    def __post_init__(self) -> None:
        _check_encoder(self.recommender, self.encoder)
        _check_snapshot(self.snapshot, n_users=len(self.users), n_items=len(self.catalog), end=self.end)

    @property
    def catalog(self) -> Catalog:
        """The items it recommends."""
        return self.recommender.catalog

    @property
    def data(self) -> DataConfig:
        """How its log was read, and so how a new event or item is to be: the settings' section `data`, or defaults."""
        return DataConfig.model_validate(self.config.get("data", {}))

    def histories(self, user_ids: Sequence[str]) -> Histories:
        """The users' events before `end`, one row each in the given order; empty for an unknown user."""
        rows = self.users.encode(user_ids)
        if (rows >= 0).all():
            return self.snapshot.take(rows)
        known = self.snapshot.take(rows[rows >= 0])
        lengths = np.zeros(len(rows), np.int64)
        lengths[rows >= 0] = np.diff(known.indptr)
        return replace(known, indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    @classmethod
    def write(
        cls,
        root: Path,
        *,
        recommender: Recommender,
        interactions: Interactions,
        encoder: Path,
        config: Mapping[str, Any],
        parents: Mapping[str, str],
    ) -> Path:
        """Publish root/<digest>/ and then move root/current to it; the same content gives the same digest.

        Args:
            root: the folder of all bundles.
            recommender: its state as of the end of the interactions.
            interactions: the whole log; its users' events become the snapshot.
            encoder: directory of the served encoder, the one that made the recommender's vectors.
            config: the settings, JSON types only.
            parents: name → digest of the artifacts it was made from.

        Raises:
            ArtifactError: the disk is full or not writable; then nothing was changed.
            ShapeError: parts that do not belong together.
        """
        bundle = cls(
            recommender=recommender,
            encoder=OnnxEncoder.load(encoder),
            users=interactions.users,
            snapshot=interactions.histories(np.arange(len(interactions.users), dtype=np.int32), as_of=interactions.end),
            end=interactions.end,
            day=interactions.day,
            config=config,
            digest="",
        )

        def write(directory: Path) -> None:
            bundle._save(directory)
            shutil.copytree(encoder, directory / "encoder", ignore=shutil.ignore_patterns(MANIFEST))

        published = publish_by_digest(root, write, kind=KIND, config=config, parents=parents)
        point_to(root / CURRENT, published)
        return published

    def _save(self, directory: Path) -> None:
        (directory / "recommender").mkdir()
        self.recommender.save(directory / "recommender")
        (directory / "state").mkdir()
        for name in _STATE:
            np.save(directory / "state" / f"{name}.npy", getattr(self.snapshot, name), allow_pickle=False)
        (directory / "users.json").write_text(json.dumps(self.users.ids))
        facts = {
            "catalog": self.catalog.digest,
            "encoder": self.encoder.digest,
            "users": self.users.digest,
            "end": self.end,
            "day": self.day,
        }
        write_json(directory / "bundle.json", facts)

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "Bundle":
        """Read a bundle, every file's sha256 compared before the first is parsed.

        Args:
            directory: a bundle, or the link to one.
            threads: CPU threads of a prediction; one is right for single users.

        Raises:
            ArtifactError: a file is missing, added or altered, or the parts do not belong together.
        """
        directory = directory.resolve()
        manifest = verify(directory, kind=KIND)
        try:
            facts = read_json(directory / "bundle.json")
            bundle = cls(
                recommender=Recommender.load(directory / "recommender", threads=threads),
                encoder=OnnxEncoder.load(directory / "encoder"),
                users=Vocabulary.ordered(json.loads((directory / "users.json").read_text())),
                snapshot=Histories(**{name: _array(directory / "state" / f"{name}.npy") for name in _STATE}),
                end=int(facts["end"]),
                day=int(facts["day"]),
                config=manifest.config,
                digest=manifest.digest,
                reference=Reference.load(directory),
            )
            found = {"catalog": bundle.catalog.digest, "encoder": bundle.encoder.digest, "users": bundle.users.digest}
            odd = [name for name, digest in found.items() if facts[name] != digest]
        except (ShapeError, OSError, ValueError, KeyError) as error:
            raise ArtifactError(f"The parts of {directory} do not fit together ({error}); release it again.") from error
        if odd:
            name = odd[0]
            raise ArtifactError(
                f"Expected {name} {facts[name][:12]}… in {directory}, found {found[name][:12]}…; release it again."
            )
        return bundle


def seal(written: Path, *, note: Mapping[str, Any]) -> None:
    """Make a bundle's manifest anew, of the files that lie there by now.

    Args:
        written: a bundle that nobody uses yet.
        note: joins its config, JSON types only.

    Raises:
        ArtifactError: not a bundle.
    """
    manifest = read_manifest(written, kind=KIND)
    write_manifest(written, kind=KIND, config={**manifest.config, **note}, parents=manifest.parents)


def release(written: Path, root: Path) -> Path:
    """Publish a bundle written elsewhere on the same disk as root/<digest>/, then move root/current to it.

    Args:
        written: a bundle; nothing is left there, unless root has it already.
        root: the folder of all bundles.

    Raises:
        ArtifactError: not a bundle, or the disk is full or not writable; root/current is untouched.
    """
    published = adopt(written, root, kind=KIND)
    point_to(root / CURRENT, published)
    return published


def _array(path: Path) -> np.ndarray[Any, Any]:
    array = mapped(path)
    expected = np.dtype(_STATE[path.stem])
    if array.ndim != 1 or array.dtype != expected:
        raise ShapeError(f"{path}: expected one row of {expected}, got {array.dtype} {array.shape}.")
    return array


def _check_encoder(recommender: Recommender, encoder: OnnxEncoder) -> None:
    vectors = recommender.vectors
    vectors.check(recommender.catalog)
    if len(vectors) != len(recommender.catalog):
        raise ShapeError(f"Expected {len(recommender.catalog)} item vectors, one an item, got {len(vectors)}.")
    if vectors.encoder_digest != encoder.digest:
        raise ShapeError(
            f"The item vectors were made by encoder {vectors.encoder_digest[:12]}…, the encoder given is "
            f"{encoder.digest[:12]}…; embed the items with it."
        )
    widths = {"encoder": encoder.dim, "item vectors": vectors.dim, "interest model": recommender.retriever.interest.dim}
    if len(set(widths.values())) != 1:
        raise ShapeError(f"Expected one width of vectors, got {widths}; train them together.")


def _check_snapshot(snapshot: Histories, *, n_users: int, n_items: int, end: Instant) -> None:
    if len(snapshot) != n_users:
        raise ShapeError(f"Expected the histories of {n_users} users, got {len(snapshot)}.")
    if snapshot.indptr[0] != 0 or (np.diff(snapshot.indptr) < 0).any():
        raise ShapeError("Expected the histories' row bounds to start at 0 and never fall.")
    if len(snapshot.item_idx) == 0:
        return
    if snapshot.item_idx.min() < 0 or snapshot.item_idx.max() >= n_items:
        raise ShapeError(f"Expected histories of items 0 to {n_items - 1}, got others.")
    if snapshot.event.max() >= len(EVENTS) or snapshot.at.max() >= end:
        raise ShapeError(f"Expected histories of known event roles before {end}, got others.")
