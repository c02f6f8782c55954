"""The parts that come with the program: ``kind.name`` and the configuration class of each, as entry points say it.

A distribution of somebody else's says the same in its ``[project.entry-points."mem1.parts"]``. Nothing here is
imported before a recipe names it. In a folder of ``FOLDERS`` every module is a part that is called as the module is.
"""

from __future__ import annotations

from collections.abc import Mapping

FOLDERS: Mapping[str, str] = {"memory": "mem1.memory.strategies"}

BUILTIN: Mapping[str, str] = {
    "environment.qa": "mem1.envs.qa:QaEnvConfig",
    "environment.tools": "mem1.envs.tools:ToolsEnvConfig",
    "environment.web": "mem1.envs.web.config:WebEnvConfig",
    "environment.tau2_retail": "mem1.envs.retail.config:RetailEnvConfig",
    "environment.webshop": "mem1.webshop.shop.config:WebshopEnvConfig",
    "source.factbook": "mem1.tasks.config:FactbookConfig",
    "source.qa_files": "mem1.tasks.config:QaFilesConfig",
    "source.hf_datasets": "mem1.tasks.config:HfDataConfig",
    "source.parquet": "mem1.tasks.config:ParquetConfig",
    "source.csv": "mem1.tasks.config:CsvFilesConfig",
    "source.tau2_retail": "mem1.tasks.retail:RetailConfig",
    "source.webshop": "mem1.webshop.catalogue.config:WebshopConfig",
    "retriever.bm25": "mem1.retrieval.bm25.config:Bm25Config",
    "retriever.bm25_disk": "mem1.retrieval.bm25.disk_config:Bm25DiskConfig",
    "retriever.dense": "mem1.retrieval.dense.config:DenseConfig",
    "retriever.hybrid": "mem1.retrieval.hybrid_config:HybridConfig",
    "retriever.remote": "mem1.retrieval.remote_config:RemoteConfig",
    "scorer.standard": "mem1.rewards.config:StandardConfig",
    "scorer.folding": "mem1.rewards.config:FoldingConfig",
    "scorer.mem1-released": "mem1.rewards.config:ReleasedConfig",
    "scorer.judge": "mem1.rewards.config:JudgedConfig",
    "engine.transformers": "mem1.inference.config:TransformersConfig",
    "engine.openai": "mem1.inference.config:OpenAiConfig",
    "engine.shopper": "mem1.webshop.shopper_config:ShopperConfig",
    "engine.tinker": "mem1.integrations.tinker.config:TinkerEngineConfig",
    "engine.vllm": "mem1.inference.vllm.config:VllmConfig",
    "engine.vllm_server": "mem1.inference.vllm.config:VllmServerConfig",
    "estimator.grpo": "mem1.train.advantages.grpo:Grpo",
    "estimator.rloo": "mem1.train.advantages.rloo:Rloo",
    "estimator.reinforce++": "mem1.train.advantages.reinforce_pp:ReinforcePP",
    "estimator.ppo": "mem1.train.advantages.ppo:Ppo",
    "memory_credit.none": "mem1.train.memory_credit.config:NoMemoryCredit",
    "memory_credit.information_gain": "mem1.train.memory_credit.information_gain:InformationGain",
    "memory_credit.belief_entropy": "mem1.train.memory_credit.belief_entropy:BeliefEntropy",
    "memory_credit.counterfactual": "mem1.train.memory_credit.counterfactual:Counterfactual",
    "monitor.tensorboard": "mem1.train.monitors.tensorboard:TensorboardConfig",
    "monitor.wandb": "mem1.train.monitors.wandb:WandbConfig",
    "monitor.trackio": "mem1.train.monitors.trackio:TrackioConfig",
    "loss.clip": "mem1.train.losses.config:Clip",
    "loss.gspo": "mem1.train.losses.config:Gspo",
    "loss.cispo": "mem1.train.losses.config:Cispo",
    "backend.tinker": "mem1.integrations.tinker.config:TinkerConfig",
    "backend.local": "mem1.train.config:LocalBackendConfig",
    "backend.verl": "mem1.integrations.verl.config:VerlConfig",
}

# What reading a run shows beside the usual, from records alone: tables of the report's results (from an ``Evaluation``
# to a ``Table`` or ``None``), and an observation as the page it was (from an ``Episode`` and a turn's number to what
# the template draws, or ``None``). Ours only: reading somebody else's run imports nothing that they bring.
TABLES: tuple[str, ...] = ("mem1.webshop.report_table:shop_table",)
PAGES: tuple[str, ...] = ("mem1.webshop.viewer_page:shop_page",)
