"""The tiny model's corpus: every word of it is generated here, from seeds. See mixture.py for the whole."""
