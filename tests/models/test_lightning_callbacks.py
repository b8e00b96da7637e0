"""Weight averaging: which weights are averaged, seen and resumed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, WeightAveraging
from torch import Tensor

from dr_lightning.callbacks import (
    AverageWeights,
    BlendWithBase,
    EmbeddingDrift,
    EvaluateBase,
    EvaluateRetrieval,
)
from dr_lightning.callbacks.sub_corpus import SubCorpus
from tests.stopped_runs import Save, extended, same
from tests.training_runs import Run, train, write_lists

DECAY = 0.9
Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("averages") / "data", 18)


class Steps(Callback):
    """Keeps the base, the weights after each step, and what a validation reads."""

    def __init__(self) -> None:
        self.base: Weights = {}
        self.weights: list[Weights] = []
        self.validated: list[Weights] = []
        self.positions: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.base = parameters(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *arguments: Any
    ) -> None:
        if trainer.global_step > len(self.weights):
            self.weights.append(parameters(pl_module))

    def on_validation_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        self.validated.append(parameters(pl_module))
        self.positions.append(dict(pl_module.named_buffers())[POSITIONS].clone())


POSITIONS = "encoder.backbone.embeddings.position_ids"


def parameters(module: LightningModule) -> Weights:
    return {k: v.detach().clone() for k, v in module.named_parameters()}


def exponential(base: Weights, steps: list[Weights]) -> Weights:
    """By the definition: the first step's weights; then 0.9 of it, 0.1 of the new."""
    mean = steps[0]
    for new in steps[1:]:
        mean = {k: DECAY * mean[k] + (1 - DECAY) * new[k] for k in new}
    return mean


def equal(base: Weights, steps: list[Weights]) -> Weights:
    """The plain mean of the weights after step 3 and later."""
    later = steps[2:] if len(steps) > 2 else steps[-1:]
    return {k: torch.stack([one[k] for one in later]).mean(0) for k in later[0]}


def blended(base: Weights, steps: list[Weights]) -> Weights:
    """Three tenths of the way from the base to the last weights."""
    return {k: 0.7 * base[k] + 0.3 * steps[-1][k] for k in base}


AVERAGES: dict[str, tuple[Any, Any]] = {
    "ema": (lambda: EMAWeightAveraging(decay=DECAY), exponential),
    "equal": (lambda: AverageWeights(start_step=2), equal),
    "blend": (lambda: BlendWithBase(share=0.3), blended),
}


def run(*callbacks: Callback, **trainer: Any) -> Run:
    options = {"limit_val_batches": 1.0} | trainer
    return Run(trainer=options, callbacks=lambda: [EvaluateBase(), *callbacks])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", AVERAGES)
def test_validations_read_the_average_wherever_the_callback_stands(
    name: str, first: bool, data: Path, tmp_path: Path
) -> None:
    make, expected = AVERAGES[name]
    steps = Steps()
    callbacks = [make(), steps] if first else [steps, make()]
    result = train(run(*callbacks), data, tmp_path)
    assert len(steps.weights) == 10
    for validated, done in zip(steps.validated[1:], (5, 10), strict=True):
        assert_equal(validated, expected(steps.base, steps.weights[:done]))
    assert_equal(
        {k: v for k, v in result["weights"].items() if k in steps.weights[0]},
        expected(steps.base, steps.weights),
    )


def assert_equal(one: Weights, other: Weights) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value.double(), other[name].double(), atol=1e-6, rtol=0
        )


def test_position_numbers_are_not_averaged(data: Path, tmp_path: Path) -> None:
    """0.9 x 10 + 0.1 x 10 is 9 in whole numbers."""
    steps = Steps()
    train(run(steps, EMAWeightAveraging(decay=DECAY)), data, tmp_path)
    for positions in steps.positions:
        assert torch.equal(positions[0], torch.arange(512))


def test_the_average_does_not_change_what_is_trained(
    data: Path, tmp_path: Path
) -> None:
    alone, beside = Steps(), Steps()
    train(run(alone), data, tmp_path / "one")
    train(run(beside, EMAWeightAveraging(decay=DECAY)), data, tmp_path / "two")
    for one, two in zip(alone.weights, beside.weights, strict=True):
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_last_search_of_the_whole_corpus_reads_the_average(
    data: Path, tmp_path: Path
) -> None:
    """Its ranking is that of a validation of all passages after the last step."""

    def found(sub_corpus: SubCorpus | None) -> Tensor:
        evaluate = EvaluateRetrieval(["R@5"], sub_corpus=sub_corpus)
        average = EMAWeightAveraging(decay=0.5)
        folder = tmp_path / str(sub_corpus is None)
        train(run(evaluate, average), data, folder)
        return evaluate.found["one"].top.scores

    torch.testing.assert_close(found(SubCorpus(1, 2)), found(None), atol=1e-6, rtol=0)


@pytest.mark.parametrize("step", [1, 5, 7])
@pytest.mark.parametrize("name", AVERAGES)
def test_a_resumed_run_averages_on(
    name: str,
    step: int,
    data: Path,
    tmp_path: Path,
    whole: dict[str, tuple[dict[str, Any], Path]],
) -> None:
    result, saved = whole[name]
    checkpoint = str(saved / f"step={step}.ckpt")
    again = extended(measured(AVERAGES[name][0]()), Save(tmp_path / "saved"))
    same(result, train(again, data, tmp_path, ckpt_path=checkpoint))


def measured(average: WeightAveraging) -> Run:
    return run(EvaluateRetrieval(["nDCG@10"]), EmbeddingDrift(6), average)


@pytest.fixture(scope="module")
def whole(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[dict[str, Any], Path]]:
    """Runs that nothing stops, with a checkpoint a step."""
    runs = {}
    for name, (make, _) in AVERAGES.items():
        folder = tmp_path_factory.mktemp(name)
        result = train(extended(measured(make()), Save(folder / "saved")), data, folder)
        runs[name] = (result, folder / "saved")
    return runs


def test_a_start_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="start_step must be at least 0, but got -1"):
        AverageWeights(-1)


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"share must be above 0, .* got {share}"):
        BlendWithBase(share)
