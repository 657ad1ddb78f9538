"""Sums, differences and products of small numbers. One pair in ten is never trained on, in either order."""
from .phrasing import relaxed
from .words import held_out

_WORDS = {"+": ["plus", "+", "+", "added to"], "-": ["minus", "-", "-"], "*": ["times", "x", "*", "multiplied by"]}
_FRAMES = ["What is {q}?", "{q}?", "{q}", "{q} =", "How much is {q}?", "Calculate {q}.", "Please calculate {q}.",
           "Can you tell me what {q} is?", "What's {q}?", "Compute {q}.", "Work out {q}.", "{q} equals?"]


def is_held_out(left: int, sign: str, right: int) -> bool:
    if sign == "*":
        return False
    if sign == "+":
        left, right = max(left, right), min(left, right)
    return left >= 10 and held_out(f"{left}{sign}{right}", 10)


def result(left, sign, right):
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


def pair(rng, held: bool):
    while True:
        sign = rng.choice("+++--*") if not held else rng.choice("++-")
        roll = rng.random()
        if sign == "*":
            left, right = rng.randint(0, 10), rng.randint(0, 10)
        elif roll < 0.25 and not held:
            left, right = rng.randint(0, 12), rng.randint(0, 12)
        elif roll < 0.5:
            left, right = rng.randint(10, 99), rng.randint(0, 9)
        else:
            left, right = rng.randint(0, 99), rng.randint(0, 99)
        if rng.random() < 0.3 and sign == "+":
            left, right = right, left
        if sign == "-" and left < right:
            left, right = right, left
        if is_held_out(left, sign, right) == held:
            return left, sign, right


def question(rng, left, sign, right):
    word = rng.choice(_WORDS[sign])
    query = f"{left}{sign}{right}" if sign != "*" and rng.random() < 0.12 else f"{left} {word} {right}"
    return rng.choice(_FRAMES).format(q=query)


def answer(left, sign, right) -> str:
    return f"{left} {sign} {right} = {result(left, sign, right)}."


def segment(rng):
    roll = rng.random()
    if roll < 0.06:
        n = rng.randint(0, 98)
        return [(rng.choice([f"What comes after {n}?", f"Which number comes after {n}?"]), f"After {n} comes {n + 1}.")]
    if roll < 0.12:
        start, length = rng.randint(1, 20), rng.randint(3, 9)
        numbers = ", ".join(str(start + i) for i in range(length))
        return [(f"Count from {start} to {start + length - 1}.", numbers + ".")]
    if roll < 0.18:
        left, right = rng.sample(range(100), 2)
        words = rng.choice([f"Which is bigger, {left} or {right}?", f"Which number is larger, {left} or {right}?"])
        return [(words, f"{max(left, right)} is bigger.")]
    sums = [pair(rng, False) for _ in range(rng.choice((1, 1, 2, 3)))]
    turns = []
    for i, numbers in enumerate(sums):
        text = question(rng, *numbers)
        if i and rng.random() < 0.4:
            text = "And " + text[0].lower() + text[1:] if text[0].isalpha() else "And " + text
        turns.append((relaxed(rng, text), answer(*numbers)))
    return turns


def held_out_questions(rng, count: int):
    """(question, expected answer), no pair twice."""
    found, seen = [], set()
    while len(found) < count:
        numbers = pair(rng, True)
        if numbers not in seen:
            seen.add(numbers)
            found.append((f"What is {numbers[0]} {numbers[1]} {numbers[2]}?", answer(*numbers)))
    return found
