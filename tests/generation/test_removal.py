"""Sentences are taken out of their passages, but never all of a passage."""

import polars as pl

from dr_lightning.generation.removal import NOT_TAKEN_OUT, take_out, without_pieces

TEXTS = {"p": "It rises. It is baked. It is eaten.", "r": "Alone."}


def test_pieces_of_one_passage_are_taken_out_in_turn() -> None:
    pieces = [("a", "p", "It is baked."), ("b", "p", "It is eaten.")]
    assert take_out(TEXTS, pieces) == ({"p": "It rises."}, [])


def test_a_passage_is_not_emptied() -> None:
    assert take_out(TEXTS, [("a", "r", "Alone.")]) == ({}, ["a"])


def test_what_is_not_there_any_more_is_refused() -> None:
    pieces = [("a", "p", "It is baked."), ("b", "p", "baked. It")]
    assert take_out(TEXTS, pieces) == ({"p": "It rises. It is eaten."}, ["b"])


def test_the_corpus_keeps_its_order_and_all_else() -> None:
    ids = ["r", "p", "x"]
    corpus = pl.LazyFrame(
        {"passage_id": ids, "title": ids, "text": [*(TEXTS.get(i, "") for i in ids)]}
    )
    found = pl.DataFrame(
        {
            "query_id": ["a", "b", "c", "d"],
            "passage_id": ["p", "r", "p", "x"],
            "removed": ["It rises.", "Alone.", "It is baked.", None],
            "reason": [None, None, "duplicate", None],
        }
    )
    after, new = without_pieces(corpus, found)
    assert after["reason"].to_list() == [None, NOT_TAKEN_OUT, "duplicate", None]
    assert new is not None
    assert new.collect().rows() == [
        ("r", "r", "Alone."),
        ("p", "p", "It is baked. It is eaten."),
        ("x", "x", ""),
    ]


def test_without_pieces_there_is_no_second_corpus() -> None:
    columns = {"query_id": ["a"], "passage_id": ["p"], "reason": [None]}
    removed = pl.Series("removed", [None], pl.String())
    found = pl.DataFrame(columns).with_columns(removed)
    assert without_pieces(pl.LazyFrame(), found)[1] is None
