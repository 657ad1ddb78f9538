"""How many held-out questions are answered exactly, by greedy decoding.

Greedy decoding says the expected answer exactly when, with the expected answer as input, the likeliest token at each
of its positions is the expected one. So one forward pass per question is enough.
"""
import random

import torch

import chatml
from corpus import arithmetic, followups, json_answers, memory, mixture, smalltalk, verbs
from corpus.phrasing import sentence

SEED = 7


def held_out(counts=None):
    """{set: [chat]}: the last message of each chat is the expected answer to a held-out question."""
    counts = {"verbs": 400, "followups": 200, "arithmetic": 200, "memory": 120, "json": 40, **(counts or {})}
    rng = random.Random(SEED)

    def single(pairs):
        return [[("user", question), ("assistant", answer)] for question, answer in pairs]

    def several(chats):
        return [[message for question, answer in turns for message in (("user", question), ("assistant", answer))]
                for turns in chats]

    return {
        "verbs": single(verbs.held_out_questions(rng, counts["verbs"])),
        "followups": several(followups.held_out_chats(rng, counts["followups"])),
        "arithmetic": single(arithmetic.held_out_questions(rng, counts["arithmetic"])),
        "memory": several(memory.held_out_chats(rng, counts["memory"], mixture.between_held_out)),
        "smalltalk": single((sentence(q), answer) for answer, _, kept in smalltalk.KNOWN for q in kept),
        "json": single(json_answers.held_out_questions(rng, counts["json"])),
    }


class Exactness:
    def __init__(self, tokenizer, counts=None):
        self.sets = {name: [chatml.encode(tokenizer, chat)[0] for chat in chats]
                     for name, chats in held_out(counts).items()}
        self.answers = {name: [len(chatml.encode(tokenizer, chat[:-1] + [("assistant", "")])[0]) - 2 for chat in chats]
                        for name, chats in held_out(counts).items()}

    @torch.no_grad()
    def right(self, model, device, name):
        """Whether each question of the set is answered exactly."""
        order = sorted(range(len(self.sets[name])), key=lambda i: len(self.sets[name][i]))
        out = [False] * len(order)
        for at in range(0, len(order), 16):
            some = order[at:at + 16]
            longest = max(len(self.sets[name][i]) for i in some)
            ids = torch.zeros(len(some), longest, dtype=torch.long)
            for row, i in enumerate(some):
                ids[row, :len(self.sets[name][i])] = torch.tensor(self.sets[name][i])
            best = model(ids.to(device)).argmax(-1).cpu()
            for row, i in enumerate(some):
                first, last = self.answers[name][i], len(self.sets[name][i]) - 1  # the last token is the line feed
                out[i] = bool((best[row, first - 1:last - 1] == ids[row, first:last]).all())
        return out

    def measure(self, model, device="cpu"):
        figures = {}
        for name in self.sets:
            right = self.right(model, device, name)
            figures[name] = round(100 * sum(right) / len(right), 1)
        return figures
