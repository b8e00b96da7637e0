"""What writes queries in a run, and the options of each one's `generate`."""

from dr_lightning.specialization.options import Settings

FIRST = "generate"
"""The step of the writer that `llm` names; those of the others have their names."""


def writers(settings: Settings) -> dict[str, Settings]:
    """The options that differ between writers, by the name of their step.

    Args:
        settings: What `options.read` gave.
    """
    common = settings["generate"]
    first = {"engine": settings["llm"], "queries": settings["budget"]["queries"]}
    first |= {name: common[name] for name in ("types", "per_type")}
    return {FIRST: first} | {
        f"{FIRST}_{name}": {"engine": own["llm"], "writer": name}
        | {option: own[option] for option in ("queries", "types", "per_type")}
        for name, own in (settings["more_queries"] or {}).items()
    }
