"""Attacks: dicesim run --model examples/attack.py:advantage."""

ARMOR_CLASS = 16


def advantage(dice):
    """Damage of a 1d8+4 attack with advantage, +7 against AC 16; a 20 hits and doubles the die."""
    return _attack(dice, to_hit=7, damage=4)


def mighty(dice):
    """The same, with -5 to hit and +10 to damage."""
    return _attack(dice, to_hit=2, damage=14)


def _attack(dice, to_hit, damage):
    attack = dice.roll("d20adv")
    critical = attack == 20
    hit = critical | ((attack != 1) & (attack + to_hit >= ARMOR_CLASS))
    return damage * hit + dice.roll("1d8", where=hit) + dice.roll("1d8", where=critical)
