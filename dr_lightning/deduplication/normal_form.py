"""What is compared of a text: its normal form."""

from typing import Literal, TypeAlias

import polars as pl

NormalForm: TypeAlias = Literal["method", "keep_marks"]

_ACCENTS = {"method": r"\p{Mn}", "keep_marks": r"\u0300-\u036F"}


def normal_form(text: pl.Expr, form: NormalForm = "method") -> pl.Expr:
    """The text as it is compared: only letters, in one case, and single spaces.

    NFKC, without accents, lower-case, without digits, punctuation and symbols, spaces
    squeezed. Digits are the decimal ones of all scripts (category Nd), punctuation and
    symbols the categories P and S.

    `method` takes every non-spacing mark (category Mn) for an accent. That is right
    for Latin, Greek and Cyrillic (where й becomes и), but in other scripts such marks
    are vowels, tones and points: many vowel signs of Devanagari and Thai go, and all
    tones of Thai, the points of Arabic and Hebrew, the voicing of kana (が becomes か),
    so that different words become equal. `keep_marks` drops the accents U+0300 to
    U+036F alone, which serve Latin, Greek and Cyrillic, and keeps all other marks.

    Args:
        text: A polars expression.
        form: Which marks are dropped as accents.

    Example:
        >>> frame = pl.DataFrame({"text": ["Élan  vital (1907)!", "が 12"]})
        >>> frame.select(normal_form(pl.col("text"))).to_series().to_list()
        ['elan vital', 'か']
    """
    # NFKD is NFKC with its accents taken apart; NFC puts together what is left, such as
    # Hangul. All that is dropped goes in one pass, since lower-casing does not care.
    dropped = rf"[{_ACCENTS[form]}\p{{Nd}}\p{{P}}\p{{S}}]"
    return (
        text.str.normalize("NFKD")
        .str.to_lowercase()
        .str.replace_all(dropped, "")
        .str.replace_all(r"\s\s+|[^\S ]", " ")
        .str.strip_chars()
        .str.normalize("NFC")
    )
