"""The logger `wandb`: a run in Weights & Biases."""
