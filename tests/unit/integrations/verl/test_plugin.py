"""The plug-in is there wherever verl is imported, and a run of ours does not go on where it is broken."""

from __future__ import annotations

import os
import subprocess
import sys

from verl.experimental.agent_loop.agent_loop import _agent_loop_registry
from verl.plugin.platform import PlatformRegistry, get_platform
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.workers.engine import EngineRegistry
from verl.workers.rollout.base import get_rollout_class
from verl.workers.rollout.replica import RolloutReplicaRegistry

BROKEN = "import sys; sys.modules['mem1.integrations.verl.inside.registered'] = None; import verl; print('went on')"


def test_verl_finds_everything_of_ours_by_name() -> None:
    assert _agent_loop_registry["mem1"]["_target_"] == "mem1.integrations.verl.inside.agent_loop.Mem1AgentLoop"
    assert get_trainer_cls("mem1").__name__ == "Mem1Trainer"
    assert PlatformRegistry.get("cpu") is not None
    assert get_platform().device_name == "cpu"
    assert EngineRegistry.get_engine_cls("language_model", "fsdp2").__name__ == "CpuPolicyEngine"
    assert EngineRegistry.get_engine_cls("value_model", "fsdp2").__name__ == "CpuCriticEngine"
    assert get_rollout_class("mem1").__name__ == "Adapter"
    assert RolloutReplicaRegistry.get("mem1").__name__ == "Replica"


def test_a_broken_plug_in_ends_the_processes_of_our_runs_and_tells_others() -> None:
    for ours, code in (("1", 1), ("0", 0)):
        environment = os.environ | {"MEM1_VERL": ours, "VERL_PLATFORM": "nvidia"}
        ended = subprocess.run([sys.executable, "-c", BROKEN], env=environment, capture_output=True, text=True)
        assert ended.returncode == code
        assert "mem1.integrations.verl.inside.registered" in ended.stderr  # the traceback
        assert ("went on" in ended.stdout) is (code == 0)
