"""The device that vLLM has here, and what it can do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mem1.errors import ConfigError, Mem1Error

if TYPE_CHECKING:
    from vllm.platforms.interface import Platform


def missing(error: ModuleNotFoundError) -> Mem1Error:
    """What is said where vLLM, or something that it needs, is not installed."""
    return Mem1Error(
        f"the vllm engine needs a package that is not here: {error.name}",
        hint="vLLM pins versions of its own and has its own environment: make venv-vllm, then run "
        ".venv-vllm/bin/python -m mem1",
    )


def device() -> Platform:
    """vLLM's word for where it runs. Seconds, the first time. Raises ``Mem1Error`` without the package."""
    try:
        from vllm.platforms import current_platform
    except ModuleNotFoundError as error:
        raise missing(error) from error
    return current_platform


def check_sleep(platform: Platform) -> None:
    """Raise ``ConfigError`` where vLLM cannot sleep: on a CPU it says in its log alone that nothing was done."""
    if not platform.is_sleep_mode_available():
        raise ConfigError(
            f"vLLM cannot give its memory back on this device ({platform.device_type}): it sleeps on CUDA, ROCm and "
            "XPU devices only",
            where="engine.sleep",
            hint="leave it out: sampler and trainer then keep their memory side by side",
        )
