"""The whole method in one file: an agent that works with one page of memory, trained by reinforcement learning.

    python examples/minimal.py            # under a minute on one core
    python examples/minimal.py --quick    # seconds; too short to learn much

The world shows the agent a value, looks away for a turn or not, then asks for the value; over and over. Each turn the
agent reads

    P | state, action, observation of the turn before |   and writes   state </state> action

and everything older is dropped. So a value survives only if the agent writes it into its state, each time anew. The
reward is the number of values it named when asked, and nothing else. The model starts from random weights.

Read from the top: the world, the context, writing under hard budgets, an episode, credit, exact samples, the update.
The package ``mem1`` does the same for real models and tasks; [brackets] say where.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

# ------------------------------------------------------------------------------------------------ the world [envs/]

VALUES = 4  # tokens 0 to 3 are the values to remember
SHOW, WAIT, ASK, CLOSE, PROMPT = range(VALUES, VALUES + 5)  # CLOSE is </state>
VOCABULARY = VALUES + 5
P = [PROMPT]  # the task prompt: in front of every context, however many objectives a task has


@dataclass(frozen=True)
class Objective:
    """A value to remember, and for how many turns the world looks away."""

    value: int
    waits: int


Task = tuple[Objective, ...]


def script(task: Task) -> list[tuple[list[int], int | None]]:
    """What the world says in each turn, and the value it asks for, if it does."""
    said: list[tuple[list[int], int | None]] = []
    for objective in task:
        said.append(([SHOW, objective.value], None))
        said += [([WAIT, WAIT], None)] * objective.waits
        said.append(([ASK, ASK], objective.value))
    return said


def draw(rng: random.Random, tasks: int, objectives: int) -> list[Task]:
    """Tasks at random."""
    return [tuple(Objective(rng.randrange(VALUES), rng.randrange(2)) for _ in range(objectives)) for _ in range(tasks)]


# ----------------------------------------------------------------------------------- the memory [memory/state.py]

STATE_BUDGET, ACTION_BUDGET, OBSERVATION_BUDGET = 2, 1, 2  # tokens; the state's closing token is counted
BOUND = len(P) + 2 * (STATE_BUDGET + ACTION_BUDGET) + OBSERVATION_BUDGET


@dataclass
class Turn:
    """One context exactly as the policy saw it, and what was written in it [types.py]."""

    context: list[int]
    written: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)  # false: forced by the budget, never trained on

    def add(self, token: int, logprob: float, sampled: bool) -> None:
        """One more token."""
        self.written.append(token)
        self.logprobs.append(logprob)
        self.sampled.append(sampled)

    @property
    def over(self) -> bool:
        """Whether state and action are complete."""
        return CLOSE in self.written and len(self.written) == self.written.index(CLOSE) + 1 + ACTION_BUDGET


def next_context(turns: list[Turn], observation: list[int], *, forget: bool) -> list[int]:
    """P, what was written last, and what the world says now. Without ``forget``: everything so far, and that."""
    if not turns:
        return P + observation
    return (P if forget else turns[-1].context) + turns[-1].written + observation


# --------------------------------------------------------------------------------------- the engine [inference/]


def logprob_table(model: LlamaForCausalLM, sequences: list[list[int]]) -> Tensor:
    """Log-probabilities of what follows every token, [sequences, longest, vocabulary].

    Sequences are filled up on the right, where a causal model does not see it from the positions that are used.
    """
    longest = max(map(len, sequences))
    ids = torch.tensor([sequence + [PROMPT] * (longest - len(sequence)) for sequence in sequences])
    logits: Tensor = model(input_ids=ids).logits
    return logits.log_softmax(-1)


@torch.no_grad()
def write(model: LlamaForCausalLM, contexts: list[list[int]], generator: torch.Generator | None) -> list[Turn]:
    """Write a state and an action in each context: sampled, or the likeliest without a generator.

    A policy that does not close its state in time has it closed. So no policy whatsoever adds more than STATE_BUDGET +
    ACTION_BUDGET tokens a turn, and no context outgrows BOUND.
    """
    turns = [Turn(context) for context in contexts]
    while live := [turn for turn in turns if not turn.over]:
        for turn in live:
            if CLOSE not in turn.written and len(turn.written) == STATE_BUDGET - 1:
                turn.add(CLOSE, 0.0, sampled=False)
        table = logprob_table(model, [turn.context + turn.written for turn in live])
        last = torch.tensor([len(turn.context) + len(turn.written) - 1 for turn in live])
        scores = table[torch.arange(len(live)), last]
        tokens = torch.multinomial(scores.exp(), 1, generator=generator) if generator else scores.argmax(-1, True)
        for turn, token, logprob in zip(live, tokens[:, 0].tolist(), scores.gather(1, tokens)[:, 0], strict=True):
            turn.add(token, logprob.item(), sampled=True)
    return turns


# ----------------------------------------------------------------------------- an episode [rollout/episode.py]


@dataclass
class Episode:
    """All turns of one task. Episodes with the same ``group`` do the same task."""

    group: int
    turns: list[Turn]
    reward: float

    @property
    def peak(self) -> int:
        """The largest context together with what was written in it, in tokens."""
        return max(len(turn.context) + len(turn.written) for turn in self.turns)


def run(
    model: LlamaForCausalLM,
    tasks: list[Task],
    generator: torch.Generator | None = None,
    *,
    group_size: int = 1,
    forget: bool = True,
) -> list[Episode]:
    """``group_size`` episodes of each task, all of them side by side."""
    scripts = [(group, script(task)) for group, task in enumerate(tasks) for _ in range(group_size)]
    episodes = [Episode(group, [], 0.0) for group, _ in scripts]
    for index in range(max(len(said) for _, said in scripts)):
        live = [(episode, *said[index]) for episode, (_, said) in zip(episodes, scripts, strict=True) if said[index:]]
        contexts = [next_context(episode.turns, observation, forget=forget) for episode, observation, _ in live]
        for (episode, _, asked), turn in zip(live, write(model, contexts, generator), strict=True):
            episode.turns.append(turn)
            episode.reward += turn.written[-1] == asked  # the action is the answer
    return episodes


# ------------------------------------------------------------------------------- advantages [train/advantages/grpo.py]


def group_advantages(episodes: list[Episode]) -> list[float]:
    """The reward less the mean of the episode's group, in standard deviations of the group.

    The baseline is over episodes. Over contexts or tokens, long episodes would have more votes.
    """
    rewards: dict[int, list[float]] = {}
    for episode in episodes:
        rewards.setdefault(episode.group, []).append(episode.reward)
    groups = {group: torch.tensor(values) for group, values in rewards.items()}
    return [((e.reward - groups[e.group].mean()) / (groups[e.group].std() + 1e-6)).item() for e in episodes]


# -------------------------------------------- exact samples and the update [train/rows/samples.py, train/update.py]


@dataclass
class Batch:
    """One sequence for each context; and for each sampled token where it is, how likely it was, and its credit."""

    sequences: list[list[int]]
    row: Tensor
    position: Tensor  # of the output that predicts the token
    token: Tensor
    old: Tensor
    advantage: Tensor


def make_batch(episodes: list[Episode]) -> Batch:
    """Every context becomes a sample of its own, token for token and position for position as it was sampled.

    Stitched together, the turns would see text that was dropped, at positions it never had: not what was sampled.
    """
    sequences: list[list[int]] = []
    tokens = []
    for episode, advantage in zip(episodes, group_advantages(episodes), strict=True):
        for turn in episode.turns:
            for offset, token in enumerate(turn.written):
                if turn.sampled[offset]:
                    place = len(turn.context) + offset - 1
                    tokens.append((len(sequences), place, token, turn.logprobs[offset], advantage))
            sequences.append(turn.context + turn.written)
    return Batch(sequences, *(torch.tensor(column) for column in zip(*tokens, strict=True)))


def update(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """Two steps on PPO's clipped surrogate, every token weighing the same, with a small bonus for entropy.

    Returns the largest difference between the trainer's log-probabilities and the sampler's before the first step: if
    samples are what the policy saw, it is rounding error.
    """
    gaps = []
    for _ in range(2):
        scores = logprob_table(model, batch.sequences)[batch.row, batch.position]
        logprobs = scores.gather(1, batch.token[:, None])[:, 0]
        gaps.append((logprobs.detach() - batch.old).abs().max().item())
        ratio = (logprobs - batch.old).exp()
        gain = torch.minimum(ratio * batch.advantage, ratio.clamp(0.8, 1.2) * batch.advantage).mean()
        entropy = -(scores.exp() * scores).sum(-1).mean()
        optimizer.zero_grad()
        torch.autograd.backward(-gain - 0.02 * entropy)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return gaps[0]


# -------------------------------------------------------------------------------------------------- put together


def make_model() -> LlamaForCausalLM:
    """A Llama of two layers and 21,000 random weights."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=4096,
            initializer_range=0.2,
        )
    )


def measure(model: LlamaForCausalLM, objectives: int, *, forget: bool) -> tuple[float, int]:
    """On 16 tasks, without sampling: the share of values named, and the peak."""
    episodes = run(model, draw(random.Random(objectives), 16, objectives), forget=forget)
    return sum(episode.reward for episode in episodes) / (16 * objectives), max(episode.peak for episode in episodes)


def main() -> None:
    """Train on two objectives, then measure on up to sixteen times as many."""
    parser = argparse.ArgumentParser(description="The whole method in one file.")
    parser.add_argument("--quick", action="store_true", help="a few steps, too short to learn much")
    steps, horizons = (5, (2, 4)) if parser.parse_args().quick else (120, (2, 8, 32))
    began = time.perf_counter()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the model is too small for more to help
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    print(f"chance is {1 / VALUES:.2f} of the values; proven bound on the context: {BOUND} tokens")
    untrained = measure(model, 2, forget=True)[0]
    largest_gap, peaks = 0.0, set()
    for step in range(1, steps + 1):
        episodes = run(model, draw(rng, 8, 2), generator, group_size=16)
        largest_gap = max(largest_gap, update(model, optimizer, make_batch(episodes)))
        peaks.add(max(episode.peak for episode in episodes))
        if step == 1 or step % 20 == 0:
            named = sum(episode.reward for episode in episodes) / (2 * len(episodes))
            print(f"step {step:3}: named {named:.2f}, peak {max(peaks)} tokens, {time.perf_counter() - began:.0f} s")
    print(f"trainer against sampler, largest difference of a log-probability: {largest_gap:.1e}")
    print(f"named at 2 objectives: {untrained:.2f} untrained -> {measure(model, 2, forget=True)[0]:.2f} trained")
    print("objectives  named  peak | with nothing dropped, for which it was not trained: named  peak")
    for objectives in horizons:
        (named, peak), (all_named, all_peak) = (measure(model, objectives, forget=choice) for choice in (True, False))
        peaks.add(peak)
        print(f"{objectives:10}  {named:5.2f}  {peak:4} | {all_named:54.2f}  {all_peak:4}")
    print(f"peak over all of training and measuring: {max(peaks)} of at most {BOUND} tokens")


if __name__ == "__main__":
    main()
