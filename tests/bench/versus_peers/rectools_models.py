"""RecTools' models as peers, in an environment of its own: lenskit_models.py says how it is made."""

import logging
import time
import warnings
from datetime import timedelta

import numpy as np

from tests.bench.versus_peers.window import Window
from tests.bench.versus_peers.worker import Answer, Limits, Settings, main


def ease(window: Window, settings: Settings, limits: Limits) -> Answer:
    from rectools.models import EASEModel

    model = EASEModel(**settings, recommend_n_threads=limits.threads)
    model.fit(dataset(window))
    return Answer(lists=_lists(model, window))


def sasrec(window: Window, settings: Settings, limits: Limits) -> Answer:
    """Its default softmax loss over all items; layers as in SASRec or, gated, as in LiGR (arXiv 2502.03417)."""
    import torch
    from pytorch_lightning import Callback, Trainer, seed_everything
    from rectools.models import SASRecModel
    from rectools.models.nn.transformers.ligr import LiGRLayers
    from rectools.models.nn.transformers.sasrec import SASRecTransformerLayers

    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    torch.set_num_threads(limits.threads)
    seed_everything(limits.seed, workers=True, verbose=False)
    start = time.perf_counter()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)

    class Told(Callback):
        def on_train_epoch_end(self, trainer, module):
            limits.say(f"epoch {trainer.current_epoch + 1}, {time.perf_counter() - start:.0f} s")

    def trainer():
        limit = timedelta(minutes=limits.minutes)
        return Trainer(max_epochs=settings["epochs"], max_time=limit, devices=1, callbacks=[Told()], **quiet)

    layers = {"SASRec": SASRecTransformerLayers, "LiGR": LiGRLayers}[settings["layers"]]
    own = {name: value for name, value in settings.items() if name not in {"layers", "epochs"}}
    model = SASRecModel(**own, transformer_layers_type=layers, get_trainer_func=trainer)
    model.fit(dataset(window))
    epochs = model.fit_trainer.current_epoch
    note = f"stopped by the clock in epoch {epochs + 1}" if epochs < settings["epochs"] else ""
    return Answer(lists=_lists(model, window), note=note)


def dataset(window: Window):
    """The events, those of one instant in random order; where only new items count, a user's first of an item."""
    import pandas as pd
    from rectools import Columns
    from rectools.dataset import Dataset

    order = np.lexsort((np.random.default_rng(0).random(len(window.user)), window.at))
    names = (Columns.User, Columns.Item, Columns.Datetime)
    columns = (window.user, window.item, pd.to_datetime(window.at, unit="us"))
    events = pd.DataFrame({name: values[order] for name, values in zip(names, columns, strict=True)})
    if window.target == "new":
        events = events.drop_duplicates([Columns.User, Columns.Item])
    return Dataset.construct(events.assign(**{Columns.Weight: 1.0}))


def _lists(model, window: Window) -> np.ndarray:
    """All of a model's ranking, so that the rules are applied to it here as to the others."""
    from rectools import Columns

    data = dataset(window)
    most, place = len(data.item_id_map.external_ids), np.zeros(window.shape[0], np.int64)

    def score(users: np.ndarray) -> np.ndarray:
        known = np.intersect1d(users, window.user)
        found = np.full((len(users), window.shape[1]), -np.inf)
        if len(known):
            told = model.recommend(known, data, k=most, filter_viewed=False, on_unsupported_targets="ignore")
            place[users] = np.arange(len(users))
            user, item = told[Columns.User].to_numpy(), told[Columns.Item].to_numpy()
            found[place[user], item] = -told[Columns.Rank].to_numpy()
        return found

    return window.lists(score)


if __name__ == "__main__":
    main({"rectools-ease": ease, "rectools-sasrec": sasrec})
