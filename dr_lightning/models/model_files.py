"""JSON files beside a model's weights, in a folder or on the hub.

A file that a model lacks leaves settings open. One that cannot be looked for must not:
the model would be read with other prompts, as if nothing were wrong.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
)

# A download of the whole model brings these, and sentence-transformers the second one;
# transformers, which fetches no settings of sentence-transformers either, brings none.
_OF_WHOLE_MODELS = (".gitattributes", "README.md")


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model.

    Args:
        name: A model folder or hub name.
        revision: Branch, tag or commit of a hub name; null = its main branch.
    """

    name: str
    revision: str | None = None

    def read(self, file: str) -> Any:
        """Content of a JSON file; None if the model has no such file.

        Args:
            file: Its path inside the model.

        Raises:
            ValueError: If the hub refuses it; or if it cannot be reached, and the cache
                does not tell whether the model has the file.
        """
        path = self._find(file)
        return None if path is None else json.loads(path.read_text("utf-8"))

    def _find(self, file: str) -> Path | None:
        if Path(self.name).is_dir():
            path = Path(self.name) / file
            return path if path.is_file() else None
        try:
            return Path(hf_hub_download(self.name, file, revision=self.revision))
        except LocalEntryNotFoundError as error:
            if self._lacks(file):
                return None
            why = "the hub cannot be reached, and its cache does not tell if there is"
            raise self._unreadable(file, why) from error
        except EntryNotFoundError:
            return None
        except HfHubHTTPError as error:
            why = f"the hub answers {type(error).__name__} when asked for"
            raise self._unreadable(file, why) from error

    def _lacks(self, file: str) -> bool:
        """Whether the cache tells that the model has no such file."""
        if self._cached(file) is not None:  # looked for before, and not there
            return True
        return any(isinstance(self._cached(one), str) for one in _OF_WHOLE_MODELS)

    def _cached(self, file: str) -> Any:
        return try_to_load_from_cache(self.name, file, revision=self.revision)

    def _unreadable(self, file: str, why: str) -> ValueError:
        revision = f" --revision {self.revision}" if self.revision else ""
        return ValueError(
            f"model {self.name!r}: {why} {file}, which says how it pools, scales and "
            "prompts. Give a model folder, fetch the whole model with `hf download "
            f"{self.name}{revision}`, or set pooling, normalize, and prompt and "
            "max_tokens of query and passage."
        )
