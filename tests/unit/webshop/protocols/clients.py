"""MEM1's released shop and verl-agent's, run unchanged from copies of their repositories over our drop-in."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mem1.webshop.dropin import ragen
from tests.unit.webshop.dropin.foreign import module, run, source

MEM1 = "MIT-MI+MEM1"
ROLLOUT = "Mem1/train/rollout"
FIELDS = ("observation", "done", "valid", "reward")


@contextmanager
def _all_seed(seed: int) -> Iterator[None]:
    before = random.getstate()
    random.seed(seed)
    yield
    random.setstate(before)


def _mem1_environments(items: Path, patch: pytest.MonkeyPatch) -> ModuleType:
    patch.setenv(ragen.FOLDER, str(items.parent))
    patch.setitem(ragen._chosen, "items", items)
    names = {"webshop_minimal": ragen, "webshop_minimal.utils": ragen}
    base = run(source(MEM1, f"{ROLLOUT}/env/base.py"), "rollout.env.base", {})
    config = run(source(MEM1, f"{ROLLOUT}/env/webshop/config.py"), "rollout.env.webshop.config", names)
    imports = names | {
        "rollout.env.base": base,
        "rollout.env.utils": module("rollout.env.utils", all_seed=_all_seed),
        "rollout.env.webshop.config": config,
    }
    text = source(MEM1, f"{ROLLOUT}/env/webshop/env.py")
    env = run(text, "rollout.env.webshop.env", imports, __package__="rollout.env.webshop")
    webshop = module("rollout.env.webshop", WebShopEnv=env.WebShopEnv)
    text = source(MEM1, f"{ROLLOUT}/env/webshop_manager.py")
    return run(text, "rollout.env.webshop_manager", {"rollout.env.webshop": webshop}, __package__="rollout.env")


class Mem1Client:
    """The environment side of MEM1's rollout: its manager, its reading of turns, its hints."""

    def __init__(self, items: Path, patch: pytest.MonkeyPatch) -> None:
        text = source(MEM1, f"{ROLLOUT}/llm_agent/generation_webagent.py")
        manager = _mem1_environments(items, patch).WebShopEnvManager
        stand_ins = {
            "torch": module("torch", Tensor=object),
            "requests": module("requests"),
            "verl": module("verl", DataProto=object),
            "verl.utils.tracking": module("verl.utils.tracking", Tracking=object),
            "rollout.env": module("rollout.env", WebShopEnvManager=manager),
            "rollout.llm_agent.tensor_helper": module("t", TensorHelper=object, TensorConfig=object),
            "rollout.llm_agent.attn_mask_utils": module("a", compose_final_output=None),
        }
        made = run(text, "rollout.llm_agent.generation_webagent", stand_ins, __package__="rollout.llm_agent")
        self._loop = object.__new__(made.LLMGenerationManager)
        self._loop.env_manager = self.manager = manager()
        self._hint = compile(_hint_of(text), "hint", "exec")
        self._turns = 10
        self._step = 0
        self._ids = SimpleNamespace(squeeze=lambda _: SimpleNamespace(tolist=lambda: [0]))

    def begin(self, goal: int) -> str:
        """Begin with the goal; what the prompt says of it."""
        self._step = 0
        self._ids = SimpleNamespace(squeeze=lambda _: SimpleNamespace(tolist=lambda: [goal]))
        self.manager.reset([goal])
        return str(self.manager.envs[goal].render_cache)

    @property
    def visit(self) -> Any:
        """The visit behind the texts."""
        (env,) = self.manager.active_envs.values()
        return env.visit

    def turn(self, text: str) -> dict[str, Any]:
        """What comes of what was written, without the tags and blank lines around it."""
        names: dict[str, Any] = {"num_turns_left": self._turns - self._step - 1}
        exec(self._hint, names)
        self._step += 1
        cut = text.split("</answer>")[0] + "</answer>" if "</answer>" in text else text  # as _postprocess_responses
        seen = self._loop.execute_predictions([cut], "", names["hint"], [True], self._ids)
        observation, done, valid, _, reward = (one[0] for one in seen)
        inner = observation.removeprefix("\n\n<state>").removesuffix("</state>\n\n")
        return dict(zip(FIELDS, (inner, bool(done), bool(valid), float(reward)), strict=True))


def _hint_of(text: str) -> ast.Module:
    """The statement of their loop that makes the hint."""
    tests = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.If))
    found = next(node for node in tests if ast.unparse(node.test) == "num_turns_left > 1")
    return ast.Module([found], [])
