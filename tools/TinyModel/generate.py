"""Generates text with the model in torch: for evaluation, and to try a checkpoint by hand.

    /usr/bin/python3 generate.py "What does stoker pull do?" "And how do I remove it?"
asks the questions in one chat.
"""
import argparse
import pathlib

import torch

import chatml
from export import MODEL_FOLDER, load


@torch.no_grad()
def generate(model, tokenizer, prompts, temperature, seed, longest=256, top_p=1.0):
    """One continuation per prompt (token ids of equal length), up to the end of the turn."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor(prompts)
    caches = [[] for _ in model.layers]
    out = [[] for _ in prompts]
    ended = [False] * len(prompts)
    logits = model(ids, caches=caches)[:, -1]
    for _ in range(longest):
        if temperature == 0:
            chosen = logits.argmax(-1)
        else:
            chosen = torch.multinomial(likeliest((logits / temperature).softmax(-1), top_p), 1, generator=generator)[:, 0]
        for row, token in enumerate(chosen.tolist()):
            ended[row] = ended[row] or token in (tokenizer.turn_end, tokenizer.end_of_text)
            if not ended[row]:
                out[row].append(token)
        if all(ended):
            break
        logits = model(chosen[:, None], caches=caches)[:, -1]
    return [tokenizer.decode(tokens) for tokens in out]


def likeliest(probabilities, top_p):
    """The smallest set of tokens that holds top_p of the probability; the others get none."""
    if top_p >= 1:
        return probabilities
    ordered, places = probabilities.sort(dim=-1, descending=True)
    ordered[ordered.cumsum(-1) - ordered >= top_p] = 0
    return torch.zeros_like(probabilities).scatter(-1, places, ordered)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--model", type=pathlib.Path, default=MODEL_FOLDER)
    parser.add_argument("--system")
    parser.add_argument("--temp", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model, tokenizer = load(options.model)
    chat = [("system", options.system)] if options.system else []
    for question in options.questions:
        chat.append(("user", question))
        prompt = tokenizer.encode(chatml.render(chat, ask=True))
        answer = generate(model, tokenizer, [prompt], options.temp, options.seed)[0]
        chat.append(("assistant", answer))
        print(f"> {question}\n{answer}")


if __name__ == "__main__":
    main()
