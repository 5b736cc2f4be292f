"""Stage: catalogue + student → item vectors and the FAISS index."""

from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.data.catalog import Catalog
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.onnx import OnnxEncoder


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `vectors` and `index`."""
    catalog = Catalog.load(opened.read("catalog"))
    encoder = OnnxEncoder.load(opened.read("student"), threads=opened.settings.threads)
    vectors = ItemVectors.of(catalog, encoder)
    index = ItemIndex.build(vectors.vectors, opened.settings.retrieval.index)
    with opened.make(stage) as out:
        vectors.save(out["vectors"])
        index.save(out["index"])
