"""Lessons in question answering: worlds that are met nowhere else, and tasks about them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mem1.rollout.demonstrations import Lesson
from mem1.rollout.lessons import Setting
from mem1.rollout.limits import derive_seed
from mem1.runtime.lessons.numbered import check_memories, drawn_size, expert_for, remarking, renumbered, shown_under
from mem1.runtime.lessons.vain import in_vain
from mem1.runtime.world import make_environments, passages_of
from mem1.tasks.compose import compose
from mem1.tasks.factbook.hardened import hardened
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.synthetic import synthetic_world
from mem1.tasks.factbook.world import World
from mem1.types import Composition


@dataclass(frozen=True, slots=True)
class WorldLessons:
    """Lessons about the source's own world, and about invented ones where it is the Factbook."""

    setting: Setting

    def __post_init__(self) -> None:
        """Raises ``ConfigError`` where its memories contradict the recipe's."""
        check_memories(self.setting.memory, self.setting.config)

    def lesson(self, number: int, pieces: Sequence[str]) -> Lesson:
        """Lesson ``number``: a world, tasks about it, and how searches look in it."""
        config, source = self.setting.config, self.setting.source
        rng = random.Random(derive_seed(self.setting.seed, "lesson", number))
        world = self._world(rng, number, pieces)
        objectives = [
            one for one in world.objectives("train") if one.metadata.get("hops") == 1 or rng.random() < config.two_hop
        ]
        composition = rng.choice(config.compositions)
        size = drawn_size(composition, config, rng)
        tasks = compose(
            [world] if composition is Composition.CHAINED else objectives,
            # Delayed tasks get their numbers and delays below.
            composition=Composition.SEQUENTIAL if composition is Composition.DELAYED else composition,
            objectives=size.objectives,
            count=config.per_lesson,
            seed=number,
            split="train",
        )
        # A real lesson searches the source's own passages, which are indexed already.
        own = world is source
        env = self.setting.env.model_copy(update={"top_k": rng.choice(config.top_k)})
        parts = {
            "source": lambda: source,
            "retriever": lambda: self.setting.retriever if own else self.setting.make_retriever(passages_of(world)),
            "scorer": self.setting.make_scorer,
        }
        shown = shown_under(self.setting.memory, config, rng)
        return Lesson(
            renumbered(tasks, composition, config, rng, size.held),
            in_vain(remarking(make_environments(env, parts), config, rng, pieces), config.vain, rng, pieces),
            make_expert=expert_for(shown.pages, config, number),
            make_memory=shown.make_memory,
            turns=config.turns,
            gives_up=bool(config.vain or config.lapses),
            stumbles=config.stumbles,
            seed=self.setting.seed,
        )

    def texts(self) -> Iterable[str]:
        """Train countries' cards and questions, and invented names."""
        world = factbook_world()
        seen = World(world.name, [country for country in world.countries if country.split == "train"])
        for one, repeats in ((seen, 6), *((synthetic_world(seed, world), 1) for seed in range(6))):
            for passage in one.passages:
                times = 1 if "/background/" in passage.id else repeats
                yield from [f"Doc 1(Title: {passage.title}) {passage.text}"] * times
        for objective in seen.objectives("train"):
            yield objective.question

    def _world(self, rng: random.Random, number: int, pieces: Sequence[str]) -> Any:
        source, config = self.setting.source, self.setting.config
        if not isinstance(source, World) or rng.random() < config.real:
            return source
        world = synthetic_world(
            number,
            source,
            countries=config.countries,
            pieces=pieces,
            namesakes=config.namesakes,
            echoes=config.echoes,
            neighbours=config.neighbours,
        )
        alike, long = rng.random() < config.alike, rng.random() < config.long_values
        return hardened(world, rng, pieces, alike=alike, long=long) if alike or long else world
