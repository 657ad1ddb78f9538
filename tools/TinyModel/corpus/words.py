"""Word lists that several grammars share, and names made up from syllables."""
import zlib

GIRLS = ("Mia Lena Ada Rosa Nora Ivy Clara Anna Ella Zoe Maya Ruth Lily Emma Alice Olga Greta Julia Sofia Hanna "
         "Marta Edith Flora Irene Paula Vera Wanda Tina Sara Lucy").split()
BOYS = ("Tom Ben Max Leo Sam Finn Paul Oscar Hugo Emil Jack Noah Karl Otto Felix Peter Simon Adam Luke Theo "
        "Anton Bruno David Erik Frank Henry Ivan Jonas Martin Victor").split()
HELDOUT_NAMES = ("Nina Oliver Amelia Jasper Selma Konrad Bella Marcus Thea Robin Carla Dennis Helen Stefan Mona "
                 "Walter Petra Arthur Elise Gregor").split()
COLOURS = "red blue green yellow orange purple pink black white brown grey silver gold turquoise".split()
PETS = "cat dog rabbit hamster parrot pony turtle goldfish mouse canary hen goat".split()
PET_NAMES = ("Biscuit Shadow Pepper Muffin Luna Rocky Daisy Coco Buddy Ginger Misty Tiger Bella Socks Peanut "
             "Olive Cookie Simba Pearl Rusty").split()
CITIES = ("Berlin Paris London Rome Oslo Madrid Vienna Prague Lisbon Dublin Helsinki Warsaw Athens Tokyo Cairo "
          "Hamburg Boston Chicago Sydney Toronto").split()
FOODS = "pizza soup rice apples bread pancakes noodles salad cheese cherries tomatoes chocolate".split()
HOBBIES = "chess swimming painting hiking reading cooking football singing gardening cycling dancing fishing".split()

_ONSETS = "b d f g h j k l m n p r s t v w z br dr st tr sh ch th".split()
_VOWELS = "a e i o u".split()
_ENDS = ["", "", "", "n", "l", "r", "s", "m", "k", "x"]


def made_up_name(rng) -> str:
    """A name of two or three syllables that nobody has."""
    name = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2))))
    return (name + rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_ENDS)).capitalize()


def person(rng) -> str:
    return made_up_name(rng) if rng.random() < 0.5 else rng.choice(GIRLS + BOYS)


def held_out(key: str, one_in: int) -> bool:
    """Whether this key is kept from training: fixed for all time by its check sum."""
    return zlib.crc32(key.encode("utf-8")) % one_in == 0
