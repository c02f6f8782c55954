"""A policy trained through a server that speaks as vLLM's does: hand-overs, what is refused, and what a death costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.commands import train
from mem1.errors import BackendError, ConfigError, InexactError
from mem1.inference.base import Request, Section
from mem1.inference.vllm.config import VllmServerConfig
from mem1.inference.vllm.server import VllmServerEngine
from mem1.inference.weights import FileWeights, SharedWeights
from mem1.recipe import Recipe
from mem1.runtime.models import LocalModel, build_local
from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from tests.unit.inference.vllm.control_server import ENGINE, VllmLike, serving

SECTION = (Section("a", (), (), 6),)
ASKED = Request((5, 6, 7), SECTION, "s", seed=1)


def opened(url: str, folder: Path, **more: Any) -> LocalModel:
    engine = {"type": "vllm_server", "base_url": url, "served_name": "it", "max_context": 512, "retries": 0}
    return build_local(
        Recipe.model_validate({"model": "builtin:tiny", "engine": {**engine, "weights_dir": str(folder), **more}}),
        list,
        trains=True,
    )


def move(local: LocalModel) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in local.trained.model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))


def test_weights_are_handed_over_and_every_completion_says_whose_it_is(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    with serving(server) as url:
        local = opened(url, tmp_path)
        for version in range(3):
            local.hand_over(version)
            asyncio.run(local.confirm())
            assert asyncio.run(local.sampler.generate(ASKED)).policy_version == version
            move(local)
        asyncio.run(local.sampler.close())
    loads = [call for call in server.calls if "completions" not in call]
    given = ["POST /collective_rpc", "POST /reset_prefix_cache", "POST /update_weight_version", "GET /weight_info"]
    assert loads == given * 3, "the cache is dropped after each, before anything is written"


def test_a_server_that_was_started_anew_is_noticed(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    with serving(server) as url:
        local = opened(url, tmp_path)
        asyncio.run(local.confirm())  # nothing was given yet
        local.hand_over(0)
        server.version = "default"
        with pytest.raises(BackendError, match=r"weights are 'default', it was given '\w{8}/0': it was started anew"):
            asyncio.run(local.confirm())


def test_a_server_that_takes_weights_and_does_not_use_them_is_noticed(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")

    async def forget(version: int, source: FileWeights) -> None:
        pass

    server.engine.update_weights = forget  # type: ignore[method-assign, assignment]
    with serving(server) as url:
        local = opened(url, tmp_path)
        local.hand_over(0)
        move(local)
        with pytest.raises(InexactError, match="after the hand-over of step 1"):
            local.hand_over(1)


def test_a_server_without_its_control_calls_says_how_to_start_it(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    plain = server.answer
    server.answer = lambda method, path, *rest: plain(method, path, *rest) if "/v1/" in path else None  # type: ignore[method-assign]
    with serving(server) as url:
        local = opened(url, tmp_path)
        with pytest.raises(BackendError, match=r"(?s)does not take the weights.*VLLM_SERVER_DEV_MODE=1") as told:
            local.hand_over(0)
        assert told.value.ends_run


def test_a_server_does_not_say_what_it_computes_in_and_is_held_to_float32(tmp_path: Path) -> None:
    with serving(VllmLike("builtin:tiny")) as url:
        assert isinstance(one := opened(url, tmp_path).sampler, VllmServerEngine)
        assert one.handover_gap == 1e-4
        assert isinstance(one := opened(url, tmp_path, handover_gap=0.5).sampler, VllmServerEngine)
        assert one.handover_gap == 0.5


def test_a_file_stands_for_its_folder(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    with serving(server) as url:
        local = opened(url, tmp_path)
        assert local.files is not None
        given = local.files.write(7)
        asyncio.run(local.sampler.update_weights(7, FileWeights(given.file)))
        assert local.sampler.policy_version == 7


def test_prefixes_that_are_still_held_are_refused(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    plain = server.answer

    def busy(method: str, path: str, *rest: Any) -> Any:
        return {"success": False} if path == "/reset_prefix_cache" else plain(method, path, *rest)

    server.answer = busy  # type: ignore[method-assign, assignment]
    with serving(server) as url, pytest.raises(BackendError, match="still holds prefixes"):
        opened(url, tmp_path).hand_over(0)


def test_weights_come_as_files_only(tmp_path: Path) -> None:
    with serving(VllmLike("builtin:tiny")) as url:
        local = opened(url, tmp_path)
        with pytest.raises(ConfigError, match="takes no weights from here"):
            asyncio.run(local.sampler.update_weights(1, SharedWeights()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base_url": "http://127.0.0.1:1"}, "must end in /v1"),
        ({"style": "chat"}, "style"),
        ({"exact": False}, "exact"),
        ({"handover_gap": 0}, "handover_gap"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        VllmServerConfig.model_validate({"base_url": "http://127.0.0.1:1/v1", **change})


RECIPE = (
    """
model = "builtin:tiny"
watch_tasks = 0
env = {{prompt = "brief", turns_per_objective = 1, top_k = 1}}
memory = {{type = "state", budgets = {{state = 16, action = 16, observation = 64}}}}
tasks = {{count = 8, objectives = 1}}
"""
    + ENGINE
    + """[train]
steps = 3
tasks_per_step = 2
group_size = 2
checkpoint_every = 1
evaluate_every = 0
no_signal_limit = 9
"""
)


def test_a_server_that_dies_in_mid_step_costs_that_step_alone(tmp_path: Path) -> None:
    """Step 2 is cut; what goes on is a fresh server, which has the base weights until it is given the policy's."""
    whole = VllmLike("builtin:tiny")
    recipe, run = tmp_path / "r.toml", tmp_path / "run"

    def with_server(server: VllmLike, directory: Path, *, resume: bool) -> dict[str, Any]:
        with serving(server) as url:
            recipe.write_text(RECIPE.format(url=url, weights=tmp_path / "w"))
            if resume:  # the address is another one, and may be
                config = (directory / "config.json").read_text()
                old = config.split('"base_url": "')[1].split('"')[0]
                (directory / "config.json").write_text(config.replace(old, url))
            return train(recipe, [], run=directory, resume=resume)

    assert with_server(whole, tmp_path / "whole", resume=False)["steps"] == 3
    each = whole.completions // 3
    dying = VllmLike("builtin:tiny", dies_after=each + each // 2)
    with pytest.raises(BackendError, match=r"the (connection failed|server)"):
        with_server(dying, run, resume=False)
    assert [row["step"] for row in read_metrics(run / "metrics.jsonl")] == [1]
    assert with_server(VllmLike("builtin:tiny"), run, resume=True)["steps"] == 3
    ids = [episode.id for episode in read_episodes(run / "episodes" / "train.jsonl.gz")]
    assert ids == [episode.id for episode in read_episodes(tmp_path / "whole" / "episodes" / "train.jsonl.gz")]
    assert len(set(ids)) == 3 * 4
