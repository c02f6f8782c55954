"""An episode as verl's rows: one for each context that the policy saw, in time order."""

from __future__ import annotations

import traceback
from typing import Any

from pydantic import ValidationError
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput

from mem1.errors import BackendError, Mem1Error
from mem1.train.rows.calls import without_side_calls
from mem1.train.rows.row import Row, make_rows
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode

EPISODE = "mem1_episode"  # in the extra fields of an episode's first row: the record, as JSON
CRASH = "mem1_crash"  # there in place of it: what ended the run, or is a bug


def outputs_of(episode: Episode, *, side_calls: bool, filler: int) -> list[AgentLoopOutput]:
    """The rows of an episode; the record itself goes along with the first.

    ``side_calls``: whether what the policy wrote in them is to be trained on. An episode that failed, or in which the
    policy wrote nothing, has a single row with nothing to train in it: two tokens ``filler``.
    """
    learned = episode if side_calls else without_side_calls(episode)
    nothing = episode.failed or not sampled_count(learned)
    rows = [] if nothing else make_rows([learned], {episode.id: 0.0}, normalisation="episode")
    outputs = [_output(row, len(episode.turns)) for row in rows] or [_empty(filler)]
    outputs[0].extra_fields[EPISODE] = episode.model_dump_json()
    outputs[-1].reward_score = episode.reward if episode.reward is not None else 0.0
    means: dict[str, float] = {}
    if episode.score is not None:
        means = {name: episode.score.total(name) for name in episode.score.metrics}
    outputs[-1].extra_fields["reward_extra_info"] = means
    return outputs


def crashed(error: Exception, *, filler: int) -> list[AgentLoopOutput]:
    """A row that carries what no episode can be made of to whoever trains: verl itself would only log it."""
    told = error if isinstance(error, Mem1Error) else None
    output = _empty(filler)
    output.extra_fields[CRASH] = {
        "what": told.what if told else f"{type(error).__name__}: {error}",
        "where": told.where if told else None,
        "hint": told.hint if told else None,
        "trace": "".join(traceback.format_exception(error)),
    }
    output.extra_fields["reward_extra_info"] = {}
    output.reward_score = 0.0
    return [output]


def episode_of(extra: dict[str, Any]) -> Episode:
    """The record that a first row carries. Raises ``BackendError`` with what ended the run, if that is what it is."""
    crash = extra.get(CRASH)
    if crash is not None:
        hint = crash["hint"] or "an error in a worker; its traceback:\n" + crash["trace"]
        raise BackendError(crash["what"], where=crash["where"], hint=hint)
    try:
        return Episode.model_validate_json(extra[EPISODE])
    except (KeyError, ValidationError) as error:
        raise BackendError(
            f"a rollout came back without its episode: {type(error).__name__}",
            where="rollout.agent.default_agent_loop",
            hint="the trainer mem1 reads what the agent loop mem1 writes; all nodes need the same version of mem1",
        ) from error


def _output(row: Row, turns: int) -> AgentLoopOutput:
    first = row.trained.index(True)
    return AgentLoopOutput(
        prompt_ids=list(row.token_ids[:first]),
        response_ids=list(row.token_ids[first:]),
        response_mask=[int(on) for on in row.trained[first:]],
        response_logprobs=list(row.rollout_logprobs[first:]),
        num_turns=turns,
        metrics=AgentLoopMetrics(),
        extra_fields={"min_global_steps": row.policy_version, "max_global_steps": row.policy_version},
    )


def _empty(filler: int) -> AgentLoopOutput:
    return AgentLoopOutput(
        prompt_ids=[filler],
        response_ids=[filler],
        response_mask=[0],
        response_logprobs=[0.0],
        num_turns=0,
        metrics=AgentLoopMetrics(),
        extra_fields={"min_global_steps": 0, "max_global_steps": 0},
    )
