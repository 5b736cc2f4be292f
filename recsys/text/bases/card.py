"""The model card of a saved encoder: what it is, what it was made from, how to use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recsys.schema import SECOND, Instant
from recsys.text.bases.hub import is_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a reader of the folder cannot see in its files.

    Attributes:
        base: name of the pretrained model it began as.
        base_digest: sha256 of that model and its settings.
        window: first and last instant, exclusive, of the events it learned from; None if it learned from none.
        texts: how many item texts were known then.
        metrics: figures of the validation window by name.
        dims: narrower widths at which the first numbers of a vector, at length 1, were taught to be vectors too.
    """

    base: str
    base_digest: str
    window: tuple[Instant, Instant] | None = None
    texts: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    dims: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the encoder computes.

    Attributes:
        dim: width of the vectors.
        layers: of the transformer.
        max_tokens: length limit of a text.
        pooling: how token states become one vector.
    """

    dim: int
    layers: int
    max_tokens: int
    pooling: str


def render(card: Card | None, form: Form) -> str:
    """README.md in Markdown, with the front matter that model hubs read."""
    return "\n".join([*_front(card, form), "# Item text encoder", "", _what(form), "", *_origin(card), *_use(form)])


def _front(card: Card | None, form: Form) -> list[str]:
    lines = ["---", "license: other", "license_name: see-base", "pipeline_tag: sentence-similarity"]
    if form.pooling != "attention":
        lines.append("library_name: sentence-transformers")
    if card is not None and is_name(card.base):
        lines.append(f"base_model: {card.base}")
    return [*lines, "tags: [feature-extraction, recommendation]", "---", ""]


def _what(form: Form) -> str:
    return (
        f"Text to a unit vector of {form.dim} numbers: a transformer of {form.layers} layers over at most "
        f"{form.max_tokens} tokens, {form.pooling} pooling, a linear map, length 1. Items that the same people take "
        "have a high dot product."
    )


def _origin(card: Card | None) -> list[str]:
    if card is None:
        return ["Base: not told. Licence: that of the base.", ""]
    lines = [
        "| | |",
        "|---|---|",
        f"| base | {card.base} |",
        f"| sha256 of the base | `{card.base_digest}` |",
        "| licence | see base |",
    ]
    if card.window is not None:
        start, end = (datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds") for at in card.window)
        lines.append(f"| learned from | events in [{start}, {end}), {card.texts} item texts |")
    if card.dims:
        lines.append(f"| learned at | the first {', '.join(map(str, card.dims))} numbers too, each at length 1 |")
    lines += [f"| {name} (validation window) | {value:.4f} |" for name, value in card.metrics.items()]
    return [*lines, ""]


def _use(form: Form) -> list[str]:
    if form.pooling == "attention":
        return [
            "Sentence Transformers cannot load it: attention pooling is none of its modules, so modules.json is left "
            "out. Load it with `recsys.text.encoder.TransformerEncoder.load(FOLDER)`.",
            "",
        ]
    return [
        "```python",
        "from sentence_transformers import SentenceTransformer",
        "",
        'vectors = SentenceTransformer("FOLDER").encode(["blue mug"])',
        "```",
        "",
    ]
