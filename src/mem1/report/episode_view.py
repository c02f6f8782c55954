"""An episode as a page shows it: per turn the context, the state before and after, action, observation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mem1.evaluation.efficiency import state_was_forced
from mem1.evaluation.records import Transcript
from mem1.report.diff import Piece, changes
from mem1.types import Action, Answer, Episode, Malformed, ToolCall, Turn


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn. ``prefix``, ``carried`` and ``written`` are tokens; ``context`` is text where it was kept."""

    number: int
    objective: int | None
    prefix: int
    carried: int
    written: int
    context: str | None
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    kind: str
    action: str
    malformed: bool
    forced: bool
    observation: str | None
    observation_length: int


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """One question, what was accepted, what was said, what it scored by the two first metrics."""

    number: int
    question: str
    accepted: str
    answer: str | None
    scores: dict[str, float | None]

    @property
    def main(self) -> float | None:
        """Its value by the main metric."""
        return next(iter(self.scores.values()), None)


@dataclass(frozen=True, slots=True)
class EpisodeView:
    """One episode. ``hidden`` turns were left out after the last one shown."""

    episode: Episode
    title: str
    prompt: str | None
    objectives: tuple[ObjectiveView, ...]
    turns: tuple[TurnView, ...]
    hidden: int
    room: int


def view_episode(episode: Episode, transcript: Transcript | None, *, max_turns: int | None = None) -> EpisodeView:
    """Lay out ``episode``, with the first ``max_turns`` turns (``None``: all)."""
    shown = episode.turns[:max_turns]
    turns = []
    before = ""
    for turn in shown:
        turns.append(view_turn(episode, turn, before, transcript))
        before = without_tags(turn.state)
    return EpisodeView(
        episode=episode,
        title=title_of(episode),
        prompt=transcript.prompt if transcript else None,
        objectives=view_objectives(episode),
        turns=tuple(turns),
        hidden=len(episode.turns) - len(shown),
        room=max((turn.peak for turn in episode.turns), default=1),
    )


def title_of(episode: Episode) -> str:
    """What an episode is called: its strategy and its task's shape."""
    noun = "objective" if episode.task.size == 1 else "objectives"
    return f"{episode.strategy}: {episode.task.size} {episode.task.composition} {noun}"


def view_objectives(episode: Episode) -> tuple[ObjectiveView, ...]:
    """Each question with what was said to it."""
    score = episode.score
    return tuple(
        ObjectiveView(
            number=k + 1,
            question=objective.standalone or objective.question,
            accepted=" / ".join(objective.answers[:3]),
            answer=episode.answers[k] if k < len(episode.answers) else None,
            scores={name: values[k] for name, values in list(score.metrics.items())[:2]} if score else {},
        )
        for k, objective in enumerate(episode.task.objectives)
    )


def without_tags(state: str) -> str:
    """A state without the tags around it."""
    return re.sub(r"\A\s*<\w+>\s*|\s*</\w+>\s*\Z", "", state)


def describe(action: Action) -> tuple[str, str]:
    """What kind of action it is, and its text."""
    match action:
        case ToolCall(name=name):
            return name, action.text
        case Answer(text=text):
            return "answer", text
        case Malformed(reason=reason):
            return "no action", reason


def view_turn(episode: Episode, turn: Turn, before: str, transcript: Transcript | None = None) -> TurnView:
    """Lay out one turn; ``before`` is the state before it, without tags."""
    old, new = changes(before, without_tags(turn.state))
    kind, text = describe(turn.action)
    kept = transcript is not None and turn.index < len(transcript.contexts)
    return TurnView(
        number=turn.index + 1,
        objective=turn.objective + 1 if episode.task.reveal == "one_by_one" else None,
        prefix=turn.prefix_length,
        carried=len(turn.prompt_token_ids) - turn.prefix_length,
        written=len(turn.completion_token_ids),
        context=transcript.contexts[turn.index] if transcript is not None and kept else None,
        before=old,
        after=new,
        kind=kind,
        action=text,
        malformed=isinstance(turn.action, Malformed),
        forced=state_was_forced(turn),
        observation=turn.observation,
        observation_length=turn.observation_length,
    )
