"""From an operator's own pairs to weights: ``ngs finetune``."""
