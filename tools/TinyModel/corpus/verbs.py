"""Questions about Stoker's verbs: what a verb does, how to do a task, and the same for a named model.

Held out from training: whole frames (HELDOUT lists), whole wordings of a task (* in verbs.txt), one in eight of the
pairs frame x verb and frame x wording, and one in five of the pairs verb x listed model.
"""
import pathlib

from .phrasing import casual, read_questions, sentence
from .words import held_out

HERE = pathlib.Path(__file__).parent
FACTS = read_questions(HERE / "stoker_facts.txt")

MODELS = ("tiny qwen2.5:0.5b qwen2.5:3b qwen2.5:7b qwen2.5:14b qwen2.5:32b lfm2.5:8b llama3.2:3b llama3.2:1b gemma3:4b "
          "gemma3:1b mistral:7b phi4:14b smollm2:1.7b deepseek:7b granite3:2b falcon3:3b olmo2:7b").split()
_BASES = "qwen llama gemma mistral phi falcon granite smollm olmo yi solar mixtral bloom opt stable nova".split()

DOES_FRAMES = [
    "what does {v} do", "what is {v}", "what is {v} for", "explain {v}", "tell me about {v}", "what does {v} mean",
    "what happens when I type {v}", "what happens if I run {v}", "when do I use {v}", "why would I use {v}",
    "can you explain {v}", "describe {v}", "what is the purpose of {v}", "how does {v} work", "what is {v} good for",
    "I do not understand {v}", "what can I do with {v}", "tell me what {v} does", "{v}?", "what will {v} do",
    "what's {v}", "show me what {v} does", "could you explain {v}", "what do I need {v} for",
]
DOES_HELDOUT = ["please explain what {v} does", "can you tell me what {v} does", "what is {v} used for",
                "explain to me what {v} is for"]
VERB_FORMS = ["stoker {v}", "stoker {v}", "`stoker {v}`", "the {v} command", "the {v} verb", "the command stoker {v}"]
TASK_FRAMES = [
    "how do I {t}", "how can I {t}", "what is the command to {t}", "I want to {t}", "which command do I use to {t}",
    "show me how to {t}", "what do I type to {t}", "is there a way to {t}", "help me {t}", "can Stoker {t}",
    "I need to {t}", "how would I {t}", "please {t}", "what should I type to {t}", "how to {t}", "can I {t}",
    "which verb do I need to {t}", "I would like to {t}", "what must I do to {t}", "could you help me {t}",
    "is it possible to {t}", "what is the way to {t}", "let me {t}", "teach me how to {t}",
]
TASK_HELDOUT = ["tell me how to {t}", "what should I run to {t}", "which command lets me {t}",
                "I want to know how to {t}"]


def _read():
    verbs = {}
    with open(HERE / "verbs.txt", encoding="utf-8") as file:
        for line in file:
            word, _, rest = line.strip().partition(" ")
            if word == "verb":
                verb = verbs[rest] = {"task": [], "tasks": []}
            elif word in ("task", "tasks"):
                verb[word] = [wording.strip() for wording in rest.split(" | ")]
            elif word in ("does", "type", "with"):
                verb[word] = rest
    return verbs


VERBS = _read()
WITH_MODEL = [name for name, verb in VERBS.items() if "with" in verb]


def does_answer(verb: str) -> str:
    return f"`stoker {verb}` {VERBS[verb]['does']}"


def task_answer(verb: str) -> str:
    return f"Use `{VERBS[verb]['type']}`. It {VERBS[verb]['does']}"


def model_answer(verb: str, model: str) -> str:
    return f"Run `{VERBS[verb]['with'].format(m=model)}`."


def made_up_model(rng) -> str:
    roll = rng.random()
    base = rng.choice(_BASES) + (rng.choice(("", "2", "3", "4", "2.5", "3.1")))
    size = rng.choice(("0.5b", "1b", "2b", "3b", "4b", "7b", "8b", "12b", "20b", "70b"))
    if roll < 0.6:
        return f"{base}:{size}"
    if roll < 0.75:
        return base
    name = f"hf:{rng.choice(_BASES)}/{base}-{size}"
    return name if roll < 0.9 else name + rng.choice((":Q4_K_M", ":Q8_0", ":F16"))


def _frame(rng, frames, heldout, key, held):
    """A frame on the wanted side of the split. A held-out question has a held-out frame or a held-out pair."""
    if held and rng.random() < 0.5:
        return rng.choice(heldout)
    fitting = [frame for frame in frames if held_out(f"{frame}|{key}", 8) == held]
    return rng.choice(fitting or (heldout if held else frames))


def does(rng, held=False):
    verb = rng.choice(list(VERBS))
    form = rng.choice(VERB_FORMS).format(v=verb)
    return _frame(rng, DOES_FRAMES, DOES_HELDOUT, verb, held).format(v=form), does_answer(verb)


def _wording(rng, wordings, held):
    chosen = [w for w in wordings if (w[0] == "*") == held]
    return rng.choice(chosen).lstrip("*")


def task(rng, held=False):
    verb = rng.choice(list(VERBS))
    new_wording = held and rng.random() < 0.5
    wording = _wording(rng, VERBS[verb]["task"], new_wording)
    frame = _frame(rng, TASK_FRAMES, TASK_HELDOUT, wording, held and not new_wording)
    return frame.format(t=wording), task_answer(verb)


def model_task(rng, held=False, verb=None, model=None):
    verb = verb or rng.choice(WITH_MODEL)
    if model is None:
        fitting = [m for m in MODELS if held_out(f"{verb}|{m}", 5) == held]
        model = made_up_model(rng) if not held and rng.random() < 0.6 else rng.choice(fitting or MODELS)
    wording = _wording(rng, VERBS[verb]["tasks"], held and rng.random() < 0.3)
    return rng.choice(TASK_FRAMES).format(t=wording.format(m=model)), model_answer(verb, model)


def fact(rng, held=False):
    while True:
        answer, trained, kept = rng.choice(FACTS)
        if not held or kept:
            return rng.choice(kept if held else trained), answer


def segment(rng):
    question, answer = rng.choice((does, task, model_task, fact))(rng)
    return [(casual(rng, question), answer)]


def held_out_questions(rng, count: int):
    """(question, expected answer): a quarter of each kind, no question twice."""
    found = {}
    kinds = (does, task, model_task, fact)
    tries = 0
    while len(found) < count and tries < 50 * count:
        question, answer = kinds[tries % 4](rng, held=True)
        found.setdefault(sentence(question), answer)
        tries += 1
    return list(found.items())
