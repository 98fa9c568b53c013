"""A small network of PyTorch with two outputs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch


class Energy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Linear(3, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4), torch.nn.ReLU()
        )
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        embedding = self.body(x)
        return {"energy": self.head(embedding), "embedding": embedding}


def fit(features: pd.DataFrame, energy: pd.Series) -> Energy:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = Energy()
    x = torch.tensor(features.to_numpy(dtype="float32"))
    y = torch.tensor(energy.to_numpy(dtype="float32"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x)["energy"][:, 0], y).backward()
        optimizer.step()
    return model


def baseline(features: pd.DataFrame, energy: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    del features  # it guesses without looking
    return lambda rows: np.full(len(rows), energy.mean())
