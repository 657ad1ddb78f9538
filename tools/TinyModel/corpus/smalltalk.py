"""Small talk, a little knowledge, repeating, and an honest "I do not know that" to everything else."""
import pathlib

from .phrasing import casual, read_questions
from .words import PETS, made_up_name, person

KNOWN = read_questions(pathlib.Path(__file__).parent / "smalltalk.txt")
CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "England": "London", "Italy": "Rome", "Spain": "Madrid",
    "Austria": "Vienna", "Norway": "Oslo", "Sweden": "Stockholm", "Denmark": "Copenhagen", "Poland": "Warsaw",
    "Portugal": "Lisbon", "Greece": "Athens", "Japan": "Tokyo", "Egypt": "Cairo", "Ireland": "Dublin",
    "Finland": "Helsinki",
}
_CAPITAL = ["what is the capital of {c}", "which city is the capital of {c}", "tell me the capital of {c}",
            "capital of {c}", "do you know the capital of {c}", "what's the capital of {c}"]
UNKNOWN = "I do not know that. I am a tiny model: ask me about Stoker, a small sum or a story."

_COUNTRIES = ("Brazil Canada Peru Kenya Nigeria Chile Mongolia Bolivia Cuba Ghana Nepal Laos Iceland Hungary Romania "
              "Australia India China Russia Turkey Mexico Argentina").split()
_TOPICS = ("football|the piano|dinosaurs|black holes|the Roman empire|chess|the stock market|bitcoin|cars|fashion|"
           "cooking|volcanoes|the French revolution|quantum physics|poker|the human brain|vitamins|elephants|whales|"
           "the world cup|opera|ballet|karate|democracy|philosophy|chemistry|the pyramids|electricity|magnets|"
           "aeroplanes|submarines|coffee|tea|wine|cheese|taxes|insurance|marriage|history|medicine|yoga|photography|"
           "kubernetes|javascript|databases|excel|blockchain|rust|java|docker|windows|the iPhone|robots|Mars|gravity"
           ).split("|")
_PEOPLE = ("Napoleon|Mozart|Einstein|Cleopatra|Shakespeare|the president|the king of Spain|Beethoven|Picasso|Newton|"
           "Marie Curie|Columbus|the pope|Darwin|Plato|Gandhi|the queen|Elvis|Lincoln|Galileo|the chancellor").split("|")
_THINGS = ("a bridge|a cake|a chair|a website|a song|an essay|a letter|a kite|a bomb|a house|a shelf|a resume|a garden|"
           "a boat|a sweater|a speech|a game|a business plan|pasta|bread|an omelette|paella|sushi|a lamp").split("|")
_OUTSIDE = [
    "who was {p}", "when was {p} born", "tell me about {p}", "how old is {p}", "who is {p}", "when did {p} die",
    "where does {p} live", "what did {p} do", "tell me about {t}", "what do you know about {t}", "explain {t}",
    "how does {t} work", "why is {t} important", "what is the history of {t}", "do you like {t}", "who invented {t}",
    "teach me about {t}", "what is {t}", "how do I make {x}", "how do I build {x}", "write {x} for me", "can you make {x}",
    "give me a recipe for {x}", "how much does {x} cost", "where can I buy {x}", "what is the capital of {c}",
    "how many people live in {c}", "how far is {c}", "who rules {c}", "which language do they speak in {c}",
    "what is the largest city in {c}", "how do I travel to {c}", "translate {x} into German", "translate {t} into French",
    "write a program that sorts a list", "write some code about {t}", "write a python function", "solve x^2 = {n}",
    "what is the square root of {n}", "what is {n} divided by {m}", "how much is {n} percent of {m}",
    "who won the world cup in {y}", "what happened in {y}", "which film won the prize in {y}", "who was born in {y}",
    "how tall is the highest mountain", "how deep is the sea", "how fast is light", "how old is the universe",
    "what is the price of gold", "recommend a book about {t}", "recommend a film", "what should I cook tonight",
    "play some music", "set an alarm", "call my mother", "send an email to {a}", "book a flight to {c}",
    "summarise this text", "what is in the news", "who will win the election", "is {t} dangerous", "is {a} nice",
    "what is the phone number of {a}", "where is {a}", "do you know {a}", "how do I learn {t}", "what is love",
    "why do people like {t}", "compare {t} and {u}", "which is better, {t} or {u}", "what is the best {k} food",
    "how do I train a {k}", "my {k} is sick", "how long does a {k} live", "what is a {w}", "what does {w} mean",
    "explain {w}", "can you define {w}", "asdf", "blah blah", "{w} {w}", "how many stars are there", "what is pi",
    "how do I lose weight", "how do I get rich", "am I ill", "should I marry {a}", "what is the largest animal",
    "how many bones does a human have", "what is DNA", "what is an atom", "why do we dream", "what is time",
]


def outside(rng):
    """A question that the model cannot answer."""
    words = {
        "p": rng.choice(_PEOPLE), "t": rng.choice(_TOPICS), "u": rng.choice(_TOPICS), "x": rng.choice(_THINGS),
        "c": rng.choice(_COUNTRIES), "n": rng.randint(2, 9999), "m": rng.randint(2, 999), "y": rng.randint(1700, 2030),
        "a": person(rng), "k": rng.choice(PETS), "w": made_up_name(rng).lower(),
    }
    return rng.choice(_OUTSIDE).format(**words), UNKNOWN


def repeat(rng):
    """Say again what was said: copying."""
    words = [rng.choice((made_up_name(rng).lower(), rng.choice(_TOPICS), rng.choice(PETS), "the", "a", "green", "and",
                         "old", "under", "song", "sings", "runs", str(rng.randint(0, 99))))
             for _ in range(rng.randint(1, 5))]
    text = " ".join(words)
    text = text[0].upper() + text[1:]
    if rng.random() < 0.35:
        name = person(rng)
        return rng.choice((f"Say hello to {name}.", f"Greet {name}.", f"Please say hello to {name}.")), f"Hello, {name}!"
    return rng.choice((f"Say: {text}", f"Repeat: {text}", f"Repeat after me: {text}", f"Please say: {text}",
                       f"Write: {text}")), text


def known(rng, held=False):
    while True:
        if not held and rng.random() < 0.12:
            country = rng.choice(list(CAPITALS))
            return rng.choice(_CAPITAL).format(c=country), f"The capital of {country} is {CAPITALS[country]}."
        answer, trained, kept = rng.choice(KNOWN)
        if not held or kept:
            return rng.choice(kept if held else trained), answer


def segment(rng):
    roll = rng.random()
    if roll < 0.25:
        question, answer = outside(rng)
    elif roll < 0.35:
        return [repeat(rng)]
    else:
        question, answer = known(rng)
    return [(casual(rng, question), answer)]
