"""Prints the held-out figures of models/tiny against a table look-up, and the figures of sampled stories.

    /usr/bin/python3 evaluate.py [--json FILE]
The table look-up answers a question with the answer of the training question that is the same after normalising
(capitals, punctuation, spaces), else of the one that shares the largest part of its words (Jaccard). For follow-ups
and memory it may look at the last question alone or at all questions of the chat; the better figure is shown.
"""
import argparse
import collections
import json
import pathlib
import random

import numpy as np
import torch

import chatml
from corpus import mixture, stories
from corpus.phrasing import normalised
from exact import Exactness, held_out
from export import MODEL_FOLDER, load
from generate import generate
from train import CORPORA



class TableLookup:
    """Every question of the training corpus with its commonest answer."""

    def __init__(self, chats, whole):
        self.whole = whole
        answers = collections.defaultdict(collections.Counter)
        for chat in chats:
            asked = []
            for role, text in chat:
                if role == "user":
                    asked.append(normalised(text))
                elif role == "assistant":
                    answers[self.key(asked)][text] += 1
        self.table = {key: counter.most_common(1)[0][0] for key, counter in answers.items()}
        self.keys = list(self.table)
        places = collections.defaultdict(list)
        for i, key in enumerate(self.keys):
            for word in set(key.split()):
                places[word].append(i)
        self.places = {word: np.array(found) for word, found in places.items()}
        self.lengths = np.array([len(set(key.split())) for key in self.keys])

    def key(self, asked):
        return " / ".join(asked) if self.whole else asked[-1]

    def answer(self, asked):
        key = self.key(asked)
        if key in self.table:
            return self.table[key]
        words = set(key.split())
        found = [self.places[word] for word in words if word in self.places]
        if not found:
            return ""
        shared = np.bincount(np.concatenate(found), minlength=len(self.keys))
        return self.table[self.keys[int((shared / (len(words) + self.lengths - shared)).argmax())]]

    def right(self, chats):
        return [self.answer([normalised(text) for role, text in chat if role == "user"]) == chat[-1][1]
                for chat in chats]


def trained_questions(chats):
    return {normalised(text) for chat in chats for role, text in chat if role == "user"}


def sampled_stories(model, tokenizer, count, temperature, top_p, chats):
    """(accepted by the parser, seen in training, different ones) of `count` stories."""
    rng, made = random.Random(11), []
    by_length = collections.defaultdict(list)
    for _ in range(count):
        prompt = tokenizer.encode(chatml.render([("user", stories.request(rng)[0])], ask=True))
        by_length[len(prompt)].append(prompt)
    for seed, length in enumerate(sorted(by_length)):
        made += generate(model, tokenizer, by_length[length], temperature, seed, top_p=top_p)
    trained = {text for chat in chats for role, text in chat if role == "assistant" and len(text) > 150}
    return sum(stories.parse(s) is not None for s in made), sum(s in trained for s in made), len(set(made)), made


def percent(part, whole):
    return round(100 * part / whole, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=MODEL_FOLDER)
    parser.add_argument("--stories", type=int, default=200)
    parser.add_argument("--temp", type=float, default=0.7, help="of the stories; this and --top-p as in generation_config.json")
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--wrong", action="store_true", help="print the questions that are answered wrongly")
    options = parser.parse_args()
    torch.set_num_threads(2)
    model, tokenizer = load(options.model)
    training = [chat for name, seed, chats, _ in CORPORA for chat in mixture.chats(seed, chats, name)]
    known, exact, sets, report = trained_questions(training), Exactness(tokenizer), held_out(), {}
    tables = [TableLookup(training, whole=False), TableLookup(training, whole=True)]
    print(f"{'held-out set':14}{'questions':>10}{'in training':>12}{'table':>8}{'model':>8}")
    for name, chats in sets.items():
        right = exact.right(model, "cpu", name)
        table = max(sum(t.right(chats)) for t in tables)
        seen = sum(len(chat) == 2 and normalised(chat[0][1]) in known for chat in chats)
        report[name] = {"questions": len(chats), "in_training": seen, "table_percent": percent(table, len(chats)),
                        "model_percent": percent(sum(right), len(chats))}
        print(f"{name:14}{len(chats):>10}{seen:>12}{report[name]['table_percent']:>7}%{report[name]['model_percent']:>7}%")
        for chat, good in zip(chats, right):
            if options.wrong and not good:
                prompt = tokenizer.encode(chatml.render(chat[:-1], ask=True))
                said = generate(model, tokenizer, [prompt], 0, 1)[0]
                print(f"    {[text for role, text in chat if role == 'user']}: {said!r}, not {chat[-1][1]!r}")
    accepted, repeated, different, made = sampled_stories(model, tokenizer, options.stories, options.temp, options.top_p, training)
    report["stories"] = {"sampled": options.stories, "temperature": options.temp, "top_p": options.top_p,
                         "accepted_percent": percent(accepted, options.stories),
                         "repeat_training_percent": percent(repeated, options.stories), "different": different}
    print(f"stories: {options.stories} at temperature {options.temp}, top-p {options.top_p}: {report['stories']['accepted_percent']}% accepted, "
          f"{report['stories']['repeat_training_percent']}% repeat one of training, {different} different")
    if options.wrong:
        print("\n".join("    " + s for s in made if stories.parse(s) is None))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
