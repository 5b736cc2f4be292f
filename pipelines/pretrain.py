"""Stage: base encoder + the text of the items known at encoder_end → the base that knows the shop's words."""

import shutil

from pipelines.console import err, progress
from pipelines.run_directory import RunDirectory
from pipelines.source import base_for, pretraining
from pipelines.stages import Stage
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.text.corpus import Corpus
from recsys.text.masked.pretrain import pretrain


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `pretrained`: a base with its masked-language-model head, and history.json, the curve."""
    settings = opened.settings
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    end = TimeSplit.load(log).encoder_end
    corpus = Corpus.of(catalog, Interactions.load(log), end, valid_fraction=settings.finetune.valid_fraction)
    workdir = opened.work(stage)
    base = base_for(settings.encoder, corpus.texts, workdir)
    with opened.make(stage) as out:
        with progress("step") as show:
            done = pretrain(corpus.texts, base=base, config=pretraining(settings), workdir=workdir, progress=show)
        done.save(out["pretrained"])
    shutil.rmtree(workdir, ignore_errors=True)
    first, best = done.looks[0].perplexity, min(look.perplexity for look in done.looks)
    err.print(f"  perplexity of held-out texts {first:.0f} → {best:.1f}", markup=False)
