"""Bodies that no client should send, each from a seeded random generator and each with a canary where one fits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

CANARY = "zq9Kanarienvogel"
CANARY_ID = 918_273_645_546_372_819
_DEEPEST = 60_000
_VALUES = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-1e-400", "1" + "0" * 400, "-0"),
    *("9223372036854775808", "-9223372036854775809", "0", "-1", "1.5", "0x10", "01", "1.", ".5", "+1", "-"),
    *("true", "null", "[]", "{}", "[[[]]]", '""', '" 7 "', '"7"', "undefined", "'a'", "\x00", "7e", '"\\x"'),
    *('"\\ud800"', '"\\u0000"', '{"$ne": null}', '"=cmd|calc"', '"${jndi:ldap://x}"', '"../../etc/passwd"'),
    *(f'"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}": 1}}', f'"{CANARY * 500}"', f"-{CANARY_ID}"),
)
_NAMES = (
    CANARY,
    f"{CANARY}` - at `$.features",
    "$.customer_id",
    "__proto__",
    "",
    "\u202e" + CANARY,
    "customer_iD",
    "a" * 5_000,
    "\U0001f426" * 50,
)
_LEADS = (
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x80\x04\x95",
    b")]}'\n",
    b"<?xml?>",
    b"\x00",
)
_ENCODINGS = ("utf-16", "utf-32", "utf-7")
Example = Mapping[str, object]


def wrong_value(dice: random.Random, example: Example) -> bytes:
    """Put what does not belong there into one field of a request that is right otherwise."""
    features = dict(example)
    fields = {"customer_id": "7", "features": json.dumps(features)}
    value = dice.choice(_VALUES)
    name = dice.choice((*features, "customer_id", "features", "overrides"))
    if name in features:
        inner = {each: json.dumps(of) for each, of in features.items()} | {name: value}
        fields["features"] = _object(inner)
    else:
        fields[name] = value
    return _object(fields).encode()


def wrong_batch(dice: random.Random, example: Example) -> bytes:
    """Spoil a batch: its list, its threshold or one of its customers."""
    customer = wrong_value(dice, example).decode()
    crowd = ",".join(['{"customer_id": 7}'] * dice.choice((1_001, 3_000)))
    return dice.choice(
        (
            f'{{"customers": [{customer}], "threshold": 0.5}}',
            f'{{"customers": [{{"customer_id": 7}}], "threshold": {dice.choice(_VALUES)}}}',
            f'{{"customers": {dice.choice(_VALUES)}}}',
            f'{{"customers": [{dice.choice(_VALUES)}, {dice.choice(_VALUES)}]}}',
            f'{{"customers": [{crowd}]}}',
            '{"customers": []}',
            "{}",
        )
    ).encode()


def unknown_field(dice: random.Random, example: Example) -> bytes:
    """Add a field that nobody knows."""
    more = {dice.choice(_NAMES): CANARY}
    if dice.random() < 0.5:
        return json.dumps({"customer_id": CANARY_ID, **more}).encode()
    return json.dumps({"customer_id": CANARY_ID, "features": {**example, **more}}).encode()


def left_out(dice: random.Random, example: Example) -> bytes:
    """Leave fields out, or send two that exclude each other."""
    few = {name: example[name] for name in dice.sample(sorted(example), dice.randrange(len(example)))}
    return json.dumps(
        dice.choice(
            (
                {"features": few},
                {"customer_id": CANARY_ID, "features": few},
                {"customer_id": CANARY_ID, "features": dict(example), "overrides": few},
                {},
                [],
                CANARY,
            )
        )
    ).encode()


def doubled(dice: random.Random, example: Example) -> bytes:
    """Say a field twice, the second time otherwise."""
    value = dice.choice(_VALUES)
    return f'{{"customer_id": 7, "features": {json.dumps(dict(example))}, "customer_id": {value}}}'.encode()


def torn(dice: random.Random, example: Example) -> bytes:
    """End in the middle, or go on after the end."""
    whole = json.dumps({"customer_id": CANARY_ID, "features": dict(example)}).encode()
    return whole[: dice.randrange(len(whole))] if dice.random() < 0.7 else whole + CANARY.encode()


def not_text(dice: random.Random, example: Example) -> bytes:
    """Send other encodings, or bytes that are none."""
    text = json.dumps(
        {"customer_id": CANARY_ID, "features": {**example, CANARY: "\u00e9"}}, ensure_ascii=False
    )
    match dice.randrange(3):
        case 0:
            return text.encode(dice.choice(_ENCODINGS))
        case 1:
            return dice.choice(_LEADS) + text.encode()
        case _:
            return dice.randbytes(dice.randrange(1, 2_000)) + CANARY.encode()


def nested(dice: random.Random, _: Example) -> bytes:
    """Nest deeper than anybody needs, in the whole body or in a field that is skipped or parsed."""
    before, after = dice.choice(
        (("[", "]"), ('{"customer_id":', "}"), ('{"a":', "}"), ('{"customers":[', "]}"))
    )
    depth = dice.choice((50, 500, 1_500, 3_000))
    deep = before * depth + (after * depth if dice.random() < 0.5 else "")
    if dice.random() < 0.5:
        deep = f'{{"customer_id": 7, "features": {{"{CANARY}": {deep}}}}}'
    return deep.encode()[:_DEEPEST]


BODIES: tuple[Callable[[random.Random, Example], bytes], ...] = (
    wrong_value,
    wrong_value,
    wrong_value,
    wrong_batch,
    unknown_field,
    left_out,
    doubled,
    torn,
    not_text,
    nested,
)


def _object(fields: Mapping[str, str]) -> str:
    """Return an object whose values are written already."""
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in fields.items()) + "}"
