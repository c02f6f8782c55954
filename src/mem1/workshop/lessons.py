"""Lessons of the warm start: worlds that are met nowhere else, and tasks about them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mem1.envs.webshop.config import WebshopEnvConfig
from mem1.rollout.demonstrations import Lesson
from mem1.rollout.limits import derive_seed
from mem1.rollout.shop_lessons import shop_lesson
from mem1.rollout.shop_texts import demonstration_texts
from mem1.tasks.compose import compose as compose_tasks
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.synthetic import synthetic_world
from mem1.tasks.factbook.world import World
from mem1.types import Objective
from mem1.workshop.materials import Materials, passages_of

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.inference.hf.tokenizer import HfTokenizer

_TEXT_LESSONS = 12  # demonstrations of so many lessons are what a shop's tokenizer is trained on


def lesson(shop: Materials, number: int, pieces: Sequence[str]) -> Lesson:
    """Lesson ``number`` of the warm start: a world, tasks about it, and how searches look in it.

    ``pieces`` are texts of tokens to invent names from.
    """
    lessons = shop.recipe.lessons
    if isinstance(shop.recipe.env, WebshopEnvConfig):
        return shop_lesson(
            shop.source,
            shop.recipe.env,
            number,
            seed=shop.recipe.seed,
            products=lessons.products,
            real=lessons.real,
            objectives=lessons.objectives,
            count=lessons.per_lesson,
        )
    rng = random.Random(derive_seed(shop.recipe.seed, "lesson", number))
    world = _world(shop, rng, number, pieces)
    objectives = [o for o in world.objectives("train") if o.metadata.get("hops") == 1 or rng.random() < lessons.two_hop]
    tasks = compose_tasks(
        objectives,
        composition=rng.choice(lessons.compositions),
        objectives=lessons.objectives,
        count=lessons.per_lesson,
        seed=number,
        split="train",
    )
    # A real lesson searches the source's own passages, which are indexed already.
    given = {} if world is shop.source else {"retriever": shop.recipe.retriever.build(passages_of(world))}
    env = shop.recipe.env.model_copy(update={"top_k": rng.choice(lessons.top_k)})
    return Lesson(tasks, shop.env_over(given, env))


def _world(shop: Materials, rng: random.Random, number: int, pieces: Sequence[str]) -> Any:
    if not isinstance(shop.source, World) or rng.random() < shop.recipe.lessons.real:
        return shop.source
    return synthetic_world(number, shop.source, countries=shop.recipe.lessons.countries, pieces=pieces)


def letters(tokenizer: HfTokenizer) -> list[str]:
    """Vocabulary entries that are letters, to invent names from."""
    decoded = (tokenizer.decode([i]) for i in range(tokenizer.vocabulary_size))
    return [piece for piece in decoded if piece.strip().isalpha()]


def tokenizer_texts(shop: Materials) -> Iterable[str]:
    """What a new tokenizer is trained on: nothing of what is held out."""
    if isinstance(shop.recipe.env, WebshopEnvConfig):
        lessons = (lesson(shop, number, ()) for number in range(_TEXT_LESSONS))
        return demonstration_texts(lessons, shop.recipe.memory.build())
    return _world_texts()


def _world_texts() -> Iterable[str]:
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
