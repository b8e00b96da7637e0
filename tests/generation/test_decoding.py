"""Tokens are drawn from the right distribution, each row by its own numbers."""

import pytest
import torch

from dr_lightning.generation.decoding import SampleRows, draw_tokens
from dr_lightning.generation.sampling import Sampling

CPU = torch.device("cpu")


def drawn(logits: torch.Tensor, sampling: Sampling, count: int = 4000) -> torch.Tensor:
    """Shares of the tokens over evenly spread numbers."""
    numbers = (torch.arange(count) + 0.5) / count
    tokens = draw_tokens(logits.expand(count, -1), numbers, sampling)
    return torch.bincount(tokens, minlength=logits.shape[-1]) / count


@pytest.mark.parametrize("temperature", [0.5, 0.8, 2.0])
def test_shares_follow_the_softmax_at_the_temperature(temperature: float) -> None:
    logits = torch.tensor([0.3, -1.0, 2.0, 0.0])
    expected = torch.softmax(logits / temperature, dim=0)
    found = drawn(logits, Sampling(temperature))
    assert torch.allclose(found, expected, atol=1e-3)


def test_top_p_keeps_the_likeliest_and_renormalises() -> None:
    """Of 0.1, 0.5, 0.15 and 0.25, the first to reach 0.7 are 0.5 and 0.25."""
    logits = torch.tensor([0.1, 0.5, 0.15, 0.25]).log()
    expected = torch.tensor([0.0, 2 / 3, 0.0, 1 / 3])
    found = drawn(logits, Sampling(1.0, top_p=0.7))
    assert torch.allclose(found, expected, atol=1e-3)


def test_top_p_looks_beyond_the_first_thousand_tokens_where_it_must() -> None:
    found = drawn(torch.zeros(3000), Sampling(1.0, top_p=0.5), count=6000)
    assert int((found > 0).sum()) == pytest.approx(1500, abs=2)  # float32 sums


def test_a_row_s_tokens_do_not_hang_on_its_neighbours() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    sampling = Sampling(0.8, max_tokens=4)

    def tokens(seeds: list[int], rows: list[int]) -> list[list[int]]:
        sample = SampleRows(seeds, sampling, CPU)
        steps = [sample(None, logits[rows]).argmax(dim=1) for _ in range(4)]
        return torch.stack(steps, dim=1).tolist()

    together = tokens([7, 8, 9], [0, 1, 2])
    assert tokens([9], [2]) == [together[2]]
    assert tokens([8, 7], [1, 0]) == [together[1], together[0]]
    assert tokens([1, 2], [0, 0])[0] != tokens([1, 2], [0, 0])[1]
