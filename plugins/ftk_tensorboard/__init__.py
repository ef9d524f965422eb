"""The logger `tensorboard`: the metrics of a run in files that TensorBoard shows."""
