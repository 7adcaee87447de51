#!/usr/bin/python3
"""Trains the network of the demo, a classifier of printed digits, and writes it as ONNX with twenty test pictures.

    tools/models/train_digits.py                 train, write digits.onnx and digits/, print the accuracy
    tools/models/train_digits.py --check         measure the committed digits.onnx and digits/ again

Needs Debian's python3-torch, python3-onnx, python3-pil, python3-numpy and the font packages in digit_images.py.
Seeded and single-threaded: the same packages give the same network.
"""
import argparse
import json
import os
import sys
import tempfile
import time

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.shape_inference
import torch
from PIL import Image
from torch import nn

import digit_images as data

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20260
TRAIN_COUNT = 40000
TEST_COUNT = 8000
EPOCHS = 8
BATCH = 100
# Outputs of these nodes get names that one can type, for running a part of the network.
TENSOR_NAMES = {"/residual/relu/Relu": "residual", "/head/head.4/Flatten": "features", "/classify/Gemm": "logits"}
# What the command line does to an image before this network: grey, INPUT x INPUT, (value - mean) * scale.
PREPROCESSING = {"width": data.INPUT, "height": data.INPUT, "channels": "gray", "mean": 0.0, "scale": 1 / 255}


def convolution(inputs, outputs, kernel, groups=1):
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(*convolution(channels, channels, 3), nn.ReLU(), *convolution(channels, channels, 3))
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.body(x) + x)


class Digits(nn.Module):
    """28x28 -> 10 probabilities; about 38 000 weights, 2 million multiply-adds."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*convolution(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.separable = nn.Sequential(*convolution(16, 16, 3, groups=16), nn.ReLU(),
                                       *convolution(16, 32, 1), nn.ReLU(), nn.MaxPool2d(2))
        self.residual = Residual(32)
        self.head = nn.Sequential(*convolution(32, 64, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify = nn.Linear(64, 10)
        self.softmax = nn.Softmax(1)

    def logits(self, x):
        return self.classify(self.head(self.residual(self.separable(self.stem(x)))))

    def forward(self, x):
        return self.softmax(self.logits(x))


def normalize(grey):
    values = (np.asarray(grey, np.float32) - PREPROCESSING["mean"]) * PREPROCESSING["scale"]
    return torch.from_numpy(values.reshape(-1, 1, data.INPUT, data.INPUT).astype(np.float32))


def train(seed):
    families = data.load_families(data.TRAINING)
    masks, labels, _ = data.make_masks(families, TRAIN_COUNT, seed)
    print(f"{TRAIN_COUNT} training images in {len(families)} families, {time.process_time():.0f} s", flush=True)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed + 1)
    net = Digits()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-3)
    steps = EPOCHS * (TRAIN_COUNT // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(EPOCHS):
        net.train()
        total = 0.0
        order = rng.permutation(TRAIN_COUNT)
        for begin in range(0, TRAIN_COUNT, BATCH):
            rows = order[begin:begin + BATCH]
            # new grey levels, background and noise in every epoch; the shapes stay
            images = normalize(data.paint(masks[rows] / 255.0, rng))
            loss = loss_of(net.logits(images), torch.from_numpy(labels[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total * BATCH / TRAIN_COUNT:.4f}, {time.process_time():.0f} s", flush=True)
    return net.eval()


def rename_tensors(graph):
    new_name = {node.output[0]: TENSOR_NAMES[node.name] for node in graph.node if node.name in TENSOR_NAMES}
    if len(new_name) != len(TENSOR_NAMES):
        raise SystemExit("the exporter names nodes in another way than TENSOR_NAMES expects; adapt the table")
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new_name.get(name, name)


def export(net, path):
    with tempfile.TemporaryDirectory() as folder:
        raw = os.path.join(folder, "raw.onnx")
        # PRESERVE keeps batch normalization as nodes of its own, for the importer's passes to fold.
        torch.onnx.export(net, torch.zeros(1, 1, data.INPUT, data.INPUT), raw, opset_version=13,
                          training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                          input_names=["image"], output_names=["probabilities"],
                          dynamic_axes={"image": {0: "batch"}, "probabilities": {0: "batch"}})
        model = onnx.load(raw)
    rename_tensors(model.graph)
    model = onnx.shape_inference.infer_shapes(model)  # types and shapes of all tensors, for runs of a part
    model.graph.name = "digits"
    model.doc_string = "Printed digits: 28x28 grey image to ten probabilities."
    properties = {"labels": "\n".join(str(i) for i in range(10)), "preprocessing": json.dumps(PREPROCESSING)}
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def load(path):
    """The network with the weights of the ONNX file, so that what is measured is what is committed."""
    model = onnx.load(path)
    weights = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    net = Digits()
    wanted = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    if set(weights) != wanted:
        raise SystemExit(f"the file ({path}) has other weights than the network: {sorted(set(weights) ^ wanted)}")
    net.load_state_dict(weights, strict=False)
    return net.eval()


@torch.no_grad()
def answers(net, grey):
    return net(normalize(grey)).argmax(1).numpy()


def measure_held_out(net, seed):
    families = data.load_families(data.HELD_OUT)
    masks, labels, family_of = data.make_masks(families, TEST_COUNT, seed)
    grey = np.rint(data.paint(masks / 255.0, np.random.default_rng(seed + 1)))
    right = answers(net, grey) == labels
    for index, (family, paths) in enumerate(families):
        rows = family_of == index
        print(f"  {family:16} {100 * right[rows].mean():6.2f} % of {rows.sum():5} images, {len(paths)} faces")
    print(f"held-out accuracy: {100 * right.mean():.2f} % of {TEST_COUNT} images in {len(families)} families")
    return right.mean()


def write_pictures(folder, seed):
    os.makedirs(folder, exist_ok=True)
    rows = []
    for digit, n, family, image in data.make_pictures(data.load_families(data.HELD_OUT), 2, seed):
        name = f"{digit}_{n}.png"
        image.save(os.path.join(folder, name), optimize=True)
        rows.append(f"{name} {digit}")
        print(f"  {name}: {family}")
    with open(os.path.join(folder, "labels.txt"), "w", encoding="ascii") as out:
        out.write("\n".join(rows) + "\n")


def measure_pictures(net, folder):
    with open(os.path.join(folder, "labels.txt"), encoding="ascii") as rows:
        labels = [line.split() for line in rows]
    worst = len(labels)
    for how in data.SHRINKS:
        grey = [np.asarray(data.shrink(Image.open(os.path.join(folder, name)), how)) for name, _ in labels]
        wrong = [f"{name} as {a}" for (name, digit), a in zip(labels, answers(net, np.stack(grey))) if int(digit) != a]
        print(f"pictures, shrunk by {how:8}: {len(labels) - len(wrong)} of {len(labels)} right", *wrong)
        worst = min(worst, len(labels) - len(wrong))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="measure the files that are there; write nothing")
    parser.add_argument("--output", default=HERE, help="folder for digits.onnx and digits/ (default: beside the script)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    path, folder = os.path.join(args.output, "digits.onnx"), os.path.join(args.output, "digits")
    if not args.check:
        os.makedirs(args.output, exist_ok=True)
        export(train(SEED), path)
        write_pictures(folder, SEED + 300)
    net = load(path)
    accuracy = measure_held_out(net, SEED + 200)
    right = measure_pictures(net, folder)
    print(f"{path}: {os.path.getsize(path) / 1000:.1f} kB")
    return 0 if accuracy >= 0.97 and right >= 19 else 1


if __name__ == "__main__":
    sys.exit(main())
