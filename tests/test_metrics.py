import pickle
import random
from pathlib import Path

import polars as pl
import pytest
import pytrec_eval
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from dr_lightning.metrics import (
    Judgements,
    Measure,
    RetrievalMetrics,
    evaluate_run,
    means,
)
from dr_lightning.metrics.measures import ndcg

ROOT = Path(__file__).parent.parent
Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]
# Our name -> trec_eval's parameter; its answer has "_" for ".".
TREC_NAMES = {
    "nDCG": "ndcg",
    "nDCG@3": "ndcg_cut.3",
    "nDCG@10": "ndcg_cut.10",
    "R@2": "recall.2",
    "R@100": "recall.100",
    "RR": "recip_rank",
    "AP": "map",
    "AP@5": "map_cut.5",
    "P@1": "P.1",
    "P@10": "P.10",
    "Success@1": "success.1",
    "Success@5": "success.5",
}


def _frames(run: Run, qrels: Qrels) -> tuple[pl.DataFrame, pl.DataFrame]:
    run_frame = pl.DataFrame(
        {
            "query_id": list(run),
            "passage_id": [list(ranking) for ranking in run.values()],
            "score": [list(ranking.values()) for ranking in run.values()],
        },
        schema={
            "query_id": pl.String,
            "passage_id": pl.List(pl.String),
            "score": pl.List(pl.Float64),
        },
    )
    judged = [(q, p, rel) for q, of in qrels.items() for p, rel in of.items()]
    columns = ["query_id", "passage_id", "relevance"]
    return run_frame, pl.DataFrame(judged, schema=columns, orient="row")


def _trec_eval(run: Run, qrels: Qrels) -> dict[str, dict[str, float]]:
    """Give our names to trec_eval's values; judged queries without results get 0.

    A query with none but negative judgements is kept from it, since pytrec_eval
    0.5.11 never returns from one; it counts 0 like any without relevant passages.
    """
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(TREC_NAMES.values()))
    endless = {q for q, of in qrels.items() if max(of.values()) < 0}
    found = evaluator.evaluate(
        {q: ranking for q, ranking in run.items() if ranking and q not in endless}
    )
    return {
        query: {
            ours: found.get(query, {}).get(theirs.replace(".", "_"), 0.0)
            for ours, theirs in TREC_NAMES.items()
        }
        for query in qrels
    }


def _random_case(seed: int) -> tuple[Run, Qrels]:
    """Draw ties, grades from -1 to 3, unjudged passages, missing and empty queries.

    Some ids hold characters beyond ASCII, some scores differ only in float64.
    """
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    ids = [f"{draw.choice(['p', 'P', 'é', '😀', ''])}{i}" for i in range(15)]
    scores = [-1.0, 0.0, 0.5, 0.5 + 1e-12, 1 / 3, 2.0]
    run, qrels = {}, {}
    for query in [f"q{i}" for i in range(6)]:
        if draw.random() < 0.8:
            passages = draw.sample(ids, draw.randint(0, 15))
            run[query] = {passage: draw.choice(scores) for passage in passages}
        if draw.random() < 0.8:
            judged = draw.sample(ids, draw.randint(1, 8))
            qrels[query] = {passage: draw.randint(-1, 3) for passage in judged}
    return run, qrels or {"q0": {ids[0]: 1}}


@pytest.mark.parametrize("group", range(10))
def test_a_thousand_random_runs_agree_with_trec_eval(group: int) -> None:
    run: Run = {}
    qrels: Qrels = {}
    for seed in range(100 * group, 100 * (group + 1)):
        one_run, one_qrels = _random_case(seed)
        run |= {f"{seed} {query}": of for query, of in one_run.items()}
        qrels |= {f"{seed} {query}": of for query, of in one_qrels.items()}
    ours = evaluate_run(*_frames(run, qrels), list(TREC_NAMES))
    theirs = _trec_eval(run, qrels)
    assert ours["query_id"].to_list() == sorted(qrels)
    for row in ours.iter_rows(named=True):
        query = row.pop("query_id")
        assert row == pytest.approx(theirs[query], abs=1e-6), query


def _tables(run: pl.DataFrame, judgements: Judgements) -> tuple[Tensor, Tensor, Tensor]:
    """Lay out a run by a plain loop; the passage ids are p0, p1 and so on."""
    depth = 15
    rows = torch.full((len(run), depth), -1)
    scores = torch.full((len(run), depth), torch.nan)  # where there is no passage
    queries = judgements.query_ids.to_list()
    for i, (_, passages, values) in enumerate(run.iter_rows()):
        rows[i, : len(passages)] = torch.tensor([int(p[1:]) for p in passages])
        scores[i, : len(passages)] = torch.tensor(values)
    return torch.tensor([queries.index(q) for q in run["query_id"]]), rows, scores


@pytest.mark.parametrize("seed", range(20))
def test_the_metric_agrees_with_the_run_file(seed: int) -> None:
    run, qrels = _random_case(seed)
    clean = str.maketrans("Pé😀", "ppp")
    run = {
        q: {f"p{p.translate(clean).lstrip('p')}": s for p, s in of.items()}
        for q, of in run.items()
    }
    qrels = {
        q: {f"p{p.translate(clean).lstrip('p')}": r for p, r in of.items()}
        for q, of in qrels.items()
    }
    run_frame, qrels_frame = _frames(run, qrels)
    expected = evaluate_run(run_frame, qrels_frame, list(TREC_NAMES))
    # All queries, also those without judgements, and not in the order of their ids.
    query_ids = pl.Series([f"q{i}" for i in reversed(range(6))])
    passage_ids = pl.Series([f"p{i}" for i in range(15)])
    judgements = Judgements(qrels_frame, query_ids, passage_ids)
    metrics = RetrievalMetrics(judgements, list(TREC_NAMES))
    for batch in run_frame.filter(pl.col("passage_id").list.len() > 0).iter_slices(2):
        metrics.update(*_tables(batch, judgements))
    none = torch.empty(0, 3)  # an empty share
    metrics.update(none[:, 0].long(), none.long(), none)
    found = metrics.per_query().sort("query_id")
    assert found["query_id"].equals(expected["query_id"])
    for name, mean in means(expected).items():
        assert found[name].to_list() == pytest.approx(expected[name].to_list())
        assert metrics.compute()[name].item() == pytest.approx(mean)


def test_ndcg_by_hand() -> None:
    """Gains 0, 2, 1 of relevant 2, 1, 1, with log2(2, 3, 4) = 1, 1.58496, 2.

    DCG = 0 + 2 / 1.58496 + 1 / 2 = 1.76186; ideal 2 + 1 / 1.58496 + 1 / 2 = 3.13093.
    """
    gains, ideal = torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([[2.0, 1.0, 1.0]])
    assert ndcg(gains, ideal).item() == pytest.approx(1.76186 / 3.13093, abs=1e-5)


def test_judged_queries_without_results_or_relevant_passages_count_zero() -> None:
    run: Run = {"found": {"a": 1.0}, "nothing relevant": {"a": 1.0}, "unjudged": {}}
    qrels: Qrels = {
        "found": {"a": 1},
        "nothing relevant": {"a": 0},
        "missing": {"a": 1},
    }
    table = evaluate_run(*_frames(run, qrels), ["RR"])
    assert dict(table.iter_rows()) == {
        "found": 1.0,
        "missing": 0.0,
        "nothing relevant": 0.0,
    }
    assert means(table) == {"RR": pytest.approx(1 / 3)}


def test_ties_are_ordered_by_descending_passage_id() -> None:
    # "p9" > "p10" as strings; float32 cannot tell the scores apart.
    run: Run = {"q": {"p10": 0.5 + 1e-12, "p9": 0.5}}
    ranked = evaluate_run(*_frames(run, {"q": {"p9": 1}}), ["P@1"])
    assert ranked["P@1"].to_list() == [1.0]


def test_an_identical_id_is_dropped_before_the_cut() -> None:
    run: Run = {"a": {"a": 1.0, "b": 0.9}, "c": {"b": 0.9}}
    frames = _frames(run, {"a": {"b": 1}, "c": {"b": 1}})
    assert evaluate_run(*frames, ["P@1"])["P@1"].to_list() == [0.0, 1.0]
    dropped = evaluate_run(*frames, ["P@1"], drop_identical=True)
    assert dropped["P@1"].to_list() == [1.0, 1.0]


def _judgements(drop_identical: bool = False) -> Judgements:
    _, qrels = _frames({}, {"x": {"b": 1, "gone": 2}, "y": {"a": 3}})
    ids = pl.Series(["x", "y", "z"]), pl.Series(["a", "b", "x"])
    return Judgements(qrels, *ids, drop_identical)


def test_relevant_passages_outside_the_corpus_still_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = RetrievalMetrics(_judgements(), ["R@10"])
    assert "1 relevant passages of the qrels are not in the corpus" in caplog.text
    metrics.update(torch.tensor([0]), torch.tensor([[1]]), torch.tensor([[1.0]]))
    assert metrics.per_query()["R@10"].to_list() == [0.5, 0.0]


def test_a_query_that_comes_twice_counts_once() -> None:
    metrics = RetrievalMetrics(_judgements(), ["RR"])
    for _ in range(2):
        metrics.update(torch.tensor([1]), torch.tensor([[0]]), torch.tensor([[1.0]]))
    assert metrics.compute()["RR"].item() == 0.5
    metrics.reset()
    metrics.update(torch.tensor([1]), torch.tensor([[1]]), torch.tensor([[1.0]]))
    assert metrics.compute()["RR"].item() == 0.0


def test_depth_is_what_the_measures_look_at() -> None:
    assert RetrievalMetrics(_judgements(), ["nDCG@10", "R@100"]).depth == 100
    assert RetrievalMetrics(_judgements(), ["RR"]).depth == 1000
    assert RetrievalMetrics(_judgements(drop_identical=True), ["R@100"]).depth == 101


def test_the_metric_pickles_and_keeps_the_qrels_out_of_checkpoints() -> None:
    metrics = RetrievalMetrics(_judgements(), ["RR"])
    assert pickle.loads(pickle.dumps(metrics)).depth == 1000  # noqa: S301
    assert metrics.state_dict() == {}


def _update_own_share(process: int, folder: str) -> None:
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=process, world_size=2)
    shared = RetrievalMetrics(_judgements(), ["RR"])
    lopsided = RetrievalMetrics(_judgements(), ["RR"])
    one = torch.tensor([[1.0]])
    # Rank 0 has query x, rank 1 query y and, as samplers pad, query x again.
    shared.update(torch.tensor([0]), torch.tensor([[1]]), one)
    if process == 1:
        shared.update(torch.tensor([1]), torch.tensor([[1]]), one)
        lopsided.update(torch.tensor([0]), torch.tensor([[1]]), one)
    else:
        empty = torch.empty(0, 1)
        lopsided.update(empty[:, 0].long(), empty.long(), empty)
    result = [m.compute()["RR"].item() for m in (shared, lopsided)]
    torch.save([*result, shared.per_query()["RR"].to_list()], f"{folder}/{process}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_share_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)  # the children import this file by its name
    spawn(_update_own_share, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    for process in (0, 1):
        assert torch.load(tmp_path / f"{process}.pt") == [0.5, 0.5, [1.0, 0.0]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["NDCG@10"], r"unknown measure 'NDCG@10'; accepted are nDCG, .*case matters"),
        (["ndcg_cut.10"], "unknown measure 'ndcg_cut.10'; accepted are nDCG"),
        (["RR@0"], "unknown measure 'RR@0'"),
        (["R"], "measure 'R' needs a cutoff; write for example 'R@10'"),
        ([], "give at least one, and each once"),
        (["RR", "RR"], "give at least one, and each once"),
    ],
)
def test_wrong_measures_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetrievalMetrics(_judgements(), names)


def test_measures_are_values() -> None:
    assert Measure.parse("RR") == Measure("RR") != Measure("RR", 10)
    assert str(Measure.parse("Success@5")) == "Success@5"


def test_wrong_qrels_are_refused() -> None:
    _, qrels = _frames({}, {"x": {"a": 1}, "y": {"a": 1}})
    x, xy, a = pl.Series(["x"]), pl.Series(["x", "y"]), pl.Series(["a"])
    with pytest.raises(ValueError, match=r"1 queries that are not .* such as 'y'"):
        Judgements(qrels, x, a)
    with pytest.raises(ValueError, match="query id 'x' is repeated"):
        Judgements(qrels, pl.concat([xy, x]), a)
    with pytest.raises(ValueError, match="passage id 'a' is repeated"):
        Judgements(qrels, xy, pl.concat([a, a]))
    with pytest.raises(ValueError, match=r"judge \('x', 'a'\) more than once"):
        Judgements(pl.concat([qrels, qrels]), xy, a)
    with pytest.raises(ValueError, match="the qrels are empty"):
        Judgements(qrels.clear(), xy, a)


def test_wrong_runs_are_refused() -> None:
    run, qrels = _frames({"q": {"a": 1.0}}, {"q": {"a": 1}})
    with pytest.raises(ValueError, match="the run has query 'q' more than once"):
        evaluate_run(pl.concat([run, run]), qrels, ["RR"])
    twice = run.with_columns(pl.lit(pl.Series([["a", "a"]])).alias("passage_id"))
    with pytest.raises(ValueError, match="lists a passage twice for query 'q'"):
        evaluate_run(twice, qrels, ["RR"])
    nan, _ = _frames({"q": {"a": float("nan")}}, {})
    with pytest.raises(ValueError, match="a ranking has NaN scores"):
        evaluate_run(nan, qrels, ["RR"])
