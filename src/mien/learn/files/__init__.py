"""Model files: a run -> ONNX, safetensors or Keras, checked against the network, and back."""
