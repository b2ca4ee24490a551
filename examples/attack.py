"""An attack: dicesim run --model examples/attack.py:advantage."""

BONUS = 7
ARMOR_CLASS = 16


def advantage(dice):
    """Damage of a 1d8+4 attack with advantage, +7 against AC 16; a 20 hits and doubles the die."""
    attack = dice.roll("d20adv")
    critical = attack == 20
    hit = critical | ((attack != 1) & (attack + BONUS >= ARMOR_CLASS))
    return dice.roll("1d8+4", where=hit) + dice.roll("1d8", where=critical)
