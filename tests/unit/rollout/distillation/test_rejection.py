"""Which episodes are worth imitating: every rule by itself, and their order."""

from __future__ import annotations

from mem1.rollout.config import KeepConfig
from mem1.rollout.distillation.rejection import Reason, rewards_seen, select
from mem1.types import (
    Answer,
    Composition,
    Episode,
    EpisodeError,
    FinishReason,
    Malformed,
    Objective,
    StopReason,
    Task,
    Turn,
)

ANY = KeepConfig(minimum="none", per_task=100)


def task(name: str, objectives: int = 1) -> Task:
    some = tuple(Objective(id=f"{name}{i}", question="?", answers=("a",), source="s") for i in range(objectives))
    return Task(id=name, composition=Composition.PARALLEL, reveal="upfront", split="train", objectives=some)


def turn(text: str, *, malformed: bool = False, forced: bool = False, index: int = 0) -> Turn:
    return Turn(
        index=index,
        prompt_token_ids=(1,),
        prefix_length=1,
        completion_token_ids=(2, 3),
        logprobs=(-0.5, 0.0),
        sampled_mask=(True, not forced),
        state_length=1,
        finish=FinishReason.STOP,
        policy_version=0,
        state="<think>",
        action=Malformed(reason="r") if malformed else Answer(text=text),
        action_text=text,
    )


def made(name: str, reward: float | None, *, of: str = "t", objectives: int = 1, turns: int = 1) -> Episode:
    """An episode that no other one repeats: its words are its name."""
    return Episode(
        id=name,
        group_id=of,
        task=task(of, objectives),
        strategy="state",
        turns=tuple(turn(f"{name} {i}", index=i) for i in range(turns)),
        answers=(None,) * objectives,
        stop=StopReason.ANSWERED,
        seconds=0.0,
        reward=reward,
    )


def spoiled(name: str, **how: bool) -> Episode:
    return made(name, 1.0).model_copy(update={"turns": (turn("x"), turn(name, index=1, **how))})


def failed(name: str) -> Episode:
    error = EpisodeError(type="BackendError", message="gone")
    return made(name, None).model_copy(update={"error": error, "stop": StopReason.ERROR})


def kept(episodes: list[Episode], keep: KeepConfig) -> tuple[list[str], dict[Reason, int]]:
    found = select(episodes, keep)
    assert len(found.kept) + sum(found.rejected.values()) == len(episodes)
    return [episode.id for episode in found.kept], found.rejected


def test_each_rejected_episode_counts_under_the_first_rule_that_it_breaks() -> None:
    nothing = made("empty", 1.0).model_copy(update={"turns": ()})
    wrong_and_malformed = spoiled("both", malformed=True).model_copy(update={"reward": 0.0})
    episodes = [
        made("right", 1.0),
        failed("failed"),
        made("unscored", None),
        nothing,
        spoiled("malformed", malformed=True),
        wrong_and_malformed,
        spoiled("forced", forced=True),
        made("wrong", 0.0),
    ]
    names, rejected = kept(episodes, KeepConfig(per_task=100))
    assert names == ["right"]
    assert rejected == {
        Reason.FAILED: 1,
        Reason.UNSCORED: 1,
        Reason.EMPTY: 1,
        Reason.MALFORMED: 2,
        Reason.FORCED: 1,
        Reason.MINIMUM: 1,
    }
    names, rejected = kept(episodes, ANY.model_copy(update={"malformed": True, "forced": True}))
    assert names == ["right", "malformed", "both", "forced", "wrong"], "failures and nothing at all never pass"
    assert rejected == {Reason.FAILED: 1, Reason.UNSCORED: 1, Reason.EMPTY: 1}


def test_the_minimum_is_of_the_reward_an_objective() -> None:
    episodes = [
        made("2 of 4", 2.0, of="a", objectives=4),
        made("1 of 1", 1.0, of="b"),
        made("3 of 4", 3.0, objectives=4),
    ]
    assert kept(episodes, KeepConfig(minimum=0.75))[0] == ["1 of 1", "3 of 4"]
    assert kept(episodes, KeepConfig(minimum=1.0))[0] == ["1 of 1"]
    assert kept(episodes, KeepConfig(minimum="none"))[0] == ["2 of 4", "1 of 1", "3 of 4"]


def test_best_of_n_takes_the_shorter_of_equals_then_the_first() -> None:
    episodes = [made("low", 0.5), made("long", 0.75, turns=3), made("short", 0.75), made("other short", 0.75)]
    assert kept(episodes, KeepConfig(minimum="none")) == (["short"], {Reason.PER_TASK: 3})
    two = KeepConfig(minimum="none", per_task=2)
    assert kept(episodes, two) == (["short", "other short"], {Reason.PER_TASK: 2})


def test_repetitions_of_a_task_are_no_second_demonstration() -> None:
    first = made("a", 1.0)
    again = first.model_copy(update={"id": "b"})
    elsewhere = first.model_copy(update={"id": "c", "task": task("u")})
    assert kept([first, again, elsewhere], ANY) == (["a", "c"], {Reason.REPEATED: 1})


def test_the_top_share_is_of_what_the_other_rules_leave_rounded_up() -> None:
    episodes = [made(f"e{i}", i / 8, of=f"t{i}") for i in range(5)]
    half = KeepConfig(minimum=0.125, top=0.4)  # e1 to e4 are left; ceil(0.4 * 4) = 2 of them stay
    assert kept(episodes, half) == (["e3", "e4"], {Reason.MINIMUM: 1, Reason.TOP: 2})


def test_rewards_seen_are_counted_by_objective_best_first() -> None:
    episodes = [made("a", 1.0, objectives=2), made("b", 0.0), made("c", 0.5), made("d", 1.0), failed("e")]
    assert rewards_seen(episodes) == {1.0: 1, 0.5: 2, 0.0: 1}
