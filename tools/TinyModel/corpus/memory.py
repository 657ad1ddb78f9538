"""Something told in one turn and asked in a later one: a name, a colour, a pet, a town, a food, a hobby, a number."""
from .phrasing import relaxed
from .words import CITIES, COLOURS, FOODS, HELDOUT_NAMES, HOBBIES, PET_NAMES, PETS, held_out, made_up_name, person

FACTS = {
    "name": (
        ["My name is {v}.", "I am {v}.", "I'm {v}.", "Hello, my name is {v}.", "Hi, I am {v}.", "Call me {v}.",
         "You can call me {v}.", "Hello! I'm {v}.", "My name is {v}. Please remember it.", "Remember: my name is {v}.",
         "Hi, my name is {v}. What is yours?"],
        "Nice to meet you, {v}!",
        ["What is my name?", "Do you remember my name?", "Who am I?", "What's my name?", "Tell me my name.",
         "Can you say my name?", "And what is my name?", "Do you know my name?", "What was my name?",
         "What is my name again?"],
        "Your name is {v}.",
        "You have not told me your name yet.",
    ),
    "colour": (
        ["My favourite colour is {v}.", "I like the colour {v} best.", "The colour I love is {v}.",
         "My favorite color is {v}."],
        "{V} is a lovely colour.",
        ["What is my favourite colour?", "Which colour do I like best?", "What's my favourite colour?",
         "Do you remember my favourite colour?", "What is my favorite color?"],
        "Your favourite colour is {v}.",
        "You have not told me your favourite colour yet.",
    ),
    "pet": (
        ["I have a {k} called {v}.", "My {k} is called {v}.", "I have a {k} named {v}.", "My {k}'s name is {v}."],
        "{v} is a fine name for a {k}.",
        ["What is my {k} called?", "What is the name of my {k}?", "What's my {k}'s name?",
         "Do you remember the name of my {k}?", "What is my pet called?"],
        "Your {k} is called {v}.",
        "You have not told me about your {k} yet.",
    ),
    "city": (
        ["I live in {v}.", "I am from {v}.", "My home is in {v}.", "I come from {v}."],
        "{v} must be a nice place to live.",
        ["Where do I live?", "Where am I from?", "Which town do I live in?", "Do you remember where I live?"],
        "You live in {v}.",
        "You have not told me where you live yet.",
    ),
    "food": (
        ["My favourite food is {v}.", "I like to eat {v}.", "I love {v}."],
        "{V}, good choice!",
        ["What is my favourite food?", "What do I like to eat?", "What's my favourite food?"],
        "Your favourite food is {v}.",
        "You have not told me your favourite food yet.",
    ),
    "hobby": (
        ["My hobby is {v}.", "In my free time I enjoy {v}.", "I enjoy {v}."],
        "{V} sounds like fun.",
        ["What is my hobby?", "What do I enjoy?", "What's my hobby?", "What do I do in my free time?"],
        "Your hobby is {v}.",
        "You have not told me your hobby yet.",
    ),
    "number": (
        ["My lucky number is {v}.", "Please remember the number {v}.", "Remember the number {v}."],
        "I will remember {v}.",
        ["What is my lucky number?", "Which number did I tell you?", "What was the number?"],
        "Your number is {v}.",
        "You have not told me a number yet.",
    ),
}
_VALUES = {"colour": COLOURS, "city": CITIES, "food": FOODS, "hobby": HOBBIES}
_NEVER = 8  # one (fact, value) in eight with a listed value is kept from training


def _value(rng, fact, held):
    if fact == "name":
        return rng.choice(HELDOUT_NAMES) if held else person(rng)
    if fact == "number":
        return str(rng.randint(2, 99))
    if fact == "pet":
        return made_up_name(rng) if rng.random() < 0.4 else rng.choice(PET_NAMES)
    return rng.choice(_VALUES[fact])


def _fact(rng, fact, held=False):
    """(telling turn, asking turn)."""
    tells, heard, asks, recall, _ = FACTS[fact]
    kind = rng.choice(PETS)
    for _ in range(1000):  # ends at the first pair of the wanted half; both halves of every fact have some
        tell, ask, value = rng.choice(tells), rng.choice(asks), _value(rng, fact, held)
        if held_out(f"{tell}|{ask}|{kind if fact == 'pet' else ''}", _NEVER) == held:
            break
        kind = rng.choice(PETS)
    else:
        raise ValueError(f"no pair of sentences about the {fact} is on this side of the split")
    words = {"v": value, "V": value[0].upper() + value[1:], "k": kind}
    return (tell.format(**words), heard.format(**words)), (ask.format(**words), recall.format(**words))


def segment(rng, between):
    """A chat in which one to three facts are told and later asked; `between` makes the turns that lie between."""
    if rng.random() < 0.18:
        fact = rng.choice(("name", "name", "name") + tuple(FACTS))
        others = [f for f in FACTS if f != fact]
        told = [_fact(rng, rng.choice(others))[0]] if rng.random() < 0.4 else []
        _, _, asks, _, unknown = FACTS[fact]
        kind = rng.choice(PETS)
        asks = [a for a in asks if "my pet" not in a]
        return told + (between(rng) if rng.random() < 0.5 else []) + [
            (relaxed(rng, rng.choice(asks).format(k=kind)), unknown.format(k=kind))]
    facts = rng.sample(list(FACTS), rng.choice((1, 1, 2, 2, 3)))
    if "name" not in facts and rng.random() < 0.5:
        facts[0] = "name"
    tells, asks = zip(*(_fact(rng, fact) for fact in facts))
    turns = []
    for told, heard in tells:
        turns.append((relaxed(rng, told), heard))
        if rng.random() < 0.35:
            turns += between(rng)
    asks = list(asks)
    rng.shuffle(asks)
    for ask in asks:
        if rng.random() < 0.4:
            turns += between(rng)
        turns.append((relaxed(rng, ask[0]), ask[1]))
    return turns


def held_out_chats(rng, count, between):
    """Chats (turns, the last of which is the question) with names and pairs of sentences never trained on."""
    chats = []
    for i in range(count):
        fact = ("name", "name", "colour", "pet", "name", "city")[i % 6]
        tell, ask = _fact(rng, fact, held=True)
        middle = between(rng) if i % 2 else []
        chats.append([tell] + middle + [ask])
    return chats
