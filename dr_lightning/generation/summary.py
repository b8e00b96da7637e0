"""What the manifest of `generate` and its last line tell."""

from collections.abc import Mapping

import polars as pl

_SAMPLES = 3


def drop_counts(found: pl.DataFrame) -> dict[str, int]:
    """Reasons of drops and how many, the most frequent first.

    Args:
        found: Column reason (null = kept).

    Example:
        >>> drop_counts(pl.DataFrame({"reason": [None, "empty", "copy", "empty"]}))
        {'empty': 2, 'copy': 1}
    """
    counts = found.drop_nulls("reason").group_by("reason").len()
    return dict(counts.sort("len", "reason", descending=[True, False]).iter_rows())


def by_type(found: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Counts, drops and a few queries of each type.

    Args:
        found: query_id, query_type, query and reason.
    """
    told: dict[str, dict[str, object]] = {}
    for one in found.partition_by("query_type", maintain_order=True):
        kept = one.filter(pl.col("reason").is_null())
        told[one["query_type"][0]] = {
            "asked": len(one),
            "written": len(kept),
            "dropped": drop_counts(one),
            # Ids are hashes, so these are drawn at random, the same each time.
            "samples": kept.sort("query_id")["query"].head(_SAMPLES).to_list(),
        }
    return told


def rates(found: pl.DataFrame, amounts: Mapping[str, float]) -> dict[str, float]:
    """Tokens, and queries and tokens a second of the engine's time.

    Args:
        found: prompt_tokens and tokens among its columns.
        amounts: `seconds`, over all parts.
    """
    seconds = max(amounts["seconds"], 1e-9)
    tokens = int(found["tokens"].sum())
    return {
        "prompt_tokens": int(found["prompt_tokens"].sum()),
        "tokens": tokens,
        "engine_seconds": round(amounts["seconds"], 3),
        "queries_per_second": round(len(found) / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 2),
    }


def told(counts: Mapping[str, int]) -> str:
    """Counts in words.

    Args:
        counts: By what they count.

    Example:
        >>> told({"empty": 1200, "copy": 1})
        '1,200 empty, 1 copy'
    """
    return ", ".join(f"{count:,} {what}" for what, count in counts.items()) or "0"
