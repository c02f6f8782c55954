"""A recipe's objects: each is built when first needed, and they know how to train, warm-start and evaluate."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from rich.console import Console

from mem1.envs.base import Environment
from mem1.envs.webshop.config import WebshopEnvConfig
from mem1.evaluation.evaluate import evaluate as run_evaluation
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.inference.hf_loading import load_model, load_tokenizer
from mem1.inference.hf_tokenizer import HfTokenizer
from mem1.inference.shopper import shopper_engine
from mem1.inference.transformers import TransformersEngine
from mem1.memory.tags import Tags
from mem1.recipe import SHOPPER, Recipe
from mem1.retrieval.base import Passage, Retriever
from mem1.rollout.demonstrations import Curriculum, Lesson, demonstrate
from mem1.rollout.episode import Parts
from mem1.rollout.group import as_groups, group_jobs, run_jobs
from mem1.rollout.limits import derive_seed
from mem1.rollout.shop_lessons import shop_lesson
from mem1.rollout.shop_texts import demonstration_texts
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import keep_vocabulary
from mem1.tasks.compose import compose as compose_tasks
from mem1.tasks.factbook import factbook_world
from mem1.tasks.synthetic import synthetic_world
from mem1.tasks.world import World
from mem1.train.loop import Outcome
from mem1.train.policy import Policy
from mem1.train.seeding import seed_torch
from mem1.train.tiny.model import make_tiny, train_tokenizer
from mem1.train.trainer import Trainer
from mem1.train.views import compare_views
from mem1.train.warmstart import warm_start
from mem1.types import Composition, Episode, EpisodeGroup, Objective, Score, Task

_NEW_TINY = "new:tiny"
_TEXT_LESSONS = 12  # demonstrations of so many lessons are what a shop's tokenizer is trained on


class Workshop:
    """A recipe's objects, each built when first needed."""

    def __init__(self, recipe: Recipe, run: RunDir | None = None) -> None:
        self.recipe = recipe
        self._run = run
        self._console = Console(stderr=True)

    @property
    def run(self) -> RunDir:
        """Where results go."""
        assert self._run is not None, "this command writes no run"
        return self._run

    @cached_property
    def source(self) -> Any:
        """The task source."""
        return self.recipe.source.build()

    @cached_property
    def retriever(self) -> Retriever:
        """What a search asks."""
        return self.recipe.retriever.build(_passages(self.source))

    @cached_property
    def tokenizer(self) -> HfTokenizer:
        """The policy's tokenizer; for a new tiny model, trained on the world's train split."""
        if self.recipe.model == _NEW_TINY:
            return train_tokenizer(self._texts(), self.recipe.tiny.vocabulary, Tags().control_strings)
        return load_tokenizer(self.recipe.model)

    def _texts(self) -> Iterable[str]:
        """What a new tokenizer is trained on: nothing of what is held out."""
        if isinstance(self.recipe.env, WebshopEnvConfig):
            return demonstration_texts(map(self._lesson, range(_TEXT_LESSONS)), self.recipe.memory.build())
        return _texts()

    @cached_property
    def policy(self) -> Policy:
        """The model, to train and to sample from."""
        if self.recipe.model == _NEW_TINY:
            return Policy(make_tiny(self.recipe.tiny, self.tokenizer.vocabulary_size))
        engine = self.recipe.engine
        return Policy(load_model(self.recipe.model, dtype=engine.dtype, device=engine.device))

    @cached_property
    def engine(self) -> TransformersEngine:
        """The sampler; it shares the policy's weights."""
        engine = self.recipe.engine
        if self._run is not None:
            keep_vocabulary(self._run.vocabulary, self.tokenizer)
        return TransformersEngine(
            self.policy.model,
            self.tokenizer,
            slots=engine.slots,
            max_context=engine.max_context,
            prefill_tokens=engine.prefill_tokens,
        )

    @cached_property
    def train_tasks(self) -> list[Task]:
        """The pool that training draws from, in the order in which it is used."""
        recipe = self.recipe
        return recipe.tasks.build([self.source], split=recipe.split, seed=recipe.seed)

    def tasks(self, split: Any, composition: Composition, objectives: int, count: int, seed: int) -> list[Task]:
        """Tasks for an evaluation."""
        return compose_tasks(
            [self.source], composition=composition, objectives=objectives, count=count, seed=seed, split=split
        )

    @cached_property
    def make_env(self) -> Callable[[Task], Environment]:
        """Makes a fresh environment for a task."""
        if isinstance(self.recipe.env, WebshopEnvConfig):
            return self.recipe.env.build(self.source)
        return self.recipe.env.build(self.retriever, self.recipe.scorer.build())

    def parts(self, memory: Any = None, temperature: float = 1.0) -> Parts:
        """What the episode loop needs, with the recipe's memory policy or another."""
        return Parts(
            engine=shopper_engine() if self.recipe.model == SHOPPER else self.engine,
            make_env=self.make_env,
            make_memory=(memory or self.recipe.memory).build(),
            temperature=temperature,
            reward=_REWARDS[self.recipe.reward],
            actions=self.recipe.env.actions,
            form=self.recipe.env.form,
        )

    def _play(self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0) -> list[Episode]:
        """``size`` episodes of each task under the trained memory policy."""
        jobs = group_jobs(tasks, size, seed=self.recipe.seed, label=label)
        parts = self.parts(temperature=temperature)
        return asyncio.run(run_jobs(jobs, parts, concurrency=self.recipe.engine.slots))

    # ------------------------------------------------------------ training

    def train(self, *, resume: bool) -> Outcome:
        """Reinforcement learning."""
        seed_torch(self.recipe.seed)
        trainer = Trainer(
            self.policy,
            self.recipe.train,
            self.run,
            rollout=self._rollout,
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.engine.set_version,
            companions=self.tokenizer.save,
            console=self._console,
        )
        return trainer.train(resume=resume)

    def _rollout(self, step: int) -> list[EpisodeGroup]:
        config = self.recipe.train
        pool = self.train_tasks
        first = step * config.tasks_per_step
        tasks = [pool[(first + i) % len(pool)] for i in range(config.tasks_per_step)]
        return as_groups(self._play(tasks, f"train/{step}", size=config.group_size))

    @cached_property
    def _watched(self) -> list[Task]:
        compose = self.recipe.tasks
        return self.tasks("dev", compose.composition, compose.objectives, self.recipe.watch_tasks, self.recipe.seed)

    def _watch(self, step: int) -> Mapping[str, float]:
        """Greedy scores on dev tasks like those trained on."""
        done = self._play(self._watched, f"watch/{step}", temperature=0.0)
        scores = [episode.score for episode in done if episode.score is not None]
        if not scores:
            return {}
        return {
            "em": sum(score.em_sum for score in scores) / len(scores),
            "f1": sum(score.f1_sum for score in scores) / len(scores),
            "answer_rate": sum(sum(score.answered) / len(score.answered) for score in scores) / len(scores),
        }

    # ------------------------------------------------------------ warm start

    def warm_start(self, *, resume: bool) -> Outcome:
        """Supervised training on demonstrations."""
        seed_torch(self.recipe.seed)
        curriculum = Curriculum(
            self._lesson,
            self.recipe.memory.build(),
            self.tokenizer,
            per_lesson=self.recipe.lessons.per_lesson,
            mixed=self.recipe.lessons.mixed,
            seed=self.recipe.seed,
        )
        unseen = replace(self._lesson(0), tasks=self._watched_singles, make_env=self.make_env)
        return warm_start(
            self.policy,
            curriculum,
            self.recipe.warmstart,
            self.run,
            held_out=demonstrate(unseen, self.recipe.memory.build(), self.tokenizer, label="held-out"),
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.engine.set_version,
            companions=self.tokenizer.save,
            console=self._console,
            resume=resume,
        )

    @cached_property
    def _watched_singles(self) -> list[Task]:
        return self.tasks("dev", Composition.SEQUENTIAL, self.recipe.lessons.objectives, 32, self.recipe.seed)

    def _lesson(self, number: int) -> Lesson:
        """Lesson ``number`` of the warm start: a world, tasks about it, and how searches look in it."""
        lessons = self.recipe.lessons
        if isinstance(self.recipe.env, WebshopEnvConfig):
            return shop_lesson(
                self.source,
                self.recipe.env,
                number,
                seed=self.recipe.seed,
                products=lessons.products,
                real=lessons.real,
                objectives=lessons.objectives,
                count=lessons.per_lesson,
            )
        rng = random.Random(derive_seed(self.recipe.seed, "lesson", number))
        world = self._lesson_world(rng, number)
        objectives = [
            o for o in world.objectives("train") if o.metadata.get("hops") == 1 or rng.random() < lessons.two_hop
        ]
        tasks = compose_tasks(
            objectives,
            composition=rng.choice(lessons.compositions),
            objectives=lessons.objectives,
            count=lessons.per_lesson,
            seed=number,
            split="train",
        )
        # A real lesson searches the source's own passages, which are indexed already.
        retriever = self.retriever if world is self.source else self.recipe.retriever.build(_passages(world))
        env = self.recipe.env.model_copy(update={"top_k": rng.choice(lessons.top_k)})
        return Lesson(tasks, env.build(retriever, self.recipe.scorer.build()))

    def _lesson_world(self, rng: random.Random, number: int) -> Any:
        if not isinstance(self.source, World) or rng.random() < self.recipe.lessons.real:
            return self.source
        return synthetic_world(number, self.source, countries=self.recipe.lessons.countries, pieces=self._pieces)

    @cached_property
    def _pieces(self) -> list[str]:
        """Vocabulary entries that are letters, to invent names from."""
        decoded = (self.tokenizer.decode([i]) for i in range(self.tokenizer.vocabulary_size))
        return [piece for piece in decoded if piece.strip().isalpha()]

    # ------------------------------------------------------------ evaluation

    def evaluate_warm_start(self, *, resume: bool) -> Evaluation:
        """The untrained policy under the trained strategy, on the horizons up to twice what is trained on."""
        recipe, limit = self.recipe, 2 * self.recipe.tasks.objectives
        config = recipe.evaluate.model_copy(
            update={
                "strategies": (recipe.memory.type,),
                "horizons": tuple(n for n in recipe.evaluate.horizons if n <= limit) or recipe.evaluate.horizons[:1],
                "session_objectives": 0,
            }
        )
        label = "warm-start"
        shop = Workshop(recipe.model_copy(update={"evaluate": config}), self.run)
        if label in self.run.evaluations() and resume:
            before = self.run.read_evaluation(label, Evaluation)
            if before.complete:
                return before
        return shop.evaluate(label, resume=resume)

    def evaluate(self, label: str, *, version: int = 0, resume: bool) -> Evaluation:
        """All strategies over all horizons, on held-out tasks."""
        config = self.recipe.evaluate
        memories = self.recipe.compared
        parts = {name: self.parts(memories[name], config.temperature) for name in config.strategies}
        return asyncio.run(
            run_evaluation(
                self._cells(),
                parts,
                config,
                run=self.run,
                label=label,
                policy=PolicyInfo(model=self.recipe.model, version=version),
                resume=resume,
            )
        )

    def views(self, *, turns: int, episodes: int) -> list[dict[str, Any]]:
        """Training views compared on sampled episodes of up to ``turns`` turns, two an objective."""
        tasks = self.tasks("test", Composition.SEQUENTIAL, max(1, turns // 2), episodes, self.recipe.seed)
        done = self._play(tasks, "views")
        rows = compare_views(self.policy.model, [episode for episode in done if not episode.failed])
        return [asdict(row) for row in rows]

    def _cells(self) -> dict[CellKey, list[Task]]:
        config, split = self.recipe.evaluate, self.recipe.evaluate_split
        cells = {
            CellKey(composition, n): self.tasks(split, composition, n, config.tasks_at(n), config.seed)
            for composition in config.compositions
            for n in config.horizons
        }
        if config.session_objectives:
            key = CellKey(Composition.SEQUENTIAL, config.session_objectives, session=True)
            cells[key] = self.tasks(split, key.composition, key.objectives, config.session_tasks, config.seed)
        return cells


def _passages(source: Any) -> Sequence[Passage]:
    found: Sequence[Passage] = getattr(source, "passages", ())
    return found


def _texts() -> Iterable[str]:
    """What a new tokenizer is trained on: train countries' cards and questions, and invented names."""
    world = factbook_world()
    seen = World(world.name, [country for country in world.countries if country.split == "train"])
    for one, repeats in ((seen, 6), *((synthetic_world(seed, world), 1) for seed in range(6))):
        for passage in one.passages:
            times = 1 if "/background/" in passage.id else repeats
            yield from [f"Doc 1(Title: {passage.title}) {passage.text}"] * times
    objective: Objective
    for objective in seen.objectives("train"):
        yield objective.question


def _em_sum(score: Score) -> float | None:
    return None if None in score.em else score.em_sum


def _f1_sum(score: Score) -> float | None:
    return None if None in score.f1 else score.f1_sum


_REWARDS: dict[str, Callable[[Score], float | None]] = {
    "em": _em_sum,
    "f1": _f1_sum,
    "env": lambda score: None if None in score.rewards else score.reward_sum,
}
