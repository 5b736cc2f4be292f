"""Where a training stands, in plain files, so that it goes on after any interruption as if there had been none."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recsys.artifacts import atomic_directory
from recsys.errors import ArtifactError
from recsys.text.optimiser import Optimiser


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What training showed at one look at the validation window.

    Attributes:
        phase: "head" or "layers".
        step: steps done in the phase.
        loss: mean loss since the last look; NaN before the first step.
        ndcg: mean nDCG@10 of the validation users.
        recall: mean recall@20.
    """

    phase: str
    step: int
    loss: float | None
    ndcg: float
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a phase is.

    Attributes:
        step: steps done.
        looks: the curve so far.
        best: highest nDCG@10 so far.
        misses: looks since then.
        losses: losses since the last look.
    """

    step: int = 0
    looks: tuple[Look, ...] = ()
    best: float = -1.0
    misses: int = 0
    losses: tuple[float, ...] = field(default=())

    def after(self, loss: float) -> "Standing":
        """One step on."""
        return replace(self, step=self.step + 1, losses=(*self.losses, loss))

    def judged(self, look: Look) -> "Standing":
        """With one more look."""
        better = look.ndcg > self.best
        return replace(
            self,
            looks=(*self.looks, look),
            best=max(self.best, look.ndcg),
            misses=0 if better else self.misses + 1,
            losses=(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """One phase's checkpoint in a directory of its own; another `key` than its own is not read.

    Attributes:
        directory: complete or absent.
        key: digest of everything the training depends on.
    """

    directory: Path
    key: str

    def write(self, standing: Standing, module: nn.Module, best: dict[str, Tensor], optimiser: Optimiser) -> None:
        """Replace the checkpoint in one step."""
        with atomic_directory(self.directory) as work:
            save_file(trained(module), work / "last.safetensors")
            save_file(best, work / "best.safetensors")
            save_file(optimiser.state(), work / "optimiser.safetensors")
            (work / "standing.json").write_text(json.dumps({"key": self.key, **asdict(standing)}))

    def read(self, module: nn.Module, optimiser: Optimiser) -> tuple[Standing, dict[str, Tensor]] | None:
        """Restore module and optimiser; None, and nothing touched, where there is no checkpoint of this key.

        Raises:
            ArtifactError: a checkpoint of this key whose tensors are not those of the module.
        """
        try:
            body = json.loads((self.directory / "standing.json").read_text())
            last = load_file(self.directory / "last.safetensors")
            best = load_file(self.directory / "best.safetensors")
            moments = load_file(self.directory / "optimiser.safetensors")
        except (OSError, ValueError, SafetensorError):
            return None
        if body.pop("key") != self.key:
            return None
        for values in (last, best):
            self._check(values, module)
        restore(module, last)
        optimiser.restore(moments)
        looks = tuple(Look(**look) for look in body.pop("looks"))
        return Standing(looks=looks, losses=tuple(body.pop("losses")), **body), best

    def _check(self, values: dict[str, Tensor], module: nn.Module) -> None:
        expected = {name: tuple(value.shape) for name, value in trained(module).items()}
        got = {name: tuple(value.shape) for name, value in values.items()}
        for name in sorted(expected.keys() | got.keys()):
            if expected.get(name) != got.get(name):
                raise ArtifactError(
                    f"Expected {name} of shape {expected.get(name, 'none')} in the checkpoint {self.directory}, got "
                    f"{got.get(name, 'none')}: it belongs to another model; delete the folder and train again."
                )


def trained(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters that learn, by name."""
    return {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}


def restore(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Set the named parameters."""
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)
