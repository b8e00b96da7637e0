"""What the model finds for some queries, at each validation."""

from collections.abc import Sequence
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer

from dr_lightning.callbacks.evaluate_retrieval import EvaluateRetrieval
from dr_lightning.callbacks.example_page import COLUMNS, page, rows
from dr_lightning.callbacks.found import Found
from dr_lightning.callbacks.found_examples import Base, examples
from dr_lightning.callbacks.logged_text import log_text
from dr_lightning.callbacks.run_folder import run_folder

KEY = "examples"


class Examples(Callback):
    """Shows the first passages of some queries, and what moved since the base model.

    At each validation a page is written to `examples/step-N.md` in the run's folder,
    and given to loggers that show text (TensorBoard, MLflow; Weights & Biases as a
    table). It reads what `EvaluateRetrieval` found, so nothing is searched twice. Ranks
    of the base need `EvaluateBase`; where a part of the corpus is searched, they are
    those among this part.

    Args:
        queries: "changed" = those whose first measure differs most from the base's,
            gained or lost; "first" = the first of each collection; or ids.
        count: Queries of each collection, unless ids are given.
        depth: Passages of each.

    Raises:
        ValueError: If `count` or `depth` is below 1, `EvaluateRetrieval` is missing or
            found nothing, or an id is unknown.
    """

    def __init__(
        self,
        queries: list[str] | Literal["changed", "first"] = "changed",
        count: int = 10,
        depth: int = 5,
    ) -> None:
        for name, value in (("count", count), ("depth", depth)):
            if value < 1:
                msg = f"{name} must be at least 1, but got {value}."
                raise ValueError(msg)
        self.queries = queries
        self.count = count
        self.depth = depth
        self.base: dict[str, Base] = {}

    def state_dict(self) -> dict[str, Any]:
        """What the base found."""
        return {"base": {name: base._asdict() for name, base in self.base.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self.base = {k: Base(**base) for k, base in state_dict["base"].items()}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the page."""
        root = run_folder(trainer)  # the ranks agree on it
        if trainer.sanity_checking or root is None:
            return
        found = _found(trainer)
        step = trainer.global_step
        if trainer.state.fn == "fit" and step == 0:
            self.base = {name: Base.of(one) for name, one in found.items()}
        if not trainer.is_global_zero:
            return
        chosen = self._chosen(found)
        shown = [
            example
            for name, one in found.items()
            for example in examples(one, self.base.get(name), chosen[name], self.depth)
        ]
        text = page(shown, step, max(len(one.top.rows[0]) for one in found.values()))
        folder = root / KEY
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"step-{step}.md").write_text(text, "utf-8")
        for logger in trainer.loggers:
            log_text(logger, KEY, text, COLUMNS, list(rows(shown)), step)

    def _chosen(self, found: dict[str, Found]) -> dict[str, Sequence[int]]:
        """Rows of the queries to show, by collection."""
        if isinstance(self.queries, str):
            changed = self.queries == "changed"
            return {
                name: _order(one, self.base.get(name) if changed else None)[
                    : self.count
                ]
                for name, one in found.items()
            }
        chosen: dict[str, Sequence[int]] = {}
        unknown = set(self.queries)
        for name, one in found.items():
            row = {query: at for at, query in enumerate(one.collection.query_id)}
            chosen[name] = [row[query] for query in self.queries if query in row]
            unknown -= row.keys()
        if unknown:
            msg = (
                f"Examples: queries {sorted(unknown)} have no judgement in the "
                f"validation collections {sorted(found)}. Give ids of their qrels."
            )
            raise ValueError(msg)
        return chosen


def _order(found: Found, base: Base | None) -> list[int]:
    """Rows of the queries, those that changed most first."""
    queries = found.collection.query_id.to_list()
    if base is None:
        return list(range(len(queries)))
    now, before = found.first_measure(), base.values
    change = [abs(now.get(q, 0.0) - before.get(q, 0.0)) for q in queries]
    return sorted(range(len(queries)), key=lambda row: -change[row])


def _found(trainer: Trainer) -> dict[str, Found]:
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    evaluations = [c for c in callbacks if isinstance(c, EvaluateRetrieval)]
    if not evaluations or not evaluations[0].found:
        msg = (
            "Examples shows what EvaluateRetrieval finds, but it found nothing. Add it "
            "to `trainer.callbacks`, and a collection to `data.collections.validation`."
        )
        raise ValueError(msg)
    return evaluations[0].found
