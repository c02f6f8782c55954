"""From a recipe to verl's own configuration, whole: what is not said here is verl's default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from mem1.inference.config import TransformersConfig
from mem1.inference.folders import find_folder
from mem1.inference.hf.loading import read_config
from mem1.inference.vllm.config import VllmConfig
from mem1.integrations.verl.config import OURS, SERVER, VerlConfig
from mem1.integrations.verl.nodes import paths
from mem1.recipe import Recipe
from mem1.train.advantages.ppo import Ppo


def settings(recipe: Recipe, verl: VerlConfig, *, run: Path | None, allow_imports: bool) -> DictConfig:
    """The configuration that ``verl.trainer.main_ppo`` would read. Raises ``ModelError``.

    ``run``: the run directory, for the trainer ``mem1``.
    """
    GlobalHydra.instance().clear()
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer")
    for key, value in _keys(recipe, verl, run, allow_imports).items():
        OmegaConf.update(config, key, value, force_add=True)
    for key, value in verl.extra.items():
        OmegaConf.update(config, key, value, force_add=True)
    return config


def escaped(text: str) -> str:
    """JSON in which nothing looks like an interpolation of OmegaConf: it reads ``${`` in any text."""
    return text.replace("${", "$\\u007b")


def environment(verl: VerlConfig) -> dict[str, str]:
    """Variables of all processes of the run."""
    found = {OURS: "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if verl.device == "cpu":
        threads = os.environ.get("OMP_NUM_THREADS", "1")
        # verl's queue sets torch's threads around each of its calls, and says so each time where they are too many.
        found |= {"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": threads, "TQ_NUM_THREADS": threads}
    return found | paths()


def _keys(recipe: Recipe, verl: VerlConfig, run: Path | None, allow_imports: bool) -> dict[str, Any]:
    folder = str(find_folder(recipe.model).resolve())
    model = _read(folder)
    longest = recipe.engine.max_context or int(model.max_position_embeddings)
    tokens = recipe.train.rows.capacity
    optimizer = recipe.train.optimizer
    keys: dict[str, Any] = {
        "data.train_batch_size": recipe.train.tasks_per_step,
        "data.val_batch_size": max(1, recipe.watch_tasks),
        "data.max_prompt_length": longest,
        "data.max_response_length": longest,
        "data.dataloader_num_workers": 0,
        "data.shuffle": False,
        "algorithm.adv_estimator": "grpo",  # names what the trainer `sync` would do; ours works them out itself
        "actor_rollout_ref.actor.ppo_mini_batch_size": recipe.train.tasks_per_step,
        "actor_rollout_ref.rollout.n": recipe.train.group_size,
        "actor_rollout_ref.rollout.temperature": recipe.train.temperature,
        "actor_rollout_ref.rollout.agent.num_workers": verl.agents,
        "actor_rollout_ref.rollout.agent.default_agent_loop": "mem1",
        "actor_rollout_ref.rollout.calculate_log_probs": True,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": verl.tensor_parallel,
        "actor_rollout_ref.rollout.max_model_len": longest,
        "actor_rollout_ref.rollout.max_num_seqs": recipe.engine.slots,
        "reward.num_workers": 1,
        "trainer.device": verl.device,
        "trainer.n_gpus_per_node": verl.workers,
        "trainer.nnodes": verl.nodes,
        "trainer.logger": ["console"],
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": -1,  # our checkpoints are our loop's
        "trainer.resume_mode": "disable",
        "trainer.total_training_steps": recipe.train.steps,
        "trainer.v1.trainer_mode": "mem1",
        "transfer_queue.backend.SimpleStorage.num_data_storage_units": verl.nodes,
        "mem1.recipe": escaped(recipe.model_dump_json()),
        "mem1.run": None if run is None else str(run.resolve()),
        "mem1.allow_imports": allow_imports,
    }
    for where in ("actor_rollout_ref.model", "critic.model"):
        keys |= _model(where, folder, model.pad_token_id, verl, recipe)
    keys |= _engine("actor_rollout_ref.actor", "actor_rollout_ref.actor.fsdp_config", tokens, verl)
    keys |= _engine("critic", "critic.fsdp", tokens, verl)
    keys |= _adamw("actor_rollout_ref.actor", optimizer, optimizer.lr)
    keys["actor_rollout_ref.actor.use_kl_loss"] = recipe.train.kl.coef > 0  # then verl holds the reference policy
    keys |= _fsdp("actor_rollout_ref.ref.fsdp_config", verl)
    algorithm = recipe.train.algorithm
    keys["critic.enable"] = isinstance(algorithm, Ppo)
    keys |= _adamw("critic", optimizer, algorithm.critic_lr if isinstance(algorithm, Ppo) else optimizer.lr)
    return keys | (_on_cpu(verl, recipe) if verl.device == "cpu" else _on_cuda(verl, recipe))


def _read(folder: str) -> Any:
    return read_config(Path(folder)).get_text_config()


def _model(where: str, folder: str, pad: int | None, verl: VerlConfig, recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{where}.path": folder,
        f"{where}.enable_gradient_checkpointing": recipe.train.checkpointing,
        # verl takes the tokenizer's, and an embedding of padding is never trained: with tokenizers that pad with the
        # end of text, that of the end of text.
        f"{where}.override_config.pad_token_id": pad,
    }
    if verl.device == "cpu":
        found |= {f"{where}.use_remove_padding": False, f"{where}.override_config.attn_implementation": "sdpa"}
    return found


def _engine(where: str, fsdp: str, tokens: int, verl: VerlConfig) -> dict[str, Any]:
    """FSDP2, micro-batches by tokens."""
    return {
        f"{where}.strategy": "fsdp2",
        f"{where}.use_dynamic_bsz": True,
        f"{where}.ppo_max_token_len_per_gpu": tokens,
    } | _fsdp(fsdp, verl)


def _fsdp(where: str, verl: VerlConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{where}.strategy": "fsdp2",
        f"{where}.param_offload": verl.offload,
        f"{where}.optimizer_offload": verl.offload,
    }
    on_cpu = verl.device == "cpu"
    found |= {
        f"{where}.model_dtype": "fp32",
        f"{where}.mixed_precision.param_dtype": "fp32" if on_cpu else "bf16",
        f"{where}.mixed_precision.reduce_dtype": "fp32",
    }
    return found | ({f"{where}.use_torch_compile": False} if on_cpu else {})


def _adamw(where: str, optimizer: Any, lr: float) -> dict[str, Any]:
    """The rate is set before each step by the trainer ``mem1``; verl's own schedule stays constant."""
    return {
        f"{where}.optim.lr": lr,
        f"{where}.optim.betas": list(optimizer.betas),
        f"{where}.optim.weight_decay": optimizer.weight_decay,
        f"{where}.optim.clip_grad": optimizer.max_grad_norm,
        f"{where}.optim.lr_scheduler_type": "constant",
    }


def _on_cpu(verl: VerlConfig, recipe: Recipe) -> dict[str, Any]:
    sampler = recipe.engine
    assert isinstance(sampler, TransformersConfig)
    found: dict[str, Any] = {
        "actor_rollout_ref.actor.use_torch_compile": False,
        "actor_rollout_ref.ref.use_torch_compile": False,
        "actor_rollout_ref.rollout.name": SERVER,
        f"actor_rollout_ref.rollout.engine_kwargs.{SERVER}.prefill_tokens": sampler.prefill_tokens,
        "actor_rollout_ref.rollout.free_cache_engine": False,
    }
    if verl.cluster == "local":
        # verl counts training processes as GPUs, and wants three processors for each bundle: logical ones.
        found |= {"ray_kwargs.ray_init.num_cpus": 8 * verl.workers + 8, "ray_kwargs.ray_init.num_gpus": verl.workers}
    return found


def _on_cuda(verl: VerlConfig, recipe: Recipe) -> dict[str, Any]:
    sampler = recipe.engine
    assert isinstance(sampler, VllmConfig)
    # Said last of all by verl, word for word.
    extra = {f"actor_rollout_ref.rollout.engine_kwargs.vllm.{key}": value for key, value in sampler.extra.items()}
    return extra | {
        "actor_rollout_ref.rollout.name": "vllm",
        "actor_rollout_ref.rollout.gpu_memory_utilization": verl.sampler_memory,
        "actor_rollout_ref.rollout.skip_tokenizer_init": False,  # stop strings are found in text
        "actor_rollout_ref.rollout.enforce_eager": sampler.eager,
        "actor_rollout_ref.rollout.dtype": sampler.dtype,
        "actor_rollout_ref.rollout.logprobs_mode": "processed_logprobs",  # those at the temperature of sampling
        "actor_rollout_ref.rollout.load_format": "dummy",  # the trainer's weights are handed over before anything
    }
