from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser
from torch import Tensor

from dr_lightning.search import ExactSearch, FaissSearch, Search, exact, merge_top_k
from dr_lightning.search.top_k import Embeddings


def _brute_force(queries: Tensor, passages: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Sort all scores by (score descending, row ascending), one query at a time."""
    scores = queries.double().numpy() @ passages.double().numpy().T
    best_scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    best_rows = np.full((len(queries), k), -1)
    for i, of_query in enumerate(scores):
        order = sorted(range(len(passages)), key=lambda row: (-of_query[row], row))[:k]
        best_scores[i, : len(order)] = of_query[order]
        best_rows[i, : len(order)] = order
    return torch.from_numpy(best_scores), torch.from_numpy(best_rows)


def _integers(rows: int, dimension: int, seed: int) -> Tensor:
    # Products of small whole numbers are exact in float32, and often equal.
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, (rows, dimension), generator=generator).float()


def _unit(rows: int, dimension: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(
        torch.randn(rows, dimension, generator=generator), dim=1
    )


def _small_blocks(
    monkeypatch: pytest.MonkeyPatch, queries: int, passages: int
) -> ExactSearch:
    monkeypatch.setattr(exact, "QUERY_BLOCK", queries)
    search = ExactSearch()
    monkeypatch.setattr(search, "_passages_in_block", lambda *shape: passages)
    return search


@settings(max_examples=100, deadline=None)
@given(
    queries=st.integers(0, 9),
    passages=st.integers(0, 40),
    k=st.integers(1, 50),
    blocks=st.tuples(st.integers(1, 10), st.integers(1, 41)),
    seed=st.integers(0, 1000),
)
def test_exact_search_is_brute_force_whatever_the_blocks(
    queries: int, passages: int, k: int, blocks: tuple[int, int], seed: int
) -> None:
    wanted, corpus = _integers(queries, 3, seed), _integers(passages, 3, seed + 1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        search = _small_blocks(monkeypatch, *blocks)
        search.index(corpus)
        found = search.search(wanted, k)
    scores, rows = _brute_force(wanted, corpus, k)
    assert torch.equal(found.rows, rows)
    assert torch.equal(found.scores, scores)


def test_the_memory_bounds_the_block_of_passages() -> None:
    search = ExactSearch(memory_mb=1)
    # 1 MiB = 262,144 floats; a passage takes 384 of its own and 640 scores.
    assert search._passages_in_block(640, 384) == 256
    assert search._passages_in_block(1, 10_000_000) == 1


def test_equal_scores_are_cut_and_ordered_by_row() -> None:
    search = ExactSearch()
    search.index(torch.ones(1000, 4))
    assert search.search(torch.ones(2, 4), 3).rows.tolist() == [[0, 1, 2]] * 2


def test_a_corpus_smaller_than_k_leaves_rows_of_minus_one() -> None:
    search = ExactSearch()
    search.index(torch.eye(2))
    found = search.search(torch.tensor([[1.0, 0.5]]), 4)
    assert found.rows.tolist() == [[0, 1, -1, -1]]
    assert found.scores.tolist() == [[1.0, 0.5, -torch.inf, -torch.inf]]


def test_a_memory_map_gives_what_a_tensor_gives(tmp_path: Path) -> None:
    corpus, queries = _unit(300, 16, 0).half(), _unit(5, 16, 1)
    np.save(tmp_path / "passages.npy", corpus.numpy())
    mapped: Embeddings = np.load(tmp_path / "passages.npy", mmap_mode="r")
    from_map, from_tensor = ExactSearch(), ExactSearch()
    from_map.index(mapped)
    from_tensor.index(corpus)
    found = from_map.search(queries.numpy(), 7)
    assert torch.equal(found.rows, from_tensor.search(queries, 7).rows)
    assert found.scores.dtype == torch.float32


def test_scores_are_float32_under_autocast_and_carry_no_gradient() -> None:
    corpus, queries = _unit(50, 16, 0), _unit(5, 16, 1).requires_grad_()
    search = ExactSearch(device="cpu")
    search.index(corpus)
    plain = search.search(queries, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = search.search(queries, 5)
    assert torch.equal(cast.scores, plain.scores)
    assert not plain.scores.requires_grad


def test_index_replaces_the_passages_before() -> None:
    for search in (ExactSearch(), FaissSearch()):
        search.index(torch.eye(3))
        search.index(torch.eye(2))
        assert search.search(torch.ones(1, 2), 3).rows.tolist() == [[0, 1, -1]]


def test_merged_shards_equal_a_search_of_the_whole() -> None:
    corpus, queries = _integers(60, 3, 0), _integers(8, 3, 1)
    search, parts = ExactSearch(), []
    for start, stop in [(40, 60), (0, 7), (7, 40)]:
        search.index(corpus[start:stop])
        scores, rows = search.search(queries, 10)
        parts.append((scores, torch.where(rows < 0, rows, rows + start)))
    search.index(corpus)
    merged, whole = merge_top_k(parts, 10), search.search(queries, 10)
    assert torch.equal(merged.rows, whole.rows)
    assert torch.equal(merged.scores, whole.scores)


def test_merging_too_few_results_pads_them() -> None:
    merged = merge_top_k([(torch.tensor([[0.5]]), torch.tensor([[3]]))], 2)
    assert merged.rows.tolist() == [[3, -1]]
    assert merged.scores.tolist() == [[0.5, -torch.inf]]


def test_faiss_flat_equals_exact_search() -> None:
    corpus, queries = _unit(500, 16, 0), _unit(20, 16, 1)
    flat, exact_search = FaissSearch("Flat"), ExactSearch()
    flat.index(corpus.numpy())
    exact_search.index(corpus)
    found, truth = flat.search(queries, 10), exact_search.search(queries, 10)
    assert torch.equal(found.rows, truth.rows)
    torch.testing.assert_close(found.scores, truth.scores)


@pytest.mark.parametrize(
    ("factory", "parameters", "least"),
    [
        ("IVF16,Flat", {"nprobe": 8}, 0.8),
        ("HNSW16", {"efSearch": 64}, 0.95),
        ("PQ16x4", None, 0.5),
        ("PCAR16,IVF4,PQ8x4", {"nprobe": 4}, 0.2),
    ],
)
def test_approximate_indexes_find_most_of_the_truth(
    factory: str, parameters: dict[str, float] | None, least: float
) -> None:
    corpus = _unit(3_000, 32, 0)
    queries = torch.nn.functional.normalize(corpus[::60] + 0.5 * _unit(50, 32, 1))
    exact_search, search = ExactSearch(), FaissSearch(factory, parameters)
    exact_search.index(corpus)
    search.index(corpus)
    truth, found = exact_search.search(queries, 10).rows, search.search(queries, 10)
    shared = (truth[:, :, None] == found.rows[:, None, :]).any(dim=2)
    assert shared.float().mean() > least
    assert (found.scores.diff(dim=1) <= 0).all()


def test_more_probes_find_more() -> None:
    corpus, queries = _unit(2_000, 16, 0), _unit(50, 16, 1)
    found = []
    for probes in (1, 32):
        search = FaissSearch("IVF32,Flat", {"nprobe": probes})
        search.index(corpus)
        found.append(search.search(queries, 1).scores.sum())
    assert found[0] < found[1]


def test_faiss_marks_what_it_did_not_find() -> None:
    search = FaissSearch("IVF8,Flat", {"nprobe": 1})
    search.index(_unit(400, 8, 0))
    found = search.search(_unit(3, 8, 1), 400)
    assert (found.rows[:, -1] == -1).all()
    assert (found.scores[found.rows < 0] == -torch.inf).all()


def test_the_seed_decides_the_training_sample() -> None:
    corpus, queries = _unit(2_000, 16, 0), _unit(20, 16, 1)
    rows = []
    for seed in (0, 0, 1):
        search = FaissSearch("IVF8,Flat", train_passages=400, seed=seed)
        search.index(corpus)
        rows.append(search.search(queries, 50).rows)
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])


def test_a_search_is_named_by_its_class_path() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--search", type=Search)
    options = ["--search=dr_lightning.search.FaissSearch", "--search.factory=IVF4,Flat"]
    options += ["--search.parameters={nprobe: 4}"]
    search = parser.instantiate_classes(parser.parse_args(options)).search
    assert isinstance(search, FaissSearch)
    assert (search.factory, search.parameters) == ("IVF4,Flat", {"nprobe": 4})


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="memory_mb is 0; give at least 1"):
        ExactSearch(memory_mb=0)
    with pytest.raises(ValueError, match="train_passages is 0; give at least 1"):
        FaissSearch(train_passages=0)


@pytest.mark.parametrize(
    ("factory", "parameters", "message"),
    [
        ("Flut", None, "cannot build index 'Flut' .*could not parse index string"),
        ("PQ7", None, "cannot build index 'PQ7' for dimension 8 .*multiple of"),
        ("IVF100,Flat", None, "cannot train index 'IVF100,Flat' on 10 passages"),
        ("Flat", {"nprobe": 2}, "index 'Flat' has no search parameter 'nprobe'"),
    ],
)
def test_faiss_errors_say_the_way_out(
    factory: str, parameters: dict[str, float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FaissSearch(factory, parameters).index(_unit(10, 8, 0))


@pytest.mark.parametrize("search", [ExactSearch(), FaissSearch()])
def test_wrong_searches_are_refused(search: Search) -> None:
    with pytest.raises(ValueError, match=r"call `index\(passages\)` first"):
        search.search(torch.ones(1, 3), 1)
    search.index(torch.eye(3))
    with pytest.raises(ValueError, match=r"queries have shape \(1, 4\), .* 3;"):
        search.search(torch.ones(1, 4), 1)
    with pytest.raises(ValueError, match="k is 0; ask for at least 1"):
        search.search(torch.ones(1, 3), 0)
    with pytest.raises(ValueError, match="hold NaN or infinite values"):
        search.search(torch.full((1, 3), torch.nan), 1)


def test_nan_passages_are_refused() -> None:
    search = ExactSearch()
    search.index(torch.full((2, 3), torch.nan))
    with pytest.raises(ValueError, match="hold NaN or infinite values"):
        search.search(torch.ones(1, 3), 1)
    with pytest.raises(ValueError, match="hold NaN or infinite values"):
        FaissSearch().index(torch.full((2, 3), torch.nan))
