"""How people really type: capitals or not, a question mark or not, a greeting before, a slip of the finger."""
import re

_BEFORE = ("Please tell me: ", "Hi, ", "Hello, ", "Hey, ", "Quick question: ", "Can you tell me, ", "So, ", "Okay, ",
           "Sorry, ", "One question: ", "Tell me, ", "Well, ", "Hmm, ", "Now: ")
_AFTER = (" Thanks!", " Please.", " Thank you.", " please", " Please explain.")
_QUESTION = re.compile(r"^(?:and )?(what|who|which|where|when|why|how|can|could|do|does|is|are|will|has|did)\b", re.I)


def sentence(text: str) -> str:
    """A clean sentence: a capital first, a question mark or a full stop last."""
    text = text[0].upper() + text[1:]
    if text[-1] in "?.!=":
        return text
    return text + ("?" if _QUESTION.match(text) else ".")


def casual(rng, text: str) -> str:
    """The sentence as somebody might type it."""
    clean = sentence(text)
    roll = rng.random()
    if roll < 0.5:
        return clean
    if roll < 0.62:
        return clean.rstrip("?.")
    if roll < 0.74:
        return clean[0].lower() + clean[1:].rstrip("?.")
    if roll < 0.80:
        return clean.lower()
    if roll < 0.90 and not clean.startswith("And "):
        return rng.choice(_BEFORE) + clean[0].lower() + clean[1:]
    if roll < 0.94:
        return clean + rng.choice(_AFTER)
    return slip(rng, clean)


def relaxed(rng, text: str) -> str:
    """The text, now and then without its first capital or its last mark."""
    if rng.random() < 0.15:
        text = text[0].lower() + text[1:]
    return text.rstrip("?.") if rng.random() < 0.15 else text


def slip(rng, text: str) -> str:
    """One letter doubled, lost or swapped."""
    at = rng.randrange(1, max(2, len(text) - 2))
    if len(text) < 8 or not text[at:at + 2].isalpha():
        return text
    roll = rng.random()
    if roll < 0.4:
        return text[:at] + text[at + 1:]
    if roll < 0.7:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2:]


def normalised(text: str) -> str:
    """The question without what does not matter: capitals, punctuation at its ends, runs of spaces."""
    return " ".join(re.sub(r"[^\w\s:./+*-]", " ", text.lower()).strip(" .").split())


def read_questions(path):
    """[(answer, [wordings to train on], [wordings held out])] of a file of "= answer" and "a | b | *c" lines."""
    entries, answer = [], None
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line.startswith("= "):
                answer = line[2:]
            elif line and not line.startswith("#"):
                wordings = [w.strip() for w in line.split(" | ")]
                entries.append((answer, [w for w in wordings if w[0] != "*"],
                                [w[1:] for w in wordings if w[0] == "*"]))
    return entries
