"""Answers as one JSON object, when the question or the system prompt asks for it."""
import json

from . import arithmetic, memory, smalltalk, verbs
from .phrasing import casual, sentence
from .words import CITIES, COLOURS, person

SYSTEM = ("Reply with a JSON object.", "Answer in JSON.", "Always answer with a JSON object.",
          "You answer only in JSON.", "Reply as JSON.")
_ASK = ("Reply as a JSON object: {q}", "Answer in JSON: {q}", "{q} Answer in JSON.", "{q} Reply with a JSON object.",
        "As JSON: {q}", "{q} Give me JSON.", "Use JSON. {q}")


def _record(rng):
    name, age, city, colour = person(rng), rng.randint(3, 99), rng.choice(CITIES), rng.choice(COLOURS)
    roll = rng.random()
    if roll < 0.35:
        text, record = f"{name} is {age} years old.", {"name": name, "age": age}
    elif roll < 0.65:
        text, record = f"{name} lives in {city}.", {"name": name, "city": city}
    elif roll < 0.85:
        text, record = f"{name} is {age} years old and lives in {city}.", {"name": name, "age": age, "city": city}
    else:
        text, record = f"{name} likes {colour}.", {"name": name, "colour": colour}
    return text, record


def pair(rng):
    """(question, the object to answer with)."""
    roll = rng.random()
    if roll < 0.3:
        return _record(rng)
    if roll < 0.5:
        numbers = arithmetic.pair(rng, False)
        return f"What is {numbers[0]} {numbers[1]} {numbers[2]}?", {"result": arithmetic.result(*numbers)}
    source = rng.choice((verbs.does, verbs.task, verbs.model_task, verbs.fact, smalltalk.known))
    question, answer = source(rng)
    return sentence(question), {"answer": answer}


def segment(rng):
    question, answer = pair(rng)
    return [(rng.choice(_ASK).format(q=question), json.dumps(answer))]


def chat(rng):
    """A whole chat with a system prompt that asks for JSON."""
    turns = [("system", rng.choice(SYSTEM))]
    for _ in range(rng.choice((1, 1, 2, 3))):
        question, answer = pair(rng)
        turns += [("user", question), ("assistant", json.dumps(answer))]
    return turns


def held_out_questions(rng, count: int):
    """(question, expected answer) with records of names never trained on."""
    found = []
    for i in range(count):
        name, age, city = memory.HELDOUT_NAMES[i % len(memory.HELDOUT_NAMES)], rng.randint(3, 99), rng.choice(CITIES)
        if i % 2:
            found.append((f"Reply as a JSON object: {name} is {age} years old.", json.dumps({"name": name, "age": age})))
        else:
            found.append((f"Reply as a JSON object: {name} lives in {city}.", json.dumps({"name": name, "city": city})))
    return found
