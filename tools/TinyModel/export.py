"""Writes models/tiny from the training state: the F16 weights and the tokenizer in transformers' layout."""
import argparse
import json
import pathlib

import torch

import safetensors_file
from bpe import TURN_END, END_OF_TEXT, Tokenizer
from model import Llama, Shape

HERE = pathlib.Path(__file__).parent
MODEL_FOLDER = HERE.parent.parent / "models" / "tiny"


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(folder):
    """(model, tokenizer) of a folder in transformers' layout; the weights are F32 with F16's values."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = Llama(Shape.from_config(config))
    model.load_hf_tensors(safetensors_file.read(folder / "model.safetensors"))
    return model.eval(), Tokenizer.load(folder / "tokenizer.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=HERE / "work")
    parser.add_argument("--out", type=pathlib.Path, default=MODEL_FOLDER)
    options = parser.parse_args()
    state = torch.load(options.work / "state.pt", map_location="cpu")
    tokenizer = Tokenizer.load(options.work / "tokenizer.json")
    model = Llama(Shape())
    model.load_state_dict(state["model"])
    options.out.mkdir(parents=True, exist_ok=True)
    safetensors_file.write_f16(options.out / "model.safetensors", model.hf_tensors())
    config = model.shape.to_config(tokenizer.end_of_text, tokenizer.turn_end)
    write_json(options.out / "config.json", dict(config, pad_token_id=tokenizer.end_of_text))
    write_json(options.out / "generation_config.json", {
        "bos_token_id": tokenizer.end_of_text, "eos_token_id": [tokenizer.turn_end, tokenizer.end_of_text],
        "pad_token_id": tokenizer.end_of_text, "do_sample": True, "temperature": 0.7, "top_p": 0.95})
    write_json(options.out / "tokenizer.json", tokenizer.tokenizer_json())
    write_json(options.out / "tokenizer_config.json", tokenizer.tokenizer_config(model.shape.context))
    print(f"step {state['step']}: wrote {TURN_END}-ended ChatML model to {options.out.name}, padding {END_OF_TEXT}")


if __name__ == "__main__":
    main()
