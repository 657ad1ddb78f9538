"""Follow-up questions: a short question that means something only after the turns before it."""
from . import verbs
from .phrasing import casual, sentence
from .verbs import MODELS, VERBS, WITH_MODEL, made_up_model, model_answer
from .words import held_out

# What is asked next, after a question about one verb: (verb to answer with, wordings; * is never trained on).
_NEXT = {
    "pull": ["and how do I download it", "how do I fetch it", "and how can I get it", "how do I pull it",
             "and what do I type to download it", "how can I fetch it", "*and how do I fetch it",
             "*how can I download it"],
    "run": ["and how do I run it", "how do I chat with it", "and how do I talk to it", "how can I try it",
            "and how do I start it", "how do I ask it a question", "*and how do I chat with it", "*how can I run it"],
    "rm": ["and how do I remove it", "how do I delete it", "and how can I get rid of it", "how do I erase it",
           "and how do I throw it away", "how can I delete it", "*and how do I delete it", "*how can I remove it"],
    "show": ["and how do I see its details", "how large is it, how can I see that", "how do I inspect it",
             "and how can I see its details", "how do I learn more about it", "*and how do I inspect it",
             "*how can I learn more about it"],
    "stop": ["and how do I stop it", "how do I unload it", "and how do I take it out of memory", "how can I stop it",
             "how do I free its memory", "*and how do I unload it", "*and how can I stop it"],
    "verify": ["and how do I verify it", "how do I check its files", "and how do I check it for damage",
               "how can I verify it", "*and how do I check its files", "*and how can I verify it"],
}
_EXAMPLE = ["can you give me an example", "give me an example", "show me an example", "for example", "an example, please",
            "what does that look like", "can I see an example", "*please give me an example",
            "*could you show me an example"]
_WHAT = ["what does that do", "what does it do", "and what does that do", "what is that for", "can you explain that",
         "what happens then", "explain that", "*and what does it do", "*what is it for"]
_OTHER = ["and {m}", "what about {m}", "and for {m}", "the same for {m}", "and with {m}", "now {m}", "*and what about {m}",
          "*how about {m}"]


def _pick(rng, wordings, held):
    return rng.choice([w for w in wordings if (w[0] == "*") == held]).lstrip("*")


def _model(rng, held, verb):
    if not held and rng.random() < 0.6:
        return made_up_model(rng)
    fitting = [m for m in MODELS if held_out(f"{verb}|{m}", 5) == held]
    return rng.choice(fitting or MODELS)


def chain(rng, held=False):
    """(turns, kind): one question that stands alone, then one to three that do not; with `held`, exactly one, held out."""
    style = rng.choice(("it", "it", "example", "what", "other"))
    verb = rng.choice(WITH_MODEL)
    model = _model(rng, held, verb)
    if style == "example":
        question, answer = (verbs.task if rng.random() < 0.5 else verbs.does)(rng)
        verb = answer.split("stoker ")[1].split(" ")[0].strip("`.")
        if verb in WITH_MODEL:
            # Any listed model would do, so the answer always takes the same one.
            example = f"For example: `{VERBS[verb]['with'].format(m='tiny')}`."
        else:
            example = f"For example: `stoker {verb}`."
        return [(question, answer), (_pick(rng, _EXAMPLE, held), example)], style
    first = verbs.model_task(rng, verb=verb, model=model)
    if style == "what":
        return [first, (_pick(rng, _WHAT, held), verbs.does_answer(verb))], style
    turns = [first]
    for _ in range(1 if held else rng.choice((1, 1, 2, 3))):
        if style == "it":
            verb = rng.choice([v for v in _NEXT if v != verb])
            turns.append((_pick(rng, _NEXT[verb], held), model_answer(verb, model)))
        else:
            model = rng.choice([m for m in (_model(rng, held, verb) for _ in range(6)) if m != model] or ["tiny"])
            turns.append((_pick(rng, _OTHER, held).format(m=model), model_answer(verb, model)))
    return turns, style


def segment(rng):
    turns, _ = chain(rng)
    if rng.random() < 0.25:
        turns.append((_pick(rng, _WHAT, False), verbs.does_answer(turns[-1][1].split("stoker ")[1].split(" ")[0].strip("`."))))
    return [(casual(rng, question), answer) for question, answer in turns]


def held_out_chats(rng, count: int):
    """Chats whose last question is held out. The turns before it are as in training."""
    chats, seen = [], set()
    while len(chats) < count:
        turns, style = chain(rng, held=True)
        key = tuple(question for question, _ in turns)
        if key not in seen:
            seen.add(key)
            chats.append([(sentence(question), answer) for question, answer in turns])
    return chats
