"""Short stories: a grammar, a generator, and a parser that accepts exactly what the generator can produce.

A story is one sentence (or two) for each beat. Words in braces are bound once for the whole story; he, his and him
follow the hero. No word that a slot can hold begins with a vowel sound, so "a" is always right. The same rules are written to models/tiny/heldout.json for parsers in other languages.
"""
import re

from .phrasing import relaxed
from .words import BOYS, GIRLS

KINDS = ("fox rabbit mouse bear raven hedgehog squirrel duck cat dog frog turtle robot dragon pony badger penguin "
         "beaver lamb seal").split()
SIZES = "small young shy brave curious cheerful clever quiet sleepy friendly".split()
PLACES = ("forest|meadow|village|valley|garden|harbour|library|castle|lighthouse|mill|park|bakery").split("|")
THINGS = ("red kite|silver bell|blue lantern|wooden boat|golden key|green scarf|little drum|worn map|round mirror|"
          "yellow umbrella|paper crown|warm blanket|tin whistle|shiny marble").split("|")
WEATHERS = ("sunny|rainy|windy|foggy|snowy|warm|cold|stormy").split("|")
GIFTS = ("a jar of honey|a piece of cake|a basket of apples|a cup of tea|a bowl of soup|a bunch of flowers|"
         "a slice of bread|a bag of nuts").split("|")
LESSONS = ("a friend is worth more than gold|asking for help is brave|small steps lead far|kindness comes back|"
           "patience finds a way|sharing makes joy grow|every storm ends|home is where friends are").split("|")
HIDDEN = ("under an old oak|behind a big stone|in a hollow log|beside the river|on top of a hill|inside a cave|"
          "near the bridge|between two roots").split("|")

SLOTS = {
    "name": GIRLS + BOYS, "kind": KINDS, "size": SIZES, "place": PLACES, "thing": THINGS, "weather": WEATHERS,
    "helper": KINDS, "gift": GIFTS, "lesson": LESSONS, "hidden": HIDDEN,
}
PRONOUNS = {
    "she": {"He": "She", "he": "she", "His": "Her", "his": "her", "him": "her"},
    "he": {"He": "He", "he": "he", "His": "His", "his": "his", "him": "him"},
}
BEATS = [
    [
        "Once upon a time, a {size} {kind} named {name} lived in a {place}.",
        "In a {place} far away there lived a {size} {kind} named {name}.",
        "There was once a {size} {kind} called {name}, who lived in a {place}.",
        "Long ago, a {size} {kind} called {name} lived near a {place}.",
        "{name} was a {size} {kind} from a little {place}.",
    ],
    [
        "{name} loved {his} {thing} more than anything.",
        "{His} greatest treasure was a {thing}.",
        "{He} had a {thing} and took it everywhere.",
        "Every day {name} played with {his} {thing}.",
        "A {thing} was all that {he} owned.",
    ],
    [
        "One {weather} morning the {thing} was gone.",
        "One {weather} day {he} lost the {thing}.",
        "But on a {weather} evening the {thing} fell out of {his} bag.",
        "Then, on a {weather} day, the {thing} was nowhere to be found.",
    ],
    [
        "{name} looked everywhere, but {he} could not find it.",
        "{He} searched the whole {place} and found nothing.",
        "{name} sat down and cried a little.",
        "{He} asked everyone in the {place}, but nobody had seen it.",
        "{name} was sad, but {he} did not give up.",
    ],
    [
        "Then a {helper} came by and asked what was wrong.",
        "Soon a kind {helper} offered to help {him}.",
        "A wise {helper} heard {him} and came closer.",
        "On the road {he} met a {helper} with a warm smile.",
    ],
    [
        "Together they found the {thing} {hidden}.",
        "The {helper} had seen the {thing} {hidden}.",
        "The {helper} showed {him} a place {hidden}, and there was the {thing}.",
        "They looked {hidden}, and there it was.",
    ],
    [
        "{name} thanked the {helper} with {gift}.",
        "{name} was so happy that {he} gave the {helper} {gift}.",
        "To say thank you, {he} brought {gift}.",
        "They laughed and shared {gift}.",
    ],
    [
        "From that day on, {name} knew that {lesson}.",
        "That night {name} learned that {lesson}.",
        "And so {he} found out that {lesson}.",
        "Since then {name} tells everyone that {lesson}.",
    ],
]

_OPENERS = ["Tell me a story", "Please tell me a story", "Can you tell me a story", "I want to hear a story",
            "Write a short story", "Tell me a short story", "Write a story", "Make up a story", "Story time",
            "Could you tell me a little story", "Give me a story", "Tell me a tale"]
_AGAIN = ["Tell me another story.", "Another one, please.", "One more story, please.", "Tell me another one.",
          "Once more, another story."]


def _bindings(rng, kind=None, name=None, place=None, thing=None):
    bound = {slot: rng.choice(values) for slot, values in SLOTS.items()}
    for slot, value in (("kind", kind), ("name", name), ("place", place), ("thing", thing)):
        if value:
            bound[slot] = value
    while bound["helper"] == bound["kind"]:
        bound["helper"] = rng.choice(KINDS)
    return bound


def story(rng, **fixed) -> str:
    bound = _bindings(rng, **fixed)
    words = dict(bound, **PRONOUNS["she" if bound["name"] in GIRLS else "he"])
    return " ".join(rng.choice(beat).format(**words) for beat in BEATS)


def parse(text: str):
    """The bindings of a story, or None when the generator cannot have made it."""
    return _parse(text, 0, 0, {})


def _parse(text, at, beat, bound):
    if beat == len(BEATS):
        return bound if at == len(text) else None
    if beat:
        if text[at:at + 1] != " ":
            return None
        at += 1
    for template in BEATS[beat]:
        for end, more in _match(template, text, at, bound):
            found = _parse(text, end, beat + 1, more)
            if found is not None:
                return found
    return None


def _match(template, text, at, bound):
    """Every way in which the template matches at this place: (end, bindings)."""
    states = [(at, bound)]
    for part in re.split(r"(\{\w+\})", template):
        following = []
        for place, known in states:
            slot = part[1:-1] if part.startswith("{") else None
            if slot is None:
                choices = [(part, known)]
            elif slot in SLOTS:
                values = [known[slot]] if slot in known else SLOTS[slot]
                choices = [(value, {**known, slot: value}) for value in values
                           if not (slot == "helper" and value == known.get("kind"))]
            else:
                choices = [(PRONOUNS["she" if known["name"] in GIRLS else "he"][slot], known)]
            following += [(place + len(value), new) for value, new in choices if text.startswith(value, place)]
        states = following
    return states


def request(rng):
    """(question, what the story must be about)."""
    opener, fixed = rng.choice(_OPENERS), {}
    roll = rng.random()
    if roll < 0.3:
        about = ""
    elif roll < 0.6:
        fixed["kind"] = rng.choice(KINDS)
        about = f" about a {fixed['kind']}"
    elif roll < 0.75:
        fixed["name"] = rng.choice(GIRLS + BOYS)
        about = f" about {fixed['name']}"
    elif roll < 0.9:
        fixed["kind"], fixed["name"] = rng.choice(KINDS), rng.choice(GIRLS + BOYS)
        about = f" about a {fixed['kind']} named {fixed['name']}"
    else:
        fixed["thing"] = rng.choice(THINGS)
        about = f" about a {fixed['thing']}"
    end = "?" if opener.startswith(("Can", "Could")) else "."
    return opener + about + end, fixed


def segment(rng):
    """Turns of a chat: one story, sometimes a second."""
    question, fixed = request(rng)
    turns = [(relaxed(rng, question), story(rng, **fixed))]
    if rng.random() < 0.2:
        turns.append((relaxed(rng, rng.choice(_AGAIN)), story(rng)))
    return turns


def rules() -> dict:
    """The grammar as plain data, for parsers in other languages."""
    return {"slots": SLOTS, "pronouns": PRONOUNS, "girls": GIRLS, "beats": BEATS,
            "differ": ["kind", "helper"], "separator": " "}
