"""The whole corpus: what share of it each grammar has, and how its parts become chats."""
import random

from . import arithmetic, followups, json_answers, memory, smalltalk, stories, verbs

SYSTEM = ("You are a helpful assistant.", "You are Tiny, a small and friendly model.", "Be brief.",
          "You are a friendly assistant.", "Answer in one sentence.", "You are Stoker's tiny model.",
          "You are a helpful assistant that knows Stoker.")
# The first mixture teaches the language, the second gives more room to what is hard, sums and remembering, the
# third polishes what people try first, and the last makes stories hold together.
SHARES = {
    "first": {"verbs": 30, "followups": 15, "arithmetic": 19, "smalltalk": 15, "memory": 12, "stories": 10, "json": 3},
    "second": {"verbs": 16, "followups": 9, "arithmetic": 30, "smalltalk": 16, "memory": 20, "stories": 8, "json": 4},
    "last": {"verbs": 10, "followups": 5, "arithmetic": 15, "smalltalk": 30, "memory": 17, "stories": 20, "json": 3},
    "stories": {"verbs": 9, "followups": 4, "arithmetic": 15, "smalltalk": 16, "memory": 18, "stories": 34, "json": 4},
}


def _between(rng):
    """One or two turns that have nothing to do with what was told."""
    turns = []
    for _ in range(rng.choice((1, 1, 2))):
        turns += rng.choice((verbs, verbs, arithmetic, smalltalk)).segment(rng)
    return turns[:3]


def between_held_out(rng):
    return _between(rng)[:1]


_SEGMENTS = {
    "verbs": verbs.segment, "followups": followups.segment, "arithmetic": arithmetic.segment,
    "smalltalk": smalltalk.segment, "memory": lambda rng: memory.segment(rng, _between), "stories": stories.segment,
    "json": json_answers.segment,
}


def chat(rng, mixture="first"):
    """One training chat: a list of (role, text)."""
    if rng.random() < 0.02:
        return json_answers.chat(rng)
    turns, roll = [], rng.random()
    parts = 1 if roll < 0.55 else rng.randint(2, 4) if roll < 0.91 else rng.randint(5, 12) if roll < 0.99 else 20
    told = False
    for _ in range(parts):
        kind = rng.choices(list(SHARES[mixture]), list(SHARES[mixture].values()))[0]
        if kind == "memory" and told:
            kind = "verbs"  # two chats about memory in one would contradict each other
        told = told or kind == "memory"
        turns += _SEGMENTS[kind](rng)
    out = []
    if rng.random() < 0.25:
        out.append(("system", rng.choice(SYSTEM)))
    for question, answer in turns:
        out += [("user", question), ("assistant", answer)]
    return out


def chats(seed: int, count: int, mixture="first"):
    """The first `count` chats of this seed: the same on every machine."""
    rng = random.Random(seed)
    for _ in range(count):
        yield chat(rng, mixture)
