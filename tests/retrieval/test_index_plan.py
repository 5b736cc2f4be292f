"""The plan by arithmetic, and its estimate of memory beside what faiss writes."""

from pathlib import Path

import numpy as np
import pytest

from recsys import settings
from recsys.errors import ConfigError, ShapeError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.index_plan import Plan, mebibytes


@pytest.mark.parametrize(
    ("n_items", "storage", "factory"),
    [
        (0, "pq", "Flat"),
        (50_000, "float32", "Flat"),
        (50_000, "int8", "SQ8"),
        (50_000, "pq", "IVF1,PQ48"),
        (50_001, "float32", "HNSW32,Flat"),
        (50_001, "int8", "HNSW32,SQ8"),
        (62_500, "pq", "IVF500,PQ48"),  # 2 · √62,500 = 2 · 250
        (200_000, "float32", "HNSW32,Flat"),
        (1_000_000, "float32", "IVF2000,SQ8"),  # 2 · √1,000,000
        (1_000_000, "int8", "IVF2000,SQ8"),
        (1_000_000, "pq", "IVF2000,PQ48"),
    ],
)
def test_the_number_of_items_decides_and_storage_is_the_most_a_vector_takes(n_items, storage, factory):
    assert Plan.of(n_items, 384, IndexConfig(storage=storage)).factory == factory


def test_what_does_not_fit_into_memory_gives_way_to_what_takes_less():
    def within(mib: int) -> str:
        return Plan.of(100_000, 128, IndexConfig(memory_mib=mib, pq_bytes=32)).factory

    # a vector's 512 bytes, 64 links of 4 bytes and 16 more: 100,000 · 784 = 74.8 MiB
    assert (within(75), within(74)) == ("HNSW32,Flat", "IVF632,SQ8")
    # 128 bytes and a number of 8; 632 centres of 512 bytes: 100,000 · 136 + 632 · 512 = 13.3 MiB
    assert (within(14), within(13)) == ("IVF632,SQ8", "IVF632,PQ32")
    # 100,000 · 40 + 632 · 512 = 4.1 MiB
    assert within(5) == "IVF632,PQ32"
    with pytest.raises(
        ConfigError, match=r"memory_mib: expected at least 5 for 100000 vectors of 128 numbers, got 4; rai"
    ):
        within(4)
    assert Plan.of(50_000, 128, IndexConfig(memory_mib=1)).factory == "Flat"


@pytest.mark.parametrize("factory", ["HNSW32,Flat", "HNSW8,SQ8", "IVF100,SQ8", "IVF100,Flat", "IVF100,PQ8"])
def test_the_estimate_is_what_the_index_takes(factory, tmp_path: Path):
    vectors = np.random.default_rng(0).normal(size=(5000, 64)).astype(np.float32)
    ItemIndex.build(vectors, IndexConfig(factory=factory)).save(tmp_path)
    codebooks = 64 * 256 * 4 if "PQ" in factory else 0  # for the 5,000 much, for a million nothing
    taken = ((tmp_path / "index.faiss").stat().st_size - codebooks) / 2**20
    assert mebibytes(factory, 5000, 64) == pytest.approx(taken, rel=0.02)


def test_a_factory_string_is_obeyed_whatever_the_size():
    assert Plan.of(10, 4, IndexConfig(factory="HNSW8,SQ8", hnsw_search=99)) == Plan(
        factory="HNSW8,SQ8", effort=99, few=50_000
    )
    assert Plan.of(10**7, 4, IndexConfig(factory="Flat")) == Plan(factory="Flat", effort=0, few=50_000)
    assert Plan.of(10**7, 4, IndexConfig(factory="IVF512,PQ2", ivf_search=32)).effort == 32


def test_looking_at_every_list_is_looking_at_every_item():
    whole = Plan.of(100, 4, IndexConfig(factory="IVF64,Flat"))
    assert whole.whole
    assert whole.lossless
    assert not Plan.of(100, 4, IndexConfig(factory="IVF65,Flat")).whole
    assert not Plan.of(100, 4, IndexConfig(factory="IVF64,SQ8")).lossless
    assert not Plan.of(100, 4, IndexConfig(factory="HNSW32,Flat")).whole


@pytest.mark.parametrize("factory", ["flat", "PQ8", "HNSW2,Flat", "IVF0,SQ8", "IVF16,SQ8 ", "OPQ8,IVF16,PQ8", "IVF16"])
def test_a_factory_that_cannot_leave_items_out_is_refused(factory):
    with pytest.raises(ConfigError, match=rf"retrieval.index.factory.*expected Flat, SQ8, HNSW.*got '{factory}'"):
        settings.load(None, [f"retrieval.index.factory={factory!r}"])


def test_a_width_that_does_not_divide_is_refused_by_the_setting_that_is_to_blame():
    with pytest.raises(ShapeError, match=r"width retrieval.index.pq_bytes = 48 divides, got 128; choose another"):
        Plan.of(10**6, 128, IndexConfig(storage="pq"))
    with pytest.raises(ShapeError, match=r"width PQ in retrieval.index.factory = 3 divides, got 128"):
        Plan.of(10, 128, IndexConfig(factory="IVF1,PQ3"))
