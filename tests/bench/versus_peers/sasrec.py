"""SASRec with a softmax loss: self-attention over what a user took, oldest first, tells what comes next.

Kang & McAuley 2018 (arXiv 1808.09781), pre-norm blocks, one table of items for input and output; cross-entropy over all
items, or over sampled ones where the catalogue is large, in place of one negative (Klenitskiy & Vasilev 2023, arXiv
2309.07602).
Long histories are cut into pieces; items taken at the same instant are put into a new random order each epoch; where
only new items count, repeats are read but not learned. Tuning stops early on the looks a window allows; a refit takes
as many epochs as were best then.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from recsys.evaluation.metrics import per_user
from recsys.evaluation.truth import Truth
from tests.bench.versus_peers.window import Window
from tests.bench.versus_peers.worker import Answer, Limits, Settings, main

BLOCKS = 2
FULL_UP_TO = 10_000
NEGATIVES = 2048
MOST_EPOCHS = 200
PATIENCE = 8
POSITIONS = 8192
"""Most in one batch: the logits of all items must fit into memory."""
NONE = -100


class Block(nn.Module):
    """Causal attention, then a position-wise network, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.net = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.mix(self.norms[0](x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = fn.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
        x = x + fn.dropout(self.out(mixed.transpose(1, 2).reshape(b, t, d)), self.dropout, self.training)
        return x + self.net(self.norms[1](x))


class SASRec(nn.Module):
    """Items 0 … n_items - 1; n_items stands for nothing, after the end of a short history, where nobody looks."""

    def __init__(self, n_items: int, settings: Settings) -> None:
        super().__init__()
        width, dropout = settings["width"], settings["dropout"]
        self.items = nn.Embedding(n_items + 1, width)
        self.places = nn.Embedding(settings["length"], width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, settings["heads"], dropout) for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.items.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=0.02)  # a place that no piece was long enough to teach says little

    def forward(self, items: Tensor) -> Tensor:
        """int64 (b, t) → states (b, t, width), each of what stands before and at its place."""
        x = self.items(items) + self.places.weight[: items.shape[1]]
        return self.norm(self.blocks(self.dropout(x)))

    def scores(self, states: Tensor) -> Tensor:
        return states @ self.items.weight[:-1].T


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequences:
    """What users took, user by user, oldest first, items counted from 0 without those nobody took.

    Attributes:
        user, item, at: (m,), sorted by user, then time.
        known: int64 (v,), the window's item of each.
        first: bool (m,), the user had not taken the item before.
    """

    user: np.ndarray
    item: np.ndarray
    at: np.ndarray
    known: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, window: Window) -> "Sequences":
        order = np.lexsort((window.at, window.user))
        user, item = window.user[order], window.item[order]
        known, item = np.unique(item, return_inverse=True)
        first = np.zeros(len(user), bool)
        first[np.unique(user.astype(np.int64) * len(known) + item, return_index=True)[1]] = True
        return cls(user=user, item=item, at=window.at[order], known=known, first=first)

    def pieces(self, length: int, target: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(inputs, answers) (p, length) and sizes (p,): each user's history cut from its end, equal instants mixed."""
        order = np.lexsort((rng.random(len(self.user)), self.at, self.user))
        item, place = self.item[order], np.arange(len(order))
        answer = np.where(self.first[order] | (target == "all"), item, NONE)
        back = np.searchsorted(self.user, self.user, side="right") - 1 - place
        since = place - np.searchsorted(self.user, self.user)
        rows = np.flatnonzero(since)  # the first of a user has nothing before it
        starts = np.flatnonzero((since > 0) & ((back % length == length - 1) | (since == 1)))
        piece = np.searchsorted(starts, rows, side="right") - 1
        inputs = np.full((len(starts), length), len(self.known))
        answers = np.full((len(starts), length), NONE)
        inputs[piece, rows - starts[piece]] = item[rows - 1]
        answers[piece, rows - starts[piece]] = answer[rows]
        return inputs, answers, np.bincount(piece, minlength=len(starts))

    def latest(self, users: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """(inputs (b, length), sizes (b,)): the last items of users."""
        ends = np.searchsorted(self.user, users, side="right")
        sizes = np.minimum(ends - np.searchsorted(self.user, users), length)
        inputs = np.full((len(users), length), len(self.known))
        for row, (end, size) in enumerate(zip(ends, sizes, strict=True)):
            inputs[row, :size] = self.item[end - size : end]
        return inputs, sizes


class Course:
    """A fit: epochs, looks, the best weights so far, and the clock."""

    def __init__(self, window: Window, settings: Settings, limits: Limits) -> None:
        self.window, self.settings, self.limits = window, settings, limits
        self.sequences = Sequences.of(window)
        self.model = SASRec(len(self.sequences.known), settings)
        self.rng = np.random.default_rng(limits.seed)
        self.start = time.perf_counter()
        self.note = ""

    def run(self) -> int:
        """Train; how many epochs the weights that are left have seen."""
        rate, decay = self.settings["rate"], self.settings["decay"]
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=decay)
        looking = len(self.window.look) > 0
        best, kept, best_epoch = -1.0, None, 0
        for epoch in range(1, int(self.settings.get("epochs", MOST_EPOCHS)) + 1):
            loss = self.epoch(optimiser)
            figure = self.look() if looking else float(epoch)
            if figure > best:
                best, best_epoch = figure, epoch
                kept = {name: value.clone() for name, value in self.model.state_dict().items()}
            shown = f"nDCG@10 {figure:.4f}, " if looking else ""
            self.limits.say(f"epoch {epoch}: loss {loss:.3f}, {shown}{time.perf_counter() - self.start:.0f} s")
            if self.late or epoch - best_epoch >= PATIENCE:
                break
        self.note = f"stopped by the clock in epoch {epoch}" if self.late else ""
        self.model.load_state_dict(kept)
        return best_epoch

    @property
    def late(self) -> bool:
        return time.perf_counter() - self.start > 60 * self.limits.minutes

    def epoch(self, optimiser: torch.optim.Optimizer) -> float:
        """The mean loss."""
        self.model.train()
        pieces = self.sequences.pieces(self.settings["length"], self.window.target, self.rng)
        inputs, answers = torch.from_numpy(pieces[0]), torch.from_numpy(pieces[1])
        losses = [0.0]
        for rows in batches(pieces[2], self.settings["batch"], self.rng):
            size = pieces[2][rows].max()
            asked = answers[rows, :size]
            if self.late or (asked == NONE).all():
                continue
            states = self.model(inputs[rows, :size])[asked != NONE]
            loss = self.loss(states, asked[asked != NONE])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return float(np.mean(losses[1:] or losses))

    def loss(self, states: Tensor, answers: Tensor) -> Tensor:
        """Cross-entropy over all items, or beside each answer over items drawn evenly, without the answer itself."""
        n_items = len(self.sequences.known)
        if n_items <= FULL_UP_TO:
            return fn.cross_entropy(self.model.scores(states), answers)
        drawn = torch.from_numpy(self.rng.choice(n_items, NEGATIVES, replace=False))
        others = (states @ self.model.items(drawn).T).masked_fill(answers[:, None] == drawn, -torch.inf)
        right = (states * self.model.items(answers)).sum(dim=1, keepdim=True)
        return fn.cross_entropy(torch.cat([right, others], dim=1), torch.zeros_like(answers))

    @torch.inference_mode()
    def score(self, users: np.ndarray) -> np.ndarray:
        """float32 (b, n_items), -inf where nobody took the item."""
        self.model.eval()
        inputs, sizes = self.sequences.latest(users, self.settings["length"])
        width = max(int(sizes.max(initial=0)), 1)
        states = self.model(torch.from_numpy(inputs[:, :width]))
        last = states[torch.arange(len(users)), torch.from_numpy(np.maximum(sizes - 1, 0))]
        found = np.full((len(users), self.window.shape[1]), -np.inf, np.float32)
        found[:, self.sequences.known] = self.model.scores(last).numpy()
        return found

    def look(self) -> float:
        """nDCG@10 of the users who may be looked at."""
        rows = np.flatnonzero(np.diff(self.window.look_indptr))
        indptr = np.concatenate([[0], np.cumsum(np.diff(self.window.look_indptr)[rows])])
        truth = Truth(user_idx=self.window.asked[rows], indptr=indptr, item_idx=self.window.look)
        return float(per_user(self.window.lists(self.score, rows), truth, lengths=(10,))["ndcg@10"].mean())


def batches(sizes: np.ndarray, most: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of about equal sizes together, at most `most` and `POSITIONS` places each, in random order."""
    order, parts, start = np.lexsort((rng.random(len(sizes)), -sizes)), [], 0
    while start < len(order):
        stop = start + min(most, max(1, POSITIONS // int(sizes[order[start]])))
        parts.append(order[start:stop])
        start = stop
    return (parts[i] for i in rng.permutation(len(parts)))


def sasrec(window: Window, settings: Settings, limits: Limits) -> Answer:
    torch.set_num_threads(limits.threads)
    with torch.random.fork_rng():
        torch.manual_seed(limits.seed)
        course = Course(window, settings, limits)
        epochs = course.run()
        return Answer(lists=window.lists(course.score), found={"epochs": epochs}, note=course.note)


if __name__ == "__main__":
    main({"sasrec": sasrec})
