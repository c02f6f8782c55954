"""Weights are handed over to engines, or refused by those that take none."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mem1.errors import BackendError, ConfigError, ModelError
from mem1.inference.base import Engine, Request, Section
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.weights import FileWeights, SharedWeights, StateWeights, WeightSource
from tests.e2e.toy import tiny_policy
from tests.unit.inference.hf_models import TOKENIZER


def engine() -> TransformersEngine:
    return TransformersEngine(tiny_policy().model, TOKENIZER, slots=2, max_context=64)


def logprobs(of: TransformersEngine) -> tuple[float, ...]:
    section = Section("all", stops=(), final_stops=(), budget=4)
    return asyncio.run(of.generate(Request((3, 4, 5), (section,), session="s", temperature=0.0))).logprobs


def other_tensors(of: TransformersEngine) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = copy.deepcopy(of._model)
    return {name: value.detach() + 0.3 * torch.randn_like(value) for name, value in model.named_parameters()}


def test_tensors_and_a_file_of_them_give_the_same_policy(tmp_path: Path) -> None:
    by_state, by_file, by_folder = engine(), engine(), engine()
    before = logprobs(by_state)
    tensors = other_tensors(by_state)
    save_file(tensors, tmp_path / "model.safetensors")
    asyncio.run(by_state.update_weights(3, StateWeights(tensors)))
    asyncio.run(by_file.update_weights(4, FileWeights(tmp_path / "model.safetensors")))
    asyncio.run(by_folder.update_weights(5, FileWeights(tmp_path)))
    assert [one.policy_version for one in (by_state, by_file, by_folder)] == [3, 4, 5]
    assert logprobs(by_state) == logprobs(by_file) == logprobs(by_folder) != before


def test_what_is_shared_is_brought_up_to_date_by_its_owner() -> None:
    called: list[str] = []
    one = engine()
    asyncio.run(one.update_weights(1, SharedWeights()))
    asyncio.run(one.update_weights(2, SharedWeights(lambda: called.append("copied"))))
    assert (one.policy_version, called) == (2, ["copied"])


def test_weights_of_another_model_are_refused_before_anything_changes(tmp_path: Path) -> None:
    one = engine()
    before, tensors = logprobs(one), other_tensors(one)
    name = next(iter(tensors))
    for bad in (dict(list(tensors.items())[1:]), tensors | {name: torch.zeros(1)}):
        with pytest.raises(ModelError, match=r"the weights (lack|have another shape for)"):
            asyncio.run(one.update_weights(1, StateWeights(bad)))
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot read the weights"):
        asyncio.run(one.update_weights(1, FileWeights(tmp_path)))
    assert (one.policy_version, logprobs(one)) == (0, before)


def test_weights_do_not_change_while_something_is_written() -> None:
    async def both() -> None:
        one = engine()
        section = Section("all", stops=(), final_stops=(), budget=8)
        writing = asyncio.create_task(one.generate(Request((3, 4), (section,), session="s")))
        await asyncio.sleep(0)
        with pytest.raises(BackendError, match="requests were in flight"):
            await one.update_weights(1, SharedWeights())
        await writing

    asyncio.run(both())


@pytest.mark.parametrize("source", [SharedWeights(), StateWeights({}), FileWeights(Path("x"))])
def test_an_engine_whose_weights_are_elsewhere_says_so(source: WeightSource) -> None:
    scripted: Engine = ScriptedEngine(lambda *_: "")
    with pytest.raises(ConfigError, match="ScriptedEngine takes no weights from here"):
        asyncio.run(scripted.update_weights(1, source))


def test_a_file_and_its_folder_know_each_other(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    for source in (FileWeights(file), FileWeights(tmp_path)):
        assert (source.file, source.folder) == (file, tmp_path)
