"""What the warm start's demonstrations are about in the web shop: small invented catalogues, a new one each lesson."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from mem1.inference.scripted.pages import Pages, pages_under
from mem1.rollout.config import ends
from mem1.rollout.demonstrations import Lesson
from mem1.rollout.lessons import Setting
from mem1.rollout.limits import derive_seed
from mem1.tasks.compose import compose
from mem1.types import Composition
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shopper import Shopper
from mem1.webshop.texts import demonstration_texts

_TEXT_LESSONS = 12  # demonstrations of so many lessons are what a shop's tokenizer is trained on


@dataclass(frozen=True, slots=True)
class ShopLessons:
    """Lessons in the shop of a recipe."""

    setting: Setting

    def lesson(self, number: int, pieces: Sequence[str] = ()) -> Lesson:
        """Lesson ``number``; see ``shop_lesson``."""
        config, source = self.setting.config, self.setting.source
        assert isinstance(source, Webshop)  # the environment has seen to it
        return shop_lesson(
            source,
            self.setting.env,
            number,
            seed=self.setting.seed,
            products=config.products,
            real=config.real,
            objectives=random.Random(f"size {number}").randint(*ends(config.objectives)),
            count=config.per_lesson,
            bundles=Composition.CHAINED in config.compositions,
            turns=config.turns,
            stumbles=config.stumbles,
            pages=pages_under(self.setting.memory),
        )

    def texts(self) -> Iterable[str]:
        """Whole demonstrations of the first lessons."""
        return demonstration_texts(
            (self.lesson(number) for number in range(_TEXT_LESSONS)), self.setting.memory.build()
        )


def shop_lesson(
    source: Webshop,
    env: WebshopEnvConfig,
    number: int,
    *,
    seed: int,
    products: int,
    real: float,
    objectives: int,
    count: int,
    bundles: bool = False,
    turns: int | None = None,
    stumbles: float = 0.0,
    pages: Pages = "rewritten",
) -> Lesson:
    """Lesson ``number``: ``count`` tasks of ``objectives`` goals, shown by the rule-based shopper.

    With probability ``real`` they are the source's own train goals, else those of ``products`` invented products that
    no other lesson has. ``bundles``: the goals of a task depend on each other (``catalogue/bundles.py``). ``turns``:
    how many of a demonstration are imitated at most; ``stumbles``: the share of those with wrong tokens among them;
    ``pages``: how a bundle's page is written.

    Single errands are shown by a shopper who knows which product a wish was made from. That cannot be seen on a page of
    results, so bundles, of which a demonstration counts only where all is right, are shown by one who
    looks at what fits and puts back what does not: nothing is imitated that does not follow from what was shown.
    """
    rng = random.Random(derive_seed(seed, "shop lesson", number))
    invented = rng.random() >= real
    shop = WebshopConfig(products=products, catalogue_seed=rng.getrandbits(40)).build() if invented else source
    composition = Composition.CHAINED if bundles and objectives > 1 else Composition.SEQUENTIAL
    tasks = compose([shop], composition=composition, objectives=objectives, count=count, seed=number, split="train")
    expert = partial(Shopper, pages=pages, told=composition is not Composition.CHAINED)
    return Lesson(tasks, env.build(shop), make_expert=expert, form=env.form, turns=turns, stumbles=stumbles, seed=seed)
