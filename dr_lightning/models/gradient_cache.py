"""Embeds micro-batches whose activations are computed again in the backward pass.

This is gradient caching (GradCache, arXiv 2101.06983) as one node of the graph: the
forward pass keeps embeddings alone, the backward pass runs each micro-batch again and
adds up the gradient of each parameter in one buffer. To autograd it is a function of
the parameters, so Lightning's automatic optimisation, clipping and accumulation stay as
they are, and DDP sees each gradient once, when it is whole.

`torch.utils.checkpoint` around each micro-batch computes the same, but not as well.
Without reentrance it leaves the nodes of every micro-batch's graph on the heap, between
activations that are freed; the C library cannot join their room, and memory grows with
the batch (64 micro-batches of 1,024 tokens on a CPU: a peak of 1,880 MiB, against 997
where no graph is left). With reentrance it hands each micro-batch's share to the
parameters' hooks by itself, which DDP does not allow.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.random import fork_rng

MicroBatch = tuple[Tensor, Tensor]
"""Token ids and which of them are not padding, both `(texts, tokens)`."""


def embed_recomputed(
    encoder: nn.Module, micro_batches: Sequence[MicroBatch]
) -> Float[Tensor, "text dim"]:
    """Embeds micro-batches, keeping neither activations nor graph.

    A parameter that is frozen, or that the encoder does not use, gets no gradient, as
    in a plain backward pass. A second derivative is refused.

    Args:
        encoder: Maps token ids and their mask to embeddings. What it does depends on
            parameters, inputs, torch's random numbers and autocast alone.
        micro_batches: Token ids and mask of each, at least one.

    Returns:
        The embeddings of all, one micro-batch after the other.
    """
    trained = {n: p for n, p in encoder.named_parameters() if p.requires_grad}
    embedding: Tensor = _Recomputed.apply(  # type: ignore[no-untyped-call]
        encoder, micro_batches, list(trained), *trained.values()
    )
    return embedding


class _Recomputed(torch.autograd.Function):
    """The embeddings as a function of the encoder's trained parameters."""

    @staticmethod
    def forward(
        ctx: Any,
        encoder: nn.Module,
        micro_batches: Sequence[MicroBatch],
        names: list[str],
        *parameters: Tensor,
    ) -> Tensor:
        # Saved for the check that none is changed before the backward pass.
        ctx.save_for_backward(*parameters)
        ctx.encoder, ctx.names, ctx.micro_batches = encoder, names, micro_batches
        device = micro_batches[0][0].device
        ctx.random, ctx.autocast = _random(device), _autocast(device)
        # One matrix from the start: small ones, kept between activations that are
        # freed, would split the heap too (150 micro-batches: a peak of 956, not 684).
        texts, start = sum(len(ids) for ids, _ in micro_batches), 0
        for ids, mask in micro_batches:
            with torch.autocast(**ctx.autocast):
                part: Tensor = encoder(ids, mask)
            if not start:
                embeddings = part.new_empty((texts, part.shape[1]))
            embeddings[start : start + len(part)] = part
            start += len(part)
        return embeddings

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # Leaves of their own: hooks of the parameters shall see the whole gradient.
        leaves = [saved.detach().requires_grad_() for saved in ctx.saved_tensors]
        named = dict(zip(ctx.names, leaves, strict=True))
        device, start = gradient.device, 0
        devices = [device] if device.type != "cpu" else []
        # Random numbers are drawn in the order of the forward pass, hence the same.
        with torch.enable_grad(), fork_rng(devices, device_type=device.type):
            _set_random(device, ctx.random)
            for ids, mask in ctx.micro_batches:
                with torch.autocast(**ctx.autocast):
                    embedding = functional_call(ctx.encoder, named, (ids, mask))
                embedding.backward(gradient[start : start + len(ids)])
                start += len(ids)
        return None, None, None, *(leaf.grad for leaf in leaves)


def _random(device: torch.device) -> list[Tensor]:
    """States of the generators that the encoder may draw from."""
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(device))
    return states


def _set_random(device: torch.device, states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[1], device)


def _autocast(device: torch.device) -> dict[str, Any]:
    """Arguments that make the present autocast again.

    Its cache stays off: weights cast without gradient would be taken again with it.
    """
    return {
        "device_type": device.type,
        "dtype": torch.get_autocast_dtype(device.type),
        "enabled": torch.is_autocast_enabled(device.type),
        "cache_enabled": False,
    }
