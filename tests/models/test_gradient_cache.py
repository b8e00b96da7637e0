"""Recomputed micro-batches have the gradient of those whose activations were kept."""

import pytest
import torch
from torch import Tensor, nn

from dr_lightning.models.gradient_cache import MicroBatch, embed_recomputed


class TinyEncoder(nn.Module):
    """A layer with dropout between token vectors and their mean; one bias unused."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.token = nn.Embedding(7, 4, padding_idx=0)
        self.layer = nn.Linear(4, 4)
        self.dropout = nn.Dropout(dropout)
        self.unused = nn.Parameter(torch.zeros(2))
        for parameter in self.parameters():
            nn.init.normal_(parameter, generator=generator)
        self.calls = 0

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.dropout(self.layer(self.token(ids)).tanh())
        mean: Tensor = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return mean.to(torch.promote_types(mean.dtype, torch.float32))


def micro_batches() -> list[MicroBatch]:
    ids = [
        torch.tensor([[1, 2, 3], [2, 4, 0]]),
        torch.tensor([[5, 0], [6, 1]]),
        torch.tensor([[3]]),
    ]
    return [(part, part > 0) for part in ids]


def plain(encoder: nn.Module) -> Tensor:
    return torch.cat([encoder(*part) for part in micro_batches()])


def loss(embedding: Tensor) -> Tensor:
    """Ties each text to all others, as an objective does."""
    return (embedding @ embedding.T / 0.3).logsumexp(1).sum()


def gradients(encoder: nn.Module, embedding: Tensor) -> dict[str, Tensor | None]:
    encoder.zero_grad()
    loss(embedding).backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in encoder.named_parameters()}


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("frozen", ["", "token.weight"])
def test_the_gradient_is_that_of_kept_activations(dropout: float, frozen: str) -> None:
    encoder = TinyEncoder(dropout).double()
    if frozen:
        encoder.get_parameter(frozen).requires_grad_(False)
    torch.manual_seed(5)
    kept = plain(encoder)
    expected = gradients(encoder, kept)
    torch.manual_seed(5)
    embedding = embed_recomputed(encoder, micro_batches())
    torch.testing.assert_close(embedding, kept, atol=0, rtol=0)
    torch.rand(3)  # the backward pass must not depend on what was drawn since
    found = gradients(encoder, embedding)
    assert found["unused"] is None
    assert (found["token.weight"] is None) == bool(frozen)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_the_backward_pass_draws_no_random_numbers() -> None:
    encoder = TinyEncoder(dropout=0.4)
    embedding = embed_recomputed(encoder, micro_batches())
    before = torch.get_rng_state()
    gradients(encoder, embedding)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cache_enabled", [False, True])
def test_autocast_is_that_of_the_forward_pass(cache_enabled: bool) -> None:
    encoder = TinyEncoder()
    # With torch's cache a plain pass adds up gradients in bfloat16: not a reference.
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        kept = plain(encoder)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=cache_enabled):
        embedding = embed_recomputed(encoder, micro_batches())
    assert not torch.equal(kept, plain(encoder))
    torch.testing.assert_close(embedding, kept, atol=0, rtol=0)
    expected = gradients(encoder, kept)
    assert expected["layer.weight"] is not None
    found = gradients(encoder, embedding)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert all(
        value is None or value.dtype == torch.float32 for value in found.values()
    )


def test_a_hook_sees_the_whole_gradient_once() -> None:
    encoder = TinyEncoder()
    seen: list[Tensor] = []
    encoder.layer.weight.register_hook(seen.append)  # type: ignore[no-untyped-call]
    embedding = embed_recomputed(encoder, micro_batches())
    found = gradients(encoder, embedding)
    assert len(seen) == 1
    assert found["layer.weight"] is not None
    assert torch.equal(seen[0], found["layer.weight"])


def test_the_graph_is_one_node() -> None:
    encoder = TinyEncoder()
    node = embed_recomputed(encoder, micro_batches()).grad_fn
    assert node is not None
    leaves = [getattr(found, "variable", None) for found, _ in node.next_functions]
    assert [leaf for leaf in leaves if leaf is not None] == list(encoder.parameters())


def test_nothing_is_recomputed_for_an_encoder_without_trained_parameters() -> None:
    encoder = TinyEncoder().requires_grad_(False)
    assert not embed_recomputed(encoder, micro_batches()).requires_grad
    assert encoder.calls == 3


def test_a_second_derivative_is_refused() -> None:
    encoder = TinyEncoder()
    value = loss(embed_recomputed(encoder, micro_batches()))
    weight = encoder.layer.weight
    (gradient,) = torch.autograd.grad(value, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()  # type: ignore[no-untyped-call]


def test_weights_that_changed_before_the_backward_pass_are_refused() -> None:
    encoder = TinyEncoder()
    value = loss(embed_recomputed(encoder, micro_batches()))
    with torch.no_grad():
        encoder.layer.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()  # type: ignore[no-untyped-call]
