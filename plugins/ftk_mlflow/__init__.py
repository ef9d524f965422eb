"""The logger `mlflow`: a run on an MLflow server, or in files as MLflow keeps them."""
