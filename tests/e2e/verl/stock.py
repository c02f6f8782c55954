"""A stock trainer of verl (``sync``) with our agent loop: ``python -m tests.e2e.verl.stock RECIPE FILE``.

verl's own entry point and its own trainer; from us come the plug-in and the configuration.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(VERL_PLATFORM="cpu", MEM1_VERL="1")


def main(path: Path, file: Path) -> None:
    from omegaconf import OmegaConf
    from verl.trainer.main_ppo import TaskRunnerV1, run_ppo

    from mem1.commands import compose_parquet
    from mem1.config import load
    from mem1.integrations.verl.config import VerlConfig
    from mem1.integrations.verl.settings import environment, settings
    from mem1.recipe import Recipe

    recipe = load(Recipe, path)
    verl = recipe.backend
    assert isinstance(verl, VerlConfig)
    compose_parquet(path, (), file)
    config = settings(recipe, verl, run=None, allow_imports=False)
    ray_init: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 300 << 20} | dict(
        config.ray_kwargs.ray_init
    )
    if verl.cluster != "local":
        ray_init = {"address": verl.cluster}
    told = {
        "data.train_files": str(file),
        "data.val_files": str(file),
        "trainer.v1.trainer_mode": "sync",
        "ray_kwargs.ray_init": ray_init | {"runtime_env": {"env_vars": environment(verl)}},
    }
    for key, value in told.items():
        OmegaConf.update(config, key, value, force_add=True, merge=False)
    run_ppo(config, TaskRunnerV1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
