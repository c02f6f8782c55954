"""verl-agent, RAGEN and AgentGym drive our shop with their own code; only imports, or an address, are changed."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from starlette.testclient import TestClient

from mem1.serving.config import ServerConfig
from mem1.webshop.dropin import original, ragen
from mem1.webshop.dropin.server import ServerSettings, ShopServer, published_goal
from mem1.webshop.dropin.service import make_service
from tests.unit.webshop.dropin.calls import FILE, Listener, digest
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.dropin.foreign import instead, module, only, run, source


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shop"), 160)


def purchase(goal: dict[str, Any]) -> list[str]:
    """What buys the product that a goal was made from."""
    options = [f"click[{value}]" for value in goal["goal_options"].values()]
    return [f"search[{goal['name'].lower()}]", f"click[{goal['asin'].lower()}]", *options, "click[buy now]"]


# verl-agent -----------------------------------------------------------------------------------------------------------

VERL = "xlan156+verl-agent"
ENVIRONMENTS = "agent_system/environments"


class Actor:
    """A stand-in for a Ray actor: the same object, here."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self._held, name))


def ray() -> ModuleType:
    def remote(**resources: Any) -> Callable[[Any], Any]:
        return lambda cls: SimpleNamespace(remote=lambda *given: Actor(cls(*given)))

    return module(
        "ray", remote=remote, get=lambda results: results, is_initialized=lambda: True, kill=lambda actor: None
    )


def verl_manager(items: Path, *, train: bool) -> Any:
    text = source(VERL, f"{ENVIRONMENTS}/env_package/webshop/envs.py")
    assert "from web_agent_site.envs import WebAgentTextEnv" in text
    envs = run(text, "verl_envs", {"ray": ray(), "gym": gymnasium, "web_agent_site.envs": original}, __file__="")
    projection = run(source(VERL, f"{ENVIRONMENTS}/env_package/webshop/projection.py"), "verl_projection", {})
    prompts = run(source(VERL, f"{ENVIRONMENTS}/prompts/webshop.py"), "verl_prompts", {})
    torch = module("torch", Tensor=type("Tensor", (), {}))
    base = run(
        source(VERL, f"{ENVIRONMENTS}/base.py"),
        "verl_base",
        {"torch": torch, "agent_system.environments.prompts": prompts},
    )
    memory_base = run(source(VERL, "agent_system/memory/base.py"), "verl_memory_base", {})
    memory = run(
        only(source(VERL, "agent_system/memory/memory.py"), "SimpleMemory"),
        "verl_memory",
        {},
        BaseMemory=memory_base.BaseMemory,
        **{name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "List", "Tuple")},
    )
    manager = run(
        only(source(VERL, f"{ENVIRONMENTS}/env_manager.py"), "WebshopEnvironmentManager"),
        "verl_manager",
        {},
        EnvironmentManagerBase=base.EnvironmentManagerBase,
        SimpleMemory=memory.SimpleMemory,
        to_numpy=base.to_numpy,
        WEBSHOP_TEMPLATE=prompts.WEBSHOP_TEMPLATE,
        WEBSHOP_TEMPLATE_NO_HIS=prompts.WEBSHOP_TEMPLATE_NO_HIS,
        **{name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "List")},
    )
    settings = {
        "observation_mode": "text",
        "num_products": None,
        "human_goals": False,
        "file_path": str(items),
        "attr_path": str(items.with_name("items_ins_v2_1000.json")),
    }
    with instead({"web_agent_site.envs": original}):
        many = envs.build_webshop_envs(
            seed=0, env_num=2, group_n=2 if train else 1, resources_per_worker={}, is_train=train, env_kwargs=settings
        )
    config = SimpleNamespace(env=SimpleNamespace(history_length=2))
    return manager.WebshopEnvironmentManager(many, projection.webshop_projection, config)


def verl_turn(action: str) -> str:
    return f"<think>so be it</think><action>{action}</action>"


def verl_episode(manager: Any) -> list[tuple[Any, ...]]:
    """Buy what is wanted in the first and break the form in the others."""
    observations, infos = manager.reset({})
    workers = manager.envs._workers
    visit = workers[0]._held.env.visit
    goal = published_goal(visit.goal)
    seen: list[tuple[Any, ...]] = [(observations["text"][0], infos[0]["available_actions"])]
    for action in purchase(goal):
        turns = [verl_turn(action)] + ["no action at all"] * (len(workers) - 1)
        observations, rewards, dones, infos = manager.step(turns)
        seen.append(
            (observations["text"][0], *map(list, (rewards, dones)), [info["is_action_valid"] for info in infos])
        )
    seen.append((infos[0]["won"], infos[0]["task_score"], infos[0]["available_actions"]))
    return seen


@pytest.mark.parametrize("train", [True, False])
def test_verl_agents_environment_manager(items: Path, train: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # their code adds a folder to it
    manager = verl_manager(items, train=train)
    first, *steps, bought, (won, score, offered) = verl_episode(manager)
    assert f"Your task is to: {manager.tasks[0]}." in first[0]
    assert first[1] == {"has_search_bar": True, "clickables": ["search"]}
    assert "'search[<your query>]'," in first[0]
    assert "'click[back to search]'," in steps[0][0]
    assert "[Observation 1: ''Search'', Action 1: 'search[" in steps[0][0]
    count = 4 if train else 2
    for _, rewards, dones, valid in steps:
        assert (rewards, dones) == ([0.0] * count, [False] * count)
        assert [int(one) for one in valid] == [1] + [0] * (count - 1)
    assert bought[1] == [10.0] + [0.0] * (count - 1)
    assert bought[2] == [True] + [False] * (count - 1)
    assert (won, score) == (True, 1.0)
    assert offered == {"has_search_bar": True, "clickables": ["search"]}  # it starts over by itself, as theirs does
    indices = range(500, 10_000) if train else range(500)
    assert len(manager.envs.goal_idxs) <= len(indices)
    assert manager.envs.goal_idxs[0] == indices[0]
    manager.close()


# RAGEN ----------------------------------------------------------------------------------------------------------------

RAGEN = "RAGEN-AI+RAGEN"


def ragen_env(items: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(ragen.FOLDER, str(items.parent))
    base = run(source(RAGEN, "ragen/env/base.py"), "ragen.env.base", {})
    names = {"webshop_minimal": ragen, "webshop_minimal.utils": ragen}
    config = run(source(RAGEN, "ragen/env/webshop/config.py"), "ragen.env.webshop.config", names)
    imports = names | {
        "ragen.env.base": base,
        "ragen.env.webshop.config": config,
        "ragen.utils": module("ragen.utils", all_seed=None),
    }
    env = run(source(RAGEN, "ragen/env/webshop/env.py"), "ragen.env.webshop.env", imports)
    return env.WebShopEnv(config.WebShopEnvConfig())


def ragen_episode(env: Any) -> list[Any]:
    """Buy what is wanted in the twelfth of the test goals."""
    env.reset(seed=11, mode="test")
    goal = env.server.user_sessions[env.session]["goal"]
    return [env.step(action) for action in purchase(goal)]


def test_ragens_environment(items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = ragen_env(items, monkeypatch)
    env.reset(seed=11, mode="test")
    order = list(range(len(env.server.goals)))
    random.Random(42).shuffle(order)
    goal = env.server.goals[order[11]]
    assert env.server.user_sessions[env.session]["goal"] == goal
    assert env.render().startswith(f"Instruction: {goal['instruction_text']}.We must buy")
    assert env.render().endswith("You must choose from these actions:search[<content>].")
    *steps, last = ragen_episode(env)
    assert [(reward, done, info["success"]) for _, reward, done, info in steps] == [(0.0, False, 0)] * len(steps)
    assert all(info["action_is_valid"] and info["action_is_effective"] for _, _, _, info in steps[:2])
    assert (last[1], last[2]) == (1.0, True)
    assert (last[3]["success"], last[3]["success_purchase"], last[3]["r_type"]) == (1, 1, 1.0)
    env.close()


# AgentGym -------------------------------------------------------------------------------------------------------------

AGENTGYM = "WooooDyy+AgentGym"
CONTROLLER = "agentenv/agentenv/controller"


def agentgym_client(client: Listener) -> Any:
    kinds = run(source(AGENTGYM, f"{CONTROLLER}/types.py"), "agentenv.controller.types", {})
    names = {"agentenv.controller.types": kinds}
    env = run(
        source(AGENTGYM, f"{CONTROLLER}/env.py").replace("from .types", "from agentenv.controller.types"),
        "ag_env",
        names,
    )
    stand_ins = {"numpy": np, "transformers": module("transformers", GenerationConfig=None)}
    text = source(AGENTGYM, f"{CONTROLLER}/utils.py").replace("from .types", "from agentenv.controller.types")
    text = text.replace("from . import Agent, APIAgent, BaseTask", "Agent = APIAgent = BaseTask = object")
    utils = run(text, "ag_utils", {**names, **stand_ins})
    here = module("agentenv.controller", **(vars(utils) | {"BaseTask": object, "BaseEnvClient": env.BaseEnvClient}))
    http = module("requests", post=client.post, get=client.get, RequestException=RuntimeError)
    text = source(AGENTGYM, "agentenv/agentenv/envs/webshop.py")
    made = run(text, "ag_webshop", names | {"agentenv.controller": here, "requests": http})
    return made.WebshopEnvClient("http://testserver", data_len=10)


def service(items: Path, room: int = 4) -> TestClient:
    server = ShopServer(ServerSettings(items, nouns="content_words"))
    return TestClient(make_service(server, ServerConfig(), room), base_url="http://127.0.0.1")


def agentgym_episode(client: Any, items: Path) -> list[Any]:
    """Buy what is wanted in the sixth goal."""
    goal = original.WebAgentTextEnv("text", items, nouns="content_words").server.goals[5]
    assert goal["instruction_text"] in client.reset(5)[0]
    steps = [client.step(f"Thought:\nso be it\n\nAction:\n{action}") for action in purchase(goal)]
    client.close()
    return steps


def test_agentgyms_client(items: Path) -> None:
    with service(items) as http:
        *steps, last = agentgym_episode(agentgym_client(Listener(http, [])), items)
        assert all((step.reward, step.done) == (0.0, False) for step in steps)
        assert "Back to Search" in steps[0].state
        assert (last.reward, last.done) == (1.0, True)
        assert "Your score (min 0.0, max 1.0) [SEP] 1.0" in last.state
        assert http.get("/list_envs").json() == []


# All of them, as written down -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["verl-agent", "RAGEN"])
def test_what_was_called_gives_what_it_gave(items: Path, client: str) -> None:
    calls = json.loads(FILE.read_text(encoding="utf-8"))[client]
    environments: dict[int, original.WebAgentTextEnv] = {}
    for place, method, given, named, result in calls:
        if place not in environments:
            seed = None if client == "RAGEN" else place // 2
            prefix = "anything" if client == "RAGEN" else None
            environments[place] = original.WebAgentTextEnv("text", items, seed=seed, session_prefix=prefix)
        assert digest(getattr(environments[place], method)(*given, **named)) == result
    assert len(calls) > 10


def test_what_was_asked_of_the_service_is_answered_as_it_was(items: Path) -> None:
    calls = json.loads(FILE.read_text(encoding="utf-8"))["AgentGym"]
    with service(items) as http:
        for method, url, body, status, result in calls:
            answer = http.request(method, url, json=body)
            assert (answer.status_code, digest(answer.json())) == (status, result)
    assert len(calls) > 5


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/step", {"env_idx": 7, "action": "search[lamp]"}, 404),
        ("POST", "/step", {"env_idx": 0}, 422),
        ("POST", "/reset", {"env_idx": 0, "session_id": 10_000_000}, 422),
        ("POST", "/reset", {"env_idx": 0, "session_id": True}, 422),
        ("POST", "/reset", {"env_idx": 0, "session_id": "5"}, 422),
        ("POST", "/close", {"env_idx": True}, 404),
        ("POST", "/step", [], 400),
        ("GET", "/observation?env_idx=x", None, 404),
        ("GET", "/state", None, 404),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_the_service_refuses_what_makes_no_sense(items: Path, method: str, path: str, body: Any, status: int) -> None:
    with service(items) as http:
        assert http.post("/create").json() == 0
        assert http.request(method, path, json=body).status_code == status
        assert http.post("/step", content="{").status_code == 400
        state = http.get("/state?env_idx=0").json()
        assert sorted(state) == ["html", "instruction_text", "url"]


def test_the_service_ends_who_was_idle_for_longest(items: Path) -> None:
    with service(items, room=2) as http:
        assert [http.post("/create").json() for _ in range(2)] == [0, 1]
        assert http.get("/instruction_text?env_idx=0").status_code == 200
        assert http.post("/create").json() == 2
        assert http.get("/list_envs").json() == [0, 2]
