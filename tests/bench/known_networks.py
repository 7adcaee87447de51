#!/usr/bin/env python3
"""Writes known networks with random weights as ONNX files, for measurements that need larger ones than the tests have.

    apt-get install python3-onnx python3-numpy
    /usr/bin/python3 tests/bench/known_networks.py FOLDER [vgg11] [resnet18] [googlenet]

Input "x" is float32 1x3x224x224. Layers are those of the published networks (Simonyan and Zisserman 2015; He et al. 2016;
Szegedy et al. 2015), batch normalization folded into convolutions; VGG ends in one global average and one product.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    def __init__(self, name):
        self.name, self.nodes, self.weights = name, [], []
        self.random = np.random.RandomState(0)

    def add(self, op, inputs, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, shape, fan_in):
        name = f"w{len(self.weights)}"
        values = self.random.randn(*shape) * np.sqrt(2 / fan_in) if fan_in else np.zeros(shape)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(self, x, channels_in, channels_out, size, stride=1, relu=True):
        inputs = [x, self.weight([channels_out, channels_in, size, size], channels_in * size * size),
                  self.weight([channels_out], 0)]
        y = self.add("Conv", inputs, kernel_shape=[size, size], strides=[stride, stride], pads=[size // 2] * 4)
        return self.add("Relu", [y]) if relu else y

    def max_pool(self, x, size, stride, pad):
        return self.add("MaxPool", [x], kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4)

    def classify(self, x, channels, folder):
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
        y = self.add("MatMul", [x, self.weight([channels, 1000], channels)])
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, self.name, [value("x", [1, 3, 224, 224])], [value(y, [1, 1000])],
                                  self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 7
        onnx.checker.check_model(model)
        onnx.save(model, os.path.join(folder, self.name + ".onnx"))


def vgg11(folder):
    net, x, channels = Network("vgg11"), "x", 3
    for width, layers in [(64, 1), (128, 1), (256, 2), (512, 2), (512, 2)]:
        for _ in range(layers):
            x, channels = net.conv(x, channels, width, 3), width
        x = net.max_pool(x, 2, 2, 0)
    net.classify(x, channels, folder)


def resnet18(folder):
    net, channels = Network("resnet18"), 64
    x = net.max_pool(net.conv("x", 3, 64, 7, 2), 3, 2, 1)
    for width in [64, 128, 256, 512]:
        for block in range(2):
            stride = 2 if block == 0 and width > 64 else 1
            y = net.conv(net.conv(x, channels, width, 3, stride), width, width, 3, relu=False)
            if channels != width:
                x = net.conv(x, channels, width, 1, stride, relu=False)
            x, channels = net.add("Relu", [net.add("Add", [y, x])]), width
    net.classify(x, channels, folder)


def googlenet(folder):
    net = Network("googlenet")
    x = net.max_pool(net.conv("x", 3, 64, 7, 2), 3, 2, 1)
    x = net.max_pool(net.conv(net.conv(x, 64, 64, 1), 64, 192, 3), 3, 2, 1)
    channels = 192
    for row in [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None, (192, 96, 208, 16, 48, 64),
                (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
                (256, 160, 320, 32, 128, 128), None, (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]:
        if row is None:
            x = net.max_pool(x, 3, 2, 1)
            continue
        one, three_in, three, five_in, five, pooled = row
        x = net.add("Concat", [net.conv(x, channels, one, 1),
                               net.conv(net.conv(x, channels, three_in, 1), three_in, three, 3),
                               net.conv(net.conv(x, channels, five_in, 1), five_in, five, 5),
                               net.conv(net.max_pool(x, 3, 1, 1), channels, pooled, 1)], axis=1)
        channels = one + three + five + pooled
    net.classify(x, channels, folder)


KNOWN = {"vgg11": vgg11, "resnet18": resnet18, "googlenet": googlenet}

if __name__ == "__main__":
    unknown = [name for name in sys.argv[2:] if name not in KNOWN]
    if len(sys.argv) < 2 or unknown or sys.argv[1].startswith("-"):
        sys.exit(__doc__ + (f"\nnot known: {', '.join(unknown)}" if unknown else ""))
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in sys.argv[2:] or KNOWN:
        KNOWN[name](sys.argv[1])
