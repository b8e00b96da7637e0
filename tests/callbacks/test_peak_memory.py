"""The unit of the peak, by holding a GiB more than ever before."""

import torch

from dr_lightning.callbacks.peak_memory import peak_memory


def test_memory_is_that_of_the_process_in_mib() -> None:
    before = peak_memory(torch.device("cpu"))
    kept = torch.ones(2**28 + before["process"] * 2**18)
    after = peak_memory(torch.device("cpu"))
    assert after["process"] - before["process"] > 0.9 * 1024
    assert kept.sum() > 0
    assert after.keys() == {"process"}
