#!/usr/bin/python3
"""Exports small recurrent networks from PyTorch, with an input and the outputs it computes for it.

Made with torch 1.13; run in this folder to make the files again. Tests read the committed files, not this script.
"""
import numpy
import torch


class Layer(torch.nn.Module):
    """A recurrent layer, batch first, states made by PyTorch from the batch's size, and a linear layer behind."""

    def __init__(self, kind, **options):
        super().__init__()
        self.recurrent = kind(6, 5, batch_first=True, **options)
        self.linear = torch.nn.Linear(10 if options.get("bidirectional") else 5, 3)

    def forward(self, x):
        y, state = self.recurrent(x)
        h = state[0] if isinstance(state, tuple) else state
        return self.linear(y), h


class Cells(torch.nn.Module):
    """A loop over a cell, which the exporter writes out step by step."""

    def __init__(self, kind):
        super().__init__()
        self.cell = kind(6, 5)

    def forward(self, x):
        state = None
        steps = []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t, :], state)
            steps.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(steps, 1), steps[-1]


def export(name, model, dynamic):
    torch.manual_seed(7)
    for p in model.parameters():
        torch.nn.init.uniform_(p, -0.6, 0.6)
    model.eval()
    x = torch.randn(2, 12, 6)
    axes = {"x": {0: "batch", 1: "steps"}} if dynamic else None
    torch.onnx.export(model, (x,), name + ".onnx", input_names=["x"], output_names=["y", "h"], opset_version=13,
                      dynamic_axes=axes)
    y, h = model(x)
    for key, value in (("x", x), ("y", y), ("h", h)):
        numpy.save(f"{name}_{key}.npy", value.detach().numpy())


for dynamic in (False, True):
    suffix = "_dynamic" if dynamic else ""
    export("torch_lstm" + suffix, Layer(torch.nn.LSTM), dynamic)
    export("torch_gru" + suffix, Layer(torch.nn.GRU), dynamic)
export("torch_lstm_bidirectional", Layer(torch.nn.LSTM, bidirectional=True), True)
export("torch_lstm_cells", Cells(torch.nn.LSTMCell), False)
export("torch_gru_cells", Cells(torch.nn.GRUCell), False)
