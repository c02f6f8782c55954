"""Pages as text and as rich text."""

from __future__ import annotations

from mem1.webshop.shop.moves import Click, Search
from tests.unit.webshop.shop.shops import shop, visit


def test_text() -> None:
    one = visit()
    head = "Instruction: [SEP] Find me a lamp [SEP] "
    assert one.text() == f"WebShop [SEP] {head}Search"
    one.do(Search(query="lamp"))
    assert one.text().startswith(
        f"{head}Back to Search [SEP] Page 1 (Total results: 25) [SEP] Next > [SEP] W00 [SEP] Desk Lamp [SEP] $20.0 "
        "[SEP] W01"
    )
    one.do(Click(target="w02"))
    assert one.text() == (
        f"{head}Back to Search [SEP] < Prev [SEP] color [SEP] red [SEP] blue [SEP] size [SEP] 8 [SEP] 8.5 [SEP] "
        "one size [SEP] style [SEP] one size [SEP] Desk Lamp [SEP] Price: $40.0 [SEP] Rating: N.A. [SEP] "
        "Description [SEP] Features [SEP] Reviews [SEP] Buy Now"
    )
    one.do(Click(target="features"))
    assert one.text() == f"{head}Back to Search [SEP] < Prev [SEP] Led light [SEP] Easy use"
    one.do(Click(target="< prev"))
    one.do(Click(target="description"))
    assert one.text() == f"{head}Back to Search [SEP] < Prev [SEP] It shines."
    one.do(Click(target="< prev"))
    one.do(Click(target="reviews"))
    assert one.text() == f"{head}Back to Search [SEP] < Prev"


def test_rich_text() -> None:
    one = visit()
    one.do(Search(query="lamp"))
    one.do(Click(target="w01"))
    for value in ("red", "8.5"):
        one.do(Click(target=value))
    assert one.text("text_rich") == (
        "You have clicked 8.5.\nYou have clicked red.\n"
        "Instruction:\nFind me a lamp\n[button] Back to Search [button_]\n[button] < Prev [button_]\n"
        "color\n  [clicked button] red [clicked button_]\n  [button] blue [button_]\n"
        "size\n  [button] 8 [button_]\n  [clicked button] 8.5 [clicked button_]\n  [button] one size [button_]\n"
        "style\n  [button] one size [button_]\n"
        "Desk Lamp\nPrice: $20.0\nRating: N.A.\n[button] Description [button_]\n[button] Features [button_]\n"
        "[button] Reviews [button_]\n[button] Buy Now [button_]\n"
    )
    one.do(Click(target="< prev"))
    assert "\n\n[button] W00 [button_]\nDesk Lamp\n$20.0\n\n[clicked button] W01 [clicked button_]\n" in one.text(
        "text_rich"
    )


def test_a_value_of_two_options_is_marked_for_its_own() -> None:
    for mode, marked in (("strict", 1), ("compat", 2)):
        one = visit(mode)  # type: ignore[arg-type]
        one.do(Search(query="lamp"))
        one.do(Click(target="w01"))
        one.do(Click(target="one size"))
        assert one.text("text_rich").count("[clicked button] one size") == marked


def test_the_look_alike_of_a_bracket_is_understood() -> None:
    one = visit()
    one.do(Search(query="lamp"))
    one.do(Click(target="w01"))
    assert one.do(Click(target="‹ prev"))
    assert one.state.page == "results"
    assert not one.do(Click(target="‹ nothing"))


def test_the_label_says_what_the_shop_is() -> None:
    assert shop("compat").label == "shelf; compat"
