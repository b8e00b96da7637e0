"""Texts are tokenised once; what is on disk is what the tokenizer gave."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from transformers import AutoTokenizer

from dr_lightning.data import token_store as module
from dr_lightning.data.token_store import TokenStore, token_store
from dr_lightning.models.tokenization import Side, TextFormat, Tokenization
from tests.training_runs import ENCODER

TEXTS = ["sort a list", "", "the wing of the body", "file"]


def tokenization(prompt: str = "", tokens: int = 16) -> Tokenization:
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    return Tokenization(tokenizer, TextFormat(prompt, tokens), TextFormat("", 16))


def store(
    cache: Path,
    texts: Sequence[str] = TEXTS,
    formats: Tokenization | None = None,
    side: Side = "query",
) -> TokenStore:
    frame = pl.LazyFrame({"text": list(texts)}, schema={"text": pl.String})
    return token_store(frame, formats or tokenization(), side, cache)


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "tokens").iterdir())


def test_a_store_holds_the_tokens_of_each_text(tmp_path: Path) -> None:
    found = store(tmp_path)
    expected = tokenization().tokenize(TEXTS, "query")
    assert len(found) == 4
    assert found.lengths.tolist() == [len(ids) for ids in expected]
    for row, ids in enumerate(expected):
        assert found.ids[found.starts[row] : found.starts[row + 1]].tolist() == ids
    taken = found.take(np.array([2, 1, 0]), 2)
    assert taken.ids.tolist() == [*expected[2][:2], *expected[0][:2]]
    assert taken.starts.tolist() == [0, 2, 2]
    assert found.share_cut(3) == 0.25


def test_a_store_is_opened_again_and_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(tmp_path)

    def fail(*_: object) -> None:
        pytest.fail("the texts were tokenised again")

    monkeypatch.setattr(module, "_build", fail)
    again = store(tmp_path)
    np.testing.assert_array_equal(again.ids, first.ids)
    assert isinstance(again.ids, np.memmap)
    # A longer limit or a prompt that is no part of a text's tokens changes nothing.
    store(tmp_path, formats=tokenization("query: ", 64))


@pytest.mark.parametrize(
    "texts",
    [
        [*TEXTS, "one more"],
        TEXTS[:3],
        [TEXTS[1], TEXTS[0], *TEXTS[2:]],
        [*TEXTS[:3], "files"],
    ],
)
def test_other_texts_make_another_store(tmp_path: Path, texts: list[str]) -> None:
    store(tmp_path)
    store(tmp_path, texts)
    assert len(folders(tmp_path)) == 2


def test_another_tokenizer_prompt_or_side_makes_another_store(tmp_path: Path) -> None:
    store(tmp_path)
    store(tmp_path, side="passage")
    # This prompt grows into the text's first word, so it is stored with it.
    joined = store(tmp_path, formats=tokenization("re"))
    assert joined.lengths[0] > store(tmp_path).lengths[0]
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    tokenizer.add_tokens(["wing of"])
    store(tmp_path, formats=Tokenization(tokenizer, TextFormat(), TextFormat()))
    assert len(folders(tmp_path)) == 4


def test_a_build_that_was_killed_leaves_nothing_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(raw: Path, target: Path, dtype: np.dtype, size: int) -> None:
        target.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_add_header", killed)
    monkeypatch.setattr(module.shutil, "rmtree", lambda *_, **__: None)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):  # as SIGKILL, which cleans nothing up
        store(tmp_path)
    (left,) = folders(tmp_path)
    assert left.startswith(".building-")
    monkeypatch.undo()
    assert len(store(tmp_path)) == 4


def test_a_build_that_failed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(module, "_add_header", fail)
    with pytest.raises(OSError):
        store(tmp_path)
    assert folders(tmp_path) == []


def test_of_two_that_build_at_once_the_first_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = module._write_ids

    def slowly(*arguments: object) -> object:
        monkeypatch.setattr(module, "_write_ids", write)
        store(tmp_path)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_write_ids", slowly)
    assert len(store(tmp_path)) == 4
    assert len(folders(tmp_path)) == 1


@pytest.mark.parametrize(
    ("vocabulary", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.uint32)]
)
def test_ids_are_as_narrow_as_the_vocabulary_allows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vocabulary: int,
    dtype: type[np.integer],
) -> None:
    monkeypatch.setattr(Tokenization, "vocabulary_size", vocabulary)
    expected = [[1, 2**16 - 1], [], [7]]
    monkeypatch.setattr(Tokenization, "tokenize", lambda *_: expected)
    found = store(tmp_path, ["a", "b", "c"])
    assert found.ids.dtype == dtype
    assert found.take(np.arange(3), 9).ids.tolist() == [1, 2**16 - 1, 7]


@pytest.mark.parametrize("texts", [[], ["", ""], [""]])
def test_stores_without_any_token(tmp_path: Path, texts: list[str]) -> None:
    for _ in range(2):
        found = store(tmp_path, texts)
        assert len(found) == len(texts)
        assert not found.lengths.any()
        taken = found.take(np.arange(len(texts)), 9)
        assert len(taken) == len(texts)
        assert not len(taken.ids)
        assert found.share_cut(3) == 0


def test_many_texts_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TEXTS_A_STEP", 3)
    texts = [f"list {number}" for number in range(20)]
    found = store(tmp_path, texts)
    whole = tokenization().ragged(texts, "query")
    assert found.ids.tolist() == whole.ids.tolist()
    assert found.lengths.tolist() == whole.lengths.tolist()


def test_the_name_does_not_depend_on_how_the_texts_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"list {number}" for number in range(20)]
    store(tmp_path, texts)
    monkeypatch.setattr(module, "_TEXTS_A_STEP", 3)
    store(tmp_path, texts)
    assert len(folders(tmp_path)) == 1
