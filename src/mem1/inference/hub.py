"""Models of a hub, by their names: ``hub:OWNER/NAME`` or ``hub:OWNER/NAME@REVISION``. No torch here."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from mem1.errors import ModelError

PREFIX = "hub:"
_NAME = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*?)(?:@(?P<revision>[\w./-]+))?")
# Weights as safetensors, the tokenizer and settings: no pickles, and no code that somebody might run.
_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")


@lru_cache  # a command asks for its model's files at each of its stages, and the hub is far away
def hub_folder(spec: str) -> Path:
    """The folder of a hub's model in the hub's own cache, downloaded where it is not there yet.

    Raises ``ModelError`` where the name is none, the package is missing, or the hub has no such model or cannot be
    reached; it says how to download the model where it can.
    """
    match = _NAME.fullmatch(spec.removeprefix(PREFIX))
    if match is None:
        raise ModelError(f"no name of a hub's model: {spec}", where=spec, hint="write hub:OWNER/NAME or with @REVISION")
    repo, revision = match["repo"], match["revision"]
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelError(
            "huggingface_hub is not installed", where=spec, hint="pip install 'mem1-rl[train]' brings it along"
        ) from error
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(_FILES)))
    except Exception as error:  # its own errors, those of its HTTP client, and those of the file system
        raise ModelError(
            f"cannot get {repo} from the hub: {type(error).__name__}: {str(error).splitlines()[0]}",
            where=spec,
            hint=f"where the hub can be reached: {download_command(repo, revision)}; then give the folder as the model",
        ) from error


def download_command(repo: str, revision: str | None = None) -> str:
    """What downloads a model into ``models/NAME``."""
    at = f" --revision {revision}" if revision else ""
    include = " ".join(f"'{pattern}'" for pattern in _FILES)
    return f"hf download {repo}{at} --include {include} --local-dir models/{repo.rpartition('/')[2]}"
