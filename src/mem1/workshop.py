"""A recipe's objects: each is built when first needed, and they know how to train, warm-start and evaluate."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mem1.envs.base import Environment
from mem1.envs.webshop.config import WebshopEnvConfig
from mem1.errors import ConfigError
from mem1.evaluation.evaluate import evaluate as run_evaluation
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.build import connect
from mem1.inference.config import TransformersConfig
from mem1.inference.expert import Expert, enlist_all
from mem1.inference.scripted import ScriptedEngine
from mem1.inference.shopper import shopper_engine
from mem1.memory.config import MemoryConfig
from mem1.memory.fitting import fitted
from mem1.memory.tags import Tags
from mem1.recipe import SHOPPER, Recipe
from mem1.retrieval.base import Passage, Retriever
from mem1.rollout.demonstrations import Curriculum, Lesson, demonstrate
from mem1.rollout.distill import TEACHER, Teacher, distill
from mem1.rollout.distill_bar import distill_bar
from mem1.rollout.distilled import Demonstrated, Taken, read_demonstrations, record_taken
from mem1.rollout.episode import Job, Parts
from mem1.rollout.group import as_groups, group_jobs, run_jobs
from mem1.rollout.limits import derive_seed
from mem1.rollout.replay import Student
from mem1.rollout.shop_lessons import shop_lesson
from mem1.rollout.shop_texts import demonstration_texts
from mem1.storage.distillation import Distillation
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import keep_vocabulary
from mem1.tasks.compose import Order
from mem1.tasks.compose import compose as compose_tasks
from mem1.tasks.config import ComposeConfig
from mem1.tasks.factbook import factbook_world
from mem1.tasks.synthetic import synthetic_world
from mem1.tasks.world import World
from mem1.types import Composition, Episode, EpisodeGroup, Objective, Score, Task

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.inference.hf_tokenizer import HfTokenizer
    from mem1.inference.transformers import TransformersEngine
    from mem1.train.loop import Outcome
    from mem1.train.policy import Policy
    from mem1.train.warmstart import Demonstrations

_NEW_TINY = "new:tiny"
_TEXT_LESSONS = 12  # demonstrations of so many lessons are what a shop's tokenizer is trained on


class Workshop:
    """A recipe's objects, each built when first needed."""

    def __init__(self, recipe: Recipe, run: RunDir | None = None) -> None:
        self.recipe = recipe
        self._run = run
        self._console = Console(stderr=True)
        self._vocabulary_kept = False

    @property
    def run(self) -> RunDir:
        """Where results go."""
        assert self._run is not None, "this command writes no run"
        return self._run

    def write_to(self, run: RunDir) -> None:
        """Results go there from now on."""
        self._run = run

    def seed(self) -> None:
        """Seed torch, where weights are here; a model behind an endpoint is evaluated without torch."""
        if isinstance(self.recipe.engine, TransformersConfig):
            from mem1.train.seeding import seed_torch

            seed_torch(self.recipe.seed)

    @cached_property
    def sources(self) -> list[Any]:
        """The task sources."""
        return [source.build() for source in self.recipe.all_sources]

    @property
    def source(self) -> Any:
        """The first task source: the one that lessons are about."""
        return self.sources[0]

    @cached_property
    def retriever(self) -> Retriever:
        """What a search asks."""
        passages, config = _passages(*self.sources), self.recipe.retriever
        if not config.has_corpus and not passages:
            kinds = ", ".join(source.type for source in self.recipe.all_sources)
            raise ConfigError(
                f"there is nothing to search: a source of type {kinds} brings no passages of its own",
                where="retriever.corpus",
                mend="name a file of passages: --retriever.corpus FILE",
            )
        return config.build(() if config.has_corpus else passages)

    @cached_property
    def tokenizer(self) -> HfTokenizer:
        """The policy's tokenizer; for a new tiny model, trained on the world's train split."""
        from mem1.inference.hf_loading import load_tokenizer
        from mem1.train.tiny.model import train_tokenizer

        if self.recipe.model == _NEW_TINY:
            return train_tokenizer(self._texts(), self.recipe.tiny.vocabulary, Tags().control_strings)
        return load_tokenizer(self.recipe.model, chat=self._local().chat)

    def _texts(self) -> Iterable[str]:
        """What a new tokenizer is trained on: nothing of what is held out."""
        if isinstance(self.recipe.env, WebshopEnvConfig):
            return demonstration_texts(map(self._lesson, range(_TEXT_LESSONS)), self.recipe.memory.build())
        return _texts()

    @cached_property
    def policy(self) -> Policy:
        """The model, to train and to sample from."""
        from mem1.inference.hf_loading import load_model
        from mem1.train.policy import Policy
        from mem1.train.tiny.model import make_tiny

        if self.recipe.model == _NEW_TINY:
            return Policy(make_tiny(self.recipe.tiny, self.tokenizer.vocabulary_size))
        return Policy(load_model(self.recipe.model, dtype=self._local().dtype, device=self._local().device))

    def _local(self) -> TransformersConfig:
        """The settings of the engine that shares the policy's weights. Raises ``ConfigError`` for any other one."""
        engine = self.recipe.engine
        if not isinstance(engine, TransformersConfig):
            raise ConfigError(
                f"the engine {engine.type!r} writes with weights that are not here to be trained",
                where="engine.type",
                mend='train with [engine] type = "transformers" and a model\'s folder; to learn from what another '
                "model writes, collect its episodes as demonstrations",
            )
        return engine

    @cached_property
    def sampler(self) -> TransformersEngine:
        """The engine that shares the policy's weights. Raises ``ConfigError`` where the recipe has another one."""
        return self._sampler(self.policy.model, self.tokenizer)

    @cached_property
    def trainee(self) -> Policy:
        """The policy, ready to be trained: with ``lora`` there is an adapter in its model, which the sampler shares."""
        from mem1.train.adapters import add_adapter

        recipe = self.recipe
        if recipe.lora is not None:
            add_adapter(self.policy.model, recipe.lora, base=recipe.model, seed=recipe.seed)
        return self.policy

    @cached_property
    def side_engine(self) -> Engine | None:
        """Who answers a memory's side calls, if not the policy: another local model, or another at the endpoint."""
        name, engine = self.recipe.side_model, self.recipe.engine
        if name is None:
            return None
        if not isinstance(engine, TransformersConfig):
            return connect(engine, name)
        from mem1.inference.hf_loading import load_model, load_tokenizer

        model = load_model(name, dtype=engine.dtype, device=engine.device)
        return self._sampler(model, load_tokenizer(name, chat=engine.chat))

    def _sampler(self, model: Any, tokenizer: HfTokenizer) -> TransformersEngine:
        from mem1.inference.transformers import TransformersEngine

        engine = self._local()
        return TransformersEngine(
            model,
            tokenizer,
            slots=engine.slots,
            max_context=engine.max_context,
            prefill_tokens=engine.prefill_tokens,
        )

    @cached_property
    def engine(self) -> Engine:
        """What writes."""
        if self.recipe.model == SHOPPER:
            return shopper_engine()
        config = self.recipe.engine
        return self.sampler if isinstance(config, TransformersConfig) else connect(config, self.recipe.model)

    @cached_property
    def train_tasks(self) -> list[Task]:
        """The pool that training draws from, in the order in which it is used."""
        recipe = self.recipe
        return recipe.tasks.build(self.sources, split=recipe.split, seed=recipe.seed)

    def tasks(
        self, split: Any, composition: Composition, objectives: int, count: int, seed: int, order: Order = "shuffled"
    ) -> list[Task]:
        """Tasks for an evaluation."""
        config = ComposeConfig(composition=composition, objectives=objectives, count=count, order=order, shuffle=True)
        return config.build(self.sources, split=split, seed=seed)

    @cached_property
    def make_env(self) -> Callable[[Task], Environment]:
        """Makes a fresh environment for a task."""
        if isinstance(self.recipe.env, WebshopEnvConfig):
            return self.recipe.env.build(self.source)
        return self.recipe.env.build(self.retriever, self.recipe.scorer.build())

    def parts(self, memory: Any = None, temperature: float = 1.0, engine: Engine | None = None) -> Parts:
        """What the episode loop needs, with the recipe's memory policy or another."""
        engine = engine or self.engine
        self._keep_vocabulary(engine.tokenizer)
        return Parts(
            engine=engine,
            make_env=self.make_env,
            make_memory=(memory or self.recipe.memory).build(),
            temperature=temperature,
            reward=_REWARDS[self.recipe.reward],
            actions=self.recipe.env.actions,
            form=self.recipe.env.form,
            side_engine=self.side_engine,
            scoring_waits=self.recipe.scorer.judge is not None,
        )

    def _keep_vocabulary(self, tokenizer: Tokenizer) -> None:
        """Let the run's episodes be read without the model."""
        if self._run is not None and not self._vocabulary_kept:
            keep_vocabulary(self._run.vocabulary, tokenizer)
            self._vocabulary_kept = True

    def _play(self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0) -> list[Episode]:
        """``size`` episodes of each task under the trained memory policy."""
        jobs = group_jobs(tasks, size, seed=self.recipe.seed, label=label)
        parts = self.parts(temperature=temperature)
        return asyncio.run(run_jobs(jobs, parts, concurrency=self.recipe.engine.slots))

    # ------------------------------------------------------------ training

    def train(self, *, resume: bool) -> Outcome:
        """Reinforcement learning. Raises ``ConfigError`` where the engine's weights are not here."""
        self._local()
        from mem1.train.trainer import Trainer

        self.seed()
        trainer = Trainer(
            self.trainee,
            self.recipe.train,
            self.run,
            rollout=self._rollout,
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.sampler.set_version,
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
    def watched(self) -> list[Task]:
        """The dev tasks that are scored while training; none where ``watch_tasks`` is 0."""
        if not self.recipe.watch_tasks:
            return []
        compose = self.recipe.tasks
        return self.tasks("dev", compose.composition, compose.objectives, self.recipe.watch_tasks, self.recipe.seed)

    def _watch(self, step: int) -> Mapping[str, float]:
        """Greedy scores on dev tasks like those trained on."""
        done = self._play(self.watched, f"watch/{step}", temperature=0.0)
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
        """Supervised training on demonstrations. Raises ``ConfigError`` where the engine's weights are not here."""
        self._local()
        from mem1.train.warmstart import warm_start

        self.seed()
        shown, held_out, taken = self.shown
        if taken is not None:
            record_taken(self.run, taken, resume=resume)
            self._console.print(taken.summary, highlight=False, soft_wrap=True)
        return warm_start(
            self.trainee,
            shown,
            self.recipe.warmstart,
            self.run,
            held_out=held_out,
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.sampler.set_version,
            companions=self.tokenizer.save,
            console=self._console,
            resume=resume,
        )

    @cached_property
    def shown(self) -> tuple[Demonstrations, Sequence[Episode], Taken | None]:
        """What to imitate, what to measure the loss on, and where stored demonstrations come from."""
        if self.recipe.demonstrations.runs:
            from mem1.train.warmstart import repeated

            found = self._demonstrated()
            return repeated(found.learn, seed=self.recipe.seed), found.held_out, found.taken
        curriculum = Curriculum(
            self._lesson,
            self.recipe.memory.build(),
            self.tokenizer,
            per_lesson=self.recipe.lessons.per_lesson,
            mixed=self.recipe.lessons.mixed,
            seed=self.recipe.seed,
        )
        unseen = replace(self._lesson(0), tasks=self._watched_singles, make_env=self.make_env)
        return curriculum, demonstrate(unseen, self.recipe.memory.build(), self.tokenizer, label="held-out"), None

    def _demonstrated(self) -> Demonstrated:
        """What distilled runs show, as the policy will see it."""
        memory, recipe = self.recipe.memory, self.recipe
        student = Student(
            self.tokenizer,
            memory.build(),
            self.engine.max_context,
            control=memory.tags.control_strings,
            actions=self.parts().actions,
        )
        return asyncio.run(
            read_demonstrations(
                recipe.demonstrations,
                student,
                fingerprint=self.tokenizer.fingerprint,
                tags=memory.tags.model_dump(),
                prompt_of=lambda task: self.make_env(task).reset()[0],
                seed=recipe.seed,
            )
        )

    # ------------------------------------------------------------ distillation

    def teacher(self) -> Teacher:
        """Who demonstrates: the recipe's model, or the scripted expert in its tokens."""
        recipe = self.recipe
        expert = recipe.distill.teacher == "expert"
        tokenizer: Tokenizer = self.tokenizer if expert else self.engine.tokenizer
        return Teacher(
            name="expert" if expert else f"{getattr(recipe.engine, 'model', recipe.model)} ({recipe.engine.type})",
            parts=self.parts(engine=self._expert if expert else None),
            strategy=recipe.memory.type,
            tokenizer=getattr(tokenizer, "fingerprint", None),
            tags=recipe.memory.tags.model_dump(),
        )

    def distill(self) -> Distillation:
        """Demonstrations of the recipe's tasks by the teacher."""
        with distill_bar(len(self._distill_jobs), self._console) as tell:
            return asyncio.run(
                distill(self._distill_jobs, self.teacher(), self.recipe.distill, self.run, on_episode=tell)
            )

    @cached_property
    def _distill_jobs(self) -> list[Job]:
        return group_jobs(self.train_tasks, self.recipe.distill.samples, seed=self.recipe.seed, label=TEACHER)

    @cached_property
    def _expert(self) -> ScriptedEngine:
        tags = self.recipe.memory.tags
        expert = Expert(observation_tag=tags.opening(tags.observation))
        enlist_all(expert, ((job.episode_id, job.task) for job in self._distill_jobs))
        return ScriptedEngine(expert, self.tokenizer)

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
        if version and isinstance(self.recipe.engine, TransformersConfig):
            self.sampler.set_version(version)
        memories, cap = self._compared()
        parts = {name: replace(self.parts(one, config.temperature), cap=cap) for name, one in memories.items()}
        return asyncio.run(
            run_evaluation(
                self.cells,
                parts,
                config,
                run=self.run,
                label=label,
                policy=PolicyInfo(model=self.recipe.model, version=version),
                resume=resume,
                equal_budget=cap,
            )
        )

    def _compared(self) -> tuple[dict[str, MemoryConfig], int | None]:
        """The strategies to put side by side; with an equal budget sized to it, and the budget."""
        config, memories = self.recipe.evaluate, self.recipe.compared
        chosen = {name: memories[name] for name in config.strategies}
        if config.equal_budget is None:
            return chosen, None
        cap = config.equal_budget
        if cap == "state":
            cap = memories["state"].build()(self.engine.tokenizer).bound() or 0
        return {name: fitted(one, cap, self.engine.tokenizer) for name, one in chosen.items()}, cap

    def views(self, *, turns: int, episodes: int) -> list[dict[str, Any]]:
        """Training views compared on sampled episodes of up to ``turns`` turns, two an objective."""
        from mem1.train.views import compare_views

        tasks = self.tasks("test", Composition.SEQUENTIAL, max(1, turns // 2), episodes, self.recipe.seed)
        done = self._play(tasks, "views")
        rows = compare_views(self.policy.model, [episode for episode in done if not episode.failed])
        return [asdict(row) for row in rows]

    @cached_property
    def cells(self) -> dict[CellKey, list[Task]]:
        """The tasks of an evaluation."""
        config, split = self.recipe.evaluate, self.recipe.evaluate_split
        cells = {
            CellKey(composition, n): self.tasks(split, composition, n, config.tasks_at(n), config.seed, config.order)
            for composition in config.compositions
            for n in config.horizons
        }
        if config.session_objectives:
            key = CellKey(Composition.SEQUENTIAL, config.session_objectives, session=True)
            cells[key] = self.tasks(split, key.composition, key.objectives, config.session_tasks, config.seed)
        return cells


def _passages(*sources: Any) -> Sequence[Passage]:
    return [passage for source in sources for passage in getattr(source, "passages", ())]


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


def _env_sum(score: Score) -> float | None:
    return None if None in score.rewards else score.reward_sum


_REWARDS: dict[str, Callable[[Score], float | None]] = {"em": _em_sum, "f1": _f1_sum, "env": _env_sum}
