"""Writes what tests compare against without torch: models/tiny/goldens.json and heldout.json.

Goldens: 50 ChatML texts with answers, their token ids, and for each position the five largest logits (F32 arithmetic
on the F16 weights) and the log probability of the token that follows; and texts for the tokenizer alone.
"""
import argparse
import json
import pathlib
import random

import torch

import chatml
from corpus import mixture, stories
from exact import held_out
from export import MODEL_FOLDER, load

TOKENIZER_TEXTS = [
    "Hello, world!", "hello  world", "   three spaces", "tabs\tand\nlines\r\n\r\nend  ", "12345 + 67 = 12412",
    "don't DON'T we'll I'm they've it's he'd you're", "stoker run hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M",
    "{\"name\": \"Mia\", \"age\": 7}", "naïve café über straße", "日本語のテキスト", "Привет, мир", "🙂👍🏽 emoji",
    "a\u00a0b\u2003c", "x²+½=٣", "...?!---", "CamelCaseWords and snake_case_words", "\n\n\n", " ", "", "é e\u0301",
    "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|", "end<|endoftext|>", "`code` ~/.stoker http://127.0.0.1:5050/v1",
    "ÀÉÎÕÜ ßẞ Ωmega", "\u0000\u0001\u007f", "mixed 中文 and English 42", "'S 'T 'RE 'Ve", "word'word ''s", "\r\n x",
]


def golden_chats(count=50, seed=31):
    """Chats of all kinds, training ones and held-out ones; the last is as long as the context nearly allows."""
    rng, sets = random.Random(seed), held_out()
    chats = [sets[name][i] for name in sets for i in range(5)]
    while len(chats) < count - 1:
        chat = mixture.chat(rng)
        if len(chat) <= 9:
            chats.append(chat)
    long = []
    while len(long) < 40:
        long += [message for message in mixture.chat(rng) if message[0] != "system"]
    return chats + [long]


@torch.no_grad()
def golden(model, tokenizer, chat):
    text = chatml.render(chat, ask=False)
    ids = tokenizer.encode(text)
    while len(ids) > 1000:
        chat = chat[:-2]
        text = chatml.render(chat, ask=False)
        ids = tokenizer.encode(text)
    logits = model(torch.tensor([ids]))[0]
    top = logits.topk(5, dim=-1)
    following = logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    return {
        "text": text,
        "ids": ids,
        "top_ids": top.indices.tolist(),
        "top_logits": [[round(x, 4) for x in row] for row in top.values.tolist()],
        "next_logprob": [round(x, 4) for x in following.tolist()],
    }


def story_sets(rng, count=200):
    return {"requests": [stories.request(rng)[0] for _ in range(count)], "grammar": stories.rules(),
            "accepted": [stories.story(rng) for _ in range(10)]}


def compact(value, indent="") -> str:
    """JSON with one line for each leaf list: small, and readable in a diff."""
    if isinstance(value, dict):
        inner = ",\n".join(f"{indent} {json.dumps(k)}: {compact(v, indent + ' ')}" for k, v in value.items())
        return "{\n" + inner + "\n" + indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)) and not (
            isinstance(value[0], list) and value[0] and not isinstance(value[0][0], (dict, list))):
        return "[\n" + ",\n".join(f"{indent} {compact(v, indent + ' ')}" for v in value) + "\n" + indent + "]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=pathlib.Path, default=MODEL_FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(2)
    model, tokenizer = load(options.model)
    goldens = {
        "about": "written by tools/TinyModel/goldens.py with F32 arithmetic on the F16 weights",
        "prompts": [golden(model, tokenizer, chat) for chat in golden_chats()],
        "tokenizer": [{"text": text, "ids": tokenizer.encode_plain(text)} for text in TOKENIZER_TEXTS],
    }
    (options.model / "goldens.json").write_text(compact(goldens) + "\n", encoding="utf-8")
    sets = {name: [{"messages": [{"role": role, "content": text} for role, text in chat[:-1]], "answer": chat[-1][1]}
                   for chat in chats] for name, chats in held_out().items()}
    held = {"about": "written by tools/TinyModel/goldens.py: questions never trained on, with the exact answers",
            "sets": sets, "stories": story_sets(random.Random(41))}
    (options.model / "heldout.json").write_text(compact(held) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
