"""From a torch encoder to the one that is served: fewer numbers, fewer bits, one ONNX graph."""
