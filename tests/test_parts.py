"""Part files: complete or absent, named by what shaped them, in order when read."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning.parts import Parts, Shard, settings_key


def frame(rows: range) -> pl.DataFrame:
    return pl.DataFrame({"row": list(rows)})


def parts(folder: Path, key: str = "k") -> Parts:
    return Parts(folder / "x.parts", key, rows=7, size=3)


def write_all(some: Parts) -> None:
    for rows in reversed(some.ranges()):
        some.write(rows, frame(rows), {"rows": len(rows), "seconds": 0.5})


def test_ranges_cover_every_row_once(tmp_path: Path) -> None:
    assert parts(tmp_path).ranges() == [range(3), range(3, 6), range(6, 7)]


def test_no_rows_make_no_parts(tmp_path: Path) -> None:
    assert Parts(tmp_path, "k", rows=0, size=3).ranges() == []


def test_parts_are_read_in_order_of_rows(tmp_path: Path) -> None:
    write_all(parts(tmp_path))
    assert parts(tmp_path).read()["row"].to_list() == list(range(7))


def test_finished_parts_are_not_to_do(tmp_path: Path) -> None:
    some = parts(tmp_path)
    some.write(range(3, 6), frame(range(3, 6)), {})
    assert some.todo(Shard()) == [range(3), range(6, 7)]


def test_other_settings_share_no_part(tmp_path: Path) -> None:
    write_all(parts(tmp_path))
    other = parts(tmp_path, key="other")
    assert other.todo(Shard()) == other.ranges()
    assert other.others() == 3
    assert parts(tmp_path).others() == 0


def test_workers_share_all_parts_without_overlap(tmp_path: Path) -> None:
    some = parts(tmp_path)
    shares = [some.todo(Shard(index, 2)) for index in (1, 2)]
    assert shares == [[range(3), range(6, 7)], [range(3, 6)]]


def test_a_part_that_was_not_completed_is_to_do(tmp_path: Path) -> None:
    some = parts(tmp_path)
    some.folder.mkdir()
    (some.folder / f".{some.path(range(3)).stem}.1.tmp").write_bytes(b"half")
    assert some.todo(Shard()) == some.ranges()


def test_amounts_add_up(tmp_path: Path) -> None:
    write_all(parts(tmp_path))
    assert parts(tmp_path).amounts() == {"rows": 7, "seconds": 1.5}


def test_missing_part_is_an_error(tmp_path: Path) -> None:
    some = parts(tmp_path)
    some.write(range(3), frame(range(3)), {})
    with pytest.raises(FileNotFoundError):
        some.read()


def test_remove_leaves_other_files(tmp_path: Path) -> None:
    some = parts(tmp_path)
    write_all(some)
    (some.folder / "notes.txt").write_text("mine")
    some.remove()
    assert [file.name for file in some.folder.iterdir()] == ["notes.txt"]


def test_remove_deletes_an_emptied_folder(tmp_path: Path) -> None:
    some = parts(tmp_path)
    write_all(some)
    some.remove()
    assert not some.folder.exists()
    some.remove()


def test_part_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 row, but got 0"):
        Parts(tmp_path, "k", rows=7, size=0)


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"])
def test_bad_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard must be I/N with I from 1 to N"):
        Shard.parse(text)


def test_shard_reads_what_it_writes() -> None:
    assert Shard.parse(str(Shard(2, 4))) == Shard(2, 4)


def test_key_changes_with_any_setting() -> None:
    assert settings_key({"depth": 100}) != settings_key({"depth": 99})
