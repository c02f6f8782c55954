"""``compat`` against the recordings of the original: no difference in a page, an action, a state or a reward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mem1.webshop.reward.reward import purchase_reward
from mem1.webshop.shop.moves import published_move
from mem1.webshop.shop.visit import Visit
from tests.unit.webshop.shop.recorded import compat_shop, needs_recordings, published, purchases, recordings


def seen(visit: Visit, reward: float, done: bool) -> dict[str, Any]:
    """A moment of a visit in the recordings' words."""
    state = visit.state
    return {
        "text": visit.text("text"),
        "rich": visit.text("text_rich"),
        "search": visit.shop.machine.search_bar(state),
        "clickables": list(visit.clickables),
        "asin": state.asin,
        "options": dict(state.options),
        "keywords": state.words.split(" ") if state.address else None,
        "page": state.address.partition("/")[0],
        "reward": reward,
        "done": done,
    }


def replayed(episode: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every recorded moment beside ours."""
    visit = Visit(compat_shop(), published().goals[episode["goal"]])
    yield episode["first"] | {"reward": 0.0, "done": False}, seen(visit, 0.0, False)
    for step in episode["steps"]:
        before, move = visit.reward, published_move(step["action"])
        if move is not None:
            visit.do(move)
        after = visit.reward
        done = after is not None and after is not before
        yield step, seen(visit, after.total if done and after is not None else 0.0, done)


@needs_recordings
def test_every_recorded_episode_is_the_same_here() -> None:
    moments = 0
    for episode in recordings()["episodes"]:
        for theirs, ours in replayed(episode):
            moments += 1
            for key, value in ours.items():
                assert value == theirs[key], (episode["goal"], theirs.get("action"), key)
    assert moments == 2938


@needs_recordings
def test_every_recorded_purchase_is_paid_the_same_here() -> None:
    shop, goals, products = compat_shop(), published().goals, published().products
    for bought in purchases():
        asin, goal = bought["asin"], goals[bought["goal"]]
        reward = purchase_reward(
            products[asin], bought["options"], shop.price[asin], goal, nouns=shop.nouns, mode="compat"
        )
        info = bought["info"]
        assert reward.total == bought["reward"], bought
        assert (reward.r_type, reward.title_score) == (info["r_type"], info["title_score"])
        assert (reward.same_query, reward.same_category) == (info["query_match"], info["category_match"])
        assert (reward.parts["r_att"], reward.parts["r_option"]) == (info["r_att"], info.get("r_option"))
        assert reward.price == info["r_price"]
    assert len(purchases()) == 3932


def exact(index: int) -> float:
    """What a goal's own product pays, bought with the very options it was made of."""
    goal, shop = published().goals[index], compat_shop()
    chosen = dict(zip(goal.option_names, goal.options, strict=True))
    product = published().products[goal.asin]
    return purchase_reward(product, chosen, shop.price[goal.asin], goal, nouns=shop.nouns, mode="compat").total


@needs_recordings
def test_goal_1944_pays_six_of_seven_for_an_x_large_in_place_of_a_large() -> None:
    goal, shop = published().goals[1944], compat_shop()
    chosen = dict(zip(goal.option_names, goal.options, strict=True))
    assert chosen["size"] == "large"
    product = published().products[goal.asin]
    paid = purchase_reward(
        product, chosen | {"size": "x-large"}, shop.price[goal.asin], goal, nouns=shop.nouns, mode="compat"
    )
    assert round(paid.total, 3) == 0.857


@needs_recordings
def test_goal_20_pays_six_of_seven_for_exactly_what_was_wanted() -> None:
    assert round(exact(20), 3) == 0.857


@needs_recordings
def test_458_goals_cannot_be_met_and_20_of_them_are_test_goals() -> None:
    paid = [exact(index) for index in range(len(published().goals))]
    assert sum(one < 1.0 for one in paid) == 458
    assert sum(one < 1.0 for one in paid[:500]) == 20
    assert round(100 * sum(paid[:500]) / 500, 2) == 99.38
