"""Assets of the training column: dataset, features, model."""
