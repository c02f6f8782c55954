from __future__ import annotations

from mem1.memory.text.remembered import Remembered


def test_a_text_is_encoded_once_while_there_is_room_and_the_oldest_gives_way() -> None:
    encoded: list[str] = []

    def encode(text: str) -> tuple[int, ...]:
        encoded.append(text)
        return tuple(map(ord, text))

    remembered = Remembered(encode, most=40)
    texts = [sign * 5 for sign in "abcdefgh"]  # 40 characters: all have room
    assert [remembered(text) for text in (*texts, *texts)] == [tuple(map(ord, text)) for text in (*texts, *texts)]
    assert encoded == texts
    remembered("aaaaa")
    remembered("iiiii")  # drives out b, which was not asked for since
    remembered("aaaaa")
    assert encoded == [*texts, "iiiii"]
    remembered("bbbbb")
    assert encoded == [*texts, "iiiii", "bbbbb"]


def test_a_text_that_would_drive_out_many_is_not_kept() -> None:
    encoded: list[str] = []
    remembered = Remembered(lambda text: encoded.append(text) or (1,), most=40)  # type: ignore[func-returns-value]
    remembered("short")
    for _ in range(2):
        remembered("longer")
    remembered("short")
    assert encoded == ["short", "longer", "longer"]
    assert sum(map(len, remembered._kept)) == remembered._held == 5
