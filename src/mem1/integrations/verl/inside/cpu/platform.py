"""The platform ``cpu`` of verl: no device to select, nothing to synchronise, gloo between processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry

_GIB = 1 << 30


def _device_module() -> ModuleType:
    """What verl asks of ``torch.cuda``, for a processor."""
    module = ModuleType("mem1.integrations.verl.inside.cpu.device")
    nothing = ("empty_cache", "synchronize", "set_device", "reset_peak_memory_stats", "ipc_collect", "init")
    zero = ("max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved")
    found: dict[str, Any] = {name: lambda *args, **keys: None for name in nothing}
    found |= {name: lambda *args, **keys: 0 for name in zero}
    found |= {
        "manual_seed": torch.manual_seed,
        "manual_seed_all": torch.manual_seed,
        "is_available": lambda: False,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: "cpu",
        "get_device_name": lambda *args: "cpu",
        "mem_get_info": lambda *args: (8 * _GIB, 16 * _GIB),
        "get_rng_state": torch.get_rng_state,
        "set_rng_state": torch.set_rng_state,
        "current_stream": torch.cpu.current_stream,
        "Stream": torch.cpu.Stream,
        "stream": torch.cpu.stream,
    }
    vars(module).update(found)
    return module


_MODULE = _device_module()


@PlatformRegistry.register(platform="cpu")
class PlatformCPU(PlatformBase):
    """A processor as verl's accelerator. Ray counts it as a GPU of which the cluster is told to have some."""

    @property
    def device_name(self) -> str:
        """As torch names it."""
        return "cpu"

    @property
    def vendor_name(self) -> str:
        """Nobody's in particular."""
        return "cpu"

    @property
    def device_module(self) -> ModuleType:
        """In place of ``torch.cuda``."""
        return _MODULE

    def is_available(self) -> bool:
        """Always."""
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:
        """Never found by itself, so that a machine with GPUs uses them: it is asked for by ``VERL_PLATFORM=cpu``."""
        return os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu"

    def current_device(self) -> str:
        """A name and not a number: verl passes it to ``Tensor.to``."""
        return "cpu"

    def device_count(self) -> int:
        """One."""
        return 1

    def set_device(self, device_index: int) -> None:
        """There is nothing to select."""

    def synchronize(self, device_index: int | None = None) -> None:
        """Nothing runs on the side."""

    def manual_seed(self, seed: int) -> None:
        """Of torch."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Of torch."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """There are none."""

    def empty_cache(self) -> None:
        """There is none."""

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        """Not known."""
        return None, None

    def communication_backend_name(self) -> str:
        """gloo. In a worker the process group is made here.

        verl asks for ``cpu:gloo,cpu:gloo``, which torch refuses, but makes no group where there is one already.
        """
        import torch.distributed as dist

        if "RANK" in os.environ and "WORLD_SIZE" in os.environ and not dist.is_initialized():
            dist.init_process_group(
                "gloo",
                rank=int(os.environ["RANK"]),
                world_size=int(os.environ["WORLD_SIZE"]),
                init_method=os.environ.get("DIST_INIT_METHOD"),
            )
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """One that nobody reads."""
        return "MEM1_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        """Not profiled."""
        yield

    def profiler_start(self) -> None:
        """Not profiled."""

    def profiler_stop(self) -> None:
        """Not profiled."""

    def ray_resource_name(self) -> str:
        """verl counts resources called GPU or NPU only."""
        return "GPU"

    def ray_resource_options(self, num_gpus: float) -> dict[str, Any]:
        """For an actor."""
        return {"num_gpus": num_gpus}

    def ray_noset_envvars(self) -> list[str]:
        """None."""
        return []

    def is_ipc_supported(self) -> bool:
        """Tensors go through Ray."""
        return False

    def cudart(self) -> None:
        """There is none."""
