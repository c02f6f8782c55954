"""Training at a service that speaks the Tinker protocol: SkyRL's own server on a CPU. ``make test-tinker`` runs it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.config import build
from mem1.errors import BackendError, ConfigError
from mem1.event_loop import run_here
from mem1.inference.hf.loading import load_model
from mem1.integrations.tinker.adapter import Adapter
from mem1.integrations.tinker.client import Connection, reach
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.convention import MEAN
from mem1.runtime.train import rollout
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.train.backends.local import LocalBackend
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.rows.row import Row
from mem1.types import Episode, EpisodeGroup
from tests.e2e.tinker_server import add_alike, make_model, tinker_server, weights_of

pytestmark = [
    pytest.mark.tinker,
    pytest.mark.skipif(not (find_spec("tinker") and find_spec("skyrl")), reason="the service is not installed here"),
]
PROBE = tuple(range(20, 40))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what it keeps."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(model: Path, kept: Path) -> Iterator[str]:
    with tinker_server(model, kept) as running:
        yield running


def settings(address: str, **keys: Any) -> TinkerConfig:
    found = {"base_url": address, "tokenizer": "builtin:tiny", "max_context": 600, "rank": 8} | keys
    return build(TinkerConfig, found, where="backend")


def adapter(address: str, model: Path, **keys: Any) -> Adapter:
    config = settings(address, **keys)
    return Adapter(Connection(config), config, TrainConfig(), model=str(model), seed=1, probe=PROBE)


def row(tokens: tuple[int, ...], trained: int, advantage: float, weight: float, logprobs: list[float]) -> Row:
    before = len(tokens) - trained
    return Row(
        token_ids=tokens,
        trained=(False,) * before + (True,) * trained,
        rollout_logprobs=(0.0,) * before + tuple(logprobs),
        advantages=(0.0,) * before + (advantage,) * trained,
        weight=weight,
        episode_id="e",
        group_id="g",
        policy_version=0,
    )


def test_rows_of_one_episode_count_as_one_episode_whatever_the_server_divides_by(address: str, model: Path) -> None:
    # Four episodes of 6, 2, 2, 2 equal rows with rewards 0, 1, 1, 1: mean-centred -3/4 and three times 1/4. Each
    # episode has a quarter of the loss, so of equal rows nothing is left; by rows it would be -6*3/4 + 6/4.
    mine = adapter(address, model)
    tokens = PROBE[:12]
    (logprobs,) = mine.logprobs([row(tokens, 3, 0.0, 1.0, [0.0] * 3)])
    counts, advantages = (6, 2, 2, 2), (-0.75, 0.25, 0.25, 0.25)
    rows = [
        row(tokens, 3, advantage, 1 / (4 * 3 * count), logprobs)
        for count, advantage in zip(counts, advantages, strict=True)
        for _ in range(count)
    ]
    _, nothing = mine.step(rows, 0.0)
    one_episode = [row(tokens, 3, -0.75, 1 / (4 * 3 * 6), logprobs) for _ in range(6)]
    _, norm = mine.step(one_episode, 0.0)
    _, same = mine.step([row(tokens, 3, -0.75, 1 / (4 * 3), logprobs)], 0.0)
    assert mine.convention == MEAN, "what SkyRL's server does"
    assert norm is not None
    assert same is not None
    assert nothing is not None
    assert norm > 1e-4
    assert same == pytest.approx(norm, rel=1e-4)
    assert nothing < 1e-4 * norm


def test_six_steps_at_the_service_are_the_six_steps_taken_here(address: str, model: Path, kept: Path) -> None:
    # From one adapter, on rows of 4 to 9 trained tokens with an advantage each; the clipping that the server leaves out
    # is left out here.
    train = TrainConfig(optimizer=OptimizerConfig(lr=1e-3, max_grad_norm=1e9), max_rollout_gap=None, tis_cap=None)
    theirs = adapter(address, model)
    weights = load_model(str(model), dtype="float32", device="cpu")
    add_alike(weights, weights_of(theirs, kept), rank=8)
    trained = [one for one in weights.parameters() if one.requires_grad]
    optimizer = make_optimizer(trained, [], train.optimizer, critic_lr=0.0)
    ours = LocalBackend(Policy(weights), None, optimizer, train, view="reference")
    rng = random.Random(0)
    drawn = [(size, [rng.randrange(3, 2000) for _ in range(size)], rng.uniform(-1, 1)) for size in range(4, 10)]
    begun = None
    for _ in range(6):
        rows = [row((*PROBE, *ids), size, worth, 1 / (6 * size), [0.0] * size) for size, ids, worth in drawn]
        scored = theirs.logprobs(rows)
        for mine, one in zip(ours.logprobs(rows), scored, strict=True):
            assert mine == pytest.approx(one, abs=3e-5)  # nats
        begun = begun or scored
        compared = [
            row((*PROBE, *ids), size, worth, 1 / (6 * size), list(one))
            for (size, ids, worth), one in zip(drawn, scored, strict=True)
        ]
        _, norm = theirs.step(compared, train.optimizer.lr)
        assert norm == pytest.approx(ours.step(compared)["grad_norm"], rel=1e-5)
    moved = [abs(a - b) for old, new in zip(begun or [], scored, strict=True) for a, b in zip(old, new, strict=True)]
    assert max(moved) > 0.5, "the steps were none"


def test_a_whole_training_run_lands_in_a_run_directory_and_goes_on(
    address: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mem1.integrations.tinker.launch.rollout", _rewarded)
    recipe = _recipe(tmp_path, address, model)
    run = tmp_path / "run"
    assert main(["train", str(recipe), "--run", str(run), "--train.steps", "2"]) == 0
    metrics = [json.loads(line) for line in RunDir.open(run).metrics.read_text().splitlines()]
    steps = [one for one in metrics if "count/episodes" in one]
    assert [one["count/episodes"] for one in steps] == [8, 8]
    assert max(one.get("policy/rollout_gap_max") or 0.0 for one in steps) < 1e-4, "its sampler and its trainer agree"
    kept = json.loads((run / "checkpoints" / "step-000002" / "service.json").read_text())
    assert kept["sampler"].startswith("tinker://")
    capsys.readouterr()
    assert main(["train", str(recipe), "--run", str(run), "--resume", "--train.steps", "3"]) == 0
    episodes = list(read_episodes(RunDir.open(run).episodes("train")))
    versions = [turn.policy_version for episode in episodes for turn in episode.turns]
    assert len({episode.id for episode in episodes}) == len(episodes) == 24, "none lost, none twice"
    assert any(episode.advantage for episode in episodes)
    assert set(versions) == {0, 1, 2}
    assert main(["export", str(run), str(tmp_path / "out")]) != 0
    assert "kept by the service" in capsys.readouterr().err
    spec = ["--model", kept["sampler"], "--evaluate.tasks", "2", "--evaluate.horizons", "1"]
    spec += ["--evaluate.strategies", "state", "--evaluate.baseline", "state", "--evaluate.session_objectives", "0"]
    assert main(["evaluate", str(recipe), *spec, "--run", str(tmp_path / "ev")]) == 0


def test_the_service_learns_what_is_rewarded(address: str, model: Path) -> None:
    # Rewarded: tokens below 1,024, half of the vocabulary. Advantages by episode, one row each.
    mine = adapter(address, model)
    shares = []
    for step in range(8):
        from tinker import ModelInput, SamplingParams

        params = SamplingParams(max_tokens=8, temperature=1.0, seed=step)
        answers = mine.sampler().sample(ModelInput.from_ints(list(PROBE)), 16, params).result(300).sequences
        rewards = [sum(token < 1024 for token in one.tokens) / len(one.tokens) for one in answers]
        mean = sum(rewards) / len(rewards)
        shares.append(mean)
        mine.step(
            [
                row(
                    (*PROBE, *one.tokens),
                    len(one.tokens),
                    reward - mean,
                    1 / (16 * len(one.tokens)),
                    list(one.logprobs),
                )
                for one, reward in zip(answers, rewards, strict=True)
            ],
            1e-2,
        )
    print(f"share of rewarded tokens by step: {[round(one, 2) for one in shares]}")
    assert shares[-1] > shares[0] + 0.1


def test_a_model_that_is_not_served_and_a_server_that_is_not_there_are_told(address: str, model: Path) -> None:
    with pytest.raises(ConfigError, match="no model 'other'"):
        Connection(settings(address)).check_model("other")
    with pytest.raises(BackendError):
        run_here(reach(settings("http://127.0.0.1:9")))


async def _rewarded(*arguments: Any) -> list[EpisodeGroup]:
    """The rollout, with what a random policy can earn: the share of tokens below 1,024."""
    return [
        group.model_copy(update={"episodes": tuple(map(_with_reward, group.episodes))})
        for group in await rollout(*arguments)
    ]


def _with_reward(episode: Episode) -> Episode:
    written = [token for turn in episode.turns for token in turn.completion_token_ids]
    return episode.model_copy(update={"reward": sum(token < 1024 for token in written) / len(written)})


def _recipe(folder: Path, address: str, model: Path) -> Path:
    file = folder / "service.toml"
    file.write_text(
        f"""
name = "service"
model = "{model}"
watch_tasks = 0
reward = "em"
[tasks]
composition = "sequential"
objectives = 1
count = 20
[env]
prompt = "brief"
turns_per_objective = 2
[memory]
type = "state"
budgets = {{ state = 12, action = 12, observation = 32 }}
[backend]
type = "tinker"
base_url = "{address}"
tokenizer = "builtin:tiny"
max_context = 600
rank = 8
[train]
tasks_per_step = 2
group_size = 4
no_signal_limit = 10
checkpoint_every = 1
"""
    )
    return file
